//! Who lists calls and who has their recordings.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_connectors::http::pacing::WindowLimit;
use callpipe_core::call::Contact;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource, Cursor};
use callpipe_core::contracts::recording_source::{
    Found, Locator, OpenRecording, RecordingReference, RecordingSource,
};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::{SkipReason, Stage};
use futures::StreamExt;

use super::calls::{Calls, Nature};
use super::weather::System;
use super::world::World;

/// What a call's audio is made of.
pub(super) const AUDIO: &str = "audio of ";

/// The list of calls.
pub(super) struct Contacts {
    pub(super) world: Arc<World>,
    pub(super) calls: Arc<Calls>,
    pub(super) page: usize,
}

#[async_trait]
impl ContactSource for Contacts {
    fn name(&self) -> &'static str {
        "made_up"
    }

    async fn check(&self) -> Outside<CheckReport> {
        let passage = self.world.request(System::Contacts, "check", "").await?;
        passage.answer().await?;
        Ok("fine".into())
    }

    async fn list(&self, _query: &ContactQuery, after: Option<Cursor>) -> Outside<ContactPage> {
        let after: usize = after.map_or(0, |cursor| cursor.0.parse().unwrap());
        let passage = self.world.request(System::Contacts, "list", "").await?;
        let now = self.world.now();
        let listed = self.calls.by_id.values();
        let listed = listed.filter(|call| call.listed_from <= now).skip(after);
        let contacts: Vec<Contact> = listed
            .take(self.page)
            .map(|call| call.contact.clone())
            .collect();
        passage.answer().await?;
        let end = after + contacts.len();
        let next = (contacts.len() == self.page).then(|| Cursor(end.to_string()));
        Ok(ContactPage {
            contacts,
            problems: Vec::new(),
            next,
        })
    }
}

/// The vendor's own count of requests in a trailing window.
pub(super) struct Window {
    pub(super) requests_max: usize,
    pub(super) window: Duration,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    at: VecDeque<Duration>,
    all: Vec<Duration>,
}

impl Window {
    pub(super) fn new(requests_max: usize, window: Duration) -> Self {
        Self {
            requests_max,
            window,
            seen: Mutex::default(),
        }
    }

    fn arrives(&self, world: &World) {
        let now = world.now();
        let mut seen = self.seen.lock().unwrap();
        while seen.at.front().is_some_and(|at| *at + self.window <= now) {
            seen.at.pop_front();
        }
        seen.at.push_back(now);
        seen.all.push(now);
        // A run cannot know that an earlier one was a moment ago if the clock on the wall says that
        // it was hours ago.
        let excused = world.clock_went_forward(now.saturating_sub(self.window), now);
        if seen.at.len() > self.requests_max && !excused {
            let count = seen.at.len();
            world.violation(format!("{now:?}: {count} requests in the vendor's window"));
        }
    }

    /// When each request arrived.
    pub(super) fn arrivals(&self) -> Vec<Duration> {
        self.seen.lock().unwrap().all.clone()
    }
}

/// Who has the recordings, as one run knows them.
pub(super) struct Recordings {
    pub(super) world: Arc<World>,
    pub(super) calls: Arc<Calls>,
    pub(super) vendor: Arc<Window>,
    /// How this run keeps the vendor's limit.
    pub(super) limit: WindowLimit,
    /// Whether the host of the media could not be reached when it was last asked.
    pub(super) media_out_of_reach: AtomicBool,
}

impl Recordings {
    async fn media(&self, doing: &str, id: &str) -> Outside<()> {
        let answered = match self.world.request(System::Media, doing, id).await {
            Ok(passage) => passage.answer().await,
            Err(failure) => Err(failure),
        };
        let kind = answered.as_ref().err().map(|failure| failure.kind);
        let out_of_reach = kind == Some(FailureKind::Unavailable);
        self.media_out_of_reach
            .store(out_of_reach, Ordering::SeqCst);
        answered
    }

    async fn metadata(&self, doing: &str, id: &str) -> Outside<()> {
        let slot = self.limit.slot().await?;
        let passage = self.world.request(System::Recordings, doing, id).await;
        // What the vendor did not answer it may have counted.
        self.vendor.arrives(&self.world);
        passage?.answer().await?;
        drop(slot);
        Ok(())
    }
}

#[async_trait]
impl RecordingSource for Recordings {
    fn name(&self) -> &'static str {
        "made_up"
    }

    async fn check(&self) -> Outside<CheckReport> {
        if self.media_out_of_reach.load(Ordering::SeqCst) {
            self.media("check", "").await?;
        }
        self.metadata("check", "").await?;
        Ok("fine".into())
    }

    async fn find(&self, contact: &Contact) -> Outside<Found> {
        let call = self.calls.get(contact.id.as_str());
        self.metadata("find", call.id()).await?;
        natural(
            &self.world,
            (System::Recordings, Stage::Fetch),
            call.id(),
            call.nature,
        )?;
        let reference = RecordingReference {
            locator: Locator(call.id().to_owned()),
            media_type: "voice-only".into(),
            started_at: None,
            participants: Vec::new(),
        };
        Ok(Found {
            recordings: match call.nature {
                Nature::NotFound => Err(SkipReason::NotFound),
                Nature::Unrecorded => Err(SkipReason::NoRecording),
                _ => Ok(vec![reference]),
            },
            raw_metadata: Some("{}".into()),
        })
    }

    async fn open(&self, reference: &RecordingReference) -> Outside<OpenRecording> {
        let call = self.calls.get(&reference.locator.0);
        self.media("open", call.id()).await?;
        let whole = Bytes::from(format!("{AUDIO}{}", call.voice));
        let (head, tail) = (whole.slice(..4), whole.slice(4..));
        let permille = self.world.faults_permille();
        let tail = match self.world.happens(permille / 2) {
            true => {
                let kind = FailureKind::CorruptTransfer;
                self.world.meet(System::Media, call.id(), kind);
                Err(Failure::new(kind, "the transfer broke"))
            }
            false => Ok(tail),
        };
        Ok(OpenRecording {
            content_type: "audio/mp4".into(),
            extension: "mp4".into(),
            bytes: futures::stream::iter([Ok(head), tail]).boxed(),
        })
    }

    async fn close(&self) -> Outside<()> {
        self.limit.close().await
    }
}

/// What comes of asking about a call of such a nature.
pub(super) fn natural(
    world: &World,
    (system, stage): (System, Stage),
    whom: &str,
    nature: Nature,
) -> Outside<()> {
    let refused = |kind| {
        world.meet(system, whom, kind);
        Err(Failure::new(kind, "by its nature"))
    };
    match nature {
        Nature::Refused(at) if at == stage => refused(FailureKind::Rejected),
        Nature::Poison(at) if at == stage => refused(FailureKind::Unavailable),
        Nature::DeniedAlone(at) if at == stage => refused(FailureKind::Denied),
        Nature::Panics(at) if at == stage => {
            std::panic::resume_unwind(Box::new("a connector's bug"))
        }
        _ => Ok(()),
    }
}
