//! A bare client: for each call the requests and file writes of the pipeline, as many at once, and
//! nothing else: no state, no hashes, no reading of answers but for the address of the recording.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use callpipe_core::taxonomy::{Taxonomy, prompt, schema};
use callpipe_sandbox::CREDENTIALS;
use clap::Parser;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// The query that the program sends to Deepgram.
const LISTEN_QUERY: &str = "model=nova-3&smart_format=true&utterances=true&multichannel=true\
    &diarize_model=latest&diarize=true&language=en&summarize=v2&topics=true&intents=true&sentiment=true";

/// Where and how many.
#[derive(Debug, Parser)]
pub(crate) struct BareOptions {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    in_flight: usize,
}

struct Client {
    http: reqwest::Client,
    cxone: String,
    deepgram: String,
    gemini: String,
    token: String,
    question: Bytes,
    folder: PathBuf,
}

/// Takes all contacts of the folder through three stages.
#[tokio::main]
pub(crate) async fn run(options: &BareOptions) {
    callpipe_connectors::http::choose_cryptography();
    let client = Arc::new(client(options).await);
    let contacts = fs::read_to_string(options.folder.join("contacts.csv")).unwrap();
    let ids: Vec<String> = contacts
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    let (fetched, to_transcribe) = mpsc::channel(64);
    let (transcribed, to_classify) = mpsc::channel(64);
    let fetch = {
        let (client, in_flight) = (Arc::clone(&client), options.in_flight);
        tokio::spawn(async move {
            let work = |id: String| {
                let (client, fetched) = (Arc::clone(&client), fetched.clone());
                async move {
                    client.fetch(&id).await;
                    fetched.send(id).await.unwrap();
                }
            };
            stream::iter(ids)
                .map(|id| tokio::spawn(work(id)))
                .for_each_concurrent(in_flight, joined)
                .await;
        })
    };
    let transcribe = {
        let (client, in_flight) = (Arc::clone(&client), options.in_flight.min(10));
        tokio::spawn(async move {
            let work = |id: String| {
                let (client, transcribed) = (Arc::clone(&client), transcribed.clone());
                async move {
                    client.transcribe(&id).await;
                    transcribed.send(id).await.unwrap();
                }
            };
            received(to_transcribe)
                .map(|id| tokio::spawn(work(id)))
                .for_each_concurrent(in_flight, joined)
                .await;
        })
    };
    let classify = {
        let (client, in_flight) = (Arc::clone(&client), options.in_flight.min(10));
        tokio::spawn(async move {
            let work = |id: String| {
                let client = Arc::clone(&client);
                async move { client.classify(&id).await }
            };
            received(to_classify)
                .map(|id| tokio::spawn(work(id)))
                .for_each_concurrent(in_flight, joined)
                .await;
        })
    };
    for stage in [fetch, transcribe, classify] {
        stage.await.unwrap();
    }
}

fn received(receiver: mpsc::Receiver<String>) -> impl stream::Stream<Item = String> {
    stream::unfold(receiver, |mut receiver| async {
        Some((receiver.recv().await?, receiver))
    })
}

async fn joined(task: tokio::task::JoinHandle<()>) {
    task.await.unwrap();
}

async fn client(options: &BareOptions) -> Client {
    let urls = fs::read_to_string(options.folder.join("urls.txt")).unwrap();
    let [cxone, deepgram, gemini]: [&str; 3] = urls.lines().collect::<Vec<_>>().try_into().unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .build()
        .unwrap();
    let form = [
        ("grant_type", "password"),
        ("username", CREDENTIALS.cxone_access_key_id),
        ("password", CREDENTIALS.cxone_access_key_secret),
    ];
    let answer = http
        .post(format!("{cxone}/auth/token"))
        .basic_auth(
            CREDENTIALS.cxone_client_id,
            Some(CREDENTIALS.cxone_client_secret),
        )
        .form(&form)
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    for folder in ["recordings", "replies", "transcripts"] {
        fs::create_dir_all(options.folder.join("data").join(folder)).unwrap();
    }
    Client {
        http,
        cxone: cxone.to_owned(),
        deepgram: format!("{deepgram}/v1/listen?{LISTEN_QUERY}"),
        gemini: format!(
            "{gemini}/v1/projects/{}/locations/global/publishers/google/models/gemini-3.5-flash-lite:generateContent",
            CREDENTIALS.google_project
        ),
        token: answer["access_token"].as_str().unwrap().to_owned(),
        question: question(),
        folder: options.folder.join("data"),
    }
}

