//! Whether it all ended as it must.

use std::collections::{BTreeMap, BTreeSet};

use callpipe_core::failure::{Blame, FailureKind};
use callpipe_core::progress::{CallProgress, Stage, Status};

use super::calls::Call;
use super::lives::{Ended, Universe};
use super::paid::{Fortune, PRICE};
use super::weather::System;
use super::world::Met;

/// Everything that is wrong with how a world ended.
pub(super) fn breaches(universe: &Universe) -> Vec<String> {
    let mut breaches = universe.world.violations();
    let ended = universe.ended();
    if ended.len() != universe.calls.len() {
        let (tracked, calls) = (ended.len(), universe.calls.len());
        breaches.push(format!("{tracked} calls of {calls} are tracked"));
    }
    for (progress, label) in &ended {
        let call = universe.calls.get(progress.contact_id.as_str());
        if let Err(breach) = end(universe, call, progress, label.as_deref()) {
            breaches.push(format!("{}, {:?}: {breach}", call.id(), call.nature));
        }
    }
    breaches.extend(purchases(universe, &ended));
    breaches
}

/// Each call must be at the end that its nature has, or be parked for what it met itself.
fn end(
    universe: &Universe,
    call: &Call,
    progress: &CallProgress,
    label: Option<&str>,
) -> Result<(), String> {
    let (stage, status, kind) = call.end();
    let failure = progress.last_failure.as_ref().map(|failure| failure.kind);
    if (progress.stage, &progress.status) == (stage, &status)
        && (status != Status::Parked || failure == kind)
    {
        return match status {
            Status::Done if label != Some(&call.voice) => {
                Err(format!("it has another call's labels: {label:?}"))
            }
            _ => Ok(()),
        };
    }
    let (Status::Parked, Some(kind)) = (&progress.status, failure) else {
        return Err(format!("it ended as {progress:?}"));
    };
    let met = met_at(universe, call, progress.stage);
    match explained(universe, kind, &met) {
        true => Ok(()),
        false => Err(format!(
            "it is parked without cause: {progress:?}, met {met:?}"
        )),
    }
}

/// What a call's own requests at a stage have met, and the stores, whose faults may hit anybody.
fn met_at(universe: &Universe, call: &Call, stage: Stage) -> Vec<Met> {
    let systems: &[System] = match stage {
        Stage::Fetch => &[System::Recordings, System::Media],
        Stage::Transcribe => &[System::Transcriber],
        Stage::Classify => &[System::Classifier],
    };
    let whom: BTreeSet<&str> = [call.id(), &call.voice].into();
    let own = whom.into_iter().flat_map(|whom| universe.world.met(whom));
    let own = own.filter(|met| systems.contains(&met.system));
    own.chain(universe.world.met_by_stores()).collect()
}

/// Whether a call may be parked for this.
fn explained(universe: &Universe, kind: FailureKind, met: &[Met]) -> bool {
    // Some of what the stores do is told as one kind.
    let of_the_kind = met.iter().filter(|met| {
        met.kind == kind || (kind == FailureKind::StoreFailed && met.system.is_store())
    });
    // What the host of the audio answers no check asks, only whether it does.
    let is_seen = |met: &Met| met.system != System::Media || met.kind == FailureKind::Unavailable;
    let is_own = |met: &&Met| !met.in_outage || !is_seen(met);
    let outside_outages = of_the_kind.filter(is_own).count();
    let attempts = universe.setup.retry.attempts_max as usize;
    match kind.blame() {
        // Two answers of no use, or one refusal.
        Blame::Call => outside_outages > 0,
        // The last straw must be the call's own, and there must be enough of them.
        Blame::Moment | Blame::Setup => outside_outages > 0 && met.len() >= attempts,
    }
}

/// Whatever was sold is kept, got lost on its way, or was on its way when a run was cut off. And
/// nothing was bought beyond what is kept, but where the earlier answers are of no use.
fn purchases(universe: &Universe, ended: &[Ended]) -> Vec<String> {
    let kept = universe.store.kept();
    let mut breaches = Vec::new();
    for purchase in universe.books.purchases() {
        let is_kept = kept.contains_key(&purchase.serial);
        if !is_kept && purchase.fortune == Fortune::Underway {
            let (serial, request) = (purchase.serial, purchase.fingerprint);
            breaches.push(format!("reply {serial} to {request} is nowhere"));
        }
    }
    let mut of_use: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, sold) in kept.values() {
        let (request, _) = name.rsplit_once('-').unwrap();
        *of_use.entry(request).or_default() += usize::from(sold.is_of_use);
    }
    for (request, count) in of_use {
        // A person's second wish may allow more replies, but a good one is never bought again.
        if count > 1 {
            breaches.push(format!("{count} good replies were kept for {request}"));
        }
    }
    let names = kept.values().map(|(name, _)| name.as_str()).collect();
    breaches.extend(charges(ended, &names));
    let redone: u32 = ended.iter().map(|(progress, _)| progress.redo_count).sum();
    let useless = kept.values().filter(|(_, sold)| !sold.is_of_use).count();
    let allowed = universe.calls.len() * 6 * (redone as usize + 1);
    if useless > allowed {
        breaches.push(format!("{useless} useless replies were bought"));
    }
    breaches
}

/// Every reply that is kept is charged to one call, at its price, and nothing else is.
fn charges(ended: &[Ended], kept: &BTreeSet<&str>) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut charged = BTreeSet::new();
    for purchase in ended.iter().flat_map(|(progress, _)| &progress.purchases) {
        let name = purchase.reply.as_str();
        if !charged.insert(name) {
            breaches.push(format!("{name} is charged to two calls"));
        }
        if purchase.usd != PRICE {
            breaches.push(format!("{name} is charged at {}", purchase.usd));
        }
    }
    if &charged != kept {
        breaches.push(format!("charged are {charged:?}, kept are {kept:?}"));
    }
    breaches
}
