#!/usr/bin/env bash
# Measures the release server; see bench/src/main.rs for what and how. Arguments go to `standpipe-bench run`.
#
# A goal that is missed is printed, and is no failure. The figures also go to target/bench/result.json.
# BENCH_CRATES=1 also runs the benchmarks of the pure crates.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --quiet --package standpipe-bench
target/release/standpipe-bench run "$@"

if [ "${BENCH_CRATES:-}" = 1 ]; then
  cargo bench --locked --package standpipe-template --package standpipe-ingest
fi
