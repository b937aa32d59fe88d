//! The address of an outside system: `https`, or plain `http` on this machine only.

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

impl Endpoint {
    /// Takes an address from a configuration or from a vendor's discovery document.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text.trim()).map_err(|_| EndpointError::NoAddress(text.to_owned()))?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(EndpointError::TooMuch);
        }
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
    fn segments_are_appended_and_escaped() {
        let endpoint = Endpoint::parse("https://host/base/").unwrap();
        assert_eq!(
            endpoint.join(&["v1", "a/../b"]).as_str(),
            "https://host/base/v1/a%2F..%2Fb"
        );
        assert_eq!(endpoint.to_string(), "https://host/base");
    }
}
