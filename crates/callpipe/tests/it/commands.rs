//! What people see: output and exit code of each command, clean and with bad input.

use callpipe_sandbox::System;
use expect_test::expect;

use crate::support::{Bench, Ran, command, ran, unlimited, world};

async fn in_empty_folder(files: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    ran(command(folder.path(), arguments).output().await.unwrap())
}

#[tokio::test]
async fn help_is_data_and_nonsense_is_not() {
    let help = in_empty_folder(&[], &["--help"]).await.expect_code(0);
    assert!(help.stdout.contains("callpipe demo") && help.stderr.is_empty());
    let nonsense = in_empty_folder(&[], &["fly"]).await.expect_code(2);
    assert!(nonsense.stdout.is_empty() && nonsense.stderr.contains("unrecognized subcommand"));
    let completions = in_empty_folder(&[], &["completions", "bash"])
        .await
        .expect_code(0);
    assert!(completions.stdout.contains("_callpipe"));
}

#[tokio::test]
async fn a_missing_secret_names_its_variable() {
    let contacts = ("contacts.csv", "contactId,startDate\n1,2026-01-01\n");
    let missing = in_empty_folder(&[contacts], &["run"]).await.expect_code(3);
    expect![[r#"
        error: `recordings.nice_cxone.client_id` is not set

        hint: set the environment variable CXONE_CLIENT_ID, or `recordings.nice_cxone.client_id` in callpipe.toml
    "#]]
    .assert_eq(&missing.stderr);
}

#[tokio::test]
async fn a_wrong_key_is_one_clear_error() {
    let file = ("callpipe.toml", "[archive.directory]\npaht = \"data\"\n");
    let wrong = in_empty_folder(&[file], &["status"]).await.expect_code(3);
    expect![[r#"
        error: callpipe.toml line 2 column 1: unknown field `paht`, expected `path`

        hint: `callpipe init --print` shows every key, `callpipe config show` what is in force
    "#]]
    .assert_eq(&wrong.stderr);
}

#[tokio::test]
async fn a_file_is_browsed_itself_and_not_pulled() {
    let pull = in_empty_folder(&[], &["pull"]).await.expect_code(2);
    expect![[r#"
        error: there is nothing to pull: the warehouse is the SQLite file callpipe-data/callpipe.db, which is browsed itself; `pull` is for [warehouse.bigquery]
    "#]]
    .assert_eq(&pull.stderr);
}

#[tokio::test]
async fn a_named_file_must_exist() {
    let gone = in_empty_folder(&[], &["--config", "gone.toml", "status"])
        .await
        .expect_code(3);
    assert!(
        gone.stderr.starts_with("error: gone.toml cannot be read"),
        "{}",
        gone.stderr
    );
}

#[tokio::test]
async fn init_writes_once() {
    let folder = tempfile::tempdir().unwrap();
    let init = || command(folder.path(), &["init"]).output();
    ran(init().await.unwrap()).expect_code(0);
    let second = ran(init().await.unwrap()).expect_code(70);
    assert!(second.stderr.contains("--force"), "{}", second.stderr);
    let shown = ran(command(folder.path(), &["config", "show"])
        .output()
        .await
        .unwrap())
    .expect_code(0);
    assert!(
        shown.stdout.contains("archive.directory.path"),
        "{}",
        shown.stdout
    );
}

#[tokio::test]
async fn the_environment_alone_configures() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(".env"),
        "DEEPGRAM_API_KEY=from-dot-env\n",
    )
    .unwrap();
    let shown = command(folder.path(), &["config", "show"])
        .env("CXONE_USERNAME", "key")
        .output()
        .await
        .unwrap();
    let shown = ran(shown).expect_code(0);
    assert!(
        shown
            .stdout
            .contains("\"(hidden)\"  [environment CXONE_USERNAME]"),
        "{}",
        shown.stdout
    );
    assert!(
        shown
            .stdout
            .contains("\"(hidden)\"  [.env DEEPGRAM_API_KEY]"),
        "{}",
        shown.stdout
    );
    assert!(!shown.stdout.contains("from-dot-env"));
}

#[tokio::test]
async fn a_first_look_at_nothing() {
    let status = in_empty_folder(&[], &["status"]).await.expect_code(0);
    assert!(
        status.stdout.contains("No calls are known yet."),
        "{}",
        status.stdout
    );
}

#[tokio::test]
async fn check_tries_everything_and_says_what_to_mend() {
    let bench = Bench::new(world(41, 5), unlimited()).await;
    let good = bench.run(&["check"]).await.expect_code(0);
    for role in [
        "contacts",
        "recordings",
        "transcriber",
        "taxonomy",
        "classifier",
        "archive",
        "warehouse",
    ] {
        assert!(
            good.stdout.contains(&format!("ok    {role}")),
            "{role}: {}",
            good.stdout
        );
    }
    let wrong = bench
        .configuration()
        .replace(bench.sandbox.credentials.deepgram_api_key, "wrong");
    bench.write("callpipe.toml", &wrong);
    let bad = bench.run(&["check"]).await.expect_code(4);
    assert!(
        bad.stdout.contains("FAIL  transcriber") && bad.stdout.contains("hint:"),
        "{}",
        bad.stdout
    );
    // A stage whose own systems work is not held up by those of others.
    let fetch = bench.run(&["check", "--stage", "fetch"]).await;
    let fetch = fetch.expect_code(0);
    let checked: Vec<&str> = fetch
        .stdout
        .lines()
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(checked.len(), 4, "{}", fetch.stdout);
    assert!(!fetch.stdout.contains("transcriber"));
}

/// What checks ask counts, also for each other: where all that is allowed is used, none is asked.
#[tokio::test]
async fn checks_do_not_ask_a_request_too_many() {
    let bench = Bench::new(world(46, 5), unlimited()).await;
    let configuration = bench.configuration().replace(
        "requests_per_5_minutes = 100000",
        "requests_per_5_minutes = 2",
    );
    bench.write("callpipe.toml", &configuration);
    for expected in [
        "ok    recordings   tenant",
        "ok    recordings   tenant",
        "ok    recordings   not asked, because 2 of 2 requests of the last 5 minutes are used",
    ] {
        let checked = bench.run(&["check", "--stage", "fetch"]).await;
        let checked = checked.expect_code(0);
        assert!(checked.stdout.contains(expected), "{}", checked.stdout);
    }
    let journal = bench.sandbox.journal();
    let route = "/media-playback/v1/contacts";
    assert_eq!(journal.count_route(System::NiceCxone, route), 2);
}

#[tokio::test]
async fn status_lists_and_shows_what_a_run_left() {
    let bench = Bench::new(world(42, 25), unlimited()).await;
    bench.run(&["run", "--limit", "3"]).await.expect_code(0);
    assert_eq!(bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage <> 'fetch' OR stage_status <> 'ready'"), 3);
    bench.run(&["run"]).await.expect_code(0);
    let status = bench.run(&["--json", "status"]).await.expect_code(0).json();
    assert_eq!(status["total"], 25);
    let listed = bench
        .run(&["--json", "calls", "list", "--status", "done"])
        .await
        .expect_code(0)
        .json();
    let listed = listed.as_array().unwrap();
    assert_eq!(
        listed.len() as i64,
        bench.count("SELECT count(*) FROM call_classifications")
    );
    let id = listed[0]["contact_id"].as_str().unwrap();
    let shown = bench.run(&["calls", "show", id]).await.expect_code(0);
    assert!(
        shown.stdout.contains("conversation") && shown.stdout.contains("sale_result"),
        "{}",
        shown.stdout
    );
    let unknown = bench.run(&["calls", "show", "nobody"]).await.expect_code(2);
    assert!(unknown.stderr.contains("is not known"));
}

/// The others would be seen first, and fill each look at the table.
#[tokio::test]
async fn a_run_with_a_limit_tries_again_what_failed_however_many_others_there_are() {
    let bench = Bench::new(world(46, 120), unlimited()).await;
    bench
        .sandbox
        .faults()
        .arm_text("media.500:times=1")
        .unwrap();
    bench.run(&["run", "--limit", "2"]).await.expect_code(0);
    let fetched = "SELECT count(*) FROM recording_fetch_status WHERE stage <> 'fetch' OR stage_status <> 'ready'";
    assert_eq!(bench.count(fetched), 2);
}

#[tokio::test]
async fn bad_lines_are_named_and_the_rest_goes_on() {
    let bench = Bench::new(world(43, 6), unlimited()).await;
    let mut csv = bench.sandbox.world().contacts_csv();
    csv.push_str(",2026-01-01,,,\n\"unclosed\n");
    let good = csv.lines().count() as i64 - 3;
    bench.write("contacts.csv", &csv);
    let ran = bench.run(&["run"]).await.expect_code(0);
    assert!(ran.stderr.contains("line 8"), "{}", ran.stderr);
    assert!(bench.count("SELECT count(*) FROM recording_fetch_status") >= good);
}

#[tokio::test]
async fn contacts_come_from_stdin() {
    let bench = Bench::new(world(44, 4), unlimited()).await;
    let mut command = bench.command(&["run", "--contacts", "-"]);
    command.stdin(std::fs::File::open(bench.path("contacts.csv")).unwrap());
    ran(command.output().await.unwrap()).expect_code(0);
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status"),
        4
    );
}

#[tokio::test]
async fn a_demo_leaves_a_folder_to_look_around_in() {
    let folder = tempfile::tempdir().unwrap();
    // The environment of a real pipeline is nothing for stand-ins.
    let real = "CXONE_CLIENT_ID=real\nDEEPGRAM_API_KEY=real\nGOOGLE_ACCESS_TOKEN=real\n";
    std::fs::write(folder.path().join(".env"), real).unwrap();
    let demo = ran(command(folder.path(), &["demo", "--calls", "40"])
        .env("GCS_BUCKET_NAME", "real")
        .output()
        .await
        .unwrap())
    .expect_code(0);
    assert!(demo.stdout.contains("How it ended"), "{}", demo.stdout);
    assert!(
        demo.stdout.contains("0 recordings paid for twice"),
        "{}",
        demo.stdout
    );
    for left in [
        "callpipe.db",
        "recordings",
        "transcripts",
        "replies",
        "callpipe.toml",
    ] {
        assert!(
            folder.path().join("callpipe-demo").join(left).exists(),
            "{left}"
        );
    }
    std::fs::create_dir(folder.path().join("precious")).unwrap();
    std::fs::write(folder.path().join("precious/file"), "mine").unwrap();
    ran(command(folder.path(), &["demo", "--folder", "precious"])
        .output()
        .await
        .unwrap())
    .expect_code(70);
    assert!(folder.path().join("precious/file").exists());
}
