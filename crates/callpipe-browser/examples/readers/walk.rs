//! Where a reader goes next.

use rand::Rng;
use rand::rngs::StdRng;

use crate::links::{Link, links};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Overview,
    OverviewOfAll,
    Calls,
    CallsNext,
    CallsSorted,
    Search,
    Call,
    Agents,
    Review,
    Runs,
}

impl Kind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::OverviewOfAll => "overview, all time",
            Self::Calls => "calls",
            Self::CallsNext => "calls, next page",
            Self::CallsSorted => "calls, sorted",
            Self::Search => "search",
            Self::Call => "call",
            Self::Agents => "agents",
            Self::Review => "review",
            Self::Runs => "runs",
        }
    }
}

/// Pages that people begin at, with how often.
const BEGINNINGS: [(Kind, u32); 7] = [
    (Kind::Overview, 30),
    (Kind::OverviewOfAll, 4),
    (Kind::Calls, 30),
    (Kind::Search, 20),
    (Kind::Agents, 8),
    (Kind::Review, 8),
    (Kind::Runs, 8),
];

const PERIODS: [&str; 8] = [
    "",
    "",
    "period=7d",
    "period=90d",
    "period=365d",
    "from=2026-10-01&until=2026-10-31",
    "from=2025-12-01&until=2025-12-24",
    "period=all",
];

const CONDITIONS: [&str; 10] = [
    "",
    "",
    "is.call_type=complaint",
    "is.call_type=order_support&is.call_type=complaint",
    "is.product_family=chainsaw_related",
    "is.sale_result=no_sale_business_unable",
    "is.problems_detected=customer_frustrated",
    "min.duration_s=120&max.duration_s=600",
    "max.sentiment_score=-0.3",
    "is.product_family=fencing&is.sale_result=sale_completed",
];

/// Words that are on most calls, on some, on hardly any, and on none.
const WORDS: [&str; 12] = [
    "help",
    "carburettor",
    "StarTrack",
    "wrong part",
    "not good enough",
    "verandah",
    "Kununurra",
    "gasket Ceduna",
    "Barton",
    "Baremnell",
    "scabbard Zeehan",
    "xylophone",
];

/// One walk goes on by links at most so often.
const STEPS_MAX: u32 = 5;

/// A reader's way through the pages.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The links of the page that was read last.
    links: Vec<Link>,
    steps: u32,
}

impl Walk {
    /// What is asked for next.
    pub(crate) fn next(&mut self, chance: &mut StdRng) -> (Kind, String) {
        self.steps += 1;
        let goes_on = self.steps <= STEPS_MAX && chance.random_bool(0.75);
        if goes_on && let Some(step) = self.by_link(chance) {
            return step;
        }
        self.steps = 0;
        beginning(chance)
    }

    /// Takes in what was answered.
    pub(crate) fn see(&mut self, kind: Kind, html: &str) {
        self.links = links(html);
        // Other calls that a call leads to would be followed for ever.
        if kind == Kind::Call {
            self.links.retain(|link| !is_call(&link.href));
        }
    }

    fn by_link(&self, chance: &mut StdRng) -> Option<(Kind, String)> {
        let wanted: fn(&Link) -> Option<Kind> = match chance.random_range(0..100) {
            0..20 => |link| link.is_next.then_some(Kind::CallsNext),
            20..65 => |link| is_call(&link.href).then_some(Kind::Call),
            65..80 => |link| {
                let is_sorted = link.href.starts_with("/calls?") && link.href.contains("sort=");
                is_sorted.then_some(Kind::CallsSorted)
            },
            _ => |link| {
                let is_list = link.href.starts_with("/calls?") && !link.href.contains("sort=");
                (is_list && !link.is_next && !link.href.contains("q=")).then_some(Kind::Calls)
            },
        };
        let found = self
            .links
            .iter()
            .filter_map(|link| Some((wanted(link)?, link.href.clone())));
        let found: Vec<(Kind, String)> = found.collect();
        match found.len() {
            0 => None,
            count => Some(found[chance.random_range(0..count)].clone()),
        }
    }
}

/// A page of a single call, and not what belongs to it.
fn is_call(href: &str) -> bool {
    let id = href
        .strip_prefix("/calls/")
        .and_then(|rest| rest.split(['?', '#']).next());
    id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

fn beginning(chance: &mut StdRng) -> (Kind, String) {
    let total: u32 = BEGINNINGS.iter().map(|(_, weight)| weight).sum();
    let mut left = chance.random_range(0..total);
    let mut kind = Kind::Overview;
    for (each, weight) in BEGINNINGS {
        if left < weight {
            kind = each;
            break;
        }
        left -= weight;
    }
    let period = PERIODS[chance.random_range(0..PERIODS.len())];
    let condition = CONDITIONS[chance.random_range(0..CONDITIONS.len())];
    let words = WORDS[chance.random_range(0..WORDS.len())];
    let path = match kind {
        // All calls are another kind: their figure has another limit.
        Kind::Overview if period == "period=all" => address("/", &["period=30d", condition]),
        Kind::Overview => address("/", &[period, condition]),
        Kind::OverviewOfAll => address("/", &["period=all", condition]),
        Kind::Search => address(
            "/calls",
            &[&format!("q={}", words.replace(' ', "+")), period],
        ),
        Kind::Agents => address("/agents", &[period, condition]),
        Kind::Review => address("/review", &[period]),
        Kind::Runs => address("/runs", &[period]),
        _ => address("/calls", &[period, condition]),
    };
    (kind, path)
}

fn address(path: &str, parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect();
    match parts.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", parts.join("&")),
    }
}
