//! That the browser notices what it is there to notice.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

use super::{Chromium, screenshots};

const GOOD: &str = r#"<!doctype html><html lang="en"><head><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><h1>A page</h1><p id="key">none</p><p id="later"></p></main>
<script>
document.addEventListener('keydown', event => document.getElementById('key').textContent = event.key);
setTimeout(() => document.getElementById('later').textContent = 'now', 50);
</script></body></html>"#;

const BAD: &str = r#"<!doctype html><html><head><title>A page</title><link rel="icon" href="data:,"></head>
<body><img src="http://127.0.0.1:9/pixel.png"><img src="/missing.png">
<script>undefinedFunction();</script></body></html>"#;

/// Serves both pages; gives where.
async fn pages() -> String {
    let routes = Router::new()
        .route("/good", get(Html(GOOD)))
        .route("/bad", get(Html(BAD)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn a_page_is_opened_waited_for_and_pictured() {
    let Some(chromium) = Chromium::start(&pages().await).await else {
        return;
    };
    chromium.open("/good?a=b").await;
    assert_eq!(chromium.address().await, "/good?a=b");
    assert_eq!(
        (
            chromium.text("h1").await.as_str(),
            chromium.count("p").await
        ),
        ("A page", 2)
    );
    chromium
        .wait_until("document.getElementById('later').textContent === 'now'")
        .await;
    chromium.press("j").await;
    assert_eq!(chromium.text("#key").await, "j");
    chromium.assert_accessible().await;
    chromium.screenshots("support").await;
    for width in super::WIDTHS {
        let picture = screenshots().join(format!("support-{width}.png"));
        let bytes = std::fs::read(&picture).unwrap();
        let pictured = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
        assert_eq!((&bytes[1..4], pictured), (&b"PNG"[..], width));
        std::fs::remove_file(picture).unwrap();
    }
    chromium.close().await;
}

#[tokio::test]
async fn a_page_that_asks_others_complains_or_shuts_people_out_is_noticed() {
    let origin = pages().await;
    let Some(chromium) = Chromium::start(&origin).await else {
        return;
    };
    chromium.open("/bad").await;
    if std::env::var_os(super::AXE).is_some() {
        let violations = chromium.violations().await.join("\n");
        assert!(
            violations.contains("image-alt") && violations.contains("html-has-lang"),
            "{violations}"
        );
    }
    let heard = chromium.heard().await;
    let errors = heard.errors.join("\n");
    assert!(
        errors.contains("undefinedFunction") && errors.contains("/missing.png"),
        "{errors}"
    );
    assert_eq!(
        (heard.abroad, heard.requests),
        (vec!["http://127.0.0.1:9/pixel.png".to_owned()], 2)
    );
    assert_eq!(chromium.heard().await, super::Heard::default());
}
