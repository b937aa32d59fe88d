//! Calls whose work failed, and of which it is not known yet whether that is their own doing.
//!
//! Pure: the stage loop puts calls here and takes them out again when it knows more. A vendor that goes
//! wrong may refuse every call as if each were at fault, or answer all of them with nonsense. So a refusal
//! is believed only if it is repeated: when somebody else's work that was begun after it went well, or a
//! probe did, the call is tried again, and refused once more between two such signs it is at fault.

use std::collections::HashSet;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::PendingCall;
use callpipe_core::failure::{Blame, Failure, FailureKind};
use tokio::time::Instant;

/// So many refused calls wait until it is known. Then a probe is asked for.
const REFUSED_MAX: usize = 8;

/// So many calls in a row whose replies were bought and are of no use are enough.
const USELESS_IN_A_ROW_MAX: u32 = 24;

/// So many calls in a row are believed to be at fault while the probe's own made-up call is refused, too.
const BELIEVED_IN_A_ROW_MAX: usize = 24;

/// A call and how its work failed.
pub(super) type Failed = (PendingCall, Failure);

/// What it says about a call that the vendor is seen to work.
#[derive(Debug)]
pub(super) enum Finding {
    /// The setup works for others: it alone fails.
    Alone(Failed),
    /// It is refused for its own sake.
    Own(Failed),
    /// The vendor may have been away when it failed: it is tried once more before it counts.
    Again(PendingCall),
}

/// The calls in doubt of one stage.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Setup, vendor or call: the next probe says which.
    accusing: Vec<Failed>,
    /// Refused themselves, and when.
    refused: Vec<(Failed, Instant)>,
    /// Those that would be parked, and after which the vendor was seen to work once.
    last_chance: HashSet<ContactId>,
    /// Whether a reply was of no use since somebody's work went well.
    are_useless: bool,
    /// For how many calls in a row such replies were bought.
    useless_in_a_row: u32,
    /// How many calls in a row were found to be at fault by a vendor that refused the probe as well.
    believed_in_a_row: usize,
}

impl Doubts {
    /// A call failed with setup or vendor to blame.
    pub(super) fn accuse(&mut self, failed: Failed) {
        self.accusing.push(failed);
    }

    /// A call was refused. Says whether so many were that it is time for a probe.
    #[must_use]
    pub(super) fn refused(&mut self, failed: Failed, was_bought: bool, now: Instant) -> bool {
        if failed.1.kind == FailureKind::UnusableReply {
            self.are_useless = true;
            self.useless_in_a_row += u32::from(was_bought);
        }
        self.refused.push((failed, now));
        self.refused.len() >= REFUSED_MAX
    }

    /// Somebody's work went well, which had begun then: what that says about calls that were refused before.
    pub(super) fn worked(&mut self, began: Instant) -> Vec<Finding> {
        self.are_useless = false;
        self.useless_in_a_row = 0;
        self.believed_in_a_row = 0;
        let earlier = self.refused.extract_if(.., |(_, at)| *at <= began);
        let earlier: Vec<_> = earlier.collect();
        self.of_refused(earlier)
    }

    /// Whether some calls were refused, and it is not known yet whether rightly.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// The last of so many replies of no use that it cannot be by chance.
    pub(super) fn last_straw(&self) -> Option<&Failure> {
        let ((_, failure), _) = self.refused.last()?;
        (self.useless_in_a_row >= USELESS_IN_A_ROW_MAX).then_some(failure)
    }

    /// Whether so many calls were refused with nothing to show that any is ever taken that it is time to ask
    /// somebody.
    pub(super) fn are_all_refused(&self) -> bool {
        self.believed_in_a_row >= BELIEVED_IN_A_ROW_MAX
    }

    /// Whether a probe that failed so tells of trouble. Who dislikes the probe's own made-up call is there,
    /// and lets us in; but not where it is the replies that are of no use.
    pub(super) fn is_trouble(&self, failure: &Failure) -> bool {
        let is_useless = failure.kind == FailureKind::UnusableReply;
        failure.kind.blame() != Blame::Call || (is_useless && self.are_useless)
    }

