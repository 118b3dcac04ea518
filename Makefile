# make run — everything on this machine, with a demo · make test — all tests · make check — style, types, contracts
SHELL := /bin/bash
PYTHON ?= python3
# Processes by the hundred start in the tests; where an image forbids it, each of them would compile all again.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help run test check bench screens format messages lock sdks browser chaos fuzz mutants ravenstack crm5 walk clean

help: ## this list
	@grep -hE '^[a-z0-9]+:.*## ' Makefile | sed -E 's/^([a-z0-9]+):.*## /make \1\t/' | expand -t 14

# Stamps, so that a second start does not install again; they work offline once made.
$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Holdfast needs Python 3.11 or newer; this is $$($(PYTHON) --version). Name another: make run PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Holdfast runs on (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	@echo "Installing what the tests and checks need (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

DEMO ?= --demo
run: $(VENV)/run.stamp ## start Holdfast with its demo at http://localhost:8000 (PORT=… for another, DEMO= for none)
	@exec $(BIN)/python manage.py up $(DEMO)

# Browser tests use Debian's chromium, SDK tests npm's packages; both are fetched where they may be, and
# otherwise one line says how many tests were skipped and how to get them.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		{ echo "Installing chromium for the browser tests (once) …"; apt-get -qq update && apt-get -qq install -y chromium fonts-noto-cjk; } >/dev/null 2>&1; } || true

sdks: ## install the Node SDKs that the SDK tests drive
	@test -d tests/sdk/node_modules || { command -v npm >/dev/null && \
		{ echo "Installing the Node SDKs for the SDK tests (once) …"; cd tests/sdk && npm ci --silent --no-audit --no-fund; } ; } || true

# Three at a time also on two cores: servers that start and clients that wait leave room for a third.
test: $(VENV)/dev.stamp browser sdks ## all tests, on a PostgreSQL of their own
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, contracts, migrations, translations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py translations --check

bench: $(VENV)/dev.stamp ## benchmarks: each figure as a ratio to a baseline measured in the same run
	$(BIN)/python -m benchmarks

screens: $(VENV)/dev.stamp ## pictures of the demo's pages for docs/screens, beside those of ../shared/design
	$(BIN)/python -m benchmarks.screens

format: $(VENV)/dev.stamp ## put every file into the house's format
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

messages: $(VENV)/dev.stamp ## collect what must be translated, and compile what is
	$(BIN)/python manage.py translations

lock: $(VENV)/dev.stamp ## write requirements*.txt anew from their .in files
	$(BIN)/uv pip compile -q --universal --no-strip-extras --generate-hashes --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --no-strip-extras --generate-hashes --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.txt

chaos: $(VENV)/dev.stamp ## kill -9 and restarts under load, for a minute each; figures go to docs/proof.md
	$(BIN)/python -m benchmarks.ingest_chaos --seconds 60
	$(BIN)/python -m benchmarks.outbox_kills
	$(BIN)/python -m benchmarks.worker_kills
	$(BIN)/python -m benchmarks.import_kills --rows 5000

mutants: $(VENV)/dev.stamp ## unscope each read in turn: the matrix or the noun's tests must fail (by hand, some minutes)
	$(BIN)/python -m pytest -q -n 0 tests/architecture/mutants.py

fuzz: $(VENV)/dev.stamp ## 10,000 calls of the API as its description allows and as it does not, and files for the importer (some minutes)
	@FUZZ_CASES=$${FUZZ_CASES:-10000} FUZZ_SEED=$${FUZZ_SEED:-$$RANDOM} $(BIN)/python -m pytest -q -s -n 0 tests/fuzz
	IMPORT_CASES=$${IMPORT_CASES:-2000} $(BIN)/python -m pytest -q -n 0 -o timeout=0 tests/crm/uploads/test_door_fuzz.py

ravenstack: $(VENV)/dev.stamp ## import ../shared/data/ravenstack whole, count its contradictions, take it back to the last byte
	RAVENSTACK=1 $(BIN)/python -m pytest -q -n 0 --durations=3 tests/crm/imports/test_ravenstack.py

crm5: $(VENV)/dev.stamp ## import ../shared/data/crm5 whole, count it again independently, score it, onboard it
	$(BIN)/python -m benchmarks.crm5

walk: $(VENV)/dev.stamp ## every migration down and up again on a copy of the database at hand (by hand, some minutes)
	$(BIN)/python -m benchmarks.migrations_walk

clean: ## remove the environment; data under var/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
