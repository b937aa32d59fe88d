//! What a file's path tells, by an example with named parts:
//! `{date:%Y-%m-%d}/{contactId}_{start:%H%M%S}_{agent}.wav`.
//!
//! What stands outside of braces must be there as it is. `{name}` is some text without a slash,
//! `{name:%Y%m%d}` a date or time in that form, `{*}` text that does not matter. A pattern without a
//! slash is about the file's name alone, whatever directory it is in; one without an ending such as
//! `.wav`, or with `.{*}`, fits files with any ending.

use callpipe_core::call::parse_start;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// More parts than anybody can read.
const TOKENS_MAX: usize = 64;

/// Longer paths are no file's.
const PATH_BYTES_MAX: usize = 2_048;

/// A pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
    is_about_path: bool,
    has_ending: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(String),
    Part { name: String, form: Option<String> },
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("a brace is not closed")]
    NotClosed,
    #[error("a part has no name")]
    NoName,
    #[error("`{0}` is there twice")]
    Twice(String),
    #[error("`{0}` and `{1}` touch: there must be something between them")]
    Touching(String, String),
    #[error("`{0}` has a form that is no date or time: use letters such as %Y, %m, %d, %H, %M, %S")]
    NoForm(String),
    #[error("it has no `{{contactId}}`")]
    NoId,
    #[error("it is too long")]
    TooLong,
}

/// What a path told.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Told {
    /// The contact's id.
    pub(crate) contact_id: String,
    /// The id of the whole conversation.
    pub(crate) master_contact_id: Option<String>,
    /// When it began.
    pub(crate) started_at: Option<DateTime<FixedOffset>>,
    /// The other parts, by their names.
    pub(crate) others: Vec<(String, String)>,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut tokens = Vec::new();
        let mut rest = text.trim().trim_start_matches('/');
        while !rest.is_empty() {
            let token = match rest.strip_prefix('{') {
                Some(inside) => {
                    let (part, after) = inside.split_once('}').ok_or(PatternError::NotClosed)?;
                    rest = after;
                    part_of(part)?
                }
                None => {
                    let end = rest.find('{').unwrap_or(rest.len());
                    let (literal, after) = rest.split_at(end);
                    rest = after;
                    Token::Literal(literal.to_owned())
                }
            };
            tokens.push(token);
        }
        checked(&tokens)?;
        Ok(Self {
            is_about_path: text.trim().trim_start_matches('/').contains('/'),
            has_ending: has_ending(&tokens),
            tokens,
        })
    }

    /// What a path tells, if it fits. Times without an offset have this one.
    pub(crate) fn read(&self, path: &str, offset: FixedOffset) -> Option<Told> {
        if path.len() > PATH_BYTES_MAX {
            return None;
        }
        let path = match self.is_about_path {
            true => path,
            false => path.rsplit('/').next().unwrap_or(path),
        };
        let text = match self.has_ending {
            true => path,
            false => without_ending(path),
        };
        let mut values = Vec::new();
        let mut failed = vec![false; (self.tokens.len() + 1) * (text.len() + 1)];
        fits(&self.tokens, text, 0, &mut values, &mut failed).then(|| told(values, offset))?
    }
}

/// Whether a pattern says how files end: `.wav`, or `.{*}` for any ending.
fn has_ending(tokens: &[Token]) -> bool {
    match tokens {
        [.., Token::Literal(literal)] => literal.contains('.'),
        [.., Token::Literal(literal), Token::Part { .. }] => literal.ends_with('.'),
        _ => false,
    }
}

/// A path without the ending of its file's name.
pub(crate) fn without_ending(path: &str) -> &str {
    let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
    match path[name_at..].rfind('.') {
        Some(dot) if dot > 0 => &path[..name_at + dot],
        _ => path,
    }
}

fn part_of(part: &str) -> Result<Token, PatternError> {
    let (name, form) = match part.split_once(':') {
        Some((name, form)) => (name.trim(), Some(form.to_owned())),
        None => (part.trim(), None),
    };
    if name.is_empty() {
        return Err(PatternError::NoName);
    }
    if let Some(form) = &form {
        let mut items = StrftimeItems::new(form);
        let tells_time =
            StrftimeItems::new(form).any(|item| matches!(item, Item::Numeric(..) | Item::Fixed(_)));
        if !tells_time || items.any(|item| item == Item::Error) {
            return Err(PatternError::NoForm(name.to_owned()));
        }
    }
    Ok(Token::Part {
        name: name.to_owned(),
        form,
    })
}

