//! The work of each stage: what is done to one call. No retries, no state: the loop around it and
//! the state machine see to those.

mod classify;
mod fetch;
mod places;
mod question;
mod transcribe;

use async_trait::async_trait;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::warehouse::{Change, PendingCall};
use callpipe_core::failure::Outside;
use callpipe_core::progress::{SkipReason, Stage};

use super::estimate::Usual;
use super::paid::Purchases;

pub use classify::{AnalysisWanted, ClassifyStage};
pub use fetch::FetchStage;
pub use places::Places;
pub use transcribe::TranscribeStage;

/// How often an answer that is of no use is bought anew before a person must look.
const REPLIES_MAX: u32 = 2;

/// What came of a stage's work on a call.
#[derive(Debug)]
pub struct Worked {
    /// What was learned.
    pub change: Change,
    /// Whether the call goes on to the next stage, or why not.
    pub verdict: Verdict,
}

/// Whether a call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// To the next stage.
    GoesOn,
    /// There is nothing more to do for it.
    EndsHere(SkipReason),
}

/// A stage's work.
#[async_trait]
pub trait StageWork: Send + Sync {
    /// Which stage it is.
    fn stage(&self) -> Stage;

    /// On how many calls it may work at once.
    fn in_flight_max(&self) -> usize;

    /// What a usual call takes here, for estimates.
    fn usual(&self) -> Usual;

    /// Whether the outside system that it needs works: asked while the stage is paused.
    async fn check(&self) -> Outside<CheckReport>;

    /// Works on a call. Doing it twice changes nothing and buys nothing again.
    /// What is paid for on the way is added to `purchases`, also where the work fails.
    async fn work(&self, call: &PendingCall, purchases: &Purchases) -> Outside<Worked>;

    /// The run ends in good order: what the next one is to know is stored.
    async fn close(&self) -> Outside<()> {
        Ok(())
    }
}
