//! The whole source against the sandbox, and against a server that refuses what the sandbox grants.

mod rules;

use std::sync::Arc;

use callpipe_core::call::Contact;
use callpipe_core::conformance;
use callpipe_core::contracts::clock::Clock as _;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource};
use callpipe_core::failure::FailureKind;
use callpipe_sandbox as sandbox;
use callpipe_sandbox::SandboxOptions;
use chrono::{DateTime, Days, TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;

use super::{ContactsConfig, NiceCxoneContacts};
use crate::nice_cxone::testing::{
    Bench, Stub, TestClock, account, assert_discreet, bench, bench_with, contacts, reply,
    reply_json,
};

const COMPLETED: &str = "/incontactapi/services/v34.0/contacts/completed";

fn config(issuer: &str) -> ContactsConfig {
    let account = account(issuer);
    ContactsConfig {
        issuer: account.issuer,
        client_id: account.client_id,
        client_secret: account.client_secret,
        access_key_id: account.access_key_id,
        access_key_secret: account.access_key_secret,
        ..ContactsConfig::default()
    }
}

fn source(config: ContactsConfig) -> NiceCxoneContacts {
    NiceCxoneContacts::new(config, Arc::new(TestClock::default())).unwrap()
}

/// All pages, from a source that must come to an end.
async fn pages(source: &NiceCxoneContacts, query: &ContactQuery) -> Vec<ContactPage> {
    let mut pages: Vec<ContactPage> = Vec::new();
    loop {
        let after = pages.last().and_then(|page| page.next.clone());
        pages.push(source.list(query, after).await.unwrap());
        assert!(pages.len() < 100, "the list does not end");
        if pages.last().is_some_and(|page| page.next.is_none()) {
            return pages;
        }
    }
}

async fn list(source: &NiceCxoneContacts, query: &ContactQuery) -> Vec<Contact> {
    let pages = pages(source, query).await;
    assert!(pages.iter().all(|page| page.problems.is_empty()));
    pages.into_iter().flat_map(|page| page.contacts).collect()
}

fn ids(contacts: &[Contact]) -> Vec<&str> {
    contacts.iter().map(|contact| contact.id.as_str()).collect()
}

/// What the reports hold, newest first: all but the contact that nobody knows.
const REPORTED: [&str; 8] = ["204", "203", "202", "201", "104", "103", "102", "101"];

#[tokio::test]
async fn all_contacts_are_listed_newest_first_whatever_the_pages_and_versions() {
    for (page_size, api_version, contacts_in_result_set) in [
        (1000, 34, false),
        (3, 34, false),
        (4, 34, true),
        (1, 21, true),
        (3, 23, false),
    ] {
        let options = SandboxOptions {
            contacts_in_result_set,
            ..SandboxOptions::default()
        };
        let bench = bench_with(options, contacts()).await;
        let source = source(ContactsConfig {
            page_size,
            api_version,
            ..config(&bench.sandbox.nice_cxone_url)
        });
        let listed = list(&source, &ContactQuery::default()).await;
        assert_eq!(ids(&listed), REPORTED, "{page_size} {api_version}");
        for contact in &listed {
            let original = bench.sandbox.world().contact(contact.id.as_str()).unwrap();
            assert_eq!(contact.started_at_utc(), Some(original.started_at));
            let master = contact.master_id.as_ref().map(|id| id.as_str());
            assert_eq!(master, (contact.id.as_str() == "104").then_some("904"));
            assert_eq!(contact.metadata["skillName"], original.skill_name.as_str());
        }
    }
}

#[tokio::test]
async fn it_is_a_contact_source() {
    let bench = bench().await;
    let source = source(ContactsConfig {
        page_size: 3,
        ..config(&bench.sandbox.nice_cxone_url)
    });
    let expected = list(&source, &ContactQuery::default()).await;
    assert_eq!(ids(&expected), REPORTED);
    conformance::contact_source::contact_source(&source, &expected).await;
}

#[tokio::test]
async fn every_trouble_of_the_report_passes() {
    for (fault, kind) in [
        ("cxone.report_429:retry_after_s=7", FailureKind::RateLimited),
        ("cxone.report_500", FailureKind::Unavailable),
        ("cxone.report_503", FailureKind::Unavailable),
        ("cxone.report_malformed_json", FailureKind::CorruptTransfer),
        ("cxone.report_connection_reset", FailureKind::Unavailable),
    ] {
        let bench = bench().await;
        let source = source(config(&bench.sandbox.nice_cxone_url));
        bench.arm(fault);
        let failure = source
            .list(&ContactQuery::default(), None)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{fault}");
        assert_eq!(
            failure.retry_after.is_some(),
            fault.contains("retry_after"),
            "{fault}"
        );
        assert_discreet(&failure);
        assert_eq!(
            ids(&list(&source, &ContactQuery::default()).await),
            REPORTED
        );
    }
}

#[tokio::test]
async fn the_vendors_smaller_pages_are_followed() {
    let options = SandboxOptions {
        contacts_per_page_max: 3,
        ..SandboxOptions::default()
    };
    let bench = bench_with(options, contacts()).await;
    let source = source(config(&bench.sandbox.nice_cxone_url));
    let pages = pages(&source, &ContactQuery::default()).await;
    let sizes: Vec<usize> = pages.iter().map(|page| page.contacts.len()).collect();
    assert_eq!(sizes[..3], [3, 3, 2]);
}

/// A contact of every tenth day, the newest now.
async fn bench_over_days(count: u64) -> Bench {
    let now = TestClock::default().now();
    let at = |number| now.checked_sub_days(Days::new(10 * number)).unwrap();
    let contacts = (0..count).rev().map(|number| {
        let id = (1000 + number).to_string();
        sandbox::Contact::recorded(&id, at(number), &["mono"])
    });
    bench_with(SandboxOptions::default(), contacts.collect()).await
}

#[tokio::test]
async fn the_list_goes_back_to_the_cut_off_date_and_no_further() {
    let bench = bench_over_days(12).await;
    let since = TestClock::default().now().date_naive() - TimeDelta::days(80);
    let query = ContactQuery::since(Some(since));
    let source = source(config(&bench.sandbox.nice_cxone_url));
    let mut listed = list(&source, &query).await;
    // Neighbouring periods share a moment, so a contact may come twice, one after the other.
    listed.dedup_by(|one, other| one.id == other.id);
    let expected: Vec<String> = (1000..=1008).map(|id: u64| id.to_string()).collect();
    assert_eq!(ids(&listed), expected);

    let mut listed = list(&source, &ContactQuery::default()).await;
    listed.dedup_by(|one, other| one.id == other.id);
    assert_eq!(ids(&listed), ["1000", "1001", "1002", "1003"]);
}

#[tokio::test]
async fn a_period_without_contacts_does_not_end_the_list() {
    let now = TestClock::default().now();
    let old = sandbox::Contact::recorded("7", now - TimeDelta::days(75), &["mono"]);
    let bench = bench_with(SandboxOptions::default(), vec![old]).await;
    let source = source(config(&bench.sandbox.nice_cxone_url));
    let query = ContactQuery::since(Some(now.date_naive() - TimeDelta::days(100)));
    let pages = pages(&source, &query).await;
    assert_eq!(pages.len(), 4);
    assert_eq!(ids(&pages[2].contacts), ["7"]);
}

#[tokio::test]
async fn a_list_without_days_asks_nothing() {
    let bench = bench().await;
    let source = source(config(&bench.sandbox.nice_cxone_url));
    let tomorrow = TestClock::default().now().date_naive() + TimeDelta::days(1);
    let query = ContactQuery::since(Some(tomorrow));
    assert_eq!(
        source.list(&query, None).await.unwrap(),
        ContactPage::default()
    );
    assert_eq!(bench.count("/contacts/completed"), 0);

    let mut backwards = config(&bench.sandbox.nice_cxone_url);
    (backwards.from, backwards.to) = (Some(tomorrow), Some(tomorrow - TimeDelta::days(2)));
    let failure = NiceCxoneContacts::new(backwards, Arc::new(TestClock::default()))
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Denied);
}

