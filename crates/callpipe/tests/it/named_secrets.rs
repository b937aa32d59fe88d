//! Values of the configuration that are kept in Secret Manager.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Bench, unlimited, world};

/// A server of secrets, and the paths that it was asked for.
async fn secret_manager(secrets: Vec<(String, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&asked);
    let app = Router::new().fallback(move |request: Request| {
        let path = request.uri().path().to_owned();
        paths.lock().unwrap().push(path.clone());
        let name = path.trim_start_matches("/v1/").trim_end_matches(":access");
        let found = secrets.iter().find(|(known, _)| known == name);
        let answer = match found {
            Some((name, value)) => (
                StatusCode::OK,
                json!({ "name": name, "payload": { "data": STANDARD.encode(value) } }),
            ),
            None => (
                StatusCode::FORBIDDEN,
                json!({ "error": { "code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED" } }),
            ),
        };
        async move { (answer.0, answer.1.to_string()) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), asked)
}

/// The bench's configuration with Deepgram's key, the project and a CXone secret from elsewhere.
async fn bench() -> (Bench, Arc<Mutex<Vec<String>>>) {
    let bench = Bench::new(world(61, 5), unlimited()).await;
    let credentials = bench.sandbox.credentials;
    let secret = |name: &str, value: &str| {
        (
            format!("projects/p/secrets/{name}/versions/3"),
            format!("{value}\n"),
        )
    };
    let (endpoint, asked) = secret_manager(vec![
        secret("deepgram", credentials.deepgram_api_key),
        secret("project", credentials.google_project),
        (
            "projects/p/secrets/cxone/versions/latest".into(),
            credentials.cxone_client_secret.into(),
        ),
    ])
    .await;
    let from = |name: &str| format!("{{ secret_manager = \"projects/p/secrets/{name}\" }}");
    let configuration = bench
        .configuration()
        .replace(
            &format!("\"{}\"", credentials.deepgram_api_key),
            &from("deepgram/versions/3"),
        )
        .replace(
            &format!("\"{}\"", credentials.google_project),
            &from("project/versions/3"),
        )
        .replace(
            &format!("\"{}\"", credentials.cxone_client_secret),
            &from("cxone"),
        )
        .replace(
            "[google]\n",
            &format!("[google]\nsecret_manager_endpoint = \"{endpoint}\"\n"),
        );
    bench.write("callpipe.toml", &configuration);
    (bench, asked)
}

#[tokio::test]
async fn a_run_takes_its_secrets_by_name_and_asks_for_each_once() {
    let (bench, asked) = bench().await;
    let ran = bench.run(&["run"]).await.expect_code(0);
    assert!(
        ran.stderr
            .contains("the newest version of a secret is used"),
        "{}",
        ran.stderr
    );
    let mut paths = std::mem::take(&mut *asked.lock().unwrap());
    paths.sort();
    let path = |name: &str| format!("/v1/projects/p/secrets/{name}:access");
    assert_eq!(
        paths,
        [
            path("cxone/versions/latest"),
            path("deepgram/versions/3"),
            path("project/versions/3")
        ]
    );
    bench.run(&["check"]).await.expect_code(0);
}

#[tokio::test]
async fn the_origin_is_shown_and_the_value_is_not() {
    let (bench, _) = bench().await;
    let shown = bench.run(&["config", "show"]).await.expect_code(0);
    let line = "\"(hidden)\"  [Secret Manager projects/p/secrets/project/versions/3]";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
    let credentials = bench.sandbox.credentials;
    for value in [credentials.google_project, credentials.deepgram_api_key] {
        assert!(!shown.stdout.contains(value), "{}", shown.stdout);
    }
}

#[tokio::test]
async fn an_error_names_key_secret_and_role() {
    let (bench, asked) = bench().await;
    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    let gone = configuration.replace("deepgram/versions/3", "other/versions/1");
    bench.write("callpipe.toml", &gone);
    let refused = bench.run(&["status"]).await.expect_code(3);
    for part in [
        "`transcriber.deepgram.api_key`",
        "projects/p/secrets/other/versions/1",
        "HTTP 403",
        "roles/secretmanager.secretAccessor",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    // What the environment says is not asked for elsewhere.
    asked.lock().unwrap().clear();
    let mut overridden = bench.command(&["status"]);
    overridden.env("DEEPGRAM_API_KEY", "typed");
    let overridden = crate::support::ran(overridden.output().await.unwrap()).expect_code(0);
    assert!(
        !asked
            .lock()
            .unwrap()
            .iter()
            .any(|path| path.contains("other")),
        "{}",
        overridden.stderr
    );
}

#[tokio::test]
async fn who_we_are_to_google_cannot_be_kept_there() {
    let (bench, _) = bench().await;
    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    let token = bench.sandbox.credentials.google_access_token;
    let circular = configuration.replace(
        &format!("access_token = \"{token}\""),
        "access_token = { secret_manager = \"projects/p/secrets/token/versions/1\" }",
    );
    bench.write("callpipe.toml", &circular);
    let refused = bench.run(&["status"]).await.expect_code(3);
    assert!(
        refused
            .stderr
            .contains("`google.access_token` cannot come from Secret Manager"),
        "{}",
        refused.stderr
    );
}
