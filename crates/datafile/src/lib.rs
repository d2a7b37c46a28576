//! Standpipe: datafile.
