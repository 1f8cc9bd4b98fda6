"""Permutations counted, designs tried one by one, borders reached exactly, and what holds where nothing is said."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy import optimize, stats

from biomarkers.kernels import family, history_power, maxstat, response_power, simulated_power
from biomarkers.kernels import simon as two_stage
from biomarkers.kernels.adjust import METHODS, adjust
from biomarkers.kernels.agreement import intraclass
from biomarkers.kernels.binomial import clopper_pearson, newcombe, wilson
from biomarkers.kernels.carried import drawn, nearest
from biomarkers.kernels.competing import aalen_johansen, gray_test
from biomarkers.kernels.cox import cox
from biomarkers.kernels.family import Member, max_t_family
from biomarkers.kernels.fourfold import conditional, exact_ties, mantel_haenszel
from biomarkers.kernels.hardy_weinberg import _loglik, hardy_weinberg
from biomarkers.kernels.hazard import predict
from biomarkers.kernels.history_power import _at_risk, _robust_z, histories
from biomarkers.kernels.kappa import bland_altman, fleiss_kappa, weighted_kappa
from biomarkers.kernels.km import _crossing, kaplan_meier
from biomarkers.kernels.likelihood import design, evaluate
from biomarkers.kernels.logistic import logistic
from biomarkers.kernels.logrank import logrank
from biomarkers.kernels.maxstat import max_selected
from biomarkers.kernels.one_sample import beta_product, limits_at, median_limits, one_sample_logrank
from biomarkers.kernels.power import detectable_by_error, detectable_by_information, detectable_hazard_ratio
from biomarkers.kernels.rank_association import cliffs_delta, spearman
from biomarkers.kernels.recount import Pairs
from biomarkers.kernels.resample import cluster_bootstrap, generator, joint_statistics, max_t, max_t_patterns, score_permutation
from biomarkers.kernels.response_power import Responses, detectable_odds_ratio
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.rmst import rmst_difference, survival_difference
from biomarkers.kernels.scan import centred, null_model, score_matrix, score_tests, statistics
from biomarkers.kernels.searched_cut import shrunken_cut
from biomarkers.kernels.simon import TwoStage
from biomarkers.kernels.simulated_power import read_off, slots
from biomarkers.kernels.survival_two_stage import curves_at
from biomarkers.kernels.three_plus_three import characteristics

# ---- score tests of many markers and their permutations --------------------------------------------------------------


def small_study(seed: int = 4, n: int = 26):
    rng = np.random.default_rng(seed)
    t, d, g = rng.integers(1, 12, n).astype(float), rng.random(n) < 0.8, rng.integers(0, 2, n)
    return t, d, g, rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def test_a_factor_is_tested_jointly_beside_two_adjusters() -> None:
    """U' V^-1 U from the information of factor and adjusters together, at the fit of the adjusters alone."""
    t, d, g, M, Z = small_study()
    rs = risk_sets(t, d, stratum=g)
    U, V = score_matrix(null_model(rs, Z[rs.order]), M[rs.order][:, None, :])
    D = design(rs, np.column_stack([M, Z])[rs.order])
    b = cox(t, d, Z, stratum=g).coef
    at = evaluate(rs, D, np.r_[0.0, 0, 0, b * D.scale[3:, 0]][None])
    I = at.information[0]
    left = I[:3, :3] - I[:3, 3:] @ np.linalg.inv(I[3:, 3:]) @ I[3:, :3]
    assert U[0] == pytest.approx(at.score[0][:3] * D.scale[:3, 0])
    assert V[0] == pytest.approx(left * np.outer(D.scale[:3, 0], D.scale[:3, 0]))


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_a_marker_does_not_change_its_score_test(unit: float) -> None:
    t, d, g, M, _ = small_study()
    rs = risk_sets(t, d, stratum=g)
    null = null_model(rs)
    one, other = (statistics(*score_tests(null, centred(rs, u * M[rs.order]))) for u in (1.0, unit))
    assert other == pytest.approx(one, rel=1e-9)
    assert one.min() > 1e-6


