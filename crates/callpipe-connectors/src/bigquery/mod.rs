//! BigQuery by REST: what the warehouse and the contact source share.
//!
//! A thin client on our own HTTP layer: queries, statements, loads by direct upload, and the
//! schemas of tables. Its JSON is Google's, field for field (Discovery document
//! `bigquery.googleapis.com`, v2).

mod answer;
mod client;
#[cfg(test)]
mod damaged;
mod estimate;
mod names;
mod retrying;
mod rows;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

pub(crate) use client::{BigQuery, Statement};
pub use names::{TableNameError, TableReference};
pub(crate) use rows::{Page, Row};

use callpipe_core::failure::Outside;

use crate::http::Endpoint;

/// Where BigQuery is.
pub(crate) fn default_endpoint() -> Outside<Endpoint> {
    Endpoint::parse("https://bigquery.googleapis.com")
        .map_err(|error| callpipe_core::failure::Failure::bug(error.to_string()))
}
