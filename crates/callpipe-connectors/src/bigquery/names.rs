//! Names of tables: `project.dataset.table`, of which the first parts may be left to defaults.

use std::fmt;

/// A table with its dataset and project. All parts are made of characters that cannot end a quoted
/// name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableReference {
    project: String,
    dataset: String,
    table: String,
}

/// Why a text is no name of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableNameError {
    /// Too few or too many parts, or characters that no name has.
    #[error(
        "`{0}` cannot be the name of a table: write project.dataset.table, dataset.table or table, in letters, digits, `_` and `-`"
    )]
    Malformed(String),
    /// A part is missing and there is no default for it.
    #[error("`{0}` does not say in which {1} it is")]
    Incomplete(String, &'static str),
}

impl TableReference {
    /// Reads a name. Parts that it lacks are taken from the defaults. A project's name may end in
    /// a colon, as older tools write it.
    pub fn parse(
        text: &str,
        project: Option<&str>,
        dataset: Option<&str>,
    ) -> Result<Self, TableNameError> {
        let text = text.trim().trim_matches('`');
        let malformed = || TableNameError::Malformed(text.to_owned());
        let (own_project, rest) = match text.split_once(':') {
            // A domain-scoped project has a colon of its own: `example.com:calls.dataset.table`.
            Some((domain, rest)) if rest.matches('.').count() == 2 => {
                let (project, rest) = rest.split_once('.').ok_or_else(malformed)?;
                (Some(format!("{domain}:{project}")), rest)
            }
            Some((project, rest)) => (Some(project.to_owned()), rest),
            None => match text.rsplitn(3, '.').collect::<Vec<_>>().as_slice() {
                [_, _, project] => {
                    let rest = text.get(project.len() + 1..).ok_or_else(malformed)?;
                    (Some((*project).to_owned()), rest)
                }
                _ => (None, text),
            },
        };
        let (own_dataset, table) = match rest.split_once('.') {
            Some((dataset, table)) => (Some(dataset), table),
            None => (None, rest),
        };
        let missing = |part| TableNameError::Incomplete(text.to_owned(), part);
        let reference = Self {
            project: own_project
                .or_else(|| project.map(str::to_owned))
                .ok_or_else(|| missing("project"))?,
            dataset: own_dataset
                .or(dataset)
                .ok_or_else(|| missing("dataset"))?
                .to_owned(),
            table: table.to_owned(),
        };
        reference
            .is_well_formed()
            .then_some(reference)
            .ok_or_else(malformed)
    }

    fn is_well_formed(&self) -> bool {
        let made_of = |text: &str, others: &[u8]| {
            !text.is_empty()
                && text.len() <= 1_024
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
        };
        made_of(&self.project, b"-.:")
            && made_of(&self.dataset, b"_")
            && made_of(&self.table, b"_-")
    }

    /// The project's id.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The dataset's id.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// The table's id.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Another table of the same dataset. `table` must be made of letters, digits and underscores.
    pub(crate) fn beside(&self, table: String) -> Self {
        Self {
            table,
            ..self.clone()
        }
    }

    /// The name as SQL takes it.
    pub(crate) fn quoted(&self) -> String {
        format!("`{}`.`{}`.`{}`", self.project, self.dataset, self.table)
    }
}

impl fmt::Display for TableReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{}.{}",
            self.project, self.dataset, self.table
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, TableNameError> {
        TableReference::parse(text, Some("p-1"), Some("d")).map(|name| name.to_string())
    }

    #[test]
    fn what_a_name_lacks_is_taken_from_the_defaults() {
        for (text, expected) in [
            ("calls", "p-1.d.calls"),
            ("other.calls-2026", "p-1.other.calls-2026"),
            ("q-2.other.calls", "q-2.other.calls"),
            (" `q-2.other.calls` ", "q-2.other.calls"),
            ("q-2:other.calls", "q-2.other.calls"),
            ("example.com:q.other.calls", "example.com:q.other.calls"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
        }
        let alone = |text| TableReference::parse(text, None, None).unwrap_err();
        assert_eq!(
            alone("d.t"),
            TableNameError::Incomplete("d.t".into(), "project")
        );
        assert_eq!(
            alone("p:t"),
            TableNameError::Incomplete("p:t".into(), "dataset")
        );
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        for text in [
            "",
            "a`b",
            "a b",
            "a.b.c.d e",
            "x; DROP TABLE y",
            "d..t",
            "a\"b",
            "ü",
        ] {
            assert!(
                matches!(parsed(text), Err(TableNameError::Malformed(_))),
                "{text}"
            );
        }
        let name = TableReference::parse("t", Some("p"), Some("d")).unwrap();
        assert_eq!(name.quoted(), "`p`.`d`.`t`");
    }
}
