//! Saved views: what their forms do, and that names and queries of others do no harm.

use callpipe_connectors::warehouses::sqlite::SavedView;
use url::form_urlencoded::Serializer;

use super::*;
use crate::server::testing::Answer;

/// A form with a valid token, as a page of ours has it.
fn form(page: &str, pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new())
        .append_pair("token", &field(page, "token"))
        .extend_pairs(pairs)
        .finish()
}

async fn save(bench: &Bench, name: &str, query: &str) -> Answer {
    let list = page(bench, "/calls").await;
    let form = form(&list, &[("name", name), ("query", query)]);
    bench.post("/views/save", &[], &form).await
}

async fn names(bench: &Bench) -> Vec<String> {
    let views = bench.app.warehouse.saved_views().await.unwrap();
    views.into_iter().map(|view| view.name).collect()
}

#[tokio::test]
async fn a_view_is_saved_found_replaced_and_removed() {
    let bench = bench().await;
    let address = "/calls?period=90d&is.sale_result=sale_completed&sort=-confidence";
    let before = page(&bench, address).await;
    assert!(!before.contains("aria-label=\"Saved views\""));
    let query = field(&before, "query").replace("&amp;", "&");
    let answer = save(&bench, "  Sold ", &query).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), format!("{address}&views=saved"));
    let kept = bench.app.warehouse.saved_views().await.unwrap();
    let expected = SavedView {
        name: "Sold".into(),
        query: address.trim_start_matches("/calls?").into(),
        by: "ada".into(),
        at: bench.app.clock.now(),
    };
    assert_eq!(kept, [expected]);

    let after = page(&bench, answer.header("location")).await;
    let link = format!("<a href=\"{}\"", address.replace('&', "&amp;"));
    let current = format!("{link} aria-current=\"true\"><bdi>Sold</bdi></a>");
    assert!(after.contains("role=\"status\">The view is saved."));
    assert!(after.contains(&current), "{after}");
    let elsewhere = page(&bench, "/calls?period=90d").await;
    assert!(elsewhere.contains(&format!("{link}><bdi>Sold</bdi></a>")));

    save(&bench, "Sold", "period=7d").await;
    let replaced = page(&bench, "/calls").await;
    assert!(replaced.contains("<a href=\"/calls?period=7d\"><bdi>Sold</bdi></a>"));
    assert!(!replaced.contains(&link));

    let remove = form(&replaced, &[("name", "Sold"), ("query", "period=7d")]);
    let answer = bench.post("/views/remove", &[], &remove).await;
    let location = "/calls?period=7d&views=removed";
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, location)
    );
    let removed = page(&bench, location).await;
    assert!(removed.contains("The view is removed.") && !removed.contains("<bdi>Sold"));
}

#[tokio::test]
async fn a_view_of_hostile_text_is_text_and_stays_on_this_site() {
    let bench = bench().await;
    let query = "//evil.example/?a=\r\nSet-Cookie: x=y&sort=<b>&q=\"><script>alert(1)</script>";
    let answer = save(&bench, HOSTILE, query).await;
    let location = answer.header("location").to_owned();
    assert!(
        location.starts_with("/calls?q=%22%3E%3Cscript%3E"),
        "{location}"
    );
    assert!(!location.contains("evil"), "{location}");
    // A row that another program wrote is read as carefully.
    let foreign = SavedView {
        name: format!("\"'><img src=x>{}", "x".repeat(5_000)),
        query: format!("javascript:alert(1)&sort=x\">&q={}", "y".repeat(5_000)),
        by: HOSTILE.into(),
        at: bench.app.clock.now(),
    };
    assert!(bench.app.warehouse.save_view(&foreign, 9).await.unwrap());
    let list = page(&bench, &location).await;
    assert!(list.contains("&lt;/td&gt;&lt;script&gt;alert(1)"));
    assert!(
        list.contains("<a href=\"/calls\"><bdi>&quot;'&gt;&lt;img src=x&gt;xxx"),
        "{list}"
    );
    assert!(!list.contains("<img") && !list.contains("javascript:"));
    let remove = form(&list, &[("name", HOSTILE)]);
    bench.post("/views/remove", &[], &remove).await;
    assert_eq!(names(&bench).await, [foreign.name]);
}

#[tokio::test]
async fn what_is_no_view_is_refused_and_changes_nothing() {
    let bench = bench().await;
    save(&bench, "Kept", "period=7d").await;
    let many: Vec<String> = (0..150).map(|n| format!("is.agent=number+{n}")).collect();
    let (long, large) = ("x".repeat(61), many.join("&"));
    for (name, query) in [
        ("", ""),
        (" \t", ""),
        ("two\nlines", ""),
        (long.as_str(), ""),
        ("Large", large.as_str()),
    ] {
        assert_eq!(save(&bench, name, query).await.status, 400, "{name:?}");
    }
    let list = page(&bench, "/calls").await;
    let valid = form(&list, &[("name", "Kept"), ("query", "")]);
    let without_token = valid.replace(&field(&list, "token"), "x");
    for path in ["/views/save", "/views/remove"] {
        assert_eq!(bench.post(path, &[], &without_token).await.status, 403);
        let foreign = [("sec-fetch-site", "cross-site")];
        assert_eq!(bench.post(path, &foreign, &valid).await.status, 403);
        let by_link = bench.get(&format!("{path}?{valid}"), &[]).await;
        assert_eq!(by_link.status, 405);
    }
    let kept = bench.app.warehouse.saved_views().await.unwrap();
    assert_eq!((kept.len(), kept[0].query.as_str()), (1, "period=7d"));
}

#[tokio::test]
async fn there_is_room_for_fifty_and_the_page_says_when_it_is_used_up() {
    let bench = bench().await;
    for number in 0..50 {
        let answer = save(&bench, &format!("View {number}"), "period=7d").await;
        assert!(answer.header("location").ends_with("&views=saved"));
    }
    let answer = save(&bench, "One more", "period=7d").await;
    assert_eq!(answer.header("location"), "/calls?period=7d&views=no-room");
    let told = page(&bench, answer.header("location")).await;
    assert!(told.contains("The view is not saved: there are 50 already."));
    assert_eq!(told.matches("aria-label=\"Remove: View ").count(), 50);
    let answer = save(&bench, "View 7", "").await;
    assert_eq!(answer.header("location"), "/calls?views=saved");
    assert_eq!(names(&bench).await.len(), 50);
}
