//! Sound over the whole router, from a real archive.

use http::StatusCode;

use super::*;
use crate::server::testing::{Answer, Bench, closed_access, open_access};

mod waveform;

const PATH: &str = "/calls/700123/audio/1";

/// A WAV with 16 bits, one channel and 8,000 samples a second, which grows louder.
fn wav(frames: u32) -> Vec<u8> {
    let data_bytes = frames * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((data_bytes + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(data_bytes.to_le_bytes());
    let level = |frame: u32| (u64::from(frame) * 32_767 / u64::from(frames)) as i16;
    bytes.extend((0..frames).flat_map(|frame| level(frame).to_le_bytes()));
    bytes
}

async fn get(bench: &Bench, range: &str) -> Answer {
    bench.get(PATH, &[("range", range)]).await
}

#[tokio::test]
async fn a_player_gets_the_parts_that_it_asks_for() {
    let bench = Bench::new(open_access()).await;
    // More than a chunk of the archive.
    let bytes = wav(300_000);
    let recording = bench.add_call("700123", &bytes, "voice-only.wav").await;
    let whole = bench.get(PATH, &[]).await;
    assert_eq!((whole.status, &whole.body), (StatusCode::OK, &bytes));
    assert_eq!(
        whole.header("content-type"),
        "audio/wav",
        "what it is, not what it is called"
    );
    assert_eq!(whole.header("content-length"), bytes.len().to_string());
    assert_eq!(whole.header("content-disposition"), "inline");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("cache-control"), "private, no-cache");
    assert_eq!(whole.header("etag"), format!("\"{}\"", recording.sha256));
    let size = bytes.len();
    for (range, from, until) in [
        ("bytes=0-", 0, size),
        ("bytes=0-0", 0, 1),
        ("bytes=262143-262144", 262_143, 262_145),
        ("bytes=-7", size - 7, size),
        ("bytes=599000-99999999", 599_000, size),
    ] {
        let part = get(&bench, range).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.body, bytes[from..until], "{range}");
        let expected = format!("bytes {from}-{}/{size}", until - 1);
        assert_eq!(part.header("content-range"), expected);
        assert_eq!(part.header("content-length"), (until - from).to_string());
    }
    let beyond = get(&bench, &format!("bytes={size}-")).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
    assert!(beyond.body.is_empty());
    for nonsense in ["bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=a-"] {
        assert_eq!(
            get(&bench, nonsense).await.status,
            StatusCode::OK,
            "{nonsense}"
        );
    }
}

