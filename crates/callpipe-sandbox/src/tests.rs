//! Tests over real sockets: each fake as a client meets it.

mod any;
mod control;
mod cxone;
mod deepgram;
mod gemini;
mod media;
mod openai;
mod pipeline;
mod storage;
mod support;
