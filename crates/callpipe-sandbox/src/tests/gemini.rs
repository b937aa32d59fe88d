use serde_json::{Value, json};

use super::support::{LITE, bench, bench_of, body, request, text_of};
use crate::testing::{corpus, now};
use crate::{Bill, CREDENTIALS, Contact, SandboxOptions, World};

#[tokio::test]
async fn a_known_call_gets_its_truth() {
    let bench = bench().await;
    for call_id in ["sale", "complaint"] {
        let answer = body(bench.classify(call_id).await).await;
        assert_eq!(answer["candidates"][0]["finishReason"], json!("STOP"));
        assert_eq!(answer["modelVersion"], json!(LITE));
        let said: Value = serde_json::from_str(&text_of(&answer)).unwrap();
        let truth = corpus().call(call_id).unwrap().truth.clone().unwrap();
        assert_eq!(said, serde_json::to_value(truth).unwrap());
    }
    let entries = bench.sandbox.journal().entries();
    assert_eq!(entries[0].call_id.as_deref(), Some("sale"));
    assert!(
        matches!(entries[0].bill, Some(Bill::Tokens { input, output }) if input > 0 && output > 0)
    );
    let unknown = bench
        .generate(LITE, &request("Agent: Hello there."))
        .send()
        .await
        .unwrap();
    assert!(text_of(&body(unknown).await).contains("general_enquiry"));
}

#[tokio::test]
async fn a_request_is_put_down_for_a_contact_where_only_one_had_the_call() {
    let contact = |id: &str| Contact::recorded(id, now(), &["sale"]);
    for (contacts, only) in [
        (vec![contact("101")], Some("101")),
        (vec![contact("101"), contact("102")], None),
    ] {
        let world = World::exact(corpus(), 1, contacts);
        let bench = bench_of(world, SandboxOptions::default()).await;
        assert_eq!(bench.classify("sale").await.status(), 200);
        let entries = bench.sandbox.journal().entries();
        assert_eq!(entries[0].contact_id.as_deref(), only);
    }
}

#[tokio::test]
async fn the_answer_keeps_to_the_schema() {
    let bench = bench().await;
    let mut request = request("you have sent me the wrong sprocket for the second time");
    request["generationConfig"]["responseSchema"] = json!({
        "type": "OBJECT", "required": ["evidence"], "properties": {
            "call_type": { "type": "ARRAY", "items": { "type": "STRING", "enum": ["complaint"] } },
            "evidence": { "type": "STRING" },
        },
    });
    let answer = body(bench.generate(LITE, &request).send().await.unwrap()).await;
    let said: Value = serde_json::from_str(&text_of(&answer)).unwrap();
    let wanted =
        json!({ "call_type": ["complaint"], "evidence": "Ridgeline Parts, Priya speaking." });
    assert_eq!(said, wanted);
    request["generationConfig"]["maxOutputTokens"] = json!(5);
    let answer = body(bench.generate(LITE, &request).send().await.unwrap()).await;
    assert_eq!(answer["candidates"][0]["finishReason"], json!("MAX_TOKENS"));
    assert_eq!(text_of(&answer).chars().count(), 20);
    request["generationConfig"]["thinkingConfig"] = json!({ "thinkingLevel": "LOW" });
    let answer = body(bench.generate(LITE, &request).send().await.unwrap()).await;
    assert_eq!(text_of(&answer), "", "thinking ate the whole cap");
}

#[tokio::test]
async fn wrong_requests_get_googles_errors() {
    let bench = bench().await;
    let good = request("Hello");
    let mut odd = good.clone();
    odd["generationConfig"]["maxTokens"] = json!(1);
    for (model, request, code, status) in [
        ("gemini-2.0-flash", &good, 404, "NOT_FOUND"),
        ("gemini-9-ultra", &good, 404, "NOT_FOUND"),
        (LITE, &odd, 400, "INVALID_ARGUMENT"),
    ] {
        let answer = bench.generate(model, request).send().await.unwrap();
        assert_eq!(answer.status(), code);
        let error = body(answer).await["error"].take();
        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(code), &json!(status))
        );
    }
    let base = &bench.sandbox.gemini_url;
    let path = |project: &str, place: &str, model: &str| {
        format!(
            "{base}/v1/projects/{project}/locations/{place}/publishers/google/models/{model}:generateContent"
        )
    };
    for (url, token, code) in [
        (path("sandbox-project", "global", LITE), "wrong", 401),
        (
            path("other-project", "global", LITE),
            CREDENTIALS.google_access_token,
            403,
        ),
        (
            path("sandbox-project", "us-central1", "gemini-3.7-flash"),
            CREDENTIALS.google_access_token,
            404,
        ),
        (
            path("sandbox-project", "us-central1", LITE),
            CREDENTIALS.google_access_token,
            200,
        ),
    ] {
        let answer = bench
            .client
            .post(url)
            .bearer_auth(token)
            .json(&good)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), code);
    }
}

