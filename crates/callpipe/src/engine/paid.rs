//! Paid replies: looked for before they are bought, kept whole before they are read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use callpipe_connectors::archive::{Archive, KeptReply};
use callpipe_core::call::ContactId;
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::money::{Purchase, Usd};
use callpipe_core::progress::Stage;
use callpipe_core::recording::ArchiveKey;

use super::patience::Patience;
use super::spending::Spending;

/// What a call was charged with while it was worked on.
#[derive(Debug, Default)]
pub struct Purchases {
    list: Mutex<Vec<Purchase>>,
    has_bought: AtomicBool,
}

impl Purchases {
    fn add(&self, purchase: Purchase) {
        // A list that only grows is whole whatever a panicking holder was doing.
        let mut purchases = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        purchases.push(purchase);
    }

    /// Whether something was bought now, and not found.
    pub fn has_bought(&self) -> bool {
        self.has_bought.load(Ordering::Relaxed)
    }

    /// All of them.
    pub fn into_inner(self) -> Vec<Purchase> {
        let list = self.list.into_inner();
        list.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reply that is needed.
pub struct Order<'a> {
    /// Where it is kept.
    pub key: ArchiveKey,
    /// The stage that needs it.
    pub stage: Stage,
    /// The call that needs it.
    pub contact_id: &'a ContactId,
    /// What a reply cost, by its own figures.
    pub price: &'a (dyn Fn(&[u8]) -> Usd + Sync),
    /// Where the purchase is noted.
    pub purchases: &'a Purchases,
}

impl Order<'_> {
    /// Notes what the reply cost, if it was bought for this call: now, or before a crash.
    fn note(&self, reply: &KeptReply, usd: Usd) {
        let bought_for = reply.bought_for.as_ref();
        if bought_for.is_none_or(|contact_id| contact_id == self.contact_id) {
            self.purchases.add(Purchase {
                stage: self.stage,
                reply: self.key.clone(),
                usd,
            });
        }
    }
}

/// A reply that is wanted, on a closer look.
pub struct Wanted<Look> {
    /// What the look gave, with which it is bought.
    pub look: Look,
    /// More than it can cost; none where that is not known.
    pub price_max: Option<Usd>,
    /// What the look found out, to be kept with the reply.
    pub note: Option<String>,
}

/// Tells what a reply cost that goes without having been kept: the archive was away for longer than the run
/// could wait, after a signal for some seconds.
struct Unkept<'a> {
    key: &'a ArchiveKey,
    usd: Usd,
    is_kept: bool,
}

impl Drop for Unkept<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            let (key, usd) = (self.key, self.usd);
            tracing::error!(%key, %usd, "a paid reply may be lost, and bought again: the archive did not take it in time");
        }
    }
}

/// The paid replies of the archive.
#[derive(Clone)]
pub struct PaidReplies {
    archive: Archive,
    spending: Spending,
    patience: Patience,
    /// One lock for each reply that somebody is looking for or buying: two calls with the same
    /// audio must not buy the same answer at the same time.
    locks: Arc<Mutex<HashMap<ArchiveKey, Arc<tokio::sync::Mutex<()>>>>>,
}

impl PaidReplies {
    /// The replies kept in an archive, and further ones as far as the spending allows.
    pub fn new(archive: Archive, spending: Spending, patience: Patience) -> Self {
        Self {
            archive,
            spending,
            patience,
            locks: Arc::default(),
        }
    }

    /// The reply that is needed: the one that is kept, or else a bought one, which is kept before it
    /// is given out. `OverBudget` where it may not be bought, which is so as well where `price_max`,
    /// more than it can cost, is not known.
    pub async fn get_or_buy<Buy>(
        &self,
        order: Order<'_>,
        price_max: Option<Usd>,
        buy: Buy,
    ) -> Outside<Bytes>
    where
        Buy: Future<Output = Outside<Bytes>> + Send,
    {
        let wanted = async move {
            Ok(Some(Wanted {
                look: (),
                price_max,
                note: None,
            }))
        };
        let reply = self.get_or_buy_if(order, wanted, |()| buy).await?;
        let reply = reply.ok_or_else(|| Failure::bug("a reply was not wanted in the end"))?;
        Ok(reply.bytes)
    }

