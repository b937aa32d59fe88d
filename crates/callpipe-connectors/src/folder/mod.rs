//! What both folder connectors share: which files there are, what a path and the file beside it
//! tell, and reading them.
//!
//! A folder is a directory of this machine or a bucket's prefix. Its files are only read. What a
//! path says is data: it never becomes another path, and nothing outside of the folder is opened.

mod config;
mod directory;
mod files;
mod listing;
mod map;
mod pattern;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use config::FolderConfig;
pub use listing::Folder;

pub(crate) use map::{Part, parts_of};
