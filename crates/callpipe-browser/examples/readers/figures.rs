//! How long answers took, and how large they are.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use crate::walk::Kind;

/// So many errors are shown, with what was asked for.
const ERRORS_SHOWN: usize = 5;

/// What is known of all answers.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    kinds: BTreeMap<Kind, Answers>,
    errors: Vec<String>,
}

/// What is known of the answers of a kind.
#[derive(Debug, Default)]
struct Answers {
    elapsed_ms: Vec<f64>,
    size_bytes_max: usize,
    /// What took longest.
    slowest: (f64, String),
    errors: usize,
}

impl Figures {
    pub(crate) fn add(&mut self, kind: Kind, elapsed: Duration, size_bytes: usize, path: &str) {
        let answers = self.kinds.entry(kind).or_default();
        let elapsed_ms = elapsed.as_secs_f64() * 1e3;
        answers.elapsed_ms.push(elapsed_ms);
        answers.size_bytes_max = answers.size_bytes_max.max(size_bytes);
        if elapsed_ms > answers.slowest.0 {
            answers.slowest = (elapsed_ms, path.to_owned());
        }
    }

    pub(crate) fn add_error(&mut self, kind: Kind, path: &str, error: &reqwest::Error) {
        self.kinds.entry(kind).or_default().errors += 1;
        if self.errors.len() < ERRORS_SHOWN {
            let cause = error.source().map(|cause| format!(": {cause}"));
            self.errors
                .push(format!("{path}: {error}{}", cause.unwrap_or_default()));
        }
    }

    /// A table with a line for each kind of page.
    pub(crate) fn text(&mut self, seconds: u64) -> String {
        let mut text = format!(
            "{:<22}{:>9}{:>9}{:>9}{:>9}{:>12}{:>8}  slowest\n",
            "page", "answers", "p50 ms", "p99 ms", "max ms", "most bytes", "errors"
        );
        let mut all = 0;
        for (kind, answers) in &mut self.kinds {
            let times = &mut answers.elapsed_ms;
            times.sort_by(f64::total_cmp);
            all += times.len();
            let _infallible = writeln!(
                text,
                "{:<22}{:>9}{:>9.1}{:>9.1}{:>9.1}{:>12}{:>8}  {}",
                kind.title(),
                times.len(),
                percentile(times, 0.5),
                percentile(times, 0.99),
                percentile(times, 1.0),
                answers.size_bytes_max,
                answers.errors,
                answers.slowest.1,
            );
        }
        let _infallible = writeln!(
            text,
            "{:.0} answers a second",
            all as f64 / seconds.max(1) as f64
        );
        for error in &self.errors {
            let _infallible = writeln!(text, "error: {error}");
        }
        text
    }
}

/// The smallest value that so many of the others do not exceed, of values in order.
fn percentile(values: &[f64], share: f64) -> f64 {
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}
