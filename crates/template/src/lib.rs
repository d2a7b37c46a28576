//! Standpipe: template.
