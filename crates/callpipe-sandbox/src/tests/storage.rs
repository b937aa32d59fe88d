//! Cloud Storage: the parts of the XML API that an archive lives on, asked for byte by byte.

use reqwest::{Method, Response};

use super::support::{Bench, bench_with, body_text};
use crate::{CREDENTIALS, SandboxOptions};

async fn bench() -> Bench {
    bench_with(SandboxOptions {
        storage_objects_per_page_max: 2,
        ..SandboxOptions::default()
    })
    .await
}

async fn ask(
    bench: &Bench,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let bucket = CREDENTIALS.google_bucket;
    let url = format!("{}/{bucket}{path}", bench.sandbox.storage_url);
    let request = bench.client.request(method, url).body(body.to_vec());
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn an_object_is_created_once_and_described() {
    let bench = bench().await;
    let create = [
        ("x-goog-if-generation-match", "0"),
        ("content-type", "audio/wav"),
    ];
    let created = ask(&bench, Method::PUT, "/a%2Fb.wav", &create, b"123456789").await;
    assert_eq!(created.status(), 200);
    assert_eq!(header(&created, "x-goog-hash"), "crc32c=4waSgw==");
    let tag = header(&created, "etag").to_owned();
    let again = ask(&bench, Method::PUT, "/a%2Fb.wav", &create, b"x").await;
    assert_eq!(again.status(), 412);
    let read = ask(
        &bench,
        Method::GET,
        "/a%2Fb.wav",
        &[("range", "bytes=2-3")],
        b"",
    )
    .await;
    assert_eq!(read.status(), 206);
    assert_eq!(header(&read, "content-type"), "audio/wav");
    assert_eq!(header(&read, "etag"), tag);
    assert!(header(&read, "last-modified").ends_with(" GMT"));
    assert_eq!(body_text(read).await, "34");
    let head = ask(&bench, Method::HEAD, "/a%2Fb.wav", &[], b"").await;
    assert_eq!(header(&head, "content-length"), "9");
    let other = [("x-goog-if-generation-match", "1")];
    let kept = ask(&bench, Method::DELETE, "/a%2Fb.wav", &other, b"").await;
    assert_eq!(kept.status(), 412);
    let gone = ask(&bench, Method::DELETE, "/a%2Fb.wav", &[], b"").await;
    assert_eq!(gone.status(), 204);
    let missing = ask(&bench, Method::GET, "/a%2Fb.wav", &[], b"").await;
    assert_eq!(missing.status(), 404);
    assert!(body_text(missing).await.contains("<Code>NoSuchKey</Code>"));
}

#[tokio::test]
async fn bytes_that_contradict_their_checksum_are_not_stored() {
    let bench = bench().await;
    for sums in ["crc32c=AAAAAA==", "md5=x, crc32c=AAAAAA=="] {
        let wrong = [("x-goog-hash", sums)];
        let refused = ask(&bench, Method::PUT, "/a", &wrong, b"123456789").await;
        assert_eq!(refused.status(), 400);
        assert!(body_text(refused).await.contains("<Code>BadDigest</Code>"));
    }
    assert_eq!(bench.sandbox.stored(), (vec![], 0));
}

#[tokio::test]
async fn parts_are_joined_if_they_are_large_enough() {
    let bench = bench().await;
    let begun = ask(&bench, Method::POST, "/a?uploads=", &[], b"").await;
    let begun = body_text(begun).await;
    let (_, id) = begun.split_once("<UploadId>").unwrap();
    let (id, _) = id.split_once('<').unwrap();
    let mut listed = String::new();
    let large = vec![7; 5 << 20];
    for (number, part) in [(1, large.as_slice()), (2, b"end".as_slice())] {
        let path = format!("/a?partNumber={number}&uploadId={id}");
        let stored = ask(&bench, Method::PUT, &path, &[], part).await;
        let tag = header(&stored, "etag");
        listed += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    }
    let complete = |body: String| {
        let bench = &bench;
        let path = format!("/a?uploadId={id}");
        async move { ask(bench, Method::POST, &path, &[], body.as_bytes()).await }
    };
    let unknown = complete("<Part><PartNumber>3</PartNumber><ETag>x</ETag></Part>".into()).await;
    assert_eq!(unknown.status(), 400);
    assert_eq!(complete(listed).await.status(), 200);
    let (_, bytes) = bench.sandbox.stored_object("a").unwrap();
    assert_eq!(bytes, [large.as_slice(), b"end"].concat());
    assert_eq!(bench.sandbox.stored().1, 0);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let bench = bench().await;
    for name in ["a%2F1", "a%2F2", "a%2F3", "b"] {
        ask(&bench, Method::PUT, &format!("/{name}"), &[], b"x").await;
    }
    let first = ask(&bench, Method::GET, "?list-type=2&prefix=a%2F", &[], b"").await;
    let first = body_text(first).await;
    assert!(first.contains("<IsTruncated>true</IsTruncated>"));
    assert!(first.contains("<NextContinuationToken>a/2</NextContinuationToken>"));
    let path = "?list-type=2&prefix=a%2F&continuation-token=a%2F2";
    let second = body_text(ask(&bench, Method::GET, path, &[], b"").await).await;
    assert!(second.contains("<KeyCount>1</KeyCount>"));
    assert!(second.contains("<Key>a/3</Key>") && !second.contains("<Key>b</Key>"));
}

#[tokio::test]
async fn wrong_tokens_and_buckets_are_refused() {
    let bench = bench().await;
    let wrong = [("authorization", "Bearer nobody")];
    assert_eq!(
        ask(&bench, Method::GET, "/a", &wrong, b"").await.status(),
        401
    );
    let elsewhere = format!("{}/other/a", bench.sandbox.storage_url);
    let answer = bench.client.get(elsewhere).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(
        body_text(answer)
            .await
            .contains("<Code>NoSuchBucket</Code>")
    );
    let unsigned = ask(
        &bench,
        Method::GET,
        "/a?X-Goog-Algorithm=GOOG4-RSA-SHA256",
        &[],
        b"",
    )
    .await;
    assert_eq!(unsigned.status(), 400);
}
