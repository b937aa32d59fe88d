//! Faults that strike whoever is asked, and what the journal tells of answers.

use sha2::{Digest, Sha256};

use super::support::{bench, body};
use crate::{Bill, FaultKind, System};

#[tokio::test]
async fn requests_of_all_systems_are_counted_together() {
    let bench = bench().await;
    bench.arm("any.503:after=2,times=1");
    let token = bench.sign_in().await;
    assert_eq!(bench.transcribe("101").await.status(), 200);
    assert_eq!(bench.metadata(&token, "101").await.status(), 503);
    assert_eq!(bench.metadata(&token, "101").await.status(), 200);
    let entries = bench.sandbox.journal().entries();
    let struck: Vec<_> = entries.iter().map(|entry| entry.fault).collect();
    assert_eq!(struck, [None, None, Some(FaultKind::Any503), None]);
    assert_eq!(entries[2].system, System::NiceCxone);
    let maxima = bench.sandbox.journal().maxima();
    assert_eq!(maxima.cxone_in_window, 1, "it did nothing");
}

#[tokio::test]
async fn routes_of_tests_are_not_struck() {
    let bench = bench().await;
    bench.arm("any.connection_reset:times=always");
    let summary = bench.cxone("/_sandbox/summary").send().await.unwrap();
    assert_eq!(summary.status(), 200);
    let other = bench.cxone("/.well-known/cxone-configuration").send().await;
    assert!(other.is_err());
}

#[tokio::test]
async fn what_is_lost_or_cut_was_charged_and_what_hangs_was_not() {
    let bench = bench().await;
    let audio = bench.audio("101");
    for (fault, is_charged, status) in [
        ("any.lost", true, None),
        ("any.cut", true, Some(200)),
        ("any.hang:delay_ms=10", false, None),
        ("any.connection_reset", false, None),
    ] {
        bench.sandbox.journal().clear();
        bench.arm(fault);
        let request = bench.listen("model=nova-3").body(audio.clone());
        let answer = match request.send().await {
            Ok(answer) => answer.bytes().await.err(),
            Err(error) => Some(error),
        };
        assert!(answer.is_some(), "{fault}: an answer arrived");
        let [entry] = &bench.sandbox.journal().entries()[..] else {
            panic!("{fault}: not one entry");
        };
        let charged = matches!(entry.bill, Some(Bill::Audio { .. }));
        assert_eq!(charged, is_charged, "{fault}");
        assert_eq!(entry.status, status, "{fault}");
        assert_eq!(entry.reply_sha256, None, "{fault}");
        assert_eq!(
            entry.fault.unwrap().name(),
            fault.split(':').next().unwrap()
        );
    }
}

#[tokio::test]
async fn an_answer_that_was_charged_can_be_told_again() {
    let bench = bench().await;
    let answer = bench.transcribe("101").await.bytes().await.unwrap();
    let refused = bench.listen("model=nova-3").body("noise").send().await;
    assert_eq!(refused.unwrap().status(), 400);
    let entries = bench.sandbox.journal().entries();
    let sha256 = hex::encode(Sha256::digest(&answer));
    assert_eq!(entries[0].reply_sha256, Some(sha256));
    assert!(entries[0].ended_at >= entries[0].at);
    assert_eq!(entries[1].reply_sha256, None, "it cost nothing");
    assert!(body(bench.transcribe("101").await).await["results"].is_object());
}
