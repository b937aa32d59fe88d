//! Google's Secret Manager: values of the configuration that are kept there.
//!
//! Source: the discovery document of `secretmanager` v1, method
//! `projects.secrets.versions.access`.

mod client;
mod name;
#[cfg(test)]
mod tests;
mod wire;

pub use client::SecretManager;
pub use name::{InvalidSecretName, SecretName};
