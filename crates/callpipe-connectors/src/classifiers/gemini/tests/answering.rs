//! Answers that are used, and answers that never become a classification.

use callpipe_core::classification::Classification;
use callpipe_core::contracts::classifier::UnusableAnswer;
use callpipe_core::taxonomy::Taxonomy;
use serde_json::{Value, json};

use super::super::map::classification;
use super::{labels, reply};

fn read(reply: &Value) -> Result<Classification, UnusableAnswer> {
    read_bytes(reply.to_string().as_bytes())
}

fn read_bytes(reply: &[u8]) -> Result<Classification, UnusableAnswer> {
    classification(reply, &Taxonomy::built_in(), "asked-model")
}

#[track_caller]
fn faulty(reply: &Value) -> String {
    match read(reply) {
        Err(UnusableAnswer::Faulty { model, reason }) => {
            assert_eq!(model, "asked-model");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn blocked(reply: &Value) -> String {
    match read(reply) {
        Err(UnusableAnswer::Blocked { model, reason }) => {
            assert_eq!(model, "asked-model");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_answer_is_a_classification() {
    let classification = read(&reply(&labels().to_string(), "STOP")).unwrap();
    assert_eq!(json!(classification.values()), labels());
    assert_eq!(classification.model, "gemini-3.5-flash-lite@default");
    assert_eq!(classification.taxonomy_version, "v1.0");
}

#[test]
fn without_a_version_the_model_is_the_one_that_was_asked() {
    for version in [json!(null), json!(" "), json!("x".repeat(101))] {
        let mut reply = reply(&labels().to_string(), "STOP");
        reply["modelVersion"] = version;
        assert_eq!(read(&reply).unwrap().model, "asked-model");
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
    assert!(read(&reply).is_ok());
    reply["candidates"][0]["content"]["parts"] = json!([{ "text": text, "thought": true }]);
    assert_eq!(faulty(&reply), "the answer is empty");
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
        assert!(read(&reply(&fenced, "STOP")).is_ok(), "{fenced}");
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
            faulty(&reply(&broken, "STOP")),
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
        assert_eq!(blocked(&refused), reason);
        refused["candidates"] = json!([]);
        assert_eq!(blocked(&refused), reason);
    }
    let nothing = json!({ "promptFeedback": { "blockReason": "BLOCKED_REASON_UNSPECIFIED" } });
    assert_eq!(faulty(&nothing), "the reply has no candidates");
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
        assert_eq!(blocked(&reply(&text, reason)), reason);
    }
    for reason in [
        "MAX_TOKENS",
        "RECITATION",
        "OTHER",
        "LANGUAGE",
        "MALFORMED_FUNCTION_CALL",
    ] {
        assert_eq!(
            faulty(&reply(&text, reason)),
            format!("it ended with {reason}")
        );
    }
    // A word that Google has not used so far, and one that is no word.
    assert_eq!(faulty(&reply(&text, "TOO_LOUD")), "it ended with TOO_LOUD");
    assert_eq!(
        faulty(&reply(&text, "my card is 4111")),
        "it ended with an unknown reason"
    );
    let mut bare = reply(&text, "SAFETY");
    bare["candidates"][0]
        .as_object_mut()
        .unwrap()
        .remove("content");
    assert_eq!(blocked(&bare), "SAFETY");
}

#[test]
fn nothing_is_not_an_answer() {
    assert_eq!(faulty(&json!({})), "the reply has no candidates");
    assert_eq!(
        faulty(&json!({ "candidates": [] })),
        "the reply has no candidates"
    );
    assert_eq!(faulty(&reply(" \n", "STOP")), "the answer is empty");
    for candidate in [
        json!({ "finishReason": "STOP" }),
        json!({ "finishReason": "STOP", "content": {} }),
        json!({ "finishReason": "STOP", "content": { "role": "model", "parts": [] } }),
        json!({ "finishReason": "STOP", "content": { "parts": [{}] } }),
        json!({}),
    ] {
        assert_eq!(
            faulty(&json!({ "candidates": [candidate] })),
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
        assert_eq!(faulty(&reply), format!("{beginning}{end}"));
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
        assert!(!faulty(&reply(text, "STOP")).contains("card"), "{text}");
    }
    // The later of two answers counts, and it is checked like any other.
    assert!(read(&reply(&twice, "STOP")).is_ok());
    let bytes: [&[u8]; 6] = [
        b"",
        b"my card",
        b"\xff\xfe",
        b"[]",
        b"{\"candidates\":7}",
        deep.as_bytes(),
    ];
    for bytes in bytes {
        match read_bytes(bytes) {
            Err(UnusableAnswer::Faulty { reason, .. }) => assert!(!reason.contains("card")),
            other => panic!("{other:?}"),
        }
    }
}