    /// A probe went well, or its made-up call alone was refused: what all of this comes to, for calls that
    /// are parked after so many attempts.
    pub(super) fn probe_succeeded(&mut self, was_refused: bool, attempts_max: u32) -> Vec<Finding> {
        let accusing = std::mem::take(&mut self.accusing);
        let refused = std::mem::take(&mut self.refused);
        let mut findings = Vec::with_capacity(accusing.len() + refused.len());
        for (call, failure) in accusing {
            let is_last = call.progress.attempt + 1 >= attempts_max;
            findings.push(match is_last && self.is_first(&call) {
                true => Finding::Again(call),
                false => Finding::Alone((call, failure)),
            });
        }
        let of_refused = self.of_refused(refused);
        let believed = of_refused
            .iter()
            .filter(|finding| matches!(finding, Finding::Own(_)));
        self.believed_in_a_row = match was_refused {
            true => self.believed_in_a_row + believed.count(),
            false => 0,
        };
        findings.extend(of_refused);
        findings
    }

    fn of_refused(&mut self, refused: Vec<(Failed, Instant)>) -> Vec<Finding> {
        let mut finding = |(call, failure)| match self.is_first(&call) {
            true => Finding::Again(call),
            false => Finding::Own((call, failure)),
        };
        let refused = refused.into_iter();
        refused.map(|(failed, _)| finding(failed)).collect()
    }

    fn is_first(&mut self, call: &PendingCall) -> bool {
        self.last_chance.insert(call.contact.id.clone())
    }

    /// Something was decided about a call.
    pub(super) fn decided(&mut self, contact_id: &ContactId) {
        self.last_chance.remove(contact_id);
    }

    /// The calls, of which nothing is known: the vendor is in trouble, or the run ends.
    pub(super) fn let_go(&mut self) -> Vec<PendingCall> {
        // The vendor is known to be in trouble: what was of no use until now says no more than that.
        self.useless_in_a_row = 0;
        let accusing = std::mem::take(&mut self.accusing);
        let refused = std::mem::take(&mut self.refused);
        let refused = refused.into_iter().map(|(failed, _)| failed);
        accusing
            .into_iter()
            .chain(refused)
            .map(|(call, _)| call)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callpipe_core::call::Contact;
    use callpipe_core::progress::CallProgress;

    use super::*;

    const ATTEMPTS_MAX: u32 = 6;

    fn failed(id: &str, kind: FailureKind, attempt: u32) -> Failed {
        let contact = Contact::new(ContactId::parse(id).unwrap(), None);
        let mut progress = CallProgress::new(contact.id.clone());
        progress.attempt = attempt;
        let call = PendingCall {
            contact,
            progress,
            recordings: Vec::new(),
            archived_audio: None,
            conversation: None,
            analysis_missing: false,
        };
        (call, Failure::new(kind, "it broke"))
    }

    #[test]
    fn a_refusal_is_believed_when_work_that_was_begun_after_it_went_well_twice() {
        let (mut doubts, at) = (Doubts::default(), Instant::now());
        let later = at + Duration::from_secs(1);
        assert!(!doubts.refused(failed("1", FailureKind::Rejected, 0), true, at));
        assert!(!doubts.refused(failed("2", FailureKind::Rejected, 0), true, later));
        let before = at.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(
            doubts.worked(before).len(),
            0,
            "it may have gone wrong since"
        );
        let again = doubts.worked(at).pop().unwrap();
        assert!(matches!(again, Finding::Again(_)), "{again:?}");
        let _ = doubts.refused(failed("1", FailureKind::Rejected, 0), true, at);
        let own = doubts.worked(at).pop().unwrap();
        assert!(matches!(own, Finding::Own(_)), "{own:?}");
        assert!(doubts.has_refused());
        assert_eq!(doubts.let_go().len(), 1);
        assert!(!doubts.has_refused());
    }

    #[test]
    fn when_several_were_refused_it_is_time_for_a_probe_and_two_say_that_it_is_their_own_doing() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        for number in 1..REFUSED_MAX {
            let refused = failed(&number.to_string(), FailureKind::Rejected, 0);
            assert!(!doubts.refused(refused, true, now), "{number}");
        }
        assert!(doubts.refused(failed("8", FailureKind::Rejected, 0), true, now));
        let findings = doubts.probe_succeeded(false, ATTEMPTS_MAX);
        assert_eq!(findings.len(), REFUSED_MAX);
        let is_again = |finding: &Finding| matches!(finding, Finding::Again(_));
        assert!(findings.iter().all(is_again), "the vendor may just be back");
        let _ = doubts.refused(failed("8", FailureKind::Rejected, 0), true, now);
        let finding = doubts.probe_succeeded(false, ATTEMPTS_MAX).pop().unwrap();
        assert!(matches!(finding, Finding::Own(_)));
    }

