//! Pages about calls, asked by requests: what they show, and what their forms do.

use std::sync::Arc;

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::warehouse::{
    Change, ClassifiedCall, Outcome, TranscribedCall, Warehouse,
};
use callpipe_core::failure::FailureKind;
use callpipe_core::measures::Measures;
use callpipe_core::progress::{CallProgress, LastFailure, Stage, Status};
use callpipe_core::recording::{ArchiveKey, Fingerprint};
use callpipe_core::taxonomy::Taxonomy;
use chrono::DateTime;
use serde_json::json;

use crate::server::testing::{Bench, field, open_access};

mod saved_views;

/// Text of others as nobody should have it.
const HOSTILE: &str = "</td><script>alert(1)</script>'; DROP TABLE calls; --\u{202e}\u{1f4a9}";

/// A browser over some calls.
async fn bench() -> Bench {
    let bench = Bench::new(open_access()).await;
    classified(
        &bench,
        "700001",
        "2026-11-01T09:00:00+11:00",
        ("sale_completed", 0.9),
        "A chain, please.",
    )
    .await;
    classified(
        &bench,
        "700002",
        "2026-11-02T09:00:00+11:00",
        ("not_sales_call", 0.2),
        "Where is my parcel?",
    )
    .await;
    classified(
        &bench,
        HOSTILE,
        "2026-11-03T09:00:00+11:00",
        ("sale_completed", 0.5),
        HOSTILE,
    )
    .await;
    parked(&bench, "700004").await;
    bench.app.index.catch_up().await.unwrap();
    bench
}

async fn save(bench: &Bench, contact: &Contact, progress: CallProgress, change: Change) {
    let outcome = Outcome {
        contact: contact.clone(),
        progress,
        change,
        at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    };
    bench
        .app
        .warehouse
        .save(&[Arc::new(outcome)])
        .await
        .unwrap();
}

fn progress(contact: &Contact, stage: Stage, status: Status) -> CallProgress {
    CallProgress {
        stage,
        status,
        ..CallProgress::new(contact.id.clone())
    }
}

async fn classified(bench: &Bench, id: &str, start: &str, (sale, sure): (&str, f64), said: &str) {
    let contact = Contact::new(ContactId::parse(id).unwrap(), parse_start(start));
    let reply_key = ArchiveKey::reply("test", &Fingerprint::of(&[id]), 1);
    let conversation = format!("Agent: Hello, Zoë here.\nCustomer: {said}");
    let transcribed = TranscribedCall {
        conversation: conversation.clone(),
        plain_text: String::new(),
        analysis: Default::default(),
        measures: Measures {
            duration_s: 61.0,
            timeline: "aacc..b".into(),
            ..Measures::default()
        },
        model: "nova-3".into(),
        transcript_key: ArchiveKey::transcript(&contact.id),
        reply_keys: vec![reply_key.clone()],
        triage: Vec::new(),
        same_audio_as: None,
    };
    let answer = json!({
        "call_type": ["order_support"], "sale_result": sale, "product_family": "fencing",
        "agent_name": "Zoë", "escalation_actions": ["none"],
        "confidence_scores": {
            "call_type_confidence": sure, "sale_result_confidence": sure,
            "product_classification_confidence": sure, "overall_confidence": sure,
        },
    });
    let classification =
        Classification::from_answer(&Taxonomy::built_in(), &answer, "gemini").unwrap();
    let classified = ClassifiedCall {
        classification,
        conversation,
        reply_key,
        analysis: None,
    };
    let ready = progress(
        &contact,
        Stage::Classify,
        Status::Ready { not_before: None },
    );
    save(
        bench,
        &contact,
        ready,
        Change::Transcribed(Box::new(transcribed)),
    )
    .await;
    let done = progress(&contact, Stage::Classify, Status::Done);
    save(
        bench,
        &contact,
        done,
        Change::Classified(Box::new(classified)),
    )
    .await;
}

async fn parked(bench: &Bench, id: &str) {
    let contact = Contact::new(
        ContactId::parse(id).unwrap(),
        parse_start("2026-11-03T10:00:00Z"),
    );
    let mut parked = progress(&contact, Stage::Transcribe, Status::Parked);
    parked.last_failure = Some(LastFailure {
        kind: FailureKind::Unsupported,
        reason: format!("the recording is no audio {HOSTILE}"),
    });
    save(bench, &contact, parked, Change::None).await;
}

