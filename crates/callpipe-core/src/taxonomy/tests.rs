//! TOML to taxonomy, taxonomy to prompt and schema, and what passes the check.

mod built_in;
mod checking;
mod reading;
mod wording;

use super::Taxonomy;

/// One section of every kind, with and without a condition.
const SMALL: &str = r#"
version = "v7"
business = "Repairs bicycles."

[[section]]
field = "reason"
kind = "labels"
at_least = 1
at_most = 2
description = "Why they rang."
label = [
    { value = "repair", description = "something is broken" },
    { value = "sale" },
    { value = "other" },
]

[[section]]
field = "outcome"
kind = "label"
description = "How it ended."
label = [{ value = "booked" }, { value = "refused" }]

[[section]]
field = "refusal"
kind = "label"
description = "Who refused."
only_when = { field = "outcome", any_of = ["refused"] }
label = [{ value = "customer" }, { value = "shop" }]

[[section]]
field = "doubts"
kind = "labels"
description = "Why they refused."
at_least = 1
none_label = "unsaid"
only_when = { field = "outcome", any_of = ["refused"] }
label = [{ value = "price" }, { value = "time" }, { value = "unsaid" }]

[[section]]
field = "bicycle"
kind = "group"
description = "The bicycle in question."
only_when = { field = "reason", any_of = ["repair", "sale"] }

[[section.part]]
field = "kind"
kind = "label"
description = "Which kind."
label = [{ value = "road" }, { value = "cargo" }]

[[section.part]]
field = "damage"
kind = "labels"
description = "What is broken."
label = [{ value = "wheel" }, { value = "brake" }]

[[section]]
field = "mechanic"
kind = "text"
chars_max = 12
description = "Whom they ask for."

[[section]]
field = "sure"
kind = "scores"
description = "How sure you are."
label = [{ value = "reason_sure" }, { value = "all_sure", description = "of everything" }]
"#;

fn small() -> Taxonomy {
    Taxonomy::parse(SMALL).unwrap()
}
