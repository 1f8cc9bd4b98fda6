"""Risk sets: against the definition row by row, narrow and wide, dense and running, and R's timefix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from biomarkers.kernels.riskset import RiskSets, merge_near_ties, risk_sets


def _random(seed: int, n: int = 40, delayed: bool = True, ties: str = "efron") -> tuple[RiskSets, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    time = rng.integers(2, 12, n).astype(float)
    rows = {
        "exit": time, "entry": np.floor(time * rng.random(n)), "event": rng.random(n) < 0.7,
        "stratum": rng.integers(0, 3, n), "weight": rng.uniform(0.5, 2, n),
    }  # fmt: skip
    rows["entry"] = np.minimum(rows["entry"], rows["exit"] - 1) if delayed else np.full(n, -np.inf)
    return risk_sets(**rows, ties=ties), rows  # type: ignore[arg-type]


def _counts(rs: RiskSets) -> np.ndarray:
    """c_ki by the definition: entry < T <= exit in the stratum, 1 - f for those who die at that time."""
    out = np.zeros((rs.n_steps, rs.n))
    for k in range(rs.n_steps):
        T, g, f = rs.time[rs.step_time[k]], rs.time_stratum[rs.step_time[k]], rs.step_fraction[k]
        entry = np.full(rs.n, -np.inf) if rs.entry is None else rs.entry
        at_risk = (rs.stratum == g) & (entry < T) & (rs.exit >= T)
        dies = at_risk & rs.event & (rs.exit == T)
        out[k] = at_risk - f * dies
    return out


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("delayed", [True, False])
@pytest.mark.parametrize("columns", [1, 4, 300])
@pytest.mark.parametrize("dense", [True, False])
def test_sums_and_their_transpose_are_the_definition(ties: str, delayed: bool, columns: int, dense: bool) -> None:
    for seed in range(5):
        rs, _ = _random(seed, delayed=delayed, ties=ties)
        if not dense:
            rs = replace(rs, _dense=None)
        C = _counts(rs)
        rng = np.random.default_rng(seed)
        M, v = rng.normal(size=(rs.n, columns)), rng.normal(size=(rs.n_steps, columns))
        np.testing.assert_allclose(rs.at_risk_sums(M), C @ M, atol=1e-12)
        np.testing.assert_allclose(rs.at_risk_sums(M.copy(), overwrite=True), C @ M, atol=1e-12)
        np.testing.assert_allclose(rs.spread(v), C.T @ v, atol=1e-12)


def test_step_weights_are_mean_weights_of_the_tied_deaths_under_efron_and_their_sum_under_breslow() -> None:
    kwargs = {"exit": [3, 3, 5], "event": [1, 1, 1], "weight": [1.0, 3.0, 2.0]}
    assert risk_sets(**kwargs).step_weight.tolist() == [2.0, 2.0, 2.0]  # type: ignore[arg-type]
    assert risk_sets(**kwargs, ties="breslow").step_weight.tolist() == [2.0, 4.0]  # type: ignore[arg-type]


def test_a_row_that_no_death_sees_has_no_weight() -> None:
    rs = risk_sets([1, 4, 5, 6], [0, 1, 1, 0], entry=[0, 0, 0, 5])
    exposed = rs.to_caller(rs.exposed)
    assert exposed.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_results_return_to_the_caller_s_order() -> None:
    rs, rows = _random(3)
    np.testing.assert_array_equal(rs.to_caller(rs.exit), rows["exit"])


def test_near_ties_become_the_smallest_of_their_run() -> None:
    found = merge_near_ties([1.0, 1.0 + 1e-13, 1.0 + 2e-13, 2.0], [0.0, 0.5, 0.5, 1.0 - 1e-13])
    assert found.n_merged == 3
    assert len(set(found.exit[:3])) == 1
    assert found.exit[0] == 1.0 - 1e-13


def test_the_tolerance_is_absolute_or_relative_to_the_mean_time() -> None:
    # A gap of 1e-5 among times near 1e4 is 1e-9 of their mean: one time. Among times near 1 it is not.
    assert merge_near_ties([1e4, 1e4 + 1e-5, 2e4]).n_merged == 1
    assert merge_near_ties([1.0, 1.0 + 1e-5, 2.0]).n_merged == 0


def test_an_interval_that_would_vanish_is_an_error_with_its_row() -> None:
    with pytest.raises(ValueError, match=r"1 interval\(s\) vanish .* first at row 1"):
        merge_near_ties([1.0, 2.0 + 1e-13, 3.0], [0.0, 2.0, 1.0])


def test_whole_days_are_left_alone() -> None:
    days = np.arange(500.0)
    found = merge_near_ties(days)
    assert found.exit is days
    assert found.n_merged == 0


def test_unequal_columns_and_bad_weights_are_errors() -> None:
    with pytest.raises(ValueError, match="exit has 3 rows, event 2"):
        risk_sets([1, 2, 3], [1, 0])
    with pytest.raises(ValueError, match="1 weight"):
        risk_sets([1, 2], [1, 0], weight=[1.0, 0.0])
