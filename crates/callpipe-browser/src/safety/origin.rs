//! Where a request comes from: whether its host is ours, and whether a page of another site sent it.

use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};

/// Whether a request changes nothing by its method.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The host that a request is for. Where it says so twice, both must be the same.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut lines = headers.get_all(HOST).into_iter();
    let line = lines
        .next()
        .and_then(|line| line.to_str().ok()?.parse().ok());
    if lines.next().is_some() {
        return None;
    }
    match (uri.authority(), line) {
        (Some(of_address), Some(line)) => (*of_address == line).then_some(line),
        (of_address, line) => line.or_else(|| of_address.cloned()),
    }
}

/// Whether a request is for this machine by name: a page of another site that had its own name lead
/// here would send that name.
pub(super) fn is_for_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(host) = host(uri, headers) else {
        return false;
    };
    if host.as_str().contains('@') {
        return false;
    }
    let name = host.host().to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

/// Whether a page of another site sent a request. It may lead a visitor here by a link, and do
/// nothing else: not change, not load, not frame.
pub(super) fn is_of_another_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let word = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    match word("sec-fetch-site") {
        Some("same-origin" | "none") => false,
        Some(_) => {
            let is_link = word("sec-fetch-mode") == Some("navigate")
                && word("sec-fetch-dest") == Some("document");
            !(is_safe(method) && is_link)
        }
        // Browsers that do not say so, and all of them by plain HTTP from another machine.
        None => match word("origin") {
            Some(origin) => !is_own_origin(origin, host(uri, headers)),
            None => false,
        },
    }
}

fn is_own_origin(origin: &str, host: Option<Authority>) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let authority = authority.and_then(|text| text.parse::<Authority>().ok());
    authority.is_some() && authority == host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn loopback(host: &str) -> bool {
        is_for_loopback(&Uri::from_static("/"), &headers(&[("host", host)]))
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for own in [
            "localhost",
            "LOCALHOST:8377",
            "127.0.0.1:1",
            "[::1]:8377",
            "a.localhost",
        ] {
            assert!(loopback(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "evil.example:8377",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "evil.example@localhost",
            "localhost@evil.example",
            "notlocalhost",
            "0.0.0.0",
            "",
        ] {
            assert!(!loopback(foreign), "{foreign}");
        }
        let none = HeaderMap::new();
        assert!(!is_for_loopback(&Uri::from_static("/"), &none));
        let absolute = Uri::from_static("http://evil.example/");
        assert!(!is_for_loopback(
            &absolute,
            &headers(&[("host", "localhost")])
        ));
        let mut twice = headers(&[("host", "localhost")]);
        twice.append(HOST, "evil.example".parse().unwrap());
        assert!(!is_for_loopback(&Uri::from_static("/"), &twice));
    }

    #[test]
    fn another_site_may_link_here_and_nothing_else() {
        let foreign = |method: Method, pairs: &[(&'static str, &str)]| {
            let headers = headers(&[&[("host", "calls.example:80")][..], pairs].concat());
            is_of_another_site(&method, &Uri::from_static("/"), &headers)
        };
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(!foreign(Method::GET, &link));
        assert!(foreign(Method::POST, &link));
        for dest in ["audio", "iframe", "script", "empty", "image"] {
            let pairs = [("sec-fetch-site", "same-site"), ("sec-fetch-dest", dest)];
            assert!(foreign(Method::GET, &pairs), "{dest}");
        }
        assert!(!foreign(Method::POST, &[("sec-fetch-site", "same-origin")]));
        assert!(!foreign(Method::GET, &[("sec-fetch-site", "none")]));
        assert!(!foreign(
            Method::POST,
            &[("origin", "https://calls.example:80")]
        ));
        for origin in ["http://evil.example", "null", "", "http://calls.example:81"] {
            assert!(foreign(Method::POST, &[("origin", origin)]), "{origin}");
        }
        assert!(!foreign(Method::POST, &[]), "no browser");
        assert!(foreign(Method::POST, &[("sec-fetch-site", "\u{e9}")]));
    }
}
