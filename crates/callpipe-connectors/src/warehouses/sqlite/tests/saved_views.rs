//! Saved views: that a name has one query, that there are never too many, and that nothing of other
//! tables is touched.

use super::*;

fn view(name: &str, query: &str) -> SavedView {
    SavedView {
        name: name.into(),
        query: query.into(),
        by: "Zoë \u{202e}<script>'".into(),
        at: now(),
    }
}

#[tokio::test]
async fn views_come_back_by_name_and_a_name_has_the_query_saved_last() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = prepared(&directory.path().join("callpipe.db")).await;
    let hostile = "\"; DROP TABLE saved_views; --<b>";
    let first = view("zeta", "period=7d");
    let again = SavedView {
        by: "Ada".into(),
        at: now() + chrono::TimeDelta::days(1),
        ..view("zeta", "")
    };
    let others = [
        view("Alpha", "q=a%26b"),
        view("alpha", "is.x=%00"),
        view(hostile, "'"),
    ];
    for one in [&first, &others[0], &others[1], &others[2], &again] {
        assert!(warehouse.save_view(one, 9).await.unwrap());
    }
    let [upper, lower, odd] = others;
    assert_eq!(
        warehouse.saved_views().await.unwrap(),
        [odd, upper, lower.clone(), again.clone()]
    );
    warehouse.remove_view("Alpha").await.unwrap();
    warehouse.remove_view(hostile).await.unwrap();
    warehouse.remove_view("nobody's").await.unwrap();
    assert_eq!(warehouse.saved_views().await.unwrap(), [lower, again]);
}

#[tokio::test]
async fn a_new_name_needs_room_and_a_known_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = prepared(&directory.path().join("callpipe.db")).await;
    for name in ["a", "b", "c"] {
        assert!(warehouse.save_view(&view(name, "1"), 3).await.unwrap());
    }
    assert!(!warehouse.save_view(&view("d", "1"), 3).await.unwrap());
    // Also where there are more than may be.
    assert!(warehouse.save_view(&view("b", "2"), 2).await.unwrap());
    let queries = async || -> Vec<String> {
        let views = warehouse.saved_views().await.unwrap();
        views.into_iter().map(|view| view.query).collect()
    };
    assert_eq!(queries().await, ["1", "2", "1"]);
    warehouse.remove_view("a").await.unwrap();
    assert!(warehouse.save_view(&view("d", "3"), 3).await.unwrap());
    assert_eq!(queries().await, ["2", "1", "3"]);
}

#[tokio::test]
async fn a_file_without_the_table_has_none_and_gets_it_with_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = open(&path);
    assert_eq!(warehouse.saved_views().await.unwrap(), []);
    warehouse.remove_view("a").await.unwrap();
    assert!(warehouse.save_view(&view("a", "1"), 1).await.unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("INSERT INTO saved_views VALUES ('b', '2', '', 'yesterday')")
        .unwrap();
    assert_eq!(warehouse.saved_views().await.unwrap(), [view("a", "1")]);
}

#[tokio::test]
async fn a_table_of_another_purpose_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE saved_views (name TEXT, query TEXT)")
        .unwrap();
    let warehouse = open(&path);
    let failures = [
        warehouse.save_view(&view("a", "1"), 9).await.unwrap_err(),
        warehouse.remove_view("a").await.unwrap_err(),
        warehouse.prepare(&Taxonomy::built_in()).await.unwrap_err(),
    ];
    for failure in failures {
        assert!(failure.chain().contains("another purpose"), "{failure}");
        assert!(failure.hint.unwrap().contains("saved_views_table"));
    }
}
