"""Kernels against the plainest reading of their definitions: every pair, every subject, every integral written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from biomarkers.kernels.accuracy import auc, brier, censoring, kaplan_meier_at
from biomarkers.kernels.agreement import intraclass
from biomarkers.kernels.calibrated import Choice, confirmatory
from biomarkers.kernels.concordance import concordance
from biomarkers.kernels.event_count import (
    events_required,
    lachin_foulkes_n,
    power_at_events,
    probability_of_event,
    rubinstein_power,
    time_to_events,
)
from biomarkers.kernels.kappa import bland_altman, fleiss_kappa, weighted_kappa
from biomarkers.kernels.power import conditional_variance, detectable_hazard_ratio
from biomarkers.kernels.rubin import pool, pool_chi_square
from biomarkers.kernels.sequential import beta_spending, bivariate_normal, conditional_power, futility_look, predictive_power


def trial(seed: int, n: int = 14) -> dict[str, np.ndarray]:
    """A small trial with ties everywhere, delayed entry, two strata and weights."""
    rng = np.random.default_rng(seed)
    t = rng.integers(2, 8, n).astype(float)
    return {
        "t": t, "d": rng.random(n) < 0.6, "eta": rng.integers(0, 4, n).astype(float), "s": t - rng.integers(1, 7, n),
        "g": rng.integers(0, 2, n), "w": rng.choice([0.5, 1.0, 2.0], n),
    }  # fmt: skip


# ---- concordance -----------------------------------------------------------------------------------------------------


def censored_before(t, d, w, at):
    """G(at-): product over earlier censoring times; who dies there has left."""
    G = 1.0
    for u in sorted(set(t[~d])):
        if u < at:
            stays = sum(w[i] for i in range(t.size) if t[i] > u or (t[i] == u and not d[i]))
            G *= 1 - sum(w[i] for i in range(t.size) if t[i] == u and not d[i]) / stays
    return G


def every_pair(t, d, eta, s, g, w, uno=False, horizon=np.inf):
    """Concordant, discordant, tied score, tied time, tied both."""
    counts = np.zeros(5)
    for i, j in itertools.permutations(range(t.size), 2):
        if not d[i] or t[i] > horizon or g[i] != g[j] or s[j] >= t[i]:
            continue
        pair = w[i] * w[j] * (censored_before(t, d, w, t[i]) ** -2 if uno else 1.0)
        if t[j] > t[i] or (t[j] == t[i] and not d[j]):
            counts[0 if eta[i] > eta[j] else 1 if eta[i] < eta[j] else 2] += pair
        elif t[j] == t[i] and i < j:
            counts[4 if eta[i] == eta[j] else 3] += pair
    return counts


@pytest.mark.parametrize("seed", range(6))
def test_harrell_s_c_counts_every_pair_once(seed: int) -> None:
    x = trial(seed)
    found = concordance(x["t"], x["d"], x["eta"], entry=x["s"], stratum=x["g"], weight=x["w"])
    counts = every_pair(**x)
    got = (found.concordant, found.discordant, found.tied_score, found.tied_time, found.tied_both)
    assert got == pytest.approx(counts, abs=1e-12)
    assert found.c == pytest.approx((counts[0] + counts[2] / 2) / counts[:3].sum(), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_uno_s_c_weights_each_death_by_its_chance_to_be_seen(seed: int) -> None:
    x = trial(seed) | {"s": np.full(14, -np.inf), "g": np.zeros(14, int)}
    found = concordance(x["t"], x["d"], x["eta"], weight=x["w"], uno=True, horizon=5.0)
    counts = every_pair(**x, uno=True, horizon=5.0)
    assert (found.concordant, found.discordant, found.tied_score) == pytest.approx(counts[:3], rel=1e-12)
    assert (found.tied_time, found.tied_both) == pytest.approx(counts[3:], rel=1e-12)


@pytest.mark.parametrize("cluster", [False, True])
def test_the_error_of_c_is_the_infinitesimal_jackknife(cluster: bool) -> None:
    x = trial(3)
    who = np.arange(14) // 2 if cluster else np.arange(14)
    found = concordance(x["t"], x["d"], x["eta"], entry=x["s"], stratum=x["g"], weight=x["w"], cluster=who)

    def c(w):
        k = every_pair(**(x | {"w": w}))
        return (k[0] + k[2] / 2) / k[:3].sum()

    felt = np.zeros(14)
    for i in range(14):
        step = 1e-6 * np.eye(14)[i]
        felt[who[i]] += x["w"][i] * (c(x["w"] + step) - c(x["w"] - step)) / 2e-6
    assert found.std_error == pytest.approx(math.sqrt((felt**2).sum()), rel=1e-7)


def test_without_a_comparable_pair_there_is_no_c() -> None:
    found = concordance([3.0, 3.0], [1, 1], [1.0, 2.0])
    assert math.isnan(found.c)
    assert math.isnan(found.std_error)
    assert (found.concordant, found.tied_time, found.tied_both) == (0, 1, 0)


def test_scores_that_differ_by_rounding_are_tied() -> None:
    assert concordance([1, 2], [1, 1], [0.1 + 0.2, 0.3]).tied_score == 1
    assert concordance([1, 2], [1, 1], [1e-30, 2e-30]).concordant == 0
    assert concordance([1, 2], [1, 1], [1e-30, 2e-30]).discordant == 1


# ---- accuracy at a horizon -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_auc_and_brier_are_their_weighted_sums(seed: int) -> None:
    x = trial(seed, 20)
    t, d, M, one = x["t"], x["d"], x["eta"], np.ones(20)
    S = np.random.default_rng(seed).random(20)
    cases = [i for i in range(20) if d[i] and t[i] <= 4]
    controls = [i for i in range(20) if t[i] > 4]
    top = bottom = 0.0
    for i, j in itertools.product(cases, controls):
        weight = 1 / censored_before(t, d, one, t[i])
        top += weight * ((M[i] > M[j]) + 0.5 * (M[i] == M[j]))
        bottom += weight
    found = auc(t, d, M, 4.0)
    assert (found.estimate, found.n_cases, found.n_controls) == (pytest.approx(top / bottom), len(cases), len(controls))
    at_horizon = censored_before(t, d, one, np.nextafter(4.0, 5.0))
    loss = sum(S[i] ** 2 / censored_before(t, d, one, t[i]) for i in cases)
    loss += sum((1 - S[i]) ** 2 / at_horizon for i in controls)
    assert brier(t, d, S, 4.0) == pytest.approx(loss / 20)
    product = 1.0
    for u in sorted({t[i] for i in cases}):
        product *= 1 - sum(d & (t == u)) / sum(t >= u)
    assert kaplan_meier_at(t, d, 4.0) == pytest.approx(product)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_the_error_of_the_auc_is_what_one_subject_more_would_change(seed: int) -> None:
    x = trial(seed, 12)
    t, d, M = x["t"], x["d"], x["eta"]
    many = 40

    def value(i: int, more: int) -> float:
        k = np.full(12, many)
        k[i] += more
        return auc(np.repeat(t, k), np.repeat(d, k), np.repeat(M, k), 4.0).estimate

    felt = [(value(i, 1) - value(i, -1)) * 12 * many / 2 for i in range(12)]
    assert auc(t, d, M, 4.0).std_error == pytest.approx(np.std(felt, ddof=1) / math.sqrt(12), rel=1e-3)


def test_the_censoring_curve_and_its_two_sides() -> None:
    G = censoring([1.0, 2.0, 2.0, 3.0, 4.0], [0, 1, 0, 0, 1])
    # At risk of censoring: 5; at time 2 the death has left, so 3; then 2.
    assert G.at([0.5, 1.0, 2.0, 3.0]).tolist() == pytest.approx([1, 4 / 5, 8 / 15, 4 / 15])
    assert G.before([1.0, 2.0, 3.0, 9.0]).tolist() == pytest.approx([1, 4 / 5, 8 / 15, 4 / 15])


def test_a_horizon_that_nobody_passed_or_reached_has_no_auc() -> None:
    none_after, none_before = auc([1, 2], [1, 1], [1, 2], 9.0), auc([5, 6], [1, 1], [1, 2], 1.0)
    assert (none_after.n_cases, none_after.n_controls) == (2, 0)
    assert (none_before.n_cases, none_before.n_controls) == (0, 2)
    assert math.isnan(none_after.estimate)
    assert math.isnan(none_before.std_error)


# ---- readers ---------------------------------------------------------------------------------------------------------


def test_the_intervals_of_the_icc_are_those_of_shrout_and_fleiss() -> None:
    """Their 1979 data; the R package psych prints 0.019 to 0.76 at 95 %."""
    scores = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    a = intraclass(scores)
    assert (a.conf_low, a.conf_high) == (pytest.approx(0.019, abs=5e-4), pytest.approx(0.76, abs=5e-3))
    wide = intraclass(scores, level=0.99)
    assert wide.conf_low < a.conf_low < a.icc_2_1 < a.conf_high < wide.conf_high
    assert (a.n, a.k) == (6, 4)


def test_the_interval_of_the_icc_solves_the_f_test_it_inverts() -> None:
    """Where readers do not differ at all, the interval of ICC(2,1) is that of a plain F: (F/q - 1) / (F/q + k - 1)."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, 1)) + rng.normal(size=(3000, 3))
    x -= x.mean(axis=0)
    a = intraclass(x)
    F, q = a.msr / a.mse, stats.f.ppf(0.975, 2999, 2999 * 2)
    assert a.conf_low == pytest.approx((F / q - 1) / (F / q + 2), abs=2e-3)


