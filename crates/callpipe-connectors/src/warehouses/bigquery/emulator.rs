//! Adding columns in an emulator. goccy's (v0.8.1) takes the change of a schema for good and does
//! not carry it out, so that the new columns cannot be used. On this machine, and nowhere else, such
//! a table is made anew with all of its rows.

use callpipe_core::failure::{Failure, Outside};

use super::sql::quoted;
use crate::bigquery::wire::{NewTable, TableSchema};
use crate::bigquery::{BigQuery, Statement, TableReference};
use crate::random;

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
    let copy = table.beside(format!("callpipe_copy_{}", random::name()));
    create(bigquery, &copy, after).await?;
    fill(bigquery, &copy, table, before).await?;
    bigquery.delete_table(table).await?;
    create(bigquery, table, after).await?;
    fill(bigquery, table, &copy, before).await?;
    bigquery.delete_table(&copy).await
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
