//! Who is paid: the transcriber and the classifier, and what they sold.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::analysis::Analysis;
use callpipe_core::classification::Classification;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use callpipe_core::recording::{Fingerprint, Recording, Role};
use callpipe_core::taxonomy::Taxonomy;
use callpipe_core::transcript::{RecordingTranscript, Speaker, SpokenWord, Word, turns_from_words};
use callpipe_core::triage::Heard;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::calls::{Calls, Nature};
use super::vendors::{AUDIO, natural};
use super::weather::System;
use super::world::World;

/// An answer that was sold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sold {
    pub(super) voice: String,
    /// Which of all answers that were ever sold.
    pub(super) serial: u64,
    pub(super) is_of_use: bool,
}

/// What became of an answer that was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fortune {
    /// On its way, or being kept.
    Underway,
    /// The vendor's answer got lost.
    Lost,
    /// The run ended before it was kept.
    CutOff,
}

/// A purchase, in the vendor's books.
#[derive(Debug, Clone)]
pub(super) struct Purchase {
    pub(super) serial: u64,
    pub(super) fingerprint: String,
    /// While it was not kept, another one was bought.
    pub(super) was_dropped: bool,
    pub(super) fortune: Fortune,
}

/// Both vendors' books and their limits of requests at once.
pub(super) struct Books {
    world: Arc<World>,
    calls: Arc<Calls>,
    books: Mutex<BTreeMap<System, Book>>,
}

#[derive(Default)]
struct Book {
    in_flight: usize,
    busy_ms: u128,
    /// When as many requests were at work as are allowed, each time anew.
    full_at: Vec<Duration>,
    purchases: Vec<Purchase>,
    /// Where in the list the purchases of a request are.
    by_fingerprint: HashMap<String, Vec<usize>>,
}

impl Books {
    pub(super) fn new(world: Arc<World>, calls: Arc<Calls>) -> Arc<Self> {
        Arc::new(Self {
            world,
            calls,
            books: Mutex::default(),
        })
    }

    fn enter(self: &Arc<Self>, system: System, in_flight_max: usize) -> Inside {
        let mut books = self.books.lock().unwrap();
        let book = books.entry(system).or_default();
        book.in_flight += 1;
        if book.in_flight == in_flight_max {
            book.full_at.push(self.world.now());
        }
        if book.in_flight > in_flight_max {
            let count = book.in_flight;
            self.world
                .violation(format!("{count} requests at once at {system:?}"));
        }
        Inside {
            books: Arc::clone(self),
            system,
            began_ms: self.world.now().as_millis(),
        }
    }

    /// For how long requests were in flight, in all.
    pub(super) fn busy_ms(&self, system: System) -> u128 {
        self.books.lock().unwrap()[&system].busy_ms
    }

    /// When as many requests were at work as are allowed, each time anew.
    pub(super) fn full_at(&self, system: System) -> Vec<Duration> {
        self.books.lock().unwrap()[&system].full_at.clone()
    }

    /// Everything that was sold.
    pub(super) fn purchases(&self) -> Vec<Purchase> {
        let books = self.books.lock().unwrap();
        let all = books.values().flat_map(|book| book.purchases.clone());
        all.collect()
    }

    /// The run has ended: what is not kept by now never will be. Says how many that were.
    pub(super) fn cut_off(&self, kept: &BTreeMap<u64, String>) -> usize {
        let mut books = self.books.lock().unwrap();
        let mut count = 0;
        for purchase in books.values_mut().flat_map(|book| &mut book.purchases) {
            let is_kept = kept.contains_key(&purchase.serial);
            if purchase.fortune == Fortune::Underway && !is_kept {
                if purchase.was_dropped {
                    self.world
                        .violation(format!("a paid reply was dropped: {purchase:?}"));
                }
                purchase.fortune = Fortune::CutOff;
                count += 1;
            }
        }
        count
    }

