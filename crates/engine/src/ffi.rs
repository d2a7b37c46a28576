//! Everything unsafe in Standpipe: the C functions of libchdb that we call, wrapped in owned types, and at the end the
//! few system calls for which the standard library has no safe form.
//!
//! The library is loaded at run time, so building needs no C library. It is never unloaded: its threads live until the
//! process ends. Every handle frees itself on drop, on every path. A connection runs one statement at a time; the
//! wrappers take `&mut self` so that the compiler holds that rule.
#![expect(unsafe_code, reason = "calls into libchdb are unsafe by nature; this file is the only one that makes them")]

use std::ffi::{CStr, CString, c_char, c_double, c_int, c_void};
use std::io;
use std::marker::PhantomData;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::ptr;

use crate::error::Error;

type Conn = *mut c_void;
type Handle = *mut c_void;

/// What `chdb_classify_query_n` fills in; the caller sets `struct_size` first.
#[repr(C)]
struct Analysis {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

type QueryFn = unsafe extern "C" fn(
    Conn,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> Handle;
type CountFn = unsafe extern "C" fn(Handle) -> u64;

/// The functions of libchdb, resolved once when the library is loaded.
pub(crate) struct Library {
    version: unsafe extern "C" fn() -> *const c_char,
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Conn,
    close_conn: unsafe extern "C" fn(*mut Conn),
    query_with_params: QueryFn,
    stream_query_with_params: QueryFn,
    stream_fetch_result: unsafe extern "C" fn(Conn, Handle) -> Handle,
    stream_cancel_query: unsafe extern "C" fn(Conn, Handle),
    stream_insert_with_params: QueryFn,
    stream_append: unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int,
    stream_done: unsafe extern "C" fn(Handle) -> Handle,
    stream_cancel_insert: unsafe extern "C" fn(Handle),
    stream_insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    destroy_insert_stream: unsafe extern "C" fn(Handle),
    destroy_query_result: unsafe extern "C" fn(Handle),
    result_buffer: unsafe extern "C" fn(Handle) -> *mut c_char,
    result_length: unsafe extern "C" fn(Handle) -> usize,
    result_elapsed: unsafe extern "C" fn(Handle) -> c_double,
    result_rows: CountFn,
    storage_rows_read: CountFn,
    storage_bytes_read: CountFn,
    rows_written: CountFn,
    bytes_written: CountFn,
    result_error: unsafe extern "C" fn(Handle) -> *const c_char,
    classify_query: unsafe extern "C" fn(Conn, *const c_char, usize, *const c_char, usize, *mut Analysis) -> c_int,
}

impl Library {
    /// Loads libchdb from `path` and switches its signal handlers off.
    ///
    /// The library stays loaded for the rest of the process, hence the static reference.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, Error> {
        let cannot_load = |source| Error::LoadLibrary { path: path.to_owned(), source };
        // SAFETY: the library's initialisers are those of the pinned libchdb; nothing of ours depends on their order.
        let library = unsafe { libloading::Library::new(path) }.map_err(cannot_load)?;
        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the field it is stored in declares the type that this function has in libchdb 26.7.
                *unsafe { library.get($name) }.map_err(cannot_load)?
            };
        }
        let table = Self {
            version: symbol!(c"chdb_version"),
            set_signal_handlers_enabled: symbol!(c"chdb_set_signal_handlers_enabled"),
            connect: symbol!(c"chdb_connect"),
            close_conn: symbol!(c"chdb_close_conn"),
            query_with_params: symbol!(c"chdb_query_with_params_n"),
            stream_query_with_params: symbol!(c"chdb_stream_query_with_params_n"),
            stream_fetch_result: symbol!(c"chdb_stream_fetch_result"),
            stream_cancel_query: symbol!(c"chdb_stream_cancel_query"),
            stream_insert_with_params: symbol!(c"chdb_stream_insert_with_params_n"),
            stream_append: symbol!(c"chdb_stream_append"),
            stream_done: symbol!(c"chdb_stream_done"),
            stream_cancel_insert: symbol!(c"chdb_stream_cancel_insert"),
            stream_insert_error: symbol!(c"chdb_stream_insert_error"),
            destroy_insert_stream: symbol!(c"chdb_destroy_insert_stream"),
            destroy_query_result: symbol!(c"chdb_destroy_query_result"),
            result_buffer: symbol!(c"chdb_result_buffer"),
            result_length: symbol!(c"chdb_result_length"),
            result_elapsed: symbol!(c"chdb_result_elapsed"),
            result_rows: symbol!(c"chdb_result_rows_read"),
            storage_rows_read: symbol!(c"chdb_result_storage_rows_read"),
            storage_bytes_read: symbol!(c"chdb_result_storage_bytes_read"),
            rows_written: symbol!(c"chdb_result_rows_written"),
            bytes_written: symbol!(c"chdb_result_bytes_written"),
            result_error: symbol!(c"chdb_result_error"),
            classify_query: symbol!(c"chdb_classify_query_n"),
        };
        std::mem::forget(library);
        // SAFETY: takes a flag; must come before the first connection, and nobody has connected yet.
        unsafe { (table.set_signal_handlers_enabled)(0) };
        Ok(Box::leak(Box::new(table)))
    }

    /// The version of libchdb, such as `26.7.3`.
    pub(crate) fn version(&self) -> String {
        // SAFETY: returns a static, NUL-terminated string.
        text(unsafe { (self.version)() }).unwrap_or_default()
    }
}

