# `make demo` and `make test` are all that a fresh clone needs; both make .venv first if it isn't there.
# A machine needs python3 (3.11 or later) with venv, make and a C library.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

# Each worker loads TensorFlow, which takes 1 GB of memory and several threads. One file's tests share a worker, and so
# its fixtures.
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-slow test-machines test-python test-lowest test-newest fuzz coverage docs pictures install lint \
	languages types unit wheel sbom audit browser programs clean

demo: install
	$(BIN)/rnnwords train --example fable --seed 1
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
	$(BIN)/pytest $(WORKERS) -m "slow and not serial"
	$(BIN)/pytest -m "slow and serial"

# What the tests of pages need, which are skipped without it: Playwright, and the Chromium of the system. Root on Debian
# gets the latter from apt; Ubuntu's package of this name needs snapd.
browser: install
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[browser]"
	@command -v chromium || command -v chromium-browser || command -v google-chrome || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get; then \
		apt-get update -q && apt-get install -q -y --no-install-recommends chromium; \
	else \
		echo "expected chromium, chromium-browser or google-chrome on PATH; install one of them" >&2; exit 1; \
	fi

# Programs that tests start for real, which are skipped without them: an editor for the language server, and shells.
programs:
	@if command -v nvim && command -v fish && command -v zsh; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get; then \
		apt-get update -q && apt-get install -q -y --no-install-recommends neovim fish zsh; \
	else \
		echo "expected nvim, fish and zsh on PATH; install them" >&2; exit 1; \
	fi

# The numeric tests on each kernel of numpy, OpenBLAS and TensorFlow that can be chosen here, and on one core.
test-machines: install
	$(BIN)/python -m tests.machines

# The tests of `make test` on each Python found here, and with the lowest and newest dependencies, in environments of
# their own. PYTHONS="PATH ..." adds Pythons.
test-python: install
	$(BIN)/python -m tests.environments pythons

test-lowest: install
	$(BIN)/python -m tests.environments lowest

test-newest: install
	$(BIN)/python -m tests.environments newest

# For example: make fuzz TARGETS="models series" SECONDS=600. Guided by coverage where atheris has a wheel.
fuzz: install
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fuzz]"
	$(BIN)/python -m tests.faults.fuzz $(TARGETS) --seconds $(or $(SECONDS),120)

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

# Trains a model on each text of tests/text/spacing/languages/ for the samples in docs/languages.md. A few minutes.
languages: install
	$(BIN)/python -m docs.samples

# The wheel and the source archive. Equal files give equal bytes, on every machine and at every time.
wheel: install
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/python -m pip hash dist/*

# The installed packages with their licences, as CycloneDX. The tool has an environment of its own, or it would be listed.
sbom: install
	$(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check "cyclonedx-bom>=7,<8"
	build/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o build/sbom.json $(BIN)/python

# Known vulnerabilities of the pinned versions. Needs the vulnerability service of PyPI, or of OSV with AUDIT="-s osv".
audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.10,<3"
	build/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt $(AUDIT)

install: $(INSTALLED)

# PIP_CONSTRAINT also reaches the environment in which pip builds this package.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
