PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_WAIT_POLICY ?= passive

.PHONY: golden test lint bench clean

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[diffusers,dev]'
	touch $@

golden: $(VENV)/installed  ## run the golden suites against the committed baselines
	$(BIN)/pytest suites

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint  ## lint, types, layers, tests
	$(BIN)/pytest tests

bench: $(VENV)/installed  ## the numbers of docs/performance.md
	$(BIN)/pytest tests/benchmarks --benchmark-only

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