def test_a_stratum_without_an_event_does_not_disturb_the_others() -> None:
    t, d, g, M, Z = small_study()
    more = [np.r_[v, extra] for v, extra in ((t, [3.0, 4.0]), (d, [False, False]), (g, [2, 2]))]
    rows = np.vstack([M, [[9.0, 9, 9], [7, 7, 7]]]), np.vstack([Z, [[1.0, 5], [2, 2]]])
    found = []
    for time, event, stratum, m, z in ((t, d, g, M, Z), (*more, *rows)):
        rs = risk_sets(time, event, stratum=stratum)
        found.append(statistics(*score_tests(null_model(rs, z[rs.order]), centred(rs, m[rs.order]))))
    assert found[1] == pytest.approx(found[0])


@pytest.mark.parametrize("columns", [1, 2])
def test_a_permutation_p_counts_the_orders_that_were_drawn_and_the_one_observed(columns: int) -> None:
    t, d, g, M, Z = small_study(9)
    m, B = M[:, :columns], 300
    found = score_permutation(t, d, m, adjust=Z, stratum=g, permutations=B, seed=7)
    rs = risk_sets(t, d, stratum=g, tiebreak=np.column_stack([m, Z]))
    null, C = null_model(rs, Z[rs.order]), centred(rs, m[rs.order])
    observed = joint_statistics(null, C[:, None, :])[0]
    drawn = [joint_statistics(null, C[order][:, None, :])[0]
             for order in np.argsort(generator(7).random((B, 26)) + rs.stratum, axis=1)]
    assert found.statistic == pytest.approx(observed)
    assert found.p_value == pytest.approx((1 + (np.array(drawn) >= observed - 1e-9).sum()) / (B + 1), abs=1e-12)
    assert found.permutations == B
    M = M - np.outer(t, [0.25, 0.08, 0.0])  # one marker clearly, one a little related to survival
    p = max_t(null, M[rs.order], permutations=B, seed=7)
    every = np.array([statistics(*score_tests(null, centred(rs, M[rs.order])[order]))
                      for order in np.argsort(generator(7).random((B, 26)) + rs.stratum, axis=1)]) + 1e-9
    assert p.p_permutation == pytest.approx((1 + (every >= p.statistic).sum(axis=0)) / (B + 1))
    assert p.p_single_step == pytest.approx([(1 + (every.max(axis=1) >= one).sum()) / (B + 1) for one in p.statistic])
    rank = np.argsort(-p.statistic)
    down = [(1 + (every[:, rank[k:]].max(axis=1) >= p.statistic[rank[k]]).sum()) / (B + 1) for k in range(3)]
    assert p.p_step_down[rank] == pytest.approx(np.maximum.accumulate(down))
    assert down[0] < down[1] < down[2]
    assert p.permutations == B


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
    assert max_selected(np.arange(1.0, 13), np.ones(12), g.astype(float), stratum=g).statistics.tolist() == [0]


@pytest.mark.parametrize(("seed", "n", "events", "effect"), [(0, 18, 0.9, 0.15), (1, 18, 0.9, 0.15), (2, 18, 0.9, 0.15),
                                                             (3, 18, 0.0, 0.15), (4, 50, 1.0, 0.04)])
