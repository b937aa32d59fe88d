//! The two cookies: whose session it is, and which colours are wanted.

use http::HeaderMap;
use http::header::COOKIE;

/// Which colours pages have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the visitor's machine has them.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// All of them, in the order in which they are offered.
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// Its word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word)
    }

    /// The one that a visitor chose.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let word = cookie(headers, THEME);
        word.and_then(Self::parse).unwrap_or_default()
    }
}

const THEME: &str = "callpipe_theme";

const YEAR_S: u32 = 365 * 24 * 60 * 60;

/// The name of the session's cookie. Browsers take the second one by HTTPS only, and from nobody but
/// this very host.
fn session_name(is_https: bool) -> &'static str {
    match is_https {
        false => "callpipe_session",
        true => "__Host-callpipe_session",
    }
}

/// A cookie that makes a theme stay.
pub(crate) fn theme_cookie(theme: Theme) -> String {
    let word = theme.as_str();
    format!("{THEME}={word}; Path=/; Max-Age={YEAR_S}; HttpOnly; SameSite=Lax")
}

/// A session's cookie. It goes along with a link that a colleague sent, and with no other request of
/// another site.
pub(super) fn session_cookie(id: &str, is_https: bool) -> String {
    let (name, secure) = (session_name(is_https), secure(is_https));
    format!("{name}={id}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

/// Takes a session's cookie away.
pub(super) fn no_session_cookie(is_https: bool) -> String {
    let (name, secure) = (session_name(is_https), secure(is_https));
    format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")
}

fn secure(is_https: bool) -> &'static str {
    if is_https { "; Secure" } else { "" }
}

/// The id of a request's session.
pub(super) fn session_id(headers: &HeaderMap, is_https: bool) -> Option<&str> {
    cookie(headers, session_name(is_https))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (COOKIE, line.parse().unwrap()));
        lines.collect()
    }

    #[test]
    fn cookies_are_found_among_others() {
        let found = headers(&["a=b; callpipe_theme=dark", "x; callpipe_session=abc;y=z"]);
        assert_eq!(Theme::of(&found), Theme::Dark);
        assert_eq!(session_id(&found, false), Some("abc"));
        assert_eq!(session_id(&found, true), None, "not one of plain HTTP");
        let hostile = headers(&["callpipe_theme=\"><script>", ";;;=;=="]);
        assert_eq!(Theme::of(&hostile), Theme::Auto);
    }

    #[test]
    fn a_session_by_https_is_bound_to_it() {
        assert_eq!(
            session_cookie("abc", true),
            "__Host-callpipe_session=abc; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            session_cookie("abc", false),
            "callpipe_session=abc; Path=/; HttpOnly; SameSite=Lax"
        );
        assert!(no_session_cookie(true).contains("Max-Age=0"));
    }
}