#[tokio::test]
async fn contacts_that_end_meanwhile_do_not_shift_the_list() {
    let clock = TestClock::default();
    let stub = Stub::signing_in(|_| page(&[1, 2], Some(9))).await;
    let config = config(&stub.url);
    let source = NiceCxoneContacts::new(config, Arc::new(clock.clone())).unwrap();
    let first = source.list(&ContactQuery::default(), None).await.unwrap();
    clock.pass_s(3 * 24 * 3600);
    source
        .list(&ContactQuery::default(), first.next)
        .await
        .unwrap();
    let asked = queries(&stub);
    assert_eq!(asked.len(), 2);
    for name in ["startDate", "endDate"] {
        assert_eq!(value(&asked[0], name), value(&asked[1], name));
    }
    assert_eq!(value(&asked[0], "endDate"), "2026-11-20T10:00:00.000Z");
    assert_eq!(value(&asked[1], "skip"), "2");
    assert_eq!(value(&asked[1], "top"), "1000");
    assert_eq!(value(&asked[1], "mediaTypeId"), "4");
    assert_eq!(value(&asked[1], "orderBy"), "contactStartDate desc");
}

#[tokio::test]
async fn an_old_version_is_asked_by_its_old_names() {
    let stub = Stub::signing_in(|_| reply(204, "", "")).await;
    let source = source(ContactsConfig {
        api_version: 23,
        ..config(&stub.url)
    });
    source.list(&ContactQuery::default(), None).await.unwrap();
    let asked = stub.asked("/incontactapi/services/v23.0/contacts/completed");
    assert!(asked[0].target.contains("orderBy=contactStart+desc"));
}

