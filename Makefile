# What a fresh machine needs besides this: Rust, Python 3, Node 20 with npm, make, a C compiler.
# Everything else is brought to target/targets/ by tests/setup/targets.py.

CARGO ?= cargo
PYTHON ?= python3
SETUP = $(PYTHON) tests/setup/targets.py

.PHONY: all help build targets test demo bench lint clean clean-targets

all: build

help:
	@echo 'make build          the program: target/release/mpycov'
	@echo 'make test           every test, on every target; brings what is missing first'
	@echo 'make demo           a short tour on the unix port'
	@echo 'make bench          what instrumenting and running costs'
	@echo 'make lint           formatting and warnings'
	@echo 'make targets        only bring what the tests run on (make clean-targets removes it)'
	@$(SETUP) --list

build:
	$(CARGO) build --release --locked

targets:
	$(SETUP)

# No test is left out: one whose target is missing fails, and says what to do.
test: targets
	$(CARGO) test --locked --no-fail-fast

demo:
	$(SETUP) unix
	$(CARGO) build --release --locked
	tests/setup/demo.sh

bench:
	$(SETUP) unix wasm microbit py
	$(CARGO) bench --locked
	@if [ -e tests/setup/bench.py ]; then set -x; $(PYTHON) tests/setup/bench.py; fi
	$(PYTHON) tests/setup/bench_settrace.py
	$(PYTHON) tests/setup/bench_deploy.py

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

clean:
	$(CARGO) clean

clean-targets:
	rm -rf target/targets
