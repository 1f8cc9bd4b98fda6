"""Small truths that a fault could pass by: a border reached exactly, one of many, nothing at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

from biomarkers.kernels.accuracy import auc
from biomarkers.kernels.binomial import at_least
from biomarkers.kernels.carried import drawn, nearest
from biomarkers.kernels.competing import aalen_johansen
from biomarkers.kernels.cox import cox
from biomarkers.kernels.fourfold import exact_ties, mantel_haenszel
from biomarkers.kernels.hardy_weinberg import hardy_weinberg
from biomarkers.kernels.likelihood import design
from biomarkers.kernels.logistic import logistic
from biomarkers.kernels.matching import matched
from biomarkers.kernels.maxstat import max_selected
from biomarkers.kernels.mmrm import fit, fit_growth
from biomarkers.kernels.multistate import occupation
from biomarkers.kernels.newton import newton
from biomarkers.kernels.one_sample import one_sample_logrank, one_sample_logrank_n
from biomarkers.kernels.rank_association import cliffs_delta, spearman
from biomarkers.kernels.resample import PermutationTest, cluster_bootstrap
from biomarkers.kernels.residuals import death_rows
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.searched_cut import shrunken_cut
from biomarkers.kernels.separation import infinite_directions
from biomarkers.kernels.simon import hull
from biomarkers.kernels.simulated_power import read_off, rejections, slots
from biomarkers.kernels.spline import restricted_cubic
from biomarkers.kernels.survival_two_stage import log_log_z
from biomarkers.kernels.three_plus_three import Decision, decide
from biomarkers.kernels.tobit import independent
from biomarkers.kernels.trial_simulation import Trials, look
from biomarkers.kernels.zph import time_scale

# ---- one of many ---------------------------------------------------------------------------------------------------------


def test_a_problem_in_a_batch_ends_as_it_does_alone() -> None:
    """Two likelihoods without a maximum, one that has it, one flat: steps, coefficients and verdicts are each one's own."""
    rng = np.random.default_rng(3)
    n = 14
    rs = risk_sets(np.arange(1.0, n + 1), np.ones(n, int))
    first, both = np.r_[1.0, np.zeros(n - 1)], np.r_[1.0, 1.0, np.zeros(n - 2)]
    columns = [first, -np.arange(n) ** 2.0, rng.normal(size=n), np.ones(n), both]
    X = np.column_stack(columns)[rs.order][:, None, :]
    together = newton(rs, design(rs, X), np.zeros((len(columns), 1)))
    assert len(set(together.iterations)) > 2
    for q in range(len(columns)):
        alone = newton(rs, design(rs, X[:, :, [q]]), np.zeros((1, 1)))
        assert together.iterations[q] == pytest.approx(alone.iterations[0], abs=2)  # rounding decides the last step or two
        assert together.converged[q] == alone.converged[0]
        assert together.loglik[q] == pytest.approx(alone.loglik[0], rel=1e-12, abs=1e-9)
        if q in (2, 3):
            assert together.beta[q] == pytest.approx(alone.beta[0], rel=1e-9)


def test_two_columns_that_move_together_without_end_are_not_two_infinite_ones() -> None:
    """Along (1, 1) of x and -x nothing changes, and no direction gains: the likelihood is flat there, nothing is infinite."""
    rs = risk_sets([1.0, 2, 3, 4], [1, 1, 1, 0])
    x = np.array([0.0, 2.0, 1.0, 0.5])
    both = np.column_stack([x, -x])[rs.order]
    used = np.array([True, True])
    assert infinite_directions(rs, both, used, np.zeros(2)).tolist() == [0, 0]
    up = np.array([3.0, 2.0, 1.0, 0.0])
    assert infinite_directions(rs, np.column_stack([up, x])[rs.order], used, np.zeros(2))[0] == 1


# ---- cuts ----------------------------------------------------------------------------------------------------------------


