//! The ways in which a fault spoils an answer that was paid for.

use serde_json::{Value, json};

use crate::faults::FaultKind;

/// Changes what the model says, as long as it is still an object.
pub(super) fn spoil_value(fault: FaultKind, value: &mut Value) {
    let Some(object) = value.as_object_mut() else {
        return;
    };
    match fault {
        FaultKind::GeminiOffList => {
            // The default taxonomy's section, or else the first single label of another one.
            let name = if object.contains_key("product_family") {
                Some("product_family".to_owned())
            } else {
                object
                    .iter()
                    .find(|(_, value)| value.is_string())
                    .map(|(name, _)| name.clone())
            };
            if let Some(name) = name {
                object.insert(name, json!("garden_spaceships"));
            }
        }
        FaultKind::GeminiTooManyLabels => {
            let labels = [
                "product_enquiry",
                "parts_identification",
                "order_placement",
                "order_support",
                "technical_support",
            ];
            object.insert("call_type".to_owned(), json!(labels));
        }
        FaultKind::GeminiConditionViolated => {
            object.insert("sale_result".to_owned(), json!("sale_completed"));
            object.insert("no_sale_reasons".to_owned(), json!(["price_objection"]));
        }
        FaultKind::GeminiMissingSection => {
            let name = ["sale_result", "product_family"]
                .into_iter()
                .find(|name| object.contains_key(*name))
                .map(str::to_owned)
                .or_else(|| object.keys().next().cloned());
            name.and_then(|name| object.remove(&name));
        }
        _ => {}
    }
}

/// Changes how the model says it.
pub(super) fn spoil_text(fault: FaultKind, text: String) -> String {
    match fault {
        FaultKind::GeminiFenced => format!("```json\n{text}\n```"),
        FaultKind::GeminiProseAround => {
            format!(
                "Here is the classification you asked for:\n\n{text}\n\nLet me know if you need more."
            )
        }
        FaultKind::GeminiMalformedJson => text.replacen('"', "“", 3).replacen(':', " =", 1),
        FaultKind::GeminiEmptyText => String::new(),
        _ => text,
    }
}

/// Changes the envelope. True if nothing of the output is left to pay for.
pub(super) fn spoil_candidates(fault: FaultKind, body: &mut Value) -> bool {
    match fault {
        FaultKind::GeminiBlockedPrompt => {
            let input = body["usageMetadata"]["promptTokenCount"].take();
            *body = json!({
                "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
                "usageMetadata": { "promptTokenCount": input, "totalTokenCount": input },
                "modelVersion": body["modelVersion"], "responseId": body["responseId"],
            });
            true
        }
        FaultKind::GeminiBlockedCandidate => {
            let ratings = json!([{
                "category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": true,
            }]);
            body["candidates"] =
                json!([{ "index": 0, "finishReason": "SAFETY", "safetyRatings": ratings }]);
            false
        }
        FaultKind::GeminiRecitation => {
            body["candidates"] = json!([{ "index": 0, "finishReason": "RECITATION" }]);
            false
        }
        FaultKind::GeminiThoughtOnly => {
            let parts = json!([{ "text": "Let me think about this call.", "thought": true }]);
            body["candidates"][0]["content"]["parts"] = parts;
            false
        }
        FaultKind::GeminiNoCandidates => {
            body["candidates"] = json!([]);
            false
        }
        _ => false,
    }
}
