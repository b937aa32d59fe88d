//! Fakes of the outside systems that callpipe talks to: CXone, the storage that serves recordings,
//! Deepgram, Gemini on Vertex AI, a server with OpenAI's chat-completions API, and Google Cloud Storage.
//!
//! They are written from the vendors' documents and share no code with the clients that they fool.
//! Everything they do follows from a [`World`] and its seed: the same seed, the same answers.
//!
//! A [`World`] says which contacts there were and what a perfect pipeline makes of each
//! ([`World::expected`]). [`Sandbox::start`] serves it on this computer. [`Faults`] make things go
//! wrong by name, and the [`Journal`] tells what was asked, what it would have cost and which rules
//! the client broke.

mod audio;
mod chance;
mod connection;
mod control;
mod corpus;
mod fakes;
pub mod faults;
mod google_account;
mod journal;
mod options;
mod passage;
pub mod peers;
mod reply;
mod server;
mod shared;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod whisper_model;
mod world;

pub use corpus::{
    Analysis, AverageSentiment, ConfidenceScores, Corpus, CorpusCall, CorpusError,
    DeliveryTracking, IntentSegment, SentimentSegment, Speaker, TopicSegment, Truth, Turn, Word,
};
pub use faults::{Fault, FaultKind, FaultParseError, Faults};
pub use google_account::{GOOGLE_ACCOUNT_EMAIL, google_key_file};
pub use journal::{Bill, Entry, Journal, Maxima, Purchase, System, Violation};
pub use options::{CREDENTIALS, Clock, Credentials, Latencies, Latency, Ports, SandboxOptions};
pub use server::{Sandbox, StartError};
pub use world::{
    BodyShape, Contact, Expected, ExpectedOutcome, Interaction, KnownAudio, NoRecordingForm,
    Outcome, World, WorldOptions,
};
