# `make demo` and `make test` are all that a fresh clone needs; both make .venv first if it isn't there.
# A machine needs python3 (3.11 or later) with venv, make and a C library.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

# Each worker loads TensorFlow, which takes 1 GB of memory and several threads. One file's tests share a worker, and so
# its fixtures.
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-slow coverage docs pictures install lint types unit clean

demo: install
	$(BIN)/rnnwords train corpora/belling_the_cat.txt --seed 1
	$(BIN)/rnnwords build-vocab corpora/belling_the_cat.txt | head -n 6
	$(BIN)/rnnwords eval corpora/belling_the_cat.txt
	$(BIN)/rnnwords predict "had a general"
	$(BIN)/rnnwords generate "had a general"

test: lint types unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

unit: install
	$(BIN)/pytest $(WORKERS) -m "not serial and not slow"
	$(BIN)/pytest -m "serial and not slow"

test-slow: install
	$(BIN)/pytest -m slow

# Of all tests but the slow ones. A process that a test kills leaves no data.
coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(WORKERS) -m "not serial and not slow"
	$(BIN)/coverage run -m pytest -m "serial and not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: install
	$(BIN)/python -m docs.generate

# Trains the bundled fable.
pictures: install
	$(BIN)/python -m docs.pictures
	$(BIN)/python -m docs.generate

install: $(INSTALLED)

# PIP_CONSTRAINT also reaches the environment in which pip builds this package.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
