# `make` lists the commands. Everything is built once, with one profile, into target/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STACK := target/debug/stack
# What a command acts on: `make restart SERVICE=articles`, `make logs NODE=s1-1`, `make test SUITE=magnitude-conformance`.
SERVICE ?=
NODE ?=
SUITE ?=
FOLLOW ?=
NAME ?=
ROUNDS ?=
SEED ?=

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: ## Install the system packages that are missing (asks first)
	@deploy/local/install.sh

.PHONY: toolchain
toolchain:
	@command -v cargo >/dev/null || { echo 'Rust is missing (no cargo on the PATH; sudo may hide it): install a stable one, for example with rustup.' >&2; exit 1; }

.PHONY: build
build: toolchain
	@cargo build --workspace --bins

.PHONY: web
web: install
	@deploy/local/web.sh

.PHONY: up
up: install build web ## Build and start everything here (PORT=8080), with something to read (not with SEED=0)
	@$(STACK) up
	@test "$(SEED)" = 0 || target/debug/load demo

.PHONY: runner
runner: toolchain
	@test -x $(STACK) || cargo build --package magnitude-stack

.PHONY: down
down: runner ## End everything; the data stays
	@$(STACK) down

.PHONY: status
status: runner ## Show every node and how it is
	@$(STACK) status

.PHONY: logs
logs: runner ## Show the logs (NODE=articles-1, FOLLOW=1)
	@$(STACK) logs $(NODE) $(if $(FOLLOW),--follow)

.PHONY: restart
restart: runner ## End and start a service or node (SERVICE=articles)
	@test -n "$(SERVICE)" || { echo 'say which: make restart SERVICE=articles' >&2; exit 2; }
	@$(STACK) restart $(SERVICE)

.PHONY: clean
clean: runner ## End everything and delete its data
	@$(STACK) clean

.PHONY: doctor
doctor: ## Check memory, disk, ports and tools, for processes (make up) and for containers (docker compose up)
	@bad=0; \
	if command -v cargo >/dev/null; then echo 'For make up:' && cargo build --quiet --package magnitude-stack && $(STACK) doctor || bad=1; fi; \
	if command -v docker >/dev/null; then echo 'For docker compose up:' && deploy/compose/doctor.sh || bad=1; fi; \
	exit $$bad

.PHONY: render
render: toolchain ## Fill the configuration of the container wirings from the templates of deploy/
	@cargo run --quiet --package magnitude-stack -- render

.PHONY: check
check: ## Format, lints and unit tests
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets -- -D warnings
	@cargo test --workspace --lib --quiet

.PHONY: test
test: ## Everything, on a stack of its own (SUITE=package runs one)
	@deploy/local/test.sh $(SUITE)

.PHONY: test-compose
test-compose: toolchain ## Test the stack of containers on a Docker engine (installs one from Debian if there is none)
	@deploy/compose/test.sh

.PHONY: compose-roll
compose-roll: ## Replace the containers of a service by those of its new image, unnoticed (SERVICE=articles)
	@deploy/compose/roll.sh $(SERVICE)

.PHONY: images
images: ## Build the container images of the project (PROGRAMS=target/debug takes the programs from there)
	@deploy/images/build.sh

.PHONY: images-arm64
images-arm64: ## Build the images of the programs for arm64 too and try them, where no registry is reached (on amd64)
	@deploy/images/offline/engine.sh
	@deploy/images/offline/arm64.sh

.PHONY: test-s3
test-s3: toolchain ## Test the object store against a real S3 server, Garage (builds it first, for ten minutes)
	@libs/objects/test-s3.sh

.PHONY: prove
prove: ## The long version: the conformance suite 20 times, 4 copies at once on a filled database, every experiment in full
	@MAGNITUDE_PROVE=1 deploy/local/test.sh magnitude-conformance
	@deploy/local/experiment.sh all

.PHONY: experiment
experiment: ## Show one claim in full (NAME=failover, ROUNDS=200, SEED=1) and write reports/NAME.json
	@deploy/local/experiment.sh "$(NAME)" $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

.PHONY: claims
claims: ## Write the README's table of claims from reports/
	@cargo run --quiet --package magnitude-experiments -- claims

.PHONY: bench
bench: ## Compare an instance of articles with a constant answer (builds for release, installs oha)
	@deploy/local/bench.sh

.PHONY: load
load: ## Put load on the running stack
	@cargo run --quiet --package magnitude-load -- reads

.PHONY: audit
audit: ## Check licences, advisories and sources of the dependencies (installs cargo-deny)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	@cargo deny check
