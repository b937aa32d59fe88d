//! Every format is told by its content and sounds like the plain one.

use callpipe_audio::{AudioProblem, Codec, Container, Decoder, Input, WavWriter, inspect, sniff};

use crate::support::{FIXTURES, bytes, decoded, has_ffmpeg, memory, path};

/// The loudness of each 20 ms, in steps that survive any codec.
fn envelope(samples: &[f32], rate_hz: u32) -> Vec<f32> {
    let frame = (rate_hz / 50) as usize;
    let power = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    samples
        .chunks_exact(frame)
        .map(|samples| (power(samples) / frame as f32).sqrt())
        .collect()
}

/// How alike two envelopes are: 1 where they are the same.
fn likeness(one: &[f32], other: &[f32]) -> f32 {
    let pairs = || one.iter().zip(other);
    let product: f32 = pairs().map(|(one, other)| one * other).sum();
    let power = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>();
    product / (power(one) * power(other)).sqrt()
}

#[test]
fn every_format_sounds_like_the_plain_one() {
    let (plain, rate_hz) = decoded(&Input::File(path("pcm.wav")), "pcm.wav").unwrap();
    let plain = envelope(&plain, rate_hz);
    assert_eq!(plain.len(), 100);
    let has_ffmpeg = has_ffmpeg();
    for fixture in FIXTURES {
        let name = fixture.name;
        if fixture.needs_ffmpeg && !has_ffmpeg {
            continue;
        }
        for input in [Input::File(path(name)), memory(bytes(name))] {
            let (samples, rate_hz) = decoded(&input, name).unwrap();
            let seconds = samples.len() as f64 / f64::from(rate_hz);
            assert!((1.97..2.15).contains(&seconds), "{name}: {seconds} s");
            let likeness = likeness(&envelope(&samples, rate_hz), &plain);
            assert!(likeness > 0.97, "{name}: {likeness}");
        }
    }
}

/// The recording without a word about what its encoder put in front of the sound, so that all of it is
/// heard from the first sample on.
fn without_priming() -> Vec<u8> {
    let mut bytes = bytes("speech.m4a");
    let list = bytes.windows(4).position(|name| name == b"elst").unwrap();
    bytes[list + 16..list + 20].fill(0);
    bytes
}

/// Decoders of AAC go from one recording to the next: nothing of one is heard in another, not even
/// where the one before was damaged or was not listened to to its end.
#[test]
fn a_decoder_that_is_used_again_decodes_as_a_new_one() {
    let recordings = [
        ("speech.m4a", bytes("speech.m4a")),
        ("speech.m4a", without_priming()),
        ("speech.aac", bytes("speech.aac")),
        ("fragmented.mp4", bytes("fragmented.mp4")),
    ];
    let decode = |(name, bytes): &(&str, Vec<u8>)| decoded(&memory(bytes.clone()), name).unwrap();
    let once: Vec<_> = recordings.iter().map(decode).collect();
    for _ in 0..3 {
        for (recording, once) in recordings.iter().zip(&once) {
            let (name, bytes) = recording;
            let mut damaged = bytes.clone();
            let half = damaged.len() / 2;
            damaged[half..half + 64].fill(0xA5);
            let _ = decoded(&memory(damaged), name);
            let mut given_up = Decoder::open(&memory(bytes.clone()), name).unwrap();
            for _ in 0..9 {
                assert!(given_up.next_block().unwrap().is_some());
            }
            drop(given_up);
            assert!(decode(recording) == *once, "{name}");
        }
    }
}

#[test]
fn every_format_is_told_by_its_content_whatever_its_name() {
    for fixture in FIXTURES {
        let input = memory(bytes(fixture.name));
        let facts = inspect(&input, fixture.name).unwrap();
        assert_eq!(facts.format.to_string(), fixture.format);
        if facts.format.container == Container::Raw {
            continue;
        }
        for name in ["call", "call.mp3", "call.wav", "call.txt"] {
            assert_eq!(
                inspect(&input, name).unwrap(),
                facts,
                "{} as {name}",
                fixture.name
            );
        }
        if let Some(duration_s) = facts.duration_s {
            assert!(
                (1.95..2.25).contains(&duration_s),
                "{}: {duration_s} s",
                fixture.name
            );
        }
        assert!(
            facts.channels.is_none_or(|channels| channels == 1),
            "{facts:?}"
        );
    }
}