def naive_kappa(a, b, weight, k):
    n = len(a)
    seen = sum(weight(x, y) for x, y in zip(a, b, strict=True)) / n
    chance = sum(weight(x, y) * a.count(x) * b.count(y) for x in range(k) for y in range(k)) / n**2
    return (seen - chance) / (1 - chance), seen, chance


@pytest.mark.parametrize(("weights", "weight"), [("unweighted", lambda x, y: float(x == y)),
                                                 ("linear", lambda x, y: 1 - abs(x - y) / 3),
                                                 ("quadratic", lambda x, y: 1 - ((x - y) / 3) ** 2)])
def test_kappa_and_its_error_from_the_definition(weights, weight) -> None:
    rng = np.random.default_rng(8)
    a = rng.integers(0, 4, 30)
    b = np.clip(a + rng.integers(-1, 2, 30), 0, 3)
    found = weighted_kappa(a, b, n_classes=4, weights=weights, level=0.9)
    k, seen, chance = naive_kappa(a.tolist(), b.tolist(), weight, 4)
    assert (found.kappa, found.observed, found.expected) == pytest.approx((k, seen, chance))
    # The delta method, by numbers: kappa as a function of the weight of each specimen.
    def value(i: int, more: int) -> float:
        k = np.full(30, 40)
        k[i] += more
        return naive_kappa(np.repeat(a, k).tolist(), np.repeat(b, k).tolist(), weight, 4)[0]

    felt = [(value(i, 1) - value(i, -1)) * 30 * 40 / 2 for i in range(30)]
    assert found.std_error == pytest.approx(math.sqrt(np.mean(np.square(felt)) / 30), rel=1e-3)
    assert found.conf_low == pytest.approx(k - stats.norm.ppf(0.95) * found.std_error)
    assert found.conf_high == pytest.approx(min(k + stats.norm.ppf(0.95) * found.std_error, 1))
    assert (found.n, found.k) == (30, 2)


