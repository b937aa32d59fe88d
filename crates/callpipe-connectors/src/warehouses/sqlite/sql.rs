//! Every statement, with the names of the tables put in and all values left to be bound.

use super::config::SqliteConfig;
use crate::warehouses::stored::{
    self, ANALYSIS_COLUMNS, ANALYSIS_MISSING, BRIEF_COLUMNS, EXPORTED_COLUMNS, FETCHED_COLUMNS,
    STATE_COLUMNS, TRANSCRIBED_COLUMNS,
};

/// The views for the questions that are asked every day, with the statements that make them.
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) create: String,
}

/// Written and taken back by a check.
pub(super) const PROBE: &str =
    "CREATE TABLE callpipe_probe (content TEXT); INSERT INTO callpipe_probe VALUES ('written');";

/// The moment of a statement as moments are stored.
const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')";

/// What a [`callpipe_core::contracts::warehouse::PendingCall`] is made of.
const CALL_COLUMNS: &str = "contactId, master_contact_id, start_date, contact_metadata, stage, \
     stage_status, skip_reason, attempt, not_before, redo_count, failure_kind, failure_reason, \
     recordings, gcs_uri, purchases";

/// Conversations up to this length come with the row of a call that is to be classified. Longer ones
/// stay where they are until their turn comes: many rows wait in memory.
pub(super) const CONVERSATION_BYTES_MAX: usize = 16 * 1024;

/// What a call is listed by.
const ROW_COLUMNS: &str = "contactId, start_date, stage, stage_status, attempt, not_before, \
     skip_reason, failure_kind, failure_reason, duration_s";

/// A name as SQL takes it. Names come from configuration and taxonomy, both checked, or from the
/// database itself.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The statements on two tables.
pub(super) struct Sql {
    /// The tracking table as it is named, for messages and for looking it up.
    pub(super) tracking_name: String,
    /// The classifications table as it is named.
    pub(super) classifications_name: String,
    /// The table of corrections as it is named.
    pub(super) corrections_name: String,
    /// The table of saved views as it is named.
    pub(super) saved_views_name: String,
    pub(super) tracking: String,
    classifications: String,
    pub(super) corrections: String,
    pub(super) saved_views: String,
    pub(super) add_contact: String,
    pub(super) fill_in_start: String,
    /// Saves a call's state alone. This and the next four name their values as the columns.
    pub(super) save_state: String,
    /// Its state, and that nothing was found of it.
    pub(super) save_nothing_found: String,
    /// Its state, and its recordings.
    pub(super) save_fetched: String,
    /// Its state, its transcript, and what was understood.
    pub(super) save_transcribed: String,
    /// Its state, and what was understood.
    pub(super) save_understood: String,
}

impl Sql {
    pub(super) fn new(config: &SqliteConfig) -> Self {
        let tracking = quoted(config.tracking_table.as_str());
        Self {
            add_contact: add_contact(&tracking),
            fill_in_start: fill_in_start(&tracking),
            save_state: save(&tracking, &[], &[]),
            save_nothing_found: save(&tracking, &[], &["raw_response"]),
            save_fetched: save(&tracking, &FETCHED_COLUMNS, &["raw_response"]),
            save_transcribed: save(
                &tracking,
                &[&TRANSCRIBED_COLUMNS[..], &ANALYSIS_COLUMNS].concat(),
                &[],
            ),
            save_understood: save(&tracking, &ANALYSIS_COLUMNS, &[]),
            tracking_name: config.tracking_table.to_string(),
            classifications_name: config.classifications_table.to_string(),
            classifications: quoted(config.classifications_table.as_str()),
            corrections_name: config.corrections_table.to_string(),
            corrections: quoted(config.corrections_table.as_str()),
            saved_views_name: config.saved_views_table.to_string(),
            saved_views: quoted(config.saved_views_table.as_str()),
            tracking,
        }
    }

    /// Replaces the labels of a call's row, or makes the row. `fields` are columns of labels.
    pub(super) fn save_classified(&self, fields: &[&str]) -> String {
        let mut columns = vec![
            "call_id",
            "contactId",
            "call_date",
            "transcript",
            "classification_version",
            "classification_timestamp",
            "llm_model",
            "prompt_version",
            "reply_key",
        ];
        columns.extend(fields);
        put(&self.classifications, "contactId", &columns)
    }

