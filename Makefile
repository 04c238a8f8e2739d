# Everything that people do with Starlift. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Compiled Python starts nearly twice as fast, so nothing may switch that off.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

PYTHON := .venv/bin/python
STACK := $(PYTHON) -m infra.local
STAMP := .venv/.starlift-lock
LOCK_GROUPS := --group dbt --group spark --group local --group celery --group aws --group dev

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Create .venv and install what requirements.lock says (the other targets do it)

$(STAMP): requirements.lock scripts/setup
	@scripts/setup
	@$(PYTHON) -m infra.local.class_archive
	@touch $@

.PHONY: lock
lock: ## Compile pyproject.toml into requirements.lock again
	@scripts/uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    pyproject.toml $(LOCK_GROUPS) -o requirements.lock

.PHONY: up
up: setup ## Start the laptop stack and wait until it works
	@$(STACK) up

.PHONY: down
down: setup ## Stop the stack; the data stays
	@$(STACK) down

.PHONY: status
status: setup ## Show the health of every service
	@$(STACK) status

.PHONY: logs
logs: setup ## Show the end of the logs (SERVICE=airflow-scheduler LINES=100 FOLLOW=1)
	@$(STACK) logs $(SERVICE) $(if $(LINES),--lines $(LINES)) $(if $(FOLLOW),--follow)

.PHONY: env
env: setup ## Write the file that points a shell at the stack, and say how to read it
	@$(STACK) env

.PHONY: manifest
manifest: setup ## Parse the dbt project, check the contract, create missing staging tables
	@$(STACK) manifest

.PHONY: check-contracts
check-contracts: setup ## Check every feed's contract: file, feed, column and what to write instead
	@$(STACK) check-contracts

.PHONY: publish
publish: setup ## Upload the Spark job to the stack's artifacts bucket
	@$(STACK) publish

.PHONY: docs
docs: setup ## Generate the data dictionary from the running stack
	@$(STACK) docs

.PHONY: backfill
backfill: setup ## Run a DAG for some dates: DAG=bikeshare FROM=2019-10-01 TO=2019-12-31
	@$(STACK) backfill $(or $(DAG),$(error DAG is missing: make backfill DAG=bikeshare FROM=2019-10-01 TO=2019-12-31)) \
	    $(or $(FROM),$(error FROM is missing: the first day, as in FROM=2019-10-01)) \
	    $(or $(TO),$(error TO is missing: the last day, as in TO=2019-12-31))

.PHONY: reload
reload: setup ## Load a batch again, after files came late or were corrected: DAG=bikeshare BATCH=2021-09-01
	@$(STACK) reload $(or $(DAG),$(error DAG is missing: make reload DAG=bikeshare BATCH=2021-09-01)) \
	    $(or $(BATCH),$(error BATCH is missing: its start, as in BATCH=2021-09-01; make accounting lists them))

.PHONY: accounting
accounting: setup ## Show what became of every row: by batch and by rule, and how fresh each feed is
	@$(STACK) accounting

.PHONY: demo
demo: setup ## Load made-up files and show what comes out (SOURCE=taxi; SOURCE=all: every source at once)
	@$(STACK) demo $(if $(SOURCE),--source $(SOURCE))

.PHONY: fetch
fetch: setup ## Get real files from their publishers: SOURCE=bikeshare MONTH=2021-09 (TO=folder: not into the lake)
	@$(STACK) fetch $(or $(SOURCE),$(error SOURCE is missing: make fetch SOURCE=bikeshare MONTH=2021-09)) \
	    $(or $(MONTH),$(error MONTH is missing, as in MONTH=2021-09)) $(if $(TO),--to $(TO))

.PHONY: test
test: setup ## Run all tests, with real servers
	@$(PYTHON) -m pytest -m "not long" -n 2 --dist loadfile --no-loadscope-reorder --durations 15

.PHONY: test-long
test-long: setup ## Run what `make test` leaves out: two Celery workers, real files in Airflow, the guide to AWS
	@$(PYTHON) -m pytest -m long

.PHONY: test-quick
test-quick: setup ## Run the tests that need no server and no Spark (a minute or two)
	@$(PYTHON) -m pytest -m "not slow and not integration" -n 2

.PHONY: bench
bench: setup ## Compare the gateway, COPY and Spark with the direct way (ONLY=latency: one of them)
	@PYTHONPATH=dags $(PYTHON) -m benchmarks $(ONLY)

.PHONY: chaos
chaos: setup ## Kill loads, servers and Spark at random; count what is lost or there twice (KILLS=200 SEED=1)
	@PYTHONPATH=dags $(PYTHON) -m tests.dags.chaos --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

.PHONY: conformance
conformance: setup ## Run dbt's public adapter suite against the Redshift gateway
	@$(PYTHON) -m pytest -c tests/conformance/pytest.ini tests/conformance -n 2 --dist loadscope

.PHONY: lint
lint: lint-python lint-text ## Check style and types: Python, SQL, YAML

.PHONY: lint-python
lint-python: setup ## Check the style and types of Python
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTHON) -m mypy

.PHONY: lint-text
lint-text: setup ## Check the style of SQL and YAML
	.venv/bin/sqlfluff lint --processes 2 dbt_project/models dbt_project/data-tests dbt_project/analyses
	.venv/bin/yamllint --strict .

CHECKOV := .local/checkov

$(CHECKOV)/.lock: infra/aws/checkov.lock | $(STAMP)
	@scripts/uv venv --quiet --clear --no-project --python $(PYTHON) $(CHECKOV)
	@scripts/uv pip sync --quiet --python $(CHECKOV)/bin/python infra/aws/checkov.lock
	@touch $@

.PHONY: check-aws
check-aws: setup $(CHECKOV)/.lock ## Check the CloudFormation templates with cfn-lint and checkov
	@.venv/bin/cfn-lint infra/aws/stacks/*.yaml
	@$(CHECKOV)/bin/checkov --directory infra/aws/stacks --framework cloudformation --quiet --compact --skip-download

.PHONY: format
format: setup ## Rewrite the Python files in the common style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: reset
reset: setup ## Stop the stack and delete all its data (FORCE=1 does not ask)
	@$(STACK) reset $(if $(FORCE),--force)

.PHONY: clean
clean: ## Delete caches; the stack's data and .venv stay
	@rm -rf .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.local/*' -prune -exec rm -rf {} +
