//! The whole pipeline on emulators of Google Cloud: contacts, state and results in goccy's BigQuery
//! emulator, the archive in fake-gcs-server or, where there is none, in the sandbox's bucket; all of
//! it configured by the environment of the earlier scripts alone, as far as that goes. Left out
//! where there is no BigQuery emulator.

mod emulator;
mod pulled;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callpipe::clock::SystemClock;
use callpipe_connectors::archive::{Archive, GcsConfig};
use callpipe_connectors::google::{GoogleConfig, Identity};
use callpipe_connectors::http::Endpoint;
use callpipe_connectors::secret::Secret;
use callpipe_core::recording::ArchiveKey;
use callpipe_sandbox::{Expected, ExpectedOutcome, Outcome, System};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::jobs::calls_with_different_audio;
use crate::recovery::{terminate, until_deepgram_was_asked};
use crate::storage;
use crate::support::{Bench, unlimited, world};
use emulator::{BigQuery, table};

/// The source table of the scripts, with the id of the whole conversation beside.
const CONTACTS: [(&str, &str); 3] = [
    ("contactId", "STRING"),
    ("startDate", "TIMESTAMP"),
    ("masterContactId", "STRING"),
];

/// The tracking table as the scripts make it.
const TRACKING: [(&str, &str); 15] = [
    ("contactId", "STRING"),
    ("recording_filename", "STRING"),
    ("gcs_uri", "STRING"),
    ("fetch_datetime", "TIMESTAMP"),
    ("status", "STRING"),
    ("raw_response", "STRING"),
    ("transcribed", "INTEGER"),
    ("analysed", "INTEGER"),
    ("transcription", "STRING"),
    ("transcription_raw", "STRING"),
    ("summary", "STRING"),
    ("topics", "STRING"),
    ("intents", "STRING"),
    ("sentiment", "STRING"),
    ("gemini_analysed", "INTEGER"),
];

/// A bench whose contacts, archive, state and results are on Google's emulators.
struct OnGoogle {
    bench: Bench,
    bigquery: BigQuery,
    bucket: String,
    storage_url: String,
}

impl OnGoogle {
    async fn new(seed: u64, calls: usize, left_out: &str) -> Option<Self> {
        let bench = Bench::new(world(seed, calls), unlimited()).await;
        let project = bench.sandbox.credentials.google_project;
        let bigquery = BigQuery::find(project, left_out).await?;
        let (bucket, storage_url) = storage::bucket(&bench, &format!("it-google-{seed}")).await;
        // The vendors' stand-ins have addresses of their own; all else is the scripts' environment.
        let configuration = bench.configuration();
        let (_, rest) = configuration.split_once("[recordings.nice_cxone]").unwrap();
        let (recordings, rest) = rest.split_once("[archive.directory]").unwrap();
        let (_, rest) = rest.split_once("[transcriber.deepgram]").unwrap();
        let (vendors, _) = rest.split_once("[warehouse.sqlite]").unwrap();
        let engine = "[engine]\nretry_delay_ms = 20\nretry_delay_ms_max = 200\nlease_ttl_s = 6\n";
        bench.write(
            "callpipe.toml",
            &format!("[recordings.nice_cxone]{recordings}[transcriber.deepgram]{vendors}{engine}"),
        );
        let (dataset, counted_url) = (&bigquery.dataset, &bigquery.counted_url);
        bench.write(
            ".env",
            &format!(
                "GCP_PROJECT_ID={project}\nGCP_DATASET_ID={dataset}\nGCP_SOURCE_TABLE=contacts\n\
                 GCP_TRACKING_TABLE=recording_fetch_status\nGCS_BUCKET_NAME={bucket}\n\
                 BIGQUERY_EMULATOR_HOST={counted_url}\nSTORAGE_EMULATOR_HOST={storage_url}\n"
            ),
        );
        let google = Self {
            bench,
            bigquery,
            bucket,
            storage_url,
        };
        Some(google)
    }

    /// Fills the source table with some of the world's contacts.
    async fn list(&self, calls: &[Expected]) {
        let world = self.bench.sandbox.world();
        let contacts = calls
            .iter()
            .map(|call| world.contact(&call.contact_id).unwrap());
        let rows: Vec<Value> = contacts
            .map(|contact| {
                json!({
                    "contactId": contact.contact_id,
                    "startDate": contact.started_at.to_rfc3339(),
                    "masterContactId": contact.master_contact_id,
                })
            })
            .collect();
        self.bigquery.create("contacts", &table(&CONTACTS)).await;
        self.bigquery
            .load("contacts", &table(&CONTACTS), &rows)
            .await;
    }

    /// Puts an object into the bucket.
    async fn put(&self, name: &str, bytes: Bytes) {
        let config = GcsConfig {
            bucket: Some(self.bucket.clone()),
            endpoint: Endpoint::parse(&self.storage_url).unwrap(),
            ..GcsConfig::default()
        };
        let token = self.bench.sandbox.credentials.google_access_token;
        let google = GoogleConfig {
            access_token: Some(Secret::new(token)),
            ..GoogleConfig::default()
        };
        let identity = Identity::new(&google).unwrap();
        let archive = Archive::gcs(&config, &identity, Arc::new(SystemClock)).unwrap();
        let key = ArchiveKey::adopted(name).unwrap();
        let stored = archive
            .put_recording(&key, stream::iter([Ok(bytes)]).boxed())
            .await;
        assert_eq!(stored.unwrap().key, key);
    }

