//! Every statement, with the names of the tables put in and all values left to be bound.

use std::fmt::Write;

use callpipe_core::shard::Shard;

use crate::bigquery::TableReference;
use crate::warehouses::stored::{
    self, ANALYSIS_COLUMNS, ANALYSIS_MISSING, EXPORTED_COLUMNS, FETCHED_COLUMNS, STATE_COLUMNS,
    TRANSCRIBED_COLUMNS,
};

/// What a [`callpipe_core::contracts::warehouse::PendingCall`] is made of: small columns only, since
/// BigQuery bills whole columns.
const CALL_COLUMNS: &str = "contactId, master_contact_id, start_date, contact_metadata, stage, \
     stage_status, skip_reason, attempt, not_before, redo_count, failure_kind, failure_reason, \
     recordings, gcs_uri, transcript_key, purchases";

/// What a call is listed by.
const ROW_COLUMNS: &str = "contactId, start_date, stage, stage_status, attempt, not_before, \
     skip_reason, failure_kind, failure_reason, duration_s";

/// The columns that say what a contact is: set with a new row, left alone afterwards.
pub(super) const CONTACT: [&str; 6] = [
    "master_contact_id",
    "call_started_at",
    "call_date",
    "start_date",
    "contact_metadata",
    "listed_at",
];

/// All columns of the tracking table that we ever write, beside `contactId`.
pub(super) fn written_columns() -> impl Iterator<Item = &'static str> {
    let once = ["fetch_datetime", "raw_response"];
    CONTACT
        .into_iter()
        .chain(STATE_COLUMNS)
        .chain(FETCHED_COLUMNS)
        .chain(TRANSCRIBED_COLUMNS)
        .chain(ANALYSIS_COLUMNS)
        .chain(once)
}

/// A name of a column as SQL takes it. Names come from the code, from the checked taxonomy, or from
/// BigQuery itself.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', ""))
}

/// The statements on two tables.
pub(super) struct Sql {
    tracking: String,
    classifications: String,
}

impl Sql {
    pub(super) fn new(tracking: &TableReference, classifications: &TableReference) -> Self {
        Self {
            tracking: tracking.quoted(),
            classifications: classifications.quoted(),
        }
    }

    /// The newest calls of each stage that are ready, those that must wait last: `@now`, `@since`,
    /// `@rows_max` of each stage. `ready_calls` says how many there are in all. Rows that another
    /// program made have no stage yet: they come too, so that they are noticed.
    pub(super) fn ready(&self, shard: Shard) -> String {
        format!(
            "SELECT {CALL_COLUMNS}, {ANALYSIS_MISSING}, COUNT(*) OVER (PARTITION BY stage) AS ready_calls FROM {} \
             WHERE (stage_status = 'ready' OR stage IS NULL) \
             AND (call_date IS NULL OR call_date >= @since) AND TRIM(contactId) != ''{} \
             QUALIFY ROW_NUMBER() OVER (PARTITION BY stage \
             ORDER BY IF(not_before > @now, 1, 0), call_started_at DESC, contactId) <= @rows_max",
            self.tracking,
            of_shard(shard)
        )
    }

    /// The conversations of some calls: `@ids`.
    pub(super) fn conversations(&self) -> String {
        format!(
            "SELECT contactId, transcription FROM {} WHERE contactId IN UNNEST(@ids)",
            self.tracking
        )
    }

    /// Those of some contacts that are known, and whether their start is: `@ids`.
    pub(super) fn known(&self) -> String {
        format!(
            "SELECT contactId, call_started_at IS NOT NULL AS has_start FROM {} \
             WHERE contactId IN UNNEST(@ids)",
            self.tracking
        )
    }

    /// All that a summary says, in one pass: `@now`.
    pub(super) fn summary(&self) -> String {
        format!(
            "SELECT stage, stage_status, skip_reason, failure_kind, COUNT(*) AS calls, \
             COUNTIF(stage_status = 'ready' AND not_before > @now) AS waiting, \
             ARRAY_AGG(STRUCT(contactId, failure_reason) ORDER BY contactId LIMIT 1)[OFFSET(0)] \
             AS example, SUM(transcribe_cost_usd) AS transcribe_usd, \
             COUNT(transcribe_cost_usd) AS transcribe_calls, SUM(classify_cost_usd) AS classify_usd, \
             COUNT(classify_cost_usd) AS classify_calls, \
             COUNT(not_bought_s) AS not_bought_calls, SUM(not_bought_s) AS not_bought_s, \
             SUM(saved_usd) AS saved_usd, COUNT(same_audio_as) AS same_audio FROM {} WHERE TRIM(contactId) != '' \
             GROUP BY stage, stage_status, skip_reason, failure_kind",
            self.tracking
        )
    }

