//! Who may look at the calls: whoever is on this machine, or whoever knows a password or a token.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use callpipe_connectors::secret::Secret;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use ring::hmac;
use tokio::sync::Semaphore;

/// A password has at least so many characters.
const PASSWORD_CHARS_MIN: usize = 8;

/// A token has at least so many characters: it is tried by machines.
const TOKEN_CHARS_MIN: usize = 20;

/// What is sent to be compared with a password or a token is at most so long, in bytes.
const ATTEMPT_BYTES_MAX: usize = 1024;

/// A hash may want at most so much memory for each attempt, in KiB.
const HASH_KIB_MAX: u32 = 256 * 1024;

/// So many passwords are hashed at once: each takes 19 MiB and a processor.
const HASHED_AT_ONCE_MAX: usize = 2;

/// What an operator says about who may look.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// The hash of a password, as [`hash_password`] makes it.
    pub password_hash: Option<Secret>,
    /// A token that opens as the password does, and the metrics for machines.
    pub token: Option<Secret>,
    /// Whether requests come through a proxy that says whose they are.
    pub is_behind_proxy: bool,
    /// Who it is where nobody signs in.
    pub local_name: String,
}

/// Who may look at the calls.
pub struct Access {
    keys: Option<Arc<Keys>>,
    is_behind_proxy: bool,
    local_name: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Access")
            .field("is_signed_in_to", &self.keys.is_some())
            .field("is_behind_proxy", &self.is_behind_proxy)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// What follows from the address that is listened at. Only on a loopback address may there be
    /// neither password nor token, and not behind a proxy, which lets others in there.
    pub fn decide(address: IpAddr, config: AccessConfig) -> Outside<Self> {
        let keys = Keys::of(&config)?;
        let is_open = address.to_canonical().is_loopback() && !config.is_behind_proxy;
        if keys.is_none() && !is_open {
            let who = match config.is_behind_proxy {
                true => "whoever the proxy lets through".to_owned(),
                false => format!("whoever reaches {address}"),
            };
            return Err(Failure::new(
                FailureKind::Denied,
                format!(
                    "{who} could read and hear every call: neither a password nor a token is set"
                ),
            )
            .with_hint(
                "--new-token makes a token for this start; or set CALLPIPE_BROWSER_TOKEN, or \
                 `password_hash` under [browser] to what `callpipe serve --hash-password` prints",
            ));
        }
        Ok(Self {
            keys: keys.map(Arc::new),
            is_behind_proxy: config.is_behind_proxy,
            local_name: config.local_name,
        })
    }

    /// Whether people must sign in.
    pub fn asks_for_sign_in(&self) -> bool {
        self.keys.is_some()
    }

    pub(super) fn keys(&self) -> Option<&Arc<Keys>> {
        self.keys.as_ref()
    }

    pub(super) fn is_behind_proxy(&self) -> bool {
        self.is_behind_proxy
    }

    pub(super) fn local_name(&self) -> &str {
        &self.local_name
    }
}

/// What opens.
pub(super) struct Keys {
    password_hash: Option<String>,
    token: Option<Token>,
    hashed_at_once: Semaphore,
}

impl Keys {
    fn of(config: &AccessConfig) -> Outside<Option<Self>> {
        let given = |secret: &Option<Secret>| {
            let text = secret
                .as_ref()
                .map(|secret| secret.expose().trim().to_owned());
            text.filter(|text| !text.is_empty())
        };
        let (password_hash, token) = (given(&config.password_hash), given(&config.token));
        if password_hash
            .as_deref()
            .is_some_and(|hash| !is_usable(hash))
        {
            return Err(Failure::new(
                FailureKind::Denied,
                "`browser.password_hash` is no hash of a password by argon2",
            )
            .with_hint("`callpipe serve --hash-password` reads a password and prints its hash"));
        }
        if token
            .as_deref()
            .is_some_and(|token| token.chars().count() < TOKEN_CHARS_MIN)
        {
            return Err(Failure::new(
                FailureKind::Denied,
                format!("`browser.token` has fewer than {TOKEN_CHARS_MIN} characters"),
            )
            .with_hint("take one by chance, such as: openssl rand -hex 32"));
        }
        let is_any = password_hash.is_some() || token.is_some();
        Ok(is_any.then(|| Self {
            password_hash,
            token: token.as_deref().map(Token::of),
            hashed_at_once: Semaphore::new(HASHED_AT_ONCE_MAX),
        }))
    }

    /// Whether a text is the token.
    pub(super) fn is_token(&self, text: &str) -> bool {
        let is_short = text.len() <= ATTEMPT_BYTES_MAX;
        is_short && self.token.as_ref().is_some_and(|token| token.is(text))
    }

    /// Whether a text is the token or the password.
    pub(super) async fn opens(self: &Arc<Self>, text: &str) -> Outside<bool> {
        let text = text.trim();
        if self.is_token(text) {
            return Ok(true);
        }
        let Some(hash) = self.password_hash.clone() else {
            return Ok(false);
        };
        if text.len() > ATTEMPT_BYTES_MAX {
            return Ok(false);
        }
        let (keys, text) = (Arc::clone(self), text.to_owned());
        let compared = tokio::spawn(async move {
            // It is never closed. Held until the work is done, whoever still waits for it.
            let _permit = keys.hashed_at_once.acquire().await;
            tokio::task::spawn_blocking(move || is_password(&text, &hash)).await
        });
        compared
            .await
            .and_then(|compared| compared)
            .map_err(|error| Failure::bug("comparing a password broke off").with_source(error))
    }
}

