//! Downloading: signed links, without our token, from known hosts only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::recording_source::{Locator, OpenRecording};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream, Stream};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::hosts::MediaHosts;
use super::kinds;
use super::reach::Reach;
use crate::http::{self, Endpoint};

/// How long the host may say nothing while a recording is downloaded.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long a recording may take to arrive. The largest that is taken needs not half of it at 20 Mbit/s;
/// one that trickles would hold its place for ever, never silent for long enough.
const ARRIVAL_MAX: Duration = Duration::from_secs(3_600);

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 3;

const DOING: &str = "downloading a recording";

/// Opens recordings by their links.
pub(super) struct Media {
    http: Client,
    hosts: MediaHosts,
    size_bytes_max: u64,
    clock: Arc<dyn Clock>,
    reach: Mutex<Reach>,
}

/// Why a recording did not open.
enum Stop {
    /// The connection broke before the first byte: another one may hold.
    Broken(Failure),
    /// Anything that the same link would answer again.
    Failed(Failure),
}

impl Media {
    pub(super) fn new(
        issuer: &Endpoint,
        hosts: MediaHosts,
        size_bytes_max: u64,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        Ok(Self {
            http: http::client(issuer, SILENCE_MAX)?,
            hosts,
            size_bytes_max,
            clock,
            reach: Mutex::default(),
        })
    }

    /// Whether the host that could not be reached last answers now, whatever it answers. Where none was
    /// out of reach, nothing is asked: the hosts are known by their links alone.
    pub(super) async fn check(&self) -> Outside<()> {
        let Some(root) = self.reach().lost().cloned() else {
            return Ok(());
        };
        let host = root.host_str().unwrap_or_default();
        let doing = format!("reaching `{host}`, which has recordings");
        let answered = self.send(Method::HEAD, &root).await;
        answered.map(drop).map_err(|error| {
            http::transport_failure(error, &doing)
                .with_hint("no call is to blame: look whether a firewall or proxy is in the way")
        })
    }

    fn reach(&self) -> MutexGuard<'_, Reach> {
        // Each change leaves it whole even if a holder panicked.
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and remembers whether its host can be reached.
    async fn send(&self, method: Method, url: &Url) -> Result<Response, reqwest::Error> {
        let sent = self.http.request(method, url.clone()).send().await;
        match &sent {
            Ok(_) => self.reach().answered(url),
            Err(_) => self.reach().failed(url),
        }
        sent
    }

    /// Begins a download, and waits for its first bytes. A connection that breaks before them is
    /// made once more at once.
    pub(super) async fn open(&self, locator: &Locator) -> Outside<OpenRecording> {
        let url = self.hosts.parse(&locator.0, DOING)?;
        let opened = match self.begin(url.clone()).await {
            Err(Stop::Broken(failure)) => {
                tracing::debug!(%failure, "trying the same link again");
                self.begin(url).await
            }
            opened => opened,
        };
        opened.map_err(|stop| match stop {
            Stop::Broken(failure) | Stop::Failed(failure) => failure,
        })
    }

    async fn begin(&self, url: Url) -> Result<OpenRecording, Stop> {
        let (url, response) = self.follow(url).await?;
        let response = http::success(response, DOING, self.clock.now())
            .await
            .map_err(|answer| Stop::Failed(refused(*answer)))?;
        let claimed = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if response.status().as_u16() != 200 || kinds::is_no_media(claimed) {
            return Err(Stop::Failed(corrupt("the answer is not a recording")));
        }
        let announced_bytes = response.content_length().unwrap_or(0);
        if announced_bytes > self.size_bytes_max {
            return Err(Stop::Failed(too_large(self.size_bytes_max)));
        }
        let kind = kinds::of(claimed, url.path());
        Ok(OpenRecording {
            content_type: kind.content_type.to_owned(),
            extension: kind.extension.to_owned(),
            bytes: in_time(at_most(self.size_bytes_max, begun(response).await?)),
        })
    }

