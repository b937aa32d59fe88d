//! Where the bytes of a recording are.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use symphonia::core::io::MediaSource;

/// The bytes of a recording, which can be read as often as needed.
#[derive(Debug, Clone)]
pub enum Input {
    /// In memory.
    Memory(Bytes),
    /// In a file.
    File(PathBuf),
}

impl Input {
    /// Opens it at its beginning.
    pub(crate) fn open(&self) -> io::Result<Source> {
        Ok(match self {
            Self::Memory(bytes) => Source::Memory(Cursor::new(bytes.clone())),
            Self::File(path) => Source::File(File::open(path)?),
        })
    }

    /// The size in bytes.
    pub(crate) fn size_bytes(&self) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => Ok(std::fs::metadata(path)?.len()),
        }
    }
}

/// An input that is being read.
pub(crate) enum Source {
    Memory(Cursor<Bytes>),
    File(File),
}

impl Source {
    /// Up to so many bytes from a position on; fewer only at the end.
    pub(crate) fn bytes_at(&mut self, position: u64, length: usize) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(position))?;
        let mut bytes = Vec::with_capacity(length);
        self.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => bytes.seek(position),
            Self::File(file) => file.seek(position),
        }
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        match self {
            Self::Memory(bytes) => Some(bytes.get_ref().len() as u64),
            Self::File(file) => file.metadata().ok().map(|metadata| metadata.len()),
        }
    }
}
