//! Damage to what JSON says: keys, types, numbers, lists.

use callpipe_core::conformance::chance::Seeded;
use serde_json::{Map, Value, json};

use super::MARKER;

/// Numbers that fit nowhere, and what is no number though some write it.
const NUMBERS: [&str; 22] = [
    "0",
    "-0.0",
    "-1",
    "0.5",
    "1e-400",
    "255",
    "256",
    "604799.5",
    "4294967295",
    "4294967296",
    "1000000000",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
    "-1.7976931348623157e308",
    "1e400",
    "NaN",
    "-Infinity",
];

/// How many items a list is given that has too many.
const ITEMS_MANY: usize = 100_000;

/// The most bytes that such a list may have.
const LIST_BYTES_MAX: usize = 4_000_000;

/// One damage of so many makes a list of very many items.
const MANY_ONE_IN: u64 = 120;

/// What stands for text that no tree can hold.
const RAW: &str = "@raw@";

/// What a key begins with that stands there twice.
const TWICE: &str = "@twice@";

/// The same JSON, damaged in a few ways.
pub(super) fn damaged(sample: &Value, chance: &mut Seeded) -> String {
    let mut tree = sample.clone();
    for _ in 0..=chance.place(4) {
        let other = any(&tree, chance).clone();
        let nodes = count(&tree);
        let place = chance.place(nodes);
        if let Some(node) = nth(&mut tree, &mut { place }) {
            damage(node, other, chance);
        }
    }
    written(&tree)
}

/// JSON text with everything in it that stands for something else.
fn written(tree: &Value) -> String {
    let text = tree.to_string().replace(&format!("\"{TWICE}"), "\"");
    let mark = format!("\"{RAW}");
    let mut pieces = text.split(&mark);
    let mut written = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (raw, rest) = piece.split_once('"').unwrap();
        written.push_str(&raw_text(raw));
        written.push_str(rest);
    }
    written
}

/// What a name stands for: a number, or `deep list 5`.
fn raw_text(name: &str) -> String {
    let nested = |open: &str, close: &str, depth: &str| {
        let depth = depth.parse().unwrap();
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    if let Some(depth) = name.strip_prefix("deep list ") {
        nested("[", "]", depth)
    } else if let Some(depth) = name.strip_prefix("deep object ") {
        nested("{\"a\":", "}", depth)
    } else {
        name.to_owned()
    }
}

fn raw(name: &str) -> Value {
    Value::String(format!("{RAW}{name}"))
}

fn damage(node: &mut Value, other: Value, chance: &mut Seeded) {
    if chance.one_in(MANY_ONE_IN) {
        return many(node, chance);
    }
    match (node, chance.place(10)) {
        (Value::Object(object), 0..=4) => damage_object(object, other, chance),
        (Value::Array(items), 0..=4) => damage_list(items, other, chance),
        (node, 5) => *node = raw(NUMBERS[chance.place(NUMBERS.len())]),
        (node, 6) => *node = Value::String((*chance.pick(&NUMBERS)).to_owned()),
        (node, 7) => *node = other,
        (node, 8) => *node = text(chance),
        (node, _) => *node = of_another_type(node, chance),
    }
}

fn damage_object(object: &mut Map<String, Value>, other: Value, chance: &mut Seeded) {
    let keys: Vec<String> = object.keys().cloned().collect();
    let key = match keys.is_empty() {
        true => "a".to_owned(),
        false => chance.pick(&keys).clone(),
    };
    match chance.place(5) {
        0 | 1 => drop(object.remove(&key)),
        2 => drop(object.insert(format!("{TWICE}{key}"), other)),
        3 => drop(object.insert(format!("{MARKER}\u{1b}\n"), other)),
        _ => {
            if let Some(value) = object.remove(&key) {
                object.insert(key.to_uppercase(), value);
            }
        }
    }
}

fn damage_list(items: &mut Vec<Value>, other: Value, chance: &mut Seeded) {
    let place = chance.place(items.len() + 1);
    match chance.place(6) {
        0 => items.clear(),
        1 => items.reverse(),
        2 => items.truncate(place),
        3 => items.insert(place, other),
        4 => items.insert(place, of_another_type(&Value::Null, chance)),
        _ => {
            let copy = items.clone();
            items.extend(copy);
        }
    }
}

/// A list of very many: its own items, or others.
fn many(node: &mut Value, chance: &mut Seeded) {
    let own = node.as_array().cloned().unwrap_or_default();
    let items = match own.is_empty() || chance.one_in(2) {
        true => vec![
            chance
                .pick(&[json!({}), json!(0), json!([]), json!(MARKER)])
                .clone(),
        ],
        false => own,
    };
    let size_bytes = Value::Array(items.clone()).to_string().len();
    let count = ITEMS_MANY.min(LIST_BYTES_MAX / size_bytes * items.len());
    *node = items.into_iter().cycle().take(count).collect();
}

fn text(chance: &mut Seeded) -> Value {
    let texts = [
        String::new(),
        format!("{MARKER} \u{1b}[31m\r\n\0\u{202e}{MARKER}"),
        MARKER.repeat(10_000),
        format!("{MARKER} ").repeat(5_000),
        format!("https://{MARKER}.example/{MARKER}?X-Amz-Signature={MARKER}"),
        "\u{feff}\u{10ffff}".to_owned(),
        "AAAA".to_owned(),
        "0001-01-01T00:00:00Z".to_owned(),
        "+262142-12-31T23:59:59Z".to_owned(),
    ];
    Value::String(chance.pick(&texts).clone())
}

fn of_another_type(node: &Value, chance: &mut Seeded) -> Value {
    let depth = *chance.pick(&[100, 126, 127, 128, 129, 1_000, 100_000]);
    let others = [
        Value::Null,
        json!(true),
        json!(7),
        json!(MARKER),
        json!([]),
        json!({}),
        json!([node]),
        json!({ "value": node }),
        raw(&format!("deep list {depth}")),
        raw(&format!("deep object {depth}")),
    ];
    chance.pick(&others).clone()
}

fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(object) => object.values().map(count).sum(),
        _ => 0,
    }
}

/// Any part of a tree that is not all of it, if there is one.
fn any<'a>(tree: &'a Value, chance: &mut Seeded) -> &'a Value {
    let children: Vec<&Value> = match tree {
        Value::Array(items) => items.iter().collect(),
        Value::Object(object) => object.values().collect(),
        _ => Vec::new(),
    };
    if children.is_empty() {
        return tree;
    }
    let child = *chance.pick(&children);
    match chance.one_in(3) {
        true => child,
        false => any(child, chance),
    }
}

/// The node of a number, counted from the root down.
fn nth<'a>(tree: &'a mut Value, number: &mut usize) -> Option<&'a mut Value> {
    if *number == 0 {
        return Some(tree);
    }
    *number -= 1;
    match tree {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, number)),
        Value::Object(object) => object.values_mut().find_map(|value| nth(value, number)),
        _ => None,
    }
}
