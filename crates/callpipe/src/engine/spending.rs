//! What a run may spend, and what it has spent.
//!
//! Before anything is bought, the most that it can cost is set aside; when the reply is here, its
//! price takes the place of that. So a budget is never passed by replies that reach us, however many
//! are bought at once. What a vendor charges for a reply that is lost on its way is known to nobody
//! here: it is not shown as spent, but a budget takes it for what it can cost at most.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use tokio::sync::Notify;

use super::monitor::Monitor;

/// The spending of a run, shared by all who buy.
#[derive(Clone)]
pub struct Spending {
    budget: Option<Usd>,
    monitor: Arc<Monitor>,
    accounts: Arc<Mutex<Accounts>>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Accounts {
    spent: Usd,
    set_aside: Usd,
}

impl Spending {
    /// Up to a budget; without one as much as it takes. What is spent is told to the monitor.
    pub fn new(budget: Option<Usd>, monitor: Arc<Monitor>) -> Self {
        Self {
            budget,
            monitor,
            accounts: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// Sets aside what a purchase can cost at most. Waits while that may become possible, since
    /// other purchases cost less than was set aside for them. `OverBudget` where it is more than what
    /// is left, or where it is not known.
    pub async fn set_aside(&self, price_max: Option<Usd>) -> Outside<SetAside> {
        let usd = match (price_max, self.budget) {
            (None, Some(_)) => return Err(no_price()),
            (price_max, _) => price_max.unwrap_or_default(),
        };
        loop {
            let changed = self.changed.notified();
            if self.try_set_aside(usd)? {
                return Ok(SetAside {
                    spending: self.clone(),
                    usd,
                });
            }
            changed.await;
        }
    }

    /// Whether there was room for it now.
    fn try_set_aside(&self, usd: Usd) -> Outside<bool> {
        let mut accounts = self.accounts();
        if let Some(budget) = self.budget {
            if accounts.spent + usd > budget {
                return Err(over_budget(budget, accounts.spent, usd));
            }
            if accounts.spent + accounts.set_aside + usd > budget {
                return Ok(false);
            }
        }
        accounts.set_aside += usd;
        Ok(true)
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // Each change leaves the two sums whole even if a holder panicked.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is set aside for one purchase; given back when it is dropped.
pub struct SetAside {
    spending: Spending,
    usd: Usd,
}

impl SetAside {
    /// The purchase was made, at a price.
    pub fn spend(self, stage: Stage, usd: Usd) {
        self.spending.accounts().spent += usd;
        self.spending.monitor.spent(stage, usd);
    }

    /// The purchase failed, and may be charged all the same.
    pub fn write_off(self) {
        self.spending.accounts().spent += self.usd;
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        let mut accounts = self.spending.accounts();
        accounts.set_aside = accounts.set_aside.saturating_sub(self.usd);
        drop(accounts);
        self.spending.changed.notify_waiters();
    }
}

fn no_price() -> Failure {
    Failure::new(
        FailureKind::OverBudget,
        "nothing can be bought within a budget while its price is not known",
    )
    .with_hint("name the model's prices, such as [classifier.gemini.prices.MODEL] in callpipe.toml")
}

fn over_budget(budget: Usd, spent: Usd, price_max: Usd) -> Failure {
    Failure::new(
        FailureKind::OverBudget,
        format!(
            "the next reply may cost {price_max}, with {spent} of the budget of {budget} spent or perhaps \
             charged"
        ),
    )
    .with_hint("run again with a larger --budget to go on")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn usd(dollars: f64) -> Option<Usd> {
        Some(Usd::from_dollars(dollars))
    }

    fn spending(budget: Option<Usd>) -> (Spending, Arc<Monitor>) {
        let monitor = Arc::new(Monitor::default());
        (Spending::new(budget, Arc::clone(&monitor)), monitor)
    }

    #[tokio::test]
    async fn a_budget_is_not_passed_by_what_is_bought_at_once() {
        let (spending, monitor) = spending(usd(1.0));
        let first = spending.set_aside(usd(0.4)).await.unwrap();
        let second = spending.set_aside(usd(0.4)).await.unwrap();
        let mut third = Box::pin(spending.set_aside(usd(0.4)));
        assert!((&mut third).now_or_never().is_none(), "it waits");
        first.spend(Stage::Transcribe, Usd::from_dollars(0.1));
        let third = third.await.unwrap();
        drop((second, third));
        assert!(spending.set_aside(usd(0.9)).await.is_ok(), "given back");
        let failure = spending.set_aside(usd(0.91)).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::OverBudget);
        let figures = monitor.figures(Stage::Transcribe);
        assert_eq!(figures.spent_usd, Usd::from_dollars(0.1));
    }

    #[tokio::test]
    async fn what_may_be_charged_without_a_reply_counts_against_the_budget_only() {
        let (spending, monitor) = spending(usd(1.0));
        spending.set_aside(usd(0.4)).await.unwrap().write_off();
        assert!(spending.set_aside(usd(0.7)).await.is_err());
        assert!(spending.set_aside(usd(0.6)).await.is_ok());
        assert_eq!(monitor.figures(Stage::Transcribe).spent_usd, Usd::ZERO);
    }

    #[tokio::test]
    async fn without_a_budget_prices_need_not_be_known() {
        assert!(spending(None).0.set_aside(None).await.is_ok());
        let refused = spending(usd(1000.0)).0.set_aside(None).await;
        assert_eq!(refused.err().unwrap().kind, FailureKind::OverBudget);
    }
}
