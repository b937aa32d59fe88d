//! Parquet: typed columns, zstd, row groups of bounded size.
//!
//! Lists have three levels with an `element`, as the format's own rules have it and as BigQuery's
//! list inference, DuckDB and Arrow read them.

mod columns;

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use super::ReviewedCall;
use super::fields::Field;
use super::record::record;
use super::table::Sink;

/// A row group is held in memory while it is written, and is the least that a reader reads.
const ROW_GROUP_ROWS_MAX: usize = 50_000;
const ROW_GROUP_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Writes a row for each call.
pub(super) struct ParquetSink<W: Write + Send> {
    to: ArrowWriter<W>,
    all: Vec<Field>,
    schema: SchemaRef,
    fields: Vec<Field>,
}

impl<W: Write + Send> ParquetSink<W> {
    /// Begins a file. `fields` are those of `all` that are written.
    pub(super) fn new(to: W, all: Vec<Field>, fields: &[Field]) -> io::Result<Self> {
        let columns: Vec<_> = fields.iter().map(columns::column).collect();
        let schema = Arc::new(Schema::new(columns));
        let properties = WriterProperties::builder()
            .set_created_by(concat!("callpipe ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
            .build();
        let to =
            ArrowWriter::try_new(to, Arc::clone(&schema), Some(properties)).map_err(io_error)?;
        Ok(Self {
            to,
            all,
            schema,
            fields: fields.to_vec(),
        })
    }

    fn batch(&self, calls: &[ReviewedCall]) -> Result<RecordBatch, ParquetError> {
        let records: Vec<Value> = calls.iter().map(|call| record(call, &self.all)).collect();
        let column = |field: &Field| {
            let values: Vec<Option<&Value>> = records
                .iter()
                .map(|record| record.get(&field.name))
                .collect();
            columns::array(&field.shape, &values)
        };
        let arrays = self.fields.iter().map(column).collect::<Result<_, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }
}

impl<W: Write + Send> Sink<W> for ParquetSink<W> {
    fn write(&mut self, calls: &[ReviewedCall]) -> io::Result<()> {
        if calls.is_empty() {
            return Ok(());
        }
        let batch = self.batch(calls).map_err(io_error)?;
        self.to.write(&batch).map_err(io_error)
    }

    fn finish(self: Box<Self>) -> io::Result<W> {
        self.to.into_inner().map_err(io_error)
    }
}

/// The writer wraps what went wrong when writing: a reader that stopped listening must be known as
/// such.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
