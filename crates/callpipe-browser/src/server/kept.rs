//! What was just made for somebody, for others who want the same: a hundred readers of the same calls
//! cost as much as one.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::index::Snapshot;

/// What something was made of: the calls as they were known, and an address.
type Key = (u64, bool, String);

/// Things of a kind, each of which says the same to everybody who asks at the same address, until a call
/// changes.
pub(crate) struct Kept<T>(Cache<Key, Arc<T>>);

impl<T> Kept<T> {
    /// Keeps so many.
    pub(super) fn new(kept_max: usize) -> Self {
        Self(Cache::new(kept_max))
    }

    /// What is kept, or what is made now. Who asks while it is made waits for that.
    pub(crate) async fn get<E>(
        &self,
        snapshot: &Snapshot,
        address: &str,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let key = (snapshot.version, snapshot.is_behind, address.to_owned());
        let make = async { make.await.map(Arc::new) };
        self.0.get_or_insert_async(&key, make).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use callpipe_core::taxonomy::Taxonomy;

    use super::*;
    use crate::index::empty_snapshot;

    #[tokio::test]
    async fn the_same_is_made_once_and_anew_after_a_change() {
        let mut snapshot = empty_snapshot(&Taxonomy::built_in());
        let (kept, made) = (Kept::<u32>::new(4), Cell::new(0));
        let make = async || {
            made.set(made.get() + 1);
            Ok::<u32, ()>(made.get())
        };
        let get = async |snapshot: &Snapshot, address| {
            *kept.get(snapshot, address, make()).await.unwrap()
        };
        let twice = tokio::join!(
            get(&snapshot, "/?period=all"),
            get(&snapshot, "/?period=all")
        );
        assert_eq!(twice, (1, 1));
        assert_eq!(get(&snapshot, "/").await, 2);
        snapshot.version += 1;
        assert_eq!(get(&snapshot, "/").await, 3);
        snapshot.is_behind = !snapshot.is_behind;
        assert_eq!(get(&snapshot, "/").await, 4);
    }

    #[tokio::test]
    async fn what_failed_is_tried_again() {
        let snapshot = empty_snapshot(&Taxonomy::built_in());
        let kept = Kept::new(4);
        let failed = kept.get(&snapshot, "/", async { Err("no") }).await;
        assert_eq!(failed, Err("no"));
        let made = kept.get(&snapshot, "/", async { Ok::<_, ()>(1) }).await;
        assert_eq!(made, Ok(Arc::new(1)));
    }
}
