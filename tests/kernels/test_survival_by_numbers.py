"""The survival kernels against one likelihood written as loops, its numerical derivatives, and curves drawn step by step."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import optimize, stats

from biomarkers.kernels.cox import CoxSolution, cox
from biomarkers.kernels.firth import firth, firth_profile, penalised
from biomarkers.kernels.hazard import baseline_hazard, predict
from biomarkers.kernels.km import kaplan_meier, reverse
from biomarkers.kernels.logistic import logistic
from biomarkers.kernels.logrank import logrank
from biomarkers.kernels.matching import matched
from biomarkers.kernels.maxstat import log_rank_scores, max_selected
from biomarkers.kernels.profile import cut_off, likelihood_ratios, p_value, profile, t_df
from biomarkers.kernels.resample import score_permutation
from biomarkers.kernels.residuals import clustered, dfbeta, martingale, robust_covariance, schoenfeld, score
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.rmst import difference, rmst_difference, survival_difference
from biomarkers.kernels.scan import centred, fit_many, null_model, score_matrix, score_tests, statistics
from biomarkers.kernels.window import window_risk
from biomarkers.kernels.zph import time_scale, zph

N = 26


class Data:
    """Ties, delayed entry, two strata, weights; two covariates."""

    def __init__(self, seed: int = 1, *, weights: bool = True) -> None:
        rng = np.random.default_rng(seed)
        self.t = rng.integers(3, 10, N).astype(float)
        self.s = self.t - rng.integers(1, 9, N)
        self.d = rng.random(N) < 0.7
        self.g = rng.integers(0, 2, N)
        self.w = rng.choice([0.5, 1.0, 1.5], N) if weights else np.ones(N)
        self.X = np.column_stack([rng.normal(5, 2, N), rng.integers(0, 2, N)])

    def fit(self, X: np.ndarray | None = None, **other: object) -> CoxSolution:
        given = {"entry": self.s, "stratum": self.g, "weight": self.w} | other
        return cox(self.t, self.d, self.X if X is None else X, **given)  # type: ignore[arg-type]

    def steps(self):
        """(stratum, time, deaths, share of the deaths that has left) of every step of Efron's likelihood."""
        for g in (0, 1):
            for T in sorted({t for t, d, h in zip(self.t, self.d, self.g, strict=True) if d and h == g}):
                dead = np.flatnonzero((self.g == g) & (self.t == T) & self.d)
                for k in range(dead.size):
                    yield g, T, dead, k / dead.size

    def loglik(self, beta, *, theta=None, time=None, X=None, w=None) -> float:
        """Efron's partial likelihood; with theta the effect is beta + theta time(T)."""
        X, w, total = self.X if X is None else X, self.w if w is None else w, 0.0
        for g, T, dead, left in self.steps():
            effect = np.asarray(beta) + (0.0 if theta is None else np.asarray(theta) * time(T))
            risk = w * np.exp(X @ effect) * ((self.g == g) & (self.s < T) & (self.t >= T))
            risk[dead] *= 1 - left
            total += (w[dead] * (X[dead] @ effect)).sum() / dead.size - w[dead].mean() * math.log(risk.sum())
        return total

    def information(self, beta, w=None) -> np.ndarray:
        w, out = self.w if w is None else w, 0.0
        for g, T, dead, left in self.steps():
            risk = w * np.exp(self.X @ beta) * ((self.g == g) & (self.s < T) & (self.t >= T))
            risk[dead] *= 1 - left
            a = risk / risk.sum()
            out = out + w[dead].mean() * ((a * self.X.T) @ self.X - np.outer(a @ self.X, a @ self.X))
        return out


def slope(f, x, h=1e-5):
    x = np.asarray(x, float)
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)])


def curvature(f, x, h=1e-3):
    x, E = np.asarray(x, float), np.eye(np.size(x)) * h
    return np.array([[(f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * h * h) for b in E] for a in E])


@pytest.fixture(scope="module")
def data() -> Data:
    return Data()


@pytest.fixture(scope="module")
def fitted(data: Data) -> CoxSolution:
    return data.fit()


# ---- the fit and its tests -------------------------------------------------------------------------------------------