    /// Sends the request, and again to where it is redirected. Every host is checked.
    async fn follow(&self, mut url: Url) -> Result<(Url, Response), Stop> {
        for _ in 0..=REDIRECTS_MAX {
            let response = self
                .send(Method::GET, &url)
                .await
                .map_err(|error| broken(error, DOING))?;
            if !response.status().is_redirection() {
                return Ok((url, response));
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .ok_or_else(|| Stop::Failed(corrupt("a redirect leads nowhere")))?;
            self.hosts
                .check_redirect(&url, &location, "following a redirect to a recording")
                .map_err(Stop::Failed)?;
            url = location;
        }
        Err(Stop::Failed(corrupt(&format!(
            "more than {REDIRECTS_MAX} redirects"
        ))))
    }
}

/// An error before the first byte. Who was silent for too long is not asked again at once.
fn broken(error: reqwest::Error, doing: &str) -> Stop {
    let is_timeout = error.is_timeout();
    let failure = http::transport_failure(error, doing);
    if is_timeout {
        Stop::Failed(failure)
    } else {
        Stop::Broken(failure)
    }
}

/// What a refusal of a media host means: most are about the link, and a fresh link mends them.
fn refused(answer: http::ErrorAnswer) -> Failure {
    let mut failure = answer.failure;
    failure.kind = match answer.status.as_u16() {
        // S3 answers 400 for links whose session token has ended, 403 for links that have ended.
        400 | 401 | 403 | 410 => FailureKind::CorruptTransfer,
        404 => FailureKind::Unavailable,
        _ => failure.kind,
    };
    failure
}

/// The body from its first bytes on. An empty one is no recording.
async fn begun(mut response: Response) -> Result<BoxStream<'static, Outside<Bytes>>, Stop> {
    let length_bytes = response.content_length();
    let first = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.is_empty() => {}
            Ok(Some(chunk)) => break chunk,
            Ok(None) => return Err(Stop::Failed(corrupt("the recording is empty"))),
            Err(error) => return Err(broken(error, DOING)),
        }
    };
    let rest = response.bytes_stream().map(|chunk| {
        chunk.map_err(|error| {
            corrupt("the recording did not arrive whole").with_source(error.without_url())
        })
    });
    let all = stream::once(async { Ok(first) }).chain(rest);
    Ok(whole(all, length_bytes).boxed())
}

/// The same bytes; an error at the end if they are not as many as were promised. Nothing comes
/// after an error.
pub(super) fn whole<S>(chunks: S, length_bytes: Option<u64>) -> impl Stream<Item = Outside<Bytes>>
where
    S: Stream<Item = Outside<Bytes>> + Send + 'static,
{
    let state = Some((chunks.boxed(), 0_u64));
    stream::unfold(state, move |state| async move {
        let (mut chunks, received_bytes) = state?;
        match chunks.next().await {
            Some(Ok(chunk)) => {
                let received_bytes = received_bytes + chunk.len() as u64;
                Some((Ok(chunk), Some((chunks, received_bytes))))
            }
            Some(Err(failure)) => Some((Err(failure), None)),
            None => match length_bytes {
                Some(length_bytes) if length_bytes != received_bytes => {
                    let problem =
                        format!("{received_bytes} of {length_bytes} bytes of the recording came");
                    Some((Err(corrupt(&problem)), None))
                }
                _ => None,
            },
        }
    })
}

/// The same bytes; an error in place of the first that is too many. A source that never ends must
/// not fill the archive.
fn at_most(
    size_bytes_max: u64,
    chunks: BoxStream<'static, Outside<Bytes>>,
) -> BoxStream<'static, Outside<Bytes>> {
    let state = Some((chunks, size_bytes_max));
    let bounded = stream::unfold(state, move |state| async move {
        let (mut chunks, room_bytes) = state?;
        match chunks.next().await? {
            Ok(chunk) => match room_bytes.checked_sub(chunk.len() as u64) {
                Some(room_bytes) => Some((Ok(chunk), Some((chunks, room_bytes)))),
                None => Some((Err(too_large(size_bytes_max)), None)),
            },
            Err(failure) => Some((Err(failure), None)),
        }
    });
    bounded.boxed()
}

/// The same bytes; an error where they are still coming after so long.
pub(super) fn in_time(
    chunks: BoxStream<'static, Outside<Bytes>>,
) -> BoxStream<'static, Outside<Bytes>> {
    let deadline = Instant::now() + ARRIVAL_MAX;
    let timed = stream::unfold(Some(chunks), move |chunks| async move {
        let mut chunks = chunks?;
        match timeout_at(deadline, chunks.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk, Some(chunks))),
            Err(_) => Some((Err(corrupt("the recording does not end")), None)),
        }
    });
    timed.boxed()
}

/// The call is to blame: the recording will be as large the next time.
fn too_large(size_bytes_max: u64) -> Failure {
    let message = format!("{DOING}: it is larger than {size_bytes_max} bytes");
    Failure::new(FailureKind::Rejected, message).with_hint(
        "if recordings may be as large, raise `recordings.nice_cxone.recording_size_bytes_max`",
    )
}

fn corrupt(problem: &str) -> Failure {
    Failure::new(FailureKind::CorruptTransfer, format!("{DOING}: {problem}"))
}
