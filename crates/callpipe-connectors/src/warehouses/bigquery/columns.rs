//! The columns of the two tables, with their types. Names and types of the baseline's columns are
//! its own, lists and structs included.

use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::taxonomy::{Rule, Section, Taxonomy};

use crate::bigquery::wire::{Field, TableSchema};

/// A column and its type.
type Column = (&'static str, &'static str);

/// The baseline's tracking columns beside `contactId`.
const BASELINE_TRACKING: [Column; 14] = [
    ("recording_filename", "STRING"),
    ("gcs_uri", "STRING"),
    ("fetch_datetime", "TIMESTAMP"),
    ("status", "STRING"),
    ("raw_response", "STRING"),
    ("transcribed", "INTEGER"),
    ("analysed", "INTEGER"),
    ("transcription", "STRING"),
    ("transcription_raw", "STRING"),
    ("summary", "STRING"),
    ("topics", "STRING"),
    ("intents", "STRING"),
    ("sentiment", "STRING"),
    ("gemini_analysed", "INTEGER"),
];

/// Ours. `start_date` is as the source wrote it, with its offset; `call_date` is the date in the
/// call's own place.
const OUR_TRACKING: [Column; 28] = [
    ("master_contact_id", "STRING"),
    ("call_started_at", "TIMESTAMP"),
    ("call_date", "DATE"),
    ("start_date", "STRING"),
    ("contact_metadata", "STRING"),
    ("listed_at", "TIMESTAMP"),
    ("stage", "STRING"),
    ("stage_status", "STRING"),
    ("skip_reason", "STRING"),
    ("attempt", "INTEGER"),
    ("not_before", "TIMESTAMP"),
    ("redo_count", "INTEGER"),
    ("failure_kind", "STRING"),
    ("failure_reason", "STRING"),
    ("updated_at", "TIMESTAMP"),
    ("recordings", "STRING"),
    ("measures", "STRING"),
    ("duration_s", "FLOAT"),
    ("transcriber_model", "STRING"),
    ("analysis_model", "STRING"),
    ("transcribed_at", "TIMESTAMP"),
    ("transcribe_cost_usd", "FLOAT"),
    ("classify_cost_usd", "FLOAT"),
    ("purchases", "STRING"),
    ("triage", "STRING"),
    ("not_bought_s", "FLOAT"),
    ("saved_usd", "FLOAT"),
    ("same_audio_as", "STRING"),
];

/// What every classification says beside its labels.
const CLASSIFICATION: [Column; 9] = [
    ("call_id", "STRING"),
    ("contactId", "STRING"),
    ("call_date", "DATE"),
    ("transcript", "STRING"),
    ("classification_version", "STRING"),
    ("classification_timestamp", "TIMESTAMP"),
    ("llm_model", "STRING"),
    ("prompt_version", "STRING"),
    ("reply_key", "STRING"),
];

/// The tracking table.
pub(super) fn tracking() -> Vec<Field> {
    let mut fields = vec![Field::required("contactId", "STRING")];
    fields.extend(nullable(&BASELINE_TRACKING));
    fields.extend(nullable(&OUR_TRACKING));
    fields.push(Field::nullable("transcript_key", "STRING"));
    fields.push(Field::repeated("reply_keys", "STRING"));
    fields
}

/// The classifications table: the baseline's labels, whatever the taxonomy, since its users'
/// queries name them, and a column for each further section of the taxonomy.
pub(super) fn classifications(taxonomy: &Taxonomy) -> Outside<Vec<Field>> {
    let mut fields: Vec<Field> = nullable(&CLASSIFICATION).collect();
    if let Some(section) = taxonomy.sections.iter().find(|section| {
        let name = section.field.as_str();
        fields.iter().any(|field| field.is_called(name))
    }) {
        let message = format!("the taxonomy has a section `{}`", section.field);
        return Err(Failure::new(FailureKind::StoreFailed, message)
            .with_hint("this name is a column with another meaning: rename the section"));
    }
    fields.extend(baseline_labels());
    for section in &taxonomy.sections {
        if !fields
            .iter()
            .any(|field| field.is_called(section.field.as_str()))
        {
            fields.push(label(section));
        }
    }
    Ok(fields)
}

