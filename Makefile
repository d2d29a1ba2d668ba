# The verbs of Earshot. `make help` lists them; everything they need is set up by `make setup`, which they call themselves.
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
CODE := shared services deploy tools tests
TRAIN_VENV := build/train-venv
SOAKS = $(sort $(patsubst tests/soak/%.py,tests.soak.%,$(wildcard tests/soak/prove_*.py)))
BENCHES = $(sort $(patsubst tests/performance/%.py,tests.performance.%,$(wildcard tests/performance/bench_*.py)))

.DEFAULT_GOAL := help
.PHONY: help setup up demo soak test check fix bench ci train lock docs

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what Earshot needs into .venv; does nothing when it is there
	@sh tools/setup.sh $(VENV)

up: setup ## start Earshot on this machine in the foreground; Ctrl-C stores what was heard and stops
	@exec $(PY) -m deploy.embedded --with-parent

demo: setup ## start it with an invented company: two weeks of its posts, then live
	@exec $(PY) -m deploy.demo --with-parent

test: setup ## run the whole test suite that needs no Docker
	@$(PY) -m pytest

soak: setup ## run the long proofs: kills and outages under load, compared with a clean count (an hour and more)
	@set -e; for proof in $(SOAKS); do printf '\n== %s\n' "$$proof"; $(PY) -m $$proof; done

check: setup ## the fast loop: format, lint, types, import rules, unit tests, fresh documents
	@$(PY) -m ruff format --check $(CODE)
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m mypy $(addprefix -p ,$(CODE))
	@$(VENV)/bin/lint-imports
	@$(PY) -m pytest -q tests/unit tests/contract tests/delivery

fix: setup ## format, and mend what lint can mend
	@$(PY) -m ruff check --fix $(CODE)
	@$(PY) -m ruff format $(CODE)

bench: setup $(TRAIN_VENV)/installed ## run the benchmarks; each prints what it compares itself with
	@set -e; for bench in $(BENCHES); do printf '\n== %s\n' "$$bench"; $(PY) -m "$$bench"; done

ci: check test ## what a change must pass

docs: setup ## write the generated pages of docs/ and .env.example anew
	@$(PY) -m tools.generate_docs

lock: setup ## write requirements.lock anew from pyproject.toml
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra ingest --extra classify --extra metrics --extra queues --extra embedded --extra dev \
	  pyproject.toml -o requirements.lock

$(TRAIN_VENV)/installed: requirements-train.txt | setup
	@test -x $(TRAIN_VENV)/bin/python || $(PY) -m venv $(TRAIN_VENV)
	@$(TRAIN_VENV)/bin/python -m pip install --disable-pip-version-check -r requirements-train.txt
	@touch $@

train: setup $(TRAIN_VENV)/installed ## train the shipped model anew from ../shared/data (torch, in a venv of its own)
	@$(TRAIN_VENV)/bin/python -m services.classify train --data ../shared/data --out services/classify/artefact
