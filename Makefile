# rocker: everything a person or a CI types. `make help` lists it.
#
# Needs: Debian, root, rustup's cargo, gcc, a Python >= 3.11. The rest is installed by the targets that need it.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory --warn-undefined-variables

# cargo may live outside PATH or below another HOME: PATH, CARGO_HOME and RUSTUP_HOME as found.
$(foreach assignment,$(shell scripts/rust-env),$(eval export $(assignment)))

VENV   := $(CURDIR)/.venv
CACHE  := $(CURDIR)/.cache
PYTHON := $(VENV)/bin/python
export PATH := $(VENV)/bin:$(PATH)

RUST_FILES := Cargo.toml Cargo.lock pyproject.toml \
              $(shell find rust -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.json' \) 2>/dev/null)
PYTHON_DIRS := $(wildcard python tests benches)
PYTEST_ARGS ?=
BENCH_ARGS  ?=

.PHONY: help setup build run test test-unit test-slow test-vm lint lint-rust lint-python fmt docs bench bench-compare wheel sdist clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.stamp $(CACHE)/rust.stamp ## the Python environment in .venv, and a look at the Rust toolchain

build: $(VENV)/.built ## an editable install of rocker into .venv

run: build $(CACHE)/apt-run.stamp ## a Debian image, a command in it, and how long the start took
	@scripts/run

test: lint build $(CACHE)/apt-test.stamp ## what CI runs: formats, lints, types, and all tests but the slow ones
	@echo '== cargo test'
	cargo test --workspace --locked --quiet
	echo '== stubtest'
	$(PYTHON) -m mypy.stubtest rocker._core --allowlist tests/stubtest.allowlist
	echo '== pytest'
	$(PYTHON) -m pytest -m 'not slow' $(PYTEST_ARGS)

test-unit: build ## the Python unit tests alone: a few seconds
	@$(PYTHON) -m pytest tests/unit $(PYTEST_ARGS)

test-slow: build $(CACHE)/apt-test.stamp ## the tests that take more than ten seconds each
	@$(PYTHON) -m pytest -m slow $(PYTEST_ARGS)

test-vm: build $(CACHE)/apt-vm.stamp ## cgroup v2 and full privileges, in a virtual machine
	@tests/vm/run

lint: lint-rust lint-python ## formats, lints and types of both languages, as errors

lint-rust: $(CACHE)/rust.stamp
	@echo '== cargo fmt, clippy'
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

lint-python: $(VENV)/.stamp
	@echo '== ruff, mypy'
	ruff check --quiet --output-format concise $(PYTHON_DIRS)
	ruff format --quiet --check $(PYTHON_DIRS)
	mypy

fmt: setup ## format both languages in place
	@cargo fmt --all
	ruff check --quiet --fix-only $(PYTHON_DIRS)
	ruff format --quiet $(PYTHON_DIRS)

docs: build ## the command reference, docs/reference.md, from the commands themselves
	@$(PYTHON) scripts/reference > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

bench: build $(CACHE)/apt-bench.stamp ## rocker beside crun, runc, bubblewrap, podman and docker; writes benches/results/
	@[[ -n $${ROCKER_BENCH_CLIENTS:-} ]] || scripts/docker29 $(CACHE)/clients || echo 'Docker 29 could not be built' >&2
	$(PYTHON) -m benches.run $(BENCH_ARGS)

bench-compare: build ## two commits of rocker beside each other: make bench-compare A=REV B=REV
	@$(PYTHON) -m benches.compare $(A) $(B) $(BENCH_ARGS)

wheel: setup ## dist/*.whl, ready to install elsewhere
	@maturin build --release --locked --out dist

sdist: setup ## dist/*.tar.gz
	@maturin sdist --out dist

clean: ## everything that was built; the caches of .cache/ stay
	@rm -rf target dist $(VENV) python/rocker/_bin python/rocker/*.so wheel-data/scripts/rocker
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis

# --- stamps: each says that a step is done and need not be repeated ---------------------------------------------

$(VENV)/.stamp: pyproject.toml scripts/venv scripts/apt-install
	@scripts/venv $(VENV)
	touch $@

$(CACHE)/rust.stamp: scripts/rust-check scripts/rust-env
	@scripts/rust-check
	mkdir -p $(CACHE) && touch $@

# maturin copies the runtime in place, which fails with ETXTBSY while that file runs: unlinked first.
$(VENV)/.built: $(VENV)/.stamp $(CACHE)/rust.stamp $(RUST_FILES)
	@rm -f python/rocker/_bin/rocker-runtime
	PIP_QUIET=1 maturin develop --release --quiet
	$(PYTHON) -m compileall -q python/rocker  # as pip does for a wheel: a start must not compile, whoever runs it
	touch $@

$(CACHE)/apt-run.stamp:   PACKAGES := mmdebstrap
$(CACHE)/apt-test.stamp:  PACKAGES := busybox-static curl docker-registry iproute2 iptables mmdebstrap nftables openssl procps skopeo strace sudo xz-utils zstd
$(CACHE)/apt-bench.stamp: PACKAGES := busybox-static bubblewrap containernetworking-plugins crun docker.io \
                                       iperf3 iproute2 iptables mmdebstrap podman runc
$(CACHE)/apt-vm.stamp:    PACKAGES := busybox-static cpio e2fsprogs kmod mmdebstrap qemu-system-x86
$(CACHE)/apt-%.stamp: Makefile scripts/apt-install
	@scripts/apt-install $(PACKAGES)
	mkdir -p $(CACHE) && touch $@
