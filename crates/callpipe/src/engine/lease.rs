//! Leases: two runs of one stage must not overlap, on one machine or on many.
//!
//! A lease is a row of numbered objects in the archive; the highest number is its holder. Taking it
//! over means creating the next number, which only one can do. The holder renews its own object and
//! notices a higher number, so that a run that slept through its lease ends itself. A lease that has run
//! out, because the store was away for a while, is renewed in the way in which others take it over.

use std::time::Duration;

use callpipe_connectors::archive::Archive;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::ArchiveKey;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::holder::Holder;

/// The folder of the archive in which all leases are.
pub(super) const FOLDER: &str = "leases";

/// What a holder writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Holding {
    #[serde(flatten)]
    holder: Holder,
    /// Which of several runs of one holder.
    nonce: u64,
    expires_at: DateTime<Utc>,
}

/// Somebody else holds the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The lease's name.
    pub lease: String,
    /// Who, for people.
    pub holder: String,
    /// Until when, unless it is renewed.
    pub expires_at: DateTime<Utc>,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Ours(Lease),
    /// It is not.
    Held(Held),
}

/// A lease that is ours until it is released or has run out.
#[derive(Debug, Clone)]
pub struct Lease {
    name: String,
    number: u64,
    holder: Holder,
    nonce: u64,
    ttl: TimeDelta,
    expires_at: DateTime<Utc>,
}

/// Who asks for a lease, and for how long it is to hold without being renewed.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// Who.
    pub holder: &'a Holder,
    /// A run that was killed keeps the next one out for so long at most.
    pub ttl: Duration,
    /// By which a run knows what it wrote itself when it heard no answer.
    pub nonce: u64,
}

/// Why a lease could not be renewed.
#[derive(Debug)]
pub enum RenewalError {
    /// Another run has taken it over.
    TakenOver,
    /// The store could not be asked or written. The lease is ours until it has run out, and may be
    /// after that.
    Store(Failure),
}

impl Lease {
    /// Takes a lease if nobody holds it, or its holder has certainly ended.
    pub async fn take(
        archive: &Archive,
        clock: &dyn Clock,
        name: &str,
        applicant: Applicant<'_>,
    ) -> Outside<Taken> {
        let numbers = numbers(archive, name).await?;
        let highest = numbers.iter().copied().max().unwrap_or(0);
        if highest > 0
            && let Some(holding) = holding(archive, name, highest).await?
            && holding.nonce != applicant.nonce
            && let Some(held) = holding.held(clock, name, applicant.holder)
        {
            return Ok(Taken::Held(held));
        }
        let ttl = TimeDelta::from_std(applicant.ttl).unwrap_or(TimeDelta::seconds(15));
        let lease = Lease {
            name: name.to_owned(),
            number: highest + 1,
            holder: applicant.holder.clone(),
            nonce: applicant.nonce,
            ttl,
            expires_at: clock.now() + ttl,
        };
        if !lease.create(archive).await? {
            // Somebody was faster.
            let faster = holding(archive, name, lease.number).await?;
            let faster = faster.and_then(|faster| faster.held(clock, name, applicant.holder));
            return Ok(Taken::Held(faster.unwrap_or(Held {
                lease: name.to_owned(),
                holder: "another run".into(),
                expires_at: lease.expires_at,
            })));
        }
        for old in numbers {
            archive.delete(&ArchiveKey::lease(name, old)).await?;
        }
        Ok(Taken::Ours(lease))
    }

    /// Makes it last longer.
    pub async fn renew(
        &mut self,
        archive: &Archive,
        clock: &dyn Clock,
    ) -> Result<(), RenewalError> {
        let is_ours = self.find_ours(archive).await;
        if !is_ours.map_err(RenewalError::Store)? {
            return Err(RenewalError::TakenOver);
        }
        let now = clock.now();
        let mut renewed = Self {
            expires_at: now + self.ttl,
            ..self.clone()
        };
        let is_ours = if now < self.expires_at {
            renewed.overwrite(archive).await.map(|()| true)
        } else {
            // Who takes it over now may have looked already: only one can make the next number. The old
            // one is removed by who takes the lease next.
            renewed.number += 1;
            renewed.create(archive).await
        };
        if !is_ours.map_err(RenewalError::Store)? {
            return Err(RenewalError::TakenOver);
        }
        *self = renewed;
        Ok(())
    }

