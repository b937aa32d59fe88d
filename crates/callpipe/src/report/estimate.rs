//! What a run would do, in a few lines.

use callpipe_core::contracts::pace::Pace;
use callpipe_core::money::Usd;
use comfy_table::{CellAlignment, Table, presets};

use crate::engine::estimate::{Estimate, StageEstimate, USUAL_CALL_S, USUAL_CHANNELS};

/// The estimate as text.
pub fn text(estimate: &Estimate) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "calls", "time", "about", "at"]);
    for stage in &estimate.stages {
        table.add_row([
            stage.stage.to_string(),
            stage.calls.to_string(),
            time(stage.time_s),
            amount(stage.usd),
            stage.pace.map_or_else(String::new, pace),
        ]);
    }
    table.add_row([
        "together".to_owned(),
        String::new(),
        time(estimate.time_s),
        amount(estimate.usd),
        String::new(),
    ]);
    for column in table.column_iter_mut().skip(1).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!(
        "{} new contacts. Nothing was fetched, bought or changed.\n\n{}\n\n{}",
        estimate.contacts_new,
        table.trim_fmt(),
        basis(&estimate.stages)
    )
}

/// What the prices are taken from.
fn basis(stages: &[StageEstimate]) -> String {
    let priced = stages.iter().filter(|stage| stage.usd != Some(Usd::ZERO));
    let mut lines: Vec<String> = priced
        .map(|stage| match (stage.usd, stage.priced_by_calls) {
            (None, _) => format!("{}: no price is known for the first model", stage.stage),
            (Some(_), 0) => format!(
                "{}: priced as calls of {} minutes and {USUAL_CHANNELS} channels, until more calls are known",
                stage.stage,
                USUAL_CALL_S / 60.0
            ),
            (Some(_), calls) => format!("{}: priced by the {calls} calls at hand", stage.stage),
        })
        .collect();
    lines.push("The time is that of the quotas alone; replies that are kept cost nothing.".into());
    lines.join("\n")
}

fn pace(pace: Pace) -> String {
    match pace {
        Pace::Window {
            requests_max,
            window,
        } => format!("{requests_max} requests in {}", time(window.as_secs_f64())),
        Pace::InFlight {
            requests_max,
            usual_delay,
        } => format!(
            "{requests_max} at once, {} each",
            time(usual_delay.as_secs_f64())
        ),
    }
}

fn amount(usd: Option<Usd>) -> String {
    usd.map_or_else(|| "?".into(), |usd| usd.to_string())
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 2.0 * 3600.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callpipe_core::progress::Stage;
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_estimate_says_what_it_rests_on() {
        let stage = |stage, calls, time_s, pace, usd, priced_by_calls| StageEstimate {
            stage,
            calls,
            time_s,
            pace,
            usd,
            priced_by_calls,
        };
        let window = Pace::Window {
            requests_max: 150,
            window: Duration::from_secs(300),
        };
        let in_flight = |requests_max| Pace::InFlight {
            requests_max,
            usual_delay: Duration::from_secs(5),
        };
        let usd = |dollars| Some(Usd::from_dollars(dollars));
        let estimate = Estimate {
            contacts_new: 80_000,
            time_s: 160_000.0,
            usd: usd(6_050.0),
            stages: vec![
                stage(Stage::Fetch, 80_000, 160_000.0, Some(window), usd(0.0), 0),
                stage(
                    Stage::Transcribe,
                    75_000,
                    37_500.0,
                    Some(in_flight(10)),
                    usd(6_000.0),
                    412,
                ),
                stage(
                    Stage::Classify,
                    70_000,
                    43_750.0,
                    Some(in_flight(8)),
                    usd(50.0),
                    0,
                ),
            ],
        };
        expect![[r#"
            80000 new contacts. Nothing was fetched, bought or changed.

                         calls    time     about  at
             fetch       80000  44.4 h     $0.00  150 requests in 5 min
             transcribe  75000  10.4 h  $6000.00  10 at once, 5 s each
             classify    70000  12.2 h    $50.00  8 at once, 5 s each
             together           44.4 h  $6050.00

            transcribe: priced by the 412 calls at hand
            classify: priced as calls of 6 minutes and 2 channels, until more calls are known
            The time is that of the quotas alone; replies that are kept cost nothing."#]]
        .assert_eq(&text(&estimate));
    }
}
