//! What is read for people: rows of counts to a summary, and filters to conditions.

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{
    CallFilter, FailureGroup, SkipCount, StageCount, StageSpend, Summary,
};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;

use crate::bigquery::{Row, Statement};

/// Adds up the rows of [`super::sql::Sql::summary`].
pub(super) fn summary(rows: &[Row]) -> Summary {
    let mut summary = Summary::default();
    for row in rows {
        let word = |name| row.text(name).unwrap_or_default();
        let Some(stage) = Stage::parse(&word("stage")) else {
            continue;
        };
        let status = word("stage_status");
        let count = row.number("calls").unwrap_or(0);
        summary.total += count;
        add_count(
            &mut summary.counts,
            stage,
            &status,
            count,
            row.number("waiting").unwrap_or(0),
        );
        for stage in [Stage::Transcribe, Stage::Classify] {
            add_spend(&mut summary.spend, stage, row);
        }
        add_not_bought(&mut summary, row);
        if status == "skipped"
            && let Some(reason) = row.text("skip_reason")
        {
            add_skip(&mut summary.skips, reason, count);
        }
        if (status == "ready" || status == "parked")
            && let Some(kind) = row.text("failure_kind")
        {
            let example = row.value("example").unwrap_or_default();
            let part = |name: &str| example[name].as_str().unwrap_or_default().to_owned();
            summary.failures.push(FailureGroup {
                stage,
                status,
                kind,
                example: part("failure_reason"),
                contact_id: part("contactId"),
                count,
            });
        }
    }
    summary
        .counts
        .sort_by(|one, other| (one.stage, &one.status).cmp(&(other.stage, &other.status)));
    summary.failures.sort_by(|one, other| {
        let order = |group: &FailureGroup| (group.stage, group.status.clone(), group.kind.clone());
        other
            .count
            .cmp(&one.count)
            .then_with(|| order(one).cmp(&order(other)))
    });
    summary.spend.sort_by_key(|spend| spend.stage);
    summary.skips.sort_by(|one, other| {
        other
            .count
            .cmp(&one.count)
            .then_with(|| one.reason.cmp(&other.reason))
    });
    summary
}

fn add_count(counts: &mut Vec<StageCount>, stage: Stage, status: &str, count: u64, waiting: u64) {
    let known = counts
        .iter_mut()
        .find(|known| known.stage == stage && known.status == status);
    match known {
        Some(known) => {
            known.count += count;
            known.waiting += waiting;
        }
        None => counts.push(StageCount {
            stage,
            status: status.to_owned(),
            waiting,
            count,
        }),
    }
}

fn add_spend(spend: &mut Vec<StageSpend>, stage: Stage, row: &Row) {
    let usd = row.text(&format!("{stage}_usd"));
    let Some(usd) = usd.and_then(|usd| usd.parse().ok()).map(Usd::from_dollars) else {
        return;
    };
    let calls = row.number(&format!("{stage}_calls")).unwrap_or(0);
    match spend.iter_mut().find(|known| known.stage == stage) {
        Some(known) => {
            known.usd += usd;
            known.calls += calls;
        }
        None => spend.push(StageSpend { stage, usd, calls }),
    }
}

fn add_not_bought(summary: &mut Summary, row: &Row) {
    let number = |name| row.text(name).and_then(|text| text.parse::<f64>().ok());
    summary.not_bought.calls += row.number("not_bought_calls").unwrap_or(0);
    summary.not_bought.duration_s += number("not_bought_s").unwrap_or(0.0);
    summary.not_bought.usd += Usd::from_dollars(number("saved_usd").unwrap_or(0.0));
    summary.same_audio += row.number("same_audio").unwrap_or(0);
}

fn add_skip(skips: &mut Vec<SkipCount>, reason: String, count: u64) {
    match skips.iter_mut().find(|skip| skip.reason == reason) {
        Some(skip) => skip.count += count,
        None => skips.push(SkipCount { reason, count }),
    }
}

/// A statement for the calls that match a filter.
pub(super) fn filtered(
    filter: &CallFilter,
    sql: impl FnOnce(&[&str], Option<usize>) -> String,
) -> Statement {
    let mut conditions = Vec::new();
    let mut texts = Vec::new();
    let mut text = |condition, name, value: Option<String>| {
        if let Some(value) = value {
            conditions.push(condition);
            texts.push((name, value));
        }
    };
    let stage = filter.stage.map(|stage| stage.as_str().to_owned());
    text("stage = @stage", "stage", stage);
    text("stage_status = @status", "status", filter.status.clone());
    text(
        "failure_kind = @failure_kind",
        "failure_kind",
        filter.failure_kind.clone(),
    );
    if !filter.contact_ids.is_empty() {
        conditions.push("contactId IN UNNEST(@ids)");
    }
    if filter.since.is_some() {
        conditions.push("call_date >= @since");
    }
    let mut statement = Statement::new(sql(&conditions, filter.limit));
    for (name, value) in texts {
        statement = statement.bind(name, "STRING", value);
    }
    if let Some(since) = filter.since {
        statement = statement.bind("since", "DATE", since.to_string());
    }
    if !filter.contact_ids.is_empty() {
        let ids = filter.contact_ids.iter().map(ContactId::to_string);
        statement = statement.bind_texts("ids", ids.collect());
    }
    statement
}
