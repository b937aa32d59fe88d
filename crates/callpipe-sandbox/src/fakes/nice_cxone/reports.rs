//! The reports: which contacts were completed, and which belong together.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::playback_body::text_of;
use super::report_query::ReportQuery;
use super::{failure, signed_in};
use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::journal::System;
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};
use crate::world::{Contact, Outcome};

/// The first version with today's names.
const RENAMED_IN: u32 = 24;

/// The names of a contact's fields: today's, and the one before version 24 where it differs.
pub(super) const FIELDS: &[(&str, Option<&str>)] = &[
    ("contactId", None),
    ("masterContactId", None),
    ("agentId", None),
    ("firstName", None),
    ("lastName", None),
    ("teamName", None),
    ("skillName", None),
    ("mediaTypeId", Some("mediaType")),
    ("mediaTypeName", None),
    ("contactStartDate", Some("contactStart")),
    ("lastUpdateTime", None),
    ("totalDurationSeconds", None),
    ("agentSeconds", None),
    ("acwSeconds", Some("ACWSeconds")),
    ("conferenceSeconds", Some("confSeconds")),
    ("holdCount", None),
    ("isOutbound", None),
    ("isLogged", None),
    ("abandoned", None),
    ("fromAddress", Some("fromAddr")),
    ("toAddress", Some("toAddr")),
    ("isAnalyticsProcessed", None),
    ("tags", None),
];

pub(super) async fn completed(
    State(shared): State<Arc<Shared>>,
    Path(version): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let mut open = shared.open(System::NiceCxone, "/contacts/completed");
    shared
        .pause(shared.options.latencies.nice_cxone, "completed")
        .await;
    let answer = match shared.strike(Point::Report, &Subject::default(), &mut open) {
        Some(fault) => Ok(refusal_of(&fault)),
        None => page(&shared, &version, &pairs, &headers),
    };
    file(open, answer.unwrap_or_else(|refusal| *refusal))
}

fn refusal_of(fault: &Fault) -> Response {
    let answer = match fault.kind {
        FaultKind::Report429 => failure(429, "TooManyRequests", "Too many requests"),
        FaultKind::Report503 => reply::html(503, "Service Unavailable"),
        FaultKind::ReportMalformedJson => reply::reply(
            200,
            "application/json",
            "{\"completedContacts\":[{\"contactId\":6",
        ),
        FaultKind::ReportConnectionReset => reply::reset(),
        _ => failure(500, "InternalServerError", "Internal error"),
    };
    reply::with_retry_after(answer, fault.retry_after_s)
}

fn page(
    shared: &Shared,
    version: &str,
    pairs: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    signed_in(shared, headers)?;
    let number = version_number(version)?;
    let query = ReportQuery::read(pairs, shared.options.contacts_per_page_max)
        .map_err(|text| Box::new(bad_request(text)))?;
    let contacts = shared.world.contacts().iter();
    let known = contacts.filter(|contact| contact.outcome != Outcome::NotFound);
    let wanted = known.filter(|contact| query.wants(contact, updated_at(contact)));
    let mut rows: Vec<Value> = wanted.map(|contact| row(contact, number)).collect();
    if rows.is_empty() {
        return Ok(Response::builder()
            .status(204)
            .body(().into())
            .unwrap_or_default());
    }
    sort(&mut rows, &query, number);
    let total = rows.len();
    let mut rows: Vec<Value> = rows.into_iter().skip(query.skip).take(query.top).collect();
    let next = query.skip + rows.len();
    rows.iter_mut().for_each(|row| query.keep_fields(row));
    let link = |skip: usize| page_url(shared, version, pairs, skip);
    let body = json!({
        "businessUnitId": 4_500_001,
        "lastPollTime": text_of(shared.now()),
        "totalRecords": total,
        "_links": {
            "self": link(query.skip),
            "next": (next < total && !rows.is_empty()).then(|| link(next)),
            "previous": (query.skip > 0).then(|| link(query.skip.saturating_sub(query.top))),
        },
        "completedContacts": rows,
    });
    let wrapped = shared.options.contacts_in_result_set;
    Ok(reply::json(
        200,
        &if wrapped {
            json!({ "resultSet": body })
        } else {
            body
        },
    ))
}

fn version_number(version: &str) -> Result<u32, Refusal> {
    let number = version
        .strip_prefix('v')
        .and_then(|rest| rest.strip_suffix(".0"));
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| Box::new(failure(404, "NotFound", "There is no such version")))
}

