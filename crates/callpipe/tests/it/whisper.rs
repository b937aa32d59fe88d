//! Transcription on this machine, and of files: by the real binary. With the feature `whisper` the
//! real library listens, to a model that is made here.

use crate::support::{Bench, command, ran, unlimited, world};

#[tokio::test]
async fn models_are_listed_and_never_fetched_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let models = |arguments: &'static [&'static str]| {
        let mut command = command(folder.path(), arguments);
        command.env("CALLPIPE_MODELS", folder.path().join("models"));
        async move { ran(command.output().await.unwrap()) }
    };
    let list = models(&["models", "list"]).await.expect_code(0);
    assert!(list.stdout.contains("base.en"), "{}", list.stdout);
    let json = models(&["--json", "models", "list"]).await.json();
    assert!(json[0]["path"].is_null(), "{json}");
    let missing = models(&["models", "path", "base.en"]).await.expect_code(3);
    assert!(
        missing.stderr.contains("callpipe models pull base.en"),
        "{}",
        missing.stderr
    );
    let unknown = models(&["models", "pull", "huge.xx"]).await.expect_code(2);
    assert!(
        unknown.stderr.contains("there are tiny.en"),
        "{}",
        unknown.stderr
    );
    std::fs::create_dir(folder.path().join("models")).unwrap();
    let file = folder.path().join("models/ggml-base.en.bin");
    std::fs::write(&file, "put there by hand").unwrap();
    let path = models(&["models", "path", "base.en"]).await.expect_code(0);
    assert_eq!(path.stdout.trim(), file.display().to_string());
}

#[tokio::test]
async fn a_server_without_the_model_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await.unwrap() });
    let pull = [
        "models",
        "pull",
        "tiny.en",
        "--to",
        "here",
        "--endpoint",
        &endpoint,
    ];
    let gone = ran(command(folder.path(), &pull).output().await.unwrap()).expect_code(70);
    assert!(
        gone.stderr.contains("fetching the model tiny.en: HTTP 404"),
        "{}",
        gone.stderr
    );
    assert!(!folder.path().join("here/ggml-tiny.en.bin").exists());
}

#[tokio::test]
async fn files_and_a_run_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["transcribe", "call.wav", "--limit", "3"][..],
        &["transcribe", "--format", "srt"],
        &["transcribe", "call.wav", "--force"],
    ] {
        ran(command(folder.path(), arguments).output().await.unwrap()).expect_code(2);
    }
}

#[tokio::test]
async fn files_are_transcribed_by_a_vendor_and_what_was_paid_for_is_kept_on_request() {
    let bench = Bench::new(world(61, 3), unlimited()).await;
    let corpus = callpipe_sandbox::Corpus::embedded().unwrap();
    let call = corpus
        .calls()
        .iter()
        .find(|call| call.channels == 2 && call.word_count() > 50);
    let call = call.unwrap();
    std::fs::write(bench.path("call.mp4"), corpus.audio(call)).unwrap();
    let text = bench
        .run(&["transcribe", "call.mp4", "--keep", "kept"])
        .await
        .expect_code(0);
    assert!(
        text.stdout.contains("Agent: ") && text.stdout.contains("Customer: "),
        "{}",
        text.stdout
    );
    // No database, no archive; and what was kept needs no vendor.
    assert!(!bench.path("data").exists());
    let unreachable = bench
        .configuration()
        .replace(&bench.sandbox.deepgram_url, "http://127.0.0.1:9");
    bench.write("callpipe.toml", &unreachable);
    let again = bench
        .run(&["transcribe", "call.mp4", "--keep", "kept"])
        .await
        .expect_code(0);
    assert_eq!(again.stdout, text.stdout);
    let srt = bench
        .run(&[
            "transcribe",
            "call.mp4",
            "--keep",
            "kept",
            "--format",
            "srt",
        ])
        .await;
    assert!(
        srt.stdout.starts_with("1\n00:00:") && srt.stdout.contains(" --> "),
        "{}",
        srt.stdout
    );
    let json = bench
        .run(&["--json", "transcribe", "call.mp4", "--keep", "kept"])
        .await
        .json();
    assert_eq!(json["channels"], 2);
    assert!(json["turns"][0]["words"][0]["start_s"].is_number());
    bench.run(&["transcribe", "call.mp4"]).await.expect_code(75);
}

