//! The journal: what was asked of the fakes, what they answered and what it would have cost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::faults::FaultKind;
use crate::options::Clock;

/// The outside systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// CXone: sign-in, playback metadata, reports.
    NiceCxone,
    /// The storage that serves recordings, to clients and to the Deepgram that follows a link.
    Media,
    /// Speech to text.
    Deepgram,
    /// Classification.
    Gemini,
    /// Classification by a server with OpenAI's API.
    #[serde(rename = "openai")]
    OpenAi,
    /// Google's token endpoint and metadata server, on the port of Gemini.
    GoogleSignIn,
    /// Cloud Storage.
    Storage,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When it came.
    pub at: DateTime<Utc>,
    /// To whom.
    pub system: System,
    /// The route, without its variable parts.
    pub route: &'static str,
    /// The contact that it was about, where that can be told.
    pub contact_id: Option<String>,
    /// The call of the corpus that it was about.
    pub call_id: Option<String>,
    /// The audio, or for a language model the request body, by its SHA-256.
    pub sha256: Option<String>,
    /// The model that was asked for labels.
    pub model: Option<String>,
    /// What was answered; none if the connection ended first.
    pub status: Option<u16>,
    /// When the answer was ready, or the connection had ended.
    pub ended_at: DateTime<Utc>,
    /// The answer by its SHA-256, if it is one that was charged and is sent whole.
    pub reply_sha256: Option<String>,
    /// The fault that struck.
    #[serde(serialize_with = "fault_name")]
    pub fault: Option<FaultKind>,
    /// What a vendor would charge for it.
    pub bill: Option<Bill>,
    /// The rule that the client broke.
    pub violation: Option<Violation>,
}

/// What a vendor would charge for a request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bill {
    /// Speech to text: each channel is charged.
    Audio {
        /// Length of the recording.
        seconds: f64,
        /// How many channels were transcribed.
        channels: usize,
    },
    /// A language model.
    Tokens {
        /// In the request.
        input: u64,
        /// In the answer, thoughts included.
        output: u64,
    },
}

/// What a client must never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Violation {
    /// A bearer token went to the host that only serves signed addresses.
    AuthorizationSentToMedia,
    /// More requests than the account's window allows.
    OverRequestLimit,
    /// More requests at once than the account allows.
    OverInFlightLimit,
    /// A redirect to another host was followed.
    FollowedRedirectElsewhere,
}

/// The same thing bought, once or more often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Purchase {
    /// From whom.
    pub system: System,
    /// SHA-256 of the audio (Deepgram); of the request (language models).
    pub sha256: String,
    /// The contact, where it is known.
    pub contact_id: Option<String>,
    /// The call of the corpus, where it is known.
    pub call_id: Option<String>,
    /// How often it was bought.
    pub times: usize,
}

/// The most that was ever asked at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Maxima {
    /// Playback requests in one trailing window, refused ones included.
    pub cxone_in_window: usize,
    /// Downloads at once.
    pub media_in_flight: usize,
    /// Deepgram requests at once.
    pub deepgram_in_flight: usize,
    /// Gemini requests at once.
    pub gemini_in_flight: usize,
    /// Requests to the server with OpenAI's API at once.
    pub openai_in_flight: usize,
}

/// Every request since the start.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Mutex<Vec<Entry>>,
    cxone_window: Gauge,
    media: Gauge,
    deepgram: Gauge,
    gemini: Gauge,
    openai: Gauge,
}

impl Journal {
    /// All entries, in the order in which they were answered.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// How many requests a system had.
    pub fn count(&self, system: System) -> usize {
        self.lock()
            .iter()
            .filter(|entry| entry.system == system)
            .count()
    }

    /// How many requests a route of a system had, whatever was answered.
    pub fn count_route(&self, system: System, route: &str) -> usize {
        let matches = |entry: &&Entry| entry.system == system && entry.route == route;
        self.lock().iter().filter(matches).count()
    }

