//! Standpipe: ingest.
