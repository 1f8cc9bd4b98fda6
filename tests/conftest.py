"""Fixtures that every room may use: where the reference material and the sample studies are."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Third-party reference data that may not be committed; a test that needs it is skipped where it is absent."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("needs ../shared/reference, third-party data that is not part of this repository")
    return SHARED
