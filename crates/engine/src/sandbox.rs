//! Confines the process to its data directory before libchdb is loaded: the second wall behind the server's SQL guard.
//!
//! It does not hide what the data directory holds, nor the existence of files elsewhere (`stat`); see ARCHITECTURE.md.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod syscalls;

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::ffi;
use crate::options::{Options, Sandbox};

/// What is in force in this process; `/status` shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// Landlock rules bind this process.
    pub(crate) landlock: bool,
    /// The version of Landlock that the kernel offers; 0 when it has none.
    pub(crate) abi: i32,
    /// The system call filter binds this process.
    pub(crate) seccomp: bool,
    /// No program started from here could gain privileges.
    pub(crate) no_new_privs: bool,
    /// All of the above with every rule, some of it, or nothing.
    pub(crate) enforced: Enforced,
}

/// How much of the confinement is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Enforced {
    Full,
    Partial,
    None,
}

impl State {
    const NONE: Self = Self { landlock: false, abi: 0, seccomp: false, no_new_privs: false, enforced: Enforced::None };
}

/// Confines the calling thread, and with it every thread that it starts from now on.
///
/// Must run while it is the only thread, before the library is loaded, and after the socket is bound.
pub(crate) fn enter(options: &Options) -> Result<State, Error> {
    enter_empty_directory(&options.data_dir)?;
    if options.sandbox == Sandbox::Off {
        return Ok(State::NONE);
    }
    check_alone()?;
    ffi::clear_environment();
    let state = confine(options)?;
    if options.sandbox == Sandbox::Required && state.enforced != Enforced::Full {
        return Err(Error::Sandbox(format!("this kernel gives only {state:?}")));
    }
    Ok(state)
}

/// Makes an empty directory the working directory, so that a relative path finds nothing.
fn enter_empty_directory(data_dir: &Path) -> Result<(), Error> {
    let empty = data_dir.join("empty");
    let failed = |action| {
        let path = empty.clone();
        move |source| Error::Io { action, path, source }
    };
    fs::create_dir_all(&empty).map_err(failed("create the directory"))?;
    std::env::set_current_dir(&empty).map_err(failed("enter the directory"))
}

/// Landlock, seccomp and the environment are per thread or not thread-safe: refuse to run beside other threads.
fn check_alone() -> Result<(), Error> {
    match fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(1) | Err(_) => Ok(()),
        Ok(threads) => Err(Error::NotAlone(threads)),
    }
}

#[cfg(not(target_os = "linux"))]
fn confine(_options: &Options) -> Result<State, Error> {
    Ok(State::NONE)
}

#[cfg(target_os = "linux")]
fn confine(options: &Options) -> Result<State, Error> {
    let required = options.sandbox == Sandbox::Required;
    let mut state = State::NONE;
    if let Err(error) = ffi::close_on_exec() {
        tracing::warn!(%error, "could not mark inherited descriptors close-on-exec");
    }
    let files = match files::restrict(&options.data_dir, &options.library) {
        Ok(files) => files,
        Err(error) if required => return Err(Error::Sandbox(error)),
        Err(error) => {
            tracing::warn!(error, "could not apply Landlock");
            files::Restriction::NONE
        }
    };
    state.landlock = files.landlock;
    state.abi = files.abi;
    state.no_new_privs = files.no_new_privs;
    match syscalls::filter() {
        // seccompiler sets no_new_privs before it installs a filter, so both hold or neither.
        Ok(()) => (state.seccomp, state.no_new_privs) = (true, true),
        Err(error) if required => return Err(Error::Sandbox(error)),
        Err(error) => tracing::warn!(error, "could not apply seccomp"),
    }
    state.enforced = match (files.complete, state.landlock || state.seccomp) {
        (true, _) if state.seccomp && state.no_new_privs => Enforced::Full,
        (_, true) => Enforced::Partial,
        (_, false) => Enforced::None,
    };
    if state.enforced != Enforced::Full {
        tracing::warn!(?state, "the engine process is not fully confined on this kernel");
    }
    Ok(state)
}
