//! What a run would do: how many calls, how long at the quotas, and about how much money. Nothing
//! is bought, fetched or saved for it.
//!
//! The calls at hand tell how many of a stage's calls go on to the next one and what a call costs;
//! where there are none yet, every call goes on, and each is taken to be a usual one.

use std::collections::HashSet;
use std::sync::Arc;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::contact_source::ContactQuery;
use callpipe_core::contracts::pace::Pace;
use callpipe_core::contracts::warehouse::{CallFilter, Summary, Warehouse};
use callpipe_core::failure::Outside;
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use serde::Serialize;

use super::{Engine, discover};

/// The length of a usual call, in seconds.
pub const USUAL_CALL_S: f64 = 360.0;

/// The channels of a usual call: agent and customer.
pub const USUAL_CHANNELS: u32 = 2;

/// The conversation of a usual call, in bytes.
pub const USUAL_CONVERSATION_BYTES: usize = 6_000;

/// So many calls at hand tell something about the others.
const CALLS_THAT_TELL: u64 = 20;

/// What a call usually takes at a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// The limit that decides how long it takes; none where nothing limits it.
    pub pace: Option<Pace>,
    /// What it costs; none where no price is known.
    pub usd: Option<Usd>,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Contacts of the list that are not known yet.
    pub contacts_new: u64,
    /// By stage.
    pub stages: Vec<StageEstimate>,
    /// How long all stages together take, in seconds: they overlap, so it is as long as the
    /// slowest one.
    pub time_s: f64,
    /// What it would cost; none where a price is not known.
    pub usd: Option<Usd>,
}

/// What a run would do at a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageEstimate {
    /// The stage.
    pub stage: Stage,
    /// How many calls.
    pub calls: u64,
    /// How long at the quotas, in seconds.
    pub time_s: f64,
    /// The quota.
    pub pace: Option<Pace>,
    /// What it would cost; none where a price is not known.
    pub usd: Option<Usd>,
    /// How many calls at hand tell the price; 0 where it is that of a usual call.
    pub priced_by_calls: u64,
}

/// Looks at the list of contacts, at the warehouse and at the quotas.
pub async fn estimate(engine: &Engine) -> Outside<Estimate> {
    let contacts_new = contacts_new(engine).await?;
    let summary = engine.warehouse.summary(engine.clock.now()).await?;
    let mut incoming = contacts_new;
    let mut stages = Vec::new();
    for work in &engine.stages {
        let scope = engine.settings.scope(work.stage());
        let ready = engine
            .warehouse
            .ready_count(&scope, engine.clock.now())
            .await?;
        let limit = engine.settings.limit.map_or(u64::MAX, |limit| limit as u64);
        let calls = (ready + incoming).min(limit);
        let at_hand = AtHand::of(&summary, work.stage());
        stages.push(stage(work.stage(), calls, work.usual(), &at_hand));
        incoming = at_hand.going_on(calls);
    }
    Ok(Estimate {
        contacts_new,
        time_s: stages.iter().map(|stage| stage.time_s).fold(0.0, f64::max),
        usd: stages.iter().map(|stage| stage.usd).sum(),
        stages,
    })
}

fn stage(stage: Stage, calls: u64, usual: Usual, at_hand: &AtHand) -> StageEstimate {
    let (usd_a_call, priced_by_calls) = match at_hand.usd_a_call() {
        Some(usd) => (Some(usd), at_hand.ended),
        None => (usual.usd.map(Usd::dollars), 0),
    };
    let time = usual.pace.map(|pace| pace.time_for(calls));
    StageEstimate {
        stage,
        calls,
        time_s: time.unwrap_or_default().as_secs_f64(),
        pace: usual.pace,
        usd: usd_a_call.map(|usd| Usd::from_dollars(usd * calls as f64)),
        priced_by_calls,
    }
}

/// What the calls that have a stage behind them tell about it.
#[derive(Debug, PartialEq)]
struct AtHand {
    /// Calls that left the stage in whatever way.
    ended: u64,
    /// Those of them that went on.
    went_on: u64,
    spent: Usd,
}

