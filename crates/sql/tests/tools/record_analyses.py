"""Records what the engine says about final texts: statements, class and query tree, or its error.

Usage: CHDB_LIBRARY=... python3 record_analyses.py BINARY > ../fixtures/analyses.ndjson
(BINARY: an example that prints one text a line as JSON)
"""

import json
import subprocess
import sys

from engine import Engine, EngineError


def main():
    engine = Engine()
    for line in subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines():
        sql = json.loads(line)
        statements, group = engine.classify(sql)
        record = {"sql": sql, "statements": statements, "class": group}
        if statements == 1 and group == "ReadOnly":
            try:
                record["tree"] = engine.tree(sql)
            except EngineError as error:
                record["error"] = str(error).split("\n")[0][:200]
        if "identity(" in sql and "t_events" not in sql:
            try:
                record["run"] = engine.query(sql).decode()
            except EngineError as error:
                record["run_error"] = str(error).split("\n")[0][-120:]
        print(json.dumps(record))


if __name__ == "__main__":
    main()