/// The vendor puts the text into a header as well.
fn bad_request(text: &str) -> Response {
    reply::with_header(
        failure(400, "BadRequest", text),
        "icstatusdescription",
        text,
    )
}

/// Contacts are in the reports an hour after they ended.
fn updated_at(contact: &Contact) -> DateTime<Utc> {
    contact.ended_at() + TimeDelta::hours(1)
}

fn row(contact: &Contact, version: u32) -> Value {
    let row = json!({
        "contactId": number_or_text(&contact.contact_id),
        "masterContactId": number_or_text(&contact.master_contact_id),
        "agentId": number_or_text(&contact.agent_id),
        "firstName": contact.agent_first_name,
        "lastName": contact.agent_last_name,
        "teamName": contact.team_name,
        "skillName": contact.skill_name,
        "mediaTypeId": 4,
        "mediaTypeName": "Call",
        "contactStartDate": text_of(contact.started_at),
        "lastUpdateTime": text_of(updated_at(contact)),
        "totalDurationSeconds": contact.duration_s,
        "agentSeconds": contact.duration_s,
        "acwSeconds": 0.0,
        "conferenceSeconds": 0.0,
        "holdCount": 0,
        "isOutbound": contact.is_outbound,
        "isLogged": matches!(contact.outcome, Outcome::Recorded { .. }),
        "abandoned": false,
        "fromAddress": contact.from_address,
        "toAddress": contact.to_address,
        "isAnalyticsProcessed": false,
        "tags": null,
    });
    if version < RENAMED_IN {
        with_old_names(row)
    } else {
        row
    }
}

fn with_old_names(mut row: Value) -> Value {
    if let Value::Object(fields) = &mut row {
        for (new, old) in FIELDS {
            if let Some((old, value)) = old.and_then(|old| Some((old, fields.remove(*new)?))) {
                fields.insert(old.to_owned(), value);
            }
        }
    }
    row
}

fn number_or_text(id: &str) -> Value {
    id.parse::<u64>()
        .map_or_else(|_| json!(id), |number| json!(number))
}

fn sort(rows: &mut [Value], query: &ReportQuery, version: u32) {
    let Some((asked, descending)) = &query.order_by else {
        return;
    };
    let names = FIELDS.iter().find(|(new, old)| {
        asked.eq_ignore_ascii_case(new) || old.is_some_and(|old| asked.eq_ignore_ascii_case(old))
    });
    let Some((new, old)) = names else { return };
    let name = if version < RENAMED_IN {
        old.unwrap_or(new)
    } else {
        new
    };
    rows.sort_by(|one, other| {
        let order = compare(&one[name], &other[name]);
        if *descending { order.reverse() } else { order }
    });
}

fn compare(one: &Value, other: &Value) -> std::cmp::Ordering {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.to_string().cmp(&other.to_string()),
    }
}

fn page_url(shared: &Shared, version: &str, pairs: &[(String, String)], skip: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let others = pairs
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("skip"));
    query.extend_pairs(others);
    query.append_pair("skip", &skip.to_string());
    let base = &shared.addresses.nice_cxone;
    format!(
        "{base}/incontactapi/services/{version}/contacts/completed?{}",
        query.finish()
    )
}

pub(super) async fn hierarchy(
    State(shared): State<Arc<Shared>>,
    Path((_version, contact_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let mut open = shared.open(System::NiceCxone, "/contacts/hierarchy");
    open.entry.contact_id = Some(contact_id.clone());
    if let Err(refusal) = signed_in(&shared, &headers) {
        return file(open, *refusal);
    }
    let world = &shared.world;
    let contact = world
        .contact(&contact_id)
        .or_else(|| world.contact_by_master(&contact_id));
    let contact = contact.filter(|contact| contact.outcome != Outcome::NotFound);
    let Some(contact) = contact else {
        return file(open, failure(404, "NotFound", "Invalid contactId"));
    };
    let children: Vec<Value> = [contact]
        .into_iter()
        .filter(|contact| contact.is_child())
        .map(|child| {
            json!({
                "contactId": number_or_text(&child.contact_id),
                "startTime": text_of(child.started_at), "endTime": text_of(child.ended_at()),
            })
        })
        .collect();
    let master = number_or_text(&contact.master_contact_id);
    file(
        open,
        reply::json(
            200,
            &json!({ "masterContactId": master, "childContacts": children }),
        ),
    )
}
