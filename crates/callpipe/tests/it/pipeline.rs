//! Contacts in, classified calls out: what a run leaves is what really happened in the calls.

use callpipe_sandbox::{Expected, ExpectedOutcome, Fault, System, Truth};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Bench, Row, recent_world, unlimited, world};

#[tokio::test]
async fn every_call_ends_where_it_should_with_the_true_labels() {
    let bench = Bench::new(world(11, 120), unlimited()).await;
    let ran = bench.run(&["--json", "run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    for (number, flag) in ["transcribed", "gemini_analysed"].into_iter().enumerate() {
        let figures = &ran.json()["stages"][number + 1][1];
        let ended = ["finished", "skipped"].map(|end| figures[end].as_i64().unwrap());
        let sql = format!("SELECT count(*) FROM recording_fetch_status WHERE {flag} = 1");
        let calls = bench.count(&sql);
        assert_eq!(ended.iter().sum::<i64>(), calls, "no call is done twice");
    }
    assert_eq!(bench.sandbox.journal().violations(), []);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    assert_eq!(bench.bought_most(System::Gemini), 1);

    let requests = bench.sandbox.journal().entries().len();
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(
        bench.sandbox.journal().entries().len(),
        requests,
        "a second run asks nobody anything"
    );
}

#[tokio::test]
async fn stages_one_at_a_time_give_the_same() {
    let bench = Bench::new(world(12, 40), unlimited()).await;
    for stage in ["fetch", "transcribe", "classify"] {
        bench.run(&[stage]).await.expect_code(0);
    }
    assert_all_as_expected(&bench);
}

/// Puts CXone's report in place of the list of contacts.
pub(crate) fn contacts_from_cxone(bench: &Bench) {
    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    let account: String = configuration
        .lines()
        .filter(|line| {
            ["issuer", "client_", "access_key"]
                .iter()
                .any(|key| line.starts_with(key))
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let configuration = configuration.replace(
        "[contacts.csv]\npath = \"contacts.csv\"\n",
        &format!("[contacts.nice_cxone]\n{account}"),
    );
    bench.write("callpipe.toml", &configuration);
}

#[tokio::test]
async fn contacts_can_come_from_cxone() {
    let bench = Bench::new(recent_world(13, 60), unlimited()).await;
    contacts_from_cxone(&bench);
    bench.run(&["run"]).await.expect_code(0);
    // A report does not list what the contact centre does not know.
    let listed = bench
        .sandbox
        .world()
        .expected()
        .into_iter()
        .filter(|call| call.outcome != ExpectedOutcome::NotFound);
    assert_as_expected(&bench, &listed.collect::<Vec<_>>());
}

/// Each fault strikes every call once: every call still ends right, and nothing that arrived whole
/// is bought twice.
#[tokio::test]
async fn every_passing_fault_is_survived() {
    const FAULTS: [&str; 28] = [
        "cxone.metadata_401_once:times=1",
        "cxone.metadata_429:retry_after_s=0",
        "cxone.metadata_500",
        "cxone.metadata_503",
        "cxone.metadata_malformed_json",
        "cxone.metadata_html",
        "cxone.metadata_404_gateway",
        "cxone.metadata_empty_object",
        "cxone.connection_reset",
        "media.cut_body",
        "media.cut_chunked",
        "media.expired_url",
        "media.500",
        "media.503_slow_down",
        "media.empty_body",
        "media.connection_reset",
        "deepgram.429:retry_after_s=0",
        "deepgram.422",
        "deepgram.503",
        "deepgram.html",
        "deepgram.text",
        "deepgram.plain_text_error",
        "deepgram.connection_reset",
        "gemini.429:retry_after_s=0",
        "gemini.503",
        "gemini.html",
        "gemini.off_list",
        "gemini.max_tokens",
    ];
    for fault in FAULTS {
        let bench = Bench::new(world(14, 12), unlimited()).await;
        let joint = if fault.contains(':') { ',' } else { ':' };
        bench
            .sandbox
            .faults()
            .arm(Fault::parse(&format!("{fault}{joint}each=1")).unwrap());
        let ran = bench.run(&["run"]).await;
        assert_eq!(ran.code, Some(0), "{fault}\n{}\n{}", ran.stdout, ran.stderr);
        println!("after {fault}:");
        assert_all_as_expected(&bench);
        assert_eq!(bench.bought_most(System::Deepgram), 1, "{fault}");
        assert_eq!(bench.sandbox.journal().violations(), [], "{fault}");
    }
}

/// What never goes away parks the call with the kind of its failure, and the rest goes on.
#[tokio::test]
async fn a_call_that_cannot_work_is_parked_alone() {
    let cases = [
        ("media.wrong_host", "fetch", "corrupt_transfer"),
        ("cxone.metadata_403", "fetch", "denied"),
        ("deepgram.400_corrupt", "transcribe", "unsupported"),
        ("deepgram.401", "transcribe", "denied"),
        ("deepgram.malformed_json", "transcribe", "unusable_reply"),
        ("deepgram.504", "transcribe", "unavailable"),
        ("gemini.blocked_prompt", "classify", "unusable_reply"),
        ("gemini.off_list", "classify", "unusable_reply"),
        ("gemini.empty_text", "classify", "unusable_reply"),
    ];
    for (fault, stage, kind) in cases {
        let bench = Bench::new(world(15, 15), unlimited()).await;
        let expected = bench.sandbox.world().expected();
        let victim = expected
            .iter()
            .find(|call| call.outcome == ExpectedOutcome::Classified && call.call_ids.len() == 1)
            .unwrap();
        let subject = match stage {
            "classify" => format!("call={}", victim.call_ids[0]),
            _ => format!("contact={}", victim.contact_id),
        };
        bench
            .sandbox
            .faults()
            .arm_text(&format!("{fault}:{subject},probability=1.0"))
            .unwrap();
        bench.run(&["run"]).await.expect_code(0);
        let rows = bench.rows();
        let row = &rows[&victim.contact_id];
        assert_eq!(
            (row.stage.as_str(), row.stage_status.as_str()),
            (stage, "parked"),
            "{fault}"
        );
        assert_eq!(row.failure_kind.as_deref(), Some(kind), "{fault}");
        let parked = rows
            .values()
            .filter(|row| row.stage_status == "parked")
            .count();
        let alike = expected
            .iter()
            .filter(|call| call.call_ids.first() == victim.call_ids.first())
            .count();
        assert!(parked <= alike, "{fault}: {parked} calls were parked");
        assert_eq!(bench.count("SELECT count(*) FROM call_classifications WHERE sale_result NOT IN
            ('sale_completed','sale_intended','no_sale_customer_declined','no_sale_business_unable','not_sales_call')"), 0);
    }
}

/// A recording beyond the limit parks its own call, and nothing of it is kept.
#[tokio::test]
async fn a_recording_that_is_too_large_is_parked_alone() {
    let bench = Bench::new(world(16, 40), unlimited()).await;
    let mut expected = bench.sandbox.world().expected();
    let sizes = |call: &Expected| {
        let world = bench.sandbox.world();
        let contact = world.contact(&call.contact_id).unwrap();
        let numbers = 0..contact.interactions().len();
        let audio = numbers.filter_map(|number| world.audio(contact, number));
        audio.map(|bytes| bytes.len()).max()
    };
    let mut all: Vec<usize> = expected.iter().filter_map(sizes).collect();
    all.sort_unstable();
    let limit = all[all.len() / 2];
    let configuration = bench.configuration().replace(
        "requests_per_5_minutes",
        &format!("recording_size_bytes_max = {limit}\nrequests_per_5_minutes"),
    );
    bench.write("callpipe.toml", &configuration);
    bench.run(&["run"]).await.expect_code(0);
    let rows = bench.rows();
    let is_too_large = |call: &Expected| sizes(call).is_some_and(|size| size > limit);
    for call in expected.iter().filter(|call| is_too_large(call)) {
        let row = &rows[&call.contact_id];
        let state = (row.stage.as_str(), row.stage_status.as_str());
        assert_eq!(state, ("fetch", "parked"), "call {}", call.contact_id);
        assert_eq!(row.failure_kind.as_deref(), Some("rejected"));
        assert_eq!(row.attempt, 1);
    }
    let calls = expected.len();
    expected.retain(|call| !is_too_large(call));
    assert!((1..calls).contains(&expected.len()));
    for call in &expected {
        assert_call_as_expected(&bench, call, &rows[&call.contact_id]);
    }
    let kept = std::fs::read_dir(bench.path("data/recordings")).unwrap();
    for recording in kept {
        let recording = recording.unwrap();
        let size = recording.metadata().unwrap().len();
        assert!(size <= limit as u64, "{:?}", recording.path());
    }
    assert_eq!(bench.bought_most(System::Deepgram), 1);
}

pub(crate) fn assert_all_as_expected(bench: &Bench) {
    assert_as_expected(bench, &bench.sandbox.world().expected());
}

pub(crate) fn assert_as_expected(bench: &Bench, expected: &[Expected]) {
    let rows = bench.rows();
    assert_eq!(rows.len(), expected.len());
    for call in expected {
        let row = rows
            .get(&call.contact_id)
            .unwrap_or_else(|| panic!("call {} is lost", call.contact_id));
        assert_call_as_expected(bench, call, row);
    }
    let classified = expected
        .iter()
        .filter(|call| call.outcome == ExpectedOutcome::Classified)
        .count();
    assert_eq!(
        bench.count("SELECT count(*) FROM call_classifications"),
        classified as i64
    );
}

pub(crate) fn assert_call_as_expected(bench: &Bench, call: &Expected, row: &Row) {
    assert_state(call, row);
    assert_audio(bench, call, row);
    if let (ExpectedOutcome::Classified, Some(truth)) = (call.outcome, &call.truth) {
        assert_labels(bench, call, truth);
    }
}

fn assert_state(call: &Expected, row: &Row) {
    let (stage_status, skip_reason, status) = match call.outcome {
        ExpectedOutcome::Classified => ("done", None, "SUCCESS"),
        ExpectedOutcome::NoSpeech => ("skipped", Some("no_speech"), "SUCCESS"),
        ExpectedOutcome::NoRecording => ("skipped", Some("no_recording"), "NO_RECORDING"),
        ExpectedOutcome::NotFound => ("skipped", Some("not_found"), "NOT_FOUND"),
    };
    let id = &call.contact_id;
    assert_eq!(row.stage_status, stage_status, "call {id}: {row:?}");
    // CXone says "not found" of calls that it never recorded, too.
    if call.outcome != ExpectedOutcome::NoRecording {
        assert_eq!(row.skip_reason.as_deref(), skip_reason, "call {id}");
        assert_eq!(row.status.as_deref(), Some(status), "call {id}");
    }
    let heard = matches!(
        call.outcome,
        ExpectedOutcome::Classified | ExpectedOutcome::NoSpeech
    );
    assert_eq!(row.transcribed, heard, "call {id}");
    assert_eq!(
        row.classified,
        call.outcome == ExpectedOutcome::Classified,
        "call {id}"
    );
}

fn assert_audio(bench: &Bench, call: &Expected, row: &Row) {
    let kept: Vec<String> = row
        .recordings
        .as_array()
        .into_iter()
        .flatten()
        .map(|recording| {
            let key = recording["key"].as_str().unwrap();
            let bytes = bench.archived(key);
            let sha256: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(
                recording["sha256"],
                sha256.as_str(),
                "call {}",
                call.contact_id
            );
            sha256
        })
        .collect();
    let mut kept_sorted = kept;
    kept_sorted.sort();
    let mut wanted = call.audio_sha256s.clone();
    wanted.sort();
    assert_eq!(kept_sorted, wanted, "call {}", call.contact_id);
}

fn assert_labels(bench: &Bench, call: &Expected, truth: &Truth) {
    let labels = bench.labels(&call.contact_id);
    let truth = serde_json::to_value(truth).unwrap();
    for (field, value) in truth.as_object().unwrap() {
        assert_eq!(&labels[field], value, "call {}, {field}", call.contact_id);
    }
    assert_eq!(labels["classification_version"], "v1.0");
    assert_eq!(labels["prompt_version"], json!(1));
    let model = labels["llm_model"].as_str().unwrap();
    assert!(model.starts_with("gemini-3") || model.starts_with("sandbox-"));
    assert_eq!(
        labels["call_date"],
        Value::String(call.started_at.date_naive().to_string())
    );
}
