//! Which models there are, where, and how they differ.

/// Every model of the documents; the retired ones are so by the sandbox's options.
const MODELS: &[&str] = &[
    "gemini-2.0-flash",
    "gemini-2.0-flash-001",
    "gemini-2.0-flash-lite",
    "gemini-2.0-flash-lite-001",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-3-flash-preview",
    "gemini-3.1-flash-lite",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-argon",
];

/// From this version on, models are served only for the whole world and for large regions.
const NO_SINGLE_REGIONS_FROM: Version = (3, 6);

/// Major and minor.
pub(super) type Version = (u32, u32);

/// `gemini-3.5-flash` is `(3, 5)`.
pub(super) fn version(model: &str) -> Version {
    let number = model.split('-').nth(1).unwrap_or_default();
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

pub(super) fn is_served(model: &str, location: &str, retired: &[String]) -> bool {
    let name = model.split('@').next().unwrap_or_default();
    let is_near =
        version(name) < NO_SINGLE_REGIONS_FROM || ["global", "us", "eu"].contains(&location);
    MODELS.contains(&name) && is_near && !retired.iter().any(|prefix| name.starts_with(prefix))
}

/// Why a model cannot think that way; none if it can.
pub(super) fn thinking_problem(model: &str, level: Option<&str>, budget: bool) -> Option<String> {
    let version = version(model);
    if budget && version >= (4, 0) {
        return Some("Thinking budget is not supported by this model.".to_owned());
    }
    let level = level?;
    if budget {
        return Some("You can only set only one of thinking budget and thinking level.".to_owned());
    }
    if version < (3, 0) {
        return Some("Thinking level is not supported for this model.".to_owned());
    }
    let known = ["MINIMAL", "LOW", "MEDIUM", "HIGH"];
    let has_minimal = version < (3, 7);
    if !known.contains(&level) || (level == "MINIMAL" && !has_minimal) {
        let level = level.to_lowercase();
        return Some(format!(
            "'{level}' is not a supported thinking level for this model."
        ));
    }
    None
}

/// The level of a request that names none.
pub(super) fn default_level(model: &str) -> &'static str {
    if model.contains("lite") {
        "MINIMAL"
    } else {
        "MEDIUM"
    }
}
