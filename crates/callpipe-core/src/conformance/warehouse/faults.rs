//! Batches: all or none, and twice is once.

use serde_json::json;

use super::examples::*;
use crate::conformance::good;
use crate::contracts::warehouse::{CallDetails, Change, Outcome, Summary, Warehouse};
use crate::progress::{SkipReason, Stage, Status};
use crate::taxonomy::Taxonomy;

pub(super) async fn saving_twice_changes_nothing(warehouse: &dyn Warehouse) {
    let contacts = ["twice-1", "twice-2", "twice-3"].map(|id| contact(id, "2026-03-02"));
    let labels = classification(
        &Taxonomy::built_in(),
        &answer(&["complaint"], "not_sales_call"),
    );
    let done = state(&contacts[0], Stage::Classify, Status::Done);
    let reason = SkipReason::NoRecording;
    let skipped = state(&contacts[1], Stage::Fetch, Status::Skipped { reason });
    let transcript = Change::Transcribed(Box::new(transcribed(&contacts[2], "Agent: Hello.")));
    // The last one twice in one batch: the later state counts.
    let batch = [
        outcome(&contacts[0], done, classified("Agent: Hello.", labels)),
        outcome(
            &contacts[1],
            skipped,
            Change::NothingFound {
                raw_metadata: Some("{}".into()),
            },
        ),
        outcome(
            &contacts[2],
            ready(&contacts[2], Stage::Transcribe),
            fetched(&contacts[2]),
        ),
        outcome(
            &contacts[2],
            ready(&contacts[2], Stage::Classify),
            transcript,
        ),
    ];
    save(warehouse, &batch).await;
    let once = snapshot(warehouse, &batch).await;
    assert_eq!(
        stored(warehouse, &contacts[2]).await.progress.stage,
        Stage::Classify
    );
    save(warehouse, &batch).await;
    assert_eq!(
        snapshot(warehouse, &batch).await,
        once,
        "saving twice changes nothing"
    );
    end(warehouse, &contacts).await;
}

pub(super) async fn a_batch_is_saved_whole_or_not_at_all(warehouse: &dyn Warehouse) {
    let contacts = ["whole-1", "whole-2", "whole-3"].map(|id| contact(id, "2026-03-02"));
    add(warehouse, &contacts).await;
    // The table has no column for this section, since it was never prepared.
    let unknown = Taxonomy::parse(
        "version = \"x\"\n[[section]]\nfield = \"never_prepared\"\nkind = \"text\"\n\
         description = \"d\"",
    );
    let Ok(unknown) = unknown else {
        panic!("the example is no taxonomy");
    };
    let impossible = classification(&unknown, &json!({"never_prepared": "x"}));
    let done = state(&contacts[1], Stage::Classify, Status::Done);
    let batch = [
        outcome(
            &contacts[0],
            ready(&contacts[0], Stage::Transcribe),
            fetched(&contacts[0]),
        ),
        outcome(&contacts[1], done, classified("Agent: Hello.", impossible)),
        outcome(
            &contacts[2],
            ready(&contacts[2], Stage::Transcribe),
            fetched(&contacts[2]),
        ),
    ];
    let before = snapshot(warehouse, &batch).await;
    assert!(
        warehouse.save(&shared(&batch)).await.is_err(),
        "a label without a column is not dropped"
    );
    assert_eq!(
        snapshot(warehouse, &batch).await,
        before,
        "nothing of the batch is saved"
    );
    end(warehouse, &contacts).await;
}

/// All that can be seen of some calls.
async fn snapshot(warehouse: &dyn Warehouse, batch: &[Outcome]) -> (Summary, Vec<CallDetails>) {
    let mut calls = Vec::new();
    for outcome in batch {
        calls.push(found(warehouse, &outcome.contact).await);
    }
    (
        good(warehouse.summary(now()).await, "counting calls"),
        calls,
    )
}
