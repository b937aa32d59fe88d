//! The address of an outside system: `https`, or plain `http` on this machine only; for a few that
//! need no secret, in the own network too.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize, Serializer};
use url::{Host, Url};

/// A base address that requests go below.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(Url);

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an address.
    #[error("`{0}` is no address: it must look like https://host")]
    NoAddress(String),
    /// Secrets would travel readable.
    #[error("`{0}` is not https; plain http is accepted for this machine (loopback) only")]
    NotSecure(String),
    /// Something that belongs elsewhere.
    #[error("an endpoint has no user, query or fragment")]
    TooMuch,
}

/// The base address of a system that may stand in the own network and speak plain `http` there.
/// No secret may be sent to one that [is plain](Self::is_plain).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct NearEndpoint(Endpoint);

impl NearEndpoint {
    /// Takes an address from a configuration.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let url = bare(text)?;
        if url.scheme() == "http" && is_in_own_network(&url) {
            return Ok(Self(Endpoint(url)));
        }
        Endpoint::parse(text).map(Self)
    }

    /// The address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0
    }

    /// Whether what is sent there can be read on the way: plain `http` to another machine.
    pub fn is_plain(&self) -> bool {
        self.0.0.scheme() == "http" && !self.0.is_loopback()
    }

    /// Whether it is on this machine or in the own network.
    pub fn is_near(&self) -> bool {
        self.0.is_loopback() || is_in_own_network(&self.0.0)
    }
}

impl TryFrom<String> for NearEndpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// Whether an address cannot be one of the internet: a private one (RFC 1918, RFC 4193), one of the
/// same link, a name without a dot, or below `.local` (RFC 6762) or `.internal` (reserved by ICANN).
fn is_in_own_network(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            !name.contains('.') || name.ends_with(".local") || name.ends_with(".internal")
        }
        Some(Host::Ipv4(address)) => address.is_private() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unique_local() || address.is_unicast_link_local(),
        None => false,
    }
}

/// The address in a text, without anything that belongs elsewhere.
fn bare(text: &str) -> Result<Url, EndpointError> {
    let url = Url::parse(text.trim()).map_err(|_| EndpointError::NoAddress(text.to_owned()))?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(EndpointError::TooMuch);
    }
    Ok(url)
}

impl Endpoint {
    /// Takes an address from a configuration or from a vendor's discovery document.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let url = bare(text)?;
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => Err(EndpointError::NotSecure(text.to_owned())),
            _ => Err(EndpointError::NoAddress(text.to_owned())),
        }
    }

    /// The address of something below this one. Each segment is escaped as needed.
    pub fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// Whether an address is on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for accepted in [
            "https://api.example.com",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:9/x",
        ] {
            assert!(Endpoint::parse(accepted).is_ok(), "{accepted}");
        }
        for refused in [
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
        ] {
            assert_eq!(
                Endpoint::parse(refused),
                Err(EndpointError::NotSecure(refused.into()))
            );
        }
        for nonsense in ["", "api.example.com", "ftp://x", "file:///etc"] {
            assert_eq!(
                Endpoint::parse(nonsense),
                Err(EndpointError::NoAddress(nonsense.into()))
            );
        }
        assert_eq!(
            Endpoint::parse("https://user:pw@x"),
            Err(EndpointError::TooMuch)
        );
    }

    #[test]
    fn plain_http_reaches_into_the_own_network_where_that_is_asked_for() {
        for (text, is_plain) in [
            ("http://127.0.0.1:11434/v1", false),
            ("http://10.0.0.7:8000/v1", true),
            ("http://192.168.1.4", true),
            ("http://169.254.1.1", true),
            ("http://[fd00::1]:8080", true),
            ("http://ollama:11434", true),
            ("http://gpu.local", true),
            ("http://models.internal", true),
            ("https://10.0.0.7", false),
        ] {
            let endpoint = NearEndpoint::parse(text).unwrap();
            assert!(endpoint.is_near(), "{text}");
            assert_eq!(endpoint.is_plain(), is_plain, "{text}");
        }
        for refused in [
            "http://api.example.com",
            "http://8.8.8.8",
            "http://172.32.0.1",
            "http://10.0.0.1.example.com",
            "http://local.example.com",
            "http://[2001:db8::1]",
        ] {
            assert_eq!(
                NearEndpoint::parse(refused),
                Err(EndpointError::NotSecure(refused.into()))
            );
        }
        let far = NearEndpoint::parse("https://api.openai.com/v1").unwrap();
        assert!(!far.is_near() && !far.is_plain());
        assert_eq!(
            NearEndpoint::parse("http://user:pw@10.0.0.1"),
            Err(EndpointError::TooMuch)
        );
    }

    #[test]
    fn segments_are_appended_and_escaped() {
        let endpoint = Endpoint::parse("https://host/base/").unwrap();
        assert_eq!(
            endpoint.join(&["v1", "a/../b"]).as_str(),
            "https://host/base/v1/a%2F..%2Fb"
        );
        assert_eq!(endpoint.to_string(), "https://host/base");
    }
}
