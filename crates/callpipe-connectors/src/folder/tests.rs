//! What a folder holds, however its files are called and wherever links lead.

use std::time::Duration;

use callpipe_core::call::ContactId;
use callpipe_core::failure::FailureKind;
use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;

use super::testing::{Bench, clock, folder, wav};
use super::*;
use crate::archive::{Archive, GcsConfig};
use crate::google::Identity;
use crate::http::Endpoint;

async fn ids(folder: &Folder) -> Vec<String> {
    let listing = folder.look().await.unwrap();
    listing
        .calls
        .keys()
        .map(|id| id.as_str().to_owned())
        .collect()
}

#[tokio::test]
async fn recordings_are_told_from_what_lies_beside_them() {
    let bench = Bench::with(&[
        ("a/1.wav", b"RIFF"),
        ("2.mp3", b"ID3"),
        ("no_ending", b"x"),
        ("empty.wav", b""),
        ("a/1.json", b"{}"),
        ("list.CSV", b"id"),
        (".hidden.wav", b"x"),
        (".git/3.wav", b"x"),
        ("4.wav.part", b"x"),
        ("5.tmp", b"x"),
        ("~6.wav", b"x"),
    ]);
    bench.write_before("7.wav", b"x", Duration::from_secs(30));
    let folder = bench.folder(|_| {});
    assert_eq!(ids(&folder).await, ["2", "a/1", "empty", "no_ending"]);
    let listing = folder.look().await.unwrap();
    assert_eq!((listing.unsettled, listing.left_out), (4, 2));
    assert!(
        ids(&bench.folder(|config| config.settle_s = 20))
            .await
            .contains(&"7".into())
    );
}

#[tokio::test]
async fn files_of_one_id_are_recordings_of_one_call() {
    let bench = Bench::with(&[
        ("9_20260305T120500.wav", b"late"),
        ("9_20260305T120000.wav", b"early"),
        ("10_20260305T120000.wav", b"x"),
        ("11_20260305T120000.wav", b"x"),
        ("unlike.wav", b"x"),
    ]);
    bench.write_before("11_20260305T120100.wav", b"x", Duration::from_secs(1));
    let folder = bench.folder(|config| config.pattern = Some("{id}_{start:%Y%m%dT%H%M%S}".into()));
    assert_eq!(
        ids(&folder).await,
        ["10", "9"],
        "a call with a file that is not whole waits"
    );
    let listing = folder.look().await.unwrap();
    let call = &listing.calls[&ContactId::parse("9").unwrap()];
    assert_eq!(
        call.started_at.unwrap().to_rfc3339(),
        "2026-03-05T12:00:00+00:00"
    );
    let files: Vec<String> = parts_of(call)
        .unwrap()
        .into_iter()
        .map(|part| part.file)
        .collect();
    assert_eq!(files, ["9_20260305T120000.wav", "9_20260305T120500.wav"]);
    let problem = &listing.problems[0];
    assert_eq!(problem.place, "folder file unlike.wav");
    assert_eq!(problem.problem, "its name does not fit `pattern`");
}

