//! Damage is told apart: cut off, empty, garbage inside, something else.

use callpipe_audio::{AudioProblem, inspect};

use crate::support::{FIXTURES, bytes, decoded, memory};

#[test]
fn a_file_that_was_cut_is_told() {
    for fixture in FIXTURES {
        // A raw stream has no header that could tell.
        if fixture.name == "raw.gsm" {
            continue;
        }
        let whole = bytes(fixture.name);
        for seventh in 1..7 {
            let cut = memory(whole[..whole.len() * seventh / 7].to_vec());
            let problem = inspect(&cut, fixture.name).unwrap_err();
            assert!(
                matches!(problem, AudioProblem::CutOff { .. } | AudioProblem::Empty),
                "{} cut at {seventh}/7: {problem}",
                fixture.name
            );
        }
    }
}

#[test]
fn a_file_of_nothing_is_empty() {
    for name in ["call.wav", "call.mp3", "call"] {
        let problem = inspect(&memory(Vec::new()), name).unwrap_err();
        assert!(matches!(problem, AudioProblem::Empty), "{problem}");
    }
    let mut header = bytes("mulaw.wav")[..58].to_vec();
    let data = header.len() - 4;
    header[data..].copy_from_slice(&[0; 4]);
    let problem = inspect(&memory(header), "call.wav").unwrap_err();
    assert!(matches!(problem, AudioProblem::Empty), "{problem}");
}

#[test]
fn a_header_that_was_never_filled_in_is_no_damage() {
    for size in [[0xFF; 4], [0; 4]] {
        let mut wav = bytes("mulaw.wav");
        let data = wav.windows(4).position(|window| window == b"data").unwrap();
        wav[4..8].copy_from_slice(&size);
        wav[data + 4..data + 8].copy_from_slice(&size);
        let facts = inspect(&memory(wav.clone()), "call.wav").unwrap();
        assert_eq!(facts.duration_s, Some(2.0));
        let (samples, _) = decoded(&memory(wav), "call.wav").unwrap();
        assert!(
            size == [0; 4] || samples.len() == 16_000,
            "{}",
            samples.len()
        );
    }
}

#[test]
fn garbage_inside_neither_panics_nor_hangs() {
    for fixture in FIXTURES {
        let whole = bytes(fixture.name);
        for (begin, end) in [(1, 2), (3, 5), (1, 6)] {
            let mut spoiled = whole.clone();
            let mut number = 7_u32;
            for byte in &mut spoiled[whole.len() * begin / 7..whole.len() * end / 7] {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (number >> 24) as u8;
            }
            // Whether it is still of use depends on the codec; that there is an end does not.
            match decoded(&memory(spoiled), fixture.name) {
                Ok((samples, _)) => assert!(samples.len() < 48_000 * 4, "{}", fixture.name),
                Err(AudioProblem::Io(error)) => panic!("{}: {error}", fixture.name),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn headers_of_any_bytes_neither_panic_nor_hang() {
    let mut number = 99_u32;
    for fixture in FIXTURES {
        let whole = bytes(fixture.name);
        for _ in 0..200 {
            let mut spoiled = whole.clone();
            for _ in 0..4 {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let position = (number >> 8) as usize % spoiled.len().min(800);
                spoiled[position] = number as u8;
            }
            // Any answer is good.
            let _ = inspect(&memory(spoiled), fixture.name);
        }
    }
}
