//! `callpipe taxonomy`: the built-in taxonomy as text.

use callpipe_core::taxonomy::Taxonomy;

use super::Context;
use crate::exit::Exit;

pub(super) fn taxonomy(context: &Context) -> anyhow::Result<Exit> {
    context.output.text(Taxonomy::built_in_text())?;
    Ok(Exit::Done)
}
