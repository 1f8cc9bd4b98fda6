r"""One arm against a fixed curve or a fixed share: exact limits of survival at a time, and one-sample tests.

**Beta product confidence procedure.** Among n_j at risk at the j-th distinct time with d_j events, the fall of the survival
of the population there is S(t_j)/S(t_j-) ~ Beta(n_j - d_j + 1, d_j). So at time t

.. math:: W^+ = \prod_{t_j \le t} B(n_j - d_j + 1, d_j), \qquad W^- = W^+ \cdot B(Y(t+), 1)

with Y(t+) patients known to be without event after t (those censored at t itself are: an event at t comes before a
censoring at t, so that a year of follow-up is a year for all who were followed for it). The interval is (quantile a/2 of W^-,
quantile 1 - a/2 of W^+), a = 1 - level. A product of betas is replaced by the beta with its mean and variance, as R bpcp does.
The mid-p version takes the quantiles of the even mixture of the two. Without censoring before t it is the interval of Clopper
and Pearson.

**One-sample log-rank.** Under a null cumulative hazard H_0 the expected events are E = sum H_0(t_i), and
z = (E - O)/sqrt(E), positive = fewer events than expected; Wu's version divides by sqrt((O + E)/2). The standardised
mortality ratio is O/E, its limits those of a Poisson mean.

Sources: Fay, Brittain and Proschan, Biostatistics 14 (2013) 723; Fay and Brittain, Stat Med 35 (2016) 2726 (mid-p);
Breslow, Appl Stat 24 (1975) 85; Wu, Pharm Stat 13 (2014) 241; R bpcp 1.4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv, chdtri, log_ndtr, ndtr, ndtri, pdtr

from .km import Curve

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BetaProduct:
    """Exact pointwise limits of a survival curve.

    Attributes
    ----------
    time : (m,) float
        Distinct exit times; the limits hold between one and the next.
    survival, low, high : (m,) float
    level : float
    """

    time: Floats
    survival: Floats
    low: Floats
    high: Floats
    level: float


def limits_at(
    curve: Curve, t: float, *, level: float = 0.95, mid_p: bool = False, just_after: bool = False
) -> tuple[float, float, float]:
    """(survival, low, high) at time `t` by the beta product procedure.

    Parameters
    ----------
    curve : Curve
        A Kaplan-Meier curve without weights or delayed entry.
    t : float
    level : float
    mid_p : bool
        Shorter, right on average instead of guaranteed.
    just_after : bool
        The limits on the open interval after `t`, where those censored at `t` are gone.

    Examples
    --------
    >>> from .km import kaplan_meier
    >>> km = kaplan_meier([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0])
    >>> [round(v, 4) for v in limits_at(km, 2)]
    [0.6667, 0.2228, 0.9567]
    """
    upto = curve.time <= t
    died = upto & (curve.events > 0)
    n, d = curve.at_risk[died], curve.events[died]
    later = curve.time > t if just_after else curve.time >= t
    beyond = float(curve.at_risk[later].max()) if later.any() else 0.0
    if not just_after:
        beyond -= float(curve.events[curve.time == t].sum())
    survival = float(curve.survival[upto][-1]) if upto.any() else 1.0
    upper = _product(np.stack([n - d + 1, d]))
    lower = _multiply(upper, (beyond, 1.0)) if beyond > 0 else None
    tail = (1 - level) / 2
    if not mid_p:
        low = 0.0 if lower is None else _quantile(lower, tail)
        high = 1.0 if upper is None else _quantile(upper, 1 - tail)
        return survival, low, high
    return survival, _mixture_quantile(lower, upper, tail), _mixture_quantile(lower, upper, 1 - tail)


def beta_product(curve: Curve, *, level: float = 0.95, mid_p: bool = False) -> BetaProduct:
    """The limits at every exit time."""
    found = np.array([limits_at(curve, float(t), level=level, mid_p=mid_p, just_after=True) for t in curve.time]).reshape(-1, 3)
    return BetaProduct(curve.time, found[:, 0], found[:, 1], found[:, 2], level)


def median_limits(curve: Curve, *, level: float = 0.95, p: float = 0.5) -> tuple[float, float, float]:
    """(median, low, high): where the exact limits leave `p`; NaN where they never do.

    The estimate is the first time with S <= p (bpcp's rule, without the midpoint of a plateau).
    """
    exact = beta_product(curve, level=level)

    def first(inside: NDArray[np.bool_]) -> float:
        where = np.flatnonzero(inside)
        return float(exact.time[where[0]]) if where.size else float("nan")

    # A product of fractions misses "exactly one half" by rounding; the tolerance is R's.
    return first(exact.survival <= p + 1.5e-8), first(exact.low < p), first(exact.high < p)


Beta = tuple[float, float]


def _product(parameters: Floats) -> Beta | None:
    """The beta with the mean and variance of a product of betas; None for the empty product, which is 1."""
    a, b = parameters
    if a.size == 0:
        return None
    if a.size == 1:
        return float(a[0]), float(b[0])
    mean = float(np.prod(a / (a + b)))
    square = float(np.prod(a * (a + 1) / ((a + b) * (a + b + 1))))
    return _from_moments(mean, square)


def _multiply(x: Beta | None, y: Beta) -> Beta:
    if x is None:
        return y
    return _product(np.array([[x[0], y[0]], [x[1], y[1]]]))  # type: ignore[return-value]


def _from_moments(mean: float, square: float) -> Beta:
    variance = square - mean * mean
    size = mean * (1 - mean) / variance - 1
    return mean * size, (1 - mean) * size


def _quantile(beta: Beta, p: float) -> float:
    return float(betaincinv(beta[0], beta[1], p))


def _mixture_quantile(lower: Beta | None, upper: Beta | None, p: float) -> float:
    """Quantile of W- or W+ with a half chance each; an absent one is the point mass at 0 (lower) or 1 (upper)."""

    def below(x: float) -> float:
        first = 1.0 if lower is None else float(betainc(lower[0], lower[1], x))
        second = 0.0 if upper is None else float(betainc(upper[0], upper[1], x))
        return 0.5 * (first + second) - p

    if below(0.0) >= 0:
        return 0.0
    if below(1.0 - 1e-16) <= 0:
        return 1.0
    return float(brentq(below, 0.0, 1.0, xtol=1e-14))


@dataclass(frozen=True, slots=True)
class OneSample:
    """Observed against expected events.

    Attributes
    ----------
    observed, expected : float
    z, z_wu : float
        Divided by sqrt(E), by sqrt((O + E)/2).
    p_value, p_wu, p_poisson : float
        One-sided, small = fewer events than expected; the last is exact.
    smr, smr_low, smr_high : float
    """

    observed: int
    expected: float
    z: float
    z_wu: float
    p_value: float
    p_wu: float
    p_poisson: float
    smr: float
    smr_low: float
    smr_high: float


def one_sample_logrank(
    exit: ArrayLike, event: ArrayLike, cumulative_hazard: Callable[[Floats], Floats], *, level: float = 0.95
) -> OneSample:
    """Compare one group with a known cumulative hazard.

    Examples
    --------
    >>> test = one_sample_logrank([4.0, 8.0, 12.0, 12.0], [1, 1, 0, 0], lambda t: np.log(2) * t / 12)
    >>> test.observed, round(test.expected, 4), round(test.z, 4)
    (2, 2.0794, 0.0551)
    """
    t = np.asarray(exit, dtype=np.float64)
    O = int(np.asarray(event).astype(bool).sum())
    E = float(np.asarray(cumulative_hazard(t)).sum())
    z, z_wu = (E - O) / np.sqrt(E), (E - O) / np.sqrt((O + E) / 2)
    tail = (1 - level) / 2
    low = 0.0 if O == 0 else float(chdtri(2 * O, 1 - tail)) / 2 / E
    high = float(chdtri(2 * (O + 1), tail)) / 2 / E
    return OneSample(
        O, E, float(z), float(z_wu), float(ndtr(-z)), float(ndtr(-z_wu)), float(pdtr(O, E)), O / E, low, high
    )


def survival_against(survival: float, std_error: float, null: float) -> tuple[float, float]:
    """z of S(t) against a fixed share, on the plain and on the log-log scale; NaN where S is 0 or 1.

    Positive = better than the null share.

    Examples
    --------
    >>> [round(z, 4) for z in survival_against(0.6, 0.08, 0.5)]
    [1.25, 1.1693]
    """
    if not 0 < survival < 1 or not std_error > 0:
        return float("nan"), float("nan")
    plain = (survival - null) / std_error
    log = np.log(survival)
    loglog = (np.log(-np.log(null)) - np.log(-log)) / (std_error / (survival * abs(log)))
    return float(plain), float(loglog)


def upper_p(z: float) -> float:
    """P(Z >= z), exact in the far tail."""
    return float(np.exp(log_ndtr(-z)))


def one_sample_logrank_n(
    null: float, alternative: float, *, alpha: float, power: float, accrual: float, follow_up: float
) -> float:
    """Patients for a one-sample log-rank test of two event-free shares at time 1, exponential times, uniform accrual.

    With h = log(alternative)/log(null), per patient O - E has mean (1 - 1/h) P(event) under the alternative; its null
    variance is taken as E(H_0) under the alternative, its own from the moments of (O, H_0(X)).

    Parameters
    ----------
    null, alternative : float
        Event-free at time 1.
    accrual, follow_up : float
        In units of that time: follow-up of a patient is uniform over (follow_up, follow_up + accrual).

    Examples
    --------
    >>> round(one_sample_logrank_n(0.5, 0.68, alpha=0.1, power=0.8, accrual=0, follow_up=1), 2)
    35.38

    References
    ----------
    Kwak and Jung, Stat Med 33 (2014) 2004; Wu, Pharm Stat 14 (2015) 26.
    """
    base, h = -np.log(null), np.log(alternative) / np.log(null)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    c = follow_up + accrual * (nodes + 1) / 2
    weights = weights / 2
    x = h * base * c
    events = float(weights @ -np.expm1(-x))
    tail = -np.expm1(-x) - x * np.exp(-x)  # integral of y exp(-y) up to x
    expected = events / h
    square, cross = float(weights @ (2 * tail)) / h**2, float(weights @ tail) / h
    variance = events - events**2 + square - expected**2 - 2 * (cross - events * expected)
    gap = expected - events
    return float(((ndtri(1 - alpha) * np.sqrt(expected) + ndtri(power) * np.sqrt(variance)) / gap) ** 2)
