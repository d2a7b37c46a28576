"""A minimal ctypes door to the embedded engine, for recording test data.

The cargo tests never need it: they read what these tools wrote. Give the library's path in CHDB_LIBRARY.
"""

import ctypes
import os
import tempfile

CLASSES = ["ReadOnly", "Mutating", "Global", "Control", "Unknown"]


class Analysis(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("statement_count", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("query_class", ctypes.c_uint32),
    ]


class EngineError(Exception):
    """The engine's own message."""


class Engine:
    """One data directory and one connection per query, as the product does it."""

    def __init__(self, path=None):
        lib = ctypes.CDLL(os.environ["CHDB_LIBRARY"])
        size, text, handle = ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p
        lib.chdb_set_signal_handlers_enabled.argtypes = [ctypes.c_int]
        lib.chdb_connect.restype = ctypes.POINTER(handle)
        lib.chdb_connect.argtypes = [ctypes.c_int, ctypes.POINTER(text)]
        lib.chdb_close_conn.argtypes = [ctypes.POINTER(handle)]
        lib.chdb_query_n.restype = handle
        lib.chdb_query_n.argtypes = [handle, text, size, text, size]
        lib.chdb_result_buffer.restype = handle
        lib.chdb_result_buffer.argtypes = [handle]
        lib.chdb_result_length.restype = size
        lib.chdb_result_length.argtypes = [handle]
        lib.chdb_result_error.restype = text
        lib.chdb_result_error.argtypes = [handle]
        lib.chdb_destroy_query_result.argtypes = [handle]
        lib.chdb_classify_query_n.argtypes = [handle, text, size, text, size, ctypes.POINTER(Analysis)]
        lib.chdb_set_signal_handlers_enabled(0)
        self.lib = lib
        self.path = path or tempfile.mkdtemp(prefix="engine-")
        self.keep = self._connect([])

    def _connect(self, options):
        args = ["engine", f"--path={self.path}", *options]
        argv = (ctypes.c_char_p * len(args))(*[a.encode() for a in args])
        conn = self.lib.chdb_connect(len(args), argv)
        if not conn:
            raise EngineError("could not connect")
        return conn

    def query(self, sql, fmt="TSVRaw", options=()):
        """The answer as bytes; raises EngineError with the engine's message."""
        conn = self._connect(list(options))
        try:
            raw = sql if isinstance(sql, bytes) else sql.encode()
            result = self.lib.chdb_query_n(conn[0], raw, len(raw), fmt.encode(), len(fmt))
            try:
                error = self.lib.chdb_result_error(result)
                if error:
                    raise EngineError(error.decode("utf-8", "replace"))
                length = self.lib.chdb_result_length(result)
                return ctypes.string_at(self.lib.chdb_result_buffer(result), length) if length else b""
            finally:
                self.lib.chdb_destroy_query_result(result)
        finally:
            self.lib.chdb_close_conn(conn)

    def classify(self, sql):
        """(statement count, class name)"""
        raw = sql if isinstance(sql, bytes) else sql.encode()
        analysis = Analysis(struct_size=16)
        self.lib.chdb_classify_query_n(self.keep[0], raw, len(raw), None, 0, ctypes.byref(analysis))
        return analysis.statement_count, CLASSES[min(analysis.query_class, 4)]

    def tree(self, sql):
        """The query tree of one SELECT, one line per row."""
        return self.query("EXPLAIN QUERY TREE run_passes = 0 " + sql).decode("utf-8", "surrogateescape")
