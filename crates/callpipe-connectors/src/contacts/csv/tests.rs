//! The suite of the contract on real files, and every oddity that lists have had.

mod damaged;

use std::fs;
use std::path::PathBuf;

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::conformance;
use callpipe_core::contracts::contact_source::ContactProblem;
use callpipe_core::failure::{Blame, Failure};
use serde_json::{Value, json};

use super::client::LINE_BYTES_MAX;
use super::*;

/// As many contacts as are listed at once where nothing else is asked for.
const PAGE_MAX: usize = 1_000;

/// A list in a file.
struct List {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl List {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        Self { directory, path }
    }

    fn config(&self) -> CsvConfig {
        CsvConfig {
            path: self.path.clone(),
            ..CsvConfig::default()
        }
    }

    fn source(&self) -> CsvContacts {
        CsvContacts::new(self.config()).unwrap()
    }
}

fn contact(id: &str, start: &str, metadata: Value) -> Contact {
    let mut contact = Contact::new(ContactId::parse(id).unwrap(), parse_start(start));
    contact.metadata = metadata.as_object().cloned().unwrap_or_default();
    contact
}

fn ids(contacts: &[Contact]) -> Vec<&str> {
    contacts.iter().map(|contact| contact.id.as_str()).collect()
}

/// Lines and problems, without the name of the file.
fn problems(problems: &[ContactProblem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            let (_, line) = problem.place.rsplit_once("line ").unwrap();
            format!("{line}: {}", problem.problem)
        })
        .collect()
}

/// The first page of a list.
async fn page(name: &str, content: impl AsRef<[u8]>) -> ContactPage {
    let list = List::new(name, content);
    let query = ContactQuery::default();
    list.source().list(&query, None).await.unwrap()
}

async fn failure(name: &str, content: impl AsRef<[u8]>) -> Failure {
    let list = List::new(name, content);
    let query = ContactQuery::default();
    let failure = list.source().list(&query, None).await.unwrap_err();
    let checked = list.source().check().await.unwrap_err();
    assert_eq!(checked.message, failure.message);
    assert_eq!(failure.kind.blame(), Blame::Setup);
    failure
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let mut csv = String::from("contactId,startDate\n");
    let mut jsonl = String::new();
    let mut expected = Vec::new();
    for number in 0..PAGE_MAX * 2 + 1 {
        let start = match number % 3 {
            0 => "",
            1 => "2026-03-02T08:00:00+11:00",
            _ => "2026-03-01",
        };
        csv += &format!("{number},{start}\n");
        jsonl += &format!("{{\"contactId\":{number},\"startDate\":\"{start}\"}}\n");
        expected.push(contact(&number.to_string(), start, Value::Null));
    }
    for (name, content) in [("contacts.csv", csv), ("contacts.jsonl", jsonl)] {
        let list = List::new(name, content);
        conformance::contact_source::contact_source(&list.source(), &expected).await;
        let since = "2026-03-02".parse().ok();
        let recent = list
            .source()
            .list(&ContactQuery::since(since), None)
            .await
            .unwrap();
        assert_eq!(recent.contacts.len(), 667, "a third of the page is too old");
    }
}

