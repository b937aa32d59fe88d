//! The columns that a list can have, and the choice among them.

use maud::{Markup, html};

use super::Shape;
use crate::figure::Figure;
use crate::index::Fields;
use crate::pages::view::View;

/// A column of the list, beside the call's id and start, which every list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// Who speaks when.
    Talk,
    /// A few sentences.
    Summary,
    /// A field's values.
    Field(String),
    /// A figure.
    Figure(Figure),
}

/// What is shown where nothing else is chosen.
pub(super) fn usual() -> Vec<Column> {
    vec![
        Column::Field("agent".to_owned()),
        Column::Figure(Figure::DurationS),
        Column::Talk,
        Column::Field("call_type".to_owned()),
        Column::Field("sale_result".to_owned()),
        Column::Field("sentiment".to_owned()),
        Column::Summary,
    ]
}

/// All columns that there are.
pub(super) fn all(fields: &Fields) -> Vec<Column> {
    let mut all = vec![Column::Talk, Column::Summary];
    all.extend(Figure::ALL.map(Column::Figure));
    all.extend(
        fields
            .all()
            .iter()
            .map(|field| Column::Field(field.name.clone())),
    );
    all
}

/// The columns of an address; the usual ones where it names none.
pub(super) fn chosen(word: Option<&str>, fields: &Fields) -> Vec<Column> {
    let all = all(fields);
    let Some(word) = word else {
        return usual();
    };
    let named = word
        .split(',')
        .filter_map(|name| all.iter().find(|column| column.name() == name));
    let mut columns: Vec<Column> = Vec::new();
    for column in named {
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    match columns.is_empty() {
        true => usual(),
        false => columns,
    }
}

/// The word of some columns in addresses.
pub(super) fn word(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(Column::name).collect();
    names.join(",")
}

impl Column {
    /// Its word in addresses, by which calls are sorted, too.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Talk => "talk",
            Self::Summary => "summary",
            Self::Field(name) => name,
            Self::Figure(figure) => figure.as_str(),
        }
    }

    /// For people.
    pub(super) fn title<'a>(&'a self, fields: &'a Fields) -> &'a str {
        match self {
            Self::Talk => "Who speaks",
            Self::Summary => "Summary",
            Self::Field(name) => fields.title(name),
            Self::Figure(figure) => figure.title(),
        }
    }

    /// Whether calls can be sorted by it.
    pub(super) fn is_sortable(&self) -> bool {
        matches!(self, Self::Field(_) | Self::Figure(_))
    }
}

/// The form in which columns are chosen.
pub(super) fn menu(view: &View, shape: &Shape) -> Markup {
    let fields = view.snapshot.fields();
    let href = |columns: Vec<Column>| {
        let shape = Shape {
            sort: shape.sort.clone(),
            columns,
            after: None,
        };
        shape.href(view, "/calls", &[])
    };
    html! {
        details.menu {
            summary.button { "Columns" }
            div.panel.stack {
                ul.choices {
                    @for column in all(fields) {
                        @let is_shown = shape.columns.contains(&column);
                        li {
                            a href=(href(toggled(&shape.columns, &column)))
                                aria-current=[is_shown.then_some("true")] {
                                (if is_shown { "Hide " } else { "Show " }) (column.title(fields))
                            }
                        }
                    }
                }
                p { a href=(href(usual())) { "The usual columns" } }
            }
        }
    }
}

fn toggled(columns: &[Column], column: &Column) -> Vec<Column> {
    let mut toggled: Vec<Column> = columns
        .iter()
        .filter(|other| *other != column)
        .cloned()
        .collect();
    if toggled.len() == columns.len() {
        toggled.push(column.clone());
    }
    toggled
}

#[cfg(test)]
mod tests {
    use super::*;
    use callpipe_core::taxonomy::Taxonomy;

    #[test]
    fn columns_are_read_and_written() {
        let fields = Fields::of(&Taxonomy::built_in());
        let chosen = |word| chosen(word, &fields);
        assert_eq!(chosen(None), usual());
        assert_eq!(chosen(Some("nonsense,'")), usual());
        let two = chosen(Some("cost_usd,call_type,cost_usd,x"));
        assert_eq!(word(&two), "cost_usd,call_type");
        let agent = Column::Field("agent".to_owned());
        assert_eq!(toggled(&toggled(&two, &agent), &agent), two);
        assert_eq!(chosen(Some(&word(&usual()))), usual());
    }
}
