"""Fuzzes the verdict cache against the uncached guard: texts of the corpus with other literals in every place.

Usage: CHDB_LIBRARY=... python3 fuzz_verdicts.py FINAL_TEXTS COMPARE_VERDICTS COUNT [SEED]   (the two built examples)
"""

import json
import random
import re
import subprocess
import sys

from engine import Engine, EngineError

LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'|(?<![\w.`$])\d+(?:\.\d+)?(?![\w.])")
VALUES = [
    "'x'", "'/etc/passwd'", "'file'", "'c'", "'final'", "'d_ws.t_users'", "'system.users'", "'a\\n  JOIN TREE'", "'x\n    WHERE'",
    "'1 day'", "'Int8'", "'a Int8'", "''", "'it''s'", "$$h$$", "x'0a'", "1", "0", "42", "1.5", "0x1F", "18446744073709551615",
    "'hash'", "'hash readonly=0'", "'de'", "'^a'",
]
INSERTS = [", 'c'", ", 'x'", " 'x'", " AS 'x'", ", 1", " COLLATE 'de'", ", COLUMNS('a')", " LIKE 'a'", " IN ('c')", " IN 'c'", "::Int8"]


def mutate(rng, sql):
    spots = list(LITERAL.finditer(sql))
    for spot in reversed(spots):
        if rng.random() < 0.5:
            sql = sql[: spot.start()] + rng.choice(VALUES) + sql[spot.end():]
    if rng.random() < 0.3:
        at = rng.choice([m.end() for m in re.finditer(r"\b\w+\b|\)", sql)] or [len(sql)])
        sql = sql[:at] + rng.choice(INSERTS) + sql[at:]
    return sql


def main():
    final_texts, compare, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    lines = subprocess.run([final_texts], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    corpus = [json.loads(line) for line in lines]
    engine, feed = Engine(), []
    for _ in range(count):
        sql = mutate(rng, rng.choice(corpus))
        if engine.classify(sql) != (1, "ReadOnly"):
            continue
        try:
            feed.append(json.dumps({"sql": sql, "tree": engine.tree(sql)}))
        except (EngineError, UnicodeDecodeError):
            pass
    out = subprocess.run([compare], input="\n".join(feed).encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    print(out)
    return " 0 wrong" not in out


if __name__ == "__main__":
    sys.exit(main())
