//! Times statements inside the calling process, without socket and HTTP: what the benchmark compares the hop with.

use std::ffi::CString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::error::Error;
use crate::options::{Options, Sandbox};
use crate::request::connect_argument;

/// Runs `sql` `count` times from each of `clients` threads and returns every single duration, in no order.
///
/// It does what a lane thread does: a fresh connection with `settings` as connect arguments, the query with its output in
/// `format`, close. Loads `library` and opens `data_dir` in this process, once, so it must be called in a process that has
/// no other engine, while no engine process uses `data_dir`; it is not confined.
///
/// # Errors
/// The library cannot be loaded, the data directory cannot be opened, or a query fails.
pub fn bench_in_process(
    library: &Path,
    data_dir: &Path,
    sql: &str,
    format: &str,
    settings: &[(&str, &str)],
    clients: usize,
    count: usize,
) -> Result<Vec<Duration>, Error> {
    let mut options = Options::new(data_dir.to_owned(), "unused".into(), library.to_owned());
    options.sandbox = Sandbox::Off;
    let engine = Engine::start(&options)?;
    let settings: Result<Vec<CString>, _> =
        settings.iter().map(|(name, value)| connect_argument(name, value)).collect();
    let settings = settings.map_err(|error| Error::FirstQuery(error.text))?;
    let times = Mutex::new(Vec::with_capacity(clients * count));
    let run = || -> Result<(), Error> {
        let mut own = Vec::with_capacity(count);
        for _ in 0..count {
            let started = Instant::now();
            let mut connection = engine
                .connect_for(&Default::default(), settings.clone())
                .map_err(|error| Error::FirstQuery(error.text))?;
            let result = connection.query(sql.as_bytes(), format, &[]).map_err(Error::FirstQuery)?;
            drop((result, connection));
            own.push(started.elapsed());
        }
        times.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(run)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::FirstQuery("a client thread panicked".to_owned())))
        })
    })?;
    engine.close();
    Ok(times.into_inner().unwrap_or_else(PoisonError::into_inner))
}
