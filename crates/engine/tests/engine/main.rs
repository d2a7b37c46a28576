//! The engine process as its clients see it: a real libchdb, in a real child process, over its Unix socket.
//!
//! Every test has an engine and a data directory of its own. Without libchdb they fail, with the sentence that says what
//! to do.

#[cfg(test)]
mod support;

#[cfg(test)]
mod analyze;
#[cfg(test)]
mod insert;
#[cfg(test)]
mod life;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod stress;
