//! What is made of rows that another program left, in SQL that every warehouse understands.

/// Takes up rows that another program made, from the baseline's flags.
///
/// Classified calls are done; transcribed ones are to be classified, or are skipped if nobody
/// spoke; calls without a recording are skipped. All others are fetched, also those whose audio
/// is in the archive: fetching finds it there, with its hash and size.
///
/// That it was taken up is a change of a call, too, and its moment is `now_sql`, which says it in the
/// warehouse's own SQL: who follows the changes would never see the call otherwise.
pub(crate) fn adopt(tracking: &str, now_sql: &str) -> String {
    let done = "CAST(gemini_analysed AS INTEGER) = 1";
    let transcribed = "CAST(transcribed AS INTEGER) = 1";
    let spoken = "TRIM(COALESCE(transcription, '')) <> ''";
    let nothing = "status IN ('NOT_FOUND', 'NO_RECORDING')";
    format!(
        "UPDATE {tracking} SET attempt = 0, redo_count = 0, \
         updated_at = COALESCE(updated_at, {now_sql}), \
         stage = CASE WHEN {done} THEN 'classify' WHEN {nothing} THEN 'fetch' \
         WHEN {transcribed} AND {spoken} THEN 'classify' WHEN {transcribed} THEN 'transcribe' \
         ELSE 'fetch' END, \
         stage_status = CASE WHEN {done} THEN 'done' WHEN {nothing} THEN 'skipped' \
         WHEN {transcribed} AND {spoken} THEN 'ready' WHEN {transcribed} THEN 'skipped' \
         ELSE 'ready' END, \
         skip_reason = CASE WHEN {done} THEN NULL WHEN status = 'NOT_FOUND' THEN 'not_found' \
         WHEN status = 'NO_RECORDING' THEN 'no_recording' \
         WHEN {transcribed} AND {spoken} THEN NULL WHEN {transcribed} THEN 'no_speech' END \
         WHERE stage IS NULL AND TRIM(COALESCE(contactId, '')) <> ''"
    )
}
