"""Fuzzes name resolution: random queries of CTEs and aliases that share few names, where a table of each name holds
a mark. What the guard passes is run, and must never show the mark.

Usage: CHDB_LIBRARY=... python3 fuzz_names.py JUDGE COUNT [SEED]   (JUDGE: the built example judge)
"""

import json
import random
import subprocess
import sys

from engine import Engine, EngineError

NAMES = ["a", "b", "c"]


def query(rng, depth):
    if depth <= 0 or rng.random() < 0.15:
        return "SELECT 'fine' AS s"
    parts = []
    for _ in range(rng.randint(0, 3)):
        name = rng.choice(NAMES)
        kind = rng.random()
        if kind < 0.7:
            parts.append(f"{name} AS ({query(rng, depth - 1)})")
        elif kind < 0.85:
            parts.append(f"{rng.choice(VALUES)} AS {name}")
        else:
            parts.append(f"({query(rng, depth - 1)}) AS {name}")
    head = "WITH " + ("RECURSIVE " if rng.random() < 0.1 else "") + ", ".join(parts) + " " if parts else ""
    select = rng.choice(["s", "s", "*", "toString(('LEAK' IN %s)) AS s", "[toString('LEAK' IN %s)] AS %s, 'x' AS s",
                         "'x' AS s, ['x'] AS %s, 'LEAK' IN %s AS hit", "arrayMap(%s -> 'LEAK' IN %s, [['x']]) AS m, 'x' AS s"])
    while "%s" in select:
        select = select.replace("%s", rng.choice(NAMES), 1)
    source = rng.choice([rng.choice(NAMES), rng.choice(NAMES), "d_ws.t_events", f"({query(rng, depth - 1)})"])
    alias = f" AS {rng.choice(NAMES)}" if rng.random() < 0.3 else ""
    where = rng.choice(["", "", f" WHERE s IN {rng.choice(NAMES)}", f" WHERE s IN ({query(rng, depth - 1)})"])
    sql = f"{head}SELECT {select} FROM {source}{alias}{where}"
    if rng.random() < 0.2:
        other = query(rng, depth - 1)
        sql = f"{sql} UNION ALL {other}" if rng.random() < 0.5 else f"({sql}) UNION ALL ({other})"
    return sql


VALUES = ["['x']", "('x', 'y')", "a", "b", "[a]", "toString(b)", "lower", "x -> x", "identity(c)", "'x'", "[toString('LEAK' IN c)]"]


def main():
    judge, count = sys.argv[1], int(sys.argv[2])
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    engine, given = Engine(), []
    engine.query("CREATE DATABASE d_ws")
    engine.query("CREATE TABLE d_ws.t_events (s String) ENGINE = MergeTree ORDER BY s AS SELECT 'fine'")
    for name in NAMES:
        engine.query(f"CREATE TABLE default.{name} (s String) ENGINE = Memory")
        engine.query(f"INSERT INTO default.{name} VALUES ('LEAK')")
    seen = set()
    while len(seen) < count:
        sql = query(rng, 3)
        if sql in seen or len(sql) > 1500:
            continue
        seen.add(sql)
        try:
            given.append({"sql": sql, "tree": engine.tree(sql)})
        except EngineError:
            pass
    feed = "\n".join(map(json.dumps, given)).encode()
    verdicts = subprocess.run([judge], input=feed, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    leaks = answered = leaking_refused = 0
    for item, verdict in zip(given, verdicts):
        try:
            answer = engine.query(item["sql"], options=["--max_execution_time=5"]).decode("utf-8", "replace")
        except EngineError:
            continue
        # Besides the mark itself, only a table of it makes 'LEAK' IN name true.
        leaked = "LEAK" in answer or "1" in answer or "true" in answer
        if verdict == "true":
            answered += 1
            if leaked:
                leaks += 1
                print("LEAK:", item["sql"], "\n  ", answer[:200])
        else:
            leaking_refused += leaked
    passed = verdicts.count("true")
    print(f"{len(given)} texts, {passed} passed, {answered} answered, {leaks} leaked; of the refused {leaking_refused} would have")
    return leaks > 0


if __name__ == "__main__":
    sys.exit(main())
