//! Signed links, verified by the sandbox: with the account's public key, and by the rules of V4.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use callpipe_sandbox::{
    CREDENTIALS, Clock, Corpus, Sandbox, SandboxOptions, System, World, google_key_file,
};
use chrono::TimeDelta;

use super::bench::{clock, config};
use super::*;
use crate::google::{GoogleConfig, Identity};
use crate::http::Endpoint;
use crate::secret::Secret;

struct Bench {
    sandbox: Sandbox,
    passed_s: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
    key_file: GoogleConfig,
}

async fn bench() -> Bench {
    let world = World::exact(Corpus::embedded().unwrap(), 1, vec![]);
    let passed_s = Arc::new(AtomicI64::new(0));
    let (start, passed) = (clock(), Arc::clone(&passed_s));
    let options = SandboxOptions {
        clock: Clock::new(move || start.now() + TimeDelta::seconds(passed.load(Ordering::SeqCst))),
        ..SandboxOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    std::fs::write(&path, google_key_file().to_string()).unwrap();
    Bench {
        sandbox: Sandbox::start(world, options).await.unwrap(),
        passed_s,
        _folder: folder,
        key_file: GoogleConfig {
            credentials_file: Some(path),
            ..GoogleConfig::default()
        },
    }
}

impl Bench {
    /// What a machine of Google's is to its programs.
    fn machine(&self) -> GoogleConfig {
        let address = self.sandbox.gemini_url.as_str();
        GoogleConfig {
            metadata_host: Some(address.trim_start_matches("http://").to_owned()),
            iam_endpoint: Endpoint::parse(address).unwrap(),
            ..GoogleConfig::default()
        }
    }

    fn archive(&self, google: &GoogleConfig) -> Archive {
        let gcs = GcsConfig {
            prefix: Some("team/calls".into()),
            links: Some(true),
            ..config(&self.sandbox)
        };
        Archive::gcs(&gcs, &Identity::new(google).unwrap(), clock()).unwrap()
    }

    /// A link to the recording, whose bytes need not come from the account that signs.
    async fn link(&self, google: &GoogleConfig) -> Option<String> {
        let archive = self.archive(google);
        self.sandbox_owner()
            .put_recording(&audio_key(), audio(vec![b"RIFF"]))
            .await
            .unwrap();
        archive.link(&audio_key()).await.map(|link| link.0)
    }

    fn sandbox_owner(&self) -> Archive {
        self.archive(&GoogleConfig {
            access_token: Some(Secret::new(CREDENTIALS.google_access_token)),
            ..GoogleConfig::default()
        })
    }
}

/// What a stranger gets by a link.
async fn fetched(link: &str) -> (u16, Vec<u8>) {
    let endpoint = Endpoint::parse("http://127.0.0.1").unwrap();
    let client = crate::http::client(&endpoint, std::time::Duration::from_secs(10)).unwrap();
    let answer = client.get(link).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_key_file_signs_without_asking_anybody() {
    let bench = bench().await;
    let link = bench.link(&bench.key_file).await.unwrap();
    assert_eq!(fetched(&link).await, (200, b"RIFF".to_vec()));
    assert_eq!(bench.sandbox.journal().count(System::GoogleSignIn), 0);
    let elsewhere = link.replace("/team/", "/teem/");
    assert_ne!(elsewhere, link);
    assert_eq!(fetched(&elsewhere).await.0, 403);
    let longer = link.replace("X-Goog-Expires=900", "X-Goog-Expires=9000");
    assert_ne!(longer, link);
    assert_eq!(fetched(&longer).await.0, 403);
    bench.passed_s.store(899, Ordering::SeqCst);
    assert_eq!(fetched(&link).await.0, 200);
    bench.passed_s.store(900, Ordering::SeqCst);
    assert_eq!(fetched(&link).await.0, 400);
}

#[tokio::test]
async fn iam_signs_for_a_machine() {
    let bench = bench().await;
    let link = bench.link(&bench.machine()).await.unwrap();
    assert_eq!(fetched(&link).await, (200, b"RIFF".to_vec()));
    let journal = bench.sandbox.journal();
    assert_eq!(journal.count_route(System::GoogleSignIn, "signBlob"), 1);
}

#[tokio::test]
async fn who_cannot_sign_gives_no_link_and_no_failure() {
    let bench = bench().await;
    let user = bench.key_file.credentials_file.clone().unwrap();
    let user = user.with_file_name("user.json");
    let credentials = serde_json::json!({
        "type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c",
    });
    std::fs::write(&user, credentials.to_string()).unwrap();
    let user = GoogleConfig {
        credentials_file: Some(user),
        ..GoogleConfig::default()
    };
    let iam_is_gone = GoogleConfig {
        iam_endpoint: Endpoint::parse("http://127.0.0.1:1").unwrap(),
        ..bench.machine()
    };
    let given = GoogleConfig {
        access_token: Some(Secret::new(CREDENTIALS.google_access_token)),
        ..GoogleConfig::default()
    };
    for google in [user, iam_is_gone, given, GoogleConfig::default()] {
        assert_eq!(bench.link(&google).await, None, "{google:?}");
    }
}

#[tokio::test]
async fn a_refusal_to_sign_is_not_asked_for_again() {
    let bench = bench().await;
    let elsewhere = GoogleConfig {
        // Nobody signs at the storage.
        iam_endpoint: Endpoint::parse(&bench.sandbox.storage_url).unwrap(),
        ..bench.machine()
    };
    let archive = bench.archive(&elsewhere);
    for _ in 0..3 {
        assert_eq!(archive.link(&audio_key()).await, None);
    }
    assert_eq!(bench.sandbox.journal().count(System::Storage), 1);
}

#[tokio::test]
async fn unusual_names_and_emulators_get_no_links() {
    let bench = bench().await;
    let archive = bench.archive(&bench.key_file);
    let unusual = ArchiveKey::recording(&id("née"), "voice-only", 1, "mp4");
    assert_eq!(archive.link(&unusual).await, None);
    let identity = Identity::new(&bench.key_file).unwrap();
    let archive = Archive::gcs(&config(&bench.sandbox), &identity, clock()).unwrap();
    assert_eq!(archive.link(&audio_key()).await, None);
}

#[tokio::test]
async fn a_check_says_who_signs_and_a_link_shows_nothing_of_itself() {
    let bench = bench().await;
    let archive = bench.archive(&bench.key_file);
    let report = archive.check().await.unwrap();
    assert!(
        report.ends_with("links are signed by callpipe@sandbox-project.iam.gserviceaccount.com")
    );
    let link = archive.link(&audio_key()).await.unwrap();
    assert!(link.0.contains("X-Goog-Signature="));
    assert_eq!(format!("{link:?}"), "AudioLink(hidden)");
}
