//! Secret Manager's JSON.

use serde::Deserialize;

/// `AccessSecretVersionResponse`.
#[derive(Debug, Deserialize)]
pub(super) struct AccessAnswer {
    pub(super) payload: Payload,
}

/// `SecretPayload`. No `Debug`: it is the secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    /// Base64.
    pub(super) data: String,
    /// CRC32C of the bytes, a decimal number: int64 is text in Google's JSON.
    pub(super) data_crc32c: Option<String>,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Payload(hidden)")
    }
}

/// Google's error body.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorDetail {
    pub(super) message: String,
}
