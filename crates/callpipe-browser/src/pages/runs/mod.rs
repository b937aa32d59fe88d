//! How the work goes: the funnel, the pace, failures by their cause, and each day's calls by state.

mod causes;
mod days;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::REFRESH;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use self::causes::Cause;
use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::charts::{Counted, FunnelStage, funnel, words};
use crate::figure::Figure;
use crate::index::Tally;
use crate::progress::{Pace, Reached};
use crate::selection::{Period, Selection};
use crate::server::App;

/// How often the page looks again while a run works, in seconds.
const LOOK_AGAIN_S: &str = "5";

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/runs", get(runs))
        .route("/runs/again", post(causes::again))
}

/// What there is to tell of all calls, and of the selection's days.
pub(crate) struct RunsFigures {
    reached: Reached,
    tally: Tally,
    causes: Vec<Cause>,
    days: Markup,
}

impl RunsFigures {
    async fn read(view: &View) -> Result<Self, PageError> {
        let all = Selection::default().within(Period::All);
        Ok(Self {
            reached: Reached::of(&view.snapshot),
            tally: view.snapshot.choose(&all, None).tally(&["skipped"]),
            causes: causes::read(view).await?,
            days: days::card(view),
        })
    }
}

async fn runs(view: View) -> Result<Response, PageError> {
    let figures = RunsFigures::read(&view);
    let figures = view
        .app
        .kept_runs
        .get(&view.snapshot, &view.address, figures);
    let figures = figures.await?;
    let reached = &figures.reached;
    let now = view.app.clock.now();
    let pace = view.app.progress.pace(now);
    let is_live = view.value("live") != Some("off");
    let again = view
        .value("again")
        .and_then(|count| count.parse::<u64>().ok());
    let notice = again.map(|count| {
        html! { (words::calls(count)) " will be tried again by the next " code { "callpipe run" } "." }
    });
    let body = html! {
        div.page-head {
            h1 { "Runs" }
            (live(pace.is_some(), is_live))
        }
        div.grid {
            section.card.wide {
                header { h2 { "How far all calls are" } (spent(&figures.tally, reached.given)) }
                (funnel("How far all calls are", &stages(reached, pace.as_ref())))
                (left(reached, pace.as_ref()))
            }
            (causes::card(&view, &figures.causes))
            (skips(&figures.tally))
            (figures.days)
        }
    };
    let mut response = view
        .page_with("Runs", Section::Runs, notice, body)
        .into_response();
    if pace.is_some() && is_live {
        // By the browser itself: this part needs no script.
        response
            .headers_mut()
            .insert(REFRESH, HeaderValue::from_static(LOOK_AGAIN_S));
    }
    Ok(response)
}

fn live(is_at_work: bool, is_live: bool) -> Markup {
    html! {
        @match (is_at_work, is_live) {
            (false, _) => p.soft { "No run is at work." },
            (true, true) => {
                p.soft role="status" { "A run is at work: this page looks again every " (LOOK_AGAIN_S) " seconds." }
                div.actions { a.button href="/runs?live=off" { "Pause" } }
            },
            (true, false) => {
                p.soft { "A run is at work." }
                div.actions { a.button href="/runs" { "Look again by itself" } }
            },
        }
    }
}

fn spent(tally: &Tally, given: u64) -> Markup {
    let cost = tally.figure(Figure::CostUsd);
    html! {
        p {
            @if cost.count == 0 { "Nothing was paid for." } @else {
                "Spent $" (format!("{:.2}", cost.sum)) " for " (words::calls(cost.count))
                @if given > 0 { ", $" (format!("{:.4}", cost.sum / cost.count as f64)) " each" }
            }
        }
    }
}

fn stages(reached: &Reached, pace: Option<&Pace>) -> Vec<FunnelStage> {
    let all = Selection::default().within(Period::All);
    let at = |stages: &[&str]| {
        let mut selection = all.clone();
        let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
        selection.fields.insert("stage".to_owned(), stages);
        selection
    };
    let stage = |label: &str, count, selection: &Selection, rate: Option<usize>| FunnelStage {
        calls: Counted {
            label: label.to_owned(),
            count,
            href: selection.href("/calls"),
        },
        detail: rate
            .zip(pace)
            .map(|(which, pace)| format!("{:.1} a minute", pace.per_minute[which])),
    };
    let (fetched, transcribed) = (at(&["transcribe", "classify"]), at(&["classify"]));
    vec![
        stage("Given", reached.given, &all, None),
        stage("Fetched", reached.fetched, &fetched, Some(0)),
        stage("Transcribed", reached.transcribed, &transcribed, Some(1)),
        stage(
            "Classified",
            reached.classified,
            &all.only("status", "done"),
            Some(2),
        ),
    ]
}

fn left(reached: &Reached, pace: Option<&Pace>) -> Markup {
    let all = Selection::default().within(Period::All);
    html! {
        p.soft {
            a href=(all.only("status", "ready").href("/calls")) { (words::count(reached.left())) " to do" }
            ", "
            a href=(all.only("status", "parked").href("/calls")) { (words::count(reached.parked)) " parked" }
            ", "
            a href=(all.only("status", "skipped").href("/calls")) { (words::count(reached.skipped)) " with nothing to do" }
            @if let Some(left) = pace.and_then(|pace| pace.left) { ". At this pace all is done in " (duration(left)) "." }
        }
    }
}

/// About how long, in words.
fn duration(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    match minutes {
        0 | 1 => "a minute".to_owned(),
        2..=119 => format!("{minutes} minutes"),
        120..=2_879 => format!("{} hours", minutes.div_ceil(60)),
        _ => format!("{} days", minutes.div_ceil(60 * 24)),
    }
}

fn skips(tally: &Tally) -> Markup {
    let all = Selection::default().within(Period::All);
    let counts = tally.fields.get("skipped").map_or(&[][..], Vec::as_slice);
    html! {
        section.card {
            header { h2 { "Nothing to do" } }
            @if counts.is_empty() { p.empty { "No call was skipped." } }
            ul.stack {
                @for (reason, count) in counts {
                    li.row {
                        a href=(all.only("skipped", reason).href("/calls")) { (words::title(reason)) }
                        span.end.number { (words::count(*count)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_roughly() {
        let told = [0, 59, 61, 7_199, 7_200, 172_800].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(
            told,
            [
                "a minute",
                "a minute",
                "2 minutes",
                "2 hours",
                "2 hours",
                "2 days"
            ]
        );
    }
}
