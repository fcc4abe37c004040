# Everything a person does here, by name. CI calls the same targets.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install browser demo live test test-all lint format bench results pictures ci clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

install: $(READY)  ## Set up .venv with what was tested

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,live]"
	touch $(READY)

browser:  ## Install Chromium for the tests of the page, where that is possible
	@if command -v chromedriver > /dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		{ apt-get update -qq && apt-get install -y -qq chromium chromium-driver > /dev/null; } \
		|| echo "Chromium could not be installed: the tests of the page are left out"; \
	else echo "no Chromium with chromedriver here: the tests of the page are left out"; fi

demo: $(READY)  ## Finish the example sketches; writes pictures into out/demo
	@mkdir -p out/demo
	@$(BIN)/python predict_client.py complete examples/sketches/*.svg -n 8 --seed 4 -o out/demo/sheet.png
	@$(BIN)/python predict_client.py complete examples/sketches/half-a-bicycle.svg -n 1 --seed 4 -o out/demo/bicycle.gif > out/demo/bicycle.txt
	@$(BIN)/python predict_client.py complete examples/sketches/half-a-cat.svg -n 9 --seed 4 -o out/demo/nine-cats.gif > out/demo/nine-cats.txt
	@$(BIN)/python draw_client.py sample crab -n 12 -o out/demo/crabs.svg
	@echo "Look at:" out/demo/*.png out/demo/*.gif out/demo/*.svg

live: $(READY)  ## Draw in the browser; Ctrl-C ends it
	$(BIN)/python predict_client.py live

lint: $(READY)  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## Bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint browser  ## Set up, lint, check types, run the tests (slow ones left out)
	$(BIN)/python -m pytest -m "not slow and not gpu"

test-all: lint browser  ## All tests, slow ones too
	$(BIN)/python -m pytest -m "not gpu"

bench: $(READY)  ## Speed, as ratios inside one run; prints a JSON object last
	$(BIN)/python -m benchmarks.speed

results: $(READY)  ## Make the tables of docs/results.md again, of the figures in docs/figures
	$(BIN)/python -m benchmarks.docs tables

pictures: $(READY)  ## Make the README's pictures again
	$(BIN)/python -m benchmarks.docs pictures
	$(BIN)/python -m benchmarks.docs canvas

ci: test  ## What CI runs

clean:  ## Remove the environment and everything made
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
