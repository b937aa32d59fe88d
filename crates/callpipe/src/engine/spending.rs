//! What a run may spend, and what it has spent.
//!
//! Before anything is bought, the most that it can cost is set aside; when the reply is here, its
//! price takes the place of that. So a budget is never passed by replies that reach us, however many
//! are bought at once. What a vendor charges for a reply that is lost on its way is known to nobody
//! here and not counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;

use super::monitor::Monitor;

/// The spending of a run, shared by all who buy.
#[derive(Clone)]
pub struct Spending {
    budget: Option<Usd>,
    monitor: Arc<Monitor>,
    accounts: Arc<Mutex<Accounts>>,
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
        }
    }

    /// Sets aside what a purchase can cost at most. `OverBudget` where that is more than what is
    /// left, or where it is not known.
    pub fn set_aside(&self, price_max: Option<Usd>) -> Outside<SetAside> {
        let mut accounts = self.accounts();
        if let Some(budget) = self.budget {
            let price_max = price_max.ok_or_else(no_price)?;
            let after = accounts.spent + accounts.set_aside + price_max;
            if after > budget {
                return Err(over_budget(budget, accounts.spent, price_max));
            }
        }
        let usd = price_max.unwrap_or_default();
        accounts.set_aside += usd;
        Ok(SetAside {
            spending: self.clone(),
            usd,
        })
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
}

impl Drop for SetAside {
    fn drop(&mut self) {
        let mut accounts = self.spending.accounts();
        accounts.set_aside = accounts.set_aside.saturating_sub(self.usd);
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
            "the next reply may cost {price_max}, with {spent} of the budget of {budget} spent"
        ),
    )
    .with_hint("run again with a larger --budget to go on")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(dollars: f64) -> Option<Usd> {
        Some(Usd::from_dollars(dollars))
    }

    #[test]
    fn a_budget_is_not_passed_by_what_is_bought_at_once() {
        let monitor = Arc::new(Monitor::default());
        let spending = Spending::new(usd(1.0), Arc::clone(&monitor));
        let first = spending.set_aside(usd(0.4)).unwrap();
        let second = spending.set_aside(usd(0.4)).unwrap();
        let third = spending.set_aside(usd(0.4)).err().unwrap();
        assert_eq!(third.kind, FailureKind::OverBudget);
        first.spend(Stage::Transcribe, Usd::from_dollars(0.1));
        // 0.1 spent and 0.4 set aside.
        let third = spending.set_aside(usd(0.5)).unwrap();
        assert!(spending.set_aside(usd(0.01)).is_err());
        drop((second, third));
        assert!(spending.set_aside(usd(0.9)).is_ok(), "given back");
        assert!(spending.set_aside(usd(0.91)).is_err());
        let figures = monitor.figures(Stage::Transcribe);
        assert_eq!(figures.spent_usd, Usd::from_dollars(0.1));
    }

    #[test]
    fn without_a_budget_prices_need_not_be_known() {
        let monitor = Arc::new(Monitor::default());
        let spending = Spending::new(None, Arc::clone(&monitor));
        assert!(spending.set_aside(None).is_ok());
        let bound = Spending::new(usd(1000.0), monitor);
        let failure = bound.set_aside(None).err().unwrap();
        assert_eq!(failure.kind, FailureKind::OverBudget);
    }
}
