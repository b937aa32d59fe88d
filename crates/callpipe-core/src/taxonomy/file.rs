//! The TOML form of a taxonomy, and the checks that make it a [`Taxonomy`].

use std::collections::HashSet;

use serde::Deserialize;

use super::{Condition, FieldName, Label, Rule, Section, Taxonomy, TaxonomyError};

const TEXT_CHARS_MAX: usize = 80;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxonomyFile {
    version: String,
    #[serde(default)]
    business: String,
    #[serde(default)]
    section: Vec<SectionFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionFile {
    field: String,
    kind: Kind,
    description: String,
    at_least: Option<usize>,
    at_most: Option<usize>,
    none_label: Option<String>,
    chars_max: Option<usize>,
    only_when: Option<ConditionFile>,
    #[serde(default)]
    label: Vec<LabelFile>,
    #[serde(default)]
    part: Vec<SectionFile>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Label,
    Labels,
    Text,
    Scores,
    Group,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Labels => "labels",
            Self::Text => "text",
            Self::Scores => "scores",
            Self::Group => "group",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    value: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionFile {
    field: String,
    any_of: Vec<String>,
}

pub(super) fn parse(text: &str) -> Result<Taxonomy, TaxonomyError> {
    let file: TaxonomyFile = toml::from_str(text)?;
    if file.version.trim().is_empty() || file.section.is_empty() {
        return Err(TaxonomyError::Empty);
    }
    let sections = sections(file.section, true)?;
    for (position, section) in sections.iter().enumerate() {
        check_condition(section, &sections[..position])?;
    }
    Ok(Taxonomy {
        version: file.version,
        business: file.business,
        sections,
    })
}

fn sections(files: Vec<SectionFile>, groups_allowed: bool) -> Result<Vec<Section>, TaxonomyError> {
    let mut fields = HashSet::new();
    let mut sections = Vec::with_capacity(files.len());
    for file in files {
        let name = file.field.clone();
        let section = section(file, groups_allowed).map_err(|problem| match problem {
            Problem::Here(problem) => TaxonomyError::Section {
                section: name.clone(),
                problem,
            },
            Problem::Inside(TaxonomyError::Section { section, problem }) => {
                TaxonomyError::Section {
                    section: format!("{name}.{section}"),
                    problem,
                }
            }
            Problem::Inside(error) => error,
        })?;
        if !fields.insert(section.field.clone()) {
            return Err(TaxonomyError::Section {
                section: name,
                problem: "the field is used twice".into(),
            });
        }
        sections.push(section);
    }
    Ok(sections)
}

enum Problem {
    Here(String),
    Inside(TaxonomyError),
}

fn section(mut file: SectionFile, groups_allowed: bool) -> Result<Section, Problem> {
    let field = FieldName::parse(&file.field).ok_or_else(|| {
        Problem::Here(
            "a field is made of lower-case letters, digits and _, begins with a letter, and has at \
             most 60 characters"
                .into(),
        )
    })?;
    if file.only_when.is_some() && !groups_allowed {
        return Err(Problem::Here(
            "a part of a group has no only_when of its own; the group may have one".into(),
        ));
    }
    let only_when = file.only_when.take().map(condition).transpose()?;
    let description = std::mem::take(&mut file.description);
    check_keys(&file)?;
    let rule = match file.kind {
        Kind::Label => Rule::Label {
            labels: labels(file.label)?,
        },
        Kind::Labels => labels_rule(file)?,
        Kind::Text => text_rule(file.chars_max.unwrap_or(TEXT_CHARS_MAX))?,
        Kind::Scores => Rule::Scores {
            names: score_names(file.label)?,
        },
        Kind::Group if !groups_allowed => {
            return Err(Problem::Here("a group cannot hold a group".into()));
        }
        Kind::Group if file.part.is_empty() => {
            return Err(Problem::Here("a group needs parts".into()));
        }
        Kind::Group => Rule::Group {
            parts: sections(file.part, false).map_err(Problem::Inside)?,
        },
    };
    Ok(Section {
        field,
        description,
        rule,
        only_when,
    })
}

fn condition(file: ConditionFile) -> Result<Condition, Problem> {
    let field = FieldName::parse(&file.field)
        .ok_or_else(|| Problem::Here(format!("only_when names no field: {}", file.field)))?;
    Ok(Condition {
        field,
        any_of: file.any_of,
    })
}

fn text_rule(chars_max: usize) -> Result<Rule, Problem> {
    if chars_max == 0 {
        return Err(Problem::Here("chars_max 0 excludes every answer".into()));
    }
    Ok(Rule::Text { chars_max })
}

/// Keys that mean nothing for a kind are mistakes, not decoration.
fn check_keys(file: &SectionFile) -> Result<(), Problem> {
    let has_labels = matches!(file.kind, Kind::Label | Kind::Labels | Kind::Scores);
    let misplaced = [
        (
            "at_least",
            file.at_least.is_some() && file.kind != Kind::Labels,
        ),
        (
            "at_most",
            file.at_most.is_some() && file.kind != Kind::Labels,
        ),
        (
            "none_label",
            file.none_label.is_some() && file.kind != Kind::Labels,
        ),
        (
            "chars_max",
            file.chars_max.is_some() && file.kind != Kind::Text,
        ),
        ("label", !file.label.is_empty() && !has_labels),
        ("part", !file.part.is_empty() && file.kind != Kind::Group),
    ];
    match misplaced.iter().find(|(_, misplaced)| *misplaced) {
        Some((key, _)) => Err(Problem::Here(format!(
            "`{key}` has no meaning for kind {}",
            file.kind.as_str()
        ))),
        None => Ok(()),
    }
}

fn labels_rule(file: SectionFile) -> Result<Rule, Problem> {
    let labels = labels(file.label)?;
    let at_least = file.at_least.unwrap_or(0);
    let at_most = file.at_most.unwrap_or(labels.len());
    if at_least > at_most.min(labels.len()) || at_most == 0 {
        return Err(Problem::Here(format!(
            "at_least {at_least} and at_most {at_most} exclude every answer"
        )));
    }
    if let Some(none_label) = &file.none_label
        && !labels.iter().any(|label| &label.value == none_label)
    {
        return Err(Problem::Here(format!(
            "none_label {none_label} is not one of the labels"
        )));
    }
    Ok(Rule::Labels {
        labels,
        at_least,
        at_most,
        none_label: file.none_label,
    })
}

fn labels(files: Vec<LabelFile>) -> Result<Vec<Label>, Problem> {
    let mut seen = HashSet::new();
    for file in &files {
        let is_plain = !file.value.is_empty()
            && file.value.trim() == file.value
            && !file.value.chars().any(char::is_control);
        if !is_plain {
            return Err(Problem::Here(format!(
                "label {:?} is blank, has blanks around it, or holds a control character",
                file.value
            )));
        }
        if !seen.insert(&file.value) {
            return Err(Problem::Here(format!(
                "label {} stands there twice",
                file.value
            )));
        }
    }
    if files.is_empty() {
        return Err(Problem::Here("there are no labels".into()));
    }
    Ok(files
        .into_iter()
        .map(|file| Label {
            value: file.value,
            description: file.description,
        })
        .collect())
}

fn score_names(files: Vec<LabelFile>) -> Result<Vec<Label>, Problem> {
    let names = labels(files)?;
    match names
        .iter()
        .find(|name| FieldName::parse(&name.value).is_none())
    {
        Some(name) => Err(Problem::Here(format!(
            "score {} is no field name",
            name.value
        ))),
        None => Ok(names),
    }
}

/// A condition looks back at an earlier section, at labels that this one has.
fn check_condition(section: &Section, earlier: &[Section]) -> Result<(), TaxonomyError> {
    let Some(condition) = &section.only_when else {
        return Ok(());
    };
    let problem = |problem: String| TaxonomyError::Section {
        section: section.field.to_string(),
        problem,
    };
    let other = earlier
        .iter()
        .find(|other| other.field == condition.field)
        .ok_or_else(|| {
            problem(format!(
                "only_when looks at {}, which is no earlier section",
                condition.field
            ))
        })?;
    let (Rule::Label { labels } | Rule::Labels { labels, .. }) = &other.rule else {
        return Err(problem(format!(
            "only_when looks at {}, which has no labels",
            condition.field
        )));
    };
    match condition
        .any_of
        .iter()
        .find(|value| !labels.iter().any(|label| &label.value == *value))
    {
        Some(value) => Err(problem(format!(
            "only_when asks for {value}, which {} never is",
            condition.field
        ))),
        None if condition.any_of.is_empty() => Err(problem("only_when.any_of is empty".into())),
        None => Ok(()),
    }
}
