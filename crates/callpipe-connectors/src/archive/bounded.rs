//! Bytes from a store that are held in memory: never more than expected, whatever is announced.
//!
//! `object_store` makes room for as many bytes as an answer announces, before they come.

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt};

/// The largest kept reply or transcript, in bytes, packed or not: no connector takes a larger
/// reply. See `REPLY_BYTES_MAX` of each.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The largest lease or note of what is used of a quota, in bytes. They are a few hundred bytes.
pub(super) const NOTE_BYTES_MAX: usize = 1024 * 1024;

/// The largest answer of a bucket that is no object, in bytes. A list has at most 5,000 names, of
/// at most a KiB each.
pub(super) const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most of an error's body that is read, in bytes.
pub(super) const ERROR_BYTES_MAX: usize = 64 * 1024;

/// All of a stream; nothing where it has more bytes than that.
pub(super) async fn whole<E>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    bytes_max: usize,
) -> Result<Option<Bytes>, E> {
    let mut stream = std::pin::pin!(stream);
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.try_next().await? {
        if whole.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(Some(whole.freeze()))
}

/// The beginning of a stream, as far as it comes.
pub(super) async fn beginning<E>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    bytes_max: usize,
) -> Bytes {
    let mut stream = std::pin::pin!(stream);
    let mut beginning = BytesMut::new();
    while beginning.len() < bytes_max
        && let Ok(Some(chunk)) = stream.try_next().await
    {
        let room = bytes_max - beginning.len();
        beginning.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    beginning.freeze()
}
