//! Signing in: the rules, then the whole against the sandbox and against a server that lies.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use callpipe_core::contracts::clock::Clock as _;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use reqwest::StatusCode;
use serde_json::json;

use super::client::{Api, ApiRequest};
use super::map;
use super::testing::{Stub, TestClock, account, assert_discreet, bench, reply, reply_json, token};
use super::wire::{OpenIdConfiguration, TokenAnswer};
use super::{AccountConfig, ClientAuthentication, Refusal};
use crate::http::Endpoint;

const TOKEN: &str = "/auth/token";
const PLAYBACK: &str = "/media-playback/v1/contacts";

fn api(account: AccountConfig, clock: &TestClock) -> Api {
    Api::new(account, Arc::new(clock.clone())).unwrap()
}

/// Asks for something that every token may have.
async fn ask(api: &Api) -> Outside<StatusCode> {
    let request = ApiRequest {
        doing: "asking",
        path: &["media-playback", "v1", "contacts"],
        query: &[("acd-call-id", "101")],
        limit: None,
    };
    Ok(match api.get(&request).await? {
        Ok(response) => response.status(),
        Err(refusal) => refusal.status,
    })
}

async fn refusal_of(api: &Api) -> Failure {
    let failure = api.session().await.err().unwrap();
    assert_discreet(&failure);
    failure
}

#[test]
fn a_token_is_renewed_a_minute_or_a_quarter_of_its_life_before_its_end() {
    let now = TestClock::default().now();
    let life_s = |expires_in| (map::renew_at(now, expires_in) - now).num_seconds();
    assert_eq!(life_s(Some(3600)), 3540);
    assert_eq!(life_s(Some(100)), 75);
    assert_eq!(life_s(Some(0)), 0);
    assert_eq!(life_s(None), 240);
    assert_eq!(life_s(Some(u64::MAX)), 24 * 3600 - 60);
}

#[test]
fn claims_are_read_in_url_safe_base64_with_and_without_padding() {
    let claims = json!({ "tenantId": "t-1", "name": "?????>>>>>" });
    let plain = token(&claims);
    assert!(plain.contains('_') && plain.contains('-'), "{plain}");
    let padded = format!("eyJ9.{}.signature", URL_SAFE.encode(claims.to_string()));
    assert!(padded.contains("=."), "{padded}");
    let tenant_id = |access: &str, id: Option<&str>| {
        map::tenant_id(&TokenAnswer {
            access_token: Some(access.to_owned()),
            id_token: id.map(str::to_owned),
            expires_in: None,
        })
    };
    assert_eq!(tenant_id(&plain, None).as_deref(), Some("t-1"));
    assert_eq!(tenant_id(&padded, None).as_deref(), Some("t-1"));
    assert_eq!(tenant_id("opaque", Some(&plain)).as_deref(), Some("t-1"));
    let without = token(&json!({ "sub": "x" }));
    assert_eq!(tenant_id(&without, Some(&plain)).as_deref(), Some("t-1"));
    let of_no_use =
        [" ", "a.b.c", "a.!!.c", &token(&json!({ "tenantId": " " }))].map(str::to_owned);
    for access in of_no_use {
        assert_eq!(tenant_id(&access, Some(&without)), None);
    }
}

#[test]
fn the_client_goes_where_discovery_says() {
    let in_body = |authentication, methods: serde_json::Value| {
        let document = json!({ "token_endpoint_auth_methods_supported": methods });
        let document: OpenIdConfiguration = serde_json::from_value(document).unwrap();
        map::client_in_body(authentication, &document)
    };
    use ClientAuthentication::{Auto, Basic, Body};
    let (both, post) = (
        json!(["client_secret_post", "client_secret_basic"]),
        json!(["client_secret_post"]),
    );
    assert!(!in_body(Auto, both.clone()));
    assert!(in_body(Auto, post.clone()));
    assert!(!in_body(Auto, json!(null)));
    assert!(!in_body(Basic, post));
    assert!(in_body(Body, both));
}

