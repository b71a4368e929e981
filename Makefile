# The commands of lineportal; `make help` lists them. Needs Python 3.11+ and make, nothing else.

SHELL := /bin/sh
PYTHON ?= python3
# Relative on purpose: the folder's own path may hold spaces.
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test bench bench-sending bench-recipients bench-conversations bench-desk drills lint-quality messages check fmt run worker simulator schema lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' Makefile

install: ## make .venv and install requirements.txt into it (only when that has changed)
	@PYTHON='$(PYTHON)' sh .ci/install

demo: install ## the main job on sample data, then the portal in the browser; Ctrl-C ends it
	@$(BIN)/python manage.py demo

# Each process has a database of its own; more than four would fight over one PostgreSQL.
test: install ## every test, against a real PostgreSQL; ARGS="-k name" for some of them
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

bench: install ## ratios of the main path against a floor, in one run
	@$(BIN)/python -m pytest -q -s tests/benchmarks/bench_main_path.py

bench-sending: install ## the engine against floors and peers, in one run (about 12 minutes)
	@$(BIN)/python -m pytest -q -s tests/benchmarks/bench_sending.py tests/benchmarks/bench_webhooks.py

# What an import costs is printed first, where its benchmark is there.
bench-recipients: install ## previews and lists of a million people (LINEPORTAL_BENCH_RECIPIENTS for fewer)
	@$(BIN)/python -m pytest -q -s $(wildcard tests/benchmarks/bench_import.py) \
		tests/benchmarks/bench_recipients.py

bench-conversations: install ## inbox, chat and search over a million messages (LINEPORTAL_BENCH_MESSAGES for fewer)
	@$(BIN)/python -m pytest -q -s tests/benchmarks/bench_conversations.py

bench-desk: install ## the review desk with 5,000 template versions
	@$(BIN)/python -m pytest -q -s tests/benchmarks/bench_desk.py

drills: install ## faults with the simulator as witness (about 12 minutes); ARGS="--only kills"
	@$(BIN)/python -m tests.drills $(ARGS)

lint-quality: install ## precision and recall of the wording rules on the labelled texts, per language
	@$(BIN)/python -m tests.templates_app.lint_quality

messages: install ## compile the translations (*.po to *.mo)
	$(BIN)/pybabel compile --domain django --directory templates_app/locale

check: install ## lint, format, types, direction of imports, missing migrations
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy lineportal templates_app recipients
	$(BIN)/lint-imports
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

fmt: install ## put the code into its format
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

run: install ## the web server alone, migrated, at http://127.0.0.1:8000/
	@$(BIN)/python manage.py migrate
	@$(BIN)/python manage.py runserver $(ARGS)

worker: install ## one worker process
	@$(BIN)/python manage.py run_worker $(ARGS)

simulator: install ## the LINE simulator alone
	@$(BIN)/python manage.py run_simulator $(ARGS)

schema: install ## write docs/openapi.yaml anew
	$(BIN)/python manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn

lock: install ## compile requirements.txt anew from pyproject.toml (needs the network)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --group dev \
		pyproject.toml -o requirements.txt --no-header $(ARGS)

clean: ## stop the embedded PostgreSQL and remove .venv and caches; data in .lineportal stays
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m lineportal.postgres stop || true; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
