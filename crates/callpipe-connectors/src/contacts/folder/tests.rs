//! The suite of the contract, and what a check says.

use callpipe_core::call::Contact;
use callpipe_core::conformance;

use super::*;
use crate::folder::testing::Bench;

#[tokio::test]
async fn the_suite() {
    let bench = Bench::with(&[
        ("2026-03-05/1_ada.wav", b"x"),
        ("2026-03-06/1_ada.wav", b"x"),
        ("2026-03-06/2_bob.wav", b"x"),
        ("2026-03-07/3_eve.mp3", b"x"),
        ("odd.wav", b"x"),
    ]);
    let source = || {
        FolderContacts::new(bench.folder(|config| {
            config.pattern = Some("{date:%Y-%m-%d}/{contactId}_{agent}".into());
        }))
    };
    let listing = bench.folder(|config| {
        config.pattern = Some("{date:%Y-%m-%d}/{contactId}_{agent}".into());
    });
    let expected: Vec<Contact> = listing
        .look()
        .await
        .unwrap()
        .calls
        .values()
        .cloned()
        .collect();
    assert_eq!(expected.len(), 3);
    assert_eq!(expected[1].metadata["agent"], "bob");
    conformance::contact_source::contact_source(&source(), &expected).await;
    let page = source().list(&ContactQuery::default(), None).await.unwrap();
    assert_eq!(page.problems.len(), 1);
    let report = source().check().await.unwrap();
    assert!(
        report.contains("3 calls, 3 of them with a start; 1 files are no call"),
        "{report}"
    );
}

#[tokio::test]
async fn pages_are_bounded_and_go_on_where_one_ended() {
    let bench = Bench::new();
    for number in 0..2_500 {
        bench.write(&format!("{number:05}.wav"), b"x");
    }
    let source = FolderContacts::new(bench.folder(|_| {}));
    let (mut sizes, mut after) = (Vec::new(), None);
    loop {
        let page = source.list(&ContactQuery::default(), after).await.unwrap();
        sizes.push(page.contacts.len());
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(sizes, [1_000, 1_000, 500]);
}
