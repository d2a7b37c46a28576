"""Has the engine format our rewrites and the recorded ones, so that the cargo test can compare them without it.

Usage: CHDB_LIBRARY=... python3 record_rewrites.py BINARY > ../fixtures/rewrites.ndjson
(BINARY: the built example rewrite_vectors)
"""

import json
import pathlib
import subprocess
import sys

from engine import Engine, EngineError


def formatted(engine, sql):
    try:
        return engine.query(f"SELECT formatQuerySingleLine(unhex('{sql.encode().hex()}'))").decode().rstrip("\n")
    except EngineError as error:
        return "ERROR " + str(error).split("\n")[0][:200]


def main():
    engine = Engine()
    path = pathlib.Path(__file__).parent.parent / "vectors/sql-rewrite-vectors.ndjson"
    expected = {v["id"]: v.get("result") for v in map(json.loads, path.read_text().splitlines())}
    for line in subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines():
        ours = json.loads(line)
        result = expected[ours["id"]]
        if result is None or "ours" not in ours:
            continue
        print(json.dumps({
            "id": ours["id"],
            "ours": ours["ours"],
            "ours_formatted": formatted(engine, ours["ours"]),
            "expected_formatted": formatted(engine, result),
        }))


if __name__ == "__main__":
    main()
