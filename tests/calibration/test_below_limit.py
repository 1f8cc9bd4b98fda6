"""Values below the limit: the simulated rules are the product's, and give the truth back."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from biomarkers.domain.markers import MARKERS
from biomarkers.models.association import Model
from biomarkers.models.below_limit import associate_entering, rule_for


@pytest.fixture(scope="module")
def bench():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "below_limit.py"
    spec = importlib.util.spec_from_file_location("below_limit_bench", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["below_limit_bench"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("share", [0.2, 0.6, 0.8])
def test_a_simulated_trial_is_analysed_as_the_product_analyses_it(bench, share):
    trial = bench.simulate(np.random.default_rng(5), 64, share, 1.3)
    actual = trial.entering.share
    b, low, high, p = bench.analyse(trial, 0, rule_for(actual))
    model = Model(adjust=("arm",), permutations=0, method="profile", seed=0)
    found, _ = associate_entering(trial.rows, trial.entering, MARKERS["tk1_dul"], model, groups=None)
    row = next(r for r in found.rows if r["estimand"] == "hazard ratio" and not r["term"].endswith("[detected][detected]")
               and (rule_for(actual) != "detected and level" or "level" in r["term"]))  # fmt: skip
    assert math.log(row["estimate"]) == pytest.approx(b, rel=1e-8)
    assert (math.log(row["conf_low"]), math.log(row["conf_high"])) == pytest.approx((low, high), rel=1e-6)
    if rule_for(actual) != "detected and level":
        assert row["p_value"] == pytest.approx(p, rel=1e-6)


def test_leaving_the_level_at_the_limit_is_biased_and_imputing_it_is_less_so(bench):
    rng = np.random.default_rng(11)
    at_limit, imputed = [], []
    from biomarkers.kernels.cox import cox

    for k in range(60):
        trial = bench.simulate(rng, 120, 0.3, 1.3)
        rows = trial.rows
        at_limit.append(cox(rows["time"], rows["event"], np.column_stack([trial.entering.x, rows["arm"]])).coef[0])
        imputed.append(bench.analyse(trial, k, "imputation")[0])
    difference = np.array(at_limit) - np.array(imputed)
    assert difference.mean() > 4 * difference.std() / 60**0.5
    assert 1.22 < math.exp(np.mean(imputed)) < 1.40


@pytest.mark.slow
@pytest.mark.parametrize(("share", "n"), [(0.30, 64), (0.30, 120), (0.60, 64), (0.60, 120)])
def test_the_default_rule_gives_the_truth_back_with_its_coverage(bench, share, n):
    found = bench.run(1000, share, 1.30, n)
    assert 1.25 <= found["hazard_ratio"] <= 1.35
    assert 0.92 <= found["coverage"] <= 0.97


@pytest.mark.slow
def test_detected_yes_or_no_keeps_its_size(bench):
    found = bench.run(2000, 0.72, 1.0, 64)
    assert 0.04 <= found["rejected"] <= 0.06