def test_kappa_has_no_value_where_chance_alone_agrees_fully() -> None:
    found = weighted_kappa([1, 1, 1], [1, 1, 1], n_classes=3)
    assert math.isnan(found.kappa)
    assert (found.observed, found.expected) == (1, 1)


@pytest.mark.parametrize(("first", "second", "said"), [([0, 1], [0, 1, 1], "at least 2; given 2 and 3"),
                                                       ([0], [0], "at least 2; given 1 and 1"),
                                                       ([0, -1], [0, 1], r"0 \.\. 2"), ([0, 1], [0, 3], r"0 \.\. 2")])
def test_what_two_readers_cannot_have_scored_is_refused(first, second, said) -> None:
    with pytest.raises(ValueError, match=said):
        weighted_kappa(first, second, n_classes=3)


def test_fleiss_kappa_counts_agreeing_pairs_of_readers_and_leaves_out_each_specimen() -> None:
    rng = np.random.default_rng(5)
    x = rng.integers(0, 3, (12, 4))

    def value(rows):
        n = len(rows)
        pairs = [rows[i][a] == rows[i][b] for i in range(n) for a, b in itertools.combinations(range(4), 2)]
        share = [np.mean(np.array(rows) == c) for c in range(3)]
        seen, chance = np.mean(pairs), sum(s * s for s in share)
        return (seen - chance) / (1 - chance), seen, chance

    found = fleiss_kappa(x, n_classes=3)
    assert (found.kappa, found.observed, found.expected) == pytest.approx(value(x.tolist()))
    left = [value(np.delete(x, i, axis=0).tolist())[0] for i in range(12)]
    assert found.std_error == pytest.approx(math.sqrt(11 / 12 * np.sum((left - np.mean(left)) ** 2)))
    for bad in ([[0, 1]], [[0], [1]], [[0, 3], [1, 1]]):
        with pytest.raises(ValueError, match=r"scores must be|classes must lie"):
            fleiss_kappa(bad, n_classes=3)


