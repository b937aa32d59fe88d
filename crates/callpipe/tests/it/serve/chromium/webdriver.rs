//! The few commands of the WebDriver protocol that the tests need, as W3C and ChromeDriver document them.
//!
//! Every command has a time within which it is answered: a browser that hangs fails its test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

/// No command takes so long. Scripts that wait are ended by the driver before, with their own error.
const COMMAND_PATIENCE: Duration = Duration::from_secs(60);

/// No page needs so long to load, and none to become what a test waits for.
pub(super) const PAGE_PATIENCE: Duration = Duration::from_secs(20);

/// The key under which the protocol gives an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session: one browser with one window.
pub(super) struct WebDriver {
    client: reqwest::Client,
    /// `http://127.0.0.1:9515/session/{id}`.
    session: String,
}

/// An element of the page that is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element(String);

impl WebDriver {
    /// Has a driver start a browser.
    pub(super) async fn start(client: reqwest::Client, driver: &str, arguments: &[String]) -> Self {
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": {
                "script": milliseconds(PAGE_PATIENCE),
                "pageLoad": milliseconds(PAGE_PATIENCE),
                "implicit": milliseconds(PAGE_PATIENCE),
            },
        } } });
        let address = format!("{driver}/session");
        let started = ask(&client, Method::POST, &address, &capabilities).await;
        let started = started.unwrap_or_else(|error| panic!("no browser was started: {error}"));
        let id = started["sessionId"].as_str().unwrap();
        let session = format!("{address}/{id}");
        Self { client, session }
    }

    pub(super) async fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url })).await;
    }

    pub(super) async fn url(&self) -> String {
        let url = self.get("url").await;
        url.as_str().unwrap().to_owned()
    }

    /// The first element of a CSS selector, waited for.
    pub(super) async fn find(&self, css: &str) -> Element {
        let by = json!({ "using": "css selector", "value": css });
        let found = self.post("element", &by).await;
        Element(found[ELEMENT].as_str().unwrap().to_owned())
    }

    pub(super) async fn text(&self, element: &Element) -> String {
        let text = self.get(&format!("element/{}/text", element.0)).await;
        text.as_str().unwrap().to_owned()
    }

    pub(super) async fn click(&self, element: &Element) {
        let path = format!("element/{}/click", element.0);
        self.post(&path, &json!({})).await;
    }

    /// Presses and releases keys, one after the other, where the focus is.
    pub(super) async fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("actions", &json!({ "actions": [keyboard] }))
            .await;
    }

    /// What a script returns.
    pub(super) async fn run(&self, script: &str) -> Value {
        let script = json!({ "script": script, "args": [] });
        self.post("execute/sync", &script).await
    }

    /// What a script gives to `arguments[0]`, or why it gave nothing.
    pub(super) async fn run_until_done(&self, script: &str) -> Result<Value, String> {
        let script = json!({ "script": script, "args": [] });
        self.try_post("execute/async", &script).await
    }

    /// A command of the DevTools protocol.
    pub(super) async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let command = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", &command).await
    }

    /// The entries of a log since it was read last, each with `level` and `message`.
    pub(super) async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.post("se/log", &json!({ "type": kind })).await;
        entries.as_array().unwrap().clone()
    }

    async fn get(&self, path: &str) -> Value {
        let address = format!("{}/{path}", self.session);
        let answer = ask(&self.client, Method::GET, &address, &Value::Null).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.try_post(path, body).await;
        answer.unwrap_or_else(|error| panic!("{path} {}: {error}", shortened(&body.to_string())))
    }

    async fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let address = format!("{}/{path}", self.session);
        ask(&self.client, Method::POST, &address, body).await
    }
}

impl Drop for WebDriver {
    /// Closes the browser, also after a test that failed: it would go on without its driver, and whoever
    /// reads what the tests write would wait for it for ever.
    fn drop(&mut self) {
        let rest = self.session.strip_prefix("http://").unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or_default();
        let request =
            format!("DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let close = || {
            let mut stream = TcpStream::connect(host)?;
            stream.set_read_timeout(Some(PAGE_PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            // The answer begins when the browser is closed.
            stream.read(&mut [0; 64])
        };
        // A driver that is gone has nothing to close.
        let _closed: std::io::Result<usize> = close();
    }
}

/// The value of an answer, or the error and the message that stand in its place.
async fn ask(
    client: &reqwest::Client,
    method: Method,
    address: &str,
    body: &Value,
) -> Result<Value, String> {
    let mut request = client.request(method, address).timeout(COMMAND_PATIENCE);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let is_success = answer.status().is_success();
    let mut answer: Value = answer.json().await.map_err(|error| format!("{error:?}"))?;
    let value = answer["value"].take();
    match is_success {
        true => Ok(value),
        false => Err(format!("{}: {}", value["error"], value["message"])),
    }
}

fn milliseconds(patience: Duration) -> u64 {
    u64::try_from(patience.as_millis()).unwrap()
}

/// Enough of a text to know it by.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
