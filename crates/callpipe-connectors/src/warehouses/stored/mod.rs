//! What every warehouse stores in the same way, whatever its SQL.
//!
//! Reading is tolerant, since people and other programs write to these tables too: a row that makes
//! no sense is left out and told of in the log, and never stops the others.

mod adopted;
mod exported;
mod read;
mod written;

pub(crate) use adopted::adopt;
pub(crate) use exported::{BRIEF_COLUMNS, EXPORTED_COLUMNS, brief_call, exported_call};
pub(crate) use read::{StoredRow, call_row, pending_call};
pub(crate) use written::{
    ANALYSIS_COLUMNS, ANALYSIS_MISSING, AnalysisColumns, BaselineFlags, ContactColumns,
    CostColumns, FETCHED_COLUMNS, STATE_COLUMNS, StateColumns, TRANSCRIBED_COLUMNS, TriageColumns,
    fetch_was_tried, moment,
};
