//! What must never be written to a log, whatever happens in a run.

use std::path::Path;

use callpipe_sandbox::{Expected, ExpectedOutcome};

use crate::support::{Bench, unlimited, world};

/// Faults that make every part of the program complain.
const FAULTS: [&str; 11] = [
    "cxone.metadata_401_once:times=1",
    "cxone.metadata_503:times=2",
    "cxone.metadata_html:times=2",
    "media.cut_body:times=5",
    "media.expired_url:times=5",
    "media.wrong_host:times=2",
    "deepgram.429:times=3,retry_after_s=0",
    "deepgram.malformed_json:times=5",
    "gemini.off_list:times=8",
    "gemini.prose_around:times=4",
    "gemini.blocked_prompt:times=6",
];

#[tokio::test]
async fn logs_hold_no_secret_no_signature_no_phone_number_and_no_words() {
    run_with_faults("json").await;
}

#[tokio::test]
async fn messages_for_cloud_logging_hold_none_either() {
    run_with_faults("cloud").await;
}

async fn run_with_faults(log_format: &str) {
    let bench = Bench::new(world(31, 60), unlimited()).await;
    for fault in FAULTS {
        bench.sandbox.faults().arm_text(fault).unwrap();
    }
    // One call is refused whenever it is tried, so that it is parked.
    let expected = bench.sandbox.world().expected();
    let is_transcribed = |call: &&Expected| call.outcome == ExpectedOutcome::Classified;
    let refused = expected.iter().find(is_transcribed).unwrap();
    let contact_id = &refused.contact_id;
    let fault = format!("deepgram.400_corrupt:contact={contact_id},probability=1.0");
    bench.sandbox.faults().arm_text(&fault).unwrap();
    let ran = bench
        .run(&[
            "--log-level",
            "trace",
            "--log-format",
            log_format,
            "--json",
            "run",
        ])
        .await
        .expect_code(0);
    let status = bench.run(&["status"]).await.expect_code(0);
    let shown = bench.run(&["config", "show"]).await.expect_code(0);
    let printed = [
        ran.stdout,
        ran.stderr,
        status.stdout,
        shown.stdout,
        shown.stderr,
    ]
    .concat();
    assert!(
        printed.contains("call parked"),
        "nothing went wrong, so nothing was proved"
    );
    for (what, word) in forbidden(&bench) {
        assert!(!printed.contains(&word), "{what} was printed: {word}");
    }
    assert_no_signature_below(&bench.path("data"), &bench.sandbox.media_url);
}

fn forbidden(bench: &Bench) -> Vec<(&'static str, String)> {
    let credentials = bench.sandbox.credentials;
    let mut words: Vec<(&'static str, String)> = [
        credentials.cxone_client_secret,
        credentials.cxone_access_key_id,
        credentials.cxone_access_key_secret,
        credentials.deepgram_api_key,
        credentials.google_access_token,
        "X-Amz-Signature",
        "eyJ",
    ]
    .map(|secret| ("a secret", secret.to_owned()))
    .into();
    let world = bench.sandbox.world();
    for call in world.corpus().calls() {
        let sentences = call
            .turns
            .iter()
            .map(|turn| turn.text.clone())
            .filter(|text| text.len() > 25);
        words.extend(sentences.map(|sentence| ("transcript text", sentence)));
    }
    for line in world.contacts_csv().lines().skip(1) {
        let numbers = line
            .split(',')
            .filter(|cell| cell.trim_matches('"').starts_with('+'));
        words.extend(numbers.map(|number| ("a phone number", number.trim_matches('"').to_owned())));
    }
    words
}

/// The stored metadata keeps links without what would open them.
fn assert_no_signature_below(folder: &Path, media_url: &str) {
    let database = std::fs::read(folder.join("callpipe.db")).unwrap();
    let wal = std::fs::read(folder.join("callpipe.db-wal")).unwrap_or_default();
    for bytes in [database, wal] {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("X-Amz-Signature"));
        assert!(
            text.is_empty() || text.contains(media_url),
            "the raw metadata is not kept"
        );
    }
}
