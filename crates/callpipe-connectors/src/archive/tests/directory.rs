//! What is only so in a directory.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bench::{files, on_disk};
use super::*;

#[tokio::test]
async fn no_more_than_a_part_waits_in_memory() {
    let (directory, archive) = on_disk();
    let root = directory.path().to_owned();
    // While chunk N is asked for, all but the last two before it must be on the disk.
    let watched = stream::iter(0..40_u8)
        .map(move |number| {
            let written: u64 = files(&root)
                .iter()
                .map(|path| path.metadata().unwrap().len())
                .sum();
            let given = u64::from(number) << 20;
            assert!(
                given - written <= 2 << 20,
                "{given} given, {written} written"
            );
            Ok(vec![number; 1 << 20].into())
        })
        .boxed();
    archive.put_recording(&audio_key(), watched).await.unwrap();
}

/// Whatever a killed worker left is below its own folder, and the next worker of its name sweeps it.
#[tokio::test]
async fn what_a_killed_worker_left_is_swept() {
    let (directory, archive) = on_disk();
    let staging = directory.path().join("archive/staging");
    for (name, file) in [
        ("fetch", "a"),
        ("fetch", "b#1"),
        ("fetch-2-of-4", "c"),
        ("commands", "d"),
    ] {
        fs::create_dir_all(staging.join(name)).unwrap();
        fs::write(staging.join(name).join(file), "half").unwrap();
    }
    let archive = archive.for_worker("fetch").unwrap();
    assert_eq!(archive.sweep(|worker| worker == "fetch").await.unwrap(), 2);
    let left: Vec<_> = files(&staging);
    assert_eq!(left.len(), 2, "{left:?}");
    // What is being written lies there, and nowhere else.
    let watched = staging.join("fetch");
    let chunks = stream::iter(0..4_u8).map(move |number| {
        if number > 2 {
            assert_eq!(files(&watched).len(), 1);
        }
        Ok(vec![number; 1 << 20].into())
    });
    archive
        .put_recording(&audio_key(), chunks.boxed())
        .await
        .unwrap();
    archive.put_reply(&reply_key(), kept(b"{}")).await.unwrap();
    assert_eq!(archive.sweep(|worker| worker == "fetch").await.unwrap(), 0);
    assert_eq!(files(&directory.path().join("archive")).len(), 4);
}

/// Whoever begins a run sweeps what commands left, and others may be writing their leases there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_swept_while_it_is_written_is_written_again() {
    let (directory, archive) = on_disk();
    let staging = directory.path().join("archive/staging/commands");
    let mut swept = 0;
    for number in 0..40 {
        let written = Arc::new(AtomicBool::new(false));
        let sweeper = tokio::task::spawn_blocking({
            let (staging, written) = (staging.clone(), Arc::clone(&written));
            // One file of each write, in whatever moment of it.
            move || {
                while !written.load(Ordering::Relaxed) {
                    for file in fs::read_dir(&staging).into_iter().flatten().flatten() {
                        if fs::remove_file(file.path()).is_ok() {
                            return 1;
                        }
                    }
                }
                0
            }
        });
        let key = ArchiveKey::file(&number.to_string());
        assert!(archive.create(&key, b"first").await.unwrap());
        archive.overwrite(&key, b"second").await.unwrap();
        assert_eq!(archive.read(&key).await.unwrap().unwrap(), "second");
        written.store(true, Ordering::Relaxed);
        swept += sweeper.await.unwrap();
    }
    assert!(swept > 0, "nothing was swept while it was written");
    assert_eq!(files(&staging).len(), 0);
}

/// Its disk was taken away, or somebody moved it: what is not found may be there all the same, and
/// nothing is written into another directory of its name.
#[tokio::test]
async fn an_archive_that_is_gone_is_not_made_anew() {
    let (directory, archive) = on_disk();
    let (here, elsewhere) = (
        directory.path().join("archive"),
        directory.path().join("elsewhere"),
    );
    archive
        .put_recording(&audio_key(), megabytes(2))
        .await
        .unwrap();
    fs::rename(&here, &elsewhere).unwrap();
    for stands_in_its_place in [false, true] {
        if stands_in_its_place {
            fs::create_dir(&here).unwrap();
        }
        let failures = [
            archive.read_recording(&audio_key()).await.err(),
            archive.reply(&reply_key()).await.err(),
            archive.put_reply(&reply_key(), kept(b"{}")).await.err(),
            archive
                .put_recording(&audio_key(), megabytes(2))
                .await
                .err(),
            archive.check().await.err(),
        ];
        for failure in failures {
            let failure = failure.unwrap();
            assert_eq!(failure.kind, FailureKind::StoreFailed, "{failure:?}");
            assert!(failure.hint.unwrap().contains("bring it back"));
        }
        assert_eq!(here.exists(), stands_in_its_place);
    }
    assert_eq!(files(&here).len(), 0, "something was written there");
    fs::remove_dir(&here).unwrap();
    fs::rename(&elsewhere, &here).unwrap();
    archive.put_reply(&reply_key(), kept(b"{}")).await.unwrap();
    assert!(archive.read_recording(&audio_key()).await.is_ok());
}

#[tokio::test]
async fn a_recording_that_is_cut_while_it_is_read_is_no_endless_stream() {
    let (directory, archive) = on_disk();
    archive
        .put_recording(&audio_key(), megabytes(2))
        .await
        .unwrap();
    let (_, bytes) = archive.read_recording(&audio_key()).await.unwrap();
    let path = directory
        .path()
        .join("archive/recordings/700123_voice-only.mp4");
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(100_000)
        .unwrap();
    let failure = bytes.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CorruptTransfer);
}

#[tokio::test]
async fn addresses_are_those_of_the_files() {
    let (directory, archive) = on_disk();
    let location = archive.location(&audio_key());
    assert_eq!(location, format!("{}/{}", archive.base_uri(), audio_key()));
    archive
        .put_recording(&audio_key(), audio(vec![b"x"]))
        .await
        .unwrap();
    let path = Url::parse(&location).unwrap().to_file_path().unwrap();
    assert_eq!(
        fs::canonicalize(path).unwrap(),
        fs::canonicalize(&files(directory.path())[0]).unwrap()
    );
}

#[tokio::test]
async fn a_file_where_a_directory_should_be_is_told_with_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let failure = Archive::directory(&path).unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert!(failure.message.contains("file"), "{}", failure.message);
        assert!(failure.hint.is_some());
    }
    let archive = Archive::directory(directory.path()).unwrap();
    fs::write(directory.path().join("recordings"), "").unwrap();
    for bytes in [audio(vec![b"x"]), megabytes(9)] {
        let failure = archive
            .put_recording(&audio_key(), bytes)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert!(
            failure.chain().starts_with("storing recordings/"),
            "{}",
            failure.chain()
        );
        assert!(failure.hint.is_some(), "{}", failure.chain());
    }
    assert_eq!(files(directory.path()).len(), 2);
}

#[tokio::test]
async fn nothing_is_written_beside_the_archive() {
    let (directory, archive) = on_disk();
    for text in ["../../escaped", "/etc/passwd", ".."] {
        let key = ArchiveKey::recording(&id(text), text, 1, text);
        archive
            .put_recording(&key, audio(vec![b"x"]))
            .await
            .unwrap();
    }
    let recordings = directory.path().join("archive/recordings");
    assert_eq!(files(&recordings).len(), 3);
    assert_eq!(files(directory.path()).len(), 3);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_full_disk_is_named() {
    let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(error),
    };
    let failure = failures::from_store(&error, "storing recordings/7.mp4");
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(failure.hint.unwrap().contains("full"));
}
