//! Each format for three calls: one that is done, one that is parked, one that was skipped.

use callpipe_core::analysis::{
    Analysis, AverageSentiment, Intent, Sentiment, SentimentSegment, Topic,
};
use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::correction::{Correction, LabelName, Verdict};
use callpipe_core::exported::{
    ExportedCall, ExportedLabels, ExportedState, ExportedTranscript, ExportedTriage,
};
use callpipe_core::failure::FailureKind;
use callpipe_core::measures::{Measures, SpeakerMeasures};
use callpipe_core::money::Usd;
use callpipe_core::progress::{LastFailure, Stage};
use callpipe_core::recording::{ArchiveKey, Participant, Recording, Role, Sha256Hex};
use callpipe_core::taxonomy::Taxonomy;
use callpipe_core::triage::{ChannelHeard, Heard, Reason, RecordingTriage};
use chrono::{DateTime, Utc};
use expect_test::{Expect, expect, expect_file};
use serde_json::{Map, Value, json};

use super::csv::CsvSink;
use super::fields::{Field, chosen, fields};
use super::jsonl::JsonlSink;
use super::place::Place;
use super::table::Sink;
use super::*;
use crate::engine::stop::Stop;

pub(super) fn at(text: &str) -> Option<DateTime<Utc>> {
    parse_start(text).map(|at| at.with_timezone(&Utc))
}

fn state(stage: Stage, status: &str) -> ExportedState {
    ExportedState {
        stage,
        status: status.into(),
        skip_reason: None,
        attempt: 0,
        redo_count: 0,
        not_before: None,
        last_failure: None,
        listed_at: at("2026-05-01T00:00:00Z"),
        updated_at: at("2026-05-01T00:10:00.5Z"),
    }
}

fn call(id: &str, start: &str, state: ExportedState) -> ExportedCall {
    ExportedCall {
        contact: Contact::new(ContactId::parse(id).unwrap(), parse_start(start)),
        state,
        recordings: Vec::new(),
        audio_uri: None,
        triage: ExportedTriage::default(),
        transcript: ExportedTranscript::default(),
        transcribe_cost: None,
        classify_cost: None,
        labels: None,
    }
}

fn unreviewed(call: ExportedCall) -> ReviewedCall {
    ReviewedCall {
        call,
        corrections: Vec::new(),
    }
}

/// A call with all that can be known of one.
pub(super) fn done() -> ReviewedCall {
    let corrections = corrections();
    ReviewedCall {
        call: labelled(),
        corrections,
    }
}

/// What two people said of its labels, the second one knowing better.
fn corrections() -> Vec<Correction> {
    let said = |field, value: Option<Value>, model_value, by: &str, moment| Correction {
        contact_id: ContactId::parse("700123").unwrap(),
        field: LabelName::parse(field).unwrap(),
        verdict: match value {
            Some(value) => Verdict::Corrected {
                value: value.try_into().unwrap(),
            },
            None => Verdict::Accepted,
        },
        model_value: Some(model_value),
        by: by.into(),
        at: at(moment).unwrap(),
    };
    let (call_type, model) = ("call_type", json!(["product_enquiry", "complaint"]));
    let (zoe, bo) = ("=Zoë", "bo@example.com");
    vec![
        said(
            call_type,
            Some(json!(["complaint"])),
            model.clone(),
            zoe,
            "2026-05-02T09:00:00Z",
        ),
        said(
            "sale_result",
            None,
            json!("sale_completed"),
            zoe,
            "2026-05-02T09:00:01Z",
        ),
        said(
            "delivery_tracking.carrier",
            Some(json!("=Allied")),
            Value::Null,
            bo,
            "2026-05-02T09:30:00Z",
        ),
        said(
            call_type,
            Some(json!(["order_support"])),
            model,
            bo,
            "2026-05-03T09:00:00Z",
        ),
    ]
}

