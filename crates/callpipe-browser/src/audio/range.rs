//! Which bytes of a recording a request wants.

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes: some of those that there are.
    Part(Range<u64>),
    /// Bytes that there are not.
    Nothing,
    /// Nothing: the visitor has it already.
    Known,
}

/// Reads a request's headers, where the recording has so many bytes and this strong tag.
pub(super) fn wanted(headers: &HeaderMap, size_bytes: u64, tag: &str) -> Wanted {
    if is_known(headers, tag) {
        return Wanted::Known;
    }
    let mut ranges = headers.get_all(RANGE).into_iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Wanted::Whole;
    };
    // A part goes with other parts of the same bytes only.
    let is_of_these = headers.get(IF_RANGE).is_none_or(|of| of == tag);
    match range.to_str() {
        Ok(text) if is_of_these => parse(text, size_bytes),
        _ => Wanted::Whole,
    }
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).into_iter();
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// One range. Several of them, and what makes no sense, are as good as none: all is sent.
fn parse(text: &str, size_bytes: u64) -> Wanted {
    let Some((unit, range)) = text.split_once('=') else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let (first, last) = (first.trim(), last.trim());
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size_bytes),
        (Some(first), None) if last.is_empty() => first..size_bytes,
        (None, Some(suffix)) if first.is_empty() => size_bytes.saturating_sub(suffix)..size_bytes,
        _ => return Wanted::Whole,
    };
    match part.is_empty() {
        true => Wanted::Nothing,
        false => Wanted::Part(part),
    }
}

/// A number of digits alone; one that is too large is as large as can be.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn of(pairs: &[(http::HeaderName, &str)]) -> Wanted {
        let pairs = pairs.iter();
        let headers = pairs
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect();
        wanted(&headers, 100, TAG)
    }

    #[test]
    fn one_range_is_a_part() {
        for (text, part) in [
            ("bytes=0-", 0..100),
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("bytes=99-99", 99..100),
            ("bytes=90-1000", 90..100),
            ("bytes=-1", 99..100),
            ("bytes=-1000", 0..100),
            ("Bytes = 5 - 6 ", 5..7),
            ("bytes=0-99999999999999999999999", 0..100),
        ] {
            assert_eq!(of(&[(RANGE, text)]), Wanted::Part(part), "{text}");
        }
        for text in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(of(&[(RANGE, text)]), Wanted::Nothing, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_range() {
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=--5",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1-2,4-5",
            "bytes=0-0,-1",
            "bytes=+1-2",
            "bytes=0x1-",
            "bytes=1.5-2",
            "bytes==1-2",
            "items=0-5",
            "bytes=-1-2",
            "bytes=1--2",
        ] {
            assert_eq!(of(&[(RANGE, text)]), Wanted::Whole, "{text}");
        }
        let twice = [(RANGE, "bytes=0-1"), (RANGE, "bytes=5-6")];
        assert_eq!(of(&twice), Wanted::Whole);
        let empty = wanted(
            &HeaderMap::from_iter([(RANGE, "bytes=0-".parse().unwrap())]),
            0,
            TAG,
        );
        assert_eq!(empty, Wanted::Nothing);
    }

    #[test]
    fn parts_are_of_the_same_bytes() {
        let part = (RANGE, "bytes=0-0");
        assert_eq!(of(&[part.clone(), (IF_RANGE, TAG)]), Wanted::Part(0..1));
        for other in [
            "\"abd\"",
            "abc",
            "W/\"abc\"",
            "Sat, 28 Nov 2026 10:00:00 GMT",
        ] {
            assert_eq!(of(&[part.clone(), (IF_RANGE, other)]), Wanted::Whole);
        }
        for known in [TAG, "*", "\"x\", W/\"abc\""] {
            assert_eq!(of(&[part.clone(), (IF_NONE_MATCH, known)]), Wanted::Known);
        }
        assert_eq!(of(&[part, (IF_NONE_MATCH, "\"x\"")]), Wanted::Part(0..1));
    }
}
