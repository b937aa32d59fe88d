//! Labels of a call among its stored values, and values that a form may give them.

use callpipe_core::correction::LabelValue;
use serde_json::{Map, Value};

use crate::index::LabelField;

pub(crate) use crate::index::values_of;

/// The stored value of a label, or of a part of a group; nothing where there is none.
pub(crate) fn stored(name: &str, values: &Map<String, Value>) -> Value {
    let value = match name.split_once('.') {
        Some((group, part)) => values.get(group).and_then(|group| group.get(part)),
        None => values.get(name),
    };
    value.cloned().unwrap_or_default()
}

/// What a form gives a label: only values of the taxonomy, and as many of them as it allows.
pub(crate) fn checked(label: &LabelField, mut chosen: Vec<String>) -> Result<LabelValue, String> {
    chosen.dedup();
    if let Some(other) = chosen
        .iter()
        .find(|value| !label.labels.iter().any(|known| known.value == **value))
    {
        let other: String = other.chars().take(60).collect();
        return Err(format!("the taxonomy has no value {other}"));
    }
    if label.is_single() {
        let mut chosen = chosen.into_iter();
        return match (chosen.next(), chosen.next()) {
            (None, _) => Ok(LabelValue::Nothing),
            (Some(value), None) => Ok(LabelValue::One(value)),
            (Some(_), Some(_)) => Err("this label has one value".to_owned()),
        };
    }
    let is_none = label
        .none_label
        .as_ref()
        .is_some_and(|none| chosen.contains(none));
    if is_none && chosen.len() > 1 {
        return Err("the value for none stands alone".to_owned());
    }
    if chosen.len() < label.at_least || chosen.len() > label.at_most {
        return Err(format!(
            "this label has {} to {} values",
            label.at_least, label.at_most
        ));
    }
    Ok(LabelValue::Several(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Fields;
    use callpipe_core::taxonomy::Taxonomy;

    fn check(field: &str, chosen: &[&str]) -> Result<LabelValue, String> {
        let fields = Fields::of(&Taxonomy::built_in());
        let (_, label) = fields
            .labels()
            .find(|(other, _)| other.name == field)
            .unwrap();
        checked(
            label,
            chosen.iter().map(|value| (*value).to_owned()).collect(),
        )
    }

    #[test]
    fn only_values_of_the_taxonomy_are_taken() {
        let one = LabelValue::One("sale_completed".into());
        assert_eq!(check("sale_result", &["sale_completed"]), Ok(one));
        assert_eq!(check("sale_result", &[]), Ok(LabelValue::Nothing));
        assert!(check("sale_result", &["sale_completed", "sale_intended"]).is_err());
        assert!(check("sale_result", &["<script>"]).is_err());
        let two = LabelValue::Several(vec!["complaint".into(), "order_support".into()]);
        assert_eq!(check("call_type", &["complaint", "order_support"]), Ok(two));
        assert!(check("call_type", &[]).is_err());
        assert!(
            check(
                "call_type",
                &["complaint", "order_support", "order_placement"]
            )
            .is_err()
        );
        assert!(check("escalation_actions", &["none", "manager_escalation"]).is_err());
        assert!(check("delivery_tracking.carrier", &["auspost"]).is_ok());
    }
}
