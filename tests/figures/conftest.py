"""The synthetic results, for the tests of this folder."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def factory():
    """The module that makes synthetic results."""
    name = "biomarkers_report_factory"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "report" / "factory.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def two(factory):
    """Two cohorts, every state."""
    return factory.results()


@pytest.fixture(scope="session")
def hostile(factory):
    """Hostile names everywhere."""
    return factory.results(hostile=True)
