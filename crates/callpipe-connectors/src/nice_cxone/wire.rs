//! The vendor's JSON of signing in and of errors. Every field is optional: what is missing or of
//! another type than documented is `None`, and `map.rs` decides whether that matters.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `{issuer}/.well-known/openid-configuration`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OpenIdConfiguration {
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) token_endpoint: Option<String>,
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// `{issuer}/.well-known/cxone-configuration?tenantId=…`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TenantConfiguration {
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) api_endpoint: Option<String>,
}

/// The answer of the token endpoint. Not `Debug`: it holds tokens.
#[derive(Default, Deserialize)]
pub(super) struct TokenAnswer {
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) access_token: Option<String>,
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) id_token: Option<String>,
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) expires_in: Option<u64>,
}

/// Its refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OAuthError {
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) error: Option<String>,
}

/// What a token says about whom it was issued for, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    #[serde(default, rename = "tenantId", deserialize_with = "tolerant")]
    pub(super) tenant_id: Option<String>,
}

/// A refusal of any API behind the token.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiError {
    #[serde(default, rename = "internalCode", deserialize_with = "tolerant")]
    pub(super) internal_code: Option<String>,
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) message: Option<String>,
}

/// Reads a field if it is what it should be; `null` and anything else is `None`.
pub(crate) fn tolerant<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// Reads an id, which some versions of the API write as a number and some as text. Zero is how
/// the vendor says that there is none.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return Ok(None),
    };
    Ok(Some(text).filter(|text| !text.is_empty() && text != "0"))
}
