//! The decision on a label: its choices with a key for each, and what the form does.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::Redirect;
use callpipe_core::call::ContactId;
use callpipe_core::correction::{Correction, LabelName, Verdict};
use maud::{Markup, html};

use super::super::error::PageError;
use super::{Case, Order, open_labels};
use crate::charts::words;
use crate::index::{Field, LabelField};
use crate::pages::labels::{checked, stored, values_of};
use crate::pages::view::View;
use crate::safety::Visitor;
use crate::server::App;

/// Keys of the choices, in their order; further ones have none.
const KEYS: &str = "123456789bcdefghijklmopqrstuvwxyz";

/// The label that is asked for, with its choices.
pub(super) fn form(
    view: &View,
    order: Order,
    case: &Case,
    (field, label): (&Field, &LabelField),
) -> Markup {
    let counting = values_of(&field.name, &case.counting);
    let given = values_of(&field.name, &case.given);
    html! {
        form.label.is-asked method="post" action="/review/decide" {
            (hidden(view, order, case))
            input type="hidden" name="field" value=(field.name);
            h3 { (field.title) }
            p.soft { (label.description) }
            p { "The model said " b { bdi { (super::listed_values(&given)) } } "." }
            @if !label.is_single() {
                ul.choices {
                    @for (choice, key) in label.labels.iter().zip(keys()) {
                        li { label {
                            input type="checkbox" name="value" value=(choice.value) data-key=[key]
                                checked[counting.contains(&choice.value)];
                            " " (words::title(&choice.value)) " " (shown(key))
                        } }
                    }
                }
                div.row {
                    button.primary type="submit" name="verdict" value="accepted" data-key="a" { "Right as it is " kbd { "a" } }
                    button type="submit" name="verdict" value="corrected" data-key="Enter" { "Save these " kbd { "Enter" } }
                }
            } @else {
                button.primary type="submit" name="verdict" value="accepted" data-key="a" { "Right as it is " kbd { "a" } }
                ul.choices {
                    @for (choice, key) in label.labels.iter().zip(keys()) {
                        li {
                            button type="submit" name="choice" value=(choice.value) data-key=[key] title=(choice.description)
                                aria-pressed=(if counting.contains(&choice.value) { "true" } else { "false" }) {
                                (words::title(&choice.value)) " " (shown(key))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The form that accepts all that is not decided.
pub(super) fn accept_all(view: &View, order: Order, case: &Case) -> Markup {
    html! {
        form method="post" action="/review/decide" {
            (hidden(view, order, case))
            @for (field, _) in open_labels(view, case) { input type="hidden" name="field" value=(field.name); }
            button type="submit" name="verdict" value="accepted" data-key="y" { "All right, next " kbd { "y" } }
        }
    }
}

fn hidden(view: &View, order: Order, case: &Case) -> Markup {
    html! {
        input type="hidden" name="token" value=(view.visitor.form_token);
        input type="hidden" name="call" value=(case.call.contact.id);
        input type="hidden" name="at" value=(case.place.word());
        input type="hidden" name="order" value=(order.word());
        input type="hidden" name="query" value=(view.selection.href(""));
    }
}

fn keys() -> impl Iterator<Item = Option<char>> {
    KEYS.chars().map(Some).chain(std::iter::repeat(None))
}

fn shown(key: Option<char>) -> Markup {
    html! { @if let Some(key) = key { kbd { (key) } } }
}

/// What a form says.
#[derive(Debug, Default)]
struct Decision {
    call: Option<ContactId>,
    fields: Vec<String>,
    is_accepted: bool,
    values: Vec<String>,
    at: String,
    order: String,
    query: String,
}

impl Decision {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut decision = Self::default();
        for (key, value) in pairs {
            match key.as_str() {
                "call" => decision.call = ContactId::parse(&value).ok(),
                "field" => decision.fields.push(value),
                "verdict" => decision.is_accepted = value == "accepted",
                "value" | "choice" => decision.values.push(value),
                "at" => decision.at = value,
                "order" => decision.order = value,
                "query" => decision.query = value,
                _ => {}
            }
        }
        decision
    }
}

/// Keeps what was decided, and goes on: with the next label, or with the next call.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Redirect, PageError> {
    let decision = Decision::of(pairs);
    let Some(id) = decision.call.clone() else {
        return Err(PageError::BadForm("it names no call".to_owned()));
    };
    let ids = [id];
    let call = app.index.calls(&ids).await?.pop();
    let labels = call
        .and_then(|call| call.labels)
        .ok_or(PageError::NotFound)?;
    let snapshot = app.index.snapshot();
    let mut corrections = Vec::new();
    for name in &decision.fields {
        let known = snapshot
            .fields()
            .labels()
            .find(|(field, _)| field.name == *name);
        let (Some((_, label)), Some(field)) = (known, LabelName::parse(name)) else {
            return Err(PageError::BadForm("there is no such label".to_owned()));
        };
        let verdict = match decision.is_accepted {
            true => Verdict::Accepted,
            false => Verdict::Corrected {
                value: checked(label, decision.values.clone()).map_err(PageError::BadForm)?,
            },
        };
        corrections.push(Correction {
            contact_id: ids[0].clone(),
            field,
            verdict,
            model_value: Some(stored(name, &labels.values)),
            by: visitor.name.clone(),
            at: app.clock.now(),
        });
    }
    app.warehouse.correct(&corrections).await?;
    app.index.refresh(&ids).await?;
    Ok(Redirect::to(&next(&decision)))
}

/// After all labels at once comes the next call, after one the next label.
fn next(decision: &Decision) -> String {
    let selection = crate::selection::Selection::parse(decision.query.trim_start_matches('?'));
    let is_one = decision.fields.len() == 1 && !decision.at.is_empty();
    let mut more = vec![("order", decision.order.as_str())];
    if is_one {
        more.push(("at", decision.at.as_str()));
    }
    selection.href_with("/review", &more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(pairs: &[(&str, &str)]) -> Decision {
        Decision::of(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn one_label_leads_to_the_next_and_all_to_the_next_call() {
        let query = ("query", "?period=all");
        let one = [
            ("call", "1"),
            ("field", "a"),
            ("at", "0_7"),
            ("order", "rare"),
            query,
        ];
        assert_eq!(
            next(&decision(&one)),
            "/review?period=all&order=rare&at=0_7"
        );
        let all = [
            ("field", "a"),
            ("field", "b"),
            ("at", "0_7"),
            ("order", "rare"),
            query,
        ];
        assert_eq!(next(&decision(&all)), "/review?period=all&order=rare");
    }

    #[test]
    fn a_forged_way_back_stays_on_this_site() {
        let forged = [
            ("query", "//evil.example/?x"),
            ("order", "\r\nx: y"),
            ("at", "@evil"),
        ];
        assert_eq!(next(&decision(&forged)), "/review?order=%0D%0Ax%3A+y");
    }
}
