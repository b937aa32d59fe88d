//! TOML to taxonomy, and what passes the check.
