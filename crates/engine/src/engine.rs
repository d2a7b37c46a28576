//! The embedded engine: opens a fresh connection for every statement, with its limits as connect arguments.

use std::collections::HashSet;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::exception::{BAD_ARGUMENTS, Exception};
use crate::ffi::{Connection, Library};
use crate::options::Options;
use crate::request::{UrlParameters, connect_argument};

/// libchdb on one data directory.
pub(crate) struct Engine {
    library: &'static Library,
    path: CString,
    /// libchdb shuts down when its last connection closes, so one stays open from start to end.
    keeper: Mutex<Option<Connection>>,
    /// Names that the engine takes as settings; it ignores any other connect argument without a word.
    pub(crate) known_settings: HashSet<String>,
    /// libchdb's version.
    pub(crate) library_version: String,
    /// What `SELECT version()` says.
    pub(crate) version: String,
    /// Largest result built as a whole, in bytes.
    pub(crate) result_limit: u64,
    /// How long a stream waits for a client that takes nothing.
    pub(crate) send_timeout: Duration,
}

impl Engine {
    /// Loads libchdb and opens the data directory.
    pub(crate) fn start(options: &Options) -> Result<Self, Error> {
        let library = Library::load(&options.library)?;
        let refused = || Error::OpenData(options.data_dir.clone());
        let path = CString::new(format!("--path={}", options.data_dir.display())).map_err(|_| refused())?;
        let mut arguments = vec![path.clone()];
        if options.memory_limit_bytes > 0 {
            let argument = connect_argument("max_server_memory_usage", &options.memory_limit_bytes.to_string());
            arguments.push(argument.map_err(|error| Error::FirstQuery(error.text))?);
        }
        let mut keeper = Connection::open(library, &arguments).ok_or_else(refused)?;
        let known_settings = lines(&mut keeper, b"SELECT name FROM system.settings")?.into_iter().collect();
        let version = lines(&mut keeper, b"SELECT version()")?.concat();
        Ok(Self {
            library,
            path,
            keeper: Mutex::new(Some(keeper)),
            known_settings,
            library_version: library.version(),
            version,
            result_limit: options.result_limit_bytes,
            send_timeout: options.send_timeout,
        })
    }

    /// A connection without limits, for statements of our own.
    pub(crate) fn connect(&self) -> Result<Connection, Exception> {
        Connection::open(self.library, std::slice::from_ref(&self.path)).ok_or_else(|| {
            Exception::new(
                BAD_ARGUMENTS,
                "BAD_ARGUMENTS",
                "The engine refuses new connections, it may be shutting down",
            )
        })
    }

    /// A connection with these arguments, standing in the request's database.
    pub(crate) fn connect_for(&self, url: &UrlParameters, arguments: Vec<CString>) -> Result<Connection, Exception> {
        let mut all = Vec::with_capacity(arguments.len() + 1);
        all.push(self.path.clone());
        all.extend(arguments);
        let Some(mut connection) = Connection::open(self.library, &all) else {
            return Err(self.find_bad_setting(url)?);
        };
        if let Some(database) = &url.database {
            let statement = format!("USE `{database}`");
            connection.query(statement.as_bytes(), "Null", &[]).map_err(Exception::from_engine)?;
        }
        Ok(connection)
    }

    /// A refused connection gives no reason: try the settings one after the other to get the engine's words.
    fn find_bad_setting(&self, url: &UrlParameters) -> Result<Exception, Exception> {
        let mut connection = self.connect()?;
        for (name, value) in &url.settings {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            let statement = format!("SET {name} = '{value}'");
            if let Err(text) = connection.query(statement.as_bytes(), "Null", &[]) {
                return Ok(Exception::from_engine(text));
            }
        }
        Ok(Exception::new(BAD_ARGUMENTS, "BAD_ARGUMENTS", "The engine refuses the combination of these settings"))
    }

    /// Closes the last connection, with which the engine shuts down. Call when no statement runs any more.
    pub(crate) fn close(&self) {
        drop(self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn lines(connection: &mut Connection, sql: &[u8]) -> Result<Vec<String>, Error> {
    let result = connection.query(sql, "TSVRaw", &[]).map_err(Error::FirstQuery)?;
    Ok(String::from_utf8_lossy(result.as_ref()).lines().map(str::to_owned).collect())
}
