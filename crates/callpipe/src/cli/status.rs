//! `callpipe status`: where all calls stand.

use super::Context;
use crate::assemble;
use crate::exit::Exit;
use crate::report;

pub(super) async fn status(context: &Context) -> anyhow::Result<Exit> {
    let config = context.load().await?.config;
    let google = assemble::Google::new(&config);
    let archive = assemble::archive(&config, &google, &context.clock)?;
    let warehouse = assemble::warehouse(&config, &google, &archive, &context.clock)?;
    warehouse.prepare(&*assemble::taxonomy(&config)?).await?;
    let summary = warehouse.summary(context.clock.now()).await?;
    context
        .output
        .either(&summary, || report::status::text(&summary))?;
    Ok(Exit::Done)
}
