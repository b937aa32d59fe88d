//! The check of a model's answer: nothing outside the taxonomy passes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Condition, Label, Rule, Section, Taxonomy};

/// Why an answer is no classification. Holds names of the taxonomy and never words of the answer,
/// which may be words of the call: it is logged and stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct OffTaxonomy {
    /// Where.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

const NOT_A_LABEL: &str = "holds a value that is not one of its labels";

/// The checked values of an answer by field: what may be stored.
pub type CheckedValues = BTreeMap<String, Value>;

/// Checks an answer against the taxonomy and brings it into its stored form.
///
/// Forgiven, because they change no meaning: a list or an optional answer that is missing, a label
/// twice in one list, an empty list where a label for "none" exists, fields that were not asked
/// for (dropped). Everything else is an error.
pub fn check(taxonomy: &Taxonomy, answer: &Value) -> Result<CheckedValues, OffTaxonomy> {
    let answer = answer
        .as_object()
        .ok_or_else(|| off("answer", "is not a JSON object"))?;
    let mut checked = CheckedValues::new();
    for section in &taxonomy.sections {
        let value = answer.get(section.field.as_str()).unwrap_or(&Value::Null);
        let value = match &section.only_when {
            Some(condition) if !holds(condition, &checked) => {
                not_applicable(section, condition, value)?
            }
            _ => section_value(section, value)?,
        };
        checked.insert(section.field.to_string(), value);
    }
    Ok(checked)
}

/// The stored form of a question that does not apply; an answer to it all the same is an error.
fn not_applicable(
    section: &Section,
    condition: &Condition,
    value: &Value,
) -> Result<Value, OffTaxonomy> {
    let none_label = match &section.rule {
        Rule::Labels { none_label, .. } => none_label.as_deref(),
        _ => None,
    };
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items
            .iter()
            .all(|item| none_label.is_some() && item.as_str() == none_label),
        _ => false,
    };
    if !is_empty {
        let problem = format!(
            "is answered although {} is none of {}",
            condition.field,
            condition.any_of.join(", ")
        );
        return Err(off(section.field.as_str(), problem));
    }
    Ok(match section.rule {
        Rule::Labels { .. } => json!([]),
        _ => Value::Null,
    })
}

fn section_value(section: &Section, value: &Value) -> Result<Value, OffTaxonomy> {
    let field = section.field.as_str();
    match &section.rule {
        Rule::Label { labels } => one_label(field, labels, value),
        Rule::Labels {
            labels,
            at_least,
            at_most,
            none_label,
        } => many_labels(
            field,
            labels,
            *at_least..=*at_most,
            none_label.as_deref(),
            value,
        ),
        Rule::Text { chars_max } => short_text(field, *chars_max, value),
        Rule::Scores { names } => scores(field, names, value),
        Rule::Group { parts } => group(field, parts, value),
    }
}

fn one_label(field: &str, labels: &[Label], value: &Value) -> Result<Value, OffTaxonomy> {
    let text = value
        .as_str()
        .ok_or_else(|| off(field, "is missing or no text"))?;
    if labels.iter().any(|label| label.value == text) {
        Ok(json!(text))
    } else {
        Err(off(field, NOT_A_LABEL))
    }
}

fn many_labels(
    field: &str,
    labels: &[Label],
    limits: std::ops::RangeInclusive<usize>,
    none_label: Option<&str>,
    value: &Value,
) -> Result<Value, OffTaxonomy> {
    let items: &[Value] = match value {
        Value::Null => &[],
        Value::Array(items) => items,
        _ => return Err(off(field, "is not a list")),
    };
    let mut chosen: Vec<&str> = Vec::with_capacity(items.len());
    for item in items {
        let text = item
            .as_str()
            .ok_or_else(|| off(field, "holds something that is no text"))?;
        if !labels.iter().any(|label| label.value == text) {
            return Err(off(field, NOT_A_LABEL));
        }
        if !chosen.contains(&text) {
            chosen.push(text);
        }
    }
    if let Some(none_label) = none_label {
        if chosen.is_empty() {
            chosen.push(none_label);
        } else if chosen.len() > 1 && chosen.contains(&none_label) {
            return Err(off(
                field,
                format!("{none_label} stands beside other labels"),
            ));
        }
    }
    if !limits.contains(&chosen.len()) {
        let (count, least, most) = (chosen.len(), limits.start(), limits.end());
        return Err(off(
            field,
            format!("has {count} labels where {least} to {most} are allowed"),
        ));
    }
    Ok(json!(chosen))
}

fn short_text(field: &str, chars_max: usize, value: &Value) -> Result<Value, OffTaxonomy> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::String(text) if text.trim().is_empty() => Ok(Value::Null),
        Value::String(text) if text.trim().chars().count() > chars_max => {
            Err(off(field, format!("is longer than {chars_max} characters")))
        }
        Value::String(text) if text.trim().chars().any(char::is_control) => {
            Err(off(field, "holds control characters"))
        }
        Value::String(text) => Ok(json!(text.trim())),
        _ => Err(off(field, "is no text")),
    }
}

fn scores(field: &str, names: &[Label], value: &Value) -> Result<Value, OffTaxonomy> {
    let object = value
        .as_object()
        .ok_or_else(|| off(field, "is missing or no object"))?;
    let mut scores = Map::new();
    for name in names {
        let score = object
            .get(&name.value)
            .and_then(Value::as_f64)
            .filter(|score| (0.0..=1.0).contains(score))
            .ok_or_else(|| {
                off(
                    field,
                    format!("{} is no number from 0.0 to 1.0", name.value),
                )
            })?;
        scores.insert(name.value.clone(), json!(score));
    }
    Ok(Value::Object(scores))
}

fn group(field: &str, parts: &[Section], value: &Value) -> Result<Value, OffTaxonomy> {
    let object = match value {
        Value::Null => return Ok(Value::Null),
        Value::Object(object) => object,
        _ => return Err(off(field, "is no object")),
    };
    let mut group = Map::new();
    for part in parts {
        let value = object.get(part.field.as_str()).unwrap_or(&Value::Null);
        let value = section_value(part, value)
            .map_err(|error| off(&format!("{field}.{}", error.field), error.problem))?;
        group.insert(part.field.to_string(), value);
    }
    Ok(Value::Object(group))
}

fn holds(condition: &Condition, checked: &CheckedValues) -> bool {
    let allowed = |text: &str| condition.any_of.iter().any(|value| value == text);
    match checked.get(condition.field.as_str()) {
        Some(Value::String(text)) => allowed(text),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).any(allowed),
        _ => false,
    }
}

fn off(field: &str, problem: impl Into<String>) -> OffTaxonomy {
    OffTaxonomy {
        field: field.to_owned(),
        problem: problem.into(),
    }
}