def best_by_hand(t, d, x, low: float, high: float) -> float:
    """Largest standardised rank statistic over the cuts that may be looked at, sum by sum."""
    n = len(x)
    hazard = [sum(d[j] / sum(t[k] >= t[j] for k in range(n)) for j in range(n) if t[j] <= t[i]) for i in range(n)]
    a = np.array([d[i] - hazard[i] for i in range(n)])
    spread = ((a - a.mean()) ** 2).sum() / (n - 1)
    found = {}
    for cut in sorted(set(x))[:-1]:
        m = sum(v <= cut for v in x)
        if max(1, math.floor(n * low)) <= m <= math.floor(n * high):
            gap = abs(a[[v <= cut for v in x]].sum() - m * a.mean())
            found[cut] = gap / math.sqrt(spread * m * (n - m) / n)
    return max(found, key=lambda cut: found[cut])


@pytest.mark.parametrize("side", [1, -1])
def test_the_best_cut_is_sought_only_where_it_may_lie(side: int) -> None:
    """The first to die has the most extreme marker: that cut separates best, and lies outside the limits."""
    x = side * np.array([20.0, 3, 11, 5, 9, 1, 13, 7, 2, 12, 6, 10])
    t, d = np.arange(1.0, 13), np.r_[1, 1, np.zeros(8, int), 1, 1]
    inside = best_by_hand(t, d, x, 0.25, 0.75)
    anywhere = best_by_hand(t, d, x, 0.0, 1.0)
    assert inside != anywhere
    assert shrunken_cut(t, d, x, minprop=0.25, maxprop=0.75).cutpoint == inside
    assert max_selected(t, d, x, minprop=0.25, maxprop=0.75).cutpoint == inside
    assert shrunken_cut(t, d, x, minprop=0.0, maxprop=1.0).cutpoint == anywhere


def test_one_event_has_one_place_and_the_p_counts_the_places() -> None:
    """One early event among ten: 2 of its 10 places are as extreme as an end of the marker, 4 as the place beside it.

    The exact sums say the same, to rounding: one event among equals reaches it at every cut up to its own, counted once.
    """
    for place, as_extreme in ((9, 2), (0, 2), (8, 4), (1, 4), (7, 6)):
        d = np.zeros(10, int)
        d[place] = 1
        t = np.where(d == 1, 1.0, 2.0)
        found = max_selected(t, d, np.arange(10.0), permutations=2000, seed=5)
        assert as_extreme / 10 - 1e-9 <= found.p_values["hl"]
        assert found.p_values["permutation"] == pytest.approx(as_extreme / 10, abs=4 * 0.5 / math.sqrt(2000))


# ---- power and simulated trials ------------------------------------------------------------------------------------------


def test_a_power_of_nothing_or_of_everything_is_taken_half_a_study_from_the_edge() -> None:
    z = stats.norm.ppf
    for edge, other, B in ((0.0, 0.9, 200), (1.0, 0.3, 50)):
        asked: list[float] = []

        def simulated(b: float, asked: list[float] = asked, edge: float = edge, other: float = other) -> float:
            asked.append(b)
            return edge if len(asked) == 1 else other

        found = read_off(simulated, 1.5, power=0.8, replicates=B)
        b = np.array(asked)
        y = z(np.clip([edge, other], 0.5 / B, 1 - 0.5 / B)) + z(0.975)
        slope = (y * b).sum() / (b**2).sum()
        assert math.log(found.hazard_ratio) == pytest.approx((z(0.975) + z(0.8)) / slope)
        assert b[0] == pytest.approx(math.log(1.5))
        reached = z(np.clip(edge, 0.5 / B, 1 - 0.5 / B))
        assert b[1] / b[0] == pytest.approx(np.clip((z(0.975) + z(0.8)) / max(z(0.975) + reached, 0.3), 0.6, 1.8))


def test_a_ratio_beyond_all_reason_is_not_looked_for_and_the_power_found_is_kept() -> None:
    found = read_off(lambda b: 0.1, math.exp(3.0), replicates=400)
    assert math.isnan(found.hazard_ratio)
    assert math.isnan(found.std_error)
    assert (found.power_at_formula, found.replicates) == (0.1, 400)
    assert found.mc_error == pytest.approx(math.sqrt(0.1 * 0.9 / 400))


