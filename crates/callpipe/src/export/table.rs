//! Calls into one file: pages are read while the one before is written.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use futures::TryStreamExt;
use tokio::sync::mpsc;

use super::csv::{CsvOptions, CsvSink};
use super::fields::Field;
use super::jsonl::JsonlSink;
use super::place::Place;
use super::{Count, Pages, ReviewedCall};
use crate::engine::stop::Stop;

/// For so long a stop waits for what is being written.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// A file with one record a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values.
    Csv(CsvOptions),
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// Writes calls in one format.
pub(super) trait Sink<W>: Send {
    fn write(&mut self, calls: &[ReviewedCall]) -> io::Result<()>;
    /// Ends the file, and gives back what it was written to.
    fn finish(self: Box<Self>) -> io::Result<W>;
}

/// What is written to: nothing but a buffer would be slow.
pub(super) type To = BufWriter<Place>;

/// Writes all calls to a place. `all` fields are known, `fields` of them are written. A reader that
/// stops listening is no error. A stop leaves nothing behind; the answer is whether all were written.
pub async fn write_table(
    mut pages: Pages,
    format: TableFormat,
    (all, fields): (Vec<Field>, Vec<Field>),
    place: Place,
    count: &Count,
    stop: &Stop,
) -> Outside<bool> {
    let doing = format!("writing {place}");
    let (sender, receiver) = mpsc::channel(1);
    let (written, to) = (count.clone(), BufWriter::new(place));
    let writer = tokio::task::spawn_blocking(move || {
        write_pages(sink(format, to, all, fields)?, receiver, &written)
    });
    let sent = send(&mut pages, sender);
    let read = tokio::select! {
        read = sent => read,
        () = stop.asked() => Ok(()),
    };
    let written = tokio::select! {
        written = writer => written,
        // It may wait for a reader of stdout that does not read.
        () = stop.asked_for(STOP_GRACE) => return Ok(false),
    };
    let written =
        written.map_err(|error| Failure::bug(format!("{doing} broke off")).with_source(error))?;
    read?;
    match written {
        Ok(whole) => Ok(whole),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(write_failure(&doing, error)),
    }
}

/// Hands all pages to the writer, and says that they were all. Ends early where the writer has
/// ended, which says why.
async fn send(pages: &mut Pages, sender: mpsc::Sender<Message>) -> Outside<()> {
    while let Some(page) = pages.try_next().await? {
        if sender.send(Message::Page(page)).await.is_err() {
            return Ok(());
        }
    }
    // The same is true here.
    let _ = sender.send(Message::End).await;
    Ok(())
}

/// What it means that a file cannot be written.
pub(super) fn write_failure(doing: &str, error: io::Error) -> Failure {
    Failure::new(FailureKind::StoreFailed, doing)
        .with_source(error)
        .with_hint("look for room and for permission where it is written to, or name another place: --output")
}

enum Message {
    Page(Vec<ReviewedCall>),
    /// All pages were sent. Without it the export was broken off.
    End,
}

fn sink(
    format: TableFormat,
    to: To,
    all: Vec<Field>,
    fields: Vec<Field>,
) -> io::Result<Box<dyn Sink<To>>> {
    Ok(match format {
        TableFormat::Csv(options) => Box::new(CsvSink::new(to, all, &fields, options)?),
        TableFormat::Jsonl => Box::new(JsonlSink::new(to, all, fields)),
        #[cfg(feature = "parquet")]
        TableFormat::Parquet => Box::new(super::parquet::ParquetSink::new(to, all, &fields)?),
        #[cfg(not(feature = "parquet"))]
        TableFormat::Parquet => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// Writes what comes. Says whether it was all; a file that is not whole is gone then.
fn write_pages(
    mut sink: Box<dyn Sink<To>>,
    mut receiver: mpsc::Receiver<Message>,
    count: &Count,
) -> io::Result<bool> {
    while let Some(message) = receiver.blocking_recv() {
        match message {
            Message::Page(calls) => {
                sink.write(&calls)?;
                count.add(calls.len() as u64);
            }
            Message::End => {
                let mut to = sink.finish()?;
                to.flush()?;
                let place = to.into_inner().map_err(io::IntoInnerError::into_error)?;
                place.publish()?;
                return Ok(true);
            }
        }
    }
    Ok(false)
}