def test_the_fit_is_the_top_of_the_likelihood(data: Data, fitted: CoxSolution) -> None:
    assert fitted.loglik == pytest.approx(data.loglik(fitted.coef), rel=1e-12)
    assert fitted.loglik_null == pytest.approx(data.loglik([0, 0]), rel=1e-12)
    assert np.abs(slope(data.loglik, fitted.coef)).max() < 1e-6
    I = data.information(fitted.coef)
    assert fitted.covariance == pytest.approx(np.linalg.inv(I), rel=1e-9)
    assert fitted.std_error == pytest.approx(np.sqrt(np.diag(np.linalg.inv(I))), rel=1e-9)
    assert -curvature(data.loglik, fitted.coef) == pytest.approx(I, rel=1e-4)
    assert fitted.likelihood_ratio == pytest.approx(2 * (data.loglik(fitted.coef) - data.loglik([0, 0])), rel=1e-10)
    assert fitted.wald_test == pytest.approx(fitted.coef @ I @ fitted.coef, rel=1e-9)
    U, I0 = slope(data.loglik, [0.0, 0.0]), data.information(np.zeros(2))
    assert fitted.score_test == pytest.approx(U @ np.linalg.inv(I0) @ U, rel=1e-6)
    assert (fitted.df, fitted.n, fitted.n_events, fitted.n_merged) == (2, N, int(data.d.sum()), 0)
    assert fitted.converged
    centre = fitted.linear_predictor()
    assert centre - centre[0] == pytest.approx((data.X - data.X[0]) @ fitted.coef)


def test_a_constant_column_has_no_coefficient_and_harms_nobody(data: Data, fitted: CoxSolution) -> None:
    found = data.fit(np.column_stack([data.X[:, 0], np.full(N, 7.0), data.X[:, 1]]))
    assert found.aliased.tolist() == [False, True, False]
    assert found.coef[[0, 2]] == pytest.approx(fitted.coef)
    assert math.isnan(found.coef[1])
    assert found.linear_predictor() == pytest.approx(fitted.linear_predictor())


def test_a_covariate_given_as_a_row_is_a_column(data: Data) -> None:
    assert cox(data.t, data.d, data.X[:, 0]).coef == pytest.approx(cox(data.t, data.d, data.X[:, :1]).coef)
    with pytest.raises(ValueError, match=f"0 events among n = {N}"):
        cox(data.t, np.zeros(N), data.X)
    nothing = data.fit(np.ones((N, 1)))
    assert (nothing.score_test, nothing.df) == (0.0, 0)


def test_an_infinite_coefficient_has_no_wald_test() -> None:
    found = cox([2, 3, 5, 7, 8, 9], [1, 1, 1, 1, 0, 0], [[0.0], [0], [0], [0], [1], [1]])
    assert isinstance(found.wald_test, float)
    assert math.isnan(found.wald_test)
    with pytest.raises(ValueError, match="infinite"):
        zph(found, [[0]])


