//! Requests for completed contacts.

use std::sync::Arc;

use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, Outside};
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::StatusCode;

use super::config::ContactsConfig;
use super::map::{self, Rows};
use super::position::Position;
use crate::http;
use crate::nice_cxone::{Api, ApiRequest, Refusal, of_the_setup, refused};

/// The largest page, in bytes: ten thousand contacts with all their fields.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most contacts that the vendor gives at once.
const PAGE_SIZE_MAX: u32 = 10_000;

/// The first version of the API that calls the start `contactStartDate`.
const RENAMED_IN: u32 = 24;

const LISTING: &str = "asking CXone for completed contacts";

const PERMISSION: &str = "the access key's user needs a role that may use the reporting API";

/// The requests of this connector.
pub(super) struct ContactsClient {
    pub(super) api: Api,
    version: String,
    order_by: &'static str,
    page_size: u32,
    media_type_id: String,
    only_logged: bool,
}

/// What the vendor made of a request.
pub(super) enum Answer {
    /// It answered.
    Rows(Rows),
    /// It will not list so long a period, or so far into it.
    PeriodRefused(Failure),
    /// It will not sort.
    SortingRefused(Failure),
}

impl ContactsClient {
    pub(super) fn new(config: &ContactsConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        Ok(Self {
            api: Api::new(config.account(), clock)?,
            version: format!("v{}.0", config.api_version),
            order_by: if config.api_version < RENAMED_IN {
                "contactStart desc"
            } else {
                "contactStartDate desc"
            },
            page_size: config.page_size.clamp(1, PAGE_SIZE_MAX),
            media_type_id: config.media_type_id.to_string(),
            only_logged: config.only_logged,
        })
    }

    pub(super) fn page_size(&self) -> u32 {
        self.page_size
    }

    /// Asks for at most `top` contacts from a position on.
    pub(super) async fn completed(&self, position: &Position, top: u32) -> Outside<Answer> {
        let (start, end) = (moment(position.start()), moment(position.end));
        let (skip, top) = (position.skip.to_string(), top.to_string());
        let mut query = vec![
            ("startDate", start.as_str()),
            ("endDate", end.as_str()),
            ("mediaTypeId", self.media_type_id.as_str()),
            ("skip", skip.as_str()),
            ("top", top.as_str()),
        ];
        if position.sorted {
            query.push(("orderBy", self.order_by));
        }
        let request = ApiRequest {
            doing: LISTING,
            path: &[
                "incontactapi",
                "services",
                &self.version,
                "contacts",
                "completed",
            ],
            query: &query,
            limit: None,
        };
        match self.api.get(&request).await? {
            Ok(response) if response.status() == StatusCode::NO_CONTENT => {
                Ok(Answer::Rows(Rows::default()))
            }
            Ok(response) => {
                let body = http::body(response, PAGE_BYTES_MAX, LISTING).await;
                let body = body.map_err(of_the_setup)?;
                map::rows(&body, position, self.only_logged, LISTING).map(Answer::Rows)
            }
            Err(refusal) => self.list_refused(refusal),
        }
    }

    fn list_refused(&self, refusal: Refusal) -> Outside<Answer> {
        let status = refusal.status;
        let words = refusal.words();
        let failure = of_the_setup(refused(refusal, PERMISSION));
        match status {
            StatusCode::BAD_REQUEST if words.contains("orderby") => {
                Ok(Answer::SortingRefused(failure))
            }
            StatusCode::BAD_REQUEST if refuses_period(&words) => {
                let hint = "the period is refused however short: set `from` to a later day";
                Ok(Answer::PeriodRefused(failure.with_hint(hint)))
            }
            StatusCode::NOT_FOUND => Err(failure.with_hint(format!(
                "the reporting API is not there in version {}: check `api_version`, `issuer` and \
                 `api_endpoint`",
                self.version
            ))),
            _ => Err(failure),
        }
    }
}

/// Whether the vendor's words are about the period, or about how far into it we asked.
fn refuses_period(words: &str) -> bool {
    ["daterange", "date range", "startdate", "enddate", "skip"]
        .iter()
        .any(|word| words.contains(word))
}

/// The API takes no offset but `Z`.
fn moment(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
