//! The call browser: a web application over the calls that were transcribed and classified.
//!
//! It reads three things and owns one: the tables of a SQLite file say what is known of each call, the
//! archive has the audio and the words with their times, the taxonomy says which labels there are. Its
//! own is the [`index`]: a file beside the tables that can be removed at any time, from which every
//! count, filter and search is answered.
//!
//! ```text
//!   tables ──► index ──► selection ──► pages ──► HTML
//!   archive ─────────────────────────► audio ──► sound, waveforms
//! ```
//!
//! Pages are made on the server by typed templates; the only script is the player's.

mod audio;
mod charts;
mod design;
mod figure;
mod index;
mod metrics;
mod pages;
mod progress;
mod safety;
mod selection;
mod server;

pub use safety::{Access, AccessConfig, hash_password, new_token};
pub use server::{Again, Parts, serve};
