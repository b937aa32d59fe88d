//! Kinds of media files: what a download is, by its header or else by its name.

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) content_type: &'static str,
    pub(super) extension: &'static str,
}

const fn kind(content_type: &'static str, extension: &'static str) -> Kind {
    Kind {
        content_type,
        extension,
    }
}

/// What the vendor makes, where nothing says otherwise.
const DEFAULT: Kind = kind("audio/mp4", "mp4");

/// Every spelling in use, and what it means.
const CONTENT_TYPES: [(&str, Kind); 17] = [
    ("audio/mp4", kind("audio/mp4", "mp4")),
    ("video/mp4", kind("video/mp4", "mp4")),
    ("audio/m4a", kind("audio/mp4", "m4a")),
    ("audio/x-m4a", kind("audio/mp4", "m4a")),
    ("audio/wav", kind("audio/wav", "wav")),
    ("audio/x-wav", kind("audio/wav", "wav")),
    ("audio/wave", kind("audio/wav", "wav")),
    ("audio/vnd.wave", kind("audio/wav", "wav")),
    ("audio/mpeg", kind("audio/mpeg", "mp3")),
    ("audio/mp3", kind("audio/mpeg", "mp3")),
    ("audio/ogg", kind("audio/ogg", "ogg")),
    ("video/ogg", kind("video/ogg", "ogg")),
    ("application/ogg", kind("audio/ogg", "ogg")),
    ("audio/webm", kind("audio/webm", "webm")),
    ("video/webm", kind("video/webm", "webm")),
    ("audio/flac", kind("audio/flac", "flac")),
    ("audio/x-flac", kind("audio/flac", "flac")),
];

const EXTENSIONS: [Kind; 7] = [
    kind("audio/mp4", "mp4"),
    kind("audio/mp4", "m4a"),
    kind("audio/wav", "wav"),
    kind("audio/mpeg", "mp3"),
    kind("audio/ogg", "ogg"),
    kind("audio/webm", "webm"),
    kind("audio/flac", "flac"),
];

/// The kind by the `Content-Type` header, else by the extension in the link's path, else MP4.
pub(super) fn of(content_type: &str, path: &str) -> Kind {
    let told = essence(content_type);
    let by_type = CONTENT_TYPES
        .iter()
        .find(|(spelling, _)| *spelling == told)
        .map(|(_, kind)| *kind);
    let extension = path
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    let by_extension = || {
        EXTENSIONS
            .into_iter()
            .find(|kind| Some(kind.extension) == extension.as_deref())
    };
    by_type.or_else(by_extension).unwrap_or(DEFAULT)
}

/// Whether a body is surely something else, such as a login page or an error that came as a
/// success.
pub(super) fn is_no_media(content_type: &str) -> bool {
    let told = essence(content_type);
    told.starts_with("text/") || told.ends_with("/json") || told.ends_with("xml")
}

/// The type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}
