//! Answers of every kind, errors of every form, and the contract against the sandbox.
