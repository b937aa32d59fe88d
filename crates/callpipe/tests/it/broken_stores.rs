//! Stores that break while the program works, and before: it says which one and what to do, loses
//! nothing, and buys nothing again once they are mended.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use callpipe_sandbox::{Corpus, System, World, WorldOptions};
use chrono::{DateTime, Utc};
use tokio::sync::OnceCell;

use crate::mounts::Mounts;
use crate::recovery::{slow, terminate, until_deepgram_was_asked};
use crate::running::Running;
use crate::support::{Bench, long_ago};
use crate::traces::{Traces, bought_again, not_kept};

const CALLS: usize = 60;

static NOW: LazyLock<DateTime<Utc>> = LazyLock::new(long_ago);

/// What an undisturbed run leaves.
static UNDISTURBED: OnceCell<Traces> = OnceCell::const_new();

/// A bench with its database apart from the archive, which is impatient with locks.
async fn bench() -> Bench {
    let options = WorldOptions::new(91, CALLS, *NOW);
    let bench = Bench::new(World::new(Corpus::embedded().unwrap(), &options), slow()).await;
    let configuration = bench.configuration().replace(
        "path = \"data/callpipe.db\"\n",
        "path = \"store/callpipe.db\"\nbusy_timeout_ms = 100\n",
    );
    bench.write("callpipe.toml", &configuration);
    bench
}

/// A bench in whose folder something can be mounted.
async fn bench_with_mounts(left_out: &str) -> Option<Bench> {
    let mut bench = bench().await;
    for folder in ["data", "store"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    bench.mounts = Some(Mounts::new(&bench.path("store"), left_out).await?);
    Some(bench)
}

async fn undisturbed() -> &'static Traces {
    let run = || async {
        let bench = bench().await;
        bench.run(&["run"]).await.expect_code(0);
        Traces::of(&bench)
    };
    UNDISTURBED.get_or_init(run).await
}

/// Runs once more and compares all with an undisturbed run.
async fn assert_mended(bench: &Bench, case: &str) {
    bench.run(&["run"]).await.expect_code(0);
    Traces::of(bench).assert_same_as(undisturbed().await, case);
    assert_eq!(bought_again(bench, |_| true), [], "{case}");
    assert_eq!(not_kept(bench), [], "{case}");
}

#[tokio::test]
async fn a_disk_without_room_for_recordings() {
    let Some(bench) = bench_with_mounts("a full disk of recordings").await else {
        return;
    };
    bench.mount("mount -t tmpfs -o size=1m tmpfs data").await;
    let ran = bench.run(&["fetch"]).await.expect_code(75);
    assert!(
        ran.stdout.contains("the disk is full: make room"),
        "{}",
        ran.stdout
    );
    bench.mount("mount -o remount,size=200m data").await;
    assert_mended(&bench, "after a full disk").await;
}

#[tokio::test]
async fn a_disk_without_room_for_paid_replies() {
    let Some(bench) = bench_with_mounts("a full disk of replies").await else {
        return;
    };
    bench.mount("mount -t tmpfs -o size=200m tmpfs data").await;
    bench.run(&["fetch"]).await.expect_code(0);
    bench
        .mount("mount -o remount,size=$(($(du -sk data | cut -f1) + 100))k data")
        .await;
    let mut running = Running::start(&bench);
    let line = running.until_it_says("a paid reply cannot be kept").await;
    assert!(line.contains("the disk is full: make room"), "{line}");
    bench.mount("mount -o remount,size=200m data").await;
    running.end().await.expect_code(0);
    assert_mended(&bench, "after a full disk").await;
}

#[tokio::test]
async fn a_disk_without_room_for_the_database() {
    let Some(bench) = bench_with_mounts("a full disk of the database").await else {
        return;
    };
    bench.mount("mount -t tmpfs -o size=600k tmpfs store").await;
    let mut running = Running::start(&bench);
    let line = running.until_it_says("trying again").await;
    assert!(line.contains("the disk is full: make room"), "{line}");
    bench.mount("mount -o remount,size=200m store").await;
    running.end().await.expect_code(0);
    assert_mended(&bench, "after a full disk").await;
}

