//! A sandbox with a clock that the test moves, and the requests that most tests make.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::testing::{corpus, now};
use crate::{CREDENTIALS, Clock, Contact, NoRecordingForm, Sandbox, SandboxOptions, World};

pub(super) const LITE: &str = "gemini-3.5-flash-lite";
const ALL_FEATURES: &str = "model=nova-3&smart_format=true&utterances=true&diarize_model=latest\
    &multichannel=true&summarize=v2&topics=true&intents=true&sentiment=true";

/// A running sandbox and what a client needs to talk to it.
pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    pub(super) client: Client,
    passed_s: Arc<AtomicI64>,
}

/// Contact 101 is a sale, 102 a complaint, 103 silent, 104 a child with a chat; the others have
/// nothing to play.
pub(super) fn contacts() -> Vec<Contact> {
    let at = |minutes: i64| now() - TimeDelta::minutes(minutes);
    vec![
        Contact::recorded("101", at(90), &["sale"]),
        Contact::recorded("102", at(80), &["complaint"]),
        Contact::recorded("103", at(70), &["silent"]),
        Contact::recorded("104", at(60), &["complaint", "sale"])
            .with_master("904")
            .with_chat(),
        Contact::without_recording("201", at(50), NoRecordingForm::Status404),
        Contact::without_recording("202", at(40), NoRecordingForm::EmptyList),
        Contact::without_recording("203", at(30), NoRecordingForm::NullList),
        Contact::without_recording("204", at(20), NoRecordingForm::NoUrl),
        Contact::not_found("301", at(10)),
    ]
}

pub(super) async fn bench() -> Bench {
    bench_with(SandboxOptions::default()).await
}

pub(super) async fn bench_with(options: SandboxOptions) -> Bench {
    bench_of(World::exact(corpus(), 1, contacts()), options).await
}

pub(super) async fn bench_of(world: World, options: SandboxOptions) -> Bench {
    let passed_s = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&passed_s);
    let clock = Clock::new(move || now() + TimeDelta::seconds(clock.load(Ordering::SeqCst)));
    let sandbox = Sandbox::start(world, SandboxOptions { clock, ..options })
        .await
        .unwrap();
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // A kept connection that a fault resets would be retried by the client itself.
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    Bench {
        sandbox,
        client,
        passed_s,
    }
}

impl Bench {
    pub(super) fn pass_s(&self, seconds: i64) {
        self.passed_s.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn arm(&self, fault: &str) {
        self.sandbox.faults().arm_text(fault).unwrap();
    }

    pub(super) fn cxone(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.sandbox.nice_cxone_url))
    }

    pub(super) async fn sign_in(&self) -> String {
        let answer = self
            .client
            .post(format!("{}/auth/token", self.sandbox.nice_cxone_url))
            .basic_auth(
                CREDENTIALS.cxone_client_id,
                Some(CREDENTIALS.cxone_client_secret),
            )
            .form(&[
                ("grant_type", "password"),
                ("username", CREDENTIALS.cxone_access_key_id),
                ("password", CREDENTIALS.cxone_access_key_secret),
            ])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        body(answer).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(super) async fn metadata(&self, token: &str, id: &str) -> Response {
        let path = format!("/media-playback/v1/contacts?acd-call-id={id}&media-type=all");
        self.cxone(&path).bearer_auth(token).send().await.unwrap()
    }

    /// The signed address of the first recording of a contact.
    pub(super) async fn recording_url(&self, id: &str) -> String {
        let token = self.sign_in().await;
        let path = format!("/media-playback/v1/contacts?acd-call-id={id}&isDownload=true");
        let answer = self.cxone(&path).bearer_auth(token).send().await.unwrap();
        body(answer).await["redirectUrl"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(super) async fn download(&self, url: &str) -> Response {
        self.client.get(url).send().await.unwrap()
    }

    pub(super) fn audio(&self, contact_id: &str) -> Vec<u8> {
        let contact = self.sandbox.world().contact(contact_id).unwrap();
        let voice = (0..3).find_map(|number| self.sandbox.world().audio(contact, number));
        voice.unwrap().to_vec()
    }

    pub(super) fn listen(&self, query: &str) -> RequestBuilder {
        self.client
            .post(format!("{}/v1/listen?{query}", self.sandbox.deepgram_url))
            .header(
                "authorization",
                format!("Token {}", CREDENTIALS.deepgram_api_key),
            )
    }

    /// Transcribes a contact's recording with every feature.
    pub(super) async fn transcribe(&self, contact_id: &str) -> Response {
        let audio = self.audio(contact_id);
        self.listen(ALL_FEATURES).body(audio).send().await.unwrap()
    }

    pub(super) fn generate(&self, model: &str, request: &Value) -> RequestBuilder {
        let project = CREDENTIALS.google_project;
        self.client
            .post(format!(
                "{}/v1/projects/{project}/locations/global/publishers/google/models/{model}:generateContent",
                self.sandbox.gemini_url
            ))
            .bearer_auth(CREDENTIALS.google_access_token)
            .json(request)
    }

    /// Classifies the transcript of a call of the corpus.
    pub(super) async fn classify(&self, call_id: &str) -> Response {
        let call = corpus().call(call_id).unwrap().clone();
        let lines = call
            .turns
            .iter()
            .map(|turn| format!("{:?}: {}", turn.speaker, turn.text));
        let prompt = lines.collect::<Vec<String>>().join("\n");
        self.generate(LITE, &request(&prompt)).send().await.unwrap()
    }
}

pub(super) fn request(prompt: &str) -> Value {
    json!({
        "contents": [{ "role": "user", "parts": [{ "text": prompt }] }],
        "generationConfig": { "responseMimeType": "application/json" },
    })
}

pub(super) async fn body_text(answer: Response) -> String {
    answer.text().await.unwrap()
}

pub(super) async fn body(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Everything that the model said outside of thoughts.
pub(super) fn text_of(body: &Value) -> String {
    let parts = body["candidates"][0]["content"]["parts"]
        .as_array()
        .unwrap();
    let parts = parts.iter().filter(|part| part["thought"] != json!(true));
    parts.map(|part| part["text"].as_str().unwrap()).collect()
}
