//! Waveforms over the whole router: finer the wider they are, and nothing but drawings.

use super::*;

const PATH: &str = "/calls/700123/waveform/1";

#[tokio::test]
async fn a_wider_waveform_has_more_columns() {
    let bench = Bench::new(open_access()).await;
    bench
        .add_call("700123", &wav(300_000), "voice-only.wav")
        .await;
    let columns = |svg: &str| svg.matches("h7v").count();
    for widths in [1, 2, 4, 8] {
        let drawn = bench.get(&format!("{PATH}?widths={widths}"), &[]).await;
        assert_eq!(drawn.status, StatusCode::OK, "{widths}");
        assert_eq!(drawn.header("content-type"), "image/svg+xml");
        assert!(
            drawn
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        let svg = drawn.text();
        assert!(
            svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"),
            "{svg}"
        );
        assert_eq!(columns(&svg), widths * 1_000);
        assert!(!svg.contains("style=") && !svg.contains("<script"));
    }
    let page = bench.get("/calls/700123", &[]).await.text();
    assert_eq!(columns(&page), 1_000);
    assert!(page.contains(&format!("data-href=\"{PATH}\" data-widths=\"1 2 4 8\"")));
    assert_eq!(
        bench.get(PATH, &[]).await.text().matches("h7v").count(),
        1_000
    );
    assert!(!bench.folder.path().join("listened.jsonl").exists());
}

#[tokio::test]
async fn there_are_no_other_waveforms() {
    let bench = Bench::new(open_access()).await;
    bench.add_call("700123", &wav(10), "voice-only.wav").await;
    for path in [
        "/calls/700123/waveform/1?widths=3",
        "/calls/700123/waveform/1?widths=16",
        "/calls/700123/waveform/1?widths=-1",
        "/calls/700123/waveform/1?widths=01",
        "/calls/700123/waveform/1?widths=99999999999999999999999",
        "/calls/700123/waveform/0",
        "/calls/700123/waveform/2",
        "/calls/700123/waveform/x",
        "/calls/700124/waveform/1",
        "/calls/%20/waveform/1",
        "/calls/..%2F..%2Fsecret/waveform/1",
    ] {
        let answer = bench.get(path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_sound_is_drawn_without_lanes() {
    let bench = Bench::new(open_access()).await;
    bench
        .add_call("700123", b"no sound", "voice-only.wav")
        .await;
    let drawn = bench.get(&format!("{PATH}?widths=8"), &[]).await;
    assert_eq!(drawn.status, StatusCode::OK);
    let svg = drawn.text();
    assert!(
        svg.contains("Sound over") && !svg.contains("<path"),
        "{svg}"
    );
}

#[tokio::test]
async fn strangers_see_no_waveform() {
    let bench = Bench::new(closed_access(false)).await;
    bench.add_call("700123", &wav(10), "voice-only.wav").await;
    assert_eq!(bench.get(PATH, &[]).await.status, StatusCode::SEE_OTHER);
    let by_script = [("sec-fetch-dest", "empty")];
    assert_eq!(
        bench.get(PATH, &by_script).await.status,
        StatusCode::UNAUTHORIZED
    );
}