#[tokio::test]
async fn an_archive_that_becomes_read_only() {
    let Some(bench) = bench_with_mounts("a read-only archive").await else {
        return;
    };
    bench.mount("mount --bind data data").await;
    let mut running = Running::start(&bench);
    until_deepgram_was_asked(&bench, 10).await;
    bench
        .mount("until mount -o remount,bind,ro data 2>&-; do :; done")
        .await;
    let line = running.until_it_says("a paid reply cannot be kept").await;
    assert!(
        line.contains("let the user that runs callpipe write"),
        "{line}"
    );
    bench.mount("mount -o remount,bind,rw data").await;
    running.end().await.expect_code(0);
    bench.mount("mount -o remount,bind,ro data").await;
    let asked = bench.sandbox.journal().entries().len();
    let ran = bench.run(&["run"]).await.expect_code(70);
    assert!(
        ran.stderr.contains("let the user that runs callpipe write"),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.sandbox.journal().entries().len(), asked);
    bench.mount("mount -o remount,bind,rw data").await;
    assert_mended(&bench, "after a read-only archive").await;
}

#[tokio::test]
async fn an_archive_that_is_taken_away_and_brought_back() {
    let bench = bench().await;
    let mut running = Running::start(&bench);
    until_deepgram_was_asked(&bench, 10).await;
    let (here, elsewhere) = (bench.path("data"), bench.path("elsewhere"));
    std::fs::rename(&here, &elsewhere).unwrap();
    let line = running.until_it_says("stage is paused").await;
    assert!(line.contains("bring it back"), "{line}");
    assert!(!here.exists(), "it was made anew");
    std::fs::rename(&elsewhere, &here).unwrap();
    running.end().await.expect_code(0);
    assert_mended(&bench, "after the archive was brought back").await;
}

/// A run whose archive is away since its lease ran out, and where the archive is then.
async fn run_out_of_leases(bench: &Bench) -> (Running, PathBuf) {
    bench.set_outages("outage_max_s = 60\nlease_ttl_s = 1\n");
    let mut running = Running::start(bench);
    until_deepgram_was_asked(bench, 10).await;
    let elsewhere = bench.path("elsewhere");
    std::fs::rename(bench.path("data"), &elsewhere).unwrap();
    // On a slow machine leases as short as these may run out for no other reason before.
    while !running
        .until_it_says("nothing new is begun")
        .await
        .contains("bring it back")
    {}
    (running, elsewhere)
}

#[tokio::test]
async fn an_archive_that_is_away_for_longer_than_leases_last() {
    let bench = bench().await;
    let (mut running, elsewhere) = run_out_of_leases(&bench).await;
    std::fs::rename(elsewhere, bench.path("data")).unwrap();
    running
        .until_it_says("the leases are renewed: going on")
        .await;
    running.end().await.expect_code(0);
    assert_mended(&bench, "after the leases had run out").await;
}

/// The other run divides the calls in another way, so that its lease has another name.
#[tokio::test]
async fn an_archive_in_which_another_run_began_while_it_was_away() {
    let bench = bench().await;
    let (running, elsewhere) = run_out_of_leases(&bench).await;
    let other = r#"{"words":"another machine","nonce":1,"expires_at":"2999-01-01T00:00:00Z"}"#;
    let lease = "elsewhere/leases/fetch-1-of-2/000000000001.json";
    std::fs::create_dir_all(elsewhere.join("leases/fetch-1-of-2")).unwrap();
    bench.write(lease, other);
    std::fs::rename(elsewhere, bench.path("data")).unwrap();
    let stopped = running.end().await.expect_code(75);
    let said = "while it had run out, another machine began to work";
    assert!(stopped.stderr.contains(said), "{}", stopped.stderr);
    std::fs::remove_dir_all(bench.path("data/leases/fetch-1-of-2")).unwrap();
    assert_mended(&bench, "after another run had been at work").await;
}