    /// Calls as they are listed, newest first.
    pub(super) fn list(&self, conditions: &[&str], limit: Option<usize>) -> String {
        self.select(ROW_COLUMNS, conditions, limit)
    }

    /// Calls as the state machine needs them, newest first.
    pub(super) fn progress(&self, conditions: &[&str], limit: Option<usize>) -> String {
        let columns = format!("{CALL_COLUMNS}, {ANALYSIS_MISSING}");
        self.select(&columns, conditions, limit)
    }

    fn select(&self, columns: &str, conditions: &[&str], limit: Option<usize>) -> String {
        let mut sql = format!(
            "SELECT {columns} FROM {} WHERE stage IS NOT NULL",
            self.tracking
        );
        for condition in conditions {
            // Writing to a string cannot fail.
            let _ = write!(sql, " AND {condition}");
        }
        sql.push_str(" ORDER BY call_started_at DESC, contactId");
        if let Some(limit) = limit {
            let _ = write!(sql, " LIMIT {limit}");
        }
        sql
    }

    /// All that is known of calls, with `label_columns` of their newest labels as the struct
    /// `classification`. In no order: to sort this much is what BigQuery refuses.
    pub(super) fn exported(&self, conditions: &[&str], label_columns: &[&str]) -> String {
        let labels: Vec<String> = label_columns
            .iter()
            .map(|column| format!("labels.{}", quoted(column)))
            .collect();
        let mut sql = format!(
            "SELECT {}, STRUCT({}) AS classification FROM (SELECT * FROM {} \
             WHERE stage IS NOT NULL AND TRIM(contactId) != ''",
            EXPORTED_COLUMNS
                .map(|column| format!("known.{column}"))
                .join(", "),
            labels.join(", "),
            self.tracking,
        );
        for condition in conditions {
            // Writing to a string cannot fail.
            let _ = write!(sql, " AND {condition}");
        }
        let _ = write!(
            sql,
            ") AS known LEFT JOIN {} AS labels ON labels.contactId = known.contactId \
             WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY known.contactId \
             ORDER BY labels.classification_timestamp DESC) = 1",
            self.classifications
        );
        sql
    }

    /// Some columns of all calls, or of those that have changed: `@since`. In no order: to sort this
    /// much is what BigQuery refuses.
    pub(super) fn copied_calls(&self, columns: &[&str], is_since: bool) -> String {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let condition = changed(is_since);
        format!(
            "SELECT {} FROM {} WHERE {condition}",
            columns.join(", "),
            self.tracking
        )
    }

    /// Some columns of the newest labels of the same calls: their own moment need not be known.
    pub(super) fn copied_labels(&self, columns: &[&str], is_since: bool) -> String {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        format!(
            "SELECT {} FROM {} WHERE contactId IN (SELECT contactId FROM {} WHERE {}) \
             QUALIFY ROW_NUMBER() OVER (PARTITION BY contactId \
             ORDER BY classification_timestamp DESC) = 1",
            columns.join(", "),
            self.classifications,
            self.tracking,
            changed(is_since)
        )
    }

    /// All that is known of a call: `@id`.
    pub(super) fn tracking_row(&self) -> String {
        format!("SELECT * FROM {} WHERE contactId = @id", self.tracking)
    }

    /// A call's labels: `@id`.
    pub(super) fn classification_row(&self) -> String {
        format!(
            "SELECT * FROM {} WHERE contactId = @id LIMIT 1",
            self.classifications
        )
    }

    /// How often each value of a column of texts was given.
    pub(super) fn value_counts(&self, column: &str) -> String {
        let (table, column) = (&self.classifications, quoted(column));
        format!(
            "SELECT {column} AS value, COUNT(*) AS calls FROM {table} WHERE {column} IS NOT NULL \
             GROUP BY value ORDER BY calls DESC, value"
        )
    }

    /// How often each value was given in a column of lists.
    pub(super) fn element_counts(&self, column: &str) -> String {
        let (table, column) = (&self.classifications, quoted(column));
        format!(
            "SELECT element AS value, COUNT(*) AS calls FROM {table} AS classified, \
             UNNEST(classified.{column}) AS element GROUP BY value ORDER BY calls DESC, value"
        )
    }

