//! Reading what may be of any shape: a part of an unknown one counts as missing, and costs the others
//! nothing. Read in one pass, since replies are long.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What can be made of a JSON value; nothing of those kinds that are not mentioned.
pub(super) trait Shape<'de>: Default {
    fn of_text(_text: &str) -> Option<Self> {
        None
    }

    fn of_number(_number: f64) -> Option<Self> {
        None
    }

    fn of_count(count: u64) -> Option<Self> {
        Self::of_number(count as f64)
    }

    fn of_map<Map: MapAccess<'de>>(mut map: Map) -> Result<Self, Map::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn of_list<List: SeqAccess<'de>>(mut list: List) -> Result<Self, List::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl Shape<'_> for String {
    fn of_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Shape<'_> for f64 {
    fn of_number(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl Shape<'_> for u64 {
    fn of_count(count: u64) -> Option<Self> {
        Some(count)
    }
}

impl Shape<'_> for u32 {
    fn of_count(count: u64) -> Option<Self> {
        count.try_into().ok()
    }
}

impl<'de, T: Shape<'de>> Shape<'de> for Option<T> {
    fn of_text(text: &str) -> Option<Self> {
        T::of_text(text).map(Some)
    }

    fn of_number(number: f64) -> Option<Self> {
        T::of_number(number).map(Some)
    }

    fn of_count(count: u64) -> Option<Self> {
        T::of_count(count).map(Some)
    }

    fn of_map<Map: MapAccess<'de>>(map: Map) -> Result<Self, Map::Error> {
        T::of_map(map).map(Some)
    }

    fn of_list<List: SeqAccess<'de>>(list: List) -> Result<Self, List::Error> {
        T::of_list(list).map(|_| None)
    }
}

/// An item of another shape keeps its place, empty, since the place of a channel is its number.
impl<'de, T: Shape<'de>> Shape<'de> for Vec<T> {
    fn of_list<List: SeqAccess<'de>>(mut list: List) -> Result<Self, List::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Any(PhantomData))? {
            items.push(item);
        }
        Ok(items)
    }
}

impl<'de, T: Shape<'de>> Shape<'de> for BTreeMap<String, T> {
    fn of_map<Map: MapAccess<'de>>(mut map: Map) -> Result<Self, Map::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key()? {
            entries.insert(key, map.next_value_seed(Any(PhantomData))?);
        }
        Ok(entries)
    }
}

/// Says that a struct is read from a map, field by field.
macro_rules! read_from_map {
    ($($name:ty),+ $(,)?) => {
        $(impl<'de> $crate::transcribers::deepgram::lenient::Shape<'de> for $name {
            fn of_map<Map: serde::de::MapAccess<'de>>(map: Map) -> Result<Self, Map::Error> {
                use serde::de::value::MapAccessDeserializer;
                serde::Deserialize::deserialize(MapAccessDeserializer::new(map))
            }
        })+
    };
}
pub(super) use read_from_map;

/// Reads a value, or nothing where it is of another shape.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Shape<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Any(PhantomData).deserialize(deserializer)
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> DeserializeSeed<'de> for Any<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Shape<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        Ok(T::of_number(value as f64).unwrap_or_default())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        Ok(T::of_count(value).unwrap_or_default())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        Ok(T::of_number(value).unwrap_or_default())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        Ok(T::of_text(value).unwrap_or_default())
    }

    fn visit_map<Map: MapAccess<'de>>(self, map: Map) -> Result<T, Map::Error> {
        T::of_map(map)
    }

    fn visit_seq<List: SeqAccess<'de>>(self, list: List) -> Result<T, List::Error> {
        T::of_list(list)
    }
}
