//! Puts the layers together: the file's tree, `{ env = "NAME" }` and `{ file = "path" }` in it,
//! and the environment on top. Every value keeps its place in the file, so that an error can name
//! line and column.

use std::borrow::Cow;
use std::collections::BTreeMap;

use callpipe_connectors::secret::Secret;
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
    /// The secrets of Secret Manager that were fetched, by name.
    pub(super) secrets: &'a BTreeMap<String, Secret>,
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
            choose(root, role, kind);
        }
    }
}

/// A folder of recordings is its own list of calls, where no other one is named.
pub(super) fn choose_folder_for_contacts(root: &mut DeTable<'_>) {
    let recordings = root.get("recordings").map(Spanned::get_ref);
    let is_folder =
        matches!(recordings, Some(DeValue::Table(kinds)) if kinds.get("folder").is_some());
    if is_folder {
        choose(root, "contacts", "folder");
    }
}

/// Fills a role that is left open.
fn choose(root: &mut DeTable<'_>, role: &'static str, kind: &'static str) {
    let table = |inner| Spanned::new(0..0, DeValue::Table(inner));
    let name = |name: &'static str| Spanned::new(0..0, Cow::Borrowed(name));
    root.entry(name(role)).or_insert_with(|| {
        let mut kinds = DeTable::new();
        kinds.insert(name(kind), table(DeTable::new()));
        table(kinds)
    });
}

/// Sets what the environment says, for the systems that are configured. The values stand after the
/// end of the file, each at its variable's number, so that [`variable_at`] can find them.
pub(super) fn override_from_environment(
    root: &mut DeTable<'_>,
    file_length: usize,
    surroundings: &Surroundings<'_>,
) -> Origins {
    let mut origins = Origins::new();
    for (number, variable) in VARIABLES.iter().enumerate() {
        let Some((text, origin)) = (surroundings.variable)(variable.name) else {
            continue;
        };
        for key in variable.keys {
            if set(root, key, &text, file_length + 1 + number) {
                origins.insert((*key).to_owned(), origin.clone());
            }
        }
    }
    origins
}

/// The variable whose value stands at a place after the end of the file.
pub(super) fn variable_at(place: usize, file_length: usize) -> Option<&'static str> {
    let number = place.checked_sub(file_length + 1)?;
    VARIABLES.get(number).map(|variable| variable.name)
}

/// The keys that name a secret of Secret Manager, with its name.
pub(super) fn secret_names(table: &DeTable<'_>, prefix: &str) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (key, value) in table {
        let path = joined(prefix, key.get_ref());
        if let Some(name) = reference(value, SECRET_MANAGER) {
            names.push((path, name.to_owned()));
        } else if let DeValue::Table(inner) = value.get_ref() {
            names.extend(secret_names(inner, &path));
        }
    }
    names
}

/// `{ env = "NAME" }`, `{ file = "path" }` or `{ secret_manager = "name" }`: the text that it
/// stands for.
fn referenced(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    surroundings: &Surroundings<'_>,
) -> Result<Option<(String, Origin)>, ConfigError> {
    let key = || path.to_owned();
    if let Some(name) = reference(value, "env") {
        let missing = || ConfigError::VariableMissing {
            key: key(),
            name: name.to_owned(),
        };
        return (surroundings.variable)(name).ok_or_else(missing).map(Some);
    }
    if let Some(name) = reference(value, SECRET_MANAGER) {
        let secret = surroundings.secrets.get(name);
        let secret = secret.ok_or_else(|| ConfigError::SecretManagerNotYet { key: key() })?;
        let origin = Origin::SecretManager(name.to_owned());
        return Ok(Some((secret.expose().to_owned(), origin)));
    }
    let Some(file) = reference(value, "file") else {
        return Ok(None);
    };
    match (surroundings.read_file)(file) {
        Ok(text) => {
            let origin = Origin::SecretFile(file.to_owned());
            Ok(Some((text.trim_end().to_owned(), origin)))
        }
        Err(error) => Err(ConfigError::ReferencedFile {
            key: key(),
            file: file.to_owned(),
            error,
        }),
    }
}

const SECRET_MANAGER: &str = "secret_manager";

/// The text of a table that has this one key and no other.
fn reference<'a>(value: &'a Spanned<DeValue<'_>>, key: &str) -> Option<&'a str> {
    match value.get_ref() {
        DeValue::Table(table) if table.len() == 1 => table.get(key)?.get_ref().as_str(),
        _ => None,
    }
}

/// Sets a dotted key, unless the role that it belongs to is filled by another system.
fn set(root: &mut DeTable<'_>, key: &str, text: &str, place: usize) -> bool {
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
    let place = place..place + 1;
    let value = DeValue::String(Cow::Owned(text.to_owned()));
    let key = Spanned::new(place.clone(), Cow::Owned((*last).to_owned()));
    // An equal key would stay with its own place.
    table.remove(*last);
    table.insert(key, Spanned::new(place, value));
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
