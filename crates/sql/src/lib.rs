//! Standpipe: sql.
