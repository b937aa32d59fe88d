//! Addresses of calls. An id may hold any character, so it is one encoded segment of the path.

use callpipe_core::call::ContactId;
use url::form_urlencoded::byte_serialize;

/// The path of a call's page.
pub(crate) fn call_path(id: &ContactId) -> String {
    // A plus is a plus in a path, where a form has a blank.
    let segment: String = byte_serialize(id.as_str().as_bytes()).collect();
    let segment = segment.replace('+', "%20");
    // These two are another folder to a browser, whatever stands behind them.
    match segment.as_str() {
        "." => "/calls/%2E%20".to_owned(),
        ".." => "/calls/%2E%2E%20".to_owned(),
        segment => format!("/calls/{segment}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment() {
        let path = |id: &str| call_path(&ContactId::parse(id).unwrap());
        assert_eq!(path("700123"), "/calls/700123");
        assert_eq!(path("a/b?c#d e+f%2F"), "/calls/a%2Fb%3Fc%23d%20e%2Bf%252F");
        assert_eq!(path("é\"<"), "/calls/%C3%A9%22%3C");
    }
}
