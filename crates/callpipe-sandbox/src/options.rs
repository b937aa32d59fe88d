//! What can be set on a sandbox, and the credentials that it accepts.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Fixed credentials that are good for a sandbox and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// The OAuth client.
    pub cxone_client_id: &'static str,
    /// Its secret.
    pub cxone_client_secret: &'static str,
    /// The user's access key.
    pub cxone_access_key_id: &'static str,
    /// Its secret; like real ones it ends in signs that a form must encode.
    pub cxone_access_key_secret: &'static str,
    /// The tenant that tokens name.
    pub cxone_tenant_id: &'static str,
    /// The key of the speech service.
    pub deepgram_api_key: &'static str,
    /// The key of the server with OpenAI's API.
    pub openai_api_key: &'static str,
    /// A bearer token that is always good; more come from the fake of Google's sign-in.
    pub google_access_token: &'static str,
    /// The only project.
    pub google_project: &'static str,
    /// The only bucket.
    pub google_bucket: &'static str,
}

/// The credentials of every sandbox.
pub const CREDENTIALS: Credentials = Credentials {
    cxone_client_id: "sandbox-client@callpipe",
    cxone_client_secret: "sandbox-client-secret/+=",
    cxone_access_key_id: "SANDBOXACCESSKEY====",
    cxone_access_key_secret: "SANDBOXACCESSSECRET====",
    cxone_tenant_id: "11eb0000-5a4d-4b0c-8000-0242ac110002",
    deepgram_api_key: "sandbox-deepgram-key",
    openai_api_key: "sandbox-openai-key",
    google_access_token: "sandbox-google-token",
    google_project: "sandbox-project",
    google_bucket: "sandbox-calls",
};

/// Tells the fakes the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// A clock that asks this function.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// The computer's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where a sandbox meets real time"
    )]
    pub fn system() -> Clock {
        Clock::new(Utc::now)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Clock({})", self.now())
    }
}

/// How long an answer takes: the base, and up to the jitter more, by the seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Always.
    pub base_ms: u64,
    /// At most this much more.
    pub jitter_ms: u64,
}

/// How long each system takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latencies {
    /// CXone.
    pub nice_cxone: Latency,
    /// Downloads.
    pub media: Latency,
    /// Deepgram.
    pub deepgram: Latency,
    /// Gemini.
    pub gemini: Latency,
    /// The server with OpenAI's API.
    pub openai: Latency,
}

/// Where the fakes listen on 127.0.0.1; 0 takes any free port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// CXone.
    pub nice_cxone: u16,
    /// The media host.
    pub media: u16,
    /// Deepgram.
    pub deepgram: u16,
    /// Gemini and Google's sign-in.
    pub gemini: u16,
    /// Cloud Storage.
    pub storage: u16,
    /// The server with OpenAI's API.
    pub openai: u16,
}

/// How a sandbox behaves while nothing goes wrong.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where it listens.
    pub ports: Ports,
    /// How slow it is.
    pub latencies: Latencies,
    /// What time it is.
    pub clock: Clock,
    /// Life of CXone's access tokens.
    pub cxone_token_expires_in_s: i64,
    /// Playback requests that the account may make in one window.
    pub cxone_requests_max: usize,
    /// Length of that window, which trails every request.
    pub cxone_window_ms: i64,
    /// The most contacts in one page of a report.
    pub contacts_per_page_max: usize,
    /// Whether reports come in the old envelope `resultSet`.
    pub contacts_in_result_set: bool,
    /// Life of a recording's signed address.
    pub media_url_expires_in_s: i64,
    /// The media type that downloads claim; otherwise the recording's own.
    pub media_content_type: Option<String>,
    /// Deepgram requests that the project may have at once.
    pub deepgram_in_flight_max: usize,
    /// Whether each contact's number is heard at the end of its call, so that no two conversations
    /// are the same although recordings of the corpus are.
    pub contacts_say_their_number: bool,
    /// Life of the tokens from the fake of Google's sign-in.
    pub google_token_expires_in_s: i64,
    /// Models whose name starts so are retired.
    pub gemini_retired_models: Vec<String>,
    /// The models of the server with OpenAI's API.
    pub openai_models: Vec<String>,
    /// The most objects in one page of a bucket's list.
    pub storage_objects_per_page_max: usize,
}

impl Default for SandboxOptions {
    /// The vendors' documented limits, any free ports, and no latency.
    fn default() -> SandboxOptions {
        SandboxOptions {
            ports: Ports::default(),
            latencies: Latencies::default(),
            clock: Clock::system(),
            cxone_token_expires_in_s: 3_600,
            cxone_requests_max: 150,
            cxone_window_ms: 300_000,
            contacts_per_page_max: 10_000,
            contacts_in_result_set: false,
            media_url_expires_in_s: 300,
            media_content_type: None,
            deepgram_in_flight_max: 10,
            contacts_say_their_number: false,
            google_token_expires_in_s: 3_600,
            gemini_retired_models: vec!["gemini-1.".to_owned(), "gemini-2.".to_owned()],
            openai_models: vec!["sandbox-large".to_owned(), "sandbox-small".to_owned()],
            storage_objects_per_page_max: 1_000,
        }
    }
}