#[test]
fn discovery_cannot_lead_to_plain_http_or_to_this_machine() {
    let (vendor, local) = (
        Endpoint::parse("https://cxone.niceincontact.com").unwrap(),
        Endpoint::parse("http://127.0.0.1:1").unwrap(),
    );
    let found = |text: Option<&str>, issuer| map::found_endpoint(text, "token endpoint", issuer);
    assert!(found(Some("https://api-na1.niceincontact.com"), &vendor).is_ok());
    assert!(found(Some("http://127.0.0.1:2/auth/token"), &local).is_ok());
    for refused in [
        None,
        Some("http://api-na1.niceincontact.com"),
        Some("http://127.0.0.1:2"),
        Some("https://localhost"),
        Some("nonsense"),
    ] {
        let failure = found(refused, &vendor).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{refused:?}");
    }
    assert!(found(Some("http://10.0.0.1"), &local).is_err());
}

#[test]
fn a_refusal_of_the_token_endpoint_names_the_variable_to_check() {
    let told = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        let failure = Failure::new(crate::http::status_kind(status), "asking");
        let failure = map::token_refused(failure, status, body.as_bytes());
        (
            failure.kind,
            failure.message,
            failure.hint.unwrap_or_default(),
        )
    };
    let error = |word: &str| json!({ "error": word, "error_description": "of bob" }).to_string();
    let (kind, message, hint) = told(400, &error("invalid_client"));
    assert_eq!(
        (kind, message.as_str()),
        (FailureKind::Denied, "asking (invalid_client)")
    );
    assert!(hint.contains("CXONE_CLIENT_ID") && !hint.contains("CXONE_PASSWORD"));
    let (kind, _, hint) = told(401, &error("invalid_grant"));
    assert_eq!(kind, FailureKind::Denied);
    assert!(hint.contains("CXONE_PASSWORD") && !hint.contains("CXONE_CLIENT_ID"));
    let (kind, message, _) = told(400, &error("sent by +61491570156"));
    assert_eq!((kind, message.as_str()), (FailureKind::Denied, "asking"));
    assert_eq!(told(403, "<html>").0, FailureKind::Denied);
    assert_eq!(told(404, "").0, FailureKind::Denied);
    assert_eq!(told(429, "").0, FailureKind::RateLimited);
    assert_eq!(told(503, "").0, FailureKind::Unavailable);
}

#[test]
fn a_refusal_of_an_api_tells_its_code_and_what_is_missing_but_not_its_words() {
    let refused = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = Refusal {
            failure: Failure::new(crate::http::status_kind(status), "asking"),
            status,
            body: body.to_owned().into(),
            description: None,
        };
        map::refused(refusal, "play any")
    };
    let body = r#"{"internalCode":"MCR-403-1","message":"+61491570156 may not"}"#;
    let failure = refused(403, body);
    assert_eq!(failure.kind, FailureKind::Denied);
    assert_eq!(failure.chain(), "asking (MCR-403-1)");
    assert_eq!(failure.hint.as_deref(), Some("play any"));
    assert_eq!(refused(400, "{}").kind, FailureKind::Rejected);
    assert_eq!(refused(302, "").kind, FailureKind::Denied);
    let number_as_code = refused(400, r#"{"internalCode":"61491570156"}"#);
    assert_eq!(number_as_code.chain(), "asking");
}

#[test]
fn a_404_of_a_gateway_or_a_web_page_is_not_the_word_of_the_api() {
    for own in [
        "",
        "{}",
        r#"{"internalCode":"X","message":"Interaction Not Found"}"#,
    ] {
        assert!(!map::is_foreign_404(own.as_bytes()), "{own}");
    }
    for foreign in [
        "<html>404</html>",
        "default backend - 404",
        "\"not found\"",
        "null",
        r#"{"message":"no Route matched with those values"}"#,
    ] {
        assert!(map::is_foreign_404(foreign.as_bytes()), "{foreign}");
    }
}

#[test]
fn a_missing_secret_is_told_with_its_key_and_variable() {
    let mut account = account("http://127.0.0.1:1");
    account.access_key_secret = None;
    let failure = Api::new(account, Arc::new(TestClock::default()))
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(
        failure
            .message
            .contains("recordings.nice_cxone.access_key_secret")
    );
    assert!(failure.hint.unwrap().contains("CXONE_PASSWORD"));
}

