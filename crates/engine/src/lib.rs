//! Standpipe: engine.