def test_the_shrinkage_factor_is_the_slope_on_what_was_found_without_each_subject(seed, n, events, effect) -> None:
    """A subject without whom there is no event has the score 0; a weak marker has scores close together."""
    rng = np.random.default_rng(seed)
    t, g, x = rng.permutation(n) + 1.0, rng.integers(0, 2, n), rng.integers(0, 8, n).astype(float)
    t = t * np.exp(-effect * x)
    d = np.where(t == np.sort(t)[4], True, rng.random(n) < events)
    score = np.zeros(n)
    for i in range(n):
        rest = np.arange(n) != i
        if d[rest].any():
            cut = max_selected(t[rest], d[rest], x[rest], stratum=g[rest], minprop=0.2, maxprop=0.8).cutpoint
            above = (x[rest] > cut).astype(float)
            b = float(np.clip(cox(t[rest], d[rest], above[:, None], stratum=g[rest]).coef[0], -3, 3))
            score[i] = b * ((x[i] > cut) - above.mean())
    found = shrunken_cut(t, d, x, stratum=g, minprop=0.2, maxprop=0.8)
    slope = cox(t, d, score[:, None], stratum=g).coef[0]
    assert found.factor == pytest.approx(np.clip(slope, 0, 1), rel=1e-9)
    assert found.cutpoint == max_selected(t, d, x, stratum=g, minprop=0.2, maxprop=0.8).cutpoint
    if n == 50:
        assert np.ptp(score) < 1
        assert 0 < found.factor < 1
    naive = cox(t, d, (x > found.cutpoint).astype(float)[:, None], stratum=g).coef[0]
    assert found.naive == pytest.approx(np.clip(naive, -3, 3))


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


def test_what_no_two_readers_can_have_scored_is_refused_whoever_it_was() -> None:
    for first, second in (([0, -1], [0, 1]), ([0, 1], [-1, 0]), ([0, 3], [0, 1]), ([0, 1], [3, 0])):
        with pytest.raises(ValueError, match=r"0 \.\. 2"):
            weighted_kappa(first, second, n_classes=3)
    for scores in ([1.0, 2.0, 3.0], [[1.0], [2.0]], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="at least 2 specimens by 2 readers"):
            intraclass(scores)
    with pytest.raises(ValueError, match="1 scores are missing"):
        intraclass([[1.0, 2.0], [math.nan, 4.0]])


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


def test_the_second_power_is_looked_at_five_per_cent_away_from_an_answer() -> None:
    """Where the first is right already, a second beside it tells the slope: above where a little is missing, else below."""
    for first, factor in ((0.799, 1.05), (0.801, 0.95), (0.5, None), (0.97, None)):
        asked: list[float] = []

        def simulated(b: float, asked: list[float] = asked, first: float = first) -> float:
            asked.append(b)
            return first

        read_off(simulated, 1.8, replicates=1000)
        assert asked[0] == pytest.approx(math.log(1.8))
        if factor is None:
            assert abs(asked[1] / asked[0] - 1) > 0.05
        else:
            assert asked[1] / asked[0] == pytest.approx(factor)


def test_the_formula_of_an_odds_ratio_knows_what_the_adjuster_leaves_of_the_marker() -> None:
    rng = np.random.default_rng(1)
    z = rng.integers(0, 2, 80).astype(float)
    x, y = z + rng.normal(size=80), (rng.random(80) < 0.4).astype(float)
    left = sum(((x[z == v] - x[z == v].mean()) ** 2).sum() for v in (0, 1)) / 80
    formula = math.exp((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / math.sqrt(80 * left * y.mean() * (1 - y.mean())))
    assert detectable_odds_ratio(Responses(x, np.column_stack([np.ones(80), z]), y)) == pytest.approx(formula)


def test_an_event_on_the_day_of_the_endpoint_counts() -> None:
    everybody = np.ones((1, 4), bool)
    S, error = curves_at(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[True, True, True, False]]), everybody, 3.0)
    assert (S[0], error[0]) == pytest.approx((0.25, math.sqrt(0.25 * 0.75 / 4)))
    assert curves_at(np.array([[1.0, 2.0, 3.0, 4.0]]), everybody, everybody, 9.0) == (0.0, 0.0)


def test_exact_inference_stands_a_thousand_patients_an_arm() -> None:
    found = conditional([[500, 1000, 450, 1000]])
    assert found.p_value == pytest.approx(stats.fisher_exact([[500, 500], [450, 550]]).pvalue, rel=1e-6)
    assert stats.nchypergeom_fisher(2000, 950, 1000, found.odds_ratio).mean() == pytest.approx(500, rel=1e-8)


