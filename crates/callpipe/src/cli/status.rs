//! `callpipe status`: where all calls stand.

use super::Context;
use crate::assemble;
use crate::exit::Exit;
use crate::report;

pub(super) async fn status(context: &Context) -> anyhow::Result<Exit> {
    let config = context.load().await?.config;
    let archive = assemble::archive(&config, &assemble::Google::new(&config), &context.clock)?;
    let warehouse = assemble::warehouse(&config, &archive)?;
    warehouse.prepare(&*assemble::taxonomy(&config)?).await?;
    let summary = warehouse.summary(context.clock.now()).await?;
    context
        .output
        .either(&summary, || report::status::text(&summary))?;
    Ok(Exit::Done)
}
