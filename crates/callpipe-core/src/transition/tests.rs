//! Every event in every state.

use std::time::Duration;

use super::*;
use crate::call::ContactId;
use crate::failure::FailureKind;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn circumstances() -> Circumstances {
    Circumstances {
        policy: RetryPolicy::default(),
        now: now(),
        call_started_at: None,
        chance: 1.0,
    }
}

fn ready(stage: Stage, attempt: u32) -> CallProgress {
    let mut progress = CallProgress::new(ContactId::parse("7").unwrap());
    progress.stage = stage;
    progress.attempt = attempt;
    progress
}

fn failed(kind: FailureKind) -> Failure {
    Failure::new(kind, "it broke")
}

#[test]
fn finished_leads_through_the_stages_to_done() {
    let mut progress = ready(Stage::Fetch, 3);
    for stage in [Stage::Transcribe, Stage::Classify] {
        progress = advance(&progress, &Event::Finished, &circumstances());
        assert_eq!(progress, ready(stage, 0));
    }
    progress = advance(&progress, &Event::Finished, &circumstances());
    assert_eq!(
        (progress.stage, progress.status),
        (Stage::Classify, Status::Done)
    );
}

#[test]
fn a_moments_failure_waits_and_the_last_attempt_parks() {
    for kind in [
        FailureKind::Unavailable,
        FailureKind::RateLimited,
        FailureKind::CorruptTransfer,
    ] {
        let failure = failed(kind);
        let next = advance(
            &ready(Stage::Transcribe, 1),
            &Event::Failed(&failure),
            &circumstances(),
        );
        assert_eq!(next.attempt, 2);
        assert_eq!(
            next.status,
            Status::Ready {
                not_before: Some(now() + TimeDelta::seconds(2))
            }
        );
        assert_eq!(next.last_failure.unwrap().kind, kind);
        let last = advance(
            &ready(Stage::Transcribe, 5),
            &Event::Failed(&failure),
            &circumstances(),
        );
        assert_eq!((last.attempt, last.status), (6, Status::Parked));
    }
}

#[test]
fn what_the_vendor_asks_for_is_waited_for_but_no_nonsense() {
    let failure = failed(FailureKind::RateLimited).with_retry_after(Some(Duration::from_secs(77)));
    let next = advance(
        &ready(Stage::Fetch, 0),
        &Event::Failed(&failure),
        &circumstances(),
    );
    assert_eq!(
        next.status,
        Status::Ready {
            not_before: Some(now() + TimeDelta::seconds(77))
        }
    );
    let absurd = failed(FailureKind::RateLimited).with_retry_after(Some(Duration::MAX));
    let next = advance(
        &ready(Stage::Fetch, 0),
        &Event::Failed(&absurd),
        &circumstances(),
    );
    assert_eq!(
        next.status,
        Status::Ready {
            not_before: Some(now() + TimeDelta::days(1))
        }
    );
}

#[test]
fn what_the_setup_is_to_blame_for_costs_a_call_nothing() {
    for kind in [
        FailureKind::Denied,
        FailureKind::ModelRetired,
        FailureKind::StoreFailed,
    ] {
        let before = ready(Stage::Classify, 2);
        assert_eq!(
            advance(&before, &Event::Failed(&failed(kind)), &circumstances()),
            before
        );
    }
}

#[test]
fn a_call_that_is_refused_alone_uses_up_its_own_attempts() {
    let failure = failed(FailureKind::Denied);
    let refused = Event::FailedAlone(&failure);
    let next = advance(&ready(Stage::Fetch, 0), &refused, &circumstances());
    assert_eq!(
        (next.attempt, &next.status),
        (
            1,
            &Status::Ready {
                not_before: Some(now() + TimeDelta::seconds(1))
            }
        )
    );
    let last = advance(&ready(Stage::Fetch, 5), &refused, &circumstances());
    assert_eq!(last.status, Status::Parked);
    assert_eq!(last.last_failure.unwrap().kind, FailureKind::Denied);
}

#[test]
fn a_trial_never_parks_a_call() {
    let failure = failed(FailureKind::Unavailable);
    let mut progress = ready(Stage::Transcribe, 0);
    for _ in 0..50 {
        progress = advance(&progress, &Event::FailedOnTrial(&failure), &circumstances());
        assert!(matches!(
            progress.status,
            Status::Ready {
                not_before: Some(_)
            }
        ));
    }
    assert_eq!(progress.attempt, circumstances().policy.attempts_max - 1);
}

