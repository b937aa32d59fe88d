//! Where an export goes: stdout, or a file that can be seen only once it is whole.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is written to.
#[derive(Debug)]
pub enum Place {
    /// The program's data.
    Stdout,
    /// Something that is no file, such as a pipe with a name: written to directly.
    Special(PathBuf, File),
    /// A file under another name, which it loses when it is whole.
    File(PartFile),
}

impl Place {
    /// A file by its name, which need not exist.
    pub fn named(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(known) if known.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(known) if !known.is_file() => {
                let file = OpenOptions::new().write(true).open(path)?;
                Ok(Self::Special(path.to_owned(), file))
            }
            // What a link points to is replaced, not the link.
            Ok(_) => Ok(Self::File(PartFile::new(&fs::canonicalize(path)?)?)),
            Err(_) => Ok(Self::File(PartFile::new(path)?)),
        }
    }

    /// All was written.
    pub(super) fn publish(self) -> io::Result<()> {
        match self {
            Self::Stdout | Self::Special(..) => Ok(()),
            Self::File(file) => {
                file.file.sync_all()?;
                file.publish()
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("to stdout"),
            Self::Special(path, _) => write!(formatter, "{}", path.display()),
            Self::File(file) => write!(formatter, "{}", file.target.display()),
        }
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => io::stdout().lock().write(bytes),
            Self::Special(_, file) => file.write(bytes),
            Self::File(file) => file.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().flush(),
            Self::Special(_, file) => file.flush(),
            Self::File(file) => file.file.flush(),
        }
    }
}

/// A file that is being written beside where it will be. Dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct PartFile {
    file: File,
    part: PathBuf,
    target: PathBuf,
    is_published: bool,
}

impl PartFile {
    /// Begins a file; its directory is made if it is missing.
    pub(super) fn new(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut part_name = std::ffi::OsString::from(".");
        part_name.push(name);
        part_name.push(format!(".{}.part", std::process::id()));
        let part = target.with_file_name(part_name);
        if let Some(directory) = part.parent() {
            fs::create_dir_all(directory)?;
        }
        // What a program with the same number left behind, if it was killed.
        let _ = fs::remove_file(&part);
        Ok(Self {
            file: File::create_new(&part)?,
            part,
            target: target.to_owned(),
            is_published: false,
        })
    }

    /// What is written to.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it its name, in place of what had it.
    pub(super) fn publish(mut self) -> io::Result<()> {
        fs::rename(&self.part, &self.target)?;
        self.is_published = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_published {
            // Nobody mistakes it for the export, even if it stays.
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        entries.map(|entry| name(entry).unwrap()).collect()
    }

    #[test]
    fn a_file_has_its_name_only_once_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("new/calls.csv");
        let mut place = Place::named(&target).unwrap();
        place.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(place);
        assert_eq!(names(&directory.path().join("new")), [""; 0]);
        let mut place = Place::named(&target).unwrap();
        place.write_all(b"whole").unwrap();
        place.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(names(&directory.path().join("new")), ["calls.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("a"), directory.path().join("b"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut place = Place::named(&link).unwrap();
        place.write_all(b"new").unwrap();
        place.publish().unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(matches!(
            Place::named(Path::new("/dev/null")),
            Ok(Place::Special(..))
        ));
        assert!(Place::named(directory.path()).is_err());
    }
}