fn checked(tokens: &[Token]) -> Result<(), PatternError> {
    if tokens.len() > TOKENS_MAX {
        return Err(PatternError::TooLong);
    }
    let names: Vec<&str> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Part { name, .. } if name != "*" => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for (position, name) in names.iter().enumerate() {
        if names[..position].contains(name) {
            return Err(PatternError::Twice((*name).to_owned()));
        }
    }
    for pair in tokens.windows(2) {
        // A date knows its own length; two texts do not.
        if let [
            Token::Part {
                name: first,
                form: None,
            },
            Token::Part {
                name: second,
                form: None,
            },
        ] = pair
        {
            return Err(PatternError::Touching(first.clone(), second.clone()));
        }
    }
    match names.iter().any(|name| meaning(name) == Meaning::Id) {
        true => Ok(()),
        false => Err(PatternError::NoId),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Id,
    MasterId,
    Start,
    Date,
    Time,
    Other,
}

/// What a part is about, by its name; case and underscores make no difference.
fn meaning(name: &str) -> Meaning {
    let plain = name.replace(['_', '-'], "").to_ascii_lowercase();
    match plain.as_str() {
        "contactid" | "id" => Meaning::Id,
        "mastercontactid" | "masterid" => Meaning::MasterId,
        "start" | "startdate" | "starttime" => Meaning::Start,
        "date" => Meaning::Date,
        "time" => Meaning::Time,
        _ => Meaning::Other,
    }
}

type Value<'a> = (&'a Token, &'a str);

/// Whether the tokens from a number on fit a text; shorter values are tried first. What failed once
/// is not tried again, so that no name takes long.
fn fits<'a>(
    tokens: &'a [Token],
    text: &'a str,
    position: usize,
    values: &mut Vec<Value<'a>>,
    failed: &mut [bool],
) -> bool {
    let rest = &text[position..];
    let Some((token, later)) = tokens.split_first() else {
        return rest.is_empty();
    };
    let place = tokens.len() * (text.len() + 1) + position;
    if failed.get(place).copied().unwrap_or(false) {
        return false;
    }
    let found = match token {
        Token::Literal(literal) => {
            rest.starts_with(literal.as_str())
                && fits(later, text, position + literal.len(), values, failed)
        }
        Token::Part { name, form } => {
            let end = match form {
                Some(form) if form.contains('/') => rest.len(),
                _ => rest.find('/').unwrap_or(rest.len()),
            };
            let least = usize::from(name != "*");
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            let mut ends: Vec<usize> = ends.filter(|at| (least..=end).contains(at)).collect();
            if form.is_some() {
                // Of a date with and without its last digit, it is the one with it.
                ends.reverse();
            }
            ends.into_iter().any(|at| {
                let value = &rest[..at];
                if form
                    .as_ref()
                    .is_some_and(|form| moment(value, form).is_none())
                {
                    return false;
                }
                values.push((token, value));
                let fits = fits(later, text, position + at, values, failed);
                if !fits {
                    values.pop();
                }
                fits
            })
        }
    };
    if !found && let Some(place) = failed.get_mut(place) {
        *place = true;
    }
    found
}

/// A date, a time, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    Exact(DateTime<FixedOffset>),
    Local(NaiveDateTime),
    Date(NaiveDate),
    Time(NaiveTime),
}

fn moment(value: &str, form: &str) -> Option<Moment> {
    let exact = DateTime::parse_from_str(value, form).map(Moment::Exact);
    let local = || NaiveDateTime::parse_from_str(value, form).map(Moment::Local);
    let date = || NaiveDate::parse_from_str(value, form).map(Moment::Date);
    let time = || NaiveTime::parse_from_str(value, form).map(Moment::Time);
    // Some forms of time alone, such as hours and minutes, parse as a time only.
    let moment = exact.or_else(|_| local()).or_else(|_| date());
    moment.or_else(|_| time()).ok()
}

fn told(values: Vec<Value<'_>>, offset: FixedOffset) -> Option<Told> {
    let mut told = Told::default();
    let (mut start, mut date, mut time) = (None, None, None);
    for (token, value) in values {
        let Token::Part { name, form } = token else {
            continue;
        };
        let value_moment = match form {
            Some(form) => moment(value, form),
            None => parse_start(value).map(Moment::Exact),
        };
        match (meaning(name), value_moment) {
            (Meaning::Id, _) => told.contact_id = value.to_owned(),
            (Meaning::MasterId, _) => told.master_contact_id = Some(value.to_owned()),
            (Meaning::Start, Some(moment)) => start = Some(moment),
            (Meaning::Date, Some(moment)) => date = Some(moment),
            (Meaning::Time, Some(moment)) => time = Some(moment),
            _ if name == "*" => {}
            _ => told.others.push((name.clone(), value.to_owned())),
        }
    }
    told.started_at = together(start.or(time), date, offset);
    Some(told)
}