#[tokio::test]
async fn a_description_beside_a_recording_counts_before_its_path() {
    let bench = Bench::with(&[
        ("700.wav", b"x"),
        (
            "700.json",
            br#"{"contactId": 42, "startDate": "2026-03-05T10:00:00+11:00", "queue": "sales",
                "participants": [{"channel": 1, "role": "Agent", "name": "Ada"}, {"role": "?"}]}"#,
        ),
        ("701.mp3", b"x"),
        ("701.mp3.json", br#"{"start_time": "soon"}"#),
        ("702.wav", b"x"),
        ("702.json", b"[]"),
        ("703.wav", b"x"),
    ]);
    let folder = bench.folder(|config| config.sidecar = true);
    assert_eq!(ids(&folder).await, ["42", "701", "703"]);
    let listing = folder.look().await.unwrap();
    let call = &listing.calls[&ContactId::parse("42").unwrap()];
    assert_eq!(
        call.started_at.unwrap().to_rfc3339(),
        "2026-03-05T10:00:00+11:00"
    );
    assert_eq!(call.metadata["queue"], "sales");
    let part = &parts_of(call).unwrap()[0];
    assert_eq!(
        (part.participants.len(), part.participants[0].channel),
        (1, Some(1))
    );
    assert_eq!(
        listing.calls[&ContactId::parse("701").unwrap()].metadata["start_time"],
        "soon"
    );
    assert_eq!(
        listing.problems[0].place, "folder file ###.wav",
        "digits are not shown"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_outside_of_the_folder_is_opened() {
    use std::os::unix::fs::symlink;

    let bench = Bench::with(&[("in/1.wav", b"inside")]);
    std::fs::write(bench.directory.path().join("secret.wav"), b"outside").unwrap();
    std::fs::create_dir(bench.directory.path().join("other")).unwrap();
    std::fs::write(bench.directory.path().join("other/2.wav"), b"outside").unwrap();
    symlink("../secret.wav", bench.root().join("stolen.wav")).unwrap();
    symlink("../other", bench.root().join("other")).unwrap();
    symlink("in/1.wav", bench.root().join("again.wav")).unwrap();
    symlink("in", bench.root().join("loop")).unwrap();
    symlink("nowhere", bench.root().join("broken.wav")).unwrap();
    let folder = bench.folder(|config| config.settle_s = 0);
    assert_eq!(ids(&folder).await, ["again", "in/1"]);
    for path in [
        "../secret.wav",
        "stolen.wav",
        "other/2.wav",
        "in/../../secret.wav",
        "/etc/hostname",
        "",
        "in//1.wav",
        "./in/1.wav",
        "in\\1.wav",
        "nul\0.wav",
    ] {
        let refused = folder.read(path).await.err().unwrap();
        assert_eq!(
            refused.kind,
            FailureKind::Rejected,
            "{path}: {}",
            refused.told()
        );
        assert!(!refused.told().contains("secret"));
    }
    assert_eq!(folder.read("again.wav").await.unwrap().0, 6);
}

#[cfg(unix)]
#[tokio::test]
async fn names_of_any_bytes_are_survived() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let bench = Bench::with(&[
        ("naïve ☎ %2e%2e #1.wav", b"x"),
        ("two\nlines.wav", b"x"),
        ("'; DROP TABLE calls; --.wav", b"x"),
    ]);
    std::fs::write(bench.root().join(OsStr::from_bytes(b"\xFF\xFE.wav")), b"x").unwrap();
    let folder = bench.folder(|_| {});
    let expected = ["'; DROP TABLE calls; --", "naïve ☎ %2e%2e #1"];
    assert_eq!(ids(&folder).await, expected);
    let listing = folder.look().await.unwrap();
    assert_eq!(listing.problems[0].place, "folder file two?lines.wav");
    assert_eq!(listing.left_out, 1);
    assert_eq!(folder.read("naïve ☎ %2e%2e #1.wav").await.unwrap().0, 1);
}

#[tokio::test]
async fn a_list_may_name_a_file_in_any_way() {
    let bench = Bench::with(&[
        ("2026/a.wav", b"x"),
        ("2026/b.wav", b"x"),
        ("2027/b.wav", b"x"),
    ]);
    let folder = bench.folder(|_| {});
    let whole = bench.root().canonicalize().unwrap().join("2026/a.wav");
    for name in [
        "2026/a.wav",
        "2026/a",
        "a.wav",
        " a ",
        "2026\\a.wav",
        whole.to_str().unwrap(),
    ] {
        let path = folder.path_of(name).await.unwrap();
        assert_eq!(path.as_deref(), Some("2026/a.wav"), "{name}");
    }
    for name in ["b.wav", "b", "c.wav", "", "../a.wav"] {
        assert_eq!(folder.path_of(name).await.unwrap(), None, "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_says_why() {
    let told = |change: fn(&mut FolderConfig)| {
        let mut config = FolderConfig::default();
        change(&mut config);
        let failure = Folder::new(&config, || Ok(Identity::anonymous()), clock())
            .err()
            .unwrap();
        failure.told()
    };
    assert!(told(|_| {}).contains("one of `path` and `url`"));
    assert!(told(|config| config.path = Some("/no/such/place".into())).contains("No such file"));
    assert!(told(|config| config.url = Some("ftp://x".into())).contains("gs://bucket/prefix"));
    assert!(told(|config| config.pattern = Some("{agent}".into())).contains("no `{contactId}`"));
    assert!(told(|config| config.utc_offset = "Sydney".into()).contains("+10:00"));
    #[cfg(not(feature = "aws"))]
    assert!(told(|config| config.url = Some("s3://b/p".into())).contains("--features aws"));
}

#[tokio::test]
async fn a_buckets_prefix_is_a_folder_too() {
    use callpipe_sandbox::{CREDENTIALS, Corpus, Sandbox, SandboxOptions, World};

    let world = World::exact(Corpus::embedded().unwrap(), 1, vec![]);
    let sandbox = Sandbox::start(world, SandboxOptions::default())
        .await
        .unwrap();
    let bucket = CREDENTIALS.google_bucket;
    let gcs = GcsConfig {
        bucket: Some(bucket.into()),
        endpoint: Endpoint::parse(&sandbox.storage_url).unwrap(),
        ..GcsConfig::default()
    };
    let archive = Archive::gcs(&gcs, &Identity::anonymous(), clock()).unwrap();
    for name in [
        "export/2026/1.wav",
        "export/2.wav",
        "elsewhere/3.wav",
        "export/.x/4.wav",
    ] {
        let path = ObjectPath::parse(name).unwrap();
        archive.store().put(&path, wav().into()).await.unwrap();
    }
    let config = FolderConfig {
        url: Some(format!("gs://{bucket}/export")),
        endpoint: Some(sandbox.storage_url.clone()),
        // The sandbox dates its objects by its own clock.
        settle_s: 0,
        ..FolderConfig::default()
    };
    let bucket = folder(&config);
    let listing = bucket.look().await.unwrap();
    assert_eq!(listing.recordings.len() as u64 + listing.unsettled, 2);
    assert_eq!(
        bucket.read("2026/1.wav").await.unwrap().0,
        wav().len() as u64
    );
    assert!(bucket.stat("3.wav").await.unwrap().is_none());
    for path in ["../elsewhere/3.wav", "/elsewhere/3.wav", "2026/../2.wav"] {
        let refused = bucket.read(path).await.err().unwrap();
        assert_eq!(refused.kind, FailureKind::Rejected, "{path}");
    }
    bucket.expect_filled().await.unwrap();
    let nothing = format!("gs://{}/nothing", CREDENTIALS.google_bucket);
    for (url, told) in [
        ("gs://no-such-bucket/export", "NoSuchBucket"),
        (nothing.as_str(), "the folder is empty"),
    ] {
        let away = folder(&FolderConfig {
            url: Some(url.to_owned()),
            ..config.clone()
        });
        assert!(away.stat("2.wav").await.unwrap().is_none(), "{url}");
        let failure = away.expect_filled().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed, "{url}");
        assert!(failure.told().contains(told), "{}", failure.told());
    }
}

/// Its disk was taken away, or somebody moved it: what is not found may be there all the same.
#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_away_is_not_taken_for_one_without_files() {
    let bench = Bench::with(&[("1.wav", b"x"), ("a/2.wav", b"x")]);
    let (here, elsewhere) = (bench.root(), bench.directory.path().join("elsewhere"));
    let folder = bench.folder(|_| {});
    std::fs::rename(&here, &elsewhere).unwrap();
    for another_is_there in [false, true] {
        if another_is_there {
            bench.write("3.wav", b"x");
        }
        let failures = [
            folder.stat("1.wav").await.err(),
            folder.stat("a/2.wav").await.err(),
            folder.read("1.wav").await.err(),
            folder.look().await.err(),
            folder.expect_filled().await.err(),
        ];
        for failure in failures {
            let failure = failure.unwrap();
            assert_eq!(failure.kind, FailureKind::StoreFailed, "{failure:?}");
            assert!(failure.hint.unwrap().contains("bring it back"));
        }
    }
    std::fs::remove_dir_all(&here).unwrap();
    std::fs::rename(&elsewhere, &here).unwrap();
    assert_eq!(ids(&folder).await, ["1", "a/2"]);
    std::fs::remove_file(here.join("1.wav")).unwrap();
    assert!(folder.stat("1.wav").await.unwrap().is_none());
    let failure = folder.read("1.wav").await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Rejected);
    folder.expect_filled().await.unwrap();
}

#[tokio::test]
async fn what_is_mounted_where_nothing_was_is_the_folder() {
    let (bench, disk) = (Bench::new(), Bench::with(&[("1.wav", b"x")]));
    let folder = bench.folder(|_| {});
    assert!(folder.last_look().await.unwrap().recordings.is_empty());
    let failures = [
        folder.read("1.wav").await.err(),
        folder.expect_filled().await.err(),
    ];
    for failure in failures {
        let failure = failure.unwrap();
        assert_eq!(failure.kind, FailureKind::StoreFailed, "{failure:?}");
        assert!(failure.hint.unwrap().contains("is it mounted?"));
    }
    std::fs::remove_dir(bench.root()).unwrap();
    std::fs::rename(disk.root(), bench.root()).unwrap();
    let listing = folder.last_look().await.unwrap();
    assert_eq!(listing.recordings, ["1.wav"]);
    assert!(folder.stat("1.wav").await.unwrap().is_some());
    folder.expect_filled().await.unwrap();
}
