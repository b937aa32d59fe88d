//! Which models there are, and where they are kept.

mod pull;

use std::path::{Path, PathBuf};

pub use pull::{Progress, Pulled, pull};

/// Where models are fetched from unless something else is said. A mirror has the same paths.
pub const ENDPOINT_DEFAULT: &str = "https://huggingface.co";

/// A model that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct KnownModel {
    /// Its name, such as `base.en`.
    pub name: &'static str,
    /// How large its file is, as whisper.cpp's documents say.
    pub size: &'static str,
    /// The SHA-1 of its file, as whisper.cpp's documents say.
    pub sha1: &'static str,
}

impl KnownModel {
    /// Whether it knows other languages than English.
    pub fn is_multilingual(&self) -> bool {
        !self.name.ends_with(".en")
    }
}

/// The models whose checksums whisper.cpp publishes (`models/README.md` of its repository), without
/// those that later ones of the same size made needless.
pub const KNOWN: &[KnownModel] = &[
    known(
        "tiny.en",
        "75 MiB",
        "c78c86eb1a8faa21b369bcd33207cc90d64ae9df",
    ),
    known("tiny", "75 MiB", "bd577a113a864445d4c299885e0cb97d4ba92b5f"),
    known(
        "base.en",
        "142 MiB",
        "137c40403d78fd54d454da0f9bd998f78703390c",
    ),
    known(
        "base",
        "142 MiB",
        "465707469ff3a37a2b9b8d8f89f2f99de7299dac",
    ),
    known(
        "small.en",
        "466 MiB",
        "db8a495a91d927739e50b3fc1cc4c6b8f6c2d022",
    ),
    known(
        "small",
        "466 MiB",
        "55356645c2b361a969dfd0ef2c5a50d530afd8d5",
    ),
    known(
        "medium.en",
        "1.5 GiB",
        "8c30f0e44ce9560643ebd10bbe50cd20eafd3723",
    ),
    known(
        "medium",
        "1.5 GiB",
        "fd9727b6e1217c2f614f9b698455c4ffd82463b4",
    ),
    known(
        "large-v3-turbo-q5_0",
        "547 MiB",
        "e050f7970618a659205450ad97eb95a18d69c9ee",
    ),
    known(
        "large-v3-turbo",
        "1.5 GiB",
        "4af2b29d7ec73d781377bfd1758ca957a807e941",
    ),
    known(
        "large-v3",
        "2.9 GiB",
        "ad82bf6a9043ceed055076d0fd39f5f186ff8062",
    ),
];

const fn known(name: &'static str, size: &'static str, sha1: &'static str) -> KnownModel {
    KnownModel { name, size, sha1 }
}

/// The model of a name, if it is known.
pub fn find(name: &str) -> Option<&'static KnownModel> {
    KNOWN.iter().find(|known| known.name == name)
}

/// How the file of a model is called.
pub fn file_name(name: &str) -> String {
    format!("ggml-{name}.bin")
}

/// The name of the model in a file.
pub fn name_of(path: &Path) -> String {
    let stem = path
        .file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    stem.strip_prefix("ggml-").unwrap_or(&stem).to_owned()
}

/// Where models are kept unless the configuration says otherwise: the user's own data.
pub fn default_directory() -> PathBuf {
    directory_in(&|name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    })
}

fn directory_in(variable: &dyn Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let data = variable("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| Some(variable("HOME")?.join(".local/share")));
    // Without a home there is still the place where the program runs.
    data.unwrap_or_default().join("callpipe").join("models")
}

#[cfg(test)]
mod tests;