@pytest.mark.parametrize("test", ["lr_t", "wald"])
def test_a_constant_marker_is_never_a_finding(test: str) -> None:
    """At an alpha of one half as little as at any other: its likelihood has no slope."""
    study = slots(np.arange(1.0, 21), np.ones(20, int), np.full((20, 1), 3.0))
    assert rejections(study, 0.0, replicates=6, seed=1, alpha=0.5, test=test).tolist() == [0] * 6


def test_a_null_marker_is_found_as_often_as_alpha_says() -> None:
    rng = np.random.default_rng(8)
    study = slots(rng.exponential(size=60), rng.random(60) < 0.8, rng.normal(size=(60, 1)))
    for test in ("lr_t", "wald"):
        share = rejections(study, 0.0, replicates=600, seed=2, alpha=0.4, test=test).mean()
        assert share == pytest.approx(0.4, abs=4 * math.sqrt(0.24 / 600))


def test_nobody_or_everybody_failed_is_infinitely_far_from_any_null() -> None:
    z = log_log_z(np.array([1.0, 0.0, 0.5, 0.5]), np.array([0.0, 0.0, 0.1, 0.1]), 0.5)
    assert z.tolist() == [math.inf, -math.inf, 0, 0]
    S, se, null = 0.7, 0.08, 0.55
    by_hand = (math.log(-math.log(null)) - math.log(-math.log(S))) / (se / (S * abs(math.log(S))))
    assert log_log_z(np.array([S]), np.array([se]), null)[0] == pytest.approx(by_hand)


def log_rank_by_hand(time, event, arm, stratum) -> float:
    gap = variance = 0.0
    for i in np.flatnonzero(event):
        there = (time >= time[i]) & (stratum == stratum[i])
        share = arm[there].mean()
        gap += share - arm[i]
        variance += share * (1 - share)
    return gap / math.sqrt(variance)


@pytest.mark.parametrize("n_strata", [1, 2, 3, 5])
def test_a_look_is_the_stratified_log_rank_test_of_those_who_have_entered(n_strata: int) -> None:
    rng = np.random.default_rng(n_strata)
    T, n = 4, 40
    trials = Trials(np.sort(rng.random((T, n)) * 3, axis=1), rng.exponential(size=(T, n)) * 2,
                    rng.integers(0, 2, (T, n)).astype(np.int8), rng.integers(0, n_strata, (T, n)).astype(np.int8))
    cut = np.array([1.5, 2.5, 3.5, 4.5])
    for stratified in (True, False):
        found = look(trials, cut, stratified=stratified)
        for k in range(T):
            entered = trials.entry[k] < cut[k]
            event = (trials.calendar[k] <= cut[k])[entered]
            time = np.minimum(trials.time[k], cut[k] - trials.entry[k])[entered]
            stratum = trials.stratum[k][entered] if stratified else np.zeros(entered.sum())
            assert found.z[k] == pytest.approx(log_rank_by_hand(time, event, trials.arm[k][entered], stratum), rel=1e-6)
            assert (found.events[k], found.n[k]) == (event.sum(), entered.sum())


@pytest.mark.parametrize("reached", [0.9, 0.1])
def test_a_ratio_comes_with_its_error_or_both_are_missing(reached: float) -> None:
    """Just within all reason and just beyond it: the slope of the line is 0.95, or 0.55."""
    z, formula = stats.norm.ppf, math.exp(2.7)
    slope = 0.95 if reached == 0.9 else 0.55
    found = read_off(lambda b: float(stats.norm.cdf(slope * b - z(0.975))), formula, replicates=400)
    if reached == 0.9:
        assert math.log(found.hazard_ratio) == pytest.approx((z(0.975) + z(0.8)) / slope)
        assert found.std_error == pytest.approx(math.sqrt(0.8 * 0.2 / 800) / stats.norm.pdf(z(0.8)) / slope)
    else:
        assert math.isnan(found.hazard_ratio)
        assert math.isnan(found.std_error)