    /// The reply that is needed: the one that is kept; or else a bought one if, on a closer look, it
    /// is wanted. None where it is not.
    pub async fn get_or_buy_if<Look, Looking, Buy>(
        &self,
        order: Order<'_>,
        wanted: Looking,
        buy: impl FnOnce(Look) -> Buy + Send,
    ) -> Outside<Option<KeptReply>>
    where
        Look: Send,
        Looking: Future<Output = Outside<Option<Wanted<Look>>>> + Send,
        Buy: Future<Output = Outside<Bytes>> + Send,
    {
        let lock = self.lock(&order.key);
        let guard = lock.lock().await;
        let reply = self.get_or_buy_alone(&order, wanted, buy).await;
        drop(guard);
        self.forget(&order.key, lock);
        reply
    }

    async fn get_or_buy_alone<Look, Looking, Buy>(
        &self,
        order: &Order<'_>,
        wanted: Looking,
        buy: impl FnOnce(Look) -> Buy + Send,
    ) -> Outside<Option<KeptReply>>
    where
        Look: Send,
        Looking: Future<Output = Outside<Option<Wanted<Look>>>> + Send,
        Buy: Future<Output = Outside<Bytes>> + Send,
    {
        if let Some(reply) = self.archive.reply(&order.key).await? {
            order.note(&reply, (order.price)(&reply.bytes));
            return Ok(Some(reply));
        }
        let Some(Wanted {
            look,
            price_max,
            note,
        }) = wanted.await?
        else {
            return Ok(None);
        };
        let set_aside = self.spending.set_aside(price_max).await?;
        let bytes = match buy(look).await {
            Ok(bytes) => bytes,
            Err(failure) => {
                if failure.perhaps_charged {
                    set_aside.write_off();
                }
                return Err(failure);
            }
        };
        let reply = KeptReply {
            bytes,
            bought_for: Some(order.contact_id.clone()),
            note,
        };
        order.purchases.has_bought.store(true, Ordering::Relaxed);
        let usd = (order.price)(&reply.bytes);
        set_aside.spend(order.stage, usd);
        order.note(&reply, usd);
        let mut unkept = Unkept {
            key: &order.key,
            usd,
            is_kept: false,
        };
        let kept = self.keep(&order.key, reply).await?;
        unkept.is_kept = true;
        Ok(Some(kept))
    }