    /// Takes up rows that another program made.
    pub(super) fn adopt(&self) -> String {
        stored::adopt(&self.tracking, "CURRENT_TIMESTAMP()")
    }

    /// Takes up staged contacts that are new, and starts that were not known.
    pub(super) fn merge_contacts(&self, staging: &TableReference) -> String {
        let state = [
            "stage",
            "stage_status",
            "attempt",
            "redo_count",
            "transcribed",
            "analysed",
            "gemini_analysed",
            "updated_at",
        ];
        let columns: Vec<&str> = CONTACT.into_iter().chain(state).collect();
        let starts = ["call_started_at", "call_date", "start_date"];
        let filled = ["master_contact_id", "contact_metadata", "listed_at"];
        let starts = starts.map(|column| format!("{column} = staged.tracking.{column}"));
        let filled = filled
            .map(|column| format!("{column} = COALESCE(known.{column}, staged.tracking.{column})"));
        format!(
            "{} WHEN MATCHED AND known.call_started_at IS NULL THEN UPDATE SET {}, {}, \
             updated_at = staged.tracking.updated_at \
             WHEN NOT MATCHED THEN {}",
            merge(&self.tracking, staging),
            starts.join(", "),
            filled.join(", "),
            insert("tracking", &columns)
        )
    }

    /// Saves staged states and what was learned with them.
    pub(super) fn merge_tracking(&self, staging: &TableReference) -> String {
        let mut updates: Vec<String> = STATE_COLUMNS
            .iter()
            .map(|column| format!("{column} = staged.tracking.{column}"))
            .collect();
        for (learned, columns) in [
            ("staged.fetched", &FETCHED_COLUMNS[..]),
            ("staged.transcribed", &TRANSCRIBED_COLUMNS),
            ("staged.transcribed OR staged.understood", &ANALYSIS_COLUMNS),
        ] {
            updates.extend(columns.iter().map(|column| {
                format!("{column} = IF({learned}, staged.tracking.{column}, known.{column})")
            }));
        }
        for column in ["fetch_datetime", "raw_response"] {
            updates.push(format!(
                "{column} = COALESCE(staged.tracking.{column}, known.{column})"
            ));
        }
        let columns: Vec<&str> = written_columns().collect();
        format!(
            "{} WHEN MATCHED THEN UPDATE SET {} WHEN NOT MATCHED THEN {}",
            merge(&self.tracking, staging),
            updates.join(", "),
            insert("tracking", &columns)
        )
    }

    /// Saves staged labels: in place of those that a call had.
    pub(super) fn merge_classifications(
        &self,
        staging: &TableReference,
        columns: &[&str],
    ) -> String {
        let quoted: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let updates: Vec<String> = quoted
            .iter()
            .map(|column| format!("{column} = staged.classification.{column}"))
            .collect();
        let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
        format!(
            "{} WHEN MATCHED AND staged.classified THEN UPDATE SET {} \
             WHEN NOT MATCHED AND staged.classified THEN {}",
            merge(&self.classifications, staging),
            updates.join(", "),
            insert("classification", &quoted)
        )
    }
}

/// The condition that a row is a call of ours, and has changed.
fn changed(is_since: bool) -> &'static str {
    match is_since {
        true => "stage IS NOT NULL AND TRIM(contactId) != '' AND updated_at >= @since",
        false => "stage IS NOT NULL AND TRIM(contactId) != ''",
    }
}

fn merge(table: &str, staging: &TableReference) -> String {
    format!(
        "MERGE {table} AS known USING {} AS staged ON known.contactId = staged.contactId",
        staging.quoted()
    )
}

fn insert(part: &str, columns: &[&str]) -> String {
    let values: Vec<String> = columns
        .iter()
        .map(|column| format!("staged.{part}.{column}"))
        .collect();
    format!(
        "INSERT (contactId, {}) VALUES (staged.contactId, {})",
        columns.join(", "),
        values.join(", ")
    )
}

/// The condition that a call is of a shard: what [`Shard::contains`] says.
fn of_shard(shard: Shard) -> String {
    if shard.is_whole() {
        return String::new();
    }
    format!(
        " AND MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(contactId)), 1, 8)) AS INT64), {}) = {}",
        shard.count(),
        shard.index()
    )
}