def test_patients_of_a_one_sample_test_are_counted_over_their_entries() -> None:
    """Mean and variance of O - E of one patient by numerical integration over the day of entry and the time of the event."""
    null, alternative, accrual, follow_up = 0.5, 0.68, 2.0, 0.7
    base, rate = -math.log(null), -math.log(alternative)

    def mean(of) -> float:
        def of_one(c: float) -> float:
            failed = quad(lambda x: of(1.0, base * x) * rate * math.exp(-rate * x), 0, c)[0]
            return failed + of(0.0, base * c) * math.exp(-rate * c)

        return quad(of_one, follow_up, follow_up + accrual)[0] / accrual

    expected, gap = mean(lambda o, e: e), mean(lambda o, e: o - e)
    variance = mean(lambda o, e: (o - e) ** 2) - gap**2
    by_hand = ((stats.norm.ppf(0.9) * math.sqrt(expected) + stats.norm.ppf(0.8) * math.sqrt(variance)) / gap) ** 2
    found = one_sample_logrank_n(null, alternative, alpha=0.1, power=0.8, accrual=accrual, follow_up=follow_up)
    assert found == pytest.approx(by_hand, rel=1e-8)


def test_the_corners_of_a_hull_are_what_some_weight_prefers() -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        n = np.cumsum(rng.integers(1, 4, size=9)) + 10
        cost = 10 + np.sort(rng.random(9))[::-1] * rng.uniform(0.3, 4) + rng.normal(size=9) * 0.1
        corners, weights = hull(n, cost)
        assert (weights[0], weights[-1]) == (1, 0)
        for q in np.linspace(0.003, 0.997, 101):
            preferred = int(np.argmin(q * n + (1 - q) * cost))
            held = np.flatnonzero((weights[1:] <= q) & (q <= weights[:-1]))
            assert preferred in corners[held]
        assert set(corners) <= {int(np.argmin(q * n + (1 - q) * cost)) for q in np.linspace(0, 1, 20001)}


# ---- repeated measures ---------------------------------------------------------------------------------------------------


def balanced(n: int = 12, k: int = 4):
    rng = np.random.default_rng(6)
    y = rng.normal(size=(n, 1)) * 2 + rng.normal(size=(n, k)) + 5
    return y, np.repeat(np.arange(n), k), np.tile(np.arange(float(k)), n)


def test_a_balanced_random_intercept_is_the_analysis_of_variance() -> None:
    y, subject, time = balanced()
    n, k = y.shape
    within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum() / (n * (k - 1))
    between = k * y.mean(axis=1).var(ddof=1)
    found = fit_growth(y.ravel(), np.ones((n * k, 1)), subject, time, slopes=False)
    assert found.residual == pytest.approx(within, rel=1e-5)
    assert found.effects[0, 0] == pytest.approx((between - within) / k, rel=1e-5)
    assert found.coef[0] == pytest.approx(y.mean())
    assert found.covariance[0, 0] == pytest.approx(between / (n * k), rel=1e-5)
    assert found.df[0] == pytest.approx(n - 1, rel=1e-3)
    assert found.converged
    assert not found.singular
    flat = y - y.mean(axis=1, keepdims=True)
    assert fit_growth(flat.ravel(), np.ones((n * k, 1)), subject, time, slopes=False).singular


def test_the_unit_of_time_moves_slopes_and_nothing_else() -> None:
    y, subject, time = balanced()
    y = (y + np.random.default_rng(7).normal(size=(12, 1)) * np.arange(4.0)).ravel()
    days, weeks = (fit_growth(y, np.column_stack([np.ones(48), time * unit]), subject, time * unit, slopes=True)
                   for unit in (7.0, 1.0))
    assert days.residual == pytest.approx(weeks.residual, rel=1e-4)
    assert days.effects * np.outer([1, 7], [1, 7]) == pytest.approx(weeks.effects, rel=1e-3, abs=1e-4)
    assert days.coef * [1, 7] == pytest.approx(weeks.coef)
    assert days.df == pytest.approx(weeks.df, rel=1e-2)


# ---- counts and curves ---------------------------------------------------------------------------------------------------


