//! Corrections: that none is lost or mixed up, whatever else happens to a call and to the file.

use callpipe_core::correction::{Correction, LabelName, LabelValue, Verdict, corrected};
use serde_json::{Value, json};

use super::*;

fn said(id: &str, field: &str, value: &Value, at: DateTime<Utc>) -> Correction {
    let value = LabelValue::try_from(value.clone()).unwrap();
    Correction {
        contact_id: ContactId::parse(id).unwrap(),
        field: LabelName::parse(field).unwrap(),
        verdict: Verdict::Corrected { value },
        model_value: Some(json!({"carrier": "\"; DROP TABLE call_corrections; --"})),
        by: "Zoë \u{202e}<script>'".into(),
        at,
    }
}

fn accepted(id: &str, field: &str) -> Correction {
    Correction {
        verdict: Verdict::Accepted,
        model_value: None,
        ..said(id, field, &Value::Null, now())
    }
}

fn ids(texts: &[&str]) -> Vec<ContactId> {
    texts
        .iter()
        .map(|text| ContactId::parse(text).unwrap())
        .collect()
}

#[tokio::test]
async fn what_was_said_comes_back_as_it_was_and_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = prepared(&directory.path().join("callpipe.db")).await;
    let earlier = now() - chrono::TimeDelta::days(1);
    let all = [
        said("1", "delivery_tracking.carrier", &json!("[\"a\"]"), now()),
        said("2", "call_type", &json!(["=a", "b"]), now()),
        // The clock was put back: what was said last counts all the same.
        said("1", "delivery_tracking.carrier", &Value::Null, earlier),
        accepted("3", "sale_result"),
        said("1", "agent_name", &json!(""), now()),
        said("1", "call_type", &json!([]), now()),
    ];
    let (first, others) = all.split_at(2);
    warehouse.correct(first).await.unwrap();
    warehouse.correct(others).await.unwrap();
    let of = |numbers: &[usize]| -> Vec<Correction> {
        numbers.iter().map(|number| all[*number].clone()).collect()
    };
    assert_eq!(
        warehouse.corrections(&ids(&["1"])).await.unwrap(),
        of(&[0, 2, 4, 5])
    );
    let both = warehouse.corrections(&ids(&["3", "2", "9"])).await.unwrap();
    assert_eq!(both, of(&[1, 3]));
    assert_eq!(warehouse.corrections(&[]).await.unwrap(), []);
    let labels = corrected(&serde_json::Map::new(), &of(&[0, 2, 4, 5]));
    let expected =
        json!({"delivery_tracking": {"carrier": null}, "agent_name": "", "call_type": []});
    assert_eq!(Value::Object(labels), expected);
}

#[tokio::test]
async fn who_follows_gets_each_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let all: Vec<Correction> = ["1", "2", "1", "3"].map(|id| accepted(id, "a")).to_vec();
    warehouse.correct(&all).await.unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE call_corrections SET verdict = 'perhaps' WHERE position = 2")
        .unwrap();
    let mut followed = Vec::new();
    let mut position = 0;
    loop {
        let some = warehouse.corrections_after(position, 2).await.unwrap();
        let Some((last, _)) = some.last() else { break };
        position = *last;
        followed.extend(
            some.into_iter()
                .map(|(_, correction)| correction.contact_id),
        );
    }
    assert_eq!((followed, position), (ids(&["1", "1", "3"]), 4));
}

#[tokio::test]
async fn a_file_without_the_table_has_none_and_gets_it_with_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = open(&path);
    assert_eq!(warehouse.corrections(&ids(&["1"])).await.unwrap(), []);
    assert_eq!(warehouse.corrections_after(0, 9).await.unwrap(), []);
    let one = accepted("1", "a");
    warehouse.correct(std::slice::from_ref(&one)).await.unwrap();
    assert_eq!(warehouse.corrections(&ids(&["1"])).await.unwrap(), [one]);
    let connection = Connection::open(&path).unwrap();
    let plan = format!("EXPLAIN QUERY PLAN {}", warehouse.sql.corrections());
    let plan = lines(&connection, &plan).join("\n");
    assert!(
        plan.contains("INDEX callpipe_call_corrections_contact (contactId=?)"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_table_of_another_purpose_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE call_corrections (contactId TEXT)")
        .unwrap();
    let failure = open(&path)
        .correct(&[accepted("1", "a")])
        .await
        .unwrap_err();
    assert!(failure.chain().contains("another purpose"), "{failure}");
    assert!(failure.hint.unwrap().contains("corrections_table"));
    let failure = open(&path)
        .prepare(&Taxonomy::built_in())
        .await
        .unwrap_err();
    assert!(failure.chain().contains("another purpose"), "{failure}");
}