def test_residuals_are_what_a_row_more_would_change(data: Data, fitted: CoxSolution) -> None:
    felt = np.empty((N, 2))
    for i in range(N):
        step = 1e-5 * np.eye(N)[i]
        up, down = data.fit(weight=data.w + step).coef, data.fit(weight=data.w - step).coef
        felt[i] = data.w[i] * (up - down) / 2e-5
    # Efron's deaths share the mean weight of their tie, so a row alone is felt through its tied ones too: sum over the tie.
    tie = np.unique(np.column_stack([data.g, data.t, data.d]), axis=0, return_inverse=True)[1].reshape(-1)
    equal = [k for k in range(tie.max() + 1) if np.ptp(data.w[tie == k]) == 0]
    assert len(equal) > 5
    for k in equal:
        assert dfbeta(fitted)[tie == k].sum(axis=0) == pytest.approx(felt[tie == k].sum(axis=0), rel=2e-4, abs=1e-7)
    assert score(fitted).T @ data.w == pytest.approx([0, 0], abs=1e-9)
    assert martingale(fitted) @ data.w == pytest.approx(0, abs=1e-9)
    assert schoenfeld(fitted).shape == (data.d.sum(), 2)
    who = np.arange(N) // 2
    D = clustered(dfbeta(fitted), who)
    assert pytest.approx(np.array([dfbeta(fitted)[who == k].sum(axis=0) for k in range(N // 2)])) == D
    assert robust_covariance(fitted, who) == pytest.approx(D.T @ D)
    with pytest.raises(ValueError, match=f"cluster has 3 values for {N} rows"):
        clustered(dfbeta(fitted), [1, 2, 3])


def test_profile_limits_are_where_the_refitted_likelihood_has_fallen(data: Data, fitted: CoxSolution) -> None:
    cut = cut_off(0.9, df=12.0)
    assert cut == pytest.approx(stats.t.ppf(0.95, 12) ** 2)
    assert cut_off(0.9, df=None) == pytest.approx(stats.chi2.ppf(0.9, 1))
    found = profile(fitted, cut=cut)

    def fall(j: int, value: float) -> float:
        def other(b):
            return -data.loglik(np.insert(b, j, value))

        best = optimize.minimize(other, [fitted.coef[1 - j]], tol=1e-12, method="BFGS")
        return 2 * (fitted.loglik + best.fun)

    for j in (0, 1):
        assert found.statistic[j] == pytest.approx(fall(j, 0.0), rel=1e-6)
        assert found.low[j] < fitted.coef[j] < found.high[j]
        for limit in (found.low[j], found.high[j]):
            assert fall(j, limit) == pytest.approx(cut, rel=1e-6)
    assert likelihood_ratios(fitted) == pytest.approx(found.statistic)
    assert p_value(np.array([4.0, -1e-12]), df=None) == pytest.approx([stats.chi2.sf(4, 1), 1.0])
    assert p_value(np.array([4.0]), df=7.0) == pytest.approx([2 * stats.t.sf(2, 7)])
    assert (t_df(30, 4), t_df(3, 5)) == (26.0, 1.0)


def test_profile_limits_with_one_column_and_with_none(data: Data) -> None:
    one = data.fit(data.X[:, :1])
    assert likelihood_ratios(one) == pytest.approx([one.likelihood_ratio])
    none = data.fit(np.ones((N, 1)))
    assert np.isnan(likelihood_ratios(none)).all()
    assert np.isnan(profile(none, cut=3.84).low).all()


def test_an_infinite_side_is_said_and_the_finite_side_solves_the_likelihood() -> None:
    t, d = [2.0, 3, 5, 7, 8, 9, 10], [1, 1, 1, 1, 1, 0, 0]
    for sign in (1, -1):
        x = sign * np.array([0.0, 0, 0, 0, 0, 1, 1])
        fit = cox(t, d, x[:, None])
        found = profile(fit, cut=3.84)

        def loglik(b: float, x: np.ndarray = x) -> float:
            return sum(b * x[i] - math.log(np.exp(b * x[i:]).sum()) for i in range(5))

        limit, side = (found.high[0], found.low[0]) if sign > 0 else (found.low[0], found.high[0])
        assert side == -sign * math.inf
        assert 2 * (fit.loglik - loglik(limit)) == pytest.approx(3.84, rel=1e-6)


# ---- Firth -----------------------------------------------------------------------------------------------------------


def test_firth_s_likelihood_its_slope_and_its_top(data: Data, fitted: CoxSolution) -> None:
    def star(b) -> float:
        return data.loglik(b) + 0.5 * np.linalg.slogdet(data.information(np.asarray(b)))[1]

    found = firth(fitted)
    assert np.abs(slope(star, found.coef)).max() < 1e-6
    assert found.loglik == pytest.approx(star(found.coef), rel=1e-10)
    assert found.loglik_null == pytest.approx(star([0.0, 0.0]), rel=1e-10)
    assert found.covariance == pytest.approx(np.linalg.inv(data.information(found.coef)), rel=1e-8)
    assert found.converged
    scale = fitted.D.scale[:, 0]
    at = np.array([0.3, -0.7])
    level, U, _ = penalised(fitted, at)
    assert level - star(at / scale) == pytest.approx(penalised(fitted, np.zeros(2))[0] - star([0, 0]), abs=1e-9)
    assert pytest.approx(slope(lambda b: penalised(fitted, b)[0], at), rel=1e-6) == U

    cut = 3.0
    limits = firth_profile(found, cut=cut)
    for j in (0, 1):
        def fall(value: float, j: int = j) -> float:
            best = optimize.minimize(lambda b: -star(np.insert(b, j, value)), [found.coef[1 - j]], tol=1e-12)
            return 2 * (found.loglik + best.fun)

        assert limits.statistic[j] == pytest.approx(fall(0.0), rel=1e-6)
        assert limits.low[j] < found.coef[j] < limits.high[j]
        assert [fall(limits.low[j]), fall(limits.high[j])] == pytest.approx([cut, cut], rel=1e-6)


def test_firth_leaves_an_aliased_column_out(data: Data, fitted: CoxSolution) -> None:
    found = firth(data.fit(np.column_stack([data.X, data.X[:, 0]])))
    assert found.coef[:2] == pytest.approx(firth(fitted).coef)
    assert math.isnan(found.coef[2])
    assert math.isnan(firth_profile(found, cut=3.84).low[2])


# ---- proportional hazards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["identity", "log", "rank", "km"])
def test_zph_is_the_score_test_of_an_effect_that_changes_with_time(data: Data, fitted: CoxSolution, transform: str) -> None:
    curve = kaplan_meier(data.t, data.d, entry=data.s)
    g = {"identity": lambda T: T, "log": math.log, "rank": lambda T: np.mean([np.sum(data.t < T) + 1, np.sum(data.t <= T)]),
         "km": lambda T: 1 - float(np.r_[1.0, curve.survival][np.searchsorted(curve.time, T)])}[transform]
    centre = np.mean([g(T) for T in data.t[data.d]])

    def whole(v) -> float:
        return data.loglik(v[:2], theta=v[2:], time=lambda T: g(T) - centre)

    at = np.r_[fitted.coef, 0.0, 0.0]
    U, I = slope(whole, at)[2:], -curvature(whole, at, 1e-3)
    left = I[2:, 2:] - I[2:, :2] @ np.linalg.inv(I[:2, :2]) @ I[:2, 2:]
    found = zph(fitted, [[0], [1]], transform=transform)
    assert found.statistic == pytest.approx([*(U**2 / np.diag(left)), U @ np.linalg.inv(left) @ U], rel=1e-3)
    assert found.df.tolist() == [1, 1, 2]
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, found.df))
    assert fitted.rs.to_caller(time_scale(fitted, transform)) == pytest.approx([g(T) for T in data.t])


def test_zph_names_what_it_cannot_do(data: Data) -> None:
    with pytest.raises(ValueError, match="'sqrt' is not known"):
        time_scale(data.fit(), "sqrt")
    at_zero = cox([0.0, 1, 2, 3], [1, 1, 1, 0], [[1.0], [0], [1], [0]])
    with pytest.raises(ValueError, match=r"1 row\(s\) have time 0"):
        time_scale(at_zero, "log")
    found = zph(data.fit(np.column_stack([data.X[:, 0], np.ones(N)])), [[0], [1]])
    assert math.isnan(found.statistic[1])
    assert found.df.tolist() == [1, 0, 1]


# ---- hazards and predictions -----------------------------------------------------------------------------------------


def naive_hazard(data: Data, beta, stratum: int, until: float, after: float = -math.inf, w=None) -> float:
    w = data.w if w is None else w
    total = 0.0
    for g, T, dead, left in data.steps():
        if g == stratum and after < T <= until:
            risk = w * np.exp(data.X @ beta) * ((data.g == g) & (data.s < T) & (data.t >= T))
            risk[dead] *= 1 - left
            total += w[dead].mean() / risk.sum()
    return total


def test_the_baseline_hazard_adds_up_its_steps(data: Data, fitted: CoxSolution) -> None:
    found = baseline_hazard(fitted)
    for g, T, H in zip(found.stratum, found.time, found.hazard, strict=True):
        assert pytest.approx(naive_hazard(data, fitted.coef, g, T)) == H
    assert found.time.size == len({(g, T) for g, T, _, _ in data.steps()})


def test_a_predicted_curve_and_its_limits(data: Data, fitted: CoxSolution) -> None:
    X, strata, times = np.array([[4.0, 1.0], [6.0, 0.0]]), np.array([0, 1]), np.array([0.5, 5.0, 8.0])
    found = predict(fitted, X, strata, times, level=0.9)
    z = stats.norm.ppf(0.95)
    for i in (0, 1):
        for j in (1, 2):
            def log_hazard(w, i=i, j=j) -> float:
                beta = data.fit(weight=w).coef
                return naive_hazard(data, beta, strata[i], times[j], w=w) * math.exp(X[i] @ beta)

            H = log_hazard(data.w)
            assert found.survival[i, j] == pytest.approx(math.exp(-H))
            se = found.std_error[i, j] / found.survival[i, j]
            assert found.low[i, j] == pytest.approx(math.exp(-H * math.exp(z * se / H)))
            assert found.high[i, j] == pytest.approx(math.exp(-H * math.exp(-z * se / H)))
            # Tsiatis: variance of the hazard = sum of squared jumps + the part that the coefficients carry.
            squares, q = 0.0, np.zeros(2)
            for g, T, dead, left in data.steps():
                if g == strata[i] and times[j] >= T:
                    risk = data.w * np.exp((data.X - X[i]) @ fitted.coef) * ((data.g == g) & (data.s < T) & (data.t >= T))
                    risk[dead] *= 1 - left
                    jump = data.w[dead].mean() / risk.sum()
                    squares += jump / risk.sum()
                    q += jump * (X[i] - risk @ data.X / risk.sum())
            assert se == pytest.approx(math.sqrt(squares + q @ fitted.covariance @ q))
    assert found.survival[:, 0].tolist() == found.low[:, 0].tolist() == found.high[:, 0].tolist() == [1, 1]
    assert found.std_error[:, 0].tolist() == [0, 0]


def test_the_risk_of_a_window_and_its_error() -> None:
    data = Data(5, weights=False)
    data.t = data.t + np.random.default_rng(9).permutation(N) / 100  # no ties, so that a weight is felt by its row alone
    fit, x = data.fit(), np.array([[4.0, 1.0], [6.0, 0.0]])
    found = window_risk(fit, x, 4.0, 8.0, stratum=1)

    def theta(w, row) -> float:
        beta = data.fit(weight=w).coef
        return math.log(naive_hazard(data, beta, 1, 8.0, 4.0, w)) + row @ beta

    for k, row in enumerate(x):
        now = theta(data.w, row)
        assert found.theta[k] == pytest.approx(now)
        assert found.probability[k] == pytest.approx(1 - math.exp(-math.exp(now)))
        felt = [(theta(data.w + e, row) - theta(data.w - e, row)) / 2e-5 for e in 1e-5 * np.eye(N)]
        assert found.std_error[k] == pytest.approx(math.sqrt(np.sum(np.square(felt))), rel=1e-4)
        pairs = np.array(felt).reshape(-1, 2).sum(axis=1)
        both = window_risk(fit, x, 4.0, 8.0, stratum=1, cluster=np.arange(N) // 2)
        assert both.std_error[k] == pytest.approx(math.sqrt(np.sum(pairs**2)), rel=1e-4)
    nothing = window_risk(fit, x, 0.0, 0.5)
    assert nothing.probability.tolist() == [0, 0]
    assert nothing.theta.tolist() == [-math.inf, -math.inf]
    assert np.isnan(nothing.std_error).all()


# ---- score tests of many markers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("adjusted", [False, True])
def test_score_tests_are_slopes_and_curvatures_of_the_likelihood(data: Data, adjusted: bool) -> None:
    rng = np.random.default_rng(3)
    M = rng.normal(size=(N, 3))
    Z = data.X[:, :1] if adjusted else np.zeros((N, 0))
    rs = risk_sets(data.t, data.d, entry=data.s, stratum=data.g, weight=data.w, tiebreak=np.column_stack([M, Z]))
    null = null_model(rs, Z[rs.order] if adjusted else None)
    U, V = score_tests(null, M[rs.order])
    held = [data.fit(Z).coef[0]] if adjusted else []
    wanted = []
    for q in range(3):
        both = np.column_stack([M[:, q], Z])

        def value(b, both=both) -> float:
            return data.loglik(b, X=both)

        at = np.r_[0.0, held]
        u, I = slope(value, at), -curvature(value, at)
        v = I[0, 0] - (I[0, 1] ** 2 / I[1, 1] if adjusted else 0.0)
        assert (U[q], V[q]) == pytest.approx((u[0], v), rel=1e-4)
        wanted.append(u[0] ** 2 / v)
    assert statistics(U, V) == pytest.approx(wanted, rel=1e-4)
    together_U, together_V = score_matrix(null, M[rs.order][:, None, :])
    assert together_U[0] == pytest.approx(U)
    assert np.diag(together_V[0]) == pytest.approx(V)
    fits = fit_many(null, np.column_stack([M, np.ones(N)])[rs.order], Z[rs.order] if adjusted else None)
    for q in range(3):
        one = data.fit(np.column_stack([M[:, q], Z]))
        assert (fits.coef[q], fits.std_error[q], fits.loglik[q]) == pytest.approx(
            (one.coef[0], one.std_error[0], one.loglik), rel=1e-8)
        assert fits.converged[q]
    assert math.isnan(fits.coef[3])
    assert not fits.converged[3]
    C = centred(rs, M[rs.order])
    w = rs.exposed
    assert [w[rs.stratum == g] @ C[rs.stratum == g] for g in (0, 1)] == [pytest.approx([0, 0, 0], abs=1e-12)] * 2


def test_columns_without_variance_have_no_statistic() -> None:
    assert statistics(np.array([1.0, 2.0]), np.array([0.0, 4.0])).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="0 events among n = 2"):
        null_model(risk_sets([1.0, 2.0], [0, 0]))


def test_the_permutation_p_counts_every_order_of_five() -> None:
    t, d, m = [3.0, 5, 6, 8, 9], [1, 1, 0, 1, 1], np.array([2.0, 4, 1, 0, 7])
    every = [cox(t, d, m[list(order)][:, None]).score_test for order in permutations(range(5))]
    exact = np.mean([s >= every[0] - 1e-10 for s in every])
    found = score_permutation(t, d, m, permutations=4_000, seed=5)
    assert found.statistic == pytest.approx(every[0])
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4_000))


