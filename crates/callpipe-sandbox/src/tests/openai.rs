use serde_json::{Value, json};

use super::support::{Bench, bench, body};
use crate::testing::corpus;
use crate::{Bill, CREDENTIALS, System};

const COMPLAINT: &str = "you have sent me the wrong sprocket for the second time";

fn request(prompt: &str) -> Value {
    json!({
        "model": "sandbox-small",
        "messages": [
            { "role": "system", "content": "Answer in JSON." },
            { "role": "user", "content": [{ "type": "text", "text": prompt }] },
        ],
    })
}

async fn post(bench: &Bench, request: &Value) -> reqwest::Response {
    bench
        .client
        .post(format!("{}/chat/completions", bench.sandbox.openai_url))
        .bearer_auth(CREDENTIALS.openai_api_key)
        .json(request)
        .send()
        .await
        .unwrap()
}

async fn said(bench: &Bench, request: &Value) -> Value {
    let answer = body(post(bench, request).await).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_known_call_gets_what_is_right_about_it() {
    let bench = bench().await;
    let said = said(&bench, &request(COMPLAINT)).await;
    let call = corpus().call("complaint").unwrap().clone();
    let truth = serde_json::to_value(call.truth.unwrap()).unwrap();
    for (field, value) in truth.as_object().unwrap() {
        assert_eq!(said[field], *value, "{field}");
    }
    assert_eq!(said["summary"], "A wrong sprocket came twice.");
    assert_eq!(said["sentiment"]["average"]["sentiment_score"], -0.6);
    let entries = bench.sandbox.journal().entries();
    assert_eq!(entries[0].call_id.as_deref(), Some("complaint"));
    assert!(
        matches!(entries[0].bill, Some(Bill::Tokens { input, output }) if input > 0 && output > 0)
    );
    assert_eq!(bench.sandbox.journal().maxima().openai_in_flight, 1);
}

#[tokio::test]
async fn the_answer_keeps_to_the_schema_and_to_the_limit() {
    let bench = bench().await;
    let mut request = request(COMPLAINT);
    request["response_format"] = json!({ "type": "json_schema", "json_schema": {
        "name": "answer", "strict": true, "schema": {
            "type": "object", "required": ["summary"], "additionalProperties": false,
            "properties": { "summary": { "type": "string" } },
        },
    } });
    let wanted = json!({ "summary": "A wrong sprocket came twice." });
    assert_eq!(said(&bench, &request).await, wanted);
    request["max_tokens"] = json!(2);
    let answer = body(post(&bench, &request).await).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["choices"][0]["message"]["content"], "{\"summar");
    assert_eq!(answer["usage"]["completion_tokens"], 2);
}

#[tokio::test]
async fn wrong_requests_get_openais_errors() {
    let bench = bench().await;
    let with = |place: &str, value: Value| {
        let mut request = request(COMPLAINT);
        request[place] = value;
        request
    };
    let schema = |schema: Value| {
        with(
            "response_format",
            json!({ "type": "json_schema",
                "json_schema": { "name": "answer", "strict": true, "schema": schema } }),
        )
    };
    let loose = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let lax = json!({ "type": "object", "properties": { "a": { "type": "string" } },
        "required": [], "additionalProperties": false });
    let mut both = with("max_tokens", json!(5));
    both["max_completion_tokens"] = json!(5);
    for (request, status, param) in [
        (with("model", json!("gpt-9")), 404, json!(null)),
        (with("maxTokens", json!(1)), 400, json!(null)),
        (with("max_tokens", json!(0)), 400, json!("max_tokens")),
        (both, 400, json!("max_tokens")),
        (with("temperature", json!(3)), 400, json!("temperature")),
        (with("messages", json!([])), 400, json!("messages")),
        (
            with("response_format", json!({ "type": "xml" })),
            400,
            json!("response_format"),
        ),
        (schema(loose), 400, json!("response_format")),
        (schema(lax), 400, json!("response_format")),
        (
            schema(json!({ "type": "array", "items": { "type": "string" } })),
            400,
            json!("response_format"),
        ),
    ] {
        let answer = post(&bench, &request).await;
        assert_eq!(answer.status(), status, "{request}");
        let error = body(answer).await["error"].take();
        assert_eq!(error["param"], param, "{request}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert!(
        bench
            .sandbox
            .journal()
            .entries()
            .iter()
            .all(|entry| entry.bill.is_none())
    );
}

#[tokio::test]
async fn models_are_listed_to_who_has_the_key() {
    let bench = bench().await;
    let url = format!("{}/models", bench.sandbox.openai_url);
    let answer = bench.client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(body(answer).await["error"]["code"], "invalid_api_key");
    let list = bench
        .client
        .get(&url)
        .bearer_auth(CREDENTIALS.openai_api_key);
    let list = body(list.send().await.unwrap()).await;
    let ids: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [&json!("sandbox-large"), &json!("sandbox-small")]);
    assert_eq!(bench.sandbox.journal().count(System::OpenAi), 2);
}

/// A server that refuses a form goes on refusing it, and answers what does without.
#[tokio::test]
async fn faults_of_form_strike_that_form_alone() {
    let bench = bench().await;
    bench.arm("openai.rejects_response_format:times=always");
    bench.arm("openai.rejects_max_tokens:times=always");
    assert_eq!(post(&bench, &request(COMPLAINT)).await.status(), 200);
    for (place, value) in [
        ("response_format", json!({ "type": "json_object" })),
        ("max_tokens", json!(100)),
    ] {
        let mut request = request(COMPLAINT);
        request[place] = value;
        let answer = post(&bench, &request).await;
        assert_eq!(answer.status(), 400, "{place}");
    }
}
