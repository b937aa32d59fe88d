//! What people say of a model's labels. It is kept apart from the model's answer, which stays as it
//! was given; what counts is put together here.

use std::collections::HashMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::ContactId;
use crate::taxonomy::FieldName;

/// The longest value that a person may give, in bytes, and the most values of a list. The longest
/// free text of a section is shorter.
const VALUE_BYTES_MAX: usize = 16 * 1024;
const VALUES_MAX: usize = 200;

/// The name of a label: a section's field, or a part of a group such as `delivery_tracking.carrier`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelName {
    section: FieldName,
    part: Option<FieldName>,
}

impl LabelName {
    /// A field, or two with a dot between them.
    pub fn parse(text: &str) -> Option<Self> {
        let (section, part) = match text.split_once('.') {
            Some((section, part)) => (section, Some(FieldName::parse(part)?)),
            None => (text, None),
        };
        let section = FieldName::parse(section)?;
        Some(Self { section, part })
    }

    /// The section's field.
    pub fn section(&self) -> &FieldName {
        &self.section
    }

    /// The part of the group, where it is not the whole section.
    pub fn part(&self) -> Option<&FieldName> {
        self.part.as_ref()
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(formatter, "{}.{part}", self.section),
            None => self.section.fmt(formatter),
        }
    }
}

impl From<LabelName> for String {
    fn from(name: LabelName) -> Self {
        name.to_string()
    }
}

/// A text that is no name of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no name of a label")]
pub struct LabelNameError;

impl TryFrom<String> for LabelName {
    type Error = LabelNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(LabelNameError)
    }
}

/// A value that a person can give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum LabelValue {
    /// None: the question does not apply, or nobody knows.
    Nothing,
    /// One.
    One(String),
    /// Several, or none of a list.
    Several(Vec<String>),
}

impl From<LabelValue> for Value {
    fn from(value: LabelValue) -> Self {
        match value {
            LabelValue::Nothing => Self::Null,
            LabelValue::One(text) => Self::String(text),
            LabelValue::Several(texts) => texts.into_iter().map(Self::String).collect(),
        }
    }
}

/// A value that is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label is nothing, a text, or a list of texts, and not longer than a label can be")]
pub struct LabelValueError;

impl TryFrom<Value> for LabelValue {
    type Error = LabelValueError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let text = |value: Value| match value {
            Value::String(text) if text.len() <= VALUE_BYTES_MAX => Ok(text),
            _ => Err(LabelValueError),
        };
        match value {
            Value::Null => Ok(Self::Nothing),
            Value::Array(values) if values.len() <= VALUES_MAX => {
                let texts: Vec<String> = values.into_iter().map(text).collect::<Result<_, _>>()?;
                let size_bytes: usize = texts.iter().map(String::len).sum();
                let fits = size_bytes <= VALUE_BYTES_MAX;
                fits.then_some(Self::Several(texts)).ok_or(LabelValueError)
            }
            other => text(other).map(Self::One),
        }
    }
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The model was right.
    Accepted,
    /// This is right instead.
    Corrected {
        /// The right value.
        value: LabelValue,
    },
}

impl Verdict {
    /// Its word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Corrected { .. } => "corrected",
        }
    }
}

/// A person's verdict on one label of a call. None is ever changed: a later one takes its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The call.
    pub contact_id: ContactId,
    /// The label.
    pub field: LabelName,
    /// What was decided.
    pub verdict: Verdict,
    /// What the model had said then. Later the call may have been classified anew.
    pub model_value: Option<Value>,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Correction {
    /// The value that counts by this verdict: a value that was accepted does also when the model has
    /// said something else since.
    pub fn value(&self) -> Value {
        match &self.verdict {
            Verdict::Accepted => self.model_value.clone().unwrap_or_default(),
            Verdict::Corrected { value } => value.clone().into(),
        }
    }
}

/// Verdicts by the calls that they are on, those of each in the order in which they come.
pub fn by_call(corrections: Vec<Correction>) -> HashMap<ContactId, Vec<Correction>> {
    let mut by_call: HashMap<ContactId, Vec<Correction>> = HashMap::new();
    for correction in corrections {
        let of_call = by_call.entry(correction.contact_id.clone());
        of_call.or_default().push(correction);
    }
    by_call
}

/// Of the verdicts on a call, in the order in which they were given, those that count: the last one
/// on each label, in the same order.
pub fn newest(corrections: &[Correction]) -> Vec<&Correction> {
    let fields = corrections.iter().map(|correction| &correction.field);
    let last: HashMap<&LabelName, usize> = fields.zip(0..).collect();
    let count = corrections.iter().enumerate();
    count
        .filter(|(position, correction)| last.get(&correction.field) == Some(position))
        .map(|(_, correction)| correction)
        .collect()
}

