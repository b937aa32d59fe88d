//! The funnel of all calls, failures by cause, and what to type next.

use callpipe_core::contracts::warehouse::Summary;
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use comfy_table::{CellAlignment, Table, presets};

/// The status of all calls as text.
pub fn text(summary: &Summary) -> String {
    if summary.total == 0 {
        return "No calls are known yet.\n\nNext: callpipe check, then callpipe run".into();
    }
    let mut text = format!("{} calls\n\n{}\n", summary.total, funnel(summary));
    text.push_str(&spend(summary));
    text.push_str(&not_bought(summary));
    if !summary.skips.is_empty() {
        text.push_str("\nNothing to do for:\n");
        for skip in &summary.skips {
            text.push_str(&format!(
                "  {:>7}  {}\n",
                skip.count,
                skip_words(&skip.reason)
            ));
        }
    }
    if !summary.failures.is_empty() {
        text.push_str("\nFailures by cause:\n");
        for group in &summary.failures {
            let state = if group.status == "parked" {
                "failed for good"
            } else {
                "will be tried again"
            };
            text.push_str(&format!(
                "  {:>7}  {} {} ({state}), such as call {}: {}\n",
                group.count, group.stage, group.kind, group.contact_id, group.example
            ));
        }
    }
    text.push_str(&next(summary));
    text
}

/// How many calls have a status at a stage.
pub fn count(summary: &Summary, stage: Stage, status: &str) -> u64 {
    let matching = summary
        .counts
        .iter()
        .filter(|count| count.stage == stage && count.status == status);
    matching.map(|count| count.count).sum()
}

/// What was spent at each stage, and on average for a call for which something was bought.
fn spend(summary: &Summary) -> String {
    if summary.spend.is_empty() {
        return String::new();
    }
    let mut text = format!("\nSpent {}:\n", summary.spent());
    for spend in &summary.spend {
        let average = Usd::from_micros(spend.usd.micros() / spend.calls.max(1));
        text.push_str(&format!(
            "  {:<11} {} for {} calls, {average} a call\n",
            spend.stage.as_str(),
            spend.usd,
            spend.calls
        ));
    }
    text
}

/// What was not bought because nobody speaks, and what was bought once for several calls.
fn not_bought(summary: &Summary) -> String {
    let mut text = String::new();
    let not_bought = &summary.not_bought;
    if not_bought.calls > 0 {
        let minutes = (not_bought.duration_s / 60.0).ceil();
        let saved = match not_bought.usd {
            Usd::ZERO => String::new(),
            usd => format!(", about {usd} saved"),
        };
        text.push_str(&format!(
            "\nNot bought, because nobody speaks: {minutes} minutes of {} calls{saved}\n",
            not_bought.calls
        ));
    }
    if summary.same_audio > 0 {
        text.push_str(&format!(
            "\nBought once for several: {} calls have the same audio as another one\n",
            summary.same_audio
        ));
    }
    text
}

fn waiting(summary: &Summary, stage: Stage) -> u64 {
    let matching = summary
        .counts
        .iter()
        .filter(|count| count.stage == stage && count.status == "ready");
    matching.map(|count| count.waiting).sum()
}

fn funnel(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "to do", "waiting", "nothing to do", "failed", "done"]);
    for stage in Stage::ALL {
        let ready = count(summary, stage, "ready");
        let waiting = waiting(summary, stage);
        // A call that stands at a later stage has this one behind it.
        let later = Stage::ALL.into_iter().filter(|later| *later > stage);
        let past: u64 = later
            .flat_map(|later| {
                ["ready", "skipped", "parked", "done"].map(|status| count(summary, later, status))
            })
            .sum();
        table.add_row([
            stage.to_string(),
            (ready - waiting).to_string(),
            waiting.to_string(),
            count(summary, stage, "skipped").to_string(),
            count(summary, stage, "parked").to_string(),
            (past + count(summary, stage, "done")).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn skip_words(reason: &str) -> &str {
    match reason {
        "not_found" => "the source does not know the call (not_found)",
        "no_recording" => "the call was not recorded (no_recording)",
        "no_speech" => "nobody speaks on the recording (no_speech)",
        other => other,
    }
}

fn next(summary: &Summary) -> String {
    let sum = |status| {
        Stage::ALL
            .into_iter()
            .map(|stage| count(summary, stage, status))
            .sum::<u64>()
    };
    let mut lines = Vec::new();
    if sum("ready") > 0 {
        lines.push("callpipe run                               to go on");
    }
    if sum("parked") > 0 {
        lines.push("callpipe calls list --status parked        to see what failed");
        lines.push("callpipe calls retry --status parked       to try it again");
    }
    if lines.is_empty() {
        lines.push("callpipe calls list                        to look at the calls");
    }
    format!("\nNext:\n  {}\n", lines.join("\n  "))
}

#[cfg(test)]
mod tests {
    use callpipe_core::contracts::warehouse::{
        FailureGroup, NotBought, SkipCount, StageCount, StageSpend,
    };
    use expect_test::expect;

    use super::*;

    fn stage_count(stage: Stage, status: &str, waiting: u64, count: u64) -> StageCount {
        StageCount {
            stage,
            status: status.into(),
            waiting,
            count,
        }
    }

    #[test]
    fn the_funnel_adds_up_and_says_what_to_type() {
        let summary = Summary {
            total: 20,
            counts: vec![
                stage_count(Stage::Fetch, "ready", 1, 3),
                stage_count(Stage::Fetch, "skipped", 0, 2),
                stage_count(Stage::Transcribe, "parked", 0, 1),
                stage_count(Stage::Classify, "ready", 0, 4),
                stage_count(Stage::Classify, "done", 0, 10),
            ],
            failures: vec![FailureGroup {
                stage: Stage::Transcribe,
                status: "parked".into(),
                kind: "unsupported".into(),
                example: "transcribing 7_voice-only.mp4: HTTP 400".into(),
                contact_id: "7".into(),
                count: 1,
            }],
            skips: vec![SkipCount {
                reason: "no_recording".into(),
                count: 2,
            }],
            spend: vec![StageSpend {
                stage: Stage::Transcribe,
                usd: Usd::from_dollars(1.2),
                calls: 14,
            }],
            not_bought: NotBought {
                calls: 3,
                duration_s: 250.0,
                usd: Usd::from_dollars(0.02),
            },
            same_audio: 2,
        };
        expect![[r#"
            20 calls

                         to do  waiting  nothing to do  failed  done
             fetch           2        1              2       0    15
             transcribe      0        0              0       1    14
             classify        4        0              0       0    10

            Spent $1.20:
              transcribe  $1.20 for 14 calls, $0.0857 a call

            Not bought, because nobody speaks: 5 minutes of 3 calls, about $0.0200 saved

            Bought once for several: 2 calls have the same audio as another one

            Nothing to do for:
                    2  the call was not recorded (no_recording)

            Failures by cause:
                    1  transcribe unsupported (failed for good), such as call 7: transcribing 7_voice-only.mp4: HTTP 400

            Next:
              callpipe run                               to go on
              callpipe calls list --status parked        to see what failed
              callpipe calls retry --status parked       to try it again
        "#]]
        .assert_eq(&text(&summary));
    }

    #[test]
    fn an_empty_warehouse_says_where_to_begin() {
        assert!(text(&Summary::default()).contains("callpipe check"));
    }
}
