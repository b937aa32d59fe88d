//! What was understood of a call, and where it comes from.

use callpipe_core::correction::{Verdict, newest};
use maud::{Markup, html};

use super::super::address::call_path;
use super::Shown;
use crate::charts::{meter, words};
use crate::figure::{Figure, minutes};
use crate::index::{Field, confidence_scores, is_overall, values_of};
use crate::pages::view::View;

/// So many topics and intents are shown.
const TAGS_MAX: usize = 40;

/// All cards beside the conversation.
pub(super) fn cards(view: &View, shown: &Shown) -> Markup {
    html! {
        (summary(shown))
        (labels(view, shown))
        (tags(shown))
        (measures(shown))
        (others(view, shown))
        (provenance(shown))
    }
}

fn summary(shown: &Shown) -> Markup {
    html! {
        section.card {
            header { h2 { "Summary" } }
            @match &shown.call.transcript.analysis.summary {
                Some(summary) => p dir="auto" { (words::cut(summary, 4_000)) },
                None => p.empty { "There is none." },
            }
        }
    }
}

/// The labels that count, each with what the model said and what people did.
fn labels(view: &View, shown: &Shown) -> Markup {
    let confidence = shown
        .values
        .as_ref()
        .and_then(|values| values.figure(Figure::Confidence));
    let review = view.selection.href("/review");
    html! {
        section.card {
            header { h2 { "Labels" } div.end { (meter("Confidence", confidence)) } }
            @if shown.call.labels.is_none() { p.empty { "Not classified yet." } }
            div.labels {
                @for (field, _) in view.snapshot.fields().labels() { (label(view, shown, field)) }
                (confidences(shown))
            }
            @if shown.call.labels.is_some() { p { a.link href=(review) { "Review labels" } } }
        }
    }
}

fn label(view: &View, shown: &Shown, field: &Field) -> Markup {
    let fields = view.snapshot.fields();
    let counting = shown
        .values
        .as_ref()
        .map_or(&[][..], |values| values.of(fields, &field.name));
    let verdict = newest(&shown.corrections)
        .into_iter()
        .find(|correction| correction.field.to_string() == field.name);
    let given = shown
        .call
        .labels
        .as_ref()
        .map(|labels| values_of(&field.name, &labels.values))
        .unwrap_or_default();
    if counting.is_empty() && given.is_empty() && verdict.is_none() {
        return html! {};
    }
    html! {
        div.label {
            h3 { (field.title) }
            div.tags {
                @for value in counting {
                    a.tag href=(view.selection.only(&field.name, value).href("/calls")) { (words::title(value)) }
                }
            }
            @if let Some(verdict) = verdict {
                p.soft {
                    @match &verdict.verdict {
                        Verdict::Accepted => "Accepted by ",
                        Verdict::Corrected { .. } => {
                            "The model said "
                            @if given.is_empty() { "nothing" }
                            @for (place, value) in given.iter().enumerate() { @if place > 0 { ", " } (words::title(value)) }
                            "; corrected by "
                        },
                    }
                    bdi { (words::short(&verdict.by)) } " on " (verdict.at.format("%-d %b %Y %H:%M UTC"))
                }
            }
        }
    }
}

/// How sure the model is of each part of its answer; of the whole, the heading tells.
fn confidences(shown: &Shown) -> Markup {
    let labels = shown.call.labels.as_ref();
    let scores = labels.and_then(|labels| confidence_scores(&labels.values));
    let parts = scores.into_iter().flatten();
    let parts = parts.filter(|(name, _)| !is_overall(name));
    let parts = parts.filter_map(|(name, score)| {
        let of = name.strip_suffix("_confidence").unwrap_or(name);
        Some((words::title(of), score.as_f64()?))
    });
    let parts: Vec<(String, f64)> = parts.collect();
    html! {
        @if !parts.is_empty() {
            div.label {
                h3 { "How sure the model is" }
                dl.facts {
                    @for (of, score) in &parts {
                        dt { (words::short(of)) } dd { (meter("Confidence", Some(*score))) }
                    }
                }
            }
        }
    }
}