/// Copies a C string; `None` when the pointer is null or the text empty.
fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the library's strings are NUL-terminated and live as long as their handle, which the caller holds.
    let text = unsafe { CStr::from_ptr(pointer) }.to_string_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

/// Query parameters in the shape that the library takes: names and values apart, each with its length.
struct Parameters {
    names: Vec<*const c_char>,
    name_lengths: Vec<usize>,
    values: Vec<*const c_char>,
    value_lengths: Vec<usize>,
}

impl Parameters {
    /// Points into `pairs`; the caller keeps them alive during the call.
    fn new(pairs: &[(String, String)]) -> Self {
        Self {
            names: pairs.iter().map(|(name, _)| name.as_ptr().cast()).collect(),
            name_lengths: pairs.iter().map(|(name, _)| name.len()).collect(),
            values: pairs.iter().map(|(_, value)| value.as_ptr().cast()).collect(),
            value_lengths: pairs.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

/// One connection to the engine: settings, current database and leftovers of failed queries belong to it.
pub(crate) struct Connection {
    library: &'static Library,
    outer: *mut Conn,
}

// SAFETY: libchdb's handles may move between threads; `&mut self` keeps their use to one thread at a time.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens a connection with command line style arguments (`--path=...`, `--max_threads=1`).
    ///
    /// `None` when the engine refuses: it gives no reason (a setting's value that does not parse, a locked directory).
    pub(crate) fn open(library: &'static Library, arguments: &[CString]) -> Option<Self> {
        let mut argv: Vec<*mut c_char> = Vec::with_capacity(arguments.len() + 1);
        argv.push(c"clickhouse".as_ptr().cast_mut());
        argv.extend(arguments.iter().map(|argument| argument.as_ptr().cast_mut()));
        let count = c_int::try_from(argv.len()).ok()?;
        // SAFETY: argv holds `count` NUL-terminated strings that outlive the call, and the library does not write to them.
        let outer = unsafe { (library.connect)(count, argv.as_mut_ptr()) };
        // SAFETY: a non-null answer points to the connection, which is null when connecting failed.
        if outer.is_null() || unsafe { *outer }.is_null() {
            return None;
        }
        Some(Self { library, outer })
    }

    fn raw(&self) -> Conn {
        // SAFETY: `open` checked both pointers, and only `drop` closes them.
        unsafe { *self.outer }
    }

    fn call(&mut self, function: QueryFn, sql: &[u8], format: &str, parameters: &[(String, String)]) -> Handle {
        let bound = Parameters::new(parameters);
        // SAFETY: every pointer comes with its length and outlives the call; the connection is open.
        unsafe {
            function(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                bound.names.as_ptr(),
                bound.name_lengths.as_ptr(),
                bound.values.as_ptr(),
                bound.value_lengths.as_ptr(),
                parameters.len(),
            )
        }
    }

    /// Runs a statement and returns its whole result; `Err` is the engine's text.
    pub(crate) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<QueryResult, String> {
        let handle = self.call(self.library.query_with_params, sql, format, parameters);
        QueryResult::checked(self.library, handle)
    }

    /// Starts a query whose result is fetched block by block; `Err` is the engine's text.
    pub(crate) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<QueryStream<'_>, String> {
        let handle = self.call(self.library.stream_query_with_params, sql, format, parameters);
        let handle = QueryResult::checked(self.library, handle)?;
        Ok(QueryStream { connection: self, handle, finished: false })
    }

    /// Starts an INSERT whose data follows in chunks. `statement` carries neither FORMAT nor data.
    pub(crate) fn insert(
        &mut self,
        statement: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<InsertStream<'_>, String> {
        let handle = self.call(self.library.stream_insert_with_params, statement, format, parameters);
        let stream = InsertStream { library: self.library, handle, finished: false, connection: PhantomData };
        match stream.error() {
            Some(message) => Err(message),
            None => Ok(stream),
        }
    }

    /// Says how many statements a text holds and what they would do, without running them: (count, class).
    ///
    /// Classes: 0 read-only, 1 mutating, 2 global, 3 control, 4 unknown (also what does not parse, with count 0).
    pub(crate) fn classify(&mut self, sql: &[u8]) -> Option<(u32, u32)> {
        let mut analysis = Analysis { struct_size: 16, statement_count: 0, flags: 0, query_class: 4 };
        // SAFETY: pointers come with lengths, `struct_size` is this struct's size, and a null database skips that check.
        let state = unsafe {
            (self.library.classify_query)(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                ptr::null(),
                0,
                ptr::from_mut(&mut analysis),
            )
        };
        (state == 0).then_some((analysis.statement_count, analysis.query_class))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once; streams borrow the connection and are gone by now.
        unsafe { (self.library.close_conn)(self.outer) };
    }
}

/// A finished result, or one block of a stream. Owns its bytes also after its connection is closed.
pub(crate) struct QueryResult {
    library: &'static Library,
    handle: Handle,
}

// SAFETY: a result is a plain buffer with counters, read-only once it is made.
unsafe impl Send for QueryResult {}

impl QueryResult {
    fn checked(library: &'static Library, handle: Handle) -> Result<Self, String> {
        if handle.is_null() {
            return Err("Code: 1001. DB::Exception: the engine returned neither a result nor an error".to_owned());
        }
        let result = Self { library, handle };
        // SAFETY: the handle is valid until dropped; the text belongs to it and is copied.
        match text(unsafe { (library.result_error)(handle) }) {
            Some(message) => Err(message),
            None => Ok(result),
        }
    }

