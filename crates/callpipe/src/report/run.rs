//! What a run did, in a few lines.

use std::fmt::Write;

use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use chrono::{DateTime, Utc};

use crate::engine::lease::Held;
use crate::engine::monitor::StageFigures;
use crate::engine::{Ending, RunReport};

/// The report of a run as text.
pub fn text(report: &RunReport) -> String {
    let mut text = String::new();
    if let Some(shard) = &report.shard {
        let _ = writeln!(text, "shard       {shard}");
    }
    if report.lists_contacts {
        let _ = write!(
            text,
            "contacts    {} listed, {} new",
            report.contacts_listed, report.contacts_added
        );
        if report.contact_problems > 0 {
            let _ = write!(text, ", {} problems in the list", report.contact_problems);
        }
        text.push('\n');
    }
    for (stage, figures) in &report.stages {
        if figures.ended() + figures.retries == 0 {
            continue;
        }
        let _ = write!(text, "{:<11} {} done", stage.as_str(), figures.finished);
        let parts = [
            (figures.skipped, "with nothing to do"),
            (figures.parked, "failed for good"),
            (figures.retries, "attempts repeated"),
        ];
        for (count, words) in parts.into_iter().filter(|(count, _)| *count > 0) {
            let _ = write!(text, ", {count} {words}");
        }
        text.push('\n');
    }
    text.push_str(&spent(&report.stages));
    text.push_str(&ending(&report.ending));
    let parked: u64 = report
        .stages
        .iter()
        .map(|(_, figures)| figures.parked)
        .sum();
    if parked > 0 {
        let _ = write!(
            text,
            "\nFailed for good: {parked}. `callpipe status` says why, `callpipe calls retry` tries again."
        );
    }
    text
}

/// What was spent, if something was.
fn spent(stages: &[(Stage, StageFigures)]) -> String {
    let bought: Vec<_> = stages
        .iter()
        .filter(|(_, figures)| figures.spent_usd > Usd::ZERO)
        .collect();
    if bought.is_empty() {
        return String::new();
    }
    let total: Usd = bought.iter().map(|(_, figures)| figures.spent_usd).sum();
    let parts: Vec<String> = bought
        .iter()
        .map(|(stage, figures)| format!("{stage} {}", figures.spent_usd))
        .collect();
    format!("{:<11} {total}: {}\n", "spent", parts.join(", "))
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Done => "Nothing is left to do.".into(),
        Ending::LimitReached => "The limit of calls is reached. Run again for more.".into(),
        Ending::CallsWaiting { from } => {
            format!(
                "Calls wait for a later moment, the first until {}. Run again then; `callpipe status` shows why.",
                moment(*from)
            )
        }
        Ending::BudgetReached {
            stage,
            reason,
            hint,
        } => {
            let hint = told(hint.as_deref());
            format!("The budget is used up at {stage}: {reason}.{hint}")
        }
        Ending::Stopped => "Stopped; what was done is saved. Run again to go on.".into(),
        Ending::GaveUp {
            stage,
            reason,
            hint,
        } => {
            let hint = told(hint.as_deref());
            format!(
                "Gave up waiting for what {stage} needs: {reason}.\nCalls that wait for it are unharmed; run again when it works.{hint}"
            )
        }
        Ending::LeaseHeld(held) => {
            let Held {
                lease,
                holder,
                expires_at,
            } = held;
            format!(
                "Another run is at work on {lease}: {holder}.\nIts lease lasts until {} and is renewed while it \
                 works. Wait until it has ended, or stop it; if it was killed, run again after that moment.",
                moment(*expires_at)
            )
        }
    }
}

/// A hint in a line of its own, if there is one.
fn told(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"))
}

fn moment(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
