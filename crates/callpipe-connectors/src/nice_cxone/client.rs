//! Signing in, and requests with the token.

use std::sync::Arc;
use std::time::Duration;

use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

use super::config::{AccountConfig, ClientAuthentication, Credentials};
use super::map::{self, Refusal};
use super::wire::{OpenIdConfiguration, TenantConfiguration, TokenAnswer};
use crate::http::pacing::WindowLimit;
use crate::http::{self, Endpoint};
use crate::secret::Secret;

/// How long the vendor may say nothing while a request is open.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The largest answer of discovery and of the token endpoint, in bytes.
const SIGN_IN_BYTES_MAX: usize = 1024 * 1024;

const DISCOVERING: &str = "asking for CXone's discovery document";
const BUYING_TOKEN: &str = "asking CXone for a token";
const FINDING_TENANT: &str = "asking for the API of the CXone tenant";

/// A tenant's API, with a token that is renewed in time.
pub(crate) struct Api {
    http: Client,
    account: AccountConfig,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    /// Locked while signing in, so that only one request does it and the others wait for it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    issuer: Option<Issuer>,
    place: Option<Place>,
    session: Option<Arc<Session>>,
}

/// What the discovery document says.
struct Issuer {
    token_endpoint: Url,
    client_in_body: bool,
}

/// Where the tenant's API is.
#[derive(Clone)]
pub(crate) struct Place {
    /// None where `api_endpoint` is set and the token names no tenant.
    pub(crate) tenant_id: Option<String>,
    pub(crate) api: Endpoint,
}

/// A token and what it is good for.
pub(crate) struct Session {
    token: Secret,
    renew_at: DateTime<Utc>,
    pub(crate) place: Place,
}

/// A `GET` of the API.
pub(crate) struct ApiRequest<'a> {
    /// What it is for, for messages.
    pub(crate) doing: &'a str,
    /// Below the API's endpoint.
    pub(crate) path: &'a [&'a str],
    /// Escaped when it is sent.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Each attempt waits for its place in this.
    pub(crate) limit: Option<&'a WindowLimit>,
}

impl Api {
    pub(crate) fn new(account: AccountConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        Ok(Self {
            http: http::client(SILENCE_MAX)?,
            credentials: account.credentials()?,
            account,
            clock,
            state: Mutex::default(),
        })
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sends a request. A token that is refused although it should be good is renewed once: the
    /// vendor may have ended it early.
    pub(crate) async fn get(&self, request: &ApiRequest<'_>) -> Outside<Result<Response, Refusal>> {
        let session = self.session().await?;
        let response = self.send(request, &session).await?;
        let response = if response.status() == StatusCode::UNAUTHORIZED {
            tracing::debug!(
                doing = request.doing,
                "the token was refused: asking for another"
            );
            self.forget(&session).await;
            self.send(request, &*self.session().await?).await?
        } else {
            response
        };
        let description = response
            .headers()
            .get("icStatusDescription")
            .and_then(|words| Some(words.to_str().ok()?.to_owned()));
        match http::success(response, request.doing, self.now()).await {
            Ok(response) => Ok(Ok(response)),
            Err(answer) => Ok(Err(Refusal {
                failure: answer.failure,
                status: answer.status,
                body: answer.body,
                description,
            })),
        }
    }

    async fn send(&self, request: &ApiRequest<'_>, session: &Session) -> Outside<Response> {
        let mut url = session.place.api.join(request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        // The place is held until the answer begins.
        let _slot = match request.limit {
            Some(limit) => Some(limit.slot().await),
            None => None,
        };
        let builder = self.http.get(url).bearer_auth(session.token.expose());
        http::send(builder, request.doing).await
    }

    /// The present session, or a new one where there is none or it nears its end.
    pub(crate) async fn session(&self) -> Outside<Arc<Session>> {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && self.clock.now() < session.renew_at
        {
            return Ok(Arc::clone(session));
        }
        let session = self.sign_in(&mut state).await.map_err(map::of_the_setup)?;
        let session = Arc::new(session);
        state.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Gives up a session, unless somebody else has replaced it already.
    async fn forget(&self, refused: &Arc<Session>) {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && Arc::ptr_eq(session, refused)
        {
            state.session = None;
        }
    }

    async fn sign_in(&self, state: &mut State) -> Outside<Session> {
        let asked_at = self.clock.now();
        let answer = self.buy_token(&mut state.issuer).await?;
        let place = match &state.place {
            Some(place) => place.clone(),
            None => {
                let place = self.find_place(map::tenant_id(&answer)).await?;
                state.place.insert(place).clone()
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

    async fn buy_token(&self, issuer: &mut Option<Issuer>) -> Outside<TokenAnswer> {
        let issuer = match issuer {
            Some(issuer) => issuer,
            None => issuer.insert(self.discover().await?),
        };
        let answer = self.grant(issuer).await?;
        let may_try_body = self.account.client_authentication == ClientAuthentication::Auto
            && !issuer.client_in_body;
        let answer = match answer {
            Err(refusal)
                if may_try_body
                    && map::oauth_error(&refusal.body).as_deref() == Some("invalid_client") =>
            {
                issuer.client_in_body = true;
                let second = self.grant(issuer).await;
                // Only what worked is remembered.
                issuer.client_in_body = matches!(second, Ok(Ok(_)));
                second?
            }
            answer => answer,
        };
        let response = answer.map_err(|refusal| {
            map::token_refused(refusal.failure, refusal.status, &refusal.body)
        })?;
        let body = http::body(response, SIGN_IN_BYTES_MAX, BUYING_TOKEN).await?;
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
        Ok(http::success(response, BUYING_TOKEN, self.now()).await)
    }

    async fn discover(&self) -> Outside<Issuer> {
        let url = self
            .account
            .issuer
            .join(&[".well-known", "openid-configuration"]);
        let document: OpenIdConfiguration = self.document(url, DISCOVERING).await?;
        let token_endpoint = map::found_endpoint(
            document.token_endpoint.as_deref(),
            "token endpoint",
            &self.account.issuer,
        )?;
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
        let mut url = self
            .account
            .issuer
            .join(&[".well-known", "cxone-configuration"]);
        url.query_pairs_mut().append_pair("tenantId", &tenant_id);
        let document: TenantConfiguration = self.document(url, FINDING_TENANT).await?;
        let api = map::found_endpoint(
            document.api_endpoint.as_deref(),
            "API endpoint",
            &self.account.issuer,
        )?;
        tracing::debug!(%api, "found the API of the CXone tenant");
        Ok(Place {
            tenant_id: Some(tenant_id),
            api,
        })
    }

    /// A document that is there for everybody.
    async fn document<T: DeserializeOwned>(&self, url: Url, doing: &str) -> Outside<T> {
        let response = http::send(self.http.get(url), doing).await?;
        let response = http::success(response, doing, self.now())
            .await
            .map_err(|answer| {
                answer
                    .failure
                    .with_hint("check `issuer`; `api_endpoint` can be set by hand")
            })?;
        let body = http::body(response, SIGN_IN_BYTES_MAX, doing).await?;
        map::json(&body, doing)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tenant_id {
            Some(tenant_id) => write!(formatter, "tenant {tenant_id}, API {}", self.api),
            None => write!(formatter, "API {}", self.api),
        }
    }
}
