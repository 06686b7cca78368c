# Leadline. Everything here needs Python 3.11 or newer, make, and a network for the first run.
.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/sh
VENV := .venv/bin
PACKAGES := services shared deploy
# Written byte code saves 1.3 s of each later start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: install-local ## start everything: PostgreSQL, Valkey, Kafka and the services; Ctrl-C stops it
	@exec $(VENV)/python -m deploy.local --with-parent $$PPID

.PHONY: demo
demo: install-local ## an hour of a small company's traffic, into the system that `make run` started
	@exec $(VENV)/python -m deploy.demo $(ARGS)

.PHONY: servers
servers: install-local ## start PostgreSQL, Valkey and Kafka only
	@exec $(VENV)/python -m deploy.local --with-parent $$PPID servers

.PHONY: test
test: install-dev ## run the tests; ARGS="-k numbering" chooses
	@deploy/local/browser
	@$(VENV)/python -m deploy.local train
	@$(VENV)/python -m pytest --quiet -n 2 --dist loadgroup $(ARGS)

.PHONY: chaos
chaos: install-dev ## kill the whole system again and again, and count every message after; ROUNDS=20
	@LEADLINE_CHAOS_ROUNDS=$(or $(ROUNDS),20) $(VENV)/python -m pytest --quiet tests/chaos $(ARGS)

.PHONY: fuzz
fuzz: install-dev ## mutate what platforms send against each adapter; EXECUTIONS=1000000, ARGS="whatsapp" chooses
	@$(VENV)/python -m tests.fuzz --executions $(or $(EXECUTIONS),100000) $(ARGS)

.PHONY: bench
bench: install-bench ## measure, beside what people use today; ARGS="a c" chooses
	@$(VENV)/python -m tests.bench $(ARGS)

.PHONY: check
check: check-format check-lint check-types check-imports check-locks check-migrations check-security ## everything that can be known without running it

.PHONY: check-format
check-format: install-dev
	@$(VENV)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }

.PHONY: check-lint
check-lint: install-dev
	@$(VENV)/ruff check --quiet .

.PHONY: check-types
check-types: install-dev
	@$(VENV)/mypy --no-error-summary $(PACKAGES) tests

.PHONY: check-imports
check-imports: install-dev
	@said=$$($(VENV)/lint-imports --no-logo) || { echo "$$said"; exit 1; }

.PHONY: check-locks
check-locks: install-dev
	@$(VENV)/python -m deploy.checks.locks

.PHONY: check-migrations
check-migrations: install-dev
	@$(VENV)/python -m pytest --quiet --no-header -m migrations

.PHONY: check-security
check-security: install-dev
	@$(VENV)/bandit --quiet --recursive --configfile pyproject.toml $(PACKAGES)

.PHONY: format
format: install-dev ## format the code and fix what can be fixed by itself
	@$(VENV)/ruff check --fix --quiet . ; $(VENV)/ruff format --quiet .

.PHONY: lock
lock: install-dev ## make the locks anew after a change of requirements/*.in; UPGRADE=--upgrade takes the newest
	@UPGRADE=$(UPGRADE) deploy/local/lock

.PHONY: clean
clean: ## remove everything that was fetched or built; .leadline, your data, stays
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(PACKAGES) tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: install-local install-dev install-bench
install-local install-dev install-bench: install-%:
	@PYTHON="$(PYTHON)" deploy/local/install $*
