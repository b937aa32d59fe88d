//! Adding columns in an emulator. goccy's (v0.8.1) takes the change of a schema for good and does
//! not carry it out, so that the new columns cannot be used. On this machine, and nowhere else, such
//! a table is made anew with all of its rows.

use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind, Outside};

use super::sql::quoted;
use crate::bigquery::wire::{NewTable, TableSchema};
use crate::bigquery::{BigQuery, Statement, TableReference};

/// Another worker is waited for half a minute.
const LOOKS_MAX: u32 = 300;
const LOOK_DELAY: Duration = Duration::from_millis(100);

/// Makes sure that the columns that were added to a table of an emulator are really there.
pub(super) async fn carry_out_widening(
    bigquery: &BigQuery,
    table: &TableReference,
    before: &TableSchema,
    after: &TableSchema,
) -> Outside<()> {
    let doing = "looking for added columns";
    let added = columns(&after.fields[before.fields.len().min(after.fields.len())..]);
    let probe = Statement::new(format!("SELECT {added} FROM {} LIMIT 0", table.quoted()));
    if !bigquery.is_emulator() || bigquery.rows(&probe, doing).await.is_ok() {
        return Ok(());
    }
    let copy = copy_of(table);
    create(bigquery, &copy, after).await?;
    fill(bigquery, &copy, table, before).await?;
    bigquery.delete_table(table).await?;
    create(bigquery, table, after).await?;
    fill(bigquery, table, &copy, before).await?;
    bigquery.delete_table(&copy).await
}

/// Waits until a table that another worker is making anew is there again.
pub(super) async fn settled(bigquery: &BigQuery, table: &TableReference) -> Outside<()> {
    let copy = copy_of(table);
    for _ in 0..LOOKS_MAX {
        if !bigquery.is_emulator() || bigquery.schema(&copy).await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_DELAY).await;
    }
    let message = format!("the emulator's table {copy} was left behind");
    Err(Failure::new(FailureKind::StoreFailed, message)
        .with_hint("start the emulator anew, or remove the table"))
}

/// Where the rows are in the meantime. Its name is one for all, so that only one worker makes it.
fn copy_of(table: &TableReference) -> TableReference {
    table.beside(format!("callpipe_copy_of_{}", table.table()))
}

async fn create(bigquery: &BigQuery, table: &TableReference, schema: &TableSchema) -> Outside<()> {
    let made = bigquery
        .create_table(&NewTable {
            table_reference: table.wire(),
            schema,
            time_partitioning: None,
            clustering: None,
            expiration_time: None,
            description: None,
        })
        .await?;
    made.then_some(())
        .ok_or_else(|| Failure::bug(format!("the emulator has kept the table {table}")))
}

async fn fill(
    bigquery: &BigQuery,
    table: &TableReference,
    from: &TableReference,
    schema: &TableSchema,
) -> Outside<()> {
    let columns = columns(&schema.fields);
    let (to, from) = (table.quoted(), from.quoted());
    let sql = format!("INSERT INTO {to} ({columns}) SELECT {columns} FROM {from}");
    bigquery
        .change(&Statement::new(sql), "copying a table")
        .await
}

fn columns(fields: &[crate::bigquery::wire::Field]) -> String {
    let names = fields.iter().map(|field| quoted(&field.name));
    names.collect::<Vec<_>>().join(", ")
}
