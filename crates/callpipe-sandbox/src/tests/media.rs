use super::support::{bench, bench_with};
use crate::{SandboxOptions, System, Violation};

#[tokio::test]
async fn a_signed_address_gives_the_recording() {
    let bench = bench().await;
    let url = bench.recording_url("101").await;
    let answer = bench.download(&url).await;
    assert_eq!(answer.headers()["content-type"], "audio/mp4");
    let length: usize = answer.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let audio = answer.bytes().await.unwrap();
    assert_eq!(audio.len(), length);
    assert_eq!(audio, bench.audio("101"));
    let part = bench
        .client
        .get(&url)
        .header("range", "bytes=8-15")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), audio.slice(8..16));
    let sha256 = bench
        .sandbox
        .journal()
        .entries()
        .last()
        .unwrap()
        .sha256
        .clone()
        .unwrap();
    let known = bench.sandbox.world().audio_with_hash(&sha256).unwrap();
    assert_eq!(
        (known.call_id.as_str(), known.contact_id.as_deref()),
        ("sale", Some("101"))
    );
}

#[tokio::test]
async fn bad_addresses_are_refused_as_s3_does() {
    let options = SandboxOptions {
        media_content_type: Some("binary/octet-stream".to_owned()),
        ..SandboxOptions::default()
    };
    let bench = bench_with(options).await;
    let url = bench.recording_url("102").await;
    assert_eq!(
        bench.download(&url).await.headers()["content-type"],
        "binary/octet-stream"
    );
    let forged = url.replace("/102/", "/101/");
    assert_eq!(bench.download(&forged).await.status(), 403);
    let answer = bench
        .client
        .get(&url)
        .bearer_auth("secret")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("Only one auth mechanism allowed")
    );
    let violations = bench.sandbox.journal().violations();
    assert_eq!(
        violations[0].violation,
        Some(Violation::AuthorizationSentToMedia)
    );
    bench.pass_s(300);
    let answer = bench.download(&url).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("Request has expired"));
}

#[tokio::test]
async fn bodies_are_cut() {
    let bench = bench().await;
    let url = bench.recording_url("102").await;
    let whole = bench.audio("102").len() as u64;
    bench.arm("media.cut_body");
    let answer = bench.download(&url).await;
    assert_eq!(
        (answer.status().as_u16(), answer.content_length()),
        (200, Some(whole))
    );
    assert!(answer.bytes().await.is_err());
    bench.arm("media.cut_chunked");
    let answer = bench.download(&url).await;
    assert_eq!(
        (answer.status().as_u16(), answer.content_length()),
        (200, None)
    );
    assert!(answer.bytes().await.is_err());
    bench.arm("media.empty_body");
    assert!(bench.download(&url).await.bytes().await.unwrap().is_empty());
    assert_eq!(
        bench.download(&url).await.bytes().await.unwrap().len() as u64,
        whole
    );
}

#[tokio::test]
async fn other_media_faults() {
    let bench = bench().await;
    let url = bench.recording_url("102").await;
    for (fault, status, text) in [
        ("media.expired_url", 403, "Request has expired"),
        ("media.403", 403, "AccessDenied"),
        ("media.500", 500, "InternalError"),
        ("media.503_slow_down", 503, "SlowDown"),
    ] {
        bench.arm(fault);
        let answer = bench.download(&url).await;
        assert_eq!(answer.status(), status);
        assert!(answer.text().await.unwrap().contains(text), "{fault}");
    }
    bench.arm("media.connection_reset");
    assert!(bench.client.get(&url).send().await.is_err());
    bench.arm("media.redirect_elsewhere");
    let answer = bench.download(&url).await;
    assert_eq!(answer.status(), 302);
    let elsewhere = answer.headers()["location"]
        .to_str()
        .unwrap()
        .replace("localhost", "127.0.0.1");
    bench.download(&elsewhere).await;
    let violations = bench.sandbox.journal().violations();
    assert_eq!(
        violations[0].violation,
        Some(Violation::FollowedRedirectElsewhere)
    );
    assert_eq!(violations[0].system, System::Media);
}
