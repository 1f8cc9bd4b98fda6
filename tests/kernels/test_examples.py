"""Every example in a kernel's docstrings runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import biomarkers.kernels

NAMES = sorted(module.name for module in pkgutil.iter_modules(biomarkers.kernels.__path__))


@pytest.mark.parametrize("name", NAMES)
def test_examples_print_what_they_say(name: str) -> None:
    module = importlib.import_module(f"biomarkers.kernels.{name}")
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).failed == 0
