//! The vendor's JSON of completed contacts. Names changed between versions of the API; both are
//! read, as fields of their own and not as aliases, because an answer that has both is no error.

use serde::Deserialize;
use serde_json::Value;

use crate::nice_cxone::{id, tolerant};

/// `GET …/contacts/completed`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CompletedAnswer {
    #[serde(default, rename = "totalRecords", deserialize_with = "tolerant")]
    pub(super) total_records: Option<u64>,
    #[serde(default, rename = "_links", deserialize_with = "tolerant")]
    pub(super) links: Option<Links>,
    #[serde(default, rename = "completedContacts")]
    pub(super) completed_contacts: Option<Value>,
    /// The envelope of older versions.
    #[serde(default, rename = "resultSet", deserialize_with = "tolerant")]
    pub(super) result_set: Option<Box<CompletedAnswer>>,
}

/// Where the list goes on. Only whether it does is of use: the address is made from the cursor.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Links {
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) next: Option<String>,
}

/// A completed contact, as far as it is understood. The rest is kept as it comes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CompletedContact {
    #[serde(default, rename = "contactId", deserialize_with = "id")]
    pub(super) contact_id: Option<String>,
    #[serde(default, rename = "masterContactId", deserialize_with = "id")]
    pub(super) master_contact_id: Option<String>,
    #[serde(default, rename = "contactStartDate", deserialize_with = "tolerant")]
    pub(super) contact_start_date: Option<String>,
    #[serde(default, rename = "contactStart", deserialize_with = "tolerant")]
    pub(super) contact_start: Option<String>,
    #[serde(default, rename = "isLogged", deserialize_with = "tolerant")]
    pub(super) is_logged: Option<bool>,
}