def test_the_nearest_draw_may_be_the_later_one() -> None:
    d = drawn([0, 0, 1, 1], [36.0, 44.0, 41.0, 50.0])
    assert d.day[nearest(d, 2, nominal=42, first=28, until=np.full(2, 56.0))].tolist() == [44.0, 41.0]


def test_limits_by_the_arc_sine_end_at_one() -> None:
    """Where the upper limit of the angle passes a right angle, the limit is 1 and does not come down again."""
    curve = kaplan_meier(np.arange(1.0, 13), np.ones(12), interval="arcsin", level=0.99)
    assert curve.high[0] == 1
    assert (np.diff(curve.high[:-1]) <= 0).all()
    assert curve.low[-2] == 0


def test_one_event_can_detect_something_and_none_nothing() -> None:
    assert detectable_hazard_ratio(1, 1.0) == pytest.approx(math.exp(stats.norm.ppf(0.975) + stats.norm.ppf(0.8)))
    assert math.isnan(detectable_hazard_ratio(0, 1.0))
    assert math.isnan(detectable_hazard_ratio(-1, -1.0))


@pytest.mark.parametrize(("p0", "p1", "alpha", "beta"), [(0.1, 0.45, 0.1, 0.2), (0.3, 0.7, 0.15, 0.2), (0.5, 0.9, 0.1, 0.2),
                                                         (0.05, 0.35, 0.2, 0.25)])
def test_the_search_finds_what_trying_every_two_stage_design_finds(p0: float, p1: float, alpha: float, beta: float) -> None:
    found = two_stage.search(p0, p1, alpha=alpha, beta=beta, n_max=15)
    best: dict[int, float] = {}
    for n in range(2, 16):
        held = [TwoStage(r1, n1, r, n) for n1 in range(1, n) for r1 in range(n1) for r in range(r1, n)]
        held = [plan for plan in held if plan.p_reject(p0) <= alpha and plan.p_reject(p1) >= 1 - beta]
        assert two_stage.count_designs(p0, p1, alpha=alpha, beta=beta, n=n) == len(held)
        if held:
            best[n] = min(plan.expected_n(p0) for plan in held)
    assert found.designs[:, 3].tolist() == list(best)
    assert found.expected_n == pytest.approx(list(best.values()))
    for (r1, n1, r, n), stop in zip(found.designs.tolist(), found.p_stop, strict=True):
        assert TwoStage(r1, n1, r, n).p_stop(p0) == pytest.approx(stop)
    assert len(best) > 2


def test_a_single_stage_has_from_one_patient_up_to_as_many_as_may_be() -> None:
    rates = {"alpha": 0.1, "beta": 0.2}
    assert two_stage.single_stage(0.01, 0.9, **rates, n_max=5) == (1, 0, pytest.approx(0.01), pytest.approx(0.9))
    assert two_stage.single_stage(0.5, 0.68, **rates, n_max=37)[:2] == (37, 22)
    assert two_stage.single_stage(0.5, 0.68, **rates, n_max=36) is None


@pytest.mark.parametrize("plan", [TwoStage(1, 6, 4, 15), TwoStage(0, 3, 2, 7), TwoStage(3, 10, 3, 12)])
def test_the_estimate_after_two_stages_is_unbiased_at_every_share(plan: TwoStage) -> None:
    for p in (0.05, 0.3, 0.62, 0.9):
        stopped = [stats.binom.pmf(x, plan.n1, p) for x in range(plan.r1 + 1)]
        went_on = [plan.tail(x, p) - plan.tail(x + 1, p) for x in range(plan.r1 + 1, plan.n + 1)]
        assert sum(stopped) + sum(went_on) == pytest.approx(1)
        mean = sum(chance * two_stage.umvue(plan, x) for x, chance in enumerate([*stopped, *went_on]))
        assert mean == pytest.approx(p, rel=1e-9)


