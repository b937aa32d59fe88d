//! Files that cannot be used: each is told clearly, and stays as it is.

use std::fs;

use super::*;

fn refused(path: &Path) -> Failure {
    let failure = SqliteWarehouse::open(config(path), BASE_URI.into())
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(
        failure.message.contains("opening the database"),
        "{failure}"
    );
    failure
}

#[test]
fn a_file_that_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let notes = "not a database at all, but long enough for a header. ".repeat(200);
    fs::write(&path, &notes).unwrap();
    assert!(refused(&path).hint.unwrap().contains("no SQLite database"));
    assert_eq!(fs::read_to_string(&path).unwrap(), notes);
}

#[test]
fn a_directory_or_a_place_below_a_file() {
    let directory = tempfile::tempdir().unwrap();
    assert!(refused(directory.path()).hint.is_some());
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(
        refused(&file.join("callpipe.db"))
            .hint
            .unwrap()
            .contains("path")
    );
}

#[tokio::test]
async fn a_database_that_was_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    drop(prepared(&path).await);
    let whole = fs::metadata(&path).unwrap().len();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(whole / 2)
        .unwrap();
    assert!(refused(&path).hint.unwrap().contains("damaged"));
}

#[tokio::test]
async fn a_database_of_a_newer_program() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    drop(prepared(&path).await);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    let failure = refused(&path);
    assert!(failure.message.contains("99"), "{failure}");
    assert!(failure.hint.unwrap().contains("newer"));
}

#[tokio::test]
async fn a_database_that_another_program_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE theirs (x); BEGIN EXCLUSIVE; INSERT INTO theirs VALUES (1)")
        .unwrap();
    assert!(refused(&path).hint.unwrap().contains("lock"));
    other.execute_batch("COMMIT").unwrap();
    prepared(&path).await;
}

#[tokio::test]
async fn tables_that_serve_another_purpose_or_are_not_prepared() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = open(&path);
    let failure = warehouse.summary(now()).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("prepared"));
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE call_classifications (invoice TEXT)")
        .unwrap();
    let failure = warehouse.prepare(&Taxonomy::built_in()).await.unwrap_err();
    assert!(failure.chain().contains("contactId"), "{}", failure.chain());
    assert!(failure.hint.is_some());
}

#[tokio::test]
async fn names_that_sqlite_takes_for_something_else() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["file:x?mode=memory", ":memory:"] {
        let path = directory.path().join(name);
        drop(prepared(&path).await);
        assert!(path.is_file(), "{name}");
    }
}
