//! Saves outcomes in batches, and wakes the stages that can go on after that.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{Batching, Change, Outcome, Warehouse};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::{CallProgress, Stage};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

use super::monitor::Monitor;
use super::patience::Patience;
use super::saver::Saver;

/// How many outcomes may wait for the committer; then the stages wait for it.
const QUEUE_MAX: usize = 256;

/// The calls of one stage that are being worked on or not saved yet: they must not be taken up
/// again.
#[derive(Debug, Clone, Default)]
pub struct InHand(Arc<Mutex<Hand>>);

#[derive(Debug, Default)]
struct Hand {
    calls: HashSet<ContactId>,
    /// While the warehouse is looked at: the calls that were let go in the meantime. What is seen of
    /// them may be how they stood before they were saved.
    let_go: Option<HashSet<ContactId>>,
}

impl InHand {
    /// Begins a look at the warehouse, whose answer is taken up call by call. Gives the calls that are
    /// in hand now.
    pub fn look(&self) -> HashSet<ContactId> {
        let mut hand = self.hand();
        hand.let_go = Some(HashSet::new());
        hand.calls.clone()
    }

    /// Ends the look. Says whether calls were let go in the meantime: then another one is needed.
    pub fn looked(&self) -> bool {
        let let_go = self.hand().let_go.take();
        let_go.is_some_and(|let_go| !let_go.is_empty())
    }

    /// Takes a call; false where it is in hand already, or was when the look began.
    pub fn take(&self, contact_id: &ContactId) -> bool {
        let mut hand = self.hand();
        let was_let_go = hand
            .let_go
            .as_ref()
            .is_some_and(|let_go| let_go.contains(contact_id));
        !was_let_go && hand.calls.insert(contact_id.clone())
    }

    /// Lets a call go.
    pub fn release(&self, contact_id: &ContactId) {
        let mut hand = self.hand();
        hand.calls.remove(contact_id);
        if let Some(let_go) = &mut hand.let_go {
            let_go.insert(contact_id.clone());
        }
    }

    /// How many calls are in hand.
    pub fn len(&self) -> usize {
        self.hand().calls.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.hand().calls.is_empty()
    }

    fn hand(&self) -> std::sync::MutexGuard<'_, Hand> {
        // Each change leaves the sets whole even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the committer and the loops of the stages share.
#[derive(Debug, Default)]
pub struct StageSignals {
    /// Told when there may be new work for the stage, or when its calls were saved.
    pub wake: Notify,
    /// The stage's calls in hand.
    pub in_hand: InHand,
}

/// The signals of all stages.
#[derive(Debug, Default)]
pub struct Signals([StageSignals; 3]);

impl Signals {
    /// How many calls are worked on or not saved yet, at all stages.
    fn calls_in_hand(&self) -> usize {
        self.0.iter().map(|signals| signals.in_hand.len()).sum()
    }

