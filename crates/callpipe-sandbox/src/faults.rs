//! Faults that are asked for by name, so that a test says what goes wrong, to whom and how often.
//!
//! # Grammar
//!
//! ```text
//! fault     = name [ ":" setting { "," setting } ]
//! name      = system "." what                 see [`FaultKind`] for all of them
//! setting   = "times=" ( number | "always" )  how often in all; 1 unless one of the next two is set
//!           | "each=" number                  how often for each contact (or call, or request)
//!           | "probability=" fraction         a draw from the seed decides each time
//!           | "after=" number                 let so many matching requests pass first
//!           | "contact=" id                   only this contact, by its own or its master's id
//!           | "call=" id                      only contacts in which this call of the corpus is heard
//!           | "model=" prefix                 only models whose name starts so (Gemini, Deepgram)
//!           | "delay_ms=" number              for the slow ones; 2000 unless set
//!           | "retry_after_s=" number         sends `Retry-After`, where the answer is 429 or 503
//! ```
//!
//! Gemini sees text only: there `contact=` holds for every contact in which the same call is heard.
//!
//! The faults of `any` strike requests to whichever system, in the order in which they arrive, before
//! it is known what they are about: so `after=12` means the thirteenth request of all, `each` counts
//! by path, and `contact=`, `call=` and `model=` never hold.

mod catalogue;
mod grammar;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use catalogue::FaultKind;
pub(crate) use catalogue::Point;
pub use grammar::FaultParseError;

/// A fault and the conditions under which it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often in all; none is always.
    pub times: Option<u32>,
    /// How often for each contact, call or request body.
    pub each: Option<u32>,
    /// Chance of each strike.
    pub probability: Option<f64>,
    /// How many matching requests pass first.
    pub after: u32,
    /// Only this contact.
    pub contact: Option<String>,
    /// Only this call of the corpus.
    pub call: Option<String>,
    /// Only models whose name starts so.
    pub model: Option<String>,
    /// How slow the slow ones are.
    pub delay_ms: u64,
    /// Sent as `Retry-After`.
    pub retry_after_s: Option<u64>,
}

impl Fault {
    /// Strikes the first request that could suffer it, once.
    pub fn once(kind: FaultKind) -> Fault {
        Fault {
            kind,
            times: Some(1),
            each: None,
            probability: None,
            after: 0,
            contact: None,
            call: None,
            model: None,
            delay_ms: 2_000,
            retry_after_s: None,
        }
    }

    /// Strikes so many requests.
    pub fn times(kind: FaultKind, times: u32) -> Fault {
        Fault {
            times: Some(times),
            ..Fault::once(kind)
        }
    }

    /// Strikes every request.
    pub fn always(kind: FaultKind) -> Fault {
        Fault {
            times: None,
            ..Fault::once(kind)
        }
    }

    /// Strikes the first so many requests of each contact.
    pub fn each(kind: FaultKind, each: u32) -> Fault {
        Fault {
            each: Some(each),
            ..Fault::always(kind)
        }
    }

    /// Only for this contact.
    pub fn for_contact(mut self, contact_id: &str) -> Fault {
        self.contact = Some(contact_id.to_owned());
        self
    }

    /// Only after so many matching requests.
    pub fn after(mut self, requests: u32) -> Fault {
        self.after = requests;
        self
    }

    fn concerns(&self, subject: &Subject<'_>) -> bool {
        let contact = self
            .contact
            .as_ref()
            .is_none_or(|id| subject.contacts.contains(&id.as_str()));
        let call = self.call.as_ref().is_none_or(|id| subject.call == Some(id));
        let model = self
            .model
            .as_ref()
            .is_none_or(|prefix| subject.model.starts_with(prefix));
        contact && call && model
    }
}

/// What a request is about, as far as the fake can tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject<'a> {
    /// Ids of contacts that it may be about.
    pub(crate) contacts: Vec<&'a str>,
    /// The call of the corpus.
    pub(crate) call: Option<&'a str>,
    /// The model, for the services that have some.
    pub(crate) model: &'a str,
    /// What distinguishes it from other requests, for `each` and `probability`.
    pub(crate) key: &'a str,
}

/// The faults that are armed in one sandbox.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    armed: Mutex<Vec<Armed>>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    matched: u32,
    struck: u32,
    by_key: HashMap<String, KeyCount>,
}

#[derive(Debug, Default)]
struct KeyCount {
    asked: u32,
    struck: u32,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Faults {
        Faults {
            seed,
            armed: Mutex::new(Vec::new()),
        }
    }

    /// From now on this fault may strike. Of several that could, the one armed first does.
    pub fn arm(&self, fault: Fault) {
        self.lock().push(Armed {
            fault,
            matched: 0,
            struck: 0,
            by_key: HashMap::new(),
        });
    }

    /// Arms what the text names; see the [module](self) for the grammar.
    pub fn arm_text(&self, text: &str) -> Result<(), FaultParseError> {
        self.arm(Fault::parse(text)?);
        Ok(())
    }

    /// Nothing goes wrong any more.
    pub fn disarm_all(&self) {
        self.lock().clear();
    }

    /// The armed faults, and how often each has struck.
    pub fn armed(&self) -> Vec<(Fault, u32)> {
        self.lock()
            .iter()
            .map(|armed| (armed.fault.clone(), armed.struck))
            .collect()
    }

    /// The fault that strikes this request, if one does.
    pub(crate) fn take(&self, point: Point, subject: &Subject<'_>) -> Option<Fault> {
        let mut armed = self.lock();
        let mut candidates = armed
            .iter_mut()
            .filter(|armed| armed.fault.kind.point() == point && armed.fault.concerns(subject));
        candidates.find_map(|armed| {
            armed
                .strike(self.seed, subject)
                .then(|| armed.fault.clone())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn strike(&mut self, seed: u64, subject: &Subject<'_>) -> bool {
        if self.fault.times.is_some_and(|times| self.struck >= times) {
            return false;
        }
        self.matched += 1;
        if self.matched <= self.fault.after {
            return false;
        }
        let count = self.by_key.entry(subject.key.to_owned()).or_default();
        count.asked += 1;
        if self.fault.each.is_some_and(|each| count.struck >= each) {
            return false;
        }
        // Drawn per subject and attempt: the order in which requests arrive does not matter.
        let names = [
            self.fault.kind.name(),
            subject.key,
            &count.asked.to_string(),
        ];
        let draw = || crate::chance::fraction(seed, &names);
        if self
            .fault
            .probability
            .is_some_and(|probability| draw() >= probability)
        {
            return false;
        }
        count.struck += 1;
        self.struck += 1;
        true
    }
}

#[cfg(test)]
mod tests;