    /// Whether the highest number is ours, which it becomes if we wrote it and did not hear of it.
    async fn find_ours(&mut self, archive: &Archive) -> Outside<bool> {
        let highest = highest_number(archive, &self.name).await?;
        if highest < self.number {
            // Numbers never go back. A store that is away says so when it is asked for the object itself.
            self.wrote(archive, self.number).await?;
            let message = format!("the list of leases lacks our own, {}", self.key());
            return Err(Failure::new(FailureKind::Unavailable, message));
        }
        let is_ours = highest == self.number || self.wrote(archive, highest).await?;
        if is_ours {
            self.number = highest;
        }
        Ok(is_ours)
    }

    async fn wrote(&self, archive: &Archive, number: u64) -> Outside<bool> {
        let found = holding(archive, &self.name, number).await?;
        Ok(found.is_some_and(|found| found.nonce == self.nonce))
    }

    /// Writes its number if nobody has it. A request that was repeated, or arrived late, meets what it
    /// wrote itself, which may say that it runs out sooner.
    async fn create(&self, archive: &Archive) -> Outside<bool> {
        let holding = self.holding_until(self.expires_at)?;
        if archive.create(&self.key(), &holding).await? {
            return Ok(true);
        }
        let is_ours = self.wrote(archive, self.number).await?;
        if is_ours {
            self.overwrite(archive).await?;
        }
        Ok(is_ours)
    }

    async fn overwrite(&self, archive: &Archive) -> Outside<()> {
        let holding = self.holding_until(self.expires_at)?;
        archive.overwrite(&self.key(), &holding).await
    }

