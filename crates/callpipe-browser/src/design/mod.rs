//! What pages look like: the style sheet, the script of the player, and how they are served.
//!
//! Each file is part of the program and served under a name with a hash of its content, so that it may
//! be kept for ever by whoever fetched it: another content has another name.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Where the files are served.
pub(crate) const PATH: &str = "/assets/";

/// A file that is part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asset {
    /// The style sheet.
    Style,
    /// The script: player and keys.
    Script,
    /// The icon of the pages.
    Icon,
}

impl Asset {
    const ALL: [Self; 3] = [Self::Style, Self::Script, Self::Icon];

    fn content(self) -> &'static str {
        match self {
            Self::Style => include_str!("style.css"),
            Self::Script => include_str!("browser.js"),
            Self::Icon => include_str!("icon.svg"),
        }
    }

    /// Stem and extension of its name.
    fn stem(self) -> (&'static str, &'static str) {
        match self {
            Self::Style => ("style", "css"),
            Self::Script => ("browser", "js"),
            Self::Icon => ("icon", "svg"),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Icon => "image/svg+xml",
        }
    }

    /// Its address.
    pub(crate) fn href(self) -> &'static str {
        &HREFS[self as usize]
    }
}

/// The addresses, in the order of [`Asset::ALL`].
static HREFS: LazyLock<[String; 3]> = LazyLock::new(|| {
    Asset::ALL.map(|asset| {
        let digest = Sha256::digest(asset.content());
        let hash: String = digest[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (stem, extension) = asset.stem();
        format!("{PATH}{stem}-{hash}.{extension}")
    })
});

/// The content type and the content of the file of this name (`style-0123456789ab.css`).
pub(crate) fn asset(name: &str) -> Option<(&'static str, &'static [u8])> {
    let asset = Asset::ALL
        .into_iter()
        .find(|asset| asset.href().strip_prefix(PATH) == Some(name))?;
    Some((asset.content_type(), asset.content().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_served_under_its_address() {
        for file in Asset::ALL {
            let name = file.href().strip_prefix(PATH).unwrap();
            let (content_type, content) = asset(name).unwrap();
            assert_eq!(content_type, file.content_type());
            assert_eq!(content, file.content().as_bytes());
        }
    }

    #[test]
    fn other_names_are_not_served() {
        for name in ["", "style.css", "style-000000000000.css", "../mod.rs"] {
            assert_eq!(asset(name), None, "{name}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_other_hosts() {
        for file in Asset::ALL {
            let content = file.content().replace("http://www.w3.org/2000/svg", "");
            for address in ["http:", "https:", "//cdn", "@import", "@font-face"] {
                assert!(!content.contains(address), "{file:?}: {address}");
            }
        }
    }

    #[test]
    fn style_and_script_leave_room_on_a_page_of_100_kb() {
        let bytes: usize = Asset::ALL.map(|asset| asset.content().len()).iter().sum();
        assert!(bytes < 60_000, "{bytes}");
    }
}
