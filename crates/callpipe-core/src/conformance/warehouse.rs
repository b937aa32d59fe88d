//! The suite of [`Warehouse`].
//!
//! Moments are given to the microsecond at most: that is what SQL databases keep.

mod examples;
mod export;
mod faults;
mod lives;
mod queue;
mod reports;

use super::{assert_name, good};
use crate::contracts::warehouse::{CallFilter, Scope, Summary, Warehouse};
use crate::progress::Stage;
use crate::taxonomy::Taxonomy;
use examples::{id, now};

/// Runs all parts on a warehouse that knows no call yet. Each part leaves its calls at their end,
/// so that they do not stand in the way of the next one's.
pub async fn warehouse(warehouse: &dyn Warehouse) {
    assert_name(warehouse.name());
    nothing_yet(warehouse).await;
    queue::contacts_are_taken_up_once(warehouse).await;
    queue::newest_calls_come_first(warehouse).await;
    queue::a_call_waits_for_its_moment(warehouse).await;
    queue::workers_share_the_calls(warehouse).await;
    lives::a_call_goes_through_all_stages(warehouse).await;
    lives::who_labels_may_understand(warehouse).await;
    lives::every_state_reads_back(warehouse).await;
    lives::flags_of_the_baseline_follow_the_state(warehouse).await;
    lives::any_text_reads_back(warehouse).await;
    faults::saving_twice_changes_nothing(warehouse).await;
    faults::a_batch_is_saved_whole_or_not_at_all(warehouse).await;
    reports::calls_are_listed_by_filter(warehouse).await;
    reports::the_summary_adds_up(warehouse).await;
    reports::what_was_spent_adds_up(warehouse).await;
    reports::what_was_not_bought_adds_up(warehouse).await;
    reports::values_are_counted(warehouse).await;
    export::all_that_is_known_leaves(warehouse).await;
    export::each_call_leaves_once_on_pages_of_any_size(warehouse).await;
    export::an_export_is_filtered_as_a_list_is(warehouse).await;
    export::an_export_goes_on_while_others_write(warehouse).await;
    // Preparing what is in use changes nothing.
    let before = good(warehouse.summary(now()).await, "counting calls");
    good(warehouse.prepare(&Taxonomy::built_in()).await, "preparing");
    let after = good(warehouse.summary(now()).await, "counting calls");
    assert_eq!(before, after, "preparing changes no call");
}

async fn nothing_yet(warehouse: &dyn Warehouse) {
    for _ in 0..2 {
        good(warehouse.prepare(&Taxonomy::built_in()).await, "preparing");
    }
    let report = good(warehouse.check().await, "checking the warehouse");
    assert!(!report.trim().is_empty(), "a check has something to say");
    let summary = good(warehouse.summary(now()).await, "counting calls");
    assert_eq!(summary, Summary::default(), "an empty warehouse");
    for stage in Stage::ALL {
        assert_eq!(examples::pending_ids(warehouse, stage).await, [""; 0]);
        let waiting = warehouse.next_ready_at(&Scope::of(stage)).await;
        assert_eq!(good(waiting, "looking for waiting calls"), None);
    }
    let found = warehouse.find(&id("nobody")).await;
    assert_eq!(good(found, "looking for a call"), None);
    let listed = warehouse.list(&CallFilter::default()).await;
    assert_eq!(good(listed, "listing calls"), []);
    let ready = warehouse.ready_count(&Scope::of(Stage::Fetch), now()).await;
    assert_eq!(good(ready, "counting ready calls"), 0);
    let batching = warehouse.batching();
    assert!(batching.rows_max > 0 && batching.size_bytes_max > 0);
    good(warehouse.save(&[]).await, "saving nothing");
    let added = warehouse.add_contacts(&[], now()).await;
    assert_eq!(good(added, "taking up nothing"), 0);
}