async fn page(bench: &Bench, path: &str) -> String {
    let answer = bench.get(path, &[]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let page = answer.text();
    assert!(
        !page.contains("<script>") && !page.contains("</td><script"),
        "{path}"
    );
    assert!(page.len() < 100_000, "{path}: {} bytes", page.len());
    page
}

#[tokio::test]
async fn calls_are_listed_filtered_and_sorted() {
    let bench = bench().await;
    let all = page(&bench, "/calls?period=all").await;
    assert!(all.contains("4 calls") && all.contains("700001") && all.contains("class=\"strip\""));
    let first = all.find("Parked").or(all.find("parked")).unwrap();
    assert!(first < all.find("700001").unwrap(), "newest first");
    let sold = page(&bench, "/calls?period=all&is.sale_result=sale_completed").await;
    assert!(sold.contains("2 calls") && !sold.contains("700002"));
    let sure = page(
        &bench,
        "/calls?period=all&sort=-confidence&columns=confidence",
    )
    .await;
    let place = |id: &str| sure.find(id).unwrap();
    assert!(place("700001") < place("700002"), "surest first");
    let none = page(&bench, "/calls?period=all&is.sale_result=nonsense").await;
    assert!(none.contains("No calls match"));
    let values = page(&bench, "/calls?period=all&filter=sale_result").await;
    assert!(values.contains("name=\"is.sale_result\" value=\"not_sales_call\""));
}

#[tokio::test]
async fn a_call_tells_how_sure_the_model_is_of_each_part() {
    let bench = bench().await;
    let call = page(&bench, "/calls/700002").await;
    for part in ["Call type", "Sale result", "Product classification"] {
        let told = format!("<dt>{part}</dt><dd><span class=\"meter low\">");
        assert!(call.contains(&told), "{part}: {call}");
    }
    assert_eq!(call.matches("0.20 low").count(), 4, "and of the whole");
    assert!(!call.contains("<dt>Overall"));
}

#[tokio::test]
async fn words_are_shown_where_they_were_said() {
    let bench = bench().await;
    let found = page(&bench, "/calls?period=all&q=customer:parcel").await;
    assert!(found.contains("1 call") && found.contains("<mark>parcel</mark>"));
    for nothing in ["%22%22", "customer:zo%C3%AB", "%00%27", "AND+OR+NOT"] {
        let page = page(&bench, &format!("/calls?period=all&q={nothing}")).await;
        assert!(page.contains("no calls"), "{nothing}");
    }
}

#[tokio::test]
async fn the_list_is_a_csv_that_no_spreadsheet_runs() {
    let bench = bench().await;
    classified(
        &bench,
        "=1+1",
        "2026-11-04T09:00:00Z",
        ("sale_completed", 0.9),
        "Hi.",
    )
    .await;
    bench.app.index.catch_up().await.unwrap();
    let answer = bench
        .get("/calls.csv?period=all&columns=sale_result,duration_s", &[])
        .await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "contact_id,started_at,sale_result,duration_s");
    assert_eq!(
        lines[1],
        "'=1+1,2026-11-04T09:00:00+00:00,sale_completed,61"
    );
    assert_eq!(lines.len(), 6);
}

#[tokio::test]
async fn runs_show_how_far_calls_are_and_why_some_stay_behind() {
    let bench = bench().await;
    let runs = page(&bench, "/runs?period=all").await;
    for shown in [
        "Unsupported",
        "the recording is no audio",
        "Retry 1 call",
        "3 Nov",
        "1 parked",
    ] {
        assert!(runs.contains(shown), "{shown}");
    }
    let token = field(&runs, "token");
    let form = format!("token={token}&stage=transcribe&failure=unsupported");
    let answer = bench.post("/runs/again", &[], &form).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/runs?again=0")
    );
    let forged = bench
        .post("/runs/again", &[], "stage=transcribe&failure=unsupported")
        .await;
    assert_eq!(forged.status, 403);
    let nonsense = format!("token={token}&stage=nonsense&failure=x");
    assert_eq!(bench.post("/runs/again", &[], &nonsense).await.status, 400);
}

#[tokio::test]
async fn a_label_is_corrected_by_one_key_and_counts_everywhere() {
    let bench = bench().await;
    let review = page(&bench, "/review?period=all").await;
    assert!(
        review.contains("3 calls") && review.contains("700002"),
        "the least sure comes first"
    );
    assert!(review.contains("data-key=\"1\"") && review.contains("data-key=\"a\""));
    let (token, at) = (field(&review, "token"), field(&review, "at"));
    let form = |more: &str| {
        format!("token={token}&call=700002&at={at}&order=confidence&query=%3Fperiod%3Dall&{more}")
    };
    let corrected = form("field=sale_result&choice=sale_completed");
    let answer = bench.post("/review/decide", &[], &corrected).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(
        answer
            .header("location")
            .starts_with("/review?period=all&order=confidence&at=")
    );
    let sold = page(&bench, "/calls?period=all&is.sale_result=sale_completed").await;
    assert!(sold.contains("3 calls"));
    let open = page(&bench, "/review?period=all").await;
    assert!(open.contains("2 calls"));
    let ids = [ContactId::parse("700002").unwrap()];
    let kept = bench.app.warehouse.corrections(&ids).await.unwrap();
    assert_eq!(
        (kept[0].by.as_str(), &kept[0].model_value),
        ("ada", &Some(json!("not_sales_call")))
    );
    for (bad, status) in [
        (form("field=sale_result&choice=%3Cscript%3E"), 400),
        (form("field=nonsense&verdict=accepted"), 400),
        (form("field=call_type&verdict=corrected"), 400),
        (
            form("field=sale_result&verdict=accepted").replace("700002", "nobody"),
            404,
        ),
        (corrected.replace(&token, "x"), 403),
    ] {
        assert_eq!(
            bench.post("/review/decide", &[], &bad).await.status,
            status,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn every_order_of_the_review_has_a_call() {
    let bench = bench().await;
    for order in ["confidence", "rare", "disagreement"] {
        let review = page(&bench, &format!("/review?period=all&order={order}")).await;
        assert!(review.contains("All right, next"), "{order}");
    }
    let none = page(&bench, "/review?is.agent=nobody").await;
    assert!(none.contains("Nothing is left to review"));
}
