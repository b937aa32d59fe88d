//! Bodies that are held in memory: never larger than their reader allows, and never waited for
//! without end.
//!
//! Nothing is decompressed: we ask for no compressed answers, and one that comes all the same stays
//! as it is. So a limit is a limit of what is in memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use reqwest::Response;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use super::transport_failure;

/// The most of an error body that is read, in bytes.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// How long an error body may take. Its status has said the most of it.
const ERROR_BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a whole body may take from its first byte on. Silence ends sooner; this ends a body
/// that trickles. The largest that any reader allows needs a quarter of a megabyte a second.
const BODY_WAIT_MAX: Duration = Duration::from_secs(20 * 60);

const PAGE_HINT: &str =
    "see what answers at the configured endpoint: a proxy or a sign-in may stand in the way";

/// A whole body of at most `bytes_max`. One that is announced as larger is refused before any of it
/// is read.
pub async fn body(response: Response, bytes_max: usize, doing: &str) -> Outside<Bytes> {
    let announced_bytes = response.content_length().unwrap_or(0);
    if announced_bytes > bytes_max as u64 {
        return Err(too_large(bytes_max, doing));
    }
    let whole = timeout(BODY_WAIT_MAX, whole(response, bytes_max, doing));
    whole.await.unwrap_or_else(|_| {
        let message = format!("{doing}: the answer does not end");
        Err(Failure::new(FailureKind::Unavailable, message))
    })
}

/// The body of an answer that is paid for, which is never empty. Where it does not come whole, the
/// other side had worked on it, and may charge for it all the same. What is written for people, such as
/// a proxy's page or line, is from somebody else.
pub async fn paid_body(response: Response, bytes_max: usize, doing: &str) -> Outside<Bytes> {
    let body = body(response, bytes_max, doing)
        .await
        .map_err(Failure::perhaps_charged)?;
    if body.is_empty() {
        let message = format!("{doing}: the answer is empty");
        return Err(Failure::new(FailureKind::CorruptTransfer, message).perhaps_charged());
    }
    if is_for_people(&body) {
        let message = format!("{doing}: a text for people came in place of the answer");
        return Err(Failure::new(FailureKind::Unavailable, message).with_hint(PAGE_HINT));
    }
    Ok(body)
}

/// Every vendor that is paid answers with a JSON object. One that is damaged may be charged for; what is
/// text and was never JSON is not.
fn is_for_people(body: &[u8]) -> bool {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = text.trim_ascii_start();
    let is_text = || str::from_utf8(text).is_ok();
    let is_json = || serde_json::from_slice::<IgnoredAny>(text).is_ok();
    text.starts_with(b"<") || (!text.starts_with(b"{") && is_text() && !is_json())
}

async fn whole(mut response: Response, bytes_max: usize, doing: &str) -> Outside<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport_failure(error, doing))?
    {
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large(bytes_max, doing));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large(bytes_max: usize, doing: &str) -> Failure {
    let message = format!("{doing}: the answer is larger than {bytes_max} bytes");
    Failure::new(FailureKind::Rejected, message)
}

/// The beginning of an error's body, as far as it comes.
pub(super) async fn error_body(mut response: Response) -> Bytes {
    let mut body = BytesMut::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = ERROR_BODY_BYTES_MAX.saturating_sub(body.len());
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if room <= chunk.len() {
                break;
            }
        }
    };
    // What has come until then is what is wanted.
    let _ = timeout(ERROR_BODY_WAIT_MAX, reading).await;
    body.freeze()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::stream::{self, StreamExt};
    use reqwest::Body;
    use tokio::time::{Instant, sleep};

    use super::*;

    const CHUNK_BYTES: usize = 1_000;

    /// An answer whose body is chunks without end, one after each wait, and how many were taken.
    fn endless(wait: Duration) -> (Response, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let chunks = stream::repeat(()).then(move |()| {
            counter.fetch_add(1, Ordering::SeqCst);
            async move {
                sleep(wait).await;
                Ok::<_, io::Error>(Bytes::from_static(&[b'x'; CHUNK_BYTES]))
            }
        });
        let answer = http::Response::new(Body::wrap_stream(chunks));
        (Response::from(answer), taken)
    }

    fn of(text: &'static str) -> Response {
        Response::from(http::Response::new(Body::from(text)))
    }

    #[tokio::test]
    async fn a_body_is_as_large_as_allowed_and_not_a_byte_larger() {
        assert_eq!(body(of("12345"), 5, "asking").await.unwrap(), "12345");
        let failure = body(of("123456"), 5, "asking").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected);
        assert_eq!(failure.message, "asking: the answer is larger than 5 bytes");
    }

    #[tokio::test]
    async fn what_is_paid_for_is_not_empty_and_may_be_charged_where_it_is_not_whole() {
        assert_eq!(paid_body(of("12345"), 5, "asking").await.unwrap(), "12345");
        for (text, kind, message) in [
            (
                "",
                FailureKind::CorruptTransfer,
                "asking: the answer is empty",
            ),
            (
                "123456",
                FailureKind::Rejected,
                "asking: the answer is larger than 5 bytes",
            ),
        ] {
            let failure = paid_body(of(text), 5, "asking").await.unwrap_err();
            assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
            assert!(failure.perhaps_charged, "{text}");
        }
    }

    #[tokio::test]
    async fn a_text_for_people_is_no_answer_and_nobody_was_paid_for_it() {
        for text in [
            "<html>Sign in</html>",
            "\u{feff}\r\n <!DOCTYPE html>",
            "upstream connect error",
        ] {
            let failure = paid_body(of(text), 50, "asking").await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unavailable, "{text}");
            assert!(!failure.perhaps_charged, "{text}");
        }
        for text in ["{\"text\":\"<html>\"}", "{\"cut", "[]", "null"] {
            assert_eq!(paid_body(of(text), 50, "asking").await.unwrap(), text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_end_is_given_up_at_the_limit() {
        let (answer, taken) = endless(Duration::ZERO);
        let failure = body(answer, 10 * CHUNK_BYTES, "asking").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected);
        assert_eq!(taken.load(Ordering::SeqCst), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_in_time() {
        let begin = Instant::now();
        let (answer, _) = endless(Duration::from_secs(50));
        let failure = body(answer, usize::MAX, "asking").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!(begin.elapsed(), BODY_WAIT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn of_an_error_its_beginning_is_enough() {
        let (answer, taken) = endless(Duration::ZERO);
        assert_eq!(error_body(answer).await.len(), ERROR_BODY_BYTES_MAX);
        assert_eq!(
            taken.load(Ordering::SeqCst),
            ERROR_BODY_BYTES_MAX.div_ceil(CHUNK_BYTES)
        );
        let (trickle, _) = endless(Duration::from_secs(4));
        assert_eq!(error_body(trickle).await.len(), 2 * CHUNK_BYTES);
    }
}
