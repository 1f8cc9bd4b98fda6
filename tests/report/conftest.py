"""The synthetic results, made once for the tests of this folder."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _factory() -> ModuleType:
    name = "biomarkers_report_factory"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("factory.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def factory() -> ModuleType:
    """The module that makes synthetic results."""
    return _factory()


@pytest.fixture(scope="session")
def two() -> object:
    """Two cohorts, every state."""
    return _factory().results()


@pytest.fixture(scope="session")
def hostile() -> object:
    """Hostile names of markers, cohorts, arms and files."""
    return _factory().results(hostile=True)


@pytest.fixture(scope="session")
def pages(two) -> dict[str, bytes]:
    """The report of `two`."""
    from biomarkers.report import report_files

    return report_files(two)


@pytest.fixture(scope="session")
def hostile_pages(hostile) -> dict[str, bytes]:
    """The report of `hostile`."""
    from biomarkers.report import report_files

    return report_files(hostile)
