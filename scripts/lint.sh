#!/usr/bin/env bash
# Formatting, lints, documentation, dependencies and spelling, as CI checks them.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Outside the checkout, so that another clone on the same machine finds them.
tools=${STANDPIPE_TOOLS:-$HOME/.cache/standpipe-tools}
export PATH="$tools/bin:$PATH"

# Tools that the Rust toolchain does not bring. Each is installed once, at a fixed version.
install() { # command, crate, version
  command -v "$1" >/dev/null || cargo install --locked --quiet --root "$tools" "$2@$3"
}
install cargo-deny cargo-deny 0.20.2
install cargo-machete cargo-machete 0.9.2
if ! command -v typos >/dev/null; then
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check typos==1.52.0
  mkdir -p "$tools/bin"
  ln -sf ../python/bin/typos "$tools/bin/typos"
fi

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- --deny warnings
RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items --locked
cargo deny --offline check bans licenses sources
cargo machete
typos