#[tokio::test]
async fn the_client_is_known_by_header_and_by_form() {
    for authentication in [
        ClientAuthentication::Auto,
        ClientAuthentication::Basic,
        ClientAuthentication::Body,
    ] {
        let bench = bench().await;
        let account = AccountConfig {
            client_authentication: authentication,
            ..account(&bench.sandbox.nice_cxone_url)
        };
        let api = api(account, &bench.clock);
        assert_eq!(ask(&api).await.unwrap(), 200);
        assert_eq!(ask(&api).await.unwrap(), 200);
        assert_eq!(bench.count(TOKEN), 1, "{authentication:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_refused_by_header_is_tried_by_form_once() {
    let bench = bench().await;
    let auto = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
    bench.arm("cxone.token_invalid_client");
    assert_eq!(ask(&auto).await.unwrap(), 200);
    assert_eq!(bench.count(TOKEN), 2);

    let basic = AccountConfig {
        client_authentication: ClientAuthentication::Basic,
        ..account(&bench.sandbox.nice_cxone_url)
    };
    bench.arm("cxone.token_invalid_client");
    let failure = refusal_of(&api(basic, &bench.clock)).await;
    assert_eq!(failure.kind, FailureKind::Denied);
    assert_eq!(bench.count(TOKEN), 3);
}

#[tokio::test]
async fn the_form_is_used_from_then_on_only_if_it_was_accepted() {
    let stub = Stub::start(|asked, url| {
        let path = asked.target.as_str();
        if path.starts_with("/.well-known/openid") {
            return reply_json(&json!({ "token_endpoint": format!("{url}/auth/token") }));
        }
        reply(400, "", r#"{"error":"invalid_client"}"#)
    })
    .await;
    let api = api(account(&stub.url), &TestClock::default());
    for _ in 0..2 {
        assert_eq!(refusal_of(&api).await.kind, FailureKind::Denied);
    }
    let by_header: Vec<bool> = stub
        .asked(TOKEN)
        .iter()
        .map(|asked| asked.head.contains("authorization: basic"))
        .collect();
    assert_eq!(by_header, [true, false, true, false]);
    assert!(
        stub.asked(TOKEN)[1]
            .body
            .contains("password=SANDBOXACCESSSECRET%3D%3D%3D%3D")
    );
}

#[tokio::test]
async fn every_trouble_of_the_token_endpoint_has_its_meaning() {
    for (fault, kind) in [
        ("cxone.token_401:times=always", FailureKind::Denied),
        ("cxone.token_invalid_grant", FailureKind::Denied),
        ("cxone.token_invalid_client:times=2", FailureKind::Denied),
        ("cxone.token_500", FailureKind::Unavailable),
        (
            "cxone.token_connection_reset:times=always",
            FailureKind::Unavailable,
        ),
    ] {
        let bench = bench().await;
        bench.arm(fault);
        let api = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
        assert_eq!(refusal_of(&api).await.kind, kind, "{fault}");
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_not_sooner() {
    let bench = bench().await;
    let api = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
    ask(&api).await.unwrap();
    bench.clock.pass_s(3539);
    ask(&api).await.unwrap();
    assert_eq!(bench.count(TOKEN), 1);
    bench.clock.pass_s(1);
    ask(&api).await.unwrap();
    assert_eq!(bench.count(TOKEN), 2);
    assert_eq!(bench.count("/.well-known/openid-configuration"), 1);
    assert_eq!(bench.count("/.well-known/cxone-configuration"), 1);
}

#[tokio::test]
async fn many_who_need_a_token_at_once_buy_one() {
    let bench = bench().await;
    let api = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
    let answers = futures::future::join_all((0..8).map(|_| ask(&api))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().is_ok_and(|status| *status == 200))
    );
    assert_eq!(bench.count(TOKEN), 1);
}

#[tokio::test]
async fn many_who_wait_for_a_wrong_key_try_it_once() {
    let bench = bench().await;
    bench.arm("cxone.token_invalid_grant:times=always");
    let api = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
    let refused = futures::future::join_all((0..8).map(|_| refusal_of(&api))).await;
    assert!(
        refused
            .iter()
            .all(|failure| failure.kind == FailureKind::Denied)
    );
    assert!(
        refused
            .iter()
            .all(|failure| failure.hint == refused[0].hint)
    );
    assert_eq!(bench.count(TOKEN), 1);
    // Who comes later finds out for themselves whether it was mended.
    bench.sandbox.faults().disarm_all();
    assert_eq!(ask(&api).await.unwrap(), 200);
}

#[tokio::test]
async fn a_token_that_ends_early_is_replaced_once_for_all() {
    let bench = bench().await;
    let api = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
    ask(&api).await.unwrap();
    bench.arm("cxone.metadata_401_once");
    let answers = futures::future::join_all((0..8).map(|_| ask(&api))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().is_ok_and(|status| *status == 200))
    );
    assert_eq!(bench.count(TOKEN), 2);
}

#[tokio::test]
async fn a_second_401_is_final() {
    let bench = bench().await;
    let api = api(account(&bench.sandbox.nice_cxone_url), &bench.clock);
    bench.arm("cxone.metadata_401_once:times=2");
    assert_eq!(ask(&api).await.unwrap(), 401);
    assert_eq!(bench.count(PLAYBACK), 2);
}

#[tokio::test]
async fn a_token_without_tenant_needs_an_api_endpoint() {
    let stub = Stub::start(|asked, url| {
        let path = asked.target.as_str();
        reply_json(&match path {
            "/auth/token" => json!({ "access_token": "opaque", "expires_in": 60 }),
            _ => json!({ "token_endpoint": format!("{url}/auth/token") }),
        })
    })
    .await;
    let clock = TestClock::default();
    let failure = refusal_of(&api(account(&stub.url), &clock)).await;
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("api_endpoint"));

    let mut by_hand = account(&stub.url);
    by_hand.api_endpoint = Some(Endpoint::parse("https://api-na1.niceincontact.com").unwrap());
    let session = api(by_hand, &clock).session().await.unwrap();
    assert_eq!(
        session.place.to_string(),
        "API https://api-na1.niceincontact.com"
    );
    assert!(stub.asked("/.well-known/cxone-configuration").is_empty());
}

#[tokio::test]
async fn no_secret_goes_to_a_token_endpoint_in_plain_http() {
    let stub = Stub::start(|_, _| {
        reply_json(&json!({ "token_endpoint": "http://token.example.invalid/auth/token" }))
    })
    .await;
    let failure = refusal_of(&api(account(&stub.url), &TestClock::default())).await;
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.message.contains("https"), "{failure}");
}

#[tokio::test]
async fn trouble_of_discovery_is_the_setups_or_the_moments_never_a_calls() {
    for (answer, kind) in [
        (reply(404, "", ""), FailureKind::Denied),
        (
            reply(302, "location: https://x\r\n", ""),
            FailureKind::Denied,
        ),
        (
            reply(503, "retry-after: 7\r\n", ""),
            FailureKind::Unavailable,
        ),
        (reply(200, "", "<html>"), FailureKind::CorruptTransfer),
        (
            reply(200, "", &" ".repeat(1024 * 1024 + 1)),
            FailureKind::Denied,
        ),
    ] {
        let stub = Stub::start(move |_, _| answer.clone()).await;
        let failure = refusal_of(&api(account(&stub.url), &TestClock::default())).await;
        assert_eq!(failure.kind, kind, "{failure}");
    }
}

#[tokio::test]
async fn a_token_counts_from_when_it_was_asked_for() {
    let clock = TestClock::default();
    let slow = clock.clone();
    let stub = Stub::start(move |asked, url| {
        if asked.target != TOKEN {
            return reply_json(&json!({ "token_endpoint": format!("{url}{TOKEN}") }));
        }
        // The answer takes as long as the token is good for.
        slow.pass_s(90);
        reply_json(&json!({ "access_token": "opaque", "expires_in": 90 }))
    })
    .await;
    let mut account = account(&stub.url);
    account.api_endpoint = Some(account.issuer.clone());
    let api = api(account, &clock);
    api.session().await.unwrap();
    api.session().await.unwrap();
    assert_eq!(stub.asked(TOKEN).len(), 2);
}