def test_no_success_leaves_every_share_possible() -> None:
    plan = TwoStage(1, 6, 4, 15)
    assert two_stage.koyama_chen(plan, 0, level=0.9) == (0, 1)
    assert two_stage.guaranteed(plan, 0, level=0.9)[0] == 0
    assert two_stage.guaranteed(plan, 15, level=0.9)[1] == 1


def test_a_plateau_of_a_limit_ends_where_the_limit_ends() -> None:
    """At S = 0 a limit is missing; R takes the middle of the plateau before it."""
    nan = math.nan
    assert _crossing(np.array([1.0, 2, 3, 4]), np.array([0.8, 0.5, nan, nan]), 0.5) == 2.5
    assert _crossing(np.array([1.0, 2, 3, 4]), np.array([0.8, 0.5, 0.5, 0.5]), 0.5) == 3
    assert _crossing(np.array([1.0, 2, 3, 4]), np.array([0.8, 0.5, 0.5, 0.2]), 0.5) == 3
    assert _crossing(np.array([1.0, 2, 3, 4]), np.array([0.8, nan, nan, nan]), 0.5) != 2


def test_an_incidence_is_nothing_before_the_first_time_and_gray_s_test_is_of_the_first_cause() -> None:
    found = aalen_johansen(T6, [1, 2, 0, 1, 0, 2])
    assert [v.tolist() for v in found.at([0.5])] == [[[0.0, 0.0]]] * 4
    t, c, g = T6, [1, 2, 1, 1, 0, 2], [0, 0, 1, 0, 1, 1]
    assert gray_test(t, c, g) == gray_test(t, c, g, of=1, rho=0.0)
    assert gray_test(t, c, g) != gray_test(t, c, g, of=2)
    assert gray_test(t, c, g) != gray_test(t, c, g, rho=1.0)


def test_a_genotype_that_cannot_be_has_no_likelihood() -> None:
    """F below -min(p/q, q/p) leaves no room for the rare homozygote."""
    assert _loglik(-0.9, 0.1, 5, 2, 1) == -math.inf
    assert _loglik(-0.9, 0.1, 5, 2, 0) == pytest.approx(5 * math.log(0.81 - 0.081) + 2 * math.log(0.18 * 1.9))
    assert _loglik(1.0, 0.3, 0, 1, 0) == -math.inf


def test_mcgraw_and_wong_s_interval_of_the_icc_is_that_of_shrout_and_fleiss() -> None:
    rng = np.random.default_rng(3)
    for n, k in ((6, 2), (9, 4), (15, 3)):
        x = rng.normal(size=(n, 1)) * 2 + rng.normal(size=k) + rng.normal(size=(n, k))
        found = intraclass(x, level=0.9)
        icc, R, C, E = found.icc_2_1, found.msr, found.msc, found.mse
        a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
        v = (a * C + b * E) ** 2 / ((a * C) ** 2 / (k - 1) + (b * E) ** 2 / ((n - 1) * (k - 1)))
        up, down = stats.f.ppf(0.95, n - 1, v), stats.f.ppf(0.95, v, n - 1)
        low = n * (R - up * E) / (up * (k * C + (k * n - k - n) * E) + n * R)
        high = n * (down * R - E) / (k * C + (k * n - k - n) * E + n * down * R)
        assert (found.conf_low, found.conf_high) == pytest.approx((low, high), rel=1e-9)


def test_subjects_who_were_not_drawn_are_no_cases_and_no_controls() -> None:
    pairs = Pairs.of([1, 5, 7], [1, 1, 1])
    won = pairs.won([3.0, 2.0, 1.0])
    assert math.isnan(pairs.auc(won, [0, 1, 1], 2.0))
    assert math.isnan(pairs.auc(won, [2, 0, 0], 2.0))
    assert pairs.auc(won, [1, 0, 2], 2.0) == 1


