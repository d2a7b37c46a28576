#!/usr/bin/env bash
# Makes sure that the build and the tests find what they need: Rust, a C compiler, Node.js with npm, libchdb.
# Fast and silent when everything is there; works without a network then.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Debian packages for commands that are missing. Other systems are told what to install.
needed=()
command -v cc >/dev/null || needed+=(build-essential)
command -v curl >/dev/null || needed+=(curl)
if [ -z "${STANDPIPE_LIBCHDB:-}" ]; then
  command -v npm >/dev/null || needed+=(nodejs npm)
fi
if [ ${#needed[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${needed[*]}"
    apt-get update -q >&2
    apt-get install -yq --no-install-recommends "${needed[@]}" ca-certificates >&2
  else
    fail "please install: ${needed[*]} (names of Debian's packages), then run this again"
  fi
fi

command -v cargo >/dev/null || fail "Rust is missing: install it with rustup, then run this again"

scripts/setup-libchdb.sh
