//! What is no taxonomy, and what is told about it.

use expect_test::{Expect, expect};

use super::SMALL;
use crate::taxonomy::{FieldName, Taxonomy};

/// The complaint about a taxonomy of one section.
fn check(section: &str, complaint: Expect) {
    let text = format!("version = \"v1\"\n[[section]]\n{section}");
    complaint.assert_eq(&Taxonomy::parse(&text).unwrap_err().to_string());
}

/// The complaint about the small taxonomy with one place of it changed.
fn check_changed(place: &str, instead: &str, complaint: Expect) {
    assert_eq!(SMALL.matches(place).count(), 1, "{place}");
    let error = Taxonomy::parse(&SMALL.replace(place, instead)).unwrap_err();
    complaint.assert_eq(&error.to_string());
}

#[test]
fn mistakes_of_writing_have_line_and_column() {
    check(
        "field = \"a\"\nkind = \"label\"\ndescription = \"\"\nlabels = []",
        expect![[r#"
            TOML parse error at line 6, column 1
              |
            6 | labels = []
              | ^^^^^^
            unknown field `labels`, expected one of `field`, `kind`, `description`, `at_least`, `at_most`, `none_label`, `chars_max`, `only_when`, `label`, `part`
        "#]],
    );
    check(
        "field = \"a\"\nkind = \"lable\"\ndescription = \"\"",
        expect![[r#"
            TOML parse error at line 4, column 8
              |
            4 | kind = "lable"
              |        ^^^^^^^
            unknown variant `lable`, expected one of `label`, `labels`, `text`, `scores`, `group`
        "#]],
    );
    check(
        "field = ",
        expect![[r#"
        TOML parse error at line 3, column 9
          |
        3 | field = 
          |         ^
        string values must be quoted, expected literal string
    "#]],
    );
    check(
        "field = \"a\"\nkind = \"text\"",
        expect![[r#"
        TOML parse error at line 2, column 1
          |
        2 | [[section]]
          | ^^^^^^^^^^^
        missing field `description`
    "#]],
    );
}

#[test]
fn nothing_is_no_taxonomy() {
    for text in [
        "version = \"v1\"",
        "version = \" \"\n[[section]]\nfield = \"a\"\nkind = \"text\"\ndescription = \"\"",
    ] {
        let error = Taxonomy::parse(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a taxonomy needs a version and at least one section"
        );
    }
}

#[test]
fn a_complaint_names_the_section() {
    check(
        "field = \"Call Type\"\nkind = \"text\"\ndescription = \"\"",
        expect![
            "section Call Type: a field is made of lower-case letters, digits and _, begins with a letter, and has at most 60 characters"
        ],
    );
    check(
        "field = \"a\"\nkind = \"label\"\ndescription = \"\"",
        expect!["section a: there are no labels"],
    );
    check(
        "field = \"a\"\nkind = \"label\"\ndescription = \"\"\nlabel = [{ value = \"x\" }, { value = \"x\" }]",
        expect!["section a: label x stands there twice"],
    );
    check(
        "field = \"a\"\nkind = \"label\"\ndescription = \"\"\nlabel = [{ value = \" x\" }]",
        expect![[
            r#"section a: label " x" is blank, has blanks around it, or holds a control character"#
        ]],
    );
    check(
        "field = \"a\"\nkind = \"label\"\ndescription = \"\"\nlabel = [{ value = \"x\\ny\" }]",
        expect![[
            r#"section a: label "x\ny" is blank, has blanks around it, or holds a control character"#
        ]],
    );
    check(
        "field = \"a\"\nkind = \"group\"\ndescription = \"\"",
        expect!["section a: a group needs parts"],
    );
    check(
        "field = \"a\"\nkind = \"scores\"\ndescription = \"\"\nlabel = [{ value = \"No Field\" }]",
        expect!["section a: score No Field is no field name"],
    );
    check_changed(
        "field = \"outcome\"\n",
        "field = \"reason\"\n",
        expect!["section reason: the field is used twice"],
    );
}

#[test]
fn a_complaint_about_a_part_names_its_group() {
    check_changed(
        "value = \"wheel\"",
        "value = \"brake\"",
        expect!["section bicycle.damage: label brake stands there twice"],
    );
    check_changed(
        "field = \"kind\"\nkind = \"label\"",
        "field = \"kind\"\nonly_when = { field = \"outcome\", any_of = [\"booked\"] }\nkind = \"label\"",
        expect![
            "section bicycle.kind: a part of a group has no only_when of its own; the group may have one"
        ],
    );
    check_changed(
        "field = \"kind\"\nkind = \"label\"",
        "field = \"kind\"\nkind = \"group\"",
        expect!["section bicycle.kind: `label` has no meaning for kind group"],
    );
}

#[test]
fn keys_without_a_meaning_are_mistakes() {
    check(
        "field = \"a\"\nkind = \"text\"\ndescription = \"\"\nat_most = 2",
        expect!["section a: `at_most` has no meaning for kind text"],
    );
    check(
        "field = \"a\"\nkind = \"label\"\ndescription = \"\"\nlabel = [{ value = \"x\" }]\nnone_label = \"x\"",
        expect!["section a: `none_label` has no meaning for kind label"],
    );
    check(
        "field = \"a\"\nkind = \"text\"\ndescription = \"\"\nlabel = [{ value = \"x\" }]",
        expect!["section a: `label` has no meaning for kind text"],
    );
}

#[test]
fn limits_must_leave_an_answer() {
    check_changed(
        "at_most = 2",
        "at_most = 0",
        expect!["section reason: at_least 1 and at_most 0 exclude every answer"],
    );
    check_changed(
        "at_least = 1\nat_most = 2",
        "at_least = 3\nat_most = 2",
        expect!["section reason: at_least 3 and at_most 2 exclude every answer"],
    );
    check_changed(
        "at_least = 1\nat_most = 2",
        "at_least = 4\nat_most = 9",
        expect!["section reason: at_least 4 and at_most 9 exclude every answer"],
    );
    check_changed(
        "chars_max = 12",
        "chars_max = 0",
        expect!["section mechanic: chars_max 0 excludes every answer"],
    );
    check_changed(
        "none_label = \"unsaid\"",
        "none_label = \"nothing\"",
        expect!["section doubts: none_label nothing is not one of the labels"],
    );
}

#[test]
fn a_condition_looks_back_at_labels() {
    let condition = "{ field = \"reason\", any_of = [\"repair\", \"sale\"] }";
    check_changed(
        condition,
        "{ field = \"mechanic\", any_of = [\"repair\"] }",
        expect!["section bicycle: only_when looks at mechanic, which is no earlier section"],
    );
    check_changed(
        condition,
        "{ field = \"doubts\", any_of = [\"cost\"] }",
        expect!["section bicycle: only_when asks for cost, which doubts never is"],
    );
    check_changed(
        condition,
        "{ field = \"reason\", any_of = [] }",
        expect!["section bicycle: only_when.any_of is empty"],
    );
    check_changed(
        condition,
        "{ field = \"Re\", any_of = [\"repair\"] }",
        expect!["section bicycle: only_when names no field: Re"],
    );
    check_changed(
        "chars_max = 12",
        "chars_max = 12\nonly_when = { field = \"bicycle\", any_of = [\"road\"] }",
        expect!["section mechanic: only_when looks at bicycle, which has no labels"],
    );
}

#[test]
fn a_field_is_fit_for_a_column() {
    assert!(FieldName::parse(&"a".repeat(60)).is_some());
    for text in [
        "",
        "1st",
        "_a",
        "A",
        "call type",
        "a;drop",
        "naïve",
        &"a".repeat(61),
    ] {
        assert_eq!(FieldName::parse(text), None, "{text}");
    }
}