    /// Sells an answer about a voice.
    async fn sell(
        self: &Arc<Self>,
        (system, stage, in_flight_max): (System, Stage, usize),
        voice: &str,
        fingerprint: &Fingerprint,
    ) -> Outside<Bytes> {
        let _inside = self.enter(system, in_flight_max);
        let passage = self.world.request(system, "buy", voice).await?;
        let nature = self.calls.of_voice(voice);
        natural(&self.world, (system, stage), voice, nature)?;
        let is_useless = self.is_useless(system, stage, voice, fingerprint);
        let sold = {
            let mut books = self.books.lock().unwrap();
            let serial = books.values().map(|book| book.purchases.len() as u64).sum();
            let book = books.entry(system).or_default();
            let place = book.purchases.len();
            let key = fingerprint.as_str().to_owned();
            let places = book.by_fingerprint.entry(key).or_default();
            for earlier in places.iter() {
                book.purchases[*earlier].was_dropped = true;
            }
            places.push(place);
            book.purchases.push(Purchase {
                serial,
                was_dropped: false,
                fingerprint: fingerprint.as_str().to_owned(),
                fortune: match passage.is_lost() {
                    true => Fortune::Lost,
                    false => Fortune::Underway,
                },
            });
            Sold {
                voice: voice.to_owned(),
                serial,
                is_of_use: !is_useless,
            }
        };
        passage.answer().await?;
        Ok(serde_json::to_vec(&sold).unwrap().into())
    }

    fn is_useless(
        &self,
        system: System,
        stage: Stage,
        voice: &str,
        fingerprint: &Fingerprint,
    ) -> bool {
        let books = self.books.lock().unwrap();
        let is_first = books
            .get(&system)
            .is_none_or(|book| !book.by_fingerprint.contains_key(fingerprint.as_str()));
        drop(books);
        match self.calls.of_voice(voice) {
            Nature::Useless(at) => at == stage,
            Nature::UselessOnce(at) => at == stage && is_first,
            _ => {
                let is_useless = self.world.happens(self.world.faults_permille() / 4);
                if is_useless {
                    self.world.meet(system, voice, FailureKind::UnusableReply);
                }
                is_useless
            }
        }
    }

    async fn check(self: &Arc<Self>, system: System, in_flight_max: usize) -> Outside<CheckReport> {
        let _inside = self.enter(system, in_flight_max);
        let passage = self.world.request(system, "check", "").await?;
        passage.answer().await?;
        Ok("fine".into())
    }
}

/// A request that a vendor works on.
struct Inside {
    books: Arc<Books>,
    system: System,
    began_ms: u128,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let now_ms = self.books.world.now().as_millis();
        let mut books = self.books.books.lock().unwrap();
        let book = books.entry(self.system).or_default();
        book.in_flight -= 1;
        book.busy_ms += now_ms.saturating_sub(self.began_ms);
    }
}

/// The transcriber.
pub(super) struct Listener {
    pub(super) books: Arc<Books>,
    pub(super) in_flight_max: usize,
}