def test_more_successes_than_patients_cannot_be() -> None:
    assert [at_least(x, 4, 0.5) for x in (-1, 0, 4, 5, 9)] == pytest.approx([1, 1, 1 / 16, 0, 0], abs=1e-15)
    assert at_least(40, 40, 0.1) == pytest.approx(1e-40, rel=1e-10, abs=0)


def test_limits_of_an_incidence_are_symmetric_on_the_log_log_scale() -> None:
    found = aalen_johansen([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 0, 1, 0, 2, 1, 0], level=0.9)
    for j, c in ((0, 0), (3, 0), (3, 1), (6, 0)):
        F, error = found.incidence[j, c], found.std_error[j, c]
        reach = stats.norm.ppf(0.95) * error / ((1 - F) * abs(math.log(1 - F)))
        limits = [1 - (1 - F) ** math.exp(sign * reach) for sign in (-1, 1)]
        assert [found.low[j, c], found.high[j, c]] == pytest.approx(limits)


def test_states_count_their_moves_and_leave_one_subject_out_for_their_error() -> None:
    """Three subjects: ill on day 2 and dead on day 5; dead on day 4; ill on day 3, then lost."""
    subject, start, stop = [0, 0, 1, 2, 2], [0.0, 2, 0, 0, 3], [2.0, 5, 4, 3, 6]
    state, following = [0, 1, 0, 0, 1], [1, 2, 2, 1, 1]

    def at(kept: list[int], times: list[float]):
        rows = [k for k in range(5) if subject[k] in kept]
        part = [[v[k] for k in rows] for v in (subject, start, stop, state, following)]
        return occupation(*part, n_states=3, origin=0.0, times=times)

    times = [3.5, 1.0, 4.5]
    whole = at([0, 1, 2], times)
    assert whole.probability == pytest.approx(np.array([[1 / 3, 2 / 3, 0], [1, 0, 0], [0, 2 / 3, 1 / 3]]))
    assert whole.moves.tolist() == [[0, 2, 1], [0, 0, 1], [0, 0, 0]]
    out = np.array([at([i for i in range(3) if i != k], times).probability for k in range(3)])
    assert whole.std_error == pytest.approx(np.sqrt(2 / 3 * ((out - out.mean(axis=0)) ** 2).sum(axis=0)))
    assert whole.n == 3


def test_the_rank_scale_gives_ties_their_middle_rank() -> None:
    fit = cox([1, 2, 2, 2, 5, 7, 7], [1, 1, 0, 1, 1, 0, 1], np.array([0.0, 1, 2, 1, 0, 3, 1])[:, None])
    assert sorted(time_scale(fit, "rank")) == sorted(stats.rankdata([1, 2, 2, 2, 5, 7, 7]))
    assert (np.argsort(time_scale(fit, "rank"), kind="stable") == np.argsort(fit.rs.exit, kind="stable")).all()


# ---- models --------------------------------------------------------------------------------------------------------------


def test_the_error_of_a_cliffs_delta_adds_up_both_groups() -> None:
    a, b = [1.0, 4, 6, 2.5], [2.0, 3, 3, 7, 9, 1]
    wins = np.sign(np.subtract.outer(a, b))
    delta = wins.mean()
    error = math.sqrt(np.var(wins.mean(axis=1), ddof=1) / 4 + np.var(wins.mean(axis=0), ddof=1) / 6) / (1 - delta**2)
    found = cliffs_delta(a, b, level=0.9)
    assert found.estimate == pytest.approx(delta)
    half = stats.norm.ppf(0.95) * error
    assert [found.conf_low, found.conf_high] == pytest.approx(np.tanh(np.arctanh(delta) + np.array([-half, half])))


def test_a_cliffs_delta_without_a_group_counts_who_is_there() -> None:
    for a, b in (([], [1.0, 2.0]), ([3.0, math.nan, 4.0], [math.nan])):
        found = cliffs_delta(a, b)
        assert found.n == 2
        assert math.isnan(found.estimate)