#[tokio::test]
async fn heads_and_known_sound_have_no_bytes_and_nobody_listened() {
    let bench = Bench::new(open_access()).await;
    let bytes = wav(100);
    bench.add_call("700123", &bytes, "voice-only.wav").await;
    let head = crate::server::testing::request("HEAD", PATH, &[("range", "bytes=0-1")], "");
    let head = bench.send(head).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    assert!(head.body.is_empty());
    let tag = head.header("etag").to_owned();
    let known = bench.get(PATH, &[("if-none-match", &tag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let listened = bench.folder.path().join("listened.jsonl");
    assert!(!listened.exists());
    let changed = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
    assert_eq!(bench.get(PATH, &changed).await.status, StatusCode::OK);
    let same = [("range", "bytes=0-1"), ("if-range", &*tag)];
    assert_eq!(
        bench.get(PATH, &same).await.status,
        StatusCode::PARTIAL_CONTENT
    );
    let text = std::fs::read_to_string(listened).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("\"visitor\":\"ada\""), "{text}");
    let metrics = bench.get("/metrics", &[]).await.text();
    let served = format!("callpipe_browser_audio_bytes_total {}", bytes.len() + 2);
    assert!(metrics.contains(&served), "{metrics}");
}

#[tokio::test]
async fn audio_that_others_stored_is_found_by_its_address_and_nothing_else_is() {
    let bench = Bench::new(open_access()).await;
    let bytes = wav(4_000);
    let recording = bench.add_call("700123", &bytes, "voice-only.wav").await;
    let archive = bench.app.archive.base_uri().to_owned();
    std::fs::write(bench.folder.path().join("archive/secret"), &bytes).unwrap();
    let set_address = |address: &str| {
        let database = rusqlite::Connection::open(bench.folder.path().join("callpipe.db")).unwrap();
        let sql = "UPDATE recording_fetch_status SET recordings = NULL, gcs_uri = ?1";
        assert_eq!(database.execute(sql, [address]).unwrap(), 1);
    };
    for elsewhere in [
        format!("{archive}/secret"),
        format!("{archive}/recordings/../secret"),
        format!("{archive}/recordings/700124_voice-only.wav"),
        format!("file:///elsewhere/{}", recording.key),
        "/etc/passwd".to_owned(),
        String::new(),
    ] {
        set_address(&elsewhere);
        let page = bench.get("/calls/700123", &[]).await;
        assert!(page.status == StatusCode::OK && !page.text().contains("<audio"));
        assert_eq!(
            bench.get(PATH, &[]).await.status,
            StatusCode::NOT_FOUND,
            "{elsewhere}"
        );
    }
    set_address(&format!("{archive}/{}", recording.key));
    for _ in 0..2 {
        let whole = bench.get(PATH, &[]).await;
        assert_eq!((whole.status, &whole.body), (StatusCode::OK, &bytes));
        assert_eq!(whole.header("etag"), format!("\"{}\"", recording.sha256));
    }
    let page = bench.get("/calls/700123", &[]).await.text();
    assert!(page.contains("<audio"), "{page}");
    let waveform = bench.get("/calls/700123/waveform/1?widths=2", &[]).await;
    assert_eq!(waveform.status, StatusCode::OK);
}

#[tokio::test]
async fn only_recordings_of_calls_that_exist_are_there() {
    let bench = Bench::new(open_access()).await;
    bench.add_call("700123", &wav(10), "voice-only.wav").await;
    let odd = "../x/ü%\"<'";
    bench.add_call(odd, &wav(20), "voice-only.wav").await;
    std::fs::write(bench.folder.path().join("archive/secret"), "x").unwrap();
    for path in [
        "/calls/700123/audio/0",
        "/calls/700123/audio/2",
        "/calls/700123/audio/-1",
        "/calls/700123/audio/99999999999999999999999",
        "/calls/700123/audio/1.wav",
        "/calls/700124/audio/1",
        "/calls/%20/audio/1",
        "/calls/%00/audio/1",
        "/calls/..%2F..%2Fsecret/audio/1",
        "/calls/recordings%2F700123_voice-only.wav/audio/1",
        "/calls/700123%27%20OR%201=1/audio/1",
        "/calls/../secret/audio/1",
        "/calls//audio/1",
    ] {
        assert_eq!(
            bench.get(path, &[]).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let path = "/calls/..%2Fx%2F%C3%BC%25%22%3C'/audio/1";
    assert_eq!(bench.get(path, &[]).await.body, wav(20));
}

#[tokio::test]
async fn what_is_no_sound_or_is_gone_is_not_sent() {
    let bench = Bench::new(open_access()).await;
    bench
        .add_call(
            "700123",
            b"<!doctype html><script>alert(1)</script>",
            "x.mp4",
        )
        .await;
    assert_eq!(bench.get(PATH, &[]).await.status, StatusCode::NOT_FOUND);
    let gone = bench.add_call("2", &wav(10), "voice-only.wav").await;
    bench.app.archive.delete(&gone.key).await.unwrap();
    let page = bench.get("/calls/2/audio/1", &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let cut = bench.add_call("3", &wav(5_000), "voice-only.wav").await;
    let path = bench.folder.path().join("archive").join(cut.key.as_str());
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(9_000).unwrap();
    let page = bench.get("/calls/3/audio/1", &[]).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().contains("Reference"));
    for recording in [&gone, &cut] {
        assert!(!matches!(peaks(&bench.app, recording).await, Ok(Some(_))));
    }
}

#[tokio::test]
async fn without_a_record_of_who_listens_nothing_is_played() {
    let bench = Bench::new(open_access()).await;
    bench.add_call("700123", &wav(10), "voice-only.wav").await;
    std::fs::create_dir(bench.folder.path().join("listened.jsonl")).unwrap();
    let page = bench.get(PATH, &[]).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn strangers_hear_nothing() {
    let bench = Bench::new(closed_access(false)).await;
    bench.add_call("700123", &wav(10), "voice-only.wav").await;
    assert_eq!(bench.get(PATH, &[]).await.status, StatusCode::SEE_OTHER);
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-dest", "audio"),
    ];
    assert_eq!(
        bench.get(PATH, &foreign).await.status,
        StatusCode::FORBIDDEN
    );
}

/// IMA ADPCM in a WAV is decoded here, and browsers do not play it.
fn adpcm(blocks: u32) -> Vec<u8> {
    let data_bytes = blocks * 256;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((data_bytes + 52).to_le_bytes());
    bytes.extend(b"WAVEfmt \x14\0\0\0\x11\0\x01\0");
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(4_055_u32.to_le_bytes());
    bytes.extend(b"\0\x01\x04\0\x02\0\xf9\x01fact\x04\0\0\0");
    bytes.extend((blocks * 505).to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data_bytes.to_le_bytes());
    for block in 0..blocks {
        bytes.extend([0, 0, 40, 0]);
        bytes.extend((0..252).map(|at| (at as u8).wrapping_mul(37).wrapping_add(block as u8)));
    }
    bytes
}

#[tokio::test]
async fn what_browsers_do_not_play_is_converted_once() {
    let bench = Bench::new(open_access()).await;
    let recording = bench
        .add_call("700123", &adpcm(400), "voice-only.wav")
        .await;
    let whole = bench.get(PATH, &[]).await;
    assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
    assert_eq!(whole.header("content-type"), "audio/wav");
    assert_eq!(
        whole.header("etag"),
        format!("\"{}-wav\"", recording.sha256)
    );
    assert_eq!(&whole.body[..4], b"RIFF");
    assert_eq!(
        whole.body[20..24],
        [1, 0, 1, 0],
        "plain samples of one channel"
    );
    assert!(whole.body.len() > 400 * 500 * 2);
    let part = get(&bench, "bytes=70000-70999").await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body, whole.body[70_000..71_000]);
    // The second time it is there already: the archive may be gone.
    bench.app.archive.delete(&recording.key).await.unwrap();
    assert_eq!(
        get(&bench, "bytes=-5").await.body,
        whole.body[whole.body.len() - 5..]
    );
}

#[tokio::test]
async fn peaks_are_measured_once_however_many_ask() {
    let bench = Bench::new(open_access()).await;
    let recording = bench
        .add_call("700123", &wav(80_000), "voice-only.wav")
        .await;
    let asked = (0..20).map(|_| peaks(&bench.app, &recording));
    let found = futures::future::join_all(asked).await;
    let first = found[0].as_ref().unwrap().as_ref().unwrap();
    assert_eq!(first.duration_s, 10.0);
    assert_eq!(first.channels.len(), 1);
    assert_eq!(first.channels[0].len(), super::peaks::COLUMNS_MAX);
    assert!(first.channels[0].is_sorted() && first.channels[0].last() == Some(&255));
    for other in &found {
        assert_eq!(other.as_ref().unwrap().as_ref(), Some(first));
    }
    bench.app.archive.delete(&recording.key).await.unwrap();
    let kept = peaks(&bench.app, &recording).await.unwrap();
    assert_eq!(kept.as_ref(), Some(first));
    assert!(bench.app.sounds.at_work.lock().unwrap().len() <= 1);
    let left = std::fs::read_dir(bench.app.sounds.folder.path()).unwrap();
    assert_eq!(left.count(), 0, "passing files are gone");
}

#[tokio::test]
async fn sound_that_cannot_be_decoded_has_no_peaks() {
    let bench = Bench::new(open_access()).await;
    for (id, bytes) in [
        ("1", &b"RIFF\x24\0\0\0WAVEfmt "[..]),
        ("2", b"fLaC\0\0\0\x22zzzz"),
    ] {
        let recording = bench.add_call(id, bytes, "voice-only.wav").await;
        assert_eq!(peaks(&bench.app, &recording).await.unwrap(), None, "{id}");
    }
}