/// A token, of which only a digest is kept that is compared in constant time.
struct Token {
    key: hmac::Key,
    digest: hmac::Tag,
}

impl Token {
    fn of(text: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>());
        let digest = hmac::sign(&key, text.as_bytes());
        Self { key, digest }
    }

    fn is(&self, text: &str) -> bool {
        hmac::verify(&self.key, text.as_bytes(), self.digest.as_ref()).is_ok()
    }
}

/// Whether a hash is one of argon2, at a cost that can be paid for every attempt.
fn is_usable(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    let is_argon2 = hash.algorithm.as_str().starts_with("argon2");
    let params = Params::try_from(&hash);
    is_argon2 && hash.hash.is_some() && params.is_ok_and(|params| params.m_cost() <= HASH_KIB_MAX)
}

fn is_password(text: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    Argon2::default()
        .verify_password(text.as_bytes(), &hash)
        .is_ok()
}

/// The hash of a password for `password_hash`, by argon2id.
pub fn hash_password(password: &str) -> Outside<String> {
    let password = password.trim();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(Failure::new(
            FailureKind::Denied,
            format!("the password has fewer than {PASSWORD_CHARS_MIN} characters"),
        )
        .with_hint("take some words in a row that nobody expects"));
    }
    if password.len() > ATTEMPT_BYTES_MAX {
        return Err(Failure::new(
            FailureKind::Denied,
            format!("the password is longer than {ATTEMPT_BYTES_MAX} bytes"),
        ));
    }
    let hashed = SaltString::encode_b64(&rand::random::<[u8; 16]>()).and_then(|salt| {
        Ok(Argon2::default()
            .hash_password(password.as_bytes(), &salt)?
            .to_string())
    });
    hashed.map_err(|error| Failure::bug(format!("the password cannot be hashed: {error}")))
}

/// A token that nobody can guess.
pub fn new_token() -> Secret {
    Secret::new(hex::encode(rand::random::<[u8; 32]>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<Secret> {
        Some(Secret::new(text))
    }

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn decided(address: &str, config: AccessConfig) -> Outside<Access> {
        Access::decide(address.parse().unwrap(), config)
    }

    #[test]
    fn only_this_machine_needs_no_sign_in() {
        for address in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            let access = decided(address, AccessConfig::default()).unwrap();
            assert!(!access.asks_for_sign_in(), "{address}");
        }
        for address in [
            "0.0.0.0",
            "::",
            "10.0.0.1",
            "192.168.1.9",
            "::ffff:10.0.0.1",
        ] {
            let refused = decided(address, AccessConfig::default()).unwrap_err();
            assert!(refused.message.contains("neither a password nor a token"));
            let token = AccessConfig {
                token: secret(TOKEN),
                ..AccessConfig::default()
            };
            assert!(decided(address, token).unwrap().asks_for_sign_in());
        }
    }

    #[test]
    fn a_proxy_on_this_machine_lets_others_in_and_a_token_is_never_ignored() {
        let behind = AccessConfig {
            is_behind_proxy: true,
            ..AccessConfig::default()
        };
        assert!(decided("127.0.0.1", behind).is_err());
        let token = AccessConfig {
            token: secret(TOKEN),
            ..AccessConfig::default()
        };
        assert!(decided("127.0.0.1", token).unwrap().asks_for_sign_in());
    }

    #[test]
    fn what_protects_nothing_is_refused() {
        let plain = "correct horse battery";
        let costly = "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        for hash in [
            plain,
            "$argon2id$",
            "$pbkdf2-sha256$i=1$c2FsdHNhbHQ$AAAA",
            costly,
        ] {
            let config = AccessConfig {
                password_hash: secret(hash),
                ..AccessConfig::default()
            };
            let refused = decided("10.0.0.1", config).unwrap_err();
            assert!(refused.message.contains("password_hash"), "{hash}");
            assert!(!refused.told().contains(plain));
        }
        for token in ["secret", "0123456789012345678"] {
            let config = AccessConfig {
                token: secret(token),
                ..AccessConfig::default()
            };
            assert!(decided("10.0.0.1", config).is_err());
        }
        for blank in ["", "  \n"] {
            let config = AccessConfig {
                token: secret(blank),
                password_hash: secret(blank),
                ..AccessConfig::default()
            };
            assert!(decided("10.0.0.1", config).is_err());
        }
        assert!(hash_password("short").is_err());
    }

    #[tokio::test]
    async fn the_password_opens_and_so_does_the_token() {
        let config = AccessConfig {
            password_hash: secret(&hash_password("correct horse battery\n").unwrap()),
            token: secret(TOKEN),
            ..AccessConfig::default()
        };
        let access = decided("10.0.0.1", config).unwrap();
        let keys = access.keys().unwrap();
        assert!(keys.opens("correct horse battery").await.unwrap());
        assert!(keys.opens(TOKEN).await.unwrap());
        assert!(keys.is_token(TOKEN) && !keys.is_token("correct horse battery"));
        let long = "x".repeat(2_000);
        for wrong in ["", "Correct horse battery", &TOKEN[1..], &long] {
            assert!(!keys.opens(wrong).await.unwrap(), "{wrong}");
        }
    }

    #[test]
    fn two_hashes_of_a_password_differ_and_no_secret_is_shown() {
        let hash = || hash_password("correct horse battery").unwrap();
        assert_ne!(hash(), hash());
        assert!(hash().starts_with("$argon2id$v=19$"));
        let config = AccessConfig {
            token: secret(TOKEN),
            ..AccessConfig::default()
        };
        assert!(!format!("{config:?}").contains(TOKEN));
        assert_ne!(new_token().expose(), new_token().expose());
    }
}