def test_no_bit_of_a_fit_depends_on_the_order_of_its_rows() -> None:
    rng = np.random.default_rng(6)
    n = 40
    t, d, w = rng.integers(2, 8, n).astype(float), rng.random(n) < 0.7, rng.choice([0.5, 1.0, 1.7], n)
    s, g, x = t - rng.integers(1, 3, n), rng.integers(0, 2, n), rng.integers(0, 3, n).astype(float) / 3

    def bits(rows: np.ndarray) -> tuple[str, ...]:
        found = cox(t[rows], d[rows], x[rows, None], entry=s[rows], stratum=g[rows], weight=w[rows])
        return found.coef[0].hex(), found.loglik.hex(), found.covariance[0, 0].hex()

    assert len({bits(rng.permutation(n)) for _ in range(30)}) == 1


def test_tables_that_can_be_one_way_only_say_nothing_about_the_odds() -> None:
    only, two = conditional([[0, 5, 0, 6], [4, 4, 3, 3]]), conditional([[1, 2, 0, 5]])
    assert np.isnan([only.odds_ratio, only.log_odds_ratio, only.std_error]).all()
    assert (only.p_value, only.low, only.high, only.finite) == (1, 0, math.inf, False)
    assert two.odds_ratio == math.inf
    assert two.p_value == pytest.approx(stats.fisher_exact([[1, 1], [0, 5]]).pvalue)


def test_the_score_test_of_deaths_in_one_group_is_the_log_rank_test() -> None:
    """All three deaths are of group 1, at three times: the odds ratio is infinite, its score test is as always."""
    t, d, g = [1.0, 2, 3, 4, 5, 6, 7], [1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1, 0]
    found = exact_ties(t, d, g)
    assert found.log_odds_ratio == math.inf
    assert found.score_test == pytest.approx(logrank(t, d, g).chi2)
    assert found.loglik[0] == pytest.approx(-math.log(7 * 6 * 5))


def test_a_group_with_less_than_one_expected_event_is_a_group() -> None:
    t, d, g = [1.0, 2, 3, 4, 5, 6, 7, 8], [1, 1, 0, 1, 1, 0, 1, 0], [2, 0, 1, 0, 1, 0, 1, 1]
    found = logrank(t, d, g)
    assert found.expected[2] < 1
    assert found.df == 2


def test_a_curve_begins_at_zero_where_somebody_was_there_from_the_beginning() -> None:
    assert kaplan_meier([3.0, 4, 5], [1, 0, 1], entry=[-np.inf, 1, 2]).start == 0
    assert kaplan_meier([3.0, 4, 5], [1, 0, 1], entry=[1.5, 1, 2]).start == 1


def test_exact_limits_at_every_time_are_those_that_hold_until_the_next() -> None:
    t, d = np.array([1.0, 2, 2, 3, 4, 5, 6, 6]), np.array([1, 1, 0, 0, 1, 0, 1, 0])
    curve = kaplan_meier(t, d)
    for mid_p in (False, True):
        found = beta_product(curve, level=0.9, mid_p=mid_p)
        assert found.time.tolist() == [1, 2, 3, 4, 5, 6]
        for j, time in enumerate(found.time):
            between = limits_at(curve, time + 0.5, level=0.9, mid_p=mid_p)
            assert (found.survival[j], found.low[j], found.high[j]) == pytest.approx(between)


def test_an_error_of_nothing_detects_nothing_that_could_be_named() -> None:
    assert math.isnan(detectable_by_error(0.0))
    assert detectable_by_error(0.5) == pytest.approx(math.exp(0.5 * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))))


def test_a_cliffs_delta_of_one_against_many_has_no_interval() -> None:
    for found, sign in ((cliffs_delta([1.0], [0.0, 2, 3, 5]), -1), (cliffs_delta([0.0, 2, 3, 5], [1.0]), 1)):
        assert (found.estimate, found.n) == (sign * 0.5, 5)
        assert np.isnan([found.conf_low, found.conf_high]).all()


def test_no_adjustment_leaves_p_as_it_is() -> None:
    assert "none" in METHODS
    assert adjust([0.2, math.nan, 0.01], "none") == pytest.approx([0.2, math.nan, 0.01], nan_ok=True)
    for method in METHODS:
        assert adjust([0.03], method) == pytest.approx([0.03])


