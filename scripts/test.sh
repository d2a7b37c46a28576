#!/usr/bin/env bash
# All tests. The integration tests start the real engine, so libchdb must be there: run `make test`, which sees to it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Snapshots are compared, never rewritten.
export INSTA_UPDATE=no

cargo test --workspace --locked