def test_a_factor_s_columns_move_together_in_the_permutation() -> None:
    t, d = [3.0, 5, 6, 8, 9], [1, 1, 1, 1, 0]
    m = np.array([[1.0, 0], [0, 1], [0, 0], [1, 0], [0, 1]])
    every = [cox(t, d, m[list(order)]).score_test for order in permutations(range(5))]
    exact = np.mean([s >= every[0] - 1e-9 for s in every])
    found = score_permutation(t, d, m, permutations=4_000, seed=6)
    assert found.statistic == pytest.approx(every[0])
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4_000))


# ---- curves and their comparison -------------------------------------------------------------------------------------


def naive_curve(data: Data):
    """time, at risk, events, S, Greenwood's sum, Nelson-Aalen; weighted, delayed entry."""
    S, green, H, rows = 1.0, 0.0, 0.0, []
    for T in sorted(set(data.t)):
        n = data.w[(data.s < T) & (data.t >= T)].sum()
        d = data.w[(data.t == T) & data.d].sum()
        S *= 1 - d / n
        green += d / (n * (n - d)) if n > d else math.inf
        H += d / n
        rows.append((T, n, d, S, green, H))
    return np.array(rows).T


@pytest.mark.parametrize("interval", ["plain", "log", "log-log", "logit", "arcsin"])
def test_a_curve_its_error_and_every_kind_of_limit(data: Data, interval: str) -> None:
    found = kaplan_meier(data.t, data.d, entry=data.s, weight=data.w, interval=interval, level=0.9)
    T, n, d, S, green, H = naive_curve(data)
    assert found.time == pytest.approx(T)
    assert found.at_risk == pytest.approx(n)
    assert found.events == pytest.approx(d)
    assert found.survival == pytest.approx(S)
    assert found.cumulative_hazard == pytest.approx(H)
    inside = (S > 0) & (S < 1)
    assert found.std_error[inside] == pytest.approx((S * np.sqrt(green))[inside])
    assert found.censored == pytest.approx([data.w[(data.t == u) & ~data.d].sum() for u in T])
    assert (found.n, found.n_events, found.start) == (N, data.d.sum(), data.s.min())
    z = stats.norm.ppf(0.95)
    scale, back, slope_of = {
        "plain": (lambda s: s, lambda u: u, lambda s: 1.0),
        "log": (np.log, np.exp, lambda s: 1 / s),
        "log-log": (lambda s: np.log(-np.log(s)), lambda u: np.exp(-np.exp(u)), lambda s: 1 / (s * np.log(s))),
        "logit": (lambda s: np.log(s / (1 - s)), lambda u: 1 / (1 + np.exp(-u)), lambda s: 1 / (s * (1 - s))),
        "arcsin": (lambda s: np.arcsin(np.sqrt(s)), lambda u: np.sin(np.clip(u, 0, np.pi / 2)) ** 2,
                   lambda s: 0.5 / np.sqrt(s * (1 - s))),
    }[interval]
    for k in np.flatnonzero(inside):
        reach = z * S[k] * math.sqrt(green[k]) * abs(slope_of(S[k]))
        ends = sorted(np.clip([back(scale(S[k]) - reach), back(scale(S[k]) + reach)], 0, 1))
        assert [found.low[k], found.high[k]] == pytest.approx(ends)


