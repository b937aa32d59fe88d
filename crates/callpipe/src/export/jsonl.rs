//! JSON lines: one object a call, nested as it is.

use std::io::{self, Write};

use super::ReviewedCall;
use super::fields::Field;
use super::record::{Projected, record};
use super::table::Sink;

/// Writes a line for each call.
pub(super) struct JsonlSink<W> {
    to: W,
    all: Vec<Field>,
    fields: Vec<Field>,
}

impl<W: Write> JsonlSink<W> {
    /// `fields` are those of `all` that are written.
    pub(super) fn new(to: W, all: Vec<Field>, fields: Vec<Field>) -> Self {
        Self { to, all, fields }
    }
}

impl<W: Write + Send> Sink<W> for JsonlSink<W> {
    fn write(&mut self, calls: &[ReviewedCall]) -> io::Result<()> {
        for call in calls {
            let record = &record(call, &self.all);
            let fields = &self.fields;
            serde_json::to_writer(&mut self.to, &Projected { fields, record })?;
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<W> {
        Ok(self.to)
    }
}
