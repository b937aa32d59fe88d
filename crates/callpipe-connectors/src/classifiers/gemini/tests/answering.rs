//! Answers that are used, and answers that never become a classification.

use serde_json::{Value, json};

use super::super::map;
use super::reply;
use crate::classifiers::testing::{Reader, labels};

const READER: Reader = Reader(map::written);

#[test]
fn a_whole_answer_is_a_classification() {
    let classification = READER.read(&reply(&labels().to_string(), "STOP")).unwrap();
    assert_eq!(json!(classification.values()), labels());
    assert_eq!(classification.model, "gemini-3.5-flash-lite@default");
    assert_eq!(classification.taxonomy_version, "v1.0");
}

#[test]
fn without_a_version_the_model_is_the_one_that_was_asked() {
    for version in [json!(null), json!(" "), json!("x".repeat(101))] {
        let mut reply = reply(&labels().to_string(), "STOP");
        reply["modelVersion"] = version;
        assert_eq!(READER.read(&reply).unwrap().model, "asked-model");
    }
}

#[test]
fn parts_are_joined_and_thoughts_skipped() {
    let text = labels().to_string();
    let (first, second) = text.split_at(100);
    let mut reply = reply("", "STOP");
    reply["candidates"][0]["content"]["parts"] = json!([
        { "text": "The customer asks for opening hours.", "thought": true },
        { "text": first, "thoughtSignature": "c2ln" },
        { "inlineData": {} },
        { "text": second, "thought": false },
    ]);
    assert!(READER.read(&reply).is_ok());
    reply["candidates"][0]["content"]["parts"] = json!([{ "text": text, "thought": true }]);
    assert_eq!(READER.faulty(&reply), "the answer is empty");
}

#[test]
fn a_fence_around_a_whole_answer_is_taken_off() {
    let text = labels().to_string();
    for fenced in [
        format!("```json\n{text}\n```"),
        format!("```\n{text}\n```\n"),
        format!("\n ```JSON\r\n{text}```"),
        format!("\u{feff}{text}"),
    ] {
        assert!(READER.read(&reply(&fenced, "STOP")).is_ok(), "{fenced}");
    }
    for broken in [
        format!("```json\n{text}"),
        format!("```json {text}```"),
        format!("```json\n{}\n```", &text[..200]),
        format!("Here it is:\n```json\n{text}\n```"),
        format!("```json\n{text}\n```\nAnything else?"),
        "```".to_owned(),
        "``````".to_owned(),
    ] {
        assert_eq!(
            READER.faulty(&reply(&broken, "STOP")),
            "the answer is not JSON",
            "{broken}"
        );
    }
}

#[test]
fn a_refused_prompt_is_blocked() {
    for reason in [
        "PROHIBITED_CONTENT",
        "SAFETY",
        "OTHER",
        "MODEL_ARMOR",
        "JAILBREAK",
    ] {
        let mut refused = json!({ "promptFeedback": { "blockReason": reason },
            "usageMetadata": { "promptTokenCount": 7 } });
        assert_eq!(READER.blocked(&refused), reason);
        refused["candidates"] = json!([]);
        assert_eq!(READER.blocked(&refused), reason);
    }
    let nothing = json!({ "promptFeedback": { "blockReason": "BLOCKED_REASON_UNSPECIFIED" } });
    assert_eq!(READER.faulty(&nothing), "the reply has no candidates");
}

#[test]
fn how_it_ended_is_looked_at_before_what_it_says() {
    let text = labels().to_string();
    for reason in [
        "SAFETY",
        "PROHIBITED_CONTENT",
        "SPII",
        "BLOCKLIST",
        "MODEL_ARMOR",
    ] {
        assert_eq!(READER.blocked(&reply(&text, reason)), reason);
    }
    for reason in [
        "MAX_TOKENS",
        "RECITATION",
        "OTHER",
        "LANGUAGE",
        "MALFORMED_FUNCTION_CALL",
    ] {
        assert_eq!(
            READER.faulty(&reply(&text, reason)),
            format!("it ended with {reason}")
        );
    }
    // A word that Google has not used so far, and one that is no word.
    assert_eq!(
        READER.faulty(&reply(&text, "TOO_LOUD")),
        "it ended with TOO_LOUD"
    );
    assert_eq!(
        READER.faulty(&reply(&text, "my card is 4111")),
        "it ended with an unknown reason"
    );
    let mut bare = reply(&text, "SAFETY");
    bare["candidates"][0]
        .as_object_mut()
        .unwrap()
        .remove("content");
    assert_eq!(READER.blocked(&bare), "SAFETY");
}

#[test]
fn nothing_is_not_an_answer() {
    assert_eq!(READER.faulty(&json!({})), "the reply has no candidates");
    assert_eq!(
        READER.faulty(&json!({ "candidates": [] })),
        "the reply has no candidates"
    );
    assert_eq!(READER.faulty(&reply(" \n", "STOP")), "the answer is empty");
    for candidate in [
        json!({ "finishReason": "STOP" }),
        json!({ "finishReason": "STOP", "content": {} }),
        json!({ "finishReason": "STOP", "content": { "role": "model", "parts": [] } }),
        json!({ "finishReason": "STOP", "content": { "parts": [{}] } }),
        json!({}),
    ] {
        assert_eq!(
            READER.faulty(&json!({ "candidates": [candidate] })),
            "the answer is empty"
        );
    }
}

#[test]
fn what_is_off_the_taxonomy_is_faulty() {
    let with = |field: &str, value: Value| {
        let mut labels = labels();
        labels[field] = value;
        reply(&labels.to_string(), "STOP")
    };
    let beginning = "the answer does not keep to the taxonomy: ";
    for (reply, end) in [
        (
            with("sale_result", json!("sold")),
            "sale_result: holds a value that is not one of its labels",
        ),
        (
            with("call_type", json!([])),
            "call_type: has 0 labels where 1 to 2 are allowed",
        ),
        (
            with("no_sale_reasons", json!(["price_objection"])),
            "no_sale_reasons: is answered although sale_result is none of \
             no_sale_customer_declined, no_sale_business_unable",
        ),
        (
            with("confidence_scores", json!(null)),
            "confidence_scores: is missing or no object",
        ),
        (reply("[]", "STOP"), "answer: is not a JSON object"),
        (reply("null", "STOP"), "answer: is not a JSON object"),
    ] {
        assert_eq!(READER.faulty(&reply), format!("{beginning}{end}"));
    }
}

#[test]
fn hostile_bytes_do_no_harm_and_are_not_repeated() {
    let deep = "[".repeat(100_000);
    let twice = labels()
        .to_string()
        .replacen('{', "{\"sale_result\":\"my card\",", 1);
    for text in [
        deep.as_str(),
        "my card is 4111",
        "{\"sale_result\": \"my card is 4111",
        "{\"call_type\": [\"my_card_is_four\"]}",
        "{\"my card\": 1e999}",
    ] {
        assert!(
            !READER.faulty(&reply(text, "STOP")).contains("card"),
            "{text}"
        );
    }
    // The later of two answers counts, and it is checked like any other.
    assert!(READER.read(&reply(&twice, "STOP")).is_ok());
    let bytes: [&[u8]; 6] = [
        b"",
        b"my card",
        b"\xff\xfe",
        b"[]",
        b"{\"candidates\":7}",
        deep.as_bytes(),
    ];
    for bytes in bytes {
        assert!(!READER.faulty_bytes(bytes).contains("card"));
    }
}