    /// The state of each call as its outcome in the sandbox's world wants it, and one row of labels
    /// for each that is classified.
    async fn assert_as_expected(&self, expected: &[Expected]) {
        let rows = self
            .bigquery
            .rows(
                "SELECT contactId, stage_status, skip_reason, status, transcribed, \
                 gemini_analysed FROM {recording_fetch_status}",
            )
            .await;
        let mut found: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        for mut row in rows {
            let id = row.remove(0).unwrap();
            assert_eq!(found.insert(id.clone(), row), None, "{id} is there twice");
        }
        assert_eq!(found.len(), expected.len());
        for call in expected {
            let row = &found[&call.contact_id];
            let expected = match &call.outcome {
                ExpectedOutcome::NotFound => {
                    ["skipped", "not_found", "NOT_FOUND", "0", "0"].map(Some)
                }
                // CXone says "not found" of calls that it never recorded, too.
                ExpectedOutcome::NoRecording => {
                    let status = row[2].as_deref();
                    [
                        Some("skipped"),
                        row[1].as_deref(),
                        status,
                        Some("0"),
                        Some("0"),
                    ]
                }
                ExpectedOutcome::NoSpeech => {
                    ["skipped", "no_speech", "SUCCESS", "1", "0"].map(Some)
                }
                ExpectedOutcome::Classified => {
                    [Some("done"), None, Some("SUCCESS"), Some("1"), Some("1")]
                }
            };
            let row: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
            assert_eq!(row, expected, "call {}", call.contact_id);
        }
        let classified = expected
            .iter()
            .filter(|call| call.outcome == ExpectedOutcome::Classified);
        let classified = Some(classified.count().to_string());
        let labels = self
            .bigquery
            .rows("SELECT COUNT(*), COUNT(DISTINCT contactId) FROM {call_classifications}")
            .await;
        assert_eq!(labels, [[classified.clone(), classified]]);
    }
}

#[tokio::test]
async fn a_thousand_calls_end_where_they_should_for_a_dozen_statements() {
    let left_out = "a whole run with archive, state and results on Google's emulators";
    let Some(google) = OnGoogle::new(31, 1_000, left_out).await else {
        return;
    };
    let expected = google.bench.sandbox.world().expected();
    google.list(&expected).await;
    // One stage after the other, each a program of its own, as Cloud Run runs them.
    for stage in ["fetch", "transcribe", "classify"] {
        google.bench.run(&[stage]).await.expect_code(0);
    }
    let statements = google.bigquery.statements();
    assert!(
        statements <= 12,
        "{statements} statements for a thousand calls"
    );
    google.assert_as_expected(&expected).await;
    assert_eq!(google.bench.bought_most(System::Deepgram), 1);
    assert_eq!(google.bench.bought_most(System::Gemini), 1);

    let journal = google.bench.sandbox.journal();
    let vendors = [
        System::NiceCxone,
        System::Media,
        System::Deepgram,
        System::Gemini,
    ];
    let asked = vendors.map(|system| journal.count(system));
    google.bench.run(&["run"]).await.expect_code(0);
    let asked_again = vendors.map(|system| journal.count(system));
    assert_eq!(asked_again, asked, "a second run asks no vendor anything");
}