    /// Calls of a stage that can be done, newest first: `?1` stage, `?2` now, `?3` a date, `?4` a
    /// moment no later than the beginning of that date anywhere on earth.
    pub(super) fn pending(&self) -> String {
        self.pending_where("call_started_at >= ?4", "call_started_at DESC, contactId")
    }

    /// Calls of a stage that can be done and have no start, which come last: as above, without `?4`.
    pub(super) fn pending_without_start(&self) -> String {
        self.pending_where("call_started_at IS NULL", "contactId")
    }

    fn pending_where(&self, started: &str, order: &str) -> String {
        format!(
            "SELECT {CALL_COLUMNS}, {ANALYSIS_MISSING}, CASE WHEN stage = 'classify' \
             AND (transcript_key IS NULL OR octet_length(transcription) <= {CONVERSATION_BYTES_MAX}) \
             THEN transcription END AS conversation FROM {} WHERE stage = ?1 AND stage_status = 'ready' AND {started} \
             AND (not_before IS NULL OR not_before <= ?2) \
             AND (call_date IS NULL OR call_date >= ?3) ORDER BY {order}",
            self.tracking
        )
    }

    /// The moments that calls wait for, earliest first: `?1` stage, `?2` a date.
    pub(super) fn next_ready_at(&self) -> String {
        format!(
            "SELECT contactId, not_before FROM {} WHERE stage = ?1 AND stage_status = 'ready' \
             AND not_before IS NOT NULL AND (call_date IS NULL OR call_date >= ?2) \
             ORDER BY not_before",
            self.tracking
        )
    }

    /// How many calls of a stage are to be done, now or later: `?1` stage.
    pub(super) fn ready_count(&self) -> String {
        format!(
            "SELECT COUNT(*) FROM {} WHERE stage = ?1 AND stage_status = 'ready'",
            self.tracking
        )
    }

    /// How many calls stand where; `?1` now.
    pub(super) fn stage_counts(&self) -> String {
        format!(
            "SELECT stage, stage_status, \
             COUNT(*) FILTER (WHERE stage_status = 'ready' AND not_before > ?1) AS waiting, \
             COUNT(*) AS calls FROM {} WHERE stage IS NOT NULL \
             GROUP BY stage, stage_status ORDER BY stage, stage_status",
            self.tracking
        )
    }

    /// Failures by kind. The other columns are those of the row with the smallest id: SQLite takes
    /// them from the row that `MIN` found.
    pub(super) fn failure_groups(&self) -> String {
        format!(
            "SELECT stage, stage_status, failure_kind, failure_reason, MIN(contactId) AS contactId, \
             COUNT(*) AS calls FROM {} WHERE failure_kind IS NOT NULL \
             AND stage_status IN ('ready', 'parked') GROUP BY stage, stage_status, failure_kind \
             ORDER BY calls DESC, stage, stage_status, failure_kind",
            self.tracking
        )
    }

    /// What was spent at each stage, what was not bought, and what was bought for another call: the
    /// one query that reads the table from end to end.
    pub(super) fn money(&self) -> String {
        format!(
            "SELECT SUM(transcribe_cost_usd) AS transcribe_usd, \
             COUNT(transcribe_cost_usd) AS transcribe_calls, \
             SUM(classify_cost_usd) AS classify_usd, COUNT(classify_cost_usd) AS classify_calls, \
             COUNT(not_bought_s) AS not_bought_calls, SUM(not_bought_s) AS not_bought_s, \
             SUM(saved_usd) AS saved_usd, COUNT(same_audio_as) AS same_audio FROM {}",
            self.tracking
        )
    }

    pub(super) fn skip_counts(&self) -> String {
        format!(
            "SELECT skip_reason, COUNT(*) AS calls FROM {} WHERE skip_reason IS NOT NULL \
             AND stage_status = 'skipped' GROUP BY skip_reason ORDER BY calls DESC, skip_reason",
            self.tracking
        )
    }

    /// Calls as they are listed, newest first. The last value is the limit, negative for none.
    pub(super) fn list(&self, conditions: &[&str]) -> String {
        self.select(ROW_COLUMNS, conditions)
    }

    /// Calls as the state machine needs them, newest first. The last value is the limit.
    pub(super) fn progress(&self, conditions: &[&str]) -> String {
        let columns = format!("{CALL_COLUMNS}, {ANALYSIS_MISSING}, NULL AS conversation");
        self.select(&columns, conditions)
    }

