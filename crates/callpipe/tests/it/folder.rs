//! Recordings from a folder by the real program: files of every format, whole and damaged, names
//! that tell of a call, and what nobody speaks on.

use std::path::{Path, PathBuf};

use callpipe_sandbox::{Contact, Corpus, System, World};
use expect_test::expect;
use serde_json::{Value, json};

use crate::running::Running;
use crate::support::{Bench, Ran, long_ago, ran, unlimited};

/// Two seconds of speech in every format.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../callpipe-audio/tests/fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

/// A bench with a world of one call, whose recordings come from `folder`.
async fn bench(settings: &str) -> Bench {
    let corpus = Corpus::embedded().unwrap();
    let spoken = corpus.calls().iter().find(|call| call.duration_s > 20.0);
    let call_id = spoken.unwrap().id.clone();
    let contact = Contact::recorded("700", long_ago(), &[&call_id]);
    let bench = Bench::new(World::exact(corpus, 5, vec![contact]), unlimited()).await;
    let whole = bench.configuration();
    let (_, after) = whole.split_once("[archive.directory]").unwrap();
    let folder = "[recordings.folder]\npath = \"in\"\nsettle_s = 0\n";
    bench.write(
        "callpipe.toml",
        &format!("{folder}{settings}[archive.directory]{after}"),
    );
    std::fs::create_dir(bench.path("in")).unwrap();
    bench
}

