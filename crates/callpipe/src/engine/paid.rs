//! Paid replies: looked for before they are bought, kept whole before they are read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use callpipe_connectors::archive::Archive;
use callpipe_core::failure::Outside;
use callpipe_core::recording::ArchiveKey;

/// How often keeping a bought reply is tried before it is given up. With waits that double up to a
/// minute, that is a quarter of an hour in which a full disk can be mended.
const KEEP_ATTEMPTS_MAX: u32 = 20;

/// The paid replies of the archive.
#[derive(Clone)]
pub struct PaidReplies {
    archive: Archive,
    /// One lock for each reply that somebody is looking for or buying: two calls with the same
    /// audio must not buy the same answer at the same time.
    locks: Arc<Mutex<HashMap<ArchiveKey, Arc<tokio::sync::Mutex<()>>>>>,
}

impl PaidReplies {
    /// The replies kept in an archive.
    pub fn new(archive: Archive) -> Self {
        Self {
            archive,
            locks: Arc::default(),
        }
    }

    /// The reply under a key: the one that is kept there, or else a bought one, which is kept
    /// before it is given out.
    pub async fn get_or_buy<Buy>(&self, key: &ArchiveKey, buy: Buy) -> Outside<Bytes>
    where
        Buy: Future<Output = Outside<Bytes>> + Send,
    {
        let lock = self.lock(key);
        let guard = lock.lock().await;
        let reply = self.get_or_buy_alone(key, buy).await;
        drop(guard);
        self.forget(key, lock);
        reply
    }

    async fn get_or_buy_alone<Buy>(&self, key: &ArchiveKey, buy: Buy) -> Outside<Bytes>
    where
        Buy: Future<Output = Outside<Bytes>> + Send,
    {
        if let Some(reply) = self.archive.reply(key).await? {
            return Ok(reply);
        }
        let reply = buy.await?;
        self.keep(key, reply).await
    }

    /// Keeps a reply that was paid for, and gives it out. It is not dropped because the archive has
    /// a bad moment. If another worker has kept another one meanwhile, that one is given out.
    async fn keep(&self, key: &ArchiveKey, reply: Bytes) -> Outside<Bytes> {
        let mut wait = Duration::from_secs(1);
        for attempt in 1.. {
            let failure = match self.archive.put_reply(key, &reply).await {
                Ok(()) => return Ok(reply),
                Err(failure) => failure,
            };
            if let Ok(Some(kept)) = self.archive.reply(key).await {
                return Ok(kept);
            }
            if attempt == KEEP_ATTEMPTS_MAX {
                return Err(failure);
            }
            tracing::error!(%key, attempt, reason = failure.chain(), hint = failure.hint, "a paid reply cannot be kept: trying again");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(60));
        }
        Ok(reply)
    }

    fn lock(&self, key: &ArchiveKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(key.clone()).or_default())
    }

    /// Lets go of a lock that nobody else waits for, so that the map does not grow with the calls.
    fn forget(&self, key: &ArchiveKey, lock: Arc<tokio::sync::Mutex<()>>) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        drop(lock);
        if locks
            .get(key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            locks.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use callpipe_core::failure::{Failure, FailureKind};
    use callpipe_core::recording::Fingerprint;

    use super::*;

    fn key() -> ArchiveKey {
        ArchiveKey::reply("deepgram", &Fingerprint::of(&["audio"]), 1)
    }

    #[tokio::test]
    async fn what_is_kept_is_not_bought() {
        let paid = PaidReplies::new(Archive::memory());
        let bought = AtomicUsize::new(0);
        let buy = || async {
            bought.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(b"{}"))
        };
        let key = key();
        let (first, second) =
            tokio::join!(paid.get_or_buy(&key, buy()), paid.get_or_buy(&key, buy()));
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Bytes::from_static(b"{}"), Bytes::from_static(b"{}"))
        );
        paid.get_or_buy(&key, buy()).await.unwrap();
        assert_eq!(bought.load(Ordering::SeqCst), 1);
        assert!(paid.locks.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_purchase_that_failed_leaves_nothing_behind() {
        let paid = PaidReplies::new(Archive::memory());
        let key = key();
        let failed = paid
            .get_or_buy(&key, async {
                Err(Failure::new(FailureKind::Unavailable, "503"))
            })
            .await;
        assert_eq!(failed.unwrap_err().kind, FailureKind::Unavailable);
        let bought = paid
            .get_or_buy(&key, async { Ok(Bytes::from_static(b"late")) })
            .await;
        assert_eq!(bought.unwrap(), Bytes::from_static(b"late"));
    }
}
