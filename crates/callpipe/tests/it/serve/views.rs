//! Views that people save, and waveforms as wide as they want them, over sockets.

use super::pages::call_that_is_done;
use super::served::Served;
use super::sockets::{assert_markup_is_ours, form_token};

#[tokio::test]
async fn a_view_is_kept_in_the_database_and_leads_back_to_its_calls() {
    let served = Served::start().await;
    let address = "/calls?period=90d&min.duration_s=1&sort=-duration_s&columns=agent%2Csummary";
    let token = form_token(&served.get(address).await.text());
    let own = [("origin", served.origin.as_str())];
    let query = "columns=agent,summary%26sort=-duration_s%26period=90d%26min.duration_s=1%26x=%3Cy";
    let form = format!("token={token}&name=+Long+%3Cb%3Ecalls+&query={query}");
    let saved = served.post("/views/save", &own, &form).await;
    let location = format!("{address}&views=saved");
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, location.as_str())
    );

    let page = served.get(&location).await.text();
    assert_markup_is_ours(&page);
    let link = format!(
        "<a href=\"{}\" aria-current=\"true\"><bdi>Long &lt;b&gt;calls</bdi></a>",
        address.replace('&', "&amp;")
    );
    assert!(page.contains(&link), "{page}");
    let row = |served: &Served| -> Vec<(String, String)> {
        let database = served.database();
        let mut statement = database
            .prepare("SELECT name, query FROM saved_views")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let kept = address.trim_start_matches("/calls?").to_owned();
    assert_eq!(row(&served), [("Long <b>calls".to_owned(), kept)]);

    let form = format!("token={token}&name=Long+%3Cb%3Ecalls&query=");
    let removed = served.post("/views/remove", &own, &form).await;
    let location = "/calls?views=removed";
    assert_eq!(
        (removed.status, removed.header("location")),
        (303, location)
    );
    assert!(row(&served).is_empty());
    assert!(!served.get(location).await.text().contains("Long &lt;b&gt;"));
}

#[tokio::test]
async fn a_wider_waveform_is_a_drawing_of_its_own() {
    let served = Served::start().await;
    let call = call_that_is_done(&served.database());
    let page = served.get(&call).await.text();
    let (_, rest) = page.split_once("data-href=\"").unwrap();
    let href = rest.split('"').next().unwrap().replace("&amp;", "&");
    let mut columns = Vec::new();
    for widths in [1, 2, 4, 8] {
        let drawn = served.get(&format!("{href}?widths={widths}")).await;
        assert_eq!(
            (drawn.status, drawn.header("content-type")),
            (200, "image/svg+xml")
        );
        let svg = drawn.text();
        assert!(svg.starts_with("<svg xmlns="));
        columns.push(svg.matches("h7v").count());
    }
    assert!(columns[0] > 0, "{columns:?}");
    assert_eq!(
        columns[1..],
        [columns[0] * 2, columns[0] * 4, columns[0] * 8]
    );
}
