//! `/calls/{contact_id}/audio/{n}`: the sound of a call, as much of it as a player asks for.

use std::ops::Range;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use callpipe_core::call::ContactId;
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::recording::Recording;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::convert::Wav;
use super::fetch::of_a_file;
use super::playable::Playable;
use super::range::{Wanted, wanted};
use crate::pages::error::PageError;
use crate::safety::Visitor;
use crate::server::App;

/// So much of a converted recording is in memory at once, in bytes.
const CHUNK_BYTES: u64 = 64 * 1024;

type Chunks = BoxStream<'static, Result<Bytes, Failure>>;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/calls/{contact_id}/audio/{n}", get(audio))
}

/// What is sent.
struct Sound {
    content_type: &'static str,
    size_bytes: u64,
    tag: String,
    source: Source,
}

enum Source {
    Archive(Box<Recording>),
    Wav(Arc<Wav>),
}

async fn audio(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    method: Method,
    headers: HeaderMap,
    path: Result<Path<(String, usize)>, PathRejection>,
) -> Result<Response, PageError> {
    let Path((contact_id, number)) = path.map_err(|_| PageError::NotFound)?;
    let contact_id = ContactId::parse(&contact_id).map_err(|_| PageError::NotFound)?;
    let recording = recording(&app, &contact_id, number).await?;
    let sound = sound(&app, recording.ok_or(PageError::NotFound)?).await?;
    let sound = sound.ok_or(PageError::NotFound)?;
    let whole = 0..sound.size_bytes;
    let (status, range) = match wanted(&headers, sound.size_bytes, &sound.tag) {
        Wanted::Known => return Ok(sound.answer(StatusCode::NOT_MODIFIED, None, None)),
        // Parts are a matter of GET alone.
        _ if method == Method::HEAD => return Ok(sound.answer(StatusCode::OK, None, Some(whole))),
        Wanted::Nothing => {
            return Ok(sound.answer(StatusCode::RANGE_NOT_SATISFIABLE, None, None));
        }
        Wanted::Whole => (StatusCode::OK, whole),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
    };
    let chunks = chunks(&app, &sound, range.clone()).await?;
    let now = app.clock.now();
    let noted = app
        .safety
        .note_listened(&visitor, contact_id.as_str(), number, now);
    noted.await?;
    Ok(sound.answer(status, Some(counted(&app, chunks)), Some(range)))
}

/// The `number`th recording of a call, from one on, if there is such a call and it has so many.
async fn recording(app: &App, contact_id: &ContactId, number: usize) -> Outside<Option<Recording>> {
    let ids = [contact_id.clone()];
    let Some(call) = app.index.calls(&ids).await?.pop() else {
        return Ok(None);
    };
    let mut recordings = app.sounds.recordings(&call).await?.into_iter();
    Ok(number
        .checked_sub(1)
        .and_then(|place| recordings.nth(place)))
}

async fn sound(app: &App, recording: Recording) -> Outside<Option<Sound>> {
    let sha256 = recording.sha256.clone();
    Ok(match app.sounds.playable(&recording).await? {
        None | Some(Playable::No) => None,
        Some(Playable::AsItIs(content_type)) => Some(Sound {
            content_type,
            size_bytes: recording.size_bytes,
            tag: format!("\"{sha256}\""),
            source: Source::Archive(Box::new(recording)),
        }),
        Some(Playable::Converted) => {
            let wav = app.sounds.converted(&recording).await?;
            wav.map(|wav| Sound {
                content_type: "audio/wav",
                size_bytes: wav.size_bytes,
                tag: format!("\"{sha256}-wav\""),
                source: Source::Wav(wav),
            })
        }
    })
}

async fn chunks(app: &App, sound: &Sound, range: Range<u64>) -> Result<Chunks, PageError> {
    match &sound.source {
        Source::Archive(recording) => {
            let part = app.archive.read_range(&recording.key, range).await?;
            let part = part.ok_or(PageError::NotFound)?;
            Ok(part.bytes)
        }
        Source::Wav(wav) => Ok(chunks_of(Arc::clone(wav), range).await?),
    }
}

async fn chunks_of(wav: Arc<Wav>, range: Range<u64>) -> Outside<Chunks> {
    let opened = async {
        let mut file = tokio::fs::File::open(wav.path()).await?;
        file.seek(std::io::SeekFrom::Start(range.start)).await?;
        Ok(file)
    };
    let file = opened
        .await
        .map_err(|error: std::io::Error| of_a_file(&error))?;
    let left_bytes = range.end - range.start;
    let chunks = stream::try_unfold(
        (file, left_bytes, wav),
        |(mut file, left_bytes, wav)| async move {
            if left_bytes == 0 {
                return Ok(None);
            }
            let mut chunk = vec![0; left_bytes.min(CHUNK_BYTES) as usize];
            let read = file.read_exact(&mut chunk).await;
            read.map_err(|error| of_a_file(&error))?;
            let left_bytes = left_bytes - chunk.len() as u64;
            Ok(Some((Bytes::from(chunk), (file, left_bytes, wav))))
        },
    );
    Ok(chunks.boxed())
}

/// A stream that breaks can no longer be answered with a page: the log says so.
fn counted(app: &Arc<App>, chunks: Chunks) -> Chunks {
    let app = Arc::clone(app);
    chunks
        .inspect_ok(move |chunk| app.metrics.count_audio(chunk.len()))
        .inspect_err(|failure| tracing::warn!(kind = %failure.kind, "{}", failure.chain()))
        .boxed()
}

impl Sound {
    fn answer(
        &self,
        status: StatusCode,
        chunks: Option<Chunks>,
        range: Option<Range<u64>>,
    ) -> Response {
        let size_bytes = self.size_bytes;
        let mut headers = vec![
            (ACCEPT_RANGES, "bytes".to_owned()),
            (ETAG, self.tag.clone()),
            // Kept by the visitor's browser only, and asked for again each time: who has signed out
            // hears nothing any more.
            (CACHE_CONTROL, "private, no-cache".to_owned()),
        ];
        if let Some(range) = range {
            headers.push((CONTENT_TYPE, self.content_type.to_owned()));
            headers.push((CONTENT_DISPOSITION, "inline".to_owned()));
            headers.push((CONTENT_LENGTH, (range.end - range.start).to_string()));
            if status == StatusCode::PARTIAL_CONTENT {
                let last = range.end - 1;
                let part = format!("bytes {}-{last}/{size_bytes}", range.start);
                headers.push((CONTENT_RANGE, part));
            }
        }
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            headers.push((CONTENT_RANGE, format!("bytes */{size_bytes}")));
        }
        let body = chunks.map_or_else(Body::empty, Body::from_stream);
        let mut response = (status, body).into_response();
        response
            .headers_mut()
            .extend(headers.into_iter().filter_map(valid));
        response
    }
}

/// All of them are: they are made of numbers and hexadecimal digits.
fn valid((name, value): (HeaderName, String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name, HeaderValue::try_from(value).ok()?))
}
