//! Pages in Chromium, driven through ChromeDriver.
//!
//! Whatever a page asks for and whatever it complains about is kept, and looked at when the browser is
//! closed: a request to another host or an error in the console fails the test.

mod tests;
mod webdriver;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use self::webdriver::WebDriver;
use super::http_client;

/// Names the program `chromedriver`; without it these tests are left out.
const CHROMEDRIVER: &str = "CALLPIPE_TEST_CHROMEDRIVER";

/// Names the file `axe.min.js`; without it accessibility is not scanned.
const AXE: &str = "CALLPIPE_TEST_AXE";

/// The widths at which pages are looked at: a desk and a phone.
pub(crate) const WIDTHS: [u32; 2] = [1_280, 390];

const HEIGHT: u32 = 900;

/// So often ChromeDriver is started before a test gives up.
const STARTS_MAX: usize = 5;

/// Without these, Chromium asks hosts of its own for this and that.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
];

/// A browser with one window.
pub(crate) struct Chromium {
    driver: WebDriver,
    /// Where the pages are: `http://127.0.0.1:8377`.
    origin: String,
    _chromedriver: Child,
    _profile: tempfile::TempDir,
}

/// What a browser heard of the pages that it was shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Errors in the console: of scripts, of the policy for content, of what was not found.
    pub(crate) errors: Vec<String>,
    /// Requests to anybody else.
    pub(crate) abroad: Vec<String>,
    /// How many requests there were to the pages' own host.
    pub(crate) requests: usize,
}

impl Chromium {
    /// A browser for the pages of one host; none where no ChromeDriver is named.
    pub(crate) async fn start(origin: &str) -> Option<Self> {
        let Some(program) = std::env::var_os(CHROMEDRIVER) else {
            left_out(&format!("pages in a browser ({CHROMEDRIVER} is not set)"));
            return None;
        };
        let (process, address) = chromedriver(&program).await;
        let profile = tempfile::tempdir().unwrap();
        let driver = WebDriver::start(http_client(), &address, &arguments(profile.path())).await;
        let chromium = Self {
            driver,
            origin: origin.to_owned(),
            _chromedriver: process,
            _profile: profile,
        };
        chromium.resize(WIDTHS[0]).await;
        Some(chromium)
    }

    /// Opens a page by its path.
    pub(crate) async fn open(&self, path: &str) {
        self.driver.open(&format!("{}{path}", self.origin)).await;
    }

    /// The path and query of the page that is shown.
    pub(crate) async fn address(&self) -> String {
        let url = self.driver.url().await;
        url.strip_prefix(&self.origin).unwrap_or(&url).to_owned()
    }

    /// How many elements a CSS selector has now.
    pub(crate) async fn count(&self, css: &str) -> u64 {
        let script = format!("return document.querySelectorAll({css:?}).length");
        self.run(&script).await.as_u64().unwrap()
    }

