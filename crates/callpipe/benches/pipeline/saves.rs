//! Saving outcomes in batches.

use std::sync::Arc;
use std::time::Instant;

use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::warehouse::{Change, Outcome, Warehouse};
use callpipe_core::progress::{CallProgress, Stage};
use callpipe_core::recording::{ArchiveKey, Recording, Sha256Hex};
use callpipe_core::taxonomy::Taxonomy;
use chrono::DateTime;

use crate::figures::{figure, heading};

/// Saves so many outcomes of the fetch stage, in batches as large as the warehouse likes them.
pub(crate) fn rows_a_second(rows: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rates: Vec<f64> = (0..5).map(|_| runtime.block_on(saved(rows))).collect();
    heading(&format!("{rows} outcomes saved in batches"));
    figure("rows saved", &rates, "rows/s", ">= 20000");
}

async fn saved(rows: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig {
        path: folder.path().join("callpipe.db"),
        ..SqliteConfig::default()
    };
    let warehouse = SqliteWarehouse::open(config, "file:///archive".into()).unwrap();
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let contacts: Vec<Contact> = (0..rows).map(contact).collect();
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    for page in contacts.chunks(10_000) {
        warehouse.add_contacts(page, now).await.unwrap();
    }
    let outcomes: Vec<Arc<Outcome>> = contacts.into_iter().map(fetched).map(Arc::new).collect();
    let begin = Instant::now();
    for batch in outcomes.chunks(warehouse.batching().rows_max) {
        warehouse.save(batch).await.unwrap();
    }
    rows as f64 / begin.elapsed().as_secs_f64()
}

fn contact(number: usize) -> Contact {
    let id = ContactId::parse(&(700_000_000_000 + number).to_string()).unwrap();
    let day = number % 28 + 1;
    Contact::new(id, parse_start(&format!("2026-03-{day:02}T08:00:00Z")))
}

fn fetched(contact: Contact) -> Outcome {
    let recording = Recording {
        key: ArchiveKey::recording(&contact.id, "voice-only", 1, "mp4"),
        media_type: "voice-only".into(),
        content_type: "audio/mp4".into(),
        sha256: Sha256Hex::of(contact.id.as_str().as_bytes()),
        size_bytes: 100_000,
        started_at: contact.started_at_utc(),
        participants: Vec::new(),
    };
    Outcome {
        progress: CallProgress {
            stage: Stage::Transcribe,
            ..CallProgress::new(contact.id.clone())
        },
        contact,
        change: Change::Fetched {
            recordings: vec![recording],
            raw_metadata: Some("{\"interactions\":[]}".into()),
        },
        at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    }
}