#[async_trait]
impl Transcriber for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.books
            .check(System::Transcriber, self.in_flight_max)
            .await
    }

    fn fingerprint(&self, recording: &Recording) -> Fingerprint {
        Fingerprint::of(&["listener", recording.sha256.as_str()])
    }

    async fn buy(&self, recording: &Recording, audio: Audio) -> Outside<Bytes> {
        let Audio::Stream(stream) = audio else {
            return Err(Failure::bug("no link was made"));
        };
        let audio: Vec<Bytes> = stream.try_collect().await?;
        let audio = String::from_utf8(audio.concat()).unwrap();
        let voice = audio.strip_prefix(AUDIO).unwrap();
        let vendor = (System::Transcriber, Stage::Transcribe, self.in_flight_max);
        let fingerprint = self.fingerprint(recording);
        self.books.sell(vendor, voice, &fingerprint).await
    }

    fn price(&self, reply: &[u8]) -> Usd {
        price(reply)
    }

    fn price_max(&self, _recording: &Recording, _heard: Option<&Heard>) -> Option<Usd> {
        Some(PRICE)
    }

    fn usual_delay(&self, _duration_s: f64) -> Duration {
        Duration::from_secs(1)
    }

    fn read(&self, reply: &[u8], recording: &Recording) -> Outside<TranscribedRecording> {
        let sold: Sold = serde_json::from_slice(reply).unwrap();
        if !sold.is_of_use {
            return Err(Failure::new(FailureKind::UnusableReply, "noise"));
        }
        let words = match self.books.calls.of_voice(&sold.voice) {
            Nature::Silent => Vec::new(),
            _ => vec![spoken(&sold.voice)],
        };
        Ok(TranscribedRecording {
            transcript: RecordingTranscript {
                recording: recording.key.clone(),
                duration_s: 60.0,
                channels: 1,
                language: None,
                turns: turns_from_words(words),
            },
            analysis: Analysis::default(),
            model: "made-up".into(),
            request_id: None,
            warnings: Vec::new(),
        })
    }
}

/// What every reply costs.
pub(super) const PRICE: Usd = Usd::from_micros(10_000);

fn price(reply: &[u8]) -> Usd {
    let sold: Result<Sold, _> = serde_json::from_slice(reply);
    sold.map_or(Usd::ZERO, |_| PRICE)
}

fn spoken(voice: &str) -> SpokenWord {
    SpokenWord {
        speaker: Speaker::Side(Role::Agent),
        channel: 0,
        word: Word {
            text: voice.to_owned(),
            start_s: 0.0,
            end_s: 1.0,
            confidence: 1.0,
        },
    }
}

/// The classifier.
pub(super) struct Labeller {
    pub(super) books: Arc<Books>,
    pub(super) in_flight_max: usize,
    pub(super) taxonomy: Arc<Taxonomy>,
}

#[async_trait]
impl Classifier for Labeller {
    fn name(&self) -> &'static str {
        "labeller"
    }

    fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.books
            .check(System::Classifier, self.in_flight_max)
            .await
    }

    fn models(&self) -> Vec<ModelName> {
        ["large", "small"].map(|name| ModelName(name.into())).into()
    }

    fn fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        Fingerprint::of(&["labeller", conversation, &model.0])
    }

    async fn buy(&self, conversation: &str, model: &ModelName, _effort: Effort) -> Outside<Bytes> {
        let voice = conversation.strip_prefix("Agent: ").unwrap();
        let vendor = (System::Classifier, Stage::Classify, self.in_flight_max);
        let fingerprint = self.fingerprint(conversation, model);
        self.books.sell(vendor, voice, &fingerprint).await
    }

    fn price(&self, reply: &[u8], _model: &ModelName) -> Usd {
        price(reply)
    }

    fn price_max(&self, _: &str, _: &ModelName, _: Effort) -> Option<Usd> {
        Some(PRICE)
    }

    fn usual_delay(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Classification, UnusableAnswer> {
        let sold: Sold = serde_json::from_slice(reply).unwrap();
        if !sold.is_of_use {
            return Err(UnusableAnswer::Faulty {
                model: model.0.clone(),
                reason: "nonsense".into(),
            });
        }
        let answer = json!({
            "call_type": ["complaint"],
            "sale_result": "not_sales_call",
            "product_family": "chainsaw_related",
            "product_category_detail": ["other"],
            "agent_name": sold.voice,
            "escalation_actions": [],
            "confidence_scores": {
                "call_type_confidence": 0.5,
                "sale_result_confidence": 0.5,
                "product_classification_confidence": 0.5,
                "overall_confidence": 0.5,
            },
        });
        Ok(Classification::from_answer(&self.taxonomy, &answer, &model.0).unwrap())
    }
}
