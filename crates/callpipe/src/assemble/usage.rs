//! What runs have used of a vendor's quota, kept in the archive.

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_connectors::archive::Archive;
use callpipe_connectors::http::pacing::UsageStore;
use callpipe_core::failure::Outside;
use callpipe_core::recording::ArchiveKey;

/// The folder in which all of it is.
const FOLDER: &str = "quota";

/// The usage of one part of an account's quota: a shard's, or all of it.
///
/// Runs of one division of the calls keep to their own parts. What was used under another division
/// is counted by each as if it were its own part's: too much, and never too little.
pub struct ArchivedUsage {
    archive: Archive,
    account: String,
    part: (u32, u32),
}

impl ArchivedUsage {
    /// The usage of an account's part: which one, from zero, and of how many.
    pub fn new(archive: Archive, account: String, part: (u32, u32)) -> Self {
        Self {
            archive,
            account,
            part,
        }
    }

    fn key(&self, (index, count): (u32, u32)) -> ArchiveKey {
        ArchiveKey::quota(&self.account, &format!("{}-of-{count}", index + 1))
    }

    /// Whether requests under a key count for this part.
    fn counts(&self, key: &str) -> bool {
        let of_account = key.strip_prefix(&format!("{FOLDER}/{}-", self.account));
        let Some(part) = of_account.and_then(|part| part.strip_suffix(".json")) else {
            return false;
        };
        let same_division = part.ends_with(&format!("-of-{}", self.part.1));
        !same_division || key == self.key(self.part).as_str()
    }
}

#[async_trait]
impl UsageStore for ArchivedUsage {
    async fn read(&self) -> Outside<Vec<Bytes>> {
        let mut found = Vec::new();
        for name in self.archive.list_names(FOLDER).await? {
            if let Some(key) = ArchiveKey::quota_of(&name)
                && self.counts(&name)
            {
                found.extend(self.archive.read(&key).await?);
            }
        }
        Ok(found)
    }

    async fn write(&self, usage: Bytes) -> Outside<()> {
        self.archive.overwrite(&self.key(self.part), &usage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(archive: &Archive, account: &str, part: (u32, u32)) -> ArchivedUsage {
        ArchivedUsage::new(archive.clone(), account.into(), part)
    }

    #[tokio::test]
    async fn a_part_knows_its_own_usage_and_that_of_other_divisions() {
        let archive = Archive::memory();
        for (account, part) in [
            ("one", (0, 1)),
            ("one", (0, 4)),
            ("one", (1, 4)),
            ("two", (0, 1)),
        ] {
            let text = format!("{account} {part:?}");
            let usage = usage(&archive, account, part);
            usage.write(text.into()).await.unwrap();
        }
        for (part, expected) in [
            ((0, 1), vec!["one (0, 1)", "one (0, 4)", "one (1, 4)"]),
            ((0, 4), vec!["one (0, 1)", "one (0, 4)"]),
            ((2, 4), vec!["one (0, 1)"]),
        ] {
            let found = usage(&archive, "one", part).read().await.unwrap();
            assert_eq!(found, expected, "{part:?}");
        }
    }
}