    /// Everything that would have been charged, grouped by what was bought.
    pub fn purchases(&self) -> Vec<Purchase> {
        let mut purchases: BTreeMap<(System, String), Purchase> = BTreeMap::new();
        for entry in self.lock().iter().filter(|entry| entry.bill.is_some()) {
            let sha256 = entry.sha256.clone().unwrap_or_default();
            let key = (entry.system, sha256.clone());
            let purchase = purchases.entry(key).or_insert_with(|| Purchase {
                system: entry.system,
                sha256,
                contact_id: entry.contact_id.clone(),
                call_id: entry.call_id.clone(),
                times: 0,
            });
            purchase.times += 1;
        }
        purchases.into_values().collect()
    }

    /// The entries in which the client broke a rule.
    pub fn violations(&self) -> Vec<Entry> {
        self.lock()
            .iter()
            .filter(|entry| entry.violation.is_some())
            .cloned()
            .collect()
    }

    /// The most that was ever asked at once.
    pub fn maxima(&self) -> Maxima {
        Maxima {
            cxone_in_window: self.cxone_window.max(),
            media_in_flight: self.media.max(),
            deepgram_in_flight: self.deepgram.max(),
            gemini_in_flight: self.gemini.max(),
            openai_in_flight: self.openai.max(),
        }
    }

    /// Forgets the entries; the maxima stay.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// One JSON object a line.
    pub fn to_json_lines(&self) -> String {
        let entries = self.lock();
        let lines = entries
            .iter()
            .filter_map(|entry| serde_json::to_string(entry).ok());
        lines.map(|line| line + "\n").collect()
    }

    /// Starts an entry, which is filed when it is dropped, answered or not.
    pub(crate) fn open(
        self: &Arc<Self>,
        system: System,
        route: &'static str,
        clock: &Clock,
    ) -> OpenEntry {
        let at = clock.now();
        let entry = Entry {
            at,
            system,
            route,
            contact_id: None,
            call_id: None,
            sha256: None,
            model: None,
            status: None,
            ended_at: at,
            reply_sha256: None,
            fault: None,
            bill: None,
            violation: None,
        };
        OpenEntry {
            journal: Arc::clone(self),
            clock: clock.clone(),
            entry,
        }
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, system: System) -> InFlight {
        let now = self.gauge(system).rise();
        InFlight {
            journal: Arc::clone(self),
            system,
            now,
        }
    }

    pub(crate) fn note_window(&self, requests: usize) {
        self.cxone_window.note(requests);
    }

    fn gauge(&self, system: System) -> &Gauge {
        match system {
            System::NiceCxone => &self.cxone_window,
            System::Media => &self.media,
            System::Deepgram => &self.deepgram,
            System::OpenAi => &self.openai,
            System::Gemini | System::GoogleSignIn | System::Storage => &self.gemini,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry that is still being filled.
#[derive(Debug)]
pub(crate) struct OpenEntry {
    journal: Arc<Journal>,
    clock: Clock,
    pub(crate) entry: Entry,
}

impl Drop for OpenEntry {
    fn drop(&mut self) {
        self.entry.ended_at = self.clock.now();
        self.journal.lock().push(self.entry.clone());
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    journal: Arc<Journal>,
    system: System,
    /// How many there are, this one included.
    pub(crate) now: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.journal.gauge(self.system).fall();
    }
}

#[derive(Debug, Default)]
struct Gauge {
    now: AtomicUsize,
    max: AtomicUsize,
}

impl Gauge {
    fn rise(&self) -> usize {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.note(now);
        now
    }

    fn fall(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn note(&self, value: usize) {
        self.max.fetch_max(value, Ordering::SeqCst);
    }

    fn max(&self) -> usize {
        self.max.load(Ordering::SeqCst)
    }
}

fn fault_name<S: serde::Serializer>(
    fault: &Option<FaultKind>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    fault.map(FaultKind::name).serialize(serializer)
}
