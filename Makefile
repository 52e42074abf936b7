PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_WAIT_POLICY ?= passive

.PHONY: golden gpu test test-wheel lint bench clean

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[diffusers,dev]'
	touch $@

golden: $(VENV)/installed  ## run the golden suites against the committed baselines
	$(BIN)/python suites/golden.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A file's tests share what they set up, so a file stays with one worker; the slow files come first.
WORKERS := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: lint  ## lint, types, layers, tests
	$(BIN)/pytest tests $(WORKERS)

GPU_OUT ?= build/gpu-$(shell date -u +%Y%m%dT%H%M%SZ)
gpu: $(VENV)/installed  ## on a machine with a GPU: baselines to accept, repetition, costs, environment
	$(BIN)/python tests/gpu/session.py $(GPU_OUT)

bench: $(VENV)/installed  ## the numbers of docs/performance.md
	$(BIN)/pytest tests/benchmarks --benchmark-only

WHEEL_TEST := build/wheel-test
test-wheel:  ## build the wheel, install it in an environment of its own, and test that
	rm -rf build dist
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .
	mkdir -p $(WHEEL_TEST)
	cp -r conftest.py pyproject.toml README.md docs tests suites baselines $(WHEEL_TEST)
	$(PYTHON) -m venv $(WHEEL_TEST)/venv
	$(WHEEL_TEST)/venv/bin/python -m pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[diffusers,dev]"
	cd $(WHEEL_TEST) && venv/bin/pytest tests $(WORKERS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