/// The labels that count: the model's, by section, with what people said in the place of what it said.
/// The verdicts are those on one call, in the order in which they were given.
pub fn corrected(labels: &Map<String, Value>, corrections: &[Correction]) -> Map<String, Value> {
    let mut labels = labels.clone();
    for correction in newest(corrections) {
        let section = correction.field.section.as_str();
        let Some(part) = &correction.field.part else {
            labels.insert(section.to_owned(), correction.value());
            continue;
        };
        let group = labels.entry(section).or_insert(Value::Null);
        let known = group.as_object_mut().map(std::mem::take);
        let mut parts = known.unwrap_or_default();
        parts.insert(part.as_str().to_owned(), correction.value());
        *group = Value::Object(parts);
    }
    labels
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn correction(field: &str, verdict: Verdict, model_value: Value) -> Correction {
        Correction {
            contact_id: ContactId::parse("1").unwrap(),
            field: LabelName::parse(field).unwrap(),
            verdict,
            model_value: Some(model_value),
            by: "zoe".into(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    fn accepted(field: &str, model_value: Value) -> Correction {
        correction(field, Verdict::Accepted, model_value)
    }

    fn said(field: &str, value: Value) -> Correction {
        let value = LabelValue::try_from(value).unwrap();
        correction(
            field,
            Verdict::Corrected { value },
            json!("as the model said"),
        )
    }

    #[track_caller]
    fn assert_counts(labels: Value, corrections: &[Correction], expected: &Value) {
        let labels = labels.as_object().unwrap();
        assert_eq!(&Value::Object(corrected(labels, corrections)), expected);
    }

    #[test]
    fn the_last_verdict_on_a_label_counts_and_others_stay_the_models() {
        let labels =
            json!({"sale_result": "sale_completed", "call_type": ["a"], "agent_name": "Z"});
        let verdicts = [
            said("sale_result", json!("no_sale")),
            said("call_type", json!(["b", "c"])),
            said("agent_name", json!("Zoë")),
            said("agent_name", Value::Null),
            accepted("sale_result", json!("sale_completed")),
        ];
        assert_counts(
            labels,
            &verdicts,
            &json!({"sale_result": "sale_completed", "call_type": ["b", "c"], "agent_name": null}),
        );
        let count: Vec<String> = newest(&verdicts)
            .iter()
            .map(|one| one.field.to_string())
            .collect();
        assert_eq!(count, ["call_type", "agent_name", "sale_result"]);
    }

    #[test]
    fn a_verdict_outlasts_another_answer_of_the_model() {
        let labels = json!({"sale_result": "no_sale", "product_family": "fencing"});
        let verdicts = [
            accepted("sale_result", json!("sale_completed")),
            said("product_family", json!("other")),
        ];
        let expected = json!({"sale_result": "sale_completed", "product_family": "other"});
        assert_counts(labels, &verdicts, &expected);
    }

    #[test]
    fn a_part_of_a_group_is_corrected_alone() {
        let carrier = said("delivery_tracking.carrier", json!("Allied"));
        let group = json!({"delivery_tracking": {"carrier": "TNT", "reason_for_call": ["late"]}});
        assert_counts(
            group.clone(),
            std::slice::from_ref(&carrier),
            &json!({"delivery_tracking": {"carrier": "Allied", "reason_for_call": ["late"]}}),
        );
        let alone = json!({"delivery_tracking": {"carrier": "Allied"}});
        for others in [
            json!({}),
            json!({"delivery_tracking": null}),
            json!({"delivery_tracking": "x"}),
        ] {
            assert_counts(others, std::slice::from_ref(&carrier), &alone);
        }
        let none = said("delivery_tracking", Value::Null);
        assert_counts(
            group.clone(),
            &[carrier.clone(), none.clone()],
            &json!({"delivery_tracking": null}),
        );
        assert_counts(group, &[none, carrier], &alone);
    }

    #[test]
    fn nothing_else_is_a_name_or_a_value() {
        for good in ["a", "delivery_tracking.carrier", "a1.b_2"] {
            assert_eq!(LabelName::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "", ".", "a.", ".a", "a.b.c", "A", "a b", "a\"", "1a", "a;drop", "é",
        ] {
            assert_eq!(LabelName::parse(bad), None, "{bad}");
        }
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let half = "x".repeat(VALUE_BYTES_MAX / 2 + 1);
        for bad in [
            json!(1),
            json!({}),
            json!(true),
            json!([1]),
            json!([["a"]]),
            json!([null]),
            json!(long),
            json!([half, half]),
            json!(vec!["x"; VALUES_MAX + 1]),
        ] {
            assert_eq!(LabelValue::try_from(bad), Err(LabelValueError));
        }
        for good in [
            json!(null),
            json!(""),
            json!("[\"a\"]"),
            json!([]),
            json!(["a", "a"]),
        ] {
            let value = LabelValue::try_from(good.clone()).unwrap();
            assert_eq!(Value::from(value), good);
        }
    }
}