def test_bland_and_altman_s_limits_and_slope() -> None:
    a, b = np.array([10.0, 20, 30, 42]), np.array([12.0, 21, 33, 50])
    found = bland_altman(a, b, level=0.9)
    diff, mean = b - a, (a + b) / 2
    assert (found.bias, found.sd, found.n) == (diff.mean(), pytest.approx(diff.std(ddof=1)), 4)
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.9, diff.mean(), diff.std(ddof=1)))
    assert (found.bias_low, found.bias_high) == pytest.approx(stats.t.interval(0.9, 3, diff.mean(), stats.sem(diff)))
    assert found.slope == pytest.approx(stats.linregress(mean, diff).slope)
    assert bland_altman([1, 1, 1], [2, 2, 2]).slope == 0
    with pytest.raises(ValueError, match="at least 3; given 2 and 2"):
        bland_altman([1, 2], [1, 2])


# ---- events, sizes and looks -----------------------------------------------------------------------------------------


def test_the_chance_of_an_event_is_the_integral_over_entry() -> None:
    rate = math.log(2) / 12
    for accrual, at in ((52.0, 104.0), (52.0, 30.0), (10.0, 10.0)):
        until = min(accrual, at)
        area = integrate.quad(lambda u, at=at: 1 - math.exp(-rate * (at - u)), 0, until)[0] / accrual
        assert float(probability_of_event(12.0, accrual=accrual, at=at)) == pytest.approx(area, rel=1e-12)
    assert float(probability_of_event(12.0, accrual=0, at=24.0)) == pytest.approx(0.75)
    assert probability_of_event([12.0, 24.0], accrual=0, at=24.0).tolist() == pytest.approx([0.75, 0.5])


def test_events_expected_at_the_time_they_are_due() -> None:
    for events, accrual in ((30.0, 20.0), (5.0, 52.0), (10.0, 0.0), (39.9, 1.0)):
        at = time_to_events(events, [25, 15], [6, 12], accrual=accrual)
        seen = probability_of_event([6.0, 12.0], accrual=accrual, at=at)
        assert float(seen @ [25, 15]) == pytest.approx(events, rel=1e-10)
    assert time_to_events(40.0, [25, 15], [6, 12], accrual=5) == math.inf