#[tokio::test]
async fn what_the_scripts_left_half_done_is_finished() {
    let left_out = "finishing the tables of the earlier scripts";
    let Some(google) = OnGoogle::new(32, 150, left_out).await else {
        return;
    };
    let world = google.bench.sandbox.world();
    let expected = world.expected();
    google.list(&expected).await;
    let classified: Vec<&str> = expected
        .iter()
        .filter(|call| call.outcome == ExpectedOutcome::Classified)
        .map(|call| call.contact_id.as_str())
        .collect();
    let [failed, fetched, transcribed, labelled, done, ..] = classified.as_slice() else {
        panic!("too few calls that are classified");
    };
    let missing = expected
        .iter()
        .find(|call| call.outcome == ExpectedOutcome::NotFound)
        .unwrap();
    // The audio of the fetched call is in the bucket, as its script has put it there; the vendor no
    // longer has it.
    let contact = world.contact(fetched).unwrap();
    assert!(matches!(contact.outcome, Outcome::Recorded { .. }));
    let audio = world.audio(contact, 0).unwrap();
    let name = format!("recordings/{fetched}_voice-only.mp4");
    google.put(&name, audio).await;
    let uri = format!("gs://{}/{name}", google.bucket);
    let words = "Agent: Good morning.\nCustomer: I would like a chain for my saw.";
    let rows = [
        json!({"contactId": failed, "status": "FAILED", "transcribed": 0}),
        json!({"contactId": fetched, "status": "SUCCESS", "transcribed": 0, "gcs_uri": uri,
            "recording_filename": format!("{fetched}_voice-only.mp4")}),
        json!({"contactId": transcribed, "status": "SUCCESS", "transcribed": 1, "analysed": 1,
            "gcs_uri": "gs://elsewhere/x.mp4", "transcription": words}),
        // A crash between the scripts' INSERT and UPDATE: labels, and no word of it.
        json!({"contactId": labelled, "status": "SUCCESS", "transcribed": 1, "analysed": 1,
            "gcs_uri": "gs://elsewhere/y.mp4", "transcription": words, "gemini_analysed": 0}),
        json!({"contactId": done, "status": "SUCCESS", "transcribed": 1, "analysed": 1,
            "transcription": words, "gemini_analysed": 1}),
        json!({"contactId": missing.contact_id, "status": "NOT_FOUND", "transcribed": 0,
            "gemini_analysed": 0}),
    ];
    let bigquery = &google.bigquery;
    bigquery
        .create("recording_fetch_status", &table(&TRACKING))
        .await;
    bigquery
        .load("recording_fetch_status", &table(&TRACKING), &rows)
        .await;
    let labels = [
        ("call_id", "STRING"),
        ("contactId", "STRING"),
        ("sale_result", "STRING"),
    ];
    bigquery
        .create("call_classifications", &table(&labels))
        .await;
    let rows = [labelled, done].map(|id| json!({"contactId": id, "sale_result": "theirs"}));
    bigquery
        .load("call_classifications", &table(&labels), &rows)
        .await;

    google.bench.run(&["run"]).await.expect_code(0);
    google.assert_as_expected(&expected).await;
    let theirs = bigquery
        .rows("SELECT contactId FROM {call_classifications} WHERE sale_result = 'theirs'")
        .await;
    assert_eq!(theirs, [[Some((*done).to_owned())]], "what was done stays");
    let dates = bigquery
        .rows("SELECT COUNTIF(call_started_at IS NULL) FROM {recording_fetch_status}")
        .await;
    assert_eq!(dates, [[Some("0".to_owned())]], "starts are filled in");
    let journal = google.bench.sandbox.journal();
    for id in [fetched, transcribed, labelled, done] {
        let asked = journal.entries().into_iter().filter(|entry| {
            let of_vendor = matches!(entry.system, System::NiceCxone | System::Media);
            of_vendor && entry.contact_id.as_deref() == Some(id)
        });
        assert_eq!(asked.count(), 0, "{id} was fetched before");
    }
}

#[tokio::test]
async fn a_stop_saves_what_waits_to_be_saved() {
    let left_out = "stopping a run whose outcomes wait to be saved in BigQuery";
    let Some(google) = OnGoogle::new(34, 80, left_out).await else {
        return;
    };
    let bench = &google.bench;
    let expected = bench.sandbox.world().expected();
    google.list(&expected).await;
    // One request that does not end keeps the batch open: it is saved by the stop alone.
    let fault = "deepgram.slow:delay_ms=60000,times=1";
    bench.sandbox.faults().arm_text(fault).unwrap();
    let child = bench.start(&["run"]);
    until_deepgram_was_asked(bench, 30).await;
    let begin = Instant::now();
    terminate(&child);
    let stopped = child.wait_with_output().await.unwrap();
    crate::support::ran(stopped).expect_code(75);
    let took = begin.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "it is killed after ten seconds: {took:?}"
    );
    let saved = google
        .bigquery
        .rows("SELECT COUNT(*) FROM {recording_fetch_status} WHERE transcribed = 1")
        .await;
    let saved: usize = saved[0][0].as_ref().unwrap().parse().unwrap();
    assert!(saved >= 20, "{saved} calls are saved");
    bench.run(&["run"]).await.expect_code(0);
    google.assert_as_expected(&expected).await;
}

#[tokio::test]
async fn shards_share_the_calls_and_a_killed_one_loses_nothing() {
    let left_out = "four shards on Google's emulators, one of them killed";
    let Some(google) = OnGoogle::new(33, 300, left_out).await else {
        return;
    };
    let bench = &google.bench;
    let expected = calls_with_different_audio(bench);
    google.list(&expected).await;
    let shards = ["1/4", "2/4", "3/4", "4/4"];
    let mut runs: Vec<_> = shards
        .iter()
        .map(|shard| bench.start(&["run", "--shard", shard]))
        .collect();
    let mut killed = runs.pop().unwrap();
    // As soon as it has bought something, in the middle of its work.
    while bench.sandbox.journal().count(System::Deepgram) == 0 {
        tokio::task::yield_now().await;
    }
    killed.kill().await.unwrap();
    for run in runs {
        crate::support::ran(run.wait_with_output().await.unwrap()).expect_code(0);
    }
    bench.run(&["run", "--shard", "4/4"]).await.expect_code(0);
    google.assert_as_expected(&expected).await;
    // Only what was in flight when it was killed may have been bought twice.
    let purchases = bench.sandbox.journal().purchases();
    let twice = purchases.iter().filter(|purchase| purchase.times > 1);
    let twice: usize = twice.map(|purchase| purchase.times - 1).sum();
    let in_flight_max = 3 + 2;
    assert!(twice <= in_flight_max, "{twice} bought twice");
}
