//! Tells what a file is by its first bytes, and only where those say nothing by its name.

use crate::format::{AudioFormat, Codec, Container};
use crate::inspect::mpeg::{self, Frames};
use crate::inspect::{ogg, wav, webm};
use crate::problem::AudioProblem;

/// So many bytes from the beginning are enough to tell; fewer may be.
pub const SNIFF_BYTES: usize = 8 * 1024;

/// The format of a file by its first bytes and its name. The codec inside an MP4 may stand at its
/// end, and is not known here.
pub fn sniff(head: &[u8], name: &str) -> Result<AudioFormat, AudioProblem> {
    if head.is_empty() {
        return Err(AudioProblem::Empty);
    }
    if let Some(format) = by_content(head) {
        return Ok(format);
    }
    if let Some(what) = encryption(head) {
        return Err(AudioProblem::Encrypted { what: what.into() });
    }
    if let Some(what) = something_else(head) {
        return Err(AudioProblem::NotAudio { what });
    }
    match by_name(name) {
        Some(codec) => Ok(AudioFormat::new(Container::Raw, codec)),
        None => Err(AudioProblem::NotAudio {
            what: "something of no format that is known",
        }),
    }
}

fn by_content(head: &[u8]) -> Option<AudioFormat> {
    let format = AudioFormat::new;
    let at = |position: usize, bytes: &[u8]| {
        head.get(position..)
            .is_some_and(|rest| rest.starts_with(bytes))
    };
    if (at(0, b"RIFF") || at(0, b"RF64") || at(0, b"BW64")) && at(8, b"WAVE") {
        return Some(format(Container::Wav, wav::codec_of(head)));
    }
    let boxes: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];
    if boxes.iter().any(|name| at(4, name)) && head.first() == Some(&0) {
        return Some(format(Container::Mp4, Codec::Unknown));
    }
    if at(0, b"OggS") {
        return Some(format(Container::Ogg, ogg::codec_of(head)));
    }
    if at(0, b"\x1A\x45\xDF\xA3") {
        return Some(format(Container::WebM, webm::codec_of(head)));
    }
    if at(0, b"fLaC") {
        return Some(format(Container::Flac, Codec::Flac));
    }
    if at(0, b"#!AMR") {
        return Some(format(Container::Amr, Codec::Amr));
    }
    if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) {
        return Some(format(Container::Aiff, Codec::Unknown));
    }
    if at(0, b"caff") {
        return Some(format(Container::Caf, Codec::Unknown));
    }
    if at(0, b".snd") {
        return Some(format(Container::Au, Codec::Unknown));
    }
    if at(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11") {
        return Some(format(Container::Asf, Codec::Wma));
    }
    if at(0, b"ID3") {
        return Some(format(Container::Mp3, Codec::Mpeg));
    }
    match mpeg::frames_of(head)? {
        Frames::Mpeg => Some(format(Container::Mp3, Codec::Mpeg)),
        Frames::Adts => Some(format(Container::Adts, Codec::Aac)),
    }
}

fn encryption(head: &[u8]) -> Option<&'static str> {
    let beginnings: [(&[u8], &str); 4] = [
        (b"Salted__", "OpenSSL's header"),
        (b"-----BEGIN PGP MESSAGE", "a PGP message"),
        (b"age-encryption.org", "age's header"),
        (b"\x00\x00\x00\x00AWS KMS", "an AWS envelope"),
    ];
    let found = beginnings
        .iter()
        .find(|(beginning, _)| head.starts_with(beginning));
    found.map(|(_, what)| *what)
}

fn something_else(head: &[u8]) -> Option<&'static str> {
    let beginnings: [(&[u8], &str); 9] = [
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "an image"),
        (b"\xFF\xD8\xFF", "an image"),
        (b"GIF8", "an image"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1F\x8B", "a gzip archive"),
        (b"7z\xBC\xAF", "a 7z archive"),
        (b"\x7FELF", "a program"),
        (b"SQLite format 3", "a database"),
    ];
    if let Some((_, what)) = beginnings
        .iter()
        .find(|(beginning, _)| head.starts_with(beginning))
    {
        return Some(what);
    }
    if head.iter().all(|byte| *byte == 0) {
        return Some("nothing but zero bytes");
    }
    let text = text(head)?
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_ascii_lowercase();
    Some(match text.as_str() {
        text if text.starts_with("<!doctype html") || text.contains("<html") => "a web page",
        text if text.starts_with('<') => "XML, such as a store's error message",
        text if text.starts_with(['{', '[']) => "JSON, such as a service's error message",
        _ => "text",
    })
}

/// The bytes as text, where all of them are text. The last character may be cut.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let is_printed = |character: char| !character.is_control() || character.is_whitespace();
    (!text.is_empty() && text.chars().all(is_printed)).then_some(text)
}

/// The codec of a raw stream by the endings that telephone systems use.
fn by_name(name: &str) -> Option<Codec> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "gsm" => Codec::Gsm610,
        "ulaw" | "ul" | "mulaw" | "pcmu" => Codec::MuLaw,
        "alaw" | "al" | "pcma" => Codec::ALaw,
        "g722" => Codec::G722,
        "g729" => Codec::G729,
        _ => return None,
    })
}