fn put(bench: &Bench, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = bench.path("in").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The recording of the world's only call.
fn spoken(bench: &Bench) -> Vec<u8> {
    let world = bench.sandbox.world();
    world.audio(&world.contacts()[0], 0).unwrap().to_vec()
}

/// A WAV of so many seconds without a sound.
fn silence(seconds: u32) -> Vec<u8> {
    let data_bytes = seconds * 8_000;
    let mut wav = b"RIFF".to_vec();
    wav.extend((data_bytes + 36).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x07\0\x01\0");
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(b"\x01\0\x08\0data");
    wav.extend(data_bytes.to_le_bytes());
    wav.resize(wav.len() + data_bytes as usize, 0xff);
    wav
}

/// Runs with the programs of this machine, `ffmpeg` among them where it is there.
async fn run_with_path(bench: &Bench, arguments: &[&str]) -> Ran {
    let mut command = bench.command(arguments);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    ran(command.output().await.unwrap())
}

fn has_ffmpeg() -> bool {
    let asked = std::process::Command::new("ffmpeg")
        .arg("-version")
        .output();
    asked.is_ok_and(|asked| asked.status.success())
}

/// Where each call stands, one line a call.
fn ends(bench: &Bench) -> String {
    let database = bench.database();
    let mut statement = database
        .prepare(
            "SELECT contactId || ': ' || stage || ' ' || stage_status || COALESCE(' ' || skip_reason, '') || \
             COALESCE(' ' || failure_kind, '') || COALESCE(', ' || (triage ->> '$[0].format') || ': ' || \
             (triage ->> '$[0].reason'), '') FROM recording_fetch_status ORDER BY contactId",
        )
        .unwrap();
    let lines = statement.query_map([], |row| row.get::<_, String>(0));
    lines.unwrap().map(|line| line.unwrap() + "\n").collect()
}

fn text(bench: &Bench, sql: &str) -> String {
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    bench.database().query_row(sql, [], read).unwrap()
}

#[tokio::test]
async fn files_of_every_format_end_where_they_must() {
    let bench = bench("").await;
    put(&bench, "call.mp4", spoken(&bench));
    for name in [
        "adpcm_ima.wav",
        "adpcm_ms.wav",
        "alaw.wav",
        "fragmented.mp4",
        "pcm.wav",
        "speech.aac",
        "speech.flac",
        "speech.m4a",
        "speech.mp3",
        "speech.opus",
        "speech.webm",
        "vorbis.ogg",
    ] {
        let (_, ending) = name.rsplit_once('.').unwrap();
        put(&bench, &format!("{ending}/{name}"), fixture(name));
    }
    let whole = fixture("pcm.wav");
    put(&bench, "cut.wav", &whole[..whole.len() / 2]);
    put(&bench, "empty.mp3", b"");
    put(
        &bench,
        "page.wav",
        b"<!DOCTYPE html><html><body>Log in</body></html>",
    );
    put(&bench, "named otherwise.mp3", fixture("mulaw.wav"));
    put(&bench, "silent.wav", silence(30));
    bench.run(&["run"]).await.expect_code(0);
    expect![[r#"
        aac/speech: transcribe skipped no_speech, ADTS with AAC: speech
        call: classify done, MP4 with AAC: speech
        cut: transcribe parked rejected
        empty: fetch parked rejected
        flac/speech: transcribe skipped no_speech, FLAC: speech
        m4a/speech: transcribe skipped no_speech, MP4 with AAC: speech
        mp3/speech: transcribe skipped no_speech, MP3: speech
        mp4/fragmented: transcribe skipped no_speech, MP4 with AAC: speech
        named otherwise: transcribe skipped no_speech, WAV with mu-law: speech
        ogg/vorbis: transcribe skipped no_speech, Ogg with Vorbis: speech
        opus/speech: transcribe skipped no_speech, Ogg with Opus: speech
        page: fetch parked rejected
        silent: transcribe skipped no_speech, WAV with mu-law: silent
        wav/adpcm_ima: transcribe skipped no_speech, WAV with IMA ADPCM: speech
        wav/adpcm_ms: transcribe skipped no_speech, WAV with MS ADPCM: speech
        wav/alaw: transcribe skipped no_speech, WAV with A-law: speech
        wav/pcm: transcribe skipped no_speech, WAV with PCM: speech
        webm/speech: transcribe skipped no_speech, WebM with Opus: speech
    "#]]
    .assert_eq(&ends(&bench));
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    assert_eq!(bench.labels("call")["llm_model"], "gemini-3.5-flash-lite");
}

#[tokio::test]
async fn a_copy_under_another_name_is_bought_once_and_said_to_be_one() {
    let bench = bench("").await;
    put(&bench, "2026/one.mp4", spoken(&bench));
    put(&bench, "copy of one.mp4", spoken(&bench));
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    let pair = "SELECT count(*) FROM recording_fetch_status one JOIN recording_fetch_status other \
                ON one.same_audio_as = other.contactId AND one.contactId <> other.contactId";
    assert_eq!(bench.count(pair), 1);
    let status = bench.run(&["status"]).await.expect_code(0);
    let said = "Bought once for several: 1 calls have the same audio as another one";
    assert!(status.stdout.contains(said), "{}", status.stdout);
}

#[tokio::test]
async fn names_and_descriptions_tell_of_a_call() {
    let settings = "pattern = \"{date:%Y-%m-%d}/{contactId}_{start:%H%M%S}_{agent}.wav\"\n\
                    utc_offset = \"+11:00\"\nsidecar = true\n";
    let bench = bench(settings).await;
    put(&bench, "2026-03-05/81_101500_Ada.wav", fixture("pcm.wav"));
    let beside = json!({ "queue": "sales", "participants": [
        { "channel": 0, "role": "agent", "name": "Ada" }] });
    put(&bench, "2026-03-05/81_101500_Ada.json", beside.to_string());
    put(
        &bench,
        "2026-03-05/without a form.wav",
        fixture("mulaw.wav"),
    );
    let ran = bench.run(&["fetch"]).await.expect_code(0);
    assert!(
        ran.stderr.contains("does not fit `pattern`"),
        "{}",
        ran.stderr
    );
    let row = "SELECT json_array(contactId, start_date, json(contact_metadata), json(recordings)) \
               FROM recording_fetch_status";
    let row: Value = serde_json::from_str(&text(&bench, row)).unwrap();
    assert_eq!(row[0], "81");
    assert_eq!(row[1], "2026-03-05T10:15:00+11:00");
    assert_eq!(
        (&row[2]["agent"], &row[2]["queue"]),
        (&json!("Ada"), &json!("sales"))
    );
    assert_eq!(row[3][0]["content_type"], "audio/wav");
    assert_eq!(row[3][0]["participants"][0]["role"], "agent");
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status"),
        1
    );
}

#[tokio::test]
async fn a_list_of_calls_names_the_files() {
    let bench = bench("file_column = \"Recording\"\n[contacts.csv]\npath = \"calls.csv\"\n").await;
    let list = "contactId,startDate,Recording\n91,2026-03-05T10:00:00Z,a/b.wav\n\
                92,2026-03-05T11:00:00Z,../callpipe.toml\n93,2026-03-05T12:00:00Z,gone.wav\n";
    bench.write("calls.csv", list);
    put(&bench, "a/b.wav", fixture("pcm.wav"));
    put(&bench, "not in the list.wav", fixture("mulaw.wav"));
    bench.run(&["fetch"]).await.expect_code(0);
    expect![[r#"
        91: transcribe ready
        92: fetch skipped not_found
        93: fetch skipped not_found
    "#]]
    .assert_eq(&ends(&bench));
}

#[tokio::test]
async fn a_folder_that_is_not_mounted_is_waited_for() {
    let bench = bench("file_column = \"Recording\"\n[contacts.csv]\npath = \"calls.csv\"\n").await;
    let list = "contactId,startDate,Recording\n91,2026-03-05T10:00:00Z,a/b.wav\n\
                92,2026-03-05T11:00:00Z,gone.wav\n";
    bench.write("calls.csv", list);
    put(&bench, "a/b.wav", fixture("pcm.wav"));
    let (here, disk) = (bench.path("in"), bench.path("disk"));
    std::fs::rename(&here, &disk).unwrap();
    std::fs::create_dir(&here).unwrap();
    let mut running = Running::start(&bench);
    let line = running.until_it_says("stage is paused").await;
    assert!(line.contains("is it mounted?"), "{line}");
    std::fs::remove_dir(&here).unwrap();
    std::fs::rename(&disk, &here).unwrap();
    running.end().await.expect_code(0);
    expect![[r#"
        91: transcribe skipped no_speech, WAV with PCM: speech
        92: fetch skipped not_found
    "#]]
    .assert_eq(&ends(&bench));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_hidden_unfinished_or_elsewhere_is_no_recording() {
    use std::os::unix::fs::symlink;

    let bench = bench("").await;
    let wav = fixture("pcm.wav");
    put(&bench, "1.wav", &wav);
    for name in [
        ".2.wav",
        ".git/3.wav",
        "4.wav.part",
        "5.tmp",
        "~6.wav",
        "notes.txt",
    ] {
        put(&bench, name, &wav);
    }
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    std::fs::write(bench.path("elsewhere/7.wav"), &wav).unwrap();
    symlink(bench.path("elsewhere/7.wav"), bench.path("in/7.wav")).unwrap();
    symlink(bench.path("elsewhere"), bench.path("in/eight")).unwrap();
    symlink("..", bench.path("in/nine")).unwrap();
    bench.run(&["fetch"]).await.expect_code(0);
    expect![[r#"
        1: transcribe ready
    "#]]
    .assert_eq(&ends(&bench));
}

/// A long recording is listened to in a file: where none can be made, no call is to blame.
#[tokio::test]
async fn without_room_for_temporary_files_a_call_waits() {
    let bench = bench("").await;
    put(&bench, "long.wav", silence(600));
    let mut command = bench.command(&["run"]);
    command.env("TMPDIR", bench.path("missing"));
    let ran = ran(command.output().await.unwrap()).expect_code(75);
    assert!(ran.stdout.contains("TMPDIR"), "{}", ran.stdout);
    expect![[r#"
        long: transcribe ready
    "#]]
    .assert_eq(&ends(&bench));
    bench.run(&["run"]).await.expect_code(0);
    expect![[r#"
        long: transcribe skipped no_speech, WAV with mu-law: silent
    "#]]
    .assert_eq(&ends(&bench));
}

#[tokio::test]
async fn without_ffmpeg_a_call_waits_for_it() {
    let bench = bench("").await;
    put(&bench, "gsm.wav", fixture("gsm610.wav"));
    bench.run(&["run"]).await.expect_code(0);
    expect![[r#"
        gsm: transcribe parked unsupported
    "#]]
    .assert_eq(&ends(&bench));
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), 0);
    let reason = text(&bench, "SELECT failure_reason FROM recording_fetch_status");
    assert!(
        reason.contains("GSM") && reason.contains("ffmpeg"),
        "{reason}"
    );
    if !has_ffmpeg() {
        println!("left out, since there is no ffmpeg: what it converts is bought");
        return;
    }
    bench.run(&["calls", "retry"]).await.expect_code(0);
    run_with_path(&bench, &["run"]).await.expect_code(0);
    expect![[r#"
        gsm: transcribe skipped no_speech, WAV with GSM 6.10: speech
    "#]]
    .assert_eq(&ends(&bench));
    assert_eq!(bench.bought_most(System::Deepgram), 1);
}

#[tokio::test]
async fn what_nobody_speaks_on_is_not_bought_unless_that_is_wanted() {
    let bench = bench("").await;
    put(&bench, "a.wav", silence(90));
    put(&bench, "b.wav", silence(100));
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), 0);
    expect![[r#"
        a: transcribe skipped no_speech, WAV with mu-law: silent
        b: transcribe skipped no_speech, WAV with mu-law: silent
    "#]]
    .assert_eq(&ends(&bench));
    let status = bench.run(&["status"]).await.expect_code(0);
    let line = status
        .stdout
        .lines()
        .find(|line| line.starts_with("Not bought"));
    expect!["Not bought, because nobody speaks: 4 minutes of 2 calls, about $0.0211 saved"]
        .assert_eq(line.unwrap_or_default());

    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    bench.write(
        "callpipe.toml",
        &format!("[triage]\nenabled = false\n{configuration}"),
    );
    let redo = [
        "calls",
        "redo",
        "--from",
        "transcribe",
        "--status",
        "skipped",
    ];
    bench.run(&redo).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.sandbox.journal().purchases().len(), 2);
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE saved_usd > 0"),
        0
    );
}
