"""Records what the real engine makes of the bytes that this crate writes: cases.ndjson -> recorded.ndjson.

Run from the crate's folder after a change to cases.ndjson:
    LIBCHDB=/path/to/libchdb.so python3 tests/engine/record.py

Of every case are recorded the bytes, what the engine prints after storing them (`stored`) and, where it is something
else, what the engine prints after reading the same JSON by itself (`itself`). Tests compare with the recorded bytes and
need no engine. Read the difference of recorded.ndjson before committing it.
"""

import ctypes
import json
import os
import subprocess

Pointer, Size, Text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
library = ctypes.CDLL(os.environ["LIBCHDB"])
for name, result, arguments in [
    ("chdb_connect", Pointer, [ctypes.c_int, ctypes.POINTER(Text)]),
    ("chdb_query_n", Pointer, [Pointer, Text, Size, Text, Size]),
    ("chdb_result_buffer", Pointer, [Pointer]),
    ("chdb_result_length", Size, [Pointer]),
    ("chdb_result_error", Text, [Pointer]),
    ("chdb_destroy_query_result", None, [Pointer]),
]:
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments

connection = ctypes.cast(library.chdb_connect(1, (Text * 1)(b"clickhouse")), ctypes.POINTER(Pointer))[0]


def run(sql, output="JSONEachRow"):
    sql = sql if isinstance(sql, bytes) else sql.encode()
    result = library.chdb_query_n(connection, sql, len(sql), output.encode(), len(output))
    error, length = library.chdb_result_error(result), library.chdb_result_length(result)
    text = ctypes.string_at(library.chdb_result_buffer(result), length) if length else b""
    if error:
        error = error.decode(errors="replace")
    library.chdb_destroy_query_result(result)
    if error:
        raise RuntimeError(error)
    return text.decode()


SETTINGS = [
    "SET date_time_input_format = 'best_effort'",
    "SET input_format_binary_read_json_as_string = 1",
    "SET output_format_json_quote_64bit_integers = 0",
    "SET allow_suspicious_low_cardinality_types = 1",
    "SET session_timezone = 'UTC'",
]


def stored(case, format, data):
    run("CREATE DATABASE IF NOT EXISTS cases ENGINE = Atomic")
    run("DROP TABLE IF EXISTS cases.one")
    columns = ", ".join(f"{c[0]} {c[1]}" + (f" DEFAULT {c[2]}" if len(c) > 2 else "") for c in case["columns"])
    names = ", ".join(c[0] for c in case["columns"])
    run(f"CREATE TABLE cases.one ({columns}) ENGINE = Memory")
    run(f"INSERT INTO cases.one ({names}) FORMAT {format}\n".encode() + data)
    return run("SELECT * FROM cases.one").splitlines()


def record(case):
    assert not case.pop("refused"), case
    case["stored"] = stored(case, case["format"], bytes.fromhex(case["hex"]))
    try:
        itself = stored(case, "JSONEachRow", case["body"].encode())
    except RuntimeError as error:
        itself = str(error).split("DB::Exception: ", 1)[-1].split(":", 1)[0]
    if itself != case["stored"]:
        case["itself"] = itself
    return json.dumps(case) + "\n"


def main():
    here = os.path.dirname(__file__)
    with open(os.path.join(here, "cases.ndjson")) as cases:
        command = ["cargo", "run", "--quiet", "--example", "decode_cases"]
        decoded = subprocess.run(command, stdin=cases, check=True, capture_output=True, text=True).stdout
    for setting in SETTINGS:
        run(setting)
    lines = [record(json.loads(line)) for line in decoded.splitlines()]
    with open(os.path.join(here, "recorded.ndjson"), "w") as recorded:
        recorded.writelines(lines)


main()