def test_narrow_limits_of_a_logistic_model_cut_its_likelihood_near_the_top() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(5, 2, 40)
    X, y = np.column_stack([np.ones(40), x]), (rng.random(40) < 1 / (1 + np.exp(5 - x))).astype(float)
    found = logistic(X, y)
    for level in (0.1, 0.5, 0.99):
        for limit in found.profile(1, level=level):
            held = optimize.minimize_scalar(lambda a, b=limit: -(y * (a + b * x) - np.log1p(np.exp(a + b * x))).sum(),
                                            bounds=(-60, 60), method="bounded", options={"xatol": 1e-10})
            assert 2 * (found.loglik + held.fun) == pytest.approx(stats.chi2.ppf(level, 1), rel=1e-6)


T6, D6, X6 = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1, 1, 0, 1, 0, 1]), np.array([1.0, 3, 2, 5, 4, 7])
CURVES = kaplan_meier(T6, D6), kaplan_meier(T6 + 0.5, np.ones(6))
INTERVALS = {
    "clopper_pearson": lambda **k: clopper_pearson(3, 9, **k), "wilson": lambda **k: wilson(3, 9, **k),
    "newcombe": lambda **k: newcombe(3, 9, 2, 8, **k), "mantel_haenszel": lambda **k: mantel_haenszel([[3, 9, 2, 8]], **k),
    "conditional": lambda **k: conditional([[3, 9, 2, 8]], **k), "hardy_weinberg": lambda **k: hardy_weinberg(5, 6, 7, **k),
    "aalen_johansen": lambda **k: aalen_johansen(T6, [1, 2, 0, 1, 0, 2], **k).low[:, 0].tolist(),
    "predict": lambda **k: predict(cox(T6, D6, X6), np.array([[2.0]]), np.zeros(1), np.array([2.5]), **k).low.tolist(),
    "intraclass": lambda **k: intraclass([[1, 2], [4, 4], [6, 5]], **k),
    "kaplan_meier": lambda **k: kaplan_meier(T6, D6, **k).low[1],
    "weighted_kappa": lambda **k: weighted_kappa([0, 1, 1, 2], [0, 1, 2, 2], n_classes=3, **k),
    "fleiss_kappa": lambda **k: fleiss_kappa([[0, 0, 1], [1, 1, 1], [2, 1, 2]], n_classes=3, **k),
    "bland_altman": lambda **k: bland_altman([1, 2, 4], [2, 2, 3], **k),
    "limits_at": lambda **k: limits_at(CURVES[0], 2.0, **k), "beta_product": lambda **k: beta_product(CURVES[0], **k).low[1],
    "median_limits": lambda **k: median_limits(kaplan_meier(np.arange(1.0, 31), np.ones(30)), **k),
    "one_sample_logrank": lambda **k: one_sample_logrank(T6, D6, lambda t: t / 5, **k),
    "spearman": lambda **k: spearman(X6, T6**2 % 7, **k), "cliffs_delta": lambda **k: cliffs_delta(X6[:3], X6[1:], **k),
    "rmst_difference": lambda **k: rmst_difference([CURVES], 4.0, **k),
    "survival_difference": lambda **k: survival_difference(*CURVES, 3.0, **k),
}  # fmt: skip


@pytest.mark.parametrize("name", INTERVALS)
def test_an_interval_is_one_of_95_per_cent_where_nothing_is_said(name: str) -> None:
    limits = INTERVALS[name]
    assert limits() == limits(level=0.95)
    assert limits() != limits(level=0.8)


