//! Fields to Arrow's types, and values of records to its arrays, column by column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, ListArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field as Column, Fields, TimeUnit};
use callpipe_core::call::parse_start;
use chrono::{Datelike, NaiveDate};
use serde_json::Value;

use super::super::fields::{Field, Shape};

/// Days from the first of January of year one to that of 1970.
const DAYS_TO_1970: i32 = 719_163;

const UTC: &str = "UTC";

/// A field as a column, which may be empty. What it means goes with it.
pub(super) fn column(field: &Field) -> Column {
    let description = HashMap::from([("description".to_owned(), field.description.clone())]);
    Column::new(&field.name, data_type(&field.shape), true).with_metadata(description)
}

fn data_type(shape: &Shape) -> DataType {
    match shape {
        Shape::Text | Shape::Json => DataType::Utf8,
        Shape::Whole => DataType::Int64,
        Shape::Number => DataType::Float64,
        Shape::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        Shape::Date => DataType::Date32,
        Shape::Texts => DataType::List(element(DataType::Utf8)),
        Shape::Struct(parts) => DataType::Struct(columns(parts)),
        Shape::Structs(parts) => DataType::List(element(DataType::Struct(columns(parts)))),
    }
}

fn columns(fields: &[Field]) -> Fields {
    fields.iter().map(column).collect()
}

/// What a list is made of: never nothing.
fn element(data_type: DataType) -> Arc<Column> {
    Arc::new(Column::new("element", data_type, false))
}

/// The values of a column. What has not the column's shape is empty.
pub(super) fn array(shape: &Shape, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    let values = values.iter().copied();
    Ok(match shape {
        Shape::Text => texts(values.map(|value| value?.as_str())),
        Shape::Json => Arc::new(jsons(values)),
        Shape::Whole => Arc::new(Int64Array::from_iter(values.map(|value| value?.as_i64()))),
        Shape::Number => Arc::new(Float64Array::from_iter(values.map(|value| value?.as_f64()))),
        Shape::Moment => moments(values),
        Shape::Date => Arc::new(Date32Array::from_iter(values.map(|value| days(value?)))),
        Shape::Struct(parts) => Arc::new(structs(parts, &values.collect::<Vec<_>>())?),
        Shape::Texts => lists(&Shape::Text, values)?,
        Shape::Structs(parts) => lists(&Shape::Struct(parts.clone()), values)?,
    })
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    builder.extend(values);
    Arc::new(builder.finish())
}

fn jsons<'a>(values: impl Iterator<Item = Option<&'a Value>>) -> arrow_array::StringArray {
    values
        .map(|value| value.filter(|value| !value.is_null()).map(Value::to_string))
        .collect()
}

fn moments<'a>(values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
    let mut builder = TimestampMicrosecondBuilder::new().with_timezone(UTC);
    builder.extend(values.map(|value| Some(parse_start(value?.as_str()?)?.timestamp_micros())));
    Arc::new(builder.finish())
}

fn days(value: &Value) -> Option<i32> {
    let date: NaiveDate = value.as_str()?.parse().ok()?;
    Some(date.num_days_from_ce() - DAYS_TO_1970)
}

fn structs(parts: &[Field], values: &[Option<&Value>]) -> Result<StructArray, ArrowError> {
    let part = |part: &Field| {
        let values: Vec<Option<&Value>> = values
            .iter()
            .map(|value| value.and_then(|value| value.get(&part.name)))
            .collect();
        array(&part.shape, &values)
    };
    let arrays = parts.iter().map(part).collect::<Result<_, _>>()?;
    let is_there = values
        .iter()
        .map(|value| value.is_some_and(Value::is_object));
    StructArray::try_new(
        columns(parts),
        arrays,
        Some(is_there.collect::<NullBuffer>()),
    )
}

/// Elements that are not of their shape are left out.
fn lists<'a>(
    shape: &Shape,
    values: impl Iterator<Item = Option<&'a Value>>,
) -> Result<ArrayRef, ArrowError> {
    let is_element = |value: &&Value| match shape {
        Shape::Struct(_) => value.is_object(),
        _ => value.is_string(),
    };
    let (mut elements, mut lengths, mut are_there) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let list = value.and_then(Value::as_array);
        let before = elements.len();
        elements.extend(list.into_iter().flatten().filter(is_element).map(Some));
        lengths.push(elements.len() - before);
        are_there.push(list.is_some());
    }
    Ok(Arc::new(ListArray::try_new(
        element(data_type(shape)),
        OffsetBuffer::from_lengths(lengths),
        array(shape, &elements)?,
        Some(NullBuffer::from(are_there)),
    )?))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Date32Type, TimestampMicrosecondType};
    use serde_json::json;

    use super::*;

    fn arrayed(shape: &Shape, values: &[Value]) -> ArrayRef {
        let values: Vec<Option<&Value>> = values.iter().map(Some).collect();
        array(shape, &values).unwrap()
    }

    #[test]
    fn moments_and_dates_count_from_1970() {
        let values = [
            json!("1970-01-02T01:00:00.000001+01:00"),
            json!("soon"),
            Value::Null,
        ];
        let moments = arrayed(&Shape::Moment, &values);
        let moments = moments.as_primitive::<TimestampMicrosecondType>();
        assert_eq!(moments.value(0), 86_400_000_001);
        assert!(moments.is_null(1) && moments.is_null(2));
        let dates = arrayed(&Shape::Date, &[json!("1970-01-01"), json!("1969-12-31")]);
        assert_eq!(dates.as_primitive::<Date32Type>().values(), &[0, -1]);
    }

    #[test]
    fn a_list_of_nothing_is_not_no_list() {
        let lists = arrayed(
            &Shape::Texts,
            &[json!(["a", 1, "b"]), json!([]), Value::Null],
        );
        let lists = lists.as_list::<i32>();
        assert_eq!(
            lists
                .value(0)
                .as_string::<i32>()
                .iter()
                .flatten()
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(lists.is_valid(1) && lists.value(1).is_empty());
        assert!(lists.is_null(2));
    }
}
