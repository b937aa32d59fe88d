//! Lists as no system should export them: none stops the program, and each line is a contact, a problem,
//! or blank.

use std::collections::HashSet;
use std::io::Cursor as Bytes;

use callpipe_core::failure::FailureKind;

use super::super::session::Session;
use super::*;
use crate::damage;

fn samples() -> Vec<Vec<u8>> {
    let csv = "contactId,startDate,notes\n700001,2026-03-02,a\n700002,2026-03-03,\"b, c\"\n\n\
               700003,2026-03-04T08:00:00Z,\"d\ne\"\n";
    let semicolons = "contactId;startDate\r\n700001;02/03/2026\r\n700002;\r\n";
    let json = "{\"contactId\":\"700001\",\"startDate\":\"2026-03-02\"}\n\
                {\"contactId\":700002,\"nested\":{\"a\":[1,2]}}\n";
    [csv, semicolons, json]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

#[test]
fn a_damaged_list_is_read_line_by_line_or_refused_as_a_whole() {
    damage::of_bytes(&samples(), |bytes| {
        let reader = Box::new(Bytes::new(bytes.to_vec()));
        let opened = Session::new(CsvConfig::default(), "the list".into(), reader);
        match opened.and_then(|session| read_whole(session, bytes)) {
            Ok(()) => {}
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Denied);
                damage::assert_line(&failure.told());
            }
        }
    });
}

fn read_whole(mut session: Session, bytes: &[u8]) -> Outside<()> {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut ids = HashSet::new();
    let mut problems = 0;
    loop {
        let page = session.page(PAGE_MAX)?;
        for contact in page.contacts {
            assert!(ids.insert(contact.id.clone()), "{} comes twice", contact.id);
        }
        problems += page.problems.len();
        for problem in page.problems {
            damage::assert_line(&problem.problem);
        }
        if page.next.is_none() {
            break;
        }
    }
    // A contact whose date makes no sense is listed, and told of as a problem.
    assert!(ids.len() <= lines && problems <= 2 * lines);
    Ok(())
}
