//! Speech is heard, and what is none is not.

use callpipe_audio::{Block, Decoder, Input, SpeechMeter};

use crate::support::{FIXTURES, has_ffmpeg, path};

const LEVEL_MIN_DBFS: f64 = -55.0;

/// For how long somebody may speak in eight thousand samples a second.
fn speech_s(samples: Vec<f32>) -> f64 {
    let mut meter = SpeechMeter::new(LEVEL_MIN_DBFS);
    // Blocks of an odd size, as decoders give them.
    for block in samples.chunks(1021) {
        meter.add(&Block {
            sample_rate_hz: 8_000,
            channels: &[block.to_vec()],
        });
    }
    assert!((meter.listened_s() - samples.len() as f64 / 8_000.0).abs() < 1e-9);
    meter.speech_s()
}

/// Noise of a level, the same each time.
fn noise(seconds: usize, dbfs: f32) -> Vec<f32> {
    let mut number = 5_u32;
    let amplitude = 10_f32.powf(dbfs / 20.0) * 3_f32.sqrt();
    let mut sample = || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..seconds * 8_000).map(|_| sample() * amplitude).collect()
}

fn tone(seconds: usize, hertz: f32, dbfs: f32) -> Vec<f32> {
    let amplitude = 10_f32.powf(dbfs / 20.0) * 2_f32.sqrt();
    let sample =
        |position: usize| (position as f32 * hertz * std::f32::consts::TAU / 8_000.0).sin();
    (0..seconds * 8_000)
        .map(|position| sample(position) * amplitude)
        .collect()
}

#[test]
fn silence_noise_and_hum_are_no_speech() {
    assert_eq!(speech_s(vec![0.0; 80_000]), 0.0);
    assert_eq!(speech_s(vec![0.25; 80_000]), 0.0, "an offset is no sound");
    for dbfs in [-70.0, -50.0, -30.0, -12.0] {
        assert_eq!(speech_s(noise(30, dbfs)), 0.0, "noise of {dbfs} dBFS");
        assert_eq!(speech_s(tone(30, 50.0, dbfs)), 0.0, "hum of {dbfs} dBFS");
    }
    let comfort: Vec<f32> = [vec![0.0; 24_000], noise(5, -62.0), vec![0.0; 24_000]].concat();
    assert_eq!(speech_s(comfort), 0.0, "comfort noise comes and goes");
    let mut clicks = vec![0.0; 80_000];
    clicks
        .iter_mut()
        .step_by(16_000)
        .for_each(|sample| *sample = 0.9);
    assert_eq!(speech_s(clicks), 0.0, "clicks");
}

#[test]
fn a_voice_in_noise_is_heard() {
    let mut decoder = Decoder::open(&Input::File(path("pcm.wav")), "pcm.wav").unwrap();
    let mut voice = Vec::new();
    while let Some(block) = decoder.next_block().unwrap() {
        voice.extend_from_slice(&block.channels[0]);
    }
    let clean = speech_s(voice.clone());
    assert!(clean > 0.8, "{clean}");
    // As quiet as a bad line makes it, and with hiss that is only 12 dB below.
    let quiet: Vec<f32> = voice.iter().map(|sample| sample * 0.05).collect();
    assert!(speech_s(quiet) > 0.3);
    let power = voice.iter().map(|sample| sample * sample).sum::<f32>() / voice.len() as f32;
    let hiss = noise(2, 10.0 * power.log10() - 12.0);
    let noisy: Vec<f32> = voice
        .iter()
        .zip(hiss)
        .map(|(voice, hiss)| voice + hiss)
        .collect();
    let heard = speech_s(noisy);
    assert!(heard > 0.3, "{heard}");
    // After half a minute of hold in silence, and on the second channel only.
    let late = [vec![0.0; 240_000], voice].concat();
    assert!(speech_s(late) > 0.8);
}

#[test]
fn a_voice_is_heard_in_every_format() {
    let has_ffmpeg = has_ffmpeg();
    for fixture in FIXTURES {
        if fixture.needs_ffmpeg && !has_ffmpeg {
            continue;
        }
        let mut decoder = Decoder::open(&Input::File(path(fixture.name)), fixture.name).unwrap();
        let mut meter = SpeechMeter::new(LEVEL_MIN_DBFS);
        while let Some(block) = decoder.next_block().unwrap() {
            meter.add(&block);
        }
        let heard = meter.heard();
        assert_eq!(heard.len(), 1);
        assert!(heard[0].speech_s > 0.7, "{}: {heard:?}", fixture.name);
        assert!(
            (-30.0..0.0).contains(&heard[0].peak_dbfs),
            "{}: {heard:?}",
            fixture.name
        );
    }
}

/// How long it takes: `cargo test -p callpipe-audio --release -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement"]
fn speed_of_listening() {
    let hour = callpipe_audio_hour();
    for (name, input) in [
        ("an hour of mu-law", hour),
        ("2 s of AAC", Input::File(path("speech.m4a"))),
        ("2 s of Opus", Input::File(path("speech.opus"))),
        ("2 s of mu-law", Input::File(path("mulaw.wav"))),
    ] {
        let begin = std::time::Instant::now();
        let mut decoder = Decoder::open(&input, name).unwrap();
        let mut meter = SpeechMeter::new(LEVEL_MIN_DBFS);
        while let Some(block) = decoder.next_block().unwrap() {
            meter.add(&block);
        }
        println!(
            "{name}: {:.1} s of speech in {:?}",
            meter.speech_s(),
            begin.elapsed()
        );
    }
}

/// The recording of two seconds as often as fills an hour.
fn callpipe_audio_hour() -> Input {
    let mut wav = std::fs::read(path("mulaw.wav")).unwrap();
    let data = wav.windows(4).position(|window| window == b"data").unwrap() + 8;
    let sound = wav.split_off(data);
    wav[data - 4..].copy_from_slice(&(3600 * 8_000_u32).to_le_bytes());
    Input::Memory([wav, sound[..16_000].repeat(1_800)].concat().into())
}
