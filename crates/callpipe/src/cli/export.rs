//! `callpipe export`: calls as files for other programs.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use callpipe_core::contracts::warehouse::CallFilter;
use callpipe_core::failure::{Failure, FailureKind};
use clap::ValueEnum;
use serde_json::json;

use super::Context;
use super::calls::FilterArguments;
use super::error::UsageError;
use super::signals::stop_on_signal;
use crate::assemble;
use crate::exit::Exit;
use crate::export::fields::{Field, chosen, fields};
use crate::export::place::Place;
use crate::export::vcon::{VconOptions, write_documents};
use crate::export::{Count, CsvOptions, TableFormat, check_built_in, pages, write_table};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    /// The calls' ids; or choose by the options
    contact_ids: Vec<String>,

    /// In which form
    #[arg(long, short)]
    format: Format,

    /// Where to: a file [default: stdout], or a directory for vcon. A file appears when it is whole
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,

    #[command(flatten)]
    filter: FilterArguments,

    /// At most so many calls, whichever come first
    #[arg(long, value_name = "CALLS")]
    limit: Option<usize>,

    /// Only these fields, in this order, such as contact_id,summary,labels.sale_result
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,

    /// CSV: leave texts as they are that a spreadsheet would run as formulas
    #[arg(long)]
    raw: bool,

    /// CSV: begin with a byte order mark, by which Excel knows UTF-8
    #[arg(long)]
    bom: bool,

    /// vCon: put the audio into the documents
    #[arg(long)]
    embed_audio: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line a call, lists as JSON
    Csv,
    /// One JSON object a line
    Jsonl,
    /// Typed columns, for DuckDB, pandas and BigQuery
    Parquet,
    /// One document a call, by the IETF's draft
    Vcon,
}

impl ExportArguments {
    /// Refuses options that another format has.
    fn check(&self) -> Result<(), UsageError> {
        let is = |format| self.format == format;
        let only = |used, option: &str, format: &str| match used {
            true => Err(UsageError(format!("{option} is for --format {format}"))),
            false => Ok(()),
        };
        only(self.raw && !is(Format::Csv), "--raw", "csv")?;
        only(self.bom && !is(Format::Csv), "--bom", "csv")?;
        only(
            self.embed_audio && !is(Format::Vcon),
            "--embed-audio",
            "vcon",
        )?;
        let has_fields = !self.fields.is_empty();
        only(
            has_fields && is(Format::Vcon),
            "--fields",
            "csv, jsonl or parquet",
        )
    }

    /// The form of the one file, or nothing where each call has a document.
    fn table_format(&self) -> Option<TableFormat> {
        match self.format {
            Format::Csv => Some(TableFormat::Csv(CsvOptions {
                raw: self.raw,
                byte_order_mark: self.bom,
            })),
            Format::Jsonl => Some(TableFormat::Jsonl),
            Format::Parquet => Some(TableFormat::Parquet),
            Format::Vcon => None,
        }
    }

    fn filter(&self) -> anyhow::Result<CallFilter> {
        Ok(CallFilter {
            limit: self.limit,
            ..self.filter.filter(&self.contact_ids)?
        })
    }

    fn fields(&self, all: &[Field]) -> Result<Vec<Field>, UsageError> {
        if self.fields.is_empty() {
            return Ok(all.to_vec());
        }
        chosen(all, &self.fields).map_err(|unknown| {
            let names: Vec<&str> = all.iter().map(|field| field.name.as_str()).collect();
            UsageError(format!("{unknown}; there are {}", names.join(", ")))
        })
    }

    fn place(&self) -> anyhow::Result<Place> {
        match &self.output {
            Some(path) => named(path),
            None if self.format == Format::Parquet && std::io::stdout().is_terminal() => {
                let words =
                    "Parquet is nothing for a terminal: name a file, --output calls.parquet";
                Err(UsageError(words.to_owned()).into())
            }
            None => Ok(Place::Stdout),
        }
    }
}

fn named(path: &Path) -> anyhow::Result<Place> {
    if path.is_dir() {
        let words = format!("{} is a directory: name a file in it", path.display());
        return Err(UsageError(words).into());
    }
    Place::named(path).with_context(|| format!("{} cannot be written", path.display()))
}

pub(super) async fn export(context: &Context, arguments: &ExportArguments) -> anyhow::Result<Exit> {
    arguments.check()?;
    let filter = arguments.filter()?;
    let format = arguments.table_format();
    if let Some(format) = format {
        check_built_in(format)?;
    }
    let (stop, _listener) = stop_on_signal(&context.telemetry)?;
    let config = context.load().await?.config;
    let google = assemble::Google::new(&config);
    let archive = assemble::archive(&config, &google, &context.clock)?;
    let warehouse = assemble::warehouse(&config, &google, &archive, &context.clock)?;
    let taxonomy = assemble::taxonomy(&config)?;
    let all = fields(&taxonomy);
    let fields = arguments.fields(&all)?;
    warehouse.prepare(&taxonomy).await?;
    let corrections = assemble::corrections(&config, &archive)?;
    let pages = pages(Arc::clone(&warehouse), corrections, filter);
    let count = Count::default();
    let finished = match format {
        Some(format) => {
            let place = arguments.place()?;
            let work = write_table(pages, format, (all, fields), place, &count, &stop);
            shown(context, arguments, &count, work).await?
        }
        None => {
            let options = documents(context, arguments)?;
            let work = write_documents(pages, &archive, &options, &count, &stop);
            shown(context, arguments, &count, work).await?
        }
    };
    if !finished {
        return Err(stopped(arguments).into());
    }
    tell(context, arguments, count.get())?;
    Ok(Exit::Done)
}

fn documents(context: &Context, arguments: &ExportArguments) -> anyhow::Result<VconOptions> {
    let Some(directory) = arguments.output.clone() else {
        let words = "a document for each call needs a directory: --output calls";
        return Err(UsageError(words.to_owned()).into());
    };
    if directory.exists() && !directory.is_dir() {
        let words = format!(
            "{} is no directory: name one for the documents",
            directory.display()
        );
        return Err(UsageError(words).into());
    }
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    Ok(VconOptions {
        directory,
        embed_audio: arguments.embed_audio,
        now: context.clock.now(),
    })
}

/// Shows progress on stderr, unless the data is shown on the same terminal.
async fn shown<T>(
    context: &Context,
    arguments: &ExportArguments,
    count: &Count,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mixed = arguments.output.is_none() && std::io::stdout().is_terminal();
    let shown = (!mixed).then(|| context.telemetry.show_count("exporting", count.clone()));
    let done = work.await;
    if let Some(shown) = shown {
        shown.end();
    }
    done
}

fn stopped(arguments: &ExportArguments) -> Failure {
    let left = match (&arguments.output, arguments.format) {
        (Some(_), Format::Vcon) => "the documents that were written are whole",
        (Some(_), _) => "nothing was written",
        (None, _) => "the data on stdout is not whole",
    };
    Failure::new(
        FailureKind::Unavailable,
        format!("stopped before all calls were exported: {left}"),
    )
    .with_hint("export again to have them all")
}

/// Says what was written, where stdout is not the data itself.
fn tell(context: &Context, arguments: &ExportArguments, calls: u64) -> anyhow::Result<()> {
    let Some(path) = &arguments.output else {
        return Ok(());
    };
    let summary = json!({ "calls": calls, "output": path.display().to_string() });
    let text = || format!("{calls} calls exported to {}", path.display());
    context.output.either(&summary, text)
}
