//! Which fields of a call can be counted and filtered by: where it stands, and its labels.

use callpipe_core::taxonomy::{Label, Rule, Section, Taxonomy};
use serde_json::Value;

/// Fields that every call has, whatever the taxonomy, with their titles.
const OWN: [(&str, &str); 10] = [
    ("stage", "Stage"),
    ("status", "Status"),
    ("failure", "Failure"),
    ("skipped", "Skipped because"),
    ("agent", "Agent"),
    ("sentiment", "Sentiment"),
    ("transcriber", "Transcribed by"),
    ("model", "Classified by"),
    ("taxonomy", "Taxonomy"),
    ("review", "Review"),
];

/// The label that holds the name by which an agent introduces themselves.
pub(super) const AGENT_LABEL: &str = "agent_name";

/// A field of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name in addresses: the label's, or `group.part`.
    pub(crate) name: String,
    /// Its name for people.
    pub(crate) title: String,
    /// The label that it is, if it is one.
    pub(crate) label: Option<LabelField>,
}

/// A field that the taxonomy asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelField {
    /// What is asked.
    pub(crate) description: String,
    /// The allowed values with what they mean.
    pub(crate) labels: Vec<Label>,
    /// Whether a call has a list of them.
    is_list: bool,
    /// How many of them a call has at least and at most.
    pub(crate) at_least: usize,
    /// See `at_least`.
    pub(crate) at_most: usize,
    /// The value that means that no other applies.
    pub(crate) none_label: Option<String>,
}

impl LabelField {
    /// Whether a call has one value of it, and no list of them.
    pub(crate) fn is_single(&self) -> bool {
        !self.is_list
    }
}

/// All fields in their order: own ones first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    /// Own fields and those of a taxonomy. Free texts are searched, not counted.
    pub(crate) fn of(taxonomy: &Taxonomy) -> Self {
        let mut fields: Vec<Field> = OWN
            .iter()
            .map(|(name, title)| Field {
                name: (*name).to_owned(),
                title: (*title).to_owned(),
                label: None,
            })
            .collect();
        for section in &taxonomy.sections {
            match &section.rule {
                Rule::Group { parts } => {
                    for part in parts {
                        let name = format!("{}.{}", section.field, part.field);
                        fields.extend(label_field(name, part));
                    }
                }
                _ => fields.extend(label_field(section.field.to_string(), section)),
            }
        }
        Self(fields)
    }

    /// All fields.
    pub(crate) fn all(&self) -> &[Field] {
        &self.0
    }

    /// Those that the taxonomy asks for.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&Field, &LabelField)> {
        self.0
            .iter()
            .filter_map(|field| field.label.as_ref().map(|label| (field, label)))
    }

    /// The place of a field.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|field| field.name == name)
    }

    /// A field by its name.
    pub(crate) fn find(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|field| field.name == name)
    }

    /// A field's name for people; its name where there is no such field.
    pub(crate) fn title<'a>(&'a self, name: &'a str) -> &'a str {
        self.find(name).map_or(name, |field| &field.title)
    }

    /// What an index must have been made for to be of use: changes with the fields.
    pub(super) fn digest(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|field| field.name.as_str()).collect();
        names.join(" ")
    }
}

fn label_field(name: String, section: &Section) -> Option<Field> {
    let (labels, at_least, at_most, none_label) = match &section.rule {
        Rule::Label { labels } => (labels, 1, 1, None),
        Rule::Labels {
            labels,
            at_least,
            at_most,
            none_label,
        } => (labels, *at_least, *at_most, none_label.clone()),
        Rule::Text { .. } | Rule::Scores { .. } | Rule::Group { .. } => return None,
    };
    Some(Field {
        title: title(&name),
        name,
        label: Some(LabelField {
            description: section.description.clone(),
            labels: labels.clone(),
            is_list: matches!(section.rule, Rule::Labels { .. }),
            at_least,
            at_most,
            none_label,
        }),
    })
}

/// A name in words: `delivery_tracking.carrier` is "Delivery tracking: carrier".
fn title(name: &str) -> String {
    let words = name.replace('.', ": ").replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

/// The values of a label among stored values: of `group.part`, those of the part.
pub(crate) fn values_of(name: &str, values: &serde_json::Map<String, Value>) -> Vec<String> {
    let value = match name.split_once('.') {
        Some((group, part)) => values.get(group).and_then(|group| group.get(part)),
        None => values.get(name),
    };
    match value {
        Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Value::Array(items)) => {
            let texts = items.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_taxonomy_gives_fields_for_its_labels_and_their_parts() {
        let fields = Fields::of(&Taxonomy::built_in());
        let names: Vec<&str> = fields
            .labels()
            .map(|(field, _)| field.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "call_type",
                "sale_result",
                "no_sale_reasons",
                "product_family",
                "product_category_detail",
                "problems_detected",
                "delivery_tracking.carrier",
                "delivery_tracking.customer_action",
                "delivery_tracking.reason_for_call",
                "escalation_actions",
            ]
        );
        assert_eq!(
            fields.title("delivery_tracking.carrier"),
            "Delivery tracking: carrier"
        );
        assert_eq!(fields.title("nonsense"), "nonsense");
    }

    #[test]
    fn values_are_found_wherever_they_are() {
        let stored = json!({"a": "x", "b": ["y", 3, "z"], "c": {"d": "w"}, "e": null, "f": ""});
        let values = |name| values_of(name, stored.as_object().unwrap());
        assert_eq!(values("a"), ["x"]);
        assert_eq!(values("b"), ["y", "z"]);
        assert_eq!(values("c.d"), ["w"]);
        for nothing in ["e", "f", "g", "c.x", "a.d", "c"] {
            assert_eq!(values(nothing), Vec::<String>::new(), "{nothing}");
        }
    }
}
