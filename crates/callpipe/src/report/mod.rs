//! What people read when the work is done: pure functions from figures to text.

pub mod calls;
pub mod captions;
pub mod estimate;
pub mod labels;
pub mod run;
pub mod status;
