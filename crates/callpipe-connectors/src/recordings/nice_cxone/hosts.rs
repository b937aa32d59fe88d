//! Where recordings may be downloaded from. A link comes from outside: without this, whoever can
//! write one could make us ask any host of our own network.

use callpipe_core::failure::{Failure, FailureKind, Outside};
use url::{Host, Url};

use crate::http::Endpoint;

const VENDOR_HOSTS: [&str; 3] = [
    "*.amazonaws.com",
    "*.nice-incontact.com",
    "*.niceincontact.com",
];

/// The hosts that are asked for recordings, and no others.
#[derive(Debug, Clone)]
pub(super) struct MediaHosts {
    patterns: Vec<Pattern>,
    /// The issuer's host, where the issuer is on this machine.
    local: Option<String>,
}

#[derive(Debug, Clone)]
enum Pattern {
    Exactly(String),
    /// With its dot: `.example.com`.
    EndsWith(String),
}

impl MediaHosts {
    /// The vendor's hosts and `more`; this machine too, if the issuer is on it.
    pub(super) fn new(more: &[String], issuer: &Endpoint) -> Outside<Self> {
        let more = more.iter().map(String::as_str);
        let patterns: Outside<Vec<Pattern>> =
            VENDOR_HOSTS.into_iter().chain(more).map(pattern).collect();
        let local = issuer
            .is_loopback()
            .then(|| issuer.url().host_str().unwrap_or_default().to_owned());
        Ok(Self {
            patterns: patterns?,
            local,
        })
    }

    /// The address that a link leads to, if it may be asked.
    pub(super) fn parse(&self, link: &str, doing: &str) -> Outside<Url> {
        let url = Url::parse(link).map_err(|_| refused(doing, "the link is no address"))?;
        self.check(&url, doing)?;
        Ok(url)
    }

    /// Whether an address may be asked.
    pub(super) fn check(&self, url: &Url, doing: &str) -> Outside<()> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(doing, "the link holds a user"));
        }
        if self.is_local(url) && matches!(url.scheme(), "http" | "https") {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(refused(doing, "the link is not https"));
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        if self.patterns.iter().any(|pattern| pattern.matches(host)) {
            return Ok(());
        }
        Err(refused(
            doing,
            &format!("the link leads to `{host}`, which is not a media host"),
        )
        .with_hint("if the vendor keeps recordings there, add it to `media_hosts`"))
    }

    /// Whether a redirect may be followed. On this machine only to the host that sent it: another
    /// name is another server.
    pub(super) fn check_redirect(&self, from: &Url, to: &Url, doing: &str) -> Outside<()> {
        if self.is_local(from) && from.host() != to.host() {
            return Err(refused(doing, "it leads to another host"));
        }
        self.check(to, doing)
    }

    /// This machine by its address, by `localhost`, or by the name that the issuer has. Other names
    /// are not taken for this machine: what they mean is not in our hands.
    fn is_local(&self, url: &Url) -> bool {
        let Some(local) = &self.local else {
            return false;
        };
        match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            // RFC 6761 keeps `localhost` for this machine.
            Some(Host::Domain(name)) => name == local || name == "localhost",
            None => false,
        }
    }
}

impl Pattern {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => host == name,
            Self::EndsWith(ending) => host.len() > ending.len() && host.ends_with(ending),
        }
    }
}

fn pattern(text: &str) -> Outside<Pattern> {
    let lower = text.trim().to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    let is_name = name.contains('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        && !name.starts_with('.')
        && !name.ends_with('.');
    if !is_name {
        return Err(Failure::new(
            FailureKind::Denied,
            format!("`{text}` in `media_hosts` is no host name"),
        )
        .with_hint("write `media.example.com`, or `*.example.com` for all hosts below it"));
    }
    Ok(if name.len() < lower.len() {
        Pattern::EndsWith(format!(".{name}"))
    } else {
        Pattern::Exactly(name.to_owned())
    })
}

/// The link is of no use. The next attempt asks for a fresh one.
fn refused(doing: &str, why: &str) -> Failure {
    Failure::new(FailureKind::CorruptTransfer, format!("{doing}: {why}"))
}