def test_a_bootstrap_of_two_subjects_is_one_of_three_samples() -> None:
    t, d, x, who = np.arange(1.0, 9), np.ones(8), np.array([2.0, 3, 6, 1, 1, 2, 4, 4]), [0, 1] * 4
    rows = {"both": [0, 1], "first": [0, 0], "second": [1, 1]}
    possible = set()
    for people in rows.values():
        take = np.concatenate([[k for k in range(8) if who[k] == person] for person in people])
        possible.add(round(float(cox(t[take], d[take], x[take][:, None]).coef[0]), 8))
    found = cluster_bootstrap(t, d, x, who, replicates=40, seed=3)[:, 0]
    assert set(np.round(found, 8)) == possible
    assert len(possible) == 3


def test_matching_draws_its_coefficients_from_their_posterior() -> None:
    """Algorithm 3.3 of van Buuren once more, with the same random numbers."""
    data = np.random.default_rng(11)
    Z = np.column_stack([np.ones(30), data.normal(size=(30, 2))])
    x = Z @ [1.0, 2.0, -1.0] + data.normal(size=30)
    known = np.arange(30) >= 6
    for seed in range(12):
        found = matched(np.where(known, x, np.nan), known, Z, np.random.default_rng(seed), donors=1)
        rng = np.random.default_rng(seed)
        S, seen = Z[known], x[known]
        V = np.linalg.inv(S.T @ S + 1e-5 * np.diag(np.diag(S.T @ S)))
        fitted = V @ S.T @ seen
        sigma = math.sqrt(((seen - S @ fitted) ** 2).sum() / rng.chisquare(24 - 3))
        drawn = fitted + sigma * np.linalg.cholesky(V) @ rng.normal(size=3)
        nearest = [seen[np.argmin(np.abs(S @ fitted - z @ drawn))] for z in Z[~known]]
        assert found[~known] == pytest.approx(nearest)
        assert (found[known] == seen).all()


def test_a_separated_outcome_is_an_answer_and_not_a_failure() -> None:
    X = np.column_stack([np.ones(8), [0, 0, 0, 0, 1, 1, 1, 1]])
    found = logistic(X, [0, 0, 0, 0, 1, 1, 1, 1])
    assert found.converged
    assert not found.finite[1]
    assert found.coef[1] == math.inf
    usual = logistic(X, [0, 1, 0, 0, 1, 1, 0, 1])
    assert usual.converged
    assert usual.finite.all()


def test_a_column_made_of_others_is_left_out_even_where_it_is_zero_somewhere() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=9), rng.normal(size=9)
    a[0] = b[0] = 0.0
    assert independent(np.column_stack([a, b, 0.1 * a + 0.3 * b, a / 3 - b / 7])).shape == (9, 2)
    assert independent(np.column_stack([a, 1e-12 * b])).shape == (9, 2)


def test_a_cut_that_separates_has_the_largest_coefficient_in_its_direction() -> None:
    t, x = np.arange(1.0, 13), np.arange(12.0)
    high = shrunken_cut(t, np.r_[np.ones(5, int), np.zeros(7, int)], -x, minprop=0.0, maxprop=1.0)
    low = shrunken_cut(t, np.r_[np.ones(5, int), np.zeros(7, int)], x, minprop=0.0, maxprop=1.0)
    assert high.naive == -low.naive == 3
    assert 0 < high.coef <= high.naive


def test_a_p_value_that_was_not_asked_for_is_missing_under_its_own_name() -> None:
    found = max_selected(np.arange(1.0, 11), np.ones(10, int), np.arange(10.0), stratum=[0, 1] * 5)
    assert list(found.p_values) == ["lau92", "lau94", "hl", "permutation"]
    assert all(math.isnan(p) for p in found.p_values.values())


# ---- what a second sample of mutants asked for -----------------------------------------------------------------------------


