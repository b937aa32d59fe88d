//! Parts of recordings, on every store.

use super::*;
use crate::archive::AudioPart;

async fn part_of(archive: &Archive, range: std::ops::Range<u64>) -> (u64, Vec<u8>) {
    let part = archive.read_range(&audio_key(), range).await.unwrap();
    let AudioPart { whole_bytes, bytes } = part.unwrap();
    let bytes: Vec<bytes::Bytes> = bytes.try_collect().await.unwrap();
    (whole_bytes, bytes.concat())
}

#[tokio::test]
async fn a_part_is_as_long_as_was_asked_for_wherever_it_lies() {
    const MIB: u64 = 1 << 20;
    for bench in benches().await {
        let archive = &bench.archive;
        archive
            .put_recording(&audio_key(), megabytes(3))
            .await
            .unwrap();
        for (range, first, last) in [
            (0..1, 0, 0),
            (0..3 * MIB, 0, 2),
            (MIB - 1..MIB + 1, 0, 1),
            (MIB..2 * MIB, 1, 1),
            (3 * MIB - 1..3 * MIB, 2, 2),
        ] {
            let (whole_bytes, bytes) = part_of(archive, range.clone()).await;
            assert_eq!(whole_bytes, 3 * MIB);
            assert_eq!(bytes.len() as u64, range.end - range.start, "{range:?}");
            assert_eq!((bytes[0], bytes[bytes.len() - 1]), (first, last));
        }
    }
}

#[tokio::test]
async fn what_is_missing_or_too_short_gives_no_bytes() {
    for bench in benches().await {
        let archive = &bench.archive;
        let missing = archive.read_range(&audio_key(), 0..4).await.unwrap();
        assert!(missing.is_none());
        archive
            .put_recording(&audio_key(), audio(vec![b"RIFF"]))
            .await
            .unwrap();
        assert_eq!(part_of(archive, 1..3).await, (4, b"IF".to_vec()));
        for range in [0..5, 2..9, 4..5, 100..200] {
            let failed = archive.read_range(&audio_key(), range.clone()).await;
            let kind = failed.err().map(|failure| failure.kind);
            assert_eq!(kind, Some(FailureKind::CorruptTransfer), "{range:?}");
        }
    }
}