/// The start of parts: each has what the other lacks.
fn together(
    start: Option<Moment>,
    date: Option<Moment>,
    offset: FixedOffset,
) -> Option<DateTime<FixedOffset>> {
    let day = match date {
        Some(Moment::Date(date)) => Some(date),
        Some(Moment::Local(local)) => Some(local.date()),
        Some(Moment::Exact(exact)) => Some(exact.date_naive()),
        _ => None,
    };
    let local = match (start, day) {
        (Some(Moment::Exact(exact)), _) => return Some(exact),
        (Some(Moment::Local(local)), _) => local,
        (Some(Moment::Time(time)), Some(day)) => day.and_time(time),
        (Some(Moment::Date(day)), _) | (None, Some(day)) => day.and_time(NaiveTime::MIN),
        (Some(Moment::Time(_)), None) | (None, None) => return None,
    };
    offset.from_local_datetime(&local).single()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, path: &str) -> Option<Told> {
        let offset = FixedOffset::east_opt(10 * 3600).unwrap();
        Pattern::parse(pattern).unwrap().read(path, offset)
    }

    fn start(pattern: &str, path: &str) -> Option<String> {
        Some(read(pattern, path)?.started_at?.to_rfc3339())
    }

    #[test]
    fn named_parts_are_read_from_a_path() {
        let told = read(
            "{date:%Y-%m-%d}/{contactId}_{start:%H%M%S}_{agent}.wav",
            "2026-03-05/700123_142501_Ada Lovelace.wav",
        )
        .unwrap();
        assert_eq!(told.contact_id, "700123");
        assert_eq!(
            told.started_at.unwrap().to_rfc3339(),
            "2026-03-05T14:25:01+10:00"
        );
        assert!(
            told.others
                .contains(&("agent".into(), "Ada Lovelace".into()))
        );
    }

    #[test]
    fn any_ending_can_be_written_down_or_left_out() {
        for pattern in ["{contactId}_{agent}", "{contactId}_{agent}.{*}"] {
            for path in ["700_ada.wav", "700_ada.mp3"] {
                let told = read(pattern, path).unwrap();
                assert_eq!(told.contact_id, "700");
                assert_eq!(told.others, [("agent".to_owned(), "ada".to_owned())]);
            }
        }
        assert_eq!(read("{contactId}_{agent}.wav", "700_ada.mp3"), None);
        let kind = read("{contactId}.{kind}", "700.mp3").unwrap();
        assert_eq!(kind.others, [("kind".to_owned(), "mp3".to_owned())]);
    }

    #[test]
    fn starts_come_in_many_forms() {
        let compact = start("{start:%Y%m%dT%H%M%S}-{id}", "20260305T142501-9.mp3");
        assert_eq!(compact.as_deref(), Some("2026-03-05T14:25:01+10:00"));
        let with_offset = start("{id}_{start:%Y%m%d%H%M%S%z}", "9_20260305142501+0000.wav");
        assert_eq!(with_offset.as_deref(), Some("2026-03-05T14:25:01+00:00"));
        let day = start("{date:%d.%m.%Y}/{id}", "05.03.2026/9.wav");
        assert_eq!(day.as_deref(), Some("2026-03-05T00:00:00+10:00"));
        let split = start(
            "{date:%Y/%m/%d}/{time:%H-%M}_{id}",
            "2026/03/05/14-25_9.wav",
        );
        assert_eq!(split.as_deref(), Some("2026-03-05T14:25:00+10:00"));
        let plain = start("{start}_{id}", "2026-03-05T14:25:01Z_9.wav");
        assert_eq!(plain.as_deref(), Some("2026-03-05T14:25:01+00:00"));
        assert_eq!(start("{id}_{agent}", "9_ada.wav"), None);
    }

    #[test]
    fn a_pattern_without_a_slash_is_about_the_name_alone() {
        assert_eq!(read("{id}", "a/b/42.wav").unwrap().contact_id, "42");
        assert_eq!(read("x/{id}", "a/x/42.wav"), None);
        assert_eq!(read("{*}/{id}", "a/42.wav").unwrap().contact_id, "42");
        assert_eq!(
            read("call-{id}-{*}", "call-42-.wav").unwrap().contact_id,
            "42"
        );
        assert_eq!(read("{id}.wav", "42.mp3"), None);
        assert_eq!(read("{id}.wav", "42.wav.wav").unwrap().contact_id, "42.wav");
    }

    #[test]
    fn hostile_names_are_text_like_any_other() {
        let id = |path| read("{id}", path).map(|told| told.contact_id);
        assert_eq!(id("..").as_deref(), Some("."));
        assert_eq!(id("naïve ☎ 'DROP'.wav").as_deref(), Some("naïve ☎ 'DROP'"));
        assert_eq!(id("two\nlines.wav").as_deref(), Some("two\nlines"));
        assert_eq!(id(""), None);
        assert_eq!(id(&"x".repeat(5_000)), None);
        // No name takes long, whatever it is made of.
        let pattern = "{a}_{b}_{c}_{d}_{e}_{f}_{g}_{h}_{id}.wav";
        assert_eq!(read(pattern, &"_".repeat(2_000)), None);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let error = |text: &str| Pattern::parse(text).unwrap_err().to_string();
        assert_eq!(error("{id"), "a brace is not closed");
        assert_eq!(error("{}{id}"), "a part has no name");
        assert_eq!(error("{id}_{id}"), "`id` is there twice");
        assert_eq!(
            error("{id}{agent}"),
            "`id` and `agent` touch: there must be something between them"
        );
        assert_eq!(error("{agent}.wav"), "it has no `{contactId}`");
        assert!(error("{id}_{start:yyyy}").starts_with("`start` has a form"));
        assert!(error("{id}_{start:%Q}").starts_with("`start` has a form"));
        assert!(Pattern::parse("{date:%Y%m%d}{id}").is_ok());
    }
}
