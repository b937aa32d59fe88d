//! What the calls were about: counts of labels as bars, for people who run the business.

use callpipe_core::contracts::warehouse::ValueCount;

const BAR_CHARS: u64 = 30;
const ROWS_MAX: usize = 10;

/// One question and how its answers are spread.
pub fn bars(title: &str, counts: &[ValueCount]) -> String {
    let mut text = format!("{title}\n");
    let most = counts
        .iter()
        .map(|count| count.count)
        .max()
        .unwrap_or(0)
        .max(1);
    for count in counts.iter().take(ROWS_MAX) {
        let bar = "#".repeat((count.count * BAR_CHARS).div_ceil(most) as usize);
        text.push_str(&format!(
            "  {:<32} {:>5}  {bar}\n",
            count.value.replace('_', " "),
            count.count
        ));
    }
    if counts.len() > ROWS_MAX {
        text.push_str(&format!("  and {} more\n", counts.len() - ROWS_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        let counts = [
            ("not_sales_call", 30),
            ("sale_completed", 10),
            ("sale_intended", 1),
        ]
        .map(|(value, count)| ValueCount {
            value: value.into(),
            count,
        });
        expect![[r#"
            Sale result
              not sales call                      30  ##############################
              sale completed                      10  ##########
              sale intended                        1  #
        "#]]
        .assert_eq(&bars("Sale result", &counts));
    }
}
