//! The people who answer: how many calls each, how these end, and how they talk. Figures of few calls
//! are greyed: they may be chance.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::charts::words;
use crate::figure::Figure;
use crate::index::GroupTally;
use crate::server::App;

/// What fewer calls say may be chance.
const FEW_CALLS: u64 = 20;

/// So many agents are shown.
const AGENTS_MAX: usize = 300;

/// Fields that are counted for each agent.
const FIELDS: [&str; 4] = ["sale_result", "sentiment", "escalation_actions", "status"];

/// Figures of which the mean is shown. A mean of each call's share, not the share of all sums: a long
/// call says no more about an agent than a short one.
const FIGURES: [Figure; 5] = [
    Figure::DurationS,
    Figure::AgentTalkShare,
    Figure::LongestMonologueS,
    Figure::Interruptions,
    Figure::SentimentScore,
];

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/agents", get(agents))
}

/// A column by which agents are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    Calls,
    Sales,
    Escalated,
    Figure(Figure),
}

impl By {
    fn all() -> impl Iterator<Item = Self> {
        let shares = [Self::Name, Self::Calls, Self::Sales, Self::Escalated];
        shares.into_iter().chain(FIGURES.map(Self::Figure))
    }

    fn of(word: Option<&str>) -> Self {
        Self::all()
            .find(|by| Some(by.word()) == word)
            .unwrap_or(Self::Calls)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Name => "agent",
            Self::Calls => "calls",
            Self::Sales => "sales",
            Self::Escalated => "escalated",
            Self::Figure(figure) => figure.as_str(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Name => "Agent",
            Self::Calls => "Calls",
            Self::Sales => "Sales completed",
            Self::Escalated => "Escalated",
            Self::Figure(figure) => figure.title(),
        }
    }

    /// What an agent is sorted by; smaller comes first.
    fn key(self, agent: &GroupTally) -> f64 {
        let known = match self {
            Self::Name => return 0.0,
            Self::Calls => Some(agent.calls as f64),
            Self::Sales => share(sales(agent), done(agent)),
            Self::Escalated => share(escalated(agent), done(agent)),
            Self::Figure(figure) => agent.figure(figure).mean(),
        };
        known.map_or(f64::INFINITY, |known| -known)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn count(agent: &GroupTally, field: usize, value: &str) -> u64 {
    let found = agent
        .fields
        .get(field)
        .and_then(|values| values.iter().find(|(other, _)| &**other == value));
    found.map_or(0, |(_, count)| *count)
}

fn sales(agent: &GroupTally) -> u64 {
    count(agent, 0, "sale_completed")
}

fn escalated(agent: &GroupTally) -> u64 {
    done(agent).saturating_sub(count(agent, 2, "none"))
}

fn done(agent: &GroupTally) -> u64 {
    count(agent, 3, "done")
}

async fn agents(view: View) -> Result<Markup, PageError> {
    let body = view.part(async { Ok(body(&view)) }).await?;
    Ok(view.page("Agents", Section::Agents, body))
}

fn body(view: &View) -> Markup {
    let by = By::of(view.value("sort"));
    let mut agents = view.chosen().groups("agent", &FIELDS);
    agents.sort_by(|left, right| {
        by.key(left)
            .total_cmp(&by.key(right))
            .then(left.value.cmp(&right.value))
    });
    html! {
        div.page-head {
            h1 { "Agents" }
            p.soft { (words::count(agents.len() as u64)) " agents; grey are figures of fewer than " (FEW_CALLS) " calls" }
        }
        (view.bar(Section::Agents, &[("sort", by.word())]))
        @if agents.is_empty() { p.empty { "Of none of these calls the agent is known." } } @else {
            div.table-frame tabindex="0" role="region" aria-label="Agents" {
                table {
                    thead { tr { @for column in By::all() { (heading(view, column, by)) } } }
                    tbody { @for agent in agents.iter().take(AGENTS_MAX) { (row(view, agent)) } }
                }
            }
            @if agents.len() > AGENTS_MAX { p.soft { "The first " (AGENTS_MAX) " are shown." } }
        }
    }
}

fn heading(view: &View, column: By, by: By) -> Markup {
    let sorted = match (column == by, by) {
        (false, _) => None,
        (true, By::Name) => Some("ascending"),
        (true, _) => Some("descending"),
    };
    html! {
        th.number[column != By::Name] scope="col" aria-sort=[sorted] {
            a href=(view.selection.href_with("/agents", &[("sort", column.word())])) { (column.title()) }
        }
    }
}

fn row(view: &View, agent: &GroupTally) -> Markup {
    let calls = view.selection.only("agent", &agent.value);
    html! {
        tr.few[agent.calls < FEW_CALLS] {
            th scope="row" { a href=(calls.href("/calls")) { bdi { (words::short(&agent.value)) } } }
            td.number { (words::count(agent.calls)) }
            td.number { a href=(calls.only("sale_result", "sale_completed").href("/calls")) { (words::share(sales(agent), done(agent))) } }
            td.number { (words::share(escalated(agent), done(agent))) }
            @for figure in FIGURES {
                td.number { @match agent.figure(figure).mean() {
                    Some(mean) if figure == Figure::Interruptions => (format!("{mean:.1}")),
                    Some(mean) => (figure.shown(mean)),
                    None => "–",
                } }
            }
        }
    }
}
