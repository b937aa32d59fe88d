//! The links of a page.

/// A link with the attributes of its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Where it leads, as it is asked for.
    pub(crate) href: String,
    /// Whether it says of itself that it leads to the next page.
    pub(crate) is_next: bool,
}

/// The links of a page that stay on this host.
pub(crate) fn links(html: &str) -> Vec<Link> {
    let tags = html
        .split("<a ")
        .skip(1)
        .filter_map(|rest| rest.split('>').next());
    let links = tags.filter_map(|tag| {
        let href = unescaped(attribute(tag, "href")?);
        let is_next = attribute(tag, "rel") == Some("next");
        let is_here = href.starts_with('/') && !href.starts_with("//");
        is_here.then_some(Link { href, is_next })
    });
    links.collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
