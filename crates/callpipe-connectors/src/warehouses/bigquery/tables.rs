//! The tables themselves: made, widened, taken up from others, and written through staging tables.

use callpipe_core::failure::Outside;
use callpipe_core::taxonomy::Taxonomy;
use chrono::TimeDelta;

use super::staged::{Schemas, Staged};
use super::{BigQueryWarehouse, columns, emulator};
use crate::bigquery::wire::{Clustering, Field, NewTable, TableSchema, TimePartitioning};
use crate::bigquery::{Statement, TableReference};
use crate::random;

/// Staging tables that a crash left behind are removed by BigQuery after so long.
const STAGING_KEPT_FOR: TimeDelta = TimeDelta::hours(6);

impl BigQueryWarehouse {
    /// Makes the dataset and the tables, or adds what they lack, and takes up what others left.
    pub(super) async fn prepare_tables(&self, taxonomy: &Taxonomy) -> Outside<()> {
        let labels = columns::classifications(taxonomy)?;
        if !self.bigquery.dataset_exists(&self.tracking).await? {
            self.bigquery.create_dataset(&self.tracking).await?;
        }
        let clustered = |fields| Clustering { fields };
        // What is pending is found by stage and status.
        let layout = (None, clustered(&["stage", "stage_status", "contactId"][..]));
        let (tracking, was_widened) = self
            .table(&self.tracking, columns::tracking(), layout)
            .await?;
        let by_month = TimePartitioning {
            r#type: "MONTH",
            field: "call_date",
        };
        let layout = (Some(by_month), clustered(&["contactId"][..]));
        let (classifications, _) = self.table(&self.classifications, labels, layout).await?;
        *self.schemas.lock().await = Some(Schemas {
            tracking,
            classifications,
        });
        if was_widened {
            self.adopt().await?;
        }
        Ok(())
    }

    /// Makes a table, or adds the columns that it lacks. Gives its schema as it is then, and whether
    /// columns were added.
    async fn table(
        &self,
        table: &TableReference,
        wanted: Vec<Field>,
        layout: (Option<TimePartitioning>, Clustering),
    ) -> Outside<(TableSchema, bool)> {
        emulator::settled(&self.bigquery, table).await?;
        let Some(existing) = self.bigquery.schema(table).await? else {
            let schema = TableSchema { fields: wanted };
            let (time_partitioning, clustering) = layout;
            // Another worker may be faster, which is as good.
            self.bigquery
                .create_table(&NewTable {
                    table_reference: table.wire(),
                    schema: &schema,
                    time_partitioning,
                    clustering: Some(clustering),
                    expiration_time: None,
                    description: Some("Made by callpipe."),
                })
                .await?;
            return Ok((schema, false));
        };
        let Some(schema) = columns::widened(&existing, &wanted) else {
            return Ok((existing, false));
        };
        if let Err(failure) = self.bigquery.widen(table, schema.clone()).await {
            // Another worker may have been faster: then nothing is missing any more.
            let now = self.bigquery.schema(table).await?.unwrap_or_default();
            return match columns::widened(&now, &wanted) {
                None => Ok((now, false)),
                Some(_) => Err(failure),
            };
        }
        emulator::carry_out_widening(&self.bigquery, table, &existing, &schema).await?;
        Ok((schema, true))
    }

    /// The tables' schemas, read once where `prepare` was not called.
    pub(super) async fn schemas(&self) -> Outside<Schemas> {
        let mut schemas = self.schemas.lock().await;
        if let Some(schemas) = schemas.as_ref() {
            return Ok(schemas.clone());
        }
        let read = Schemas {
            tracking: self
                .bigquery
                .schema(&self.tracking)
                .await?
                .unwrap_or_default(),
            classifications: self
                .bigquery
                .schema(&self.classifications)
                .await?
                .unwrap_or_default(),
        };
        *schemas = Some(read.clone());
        Ok(read)
    }

    /// Takes up rows that another program made.
    pub(super) async fn adopt(&self) -> Outside<()> {
        let statement = Statement::new(self.sql.adopt());
        self.bigquery
            .change(&statement, "taking up rows that others made")
            .await
    }

    /// Puts rows into a staging table of their own, does something with it, and removes it.
    pub(super) async fn with_staging(
        &self,
        staged: &Staged,
        doing: &str,
        statements: impl Fn(&TableReference) -> Vec<String>,
    ) -> Outside<()> {
        let staging = self
            .tracking
            .beside(format!("callpipe_staging_{}", random::name()));
        let expires_at = self.clock.now() + STAGING_KEPT_FOR;
        self.bigquery
            .create_table(&NewTable {
                table_reference: staging.wire(),
                schema: &staged.schema,
                time_partitioning: None,
                clustering: None,
                expiration_time: Some(expires_at.timestamp_millis().to_string()),
                description: Some("Rows on their way into callpipe's tables."),
            })
            .await?;
        let merged = async {
            self.bigquery
                .load(&staging, &staged.schema, &staged.rows, doing)
                .await?;
            for statement in statements(&staging) {
                self.bigquery
                    .change(&Statement::new(statement), doing)
                    .await?;
            }
            Ok(())
        }
        .await;
        if let Err(failure) = self.bigquery.delete_table(&staging).await {
            tracing::debug!(
                reason = failure.chain(),
                "a staging table is left to expire"
            );
        }
        merged
    }
}