#[tokio::test]
async fn files_that_are_damaged_or_no_audio_are_named_and_not_paid_for() {
    let bench = Bench::new(world(61, 1), unlimited()).await;
    let corpus = callpipe_sandbox::Corpus::embedded().unwrap();
    let audio = corpus.audio(&corpus.calls()[0]);
    for (name, bytes, problem) in [
        ("cut.mp4", &audio[..audio.len() / 2], "it is cut off"),
        ("empty.wav", b"", "it is empty"),
        (
            "page.mp3",
            b"<html>404</html>",
            "it is no audio but a web page",
        ),
    ] {
        std::fs::write(bench.path(name), bytes).unwrap();
        let ran = bench.run(&["transcribe", name]).await.expect_code(70);
        assert!(
            ran.stderr.contains(problem) && ran.stderr.contains(name),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(bench.sandbox.journal().purchases().len(), 0);
}

#[cfg(not(feature = "whisper"))]
#[tokio::test]
async fn a_build_without_it_says_how_to_get_it() {
    let bench = Bench::new(world(62, 1), unlimited()).await;
    std::fs::write(bench.path("call.wav"), b"audio").unwrap();
    let local = bench
        .run(&["transcribe", "--local", "call.wav"])
        .await
        .expect_code(3);
    assert!(
        local.stderr.contains("--features whisper"),
        "{}",
        local.stderr
    );
    bench.write(
        "callpipe.toml",
        "[transcriber.whisper]\nmodel = \"base.en\"\n",
    );
    let stage = bench.run(&["transcribe"]).await.expect_code(3);
    assert!(
        stage.stderr.contains("--features whisper"),
        "{}",
        stage.stderr
    );
    let shown = bench.run(&["config", "show"]).await.expect_code(0);
    assert!(
        shown
            .stdout
            .contains("transcriber.whisper.models_directory"),
        "{}",
        shown.stdout
    );
}

#[cfg(feature = "whisper")]
mod local {
    use callpipe_sandbox::whisper_model::{Saying, WhisperModel, tone_wav};

    use super::*;

    /// A bench whose transcriber is a made model on this machine.
    async fn bench(calls: usize) -> Bench {
        let bench = Bench::new(world(63, calls), unlimited()).await;
        let model = WhisperModel {
            sayings: vec![
                Saying::words(0.0, 2.0, "Good morning."),
                Saying::words(2.0, 4.0, "One chainsaw please."),
            ],
            is_multilingual: false,
            seed: 1,
        };
        let file = std::fs::File::create(bench.path("ggml-made.bin")).unwrap();
        model.write(std::io::BufWriter::new(file)).unwrap();
        let configuration = bench.configuration();
        let (before, rest) = configuration.split_once("[transcriber.deepgram]").unwrap();
        let (_, after) = rest.split_once("[classifier").unwrap();
        let whisper = "[transcriber.whisper]\nmodel = \"ggml-made.bin\"\nin_flight_max = 2\n";
        bench.write(
            "callpipe.toml",
            &format!("{before}{whisper}[classifier{after}"),
        );
        bench
    }

    #[tokio::test]
    async fn a_whole_run_needs_no_vendor_to_transcribe() {
        let bench = bench(14).await;
        let check = bench
            .run(&["check", "--stage", "transcribe"])
            .await
            .expect_code(0);
        assert!(check.stdout.contains("whisper.cpp"), "{}", check.stdout);
        bench.run(&["run"]).await.expect_code(0);
        let transcribed = "SELECT count(*) FROM recording_fetch_status WHERE transcribed = 1";
        let spoken =
            "SELECT count(*) FROM recording_fetch_status WHERE transcription LIKE '%chainsaw%'";
        let (transcribed, spoken) = (bench.count(transcribed), bench.count(spoken));
        assert!(transcribed > 5 && spoken > 5, "{transcribed} {spoken}");
        let unfinished = "SELECT count(*) FROM recording_fetch_status \
            WHERE stage_status NOT IN ('done', 'skipped', 'parked')";
        assert_eq!(bench.count(unfinished), 0);
        let free = "SELECT count(*) FROM recording_fetch_status WHERE transcribe_cost_usd > 0";
        assert_eq!(bench.count(free), 0);
        // Whisper understands nothing: the model that labels does.
        let understood = "SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'done' \
            AND summary <> '' AND analysis_model LIKE 'gemini-%'";
        assert_eq!(bench.count(understood), spoken);
        // What was heard is kept, and read again instead of heard again.
        assert!(bench.path("data/replies/whisper").exists());
        bench
            .run(&["calls", "redo", "--all", "--from", "transcribe"])
            .await
            .expect_code(0);
        let replies = count_files(&bench.path("data/replies/whisper"));
        bench.run(&["run"]).await.expect_code(0);
        assert_eq!(count_files(&bench.path("data/replies/whisper")), replies);
        assert_eq!(
            bench.count("SELECT count(*) FROM recording_fetch_status WHERE transcribed = 1"),
            transcribed
        );
    }

    fn count_files(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
            .sum()
    }

    #[tokio::test]
    async fn files_are_transcribed_without_any_vendor() {
        let bench = bench(1).await;
        std::fs::write(bench.path("call.wav"), tone_wav(8_000, 5.0, &[440.0, 0.0])).unwrap();
        std::fs::write(bench.path("mono.wav"), tone_wav(8_000, 5.0, &[440.0])).unwrap();
        std::fs::write(bench.path("page.wav"), "<html>Sign in</html>".repeat(50)).unwrap();
        let one = bench
            .run(&["transcribe", "--times", "call.wav"])
            .await
            .expect_code(0);
        assert_eq!(
            one.stdout,
            "[00:00:00] Agent: Good morning. One chainsaw please.\n"
        );
        let several = bench
            .run(&["transcribe", "call.wav", "page.wav", "mono.wav"])
            .await;
        let several = several.expect_code(70);
        assert_eq!(
            several.stdout,
            "== call.wav ==\nAgent: Good morning. One chainsaw please.\n\
             == mono.wav ==\nSpeaker 1: Good morning. One chainsaw please.\n"
        );
        assert!(
            several
                .stderr
                .contains("page.wav:\nerror: reading page.wav: it is no audio but a web page"),
            "{}",
            several.stderr
        );
        let output = [
            "transcribe",
            "call.wav",
            "mono.wav",
            "--format",
            "vtt",
            "--output",
            "out",
        ];
        bench.run(&output).await.expect_code(0);
        let vtt = std::fs::read_to_string(bench.path("out/call.vtt")).unwrap();
        assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> "), "{vtt}");
        assert!(
            vtt.contains("<v Agent>Good morning. One chainsaw please."),
            "{vtt}"
        );
        let second = bench.run(&output).await.expect_code(70);
        assert!(second.stderr.contains("--force"), "{}", second.stderr);
    }

    #[tokio::test]
    async fn a_missing_model_is_said_with_the_command_that_fetches_it() {
        let bench = bench(1).await;
        std::fs::write(bench.path("call.wav"), tone_wav(8_000, 1.0, &[440.0])).unwrap();
        let missing = ["transcribe", "--model", "small.en", "call.wav"];
        let mut command = bench.command(&missing);
        command.env("CALLPIPE_MODELS", bench.path("models"));
        let missing = ran(command.output().await.unwrap()).expect_code(3);
        assert!(
            missing
                .stderr
                .contains("`callpipe models pull small.en` fetches it (466 MiB)"),
            "{}",
            missing.stderr
        );
    }
}
