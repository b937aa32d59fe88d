//! What a query would read, told by BigQuery itself before it is paid for.

use callpipe_core::failure::Outside;
use reqwest::Method;

use super::client::{BigQuery, Statement};
use super::wire::{QueryRequest, QueryResponse};
use crate::random;

impl BigQuery {
    /// How many bytes a query would read. Nothing where that is not told, as by an emulator.
    pub(crate) async fn estimate(
        &self,
        statement: &Statement,
        doing: &str,
    ) -> Outside<Option<u64>> {
        let request_id = random::name();
        let body = QueryRequest {
            dry_run: true,
            ..self.query_request(statement, 1, &request_id)
        };
        let url = self.url(&["projects", &self.project, "queries"]);
        let response: QueryResponse = self.asked(Method::POST, url, Some(&body), doing).await?;
        Ok(response.bytes_processed())
    }
}
