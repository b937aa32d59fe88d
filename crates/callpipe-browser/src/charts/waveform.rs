//! The sound of a recording: a lane for each channel, with silence, overlap and sentiment marked.
//!
//! The script moves the playhead, seeks where the drawing is clicked, and puts wider drawings of more
//! detail in its place; without it, it is a picture.

mod marks;

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Side, percent, ratio, words};
use crate::figure::minutes;
pub(crate) use marks::{MarkKind, TimeMark};
use marks::{legend, marks, told};

/// Shares of the drawing's height: lanes, then a line of sentiment, then times.
const LANES: f64 = 0.76;
const MOOD_TOP: f64 = 0.79;
const MOOD_HEIGHT: f64 = 0.06;

/// So many times stand below a drawing as wide as its page, at most.
const TICKS_MAX: f64 = 8.0;

/// A channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lane {
    /// Whose it is, for people.
    pub(crate) name: String,
    /// The side, for its colour.
    pub(crate) side: Side,
    /// The loudest of each stretch of equal length, 0 to 1.
    pub(crate) peaks: Vec<f32>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waveform {
    /// The length of the recording, in seconds.
    pub(crate) duration_s: f64,
    /// Its channels.
    pub(crate) lanes: Vec<Lane>,
    /// What is marked in it.
    pub(crate) marks: Vec<TimeMark>,
}

/// Where wider drawings of the same sound are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wider<'a> {
    /// Their address, but for how wide: `?widths=4`.
    pub(crate) href: &'a str,
    /// How many times as wide as the page there are drawings, from one on.
    pub(crate) widths: &'a [usize],
}

/// The drawing in a box that scrolls when it is wider, with the slider that the script lays over it.
pub(crate) fn waveform(waveform: &Waveform, wider: Wider<'_>) -> Markup {
    let class = if waveform.lanes.len() < 2 {
        "waveform one-lane"
    } else {
        "waveform"
    };
    let widths: Vec<String> = wider.widths.iter().map(ToString::to_string).collect();
    html! {
        div class=(class) data-part="box" data-href=(wider.href) data-widths=(widths.join(" ")) {
            div.drawing data-part="drawing" {
                (drawing(waveform, 1))
                // As wide as the drawing, so that it is moved by parts of it.
                div.playhead data-part="playhead" data-script hidden {}
                input.seek type="range" min="0" max="100" step="any" value="0" aria-label="Position in the recording"
                    data-part="seek" data-script hidden;
            }
        }
        (legend(waveform))
    }
}

/// The drawing alone, for so many times the width of a page: an SVG that can be in one or be a file.
pub(crate) fn drawing(waveform: &Waveform, widths: usize) -> Markup {
    let lane_height = LANES / waveform.lanes.len().max(1) as f64;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(told(waveform)) {
            (marks(waveform, MarkKind::Silence))
            (marks(waveform, MarkKind::Overlap))
            @for (place, lane) in waveform.lanes.iter().enumerate() {
                (self::lane(lane, place as f64 * lane_height, lane_height))
            }
            rect.mood-back y=(percent(MOOD_TOP)) width="100%" height=(percent(MOOD_HEIGHT)) {}
            (marks(waveform, MarkKind::Positive))
            (marks(waveform, MarkKind::Negative))
            (ticks(waveform.duration_s, widths))
        }
    }
}

fn lane(lane: &Lane, top: f64, height: f64) -> Markup {
    let columns = lane.peaks.len().max(1);
    html! {
        svg y=(percent(top)) width="100%" height=(percent(height)) viewBox={ "0 0 " (columns * 10) " 100" }
            preserveAspectRatio="none" {
            path class=(lane.side.class()) d=(columns_of(&lane.peaks)) {}
        }
        text.lane-name x="6" y=(percent(top)) dy="14" { (words::plain(&lane.name)) }
    }
}

/// A column for each peak, around the middle. Silence is a thin line.
fn columns_of(peaks: &[f32]) -> String {
    let mut path = String::with_capacity(peaks.len() * 16);
    for (place, peak) in peaks.iter().enumerate() {
        let half = (ratio(f64::from(*peak), 1.0) * 48.0).round().max(1.0) as u32;
        // Writing to a string does not fail.
        let _ = write!(path, "M{} {}h7v{}h-7z", place * 10, 50 - half, half * 2);
    }
    path
}