impl AtHand {
    fn of(summary: &Summary, stage: Stage) -> Self {
        let sum = |here: &dyn Fn(Stage, &str) -> bool| -> u64 {
            let counts = summary.counts.iter();
            let counts = counts.filter(|count| here(count.stage, &count.status));
            counts.map(|count| count.count).sum()
        };
        let went_on = sum(&|at, status| at > stage || (at == stage && status == "done"));
        let stopped = sum(&|at, status| at == stage && matches!(status, "parked" | "skipped"));
        let spend = summary.spend.iter().find(|spend| spend.stage == stage);
        Self {
            ended: went_on + stopped,
            went_on,
            spent: spend.map_or(Usd::ZERO, |spend| spend.usd),
        }
    }

    fn tells(&self) -> bool {
        self.ended >= CALLS_THAT_TELL
    }

    fn going_on(&self, calls: u64) -> u64 {
        match self.tells() {
            true => (calls as f64 * self.went_on as f64 / self.ended as f64).round() as u64,
            false => calls,
        }
    }

    fn usd_a_call(&self) -> Option<f64> {
        let tells = self.tells() && self.spent > Usd::ZERO;
        tells.then(|| self.spent.dollars() / self.ended as f64)
    }
}

/// How many contacts of the list a run would take up.
async fn contacts_new(engine: &Engine) -> Outside<u64> {
    let Some(source) = &engine.contacts else {
        return Ok(0);
    };
    let query = ContactQuery::since(engine.settings.since);
    let (mut cursor, mut new) = (None, 0);
    loop {
        if engine.stop.is_asked() {
            return Ok(new);
        }
        let page = discover::page(engine, source.as_ref(), &query, cursor).await?;
        let contacts = page.contacts.into_iter();
        let ids: HashSet<ContactId> = contacts
            .filter(|contact| engine.settings.is_responsible_for(contact))
            .map(|contact| contact.id)
            .collect();
        new += unknown(&engine.warehouse, ids).await?;
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(new),
        }
    }
}

async fn unknown(warehouse: &Arc<dyn Warehouse>, ids: HashSet<ContactId>) -> Outside<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let listed = ids.len() as u64;
    let filter = CallFilter {
        contact_ids: ids.into_iter().collect(),
        ..CallFilter::default()
    };
    let known = warehouse.list(&filter).await?.len() as u64;
    Ok(listed.saturating_sub(known))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callpipe_core::contracts::warehouse::{StageCount, StageSpend};

    use super::*;

    fn count(stage: Stage, status: &str, count: u64) -> StageCount {
        StageCount {
            stage,
            status: status.into(),
            waiting: 0,
            count,
        }
    }

    /// A hundred calls were fetched, of which eighty had a recording; sixty of these are transcribed.
    fn summary() -> Summary {
        Summary {
            total: 100,
            counts: vec![
                count(Stage::Fetch, "skipped", 20),
                count(Stage::Transcribe, "ready", 20),
                count(Stage::Transcribe, "parked", 10),
                count(Stage::Classify, "ready", 45),
                count(Stage::Classify, "done", 5),
            ],
            spend: vec![StageSpend {
                stage: Stage::Transcribe,
                usd: Usd::from_dollars(6.0),
                calls: 55,
            }],
            ..Summary::default()
        }
    }

    const USUAL: Usual = Usual {
        pace: Some(Pace::InFlight {
            requests_max: 10,
            usual_delay: Duration::from_secs(5),
        }),
        usd: None,
    };

    #[test]
    fn the_calls_at_hand_tell_what_the_others_will_take() {
        let fetch = AtHand::of(&summary(), Stage::Fetch);
        assert_eq!((fetch.ended, fetch.going_on(50)), (100, 40));
        assert_eq!(fetch.usd_a_call(), None, "nothing is bought there");
        let transcribe = AtHand::of(&summary(), Stage::Transcribe);
        let estimate = stage(Stage::Transcribe, 200, USUAL, &transcribe);
        assert_eq!(estimate.usd, Some(Usd::from_dollars(20.0)));
        assert_eq!((estimate.time_s, estimate.priced_by_calls), (100.0, 60));
    }

    #[test]
    fn a_few_calls_tell_nothing() {
        let classify = AtHand::of(&summary(), Stage::Classify);
        assert_eq!((classify.ended, classify.going_on(7)), (5, 7));
        let estimate = stage(Stage::Classify, 7, USUAL, &classify);
        assert_eq!((estimate.usd, estimate.priced_by_calls), (None, 0));
        let usd = Some(Usd::from_dollars(0.5));
        let priced = stage(Stage::Classify, 7, Usual { usd, ..USUAL }, &classify);
        assert_eq!(priced.usd, Some(Usd::from_dollars(3.5)));
    }
}
