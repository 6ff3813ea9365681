# The chores. Every one of them is a single command, and .ci/run calls the same ones.
# TESTS narrows the tests (make test TESTS=tests/policy); ARGS reaches the program (make demo ARGS=--once).

.DEFAULT_GOAL := help
SHELL := /bin/bash
RUN := uv run --frozen
SOURCES := app tests migrations bench
TESTS ?=
ARGS ?=

.PHONY: help setup lint format types imports docs check test test-fast two-worlds access-matrix openapi-trials kill-trials oracle linear-history reference openapi demo fuzz kills bench match ci

help: ## list the chores
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything from the lock, and the commit hooks
	uv sync --frozen
	$(RUN) pre-commit install

lint: ## formatting and lint, changing nothing
	$(RUN) ruff format --check $(SOURCES)
	$(RUN) ruff check $(SOURCES)

format: ## format, and mend what can be mended
	$(RUN) ruff format $(SOURCES)
	$(RUN) ruff check --fix $(SOURCES)

types: ## mypy, strict
	$(RUN) mypy

imports: ## the floors of docs/architecture.md
	$(RUN) lint-imports --no-cache --no-logo

docs: ## the rules about the tree: find-it table, file sizes, names in the docs, changelog
	$(RUN) pytest -q tests/house

check: lint types imports docs ## all that needs no database (under a minute)

test: ## all tests, on SQLite and on a private PostgreSQL
	$(RUN) pytest -n 2 $(TESTS)

test-fast: ## without the slow ones
	$(RUN) pytest -n 2 -m "not slow" $(TESTS)

two-worlds: ## what a department may not see changes no byte: a hundred thousand requests to pairs of registries
	TOWNSHIP_TWO_WORLDS=10 $(RUN) pytest -q -s -n 2 tests/stories/test_two_worlds_at_scale.py

access-matrix: ## ask every operation as every kind of caller, and write docs/reference/access.md anew
	$(RUN) python -m tests.fixtures.access_matrix

openapi-trials: ## whatever anybody sends: forty made-up requests to each operation by each kind of caller
	TOWNSHIP_TEST_EXAMPLES=40 $(RUN) pytest -q tests/stories/test_openapi.py

kill-trials: ## the service killed a hundred times while it answers: no byte without its entry in the audit
	TOWNSHIP_KILL_TRIALS=50 $(RUN) pytest -q -s tests/stories/test_kills.py

oracle: ## mapping held against the slow reference in fractions: 3,000 worlds in process, 400 registries of each kind of database
	MAPPING_EXAMPLES=3000 $(RUN) pytest -q tests/mapping/test_reference.py
	EVERY_CELL_WORLDS=400 MASKED_CELL_WORLDS=100 $(RUN) pytest -n 2 -q tests/stories/test_every_cell.py tests/stories/test_every_masked_cell.py

linear-history: ## many clients write and read for a minute on each database, with one worker and with two: one history explains every answer
	TOWNSHIP_LINEAR_SECONDS=60 $(RUN) pytest -q -rP tests/stories/test_linear_history.py -k one_history

reference: ## write docs/reference anew from the code
	$(RUN) python -m tests.house.reference

openapi: ## write only the committed OpenAPI document anew
	$(RUN) python -m tests.house.reference openapi.json

demo: ## the tour: a fresh registry, sample workbooks, one department reading (ARGS=--once checks and ends)
	$(RUN) township demo $(ARGS)

fuzz: ## damaged files of every kind, two minutes (ARGS="--seconds 600")
	$(RUN) python -m bench.fuzz $(ARGS)

kills: ## kill -9 at random points of 200 uploads, on SQLite and on PostgreSQL
	TOWNSHIP_KILLS=200 $(RUN) pytest -q -n 2 -rP tests/stories/test_durability.py -k agree

bench: ## the comparison with peers into docs/performance.md, eight minutes of a quiet machine (ARGS=--small to try)
	$(RUN) python -m bench.compare $(ARGS)

match: ## the figures of the form gate on labelled forms, with what went wrong
	$(RUN) python -m bench.match --errors

ci: ## what CI runs
	bash .ci/run
