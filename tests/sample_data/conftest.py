"""The generators are scripts beside their data; the tests import them as a person runs them, from `sample_data/`."""

import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
if str(SAMPLES) not in sys.path:
    sys.path.insert(0, str(SAMPLES))


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the committed studies."""
    return SAMPLES


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything made afresh, laid out as it is committed."""
    import make_br1801
    import make_dirty
    import make_stop_her2

    out = tmp_path_factory.mktemp("samples")
    make_br1801.make(out / "br1801")
    make_stop_her2.make(out / "stop_her2")
    make_dirty.make(out)
    return out