    /// Those of one stage.
    pub fn of(&self, stage: Stage) -> &StageSignals {
        match stage {
            Stage::Fetch => &self.0[0],
            Stage::Transcribe => &self.0[1],
            Stage::Classify => &self.0[2],
        }
    }
}

/// An outcome and where it comes from.
pub struct Done {
    /// Where the work was done.
    pub stage: Stage,
    /// How the call stood before.
    pub before: CallProgress,
    /// What came of it.
    pub outcome: Arc<Outcome>,
}

/// Where the stages put what is done.
pub type Outbox = mpsc::Sender<Done>;

/// The way from the stages to the committer.
pub fn queue() -> (Outbox, mpsc::Receiver<Done>) {
    mpsc::channel(QUEUE_MAX)
}

/// Saves until all stages have dropped their outbox, or until there is no more time for it. An error
/// means that outcomes could not be saved: the work is not lost, since its audio and replies are in
/// the archive.
pub async fn commit(
    warehouse: &dyn Warehouse,
    mut inbox: mpsc::Receiver<Done>,
    signals: &Signals,
    monitor: &Monitor,
    patience: Patience,
    out_of_time: impl Future<Output = ()>,
) -> Outside<()> {
    let batching = warehouse.batching();
    let mut saver = Saver::new(warehouse, signals, monitor, patience);
    let mut out_of_time = pin!(out_of_time);
    while let Some(first) = inbox.recv().await {
        let mut batch = batch(first, &mut inbox, signals, batching).await;
        let is_in_time = tokio::select! {
            biased;
            saved = saver.save(&mut batch, &mut inbox, batching.rows_max) => {
                saved?;
                true
            }
            () = &mut out_of_time => false,
        };
        if !is_in_time {
            return Err(not_saved(batch.len() + inbox.len()));
        }
    }
    Ok(())
}

/// Gathers outcomes until one of the limits is reached, or until every call in hand is in the
/// batch and nothing comes any more: then waiting longer would only keep the stages idle.
async fn batch(
    first: Done,
    inbox: &mut mpsc::Receiver<Done>,
    signals: &Signals,
    batching: Batching,
) -> Vec<Done> {
    let deadline = Instant::now() + batching.delay_max;
    let mut size_bytes = size_bytes(&first.outcome);
    let mut batch = vec![first];
    while batch.len() < batching.rows_max && size_bytes < batching.size_bytes_max {
        let idle = inbox.is_empty() && signals.calls_in_hand() <= batch.len();
        let until = if idle {
            deadline.min(Instant::now() + batching.idle_delay)
        } else {
            deadline
        };
        match timeout_at(until, inbox.recv()).await {
            Ok(Some(done)) => {
                size_bytes += self::size_bytes(&done.outcome);
                batch.push(done);
            }
            Ok(None) => break,
            Err(_) if Instant::now() >= deadline || signals.calls_in_hand() <= batch.len() => break,
            Err(_) => {}
        }
    }
    batch
}

fn size_bytes(outcome: &Outcome) -> usize {
    match &outcome.change {
        Change::None => 0,
        Change::NothingFound { raw_metadata } | Change::Fetched { raw_metadata, .. } => {
            raw_metadata.as_ref().map_or(0, String::len)
        }
        // Analysis repeats the text about as long again.
        Change::Transcribed(call) => call.conversation.len() * 2 + call.plain_text.len(),
        Change::Classified(call) => call.conversation.len(),
    }
}

fn not_saved(outcomes: usize) -> Failure {
    let message = format!("{outcomes} outcomes could not be saved in the time that a stop leaves");
    Failure::new(FailureKind::Unavailable, message).with_hint(
        "nothing is lost: audio and paid replies are in the archive, where the next run finds them \
         and buys none again; run again when the warehouse can be written",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
    use callpipe_core::call::Contact;
    use chrono::DateTime;

    use super::*;

    fn done(id: &str) -> Done {
        let id = ContactId::parse(id).unwrap();
        let outcome = Outcome {
            contact: Contact::new(id.clone(), None),
            progress: CallProgress::new(id),
            change: Change::None,
            at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        };
        Done {
            stage: Stage::Fetch,
            before: outcome.progress.clone(),
            outcome: Arc::new(outcome),
        }
    }

    #[test]
    fn what_was_let_go_during_a_look_is_not_taken_up_by_what_was_seen_before() {
        let in_hand = InHand::default();
        let [saved, other] = ["1", "2"].map(|id| ContactId::parse(id).unwrap());
        assert!(in_hand.take(&saved));
        assert_eq!(in_hand.look(), HashSet::from([saved.clone()]));
        in_hand.release(&saved);
        assert!(!in_hand.take(&saved), "it may have been seen as it stood");
        assert!(in_hand.take(&other));
        assert!(in_hand.looked(), "another look is needed");
        assert_eq!(in_hand.look(), HashSet::from([other]));
        assert!(in_hand.take(&saved), "the next look sees how it stands now");
        assert!(!in_hand.take(&saved), "once");
        assert!(!in_hand.looked());
    }

    const PATIENT: Batching = Batching {
        rows_max: 3,
        contacts_max: 3,
        size_bytes_max: 1_000,
        delay_max: Duration::from_secs(60),
        idle_delay: Duration::from_millis(100),
    };

    /// How long a batch is gathered when these outcomes come at once and these calls are in hand.
    async fn gathered(outcomes: &[&str], in_hand: &[&str]) -> (usize, Duration) {
        let (outbox, mut inbox) = queue();
        let signals = Signals::default();
        for id in in_hand {
            let id = ContactId::parse(id).unwrap();
            assert!(signals.of(Stage::Transcribe).in_hand.take(&id));
        }
        for id in &outcomes[1..] {
            outbox.send(done(id)).await.ok().unwrap();
        }
        let begin = Instant::now();
        let batch = batch(done(outcomes[0]), &mut inbox, &signals, PATIENT).await;
        (batch.len(), begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_for_others_only_while_others_may_come() {
        let (size, time) = gathered(&["1", "2"], &["1", "2", "7"]).await;
        assert_eq!((size, time), (2, PATIENT.delay_max), "7 is worked on");
        let (size, time) = gathered(&["1", "2"], &["1", "2"]).await;
        assert_eq!(
            (size, time),
            (2, PATIENT.idle_delay),
            "nothing is worked on"
        );
        let (size, time) = gathered(&["1", "2", "3", "4"], &["7"]).await;
        assert_eq!((size, time), (3, Duration::ZERO), "it is full");
    }

    /// The tables are missing, so that no save can work.
    #[tokio::test(start_paused = true)]
    async fn a_store_that_stays_out_of_order_does_not_hold_up_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig {
            path: folder.path().join("empty.db"),
            ..SqliteConfig::default()
        };
        let warehouse = SqliteWarehouse::open(config, "file:///archive".into()).unwrap();
        let (outbox, inbox) = queue();
        for id in ["1", "2", "3"] {
            outbox.send(done(id)).await.ok().unwrap();
        }
        drop(outbox);
        let begin = Instant::now();
        let out_of_time = tokio::time::sleep(Duration::from_secs(9));
        let committed = commit(
            &warehouse,
            inbox,
            &Signals::default(),
            &Monitor::default(),
            Patience::new(Duration::ZERO),
            out_of_time,
        )
        .await;
        let failure = committed.unwrap_err();
        assert_eq!(begin.elapsed().as_secs(), 9);
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.message.starts_with("3 outcomes"), "{failure}");
        assert!(failure.hint.unwrap().starts_with("nothing is lost"));
    }
}
