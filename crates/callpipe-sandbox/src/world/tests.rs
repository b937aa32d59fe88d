use super::*;
use crate::testing::{corpus, now};

#[test]
fn same_seed_same_world() {
    let make = |seed| World::new(corpus(), &WorldOptions::new(seed, 200, now()));
    assert_eq!(make(7).contacts(), make(7).contacts());
    assert_ne!(make(7).contacts(), make(8).contacts());
    assert_eq!(make(7).contacts_csv().lines().count(), 201);
}

#[test]
fn every_recording_has_its_own_hash() {
    let world = World::new(corpus(), &WorldOptions::new(3, 300, now()));
    let hashes: Vec<String> = world
        .expected()
        .into_iter()
        .flat_map(|expected| expected.audio_sha256s)
        .collect();
    let distinct: std::collections::HashSet<&String> = hashes.iter().collect();
    assert!(hashes.len() > 200);
    assert_eq!(distinct.len(), hashes.len());
    for hash in &hashes {
        assert!(world.audio_with_hash(hash).is_some());
    }
}

#[test]
fn a_large_world_has_every_outcome() {
    let world = World::new(corpus(), &WorldOptions::new(5, 500, now()));
    let contacts = world.contacts();
    assert!(
        contacts
            .iter()
            .any(|contact| contact.outcome == Outcome::NotFound)
    );
    assert!(contacts.iter().any(Contact::is_child));
    assert!(
        contacts
            .iter()
            .any(|contact| contact.interactions().contains(&Interaction::Chat))
    );
    for form in [
        NoRecordingForm::Status404,
        NoRecordingForm::EmptyList,
        NoRecordingForm::NullList,
        NoRecordingForm::NoUrl,
    ] {
        assert!(
            contacts
                .iter()
                .any(|contact| contact.outcome == Outcome::NoRecording(form))
        );
    }
    assert!(contacts.iter().all(|contact| contact.started_at < now()));
}

#[test]
fn one_of_each_plays_the_whole_corpus() {
    let corpus = corpus();
    let world = World::one_of_each(corpus.clone(), now());
    let played: Vec<String> = world
        .expected()
        .into_iter()
        .flat_map(|expected| expected.call_ids)
        .collect();
    let all: Vec<String> = corpus.calls().iter().map(|call| call.id.clone()).collect();
    assert_eq!(played, all);
}

#[test]
fn csv_fields_are_quoted_where_they_must_be() {
    let mut contact = Contact::not_found("1", now());
    contact.team_name = "Parts, \"desk\"".to_owned();
    let world = World::exact(corpus(), 1, vec![contact]);
    assert!(world.contacts_csv().contains("\"Parts, \"\"desk\"\"\""));
}
