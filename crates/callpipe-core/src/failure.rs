//! The one vocabulary for what goes wrong. A failure's kind says who is to blame, and so what the
//! state machine and the engine do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What went wrong, by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The other side cannot be reached or answers that it cannot work now.
    Unavailable,
    /// The other side asks for fewer requests.
    RateLimited,
    /// Bytes that did not arrive whole, or a link that no longer works.
    CorruptTransfer,
    /// Credentials, permissions or credit are refused.
    Denied,
    /// The model does not exist (any more) for this project and place.
    ModelRetired,
    /// A store of ours (archive, warehouse) cannot be read or written.
    StoreFailed,
    /// The run may not spend more.
    OverBudget,
    /// The other side refuses this call for good.
    Rejected,
    /// The other side cannot handle this kind of audio, language or content.
    Unsupported,
    /// A paid answer came whole and cannot be used.
    UnusableReply,
    /// Ours: a state that should not be.
    Bug,
}

/// Who has to change for it to work next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nobody: it may work in a moment.
    Moment,
    /// The setup: no call will work until somebody mends it.
    Setup,
    /// This call: others will work.
    Call,
}

impl FailureKind {
    /// Who is to blame.
    pub fn blame(self) -> Blame {
        match self {
            Self::Unavailable | Self::RateLimited | Self::CorruptTransfer => Blame::Moment,
            Self::Denied | Self::ModelRetired | Self::StoreFailed | Self::OverBudget => {
                Blame::Setup
            }
            Self::Rejected | Self::Unsupported | Self::UnusableReply | Self::Bug => Blame::Call,
        }
    }

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::CorruptTransfer => "corrupt_transfer",
            Self::Denied => "denied",
            Self::ModelRetired => "model_retired",
            Self::StoreFailed => "store_failed",
            Self::OverBudget => "over_budget",
            Self::Rejected => "rejected",
            Self::Unsupported => "unsupported",
            Self::UnusableReply => "unusable_reply",
            Self::Bug => "bug",
        }
    }

    /// Reads the stored word back.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Unavailable,
            Self::RateLimited,
            Self::CorruptTransfer,
            Self::Denied,
            Self::ModelRetired,
            Self::StoreFailed,
            Self::OverBudget,
            Self::Rejected,
            Self::Unsupported,
            Self::UnusableReply,
            Self::Bug,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Something that went wrong: its kind for machines, its chain for people.
///
/// The message never holds a secret, a signed link, a phone number or words of a call: it is
/// logged and stored.
#[derive(Debug)]
pub struct Failure {
    /// What it means.
    pub kind: FailureKind,
    /// What was being done and what happened, lower case, without a full stop.
    pub message: String,
    /// What the reader can do about it.
    pub hint: Option<String>,
    /// When the other side asked to be left alone, for how long.
    pub retry_after: Option<Duration>,
    /// Whether the other side may charge for an answer that did not reach us.
    pub perhaps_charged: bool,
    /// Whether it was found out without asking anybody, so that no vendor in trouble can be to blame.
    pub found_out_here: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of a kind, told in a line.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retry_after: None,
            perhaps_charged: false,
            found_out_here: false,
            source: None,
        }
    }

    /// A state that should not be.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Bug, message)
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds for how long the other side wants to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Says that nobody was asked: no vendor in trouble can be to blame.
    #[must_use]
    pub fn found_out_here(mut self) -> Self {
        self.found_out_here = true;
        self
    }

    /// Says that the other side may charge for it all the same: it had worked on the answer.
    #[must_use]
    pub fn perhaps_charged(mut self) -> Self {
        self.perhaps_charged = true;
        self
    }

    /// Adds the error underneath. Its text must be fit for a log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Message, causes and hint in one line, for a table that people read.
    pub fn told(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} (hint: {hint})", self.chain()),
            None => self.chain(),
        }
    }

    /// Message and causes in one line, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// The result of asking the outside for something.
pub type Outside<T> = Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_word_reads_back() {
        assert_eq!(
            FailureKind::parse("corrupt_transfer"),
            Some(FailureKind::CorruptTransfer)
        );
        assert_eq!(FailureKind::parse("gremlins"), None);
    }

    #[test]
    fn the_chain_is_one_line() {
        let failure = Failure::new(FailureKind::Unavailable, "connection refused")
            .with_source(std::io::Error::other("port closed"))
            .context("asking for the token");
        assert_eq!(
            failure.chain(),
            "asking for the token: connection refused: port closed"
        );
        assert_eq!(failure.told(), failure.chain());
        let with_hint = Failure::bug("it broke").with_hint("mend it");
        assert_eq!(with_hint.told(), "it broke (hint: mend it)");
    }
}
