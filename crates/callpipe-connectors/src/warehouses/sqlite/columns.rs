//! The columns of the two tables.
//!
//! Names and meanings of the baseline's columns are kept, arrays and structs as JSON text. Long
//! texts come last: SQLite walks through all that lies before a column to read it.

use callpipe_core::taxonomy::Taxonomy;

/// A column and its declaration.
pub(super) type Column = (&'static str, &'static str);

/// The tracking table: the baseline's columns and ours.
pub(super) const TRACKING: [Column; 45] = [
    ("contactId", "TEXT"),
    ("status", "TEXT"),
    ("transcribed", "INTEGER"),
    ("analysed", "INTEGER"),
    ("gemini_analysed", "INTEGER"),
    ("recording_filename", "TEXT"),
    ("gcs_uri", "TEXT"),
    ("fetch_datetime", "TEXT"),
    // Ours: what the contact source said. `call_started_at` is UTC and orders as text; `start_date`
    // is as written, with its offset; `call_date` is the date in the call's own place.
    ("master_contact_id", "TEXT"),
    ("call_started_at", "TEXT"),
    ("call_date", "TEXT"),
    ("start_date", "TEXT"),
    // Ours: where the call stands.
    ("stage", "TEXT"),
    ("stage_status", "TEXT"),
    ("skip_reason", "TEXT"),
    ("attempt", "INTEGER"),
    ("not_before", "TEXT"),
    ("redo_count", "INTEGER"),
    ("failure_kind", "TEXT"),
    ("failure_reason", "TEXT"),
    ("listed_at", "TEXT"),
    ("updated_at", "TEXT"),
    // Ours: what was made of it.
    ("duration_s", "REAL"),
    ("transcriber_model", "TEXT"),
    ("analysis_model", "TEXT"),
    ("transcribed_at", "TEXT"),
    ("transcript_key", "TEXT"),
    ("reply_keys", "TEXT"),
    ("recordings", "TEXT"),
    // Ours: what it cost, by stage, and every reply that was bought for it.
    ("transcribe_cost_usd", "REAL"),
    ("classify_cost_usd", "REAL"),
    ("purchases", "TEXT"),
    // Ours: what was heard before buying, what was not bought for it, and whose reply it uses.
    ("triage", "TEXT"),
    ("not_bought_s", "REAL"),
    ("saved_usd", "REAL"),
    ("same_audio_as", "TEXT"),
    ("measures", "TEXT"),
    ("contact_metadata", "TEXT"),
    // The baseline's long texts.
    ("summary", "TEXT"),
    ("topics", "TEXT"),
    ("intents", "TEXT"),
    ("sentiment", "TEXT"),
    ("raw_response", "TEXT"),
    ("transcription", "TEXT"),
    ("transcription_raw", "TEXT"),
];

/// What every row of the classifications table says beside its labels.
pub(super) const CLASSIFICATION: [Column; 8] = [
    ("call_id", "TEXT"),
    ("contactId", "TEXT"),
    ("call_date", "TEXT"),
    ("classification_version", "TEXT"),
    ("classification_timestamp", "TEXT"),
    ("llm_model", "TEXT"),
    ("prompt_version", "TEXT"),
    ("reply_key", "TEXT"),
];

/// The baseline's labels, which are there whatever the taxonomy: its users' queries name them.
pub(super) const BASELINE_LABELS: [&str; 10] = [
    "call_type",
    "sale_result",
    "no_sale_reasons",
    "product_family",
    "product_category_detail",
    "problems_detected",
    "escalation_actions",
    "agent_name",
    "delivery_tracking",
    "confidence_scores",
];

/// The conversation that was labelled.
pub(super) const CLASSIFICATION_LAST: Column = ("transcript", "TEXT");

/// All columns of the tracking table.
pub(super) fn tracking() -> Vec<(String, &'static str)> {
    owned(TRACKING.iter())
}

/// All columns of the classifications table.
pub(super) fn classifications(taxonomy: &Taxonomy) -> Vec<(String, &'static str)> {
    let mut columns = owned(CLASSIFICATION.iter());
    columns.extend(BASELINE_LABELS.map(|label| (label.to_owned(), "TEXT")));
    for section in &taxonomy.sections {
        let field = section.field.as_str();
        if !BASELINE_LABELS.contains(&field) {
            columns.push((field.to_owned(), "TEXT"));
        }
    }
    columns.extend(owned([&CLASSIFICATION_LAST].into_iter()));
    columns
}

/// The first section of a taxonomy whose field means something else in the table.
pub(super) fn reserved(taxonomy: &Taxonomy) -> Option<&str> {
    taxonomy
        .sections
        .iter()
        .map(|section| section.field.as_str())
        .find(|field| {
            CLASSIFICATION
                .iter()
                .chain([&CLASSIFICATION_LAST])
                .any(|(name, _)| name.eq_ignore_ascii_case(field))
        })
}

fn owned<'a>(columns: impl Iterator<Item = &'a Column>) -> Vec<(String, &'static str)> {
    columns
        .map(|(name, declaration)| ((*name).to_owned(), *declaration))
        .collect()
}
