//! A service account whose key everybody may know: it is accepted nowhere but in the sandbox.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
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

/// Whether a token was signed by the account itself and works at this time.
pub(crate) fn is_own_token(token: &str, now: DateTime<Utc>) -> bool {
    let claims = || {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        is_own_signature(signed.as_bytes(), &signature).then_some(claims)
    };
    claims().is_some_and(|claims| {
        claims["iss"] == GOOGLE_ACCOUNT_EMAIL
            && claims["exp"]
                .as_i64()
                .is_some_and(|end| now.timestamp() < end)
    })
}

/// Whether the account signed this (RSASSA-PKCS1-v1_5 with SHA-256).
pub(crate) fn is_own_signature(text: &[u8], signature: &[u8]) -> bool {
    let Some(pair) = key_pair() else {
        return false;
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public())
        .verify(text, signature)
        .is_ok()
}

/// What IAM does for those who may sign as the account.
pub(crate) fn sign(text: &[u8]) -> Option<Vec<u8>> {
    let pair = key_pair()?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text,
        &mut signature,
    )
    .ok()?;
    Some(signature)
}

fn key_pair() -> Option<RsaKeyPair> {
    let lines = PRIVATE_KEY_PEM
        .lines()
        .filter(|line| !line.starts_with("-----"));
    let der = BASE64_STANDARD.decode(lines.collect::<String>()).ok()?;
    RsaKeyPair::from_pkcs8(&der).ok()
}
