//! Reads and writes faults as text.

use std::fmt;
use std::str::FromStr;

use super::{Fault, FaultKind};

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultParseError {
    /// No fault has that name.
    #[error("there is no fault `{name}`; known are: {}", known_names())]
    UnknownName {
        /// What was asked for.
        name: String,
    },
    /// The part after the colon has something that is no setting.
    #[error(
        "`{setting}` is no setting of a fault; known are: times, each, probability, after, \
         contact, call, model, delay_ms, retry_after_s"
    )]
    UnknownSetting {
        /// What was asked for.
        setting: String,
    },
    /// A setting has a value that it cannot have.
    #[error("`{value}` is no value for `{setting}`: {wanted}")]
    BadValue {
        /// The setting.
        setting: String,
        /// What was given.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
}

fn known_names() -> String {
    let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

impl Fault {
    /// Reads the grammar that the [module](super) describes.
    pub fn parse(text: &str) -> Result<Fault, FaultParseError> {
        let (name, settings) = text.trim().split_once(':').unwrap_or((text.trim(), ""));
        let name = name.trim();
        let kind = FaultKind::ALL.iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| FaultParseError::UnknownName {
            name: name.to_owned(),
        })?;
        let mut fault = Fault::once(*kind);
        let mut times_given = false;
        for setting in settings
            .split(',')
            .map(str::trim)
            .filter(|setting| !setting.is_empty())
        {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            times_given |= key.trim() == "times";
            fault.set(key.trim(), value.trim())?;
        }
        // "each" and "probability" say how often by themselves.
        if !times_given && (fault.each.is_some() || fault.probability.is_some()) {
            fault.times = None;
        }
        Ok(fault)
    }

    /// Every fault with one line about it, for `--help` and the manual.
    pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
        FaultKind::ALL
            .iter()
            .map(|kind| (kind.name(), kind.about()))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), FaultParseError> {
        match key {
            "times" if value == "always" => self.times = None,
            "times" => self.times = Some(read(key, value, "a number, or `always`")?),
            "each" => self.each = Some(read(key, value, "a number")?),
            "probability" => self.probability = Some(read_fraction(key, value)?),
            "after" => self.after = read(key, value, "a number")?,
            "contact" => self.contact = Some(value.to_owned()),
            "call" => self.call = Some(value.to_owned()),
            "model" => self.model = Some(value.to_owned()),
            "delay_ms" => self.delay_ms = read(key, value, "milliseconds")?,
            "retry_after_s" => self.retry_after_s = Some(read(key, value, "seconds")?),
            _ => {
                return Err(FaultParseError::UnknownSetting {
                    setting: key.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn read<T: FromStr>(key: &str, value: &str, wanted: &'static str) -> Result<T, FaultParseError> {
    value.parse().map_err(|_| bad_value(key, value, wanted))
}

fn read_fraction(key: &str, value: &str) -> Result<f64, FaultParseError> {
    let wanted = "a fraction from 0 to 1";
    let fraction: f64 = read(key, value, wanted)?;
    if (0.0..=1.0).contains(&fraction) {
        Ok(fraction)
    } else {
        Err(bad_value(key, value, wanted))
    }
}

fn bad_value(key: &str, value: &str, wanted: &'static str) -> FaultParseError {
    FaultParseError::BadValue {
        setting: key.to_owned(),
        value: value.to_owned(),
        wanted,
    }
}

impl FromStr for Fault {
    type Err = FaultParseError;

    fn from_str(text: &str) -> Result<Fault, FaultParseError> {
        Fault::parse(text)
    }
}

/// Writes what [`Fault::parse`] reads.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut settings = vec![match self.times {
            Some(times) => format!("times={times}"),
            None => "times=always".to_owned(),
        }];
        let mut push = |key: &str, value: Option<String>| {
            settings.extend(value.map(|value| format!("{key}={value}")));
        };
        push("each", self.each.map(|each| each.to_string()));
        push(
            "probability",
            self.probability.map(|probability| probability.to_string()),
        );
        push("after", (self.after > 0).then(|| self.after.to_string()));
        push("contact", self.contact.clone());
        push("call", self.call.clone());
        push("model", self.model.clone());
        push("delay_ms", Some(self.delay_ms.to_string()));
        push(
            "retry_after_s",
            self.retry_after_s.map(|seconds| seconds.to_string()),
        );
        write!(formatter, "{}:{}", self.kind, settings.join(","))
    }
}
