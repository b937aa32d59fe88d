//! Containers and codecs, by the names that people know them under.

use std::fmt;

/// The file format around the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Container {
    /// RIFF WAVE, and its large form RF64.
    Wav,
    /// ISO media: MP4, M4A, 3GP, QuickTime.
    Mp4,
    /// A stream of MPEG audio frames.
    Mp3,
    /// A stream of AAC frames with ADTS headers.
    Adts,
    /// Ogg.
    Ogg,
    /// Matroska, WebM.
    WebM,
    /// FLAC's own.
    Flac,
    /// AMR's own.
    Amr,
    /// Apple's and SGI's.
    Aiff,
    /// Apple's Core Audio.
    Caf,
    /// Sun's and NeXT's.
    Au,
    /// Microsoft's, of `.wma` files.
    Asf,
    /// None at all: the codec's bytes, told by the file's name only.
    Raw,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Self::Wav => "WAV",
            Self::Mp4 => "MP4",
            Self::Mp3 => "MP3",
            Self::Adts => "ADTS",
            Self::Ogg => "Ogg",
            Self::WebM => "WebM",
            Self::Flac => "FLAC",
            Self::Amr => "AMR",
            Self::Aiff => "AIFF",
            Self::Caf => "CAF",
            Self::Au => "AU",
            Self::Asf => "ASF",
            Self::Raw => "a raw stream",
        }
    }
}

/// How the sound is coded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Plain samples.
    Pcm,
    /// G.711 mu-law.
    MuLaw,
    /// G.711 A-law.
    ALaw,
    /// Microsoft's ADPCM.
    AdpcmMs,
    /// IMA's ADPCM.
    AdpcmIma,
    /// GSM full rate.
    Gsm610,
    /// G.722.
    G722,
    /// G.723.1.
    G7231,
    /// G.726 and G.721.
    G726,
    /// G.729.
    G729,
    /// MPEG layer 3 or 2.
    Mpeg,
    /// AAC.
    Aac,
    /// Apple Lossless.
    Alac,
    /// Opus.
    Opus,
    /// Vorbis.
    Vorbis,
    /// Speex.
    Speex,
    /// FLAC.
    Flac,
    /// AMR, narrow or wide band.
    Amr,
    /// Windows Media Audio.
    Wma,
    /// Sound that is encrypted inside its container.
    Encrypted,
    /// By the container's own name for it.
    Other(String),
    /// Not known before the whole file is looked at.
    Unknown,
}

impl Codec {
    fn name(&self) -> &str {
        match self {
            Self::Pcm => "PCM",
            Self::MuLaw => "mu-law",
            Self::ALaw => "A-law",
            Self::AdpcmMs => "MS ADPCM",
            Self::AdpcmIma => "IMA ADPCM",
            Self::Gsm610 => "GSM 6.10",
            Self::G722 => "G.722",
            Self::G7231 => "G.723.1",
            Self::G726 => "G.726",
            Self::G729 => "G.729",
            Self::Mpeg => "MPEG audio",
            Self::Aac => "AAC",
            Self::Alac => "Apple Lossless",
            Self::Opus => "Opus",
            Self::Vorbis => "Vorbis",
            Self::Speex => "Speex",
            Self::Flac => "FLAC",
            Self::Amr => "AMR",
            Self::Wma => "WMA",
            Self::Encrypted => "encrypted sound",
            Self::Other(name) => name,
            Self::Unknown => "an unknown codec",
        }
    }
}

/// What a recording is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AudioFormat {
    /// The file format.
    pub container: Container,
    /// The codec inside.
    pub codec: Codec,
}

impl AudioFormat {
    /// A codec in a container.
    pub fn new(container: Container, codec: Codec) -> Self {
        Self { container, codec }
    }

    /// The MIME type to tell to who reads it.
    pub fn content_type(&self) -> &'static str {
        match self.container {
            Container::Wav => "audio/wav",
            Container::Mp4 => "audio/mp4",
            Container::Mp3 => "audio/mpeg",
            Container::Adts => "audio/aac",
            Container::Ogg => "audio/ogg",
            Container::WebM => "audio/webm",
            Container::Flac => "audio/flac",
            Container::Amr => "audio/amr",
            Container::Aiff => "audio/aiff",
            Container::Caf => "audio/x-caf",
            Container::Au => "audio/basic",
            Container::Asf => "audio/x-ms-wma",
            Container::Raw => "application/octet-stream",
        }
    }

    /// What a file of it is called, without a dot; none for raw streams, of which only the name
    /// tells what they are.
    pub fn extension(&self) -> Option<&'static str> {
        Some(match self.container {
            Container::Wav => "wav",
            Container::Mp4 => "mp4",
            Container::Mp3 => "mp3",
            Container::Adts => "aac",
            Container::Ogg => "ogg",
            Container::WebM => "webm",
            Container::Flac => "flac",
            Container::Amr => "amr",
            Container::Aiff => "aiff",
            Container::Caf => "caf",
            Container::Au => "au",
            Container::Asf => "wma",
            Container::Raw => return None,
        })
    }

    /// Whether services that transcribe take it as it is. They are documented to take these
    /// containers; of the codecs inside a WAV they promise only the plain ones.
    pub fn is_widely_understood(&self) -> bool {
        match self.container {
            Container::Wav => matches!(self.codec, Codec::Pcm | Codec::MuLaw | Codec::ALaw),
            Container::Mp4 => matches!(self.codec, Codec::Aac | Codec::Alac | Codec::Unknown),
            Container::Mp3 | Container::Adts | Container::Flac => true,
            Container::Ogg | Container::WebM => matches!(
                self.codec,
                Codec::Opus | Codec::Vorbis | Codec::Flac | Codec::Unknown
            ),
            _ => false,
        }
    }

    /// Whether it is decoded here, and not by `ffmpeg`.
    pub(crate) fn is_decoded_here(&self) -> bool {
        let container = matches!(
            self.container,
            Container::Wav
                | Container::Mp4
                | Container::Mp3
                | Container::Adts
                | Container::Ogg
                | Container::WebM
                | Container::Flac
        );
        let in_wav = matches!(
            self.codec,
            Codec::Pcm | Codec::MuLaw | Codec::ALaw | Codec::AdpcmMs | Codec::AdpcmIma
        );
        let elsewhere = matches!(
            self.codec,
            Codec::Mpeg | Codec::Aac | Codec::Opus | Codec::Vorbis | Codec::Flac
        );
        container && in_wav || (elsewhere && self.container != Container::Wav)
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let container = self.container.name();
        match (&self.codec, self.container) {
            (Codec::Unknown, _)
            | (Codec::Mpeg, Container::Mp3)
            | (Codec::Flac, Container::Flac)
            | (Codec::Amr, Container::Amr) => formatter.write_str(container),
            (codec, _) => write!(formatter, "{container} with {}", codec.name()),
        }
    }
}