def test_chance_begins_at_seed_zero_where_no_seed_is_said() -> None:
    t, d, x = np.arange(1.0, 10), np.ones(9), np.array([4.0, 1, 3, 9, 2, 6, 5, 8, 7])
    rs = risk_sets(t, d)
    null, M = null_model(rs), x[rs.order][:, None]
    drawn_ones = [
        lambda **k: score_permutation(t, d, x, permutations=50, **k).p_value,
        lambda **k: max_selected(t, d, x, permutations=50, **k).p_values["permutation"],
        lambda **k: max_t(null, M, permutations=50, **k).p_permutation.tolist(),
        lambda **k: max_t_patterns([(null, np.ones(9, bool), M)], rs.stratum, 50, **k).p_permutation.tolist(),
        lambda **k: max_t_family([Member(null, M, rs.order)], np.zeros(9, int), permutations=50, **k).p_permutation.tolist(),
        lambda **k: np.nan_to_num(cluster_bootstrap(t, d, x, np.arange(9), replicates=5, **k)).tolist(),
    ]
    for of in drawn_ones:
        assert of() == of(seed=0)
        assert len({str(of(seed=seed)) for seed in range(4)}) > 1


def test_as_many_are_drawn_as_is_usual_where_no_number_is_said() -> None:
    t, d, x = np.arange(1.0, 4), np.ones(3), np.array([4.0, 1, 3])
    assert score_permutation(t, d, x).permutations == 9999
    assert cluster_bootstrap(t, d, x, [0, 1, 2]).shape == (999, 1)


def test_a_test_has_five_per_cent_and_eighty_per_cent_power_where_nothing_is_said() -> None:
    assert detectable_hazard_ratio(50, 0.3) == detectable_hazard_ratio(50, 0.3, alpha=0.05, power=0.8)
    assert detectable_by_information(40.0) == detectable_by_information(40.0, alpha=0.05, power=0.8)
    curve = (lambda b: float(stats.norm.cdf(3 * b - 1.96)), 1.6)
    assert read_off(*curve) == read_off(*curve, power=0.8, alpha=0.05, replicates=1000)
    rng = np.random.default_rng(0)
    t, x, y = rng.exponential(size=20), rng.normal(size=20), np.tile([0.0, 1.0], 10)
    dealt, answers = slots(t, np.ones(20), x[:, None]), Responses(x, np.ones((20, 1)), y)
    rows = histories(np.zeros(20), np.full(20, np.inf), x[:, None], subject=range(20), time=t, event=np.ones(20))
    for module, study in ((simulated_power, dealt), (history_power, rows), (response_power, answers)):
        some = [module.rejections(study, 0.6, replicates=60, seed=1, **named).tolist() for named in ({}, {"alpha": 0.05})]
        assert some[0] == some[1]
        few = {"replicates": 30} if module is simulated_power else {"replicates": 20}
        usual = module.detectable(study, 2.5)
        assert usual.replicates == (1000 if module is simulated_power else 500)
        assert module.detectable(study, 2.5, **few) == module.detectable(study, 2.5, power=0.8, alpha=0.05, seed=0, **few)


def test_where_nothing_can_be_detected_nothing_was_simulated() -> None:
    for formula in (math.nan, math.inf, 1.0):
        found = read_off(lambda b: 1 / 0, formula)
        assert found.replicates == 0
        assert np.isnan([found.hazard_ratio, found.std_error, found.power_at_formula, found.mc_error]).all()


def test_one_column_without_a_maximum_leaves_no_robust_test_of_either() -> None:
    n = 10
    X = np.column_stack([np.arange(n)[::-1], np.random.default_rng(1).normal(size=n)])
    study = histories(np.zeros(n), np.full(n, np.inf), X, subject=range(n), time=np.arange(n) + 1.0, event=np.ones(n))
    assert _robust_z(study, *_at_risk(study, np.arange(n)[None, :]), np.eye(2)).tolist() == [[0.0, 0.0]]


def test_a_constant_marker_has_a_robust_test_of_nothing() -> None:
    study = histories(np.zeros(6), np.full(6, np.inf), np.ones((6, 1)), subject=range(6), time=np.arange(6) + 1.0,
                      event=np.ones(6))
    assert _robust_z(study, *_at_risk(study, np.arange(6)[None, :]), np.array([[1.0]])).tolist() == [[0.0]]
