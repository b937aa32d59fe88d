//! Small text files that people write: settings, keys, taxonomies.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest file of this kind, in bytes. Real ones have a few KiB; what is larger is a device, or
/// the wrong file.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Reads a text file.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut beginning = File::open(path)?.take(TEXT_BYTES_MAX as u64 + 1);
    beginning.read_to_string(&mut text)?;
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("it is larger than {TEXT_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        for (size_bytes, is_read) in [(TEXT_BYTES_MAX, true), (TEXT_BYTES_MAX + 1, false)] {
            std::fs::write(&path, vec![b'x'; size_bytes]).unwrap();
            assert_eq!(read_text(&path).is_ok(), is_read, "{size_bytes}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_end_is_no_file() {
        let error = read_text(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
