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
    # R leaves out what equals the study, and takes off what two cuts share even where the marker's ties forbid one of them.
    assert HL < found.p_values["hl"] < 1.03 * HL


STATISTIC, CUT = 2.9508662512266337, 8.5
LAU92, LAU94, HL = 0.065830949164057531, 0.036446663836266192, 0.051290575715753461


ORDERS = np.array(list(itertools.permutations(range(7))))


def rounded(t, d, x):
    """Integer scores 0 .. n in the order of the marker, and the numbers of subjects at or below each of its cuts."""
    a = log_rank_scores(t, d.astype(bool), np.zeros(t.size, dtype=np.int64))
    order = np.lexsort((a, x))
    a, x = a[order] - a.min(), x[order]
    below = [m for m in range(1, t.size) if x[m - 1] < x[m] and m <= int(0.9 * t.size)]
    return np.round(a * t.size / max(a.max(), 1e-300)), below


def exceedances(scores, below):
    """Whether each order of the scores reaches, at each cut, the largest statistic of the order given, (orders, cuts)."""
    n = scores.size
    spread = ((scores - scores.mean()) ** 2).sum() / (n - 1)
    sums = np.cumsum(scores[np.vstack([np.arange(n), ORDERS])], axis=1)
    T = np.column_stack([np.abs(sums[:, m - 1] - m * scores.mean()) / np.sqrt(spread * m * (n - m) / n) for m in below])
    return T[1:] >= T[0].max() - 1e-9


@pytest.mark.parametrize("tied", [False, True])
def test_hothorn_and_lausen_s_p_is_never_below_that_of_all_orders_of_the_scores(tied: bool) -> None:
    rng = np.random.default_rng(11)
    sharper = seen = 0
    for _ in range(120):
        t, d = rng.exponential(size=7), (rng.random(7) < rng.uniform(0.1, 0.9)).astype(int)
        x = rng.integers(0, 4, size=7).astype(float) if tied else rng.normal(size=7)
        t = np.ceil(3 * t) if tied else t
        scores, below = rounded(t, d, x) if d.any() else (np.zeros(7), [])
        if not below or np.unique(scores).size < 2:
            continue
        p = max_selected(t, d, x).p_values["hl"]
        reached = exceedances(scores, below)
        bonferroni = min(1.0, reached.mean(axis=0).sum())
        assert reached.any(axis=1).mean() - 1e-9 <= p <= bonferroni + 1e-9
        sharper += p < bonferroni - 1e-9
        seen += 1
        if len(below) == 1:
            assert p == pytest.approx(reached.mean())
    assert seen > 40
    assert sharper >= 5


def tied_studies():
    """Two in which cuts share an order, and random ones whose marker and times are tied, so that cuts lie apart."""
    yield np.array([1.0, 7, 6, 5, 4, 3, 2]), np.array([1, 0, 0, 0, 0, 0, 1]), np.array([1.0, 1, 7, 6, 6, 4, 3])
    yield np.array([7.0, 2, 1, 6, 5, 4, 3]), np.array([1, 1, 1, 1, 0, 0, 0]), np.array([0.0, 0, 1, 1, 2, 0, 2])
    rng = np.random.default_rng(5)
    for _ in range(40):
        d = (rng.random(7) < rng.uniform(0.3, 1)).astype(int)
        d[0] = 1
        x = [1.0, 1, 1, 2, 2, 3, 3] if rng.random() < 0.5 else [1.0, 1, 2, 2, 2, 3, 4]
        yield np.ceil(4 * rng.exponential(size=7)), d, rng.permutation(x)


def test_an_order_that_reaches_it_at_two_neighbouring_cuts_whatever_comes_between_is_counted_once() -> None:
    once = 0
    for t, d, x in tied_studies():
        scores, below = rounded(t, d, x)
        if np.unique(scores).size < 2:
            continue
        reached = exceedances(scores, below)
        spread = ((scores - scores.mean()) ** 2).sum() / 6

        def reach(total, m, scores=scores, spread=spread):
            return np.abs(total - m * scores.mean()) / np.sqrt(spread * m * (7 - m) / 7)

        best = max(reach(scores[:m].sum(), m) for m in below) - 1e-9
        p = reached.mean(axis=0).sum()
        for k, (m, following) in enumerate(itertools.pairwise(below)):
            between = np.sort(scores)[: following - m].sum(), np.sort(scores)[m - following :].sum()
            more = np.arange(between[0], between[1] + 1)
            total = scores[ORDERS[:, :m]].sum(axis=1)
            shared = (reached[:, k] & (reach(total[:, None] + more, following) >= best).all(axis=1)).mean()
            p -= shared
            once += shared > 0
        assert max_selected(t, d, x).p_values["hl"] == pytest.approx(min(p, 1.0))
    assert once > 5


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
