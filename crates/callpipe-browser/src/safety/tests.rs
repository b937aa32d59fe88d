//! Who gets in, and what is refused, over the whole router.

use axum::body::Body;
use http::{Request, StatusCode};

use crate::safety::sessions::SessionKey;
use crate::server::testing::{Answer, Bench, TOKEN, closed_access, field, open_access, request};

const ELSEWHERE: (&str, &str) = ("host", "calls.example");

async fn signed_in(bench: &Bench, headers: &[(&str, &str)]) -> Answer {
    let form = format!("name=Ada+L&secret={TOKEN}&next=%2Fcalls%3Fq%3Dx");
    bench.post("/sign-in", headers, &form).await
}

#[tokio::test]
async fn on_this_machine_nobody_signs_in_and_others_do_not_get_in() {
    let bench = Bench::new(open_access()).await;
    let page = bench.get("/", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("Seen as <bdi>ada</bdi>"));
    assert_eq!(bench.get("/sign-in", &[]).await.header("location"), "/");
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
        for path in ["/", "/healthz", "/metrics", "/nothing"] {
            let page = bench.get(path, &[("host", host)]).await;
            assert_eq!(page.status, StatusCode::MISDIRECTED_REQUEST, "{host}{path}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let bench = Bench::new(closed_access(false)).await;
    let paths = [
        "/",
        "/sign-in",
        "/nothing",
        "/healthz",
        "/metrics",
        "/assets/x",
        "/calls/1/audio/1",
    ];
    for path in paths {
        let answer = bench.get(path, &[]).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
    }
}

#[tokio::test]
async fn who_knows_the_token_gets_in_until_signing_out() {
    let bench = Bench::new(closed_access(false)).await;
    let page = bench.get("/calls?q=a%20b", &[ELSEWHERE]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let to = page.header("location").to_owned();
    assert_eq!(to, "/sign-in?next=%2Fcalls%3Fq%3Da%2520b");
    let form = bench.get(&to, &[ELSEWHERE]).await.text();
    assert_eq!(field(&form, "next"), "/calls?q=a%20b");
    let done = signed_in(&bench, &[ELSEWHERE]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(done.header("location"), "/calls?q=x");
    let set = done.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Secure"));
    let cookie = done.cookie();
    let page = bench.get("/", &[ELSEWHERE, ("cookie", &cookie)]).await;
    assert!(
        page.text().contains("Seen as <bdi>Ada L</bdi>"),
        "{}",
        page.text()
    );
    let without_token = bench.post("/sign-out", &[("cookie", &cookie)], "").await;
    assert_eq!(without_token.status, StatusCode::FORBIDDEN);
    let (_, id) = cookie.split_once('=').unwrap();
    let token = bench.app.safety.form_key.token(SessionKey::of(id).unwrap());
    let form = format!("token={token}");
    let out = bench.post("/sign-out", &[("cookie", &cookie)], &form).await;
    assert_eq!(out.header("location"), "/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let page = bench.get("/", &[("cookie", &cookie)]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "the session has ended");
}

#[tokio::test]
async fn nothing_but_the_sign_in_is_there_for_strangers() {
    let bench = Bench::new(closed_access(false)).await;
    bench
        .add_call("700123", b"RIFFxxxxWAVE", "voice-only.wav")
        .await;
    for cookie in [
        "",
        "callpipe_session=",
        "callpipe_session=x",
        &format!("callpipe_session={}", "0".repeat(64)),
    ] {
        for path in [
            "/",
            "/calls/700123/audio/1",
            "/nothing",
            "/assets/../calls",
            "/sign-in/../",
        ] {
            let page = bench.get(path, &[("cookie", cookie)]).await;
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        }
        let sound = [
            ("cookie", cookie),
            ("sec-fetch-dest", "audio"),
            ("sec-fetch-site", "same-origin"),
        ];
        let sound = bench.get("/calls/700123/audio/1", &sound).await;
        assert_eq!(sound.status, StatusCode::UNAUTHORIZED);
        let change = bench
            .post("/theme", &[("cookie", cookie)], "theme=dark")
            .await;
        assert_eq!(change.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bench.get("/healthz", &[]).await.text(), "ok\n");
}

#[tokio::test]
async fn wrong_attempts_are_slowed_down_from_each_address() {
    let bench = Bench::new(closed_access(false)).await;
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let attempt = |secret: &str| {
        let form = format!("name=Eve&secret={secret}");
        request("POST", "/sign-in", &[form_type], &form)
    };
    for n in 0..8 {
        let answer = bench.send(attempt(&format!("wrong{n}"))).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.header("set-cookie").is_empty());
        let text = answer.text();
        assert!(!text.contains(&format!("wrong{n}")), "{text}");
        assert!(text.contains("value=\"Eve\""));
    }
    for secret in ["wrong", TOKEN] {
        let answer = bench.send(attempt(secret)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.header("retry-after"), "30");
        // What a header says of the address counts behind a proxy only.
        let mut forwarded = attempt(secret);
        forwarded
            .headers_mut()
            .insert("x-forwarded-for", "10.9.9.9".parse().unwrap());
        assert_eq!(
            bench.send(forwarded).await.status,
            StatusCode::TOO_MANY_REQUESTS
        );
    }
    let other = bench.send_from("10.0.0.10", attempt(TOKEN)).await;
    assert_eq!(other.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_a_proxy_its_headers_count_and_sessions_are_bound_to_https() {
    let bench = Bench::new(closed_access(true)).await;
    let https = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "6.6.6.6, 10.1.1.1"),
    ];
    let done = signed_in(&bench, &https).await;
    let set = done.header("set-cookie");
    assert!(
        set.starts_with("__Host-callpipe_session=") && set.ends_with("; Secure"),
        "{set}"
    );
    let cookie = done.cookie();
    let page = bench.get("/", &[https[0], ("cookie", &cookie)]).await;
    assert_eq!(page.status, StatusCode::OK);
    for _ in 0..8 {
        bench.post("/sign-in", &https, "name=Eve&secret=x").await;
    }
    let third = [("x-forwarded-for", "7.7.7.7, 10.1.1.1")];
    let slowed = bench.post("/sign-in", &third, "name=Eve&secret=x").await;
    assert_eq!(
        slowed.status,
        StatusCode::TOO_MANY_REQUESTS,
        "the proxy's own word counts"
    );
    let bench = Bench::new(closed_access(false)).await;
    let set = signed_in(&bench, &https)
        .await
        .header("set-cookie")
        .to_owned();
    assert!(!set.contains("Secure"), "nobody but a proxy says so");
}

#[tokio::test]
async fn forms_of_other_sites_and_without_a_token_change_nothing() {
    let bench = Bench::new(open_access()).await;
    let token = bench.app.safety.form_key.token(SessionKey::LOCAL);
    let form = format!("theme=dark&next=%2Fruns&token={token}");
    let own = [
        ("origin", "http://127.0.0.1:8377"),
        ("sec-fetch-site", "same-origin"),
    ];
    let done = bench.post("/theme", &own, &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(done.header("location"), "/runs");
    assert!(
        done.header("set-cookie")
            .starts_with("callpipe_theme=dark;")
    );
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "null"),
    ] {
        let refused = bench.post("/theme", &[(name, value)], &form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}: {value}");
        assert!(refused.header("set-cookie").is_empty());
    }
    for wrong in [
        "theme=dark",
        "theme=dark&token=",
        "theme=dark&token=00",
        "token=%00&theme=dark",
    ] {
        let refused = bench.post("/theme", &[], wrong).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    let nonsense = bench
        .post("/theme", &[], &format!("theme=pink&token={token}"))
        .await;
    assert_eq!(nonsense.status, StatusCode::BAD_REQUEST);
    let json = [("content-type", "application/json")];
    let json = bench.send(request("POST", "/theme", &json, &form)).await;
    assert_eq!(json.status, StatusCode::BAD_REQUEST);
    let long = format!("{form}&x={}", "y".repeat(100_000));
    let long = bench.post("/theme", &[], &long).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let other = request(method, "/theme", &[], &form);
        assert!(bench.send(other).await.status.is_client_error(), "{method}");
    }
}

#[tokio::test]
async fn metrics_are_for_who_has_the_token() {
    let open = Bench::new(open_access()).await;
    let text = open.get("/metrics", &[]).await.text();
    assert!(
        text.contains("callpipe_browser_audio_bytes_total 0"),
        "{text}"
    );
    let closed = Bench::new(closed_access(false)).await;
    let token = format!("Bearer {TOKEN}");
    let answer = closed.get("/metrics", &[("authorization", &token)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = signed_in(&closed, &[]).await.cookie();
    let answer = closed.get("/metrics", &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let basic = format!("Basic {TOKEN}");
    for wrong in ["", "Bearer", "Bearer x", TOKEN, &basic] {
        let answer = closed.get("/metrics", &[("authorization", wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_typed_is_shown_as_text() {
    let bench = Bench::new(closed_access(false)).await;
    let form = "name=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&secret=x&next=%2F%22%3E%3Cb%3E";
    let page = bench.post("/sign-in", &[], form).await.text();
    assert!(
        !page.contains("<script>") && !page.contains("<b>"),
        "{page}"
    );
    let missing: Request<Body> = request("POST", "/sign-in", &[], "");
    assert!(bench.send(missing).await.status.is_client_error());
}
