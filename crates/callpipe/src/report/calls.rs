//! Calls as a table, and one call in full.

use callpipe_core::contracts::warehouse::{CallDetails, CallRow};
use comfy_table::{Table, presets};
use serde_json::Value;

/// Calls as a table.
pub fn table(rows: &[CallRow]) -> String {
    if rows.is_empty() {
        return "No calls match.".into();
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["call", "started", "stage", "status", "length", "reason"]);
    for row in rows {
        let length = row.duration_s.map(minutes).unwrap_or_default();
        table.add_row([
            one_line(&row.contact_id),
            row.started_at.clone().unwrap_or_default(),
            row.stage.to_string(),
            row.status.clone(),
            length,
            reason(row),
        ]);
    }
    table.trim_fmt()
}

/// One call in full.
pub fn details(details: &CallDetails) -> String {
    let mut text = format!(
        "call {}, {} at {}\n",
        one_line(&details.row.contact_id),
        details.row.status,
        details.row.stage
    );
    section(
        &mut text,
        "tracking",
        &details.tracking,
        &["transcription", "transcription_raw", "raw_response"],
    );
    if let Some(classification) = &details.classification {
        section(&mut text, "classification", classification, &["transcript"]);
    }
    if let Some(conversation) = details
        .tracking
        .get("transcription")
        .and_then(Value::as_str)
    {
        text.push_str("\nconversation\n");
        for line in conversation.lines() {
            text.push_str(&format!("  {}\n", one_line(line)));
        }
    }
    text
}

fn section(text: &mut String, title: &str, row: &Value, left_out: &[&str]) {
    text.push_str(&format!("\n{title}\n"));
    let Some(row) = row.as_object() else { return };
    for (column, value) in row
        .iter()
        .filter(|(column, value)| !left_out.contains(&column.as_str()) && !value.is_null())
    {
        let shown = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("  {column:<28} {}\n", one_line(&shown)));
    }
}

fn reason(row: &CallRow) -> String {
    let kind = row.reason_kind.clone().unwrap_or_default();
    match &row.reason {
        Some(reason) => format!("{kind}: {}", one_line(reason)),
        None => kind,
    }
}

fn minutes(duration_s: f64) -> String {
    let seconds = duration_s.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Other people's text must not move the cursor or colour the terminal.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}
