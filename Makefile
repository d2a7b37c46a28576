# The commands of this project. `make run` and `make test` set up everything they need.

.PHONY: run build setup test check lint bench chaos fuzz test-clickhouse clean

DATA ?= data
LISTEN ?= 127.0.0.1:7181

# Everything needed, then the server with sample data.
run: build
	@exec ./target/release/standpipe serve --data "$(DATA)" --listen "$(LISTEN)" --sample examples/flights

# The release binary at target/release/standpipe.
build: setup
	cargo build --release --locked --package standpipe

# What the build and the tests need and the machine may lack.
setup:
	@scripts/setup.sh

# All tests.
test: setup
	scripts/test.sh

# Everything that CI runs.
check:
	.ci/run

# Formatting, lints, documentation, dependencies, spelling.
lint: setup
	scripts/lint.sh

# Latency, throughput, start-up time and memory, as ratios against the raw engine.
bench: build
	scripts/bench.sh

# Kills in the middle of jobs, at full size: fifty of small copies, two of a copy of 14 million rows over 90 partitions, two of a
# populate of 20 million rows while five writers append. CHAOS_SEED repeats a run. Then a sink of 10 million rows in 200 files.
chaos: setup
	CHAOS_KILLS=50 CHAOS_COPY_ROWS=300000 cargo test --package standpipe --test serve a_copy_killed -- --nocapture
	CHAOS_KILLS=2 CHAOS_COPY_ROWS=14000000 cargo test --package standpipe --test serve a_copy_killed -- --nocapture
	CHAOS_KILLS=2 CHAOS_POPULATE_ROWS=20000000 cargo test --package standpipe --test serve under_fire -- --nocapture
	CHAOS_SINK_ROWS=10000000 cargo test --package standpipe --test it rows_are_dealt_out -- --nocapture

# Random templates and SQL, a few minutes. It prints its seed; FUZZ_SEED repeats a run.
fuzz: setup
	scripts/fuzz.sh

# The ClickHouse client against a real server, from Debian's package.
test-clickhouse: setup
	scripts/test-clickhouse.sh

clean:
	cargo clean
	rm -rf libchdb/*/node_modules
