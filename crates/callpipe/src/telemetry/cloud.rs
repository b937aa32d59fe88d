//! Messages for Cloud Logging: one JSON object a line, with the names that its agent knows.
//!
//! Source: "Structured logging" and "LogEntry" of Google Cloud's documentation: `severity`,
//! `message`, `time`, and `logging.googleapis.com/…` for trace, span, labels and source; all other
//! fields become the entry's payload. Entries of one execution share a trace, so that its tasks are
//! read together; a call's work is a span.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, OnceLock};

use callpipe_core::contracts::clock::Clock;
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::cloud_run::CloudRun;

/// What is known only after the configuration was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Later {
    /// The Google Cloud project, without which a trace has no name.
    pub(super) project: Option<String>,
    /// Which part of the calls this run is about.
    pub(super) shard: Option<String>,
}

/// Writes what happens.
pub(super) struct CloudLayer<W> {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) task: Option<CloudRun>,
    pub(super) later: Arc<OnceLock<Later>>,
    pub(super) writer: W,
}

/// Fields with their values, in their order.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}

impl<S, W> Layer<S> for CloudLayer<W>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut around = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                around.0.extend(of_span.0.iter().cloned());
            }
        }
        let mut line = self.entry(event, &fields, &around).to_string();
        line.push('\n');
        // There is nobody to tell that telling failed.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

impl<W> CloudLayer<W> {
    fn entry(&self, event: &Event<'_>, fields: &Fields, around: &Fields) -> Value {
        let metadata = event.metadata();
        let mut entry = Map::new();
        let own = fields.0.iter().filter(|(name, _)| *name != "message");
        for (name, value) in around.0.iter().chain(own) {
            entry.insert((*name).to_owned(), value.clone());
        }
        let time = self.clock.now();
        entry.insert("severity".into(), severity(*metadata.level()).into());
        entry.insert("message".into(), message(fields).into());
        entry.insert(
            "time".into(),
            time.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        );
        let mut google = |name: &str, value: Value| {
            entry.insert(format!("logging.googleapis.com/{name}"), value);
        };
        if let Some(trace) = self.trace() {
            google("trace", trace.into());
        }
        let contact_id = around.get("contact_id").or(fields.get("contact_id"));
        if let Some(Value::String(contact_id)) = contact_id {
            google("spanId", hash(contact_id, 8).into());
        }
        let stage = around.get("stage").or(fields.get("stage"));
        google("labels", self.labels(stage, contact_id));
        if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
            let function = metadata.module_path().unwrap_or_default();
            let location =
                json!({ "file": file, "line": number.to_string(), "function": function });
            google("sourceLocation", location);
        }
        Value::Object(entry)
    }

    /// One trace an execution. Its name must be in one project.
    fn trace(&self) -> Option<String> {
        let execution = self.task.as_ref().map(|task| task.execution.as_str());
        let execution = execution.filter(|execution| !execution.is_empty())?;
        let project = self.later.get()?.project.as_deref()?;
        Some(format!("projects/{project}/traces/{}", hash(execution, 16)))
    }

    /// What entries are filtered by. Labels are text.
    fn labels(&self, stage: Option<&Value>, contact_id: Option<&Value>) -> Value {
        let task = self.task.as_ref();
        let later = self.later.get();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let labels = [
            ("stage", text(stage)),
            ("contact_id", text(contact_id)),
            ("shard", later.and_then(|later| later.shard.clone())),
            ("job", task.map(|task| task.job.clone())),
            ("execution", task.map(|task| task.execution.clone())),
        ];
        let known = labels
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        Value::Object(known.collect())
    }
}

