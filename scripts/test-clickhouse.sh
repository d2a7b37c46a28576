#!/bin/sh
# Runs the client's tests against a real ClickHouse server: Debian's package, which is old (18.16) but real.
# The server gets a data directory and ports of its own and ends with this script.
set -eu
cd "$(dirname "$0")/.."

if ! command -v clickhouse-server >/dev/null; then
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        echo "clickhouse-server is not installed: install it (on Debian: apt-get install clickhouse-server) and run this again" >&2
        exit 1
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends clickhouse-server
fi

folder=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Two ports that are free now; the server takes no "any port", so a lost race shows as a failed start.
ports=$(python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
for s in held: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))')
http_port=${ports% *}

mkdir "$folder/data" "$folder/tmp"
cat >"$folder/users.xml" <<XML
<yandex>
  <profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password>secret of the test</password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota></default>
  </users>
</yandex>
XML
cat >"$folder/config.xml" <<XML
<yandex>
  <logger><level>warning</level><log>$folder/server.log</log><errorlog>$folder/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>$http_port</http_port>
  <tcp_port>${ports#* }</tcp_port>
  <path>$folder/data/</path>
  <tmp_path>$folder/tmp/</tmp_path>
  <users_config>$folder/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>100000000</mark_cache_size>
</yandex>
XML

clickhouse-server --config-file="$folder/config.xml" >"$folder/output.log" 2>&1 &
server=$!
tries=0
until python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$http_port/ping')" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "clickhouse-server did not start:" >&2
        cat "$folder/output.log" "$folder/error.log" >&2 2>/dev/null || true
        exit 1
    fi
    sleep 0.1
done

STANDPIPE_TEST_CLICKHOUSE_URL="http://127.0.0.1:$http_port" \
STANDPIPE_TEST_CLICKHOUSE_PASSWORD="secret of the test" \
    cargo test -p standpipe-clickhouse --features clickhouse-server --test server "$@"