@pytest.mark.parametrize("method", ["schoenfeld", "freedman"])
def test_the_events_required_have_the_power_asked_for(method) -> None:
    for allocation in (0.5, 2 / 3):
        d = events_required(0.6, alpha=0.025, power=0.85, allocation=allocation, method=method)
        assert power_at_events(d, 0.6, alpha=0.025, allocation=allocation, method=method) == pytest.approx(0.85)
    default = events_required(0.6, alpha=0.025, power=0.85)
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.85)
    assert default == pytest.approx(4 * z**2 / math.log(0.6) ** 2)  # Schoenfeld's formula at 1:1
    freedman = events_required(0.6, alpha=0.025, power=0.85, method="freedman")
    assert freedman == pytest.approx(z**2 * (1.6 / 0.4) ** 2)  # Freedman's at 1:1
    uneven = events_required(0.6, alpha=0.025, power=0.85, allocation=2 / 3, method="freedman")
    assert uneven == pytest.approx(z**2 * (1 + 2 * 0.6) ** 2 / (2 * 0.4**2))  # k = 2
    assert power_at_events(default, 0.6, alpha=0.025) == pytest.approx(0.85)


def test_rubinstein_s_and_lachin_s_formulas_written_out() -> None:
    z = stats.norm.ppf
    assert rubinstein_power([20, 30], 0.5, alpha=0.05) == pytest.approx(
        stats.norm.cdf(math.log(2) / math.sqrt(1 / 20 + 1 / 30) - z(0.95)))
    h0, h1 = math.log(2) / 12, math.log(2) / 24
    for p, scale in ((0.5, "ratio"), (0.6, "ratio"), (0.6, "difference")):
        pooled = (1 - p) * h0 + p * h1

        def var(h, scale=scale):
            seen = float(probability_of_event(math.log(2) / h, accrual=52, at=104))
            return (1 if scale == "ratio" else h**2) / seen

        gap = math.log(h0 / h1) if scale == "ratio" else h0 - h1
        n = ((z(0.9) * math.sqrt(var(pooled) / p + var(pooled) / (1 - p)) + z(0.8) * math.sqrt(var(h0) / (1 - p) + var(h1) / p))
             / gap) ** 2
        found = lachin_foulkes_n(12, 0.5, alpha=0.1, power=0.8, accrual=52, at=104, allocation=p, scale=scale)
        assert found == pytest.approx(n)
    assert lachin_foulkes_n(12, 0.5, alpha=0.1, power=0.8, accrual=52, at=104) == pytest.approx(
        lachin_foulkes_n(12, 0.5, alpha=0.1, power=0.8, accrual=52, at=104, allocation=0.5, scale="ratio"))


@pytest.mark.parametrize("rho", [-0.99, -0.5, 0.0, 0.6, 1.0, -1.0])
@pytest.mark.parametrize("k", [-0.4, 0.0, 2.1])
@pytest.mark.parametrize("h", [-1.3, 0.0, 0.7])
def test_the_bivariate_normal_is_its_integral(h: float, k: float, rho: float) -> None:
    if abs(rho) == 1:
        whole = stats.norm.cdf(min(h, k)) if rho > 0 else max(stats.norm.cdf(h) + stats.norm.cdf(k) - 1, 0)
    else:
        root = math.sqrt(1 - rho**2)
        whole = integrate.quad(lambda x: stats.norm.pdf(x) * stats.norm.cdf((k - rho * x) / root), -12, h, epsabs=1e-13)[0]
    assert bivariate_normal(h, k, rho) == pytest.approx(whole, abs=1e-9)


def test_the_bivariate_normal_at_infinity_is_its_margin() -> None:
    inf = math.inf
    assert bivariate_normal(inf, 0.3, 0.5) == pytest.approx(stats.norm.cdf(0.3))
    assert bivariate_normal(0.3, inf, -0.5) == pytest.approx(stats.norm.cdf(0.3))
    assert bivariate_normal(-inf, 0.3, 0.5) == bivariate_normal(0.3, -inf, 0.5) == bivariate_normal(-inf, inf, 0.5) == 0
    assert bivariate_normal(inf, inf, 0.5) == 1


