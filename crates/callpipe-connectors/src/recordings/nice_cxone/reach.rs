//! Which media hosts can be reached. A link that leads to a host of its own, which nobody reaches, is that
//! call's trouble; a host that answered before, or the only one that was asked, is everybody's.

use url::{Origin, Url};

/// So many hosts are remembered: the vendor keeps recordings in a few buckets.
const HOSTS_MAX: usize = 16;

/// What is known of the hosts in this run.
#[derive(Default)]
pub(super) struct Reach {
    answered: Vec<Origin>,
    lost: Option<Url>,
}

impl Reach {
    /// The root of the address of a host that should answer and does not.
    pub(super) fn lost(&self) -> Option<&Url> {
        self.lost.as_ref()
    }

    fn knows(&self, url: &Url) -> bool {
        self.answered.contains(&url.origin())
    }

    /// A host answered, whatever it said.
    pub(super) fn answered(&mut self, url: &Url) {
        if !self.knows(url) && self.answered.len() < HOSTS_MAX {
            self.answered.push(url.origin());
        }
        let lost = self.lost.take();
        self.lost = lost.filter(|root| root.origin() != url.origin() && self.knows(root));
    }

    /// A host could not be reached.
    pub(super) fn failed(&mut self, url: &Url) {
        if self.answered.is_empty() || self.knows(url) {
            self.lost = url.join("/").ok();
        }
    }
}