    /// Gives it back: the next run need not wait.
    pub async fn release(&self, archive: &Archive) -> Outside<()> {
        // The number stays taken, so that numbers never go back while somebody looks at them.
        let ended = DateTime::<Utc>::MIN_UTC;
        if highest_number(archive, &self.name).await? == self.number {
            archive
                .overwrite(&self.key(), &self.holding_until(ended)?)
                .await?;
        }
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Until when it holds without being renewed.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    fn key(&self) -> ArchiveKey {
        ArchiveKey::lease(&self.name, self.number)
    }

    fn holding_until(&self, expires_at: DateTime<Utc>) -> Outside<Vec<u8>> {
        let holding = Holding {
            holder: self.holder.clone(),
            nonce: self.nonce,
            expires_at,
        };
        serde_json::to_vec(&holding)
            .map_err(|error| Failure::bug("a lease cannot be written").with_source(error))
    }
}

/// Who holds a lease now, as `us` can see.
pub(super) async fn holder_of(
    archive: &Archive,
    clock: &dyn Clock,
    name: &str,
    us: &Holder,
) -> Outside<Option<Held>> {
    let highest = highest_number(archive, name).await?;
    if highest == 0 {
        return Ok(None);
    }
    let holding = holding(archive, name, highest).await?;
    Ok(holding.and_then(|holding| holding.held(clock, name, us)))
}

async fn highest_number(archive: &Archive, name: &str) -> Outside<u64> {
    Ok(numbers(archive, name).await?.into_iter().max().unwrap_or(0))
}

/// The numbers that there are.
async fn numbers(archive: &Archive, name: &str) -> Outside<Vec<u64>> {
    let names = archive.list_names(&format!("{FOLDER}/{name}")).await?;
    let number = |name: &String| name.rsplit('/').next()?.strip_suffix(".json")?.parse().ok();
    Ok(names.iter().filter_map(number).collect())
}

/// What is written under a number; nothing where it cannot be read.
async fn holding(archive: &Archive, name: &str, number: u64) -> Outside<Option<Holding>> {
    let bytes = archive.read(&ArchiveKey::lease(name, number)).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

impl Holding {
    /// Who holds the lease now. Nobody where it has run out or was given back, or where its holder has
    /// ended.
    fn held(self, clock: &dyn Clock, name: &str, us: &Holder) -> Option<Held> {
        let lasts = self.expires_at > clock.now() && !self.holder.runner.has_ended(&us.runner);
        lasts.then(|| Held {
            lease: name.to_owned(),
            holder: self.holder.words,
            expires_at: self.expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use callpipe_connectors::archive::GcsConfig;
    use callpipe_connectors::google::Identity;
    use callpipe_connectors::http::Endpoint;
    use callpipe_sandbox::{Corpus, Sandbox, SandboxOptions, World};

    use super::*;

    use crate::engine::holder::Runner;

    const TTL: Duration = Duration::from_secs(15);

    fn holder(words: &str) -> Holder {
        Holder {
            words: words.into(),
            runner: Runner::Unknown,
        }
    }

    fn attempt(attempt: u32) -> Holder {
        Holder {
            words: format!("attempt {attempt}"),
            runner: Runner::Attempt {
                execution: "calls-a".into(),
                task_index: 0,
                attempt,
            },
        }
    }

    async fn taken(archive: &Archive, clock: &HandClock, holder: &Holder) -> Taken {
        taken_by_run(archive, clock, holder, rand::random()).await
    }

    async fn taken_by_run(
        archive: &Archive,
        clock: &HandClock,
        holder: &Holder,
        nonce: u64,
    ) -> Taken {
        let ttl = TTL;
        let applicant = Applicant { holder, ttl, nonce };
        Lease::take(archive, clock, "fetch", applicant)
            .await
            .unwrap()
    }

    struct HandClock(Mutex<DateTime<Utc>>);

    impl HandClock {
        fn new() -> Self {
            Self(Mutex::new(
                DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            ))
        }

        fn forward(&self, duration: Duration) {
            *self.0.lock().unwrap() += duration;
        }
    }

    impl Clock for HandClock {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }
    }

    /// An archive in memory, and one in the sandbox's Cloud Storage.
    async fn archives() -> (Sandbox, [Archive; 2]) {
        let world = World::exact(Corpus::embedded().unwrap(), 1, vec![]);
        let sandbox = Sandbox::start(world, SandboxOptions::default())
            .await
            .unwrap();
        let config = GcsConfig {
            bucket: Some(sandbox.credentials.google_bucket.into()),
            endpoint: Endpoint::parse(&sandbox.storage_url).unwrap(),
            ..GcsConfig::default()
        };
        let bucket = Archive::gcs(&config, &Identity::anonymous(), Arc::new(HandClock::new()));
        (sandbox, [Archive::memory(), bucket.unwrap()])
    }

    async fn ours(archive: &Archive, clock: &HandClock, words: &str) -> Lease {
        match taken(archive, clock, &holder(words)).await {
            Taken::Ours(lease) => lease,
            Taken::Held(held) => panic!("held by {}", held.holder),
        }
    }

    #[tokio::test]
    async fn only_one_holds_it_and_the_next_takes_it_over_when_it_has_run_out() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            let mut first = ours(&archive, &clock, "first").await;
            clock.forward(TTL / 3);
            first.renew(&archive, &clock).await.unwrap();
            let Taken::Held(held) = taken(&archive, &clock, &holder("second")).await else {
                panic!("taken twice");
            };
            assert_eq!(held.holder, "first");
            assert_eq!(held.expires_at, first.expires_at());
            assert_eq!(held.expires_at, clock.now() + TTL);
            clock.forward(TTL);
            let mut second = ours(&archive, &clock, "second").await;
            let late = first.renew(&archive, &clock).await;
            assert!(matches!(late, Err(RenewalError::TakenOver)), "{late:?}");
            second.renew(&archive, &clock).await.unwrap();
            // What the first does late changes nothing for the second.
            first.release(&archive).await.unwrap();
            second.renew(&archive, &clock).await.unwrap();
        }
    }

    /// An answer that is damaged on its way, or is somebody else's, can be such a list.
    #[tokio::test]
    async fn a_list_that_lacks_our_own_lease_says_nothing_about_others() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            let mut first = ours(&archive, &clock, "first").await;
            archive.delete(&first.key()).await.unwrap();
            let renewed = first.renew(&archive, &clock).await;
            assert!(
                matches!(renewed, Err(RenewalError::Store(_))),
                "{renewed:?}"
            );
            first.overwrite(&archive).await.unwrap();
            first.renew(&archive, &clock).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_lease_that_was_given_back_is_free_at_once() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            for holder in ["first", "second", "third"] {
                ours(&archive, &clock, holder)
                    .await
                    .release(&archive)
                    .await
                    .unwrap();
            }
            assert_eq!(archive.list_names("leases/fetch").await.unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn what_has_run_out_and_nobody_wanted_is_renewed_so_that_nobody_else_can_take_it() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            let mut first = ours(&archive, &clock, "first").await;
            clock.forward(TTL * 100);
            first.renew(&archive, &clock).await.unwrap();
            assert_eq!(first.expires_at(), clock.now() + TTL);
            // Who had found that it has run out, and takes it over only now.
            let next = ArchiveKey::lease("fetch", 2);
            assert!(!archive.create(&next, b"another run").await.unwrap());
            let second = taken(&archive, &clock, &holder("second")).await;
            assert!(matches!(second, Taken::Held(_)), "{second:?}");
            first.renew(&archive, &clock).await.unwrap();
            first.release(&archive).await.unwrap();
            ours(&archive, &clock, "third").await;
        }
    }

    #[tokio::test]
    async fn a_run_knows_what_it_wrote_without_hearing_of_it() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let (clock, us) = (HandClock::new(), holder("us"));
            taken_by_run(&archive, &clock, &us, 7).await;
            let Taken::Ours(mut again) = taken_by_run(&archive, &clock, &us, 7).await else {
                panic!("a run is kept out by itself");
            };
            let other = taken_by_run(&archive, &clock, &us, 8).await;
            assert!(matches!(other, Taken::Held(_)), "{other:?}");
            let mut unheard = again.clone();
            clock.forward(TTL);
            unheard.renew(&archive, &clock).await.unwrap();
            clock.forward(TTL);
            again.renew(&archive, &clock).await.unwrap();
            // A request that was given up arrives between the look at the numbers and the next one.
            clock.forward(TTL);
            let expires_at = clock.now() + TTL;
            let late = Lease {
                expires_at,
                ..again.clone()
            };
            assert!(late.create(&archive).await.unwrap());
            let key = late.key();
            let written = holding(&archive, "fetch", late.number).await.unwrap();
            assert_eq!(written.unwrap().expires_at, expires_at, "{key}");
        }
    }

    #[tokio::test]
    async fn a_request_that_was_repeated_meets_its_own_lease() {
        let (sandbox, [_, archive]) = archives().await;
        // The first request looks for leases, the second writes one.
        let fault = "storage.503_stored:after=1";
        sandbox.faults().arm_text(fault).unwrap();
        let clock = HandClock::new();
        let mut lease = ours(&archive, &clock, "first").await;
        assert_eq!(sandbox.faults().armed()[0].1, 1);
        lease.renew(&archive, &clock).await.unwrap();
    }

    #[tokio::test]
    async fn of_many_who_ask_at_once_one_gets_it() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            let one_of_many = holder("one of many");
            let takes = (0..20).map(|_| taken(&archive, &clock, &one_of_many));
            let taken = futures::future::join_all(takes).await;
            let ours = |taken: &&Taken| matches!(taken, Taken::Ours(_));
            assert_eq!(taken.iter().filter(ours).count(), 1);
            assert!(taken.iter().all(|taken| match taken {
                Taken::Ours(_) => true,
                Taken::Held(held) => held.holder == "one of many",
            }));
        }
    }

    #[tokio::test]
    async fn who_has_certainly_ended_keeps_nobody_out() {
        let (archive, clock) = (Archive::memory(), HandClock::new());
        let Taken::Ours(mut killed) = taken(&archive, &clock, &attempt(0)).await else {
            panic!("a lease that nobody holds is not given");
        };
        let same = taken(&archive, &clock, &attempt(0)).await;
        assert!(matches!(same, Taken::Held(_)), "{same:?}");
        let next = taken(&archive, &clock, &attempt(1)).await;
        assert!(matches!(next, Taken::Ours(_)), "{next:?}");
        let late = killed.renew(&archive, &clock).await;
        assert!(matches!(late, Err(RenewalError::TakenOver)), "{late:?}");
    }

    #[tokio::test]
    async fn a_lease_of_an_earlier_version_is_respected() {
        let (archive, clock) = (Archive::memory(), HandClock::new());
        let expires_at = clock.now() + TTL;
        let text =
            serde_json::json!({ "holder": "an older run", "nonce": 1, "expires_at": expires_at });
        let key = ArchiveKey::lease("fetch", 7);
        archive
            .create(&key, text.to_string().as_bytes())
            .await
            .unwrap();
        let held = taken(&archive, &clock, &holder("us")).await;
        assert!(matches!(held, Taken::Held(_)), "{held:?}");
    }
}
