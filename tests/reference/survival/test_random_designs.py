"""R's coxph, cox.zph, concordance and basehaz on random designs: a committed subset here, a thousand by command."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_with_r", HERE / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_with_r"] = module
    spec.loader.exec_module(module)
    return module


def _check(answers: Path, data: Path, at_least: int) -> None:
    script = _script()
    found, _ = script.compare(answers, data)
    assert len(found["km"]) >= at_least
    assert set(found) | {"loglik_infinite"} == set(script.LIMITS)
    worst = {name: gaps[0] for name, gaps in found.items() if gaps[0][0] > script.LIMITS[name]}
    assert worst == {}, "(difference, design) by quantity"


def test_forty_random_designs_agree_with_r() -> None:
    _check(HERE / "random_designs.json", HERE / "random_designs.csv.gz", 40)


@pytest.mark.slow
def test_a_thousand_random_designs_agree_with_r(tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("needs R with the survival package")
    answers, data = tmp_path / "answers.json", tmp_path / "data.csv"
    subprocess.run(
        [rscript, str(HERE / "random_designs.R"), "1000", str(answers), str(data), "2026"], check=True, capture_output=True
    )
    _check(answers, data, 1000)
