//! What was measured, each figure beside its target.

/// Prints a heading.
pub(crate) fn heading(text: &str) {
    println!("\n{text}");
}

/// Prints the median of some values with their spread, and the target they are to keep.
pub(crate) fn figure(what: &str, values: &[f64], unit: &str, target: &str) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let spread = match sorted.len() {
        1 => String::new(),
        _ => format!(
            "({} … {})",
            number(sorted[0]),
            number(sorted[sorted.len() - 1])
        ),
    };
    let target = match target {
        "" => String::new(),
        target => format!("target {target}"),
    };
    println!(
        "  {what:<44} {:>10} {unit:<12} {spread:<24} {target}",
        number(median)
    );
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
