"""Borders reached exactly, branches that few data take, and numbers that stand beside the one everybody looks at."""

from __future__ import annotations

import importlib
import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from biomarkers.kernels import family, maxstat
from biomarkers.kernels.cox import cox
from biomarkers.kernels.family import Member, max_t_family
from biomarkers.kernels.hardy_weinberg import hardy_weinberg
from biomarkers.kernels.history_power import _at_risk, _robust_z, histories
from biomarkers.kernels.kappa import fleiss_kappa, weighted_kappa
from biomarkers.kernels.km import kaplan_meier
from biomarkers.kernels.likelihood import aliased_columns, design, evaluate
from biomarkers.kernels.maxstat import max_selected
from biomarkers.kernels.newton import newton
from biomarkers.kernels.resample import generator, joint_statistics
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.rmst import survival_difference
from biomarkers.kernels.scan import centred, fit_many, null_model
from biomarkers.kernels.searched_cut import shrunken_cut
from biomarkers.kernels.simulated_power import read_off
from biomarkers.kernels.three_plus_three import characteristics

# ---- where Newton stops ----------------------------------------------------------------------------------------------


def batch(columns: list[np.ndarray]):
    n = columns[0].size
    rs = risk_sets(np.arange(1.0, n + 1), np.ones(n, int))
    return rs, np.column_stack(columns)[rs.order][:, None, :]


def test_likelihoods_without_a_maximum_stop_when_nothing_is_gained_each_in_its_own_time() -> None:
    i = np.arange(20.0)
    rs, X = batch([-i, -(i**3), np.r_[1.0, np.zeros(19)], -(i**6), np.random.default_rng(0).normal(size=20), -np.sqrt(i)])
    together = newton(rs, design(rs, X), np.zeros((6, 1)))
    alone = [newton(rs, design(rs, X[:, :, [q]]), np.zeros((1, 1))) for q in range(6)]
    assert together.iterations == pytest.approx([one.iterations[0] for one in alone], abs=2)
    assert len(set(together.iterations)) > 3
    assert together.iterations.max() < 45
    assert together.converged.all()
    assert together.loglik == pytest.approx([one.loglik[0] for one in alone], abs=1e-9)


def test_a_newton_that_was_stopped_says_the_likelihood_of_where_it_stands() -> None:
    rng = np.random.default_rng(2)
    rs, X = batch([rng.normal(size=20) for _ in range(3)])
    D = design(rs, X)
    for steps in range(4):
        found = newton(rs, D, np.full((3, 1), 2.0), max_steps=steps)
        assert not found.converged.any()
        assert found.iterations.tolist() == [steps] * 3
        at = evaluate(rs, D, found.beta)
        assert found.loglik == pytest.approx(at.loglik, rel=1e-12)
        assert found.information == pytest.approx(at.information)


def test_a_direction_made_of_two_columns_is_infinite_though_each_keeps_its_information() -> None:
    """x1 + x2 separates and x1 varies on: both are infinite, by the linear programme that many steps call for."""
    for seed in range(4):
        a, s = np.random.default_rng(seed).normal(size=14), np.r_[np.ones(7), np.zeros(7)]
        found = cox(np.arange(1.0, 15), np.r_[np.ones(10), np.zeros(4)], np.column_stack([a, s - a]))
        assert found.coef.tolist() == [math.inf, math.inf]
        assert not found.finite.any()


def test_a_lone_carrier_who_dies_first_is_infinite_beside_an_ordinary_covariate() -> None:
    """One leap takes Newton to where the likelihood is flat in one column and as good as ever in the other."""
    leaps = 0
    for seed in range(14):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(10, 400))
        z = rng.normal(size=n) if seed % 2 else rng.integers(0, 2, n).astype(float)
        d = np.r_[1, rng.random(n - 1) < 0.7]
        found = cox(np.arange(1.0, n + 1), d, np.column_stack([np.r_[1.0, np.zeros(n - 1)], z]))
        assert found.finite.tolist() == [False, True]
        assert found.coef[0] == math.inf
        leaps += found.iterations <= 10
    assert leaps >= 5


def test_a_column_is_made_of_others_where_its_pivot_is_below_r_s_tolerance() -> None:
    """`toler.chol` of R is eps^0.75 = 1.8e-12 of the largest pivot."""
    assert aliased_columns(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-12]])).tolist() == [False, True]
    assert aliased_columns(np.array([[1.0, 1.0], [1.0, 1.0 + 4e-12]])).tolist() == [False, False]
    assert aliased_columns(np.array([[1e6, 0.0], [0.0, 1e-6]])).tolist() == [False, True]
    assert aliased_columns(np.diag([1e-6, 1e6])).tolist() == [True, False]


def test_one_event_is_enough_for_many_fits() -> None:
    """Information of less than one in scaled units is information."""
    t, d, x = [1.0, 2, 3, 4, 5, 6], [1, 0, 0, 0, 0, 0], np.array([0.9, 0.0, 1.0, 1.0, 0.95, 1.0])
    one = cox(t, d, x[:, None])
    assert one.finite.all()
    assert one.information[0, 0] < 1
    rs = risk_sets(t, d)
    found = fit_many(null_model(rs), x[rs.order][:, None])
    assert (found.coef[0], found.std_error[0]) == pytest.approx((one.coef[0], one.std_error[0]))


