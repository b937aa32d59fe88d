//! The configuration that `callpipe init` writes: every key with its meaning, filled in with what
//! the environment says.

use super::environment::{DEFAULT_KINDS, KINDS_BY_VARIABLE, VARIABLES, Variable};

/// Every key with its meaning, all at their defaults.
pub(crate) const TEMPLATE: &str = include_str!("template.toml");

/// The template with the values of an environment: its systems are chosen and its settings are
/// written down. Secrets are not: they stay where they are, named by their variables.
pub(crate) fn filled_in(variable: &dyn Fn(&str) -> Option<String>) -> String {
    let chosen = |role: &str| {
        let by_variable = KINDS_BY_VARIABLE
            .iter()
            .find(|(of, _, name)| *of == role && variable(name).is_some());
        let (_, kind, _) = by_variable?;
        Some(*kind)
    };
    let mut table = String::new();
    let mut lines = Vec::new();
    for line in TEMPLATE.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some((header, rest)) = header(bare) {
            table = header.to_owned();
            lines.push(match header.split_once('.') {
                Some((role, kind)) => header_line(header, rest, chosen(role), role, kind),
                None => line.to_owned(),
            });
            continue;
        }
        let key = bare
            .split_once(" = ")
            .map(|(key, _)| format!("{table}.{key}"));
        let set = key.as_deref().and_then(|key| value(key, variable));
        lines.push(match set {
            Some(value) if is_chosen(&table, &chosen) => {
                let key = bare.split(" = ").next().unwrap_or_default();
                format!("{key} = {value}")
            }
            _ => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

/// `[role.kind]` and what follows it.
fn header(line: &str) -> Option<(&str, &str)> {
    let (header, rest) = line.strip_prefix('[')?.split_once(']')?;
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
    header.bytes().all(plain).then_some((header, rest))
}

fn header_line(header: &str, rest: &str, chosen: Option<&str>, role: &str, kind: &str) -> String {
    let is_default = DEFAULT_KINDS.contains(&(role, kind));
    let is_in_force = chosen.map_or(is_default, |chosen| chosen == kind);
    let mark = if is_in_force { "" } else { "# " };
    format!("{mark}[{header}]{rest}")
}

fn is_chosen(table: &str, chosen: &dyn Fn(&str) -> Option<&'static str>) -> bool {
    let Some((role, kind)) = table.split_once('.') else {
        return true;
    };
    match chosen(role) {
        Some(chosen) => chosen == kind,
        None => DEFAULT_KINDS.contains(&(role, kind)),
    }
}

/// What the environment says of a key, as TOML.
fn value(key: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let sets = |known: &&Variable| known.keys.contains(&key);
    let known = VARIABLES.iter().find(sets)?;
    let text = variable(known.name)?;
    Some(if known.is_secret() {
        format!("{{ env = \"{}\" }}", known.name)
    } else {
        toml::Value::String(text).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled_in_with(variables: &[(&str, &str)]) -> String {
        filled_in(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn an_empty_environment_leaves_the_template_as_it_is() {
        assert_eq!(filled_in_with(&[]), TEMPLATE);
    }

    #[test]
    fn the_environment_chooses_systems_and_fills_in_settings_but_no_secret() {
        let text = filled_in_with(&[
            ("GCP_SOURCE_TABLE", "calls"),
            ("GCP_DATASET_ID", "d\"1"),
            ("GCP_PROJECT_ID", "p-1"),
            ("GCS_BUCKET_NAME", "b-1"),
            ("CUTOFF_DATE", "2026-01-01"),
            ("DEEPGRAM_API_KEY", "dg-secret"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "key.json"),
        ]);
        let has = |line: &str| text.lines().any(|known| known.starts_with(line));
        for line in [
            "# [contacts.csv]",
            "[contacts.bigquery]",
            "table = \"calls\"",
            "# [warehouse.sqlite]",
            "[warehouse.bigquery]",
            "# [archive.directory]",
            "[archive.gcs]",
            "bucket = \"b-1\"",
            "dataset = 'd\"1'",
            "project = \"p-1\"",
            "cutoff_date = \"2026-01-01\"",
            "api_key = { env = \"DEEPGRAM_API_KEY\" }",
            "credentials_file = \"key.json\"",
            "[recordings.nice_cxone]",
        ] {
            assert!(has(line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("dg-secret"));
        assert_eq!(text.lines().count(), TEMPLATE.lines().count());
    }
}
