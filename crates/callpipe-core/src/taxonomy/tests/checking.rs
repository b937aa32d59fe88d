//! What passes the check and what does not.

use serde_json::{Value, json};

use super::small;
use crate::classification::Classification;
use crate::taxonomy::Taxonomy;
use crate::taxonomy::check::check;

fn answer() -> Value {
    json!({
        "reason": ["repair"],
        "outcome": "booked",
        "refusal": null,
        "doubts": [],
        "bicycle": { "kind": "cargo", "damage": ["wheel"] },
        "mechanic": "Kim",
        "sure": { "reason_sure": 0.9, "all_sure": 1 },
    })
}

/// The answer with some of its fields replaced.
fn answer_with(fields: Value) -> Value {
    let mut answer = answer();
    for (field, value) in fields.as_object().unwrap() {
        answer[field] = value.clone();
    }
    answer
}

/// What is stored in a field when some fields are answered so.
#[track_caller]
fn stored(fields: Value, field: &str) -> Value {
    check(&small(), &answer_with(fields)).unwrap()[field].clone()
}

/// The complaint when some fields are answered so.
#[track_caller]
fn complaint(fields: Value) -> String {
    check(&small(), &answer_with(fields))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_good_answer_is_stored_as_it_is() {
    let checked = check(&small(), &answer()).unwrap();
    let expected = answer_with(json!({ "sure": { "reason_sure": 0.9, "all_sure": 1.0 } }));
    assert_eq!(json!(checked), expected);
}

#[test]
fn a_label_outside_the_list_does_not_pass() {
    let off = "holds a value that is not one of its labels";
    assert_eq!(
        complaint(json!({ "outcome": "Booked" })),
        format!("outcome: {off}")
    );
    assert_eq!(
        complaint(json!({ "outcome": "booked " })),
        format!("outcome: {off}")
    );
    assert_eq!(
        complaint(json!({ "reason": ["repair", "theft"] })),
        format!("reason: {off}")
    );
    assert_eq!(
        complaint(json!({ "bicycle": { "kind": "boat", "damage": [] } })),
        format!("bicycle.kind: {off}")
    );
    assert_eq!(
        complaint(json!({ "bicycle": { "kind": "road", "damage": ["heart"] } })),
        format!("bicycle.damage: {off}")
    );
}

#[test]
fn limits_are_kept() {
    assert_eq!(
        complaint(json!({ "reason": [] })),
        "reason: has 0 labels where 1 to 2 are allowed"
    );
    assert_eq!(
        complaint(json!({ "reason": ["repair", "sale", "other"] })),
        "reason: has 3 labels where 1 to 2 are allowed"
    );
    assert_eq!(
        complaint(json!({ "mechanic": "Bartholomew Q" })),
        "mechanic: is longer than 12 characters"
    );
    assert_eq!(
        stored(json!({ "mechanic": " Bartholomew\n" }), "mechanic"),
        "Bartholomew"
    );
    for score in [
        json!(1.01),
        json!(-0.1),
        json!("0.5"),
        json!(null),
        json!(1e308),
    ] {
        let fields = json!({ "sure": { "reason_sure": score, "all_sure": 1 } });
        assert_eq!(
            complaint(fields),
            "sure: reason_sure is no number from 0.0 to 1.0"
        );
    }
}

#[test]
fn what_changes_no_meaning_is_forgiven() {
    assert_eq!(
        stored(json!({ "reason": ["sale", "repair", "sale"] }), "reason"),
        json!(["sale", "repair"])
    );
    assert_eq!(stored(json!({ "mechanic": "  " }), "mechanic"), Value::Null);
    assert_eq!(
        stored(json!({ "bicycle": { "kind": "road" } }), "bicycle"),
        json!({ "kind": "road", "damage": [] })
    );
    assert_eq!(stored(json!({ "bicycle": null }), "bicycle"), Value::Null);
    let mut bare = answer();
    for field in ["refusal", "doubts", "mechanic", "bicycle"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    bare["unasked"] = json!("DROP TABLE");
    let checked = check(&small(), &bare).unwrap();
    assert_eq!(
        (&checked["doubts"], &checked["mechanic"]),
        (&json!([]), &Value::Null)
    );
    assert!(!checked.contains_key("unasked"));
    assert_eq!(checked.len(), 7);
}

#[test]
fn a_question_that_does_not_apply_has_no_answer() {
    assert_eq!(
        complaint(json!({ "refusal": "shop" })),
        "refusal: is answered although outcome is none of refused"
    );
    assert_eq!(
        complaint(json!({ "doubts": ["price"] })),
        "doubts: is answered although outcome is none of refused"
    );
    assert_eq!(
        complaint(json!({ "reason": ["other"] })),
        "bicycle: is answered although reason is none of repair, sale"
    );
    assert_eq!(stored(json!({ "doubts": ["unsaid"] }), "doubts"), json!([]));
    assert_eq!(stored(json!({ "refusal": "" }), "refusal"), Value::Null);
    // One of several labels is enough for the condition.
    assert_eq!(
        stored(json!({ "reason": ["other", "sale"] }), "bicycle")["kind"],
        "cargo"
    );
}

#[test]
fn a_question_that_applies_is_answered() {
    let refused = json!({ "outcome": "refused" });
    assert_eq!(complaint(refused), "refusal: is missing or no text");
    let fields = json!({ "outcome": "refused", "refusal": "shop", "doubts": [] });
    assert_eq!(stored(fields, "doubts"), json!(["unsaid"]));
    let fields = json!({ "outcome": "refused", "refusal": "shop", "doubts": ["price", "unsaid"] });
    assert_eq!(
        complaint(fields),
        "doubts: unsaid stands beside other labels"
    );
}

#[test]
fn an_answer_of_another_shape_does_not_pass() {
    let taxonomy = small();
    for nonsense in [
        json!(null),
        json!([]),
        json!("booked"),
        json!([answer()]),
        json!({}),
        json!(7),
    ] {
        assert!(check(&taxonomy, &nonsense).is_err(), "{nonsense}");
    }
    for fields in [
        json!({ "reason": "repair" }),
        json!({ "reason": [["repair"]] }),
        json!({ "reason": { "0": "repair" } }),
        json!({ "outcome": ["booked"] }),
        json!({ "outcome": null }),
        json!({ "bicycle": "cargo" }),
        json!({ "bicycle": {} }),
        json!({ "mechanic": ["Kim"] }),
        json!({ "mechanic": "Kim\u{0}" }),
        json!({ "mechanic": "Ki\nm" }),
        json!({ "sure": [0.9, 1.0] }),
        json!({ "sure": { "reason_sure": 0.9 } }),
    ] {
        assert!(
            check(&taxonomy, &answer_with(fields.clone())).is_err(),
            "{fields}"
        );
    }
}

#[test]
fn a_complaint_repeats_nothing_of_the_answer() {
    let secret = "my_card_is_four_one_one_one";
    for fields in [
        json!({ "outcome": secret }),
        json!({ "reason": [secret] }),
        json!({ "refusal": secret }),
        json!({ "doubts": [secret] }),
        json!({ "mechanic": secret }),
        json!({ "bicycle": { "kind": secret } }),
        json!({ "bicycle": secret }),
        json!({ "sure": { "reason_sure": secret } }),
        json!({ "sure": secret }),
    ] {
        assert!(!complaint(fields.clone()).contains("card"), "{fields}");
    }
}

#[test]
fn a_classification_knows_where_it_comes_from() {
    let classification = Classification::from_answer(&small(), &answer(), "model-1").unwrap();
    assert_eq!(classification.taxonomy_version, "v7");
    assert_eq!(classification.model, "model-1");
    assert_eq!(
        classification.prompt_version,
        crate::taxonomy::prompt::PROMPT_VERSION
    );
    assert_eq!(classification.values()["outcome"], "booked");
    assert!(Classification::from_answer(&small(), &json!({}), "model-1").is_err());
}

#[test]
fn the_built_in_taxonomy_takes_a_usual_answer() {
    let answer = json!({
        "call_type": ["order_support"],
        "sale_result": "not_sales_call",
        "no_sale_reasons": [],
        "product_family": "other",
        "product_category_detail": [],
        "problems_detected": [],
        "delivery_tracking": {
            "carrier": "auspost",
            "customer_action": "parcel_overdue",
            "reason_for_call": ["no_movement_on_tracking"],
        },
        "agent_name": null,
        "escalation_actions": [],
        "confidence_scores": {
            "call_type_confidence": 1, "sale_result_confidence": 0,
            "product_classification_confidence": 0.5, "overall_confidence": 0.75,
        },
    });
    let checked = check(&Taxonomy::built_in(), &answer).unwrap();
    assert_eq!(checked["escalation_actions"], json!(["none"]));
    assert_eq!(checked["delivery_tracking"]["carrier"], "auspost");
    let mut contradiction = answer;
    contradiction["no_sale_reasons"] = json!(["price_objection"]);
    assert!(check(&Taxonomy::built_in(), &contradiction).is_err());
}