def test_the_error_of_an_auc_is_that_of_leaving_each_subject_out() -> None:
    """Half are censored before the horizon, those with high scores sooner: what censoring adds cannot be left out."""
    rng = np.random.default_rng(12)
    n = 220
    score = rng.normal(size=n)
    failure, lost = rng.exponential(np.exp(-score)), rng.exponential(np.exp(-1.2 * score) * 0.8)
    time, event = np.minimum(failure, lost), failure <= lost
    found = auc(time, event, score, 1.0)
    out = np.array([auc(np.delete(time, i), np.delete(event, i), np.delete(score, i), 1.0).estimate for i in range(n)])
    assert found.std_error == pytest.approx(math.sqrt((n - 1) * out.var()), rel=0.02)


def test_a_global_wald_test_needs_every_coefficient() -> None:
    rng = np.random.default_rng(1)
    x, first = rng.normal(size=12), np.r_[1.0, np.zeros(11)]
    fit = cox(np.arange(1.0, 13), np.ones(12), np.column_stack([x, first]))
    assert fit.finite.tolist() == [True, False]
    assert math.isnan(fit.wald_test)
    alone = cox(np.arange(1.0, 13), np.ones(12), x[:, None])
    assert alone.wald_test == pytest.approx((alone.coef[0] / math.sqrt(alone.covariance[0, 0])) ** 2)


def test_no_success_on_either_side_has_no_common_odds_ratio() -> None:
    assert math.isnan(mantel_haenszel([[0, 5, 0, 5], [0, 3, 0, 4]]).odds_ratio)
    assert mantel_haenszel([[2, 5, 0, 5]]).odds_ratio == math.inf
    assert mantel_haenszel([[0, 5, 2, 5]]).odds_ratio == 0


def test_exact_ties_are_infinite_only_where_every_table_is_at_its_end() -> None:
    """One death time with two deaths: both of group 1, one of each; the likelihood of the second has its maximum at 0."""
    both = exact_ties([1, 1, 2, 2], [1, 1, 0, 0], [1, 1, 0, 0])
    assert (both.log_odds_ratio, both.finite) == (math.inf, False)
    assert exact_ties([1, 1, 2, 2], [1, 1, 0, 0], [0, 0, 1, 1]).log_odds_ratio == -math.inf
    one = exact_ties([1, 1, 2, 2], [1, 1, 0, 0], [1, 0, 1, 0])
    assert one.finite
    assert one.log_odds_ratio == pytest.approx(0, abs=1e-8)
    alone = exact_ties([1, 2], [1, 1], [1, 1])
    assert math.isnan(alone.log_odds_ratio)
    assert alone.score_test == 0


def test_times_that_all_tie_leave_nothing_to_choose_between_cuts() -> None:
    found = max_selected(np.ones(8), np.ones(8, int), np.arange(8.0), permutations=50)
    assert found.p_values["hl"] == found.p_values["permutation"] == 1


def test_what_ends_on_the_day_of_origin_is_no_state_and_no_move_after_it() -> None:
    subject, start, stop = [0, 0, 1, 1, 2], [0.0, 3, 0, 3, 0], [3.0, 9, 3, 9, 3]
    found = occupation(subject, start, stop, [0, 1, 1, 0, 0], [1, 1, 0, 2, 0], n_states=3, origin=3.0, times=[3.0, 9.0])
    assert found.moves.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert found.n == 2
    assert found.probability.tolist() == [[0.5, 0.5, 0], [0, 0.5, 0.5]]


@pytest.mark.parametrize("observed", [0, 1, 3])
def test_limits_of_observed_to_expected_are_exact_poisson_ones(observed: int) -> None:
    time = np.array([1.0, 2.0, 3.0, 4.0])
    found = one_sample_logrank(time, np.arange(4) < observed, lambda t: t / 4, level=0.9)
    E = 2.5
    high = brentq(lambda m: stats.poisson.cdf(observed, m) - 0.05, 0, 40)
    low = brentq(lambda m: stats.poisson.sf(observed - 1, m) - 0.05, 0, 40) if observed else 0.0
    assert [found.smr, found.smr_low, found.smr_high] == pytest.approx([observed / E, low / E, high / E])


def test_two_pairs_have_a_rank_correlation_and_no_interval() -> None:
    found = spearman([1.0, 2.0], [5.0, 3.0])
    assert (found.estimate, found.n) == (-1, 2)
    assert math.isnan(found.conf_low)
    assert math.isnan(spearman([1.0], [5.0]).estimate)


