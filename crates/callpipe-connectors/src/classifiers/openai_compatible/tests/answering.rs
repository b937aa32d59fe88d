//! Answers that are used, and answers that never become a classification.

use serde_json::json;

use super::super::map;
use super::reply;
use crate::classifiers::testing::{Reader, labels};

const READER: Reader = Reader(map::written);

#[test]
fn a_whole_answer_is_a_classification() {
    let read = READER.read(&reply(labels().to_string(), "stop")).unwrap();
    assert_eq!(json!(read.values()), labels());
    assert_eq!(read.model, "qwen3:8b");
    assert_eq!(read.taxonomy_version, "v1.0");
}

#[test]
fn what_servers_leave_out_or_set_to_null_is_not_needed() {
    let text = labels().to_string();
    let message = json!({
        "role": "assistant", "content": text, "refusal": null, "tool_calls": [],
        "reasoning_content": "It is a general enquiry.",
    });
    for reply in [
        json!({ "choices": [{ "message": { "content": text } }] }),
        json!({ "choices": [{ "message": message, "finish_reason": null, "logprobs": null }],
            "model": null, "usage": null }),
        json!({ "choices": [{ "message": message, "finish_reason": "" }], "model": " " }),
        json!({ "choices": [{ "message": message, "finish_reason": "stop", "stop_reason": 7 }],
            "model": "x".repeat(101), "timings": {} }),
    ] {
        assert_eq!(READER.read(&reply).unwrap().model, "asked-model", "{reply}");
    }
}

#[test]
fn thoughts_before_an_answer_are_left_out() {
    let text = labels().to_string();
    for written in [
        format!("<think>\nIs it {{\"a\": 1}}? No.\n</think>\n\n{text}"),
        format!("\n<think></think>{text}"),
        format!("The customer asks.\n</think>\n```json\n{text}\n```"),
        format!("<thinking>Hm.</thinking> {text}"),
    ] {
        assert!(
            READER.read(&reply(written.clone(), "stop")).is_ok(),
            "{written}"
        );
    }
    // An answer that quotes such a mark is one all the same.
    let mut quoting = labels();
    quoting["agent_name"] = json!("Al </think> Bo");
    assert!(READER.read(&reply(quoting.to_string(), "stop")).is_ok());
    for endless in ["<think>", "<think> {\"call_type\": []}"] {
        assert_eq!(
            READER.faulty(&reply(endless, "stop")),
            "the answer is not JSON"
        );
    }
}

#[test]
fn content_may_come_in_parts() {
    let text = labels().to_string();
    let (first, second) = text.split_at(100);
    let parts = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "Hm." }] },
        { "type": "reasoning", "text": "my card" },
        { "type": "text", "text": first },
        { "text": second },
    ]);
    assert!(READER.read(&reply(parts, "stop")).is_ok());
    let refusal = json!([{ "type": "refusal", "refusal": "my card" }]);
    assert_eq!(READER.blocked(&reply(refusal, "stop")), "refusal");
}

#[test]
fn a_fence_around_a_whole_answer_is_taken_off() {
    let text = labels().to_string();
    let fenced = format!("```json\n{text}\n```");
    assert!(READER.read(&reply(fenced.clone(), "stop")).is_ok());
    for broken in [
        format!("Here it is:\n{fenced}"),
        format!("{fenced}\nAnything else?"),
        format!("```json\n{text}"),
    ] {
        assert_eq!(
            READER.faulty(&reply(broken, "stop")),
            "the answer is not JSON"
        );
    }
}

#[test]
fn how_an_answer_ended_comes_before_what_is_in_it() {
    let text = labels().to_string();
    for (reason, told) in [
        ("length", "it ended with length"),
        ("tool_calls", "it ended with tool_calls"),
        ("my card is 4111", "it ended with an unknown reason"),
    ] {
        assert_eq!(READER.faulty(&reply(text.clone(), reason)), told);
    }
    assert_eq!(
        READER.blocked(&reply(text.clone(), "content_filter")),
        "content_filter"
    );
    let mut refused = reply(text, "stop");
    refused["choices"][0]["message"]["refusal"] = json!("I cannot read out my card.");
    assert_eq!(READER.blocked(&refused), "refusal");
}

#[test]
fn an_empty_answer_is_faulty() {
    for content in [
        json!(null),
        json!(""),
        json!(" \n"),
        json!([]),
        json!(7),
        json!({}),
    ] {
        assert_eq!(
            READER.faulty(&reply(content, "stop")),
            "the answer is empty"
        );
    }
    for reply in [
        json!({}),
        json!({ "choices": [] }),
        json!({ "choices": null }),
        json!({ "error": { "message": "my card" } }),
    ] {
        assert_eq!(READER.faulty(&reply), "the reply has no choices");
    }
    assert_eq!(
        READER.faulty(&json!({ "choices": [{}] })),
        "the answer is empty"
    );
}

#[test]
fn what_is_off_the_taxonomy_is_faulty() {
    for (field, value) in [
        ("sale_result", json!("my card")),
        ("call_type", json!([])),
        ("confidence_scores", json!(null)),
    ] {
        let mut labels = labels();
        labels[field] = value;
        let reason = READER.faulty(&reply(labels.to_string(), "stop"));
        let beginning = format!("the answer does not keep to the taxonomy: {field}");
        assert!(
            reason.starts_with(&beginning) && !reason.contains("card"),
            "{reason}"
        );
    }
}

#[test]
fn hostile_bytes_do_no_harm_and_are_not_repeated() {
    let deep = "[".repeat(100_000);
    for text in [
        deep.as_str(),
        "my card is 4111",
        "{\"sale_result\": \"my card",
    ] {
        assert!(
            !READER.faulty(&reply(text, "stop")).contains("card"),
            "{text}"
        );
    }
    let bytes: [&[u8]; 5] = [
        b"",
        b"my card",
        b"\xff\xfe",
        b"{\"choices\":7}",
        deep.as_bytes(),
    ];
    for bytes in bytes {
        assert!(!READER.faulty_bytes(bytes).contains("card"));
    }
}

#[test]
fn an_analysis_is_read_as_labels_are() {
    let answer = json!({
        "summary": "Asks for opening hours.", "topics": [], "intents": [],
        "sentiment": { "average": { "sentiment": "neutral", "sentiment_score": 0.0 }, "segments": [] },
    });
    let bytes = |text: String| reply(text, "stop").to_string();
    let read = |text: String| READER.analysis(bytes(text).as_bytes());
    let good = read(format!("<think>Hm.</think>{answer}")).unwrap();
    assert_eq!(good.summary.as_deref(), Some("Asks for opening hours."));
    let mut off = answer;
    off["sentiment"]["average"]["sentiment"] = json!("my card");
    let unusable = read(off.to_string()).unwrap_err().to_string();
    assert_eq!(
        unusable,
        "asked-model gave no usable answer: the analysis does not keep to its form: sentiment is none \
         of positive, neutral, negative"
    );
}
