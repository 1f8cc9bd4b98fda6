"""The kernel's derivatives, batches and profile limits, each against an independent way to the same number."""

from __future__ import annotations

import numpy as np
import pytest

from biomarkers.kernels.cox import CoxSolution, cox
from biomarkers.kernels.firth import firth, firth_profile, penalised
from biomarkers.kernels.likelihood import design, evaluate
from biomarkers.kernels.newton import newton
from biomarkers.kernels.profile import _bisected, cut_off, profile
from biomarkers.kernels.residuals import clustered, dfbeta, robust_covariance, robust_score_test


def _fit(seed: int = 0, n: int = 60, p: int = 3, ties: str = "efron") -> CoxSolution:
    rng = np.random.default_rng(seed)
    t = rng.integers(2, 15, n).astype(float)
    return cox(
        t, rng.random(n) < 0.7, rng.normal(size=(n, p)), entry=t - rng.integers(1, 3, n), stratum=rng.integers(0, 2, n),
        weight=rng.uniform(0.5, 2, n), ties=ties,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_score_and_information_are_the_derivatives_of_the_log_likelihood(ties: str) -> None:
    fit = _fit(ties=ties)
    b, h = np.array([0.3, -0.2, 0.5]), 1e-5
    at = evaluate(fit.rs, fit.D, b[None])
    steps = np.eye(3) * h
    up, down = evaluate(fit.rs, fit.D, b + steps), evaluate(fit.rs, fit.D, b - steps)
    np.testing.assert_allclose(at.score[0], (up.loglik - down.loglik) / (2 * h), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(-at.information[0], (up.score - down.score) / (2 * h), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_firth_s_score_is_the_derivative_of_the_penalised_log_likelihood(ties: str) -> None:
    fit = _fit(ties=ties)
    b, h = np.array([0.3, -0.2, 0.5]), 1e-5
    _, U, _ = penalised(fit, b)
    numeric = [
        (penalised(fit, b + h * e)[0] - penalised(fit, b - h * e)[0]) / (2 * h) for e in np.eye(3)
    ]
    np.testing.assert_allclose(U, numeric, rtol=1e-6, atol=1e-6)


def test_firth_s_maximum_has_no_score_and_its_limits_fall_to_the_cut() -> None:
    fit = firth(_fit(2))
    _, U, _ = penalised(fit, fit.scaled)
    assert np.abs(U).max() < 1e-8
    found = firth_profile(fit, cut=cut_off(0.95, df=None))
    assert (found.low < fit.coef).all()
    assert (fit.coef < found.high).all()
    from biomarkers.kernels.firth import _fall

    units = np.log(fit.D.scale[:, 0]).sum()
    for j in range(3):
        fall = _fall(fit, j, fit.loglik - float(units))
        for limit in (found.low[j], found.high[j]):
            assert fall(float(limit * fit.D.scale[j, 0])) == pytest.approx(cut_off(0.95, df=None), abs=1e-7)


def test_firth_does_not_depend_on_units() -> None:
    rng = np.random.default_rng(3)
    t, d, X = rng.exponential(size=40), rng.random(40) < 0.7, rng.normal(size=(40, 2))
    a, b = firth(cox(t, d, X)), firth(cox(t, d, X * [1000.0, 0.01] + [5.0, 7.0]))
    np.testing.assert_allclose(b.coef * [1000.0, 0.01], a.coef, rtol=1e-8)
    assert b.likelihood_ratio == pytest.approx(a.likelihood_ratio, rel=1e-8)


def test_a_batch_of_problems_is_the_problems_one_by_one() -> None:
    rng = np.random.default_rng(5)
    n, Q = 50, 40
    t, d = rng.integers(1, 20, n).astype(float), rng.random(n) < 0.7
    M, z = rng.normal(size=(n, Q)), rng.normal(size=n)
    one = cox(t, d, np.column_stack([M[:, 0], z]))
    rs = one.rs
    X = np.stack([M[rs.order], np.repeat(z[rs.order][:, None], Q, axis=1)], axis=1)
    D = design(rs, X)
    found = newton(rs, D, np.zeros((Q, 2)))
    assert found.converged.all()
    for q in range(Q):
        alone = cox(t, d, np.column_stack([M[:, q], z]))
        np.testing.assert_allclose(found.beta[q] / D.scale[:, q], alone.coef, rtol=1e-11)
        assert found.loglik[q] == pytest.approx(alone.loglik, rel=1e-13)


def test_profile_limits_solved_together_are_those_found_by_bisection() -> None:
    fit = _fit(7, n=40)
    cut = cut_off(0.95, df=20)
    found = profile(fit, cut=cut)
    for j in range(3):
        for side, limits in ((-1, found.low), (1, found.high)):
            slow = _bisected(fit, j, side, fit.loglik - cut / 2) / fit.D.scale[j, 0]
            assert limits[j] == pytest.approx(slow, abs=1e-8)


def test_the_robust_variance_is_the_jackknife_to_first_order() -> None:
    rng = np.random.default_rng(1)
    n = 400
    t, d, X = rng.integers(1, 200, n).astype(float), rng.random(n) < 0.7, rng.normal(size=(n, 2))
    whole = cox(t, d, X)
    h = 1e-5
    influence = []
    for i in range(0, n, 8):
        w = np.ones(n)
        w[i] += h
        influence.append((cox(t, d, X, weight=w).coef - whole.coef) / h)
    np.testing.assert_allclose(dfbeta(whole)[::8], influence, rtol=1e-3, atol=1e-6)


def test_rows_of_one_cluster_are_added_before_they_are_squared() -> None:
    fit = _fit(4)
    cluster = np.arange(fit.n) // 2
    rows = clustered(np.arange(6.0)[:, None], [0, 0, 1, 1, 2, 2])
    assert rows[:, 0].tolist() == [1.0, 5.0, 9.0]
    pairs = np.stack([dfbeta(fit)[cluster == c].sum(axis=0) for c in np.unique(cluster)])
    np.testing.assert_allclose(robust_covariance(fit, cluster), pairs.T @ pairs, rtol=1e-10)
    assert robust_covariance(fit, cluster)[0, 0] != pytest.approx(robust_covariance(fit)[0, 0])
    assert robust_score_test(fit, np.arange(fit.n)) == pytest.approx(robust_score_test(fit), rel=1e-10)
    assert robust_score_test(fit, cluster) != pytest.approx(robust_score_test(fit), rel=1e-3)


def test_a_huge_linear_predictor_neither_overflows_nor_warns() -> None:
    # A time-by-covariate product large enough to overflow exp once broke R for a user.
    rng = np.random.default_rng(9)
    x = rng.normal(size=(80, 1)) * 1e5
    t = rng.exponential(size=80)
    fit = cox(t, rng.random(80) < 0.8, x)
    assert fit.converged
    assert np.isfinite(fit.loglik)


def test_a_row_that_no_death_sees_changes_nothing_and_keeps_its_linear_predictor() -> None:
    # Censored before the first death, with a covariate that would overflow exp.
    rng = np.random.default_rng(6)
    x, t = rng.normal(size=30), 1 + rng.exponential(size=30)
    alone = cox(t, np.ones(30), x[:, None])
    more = cox(np.r_[t, 0.5], np.r_[np.ones(30), 0], np.r_[x, 1e6][:, None])
    assert more.coef[0] == pytest.approx(alone.coef[0], rel=1e-12)
    gap = more.linear_predictor()[30] - more.linear_predictor()[0]
    assert gap == pytest.approx((1e6 - x[0]) * more.coef[0], rel=1e-9)


def test_cases_without_convergence_are_never_silent() -> None:
    rng = np.random.default_rng(2)
    fit = cox(rng.exponential(size=30), np.ones(30), rng.normal(size=(30, 2)))
    short = newton(fit.rs, fit.D, np.full((1, 2), 3.0), max_steps=1)
    assert not short.converged[0]