def test_looks_and_conditional_power_are_their_integrals() -> None:
    drift, t, alpha, bound = 2.4, 0.4, 0.1, 0.3
    c, inner = stats.norm.ppf(1 - alpha), lambda z, drift: stats.norm.pdf(z - drift * math.sqrt(t))

    def later(z, drift):
        return stats.norm.sf((c - z * math.sqrt(t) - drift * (1 - t)) / math.sqrt(1 - t))

    look = futility_look(drift=drift, information=t, bound=bound, alpha=alpha)
    reject = integrate.quad(lambda z: inner(z, drift) * later(z, drift), bound, 12)[0]
    assert look.p_stop == pytest.approx(stats.norm.cdf(bound - drift * math.sqrt(t)))
    assert look.p_reject == pytest.approx(reject, abs=1e-9)
    assert look.p_reject_ignored == pytest.approx(stats.norm.cdf(drift - c))
    assert conditional_power(0.8, information=t, drift=drift, alpha=alpha) == pytest.approx(later(0.8, drift))
    flat = integrate.quad(lambda u: later(0.8, u) * stats.norm.pdf(u, 0.8 / math.sqrt(t), 1 / math.sqrt(t)), -20, 24)[0]
    assert predictive_power(0.8, information=t, alpha=alpha) == pytest.approx(flat, abs=1e-8)


@pytest.mark.parametrize("gamma", [-2.0, 0.0, 1.5])
def test_a_spending_bound_spends_what_it_says_and_keeps_the_power(gamma: float) -> None:
    alpha, beta, t = 0.1, 0.1, 0.6
    found = beta_spending(alpha=alpha, beta=beta, information=t, gamma=gamma)
    share = t if gamma == 0 else (1 - math.exp(-gamma * t)) / (1 - math.exp(-gamma))
    look = futility_look(drift=found.drift, information=t, bound=found.bound, alpha=alpha)
    assert look.p_stop == pytest.approx(beta * share)
    assert look.p_reject == pytest.approx(1 - beta, abs=1e-9)
    fixed = stats.norm.ppf(1 - alpha) + stats.norm.ppf(1 - beta)
    assert found.inflation == pytest.approx((found.drift / fixed) ** 2)
    assert found.inflation > 1


def test_the_detectable_hazard_ratio_has_its_power_and_needs_something_to_detect() -> None:
    hr = detectable_hazard_ratio(48, 0.25, alpha=0.05, power=0.8)
    assert stats.norm.cdf(math.log(hr) * math.sqrt(48 * 0.25) - stats.norm.ppf(0.975)) == pytest.approx(0.8)
    assert detectable_hazard_ratio(48, 0.25) == hr
    for events, variance in ((0, 1.0), (10, 0.0), (-1, 1.0), (10, -1.0)):
        value = detectable_hazard_ratio(events, variance)
        assert isinstance(value, float)
        assert math.isnan(value)


def test_the_conditional_variance_is_what_a_regression_leaves() -> None:
    rng = np.random.default_rng(1)
    others = rng.normal(size=(40, 2))
    x = others @ [1.0, -2.0] + rng.normal(size=40) + 5
    Z = np.column_stack([np.ones(40), others])
    left = x - Z @ np.linalg.inv(Z.T @ Z) @ Z.T @ x
    assert conditional_variance(x, others) == pytest.approx(np.mean(left**2))
    assert conditional_variance(x, np.empty((40, 0))) == pytest.approx(x.var())


# ---- which p-value ---------------------------------------------------------------------------------------------------


