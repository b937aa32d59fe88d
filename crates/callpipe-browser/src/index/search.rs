//! What people type into the search box, as FTS5 understands it.
//!
//! ```text
//!   wrong parcel          both words, anywhere in the call
//!   "wrong parcel"        the words next to each other
//!   parcel OR box         either
//!   parcel -freight       one without the other
//!   deliver*              words that begin so
//!   customer:refund       said by the customer; agent: and summary: likewise
//! ```
//!
//! Nothing of it can be a syntax error: every term is quoted, and what makes no sense is left out.

/// A search has at most so many terms.
const TERMS_MAX: usize = 32;

/// The columns that a term can be limited to, by what people type.
const COLUMNS: [(&str, &str); 3] = [
    ("agent", "agent"),
    ("customer", "customer"),
    ("summary", "summary"),
];

/// A word or phrase that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    text: String,
    is_prefix: bool,
    is_excluded: bool,
    /// Limited to this column.
    column: Option<&'static str>,
    /// Whether it is an alternative to the term before.
    is_alternative: bool,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(Vec<Term>);

impl Words {
    /// Reads what was typed; nothing where there is nothing to look for.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let mut terms: Vec<Term> = Vec::new();
        let mut is_alternative = false;
        for token in tokens(typed).into_iter().take(TERMS_MAX) {
            if token == "OR" {
                is_alternative = true;
                continue;
            }
            if let Some(term) = term(&token, is_alternative && !terms.is_empty()) {
                terms.push(term);
            }
            is_alternative = false;
        }
        let is_any = terms.iter().any(|term| !term.is_excluded);
        is_any.then_some(Self(terms))
    }

    /// The expression for FTS5.
    pub(super) fn expression(&self) -> String {
        let mut groups: Vec<Vec<String>> = Vec::new();
        for term in self.0.iter().filter(|term| !term.is_excluded) {
            match groups.last_mut() {
                Some(group) if term.is_alternative => group.push(term.expression()),
                _ => groups.push(vec![term.expression()]),
            }
        }
        let wanted: Vec<String> = groups
            .into_iter()
            .map(|group| format!("({})", group.join(" OR ")))
            .collect();
        let mut expression = wanted.join(" AND ");
        for term in self.0.iter().filter(|term| term.is_excluded) {
            expression = format!("({expression}) NOT {}", term.expression());
        }
        expression
    }

    /// The words to show where they were said, in lower case, and whether each is only a beginning.
    pub(crate) fn marked(&self) -> Vec<(Vec<String>, bool)> {
        let wanted = self.0.iter().filter(|term| !term.is_excluded);
        let split = |term: &Term| (words_of(&term.text), term.is_prefix);
        wanted.map(split).collect()
    }
}

impl Term {
    fn expression(&self) -> String {
        let quoted = format!("\"{}\"", self.text.replace('"', "\"\""));
        let star = if self.is_prefix { "*" } else { "" };
        match self.column {
            Some(column) => format!("{{{column}}} : {quoted}{star}"),
            None => format!("{quoted}{star}"),
        }
    }
}

/// The words of a text in lower case, cut as the index cuts them.
pub(crate) fn words_of(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Cuts at blanks, except inside quotes.
fn tokens(typed: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let (mut token, mut is_quoted) = (String::new(), false);
    for letter in typed.chars() {
        match letter {
            // Typographic quotes come with copied texts.
            '"' | '\u{201c}' | '\u{201d}' => {
                is_quoted = !is_quoted;
                token.push('"');
            }
            blank if blank.is_whitespace() && !is_quoted => {
                tokens.push(std::mem::take(&mut token));
            }
            letter => token.push(letter),
        }
    }
    tokens.push(token);
    tokens.retain(|token| !token.is_empty());
    tokens
}

fn term(token: &str, is_alternative: bool) -> Option<Term> {
    let (is_excluded, token) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let limited = token.split_once(':').and_then(|(name, rest)| {
        let column = COLUMNS
            .iter()
            .find(|(typed, _)| typed.eq_ignore_ascii_case(name));
        column.map(|(_, column)| (*column, rest))
    });
    let (column, text) = match limited {
        Some((column, rest)) => (Some(column), rest),
        None => (None, token),
    };
    let is_prefix = text.ends_with('*');
    let text = words_of(text).join(" ");
    (!text.is_empty()).then_some(Term {
        text,
        is_prefix,
        is_excluded,
        column,
        is_alternative,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(typed: &str) -> Option<String> {
        Words::parse(typed).map(|words| words.expression())
    }

    #[test]
    fn what_is_typed_becomes_an_expression() {
        for (typed, expected) in [
            ("wrong parcel", r#"("wrong") AND ("parcel")"#),
            (r#""Wrong parcel""#, r#"("wrong parcel")"#),
            ("parcel OR box late", r#"("parcel" OR "box") AND ("late")"#),
            ("parcel -freight", r#"(("parcel")) NOT "freight""#),
            ("deliver*", r#"("deliver"*)"#),
            ("Customer:refund", r#"({customer} : "refund")"#),
            (r#"agent:"call back""#, r#"({agent} : "call back")"#),
            ("http://x.y", r#"("http x y")"#),
            (
                "NEAR(a b) AND ^c",
                r#"("near a") AND ("b") AND ("and") AND ("c")"#,
            ),
            ("don't", r#"("don t")"#),
            ("“late parcel”", r#"("late parcel")"#),
        ] {
            assert_eq!(expression(typed).as_deref(), Some(expected), "{typed}");
        }
        for nothing in ["", "  ", "-freight", "OR", "\"\"", "***", "customer:", "😀"] {
            assert_eq!(expression(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn every_expression_is_understood_by_the_search() {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        database
            .execute_batch("CREATE VIRTUAL TABLE said USING fts5(agent, customer, others, summary)")
            .unwrap();
        let pieces = [
            "a",
            "\"",
            "-",
            "*",
            ":",
            "OR",
            "AND",
            "NOT",
            "NEAR(",
            "customer:",
            "^",
            "{",
            "}",
            "(",
            ")",
            " ",
            "+",
            "é",
            "\0",
            "'",
            "\u{202e}",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let typed = format!("x {first}{second} {third}");
                    let Some(expression) = expression(&typed) else {
                        continue;
                    };
                    let found: i64 = database
                        .query_row(
                            "SELECT COUNT(*) FROM said WHERE said MATCH ?1",
                            [&expression],
                            |row| row.get(0),
                        )
                        .unwrap_or_else(|error| panic!("{typed} as {expression}: {error}"));
                    assert_eq!(found, 0);
                }
            }
        }
    }

    #[test]
    fn excluded_words_are_not_marked() {
        let words = Words::parse("\"wrong parcel\" -late deliver*").unwrap();
        let expected = [
            (vec!["wrong".to_owned(), "parcel".to_owned()], false),
            (vec!["deliver".to_owned()], true),
        ];
        assert_eq!(words.marked(), expected);
    }
}
