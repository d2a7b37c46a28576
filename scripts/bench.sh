#!/usr/bin/env bash
# Measures the release server; see bench/src/main.rs for what and how. Arguments go to `standpipe-bench run`.
#
# A goal that is missed is printed, and is no failure. The figures also go to target/bench/result.json.
# The benchmarks of the pure crates follow; BENCH_CRATES=0 leaves them out.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --quiet --package standpipe-bench
target/release/standpipe-bench run "$@"

if [ "${BENCH_CRATES:-1}" = 1 ]; then
  cargo bench --locked --package standpipe-template --bench render
  cargo bench --locked --package standpipe-sql --bench typical
  cargo bench --locked --package standpipe-ingest --bench decode
fi
