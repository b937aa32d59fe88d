//! Leases: two runs of one stage must not overlap, on one machine or on many.
//!
//! A lease is a row of numbered objects in the archive; the highest number is its holder. Taking it
//! over means creating the next number, which only one can do. The holder renews its own object and
//! notices a higher number, so that a run that slept through its lease ends itself.

use std::time::Duration;

use callpipe_connectors::archive::Archive;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::ArchiveKey;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// What a holder writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Holding {
    holder: String,
    /// Which of several runs of one holder.
    nonce: u64,
    expires_at: DateTime<Utc>,
}

/// Somebody else holds the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
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
#[derive(Debug)]
pub struct Lease {
    name: String,
    number: u64,
    holder: String,
    nonce: u64,
    ttl: TimeDelta,
}

/// Who asks for a lease, and for how long it is to hold without being renewed.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// Who, for people.
    pub holder: &'a str,
    /// A run that was killed keeps the next one waiting for so long at most.
    pub ttl: Duration,
}

impl Lease {
    /// Takes a lease if nobody holds it.
    pub async fn take(
        archive: &Archive,
        clock: &dyn Clock,
        name: &str,
        applicant: Applicant<'_>,
    ) -> Outside<Taken> {
        let numbers = numbers(archive, name).await?;
        let highest = numbers.iter().copied().max().unwrap_or(0);
        if highest > 0
            && let Some(held) = held_by(archive, clock, name, highest).await?
        {
            return Ok(Taken::Held(held));
        }
        let lease = Lease {
            name: name.to_owned(),
            number: highest + 1,
            holder: applicant.holder.to_owned(),
            nonce: rand::random(),
            ttl: TimeDelta::from_std(applicant.ttl).unwrap_or(TimeDelta::seconds(15)),
        };
        let holding = lease.holding(clock.now())?;
        // A request that was repeated meets what it wrote itself.
        let is_ours = archive.create(&lease.key(), &holding).await?
            || archive
                .read(&lease.key())
                .await?
                .is_some_and(|found| found == holding);
        if !is_ours {
            // Somebody was faster.
            let expires_at = clock.now() + lease.ttl;
            return Ok(Taken::Held(Held {
                holder: "another run".into(),
                expires_at,
            }));
        }
        for old in numbers {
            archive.delete(&ArchiveKey::lease(name, old)).await?;
        }
        Ok(Taken::Ours(lease))
    }

    /// Makes it last longer. A failure of kind `StoreFailed` where the lease was lost.
    pub async fn renew(&self, archive: &Archive, clock: &dyn Clock) -> Outside<()> {
        if highest_number(archive, &self.name).await? != self.number {
            return Err(Failure::new(
                FailureKind::StoreFailed,
                format!(
                    "the lease of stage {} was taken over by another run",
                    self.name
                ),
            )
            .with_hint(
                "this run was suspended for too long; start it again when the other one has ended",
            ));
        }
        archive
            .overwrite(&self.key(), &self.holding(clock.now())?)
            .await
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

    fn key(&self) -> ArchiveKey {
        ArchiveKey::lease(&self.name, self.number)
    }

    fn holding(&self, now: DateTime<Utc>) -> Outside<Vec<u8>> {
        self.holding_until(now + self.ttl)
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

async fn highest_number(archive: &Archive, name: &str) -> Outside<u64> {
    Ok(numbers(archive, name).await?.into_iter().max().unwrap_or(0))
}

/// The numbers that there are.
async fn numbers(archive: &Archive, name: &str) -> Outside<Vec<u64>> {
    let any = ArchiveKey::lease(name, 0);
    let folder = any.as_str().trim_end_matches(any.file_name());
    let names = archive.list_names(folder.trim_end_matches('/')).await?;
    let number = |name: &String| name.rsplit('/').next()?.strip_suffix(".json")?.parse().ok();
    Ok(names.iter().filter_map(number).collect())
}

/// Who holds a number now. Nobody where it has run out, was given back, or cannot be read.
async fn held_by(
    archive: &Archive,
    clock: &dyn Clock,
    name: &str,
    number: u64,
) -> Outside<Option<Held>> {
    let Some(bytes) = archive.read(&ArchiveKey::lease(name, number)).await? else {
        return Ok(None);
    };
    let holding: Option<Holding> = serde_json::from_slice(&bytes).ok();
    Ok(holding
        .filter(|holding| holding.expires_at > clock.now())
        .map(|holding| Held {
            holder: holding.holder,
            expires_at: holding.expires_at,
        }))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use callpipe_connectors::archive::GcsConfig;
    use callpipe_connectors::google::Identity;
    use callpipe_connectors::http::Endpoint;
    use callpipe_sandbox::{Corpus, Sandbox, SandboxOptions, World};

    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    fn applicant(holder: &str) -> Applicant<'_> {
        Applicant { holder, ttl: TTL }
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

    async fn ours(archive: &Archive, clock: &HandClock, holder: &str) -> Lease {
        match Lease::take(archive, clock, "fetch", applicant(holder))
            .await
            .unwrap()
        {
            Taken::Ours(lease) => lease,
            Taken::Held(held) => panic!("held by {}", held.holder),
        }
    }

    #[tokio::test]
    async fn only_one_holds_it_and_the_next_takes_it_over_when_it_has_run_out() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            let first = ours(&archive, &clock, "first").await;
            clock.forward(TTL / 3);
            first.renew(&archive, &clock).await.unwrap();
            let Taken::Held(held) = Lease::take(&archive, &clock, "fetch", applicant("second"))
                .await
                .unwrap()
            else {
                panic!("taken twice");
            };
            assert_eq!(held.holder, "first");
            clock.forward(TTL);
            let second = ours(&archive, &clock, "second").await;
            assert_eq!(
                first.renew(&archive, &clock).await.unwrap_err().kind,
                FailureKind::StoreFailed
            );
            second.renew(&archive, &clock).await.unwrap();
            // What the first does late changes nothing for the second.
            first.release(&archive).await.unwrap();
            second.renew(&archive, &clock).await.unwrap();
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
    async fn a_request_that_was_repeated_meets_its_own_lease() {
        let (sandbox, [_, archive]) = archives().await;
        // The first request looks for leases, the second writes one.
        let fault = "storage.503_stored:after=1";
        sandbox.faults().arm_text(fault).unwrap();
        let clock = HandClock::new();
        let lease = ours(&archive, &clock, "first").await;
        assert_eq!(sandbox.faults().armed()[0].1, 1);
        lease.renew(&archive, &clock).await.unwrap();
    }

    #[tokio::test]
    async fn of_many_who_ask_at_once_one_gets_it() {
        let (_sandbox, archives) = archives().await;
        for archive in archives {
            let clock = HandClock::new();
            let takes =
                (0..20).map(|_| Lease::take(&archive, &clock, "fetch", applicant("one of many")));
            let taken = futures::future::join_all(takes).await;
            assert_eq!(
                taken
                    .into_iter()
                    .filter(|taken| matches!(taken, Ok(Taken::Ours(_))))
                    .count(),
                1
            );
        }
    }
}