    #[test]
    fn a_last_attempt_counts_only_if_two_probes_went_well() {
        let mut doubts = Doubts::default();
        let mut probed = |attempt| {
            doubts.accuse(failed("1", FailureKind::Unavailable, attempt));
            doubts.probe_succeeded(false, ATTEMPTS_MAX).pop().unwrap()
        };
        assert!(matches!(probed(0), Finding::Alone(_)));
        assert!(matches!(probed(ATTEMPTS_MAX - 1), Finding::Again(_)));
        assert!(matches!(probed(ATTEMPTS_MAX - 1), Finding::Alone(_)));
    }

    #[test]
    fn a_probe_that_is_refused_tells_of_no_trouble_unless_replies_are_of_no_use() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        let probe = |kind| Failure::new(kind, "the probe failed");
        assert!(doubts.is_trouble(&probe(FailureKind::Unavailable)));
        assert!(doubts.is_trouble(&probe(FailureKind::Denied)));
        assert!(!doubts.is_trouble(&probe(FailureKind::Rejected)));
        assert!(!doubts.is_trouble(&probe(FailureKind::UnusableReply)));
        let _ = doubts.refused(failed("1", FailureKind::UnusableReply, 0), true, now);
        assert!(doubts.is_trouble(&probe(FailureKind::UnusableReply)));
        assert!(!doubts.is_trouble(&probe(FailureKind::Rejected)));
    }

    #[test]
    fn many_refused_calls_are_hopeless_while_the_probe_is_refused_as_well() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        let believed = |doubts: &mut Doubts, was_refused| {
            for _ in 0..2 {
                let _ = doubts.refused(failed("1", FailureKind::Rejected, 0), true, now);
                doubts.probe_succeeded(was_refused, ATTEMPTS_MAX);
            }
            doubts.decided(&ContactId::parse("1").unwrap());
            doubts.are_all_refused()
        };
        for _ in 0..2 * BELIEVED_IN_A_ROW_MAX {
            assert!(!believed(&mut doubts, false), "the probe was good");
        }
        for _ in 1..BELIEVED_IN_A_ROW_MAX {
            assert!(!believed(&mut doubts, true));
        }
        doubts.worked(now);
        for _ in 1..BELIEVED_IN_A_ROW_MAX {
            assert!(!believed(&mut doubts, true), "somebody's work went well");
        }
        assert!(believed(&mut doubts, true));
    }

    #[test]
    fn many_replies_of_no_use_in_a_row_are_hopeless() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        for _ in 0..2 {
            for _ in 1..USELESS_IN_A_ROW_MAX {
                let _ = doubts.refused(failed("1", FailureKind::UnusableReply, 0), true, now);
                doubts.probe_succeeded(false, ATTEMPTS_MAX);
            }
            assert!(doubts.last_straw().is_none());
            doubts.worked(now);
        }
        for _ in 0..USELESS_IN_A_ROW_MAX {
            let _ = doubts.refused(failed("1", FailureKind::UnusableReply, 0), false, now);
        }
        assert!(
            doubts.last_straw().is_none(),
            "they were found, and cost nothing"
        );
        for _ in 0..USELESS_IN_A_ROW_MAX {
            let _ = doubts.refused(failed("1", FailureKind::UnusableReply, 0), true, now);
        }
        assert!(doubts.last_straw().is_some());
    }
}