#[tokio::test]
async fn an_archive_with_a_disk_in_it() {
    let Some(bench) = bench_with_mounts("an archive on two disks").await else {
        return;
    };
    std::fs::create_dir(bench.path("data/recordings")).unwrap();
    bench.mount("mount -t tmpfs tmpfs data/recordings").await;
    let mut running = Running::start(&bench);
    let line = running.until_it_says("stage is paused").await;
    assert!(line.contains("let all of it be on one"), "{line}");
    bench.mount("umount data/recordings").await;
    running.end().await.expect_code(0);
    assert_mended(&bench, "after the disk was taken out").await;
}

#[tokio::test]
async fn a_database_that_another_program_locks() {
    let bench = bench().await;
    let mut running = Running::start(&bench);
    until_deepgram_was_asked(&bench, 10).await;
    let other = bench.database();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let line = running.until_it_says("trying again").await;
    assert!(line.contains("another program holds a lock"), "{line}");
    other.execute_batch("COMMIT").unwrap();
    running.end().await.expect_code(0);
    assert_mended(&bench, "after a lock").await;

    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let ran = bench.run(&["run"]).await.expect_code(70);
    assert!(
        ran.stderr.contains("another program holds a lock"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_database_that_was_damaged_between_two_runs() {
    let bench = bench().await;
    bench.run(&["run", "--limit", "30"]).await.expect_code(0);
    let path = bench.path("store/callpipe.db");
    let whole = std::fs::read(&path).unwrap();
    let garbage = "neither a page nor a header of one. ".repeat(5_000);
    let mut holed = whole.clone();
    holed[4096..40_000].fill(0x5a);
    let asked = bench.sandbox.journal().entries().len();
    for (damaged, hint) in [
        (garbage.as_bytes(), "no SQLite database"),
        (&whole[..whole.len() / 2], "damaged: bring back a copy"),
        (&holed, "damaged: bring back a copy"),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let ran = bench.run(&["run"]).await.expect_code(70);
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        assert!(ran.stderr.contains("database"), "{}", ran.stderr);
        assert!(std::fs::read(&path).unwrap() == damaged, "it was changed");
    }
    assert_eq!(bench.sandbox.journal().entries().len(), asked);
    std::fs::write(&path, &whole).unwrap();
    assert_mended(&bench, "after the copy was brought back").await;
}

/// Where no copy is left, all is found out again, and nothing bought again.
#[tokio::test]
async fn a_database_that_was_lost() {
    let bench = bench().await;
    bench.run(&["run", "--limit", "30"]).await.expect_code(0);
    std::fs::remove_file(bench.path("store/callpipe.db")).unwrap();
    assert_mended(&bench, "after the database was lost").await;
}

#[tokio::test]
async fn a_database_that_is_damaged_while_a_run_works() {
    let bench = bench().await;
    bench.run(&["run", "--limit", "20"]).await.expect_code(0);
    let path = bench.path("store/callpipe.db");
    let copy = std::fs::read(&path).unwrap();
    let mut running = Running::start(&bench);
    let asked = bench.sandbox.journal().count(System::Deepgram);
    until_deepgram_was_asked(&bench, asked + 3).await;
    std::fs::write(&path, vec![0x5a; 3_000]).unwrap();
    let line = running.until_it_says("trying again").await;
    assert!(line.contains("database"), "{line}");
    assert!(
        line.contains("bring back a copy") || line.contains("name another one"),
        "{line}"
    );
    terminate(&running.child);
    let ran = running.end().await;
    // Asked for what is to be done, it gives up; asked to save what is done, it is stopped.
    assert!(
        matches!(ran.code, Some(70 | 75)),
        "{:?}\n{}",
        ran.code,
        ran.stderr
    );
    for other in ["callpipe.db-wal", "callpipe.db-shm"] {
        let _none_left = std::fs::remove_file(bench.path("store").join(other));
    }
    std::fs::write(&path, &copy).unwrap();
    assert_mended(&bench, "after the copy was brought back").await;
}