/// Round times below the drawing.
fn ticks(duration_s: f64, widths: usize) -> Markup {
    let ticks_max = TICKS_MAX * widths as f64;
    let steps = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0,
    ];
    let step = steps
        .into_iter()
        .find(|step| duration_s / step <= ticks_max);
    let Some(step) = step.filter(|_| duration_s > 0.0) else {
        return html! {};
    };
    let ticks = (1..).map(|tick| f64::from(tick) * step);
    html! {
        // A time at the very end would be cut.
        @for at in ticks.take_while(|at| *at < duration_s * 0.98) {
            @let x = percent(ratio(at, duration_s));
            line.tick x1=(x) x2=(x) y1="0" y2="88%" {}
            text.tick-label x=(x) y="99%" text-anchor="middle" { (minutes(at)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    const WIDER: Wider<'_> = Wider {
        href: "/wave",
        widths: &[1, 2],
    };

    fn mark(from_s: f64, to_s: f64, kind: MarkKind) -> TimeMark {
        TimeMark { from_s, to_s, kind }
    }

    fn sound(duration_s: f64, peaks: Vec<f32>, marks: Vec<TimeMark>) -> String {
        let lane = |name: &str, side| Lane {
            name: name.to_owned(),
            side,
            peaks: peaks.clone(),
        };
        let lanes = vec![
            lane("Agent", Side::Agent),
            lane(&hostile::label(), Side::Customer),
        ];
        let drawn = Waveform {
            duration_s,
            lanes,
            marks,
        };
        waveform(&drawn, WIDER).into_string()
    }

    #[test]
    fn lanes_and_marks_lie_where_they_belong() {
        let marks = vec![
            mark(60.0, 120.0, MarkKind::Silence),
            mark(0.0, 24.0, MarkKind::Negative),
        ];
        let html = sound(240.0, vec![0.0, 0.5, 1.0], marks);
        assert!(html.contains("M0 49h7v2h-7zM10 26h7v48h-7zM20 2h7v96h-7z"));
        assert!(
            html.contains("class=\"mark-silence\" x=\"25%\" y=\"0%\" width=\"25%\""),
            "{html}"
        );
        assert!(
            html.contains("class=\"mark-negative\" x=\"0%\" y=\"82%\" width=\"10%\""),
            "{html}"
        );
        assert!(html.contains("Sound over 4:00, silence 25\u{a0}%, negative 10\u{a0}%"));
        assert!(html.contains(">0:30<") && html.contains(">3:30<") && !html.contains(">4:00<"));
    }

    #[test]
    fn a_wider_drawing_has_more_times_and_is_a_file_of_its_own() {
        let drawn = Waveform {
            duration_s: 3_600.0,
            lanes: Vec::new(),
            marks: Vec::new(),
        };
        let times = |widths| {
            let svg = drawing(&drawn, widths).into_string();
            assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\""));
            assert!(svg.ends_with("</svg>"));
            svg.matches("<line").count()
        };
        assert_eq!([1, 2, 8].map(times), [5, 11, 58]);
        let html = waveform(&drawn, WIDER).into_string();
        assert!(html.contains("data-href=\"/wave\" data-widths=\"1 2\""));
        assert_eq!(html.matches("<line").count(), 5);
    }

    #[test]
    fn names_are_text_and_odd_numbers_draw_nothing_odd() {
        let odd = [f64::NAN, f64::INFINITY, -5.0, 1e300];
        for duration_s in [0.0, 90.0, f64::NAN, f64::INFINITY, 1e300] {
            let marks = odd
                .iter()
                .flat_map(|from| odd.map(|to| mark(*from, to, MarkKind::Overlap)))
                .collect();
            hostile::check(&sound(duration_s, vec![f32::NAN, f32::MAX, -1.0], marks));
        }
        let nothing = Waveform {
            duration_s: 0.0,
            lanes: Vec::new(),
            marks: Vec::new(),
        };
        hostile::check_numbers(&waveform(&nothing, WIDER).into_string());
    }
}
