//! Checking where recordings are from, without a request too many: what a check asks counts for runs,
//! too.

use callpipe_connectors::archive::Archive;
use callpipe_connectors::http::pacing;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::pace::Pace;
use callpipe_core::failure::Outside;
use callpipe_core::progress::Stage;

use crate::assemble::{self, ArchivedUsage, Google, Part};
use crate::cli::Context;
use crate::config::Config;
use crate::engine::holder::Holder;
use crate::engine::leases;

/// Asks the source as a run would, unless runs use all that may be asked. `config` has the limits of all
/// shards together.
pub(super) async fn check(
    context: &Context,
    config: &Config,
    google: &Google<'_>,
) -> Outside<CheckReport> {
    let source = |usage| assemble::recordings(config, google, usage, &context.clock);
    // The archive is checked by itself. Without one, no run uses anything of a quota.
    let archive = assemble::archive(config, google, &context.clock).ok();
    let usage = archive.and_then(|archive| {
        let usage = assemble::usage(config, &archive, Part::Checks)?;
        Some((archive, usage))
    });
    let Some((archive, usage)) = usage else {
        return source(None)?.0.check().await;
    };
    let (source, _) = source(Some(usage.clone()))?;
    let wait = match at_work(context, &archive).await? {
        Some(words) => Some(words),
        None => used_up(context, &usage, source.pace()).await?,
    };
    if let Some(words) = wait {
        return Ok(format!("not asked, because {words}"));
    }
    let checked = source.check().await;
    let closed = source.close().await;
    let report = checked?;
    closed?;
    Ok(report)
}

/// A run knows what was asked before it, and not what is asked beside it.
async fn at_work(context: &Context, archive: &Archive) -> Outside<Option<String>> {
    let us = Holder::this(context.cloud_run.as_ref());
    let held = leases::at_work(archive, context.clock.as_ref(), &us, Stage::Fetch).await?;
    Ok(held.map(|held| {
        let (holder, lease) = (held.holder, held.lease);
        format!("{holder} is at work on {lease}, and may need all requests that are allowed")
    }))
}

async fn used_up(
    context: &Context,
    usage: &ArchivedUsage,
    pace: Option<Pace>,
) -> Outside<Option<String>> {
    let Some(Pace::Window {
        requests_max,
        window,
    }) = pace
    else {
        return Ok(None);
    };
    let usages = usage.of_all_parts().await?;
    let used = pacing::used(&usages, context.clock.now(), window);
    let minutes = window.as_secs() / 60;
    Ok((used >= requests_max).then(|| {
        format!("{used} of {requests_max} requests of the last {minutes} minutes are used")
    }))
}
