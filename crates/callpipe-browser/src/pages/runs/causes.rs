//! Failures by their cause, and the button that has a group tried again.

use axum::Form;
use axum::extract::State;
use axum::response::Redirect;
use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::CallFilter;
use callpipe_core::progress::Stage;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::error::PageError;
use crate::charts::words;
use crate::index::Sort;
use crate::pages::address::call_path;
use crate::pages::view::View;
use crate::selection::{Period, Selection};
use crate::server::App;

/// Calls that failed in the same way.
pub(super) struct Cause {
    stage: Stage,
    /// `parked`, or `ready` where it is tried again by itself.
    status: &'static str,
    kind: String,
    count: u64,
    /// The newest of them, with its reason.
    example: Option<(ContactId, String)>,
}

/// All causes, most frequent first.
pub(super) async fn read(view: &View) -> Result<Vec<Cause>, PageError> {
    let mut causes = Vec::new();
    for stage in Stage::ALL {
        for status in ["parked", "ready"] {
            let all = Selection::default().within(Period::All);
            let calls = all.only("stage", stage.as_str()).only("status", status);
            let tally = view.snapshot.choose(&calls, None).tally(&["failure"]);
            for (kind, count) in tally.fields.get("failure").into_iter().flatten() {
                let kind = kind.to_string();
                let example = example(view, &calls.only("failure", &kind)).await?;
                causes.push(Cause {
                    stage,
                    status,
                    kind,
                    count: *count,
                    example,
                });
            }
        }
    }
    causes.sort_by_key(|cause| (cause.status != "parked", std::cmp::Reverse(cause.count)));
    Ok(causes)
}

async fn example(view: &View, calls: &Selection) -> Result<Option<(ContactId, String)>, PageError> {
    let newest = view
        .snapshot
        .choose(calls, None)
        .list(&Sort::default(), None, 1);
    let ids: Vec<i64> = newest.places.iter().map(|place| place.id).collect();
    let contact_ids = view.app.index.contact_ids(ids).await?;
    let ids: Vec<ContactId> = contact_ids
        .values()
        .filter_map(|id| ContactId::parse(id).ok())
        .collect();
    let calls = view.app.index.calls(&ids).await?;
    let told = calls.into_iter().next().and_then(|call| {
        let reason = call.state.last_failure?.reason;
        Some((call.contact.id, reason))
    });
    Ok(told)
}

/// The card of all causes.
pub(super) fn card(view: &View, causes: &[Cause]) -> Markup {
    html! {
        section.card.wide {
            header { h2 { "Failures by cause" } }
            @if causes.is_empty() { p.empty { "No call waits because of a failure." } }
            @else {
                div.table-frame tabindex="0" role="region" aria-label="Failures by cause" {
                    table {
                        thead { tr {
                            th scope="col" { "Cause" }
                            th scope="col" { "Stage" }
                            th.number scope="col" { "Calls" }
                            th scope="col" { "The newest" }
                            th scope="col" { "What to do" }
                        } }
                        tbody { @for cause in causes { (row(view, cause)) } }
                    }
                }
            }
        }
    }
}

fn row(view: &View, cause: &Cause) -> Markup {
    let all = Selection::default().within(Period::All);
    let calls = all
        .only("stage", cause.stage.as_str())
        .only("status", cause.status)
        .only("failure", &cause.kind);
    html! {
        tr {
            th scope="row" { a href=(calls.href("/calls")) { (words::title(&cause.kind)) } }
            td { (words::title(cause.stage.as_str())) }
            td.number { (words::count(cause.count)) }
            td {
                @if let Some((id, reason)) = &cause.example {
                    a href=(call_path(id)) { bdi { (words::short(id.as_str())) } }
                    ": " bdi { (words::cut(reason, 200)) }
                }
            }
            td {
                @if cause.status == "parked" {
                    form method="post" action="/runs/again" {
                        input type="hidden" name="token" value=(view.visitor.form_token);
                        input type="hidden" name="stage" value=(cause.stage.as_str());
                        input type="hidden" name="failure" value=(cause.kind);
                        button type="submit" { "Retry " (words::calls(cause.count)) }
                    }
                } @else { span.soft { "Tried again by itself" } }
            }
        }
    }
}

/// Which group is to be tried again.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    stage: String,
    failure: String,
}

/// Has a group tried again from the stage at which it failed.
pub(super) async fn again(
    State(app): State<std::sync::Arc<App>>,
    Form(group): Form<Group>,
) -> Result<Redirect, PageError> {
    let Some(stage) = Stage::parse(&group.stage) else {
        return Err(PageError::BadForm("there is no such stage".to_owned()));
    };
    let filter = CallFilter {
        stage: Some(stage),
        status: Some("parked".to_owned()),
        failure_kind: Some(group.failure),
        ..CallFilter::default()
    };
    let count = app.again.again(&filter, None).await?;
    app.index.catch_up().await?;
    Ok(Redirect::to(&format!("/runs?again={count}")))
}
