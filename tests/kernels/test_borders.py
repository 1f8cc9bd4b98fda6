"""At their borders kernels say what they cannot do, and give the answer that is still one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from biomarkers.kernels.calibrated import confirmatory
from biomarkers.kernels.carried import drawn, last
from biomarkers.kernels.cox import cox
from biomarkers.kernels.family import Member, max_t_family
from biomarkers.kernels.firth import firth
from biomarkers.kernels.fourfold import conditional
from biomarkers.kernels.hardy_weinberg import hardy_weinberg
from biomarkers.kernels.kappa import weighted_kappa
from biomarkers.kernels.likelihood import design
from biomarkers.kernels.one_sample import survival_against, upper_p
from biomarkers.kernels.resample import cluster_bootstrap
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.scan import null_model
from biomarkers.kernels.searched_cut import shrunken_cut
from biomarkers.kernels.separation import infinite_directions
from biomarkers.kernels.simon import TwoStage
from biomarkers.kernels.simulated_power import read_off
from biomarkers.kernels.tobit import fit as tobit
from biomarkers.kernels.tobit import impute, independent
from biomarkers.kernels.trial_simulation import simulate


def test_one_parameter_is_assumed_where_none_is_said() -> None:
    assert confirmatory([0, 1] * 10, [1] * 12 + [0] * 8).p_value == "likelihood ratio"


def test_draws_and_subjects_must_be_equally_many() -> None:
    with pytest.raises(ValueError, match="2 subjects and 3 days"):
        drawn([0, 1], [1.0, 2.0, 3.0])
    assert last(drawn([], []), [0, 1], 5.0).tolist() == [-1, -1]
    assert drawn([0, 0, 0, 1], [3.0, 1.0, 3.0, 3.0]).repeated.tolist() == [False, False, True, False]
    assert drawn([], []).repeated.tolist() == []


def test_a_family_and_a_kappa_and_a_design_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="at least one test"):
        max_t_family([], np.zeros(3, int), permutations=9)
    with pytest.raises(ValueError, match="'cubic' are not one of unweighted, linear, quadratic"):
        weighted_kappa([0, 1], [0, 1], n_classes=2, weights="cubic")
    with pytest.raises(ValueError, match="3 rows and the risk sets 2"):
        design(risk_sets([1.0, 2.0], [1, 1]), np.ones((3, 1)))


def test_firth_of_nothing_but_constants_is_the_null_model() -> None:
    found = firth(cox([1, 2, 3], [1, 1, 0], np.ones((3, 1))))
    assert math.isnan(found.coef[0])
    assert found.converged
    assert found.loglik == pytest.approx(-math.log(6))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_large_table_is_monotone_along_newton_s_way(sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from biomarkers.kernels import separation

    monkeypatch.setattr(separation, "_CELLS", 1)
    rs = risk_sets([1.0, 2, 3, 4], [1, 1, 0, 0])
    X = sign * np.column_stack([[1.0, 1, 0, 0], [0.0, 1, 0, 1]])[rs.order]
    assert infinite_directions(rs, X, np.array([True, True]), np.array([sign * 9.0, 0.0])).tolist() == [sign, 0]
    assert infinite_directions(rs, X, np.array([True, True]), np.array([0.0, 9.0])).tolist() == [0, 0]
    assert infinite_directions(rs, X, np.array([False, False]), np.zeros(2)).tolist() == [0, 0]
    assert infinite_directions(rs, X, np.array([True, False]), np.zeros(2)).tolist() == [sign, 0]


def test_the_bootstrap_resamples_whole_subjects() -> None:
    rng = np.random.default_rng(3)
    t, d, x = rng.exponential(size=30) + 0.1, rng.random(30) < 0.8, rng.normal(size=30)
    who = np.repeat(np.arange(10), 3)
    found = cluster_bootstrap(t, d, x, who, replicates=5, seed=4, stratum=np.arange(30) % 2)
    assert found.shape == (5, 1)
    assert np.isfinite(found).all()
    lone = cluster_bootstrap([1.0, 2, 3, 4], [1, 0, 0, 0], [0.0, 1, 0, 1], [0, 1, 2, 3], replicates=40, seed=1)
    assert np.isnan(lone).any()  # replicates without the one death, or with a monotone likelihood


def test_a_cut_that_nobody_may_search_is_refused() -> None:
    with pytest.raises(ValueError, match="no cut leaves between 10% and 90% of the 6 subjects"):
        shrunken_cut([1, 2, 3, 4, 5, 6], [1] * 6, [2.0] * 6)
    with pytest.raises(ValueError, match="no cut leaves"):
        shrunken_cut([1, 2, 3], [0, 0, 0], [1.0, 2.0, 3.0])


def test_a_shrunken_cut_leaves_each_subject_out() -> None:
    rng = np.random.default_rng(12)
    x = rng.normal(size=60)
    noise = shrunken_cut(rng.exponential(size=60), np.ones(60), x)
    strong = shrunken_cut(rng.exponential(size=60) * np.exp(-4.0 * (x > 0.1)), np.ones(60), x)
    assert 0 <= noise.factor < 0.5 < strong.factor <= 1
    assert strong.cutpoint == x[x <= 0.1].max()
    assert strong.coef == strong.factor * strong.naive > 1


# ---- Hardy and Weinberg ----------------------------------------------------------------------------------------------


def exact(ff: int, vf: int, vv: int) -> float:
    """Every number of heterozygotes with these alleles, by its factorials."""
    n, a = ff + vf + vv, 2 * ff + vf
    chance = {}
    for h in range(a % 2, min(a, 2 * n - a) + 1, 2):
        f, v = (a - h) // 2, (2 * n - a - h) // 2
        chance[h] = 2**h * math.factorial(n) / (math.factorial(f) * math.factorial(h) * math.factorial(v))
    whole = sum(chance.values())
    return sum(c for c in chance.values() if c <= chance[vf] * (1 + 1e-9)) / whole


@pytest.mark.parametrize("counts", [(3, 5, 2), (0, 9, 4), (7, 0, 3), (1, 1, 1), (12, 4, 6), (5, 0, 0)])
def test_the_exact_test_adds_up_the_less_likely_tables(counts) -> None:
    assert hardy_weinberg(*counts).p_value == pytest.approx(exact(*counts))


def test_the_interval_of_f_is_where_the_profile_has_fallen() -> None:
    counts = ff, vf, vv = 30, 20, 14
    found = hardy_weinberg(*counts, level=0.9)

    def loglik(f: float, q: float) -> float:
        p = 1 - q
        return ff * math.log(p * p + p * q * f) + vf * math.log(2 * p * q * (1 - f)) + vv * math.log(q * q + p * q * f)

    def profile(f: float) -> float:
        return max(loglik(f, q) for q in np.linspace(0.15, 0.85, 20_001))

    q = (2 * vv + vf) / 128
    assert found.f == pytest.approx(1 - vf / (64 * 2 * q * (1 - q)))
    for limit in (found.f_low, found.f_high):
        assert 2 * (loglik(found.f, q) - profile(limit)) == pytest.approx(stats.chi2.ppf(0.9, 1), abs=1e-5)
    assert found.f_low < found.f < found.f_high
    assert found.n == 64
    narrow = hardy_weinberg(*counts, level=0.5)
    assert found.f_low < narrow.f_low < narrow.f_high < found.f_high


def test_f_at_its_ends() -> None:
    nobody = hardy_weinberg(0, 0, 0)
    assert (nobody.n_ff, nobody.n_vf, nobody.n_vv, nobody.n) == (0, 0, 0, 0)
    assert math.isnan(nobody.p_value)
    assert hardy_weinberg(10, 0, 10).f_high == 1
    assert hardy_weinberg(0, 20, 0).f_low == -1
    for bad in ((-1, 2, 3), (True, 2, 3), (1.5, 2, 3)):
        with pytest.raises(ValueError, match=r"n_ff=.*a count is needed"):
            hardy_weinberg(*bad)
    for level in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            hardy_weinberg(1, 2, 3, level=level)


# ---- one arm ---------------------------------------------------------------------------------------------------------


def test_tails_of_one_arm() -> None:
    assert upper_p(1.3) == pytest.approx(stats.norm.sf(1.3))
    assert upper_p(40.0) == pytest.approx(stats.norm.sf(40.0))
    for S, se in ((0.0, 0.1), (1.0, 0.1), (0.5, 0.0), (0.5, math.nan)):
        assert all(math.isnan(z) for z in survival_against(S, se, 0.4))


def test_a_two_stage_design_adds_up_its_paths() -> None:
    plan = TwoStage(r1=1, n1=10, r=5, n=29)

    def tail(x: int, p: float) -> float:
        def b(k, n):
            return stats.binom.pmf(k, n, p)

        def path(i, j):
            return b(i, 10) * (b(j, 19) if i > 1 else float(j == 0))

        return sum(path(i, j) for i, j in itertools.product(range(11), range(20)) if i + j >= x)

    for x in (0, 1, 2, 6):
        assert plan.tail(x, 0.3) == pytest.approx(tail(x, 0.3))


def test_conditional_inference_is_fisher_s_noncentral_distribution() -> None:
    found = conditional([[9, 21, 4, 30]], level=0.9)

    def spread(odds: float):
        return stats.nchypergeom_fisher(51, 13, 21, odds)

    assert spread(found.odds_ratio).mean() == pytest.approx(9)
    assert found.std_error == pytest.approx(1 / math.sqrt(spread(found.odds_ratio).var()))
    assert spread(found.low).sf(8) == pytest.approx(0.05)
    assert spread(found.high).cdf(9) == pytest.approx(0.05)
    assert found.log_odds_ratio == pytest.approx(math.log(found.odds_ratio))
    assert (found.p_greater, found.p_less) == pytest.approx((spread(1).sf(8), spread(1).cdf(9)))
    assert found.p_value == pytest.approx(stats.fisher_exact([[9, 12], [4, 26]]).pvalue)
    assert found.finite
    edge = conditional([[5, 5, 0, 6]])
    assert (edge.odds_ratio, edge.high, edge.finite) == (math.inf, math.inf, False)
    other = conditional([[0, 5, 6, 6]])
    assert (other.odds_ratio, other.low, other.finite) == (0, 0, False)


# ---- simulated trials and power --------------------------------------------------------------------------------------


def test_a_line_of_power_is_read_off_exactly_with_its_error() -> None:
    z = stats.norm.ppf

    def power(b: float) -> float:
        return float(stats.norm.cdf(4.0 * b - z(0.975)))

    exact = (z(0.975) + z(0.8)) / 4
    for begin in (1.2, math.exp(exact), 1.9, 3.0):
        found = read_off(power, begin, power=0.8, alpha=0.05, replicates=400)
        assert math.log(found.hazard_ratio) == pytest.approx(exact)
        at_wanted = math.sqrt(0.8 * 0.2 / 800) / stats.norm.pdf(z(0.8)) / 4.0
        p1 = power(math.log(begin))
        assert tuple(vars_of(found))[1:] == pytest.approx((at_wanted, p1, math.sqrt(p1 * (1 - p1) / 400), 400))
    for nothing in (1.0, 0.5, math.inf, math.nan):
        assert math.isnan(read_off(power, nothing).hazard_ratio)


def vars_of(found) -> list[float]:
    return [getattr(found, name) for name in found.__dataclass_fields__]


def test_simulated_trials_have_the_strata_the_arms_and_the_hazards_asked_for() -> None:
    hazard = np.array([[1.0, 0.5], [2.0, 2.0], [0.25, 4.0]])
    share = np.array([0.2, 0.3, 0.5])
    drawn = simulate(np.random.default_rng(7), 400, n=60, accrual=3.0, hazard=hazard, p_stratum=share, block=4)
    for s in range(3):
        mine = drawn.stratum == s
        assert mine.mean() == pytest.approx(share[s], abs=0.012)
        # Blocks of four within a stratum: the arms never differ by more than two.
        gap = (2 * (drawn.arm == 1) - 1) * mine
        assert np.abs(np.cumsum(gap, axis=1)).max() == 2
        for a in (0, 1):
            times = drawn.time[mine & (drawn.arm == a)]
            assert times.mean() * hazard[s, a] == pytest.approx(1, abs=4 / math.sqrt(times.size))
    assert (np.diff(drawn.entry, axis=1) >= 0).all()
    assert 0 <= drawn.entry.min() < 0.01
    assert 2.99 < drawn.entry.max() <= 3.0
    assert drawn.calendar == pytest.approx(drawn.entry + drawn.time)


def test_the_adjusted_p_of_two_tests_counts_every_order_of_five() -> None:
    t, d = [1.0, 2, 3, 4, 5], [1, 1, 0, 1, 1]
    x, y = np.array([5.0, 3, 4, 1, 2.5]), np.array([1.0, 0, 0, 1, 0])
    null = null_model(risk_sets(t, d))
    order = null.rs.order
    members = [Member(null, v[order][:, None], order) for v in (x, y)]

    def both(shuffled) -> list[float]:
        return [cox(t, d, v[list(shuffled)][:, None]).score_test for v in (x, y)]

    T = np.array(both(range(5)))
    every = np.array([both(p) for p in itertools.permutations(range(5))]) + 1e-9
    found = max_t_family(members, np.zeros(5, int), permutations=3000, seed=2)
    near = {"abs": 4 * 0.5 / math.sqrt(3000)}
    first, second = np.argsort(-T)
    assert found.statistic == pytest.approx(T)
    assert found.p_permutation == pytest.approx((every >= T).mean(axis=0), **near)
    single = (every.max(axis=1)[:, None] >= T).mean(axis=0)
    assert found.p_single_step == pytest.approx(single, **near)
    down = {first: single[first], second: max(single[first], (every[:, second] >= T[second]).mean())}
    assert found.p_step_down == pytest.approx([down[0], down[1]], **near)


# ---- values beyond a limit -------------------------------------------------------------------------------------------


def test_the_censored_regression_is_the_top_of_its_likelihood() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=50)
    truth = 1 + 2 * x + rng.normal(size=50)
    y, censor = np.clip(truth, 0.0, 3.5), np.where(truth < 0, -1, np.where(truth > 3.5, 1, 0))
    X = np.column_stack([np.ones(50), x])

    def minus(v) -> float:
        mean, s = X @ v[:2], math.exp(v[2])
        z = (y - mean) / s
        tail = np.where(censor < 0, stats.norm.logcdf(z), stats.norm.logsf(z))
        return -np.where(censor == 0, stats.norm.logpdf(z) - v[2], tail).sum()

    best = optimize.minimize(minus, [0.0, 1.0, 0.0], method="BFGS", tol=1e-10)
    found = tobit(y, X, censor)
    assert found.coef == pytest.approx(best.x[:2], abs=1e-5)
    assert found.sigma == pytest.approx(math.exp(best.x[2]), rel=1e-5)
    assert found.converged
    out = impute(found, y, X, censor, np.random.default_rng(1))
    assert (out[censor == 0] == y[censor == 0]).all()
    assert (out[censor < 0] < 0).all()
    assert (out[censor > 0] > 3.5).all()


def test_columns_that_others_make_are_left_out() -> None:
    a, b = np.arange(5.0), np.array([1.0, 0, 2, 0, 3])
    assert independent(np.column_stack([np.ones(5), a, 2 * a - 3, b, np.zeros(5)])).shape == (5, 3)