#[test]
fn content_types_and_names_follow_from_the_content() {
    let told = |name: &str| {
        let format = inspect(&memory(bytes(name)), name).unwrap().format;
        (
            format.content_type(),
            format.extension(),
            format.is_widely_understood(),
        )
    };
    assert_eq!(told("mulaw.wav"), ("audio/wav", Some("wav"), true));
    assert_eq!(told("gsm610.wav"), ("audio/wav", Some("wav"), false));
    assert_eq!(told("adpcm_ms.wav"), ("audio/wav", Some("wav"), false));
    assert_eq!(told("speech.m4a"), ("audio/mp4", Some("mp4"), true));
    assert_eq!(told("speech.opus"), ("audio/ogg", Some("ogg"), true));
    assert_eq!(told("raw.gsm"), ("application/octet-stream", None, false));
}

#[test]
fn the_first_bytes_are_enough_to_tell() {
    for fixture in FIXTURES {
        let bytes = bytes(fixture.name);
        let whole = sniff(&bytes, fixture.name).unwrap();
        for length in [600, 1500] {
            let head = sniff(&bytes[..length], fixture.name).unwrap();
            assert_eq!(head.container, whole.container, "{}", fixture.name);
        }
    }
}

#[test]
fn what_is_no_audio_is_named() {
    let named = |bytes: &[u8], name: &str| sniff(bytes, name).unwrap_err().to_string();
    let expected = [
        (
            &b"<!DOCTYPE html><html><body>Sign in</body></html>"[..],
            "a web page",
        ),
        (b"\xEF\xBB\xBF\n<HTML>", "a web page"),
        (
            b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            "XML",
        ),
        (b"{\"error\": \"expired\"}", "JSON"),
        ("Anführungszeichen".as_bytes(), "text"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (&[0; 5000], "nothing but zero bytes"),
        (
            b"\x93\xE1\x07\x00\x18rubbish\xFE\xED",
            "no format that is known",
        ),
    ];
    for (bytes, what) in expected {
        let told = named(bytes, "call.wav");
        assert!(
            told.starts_with("it is no audio but") && told.contains(what),
            "{told}"
        );
    }
    assert!(matches!(sniff(b"", "call.wav"), Err(AudioProblem::Empty)));
    let secret = sniff(b"Salted__\x17\x99", "call.mp3").unwrap_err();
    assert!(matches!(secret, AudioProblem::Encrypted { .. }), "{secret}");
    let raw = sniff(b"\xD2\x9C\xA2\x13\x00\x80", "CALL.GSM").unwrap();
    assert_eq!((raw.container, raw.codec), (Container::Raw, Codec::Gsm610));
}

#[test]
fn what_was_decoded_can_be_written_as_a_plain_wav() {
    let input = memory(bytes("adpcm_ms.wav"));
    let (expected, rate_hz) = decoded(&input, "adpcm_ms.wav").unwrap();
    let mut decoder = callpipe_audio::Decoder::open(&input, "adpcm_ms.wav").unwrap();
    let mut writer = None;
    while let Some(block) = decoder.next_block().unwrap() {
        let writer = writer.get_or_insert_with(|| {
            WavWriter::begin(std::io::Cursor::new(Vec::new()), &block).unwrap()
        });
        writer.add(&block).unwrap();
    }
    let written = memory(writer.unwrap().end().unwrap().into_inner());
    let facts = inspect(&written, "").unwrap();
    assert_eq!(facts.format.to_string(), "WAV with PCM");
    assert_eq!(decoded(&written, "").unwrap(), (expected, rate_hz));
}