    /// What is to be read in the first element of a CSS selector, which is waited for.
    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.driver.find(css).await;
        self.driver.text(&element).await
    }

    /// Clicks the first element of a CSS selector, which is waited for.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.driver.find(css).await;
        self.driver.click(&element).await;
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.driver.press(keys).await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.driver.run(script).await
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn wait_until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];\
             const look = () => ({expression}) ? done(true) : setTimeout(look, 20);\
             look();"
        );
        if let Err(error) = self.driver.run_until_done(&script).await {
            panic!("{expression} did not become true: {error}");
        }
    }

    /// Gives the window another width.
    pub(crate) async fn resize(&self, width: u32) {
        let size =
            json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
        let command = "Emulation.setDeviceMetricsOverride";
        self.driver.devtools(command, &size).await;
    }

    /// Shows pages in the dark, or in the light, and still.
    pub(crate) async fn prefer(&self, scheme: &str) {
        // A colour on its way from the one to the other is neither.
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        let command = "Emulation.setEmulatedMedia";
        self.driver.devtools(command, &features).await;
    }

    /// Takes pictures of the whole page at both widths, as `target/screenshots/{name}-{width}.png`, and
    /// sees to it that none is wider than the window.
    pub(crate) async fn screenshots(&self, name: &str) {
        for width in WIDTHS {
            self.resize(width).await;
            let picture = screenshots().join(format!("{name}-{width}.png"));
            std::fs::write(&picture, self.picture().await).unwrap();
            let content = self
                .run("return document.documentElement.scrollWidth")
                .await;
            assert!(
                content.as_u64() <= Some(width.into()),
                "{name} is {content} wide at {width}"
            );
        }
        self.resize(WIDTHS[0]).await;
    }

    async fn picture(&self) -> Vec<u8> {
        let driver = &self.driver;
        let metrics = driver.devtools("Page.getLayoutMetrics", &json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let how = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = driver.devtools("Page.captureScreenshot", &how).await;
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// Fails the test where the page breaks a rule of WCAG 2.2 AA that a machine can check.
    pub(crate) async fn assert_accessible(&self) {
        let violations = self.violations().await;
        let address = self.address().await;
        assert!(
            violations.is_empty(),
            "{address}:\n{}",
            violations.join("\n")
        );
    }

    /// The rules that the page breaks, each with where.
    async fn violations(&self) -> Vec<String> {
        let Some(axe) = std::env::var_os(AXE) else {
            left_out(&format!("a scan for accessibility ({AXE} is not set)"));
            return Vec::new();
        };
        let axe = std::fs::read_to_string(axe).unwrap();
        self.run(&axe).await;
        let script = "const done = arguments[0];\
            const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];\
            axe.run({ runOnly: rules }).then(\
                found => done(found.violations.map(rule => \
                    rule.id + ': ' + rule.help + rule.nodes.map(node => '\\n  ' + node.html).join(''))),\
                error => done(['axe: ' + error]));";
        let violations = self.driver.run_until_done(script).await.unwrap();
        serde_json::from_value(violations).unwrap()
    }

    /// Closes the browser. Fails the test where a page complained, or asked another host.
    pub(crate) async fn close(self) {
        self.close_after_errors(|_| false).await;
    }

    /// The same, where some errors are to be expected.
    pub(crate) async fn close_after_errors(self, is_expected: impl Fn(&str) -> bool) {
        let mut heard = self.heard().await;
        heard.errors.retain(|error| !is_expected(error));
        assert_eq!((&heard.errors, &heard.abroad), (&Vec::new(), &Vec::new()));
        assert!(heard.requests > 0, "no request was seen at all");
    }

    /// What was heard since the beginning, or since this was asked.
    async fn heard(&self) -> Heard {
        let mut heard = Heard::default();
        for entry in self.driver.log("browser").await {
            if entry["level"] == "SEVERE" {
                heard
                    .errors
                    .push(entry["message"].as_str().unwrap().to_owned());
            }
        }
        for entry in self.driver.log("performance").await {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let event = &event["message"];
            if event["method"] == "Network.requestWillBeSent" {
                let url = &event["params"]["request"]["url"];
                self.sort_request(&mut heard, url.as_str().unwrap());
            }
        }
        heard
    }

    fn sort_request(&self, heard: &mut Heard, url: &str) {
        let is_here = url
            .strip_prefix(&self.origin)
            .is_some_and(|path| path.starts_with('/'));
        // The browser's own first page is part of the program.
        let is_no_request = ["data:", "blob:", "about:", "chrome:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if is_here {
            heard.requests += 1;
        } else if !is_no_request {
            heard.abroad.push(url.to_owned());
        }
    }
}

/// Starts ChromeDriver on a port of its choice, which another program may take before it does.
async fn chromedriver(program: &std::ffi::OsStr) -> (Child, String) {
    for _ in 0..STARTS_MAX {
        let mut process = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        if let Some(port) = port(lines).await {
            return (process, format!("http://127.0.0.1:{port}"));
        }
    }
    panic!("chromedriver did not start");
}

/// The port that ChromeDriver says it listens at; none where it ends before.
async fn port(mut lines: Lines<BufReader<ChildStdout>>) -> Option<String> {
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            // Whoever stops reading would stop a program that goes on writing.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(port.trim_end_matches('.').to_owned());
        }
    }
    None
}

fn arguments(profile: &Path) -> Vec<String> {
    let mut arguments = ARGUMENTS.map(String::from).to_vec();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments
}

/// Where pictures go: below the workspace's `target`.
fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Says what was not tried.
#[allow(clippy::print_stderr, reason = "whoever runs the tests is to see it")]
fn left_out(what: &str) {
    eprintln!("left out: {what}");
}
