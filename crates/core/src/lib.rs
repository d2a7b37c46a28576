//! Standpipe: core.