#[tokio::test]
async fn google_signs_in() {
    let bench = bench().await;
    let base = &bench.sandbox.gemini_url;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "a.b.c"),
    ];
    let token = bench
        .client
        .post(format!("{base}/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let token = body(token).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let generate = || {
        bench.generate(LITE, &request("Hello")).headers(
            [(
                reqwest::header::AUTHORIZATION,
                format!("Bearer {token}").parse().unwrap(),
            )]
            .into_iter()
            .collect(),
        )
    };
    assert_eq!(generate().send().await.unwrap().status(), 200);
    bench.pass_s(3_600);
    assert_eq!(generate().send().await.unwrap().status(), 401);
    let url = format!("{base}/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(bench.client.get(&url).send().await.unwrap().status(), 403);
    let answer = bench
        .client
        .get(&url)
        .header("metadata-flavor", "Google")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn refusing_faults() {
    let bench = bench().await;
    for (fault, status) in [
        ("400", 400),
        ("schema_too_complex", 400),
        ("401_once", 401),
        ("403", 403),
        ("404_retired:model=gemini-3.5", 404),
        ("429:retry_after_s=2", 429),
        ("500", 500),
        ("503", 503),
        ("504", 504),
    ] {
        bench.arm(&format!("gemini.{fault}"));
        assert_eq!(bench.classify("sale").await.status(), status, "{fault}");
    }
    assert!(bench.sandbox.journal().purchases().is_empty());
    assert_eq!(bench.classify("sale").await.status(), 200);
}

#[tokio::test]
async fn faults_of_the_envelope() {
    let bench = bench().await;
    bench.arm("gemini.blocked_prompt");
    let answer = body(bench.classify("sale").await).await;
    assert_eq!(
        answer["promptFeedback"]["blockReason"],
        json!("PROHIBITED_CONTENT")
    );
    assert!(answer.get("candidates").is_none());
    for (fault, reason) in [
        ("blocked_candidate", "SAFETY"),
        ("recitation", "RECITATION"),
    ] {
        bench.arm(&format!("gemini.{fault}"));
        let candidate = body(bench.classify("sale").await).await["candidates"][0].take();
        assert_eq!(candidate["finishReason"], json!(reason));
        assert!(candidate.get("content").is_none());
    }
    bench.arm("gemini.max_tokens");
    let answer = body(bench.classify("sale").await).await;
    assert_eq!(answer["candidates"][0]["finishReason"], json!("MAX_TOKENS"));
    assert!(serde_json::from_str::<Value>(&text_of(&answer)).is_err());
    bench.arm("gemini.empty_text");
    assert_eq!(text_of(&body(bench.classify("sale").await).await), "");
    bench.arm("gemini.thought_only");
    assert_eq!(text_of(&body(bench.classify("sale").await).await), "");
    bench.arm("gemini.no_candidates");
    assert_eq!(
        body(bench.classify("sale").await).await["candidates"],
        json!([])
    );
    bench.arm("gemini.cut_reply");
    assert!(bench.classify("sale").await.bytes().await.is_err());
}

#[tokio::test]
async fn faults_of_the_text() {
    let bench = bench().await;
    bench.arm("gemini.fenced");
    assert!(text_of(&body(bench.classify("sale").await).await).starts_with("```json\n{"));
    bench.arm("gemini.prose_around");
    assert!(text_of(&body(bench.classify("sale").await).await).starts_with("Here is"));
    bench.arm("gemini.malformed_json");
    let text = text_of(&body(bench.classify("sale").await).await);
    assert!(serde_json::from_str::<Value>(&text).is_err());
    for (fault, pointer, wanted) in [
        (
            "off_list",
            "/product_family",
            Some(json!("garden_spaceships")),
        ),
        (
            "too_many_labels",
            "/call_type/4",
            Some(json!("technical_support")),
        ),
        (
            "condition_violated",
            "/no_sale_reasons/0",
            Some(json!("price_objection")),
        ),
        ("missing_section", "/sale_result", None),
    ] {
        bench.arm(&format!("gemini.{fault}"));
        let text = text_of(&body(bench.classify("sale").await).await);
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said.pointer(pointer), wanted.as_ref(), "{fault}");
    }
}