fn labelled() -> ExportedCall {
    let mut call = call(
        "700123",
        "2026-05-01T08:00:00+10:00",
        state(Stage::Classify, "done"),
    );
    call.contact.master_id = ContactId::parse("700100").ok();
    call.contact
        .metadata
        .insert("skill".into(), "=Parts".into());
    let key = ArchiveKey::recording(&call.contact.id, "voice-only", 1, "mp4");
    call.audio_uri = Some(format!("gs://calls/{key}"));
    call.recordings.push(Recording {
        key,
        media_type: "voice-only".into(),
        content_type: "audio/mp4".into(),
        sha256: Sha256Hex::of(b"audio"),
        size_bytes: 480_000,
        started_at: at("2026-04-30T22:00:01Z"),
        participants: vec![Participant {
            channel: Some(0),
            role: Role::Agent,
            name: Some("Zoë O'Neil".into()),
        }],
    });
    call.triage = triage();
    call.transcript = transcript(&call.contact.id);
    call.transcribe_cost = Some(Usd::from_micros(4_300));
    call.classify_cost = Some(Usd::from_micros(1_250));
    call.labels = Some(labels());
    call
}

/// Of a recording on which somebody speaks, and of one on which nobody does.
fn triage() -> ExportedTriage {
    let recording = |reason, speech_s, saved_usd: Option<Usd>| RecordingTriage {
        heard: Heard {
            format: "MP4 with AAC".into(),
            duration_s: Some(61.5),
            listened_s: 2.0,
            channels: vec![ChannelHeard {
                speech_s,
                peak_dbfs: -20.5,
            }],
        },
        bought: saved_usd.is_none(),
        reason,
        saved_usd,
    };
    ExportedTriage {
        recordings: vec![
            recording(Reason::Speech, 1.5, None),
            recording(Reason::NoSpeech, 0.0, Some(Usd::from_micros(4_300))),
        ],
        not_bought_s: Some(61.5),
        saved: Some(Usd::from_micros(4_300)),
        same_audio_as: ContactId::parse("=700122").ok(),
    }
}

fn transcript(id: &ContactId) -> ExportedTranscript {
    let (text, sentiment) = ("a chain".to_owned(), "neutral".to_owned());
    let (topic, intent) = ("Chains".to_owned(), "+Buy".to_owned());
    let speaker = SpeakerMeasures {
        talk_s: 2.5,
        words: 6,
        turns: 1,
        ..SpeakerMeasures::default()
    };
    let segment = SentimentSegment {
        text: text.clone(),
        sentiment: sentiment.clone(),
        sentiment_score: -0.25,
    };
    ExportedTranscript {
        conversation: Some("Agent: Parts, Zoë.\nCustomer: \"A chain\", please.".into()),
        plain_text: Some("Parts, Zoë.\n\"A chain\", please.".into()),
        analysis: Analysis {
            summary: Some("=Wants a chain.".into()),
            topics: vec![Topic {
                topic,
                confidence: 0.5,
                text: text.clone(),
            }],
            intents: vec![Intent {
                intent,
                confidence: 0.25,
                text,
            }],
            sentiment: Some(Sentiment {
                average: Some(AverageSentiment {
                    sentiment,
                    sentiment_score: 0.125,
                }),
                segments: vec![segment],
            }),
        },
        analysis_model: Some("gemini-3.5-flash-lite".into()),
        measures: Some(Measures {
            duration_s: 61.5,
            talk_s: 4.0,
            turns: 2,
            words: 5,
            speakers: [("Agent".to_owned(), speaker)].into(),
            ..Measures::default()
        }),
        duration_s: Some(61.5),
        provider: Some("deepgram".into()),
        model: Some("nova-3".into()),
        at: at("2026-05-01T00:05:00Z"),
        key: Some(ArchiveKey::transcript(id)),
    }
}

