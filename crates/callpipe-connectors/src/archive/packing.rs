//! Paid replies as gzip files (RFC 1952), with the call that one was bought for and the buyer's note in the
//! header.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use callpipe_core::call::ContactId;
use flate2::read::GzDecoder;
use flate2::{Compress, Compression, Crc, FlushCompress, GzHeader, Status};

use super::documents::KeptReply;

/// The fastest level: half as large again as the usual one, in a fifth of the time.
const LEVEL: Compression = Compression::fast();

/// Magic, deflate, no flags, no time, the fastest level, an unknown system.
const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255];

/// Says in the header's flags that a comment follows, which a zero byte ends.
const HAS_COMMENT: u8 = 1 << 4;

/// Says in the header's flags that fields of further data follow.
const HAS_EXTRA: u8 = 1 << 2;

/// The name of our field among them.
const NOTE: [u8; 2] = *b"cp";

/// The longest note, in bytes: all fields together have 64 KiB.
const NOTE_BYTES_MAX: usize = 60 * 1024;

/// So many compressors wait for their next reply, of a quarter of a MiB each.
const SPARE_MAX: usize = 4;

/// Packs replies one after the other with the same few compressors: making one takes longer than
/// packing a short reply does.
#[derive(Default)]
pub(super) struct Packer {
    spare: Mutex<Vec<Compress>>,
}

impl Packer {
    /// The reply itself stays as it came.
    pub(super) fn pack(&self, reply: &KeptReply) -> io::Result<Vec<u8>> {
        let mut packed = Vec::with_capacity(reply.bytes.len() / 3 + 256);
        packed.extend_from_slice(&HEADER);
        if let Some(note) = reply
            .note
            .as_deref()
            .filter(|note| note.len() <= NOTE_BYTES_MAX)
        {
            packed[3] |= HAS_EXTRA;
            packed.extend_from_slice(&extra(note));
        }
        if let Some(contact_id) = &reply.bought_for {
            packed[3] |= HAS_COMMENT;
            packed.extend_from_slice(contact_id.as_str().as_bytes());
            packed.push(0);
        }
        let mut compress = self.take();
        deflate(&mut compress, &reply.bytes, &mut packed)?;
        self.give_back(compress);
        let mut sum = Crc::new();
        sum.update(&reply.bytes);
        packed.extend_from_slice(&sum.sum().to_le_bytes());
        // Of what is longer than 4 GiB gzip tells the rest.
        packed.extend_from_slice(&(reply.bytes.len() as u32).to_le_bytes());
        Ok(packed)
    }

    fn take(&self) -> Compress {
        let spare = self.spare().pop();
        spare.unwrap_or_else(|| Compress::new(LEVEL, false))
    }