    /// A reply that was paid for is not dropped because the archive has a bad moment. Gives the one
    /// that is kept, which is another worker's if that was quicker.
    async fn keep(&self, key: &ArchiveKey, reply: KeptReply) -> Outside<KeptReply> {
        let mut tries = self.patience.with_a_paid_reply();
        loop {
            // A copy of the bytes' owner, not of the bytes.
            match self.archive.put_reply(key, reply.clone()).await {
                Ok(kept) => return Ok(kept),
                Err(failure) if tries.are_enough(&failure) => return Err(failure),
                Err(failure) => {
                    let attempt = tries.attempt();
                    tracing::error!(%key, attempt, reason = failure.chain(), hint = failure.hint, "a paid reply cannot be kept: trying again");
                }
            }
            tries.wait().await;
        }
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
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use callpipe_core::failure::FailureKind;
    use callpipe_core::recording::Fingerprint;

    use super::super::monitor::Monitor;
    use super::super::told::log;
    use super::*;

    const MOST: Option<Usd> = Some(Usd::from_micros(1_000_000));

    fn paid(budget_usd: Option<f64>) -> PaidReplies {
        paid_into(Archive::memory(), budget_usd)
    }

    fn paid_into(archive: Archive, budget_usd: Option<f64>) -> PaidReplies {
        let budget = budget_usd.map(Usd::from_dollars);
        let spending = Spending::new(budget, Arc::new(Monitor::default()));
        PaidReplies::new(archive, spending, Patience::new(Duration::ZERO))
    }

    fn key() -> ArchiveKey {
        ArchiveKey::reply("deepgram", &Fingerprint::of(&["audio"]), 1)
    }

    /// A cent for each byte.
    fn price(reply: &[u8]) -> Usd {
        Usd::from_dollars(reply.len() as f64 / 100.0)
    }

    fn order<'a>(contact_id: &'a ContactId, purchases: &'a Purchases) -> Order<'a> {
        Order {
            key: key(),
            stage: Stage::Transcribe,
            contact_id,
            price: &price,
            purchases,
        }
    }

    fn id(text: &str) -> ContactId {
        ContactId::parse(text).unwrap()
    }

    fn cents(purchases: Purchases) -> u64 {
        let purchases = purchases.into_inner();
        let spent: Usd = purchases.iter().map(|purchase| purchase.usd).sum();
        spent.micros() / 10_000
    }

    #[tokio::test]
    async fn what_is_kept_is_not_bought_and_is_charged_to_who_bought_it() {
        let paid = paid(None);
        let bought = AtomicUsize::new(0);
        let buy = || async {
            bought.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(b"{}"))
        };
        let (one, other) = (id("1"), id("2"));
        let (of_one, of_other) = (Purchases::default(), Purchases::default());
        let (first, second) = tokio::join!(
            paid.get_or_buy(order(&one, &of_one), MOST, buy()),
            paid.get_or_buy(order(&other, &of_other), MOST, buy())
        );
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Bytes::from_static(b"{}"), Bytes::from_static(b"{}"))
        );
        let found_again = Purchases::default();
        let again = paid
            .get_or_buy(order(&one, &found_again), MOST, buy())
            .await;
        again.unwrap();
        assert_eq!(bought.load(Ordering::SeqCst), 1);
        assert_eq!((cents(of_one), cents(of_other)), (2, 0));
        assert_eq!(cents(found_again), 2, "its buyer may have crashed since");
        assert!(paid.locks.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_purchase_that_failed_leaves_nothing_behind() {
        let paid = paid(Some(1.0));
        let (one, purchases) = (id("1"), Purchases::default());
        let broken = async { Err(Failure::new(FailureKind::Unavailable, "503")) };
        let failed = paid.get_or_buy(order(&one, &purchases), MOST, broken).await;
        assert_eq!(failed.unwrap_err().kind, FailureKind::Unavailable);
        let late = async { Ok(Bytes::from_static(b"late")) };
        let bought = paid.get_or_buy(order(&one, &purchases), MOST, late).await;
        assert_eq!(bought.unwrap(), Bytes::from_static(b"late"));
        assert_eq!(cents(purchases), 4);
    }

    #[tokio::test]
    async fn over_budget_nothing_is_bought_and_what_is_kept_is_given_out() {
        let paid = paid(Some(1.0));
        let (one, purchases) = (id("1"), Purchases::default());
        let buy = || async { Ok(Bytes::from_static(b"{}")) };
        paid.get_or_buy(order(&one, &purchases), MOST, buy())
            .await
            .unwrap();
        let next = Order {
            key: ArchiveKey::reply("deepgram", &Fingerprint::of(&["more"]), 1),
            ..order(&one, &purchases)
        };
        let refused = paid.get_or_buy(next, MOST, buy()).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::OverBudget);
        let kept = paid.get_or_buy(order(&one, &purchases), MOST, buy()).await;
        assert!(kept.is_ok());
    }

    /// A file stands where the folder of the replies would be, until somebody mends it.
    #[tokio::test(start_paused = true)]
    async fn a_reply_that_was_paid_for_waits_for_the_archive() {
        let folder = tempfile::tempdir().unwrap();
        let paid = paid_into(Archive::directory(folder.path()).unwrap(), None);
        let (one, purchases) = (id("1"), Purchases::default());
        let in_the_way = folder.path().join("replies");
        let buy = async {
            std::fs::write(&in_the_way, "").unwrap();
            Ok(Bytes::from_static(b"{}"))
        };
        let mend = async {
            // The clock does not wait for the threads that look for the reply before it is bought.
            while !in_the_way.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_secs(400)).await;
            std::fs::remove_file(&in_the_way).unwrap();
        };
        let (reply, ()) = tokio::join!(paid.get_or_buy(order(&one, &purchases), MOST, buy), mend);
        assert_eq!(reply.unwrap(), Bytes::from_static(b"{}"));
        let buy = async { panic!("bought again") };
        let again = paid.get_or_buy(order(&one, &purchases), MOST, buy).await;
        assert_eq!(again.unwrap(), Bytes::from_static(b"{}"));
    }

    #[tokio::test]
    async fn a_reply_that_goes_without_being_kept_is_told_with_its_price() {
        let (log, told) = log();
        let _log = tracing::subscriber::set_default(log);
        let folder = tempfile::tempdir().unwrap();
        let paid = paid_into(Archive::directory(folder.path()).unwrap(), None);
        let (one, purchases) = (id("1"), Purchases::default());
        let in_the_way = folder.path().join("replies");
        let (arrived, has_arrived) = tokio::sync::oneshot::channel();
        let buy = async {
            std::fs::write(&in_the_way, "").unwrap();
            arrived.send(()).unwrap();
            Ok(Bytes::from_static(b"{}"))
        };
        {
            let mut working = pin!(paid.get_or_buy(order(&one, &purchases), MOST, buy));
            // A stop while the archive is asked, or waited for.
            tokio::select! {
                biased;
                _ = &mut working => panic!("the archive cannot take it"),
                arrived = has_arrived => arrived.unwrap(),
            }
        }
        let told = told.text();
        let lost = "a paid reply may be lost, and bought again";
        assert!(told.contains(lost) && told.contains("$0.02"), "{told}");
    }
}
