//! The server's shell, without a real engine: routes, supervisor and program before a fake one.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod fake_engine;
mod test_app;

mod external_engine;
mod health;
mod metrics;
mod openapi;
mod requests;
mod serve;
mod supervisor;
