//! A business's labels: which questions are asked of a call, and which answers are allowed.
//!
//! A taxonomy is read from TOML. The prompt ([`prompt`]), the schema that the model must follow
//! ([`schema`]) and the check of its answer ([`check`]) all come from the same value, so that they
//! can never disagree.

pub mod check;
mod file;
pub mod prompt;
pub mod schema;

use std::fmt;

/// The taxonomy that is used when the configuration names none.
const BUILT_IN: &str = include_str!("taxonomy/default.toml");

/// The name of a section's field: also a column of the classifications table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldName(String);

impl FieldName {
    /// Lower-case letters, digits and underscores, beginning with a letter, at most 60 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let begins_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        (begins_well && plain && text.len() <= 60).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One allowed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The value that is stored.
    pub value: String,
    /// What it means, for the model and for people.
    pub description: String,
}

/// When a section applies at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// An earlier section's field …
    pub field: FieldName,
    /// … that must hold one of these.
    pub any_of: Vec<String>,
}

/// What an answer to a section looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Exactly one label.
    Label {
        /// To choose from.
        labels: Vec<Label>,
    },
    /// Several labels, none twice.
    Labels {
        /// To choose from.
        labels: Vec<Label>,
        /// At least so many.
        at_least: usize,
        /// At most so many.
        at_most: usize,
        /// The label that stands alone and means that no other applies.
        none_label: Option<String>,
    },
    /// A short free text, or nothing.
    Text {
        /// The longest, in characters.
        chars_max: usize,
    },
    /// Numbers from 0.0 to 1.0, all of them.
    Scores {
        /// Their names with descriptions.
        names: Vec<Label>,
    },
    /// Several questions that are answered together, or not at all.
    Group {
        /// The questions; none of them is a group.
        parts: Vec<Section>,
    },
}

/// One question that is asked of each call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The field in the answer and the column in the table.
    pub field: FieldName,
    /// What is asked, for the model and for people.
    pub description: String,
    /// What an answer looks like.
    pub rule: Rule,
    /// When the question applies. Where it does not, the answer must be empty.
    pub only_when: Option<Condition>,
}

/// All questions of a business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxonomy {
    /// Stored with each classification; change it whenever the meaning changes.
    pub version: String,
    /// What the business does: one paragraph for the model.
    pub business: String,
    /// The questions in the order in which they are answered.
    pub sections: Vec<Section>,
}

/// Why a text is no taxonomy.
#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    /// Not TOML, or a key that does not exist. The message has line and column.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// It can be read but makes no sense.
    #[error("section {section}: {problem}")]
    Section {
        /// The section's field, or its number.
        section: String,
        /// What is wrong.
        problem: String,
    },
    /// There is nothing in it.
    #[error("a taxonomy needs a version and at least one section")]
    Empty,
}

impl Taxonomy {
    /// Reads a taxonomy from TOML.
    pub fn parse(text: &str) -> Result<Self, TaxonomyError> {
        file::parse(text)
    }

    /// The nine sections that are used when the configuration names no file.
    pub fn built_in() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the text is part of the program and a test reads it"
        )]
        Self::parse(BUILT_IN).expect("the built-in taxonomy is well-formed")
    }

    /// The text of the built-in taxonomy, as a beginning for one's own.
    pub fn built_in_text() -> &'static str {
        BUILT_IN
    }
}

#[cfg(test)]
mod tests;
