//! The figures at the top, each with its change against the period before.

use maud::{Markup, html};

use crate::charts::{Better, Change, Kpi, kpi, words};
use crate::figure::{Figure, minutes};
use crate::index::Tally;
use crate::pages::view::View;
use crate::selection::Selection;

/// A trend has at most so many points.
const TREND_POINTS: usize = 60;

/// A share of calls that are told apart by one value of a field.
struct Share {
    label: &'static str,
    field: &'static str,
    value: &'static str,
    better: Better,
}

/// Shares that are shown where the taxonomy has the label.
const SHARES: [Share; 3] = [
    Share {
        label: "Sales completed",
        field: "sale_result",
        value: "sale_completed",
        better: Better::More,
    },
    Share {
        label: "Negative calls",
        field: "sentiment",
        value: "negative",
        better: Better::Fewer,
    },
    Share {
        label: "Parked calls",
        field: "status",
        value: "parked",
        better: Better::Fewer,
    },
];

/// The cards.
pub(super) fn cards(view: &View, tally: &Tally, before: Option<&Tally>) -> Markup {
    let mut cards = vec![calls(view, tally, before), length(view, tally, before)];
    let known = SHARES
        .iter()
        .filter(|share| view.snapshot.fields().find(share.field).is_some());
    cards.extend(known.map(|share| self::share(view, share, tally, before)));
    cards.extend(escalated(view, tally, before));
    cards.push(cost(view, tally, before));
    html! { div.kpis { @for card in &cards { (kpi(card)) } } }
}

fn calls(view: &View, tally: &Tally, before: Option<&Tally>) -> Kpi {
    let days: Vec<Option<f64>> = tally
        .days
        .values()
        .map(|day| Some(day.calls as f64))
        .collect();
    Kpi {
        label: "Calls".to_owned(),
        value: words::count(tally.calls),
        href: Some(view.selection.href("/calls")),
        change: before.map(|before| Change {
            before: before.calls as f64,
            now: tally.calls as f64,
            before_shown: words::count(before.calls),
            better: Better::Neither,
            is_share: false,
        }),
        note: None,
        trend: thinned(days),
    }
}

/// A mean, where there is one in both periods.
fn mean_change(
    figure: Figure,
    tally: &Tally,
    before: Option<&Tally>,
    better: Better,
) -> Option<Change> {
    let (now, before) = (tally.figure(figure).mean()?, before?.figure(figure).mean()?);
    Some(Change {
        before,
        now,
        before_shown: figure.shown(before),
        better,
        is_share: false,
    })
}

fn length(view: &View, tally: &Tally, before: Option<&Tally>) -> Kpi {
    let length = tally.figure(Figure::DurationS);
    Kpi {
        label: "Average length".to_owned(),
        value: length.mean().map_or_else(|| "–".to_owned(), minutes),
        href: Some(
            view.selection
                .href_with("/calls", &[("sort", "-duration_s")]),
        ),
        change: mean_change(Figure::DurationS, tally, before, Better::Neither),
        note: Some(format!(
            "{} hours in all",
            words::count((length.sum / 3_600.0) as u64)
        )),
        trend: Vec::new(),
    }
}

fn cost(view: &View, tally: &Tally, before: Option<&Tally>) -> Kpi {
    let cost = tally.figure(Figure::CostUsd);
    Kpi {
        label: "Cost a call".to_owned(),
        value: cost
            .mean()
            .map_or_else(|| "–".to_owned(), |mean| format!("${mean:.3}")),
        href: Some(view.selection.href_with("/calls", &[("sort", "-cost_usd")])),
        change: mean_change(Figure::CostUsd, tally, before, Better::Fewer),
        note: Some(format!("${:.2} in all", cost.sum)),
        trend: Vec::new(),
    }
}

fn part(count: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        count as f64 / whole as f64
    }
}

fn share_card(
    label: &str,
    calls: &Selection,
    better: Better,
    now: (u64, u64),
    before: Option<(u64, u64)>,
) -> Kpi {
    Kpi {
        label: label.to_owned(),
        value: words::share(now.0, now.1),
        href: Some(calls.href("/calls")),
        change: before.filter(|before| before.1 > 0).map(|before| Change {
            before: part(before.0, before.1),
            now: part(now.0, now.1),
            before_shown: words::share(before.0, before.1),
            better,
            is_share: true,
        }),
        note: Some(words::calls(now.0)),
        trend: Vec::new(),
    }
}

fn share(view: &View, share: &Share, tally: &Tally, before: Option<&Tally>) -> Kpi {
    let counts = |tally: &Tally| (tally.count_of(share.field, share.value), tally.calls);
    let calls = view.selection.only(share.field, share.value);
    share_card(
        share.label,
        &calls,
        share.better,
        counts(tally),
        before.map(counts),
    )
}

/// Calls of which something was promised beyond the call.
fn escalated(view: &View, tally: &Tally, before: Option<&Tally>) -> Option<Kpi> {
    const FIELD: &str = "escalation_actions";
    let (_, label) = view
        .snapshot
        .fields()
        .labels()
        .find(|(field, _)| field.name == FIELD)?;
    let none = label.none_label.as_deref()?;
    // A call with the value for none has no other.
    let counts = |tally: &Tally| {
        let done = tally.count_of("status", "done");
        (done.saturating_sub(tally.count_of(FIELD, none)), done)
    };
    let mut calls = view.selection.clone();
    let others = label.labels.iter().filter(|label| label.value != none);
    calls.fields.insert(
        FIELD.to_owned(),
        others.map(|label| label.value.clone()).collect(),
    );
    Some(share_card(
        "Escalated",
        &calls,
        Better::Fewer,
        counts(tally),
        before.map(counts),
    ))
}

/// At most so many points: neighbours are put together.
fn thinned(points: Vec<Option<f64>>) -> Vec<Option<f64>> {
    let width = points.len().div_ceil(TREND_POINTS).max(1);
    points
        .chunks(width)
        .map(|some| Some(some.iter().flatten().sum::<f64>() / some.len() as f64))
        .collect()
}
