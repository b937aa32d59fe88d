//! `callpipe calls`: list, show, retry, redo.

use std::sync::Arc;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{CallFilter, Warehouse};
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::Stage;
use chrono::NaiveDate;
use clap::ValueEnum;
use serde_json::json;

use super::Context;
use super::error::UsageError;
use super::stage::StageArgument;
use crate::assemble;
use crate::calls::set_back;
use crate::config::Config;
use crate::exit::Exit;
use crate::report;

/// Ways to look at calls and to have them done again.
#[derive(Debug, clap::Subcommand)]
pub(super) enum CallsCommand {
    /// List calls, newest first
    List {
        #[command(flatten)]
        filter: FilterArguments,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show all that is known of a call
    Show {
        /// The call's id
        contact_id: String,
    },
    /// Try failed calls again, from the stage at which they failed
    Retry {
        /// The calls' ids; or choose by the options
        contact_ids: Vec<String>,
        #[command(flatten)]
        filter: FilterArguments,
    },
    /// Do calls again from a stage on, whatever their status
    Redo {
        /// The calls' ids; or choose by the options
        contact_ids: Vec<String>,
        #[command(flatten)]
        filter: FilterArguments,
        /// The stage to begin with
        #[arg(long)]
        from: StageArgument,
        /// All calls, where nothing else chooses
        #[arg(long)]
        all: bool,
    },
}

/// Which calls.
#[derive(Debug, Default, clap::Args)]
pub(super) struct FilterArguments {
    /// Only calls at this stage
    #[arg(long)]
    stage: Option<StageArgument>,
    /// Only calls with this status
    #[arg(long)]
    status: Option<StatusArgument>,
    /// Only calls with this kind of failure, such as unavailable or unusable_reply
    #[arg(long, value_name = "KIND")]
    failure: Option<String>,
    /// Only calls that started on this date or later (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    since: Option<NaiveDate>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum StatusArgument {
    Ready,
    Parked,
    Skipped,
    Done,
}

impl FilterArguments {
    /// As the warehouse takes it, with no limit.
    pub(super) fn filter(&self, contact_ids: &[String]) -> anyhow::Result<CallFilter> {
        if let Some(kind) = &self.failure
            && FailureKind::parse(kind).is_none()
        {
            return Err(UsageError(format!(
                "there is no failure of kind {kind}; `callpipe status` shows those that occurred"
            ))
            .into());
        }
        let status = self.status.map(|status| match status {
            StatusArgument::Ready => "ready",
            StatusArgument::Parked => "parked",
            StatusArgument::Skipped => "skipped",
            StatusArgument::Done => "done",
        });
        Ok(CallFilter {
            stage: self.stage.map(Stage::from),
            status: status.map(str::to_owned),
            failure_kind: self.failure.clone(),
            contact_ids: contact_ids
                .iter()
                .map(|id| ContactId::parse(id))
                .collect::<Result<_, _>>()?,
            since: self.since,
            limit: None,
        })
    }
}

pub(super) async fn calls(context: &Context, command: CallsCommand) -> anyhow::Result<Exit> {
    let config = context.load().await?.config;
    let google = assemble::Google::new(&config);
    let archive = assemble::archive(&config, &google, &context.clock)?;
    let warehouse = assemble::warehouse(&config, &google, &archive, &context.clock)?;
    warehouse.prepare(&*assemble::taxonomy(&config)?).await?;
    match command {
        CallsCommand::List { filter, limit } => {
            let filter = CallFilter {
                limit: Some(limit),
                ..filter.filter(&[])?
            };
            let rows = warehouse.list(&filter).await?;
            context
                .output
                .either(&rows, || report::calls::table(&rows))?;
        }
        CallsCommand::Show { contact_id } => {
            let Some(details) = warehouse.find(&ContactId::parse(&contact_id)?).await? else {
                return Err(UsageError(format!(
                    "call {contact_id} is not known; `callpipe calls list` shows those that are"
                ))
                .into());
            };
            context
                .output
                .either(&details, || report::calls::details(&details))?;
        }
        CallsCommand::Retry {
            contact_ids,
            filter,
        } => {
            let mut filter = filter.filter(&contact_ids)?;
            filter.status.get_or_insert_with(|| "parked".to_owned());
            again(context, &config, &warehouse, &filter, None).await?;
        }
        CallsCommand::Redo {
            contact_ids,
            filter,
            from,
            all,
        } => {
            let filter = filter.filter(&contact_ids)?;
            if !all && filter == CallFilter::default() {
                return Err(UsageError(
                    "say which calls: ids, --stage, --status, --failure, --since or --all"
                        .to_owned(),
                )
                .into());
            }
            again(context, &config, &warehouse, &filter, Some(from.into())).await?;
        }
    }
    Ok(Exit::Done)
}

/// Sets calls back, and says what is next.
async fn again(
    context: &Context,
    config: &Config,
    warehouse: &Arc<dyn Warehouse>,
    filter: &CallFilter,
    from: Option<Stage>,
) -> anyhow::Result<()> {
    let policy = assemble::retry_policy(&config.engine);
    let now = context.clock.now();
    let set_back = set_back(&**warehouse, filter, from, policy, now).await?;
    context
        .output
        .either(&json!({ "calls": set_back }), || match set_back {
            0 => "No calls match.".to_owned(),
            count => format!("{count} calls will be done again. Next: callpipe run"),
        })
}
