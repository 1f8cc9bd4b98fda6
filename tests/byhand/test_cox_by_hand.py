"""Therneau's hand-worked sets: seven and ten rows, likelihoods written out, infinite coefficients in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from biomarkers.kernels.cox import cox
from biomarkers.kernels.hazard import baseline_hazard
from biomarkers.kernels.likelihood import design, evaluate
from biomarkers.kernels.residuals import deviance, martingale, schoenfeld, score
from biomarkers.kernels.riskset import risk_sets

# Out of order, with two ties at 6 and a censoring tied with a death at 1.
TIME = [9.0, 1, 1, 6, 6, 8]
EVENT = [1, 1, 0, 1, 1, 0]
X = np.array([[0.0], [1], [1], [1], [0], [0]])


def _at(beta: float, ties: str) -> tuple[float, float, float]:
    rs = risk_sets(TIME, EVENT, ties=ties)
    D = design(rs, X[rs.order])
    found = evaluate(rs, D, np.array([[beta * D.scale[0, 0]]]))
    scale = D.scale[0, 0]
    return float(found.loglik[0]), float(found.score[0, 0] * scale), float(found.information[0, 0, 0] * scale**2)


@pytest.mark.parametrize("beta", [-2.0, -0.3, 0.0, 1.0, 1.475285, 3.0])
def test_breslow_likelihood_is_the_one_written_out(beta: float) -> None:
    r = np.exp(beta)
    loglik, U, information = _at(beta, "breslow")
    assert loglik == pytest.approx(2 * beta - np.log(3 * r + 3) - 2 * np.log(r + 3), rel=1e-13)
    assert pytest.approx(2 - r / (r + 1) - 2 * r / (r + 3), abs=1e-13) == U
    assert information == pytest.approx(r / (r + 1) ** 2 + 6 * r / (r + 3) ** 2, rel=1e-12)


@pytest.mark.parametrize("beta", [-2.0, -0.3, 0.0, 1.0, 1.676857, 3.0])
def test_efron_likelihood_is_the_one_written_out(beta: float) -> None:
    r = np.exp(beta)
    loglik, U, information = _at(beta, "efron")
    # In the second step at time 6 the two who die, r and 1, count one half each: (r + 3) - (r + 1)/2.
    assert loglik == pytest.approx(2 * beta - np.log(3 * r + 3) - np.log(r + 3) - np.log((r + 5) / 2), rel=1e-13)
    assert pytest.approx(2 - r / (r + 1) - r / (r + 3) - r / (r + 5), abs=1e-13) == U
    expected = r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2
    assert information == pytest.approx(expected, rel=1e-12)


def test_breslow_maximum_solves_its_quadratic() -> None:
    assert cox(TIME, EVENT, X, ties="breslow").coef[0] == pytest.approx(np.log((3 + np.sqrt(33)) / 2), abs=1e-13)


def test_efron_maximum_solves_its_cubic() -> None:
    roots = np.roots([1, 0, -23, -30])
    r = float(roots[(roots.imag == 0) & (roots.real > 0)].real[0])
    assert cox(TIME, EVENT, X).coef[0] == pytest.approx(np.log(r), abs=1e-12)


def test_breslow_residuals_are_the_ones_written_out() -> None:
    fit = cox(TIME, EVENT, X, ties="breslow")
    r = float(np.exp(fit.coef[0]))
    h1, h6, h9 = 1 / (3 * r + 3), 2 / (r + 3), 1.0
    expected = [1 - (h1 + h6 + h9), 1 - r * h1, -r * h1, 1 - r * (h1 + h6), 1 - (h1 + h6), -(h1 + h6)]
    np.testing.assert_allclose(martingale(fit), expected, atol=1e-12)
    np.testing.assert_allclose(schoenfeld(fit)[:, 0], [1 - r / (r + 1), 1 - r / (r + 3), -r / (r + 3), 0.0], atol=1e-12)
    m1, m6 = r / (r + 1), r / (r + 3)
    L = [
        -(0 - m1) * h1 - (0 - m6) * h6, (1 - m1) - r * (1 - m1) * h1, -r * (1 - m1) * h1,
        (1 - m6) - r * ((1 - m1) * h1 + (1 - m6) * h6), (0 - m6) - ((0 - m1) * h1 + (0 - m6) * h6),
        -((0 - m1) * h1 + (0 - m6) * h6),
    ]  # fmt: skip
    np.testing.assert_allclose(score(fit)[:, 0], L, atol=1e-12)


def test_efron_residuals_average_the_tied_deaths_over_their_steps() -> None:
    fit = cox(TIME, EVENT, X)
    r = float(np.exp(fit.coef[0]))
    h1, first, second = 1 / (3 * r + 3), 1 / (r + 3), 2 / (r + 5)
    whole, own = first + second, first + second / 2
    expected = [1 - (h1 + whole + 1), 1 - r * h1, -r * h1, 1 - r * (h1 + own), 1 - (h1 + own), -(h1 + whole)]
    np.testing.assert_allclose(martingale(fit), expected, atol=1e-12)
    m = (r / (r + 3) + r / (r + 5)) / 2
    np.testing.assert_allclose(schoenfeld(fit)[1:3, 0], [1 - m, -m], atol=1e-12)
    found = baseline_hazard(fit)
    np.testing.assert_allclose(found.hazard, np.cumsum([h1, whole, 1.0]), atol=1e-12)


def test_deviance_residuals_follow_from_martingale_residuals() -> None:
    fit = cox(TIME, EVENT, X)
    M, d = martingale(fit), np.array(EVENT)
    expected = np.sign(M) * np.sqrt(-2 * (M + np.where(d == 1, np.log(np.where(d == 1, d - M, 1)), 0)))
    np.testing.assert_allclose(deviance(fit), expected, atol=1e-14)


START = [1.0, 2, 5, 2, 1, 7, 3, 4, 8, 8]
STOP = [2.0, 3, 6, 7, 8, 9, 9, 9, 14, 17]
DIES = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
X2 = np.array([[1.0], [0], [0], [1], [0], [1], [1], [1], [0], [0]])


def _start_stop_loglik(beta: float, ties: str) -> float:
    """The definition, row by row: at risk at T when start < T <= stop."""
    total = 0.0
    for T in sorted({t for t, d in zip(STOP, DIES, strict=True) if d}):
        risk = [np.exp(beta * x) for s, t, x in zip(START, STOP, X2[:, 0], strict=True) if s < T <= t]
        dead = [beta * x for t, d, x in zip(STOP, DIES, X2[:, 0], strict=True) if d and t == T]
        for k in range(len(dead)):
            f = k / len(dead) if ties == "efron" else 0.0
            total -= np.log(sum(risk) - f * sum(np.exp(dead)))
        total += sum(dead)
    return total


@pytest.mark.parametrize(("ties", "coef", "variance"), [
    ("breslow", -0.0845260806613092, 0.6301458700345475), ("efron", -0.0211052095801752, 0.6323062606579598),
])  # fmt: skip
def test_start_stop_set_has_r_s_maximum(ties: str, coef: float, variance: float) -> None:
    # coxph(..., control = coxph.control(eps = 1e-14)) of R survival 3.5-3 on these ten rows.
    fit = cox(STOP, DIES, X2, entry=START, ties=ties)
    assert fit.coef[0] == pytest.approx(coef, abs=1e-10)
    assert fit.covariance[0, 0] == pytest.approx(variance, rel=1e-9)
    assert fit.loglik == pytest.approx(_start_stop_loglik(float(fit.coef[0]), ties), rel=1e-13)
    assert fit.loglik_null == pytest.approx(_start_stop_loglik(0.0, ties), rel=1e-13)


def test_no_event_among_carriers_is_minus_infinity_with_the_likelihood_of_the_others() -> None:
    # As b goes to -inf the carriers vanish from the risk sets, and 8, 7, ... 1 others are left at the deaths.
    time = np.arange(1.0, 13.0)
    carrier = np.array([0.0] * 8 + [1.0] * 4)
    fit = cox(time, [1] * 8 + [0] * 4, carrier[:, None])
    assert fit.coef[0] == -np.inf
    assert not fit.finite[0]
    assert fit.loglik == pytest.approx(-np.log(np.arange(1, 9)).sum(), abs=1e-9)
    assert np.isnan(fit.std_error[0])


def test_a_lone_carrier_who_dies_first_is_plus_infinity() -> None:
    # The first Newton step leaps to where the likelihood is flat; that must not pass for convergence.
    fit = cox(np.arange(1.0, 51.0), np.ones(50), np.eye(1, 50)[0][:, None])
    assert fit.coef[0] == np.inf
    assert fit.loglik == pytest.approx(-np.log(np.arange(1, 50)).sum(), abs=1e-8)


def test_a_covariate_that_orders_the_deaths_is_infinite_and_one_inversion_makes_it_finite() -> None:
    x = -np.arange(30.0)
    time = np.arange(1.0, 31.0)
    assert cox(time, np.ones(30), x[:, None]).coef[0] == np.inf
    swapped = x.copy()
    swapped[[10, 11]] = swapped[[11, 10]]
    fit = cox(time, np.ones(30), swapped[:, None])
    assert fit.finite[0]
    assert 0 < fit.coef[0] < 10


def test_a_direction_of_two_covariates_can_be_infinite_where_neither_alone_is() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=40), rng.normal(size=40)
    time = np.argsort(np.argsort(-(a - b))) + 1.0
    assert cox(time, np.ones(40), a[:, None]).finite[0]
    assert cox(time, np.ones(40), b[:, None]).finite[0]
    both = cox(time, np.ones(40), np.column_stack([a, b]))
    assert both.coef.tolist() == [np.inf, -np.inf]


def test_a_finite_companion_of_an_infinite_coefficient_keeps_its_estimate() -> None:
    # The carriers vanish in the limit, so the companion's estimate is the one without them.
    rng = np.random.default_rng(8)
    n = 60
    carrier = np.r_[np.ones(10), np.zeros(50)]
    z, time = rng.normal(size=n), rng.exponential(size=n)
    event = np.where(carrier == 1, 0, 1)
    both = cox(time, event, np.column_stack([carrier, z]))
    alone = cox(time[10:], event[10:], z[10:, None])
    assert both.finite.tolist() == [False, True]
    assert both.coef[1] == pytest.approx(alone.coef[0], abs=1e-7)
    assert both.std_error[1] == pytest.approx(alone.std_error[0], rel=1e-6)


def test_a_column_that_repeats_another_is_aliased_and_the_first_one_keeps_the_estimate() -> None:
    z = np.array([0.3, -1.0, 2.0, 0.5, 1.5, -0.2])[:, None]
    fit = cox(TIME, EVENT, np.column_stack([z, 2 * z + 1]))
    assert fit.aliased.tolist() == [False, True]
    assert fit.coef[0] == pytest.approx(cox(TIME, EVENT, z).coef[0], abs=1e-12)
    assert np.isnan(fit.coef[1])


def test_a_table_too_large_for_linear_programmes_is_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from biomarkers.kernels import separation

    rng = np.random.default_rng(12)
    n = 80
    carrier, z = np.r_[np.ones(12), np.zeros(n - 12)], rng.normal(size=n)
    time, event = rng.exponential(size=n), np.where(carrier == 1, 0, 1)
    X = np.column_stack([z, carrier])
    small = cox(time, event, X)
    monkeypatch.setattr(separation, "_CELLS", 10)
    large = cox(time, event, X)
    assert small.coef[1] == large.coef[1] == -np.inf
    assert large.coef[0] == small.coef[0]
    one_event = event.copy()
    one_event[0] = 1
    assert cox(time, one_event, X).finite.all()
