//! What a secret is called.

use std::fmt;

/// A version of a secret: `projects/{project}/secrets/{secret}/versions/{version}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName {
    project: String,
    secret: String,
    version: Option<String>,
}

/// Why a text is no name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a secret: it must look like projects/my-project/secrets/my-secret/versions/3"
)]
pub struct InvalidSecretName(String);

impl SecretName {
    /// Takes a full name, or one without a version, which is the newest then.
    pub fn parse(text: &str) -> Result<Self, InvalidSecretName> {
        let parts: Vec<&str> = text.split('/').collect();
        let (project, secret, version) = match parts.as_slice() {
            ["projects", project, "secrets", secret] => (project, secret, None),
            ["projects", project, "secrets", secret, "versions", version] => {
                (project, secret, Some(version))
            }
            _ => return Err(InvalidSecretName(text.to_owned())),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let is_plain =
            |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
        if ![project, secret]
            .into_iter()
            .chain(version)
            .all(|part| is_plain(part))
        {
            return Err(InvalidSecretName(text.to_owned()));
        }
        Ok(Self {
            project: (*project).to_owned(),
            secret: (*secret).to_owned(),
            version: version.map(|version| (*version).to_owned()),
        })
    }

    /// Whether it names a version, so that the value cannot change unnoticed.
    pub fn names_version(&self) -> bool {
        self.version.is_some()
    }

    /// The path below `/v1/`, with the verb, in segments.
    pub(super) fn access_path(&self) -> [String; 6] {
        [
            "projects".into(),
            self.project.clone(),
            "secrets".into(),
            self.secret.clone(),
            "versions".into(),
            format!("{}:access", self.version()),
        ]
    }

    fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("latest")
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (project, secret) = (&self.project, &self.secret);
        let version = self.version();
        write!(
            formatter,
            "projects/{project}/secrets/{secret}/versions/{version}"
        )
    }
}
