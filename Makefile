# Two commands for a new machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
JOBS   ?= 2

.PHONY: demo test lint docs test-browser coverage calibrate test-locked test-lowest lock sbom clean

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("biomarkers needs Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

demo: $(VENV)/installed          ## install, write the sample study, run its plan, say where the report is
	$(BIN)/biomarkers demo out/demo --jobs $(JOBS)

lint: $(VENV)/installed          ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint                       ## the whole test suite; every page in a browser: make test-browser
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow" --ignore tests/browser

docs: $(VENV)/docs-installed     ## the documentation as a site that needs no network: out/docs/index.html
	$(BIN)/python docs/site/build.py out/docs --jobs $(JOBS)

test-browser: docs               ## every page in a real browser; installs node and Chromium where it may
	tests/browser/install.sh
	BIOMARKERS_BROWSER=required BIOMARKERS_SITE=out/docs $(BIN)/python -m pytest -q tests/browser

$(VENV)/docs-installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test,docs]'
	@touch $@

coverage: $(VENV)/installed      ## branch coverage of kernels, study, genotype and plan by the whole suite, workers and commands included
	mkdir -p out/coverage
	$(BIN)/python -m coverage run --rcfile=tests/coverage.ini -m pytest -q -n $(JOBS) -m "not slow" --ignore tests/browser
	$(BIN)/python -m coverage combine --rcfile=tests/coverage.ini --quiet out/coverage
	$(BIN)/python -m coverage report --rcfile=tests/coverage.ini

calibrate: $(VENV)/installed     ## the full calibrations (long); their printed results are kept in docs/
	$(BIN)/python -m pytest -q -m slow

LOCKED ?= .venv-locked
LOWEST ?= .venv-lowest
# By hand, against R, every reader: the numbers and the door. The checks that run whole studies are left to `make test`.
SMOKE   = tests/byhand tests/readers/test_contract.py tests/test_qualify.py -k "not OQ-1 and not OQ-2"

test-locked:                     ## a smoke set on exactly the locked versions, every download checked against its hash
	$(PYTHON) -m venv $(LOCKED)
	$(LOCKED)/bin/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/locked.txt
	$(LOCKED)/bin/python -m pip install --quiet --no-deps --editable .
	$(LOCKED)/bin/python -m pytest -q -n $(JOBS) $(SMOKE)

test-lowest:                     ## the same on the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --requirement requirements/lowest.txt pytest pytest-xdist hypothesis
	$(LOWEST)/bin/python -m pip install --quiet --no-deps --editable .
	$(LOWEST)/bin/python -m pytest -q -n $(JOBS) -W default $(SMOKE)

lock:                            ## make the lists of versions again (needs uv); read the difference before committing it
	uv pip compile pyproject.toml --quiet --extra excel --extra sas --extra word --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file requirements/release.txt
	uv pip compile pyproject.toml --quiet --extra test --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file requirements/locked.txt
	uv pip compile pyproject.toml --quiet --extra excel --extra sas --python-version 3.11 --resolution lowest-direct --no-header --no-annotate --output-file requirements/lowest.txt

sbom: $(VENV)/installed          ## what a release needs, as a CycloneDX list: out/sbom.json, the same bytes from the same versions
	$(BIN)/python -m pip install --quiet 'cyclonedx-bom>=5'
	mkdir -p out
	$(BIN)/cyclonedx-py requirements requirements/release.txt --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file out/sbom.json

clean:
	rm -rf $(LOCKED) $(LOWEST) $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache
