//! The test suite of each contract, called by every implementation.
