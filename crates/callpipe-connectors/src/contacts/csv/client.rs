//! Lines of a file with their numbers, however long and however many.

use std::collections::VecDeque;
use std::io;

use super::Reader;

/// The longest line that is read, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line without its end.
pub(super) struct Line {
    /// Counted from one.
    pub(super) number: u64,
    /// Nothing where the line is longer than [`LINE_BYTES_MAX`].
    pub(super) bytes: Option<Vec<u8>>,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        let blank = |bytes: &Vec<u8>| bytes.iter().all(u8::is_ascii_whitespace);
        self.bytes.as_ref().is_some_and(blank)
    }
}

/// The lines of a file.
pub(super) struct Lines {
    reader: Reader,
    read_count: u64,
    given_back: VecDeque<Line>,
}

impl Lines {
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            read_count: 0,
            given_back: VecDeque::new(),
        }
    }

    /// How many lines were taken and not given back.
    pub(super) fn position(&self) -> u64 {
        self.read_count - self.given_back.len() as u64
    }

    /// The next line; nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        match self.given_back.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.read(),
        }
    }

    /// Puts lines back, to come again in this order.
    pub(super) fn give_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.given_back.push_front(line);
        }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Some(Vec::new());
        let mut ended = false;
        let mut begun = false;
        while !ended {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            begun = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(buffer.len(), |end| end + 1);
            ended = end.is_some();
            bytes = bytes.filter(|bytes| bytes.len() + taken <= LINE_BYTES_MAX);
            if let Some(bytes) = &mut bytes {
                bytes.extend_from_slice(&buffer[..taken]);
            }
            self.reader.consume(taken);
        }
        if !begun {
            return Ok(None);
        }
        self.read_count += 1;
        let number = self.read_count;
        let bytes = bytes.map(|bytes| without_marks(bytes, number == 1));
        Ok(Some(Line { number, bytes }))
    }
}

fn without_marks(mut bytes: Vec<u8>, is_first: bool) -> Vec<u8> {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if is_first && bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    bytes
}
