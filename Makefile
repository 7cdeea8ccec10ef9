# Firstring's commands. `make help` lists them.
#
# Everything but `bench` and `fuzz` uses one build profile, so that a check, a test run and the demo share what they compile.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help deps deps-test deps-bench deps-fuzz demo test check soak torture sim bench fuzz docs clean

ARGS ?=
SEEDS ?= 1..20
MUTATIONS ?= 200000
FUZZ_SECONDS ?= 60
# Days of each example and seed in `make soak`: twenty seeds of one office and of four are a million office-days.
DAYS ?= 10000

help:
	@echo "make demo     install what is missing, build, and place one spoken call to an example business"
	@echo "              (ARGS=\"--once --json\" passes options on)"
	@echo "make test     install what is missing and run every test"
	@echo "make check    what CI runs: format, lints, docs, then every test"
	@echo "make soak     what runs in virtual time at full counts, then the rush of calls (SEEDS=$(SEEDS): a range, so that a long run can be resumed)"
	@echo "make torture  the messages of RFC 4475 and RFC 5118, each against its row of docs/torture.md"
	@echo "make sim      imagined days of calls in virtual time"
	@echo "make bench    install baresip and rtpengine, and measure against the budgets of docs/measured.md beside them"
	@echo "              (SIPLOAD=\"PROGRAM [WORDS]\" names a further generator of calls)"
	@echo "make fuzz     feed every parser of foreign bytes for FUZZ_SECONDS=$(FUZZ_SECONDS) each"
	@echo "make docs     build the pages of every crate into target/doc"
	@echo "make clean    remove what was built"

deps:
	@.ci/install build

deps-test:
	@.ci/install test

deps-bench:
	@.ci/install bench

deps-fuzz:
	@.ci/install fuzz

demo: deps
	@echo "Building (a few minutes the first time)"
	@cargo run --locked --package firstring --bin firstring -- demo $(ARGS)

# Documentation examples go first, so that what closes the run is the summary of the tests.
test: deps-test
	@cargo test --locked --workspace --doc --quiet
	@RUST_TEST_THREADS=4 cargo test --locked --workspace --tests --no-fail-fast

# Lints and docs both stand on the same metadata of dependencies; only the tests generate code. Tests of calls wait more than they
# work, so four run at once on two cores; what measures time takes its turn alone or among four (crates/firstring/tests/wire/stage/waiting.rs).
check: deps-test
	@set -eu; \
	stage() { \
		echo "== $$1"; began=$$(date +%s); shift; \
		"$$@" || { echo "== failed: $$*" >&2; exit 1; }; \
		echo "== took $$(($$(date +%s) - began)) s"; \
	}; \
	stage format   cargo fmt --all --check; \
	stage lints    cargo clippy --locked --workspace --all-targets -- --deny warnings; \
	stage docs     env RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps; \
	stage examples cargo test --locked --workspace --doc --quiet; \
	stage build    cargo test --locked --workspace --tests --no-run --quiet; \
	stage sabotage cargo test --locked --package sim --features sabotage --test sabotages; \
	echo "== tests"; \
	RUST_TEST_THREADS=4 cargo test --locked --workspace --tests --no-fail-fast

# Everything in virtual time, once for each seed, each time with MUTATIONS instead of the small count of `make check`.
# Tests read FIRSTRING_SEED, FIRSTRING_SOAK_SEED and FIRSTRING_SOAK_MUTATIONS.
soak: deps-test
	@set -eu; seeds=$(SEEDS); seed=$${seeds%%..*}; last=$${seeds##*..}; \
	echo "Seeds $$seeds at commit $$(git rev-parse --short HEAD); figures belong in docs/measured.md with both"; \
	while [ "$$seed" -le "$$last" ]; do \
		echo "== seed $$seed"; \
		FIRSTRING_SEED=$$seed FIRSTRING_SOAK_SEED=$$seed FIRSTRING_TRANSFER_SEED=$$((seed * 1000)) FIRSTRING_SOAK_MUTATIONS=$(MUTATIONS) \
			cargo test --locked --quiet --tests -p desk -p sip -p media -p line -p sim \
			|| { echo "Failed at seed $$seed; go on with SEEDS=$$((seed + 1))..$$last" >&2; exit 1; }; \
		seed=$$((seed + 1)); \
	done
	@echo "== $(DAYS) imagined days of each example for every seed"
	@cargo build --locked --release --package firstring --bin firstring
	@set -eu; seeds=$(SEEDS); seed=$${seeds%%..*}; last=$${seeds##*..}; \
	while [ "$$seed" -le "$$last" ]; do \
		for example in plumber law-firm; do \
			told=$$(target/release/firstring rehearse -c examples/$$example.toml --days $(DAYS) \
				--seed $$((seed * 1000000)) --json | tail -n 1); \
			echo "$$told"; \
			case "$$told" in \
				*'"broken":'* | '') echo "Failed at seed $$seed; go on with SEEDS=$$((seed + 1))..$$last" >&2; exit 1 ;; \
			esac; \
		done; \
		seed=$$((seed + 1)); \
	done
	@$(MAKE) torture
	@echo "== the rush of calls at full size"
	@FIRSTRING_SOAK=1 cargo test --locked --package firstring --test wire rush
	@echo "== two hundred transfers on the wire"
	@FIRSTRING_SOAK=1 cargo test --locked --package firstring --test wire transfers::
	@echo "== strangers at full size"
	@FIRSTRING_SOAK=1 cargo test --locked --package firstring --test wire floods:: -- --nocapture
	@echo "== broken messages at a running desk"
	@FIRSTRING_SOAK=1 cargo test --locked --package firstring --test wire mangled:: -- --nocapture

torture: deps
	@cargo test --locked --quiet --manifest-path torture/Cargo.toml

sim: deps
	@cargo test --locked --package sim -- --nocapture

bench: deps-bench
	@cargo bench --locked --workspace --bench '*'

fuzz: deps-fuzz
	@fuzz/run $(FUZZ_SECONDS)

docs: deps
	@RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps
	@echo "Start at target/doc/firstring/index.html; the house itself is ARCHITECTURE.md"

clean:
	@cargo clean
	@cargo clean --manifest-path fuzz/Cargo.toml
	@cargo clean --manifest-path torture/Cargo.toml
