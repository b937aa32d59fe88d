//! Puts the layers together: the file's tree, `{ env = "NAME" }` and `{ file = "path" }` in it,
//! and the environment on top. Every value keeps its place in the file, so that an error can name
//! line and column.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::{DEFAULT_KINDS, KINDS_BY_VARIABLE, VARIABLES};
use super::error::{ConfigError, Origin};

/// Where the values come from, by dotted key.
pub(super) type Origins = BTreeMap<String, Origin>;

/// What the layers below the file are.
pub(super) struct Surroundings<'a> {
    /// The value of an environment variable and where it was set.
    pub(super) variable: &'a dyn Fn(&str) -> Option<(String, Origin)>,
    /// Reads a small text file.
    pub(super) read_file: &'a dyn Fn(&str) -> std::io::Result<String>,
}

/// Replaces references in the tree and notes where each value comes from.
pub(super) fn resolve(
    table: &mut DeTable<'_>,
    prefix: &str,
    surroundings: &Surroundings<'_>,
    origins: &mut Origins,
) -> Result<(), ConfigError> {
    for (key, value) in table.iter_mut() {
        let path = joined(prefix, key.get_ref());
        if let DeValue::Datetime(date) = value.get_ref() {
            // Dates are read from text, quoted or not.
            *value.get_mut() = DeValue::String(Cow::Owned(date.to_string()));
        }
        if let Some((text, origin)) = referenced(value, &path, surroundings)? {
            *value.get_mut() = DeValue::String(Cow::Owned(text));
            origins.insert(path, origin);
        } else if let DeValue::Table(inner) = value.get_mut() {
            resolve(inner, &path, surroundings, origins)?;
        } else {
            origins.insert(path, Origin::File);
        }
    }
    Ok(())
}

/// Refuses two systems for one role, with the place of the second.
pub(super) fn one_system_for_each_role(root: &DeTable<'_>) -> Result<(), (usize, String)> {
    for (role, _) in DEFAULT_KINDS {
        let Some(DeValue::Table(kinds)) = root.get(role).map(Spanned::get_ref) else {
            continue;
        };
        let mut names: Vec<_> = kinds
            .keys()
            .map(|kind| (kind.span().start, kind.get_ref()))
            .collect();
        names.sort();
        if let [(_, first), (place, second), ..] = names.as_slice() {
            let message = format!(
                "[{role}.{first}] and [{role}.{second}] are one too many: keep one of them"
            );
            return Err((*place, message));
        }
    }
    Ok(())
}

/// Fills roles that the file leaves open with the systems that the environment speaks of.
pub(super) fn choose_from_environment(root: &mut DeTable<'_>, surroundings: &Surroundings<'_>) {
    for (role, kind, variable) in KINDS_BY_VARIABLE {
        if (surroundings.variable)(variable).is_some() {
            let table = |inner| Spanned::new(0..0, DeValue::Table(inner));
            let name = |name: &'static str| Spanned::new(0..0, Cow::Borrowed(name));
            root.entry(name(role)).or_insert_with(|| {
                let mut kinds = DeTable::new();
                kinds.insert(name(kind), table(DeTable::new()));
                table(kinds)
            });
        }
    }
}

/// Sets what the environment says, for the systems that are configured.
pub(super) fn override_from_environment(
    root: &mut DeTable<'_>,
    surroundings: &Surroundings<'_>,
    origins: &mut Origins,
) {
    for variable in VARIABLES {
        let Some((text, origin)) = (surroundings.variable)(variable.name) else {
            continue;
        };
        for key in variable.keys {
            if set(root, key, &text) {
                origins.insert((*key).to_owned(), origin.clone());
            }
        }
    }
}

/// `{ env = "NAME" }` or `{ file = "path" }`: the text that it stands for.
fn referenced(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    surroundings: &Surroundings<'_>,
) -> Result<Option<(String, Origin)>, ConfigError> {
    let DeValue::Table(table) = value.get_ref() else {
        return Ok(None);
    };
    if table.len() != 1 {
        return Ok(None);
    }
    let text = |key: &str| {
        table
            .get(key)
            .and_then(|value| value.get_ref().as_str())
            .map(str::to_owned)
    };
    if let Some(name) = text("env") {
        return match (surroundings.variable)(&name) {
            Some(found) => Ok(Some(found)),
            None => Err(ConfigError::VariableMissing {
                key: path.to_owned(),
                name,
            }),
        };
    }
    let Some(file) = text("file") else {
        return Ok(None);
    };
    match (surroundings.read_file)(&file) {
        Ok(text) => Ok(Some((text.trim_end().to_owned(), Origin::SecretFile(file)))),
        Err(error) => Err(ConfigError::ReferencedFile {
            key: path.to_owned(),
            file,
            error,
        }),
    }
}

/// Sets a dotted key, unless the role that it belongs to is filled by another system.
fn set(root: &mut DeTable<'_>, key: &str, text: &str) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    let [role, kind @ .., last] = parts.as_slice() else {
        return false;
    };
    if let [kind] = kind
        && !is_filled_by(root, role, kind)
    {
        return false;
    }
    let mut table = root;
    for parent in &parts[..parts.len() - 1] {
        let position = Spanned::new(0..0, Cow::Owned((*parent).to_owned()));
        let empty = || Spanned::new(0..0, DeValue::Table(DeTable::new()));
        let DeValue::Table(inner) = table.entry(position).or_insert_with(empty).get_mut() else {
            return false;
        };
        table = inner;
    }
    let value = Spanned::new(0..0, DeValue::String(Cow::Owned(text.to_owned())));
    table.insert(Spanned::new(0..0, Cow::Owned((*last).to_owned())), value);
    true
}

/// Whether a system fills a role: the file says so, or says nothing and it is the default.
fn is_filled_by(root: &DeTable<'_>, role: &str, kind: &str) -> bool {
    match root.get(role).map(Spanned::get_ref) {
        Some(DeValue::Table(kinds)) => kinds.get(kind).is_some(),
        Some(_) => false,
        None => DEFAULT_KINDS.contains(&(role, kind)),
    }
}

fn joined(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}
