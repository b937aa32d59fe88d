//! A call as it is exported: with what people said of its labels, which the warehouse does not know.

use std::sync::Arc;

use callpipe_connectors::warehouses::sqlite::SqliteWarehouse;
use callpipe_core::call::ContactId;
use callpipe_core::correction::{self, Correction};
use callpipe_core::exported::ExportedCall;
use callpipe_core::failure::Outside;
use serde_json::{Map, Value};

/// A call with the corrections of its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewedCall {
    /// The call.
    pub call: ExportedCall,
    /// What people said, in the order in which they said it.
    pub corrections: Vec<Correction>,
}

impl ReviewedCall {
    /// The labels that count; nothing where neither a model nor a person gave any.
    pub(super) fn corrected(&self) -> Option<Map<String, Value>> {
        let labels = self.call.labels.as_ref();
        let is_any = labels.is_some() || !self.corrections.is_empty();
        let none = Map::new();
        let labels = labels.map_or(&none, |labels| &labels.values);
        is_any.then(|| correction::corrected(labels, &self.corrections))
    }
}

/// Calls with their corrections, which are in a local file if there are any.
pub(super) async fn reviewed(
    calls: Vec<ExportedCall>,
    file: Option<&Arc<SqliteWarehouse>>,
) -> Outside<Vec<ReviewedCall>> {
    let ids: Vec<ContactId> = calls.iter().map(|call| call.contact.id.clone()).collect();
    let corrections = match file {
        Some(file) => file.corrections(&ids).await?,
        None => Vec::new(),
    };
    let mut by_call = correction::by_call(corrections);
    let with_its_own = |call: ExportedCall| ReviewedCall {
        corrections: by_call.remove(&call.contact.id).unwrap_or_default(),
        call,
    };
    Ok(calls.into_iter().map(with_its_own).collect())
}
