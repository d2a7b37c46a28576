#!/usr/bin/env bash
# Fetches libchdb, the embedded engine (570 MB on disk), into libchdb/<platform>/node_modules.
#
# Does nothing when it is there already, so it also works without a network. STANDPIPE_LIBCHDB=/path/libchdb.so makes it
# use that file instead. Ends with a sentence and a non-zero code when the engine cannot be had.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'libchdb: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

if [ -n "${STANDPIPE_LIBCHDB:-}" ]; then
  [ -s "$STANDPIPE_LIBCHDB" ] || fail "STANDPIPE_LIBCHDB names '$STANDPIPE_LIBCHDB', which is not there"
  say "using $STANDPIPE_LIBCHDB, as STANDPIPE_LIBCHDB says"
  exit 0
fi

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 package=lib-linux-x64-gnu ;;
  Linux-aarch64 | Linux-arm64) platform=linux-arm64 package=lib-linux-arm64-gnu ;;
  Darwin-arm64) platform=darwin-arm64 package=lib-darwin-arm64 ;;
  Darwin-x86_64) platform=darwin-x64 package=lib-darwin-x64 ;;
  *) fail "no embedded engine exists for $(uname -s) on $(uname -m); set engine.url to use a ClickHouse server instead" ;;
esac
if [ "$(uname -s)" = Linux ] && ldd --version 2>&1 | grep -qi musl; then
  fail "the embedded engine needs the GNU C library, and this system has musl; set engine.url to use a ClickHouse server instead"
fi

folder=$root/libchdb/$platform
library=$folder/node_modules/@chdb/$package/libchdb.so
wanted=$(sed -n 's/.*"@chdb\/[^"]*": "\([^"]*\)".*/\1/p' "$folder/package.json")

# npm writes node_modules/.package-lock.json last, so an interrupted download is not taken for a complete one.
is_complete() {
  [ -s "$library" ] && grep -qF "\"version\": \"$wanted\"" "$folder/node_modules/.package-lock.json" 2>/dev/null
}

is_complete && exit 0

if ! command -v npm >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "npm is missing, installing it with apt-get"
    { apt-get update -q && apt-get install -yq --no-install-recommends nodejs npm ca-certificates; } >&2 ||
      fail "cannot install npm with apt-get; install Node.js with npm by hand and run this again"
  else
    fail "npm is needed to fetch the embedded engine; install Node.js with npm (on Debian: apt-get install npm) and run this again"
  fi
fi

grep -q '"integrity"' "$folder/package-lock.json" ||
  say "the lock file has no integrity hash for $platform yet, so only the version is pinned (see libchdb/README.md)"

cache=$(npm config get cache 2>/dev/null)
# du fails when a file vanishes meanwhile, and still prints its sum.
megabytes() { { du -smc "$@" 2>/dev/null || true; } | tail -1 | cut -f1; }
before=$(megabytes "$cache/_cacache" "$folder")

say "fetching @chdb/$package $wanted: about 170 MB to download, 570 MB on disk"
log=$(mktemp)
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-progress >"$log" 2>&1 &
npm=$!
trap 'kill "$npm" 2>/dev/null || true; exit 130' INT TERM
waited=0
while kill -0 "$npm" 2>/dev/null; do
  sleep 1
  waited=$((waited + 1))
  if [ $((waited % 2)) = 0 ]; then
    say "$(($(megabytes "$cache/_cacache" "$folder") - before)) MB written after ${waited} s"
  fi
done
if ! wait "$npm"; then
  cat "$log" >&2
  fail "npm could not fetch @chdb/$package $wanted, its words are above; check the network and run this again"
fi
is_complete || fail "npm ended without an error, but '$library' is missing or not version $wanted"
rm -f "$log"
say "ready: $library"
