//! Credentials of every kind that Google knows, made into access tokens by `google-cloud-auth`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::service_account::AccessSpecifier;
use google_cloud_auth::credentials::{
    AccessTokenCredentials, external_account, impersonated, mds, service_account, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use serde_json::Value;
use url::Url;

use super::config::GoogleConfig;
use crate::files;
use crate::secret::Secret;

/// Everything that the account may do: what it may is decided by its roles.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The metadata server of Google's machines.
const METADATA_ADDRESS: &str = "http://metadata.google.internal";

/// The library sets its requests no deadline.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

const DOING: &str = "asking for a Google access token";

const ABSENT_HINT: &str = "run `gcloud auth application-default login`, or set \
    GOOGLE_APPLICATION_CREDENTIALS to a credentials file, or GOOGLE_ACCESS_TOKEN as in `export \
    GOOGLE_ACCESS_TOKEN=$(gcloud auth print-access-token)`";
const REFUSED_HINT: &str = "the credentials are no longer good, or the account is disabled: run `gcloud auth \
    application-default login` again, or make a new key and set GOOGLE_APPLICATION_CREDENTIALS";
const FILE_HINT: &str = "GOOGLE_APPLICATION_CREDENTIALS (or `google.credentials_file`) names a JSON file as \
    `gcloud auth application-default login` or the Google Cloud console writes it";
const METADATA_HINT: &str = "check GCE_METADATA_HOST (or `google.metadata_host`), and that the machine runs as a \
    service account";

/// Who issues tokens.
pub(super) enum Provider {
    /// A file with credentials.
    File { path: PathBuf, contents: Contents },
    /// A metadata server, by its address.
    Metadata(String),
}

/// A credentials file: what kind it is, and all of it.
pub(super) struct Contents {
    pub(super) kind: FileKind,
    pub(super) json: Value,
}

#[derive(Clone, Copy)]
pub(super) enum FileKind {
    ServiceAccount,
    AuthorizedUser,
    ImpersonatedServiceAccount,
    ExternalAccount,
}

impl Provider {
    /// The one that is configured, if one is.
    fn given(config: &GoogleConfig) -> Outside<Option<Self>> {
        if let Some(path) = &config.credentials_file {
            return Self::file(path).map(Some);
        }
        match config.metadata_host.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(host) => metadata_address(host).map(|address| Some(Self::Metadata(address))),
        }
    }

    /// The one that Google's libraries would find: gcloud's own file, then the machine's metadata
    /// server.
    fn of_this_machine() -> Outside<Self> {
        let (variable, below) = match cfg!(windows) {
            true => ("APPDATA", "gcloud"),
            false => ("HOME", ".config/gcloud"),
        };
        let file = std::env::var_os(variable).map(|home| {
            PathBuf::from(home)
                .join(below)
                .join("application_default_credentials.json")
        });
        match file.filter(|path| path.exists()) {
            Some(path) => Self::file(&path),
            None => Ok(Self::Metadata(METADATA_ADDRESS.into())),
        }
    }

    fn file(path: &Path) -> Outside<Self> {
        Ok(Self::File {
            contents: Contents::read(path)?,
            path: path.to_owned(),
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "credentials file",
            Self::Metadata(_) => "metadata server",
        }
    }

    /// Begins to ask for a token in the background.
    fn build(&self) -> Result<AccessTokenCredentials, BuildError> {
        match self {
            Self::File { contents, .. } => contents.build(),
            Self::Metadata(address) => mds::Builder::default()
                .with_endpoint(address)
                .with_scopes([SCOPE])
                .build_access_token_credentials(),
        }
    }
}

impl Contents {
    fn read(path: &Path) -> Outside<Self> {
        let unusable = |why: String| {
            let message = format!("the Google credentials file {} {why}", path.display());
            Failure::new(FailureKind::Denied, message).with_hint(FILE_HINT)
        };
        let text =
            files::read_text(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
        // Where, not what: the parser's own words may quote a secret.
        let json: Value = serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            unusable(format!("is no JSON: line {line} column {column}"))
        })?;
        let kind = match json.get("type").and_then(Value::as_str) {
            Some("service_account") => FileKind::ServiceAccount,
            Some("authorized_user") => FileKind::AuthorizedUser,
            Some("impersonated_service_account") => FileKind::ImpersonatedServiceAccount,
            Some("external_account") => FileKind::ExternalAccount,
            _ => return Err(unusable("has no `type` that is known".into())),
        };
        Ok(Self { kind, json })
    }

    fn build(&self) -> Result<AccessTokenCredentials, BuildError> {
        let json = self.json.clone();
        match self.kind {
            FileKind::ServiceAccount => service_account::Builder::new(json)
                .with_access_specifier(AccessSpecifier::from_scopes([SCOPE]))
                .build_access_token_credentials(),
            FileKind::AuthorizedUser => user_account::Builder::new(json)
                .with_scopes([SCOPE])
                .build_access_token_credentials(),
            FileKind::ImpersonatedServiceAccount => impersonated::Builder::new(json)
                .with_scopes([SCOPE])
                .build_access_token_credentials(),
            FileKind::ExternalAccount => external_account::Builder::new(json)
                .with_scopes([SCOPE])
                .build_access_token_credentials(),
        }
    }
}