/// The labels of the baseline.
fn baseline_labels() -> Vec<Field> {
    let text = |name| Field::nullable(name, "STRING");
    let texts = |name| Field::repeated(name, "STRING");
    let score = |name| Field::nullable(name, "FLOAT");
    vec![
        texts("call_type"),
        text("sale_result"),
        texts("no_sale_reasons"),
        text("product_family"),
        texts("product_category_detail"),
        texts("problems_detected"),
        texts("escalation_actions"),
        text("agent_name"),
        Field::record(
            "delivery_tracking",
            vec![
                text("carrier"),
                text("customer_action"),
                texts("reason_for_call"),
            ],
        ),
        Field::record(
            "confidence_scores",
            vec![
                score("call_type_confidence"),
                score("sale_result_confidence"),
                score("product_classification_confidence"),
                score("overall_confidence"),
            ],
        ),
    ]
}

/// The column of a section by what its answers look like.
fn label(section: &Section) -> Field {
    let name = section.field.as_str();
    match &section.rule {
        Rule::Label { .. } | Rule::Text { .. } => Field::nullable(name, "STRING"),
        Rule::Labels { .. } => Field::repeated(name, "STRING"),
        Rule::Scores { names } => {
            let scores = names.iter();
            Field::record(
                name,
                scores
                    .map(|score| Field::nullable(&score.value, "FLOAT"))
                    .collect(),
            )
        }
        Rule::Group { parts } => Field::record(name, parts.iter().map(label).collect()),
    }
}

fn nullable(columns: &[Column]) -> impl Iterator<Item = Field> {
    columns
        .iter()
        .map(|(name, r#type)| Field::nullable(name, r#type))
}

/// The schema with the columns that it lacked behind those that it has; none where it lacks none.
/// What is there stays as it is, whatever its type.
pub(super) fn widened(existing: &TableSchema, wanted: &[Field]) -> Option<TableSchema> {
    let mut schema = existing.clone();
    for field in wanted {
        match schema
            .fields
            .iter_mut()
            .find(|known| known.is_called(&field.name))
        {
            Some(known) if known.is_record() && field.is_record() => {
                let parts = TableSchema {
                    fields: std::mem::take(&mut known.fields),
                };
                known.fields = widened(&parts, &field.fields).unwrap_or(parts).fields;
            }
            Some(_) => {}
            // A column that is added to existing rows cannot be required.
            None => schema.fields.push(Field {
                mode: field.mode.clone().filter(|mode| mode != "REQUIRED"),
                ..field.clone()
            }),
        }
    }
    (schema != *existing).then_some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_taxonomy_fits_the_baselines_columns() {
        let ours = classifications(&Taxonomy::built_in()).unwrap();
        let baseline = baseline_labels();
        assert_eq!(ours.len(), CLASSIFICATION.len() + baseline.len());
        for section in &Taxonomy::built_in().sections {
            let theirs = baseline
                .iter()
                .find(|field| field.is_called(section.field.as_str()));
            assert_eq!(theirs, Some(&label(section)), "{}", section.field);
        }
    }

    #[test]
    fn columns_are_added_and_never_changed() {
        let existing = TableSchema {
            fields: vec![
                Field::nullable("CONTACTID", "INTEGER"),
                Field::record("scores", vec![Field::nullable("a", "FLOAT")]),
            ],
        };
        let wanted = [
            Field::required("contactId", "STRING"),
            Field::record("scores", vec![Field::nullable("b", "FLOAT")]),
            Field::required("added", "STRING"),
        ];
        let schema = widened(&existing, &wanted).unwrap();
        assert_eq!(schema.fields[0], existing.fields[0]);
        let parts: Vec<&str> = schema.fields[1]
            .fields
            .iter()
            .map(|part| part.name.as_str())
            .collect();
        assert_eq!(parts, ["a", "b"]);
        assert_eq!(schema.fields[2].mode, None);
        assert_eq!(widened(&schema, &wanted), None);
    }

    #[test]
    fn a_section_cannot_take_a_column_with_another_meaning() {
        let taxonomy = Taxonomy::parse(
            "version = \"x\"\n[[section]]\nfield = \"transcript\"\nkind = \"text\"\n\
             description = \"d\"",
        );
        let failure = classifications(&taxonomy.unwrap()).unwrap_err();
        assert!(failure.chain().contains("transcript"));
    }
}
