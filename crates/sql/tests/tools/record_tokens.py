"""Records how the engine cuts texts into tokens: the vectors, the attack suite and corpus, and random edge cases.

Usage: CHDB_LIBRARY=... python3 record_tokens.py BINARY > ../fixtures/tokens.ndjson   (BINARY: the built example final_texts)
"""

import json
import pathlib
import random
import subprocess
import sys

from compare_lexer import PIECES, theirs
from engine import Engine


def main():
    path = pathlib.Path(__file__).parent.parent / "vectors/sql-rewrite-vectors.ndjson"
    texts = [json.loads(line)["sql"] for line in path.read_text().splitlines()]
    corpus = subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    texts += map(json.loads, corpus)
    rng = random.Random(7)
    texts += ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 7))) for _ in range(800)]
    texts = sorted(set(texts))
    for text, tokens in zip(texts, theirs(Engine(), texts)):
        print(json.dumps({"sql": text, "tokens": " ".join(f"{kind}:{end}" for _, end, kind in tokens)}))


if __name__ == "__main__":
    main()
