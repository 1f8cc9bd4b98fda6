"""Searched cut-points against R's maxstat on rows with ties in time and marker, and against all permutations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from biomarkers.kernels.maxstat import log_rank_scores, max_selected

I = np.arange(1, 37)
TIME = ((I * 7) % 29 + 1).astype(float)
EVENT = ((I * 5) % 7 > 1).astype(int)
MARKER = ((I * 11) % 19) / 2 + np.floor(TIME / 3)


def test_statistic_cut_and_p_values_are_maxstat_s() -> None:
    # maxstat 0.7-25 on these rows: tests/reference/survival/maxstat.R.
    found = max_selected(TIME, EVENT, MARKER)
    assert found.statistic == pytest.approx(STATISTIC, rel=1e-12)
    assert found.cutpoint == CUT
    assert found.p_values["lau92"] == pytest.approx(LAU92, rel=1e-10)
    assert found.p_values["lau94"] == pytest.approx(LAU94, rel=1e-10)
    assert found.p_values["hl"] == pytest.approx(HL, rel=1e-8)


STATISTIC, CUT = 2.9508662512266337, 8.5
LAU92, LAU94, HL = 0.065830949164057531, 0.036446663836266192, 0.051290575715753461


def test_scores_sum_to_zero_without_ties_and_use_the_largest_rank_of_a_tie() -> None:
    scores = log_rank_scores(np.arange(36.0), EVENT.astype(bool), np.zeros(36, dtype=np.int64))
    assert scores.sum() == pytest.approx(0, abs=1e-12)
    # Two deaths tied at the first of three times: both have rank 2, so each adds 1 / (3 - 2 + 1).
    tied = log_rank_scores(np.array([1.0, 1, 2]), np.array([True, True, False]), np.zeros(3, dtype=np.int64))
    assert tied.tolist() == [0.0, 0.0, -1.0]


def test_the_permutation_p_estimates_the_full_enumeration() -> None:
    t, d, x = np.array([2.0, 3, 5, 6, 8, 4]), np.array([1, 1, 0, 1, 1, 1]), np.array([5.0, 6, 3, 4, 1, 2])
    observed = max_selected(t, d, x, minprop=0.2, maxprop=0.8).statistic
    every = [max_selected(t, d, x[list(p)], minprop=0.2, maxprop=0.8).statistic for p in itertools.permutations(range(6))]
    exact = np.mean(np.array(every) >= observed - 1e-10)
    found = max_selected(t, d, x, minprop=0.2, maxprop=0.8, permutations=20_000, seed=3).p_values["permutation"]
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_strata_keep_their_scores_apart() -> None:
    # The second stratum lives ten times longer; crude, the marker that marks it looks strong.
    rng = np.random.default_rng(2)
    g = np.repeat([0, 1], 40)
    t, x = rng.exponential(size=80) * np.where(g, 10, 1), rng.normal(size=80) - 2 * g
    crude = max_selected(t, np.ones(80), x, permutations=499, seed=1).p_values["permutation"]
    stratified = max_selected(t, np.ones(80), x, stratum=g, permutations=499, seed=1).p_values["permutation"]
    assert crude <= 0.01
    assert stratified > 0.05


def test_no_events_and_no_cut_are_errors() -> None:
    with pytest.raises(ValueError, match="0 events among n = 36"):
        max_selected(TIME, np.zeros(36), MARKER)
    with pytest.raises(ValueError, match=r"1 distinct value\(s\)"):
        max_selected(TIME, EVENT, np.ones(36))