#[tokio::test]
async fn pages_are_as_large_as_asked_for() {
    let list = List::new("contacts.csv", "contactId\n1\n2\n3\n4\n5\n");
    let (source, mut after, mut sizes) = (list.source(), None, Vec::new());
    let query = ContactQuery {
        page_max: 2,
        ..ContactQuery::default()
    };
    loop {
        let page = source.list(&query, after).await.unwrap();
        sizes.push(page.contacts.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn a_stream_is_read_once_even_after_a_check() {
    let mut content = String::from("contactId,startDate\n");
    for number in 0..PAGE_MAX + 5 {
        content += &format!("{number},2026-03-0{}\n", 1 + number % 2);
    }
    let reader = Box::new(std::io::Cursor::new(content));
    let source = CsvContacts::from_reader(CsvConfig::default(), "a pipe", reader);
    let report = source.check().await.unwrap();
    assert!(report.starts_with("a pipe: CSV"), "{report}");
    let since = "2026-03-02".parse().ok();
    let first = source
        .list(&ContactQuery::since(since), None)
        .await
        .unwrap();
    assert_eq!(
        first.contacts.len(),
        PAGE_MAX / 2,
        "what the check read is not lost"
    );
    source.check().await.unwrap();
    let everything = ContactQuery::default();
    let second = source.list(&everything, first.next.clone()).await.unwrap();
    assert_eq!((second.contacts.len(), second.next), (5, None));
    for after in [None, first.next] {
        let failure = source.list(&everything, after).await.unwrap_err();
        assert!(failure.message.contains("only once"), "{failure}");
        assert!(failure.hint.is_some());
    }
}

#[tokio::test]
async fn a_list_goes_on_from_any_cursor() {
    let mut content = String::from("contactId\n");
    // A duplicate on every page, and a value over two lines where the second page begins.
    for number in 0..PAGE_MAX * 5 / 2 {
        content += &format!("{number}\n0\n");
        if number == PAGE_MAX - 1 {
            content += "\"two\nlines\"\n";
        }
    }
    let list = List::new("contacts.csv", content);
    let query = ContactQuery::default();
    let source = list.source();
    let first = source.list(&query, None).await.unwrap();
    let second = source.list(&query, first.next.clone()).await.unwrap();
    let third = source.list(&query, second.next.clone()).await.unwrap();
    assert_eq!(
        source.list(&query, first.next.clone()).await.unwrap(),
        second
    );
    assert_eq!(
        list.source()
            .list(&query, second.next.clone())
            .await
            .unwrap(),
        third
    );
    assert_eq!(list.source().list(&query, None).await.unwrap(), first);
    assert!(
        second.problems[0].problem.contains("already on line 2"),
        "{:?}",
        second.problems[0]
    );
}

#[tokio::test]
async fn further_columns_are_kept_as_metadata() {
    let csv = "Contact ID;Start_Date;MASTER-CONTACT-ID;Skill;Note\n\
               7;2026-03-01T10:00:00+11:00;5;Parts;\"says \"\"hi\"\"; bye\"\n";
    let mut expected = contact(
        "7",
        "2026-03-01T10:00:00+11:00",
        json!({"Skill": "Parts", "Note": "says \"hi\"; bye"}),
    );
    expected.master_id = ContactId::parse("5").ok();
    let read = page("contacts.csv", csv).await;
    assert_eq!(
        (read.contacts, read.problems),
        (vec![expected.clone()], vec![])
    );

    let jsonl = "{\"contact_id\": 7, \"startDate\": \"2026-03-01T10:00:00+11:00\", \"masterContactId\": \"5\", \
                 \"skills\": [{\"id\": 1.5, \"x\": null}]}\n";
    expected.metadata = json!({"skills": [{"id": 1.5, "x": null}]})
        .as_object()
        .cloned()
        .unwrap();
    let read = page("contacts.jsonl", jsonl).await;
    assert_eq!((read.contacts, read.problems), (vec![expected], vec![]));
}

#[tokio::test]
async fn files_of_any_program_are_read() {
    for (name, content) in [
        (
            "contacts.csv",
            "\u{feff}contactId,startDate\r\n7,2026-03-01\r\n8,\r\n",
        ),
        (
            "contacts.csv",
            "\n\nstartDate\tcontactId\n2026-03-01\t7\n\n\t\n\t8",
        ),
        (
            "contacts.csv",
            "\"contactId\",\"startDate\"\n\"7\",\"2026-03-01\"\n\" 8 \",\n",
        ),
        (
            "contacts.csv",
            "contactId,startDate,\n7,2026-03-01,\n8,,\n,,\n",
        ),
        ("contacts.txt", "contactId;startDate\n7;2026-03-01\n8;\n"),
        (
            "contacts.txt",
            "  {\"contactId\":\"7\",\"startDate\":\"2026-03-01\"}\n{\"contactId\":8,\"startDate\":null}",
        ),
        (
            "contacts.NDJSON",
            "\u{feff}{\"contactId\":7,\"startDate\":\"2026-03-01\"}\r\n\r\n{\"contactId\":\"8\",\"startDate\":\"\"}\r\n",
        ),
    ] {
        let read = page(name, content).await;
        assert_eq!(problems(&read.problems), [""; 0], "{content}");
        assert_eq!(ids(&read.contacts), ["7", "8"], "{content}");
        assert_eq!(
            read.contacts[0].started_at,
            parse_start("2026-03-01"),
            "{content}"
        );
        assert_eq!(read.contacts[1].started_at, None, "{content}");
    }
}

#[tokio::test]
async fn a_bad_line_is_named_and_the_rest_goes_on() {
    let mut content = b"contactId,startDate,note\n1,2026-03-01,x\n".to_vec();
    content.extend_from_slice(b",2026-03-01,no id\n4,2026-03-01\n5,2026-03-01,a,b\n");
    content.extend_from_slice(b"6\xff,2026-03-01,x\n");
    content.extend(std::iter::repeat_n(b'7', LINE_BYTES_MAX + 1));
    content.extend_from_slice(b"\n8,2026-03-01,\"never closed\n9,2026-03-01,x\n");
    content.extend_from_slice(
        b"7.00123E+11,2026-03-01,x\n10,2026-03-01,5\" hose\n1,2026-03-02,again\n",
    );
    let read = page("contacts.csv", content).await;
    assert_eq!(ids(&read.contacts), ["1", "9", "10"]);
    assert_eq!(read.contacts[2].metadata["note"], "5\" hose");
    assert_eq!(
        problems(&read.problems),
        [
            "3: contactId: the contact id is blank",
            "4: has 2 values where the header has 3 columns",
            "5: has 4 values where the header has 3 columns",
            "6: is not UTF-8",
            "7: is longer than 1048576 bytes",
            "8: has quotes that do not match",
            "10: contactId: 7.00123E+11 was rounded by a spreadsheet: format the column as text",
            "12: 1 is already on line 2",
        ]
    );
    assert!(
        read.problems[0].place.ends_with("contacts.csv line 3"),
        "{}",
        read.problems[0].place
    );
}

#[tokio::test]
async fn a_bad_object_is_named_and_the_rest_goes_on() {
    let content = "{\"contactId\":1}\n[2]\n{\"contactId\":3\n{\"contactId\":4.0}\n{\"contactId\":1e15}\n\
                   {\"contactId\":123456789012345678901234567890}\n{\"contactId\":{}}\n{\"id\":8}\n\
                   {\"contactId\":null}\n{\"contactId\":9007199254740993}\n{\"contactId\":18446744073709551615}\n";
    let read = page("contacts.jsonl", content).await;
    assert_eq!(
        ids(&read.contacts),
        ["1", "9007199254740993", "18446744073709551615"]
    );
    let lines: Vec<String> = problems(&read.problems);
    let numbers: Vec<&str> = lines
        .iter()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(numbers, ["2", "3", "4", "5", "6", "7", "8", "9"]);
    assert!(
        lines[2].contains("4.0 is not an exact number"),
        "{}",
        lines[2]
    );
}

#[tokio::test]
async fn a_call_with_a_bad_date_is_kept() {
    let read = page(
        "contacts.csv",
        "contactId,startDate\n7,31/12/2026\n8,2026-02-30\n",
    )
    .await;
    assert_eq!(ids(&read.contacts), ["7", "8"]);
    assert_eq!(read.contacts[0].started_at, None);
    assert_eq!(read.contacts[0].metadata["startDate"], "31/12/2026");
    assert_eq!(
        problems(&read.problems)[0],
        "2: startDate: `31/12/2026` is no date; the call is kept without one"
    );
    // Nobody knows whether it is too old.
    let list = List::new(
        "contacts.csv",
        "contactId,startDate\n7,tomorrow\n8,2020-01-01\n",
    );
    let since = "2026-01-01".parse().ok();
    let recent = list
        .source()
        .list(&ContactQuery::since(since), None)
        .await
        .unwrap();
    assert_eq!(ids(&recent.contacts), ["7"]);
}

#[tokio::test]
async fn a_value_may_hold_line_breaks() {
    let csv = "contactId,note\n7,\"one\r\ntwo \"\"three\"\"\nfour\"\n8,x\n\"9\",y\rz\n";
    let read = page("contacts.csv", csv).await;
    assert_eq!(problems(&read.problems), [""; 0]);
    assert_eq!(ids(&read.contacts), ["7", "8", "9"]);
    assert_eq!(
        read.contacts[0].metadata["note"],
        "one\ntwo \"three\"\nfour"
    );
    assert_eq!(read.contacts[2].metadata["note"], "y\rz");
}

#[tokio::test]
async fn a_quote_that_is_not_closed_costs_one_line() {
    let good: String = (10..200).map(|id| format!("{id},x\n")).collect();
    for (rest, found) in [
        ("", 0),
        ("2,x\n", 1),
        (good.as_str(), 190),
        ("2,x\n3,\"y\"\n", 2),
    ] {
        let read = page("contacts.csv", format!("contactId,note\n1,\"open\n{rest}")).await;
        assert_eq!(
            problems(&read.problems),
            ["2: has quotes that do not match"]
        );
        assert_eq!(read.contacts.len(), found);
    }
    // Closed by chance, but with another number of values than the header has columns.
    let read = page(
        "contacts.csv",
        "contactId,note\n1,\"open\n2,x\n3,y\n\",a,b\n",
    )
    .await;
    assert_eq!(ids(&read.contacts), ["2", "3"]);
    assert_eq!(read.problems.len(), 2);
}

#[tokio::test]
async fn a_list_that_is_all_problems_comes_in_pages_too() {
    let content = format!("contactId,x\n{}", "only one value\n".repeat(PAGE_MAX * 3));
    let list = List::new("contacts.csv", content);
    let first = list
        .source()
        .list(&ContactQuery::default(), None)
        .await
        .unwrap();
    assert_eq!(first.problems.len(), PAGE_MAX);
    assert!(first.next.is_some());
    let failure = list.source().check().await.unwrap_err();
    assert!(failure.message.contains("line 2"), "{failure}");
}

#[tokio::test]
async fn a_file_that_is_no_list_is_one_clear_failure() {
    for (name, content, told, hint) in [
        (
            "contacts.csv",
            &b"call,date\n1,2\n"[..],
            "no column contactId, but call, date",
            "contact_id_column",
        ),
        ("contacts.csv", b"", "no header", "contactId"),
        ("contacts.csv", b"\n \n", "no header", "contactId"),
        ("contacts.csv", b"\xff\xfec\x00", "UTF-16", "UTF-8"),
        (
            "contacts.csv",
            b"contact\xe9Id,x\n1,2\n",
            "no header",
            "UTF-8",
        ),
        (
            "contacts.jsonl",
            b"{\"call\":1,\"date\":2}\n",
            "no column contactId, but call, date",
            "contact_id_column",
        ),
        (
            "contacts.json",
            b"[\n{\"contactId\":1}\n]\n",
            "JSON array",
            "jq",
        ),
    ] {
        let failure = failure(name, content).await;
        assert!(failure.message.contains(told), "{failure}");
        assert!(failure.message.contains(name), "{failure}");
        assert!(failure.hint.as_ref().unwrap().contains(hint), "{failure:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_one_clear_failure() {
    let list = List::new("contacts.csv", "contactId\n");
    for (path, hint) in [
        (list.directory.path().join("missing.csv"), "path"),
        (list.directory.path().to_owned(), "file in"),
    ] {
        let source = CsvContacts::new(CsvConfig {
            path,
            ..CsvConfig::default()
        })
        .unwrap();
        let failure = source.check().await.unwrap_err();
        assert_eq!(failure.kind.blame(), Blame::Setup);
        assert!(failure.message.contains("cannot be read"), "{failure}");
        assert!(failure.hint.as_ref().unwrap().contains(hint), "{failure:?}");
    }
    let nameless = CsvConfig {
        path: PathBuf::new(),
        ..CsvConfig::default()
    };
    assert!(CsvContacts::new(nameless).err().unwrap().hint.is_some());
}

#[tokio::test]
async fn columns_and_format_are_what_the_operator_says() {
    let list = List::new(
        "export.csv",
        "{\"Call\": 7, \"contactId\": 1, \"Begin\": \"2026-03-01\", \"Thread\": 5}\n",
    );
    let config = CsvConfig {
        format: Format::Jsonl,
        contact_id_column: "call".into(),
        start_date_column: "begin".into(),
        master_contact_id_column: "thread".into(),
        ..list.config()
    };
    let source = CsvContacts::new(config).unwrap();
    let page = source.list(&ContactQuery::default(), None).await.unwrap();
    let mut expected = contact("7", "2026-03-01", json!({"contactId": 1}));
    expected.master_id = ContactId::parse("5").ok();
    assert_eq!(page.contacts, [expected]);
}

#[tokio::test]
async fn a_check_says_what_was_found() {
    let report = List::new("contacts.csv", "contactId,skill\n7,x\n")
        .source()
        .check()
        .await
        .unwrap();
    assert!(
        report.contains("contactId, skill") && report.contains("1 contacts"),
        "{report}"
    );
}

#[tokio::test]
async fn of_similar_columns_the_one_with_just_the_name_counts() {
    let read = page("contacts.csv", "ContactId,contactId\n1,7\n").await;
    assert_eq!(read.contacts, [contact("7", "", json!({"ContactId": "1"}))]);
    // A header that would have more columns by another delimiter.
    let read = page("contacts.csv", "contactId,notes (a;b;c;d)\n7,x\n").await;
    assert_eq!(
        read.contacts,
        [contact("7", "", json!({"notes (a;b;c;d)": "x"}))]
    );
}

#[tokio::test]
async fn columns_with_one_name_or_none_are_told_apart() {
    let read = page("contacts.csv", "contactId,note,note,\n7,a,b,c\n").await;
    let expected = contact("7", "", json!({"note": "a", "note_3": "b", "4": "c"}));
    assert_eq!(read.contacts, [expected]);
}