fn page(ids: &[u64], total: Option<u64>) -> String {
    let rows: Vec<Value> = ids.iter().map(|id| json!({ "contactId": id })).collect();
    reply_json(&json!({ "completedContacts": rows, "totalRecords": total,
        "_links": { "next": "https://api/next" } }))
}

fn bad_request(words: &str) -> String {
    reply(400, &format!("icStatusDescription: {words}\r\n"), "")
}

fn queries(stub: &Stub) -> Vec<Url> {
    let asked = stub.asked(COMPLETED).into_iter();
    asked
        .map(|asked| Url::parse(&format!("http://stub{}", asked.target)).unwrap())
        .collect()
}

fn value(url: &Url, name: &str) -> String {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_server_that_offers_a_next_page_for_ever_comes_to_an_end() {
    for answer in [page(&[], None), page(&[], Some(50)), page(&[1], Some(1))] {
        let stub = Stub::signing_in(move |_| answer.clone()).await;
        let source = source(config(&stub.url));
        // The default period is a little longer than one request may ask for.
        assert_eq!(pages(&source, &ContactQuery::default()).await.len(), 2);
    }
}

#[tokio::test]
async fn a_vendor_that_will_not_sort_is_asked_without() {
    let stub = Stub::signing_in(|asked| {
        if asked.target.contains("orderBy") {
            return bad_request("Invalid orderby");
        }
        let total = if asked.target.contains("skip=0") {
            3
        } else {
            2
        };
        page(&[1, 2], Some(total))
    })
    .await;
    let source = source(config(&stub.url));
    let first = source.list(&ContactQuery::default(), None).await.unwrap();
    source
        .list(&ContactQuery::default(), first.next)
        .await
        .unwrap();
    let sorted: Vec<bool> = queries(&stub)
        .iter()
        .map(|url| !value(url, "orderBy").is_empty())
        .collect();
    // Learned once, it is kept in the cursor.
    assert_eq!(sorted, [true, false, false]);
}

fn days_of(url: &Url) -> i64 {
    let moment = |name| value(url, name).parse::<DateTime<Utc>>().unwrap();
    (moment("endDate") - moment("startDate")).num_days()
}

#[tokio::test]
async fn a_vendor_that_refuses_long_periods_is_asked_for_shorter_ones() {
    let stub = Stub::signing_in(|asked| {
        let url = Url::parse(&format!("http://stub{}", asked.target)).unwrap();
        if days_of(&url) > 10 {
            return bad_request("Invalid DateRange");
        }
        page(&[1], Some(1))
    })
    .await;
    let source = source(config(&stub.url));
    let pages = pages(&source, &ContactQuery::default()).await;
    let days: Vec<i64> = queries(&stub).iter().map(days_of).collect();
    assert_eq!(days, [30, 15, 7, 7, 7, 7, 2]);
    assert_eq!(pages.len(), 5);
}

#[tokio::test]
async fn a_vendor_that_refuses_every_period_is_told_with_its_words_hidden() {
    let stub = Stub::signing_in(|_| bad_request("Invalid startDate +61491570156")).await;
    let source = source(config(&stub.url));
    let failure = source
        .list(&ContactQuery::default(), None)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.as_ref().unwrap().contains("`from`"));
    assert_discreet(&failure);
    assert_eq!(queries(&stub).len(), 5);
}

#[tokio::test]
async fn every_trouble_of_a_list_is_the_setups_or_the_moments() {
    for (answer, kind, hint) in [
        (reply(400, "", "{}"), FailureKind::Denied, None),
        (reply(403, "", "{}"), FailureKind::Denied, Some("role")),
        (
            reply(404, "", "{}"),
            FailureKind::Denied,
            Some("api_version"),
        ),
        (
            reply(429, "retry-after: 3\r\n", "{}"),
            FailureKind::RateLimited,
            None,
        ),
        (reply(503, "", "{}"), FailureKind::Unavailable, None),
        (reply(200, "", "<html>"), FailureKind::CorruptTransfer, None),
    ] {
        let stub = Stub::signing_in(move |_| answer.clone()).await;
        let source = source(config(&stub.url));
        let failure = source
            .list(&ContactQuery::default(), None)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(
            failure
                .message
                .starts_with("asking CXone for completed contacts"),
            "{failure}"
        );
        assert!(hint.is_none_or(|hint| failure.hint.as_ref().unwrap().contains(hint)));
    }
}

#[tokio::test]
async fn a_check_lists_and_tells_how_many() {
    let bench = bench().await;
    let source = source(config(&bench.sandbox.nice_cxone_url));
    let report = source.check().await.unwrap();
    assert_eq!(
        report,
        format!(
            "tenant {}, API {}: 8 completed contacts from 2026-10-21 to 2026-11-20",
            bench.sandbox.credentials.cxone_tenant_id, bench.sandbox.nice_cxone_url
        )
    );
    bench.arm("cxone.token_invalid_grant");
    let source = self::source(config(&bench.sandbox.nice_cxone_url));
    let failure = source.check().await.unwrap_err();
    assert!(failure.hint.unwrap().contains("CXONE_PASSWORD"));
}
