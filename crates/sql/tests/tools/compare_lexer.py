"""Compares our lexer with the engine's tokenizeQuery() on random texts.

Usage: CHDB_LIBRARY=... python3 compare_lexer.py BINARY SECONDS [SEED]   (BINARY: the built example dump_tokens)
"""

import json
import random
import subprocess
import sys
import time

from engine import Engine

PIECES = (
    "SELECT|FROM| |  |\n|\t|a|b1|_x|$|$$|$a$|$a|a$b|'|''|\\|\\'|\\\\|\"|`|``|\\`|#|# |#!|--|-- |/*|*/|/|//|(|)|[|]|{|}|,|;|.|..|"
    "1|0|12|1.|1.5|.5|0x|0x1F|0xg|0b|0b11|0b2|1e|1e5|1E+5|1e-|1_000|1__0|_1|1_|0x1p3|0x1.8p1|x'41'|X'4|x'zz'|b'01'|b'2|x'|b'|x|b|"
    "'it'|'a\\'b'|\"id\"|`id`|\u2018|\u2019|\u201c|\u201d|\u2212|\u00a0|\u200b|\ufeff|\u00e9|\u3000|\u00f1|\U0001f600|"
    "+|-|->|*|%|=|==|!=|!|<|<=|<=>|<>|>|>=|?|^|:|::|pipe|pipepipe|@|@@|\\G|\\|~|&|\x00|\x01|\x0b|\x0c|\r|inf|nan|e5|E|p1|1a|1a.b|a.1|a.1.2|1.a|1.e5|.1.2|).1|].5"
)
PIECES = ["|" if p == "pipe" else "||" if p == "pipepipe" else p for p in PIECES.split("|")]


def ours(binary, texts):
    feed = "".join(json.dumps(t) + "\n" for t in texts)
    out = subprocess.run([binary], input=feed.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    return [[tuple(t) for t in json.loads(line)] for line in out.splitlines()]


def theirs(engine, texts):
    hexes = ",".join("unhex('" + t.encode().hex() + "')" for t in texts)
    out = engine.query(f"SELECT tokenizeQuery(arrayJoin([{hexes}]))", "JSONCompactEachRow").decode()
    rows = []
    for line in out.splitlines():
        tokens = json.loads(line)[0]
        rows.append([
            (int(t["begin"]), int(t["end"]), t["type"]) if isinstance(t, dict) else (int(t[0]), int(t[1]), t[2])
            for t in tokens
        ])
    return rows


def agree(text, mine, other):
    """Equal, or both refuse: behind the engine's first error token nothing is comparable."""
    for left, right in zip(mine, other):
        if left[2].startswith("Error") and right[2].startswith("Error"):
            return left[0] == right[0]
        if left != right:
            return False
    return len(mine) == len(other)


def main():
    binary, seconds = sys.argv[1], float(sys.argv[2])
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    engine, seen, bad = Engine(), 0, 0
    until = time.time() + seconds
    while time.time() < until and bad < 20:
        texts = ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9))) for _ in range(500)]
        for text, mine, other in zip(texts, ours(binary, texts), theirs(engine, texts)):
            seen += 1
            if not agree(text, mine, other):
                bad += 1
                print(repr(text), "\n  ours  ", mine, "\n  engine", other)
    print(f"{seen} texts, {bad} differences")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
