# `make` lists the targets. All of them work from a fresh clone: the first one that needs
# .venv makes it, with nothing but Python, make and a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What its user has configured for pyfetch is nothing to a demo or a benchmark.
export PYFETCH_NO_CONFIG := 1
# What is run again and again is compiled once, as it is where it is installed.
unexport PYTHONDONTWRITEBYTECODE
# Its one plugin here would load trio into each process of the tests.
export HYPOTHESIS_NO_PLUGINS := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/ready-to-test: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --group test
# pytest compiles the tests here once, and not in each of its processes at the same time.
	$(BIN)/python -m pytest --quiet --collect-only tests/unit tests/command > /dev/null
	touch $@

$(VENV)/ready-to-check: $(VENV)/ready-to-test
	$(BIN)/python -m pip install --quiet --group check
	touch $@

.PHONY: demo
demo: $(VENV)/ready ## The show: 2,000 URLs from the loopback, a kill, a resume, and every byte compared
	$(BIN)/python -m tools.demo

.PHONY: run
run: $(VENV)/ready ## Fetch urls.example.txt into data/
	$(BIN)/pyfetch urls.example.txt --output-dir data

PYTEST := $(BIN)/python -m pytest --quiet
# Four at once on two cores: half of the time a test of the command waits for something.
AT_ONCE := --numprocesses 4 --dist worksteal

.PHONY: test
test: $(VENV)/ready-to-test ## Run the tests of the units and of the command, but for the slow ones
	$(PYTEST) $(AT_ONCE) -m 'not slow' tests/unit tests/command

.PHONY: test-unit
test-unit: $(VENV)/ready-to-test ## Run those of the units alone, but for those that try random examples
	$(PYTEST) --numprocesses 2 --dist worksteal -m 'not slow and not hypothesis' tests/unit

# A replay of web archives, for one slow test. It needs another package of the name `brotli`.
$(VENV)-pywb/ready: | $(VENV)/ready
	$(PYTHON) -m venv --clear --without-pip $(VENV)-pywb
	$(BIN)/python -m pip --python $(VENV)-pywb/bin/python install --quiet --no-compile 'pywb>=2.10'
	touch $@

.PHONY: test-all
test-all: $(VENV)/ready-to-test $(VENV)-pywb/ready ## Run all but the browser's: slow ones, under stress, with many more examples
	$(PYTEST) $(AT_ONCE) --hypothesis-profile thorough -m 'not alone' tests/unit tests/command tests/stress
	$(PYTEST) -m alone tests/stress
	$(PYTEST) $(AT_ONCE) --engine curl -m 'not slow' tests/command

.PHONY: test-curl
test-curl: $(VENV)/ready-to-test ## Run those of the command with the engine over libcurl, but for the slow ones
	$(PYTEST) $(AT_ONCE) --engine curl -m 'not slow' tests/command

.PHONY: azurite
azurite: .azurite/ready ## Install the emulator of Azure, without which its tests are skipped: needs npm

.azurite/ready:
	timeout 300 npm install --silent --no-audit --no-fund --prefix .azurite azurite
	touch $@

.PHONY: test-curl-all
test-curl-all: $(VENV)/ready-to-test ## Run the slow ones, too, and those under stress that fetch (minutes)
	$(PYTEST) $(AT_ONCE) --engine curl tests/command tests/stress

.PHONY: test-browser
test-browser: $(VENV)/ready-to-test ## Look at the report in chromium, which the system must have
	$(PYTEST) tests/browser

# The tests need not be lowest; what they import of the command's dependencies is.
$(VENV)-lowest/ready: pyproject.toml tools/lowest.py
	$(PYTHON) -m venv --clear $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-lowest/bin/python tools/lowest.py > $(VENV)-lowest/constraints.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --editable . --group test --constraint $(VENV)-lowest/constraints.txt
	touch $@

.PHONY: test-lowest
test-lowest: $(VENV)-lowest/ready ## Run the tests with the lowest versions that pyproject.toml allows
	$(VENV)-lowest/bin/python -m pytest --quiet $(AT_ONCE) -m 'not slow' tests/unit tests/command

.PHONY: simulate
simulate: $(VENV)/ready-to-test ## Let --workers auto, and a cluster of 100 members, meet simulated hosts, and print the tables
	$(BIN)/python -m tools.simulation

.PHONY: simulate-million
simulate-million: $(VENV)/ready-to-test ## The same of 1,000,000 URLs on 10,000 hosts (minutes)
	$(BIN)/python -m tools.simulation 1,000,000

.PHONY: bench
bench: $(VENV)/ready-to-test ## Measure beside nginx what people would use instead (an hour)
	$(BIN)/python -m tools.benchmarks.bench

.PHONY: bench-quick
bench-quick: $(VENV)/ready-to-test ## The same in a minute: small and large files
	$(BIN)/python -m tools.benchmarks.bench --quick

$(VENV)/ready-to-fuzz: $(VENV)/ready-to-test
	$(BIN)/python -m pip install --quiet --group fuzz
	touch $@

.PHONY: fuzz
fuzz: $(VENV)/ready-to-fuzz ## Feed each parser with what might break it, for 20 seconds each
	$(BIN)/python -m tools.fuzz

.PHONY: lint
lint: $(VENV)/ready-to-check ## Format, lint, types, layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

.PHONY: package
package: $(VENV)/ready-to-check ## Build what would be published into dist/, and check it
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

.PHONY: check
check: lint package ## The same, what would be published, and the tests with branch coverage
	$(PYTEST) $(AT_ONCE) --cov --cov-report=term tests/unit tests/command

.PHONY: docs
docs: $(VENV)/ready ## Write the table of options and the man page anew
	$(BIN)/python -m tools.option_table
	$(BIN)/python -m tools.man_page

.PHONY: picture
picture: $(VENV)/ready-to-test ## Take the README's picture of the table anew, from a real run
	$(BIN)/python -m tools.picture

$(VENV)/ready-to-document: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

.PHONY: docs-site
docs-site: $(VENV)/ready-to-document ## Build the pages below docs/ into site/
	$(BIN)/zensical build --strict

.PHONY: format
format: $(VENV)/ready-to-check ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-pywb demo-data data dist site .fuzz .coverage* .*_cache .hypothesis
