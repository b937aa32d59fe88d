//! The archive in a bucket: the same pipeline, with nothing of it on this machine's disk.

use callpipe_sandbox::peers::storage_emulator;
use callpipe_sandbox::{System, google_key_file};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pipeline::assert_all_as_expected;
use crate::recovery::{slow, until_deepgram_was_asked};
use crate::running::Running;
use crate::support::{Bench, unlimited, world};

impl Bench {
    /// Puts these lines in place of the archive's directory, and others in place of `[google]`.
    pub(crate) fn move_archive(&self, archive: &str, google: &str) {
        let token = self.sandbox.credentials.google_access_token;
        let configuration = self
            .configuration()
            .replace("[archive.directory]\npath = \"data\"", archive)
            .replace(&format!("access_token = \"{token}\""), google);
        self.write("callpipe.toml", &configuration);
    }

    pub(crate) fn bucket(&self) -> String {
        let bucket = self.sandbox.credentials.google_bucket;
        let endpoint = &self.sandbox.storage_url;
        format!("[archive.gcs]\nbucket = \"{bucket}\"\nendpoint = \"{endpoint}\"")
    }
}

#[tokio::test]
async fn a_bucket_holds_all_and_its_links_are_followed() {
    let bench = Bench::new(world(41, 40), unlimited()).await;
    bench.write("key.json", &google_key_file().to_string());
    let archive = format!("{}\nprefix = \"team\"\nlinks = true", bench.bucket());
    bench.move_archive(&archive, "credentials_file = \"key.json\"");
    let checked = bench.run(&["check"]).await.expect_code(0);
    assert!(
        checked.stdout.contains("links are signed by"),
        "{}",
        checked.stdout
    );
    bench.sandbox.journal().clear();
    let ran = bench
        .run(&["--log-level", "trace", "run"])
        .await
        .expect_code(0);
    let journal = bench.sandbox.journal();
    let bought = journal.count(System::Deepgram);
    assert!(bought > 0);
    assert_eq!(journal.count_route(System::Storage, "GET link"), bought);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    let (names, open_uploads) = bench.sandbox.stored();
    assert!(
        names.iter().all(|name| name.starts_with("team/")),
        "{names:?}"
    );
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("team/recordings/"))
    );
    assert_eq!(open_uploads, 0);
    let printed = [ran.stdout, ran.stderr].concat();
    for secret in ["X-Goog-Signature", "PRIVATE KEY", "eyJ"] {
        assert!(!printed.contains(secret), "{secret} was printed");
    }
}

#[tokio::test]
async fn an_emulator_needs_its_address_and_nothing_else() {
    let bench = Bench::new(world(42, 40), unlimited()).await;
    bench.move_archive("[archive.gcs]", "");
    let address = bench.sandbox.storage_url.trim_start_matches("http://");
    let bucket = bench.sandbox.credentials.google_bucket;
    let run = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command
            .env("GCS_BUCKET_NAME", bucket)
            .env("STORAGE_EMULATOR_HOST", address)
            .env(
                "GOOGLE_ACCESS_TOKEN",
                bench.sandbox.credentials.google_access_token,
            );
        async move { crate::support::ran(command.output().await.unwrap()) }
    };
    bench
        .sandbox
        .faults()
        .arm_text("storage.503:probability=0.05,times=always")
        .unwrap();
    bench
        .sandbox
        .faults()
        .arm_text("storage.corrupted:after=20,times=3")
        .unwrap();
    run(&["run"]).await.expect_code(0);
    bench.sandbox.faults().disarm_all();
    assert_all_as_expected(&bench);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    let status = run(&["--json", "status"]).await.expect_code(0);
    assert_eq!(status.json()["total"], 40);
    let rows = bench.rows();
    let recorded = rows.values().filter(|row| row.recordings != Value::Null);
    assert!(recorded.count() > 10);
}

#[tokio::test]
async fn a_bucket_that_is_refused_stops_the_run_and_no_call() {
    let bench = Bench::new(world(43, 10), unlimited()).await;
    bench.move_archive(&bench.bucket(), "access_token = \"nobody\"");
    let ran = bench.run(&["run"]).await;
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.stderr.contains("roles/storage.objectUser"),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), 0);
    let failed = bench.run(&["check"]).await.expect_code(4);
    assert!(failed.stdout.contains("HTTP 401"), "{}", failed.stdout);
}

#[tokio::test]
async fn a_bucket_that_is_away_is_waited_for_at_the_start_and_during_a_run() {
    let bench = Bench::new(world(45, 60), slow()).await;
    let token = bench.sandbox.credentials.google_access_token;
    bench.move_archive(&bench.bucket(), &format!("access_token = \"{token}\""));
    bench.set_outages("outage_max_s = 60\nlease_ttl_s = 1\n");
    let faults = bench.sandbox.faults();
    faults.arm_text("storage.503:times=always").unwrap();
    let mut running = Running::start(&bench);
    running.until_it_says("the run cannot begin yet").await;
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), 0);
    faults.disarm_all();
    until_deepgram_was_asked(&bench, 10).await;
    faults.arm_text("storage.503:times=always").unwrap();
    running.until_it_says("nothing new is begun").await;
    faults.disarm_all();
    running
        .until_it_says("the leases are renewed: going on")
        .await;
    running.end().await.expect_code(0);
    assert_all_as_expected(&bench);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
}

/// The emulator that people use, which is another program.
#[tokio::test]
async fn fake_gcs_server_will_do() {
    if storage_emulator("a whole run over fake-gcs-server").is_none() {
        return;
    }
    let bench = Bench::new(world(44, 30), unlimited()).await;
    let (bucket, address) = bucket(&bench, "it-storage").await;
    let token = format!(
        "access_token = \"{}\"",
        bench.sandbox.credentials.google_access_token
    );
    let archive = format!("[archive.gcs]\nbucket = \"{bucket}\"\nendpoint = \"{address}\"");
    bench.move_archive(&archive, &token);
    bench.run(&["check"]).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(
        bench.count(
            "SELECT count(*) FROM recording_fetch_status WHERE stage_status IN ('done', 'skipped')"
        ),
        30
    );
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    let requests = bench.sandbox.journal().entries().len();
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.sandbox.journal().entries().len(), requests);
}

/// A bucket of a test's own in fake-gcs-server, or else the sandbox's, and where it is.
pub(crate) async fn bucket(bench: &Bench, name: &str) -> (String, String) {
    let Some(address) = storage_emulator("fake-gcs-server, in place of the sandbox's bucket")
    else {
        let bucket = bench.sandbox.credentials.google_bucket;
        return (bucket.to_owned(), bench.sandbox.storage_url.clone());
    };
    let bucket = format!("callpipe-{name}-{}", std::process::id());
    make_bucket(address.trim_start_matches("http://"), &bucket).await;
    (bucket, address)
}

async fn make_bucket(host: &str, bucket: &str) {
    let body = format!("{{\"name\":\"{bucket}\"}}");
    let request = format!(
        "POST /storage/v1/b HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