    fn give_back(&self, mut compress: Compress) {
        compress.reset();
        let mut spare = self.spare();
        if spare.len() < SPARE_MAX {
            spare.push(compress);
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Compress>> {
        // A list is whole at any moment.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header's further data, with the length of all before the length of the only field.
fn extra(note: &str) -> Vec<u8> {
    // No longer than `NOTE_BYTES_MAX`.
    let length = note.len() as u16;
    let all = (length + 4).to_le_bytes();
    [&all[..], &NOTE, &length.to_le_bytes(), note.as_bytes()].concat()
}

/// The note among the fields of further data, which may be other programs' as well.
fn note(mut fields: &[u8]) -> Option<String> {
    while let [first, second, low, high, rest @ ..] = fields {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (field, others) = rest.split_at_checked(length)?;
        if [*first, *second] == NOTE {
            return String::from_utf8(field.to_vec()).ok();
        }
        fields = others;
    }
    None
}

fn deflate(compress: &mut Compress, mut bytes: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let before = (compress.total_in(), compress.total_out());
        let status = compress.compress_vec(bytes, packed, FlushCompress::Finish)?;
        let after = (compress.total_in(), compress.total_out());
        match status {
            Status::StreamEnd => return Ok(()),
            _ if after == before => return Err(io::Error::other("the compressor is stuck")),
            // It fills what room there is.
            Status::Ok | Status::BufError => packed.reserve(packed.capacity()),
        }
        bytes = &bytes[(after.0 - before.0) as usize..];
    }
}

/// What [`Packer::pack`] has made, or another program's gzip; an error where it is damaged, or where
/// more than so many bytes come out of it.
pub(super) fn unpack(bytes: &[u8], bytes_max: usize) -> io::Result<KeptReply> {
    let mut unpacked = Vec::new();
    let mut decoder = GzDecoder::new(bytes);
    let mut beginning = decoder.by_ref().take(bytes_max as u64 + 1);
    beginning.read_to_end(&mut unpacked)?;
    if unpacked.len() > bytes_max {
        // A few KiB can be packed that become gigabytes.
        return Err(io::Error::other("it is larger than any reply"));
    }
    let header = decoder.header();
    let comment = header.and_then(GzHeader::comment);
    let bought_for = comment.and_then(|comment| std::str::from_utf8(comment).ok());
    Ok(KeptReply {
        bytes: Bytes::from(unpacked),
        bought_for: bought_for.and_then(|id| ContactId::parse(id).ok()),
        note: header.and_then(GzHeader::extra).and_then(note),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::damage;

    fn reply(bytes: impl Into<Bytes>) -> KeptReply {
        KeptReply {
            bytes: bytes.into(),
            bought_for: ContactId::parse("700123").ok(),
            note: Some(r#"{"heard":"speech"}"#.into()),
        }
    }

    /// Bytes that no compressor makes shorter.
    fn noise(size_bytes: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(size_bytes).collect()
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was_whatever_was_packed_before() {
        let packer = Packer::default();
        let nobodys = KeptReply {
            bought_for: None,
            ..reply("{}")
        };
        let without_a_note = KeptReply {
            note: None,
            ..reply("{}")
        };
        let replies = [
            reply(noise(300_000)),
            nobodys,
            without_a_note,
            reply(""),
            reply(vec![b' '; 1_000_000]),
            reply("{}"),
        ];
        for reply in replies.iter().chain(&replies) {
            let packed = packer.pack(reply).unwrap();
            assert_eq!(unpack(&packed, 1_000_000).unwrap(), *reply);
        }
    }

    /// Any program can read what is kept, whoever packed it.
    #[test]
    fn packed_replies_are_gzip_as_others_make_it() {
        let reply = reply(r#"{"results":{}}"#);
        let comment = reply.bought_for.as_ref().unwrap().as_str();
        let mut others = flate2::GzBuilder::new()
            .extra([&b"cp\x12\0"[..], br#"{"heard":"speech"}"#].concat())
            .comment(comment)
            .operating_system(255)
            .write(Vec::new(), LEVEL);
        io::Write::write_all(&mut others, &reply.bytes).unwrap();
        let packed = Packer::default().pack(&reply).unwrap();
        assert_eq!(packed, others.finish().unwrap());
    }

    #[test]
    fn a_note_is_found_among_other_fields_and_left_out_where_it_is_too_long() {
        let among_others = b"xy\x02\0..cp\x03\0abczz\0\0";
        assert_eq!(note(among_others).as_deref(), Some("abc"));
        for cut in [&among_others[..12], b"cp", b"", b"xy\xFF\xFFab"] {
            assert_eq!(note(cut), None, "{cut:?}");
        }
        let long = KeptReply {
            note: Some("n".repeat(NOTE_BYTES_MAX + 1)),
            ..reply("{}")
        };
        let packed = Packer::default().pack(&long).unwrap();
        assert_eq!(
            unpack(&packed, 10).unwrap(),
            KeptReply { note: None, ..long }
        );
    }

    #[test]
    fn a_reply_that_unpacks_to_more_than_any_is_damaged() {
        let reply = reply(vec![b' '; 1_000_000]);
        let packed = Packer::default().pack(&reply).unwrap();
        assert!(packed.len() < 20_000);
        assert_eq!(unpack(&packed, 1_000_000).unwrap(), reply);
        let error = unpack(&packed, 999_999).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than any reply");
    }

    /// What lies in an archive may be anybody's: a damaged file is no reply, and never a larger one.
    #[test]
    fn a_damaged_file_unpacks_to_no_more_than_a_reply_may_have() {
        let packer = Packer::default();
        let samples: Vec<Vec<u8>> = [&b"{}"[..], &[b'7'; 5_000], b""]
            .map(|bytes| packer.pack(&reply(Bytes::copy_from_slice(bytes))).unwrap())
            .into();
        damage::of_bytes(&samples, |bytes| {
            if let Ok(reply) = unpack(bytes, 10_000) {
                assert!(reply.bytes.len() <= 10_000, "{}", reply.bytes.len());
            }
        });
    }
}