def test_what_a_curve_says_between_and_at_its_times() -> None:
    curve = kaplan_meier([1, 2, 2, 4], [1, 1, 0, 0])
    at_risk, S, se, low, high = curve.at([0.5, 1.0, 1.5, 2.0, 3.0, 9.0])
    assert at_risk.tolist() == [4, 4, 3, 3, 1, 0]
    assert S.tolist() == [1, 0.75, 0.75, 0.5, 0.5, 0.5]
    assert (se[0], low[0], high[0]) == (0, 1, 1)
    assert low[2] < 0.75 < high[2]
    assert reverse([1, 2, 2, 4], [1, 1, 0, 0]).survival.tolist() == pytest.approx([1, 2 / 3, 0])
    with pytest.raises(ValueError, match="'wald' is not known"):
        kaplan_meier([1.0], [1], interval="wald")
    with pytest.raises(ValueError, match="at least one row"):
        kaplan_meier([], [])


def test_plateaus_at_a_quantile() -> None:
    assert kaplan_meier([1, 2, 5, 6], [1, 1, 1, 0]).quantile(0.5)[0] == 3.5
    assert kaplan_meier([1, 2, 3, 5, 6, 7], [1, 1, 1, 0, 1, 0]).quantile(0.5)[0] == 4.5
    assert kaplan_meier([1, 2, 5, 6], [1, 1, 0, 1]).quantile(0.5)[0] == 4.0
    assert kaplan_meier([1, 2, 5], [1, 1, 1]).quantile(0.5)[0] == 2
    curve = kaplan_meier(np.arange(1.0, 21.0), np.ones(20))
    median, low, high = curve.quantile(0.5)
    assert median == 10.5
    assert low == curve.time[np.flatnonzero(curve.low < 0.5)[0]]
    assert high == curve.time[np.flatnonzero(curve.high < 0.5)[0]]


