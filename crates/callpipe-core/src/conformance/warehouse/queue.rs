//! Taking up contacts, and which call is next.

use std::collections::HashSet;

use chrono::NaiveDate;
use serde_json::json;

use super::examples::*;
use crate::call::Contact;
use crate::conformance::good;
use crate::contracts::warehouse::{Change, PendingQuery, Scope, Warehouse};
use crate::progress::{CallProgress, Stage, Status};
use crate::shard::Shard;

pub(super) async fn contacts_are_taken_up_once(warehouse: &dyn Warehouse) {
    let mut full = contact("taken-1", "2026-03-02T08:00:00.5+11:00");
    full.master_id = Some(id("master-1"));
    full.metadata
        .insert("skill".into(), json!("Ersatzteile 🪚"));
    full.metadata
        .insert("nested".into(), json!({"n": [1, 2.5, null]}));
    let bare = contact("taken-2", "");
    let contacts = [full.clone(), bare.clone(), full.clone()];
    assert_eq!(
        add(warehouse, &contacts).await,
        2,
        "a contact listed twice is one call"
    );
    assert_eq!(
        add(warehouse, &contacts).await,
        0,
        "known contacts are not new"
    );
    for contact in [&full, &bare] {
        let call = stored(warehouse, contact).await;
        assert_eq!(&call.contact, contact, "a contact reads back");
        assert_eq!(call.progress, CallProgress::new(contact.id.clone()));
        assert_eq!(call.recordings, []);
    }

    // What is known stays as it is, except for a start that was not known.
    let parked = state(&full, Stage::Fetch, Status::Parked);
    save(warehouse, &[outcome(&full, parked.clone(), Change::None)]).await;
    let other = contact("taken-1", "2020-01-01");
    let started = contact("taken-2", "2026-03-01T10:00:00Z");
    assert_eq!(add(warehouse, &[other, started.clone()]).await, 0);
    let known = stored(warehouse, &full).await;
    assert_eq!((known.contact, known.progress), (full.clone(), parked));
    let completed = stored(warehouse, &bare).await.contact;
    assert_eq!(
        completed.started_at, started.started_at,
        "a start is filled in"
    );
    end(warehouse, &[full, bare]).await;
}

pub(super) async fn newest_calls_come_first(warehouse: &dyn Warehouse) {
    let contacts = [
        contact("order-old", "2026-03-01T23:00:00Z"),
        contact("order-unknown", ""),
        // The newest by the clock on the wall, but not by the moment.
        contact("order-east", "2026-03-03T09:00:00+11:00"),
        contact("order-new", "2026-03-03T00:00:00Z"),
        contact("order-day", "2026-03-02"),
    ];
    add(warehouse, &contacts).await;
    let order = [
        "order-new",
        "order-east",
        "order-day",
        "order-old",
        "order-unknown",
    ];
    assert_eq!(
        pending_ids(warehouse, Stage::Fetch).await,
        order,
        "newest first, unknown last"
    );

    let ask = async |since: &str, limit: usize| {
        let query = PendingQuery {
            scope: Scope {
                since: since.parse::<NaiveDate>().ok(),
                ..Scope::of(Stage::Fetch)
            },
            now: now(),
            limit,
            in_hand: HashSet::new(),
        };
        ids(&good(
            warehouse.pending(&query).await,
            "looking for pending calls",
        ))
    };
    assert_eq!(ask("", 2).await, order[..2], "no more than asked for");
    assert_eq!(ask("", 0).await, [""; 0]);
    assert_eq!(
        ask("2026-03-02", 9).await,
        ["order-new", "order-east", "order-day", "order-unknown"]
    );
    // The date of a call is that of its own place.
    assert_eq!(
        ask("2026-03-03", 9).await,
        ["order-new", "order-east", "order-unknown"]
    );
    assert_eq!(ask("2026-03-03", 2).await, ["order-new", "order-east"]);
    assert_eq!(ask("2026-03-04", 9).await, ["order-unknown"]);
    for stage in [Stage::Transcribe, Stage::Classify] {
        assert_eq!(pending_ids(warehouse, stage).await, [""; 0]);
    }
    let query = PendingQuery {
        scope: Scope::of(Stage::Fetch),
        now: now(),
        limit: 2,
        in_hand: HashSet::from([contacts[3].id.clone(), contacts[4].id.clone()]),
    };
    let free = good(warehouse.pending(&query).await, "looking for pending calls");
    assert_eq!(
        ids(&free),
        ["order-east", "order-old"],
        "what is in hand is left out, and takes nobody's place"
    );
    end(warehouse, &contacts).await;
    assert_eq!(pending_ids(warehouse, Stage::Fetch).await, [""; 0]);
}

