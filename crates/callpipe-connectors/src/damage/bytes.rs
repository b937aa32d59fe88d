//! Damage to bytes, whatever they mean.

use std::io::Write;

use callpipe_core::conformance::chance::Seeded;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::MARKER;

/// The same bytes, damaged in one or two ways.
pub(super) fn damaged(bytes: &[u8], chance: &mut Seeded) -> Vec<u8> {
    let once = damaged_once(bytes.to_vec(), chance);
    match chance.one_in(3) {
        true => damaged_once(once, chance),
        false => once,
    }
}

fn damaged_once(mut bytes: Vec<u8>, chance: &mut Seeded) -> Vec<u8> {
    let place = chance.place(bytes.len() + 1);
    match chance.place(16) {
        0 | 1 => bytes.truncate(place),
        2 => drop(bytes.drain(..place)),
        3 | 4 => flip(&mut bytes, chance),
        5 => {
            let garbage: Vec<u8> = (0..chance.place(64)).map(|_| chance.any() as u8).collect();
            bytes.splice(place..place, garbage).for_each(drop);
        }
        6 => bytes = utf16(&bytes, u16::to_le_bytes),
        7 => bytes = utf16(&bytes, u16::to_be_bytes),
        8 => bytes = latin1(&bytes),
        9 => drop(bytes.splice(..0, *b"\xEF\xBB\xBF")),
        10 => bytes = bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
        11 => bytes = gzip(&bytes),
        12 => bytes = page(chance),
        13 => {
            // A piece that comes twice, as where a transfer was taken up in the wrong place.
            let end = place + chance.place(bytes.len() - place + 1);
            let piece = bytes[place..end].to_vec();
            bytes.splice(end..end, piece).for_each(drop);
        }
        14 => bytes = blank(chance),
        _ => bytes.extend_from_slice(&bytes.clone()),
    }
    bytes
}

fn flip(bytes: &mut [u8], chance: &mut Seeded) {
    for _ in 0..=chance.place(4) {
        let place = chance.place(bytes.len());
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1 << chance.place(8);
        }
    }
}

fn utf16(bytes: &[u8], to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(to_bytes).collect()
}

/// As who writes one byte for each letter writes it, with a letter that is none in UTF-8.
fn latin1(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).replacen('a', "é", 3);
    text.chars().map(|letter| letter as u32 as u8).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A page for people, as gateways and hotels send it.
fn page(chance: &mut Seeded) -> Vec<u8> {
    let pages = [
        format!("<!DOCTYPE html><html><body>Sign in, {MARKER}</body></html>"),
        format!("<?xml version=\"1.0\"?><Error><Code>{MARKER}</Code></Error>"),
        format!("upstream connect error, {MARKER}\r\n"),
        format!("\"{MARKER}\""),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
    ];
    chance.pick(&pages).clone().into_bytes()
}

fn blank(chance: &mut Seeded) -> Vec<u8> {
    let blanks: [&[u8]; 4] = [b"", b" \r\n", b"\0\0\0\0", &[b' '; 100_000]];
    chance.pick(&blanks).to_vec()
}