fn labels() -> ExportedLabels {
    let values = json!({
        "call_type": ["product_enquiry", "complaint"],
        "sale_result": "sale_completed",
        "no_sale_reasons": [],
        "agent_name": "Zoë",
        "confidence_scores": {"overall_confidence": 0.625, "call_type_confidence": "0.5"},
        "of_an_earlier_taxonomy": "x",
    });
    ExportedLabels {
        values: values.as_object().cloned().unwrap_or_else(Map::new),
        taxonomy_version: Some("v1.0".into()),
        prompt_version: Some("3".into()),
        provider: Some("gemini".into()),
        model: Some("gemini-3.5-flash-lite".into()),
        at: at("2026-05-01T00:10:00.5Z"),
    }
}

pub(super) fn parked() -> ReviewedCall {
    let last_failure = Some(LastFailure {
        kind: FailureKind::Unsupported,
        reason: "transcribing: the answer was 415".into(),
    });
    let state = ExportedState {
        attempt: 3,
        last_failure,
        ..state(Stage::Transcribe, "parked")
    };
    unreviewed(call("700124", "2026-05-02", state))
}

pub(super) fn skipped() -> ReviewedCall {
    let skip_reason = Some("not_found".into());
    let state = ExportedState {
        skip_reason,
        ..state(Stage::Fetch, "skipped")
    };
    unreviewed(call("../700125", "", state))
}

fn three() -> [ReviewedCall; 3] {
    [done(), parked(), skipped()]
}

fn all() -> Vec<Field> {
    fields(&Taxonomy::built_in())
}

fn some(names: &str) -> Vec<Field> {
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    chosen(&all(), &names).unwrap()
}

fn written<S: Sink<Vec<u8>>>(mut sink: S) -> Vec<u8> {
    sink.write(&three()).unwrap();
    Box::new(sink).finish().unwrap()
}

fn check(written: Vec<u8>, expected: &Expect) {
    expected.assert_eq(&String::from_utf8(written).unwrap());
}

fn csv(fields: &[Field], options: CsvOptions) -> Vec<u8> {
    written(CsvSink::new(Vec::new(), all(), fields, options).unwrap())
}

#[test]
fn every_field_has_a_value_and_every_value_a_field() {
    fn assert_same(fields: &[Field], record: &Value, within: &str) {
        let record = record
            .as_object()
            .unwrap_or_else(|| panic!("{within} is no object"));
        let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let mut keys: Vec<&str> = record.keys().map(String::as_str).collect();
        // The length of the recordings is a field of its own.
        keys.retain(|key| (within, *key) != ("measures", "duration_s"));
        names.sort_unstable();
        keys.sort_unstable();
        assert_eq!(names, keys, "in {within}");
        for field in fields {
            match (&field.shape, &record[&field.name]) {
                (_, Value::Null) => {}
                (fields::Shape::Struct(parts), value) => assert_same(parts, value, &field.name),
                (fields::Shape::Structs(parts), Value::Array(values)) => {
                    assert!(!values.is_empty(), "{} proves nothing", field.name);
                    assert_same(parts, &values[0], &field.name);
                }
                _ => {}
            }
        }
    }
    assert_same(&all(), &record::record(&done(), &all()), "a call");
}

#[test]
fn as_csv() {
    let written = csv(&all(), CsvOptions::default());
    let text = String::from_utf8(written).unwrap();
    // A golden file that keeps its line ends is none: Git and editors change them.
    assert!(text.ends_with("\r\n") && text.matches("\r\n").count() == 4);
    expect_file!["tests/calls.csv"].assert_eq(&text.replace("\r\n", "\n"));
}

