use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::support::{Bench, bench, bench_of, bench_with, body};
use crate::{BodyShape, CREDENTIALS, Contact, SandboxOptions, System, Violation, World};

#[tokio::test]
async fn discovery_leads_from_issuer_to_api() {
    let bench = bench().await;
    let discovered = body(
        bench
            .cxone("/.well-known/openid-configuration")
            .send()
            .await
            .unwrap(),
    )
    .await;
    let base = &bench.sandbox.nice_cxone_url;
    assert_eq!(
        discovered["token_endpoint"],
        json!(format!("{base}/auth/token"))
    );
    let token = bench.sign_in().await;
    let payload = token.split('.').nth(1).unwrap();
    assert!(payload.contains('-') && payload.contains('_') && payload.len() % 4 != 0);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let tenant = claims["tenantId"].as_str().unwrap();
    let path = format!("/.well-known/cxone-configuration?tenantId={tenant}");
    let found = body(bench.cxone(&path).send().await.unwrap()).await;
    assert_eq!(found["api_endpoint"], json!(base));
    let unknown = bench
        .cxone("/.well-known/cxone-configuration?tenantId=x")
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
}

async fn sign_in_error(bench: &Bench, form: &[(&str, &str)]) -> (u16, String) {
    let url = format!("{}/auth/token", bench.sandbox.nice_cxone_url);
    let answer = bench.client.post(url).form(form).send().await.unwrap();
    let status = answer.status().as_u16();
    let error = body(answer).await["error"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    (status, error)
}

#[tokio::test]
async fn token_endpoint_answers_by_the_rfc() {
    let bench = bench().await;
    let id = ("client_id", CREDENTIALS.cxone_client_id);
    let secret = ("client_secret", CREDENTIALS.cxone_client_secret);
    let user = ("username", CREDENTIALS.cxone_access_key_id);
    let password = ("password", CREDENTIALS.cxone_access_key_secret);
    let grant = ("grant_type", "password");
    let good = [grant, user, password, id, secret];
    assert_eq!(sign_in_error(&bench, &good).await, (200, "none".to_owned()));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[grant, user, password, id, ("client_secret", "x")],
            "invalid_client",
        ),
        (
            &[grant, user, ("password", "x"), id, secret],
            "invalid_grant",
        ),
        (
            &[("grant_type", "client_credentials"), id, secret],
            "unsupported_grant_type",
        ),
        (&[user, password, id, secret], "invalid_request"),
        (
            &[("grant_type", "refresh_token"), ("refresh_token", "x"), id],
            "invalid_grant",
        ),
    ];
    for (form, error) in cases {
        assert_eq!(
            sign_in_error(&bench, form).await,
            (400, (*error).to_owned())
        );
    }
}