/// `host[:port]` as Google's tools take it. Metadata servers speak plain HTTP.
fn metadata_address(host: &str) -> Outside<String> {
    let address = format!("http://{host}");
    let is_host_alone = Url::parse(&address).is_ok_and(|url| {
        url.path() == "/"
            && url.username().is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if is_host_alone {
        return Ok(address);
    }
    let message = "`google.metadata_host` is no `host` or `host:port`";
    Err(Failure::new(FailureKind::Denied, message).with_hint(METADATA_HINT))
}

/// Credentials with the token that was made from them last.
pub(super) struct CachedCredentials {
    /// None where whatever this machine has is to be used.
    given: Option<Arc<Provider>>,
    /// None until the first token is wanted, and again after a failure: the library gives up for
    /// good after a refusal, but what was refused may have been mended since.
    built: Mutex<Option<Arc<Built>>>,
}

struct Built {
    provider: Arc<Provider>,
    tokens: AccessTokenCredentials,
}

impl CachedCredentials {
    pub(super) fn new(config: &GoogleConfig) -> Outside<Self> {
        Ok(Self {
            given: Provider::given(config)?.map(Arc::new),
            built: Mutex::default(),
        })
    }

    /// Whether somebody named them, and so wants them to be used everywhere.
    pub(super) fn are_given(&self) -> bool {
        self.given.is_some()
    }

    pub(super) fn name(&self) -> &'static str {
        match &self.given {
            Some(provider) => provider.name(),
            None => "default credentials",
        }
    }

    /// Who issues the tokens. Nobody is asked.
    pub(super) fn provider(&self) -> Outside<Arc<Provider>> {
        match &self.given {
            Some(provider) => Ok(Arc::clone(provider)),
            None => Provider::of_this_machine().map(Arc::new),
        }
    }

    /// A token. All who ask while one is being made wait for that one.
    pub(super) async fn token(&self) -> Outside<Secret> {
        let built = self.built()?;
        let asked = tokio::time::timeout(TOKEN_TIMEOUT, built.tokens.access_token()).await;
        let failure = match asked {
            Ok(Ok(token)) => return Ok(Secret::new(token.token)),
            Ok(Err(error)) => self.failure(&built.provider, &error),
            Err(_) => {
                let message = format!("{DOING}: no answer in time");
                Failure::new(FailureKind::Unavailable, message)
                    .with_hint(self.hint(&built.provider))
            }
        };
        self.forget(&built);
        Err(failure)
    }

    fn built(&self) -> Outside<Arc<Built>> {
        let mut built = self.lock();
        if let Some(built) = &*built {
            return Ok(Arc::clone(built));
        }
        let provider = self.provider()?;
        let tokens = provider
            .build()
            .map_err(|error| unusable(&provider, &error))?;
        Ok(Arc::clone(
            built.insert(Arc::new(Built { provider, tokens })),
        ))
    }

    /// Has the next token made anew.
    pub(super) fn forget_token(&self) {
        *self.lock() = None;
    }

    fn forget(&self, failed: &Arc<Built>) {
        let mut built = self.lock();
        if built.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, failed)) {
            *built = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Built>>> {
        // One value, whole whatever a panicking holder was doing.
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hint(&self, provider: &Provider) -> &'static str {
        match provider {
            Provider::File { .. } => REFUSED_HINT,
            Provider::Metadata(_) if self.are_given() => METADATA_HINT,
            Provider::Metadata(_) => ABSENT_HINT,
        }
    }

    /// A token that was not issued. The library repeats what the other side said, which is not
    /// ours to log.
    fn failure(&self, provider: &Provider, error: &CredentialsError) -> Failure {
        let cause = Cause::of(error);
        // Without any credentials we end at the metadata server, which only Google's machines have.
        let is_absent = !self.are_given()
            && matches!(
                (provider, &cause),
                (Provider::Metadata(_), Cause::NoConnection)
            );
        let (kind, message) = if is_absent {
            let message = "there are no Google credentials, and no metadata server that has some";
            (FailureKind::Denied, message.to_owned())
        } else if error.is_transient() {
            (FailureKind::Unavailable, format!("{DOING}: {cause}"))
        } else {
            (FailureKind::Denied, format!("{DOING}: {cause}"))
        };
        Failure::new(kind, message).with_hint(self.hint(provider))
    }
}

/// Credentials of which nothing can be made. The library's own words may quote them.
fn unusable(provider: &Provider, error: &BuildError) -> Failure {
    let why = match error {
        error if error.is_parsing() => "lacks a field, or has one that is malformed",
        error if error.is_not_supported() || error.is_unknown_type() => {
            "is of a kind that is not known"
        }
        _ => "cannot be used",
    };
    let message = match provider {
        Provider::File { path, .. } => {
            format!("the Google credentials file {} {why}", path.display())
        }
        Provider::Metadata(_) => format!("the metadata server {why}"),
    };
    Failure::new(FailureKind::Denied, message).with_hint(FILE_HINT)
}

/// What is at the root of an error of the library's.
enum Cause {
    NoConnection,
    Status(u16),
    Unknown,
}

impl Cause {
    fn of(error: &CredentialsError) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<reqwest::Error>() {
                return match error.status() {
                    Some(status) => Self::Status(status.as_u16()),
                    None => Self::NoConnection,
                };
            }
            cause = error.source();
        }
        Self::Unknown
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoConnection => formatter.write_str("no connection"),
            Self::Status(status) => write!(formatter, "HTTP {status}"),
            Self::Unknown => formatter.write_str("none is issued"),
        }
    }
}
