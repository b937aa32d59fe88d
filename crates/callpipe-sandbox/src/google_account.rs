//! A service account whose key everybody may know: it is accepted nowhere but in the sandbox.

use serde_json::{Value, json};

/// The account's e-mail address.
pub const GOOGLE_ACCOUNT_EMAIL: &str = "callpipe@sandbox-project.iam.gserviceaccount.com";

/// Its RSA key (PKCS #8), made for this file with `openssl genpkey`.
const PRIVATE_KEY_PEM: &str = include_str!("google_account.pem");

/// The key file as Google's console would write it, but for the addresses of services.
pub fn google_key_file() -> Value {
    json!({
        "type": "service_account",
        "project_id": "sandbox-project",
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": PRIVATE_KEY_PEM,
        "client_email": GOOGLE_ACCOUNT_EMAIL,
        "client_id": "100000000000000000001",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    })
}