    fn select(&self, columns: &str, conditions: &[&str]) -> String {
        let mut all = vec!["stage IS NOT NULL"];
        all.extend(conditions);
        format!(
            "SELECT {columns} FROM {} WHERE {} ORDER BY call_started_at DESC, contactId LIMIT ?",
            self.tracking,
            all.join(" AND ")
        )
    }

    /// Calls of an export in the order of their ids: the first value is an id before them all, the
    /// last one the limit. The plus keeps the conditions from choosing another index than that of
    /// the ids, by which all rows would be sorted for every page.
    pub(super) fn exported(&self, conditions: &[&str]) -> String {
        let mut sql = format!(
            "SELECT {} FROM {} WHERE contactId > ? AND +stage IS NOT NULL",
            EXPORTED_COLUMNS.join(", "),
            self.tracking
        );
        for condition in conditions {
            let plus = if condition.starts_with("contactId") {
                ""
            } else {
                "+"
            };
            sql.push_str(&format!(" AND {plus}{condition}"));
        }
        sql.push_str(" ORDER BY contactId LIMIT ?");
        sql
    }

    /// The calls with the ids of `?1`, a list in JSON, in no order.
    pub(super) fn brief(&self) -> String {
        format!(
            "SELECT {} FROM {} \
             WHERE contactId IN (SELECT value FROM json_each(?1)) AND +stage IS NOT NULL",
            BRIEF_COLUMNS.join(", "),
            self.tracking
        )
    }

    /// Calls whose last change has no moment, in the order of their ids: `?1` an id before them all,
    /// `?2` the limit.
    pub(super) fn changed_at_no_moment(&self) -> String {
        self.changed_where("updated_at IS NULL AND contactId > ?1", "?2")
    }

    /// Calls in the order of their last changes: `?1` and `?2` a moment and an id before them all,
    /// `?3` the limit.
    pub(super) fn changed(&self) -> String {
        self.changed_where("(updated_at, contactId) > (?1, ?2)", "?3")
    }

    fn changed_where(&self, condition: &str, limit: &str) -> String {
        format!(
            "SELECT {} FROM {} WHERE {condition} AND +stage IS NOT NULL \
             ORDER BY updated_at, contactId LIMIT {limit}",
            EXPORTED_COLUMNS.join(", "),
            self.tracking
        )
    }

    pub(super) fn tracking_row(&self) -> String {
        format!("SELECT * FROM {} WHERE contactId = ?1", self.tracking)
    }

    pub(super) fn classification_row(&self) -> String {
        format!(
            "SELECT * FROM {} WHERE contactId = ?1",
            self.classifications
        )
    }

    /// How often each value of a column was given; a list counts for each of its values.
    pub(super) fn value_counts(&self, column: &str) -> String {
        let (table, column) = (&self.classifications, quoted(column));
        format!(
            "SELECT each.value, COUNT(*) AS calls FROM {table} AS call, json_each(CASE \
             WHEN NOT json_valid(call.{column}) THEN json_array(call.{column}) \
             WHEN json_type(call.{column}) = 'array' THEN call.{column} \
             ELSE json_array(call.{column}) END) AS each WHERE call.{column} IS NOT NULL \
             GROUP BY each.value ORDER BY calls DESC, each.value"
        )
    }

    /// Takes up rows that another program made.
    pub(super) fn adopt(&self) -> String {
        stored::adopt(&self.tracking, NOW)
    }

    /// The indexes of the tracking table, by what each is for.
    pub(super) fn indexes(&self) -> Vec<String> {
        let index = |purpose: &str, columns: &str| {
            format!(
                "CREATE INDEX IF NOT EXISTS {} ON {} {columns}",
                quoted(&format!("callpipe_{}_{purpose}", self.tracking_name)),
                self.tracking
            )
        };
        vec![
            // What is to be done next, in its order, and the counts of the summary.
            index(
                "queue",
                "(stage, stage_status, call_started_at DESC, contactId, not_before)",
            ),
            index(
                "waiting",
                "(stage, not_before) WHERE stage_status = 'ready' AND not_before IS NOT NULL",
            ),
            index(
                "failures",
                "(failure_kind, stage, stage_status, contactId) WHERE failure_kind IS NOT NULL",
            ),
            index(
                "skips",
                "(skip_reason, stage_status) WHERE skip_reason IS NOT NULL",
            ),
            index("newest", "(call_started_at DESC, contactId)"),
            // What has changed since somebody looked last.
            index("changes", "(updated_at, contactId)"),
            // What the baseline's users count by.
            index("status", "(status, transcribed)"),
        ]
    }

