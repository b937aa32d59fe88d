//! What runs have used of a vendor's quota, kept in the archive.

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_connectors::archive::Archive;
use callpipe_connectors::http::pacing::UsageStore;
use callpipe_core::failure::Outside;
use callpipe_core::recording::ArchiveKey;
use callpipe_core::shard::Shard;

/// The folder in which all of it is.
const FOLDER: &str = "quota";

/// A part of an account's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A run's.
    Shard(Shard),
    /// What checks use beside runs, some single requests.
    Checks,
}

impl Part {
    fn name(self) -> String {
        match self {
            Self::Shard(shard) => format!("{}-of-{}", shard.index() + 1, shard.count()),
            Self::Checks => "checks".into(),
        }
    }
}

/// The usage of one part of an account's quota.
///
/// Runs of one division of the calls keep to their own parts. What was used under another division,
/// or by checks, is counted by each as if it were its own part's: too much, and never too little.
#[derive(Debug, Clone)]
pub struct ArchivedUsage {
    archive: Archive,
    account: String,
    part: Part,
}

impl ArchivedUsage {
    /// The usage of an account's part.
    pub fn new(archive: Archive, account: String, part: Part) -> Self {
        Self {
            archive,
            account,
            part,
        }
    }

    /// What is written of all parts of the account.
    pub async fn of_all_parts(&self) -> Outside<Vec<Bytes>> {
        self.of_parts(|_| true).await
    }

    async fn of_parts(&self, is_meant: impl Fn(&str) -> bool) -> Outside<Vec<Bytes>> {
        let mut found = Vec::new();
        for name in self.archive.list_names(FOLDER).await? {
            let of_account = name.strip_prefix(&format!("{FOLDER}/{}-", self.account));
            let part = of_account.and_then(|part| part.strip_suffix(".json"));
            if let (Some(part), Some(key)) = (part, ArchiveKey::quota_of(&name))
                && is_meant(part)
            {
                found.extend(self.archive.read(&key).await?);
            }
        }
        Ok(found)
    }

    /// Whether requests of a part count for this one.
    fn counts(&self, part: &str) -> bool {
        let is_of_others = match self.part {
            Part::Shard(shard) => part.ends_with(&format!("-of-{}", shard.count())),
            Part::Checks => true,
        };
        !is_of_others || part == self.part.name()
    }
}

#[async_trait]
impl UsageStore for ArchivedUsage {
    async fn read(&self) -> Outside<Vec<Bytes>> {
        self.of_parts(|part| self.counts(part)).await
    }

    async fn write(&self, usage: Bytes) -> Outside<()> {
        let key = ArchiveKey::quota(&self.account, &self.part.name());
        self.archive.overwrite(&key, &usage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Part = Part::Shard(Shard::WHOLE);

    fn shard(index: u32, count: u32) -> Part {
        Part::Shard(Shard::new(index, count).unwrap())
    }

    fn usage(archive: &Archive, account: &str, part: Part) -> ArchivedUsage {
        ArchivedUsage::new(archive.clone(), account.into(), part)
    }

    #[tokio::test]
    async fn a_part_knows_its_own_usage_and_that_of_other_divisions_and_of_checks() {
        let archive = Archive::memory();
        for (account, part) in [
            ("one", WHOLE),
            ("one", shard(0, 4)),
            ("one", shard(1, 4)),
            ("one", Part::Checks),
            ("two", WHOLE),
            ("two", Part::Checks),
        ] {
            let text = format!("{account} {}", part.name());
            let usage = usage(&archive, account, part);
            usage.write(text.into()).await.unwrap();
        }
        let all = ["one 1-of-1", "one 1-of-4", "one 2-of-4", "one checks"];
        for (part, expected) in [
            (WHOLE, &all[..]),
            (shard(0, 4), &["one 1-of-1", "one 1-of-4", "one checks"]),
            (shard(2, 4), &["one 1-of-1", "one checks"]),
            (Part::Checks, &["one checks"]),
        ] {
            let usage = usage(&archive, "one", part);
            assert_eq!(usage.read().await.unwrap(), expected, "{part:?}");
            assert_eq!(usage.of_all_parts().await.unwrap(), all);
        }
    }
}
