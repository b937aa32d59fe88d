//! The outside systems, one module each.

mod deepgram;
mod gemini;
mod media;
mod nice_cxone;
mod storage;

pub(crate) use deepgram::router as deepgram_router;
pub(crate) use gemini::router as gemini_router;
pub(crate) use gemini::{Recogniser, said};
pub(crate) use media::router as media_router;
pub(crate) use nice_cxone::router as nice_cxone_router;
pub(crate) use storage::{Objects, router as storage_router};