fn tags(shown: &Shown) -> Markup {
    let analysis = &shown.call.transcript.analysis;
    let group = |title: &str, names: Vec<&str>| {
        let mut unique: Vec<&str> = Vec::new();
        for name in names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        html! {
            @if !unique.is_empty() {
                h3 { (title) }
                ul.tags { @for name in unique.iter().take(TAGS_MAX) { li.tag { bdi { (words::short(name)) } } } }
            }
        }
    };
    let topics: Vec<&str> = analysis
        .topics
        .iter()
        .map(|topic| topic.topic.as_str())
        .collect();
    let intents: Vec<&str> = analysis
        .intents
        .iter()
        .map(|intent| intent.intent.as_str())
        .collect();
    let average = analysis
        .sentiment
        .as_ref()
        .and_then(|sentiment| sentiment.average.as_ref());
    html! {
        @if !topics.is_empty() || !intents.is_empty() || average.is_some() {
            section.card.stack {
                header { h2 { "Understood" } }
                @if let Some(average) = average {
                    p { "Sounds " (words::short(&average.sentiment)) " (" (Figure::SentimentScore.shown(average.sentiment_score)) ")" }
                }
                (group("Topics", topics))
                (group("Intents", intents))
            }
        }
    }
}

fn measures(shown: &Shown) -> Markup {
    let Some(measures) = &shown.call.transcript.measures else {
        return html! {};
    };
    html! {
        section.card {
            header { h2 { "Measures" } }
            table {
                thead { tr { th scope="col" { "Who" } th.number scope="col" { "Talk" } th.number scope="col" { "Longest" } th.number scope="col" title="Words a minute" { "Pace" } th.number scope="col" title="How often this speaker interrupts" { "Cuts in" } } }
                tbody {
                    @for (name, speaker) in &measures.speakers {
                        tr {
                            th scope="row" { (words::short(name)) }
                            td.number { (minutes(speaker.talk_s)) }
                            td.number { (minutes(speaker.longest_monologue_s)) }
                            td.number { (format!("{:.0}", speaker.words_per_minute)) }
                            td.number { @match speaker.interruptions { Some(count) => (count), None => "–" } }
                        }
                    }
                }
            }
            p.soft { "Silence " (minutes(measures.silence_s)) ", both speak " (minutes(measures.overlap_s)) ", " (words::count(measures.words as u64)) " words" }
        }
    }
}

/// Other calls of the same agent and the same caller.
fn others(view: &View, shown: &Shown) -> Markup {
    let fields = view.snapshot.fields();
    let agents = shown
        .values
        .as_ref()
        .map_or(&[][..], |values| values.of(fields, "agent"));
    html! {
        @if !agents.is_empty() || !shown.of_caller.is_empty() {
            section.card.stack {
                header { h2 { "Other calls" } }
                @for agent in agents {
                    p { a.link href=(view.selection.only("agent", agent).href("/calls")) { "Calls of " bdi { (words::short(agent)) } } }
                }
                @if !shown.of_caller.is_empty() {
                    h3 { "Same caller" }
                    ul { @for id in &shown.of_caller { li { a.link href=(view.selection.href(&call_path(id))) { bdi { (words::short(id.as_str())) } } } } }
                }
            }
        }
    }
}

fn provenance(shown: &Shown) -> Markup {
    let call = &shown.call;
    let path = call_path(&call.contact.id);
    let labels = call.labels.as_ref();
    let facts = [
        (
            "Transcribed by",
            joined([&call.transcript.provider, &call.transcript.model]),
        ),
        ("Understood by", call.transcript.analysis_model.clone()),
        (
            "Classified by",
            labels.and_then(|labels| joined([&labels.provider, &labels.model])),
        ),
        (
            "Taxonomy",
            labels.and_then(|labels| labels.taxonomy_version.clone()),
        ),
        (
            "Prompt",
            labels.and_then(|labels| labels.prompt_version.clone()),
        ),
        (
            "Transcript cost",
            call.transcribe_cost.map(|usd| usd.to_string()),
        ),
        ("Labels cost", call.classify_cost.map(|usd| usd.to_string())),
        (
            "Same audio as",
            call.triage.same_audio_as.as_ref().map(ToString::to_string),
        ),
        (
            "Failure",
            call.state
                .last_failure
                .as_ref()
                .map(|failure| failure.reason.clone()),
        ),
    ];
    let replies = usize::from(call.transcript.provider.is_some())
        + usize::from(labels.is_some_and(|labels| labels.provider.is_some()));
    html! {
        section.card {
            header { h2 { "Provenance" } }
            dl.facts {
                dt { "Stands at" } dd { (words::title(call.state.stage.as_str())) ", " (call.state.status) }
                @for (name, value) in &facts {
                    @if let Some(value) = value { dt { (name) } dd { bdi { (words::cut(value, 300)) } } }
                }
            }
            @if replies > 0 {
                p { @for number in 1..=replies { a href={ (path) "/replies/" (number) } { "Raw reply " (number) } " " } }
            }
        }
    }
}

fn joined(parts: [&Option<String>; 2]) -> Option<String> {
    let known: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    (!known.is_empty()).then(|| known.join(" "))
}
