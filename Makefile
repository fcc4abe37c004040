# Everything a person does here, by name. CI calls the same targets.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FAST := -m "not slow and not gpu"
PYTHONS := 3.11 3.12 3.13
PYTHON_VENVS := .venv-pythons

.DEFAULT_GOAL := help
.PHONY: help demo install browser live format lint check test test-all test-pythons only-tests bench results pictures wheel ci clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

install: $(READY)  ## Set up .venv with what was tested

$(READY): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,live]"
	touch $(READY)

browser:  ## Install Chromium for the tests of the page; where it is missing they are left out, or fail if CI is set
	@if ! command -v chromedriver > /dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		{ apt-get update -qq && apt-get install -y -qq chromium chromium-driver > /dev/null; } || true; fi
	@if ! command -v chromedriver > /dev/null; then \
		echo "There is no Chromium with chromedriver here, so the page cannot be tested." >&2; [ -z "$$CI" ]; fi

demo: $(READY)  ## Finish the example sketches; writes pictures into out/demo
	@mkdir -p out/demo
	@$(BIN)/python predict_client.py complete examples/sketches/*.svg -n 8 --seed 4 -o out/demo/sheet.png
	@$(BIN)/python predict_client.py complete examples/sketches/half-a-bicycle.svg -n 1 --seed 4 -o out/demo/bicycle.gif > out/demo/bicycle.txt
	@$(BIN)/python predict_client.py complete examples/sketches/half-a-cat.svg -n 9 --seed 4 -o out/demo/nine-cats.gif > out/demo/nine-cats.txt
	@$(BIN)/python draw_client.py sample crab -n 12 -o out/demo/crabs.svg
	@echo "Look at:" out/demo/*.png out/demo/*.gif out/demo/*.svg

live: $(READY)  ## Draw in the browser; HOST=0.0.0.0 lets phones in, Ctrl-C ends it
	$(BIN)/python predict_client.py live $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

format: $(READY)  ## Bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(READY)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint  ## Do the same as lint

test: lint browser  ## Set up, check style and types, run the tests (slow ones left out)
	$(BIN)/python -m pytest $(FAST)

test-all: lint browser  ## Run all tests, slow ones too
	$(BIN)/python -m pytest -m "not gpu"

test-pythons:  ## Run the tests with each Python of 3.11, 3.12 and 3.13 that is at hand, and say which are not
	@for version in $(PYTHONS); do \
		python=python$$version; \
		$$python -c pass 2> /dev/null || python="$$(pyenv prefix $$version 2> /dev/null)/bin/python"; \
		if $$python -c pass 2> /dev/null; then \
			echo "Python $$version: $$($$python --version)"; \
			$(MAKE) --no-print-directory PYTHON="$$python" VENV=$(PYTHON_VENVS)/$$version only-tests || exit 1; \
			tested="$$tested $$version"; \
		else missing="$$missing $$version"; fi; \
	done; echo "Tested with Python$${tested:- of no version}. Not at hand:$${missing:- none}."

only-tests: $(READY)
	$(BIN)/python -m pytest $(FAST)

bench: $(READY)  ## Measure speed, as ratios inside one run; prints a JSON object last
	$(BIN)/python -m benchmarks.speed

results: $(READY)  ## Make the tables of docs/results.md again, of the figures in docs/figures
	$(BIN)/python -m benchmarks.docs tables

pictures: $(READY)  ## Make the README's pictures again
	$(BIN)/python -m benchmarks.docs pictures
	$(BIN)/python -m benchmarks.docs canvas

wheel: $(READY)  ## Build the package into dist/, bundle and all
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

ci: test  ## Run what CI runs

clean:  ## Remove the environment and everything made
	rm -rf $(VENV) $(PYTHON_VENVS) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