pub(super) async fn a_call_waits_for_its_moment(warehouse: &dyn Warehouse) {
    let contacts = [
        contact("wait-1", "2026-03-01"),
        contact("wait-2", "2026-03-05"),
        contact("wait-3", ""),
    ];
    add(warehouse, &contacts).await;
    let waiting = |contact: &Contact, seconds| {
        let status = Status::Ready {
            not_before: Some(later(seconds)),
        };
        outcome(
            contact,
            state(contact, Stage::Transcribe, status),
            Change::None,
        )
    };
    save(
        warehouse,
        &[
            waiting(&contacts[0], 60),
            waiting(&contacts[1], 90),
            waiting(&contacts[2], 0),
        ],
    )
    .await;
    assert_eq!(
        pending_ids(warehouse, Stage::Transcribe).await,
        ["wait-3"],
        "a moment that has come"
    );
    assert_eq!(pending_ids(warehouse, Stage::Fetch).await, [""; 0]);
    end(warehouse, &contacts[2..]).await;

    let next = async |since: &str| {
        let scope = Scope {
            since: since.parse::<NaiveDate>().ok(),
            ..Scope::of(Stage::Transcribe)
        };
        good(
            warehouse.next_ready_at(&scope).await,
            "looking for waiting calls",
        )
    };
    assert_eq!(next("").await, Some(later(60)), "the earliest");
    assert_eq!(
        next("2026-03-02").await,
        Some(later(90)),
        "of those since a date"
    );
    assert_eq!(next("2026-03-06").await, None);
    let other_stage = warehouse.next_ready_at(&Scope::of(Stage::Fetch)).await;
    assert_eq!(good(other_stage, "looking for waiting calls"), None);

    let query = PendingQuery {
        scope: Scope::of(Stage::Transcribe),
        now: later(60),
        limit: 9,
        in_hand: HashSet::new(),
    };
    let pending = good(warehouse.pending(&query).await, "looking for pending calls");
    assert_eq!(ids(&pending), ["wait-1"], "ready from its moment on");
    assert_eq!(
        pending[0].progress.status,
        Status::Ready {
            not_before: Some(later(60))
        }
    );
    end(warehouse, &contacts).await;
    assert_eq!(next("").await, None);
}

pub(super) async fn workers_share_the_calls(warehouse: &dyn Warehouse) {
    let contacts: Vec<Contact> = (0..24)
        .map(|number| contact(&format!("shared-{number}"), "2026-03-02"))
        .collect();
    add(warehouse, &contacts).await;
    let shards = [0, 1, 2].map(|index| Shard::new(index, 3).unwrap_or_default());
    let mut seen = Vec::new();
    for shard in shards {
        let scope = Scope {
            shard,
            ..Scope::of(Stage::Fetch)
        };
        // As many as the shard has: those of other shards must not use up the limit.
        let own = contacts
            .iter()
            .filter(|contact| shard.contains(&contact.id));
        let limit = own.count();
        assert!(limit > 0, "the example gives each shard something");
        let now = now();
        let query = PendingQuery {
            scope,
            now,
            limit,
            in_hand: HashSet::new(),
        };
        let calls = good(warehouse.pending(&query).await, "looking for pending calls");
        assert!(calls.iter().all(|call| shard.contains(&call.contact.id)));
        seen.extend(ids(&calls));
    }
    seen.sort();
    let mut all: Vec<String> = contacts.iter().map(|call| call.id.to_string()).collect();
    all.sort();
    assert_eq!(seen, all, "each call is somebody's, and nobody else's");
    let everything = Scope::of(Stage::Fetch);
    let count = warehouse.ready_count(&everything, now()).await;
    assert_eq!(good(count, "counting ready calls"), 24);

    let Some(first) = contacts.iter().find(|call| shards[0].contains(&call.id)) else {
        panic!("the example gives each shard something");
    };
    let not_before = Some(later(60));
    let status = Status::Ready { not_before };
    let wait = outcome(first, state(first, Stage::Fetch, status), Change::None);
    save(warehouse, &[wait]).await;
    for (shard, expected) in [(shards[0], not_before), (shards[1], None)] {
        let scope = Scope {
            shard,
            ..Scope::of(Stage::Fetch)
        };
        let next = warehouse.next_ready_at(&scope).await;
        assert_eq!(good(next, "looking for waiting calls"), expected);
    }
    end(warehouse, &contacts).await;
}
