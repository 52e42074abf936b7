PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_WAIT_POLICY ?= passive

.PHONY: golden archive gpu test test-quantised fuzz test-oldest test-wheel coverage lint docs bench sdist clean

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[diffusers,dev]'
	touch $@

golden: $(VENV)/installed  ## run the golden suites against the committed baselines
	$(BIN)/python suites/golden.py

ARCHIVE_OUT ?= build/archive
archive: $(VENV)/installed  ## after `make golden`: its run archived, checked by ours and others' tools, and made again
	$(BIN)/python suites/archived.py $(ARCHIVE_OUT)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --no-progress --quiet .github

# A file's tests share what they set up, so a file stays with one worker; the slow files come first.
WORKERS := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: lint  ## lint, types, layers, tests
	$(BIN)/pytest tests $(WORKERS)

# Not in the tests' environment: diffusers imports whatever of them is there, which takes torchao half a second
# and several lines on stderr in every process.
QUANTISERS := build/quantisers
test-quantised: $(VENV)/installed  ## the tests of quantised weights, with the packages that quantise on a CPU
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps --target $(QUANTISERS) ninja optimum-quanto torchao
	PYTHONPATH=$(QUANTISERS) $(BIN)/pytest tests/functional/test_quantised.py tests/functional/test_gguf_components.py

FUZZ_SECONDS ?= 3600
fuzz: $(VENV)/installed  ## give every reader damaged files for an hour, or FUZZ_SECONDS; what fails is made small
	$(BIN)/python tests/fuzz/many.py $(FUZZ_SECONDS)

coverage: $(VENV)/installed  ## unit and functional tests, subprocesses included, against the floor of each room
	rm -rf build/coverage && mkdir -p build/coverage
	COVERAGE_FILE=$(CURDIR)/build/coverage/data $(BIN)/coverage run -m pytest tests/unit tests/functional $(WORKERS)
	$(BIN)/python tests/coverage_floors.py build/coverage/data

GPU_OUT ?= build/gpu-$(shell date -u +%Y%m%dT%H%M%SZ)
gpu: $(VENV)/installed  ## on a machine with a GPU: baselines to accept, repetition, costs, environment
	$(BIN)/python tests/gpu/session.py $(GPU_OUT)

bench: $(VENV)/installed  ## the numbers of docs/performance.md
	$(BIN)/pytest tests/benchmarks --benchmark-only

docs: $(VENV)/installed  ## the site, in build/site; what does not resolve is an error
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir build/site

# What pyproject.toml states as the least that works, with the pinned torch. The packages of
# constraints-oldest.txt are of one time; newer ones of the rest may join them. The oldest
# pytest-xdist has no --no-loadscope-reorder.
OLDEST := build/oldest
OLDEST_TESTS ?= tests/unit tests/functional/test_session.py tests/functional/test_tracing.py --ignore tests/unit/training $(NOT_YET)
# diffusers 0.32 has no attention processor that takes a back end, so there is no model to tell apart. It
# refuses a UNet that lacks weights in its own words, and does not say which weights nothing uses. It has no
# modular pipelines, no Bria, no cache to switch on, and one dtype for all parts. transformers 4.48 tokenizes
# for CLIP in Python, and its layers take other arguments.
TESTS_OF := tests/unit/backends/diffusers
NOT_YET := $(addprefix --ignore ,$(TESTS_OF)/test_held.py $(TESTS_OF)/test_modular.py) $(addprefix --deselect ,\
	tests/unit/tools/probe/test_tweaks.py::test_a_model_whose_processors_take_no_back_end_is_unfit_for_one \
	$(TESTS_OF)/test_attention_processor.py::test_processors_that_take_a_back_end_are_not_replaced \
	$(TESTS_OF)/test_diffusers_backend.py::test_a_missing_weight_is_an_error_and_not_a_random_one \
	$(TESTS_OF)/test_components.py::test_dtypes_are_by_part_and_a_component_can_have_its_own \
	$(TESTS_OF)/test_factory_pipelines.py::test_weights_that_are_missing_are_refused_here_too \
	$(TESTS_OF)/test_schedulers_elsewhere.py::test_a_pipeline_that_compares_the_class_of_its_scheduler_runs_and_is_traced \
	$(TESTS_OF)/test_tokenizer_state.py::test_what_changes_the_ids_changes_what_is_on_record \
	$(TESTS_OF)/test_trace_of_other_ways.py::test_an_encoder_whose_layers_a_pipeline_walks_itself_is_recorded_layer_by_layer \
	$(TESTS_OF)/test_loading_report.py::test_weights_that_nothing_uses_are_named[unet] \
	$(TESTS_OF)/test_loading_report.py::test_weights_that_would_be_random_are_refused[unet] \
	$(TESTS_OF)/test_loading_report.py::test_missing_weights_are_found_whatever_the_libraries_log[unet] \
	$(TESTS_OF)/test_loading_report.py::test_the_libraries_log_is_a_second_witness[unet])
test-oldest:  ## the tests of what touches other packages, with the oldest versions allowed
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable '.[archive,bisect,c2pa,diffusers,fast,flip,gguf,opencv,ray,recipes,seeds,server,store]' \
		bagit fastapi flask flask-cors hypothesis jsonschema 'moto[s3]' pytest-benchmark pytest-repeat pytest-rerunfailures pytest-xdist pytorch-msssim uvicorn
	$(OLDEST)/bin/pytest $(OLDEST_TESTS) $(filter-out --no-loadscope-reorder,$(WORKERS))

WHEEL_TEST := build/wheel-test
test-wheel:  ## build the wheel, install it in an environment of its own, and test that
	rm -rf build dist
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .
	mkdir -p $(WHEEL_TEST)
	cp -r conftest.py pyproject.toml Makefile CONTRIBUTING.md README.md SECURITY.md docs tests suites baselines $(WHEEL_TEST)
	$(PYTHON) -m venv $(WHEEL_TEST)/venv
	$(WHEEL_TEST)/venv/bin/python -m pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[diffusers,dev]"
	cd $(WHEEL_TEST) && venv/bin/pytest tests $(WORKERS)

sdist: $(VENV)/installed  ## the source distribution, in dist/
	$(BIN)/python -m build --sdist --outdir dist

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