    fn count(&self, function: CountFn) -> u64 {
        // SAFETY: the handle is valid until dropped.
        unsafe { function(self.handle) }
    }

    /// Rows in this result or block.
    pub(crate) fn rows(&self) -> u64 {
        self.count(self.library.result_rows)
    }

    /// Rows read from storage.
    pub(crate) fn rows_read(&self) -> u64 {
        self.count(self.library.storage_rows_read)
    }

    /// Bytes read from storage.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.count(self.library.storage_bytes_read)
    }

    /// Rows written, those of materialized views included.
    pub(crate) fn rows_written(&self) -> u64 {
        self.count(self.library.rows_written)
    }

    /// Bytes written, those of materialized views included.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.count(self.library.bytes_written)
    }

    /// Seconds that the engine worked on it.
    pub(crate) fn elapsed_seconds(&self) -> f64 {
        // SAFETY: the handle is valid until dropped.
        unsafe { (self.library.result_elapsed)(self.handle) }
    }
}

impl AsRef<[u8]> for QueryResult {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: buffer and length describe one allocation that the result owns until it is dropped.
        unsafe {
            let buffer = (self.library.result_buffer)(self.handle);
            let length = (self.library.result_length)(self.handle);
            if buffer.is_null() { &[] } else { std::slice::from_raw_parts(buffer.cast(), length) }
        }
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        // SAFETY: destroyed once; nothing borrows from it any more.
        unsafe { (self.library.destroy_query_result)(self.handle) };
    }
}

/// A running query; dropped before its end, it is cancelled.
pub(crate) struct QueryStream<'a> {
    connection: &'a mut Connection,
    handle: QueryResult,
    finished: bool,
}

