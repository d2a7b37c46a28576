#!/usr/bin/env bash
# Random templates and random SQL: nothing panics, nothing leaves its place, the lexer cuts where the engine's does, no name
# leads past the catalog, and a remembered verdict is the guard's own. FUZZ_SECONDS changes the time of the first two (a
# minute each), FUZZ_SEED repeats a run.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds="${FUZZ_SECONDS:-60}"
seed="${FUZZ_SEED:-$RANDOM$RANDOM}"
printf 'fuzz: FUZZ_SEED=%s\n' "$seed"

cargo run --release --locked --package standpipe-template --example fuzz -- "$seconds" "$seed"

# The rest asks the engine itself, from Python.
command -v python3 >/dev/null || { printf 'fuzz: please install python3, then run this again\n' >&2; exit 1; }
cargo build --release --locked --package standpipe-sql --examples
examples="$PWD/target/release/examples"
libraries=("${STANDPIPE_LIBCHDB:-}" libchdb/*/node_modules/@chdb/*/libchdb.so)
for library in "${libraries[@]}"; do
  if [ -f "$library" ]; then
    CHDB_LIBRARY="$(realpath "$library")"
    export CHDB_LIBRARY
    break
  fi
done

cd crates/sql/tests/tools
python3 compare_lexer.py "$examples/dump_tokens" "$seconds" "$seed"
python3 fuzz_names.py "$examples/judge" "$((100 * seconds))" "$seed"
python3 fuzz_verdicts.py "$examples/final_texts" "$examples/compare_verdicts" "$((200 * seconds))" "$seed"
