//! A language model that is asked about a call, whichever vendor runs it: which call that is, how
//! much of the answer there is room for, and how the answer is sent.

use std::time::Duration;

use axum::body::Bytes;
use axum::response::Response;
use serde_json::Value;

use super::contacts_heard_in;
use crate::corpus::CorpusCall;
use crate::faults::{Fault, FaultKind, Subject};
use crate::journal::{Bill, OpenEntry};
use crate::reply;
use crate::shared::Shared;

/// Roughly what a token is in English.
const CHARACTERS_PER_TOKEN: usize = 4;

/// What a request is about, by its prompt alone.
#[derive(Debug)]
pub(super) struct About<'a> {
    /// What distinguishes it from other requests.
    pub(super) key: String,
    /// The call of the corpus that was shown.
    pub(super) call: Option<&'a CorpusCall>,
    call_id: Option<&'a str>,
    contacts: Vec<&'a str>,
}

impl<'a> About<'a> {
    /// Recognises the call, and puts it down in the journal.
    pub(super) fn new(shared: &'a Shared, prompt: &str, open: &mut OpenEntry) -> About<'a> {
        let call_id = shared.recogniser.recognise(prompt);
        let contacts = contacts_heard_in(shared, call_id);
        open.entry.call_id = call_id.map(str::to_owned);
        if let [only] = contacts[..] {
            open.entry.contact_id = Some(only.to_owned());
        }
        let key = open.entry.call_id.as_ref().or(open.entry.sha256.as_ref());
        About {
            key: key.cloned().unwrap_or_default(),
            call: call_id.and_then(|id| shared.world.corpus().call(id)),
            call_id,
            contacts,
        }
    }

    /// What faults see of it.
    pub(super) fn subject<'b>(&'b self, model: &'b str) -> Subject<'b> {
        Subject {
            contacts: self.contacts.clone(),
            call: self.call_id,
            model,
            key: &self.key,
        }
    }
}

/// The first thing that is said in a call: what a model quotes of it.
pub(super) fn quote(call: Option<&CorpusCall>) -> &str {
    call.and_then(|call| call.turns.first())
        .map_or("", |turn| &turn.text)
}

/// The body of a 200, and what it costs.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) input_tokens: usize,
    pub(super) output_tokens: usize,
}

impl Answer {
    pub(super) fn bill(&self) -> Bill {
        Bill::Tokens {
            input: self.input_tokens as u64,
            output: self.output_tokens as u64,
        }
    }

    /// Sends it, cut or late where a fault of one of these kinds says so.
    pub(super) async fn sent(
        &self,
        fault: Option<&Fault>,
        cut: FaultKind,
        slow: FaultKind,
    ) -> Response {
        match fault {
            Some(fault) if fault.kind == cut => {
                let body = Bytes::from(self.body.to_string());
                reply::cut("application/json", &body, true)
            }
            Some(fault) if fault.kind == slow => {
                tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
                reply::json(200, &self.body)
            }
            _ => reply::json(200, &self.body),
        }
    }
}

/// As much of a text as there is room for, and whether that is not all of it. Where it is to be cut
/// by all means, a third of it is missing.
pub(super) fn within_room(text: String, room_tokens: Option<usize>, cut: bool) -> (String, bool) {
    let characters = text.chars().count();
    let room = room_tokens.map_or(usize::MAX, |tokens| tokens * CHARACTERS_PER_TOKEN);
    if cut {
        (head(&text, characters * 2 / 3), true)
    } else if characters > room {
        (head(&text, room), true)
    } else {
        (text, false)
    }
}

/// The beginning of a text.
pub(super) fn head(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// About how many tokens a text is.
pub(super) fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}