def test_a_fit_that_was_stopped_says_that_it_did_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a coefficient is infinite: that is an answer, and no more steps would change it."""
    module = importlib.import_module("biomarkers.kernels.cox")
    real = module.newton
    monkeypatch.setattr(module, "newton", lambda *given, **named: real(*given, **named, max_steps=1))
    x = np.random.default_rng(1).normal(size=(20, 1))
    short = cox(np.arange(20.0) + 1, np.ones(20), x)
    assert (short.finite.tolist(), short.converged) == ([True], False)
    separated = cox(np.arange(20.0) + 1, np.ones(20), np.arange(20.0)[:, None])
    assert (separated.finite.tolist(), separated.converged) == ([False], True)


# ---- permutations of a family ----------------------------------------------------------------------------------------


def test_the_p_values_of_a_family_are_counts_over_the_orders_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same keys once more: three tests, two blocks, one marker of two columns, one that some people miss."""
    monkeypatch.setattr(family, "_BATCH", 40)
    rng = np.random.default_rng(1)
    n, B = 24, 99
    t, d, block = rng.exponential(size=n), rng.random(n) < 0.8, np.arange(n) % 2
    people = [np.arange(n), np.flatnonzero(rng.random(n) < 0.7), np.arange(n)]
    markers = [rng.normal(size=(n, 1)), rng.normal(size=(n, 1))[people[1]], rng.normal(size=(n, 2))]
    markers[0][:, 0] -= 0.8 * t
    members = []
    for who, m in zip(people, markers, strict=True):
        rs = risk_sets(t[who], d[who], stratum=block[who])
        members.append(Member(null_model(rs), m[rs.order], who[rs.order]))
    found = max_t_family(members, block, permutations=B, seed=6)

    def statistic(member: Member, marker: np.ndarray) -> float:
        value = float(joint_statistics(member.null, centred(member.null.rs, marker)[:, None, :])[0])
        return value if marker.shape[1] == 1 else float(stats.chi2.isf(stats.chi2.sf(value, 2), 1))

    T = np.array([statistic(m, m.marker) for m in members])
    assert found.statistic == pytest.approx(T)
    stream, drawn = generator(6), []
    for size in (40, 40, 19):
        for key in stream.random((size, n)):
            row = []
            for member, who, m in zip(members, people, markers, strict=True):
                moved = np.empty_like(m)
                for g in (0, 1):
                    mine = np.flatnonzero(block[who] == g)
                    moved[mine] = m[mine[np.argsort(key[who[mine]])]]
                row.append(statistic(member, moved[np.searchsorted(who, member.subject)]))
            drawn.append(row)
    drawn = np.array(drawn) + 1e-9
    order = np.argsort(-T)
    down = [(1 + (drawn[:, order[k:]].max(axis=1) >= T[order[k]]).sum()) / (B + 1) for k in range(3)]
    assert found.p_permutation == pytest.approx((1 + (drawn >= T).sum(axis=0)) / (B + 1))
    assert found.p_single_step == pytest.approx([(1 + (drawn.max(axis=1) >= one).sum()) / (B + 1) for one in T])
    assert found.p_step_down[order] == pytest.approx(np.maximum.accumulate(down))
    assert found.permutations == B
    assert found.p_permutation[0] < 0.05 < found.p_permutation[1:].min()


# ---- cuts ------------------------------------------------------------------------------------------------------------


def test_exact_sums_are_made_up_to_the_largest_study_for_which_they_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    t, d, x = np.arange(1.0, 13), np.ones(12, int), np.array([3.0, 1, 9, 5, 2, 8, 7, 4, 6, 12, 11, 10])
    monkeypatch.setattr(maxstat, "_HL_LARGEST", 12)
    at_border = max_selected(t, d, x).p_values
    monkeypatch.setattr(maxstat, "_HL_LARGEST", 11)
    beyond = max_selected(t, d, x).p_values
    assert 0 < at_border["hl"] <= 1
    assert math.isnan(beyond["hl"])
    assert beyond["lau94"] == at_border["lau94"]


def test_no_p_of_a_search_is_larger_than_one() -> None:
    """Markers without any relation, among them such that no cut separates better than chance does."""
    rng = np.random.default_rng(3)
    weak = 0
    for _ in range(60):
        n = int(rng.integers(6, 14))
        x = np.r_[0, 1, rng.integers(0, 3, n - 2)]
        found = max_selected(rng.integers(1, 4, n), np.r_[True, rng.random(n - 1) < 0.8], x, permutations=20)
        assert all(0 <= p <= 1 for p in found.p_values.values())
        if found.statistic < 1:
            weak += 1
            assert found.p_values["lau92"] == 1
    assert weak > 3


def test_a_marker_that_only_tells_the_strata_apart_has_nothing_to_shrink() -> None:
    g = np.repeat([0, 1], 6)
    found = shrunken_cut(np.arange(1.0, 13), np.ones(12), g.astype(float), stratum=g)
    assert astuple(found) == (0.0, 0.0, 0.0)
    assert found.coef == 0


