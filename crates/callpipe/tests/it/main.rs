//! The program from outside: the real binary, against the sandbox, over real sockets, with a real
//! database and real files. One binary for all of them, so that linking is paid once.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod broken_stores;
mod commands;
mod dependencies;
mod every_request;
mod export;
mod folder;
mod google;
mod jobs;
mod kills;
mod money;
mod mounts;
mod named_secrets;
mod openai;
mod pipeline;
mod recovery;
mod running;
mod secrecy;
mod serve;
mod storage;
mod storm;
mod support;
mod traces;
mod whisper;
