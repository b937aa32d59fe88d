//! The archive: audio, raw replies, transcripts and leases, as domain verbs over `object_store`.
