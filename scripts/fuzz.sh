#!/usr/bin/env bash
# One minute of random templates: nothing panics, nothing leaves its place, renderings repeat. FUZZ_SECONDS changes the time.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo run --release --locked --package standpipe-template --example fuzz -- "${FUZZ_SECONDS:-60}"
