//! What is marked in a waveform: silence, overlap, sentiment; in the drawing, below it, and in words.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{LANES, MOOD_HEIGHT, MOOD_TOP, Waveform, percent, ratio};
use crate::figure::minutes;

/// What is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// Nobody speaks.
    Silence,
    /// Two speak at once.
    Overlap,
    /// It sounds good.
    Positive,
    /// It sounds bad.
    Negative,
}

impl MarkKind {
    const ALL: [Self; 4] = [Self::Silence, Self::Overlap, Self::Positive, Self::Negative];

    fn title(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Overlap => "both speak",
            Self::Positive => "positive",
            Self::Negative => "negative",
        }
    }
}

/// A stretch of time that is marked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeMark {
    /// From here, in seconds.
    pub(crate) from_s: f64,
    /// To here, in seconds.
    pub(crate) to_s: f64,
    /// What it is.
    pub(crate) kind: MarkKind,
}

/// The marks of a kind in the drawing.
pub(super) fn marks(waveform: &Waveform, kind: MarkKind) -> Markup {
    let (class, top, height, fill) = match kind {
        MarkKind::Silence => ("mark-silence", 0.0, LANES, Some("url(#pattern-faint)")),
        MarkKind::Overlap => ("mark-overlap", 0.0, LANES, Some("url(#pattern-overlap)")),
        MarkKind::Positive => ("mark-positive", MOOD_TOP, MOOD_HEIGHT / 2.0, None),
        MarkKind::Negative => (
            "mark-negative",
            MOOD_TOP + MOOD_HEIGHT / 2.0,
            MOOD_HEIGHT / 2.0,
            None,
        ),
    };
    html! {
        @for mark in waveform.marks.iter().filter(|mark| mark.kind == kind) {
            @let from = ratio(mark.from_s, waveform.duration_s);
            @let width = ratio(mark.to_s, waveform.duration_s) - from;
            @if width > 0.0 {
                rect class=(class) x=(percent(from)) y=(percent(top)) width=(percent(width.max(0.001)))
                    height=(percent(height)) fill=[fill] {}
            }
        }
    }
}

fn share(waveform: &Waveform, kind: MarkKind) -> f64 {
    let marked = waveform.marks.iter().filter(|mark| mark.kind == kind);
    let whole = waveform.duration_s;
    marked
        .map(|mark| (ratio(mark.to_s, whole) - ratio(mark.from_s, whole)).max(0.0))
        .sum::<f64>()
        .min(1.0)
}

/// The drawing in words.
pub(super) fn told(waveform: &Waveform) -> String {
    let mut told = format!("Sound over {}", minutes(waveform.duration_s));
    for kind in MarkKind::ALL {
        let share = share(waveform, kind);
        if share > 0.0 {
            let _ = write!(told, ", {} {:.0}\u{a0}%", kind.title(), share * 100.0);
        }
    }
    told
}

/// What the marks mean, and how much of the recording has them.
pub(super) fn legend(waveform: &Waveform) -> Markup {
    html! {
        ul.legend.waveform-legend {
            @for kind in MarkKind::ALL {
                @let share = share(waveform, kind);
                @if share > 0.0 {
                    li {
                        svg aria-hidden="true" focusable="false" {
                            @match kind {
                                MarkKind::Silence => rect width="100%" height="100%" fill="url(#pattern-faint)" {},
                                MarkKind::Overlap => rect width="100%" height="100%" fill="url(#pattern-overlap)" {},
                                MarkKind::Positive => rect.mark-positive width="100%" height="50%" {},
                                MarkKind::Negative => rect.mark-negative y="50%" width="100%" height="50%" {},
                            }
                        }
                        (kind.title()) " " (format!("{:.0}\u{a0}%", share * 100.0))
                    }
                }
            }
        }
    }
}
