# Two commands do all the set-up themselves: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SAM    := .venv-sam/bin/sam
ARGS   ?=
STACK  ?= smartwatch
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help run test check build deploy drill bench clean lock

help: ## Show these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Stream five watches through the whole platform on a local cloud (ARGS="--watches 5 --duration 30 --json")
	@$(BIN)/smartwatch run $(ARGS)

test: $(VENV)/.dev .venv-sam/.installed .node/.installed ## Run every test (ARGS="-k name" to choose)
	@$(BIN)/pytest $(ARGS)

check: $(VENV)/.dev ## Lint, types, layering, template and workflow structure
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	$(BIN)/pytest -q -n 0 tests/workflow/test_structure.py

build: .venv-sam/.installed ## sam build, for the interpreter at hand
	$(SAM) build --parameter-overrides PythonRuntime=$(RUNTIME)

deploy: build ## sam deploy to the AWS account of your profile (STACK=name)
	$(SAM) deploy --stack-name $(STACK) --parameter-overrides PythonRuntime=$(RUNTIME)

drill: $(VENV)/.run ## Rehearse an escalation on the local cloud (ARGS="--ack-after 2")
	@$(BIN)/smartwatch drill $(ARGS)

bench: $(VENV)/.run ## Measure what decisions cost, beside a baseline from the same run (ARGS=--json)
	@$(BIN)/python -m simulator.bench.decisions $(ARGS)

clean: ## Stop the local cloud and remove everything that the other targets made
	@if [ -x $(BIN)/smartwatch ]; then $(BIN)/smartwatch down; fi
	rm -rf $(VENV) .venv-sam .node .smartwatch .aws-sam .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

lock: ## Resolve the lock files again (needs uv on PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header -q -o requirements/run.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header -q --extra dev -c requirements/run.lock -o requirements/dev.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header -q -o requirements/sam.lock requirements/sam.in

# The Lambda runtime whose wheels this machine's interpreter can build.
RUNTIME = $(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages into $(VENV) ..." >&2
	@$(BIN)/pip install -q --no-deps --require-hashes -r requirements/run.lock
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages into $(VENV) ..." >&2
	@$(BIN)/pip install -q --no-deps --require-hashes -r requirements/dev.lock
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $(VENV)/.run $@

.venv-sam/.installed: requirements/sam.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing the SAM CLI into .venv-sam ..." >&2
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/pip install -q --no-deps --require-hashes -r requirements/sam.lock
	@touch $@

# Without npm the tests that need Prism are skipped, and say so.
.node/.installed: tests/prism/package.json tests/prism/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not here: tests against PagerDuty's own description are skipped" >&2; exit 0; fi; \
	echo "Installing Prism into .node ..." >&2 && mkdir -p .node && cp $^ .node/ && \
	npm ci --prefix .node --ignore-scripts --no-audit --no-fund --loglevel=error >&2 && touch $@