#[test]
fn a_refused_call_is_parked_at_once() {
    for kind in [
        FailureKind::Rejected,
        FailureKind::Unsupported,
        FailureKind::UnusableReply,
        FailureKind::Bug,
    ] {
        let next = advance(
            &ready(Stage::Fetch, 0),
            &Event::Failed(&failed(kind)),
            &circumstances(),
        );
        assert_eq!((next.status, next.attempt), (Status::Parked, 1));
        assert_eq!(next.last_failure.unwrap().reason, "it broke");
    }
}

#[test]
fn what_the_warehouse_refuses_parks_the_call_whatever_the_refusal_is_called() {
    for kind in [FailureKind::StoreFailed, FailureKind::Unavailable] {
        let refusal = failed(kind);
        let next = advance(
            &ready(Stage::Transcribe, 2),
            &Event::NotSaved(&refusal),
            &circumstances(),
        );
        assert_eq!(
            (next.stage, next.status, next.attempt),
            (Stage::Transcribe, Status::Parked, 3)
        );
        assert_eq!(next.last_failure.unwrap().kind, kind);
    }
}

#[test]
fn a_missing_recording_is_believed_when_the_call_has_settled() {
    let event = Event::NothingToDo(SkipReason::NotFound);
    let started_at = now() - TimeDelta::minutes(10);
    let young = Circumstances {
        call_started_at: Some(started_at),
        ..circumstances()
    };
    let next = advance(&ready(Stage::Fetch, 2), &event, &young);
    assert_eq!(
        next.status,
        Status::Ready {
            not_before: Some(started_at + TimeDelta::hours(1))
        }
    );
    assert_eq!(next.attempt, 2);
    let old = Circumstances {
        now: started_at + TimeDelta::hours(1),
        ..young
    };
    let next = advance(&next, &event, &old);
    assert_eq!(
        next.status,
        Status::Skipped {
            reason: SkipReason::NotFound
        }
    );
}

/// A clock that is wrong, or the end of the calendar where nobody knew better.
#[test]
fn a_start_that_lies_far_ahead_is_waited_for_by_nobody() {
    let event = Event::NothingToDo(SkipReason::NoRecording);
    let status = |started_at| {
        let circumstances = Circumstances {
            call_started_at: Some(started_at),
            ..circumstances()
        };
        advance(&ready(Stage::Fetch, 0), &event, &circumstances).status
    };
    let tomorrow = now() + TimeDelta::days(1);
    let settled_at = tomorrow + TimeDelta::hours(1);
    let not_before = Some(settled_at);
    assert_eq!(status(tomorrow), Status::Ready { not_before });
    let sentinel = "9999-12-31T23:59:59Z".parse().unwrap();
    for started_at in [
        tomorrow + TimeDelta::seconds(1),
        sentinel,
        DateTime::<Utc>::MAX_UTC,
    ] {
        let reason = SkipReason::NoRecording;
        assert_eq!(status(started_at), Status::Skipped { reason });
    }
}

#[test]
fn silence_is_believed_at_once() {
    let young = Circumstances {
        call_started_at: Some(now()),
        ..circumstances()
    };
    let next = advance(
        &ready(Stage::Transcribe, 0),
        &Event::NothingToDo(SkipReason::NoSpeech),
        &young,
    );
    assert_eq!(
        next.status,
        Status::Skipped {
            reason: SkipReason::NoSpeech
        }
    );
}

#[test]
fn an_interruption_changes_nothing() {
    let before = ready(Stage::Transcribe, 4);
    assert_eq!(
        advance(&before, &Event::Interrupted, &circumstances()),
        before
    );
}

#[test]
fn an_end_state_changes_only_when_a_person_asks() {
    let failure = failed(FailureKind::Unavailable);
    for status in [
        Status::Parked,
        Status::Done,
        Status::Skipped {
            reason: SkipReason::NoRecording,
        },
    ] {
        let mut ended = ready(Stage::Classify, 1);
        ended.status = status;
        for event in [
            Event::Finished,
            Event::Failed(&failure),
            Event::NothingToDo(SkipReason::NotFound),
            Event::Interrupted,
        ] {
            assert_eq!(advance(&ended, &event, &circumstances()), ended);
        }
        let again = advance(
            &ended,
            &Event::RedoAsked {
                from: Stage::Transcribe,
            },
            &circumstances(),
        );
        assert_eq!(
            (again.stage, again.attempt, again.redo_count),
            (Stage::Transcribe, 0, 1)
        );
        assert_eq!(again.status, Status::Ready { not_before: None });
    }
}

#[test]
fn a_redo_never_jumps_forward() {
    let redo = Event::RedoAsked {
        from: Stage::Classify,
    };
    assert_eq!(
        advance(&ready(Stage::Fetch, 0), &redo, &circumstances()).stage,
        Stage::Fetch
    );
}