@pytest.mark.parametrize(("rho", "groups"), [(0.0, 2), (0.0, 3), (1.0, 2), (0.5, 3)])
def test_the_log_rank_test_adds_up_tables(data: Data, rho: float, groups: int) -> None:
    group = np.arange(N) % groups
    O, E, V = np.zeros(groups), np.zeros(groups), np.zeros((groups, groups))
    for g in (0, 1):
        S = 1.0
        for T in sorted(set(data.t[(data.g == g) & data.d])):
            risk = (data.g == g) & (data.s < T) & (data.t >= T)
            dead = (data.g == g) & (data.t == T) & data.d
            n, d = np.bincount(group[risk], minlength=groups), np.bincount(group[dead], minlength=groups)
            share = n / n.sum()
            weight = S**rho
            O += weight * d
            E += weight * d.sum() * share
            if n.sum() > 1:
                V += weight**2 * d.sum() * (n.sum() - d.sum()) / (n.sum() - 1) * (np.diag(share) - np.outer(share, share))
            S *= 1 - d.sum() / n.sum()
    found = logrank(data.t, data.d, group, entry=data.s, stratum=data.g, rho=rho)
    assert found.observed == pytest.approx(O)
    assert found.expected == pytest.approx(E)
    assert pytest.approx(V) == found.variance
    gap = (O - E)[1:]
    assert found.chi2 == pytest.approx(gap @ np.linalg.inv(V[1:, 1:]) @ gap)
    assert (found.df, found.n.tolist()) == (groups - 1, np.bincount(group).tolist())
    assert found.p_value() == pytest.approx(stats.chi2.sf(found.chi2, found.df))
    if groups == 2:
        z = (E[1] - O[1]) / math.sqrt(V[1, 1])
        assert found.z == pytest.approx(z)
        assert found.p_value("greater") == pytest.approx(stats.norm.sf(z))
        assert found.p_value("less") == pytest.approx(stats.norm.cdf(z))
        with pytest.raises(ValueError, match="'both' is not known"):
            found.p_value("both")
    else:
        assert math.isnan(found.z)
        with pytest.raises(ValueError, match="compares two groups; here are 3"):
            found.p_value("greater")


