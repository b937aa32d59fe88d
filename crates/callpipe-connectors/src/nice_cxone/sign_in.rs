//! Signing in: discovery, the token, the tenant's address.

use std::fmt;
use std::sync::Arc;

use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use reqwest::{Client, Response};
use serde::de::DeserializeOwned;
use url::Url;

use super::config::{AccountConfig, ClientAuthentication, Credentials};
use super::map;
use super::wire::{OpenIdConfiguration, TenantConfiguration, TokenAnswer};
use crate::http::{self, Endpoint};
use crate::secret::Secret;

/// The largest answer of discovery and of the token endpoint, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

const DISCOVERING: &str = "asking for CXone's discovery document";
const BUYING_TOKEN: &str = "asking CXone for a token";
const FINDING_TENANT: &str = "asking for the API of the CXone tenant";

/// Where the tenant's API is.
#[derive(Clone)]
pub(crate) struct Place {
    /// None where `api_endpoint` is set and the token names no tenant.
    pub(super) tenant_id: Option<String>,
    pub(super) api: Endpoint,
}

/// A token and what it is good for.
pub(crate) struct Session {
    pub(super) token: Secret,
    pub(super) renew_at: DateTime<Utc>,
    pub(crate) place: Place,
}

/// Who signs in, and what was learned by doing so. It keeps what does not change: the token
/// endpoint, how the client proves who it is, and the tenant's address.
pub(super) struct SignIn {
    http: Client,
    account: AccountConfig,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    issuer: Option<Issuer>,
    place: Option<Place>,
}

/// What the discovery document says.
#[derive(Clone)]
struct Issuer {
    token_endpoint: Url,
    client_in_body: bool,
}

impl SignIn {
    pub(super) fn new(
        http: Client,
        account: AccountConfig,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        Ok(Self {
            http,
            credentials: account.credentials()?,
            account,
            clock,
            issuer: None,
            place: None,
        })
    }

    /// Signs in anew.
    pub(super) async fn session(&mut self) -> Outside<Session> {
        let asked_at = self.clock.now();
        let answer = self.buy_token().await?;
        let place = match &self.place {
            Some(place) => place.clone(),
            None => {
                let place = self.find_place(map::tenant_id(&answer)).await?;
                self.place.insert(place).clone()
            }
        };
        let token = answer
            .access_token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| map::unreadable(BUYING_TOKEN))?;
        Ok(Session {
            token: Secret::new(token),
            renew_at: map::renew_at(asked_at, answer.expires_in),
            place,
        })
    }

    async fn buy_token(&mut self) -> Outside<TokenAnswer> {
        let issuer = match &self.issuer {
            Some(issuer) => issuer.clone(),
            None => {
                let issuer = self.discover().await?;
                self.issuer.insert(issuer).clone()
            }
        };
        let mut answer = self.grant(&issuer).await?;
        if let Err(refusal) = &answer
            && self.account.client_authentication == ClientAuthentication::Auto
            && !issuer.client_in_body
            && map::oauth_error(&refusal.body).as_deref() == Some("invalid_client")
        {
            let by_form = Issuer {
                client_in_body: true,
                ..issuer
            };
            answer = self.grant(&by_form).await?;
            if answer.is_ok() {
                self.issuer = Some(by_form);
            }
        }
        let response = answer.map_err(|refusal| {
            map::token_refused(refusal.failure, refusal.status, &refusal.body)
        })?;
        let body = http::body(response, ANSWER_BYTES_MAX, BUYING_TOKEN).await?;
        map::json(&body, BUYING_TOKEN)
    }

    /// Asks for a token by the access key.
    async fn grant(&self, issuer: &Issuer) -> Outside<Result<Response, Box<http::ErrorAnswer>>> {
        let credentials = &self.credentials;
        let (client_id, client_secret) = (
            credentials.client_id.expose(),
            credentials.client_secret.expose(),
        );
        let mut form = vec![
            ("grant_type", "password"),
            ("username", credentials.access_key_id.expose()),
            ("password", credentials.access_key_secret.expose()),
        ];
        let mut request = self.http.post(issuer.token_endpoint.clone());
        if issuer.client_in_body {
            form.extend([("client_id", client_id), ("client_secret", client_secret)]);
        } else {
            request = request.basic_auth(client_id, Some(client_secret));
        }
        let response = http::send(request.form(&form), BUYING_TOKEN).await?;
        Ok(http::success(response, BUYING_TOKEN, self.clock.now()).await)
    }

    async fn discover(&self) -> Outside<Issuer> {
        let issuer = &self.account.issuer;
        let url = issuer.join(&[".well-known", "openid-configuration"]);
        let document: OpenIdConfiguration = self.document(url, DISCOVERING).await?;
        let token_endpoint = document.token_endpoint.as_deref();
        let token_endpoint = map::found_endpoint(token_endpoint, "token endpoint", issuer)?;
        Ok(Issuer {
            token_endpoint: token_endpoint.url().clone(),
            client_in_body: map::client_in_body(self.account.client_authentication, &document),
        })
    }

    async fn find_place(&self, tenant_id: Option<String>) -> Outside<Place> {
        if let Some(api) = &self.account.api_endpoint {
            return Ok(Place {
                tenant_id,
                api: api.clone(),
            });
        }
        let tenant_id = tenant_id.ok_or_else(|| {
            Failure::new(
                FailureKind::Denied,
                format!("{FINDING_TENANT}: the token names no tenant"),
            )
            .with_hint("set `api_endpoint`, such as https://api-na1.niceincontact.com")
        })?;
        let issuer = &self.account.issuer;
        let mut url = issuer.join(&[".well-known", "cxone-configuration"]);
        url.query_pairs_mut().append_pair("tenantId", &tenant_id);
        let document: TenantConfiguration = self.document(url, FINDING_TENANT).await?;
        let api = document.api_endpoint.as_deref();
        let api = map::found_endpoint(api, "API endpoint", issuer)?;
        tracing::debug!(%api, "found the API of the CXone tenant");
        Ok(Place {
            tenant_id: Some(tenant_id),
            api,
        })
    }

    /// A document that is there for everybody.
    async fn document<T: DeserializeOwned>(&self, url: Url, doing: &str) -> Outside<T> {
        let response = http::send(self.http.get(url), doing).await?;
        let response = http::success(response, doing, self.clock.now()).await;
        let response = response.map_err(|answer| {
            let hint = "check `issuer`; `api_endpoint` can be set by hand";
            answer.failure.with_hint(hint)
        })?;
        let body = http::body(response, ANSWER_BYTES_MAX, doing).await?;
        map::json(&body, doing)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant_id {
            Some(tenant_id) => write!(formatter, "tenant {tenant_id}, API {}", self.api),
            None => write!(formatter, "API {}", self.api),
        }
    }
}