def test_the_error_of_a_permutation_p_shrinks_with_their_number() -> None:
    errors = [PermutationTest(0.2, B, 1.0).mc_error for B in (99, 9999)]
    assert errors == pytest.approx([0.04, 0.004])


def test_death_rows_are_the_deaths_by_stratum_and_time() -> None:
    time, event, stratum = [5.0, 1, 4, 2, 3, 6], [1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 0, 0]
    fit = cox(time, event, np.array([0.0, 1, 0, 1, 1, 0])[:, None], stratum=stratum)
    assert death_rows(fit).tolist() == [1, 4, 5, 3, 0]


def test_complete_visits_have_their_sample_covariance() -> None:
    """A mean per visit and nobody missing: REML's covariance is the sample's, each mean has n - 1 degrees of freedom."""
    rng = np.random.default_rng(9)
    n, T = 15, 3
    y = rng.multivariate_normal([1.0, 2, 4], [[2, 1, 0.5], [1, 3, 1], [0.5, 1, 2]], size=n)
    X = np.tile(np.eye(T), (n, 1))
    found = fit(y.ravel(), X, np.repeat(np.arange(n), T), np.tile(np.arange(T), n), n_visits=T)
    S = np.cov(y.T)
    assert found.sigma == pytest.approx(S, rel=1e-4)
    assert found.coef == pytest.approx(y.mean(axis=0), rel=1e-6)
    assert found.covariance == pytest.approx(S / n, rel=1e-4)
    assert found.df == pytest.approx(np.full(T, n - 1), rel=1e-3)
    r = (y - y.mean(axis=0)).ravel()
    V = np.kron(np.eye(n), S)
    whole = [np.linalg.slogdet(A)[1] for A in (V, X.T @ np.linalg.solve(V, X))]
    loglik = -0.5 * ((n - 1) * T * math.log(2 * math.pi) + sum(whole) + r @ np.linalg.solve(V, r))
    assert found.loglik == pytest.approx(loglik, rel=1e-8)
    assert found.converged
    with pytest.raises(ValueError, match="same visit twice"):
        fit(y.ravel(), X, np.repeat(np.arange(n), T), np.tile([0, 0, 1], n), n_visits=T)


def test_the_nearest_draw_lies_between_both_ends_of_the_window() -> None:
    d = drawn([0, 0, 1, 1, 2], [20.0, 60.0, 41.0, 43.0, 30.0])
    until = np.array([56.0, 56.0, 29.0])
    assert nearest(d, 3, nominal=42, first=28, until=until).tolist() == [-1, 2, -1]


def test_limits_of_a_separated_logistic_model_are_infinite_on_one_side_and_cut_the_likelihood_on_the_other() -> None:
    x, y = np.array([0.0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 1, 0, 0, 1, 1, 1, 1])
    fitted = logistic(np.column_stack([np.ones(8), x]), y)
    low, high = fitted.profile(1)
    assert high == math.inf
    held = minimize_scalar(
        lambda a: -(y * (a + low * x) - np.log1p(np.exp(a + low * x))).sum(), bounds=(-20, 20), method="bounded"
    )
    assert 2 * (fitted.loglik + held.fun) == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-5)


def test_only_heterozygotes_have_an_inbreeding_of_minus_one_and_a_limit_above_it() -> None:
    found = hardy_weinberg(0, 12, 0)
    assert found.f == found.f_low == -1
    q = 0.5
    rise = 12 * math.log(2 * q * q * (1 - found.f_high)) - 12 * math.log(1.0)
    assert -2 * rise == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-6)


def test_knots_that_coincide_are_refused() -> None:
    with pytest.raises(ValueError, match="at least three and increasing"):
        restricted_cubic([1.0], [0.0, 1.0, 1.0])


def test_the_first_cohort_is_told_to_start_at_the_lowest_level() -> None:
    assert decide([0, 0], [0, 0]) == Decision("treat", 0, "start at the lowest level")