def test_the_log_rank_test_where_there_is_little_to_compare() -> None:
    with pytest.raises(ValueError, match="0 events among n = 2"):
        logrank([1, 2], [0, 0], [0, 1])
    one = logrank([1, 2, 3], [1, 1, 0], [0, 0, 0], n_groups=2)
    assert (one.chi2, one.df, one.z) == (0, 0, 0)
    late = logrank([1, 2, 3, 4], [0, 0, 1, 1], [1, 1, 0, 0])  # the second group has left before the first death
    assert (late.chi2, late.df, late.z) == (0, 0, 0)
    last = logrank([1, 1], [1, 1], [0, 1])  # everybody at risk dies: no variance
    assert (last.chi2, last.df) == (0, 1)


def test_differences_of_areas_and_of_curves(data: Data) -> None:
    one = kaplan_meier(data.t[:13], data.d[:13])
    two = kaplan_meier(data.t[13:], data.d[13:])
    (a1, e1), (a2, e2) = one.rmst(6.0), two.rmst(6.0)
    z = stats.norm.ppf(0.95)
    found = rmst_difference([(one, two)], 6.0, level=0.9)
    assert (found.estimate, found.std_error) == pytest.approx((a2 - a1, math.hypot(e1, e2)))
    assert (found.low, found.high) == pytest.approx((a2 - a1 - z * found.std_error, a2 - a1 + z * found.std_error))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(a2 - a1) / found.std_error))
    three = kaplan_meier(data.t[:5], data.d[:5])
    share = np.array([26, 18]) / 44
    both = rmst_difference([(one, two), (three, two)], 6.0)
    a3, e3 = three.rmst(6.0)
    assert both.estimate == pytest.approx(share @ [a2 - a1, a2 - a3])
    assert both.std_error == pytest.approx(math.sqrt(share[0] ** 2 * (e1**2 + e2**2) + share[1] ** 2 * (e3**2 + e2**2)))
    assert math.isnan(difference(1.0, 0.0, 0.95).statistic)
    at = survival_difference(one, two, 5.0, level=0.9)
    (s1, s2), (v1, v2) = ([float(c.at(5.0)[k][0]) for c in (one, two)] for k in (1, 2))
    gap = math.log(-math.log(s1)) - math.log(-math.log(s2))
    assert (at.estimate, at.std_error) == pytest.approx((s2 - s1, math.hypot(v1, v2)))
    assert at.statistic == pytest.approx(gap / math.hypot(v1 / (s1 * math.log(s1)), v2 / (s2 * math.log(s2))))
    assert at.p_value == pytest.approx(2 * stats.norm.sf(abs(at.statistic)))
    early = survival_difference(one, two, 0.5)
    assert (early.estimate, early.std_error) == (0, 0)


def test_the_area_under_a_curve_and_its_error_by_hand() -> None:
    curve = kaplan_meier([1, 2, 4, 5], [1, 1, 0, 1])
    area, error = curve.rmst(4.5)
    # S is 1, .75, .5; areas right of the two deaths 2.0 and 1.25.
    assert area == pytest.approx(1 + 0.75 + 0.5 * 2.5)
    assert error == pytest.approx(math.sqrt(2.0**2 / (4 * 3) + 1.25**2 / (3 * 2)))
    assert curve.rmst(7.0)[0] == pytest.approx(1 + 0.75 + 0.5 * 3)
    with pytest.raises(ValueError, match="beyond the last observed time 2"):
        kaplan_meier([1, 2], [1, 0]).rmst(3.0)