/// The words, and the fields behind them: lists of entries show nothing else.
fn message(fields: &Fields) -> String {
    let words = fields.get("message").and_then(Value::as_str);
    let mut message = words.unwrap_or_default().to_owned();
    for (name, value) in &fields.0 {
        let _infallible = match value {
            _ if *name == "message" => Ok(()),
            Value::String(text) if text.contains(char::is_whitespace) => {
                write!(message, " {name}={text:?}")
            }
            Value::String(text) => write!(message, " {name}={text}"),
            value => write!(message, " {name}={value}"),
        };
    }
    message
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

/// So many bytes of a text's SHA-256, in hexadecimal digits.
fn hash(text: &str, bytes: usize) -> String {
    hex::encode(&Sha256::digest(text)[..bytes])
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use chrono::{DateTime, Utc};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_790_000_000, 250_000_000).unwrap()
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written while something happens, an object a line.
    fn entries(task: Option<CloudRun>, later: Option<Later>, happens: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let known = Arc::new(OnceLock::new());
        if let Some(later) = later {
            known.set(later).unwrap();
        }
        let layer = CloudLayer {
            clock: Arc::new(Noon),
            task,
            later: known,
            writer: move || writer.clone(),
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, happens);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn task() -> Option<CloudRun> {
        Some(CloudRun {
            job: "calls".into(),
            execution: "calls-x7k2p".into(),
            task_index: 1,
            attempt: 0,
        })
    }

    fn later() -> Option<Later> {
        Some(Later {
            project: Some("my-project".into()),
            shard: Some("2 of 4".into()),
        })
    }

    #[test]
    fn a_message_has_googles_names_and_reads_well_in_a_list() {
        let reason = "HTTP 503: \"busy\"";
        let entries = entries(task(), later(), || {
            tracing::warn!(stage = %"fetch", contact_id = "600", attempt = 2, reason, "call will be tried again");
        });
        let entry = &entries[0];
        assert_eq!(entry["severity"], "WARNING");
        assert_eq!(
            entry["message"],
            r#"call will be tried again stage=fetch contact_id=600 attempt=2 reason="HTTP 503: \"busy\"""#
        );
        assert_eq!(entry["time"], "2026-09-21T14:13:20.250000Z");
        assert_eq!(
            (&entry["attempt"], &entry["reason"]),
            (&json!(2), &json!(reason))
        );
        assert_eq!(
            entry["logging.googleapis.com/labels"],
            json!({ "stage": "fetch", "contact_id": "600", "shard": "2 of 4", "job": "calls", "execution": "calls-x7k2p" })
        );
        let location = &entry["logging.googleapis.com/sourceLocation"];
        assert!(
            location["file"]
                .as_str()
                .unwrap()
                .ends_with("telemetry/cloud.rs")
        );
        assert!(location["line"].as_str().unwrap().parse::<u32>().is_ok());
    }

    #[test]
    fn what_is_told_within_a_calls_work_belongs_to_the_call() {
        let entries = entries(task(), later(), || {
            let _call =
                tracing::error_span!("call", stage = %"transcribe", contact_id = "600").entered();
            tracing::debug!("trying the same link again");
        });
        let entry = &entries[0];
        assert_eq!(entry["severity"], "DEBUG");
        assert_eq!(entry["contact_id"], "600");
        assert_eq!(entry["message"], "trying the same link again");
        assert_eq!(
            entry["logging.googleapis.com/labels"]["stage"],
            "transcribe"
        );
    }

    #[test]
    fn tasks_of_an_execution_share_a_trace_and_calls_are_spans() {
        let traced = |task_index, contact_id| {
            let task = task().map(|task| CloudRun { task_index, ..task });
            let entries = entries(task, later(), || {
                tracing::info!(contact_id, "stage finished")
            });
            let field = |name: &str| entries[0][format!("logging.googleapis.com/{name}")].clone();
            (field("trace"), field("spanId"))
        };
        let ((first, first_call), (second, second_call)) = (traced(0, "600"), traced(1, "601"));
        assert_eq!(first, second);
        let trace = first.as_str().unwrap();
        let (project, trace) = trace.split_once("/traces/").unwrap();
        assert_eq!((project, trace.len()), ("projects/my-project", 32));
        assert_ne!(first_call, second_call);
        assert_eq!(first_call.as_str().unwrap().len(), 16);
    }

    #[test]
    fn nothing_is_made_up_where_nothing_is_known() {
        let entries = entries(None, None, || {
            tracing::error!(left_s = f64::NAN, "it broke")
        });
        assert_eq!(entries[0]["severity"], "ERROR");
        assert_eq!(entries[0]["left_s"], Value::Null);
        assert!(entries[0].get("logging.googleapis.com/trace").is_none());
        assert!(entries[0].get("logging.googleapis.com/spanId").is_none());
        assert_eq!(entries[0]["logging.googleapis.com/labels"], json!({}));
    }
}