def test_the_rule_for_the_p_value_at_its_borders() -> None:
    def said(carriers: int, n: int, events_in_carriers: int, others: int, p: int = 1) -> Choice:
        x = np.r_[np.ones(carriers), np.zeros(n - carriers)]
        d = np.r_[np.arange(carriers) < events_in_carriers, np.arange(n - carriers) < others]
        return confirmatory(x, d, n_parameters=p)

    assert said(20, 60, 5, 30).p_value == "likelihood ratio"
    assert said(20, 60, 4, 30) == Choice("none", "descriptive only: 4 events in the group of 20")
    assert said(20, 60, 20, 4) == Choice("none", "descriptive only: 4 events in the group of 40")
    assert said(10, 60, 9, 30).p_value == "likelihood ratio"
    assert said(9, 60, 9, 30) == Choice("permutation", "9 of 60 in the smaller group")
    assert said(15, 100, 9, 30).p_value == "likelihood ratio"
    assert said(14, 100, 9, 30) == Choice("permutation", "14 of 100 in the smaller group")
    assert said(20, 60, 5, 15, p=2).p_value == "likelihood ratio"
    assert said(20, 60, 5, 14, p=2) == Choice("permutation", "9.5 events per parameter")
    assert confirmatory(np.ones(7), np.ones(7)) == Choice("none", "the marker is constant in 7 subjects")
    assert said(20, 60, 5, 4).reason == "descriptive only: 4 events in the group of 40"


def test_a_skewed_marker_is_permuted_in_either_direction() -> None:
    x = np.r_[np.zeros(40), np.ones(5), 6.0]
    skew = stats.skew(x)
    assert skew > 1
    assert confirmatory(x, np.ones(46)) == Choice("permutation", f"skewness {skew:.1f} of the marker on this scale")
    assert confirmatory(-x, np.ones(46)) == Choice("permutation", f"skewness {-skew:.1f} of the marker on this scale")
    mild = np.r_[np.arange(40.0), 55.0, 60.0]
    assert 0.1 < stats.skew(mild) < 1
    assert confirmatory(mild, np.ones(42)).p_value == "likelihood ratio"


# ---- pooling over imputations ----------------------------------------------------------------------------------------


def test_rubin_s_rules_written_out() -> None:
    q, u = np.array([0.9, 1.3, 1.1, 0.8]), np.array([0.4, 0.5, 0.45, 0.42])
    found = pool(q, u)
    W, B = np.mean(u**2), np.var(q, ddof=1)
    T = W + 1.25 * B
    r = 1.25 * B / W
    df = 3 * (1 + 1 / r) ** 2
    assert (found.estimate, found.std_error, found.df) == pytest.approx((q.mean(), math.sqrt(T), df))
    assert found.fraction_missing == pytest.approx((r + 2 / (df + 3)) / (r + 1))
    assert found.statistic == pytest.approx(q.mean() / math.sqrt(T))
    assert found.p_value == pytest.approx(2 * stats.t.sf(q.mean() / math.sqrt(T), df))
    assert found.interval(0.9) == pytest.approx(stats.t.interval(0.9, df, q.mean(), math.sqrt(T)))
    small = pool(q, u, df_complete=30)
    seen = 31 / 33 * 30 * W / T  # Barnard and Rubin
    assert small.df == pytest.approx(1 / (1 / df + 1 / seen))
    same = pool([1.0, 1.0], [0.3, 0.3], df_complete=12)
    assert (same.df, same.std_error, same.fraction_missing) == (12, pytest.approx(0.3), 0)
    with pytest.raises(ValueError, match="at least two"):
        pool([1.0], [0.3])


def test_li_s_pooled_chi_square_written_out() -> None:
    d, k, m = np.array([5.0, 7.5, 6.2]), 2, 3
    r = (1 + 1 / m) * np.var(np.sqrt(d), ddof=1)
    value = (d.mean() / k - (m + 1) / (m - 1) * r) / (1 + r)
    second = k ** (-3 / m) * (m - 1) * (1 + 1 / r) ** 2
    assert pool_chi_square(d, k) == pytest.approx((value, stats.f.sf(value, k, second)))
    assert pool_chi_square([0.01, 9.0], 1)[1] == pytest.approx(1.0)  # a negative D2 has no evidence