# ---- searched cuts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stratified", [False, True])
def test_the_largest_standardised_statistic_is_found_by_trying_every_cut(stratified: bool) -> None:
    rng = np.random.default_rng(8)
    t, d, x = rng.integers(1, 12, 20).astype(float), rng.random(20) < 0.7, rng.integers(0, 9, 20).astype(float)
    g = rng.integers(0, 2, 20) if stratified else np.zeros(20, int)
    a = np.empty(20)
    for h in np.unique(g):
        mine = np.flatnonzero(g == h)
        rank = {i: np.sum(t[mine] <= t[i]) for i in mine}
        for i in mine:
            a[i] = d[i] - sum(d[j] / (mine.size - rank[j] + 1) for j in mine if rank[j] <= rank[i])
    assert log_rank_scores(t, d, g) == pytest.approx(a)
    best = {}
    for cut in np.unique(x)[:-1]:
        below = x <= cut
        if not 4 <= below.sum() <= 16:
            continue
        mean = variance = 0.0
        for h in np.unique(g):
            s, m, n = a[g == h], (below & (g == h)).sum(), (g == h).sum()
            mean += m * s.mean()
            variance += m * (n - m) / (n * (n - 1)) * ((s - s.mean()) ** 2).sum()
        best[cut] = abs(a[below].sum() - mean) / math.sqrt(variance)
    found = max_selected(t, d, x, stratum=g if stratified else None, minprop=0.2, maxprop=0.8)
    assert found.statistic == pytest.approx(max(best.values()))
    assert found.cutpoint == max(best, key=best.__getitem__)
    assert (found.n, found.n_events) == (20, d.sum())
    assert math.isnan(found.p_values["lau92"]) == stratified


# ---- imputation and logistic regression ------------------------------------------------------------------------------


def test_a_matched_value_is_a_neighbour_s_and_there_must_be_enough() -> None:
    rng = np.random.default_rng(2)
    z = np.arange(60.0)
    Z, x = np.column_stack([np.ones(60), z]), 3 * z + rng.normal(0, 1e-3, 60)
    known = np.ones(60, bool)
    known[[20, 40]] = False
    seen = {k: set() for k in (20, 40)}
    for _ in range(200):
        out = matched(np.where(known, x, np.nan), known, Z, rng)
        assert (out[known] == x[known]).all()
        for k in seen:
            seen[k].add(int(np.flatnonzero(x == out[k])[0]))
    # Five donors; two on either side are near, and the fifth is a tie that chance settles.
    assert seen == {20: {17, 18, 19, 21, 22, 23}, 40: {37, 38, 39, 41, 42, 43}}
    three = {int(np.flatnonzero(x == matched(np.where(known, x, np.nan), known, Z, rng, donors=2)[20])[0]) for _ in range(60)}
    assert three == {19, 21}
    with pytest.raises(ValueError, match="6 known values for 2 predictors"):
        matched(x[:8], np.arange(8) < 6, Z[:8], rng)
    assert np.isfinite(matched(x[:8], np.arange(8) < 7, Z[:8], rng)).all()


@pytest.mark.parametrize("penalty", [False, True])
def test_logistic_regression_is_the_top_of_its_likelihood_and_its_profile(penalty: bool) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(2, 3, 40)
    X, w = np.column_stack([np.ones(40), x]), rng.choice([1.0, 2.0], 40)
    y = (rng.random(40) < 1 / (1 + np.exp(-(0.4 * x - 1)))).astype(float)

    def level(b) -> float:
        eta = X @ b
        p = 1 / (1 + np.exp(-eta))
        value = (w * (y * eta - np.log1p(np.exp(eta)))).sum()
        return value + (0.5 * np.linalg.slogdet((X.T * (w * p * (1 - p))) @ X)[1] if penalty else 0.0)

    found = logistic(X, y, weight=w, firth=penalty)
    assert found.loglik == pytest.approx(level(found.coef))
    assert np.abs(slope(level, found.coef)).max() < 1e-6
    if not penalty:
        assert found.covariance == pytest.approx(np.linalg.inv(-curvature(level, found.coef)), rel=1e-4)
    assert found.converged
    assert found.finite.all()
    assert found.fitted == pytest.approx(1 / (1 + np.exp(-X @ found.coef)))


def test_separated_groups_have_infinite_odds_with_their_sign() -> None:
    x = np.r_[np.zeros(6), np.ones(6)]
    X = np.column_stack([np.ones(12), x])
    y = np.r_[[0, 1, 0, 1, 0, 1], np.ones(6)]
    up, down = logistic(X, y), logistic(X, 1 - y)
    assert (up.coef[1], down.coef[1]) == (math.inf, -math.inf)
    assert up.finite.tolist() == down.finite.tolist() == [True, False]
    assert up.coef[0] == pytest.approx(0, abs=1e-6)
    assert up.loglik == pytest.approx(6 * math.log(0.5), abs=1e-6)
    assert np.isfinite(logistic(X, y, firth=True).coef).all()
    for bad, said in (([2.0] * 12, "0 or 1"), ([1.0] * 12, "all 12 outcomes are 1")):
        with pytest.raises(ValueError, match=said):
            logistic(X, bad)
    with pytest.raises(ValueError, match="3 columns have rank 2"):
        logistic(np.column_stack([X, x]), y)
