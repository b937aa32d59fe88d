//! Proofs on virtual time: the real engine in a made-up world.
//!
//! [`world`] is what outlives every run: time, weather, and a record of all that was asked for. The
//! outside systems are behind the engine's own contracts: [`vendors`] and [`paid`] answer, charge
//! and check their limits, [`warehouse`] passes the contract's own suite, [`store`] is an object
//! store that fails on purpose. [`lives`] lets runs begin and die, each on a runtime of its own, so
//! that nothing of a run survives it but what was stored. [`verdict`] compares how it all ended
//! with what is true of each call.
//!
//! Everything follows from one seed: `CALLPIPE_SEED=123 cargo test -p callpipe --lib simulation`
//! replays one world, `CALLPIPE_SEEDS=10000` tries so many; with both they begin with that one.

mod calls;
mod chance;
mod exported;
mod lives;
mod paid;
mod store;
mod tables;
mod vendors;
mod verdict;
mod warehouse;
mod weather;
mod world;

mod every_request;
mod outage;
mod quota;
mod refused;
mod seeds;
mod sqlite;