#[test]
fn as_csv_for_excel_and_raw() {
    let fields = some("contact_id,summary,duration_s,labels.call_type");
    let options = CsvOptions {
        raw: true,
        byte_order_mark: true,
    };
    let text = String::from_utf8(csv(&fields, options)).unwrap();
    assert!(text.starts_with('\u{feff}'));
    expect![[r#"
        contact_id,summary,duration_s,labels.call_type
        700123,=Wants a chain.,61.5,"[""product_enquiry"",""complaint""]"
        700124,,,
        ../700125,,,
    "#]]
    .assert_eq(&text.replace("\r\n", "\n").replace('\u{feff}', ""));
}

#[test]
fn as_json_lines() {
    let written = written(JsonlSink::new(Vec::new(), all(), all()));
    expect_file!["tests/calls.jsonl"].assert_eq(&String::from_utf8(written).unwrap());
    let some = some("labels.sale_result,contact_id,sentiment.average");
    check(
        self::written(JsonlSink::new(Vec::new(), all(), some)),
        &expect![[r#"
            {"labels":{"sale_result":"sale_completed"},"contact_id":"700123","sentiment":{"average":{"sentiment":"neutral","sentiment_score":0.125}}}
            {"labels":null,"contact_id":"700124","sentiment":null}
            {"labels":null,"contact_id":"../700125","sentiment":null}
        "#]],
    );
}

#[cfg(feature = "parquet")]
#[test]
fn as_parquet() {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::schema::printer::print_schema;

    let sink = super::parquet::ParquetSink::new(Vec::new(), all(), &all()).unwrap();
    let reader = SerializedFileReader::new(bytes::Bytes::from(written(sink))).unwrap();
    let mut schema = Vec::new();
    print_schema(&mut schema, reader.metadata().file_metadata().schema());
    expect_file!["tests/calls.parquet.schema"].assert_eq(&String::from_utf8(schema).unwrap());
    let rows: Vec<String> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| format!("{}\n", row.unwrap()))
        .collect();
    expect_file!["tests/calls.parquet.rows"].assert_eq(&rows.concat());
}

/// One page, and then nothing for as long as the test lasts.
fn endless() -> Pages {
    let first = stream::iter([Ok(three().to_vec())]);
    first.chain(stream::pending()).boxed()
}

#[tokio::test]
async fn a_stopped_export_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("calls.csv");
    std::fs::write(&target, "of yesterday").unwrap();
    let (stop, count) = (Stop::default(), Count::default());
    let place = Place::named(&target).unwrap();
    let format = TableFormat::Csv(CsvOptions::default());
    let export = write_table(endless(), format, (all(), all()), place, &count, &stop);
    let stopping = async {
        while count.get() == 0 {
            tokio::task::yield_now().await;
        }
        stop.ask();
    };
    let (finished, ()) = futures::join!(export, stopping);
    assert!(!finished.unwrap(), "it was not all");
    assert_eq!(std::fs::read(&target).unwrap(), b"of yesterday");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_failed_read_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("calls.jsonl");
    let failure = callpipe_core::failure::Failure::new(FailureKind::StoreFailed, "no disk");
    let pages = stream::iter([Ok(three().to_vec()), Err(failure)]).boxed();
    let place = Place::named(&target).unwrap();
    let (stop, count) = (Stop::default(), Count::default());
    let work = write_table(
        pages,
        TableFormat::Jsonl,
        (all(), all()),
        place,
        &count,
        &stop,
    );
    assert_eq!(work.await.unwrap_err().message, "no disk");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_limit_ends_in_the_middle_of_a_page() {
    use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let config = SqliteConfig {
        path,
        ..SqliteConfig::default()
    };
    let warehouse = Arc::new(SqliteWarehouse::open(config, "file:///data".into()).unwrap());
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let contacts = three().map(|reviewed| reviewed.call.contact);
    let now = at("2026-05-01").unwrap();
    warehouse.add_contacts(&contacts, now).await.unwrap();
    for (limit, expected) in [(None, 3), (Some(0), 0), (Some(2), 2), (Some(9), 3)] {
        let filter = CallFilter {
            limit,
            ..CallFilter::default()
        };
        let warehouse: Arc<dyn Warehouse> = warehouse.clone();
        let read: Vec<_> = pages(warehouse, None, filter).collect().await;
        let calls: usize = read.into_iter().map(|page| page.unwrap().len()).sum();
        assert_eq!(calls, expected, "{limit:?}");
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn what_is_not_built_in_says_how_to_get_it() {
    let failure = check_built_in(TableFormat::Parquet).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("--features parquet"));
    check_built_in(TableFormat::Jsonl).unwrap();
}
