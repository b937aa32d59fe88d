//! What a contact source says about a call: its id, when it started, and everything else it told us.

use std::borrow::Borrow;
use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};

/// The longest contact id that is accepted, in characters.
pub const CONTACT_ID_CHARS_MAX: usize = 200;

/// A call's id as its source names it. Never blank, without control characters.
///
/// It may still hold anything else (`../`, quotes, emoji): it becomes an archive key only through
/// [`crate::recording::ArchiveKey`] and reaches SQL only as a bound parameter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContactId(String);

/// Why a text is no contact id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactIdError {
    /// Nothing but white space.
    #[error("the contact id is blank")]
    Blank,
    /// Longer than [`CONTACT_ID_CHARS_MAX`].
    #[error("the contact id is longer than {CONTACT_ID_CHARS_MAX} characters")]
    TooLong,
    /// A line break, a NUL or the like.
    #[error("the contact id holds a control character")]
    ControlCharacter,
}

impl ContactId {
    /// Takes an id from outside; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, ContactIdError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ContactIdError::Blank);
        }
        if text.chars().count() > CONTACT_ID_CHARS_MAX {
            return Err(ContactIdError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(ContactIdError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as its source wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A set of ids can be asked for a text.
impl Borrow<str> for ContactId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for ContactId {
    type Error = ContactIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ContactId> for String {
    fn from(id: ContactId) -> Self {
        id.0
    }
}

/// One call of the contact centre, as its source describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The id under which the call is tracked.
    pub id: ContactId,
    /// The id of the whole conversation that this contact is a part of, where the source gives one.
    pub master_id: Option<ContactId>,
    /// When the call started, with the offset that the source wrote, so that the call's date is
    /// the date of its own place.
    pub started_at: Option<DateTime<FixedOffset>>,
    /// Everything else that the source said, by its own names.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

impl Contact {
    /// A contact of which only id and start are known.
    pub fn new(id: ContactId, started_at: Option<DateTime<FixedOffset>>) -> Self {
        Self {
            id,
            master_id: None,
            started_at,
            metadata: serde_json::Map::new(),
        }
    }

    /// The start as a moment, for ordering and for ages.
    pub fn started_at_utc(&self) -> Option<DateTime<Utc>> {
        self.started_at
            .map(|started_at| started_at.with_timezone(&Utc))
    }

    /// The date of the call in its own place.
    pub fn date(&self) -> Option<NaiveDate> {
        self.started_at.map(|started_at| started_at.date_naive())
    }
}

/// Reads a start date in any form that contact lists use: RFC 3339, a date and time without an
/// offset (taken as UTC), BigQuery's `2026-03-01 10:00:00 UTC`, or a date alone (its first second).
pub fn parse_start(text: &str) -> Option<DateTime<FixedOffset>> {
    let text = text.trim();
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Ok(start) = DateTime::parse_from_rfc3339(text) {
        return Some(start);
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M%#z",
    ] {
        if let Ok(start) = DateTime::parse_from_str(text, format) {
            return Some(start);
        }
    }
    let naive = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ]
    .iter()
    .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    .or_else(|| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    })?;
    Some(Utc.from_utc_datetime(&naive).fixed_offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_trimmed_and_checked() {
        assert_eq!(ContactId::parse(" 42\t").unwrap().as_str(), "42");
        assert_eq!(ContactId::parse("  "), Err(ContactIdError::Blank));
        assert_eq!(
            ContactId::parse("4\n2"),
            Err(ContactIdError::ControlCharacter)
        );
        assert_eq!(
            ContactId::parse(&"4".repeat(201)),
            Err(ContactIdError::TooLong)
        );
        assert!(ContactId::parse("../../etc/passwd").is_ok());
    }

    #[test]
    fn a_start_is_read_in_every_form_in_use() {
        let start = |text| parse_start(text).map(|start| start.to_rfc3339());
        assert_eq!(
            start("2026-03-01").as_deref(),
            Some("2026-03-01T00:00:00+00:00")
        );
        assert_eq!(
            start("2026-03-01T10:11:12Z").as_deref(),
            Some("2026-03-01T10:11:12+00:00")
        );
        assert_eq!(
            start("2026-03-01T10:11:12.5+11:00").as_deref(),
            Some("2026-03-01T10:11:12.500+11:00")
        );
        assert_eq!(
            start("2026-03-01 10:11:12 UTC").as_deref(),
            Some("2026-03-01T10:11:12+00:00")
        );
        assert_eq!(
            start("2026-03-01 10:11:12+00").as_deref(),
            Some("2026-03-01T10:11:12+00:00")
        );
        assert_eq!(
            start("2026-03-01 10:11").as_deref(),
            Some("2026-03-01T10:11:00+00:00")
        );
        assert_eq!(
            start("2026-03-01T10:11Z").as_deref(),
            Some("2026-03-01T10:11:00+00:00")
        );
        assert_eq!(start("yesterday"), None);
        assert_eq!(start("2026-02-30"), None);
    }

    #[test]
    fn the_date_of_a_call_is_the_one_of_its_own_place() {
        let contact = Contact::new(
            ContactId::parse("1").unwrap(),
            parse_start("2026-03-02T08:00:00+11:00"),
        );
        assert_eq!(contact.date(), NaiveDate::from_ymd_opt(2026, 3, 2));
        assert_eq!(
            contact.started_at_utc().unwrap().date_naive(),
            NaiveDate::from_ymd_opt(2026, 3, 1).unwrap()
        );
    }
}