#[tokio::test]
async fn client_in_the_header_may_be_percent_encoded() {
    let bench = bench().await;
    let pair = "sandbox-client%40callpipe:sandbox-client-secret%2F%2B%3D";
    let url = format!("{}/auth/token", bench.sandbox.nice_cxone_url);
    let form = [
        ("grant_type", "password"),
        ("username", CREDENTIALS.cxone_access_key_id),
        ("password", CREDENTIALS.cxone_access_key_secret),
    ];
    let basic = format!("Basic {}", STANDARD.encode(pair));
    let request = bench
        .client
        .post(url)
        .header("authorization", basic)
        .form(&form);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn tokens_end_and_are_refreshed() {
    let bench = bench().await;
    let token = bench.sign_in().await;
    assert_eq!(bench.metadata(&token, "101").await.status(), 200);
    assert_eq!(bench.metadata("unknown", "101").await.status(), 401);
    bench.pass_s(3_601);
    assert_eq!(bench.metadata(&token, "101").await.status(), 401);
    let fresh = bench.sign_in().await;
    bench.arm("cxone.metadata_401_once");
    assert_eq!(bench.metadata(&fresh, "101").await.status(), 401);
    assert_eq!(
        bench.metadata(&fresh, "101").await.status(),
        401,
        "the token is void"
    );
    let fresh = bench.sign_in().await;
    assert_eq!(bench.metadata(&fresh, "101").await.status(), 200);
}

#[tokio::test]
async fn every_way_to_have_no_recording() {
    let bench = bench().await;
    let token = bench.sign_in().await;
    for (id, status) in [
        ("201", 404),
        ("301", 404),
        ("999", 404),
        ("104", 404),
        ("904", 200),
    ] {
        assert_eq!(bench.metadata(&token, id).await.status(), status, "{id}");
    }
    assert_eq!(
        body(bench.metadata(&token, "202").await).await["interactions"],
        json!([])
    );
    assert_eq!(
        body(bench.metadata(&token, "203").await).await["interactions"],
        Value::Null
    );
    let data = body(bench.metadata(&token, "204").await).await["interactions"][0]["data"].take();
    assert!(data.is_object() && data.get("fileToPlayUrl").is_none());
}

#[tokio::test]
async fn several_interactions_and_their_channels() {
    let bench = bench().await;
    let token = bench.sign_in().await;
    let interactions = body(bench.metadata(&token, "904").await).await["interactions"].take();
    let types: Vec<&Value> = interactions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["mediaType"])
        .collect();
    assert_eq!(types, ["chat", "voice-only", "voice-only"]);
    let channels = |number: usize| &interactions[number]["data"]["participantDataList"];
    assert_eq!(channels(1)[0]["channel"], Value::Null);
    assert_eq!(channels(2)[0]["channel"], json!(0));
    assert_eq!(channels(2)[1]["channel"], json!(1));
    let path = "/media-playback/v1/contacts?acd-call-id=904&media-type=voice-only";
    let voice = body(bench.cxone(path).bearer_auth(&token).send().await.unwrap()).await;
    assert_eq!(voice["interactions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_three_spellings_of_a_body() {
    let make =
        |shape| Contact::recorded("1", crate::testing::now(), &["sale"]).with_body_shape(shape);
    for (shape, pointer) in [
        (BodyShape::Flat, "/interactions/0/data/fileToPlayUrl"),
        (BodyShape::Capital, "/Interactions/0/data/fileToPlayUrl"),
        (
            BodyShape::Nested,
            "/value/Interactions/0/Interaction/data/fileToPlayUrl",
        ),
    ] {
        let world = World::exact(crate::testing::corpus(), 1, vec![make(shape)]);
        let bench = bench_of(world, SandboxOptions::default()).await;
        let token = bench.sign_in().await;
        let answer = body(bench.metadata(&token, "1").await).await;
        assert!(
            answer.pointer(pointer).is_some_and(Value::is_string),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_window_of_requests_is_kept() {
    let options = SandboxOptions {
        cxone_requests_max: 3,
        ..SandboxOptions::default()
    };
    let bench = bench_with(options).await;
    let token = bench.sign_in().await;
    for _ in 0..3 {
        assert_eq!(bench.metadata(&token, "101").await.status(), 200);
        bench.pass_s(10);
    }
    let refused = bench.metadata(&token, "101").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(
        body(refused).await["route"],
        json!("/media-playback/v1/contacts")
    );
    bench.pass_s(270);
    assert_eq!(bench.metadata(&token, "101").await.status(), 200);
    assert_eq!(bench.sandbox.journal().maxima().cxone_in_window, 4);
    let violations = bench.sandbox.journal().violations();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].violation, Some(Violation::OverRequestLimit));
    assert_eq!(bench.sandbox.journal().count(System::NiceCxone), 6);
}

#[tokio::test]
async fn metadata_faults() {
    let bench = bench().await;
    let token = bench.sign_in().await;
    bench.arm("cxone.metadata_404_pending:times=2,contact=101");
    assert_eq!(bench.metadata(&token, "102").await.status(), 200);
    for status in [404, 404, 200] {
        assert_eq!(bench.metadata(&token, "101").await.status(), status);
    }
    bench.arm("cxone.metadata_429:retry_after_s=7");
    let answer = bench.metadata(&token, "101").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    for (fault, status) in [
        ("403", 403),
        ("500", 500),
        ("503", 503),
        ("html", 200),
        ("malformed_json", 200),
    ] {
        bench.arm(&format!("cxone.metadata_{fault}"));
        let answer = bench.metadata(&token, "101").await;
        assert_eq!(answer.status(), status);
        if status == 200 {
            let bytes = answer.bytes().await.unwrap();
            assert!(serde_json::from_slice::<Value>(&bytes).is_err(), "{fault}");
        }
    }
    bench.arm("cxone.metadata_null_lists");
    let answer = body(bench.metadata(&token, "101").await).await;
    assert_eq!(
        answer["interactions"][0]["data"]["participantDataList"],
        Value::Null
    );
    assert!(answer["interactions"][0]["data"]["fileToPlayUrl"].is_string());
    bench.arm("media.wrong_host");
    let answer = body(bench.metadata(&token, "101").await).await;
    let url = answer["interactions"][0]["data"]["fileToPlayUrl"]
        .as_str()
        .unwrap();
    assert!(url.starts_with("https://recordings.example.invalid/"));
    bench.arm("cxone.connection_reset");
    let request = bench
        .cxone("/media-playback/v1/contacts?acd-call-id=101")
        .bearer_auth(&token);
    assert!(request.send().await.is_err());
    assert_eq!(
        bench.sandbox.journal().entries().last().unwrap().status,
        None
    );
}

async fn report(bench: &Bench, token: &str, query: &str) -> (u16, Value) {
    let path = format!("/incontactapi/services/v34.0/contacts/completed?{query}");
    let answer = bench.cxone(&path).bearer_auth(token).send().await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn reports_are_paged() {
    let options = SandboxOptions {
        contacts_per_page_max: 3,
        ..SandboxOptions::default()
    };
    let bench = bench_with(options).await;
    let token = bench.sign_in().await;
    let mut ids = Vec::new();
    let mut next = Some(format!(
        "{}/incontactapi/services/v34.0/contacts/completed?startDate=2026-11-19T00:00:00Z&orderBy=contactStartDate%20desc",
        bench.sandbox.nice_cxone_url
    ));
    let mut pages = 0;
    while let Some(url) = next {
        let page = body(
            bench
                .client
                .get(url)
                .bearer_auth(&token)
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(page["totalRecords"], json!(8));
        let rows = page["completedContacts"].as_array().unwrap();
        ids.extend(rows.iter().map(|row| row["contactId"].as_u64().unwrap()));
        next = page["_links"]["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!(pages, 3);
    assert_eq!(ids, [204, 203, 202, 201, 104, 103, 102, 101]);
}

#[tokio::test]
async fn reports_filter_and_refuse() {
    let bench = bench().await;
    let token = bench.sign_in().await;
    let period = "startDate=2026-11-20T08:40:00Z&endDate=2026-11-20T08:50:00.000Z";
    let (_, rows) = report(
        &bench,
        &token,
        &format!("{period}&fields=contactId,fromAddress"),
    )
    .await;
    assert_eq!(
        rows["completedContacts"],
        json!([
            { "contactId": 102, "fromAddress": "+61491570156" },
            { "contactId": 103, "fromAddress": "+61491570156" },
        ])
    );
    let (status, _) = report(&bench, &token, "startDate=2027-01-01T00:00:00Z").await;
    assert_eq!(status, 204);
    for (query, text) in [
        ("startDate=2026-11-20", "Invalid startDate"),
        ("", "Invalid startDate"),
        (
            "startDate=2026-11-20T08:00:00Z&endDate=2026-11-19T08:00:00Z",
            "Invalid DateRange",
        ),
        ("startDate=2026-11-20T08:00:00Z&top=10001", "Invalid top"),
        ("startDate=2026-11-20T08:00:00Z&skip=-1", "Invalid skip"),
        (
            "startDate=2026-11-20T08:00:00Z&fields=contactId,shoeSize",
            "Invalid fields",
        ),
        (
            "startDate=2026-11-20T08:00:00Z&orderBy=shoeSize",
            "Invalid orderby",
        ),
    ] {
        let (status, body) = report(&bench, &token, query).await;
        assert_eq!((status, &body["message"]), (400, &json!(text)), "{query}");
    }
}

#[tokio::test]
async fn old_versions_have_old_names() {
    let options = SandboxOptions {
        contacts_in_result_set: true,
        ..SandboxOptions::default()
    };
    let bench = bench_with(options).await;
    let token = bench.sign_in().await;
    let path =
        "/incontactapi/services/v23.0/contacts/completed?startDate=2026-11-19T00:00:00Z&top=1";
    let page = body(bench.cxone(path).bearer_auth(&token).send().await.unwrap()).await;
    let row = &page["resultSet"]["completedContacts"][0];
    assert_eq!(row["contactStart"], json!("2026-11-20T08:30:00.000Z"));
    assert!(row["fromAddr"].is_string() && row.get("contactStartDate").is_none());
    let path = "/incontactapi/services/v34.0/contacts/104/hierarchy";
    let family = body(bench.cxone(path).bearer_auth(&token).send().await.unwrap()).await;
    assert_eq!(family["masterContactId"], json!(904));
    assert_eq!(family["childContacts"][0]["contactId"], json!(104));
}

#[tokio::test]
async fn report_faults() {
    let bench = bench().await;
    let token = bench.sign_in().await;
    for status in [429, 500, 503] {
        bench.arm(&format!("cxone.report_{status}"));
        assert_eq!(
            report(&bench, &token, "startDate=2026-11-19T00:00:00Z")
                .await
                .0,
            status
        );
    }
    bench.arm("cxone.report_malformed_json");
    let (status, body) = report(&bench, &token, "startDate=2026-11-19T00:00:00Z").await;
    assert_eq!((status, body), (200, Value::Null));
}

#[tokio::test]
async fn sign_in_faults() {
    let bench = bench().await;
    for (fault, status) in [
        ("token_401", 401),
        ("token_invalid_client", 400),
        ("token_invalid_grant", 400),
    ] {
        bench.arm(&format!("cxone.{fault}"));
        assert_eq!(sign_in_error(&bench, &[]).await.0, status);
    }
    bench.sign_in().await;
}
