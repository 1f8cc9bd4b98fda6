# Two commands for a new machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
JOBS   ?= 2

.PHONY: demo test lint test-browser calibrate clean

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

test: lint                       ## the whole test suite
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow"

test-browser: $(VENV)/installed  ## every page in a real browser; needs node and Chromium
	cd tests/browser && npm install --no-audit --no-fund --silent
	$(BIN)/python -m pytest -q tests/browser

calibrate: $(VENV)/installed     ## the full calibrations (long); their printed results are kept in docs/
	$(BIN)/python -m pytest -q -m slow

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache
