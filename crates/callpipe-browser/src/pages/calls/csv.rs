//! The list as CSV: the calls that are chosen, with the columns that are shown.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use callpipe_core::defuse::defused;
use callpipe_core::failure::Failure;

use super::columns::Column;
use super::{Shape, rows};
use crate::pages::error::PageError;
use crate::pages::view::View;

/// A file has at most so many calls: `callpipe export` has no limit.
const CALLS_MAX: usize = 10_000;

pub(super) async fn csv(view: View) -> Result<Response, PageError> {
    let shape = Shape::of(&view);
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let failed = |error: &dyn std::fmt::Display| Failure::bug(format!("writing CSV: {error}"));
    let mut heading = vec!["contact_id".to_owned(), "started_at".to_owned()];
    heading.extend(shape.columns.iter().map(|column| column.name().to_owned()));
    writer
        .write_record(&heading)
        .map_err(|error| failed(&error))?;
    let mut after = shape.after;
    let mut left = CALLS_MAX;
    while left > 0 {
        let listed = view.chosen().list(&shape.sort, after, left.min(500));
        for row in rows::read(&view, &listed.places).await? {
            writer
                .write_record(record(&view, &shape, &row))
                .map_err(|error| failed(&error))?;
        }
        left -= listed.places.len();
        after = listed.places.last().copied();
        if !listed.has_more {
            break;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\""),
    ];
    Ok((headers, bytes).into_response())
}

fn record(view: &View, shape: &Shape, row: &rows::Row) -> Vec<String> {
    let call = &row.call;
    let mut cells = vec![
        call.contact_id.to_string(),
        call.started_at
            .map(|start| start.to_rfc3339())
            .unwrap_or_default(),
    ];
    cells.extend(shape.columns.iter().map(|column| {
        match column {
            Column::Talk => call.timeline.clone().unwrap_or_default(),
            Column::Summary => call.summary.clone().unwrap_or_default(),
            Column::Field(name) => row.values.of(view.snapshot.fields(), name).join(", "),
            Column::Figure(figure) => row
                .values
                .figure(*figure)
                .map(|value| value.to_string())
                .unwrap_or_default(),
        }
    }));
    cells
        .iter()
        .map(|cell| defused(cell).into_owned())
        .collect()
}