impl QueryStream<'_> {
    /// The next block, `None` at the end; `Err` is the engine's text.
    pub(crate) fn fetch(&mut self) -> Result<Option<QueryResult>, String> {
        if self.finished {
            return Ok(None);
        }
        let library = self.connection.library;
        // SAFETY: connection and stream handle are open, and `&mut self` serialises the fetches.
        let block = unsafe { (library.stream_fetch_result)(self.connection.raw(), self.handle.handle) };
        let block = QueryResult::checked(library, block).inspect_err(|_| self.finished = true)?;
        if block.rows() == 0 && block.as_ref().is_empty() {
            self.finished = true;
            return Ok(None);
        }
        Ok(Some(block))
    }

    /// A result without rows that has the counters of the whole run; for after the last block. `Err` is the engine's text.
    ///
    /// The engine gives a block only what was read while it was fetched, and what was read between and behind the blocks to
    /// none. Its connection keeps the sum until the next statement; a text without a statement, at some 20 µs, hands it out.
    pub(crate) fn totals(self) -> Result<QueryResult, String> {
        self.connection.query(b"", "Null", &[])
    }
}

impl Drop for QueryStream<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // SAFETY: both handles are open; the stream handle itself is freed by its own drop afterwards.
            unsafe { (self.connection.library.stream_cancel_query)(self.connection.raw(), self.handle.handle) };
        }
    }
}

/// A running INSERT; dropped before `finish`, it is cancelled and its last block is not stored.
pub(crate) struct InsertStream<'a> {
    library: &'static Library,
    handle: Handle,
    finished: bool,
    connection: PhantomData<&'a mut Connection>,
}

impl InsertStream<'_> {
    fn error(&self) -> Option<String> {
        // SAFETY: the handle is valid until dropped; the text belongs to it and is copied.
        text(unsafe { (self.library.stream_insert_error)(self.handle) })
    }

    /// Sends a chunk of data in the stream's format; blocks while the engine is behind.
    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), String> {
        // SAFETY: the library copies `chunk` before it returns.
        let state = unsafe { (self.library.stream_append)(self.handle, chunk.as_ptr().cast(), chunk.len()) };
        if state == 0 {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| {
            "Code: 1001. DB::Exception: the engine refused a chunk of the insert and gave no reason".to_owned()
        }))
    }

    /// Ends the data and stores the last block; the result carries rows and bytes written.
    pub(crate) fn finish(mut self) -> Result<QueryResult, String> {
        self.finished = true;
        // SAFETY: the handle is open and finished once; the result is a handle of its own.
        let handle = unsafe { (self.library.stream_done)(self.handle) };
        QueryResult::checked(self.library, handle)
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: cancelled only when not finished, destroyed once.
        unsafe {
            if !self.finished {
                (self.library.stream_cancel_insert)(self.handle);
            }
            (self.library.destroy_insert_stream)(self.handle);
        }
    }
}

/// Removes every variable of this process's environment and sets `TZ=UTC`.
///
/// The engine takes nothing from the environment, and its time zone must not depend on the machine. Only while the
/// process has one thread.
pub(crate) fn clear_environment() {
    for (name, _) in std::env::vars_os() {
        // SAFETY: the caller has checked that no second thread exists, so nobody reads the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
    // SAFETY: as above.
    unsafe { std::env::set_var("TZ", "UTC") };
}

/// Marks all descriptors from 3 on close-on-exec, also those that a careless parent has left open.
#[cfg(target_os = "linux")]
pub(crate) fn close_on_exec() -> io::Result<()> {
    // SAFETY: sets a flag on descriptors; reads and writes no memory.
    match unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A descriptor that becomes readable when process `pid` has ended.
#[cfg(target_os = "linux")]
pub(crate) fn process_handle(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers and answers a new descriptor, which the OwnedFd then owns alone.
    unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, pid, 0u32);
        match c_int::try_from(descriptor) {
            Ok(descriptor) if descriptor >= 0 => Ok(OwnedFd::from_raw_fd(descriptor)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Blocks until `descriptor` is readable.
#[cfg(target_os = "linux")]
pub(crate) fn wait_readable(descriptor: &OwnedFd) -> io::Result<()> {
    let mut entry = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: the pointer is to one valid entry.
        match unsafe { libc::poll(ptr::from_mut(&mut entry), 1, -1) } {
            ready if ready > 0 => return Ok(()),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

/// Ends the process at once, without the library's exit handlers, which do not expect running threads.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: never returns, so it cannot leave anything half done in this process.
    unsafe { libc::_exit(code) }
}
