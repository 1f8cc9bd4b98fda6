"""The reference numbers of this room; their origin is in reference/README.md."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference():
    """Read one of the reference files by its stem."""
    folder = Path(__file__).parent / "reference"

    def read(name):
        return json.loads((folder / f"{name}.json").read_text())

    return read
