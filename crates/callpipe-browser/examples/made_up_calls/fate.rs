//! How far a call came: nearly all are done, the last days' are on their way.

use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{SkipReason, Stage};

use crate::chance::Chance;

/// How far a call came.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Done,
    Skipped(SkipReason),
    /// Nobody has tried yet, or a failure is waited out.
    Ready(Stage, Option<Trouble>),
    Parked(Stage, Trouble),
}

/// What went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) kind: FailureKind,
    pub(crate) reason: &'static str,
}

const fn trouble(kind: FailureKind, reason: &'static str) -> Trouble {
    Trouble { kind, reason }
}

const PARKED: [((Stage, Trouble), f64); 9] = [
    (
        (
            Stage::Fetch,
            trouble(
                FailureKind::CorruptTransfer,
                "downloading a recording from CXone: the body ended too early",
            ),
        ),
        9.0,
    ),
    (
        (
            Stage::Fetch,
            trouble(
                FailureKind::Unavailable,
                "asking CXone for a call's recordings: HTTP 503",
            ),
        ),
        5.0,
    ),
    (
        (
            Stage::Transcribe,
            trouble(
                FailureKind::Rejected,
                "transcribing a recording: HTTP 400, corrupt or unsupported data",
            ),
        ),
        24.0,
    ),
    (
        (
            Stage::Transcribe,
            trouble(
                FailureKind::Unsupported,
                "transcribing a recording: the language is not supported",
            ),
        ),
        6.0,
    ),
    (
        (
            Stage::Transcribe,
            trouble(
                FailureKind::Unavailable,
                "transcribing a recording: HTTP 502",
            ),
        ),
        7.0,
    ),
    (
        (
            Stage::Classify,
            trouble(
                FailureKind::UnusableReply,
                "problems_detected: holds a value that is not one of its labels",
            ),
        ),
        21.0,
    ),
    (
        (
            Stage::Classify,
            trouble(
                FailureKind::UnusableReply,
                "reading the model's answer: it ends in the middle",
            ),
        ),
        5.0,
    ),
    (
        (
            Stage::Classify,
            trouble(
                FailureKind::Rejected,
                "asking for labels: the model refuses to answer",
            ),
        ),
        8.0,
    ),
    (
        (
            Stage::Classify,
            trouble(FailureKind::Unavailable, "asking for labels: HTTP 503"),
        ),
        3.0,
    ),
];

const WAITING: [((Stage, Trouble), f64); 4] = [
    (
        (
            Stage::Fetch,
            trouble(
                FailureKind::RateLimited,
                "asking CXone for a call's recordings: HTTP 429",
            ),
        ),
        5.0,
    ),
    (
        (
            Stage::Transcribe,
            trouble(
                FailureKind::Unavailable,
                "transcribing a recording: HTTP 503",
            ),
        ),
        3.0,
    ),
    (
        (
            Stage::Classify,
            trouble(FailureKind::RateLimited, "asking for labels: HTTP 429"),
        ),
        3.0,
    ),
    (
        (
            Stage::Classify,
            trouble(
                FailureKind::ModelRetired,
                "asking for labels: HTTP 404, the model is not there",
            ),
        ),
        1.0,
    ),
];

/// The outage that parked part of a day's calls, so many days before the last one.
const OUTAGE_DAYS_AGO: i64 = 75;

impl Fate {
    /// The fate of a call that began so many days before the last one.
    pub(crate) fn of(chance: &mut Chance, days_ago: i64) -> Self {
        let unfinished = match days_ago {
            0 => 0.62,
            1 => 0.22,
            2 => 0.04,
            _ => 0.0,
        };
        if chance.happens(unfinished) {
            if chance.happens(0.2) {
                let (stage, trouble) = chance.weighted(&WAITING);
                return Self::Ready(stage, Some(trouble));
            }
            let stages = [
                (Stage::Fetch, 5.0),
                (Stage::Transcribe, 3.0),
                (Stage::Classify, 1.5),
            ];
            return Self::Ready(chance.weighted(&stages), None);
        }
        if days_ago == OUTAGE_DAYS_AGO && chance.happens(0.18) {
            let (stage, trouble) = PARKED[4].0;
            return Self::Parked(stage, trouble);
        }
        let skips = [
            (SkipReason::NoRecording, 0.014),
            (SkipReason::NoSpeech, 0.011),
            (SkipReason::NotFound, 0.002),
        ];
        for (reason, probability) in skips {
            if chance.happens(probability) {
                return Self::Skipped(reason);
            }
        }
        if chance.happens(0.012) {
            let (stage, trouble) = chance.weighted(&PARKED);
            return Self::Parked(stage, trouble);
        }
        Self::Done
    }

    /// Whether a call with this fate has come through a stage.
    pub(crate) fn is_through(self, stage: Stage) -> bool {
        match self {
            Self::Done => true,
            Self::Skipped(SkipReason::NoSpeech) => stage == Stage::Fetch,
            Self::Skipped(_) => false,
            Self::Ready(at, _) | Self::Parked(at, _) => at > stage,
        }
    }
}
