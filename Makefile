# Everything happens in .venv; what is there already is used again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RESULT ?= results/quickstart
SELDOM := ms-pull-cube-tool rd-open-slide rd-open-drawer

.DEFAULT_GOAL := help
.PHONY: help setup graphics quickstart demos test test-slow check docs bench bench-tests clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed ## Install everything into .venv

# torch comes first and by its exact version: any other way of asking brings its largest build.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[all,dev]'
	touch $@

graphics: ## Install software rendering for pictures (Debian, as root; elsewhere it only tells)
	@sh .ci/graphics.sh

quickstart: setup ## Evaluate the random agent on one task of every domain
	$(BIN)/mmbench evaluate --agent random --suite quick --episodes 3 --out $(RESULT)
	$(BIN)/mmbench report $(RESULT) --per task

check: setup ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mmbench.taskdocs --check

# Scripts that seldom succeed get many attempts; planning gets few, for it takes long.
demos: setup ## Make the demonstrations that ship anew (a day; continues where it stopped)
	-$(BIN)/mmbench demos generate --tasks $(SELDOM) --attempts 120 --out results/demos
	-$(BIN)/mmbench demos generate --suite full --attempts 20 --out results/demos
	$(BIN)/mmbench demos pack results/demos --out mmbench/demos/shipped
	$(BIN)/python -m mmbench.taskdocs

test: setup graphics check ## Everything that must pass (about 15 minutes on two cores)
	$(BIN)/python -m pytest -n 2

test-slow: setup graphics bench-tests ## The rest: what takes long or needs a quiet machine
	$(BIN)/python -m pytest -n 2 -m slow --ignore tests/benchmarks

docs: setup ## Build the documentation into site/
	$(BIN)/python -m mmbench.taskdocs
	$(BIN)/mkdocs build --strict

bench-tests: setup ## Check speed against the bare simulators and Gymnasium (on a quiet machine)
	$(BIN)/python -m pytest -m slow -s tests/benchmarks

bench: setup ## Speed of environments and vector environments
	$(BIN)/mmbench bench env --suite full
	$(BIN)/mmbench bench vector --suite full

clean: ## Remove .venv and what was built
	rm -rf $(VENV) site build dist *.egg-info
