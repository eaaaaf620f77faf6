# `make demo` and `make test` are all that a fresh clone needs; both make .venv first if it isn't there.
# A machine needs python3 (3.11 or later) with venv, make and a C library.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test install lint types unit clean

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
	$(BIN)/pytest

install: $(INSTALLED)

# PIP_CONSTRAINT also reaches the environment in which pip builds this package.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