# ---- readers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_of_two_classes_every_weight_says_the_same(weights: str) -> None:
    found = weighted_kappa([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], n_classes=2, weights=weights)
    assert (found.observed, found.expected) == pytest.approx((3 / 5, (2 * 2 + 3 * 3) / 25))
    assert found.kappa == pytest.approx((3 / 5 - 13 / 25) / (12 / 25))


def test_readers_who_only_ever_use_one_class_have_no_kappa() -> None:
    one = weighted_kappa([1, 1, 1], [1, 1, 1], n_classes=3)
    assert (one.n, one.k) == (3, 2)
    assert np.isnan([one.kappa, one.std_error, one.conf_low, one.conf_high]).all()
    many = fleiss_kappa([[1, 1, 1], [1, 1, 1]], n_classes=2)
    assert (many.n, many.k, many.observed, many.expected) == (2, 3, 1, 1)
    assert math.isnan(many.kappa)


# ---- counts, curves, rules -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "name"), [(0, "n_ff"), (1, "n_vf"), (2, "n_vv")])
def test_the_count_that_is_none_is_named(place: int, name: str) -> None:
    counts: list[float] = [4, 5, 6]
    for bad in (-1, 2.5, True):
        counts[place] = bad
        with pytest.raises(ValueError, match=rf"^{name}={bad!r}: a count is needed$"):
            hardy_weinberg(*counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(("counts", "f"), [((0, 0, 7), math.nan), ((7, 0, 0), math.nan), ((1, 0, 9), 1.0), ((9, 0, 1), 1.0),
                                           ((0, 1, 0), -1.0), ((1, 0, 1), 1.0), ((1, 1, 1), 1 / 3), ((0, 1, 5), -1 / 11)])
def test_inbreeding_of_few(counts: tuple[int, int, int], f: float) -> None:
    """One allele alone has none; 1 - n_VF / (2 n p q) otherwise."""
    found = hardy_weinberg(*counts)
    assert found.f == pytest.approx(f, nan_ok=True)
    assert math.isnan(found.f_low) == math.isnan(found.f_high) == math.isnan(f)
    assert 0 < found.p_value <= 1


def test_the_area_under_a_curve_that_reaches_zero_and_its_error() -> None:
    """The last death leaves no area behind it: 1 + 2/3 + 1/3, with areas 1 and 1/3 right of the first two."""
    area, error = kaplan_meier([1, 2, 3], [1, 1, 1]).rmst(5.0)
    assert area == pytest.approx(2)
    assert error == pytest.approx(math.sqrt(1 / (3 * 2) + (1 / 3) ** 2 / (2 * 1)))


def test_curves_of_which_one_has_not_begun_to_fall_or_is_at_its_end_are_compared_as_they_are() -> None:
    """The log-log scale has no value there; the plain difference does."""
    early, late = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0]), kaplan_meier([3, 4, 5, 6], [1, 1, 1, 1])
    for one, two, t in ((early, late, 2.5), (late, early, 2.5)):
        found = survival_difference(one, two, t)
        sign = 1 if one is early else -1
        error = float(early.at(t)[2][0])
        assert (found.estimate, found.std_error) == pytest.approx((sign * 0.5, error))
        assert found.statistic == pytest.approx(sign * 0.5 / error)
        assert found.p_value == pytest.approx(2 * stats.norm.sf(0.5 / error))
    both = survival_difference(early, late, 3.5)
    assert both.statistic != pytest.approx(both.estimate / both.std_error)


@pytest.mark.parametrize(("levels", "paths"), [(1, 7), (2, 19), (3, 43), (4, 91)])
def test_a_three_plus_three_trial_has_as_many_paths_as_its_tree_has_leaves(levels: int, paths: int) -> None:
    """A level ends the trial on five of its seven paths, at the top on all: P(L) = 5 + 2 P(L - 1), P(1) = 7."""
    found = characteristics([0.2] * levels)
    assert found.n_paths == paths
    assert found.p_mtd.sum() + found.p_none == pytest.approx(1)
    assert sum(found.n_distribution.values()) == pytest.approx(1)
    assert sum(n * p for n, p in found.n_distribution.items()) == pytest.approx(found.expected_n.sum())
    assert found.expected_dlt == pytest.approx(0.2 * found.expected_n)


def test_where_nothing_can_be_detected_nothing_was_simulated() -> None:
    for formula in (math.nan, math.inf, 1.0):
        found = read_off(lambda b: 1 / 0, formula)
        assert found.replicates == 0
        assert np.isnan([found.hazard_ratio, found.std_error, found.power_at_formula, found.mc_error]).all()


def test_a_constant_marker_has_a_robust_test_of_nothing() -> None:
    study = histories(np.zeros(6), np.full(6, np.inf), np.ones((6, 1)), subject=range(6), time=np.arange(6) + 1.0,
                      event=np.ones(6))
    assert _robust_z(study, *_at_risk(study, np.arange(6)[None, :]), np.array([[1.0]])).tolist() == [[0.0]]
