"""Small runs of the calibrations for every change; the full ones are printed by run.py and kept in docs/calibration.md.

A small run can only catch a gross error: the bands are three to four Monte-Carlo errors around what the full runs say.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from biomarkers.kernels.maxstat import max_selected


def _designs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trial_designs", Path(__file__).with_name("trial_designs.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["trial_designs"] = module
    spec.loader.exec_module(module)
    return module


designs = _designs()


@pytest.mark.parametrize("n", [64, 50, 45])
def test_the_designs_have_the_events_they_were_tuned_to(n: int) -> None:
    design = designs.DESIGNS[n]
    rng = np.random.default_rng(n)
    dropout = design.dropout()
    events = [designs.trial(rng, design, dropout, np.zeros(n), 0.0)[1].sum() for _ in range(400)]
    assert np.mean(events) == pytest.approx(design.events, abs=4 * np.std(events) / 20)


@pytest.mark.parametrize("kind", designs.MARKERS)
def test_the_default_p_value_holds_its_level_in_a_small_run(kind: str) -> None:
    p = designs.null_p_values(kind, 50, 400, seed=1, permutations=199)
    assert 0.015 <= (p["default"] <= 0.05).mean() <= 0.10
    assert abs((p["default"] <= 0.5).mean() - 0.5) < 0.11


@pytest.mark.parametrize(("kind", "effect"), [("binary 30 %", np.log(3)), ("log scale", 0.47)])
def test_the_default_interval_covers_in_a_small_run(kind: str, effect: float) -> None:
    assert designs.coverage(kind, 64, effect, 300, seed=2)["profile_t"] > 0.905


def test_a_searched_cut_pays_for_its_search_in_a_small_run() -> None:
    design = designs.DESIGNS[50]
    rng = np.random.default_rng(5)
    dropout = design.dropout()
    naive = paid = 0
    for k in range(200):
        x = rng.normal(size=50)
        days, event, _ = designs.trial(rng, design, dropout, x, 0.0)
        found = max_selected(days, event, x, permutations=99, seed=k)
        naive += found.statistic > 1.96
        paid += found.p_values["permutation"] <= 0.05
    assert naive / 200 > 0.25
    assert paid / 200 < 0.11