/// A request as long as the program's.
fn question() -> Bytes {
    let taxonomy = Taxonomy::built_in();
    let line = "Agent: Good morning, parts counter, how can I help you with your machine today?\n";
    let request = json!({
        "systemInstruction": { "parts": [{ "text": prompt::instruction(&taxonomy) }] },
        "contents": [{ "role": "user", "parts": [{ "text": prompt::question(&line.repeat(15)) }] }],
        "generationConfig": {
            "maxOutputTokens": 2048,
            "responseMimeType": "application/json",
            "responseJsonSchema": schema::schema(&taxonomy),
        },
    });
    serde_json::to_vec(&request).unwrap().into()
}

impl Client {
    async fn fetch(&self, id: &str) {
        let url = format!(
            "{}/media-playback/v1/contacts?acd-call-id={id}&media-type=voice-only&exclude-waveforms=true",
            self.cxone
        );
        let answer = self
            .http
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        let answer = answer.error_for_status().unwrap().text().await.unwrap();
        let (_, rest) = answer.split_once("\"fileToPlayUrl\":\"").unwrap();
        let (link, _) = rest.split_once('"').unwrap();
        let audio = self.http.get(link).send().await.unwrap();
        let audio = audio.error_for_status().unwrap().bytes().await.unwrap();
        self.write(format!("recordings/{id}.mp4"), audio).await;
    }

    async fn transcribe(&self, id: &str) {
        let path = self.folder.join(format!("recordings/{id}.mp4"));
        let audio = tokio::fs::read(path).await.unwrap();
        let answer = self
            .http
            .post(&self.deepgram)
            .header(
                "authorization",
                format!("Token {}", CREDENTIALS.deepgram_api_key),
            )
            .header("content-type", "audio/mp4")
            .body(audio)
            .send()
            .await
            .unwrap();
        let reply = answer.error_for_status().unwrap().bytes().await.unwrap();
        // The program keeps the reply compressed and a transcript of about this size.
        let kept = reply.slice(..reply.len() / 10);
        self.write(format!("replies/{id}.deepgram"), kept).await;
        let transcript = reply.slice(..reply.len() / 4);
        self.write(format!("transcripts/{id}.json"), transcript)
            .await;
    }

    async fn classify(&self, id: &str) {
        let answer = self
            .http
            .post(&self.gemini)
            .bearer_auth(CREDENTIALS.google_access_token)
            .header("content-type", "application/json")
            .body(self.question.clone())
            .send()
            .await
            .unwrap();
        let reply = answer.error_for_status().unwrap().bytes().await.unwrap();
        self.write(format!("replies/{id}.gemini"), reply).await;
    }

    /// Under another name first, and on the disk when it returns, as the program does it.
    async fn write(&self, name: String, bytes: Bytes) {
        let path = self.folder.join(&name);
        let written = tokio::task::spawn_blocking(move || write(&path, &bytes));
        written.await.unwrap();
    }
}

fn write(path: &Path, bytes: &[u8]) {
    let staged = path.with_extension("staged");
    let mut file = File::create(&staged).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
    fs::rename(&staged, path).unwrap();
    File::open(path.parent().unwrap())
        .unwrap()
        .sync_all()
        .unwrap();
}
