//! Whether a model's file is whole. whisper.cpp does not notice an end inside the last tensor, and
//! takes a file without any tensor for one of its tests.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A model's file begins with this number.
const MAGIC: u32 = 0x6767_6d6c;

/// The sizes after it: eleven numbers.
const SIZES: usize = 11;

/// The most dimensions, and the longest name, of a tensor.
const DIMENSIONS_MAX: u32 = 4;
const NAME_BYTES_MAX: u32 = 256;

/// Whether a file is a model up to its last byte.
pub(super) fn is_whole(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let size_bytes = file.metadata()?.len();
    let mut file = BufReader::new(file);
    if number(&mut file)? != MAGIC {
        return Ok(false);
    }
    for _ in 0..SIZES {
        number(&mut file)?;
    }
    // The mel filters, and the words of the vocabulary.
    let filters = u64::from(number(&mut file)?) * u64::from(number(&mut file)?);
    skip(&mut file, filters * 4)?;
    for _ in 0..number(&mut file)? {
        let length = number(&mut file)?;
        skip(&mut file, length.into())?;
    }
    let mut tensors = 0;
    loop {
        let position = file.stream_position()?;
        if position >= size_bytes {
            return Ok(position == size_bytes && tensors > 0);
        }
        let Some(length) = tensor_bytes(&mut file)? else {
            return Ok(false);
        };
        skip(&mut file, length)?;
        tensors += 1;
    }
}

/// Reads the beginning of a tensor and gives the size of its values; none where it is no tensor.
fn tensor_bytes(file: &mut impl Read) -> io::Result<Option<u64>> {
    let (dimensions, name_bytes) = (number(file)?, number(file)?);
    let kind = number(file)?;
    if dimensions > DIMENSIONS_MAX || name_bytes > NAME_BYTES_MAX {
        return Ok(None);
    }
    let mut values = 1_u64;
    for _ in 0..dimensions {
        values = values.saturating_mul(number(file)?.into());
    }
    io::copy(&mut file.take(name_bytes.into()), &mut io::sink())?;
    Ok(block(kind).map(|(values_of_block, bytes)| values / values_of_block * bytes))
}

/// How many values are stored together, and in how many bytes, by ggml's number of a kind.
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),
        1 => (1, 2),
        // Quantised: 4, 5 and 8 bits, with one or two scales for 32 values.
        2 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        // And with scales of scales for 256.
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        _ => return None,
    })
}

fn number(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn skip(file: &mut BufReader<File>, bytes: u64) -> io::Result<()> {
    match i64::try_from(bytes) {
        Ok(bytes) => file.seek_relative(bytes),
        Err(_) => file.seek(SeekFrom::End(0)).map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use callpipe_sandbox::whisper_model::WhisperModel;

    use super::*;

    #[test]
    fn a_file_is_whole_at_its_last_byte_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        let model = WhisperModel {
            sayings: Vec::new(),
            is_multilingual: false,
            seed: 1,
        };
        let mut bytes = Vec::new();
        model.write(&mut bytes).unwrap();
        let whole = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            is_whole(&path).unwrap_or(false)
        };
        assert!(whole(&bytes));
        let length = bytes.len();
        // The vocabulary is all that stands in the first 65 kB.
        for cut in [
            0,
            3,
            48,
            64_385,
            70_000,
            length / 2,
            length - 300,
            length - 1,
        ] {
            assert!(!whole(&bytes[..cut]), "{cut}");
        }
        bytes.push(0);
        assert!(!whole(&bytes), "something follows");
        assert!(!whole(&[0xff; 100]));
    }
}