    /// Makes a table's contact ids unique. Fails where they are not.
    pub(super) fn unique_contacts(&self, table: &str) -> String {
        format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (contactId)",
            quoted(&format!("callpipe_{table}_contact")),
            quoted(table)
        )
    }

    /// A contact id that a table has more than once.
    pub(super) fn duplicate_contact(&self, table: &str) -> String {
        format!(
            "SELECT contactId FROM {} WHERE contactId IS NOT NULL GROUP BY contactId \
             HAVING COUNT(*) > 1 LIMIT 1",
            quoted(table)
        )
    }

    pub(super) fn views(&self) -> [View; 3] {
        let view = |name: &'static str, query: String| View {
            name,
            create: format!("CREATE VIEW {name} AS {query}"),
        };
        [
            view(
                "callpipe_status_counts",
                format!(
                    "SELECT status, COUNT(*) AS calls FROM {} GROUP BY status",
                    self.tracking
                ),
            ),
            view(
                "callpipe_transcription_progress",
                format!(
                    "SELECT COUNT(*) FILTER (WHERE transcribed = 1) AS transcribed, \
                     COUNT(*) FILTER (WHERE transcribed IS NULL OR transcribed = 0) AS remaining, \
                     COUNT(*) AS total FROM {} WHERE status = 'SUCCESS'",
                    self.tracking
                ),
            ),
            view(
                "callpipe_sales",
                format!(
                    "SELECT sale_result, product_family, COUNT(*) AS calls, \
                     AVG(confidence_scores ->> 'overall_confidence') AS average_overall_confidence \
                     FROM {} GROUP BY sale_result, product_family",
                    self.classifications
                ),
            ),
        ]
    }
}

fn add_contact(tracking: &str) -> String {
    format!(
        "INSERT INTO {tracking} (contactId, master_contact_id, call_started_at, call_date, \
         start_date, contact_metadata, stage, stage_status, attempt, redo_count, transcribed, \
         analysed, gemini_analysed, listed_at, updated_at) \
         VALUES (:contact_id, :master_contact_id, :call_started_at, :call_date, :start_date, \
         :contact_metadata, 'fetch', 'ready', 0, 0, 0, 0, 0, :now, :now) \
         ON CONFLICT (contactId) DO NOTHING"
    )
}

fn fill_in_start(tracking: &str) -> String {
    format!(
        "UPDATE {tracking} SET call_started_at = :call_started_at, call_date = :call_date, \
         start_date = :start_date, \
         master_contact_id = COALESCE(master_contact_id, :master_contact_id), \
         contact_metadata = COALESCE(contact_metadata, :contact_metadata), \
         listed_at = COALESCE(listed_at, :now), updated_at = :now \
         WHERE contactId = :contact_id AND call_started_at IS NULL \
         AND :call_started_at IS NOT NULL"
    )
}

/// Saves the state of a call, the baseline's flags that follow from it, and what was learned, all at
/// once: each statement writes the whole row, with its long texts. Columns that are `kept` stay as
/// they are where there is no value.
fn save(tracking: &str, learned: &[&str], kept: &[&str]) -> String {
    let replaced = [&STATE_COLUMNS[..], learned].concat();
    let kept = [&["fetch_datetime"], kept].concat();
    let columns = [&replaced[..], &kept].concat();
    let replacements = replaced
        .iter()
        .map(|column| format!("{column} = excluded.{column}"));
    let additions = kept
        .iter()
        .map(|column| format!("{column} = COALESCE(excluded.{column}, {column})"));
    let updates: Vec<String> = replacements.chain(additions).collect();
    format!(
        "INSERT INTO {tracking} (contactId, master_contact_id, call_started_at, call_date, \
         start_date, contact_metadata, listed_at, {}) \
         VALUES (:contactId, :master_contact_id, :call_started_at, :call_date, :start_date, \
         :contact_metadata, :updated_at, :{}) ON CONFLICT (contactId) DO UPDATE SET {}",
        columns.join(", "),
        columns.join(", :"),
        updates.join(", ")
    )
}

/// Puts a row of some columns in the place of the one that has its key, or makes it. Table and key are
/// given as SQL has them.
pub(super) fn put(table: &str, key: &str, columns: &[&str]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let updates: Vec<String> = names
        .iter()
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({key}) DO UPDATE SET {}",
        names.join(", "),
        vec!["?"; names.len()].join(", "),
        updates.join(", ")
    )
}
