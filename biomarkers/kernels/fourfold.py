r"""Fourfold tables, one per stratum: Mantel-Haenszel estimates and tests, and the exact conditional ones.

Table k holds a_k of n_1k successes in arm 1 and c_k of n_0k in arm 0; m_k successes among N_k in all. Given the margins
a_k is hypergeometric, with odds ratio psi noncentrally so:

.. math:: P(a_k = u) \propto \binom{n_{1k}}{u} \binom{n_{0k}}{m_k - u} \psi^u

The sum S of the a_k then has the product of these polynomials in psi as generating function; its conditional maximum
likelihood estimate solves E(S) = s, exact limits cut its tails, and the two-sided exact p adds up outcomes that are not
more probable than the one seen. One table is Fisher's test. A two-arm Cox model with the "exact" handling of ties is the
same likelihood with one table per death time (events of arm 1 among those at risk), so `kernels` has it once.

Where the successes fill or leave empty an arm in every stratum the odds ratio is 0 or infinite, and said to be.

Sources: Mantel and Haenszel, JNCI 22 (1959) 719; Robins, Breslow and Greenland, Biometrics 42 (1986) 311; Greenland and
Robins, Biometrics 41 (1985) 55; Sato, Biometrics 45 (1989) 1323; Mehta, Patel and Gray, JASA 80 (1985) 969; R
`mantelhaen.test`, `fisher.test`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtri

from .binomial import log_choose

Floats = NDArray[np.float64]
_RELATIVE = 1 + 1e-7  # R's slack when it counts outcomes "not more probable" than the one seen


@dataclass(frozen=True, slots=True)
class MantelHaenszel:
    """Estimates and tests over strata, arm 1 against arm 0.

    Attributes
    ----------
    chi2, p_value : float
        Cochran-Mantel-Haenszel on 1 df, without continuity correction.
    chi2_corrected, p_corrected : float
        With it (R's default).
    odds_ratio, log_se : float
        Mantel-Haenszel odds ratio and the Robins-Breslow-Greenland error of its log.
    low, high : float
        Its limits; NaN where the odds ratio is not finite.
    risk_difference, risk_se : float
        Mantel-Haenszel risk difference and Sato's error.
    finite : bool
        Whether the odds ratio lies strictly between 0 and infinity.
    """

    chi2: float
    p_value: float
    chi2_corrected: float
    p_corrected: float
    odds_ratio: float
    log_se: float
    low: float
    high: float
    risk_difference: float
    risk_se: float
    finite: bool


def mantel_haenszel(tables: ArrayLike, *, level: float = 0.95) -> MantelHaenszel:
    """Combine fourfold tables.

    Parameters
    ----------
    tables : (K, 4) int
        x1, n1, x0, n0 of each stratum; strata with an empty arm say nothing and are left out.

    Examples
    --------
    >>> found = mantel_haenszel([[6, 9, 3, 10], [3, 12, 1, 20]])
    >>> round(found.odds_ratio, 6), round(found.chi2, 6), round(found.risk_difference, 6)
    (5.287582, 5.005058, 0.264516)
    """
    T = _informative(tables)
    a, n1, c, n0 = T.T
    b, d, N, m = n1 - a, n0 - c, n1 + n0, a + c
    gap = float((a - n1 * m / N).sum())
    variance = float((n1 * n0 * m * (N - m) / (N**2 * (N - 1))).sum())
    if variance > 0:
        # R corrects only where the gap is at least the correction.
        chi2, corrected = gap**2 / variance, (abs(gap) - (0.5 if abs(gap) >= 0.5 else 0.0)) ** 2 / variance
    else:
        chi2 = corrected = float("nan")
    R, S = a * d / N, b * c / N
    top, bottom = float(R.sum()), float(S.sum())
    finite = top > 0 and bottom > 0
    odds, log_se, low, high = float("nan"), float("nan"), float("nan"), float("nan")
    if finite:
        P, Q = (a + d) / N, (b + c) / N
        odds = top / bottom
        log_se = float(np.sqrt(
            (P * R).sum() / (2 * top**2) + (P * S + Q * R).sum() / (2 * top * bottom) + (Q * S).sum() / (2 * bottom**2)
        ))
        z = float(ndtri((1 + level) / 2))
        low, high = odds * np.exp(-z * log_se), odds * np.exp(z * log_se)
    elif top > 0 or bottom > 0:
        odds = np.inf if top > 0 else 0.0
    weight = n1 * n0 / N
    risk = float(((a * n0 - c * n1) / N).sum() / weight.sum())
    sato = risk * ((n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / N**2).sum() + ((a * d + b * c) / (2 * N)).sum()
    return MantelHaenszel(
        chi2, float(chdtrc(1, chi2)), corrected, float(chdtrc(1, corrected)), odds, log_se, float(low), float(high),
        risk, float(np.sqrt(max(sato, 0.0)) / weight.sum()), finite,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conditional:
    """Exact conditional inference on a common odds ratio.

    Attributes
    ----------
    odds_ratio : float
        Conditional maximum likelihood; 0 or infinite where S is at the end of its range.
    log_odds_ratio, std_error : float
        Its log, and the error from the conditional information.
    low, high : float
        Exact limits (two one-sided tests of half the level); Cornfield's, guaranteed.
    p_value : float
        Two-sided, outcomes not more probable than the one seen.
    p_greater, p_less : float
        P(S >= s), P(S <= s) at odds ratio 1.
    finite : bool
    """

    odds_ratio: float
    log_odds_ratio: float
    std_error: float
    low: float
    high: float
    p_value: float
    p_greater: float
    p_less: float
    finite: bool


def conditional(tables: ArrayLike, *, level: float = 0.95) -> Conditional:
    """Exact inference given all margins.

    Examples
    --------
    >>> found = conditional([[6, 9, 3, 10], [3, 12, 1, 20]])
    >>> round(found.odds_ratio, 5), round(found.p_value, 6)
    (4.87137, 0.036805)
    >>> round(conditional([[9, 21, 4, 30]]).p_value, 6)
    0.024327
    """
    T = _informative(tables).astype(np.int64)
    low, log_weight = _sum_distribution(T)
    values = np.arange(low, low + log_weight.size, dtype=np.float64)
    s = float(T[:, 0].sum())
    at = round(s - low)

    def probabilities(theta: float) -> Floats:
        w = log_weight + theta * (values - s)
        out = np.exp(w - w.max())
        return np.asarray(out / out.sum())

    null = probabilities(0.0)
    two_sided = float(null[null <= null[at] * _RELATIVE].sum())
    first, last = at == 0, at == values.size - 1
    theta = -np.inf if first else np.inf if last else _root(lambda t: float(probabilities(t) @ values) - s)
    if values.size == 1:
        theta = float("nan")
    error = float("nan")
    if np.isfinite(theta):
        p = probabilities(theta)
        mean = float(p @ values)
        error = float(1 / np.sqrt(p @ (values - mean) ** 2))
    tail = (1 - level) / 2
    lower = -np.inf if first else _root(lambda t: float(probabilities(t)[at:].sum()) - tail)
    upper = np.inf if last else _root(lambda t: tail - float(probabilities(t)[: at + 1].sum()))
    return Conditional(
        float(np.exp(theta)), float(theta), error, float(np.exp(lower)), float(np.exp(upper)), min(two_sided, 1.0),
        float(null[at:].sum()), float(null[: at + 1].sum()), bool(np.isfinite(theta)),
    )  # fmt: skip


def conditional_loglik(tables: ArrayLike, theta: float) -> float:
    """Log-likelihood of log odds ratio `theta` given the margins of every table (not of their sum alone).

    With one table per death time this is the log partial likelihood of a two-arm Cox model with exact ties, up to the
    constant that R leaves out as well.
    """
    total = 0.0
    for a, n1, c, n0 in np.asarray(tables, dtype=np.int64):
        u, w = _weights(int(n1), int(n0), int(a + c))
        terms = w + theta * u
        peak = float(terms.max())
        total += theta * float(a) - peak - float(np.log(np.exp(terms - peak).sum()))
    return total


def _informative(tables: ArrayLike) -> Floats:
    T = np.asarray(tables, dtype=np.float64).reshape(-1, 4)
    return np.asarray(T[(T[:, 1] > 0) & (T[:, 3] > 0)])


def _weights(n1: int, n0: int, m: int) -> tuple[Floats, Floats]:
    """Support of a and the log of C(n1, u) C(n0, m - u)."""
    u = np.arange(max(0, m - n0), min(n1, m) + 1, dtype=np.float64)
    return u, log_choose(n1, u) + log_choose(n0, m - u)


def _sum_distribution(T: NDArray[np.int64]) -> tuple[int, Floats]:
    """Smallest value of S = sum a_k, and the log weights of S by convolution."""
    start, weight, scale = 0, np.ones(1), 0.0
    for a, n1, c, n0 in T:
        u, w = _weights(int(n1), int(n0), int(a + c))
        start += int(u[0])
        weight = np.convolve(weight, np.exp(w - w.max()))
        scale += float(w.max()) + float(np.log(weight.max()))
        weight = weight / weight.max()
    with np.errstate(divide="ignore"):
        return start, np.log(weight) + scale


def _root(rising: Callable[[float], float]) -> float:
    """Zero of an increasing function of the log odds ratio."""
    low, high = -1.0, 1.0
    while rising(low) > 0:
        low *= 2
    while rising(high) < 0:
        high *= 2
    return float(brentq(rising, low, high, xtol=1e-13, rtol=1e-14, maxiter=500))


@dataclass(frozen=True, slots=True)
class DeathTables:
    """One table per distinct death time and stratum, and the conditional likelihood they give together.

    Attributes
    ----------
    tables : (K, 4) int
        Deaths and patients at risk of group 1, then of group 0.
    log_odds_ratio, std_error : float
        Maximum and curvature; the hazard ratio of discrete times (R's ties = "exact"). Infinite where a group has no deaths.
    loglik : (float, float)
        At 0 and at the maximum.
    score_test : float
        The stratified log-rank chi-square, in another notation.
    finite : bool
    """

    tables: NDArray[np.int64]
    log_odds_ratio: float
    std_error: float
    loglik: tuple[float, float]
    score_test: float
    finite: bool


def exact_ties(exit: ArrayLike, event: ArrayLike, group: ArrayLike, *, stratum: ArrayLike | None = None) -> DeathTables:
    """Two-group Cox model with exact ties.

    Parameters
    ----------
    exit, event : (n,)
    group : (n,) of 0 and 1
    stratum : (n,), optional

    Examples
    --------
    >>> fit = exact_ties([1, 1, 2, 2, 3, 4], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1])
    >>> round(fit.loglik[0], 6), fit.finite
    (-4.787492, True)
    """
    t, d, g = np.asarray(exit, dtype=np.float64), np.asarray(event).astype(bool), np.asarray(group).astype(bool)
    strata = np.zeros(t.size, dtype=np.int64) if stratum is None else np.asarray(stratum)
    rows = []
    for s in np.unique(strata):
        for at in np.unique(t[d & (strata == s)]):
            risk, dies = (strata == s) & (t >= at), (strata == s) & d & (t == at)
            rows.append([(dies & g).sum(), (risk & g).sum(), (dies & ~g).sum(), (risk & ~g).sum()])
    tables = np.array(rows, dtype=np.int64).reshape(-1, 4)
    parts = [(_weights(int(n1), int(n0), int(a + c)), float(a)) for a, n1, c, n0 in tables]

    def derivatives(theta: float) -> tuple[float, float]:
        score = information = 0.0
        for (u, w), a in parts:
            terms = w + theta * u
            p = np.exp(terms - terms.max())
            p /= p.sum()
            mean = float(p @ u)
            score += a - mean
            information += float(p @ (u - mean) ** 2)
        return score, information

    score, information = derivatives(0.0)
    lowest = all(a == u[0] for (u, _), a in parts)
    highest = all(a == u[-1] for (u, _), a in parts)
    null = conditional_loglik(tables, 0.0)
    if lowest or highest or information <= 0:
        theta = float("nan") if information <= 0 else np.inf if highest else -np.inf
        test = score**2 / information if information > 0 else 0.0
        return DeathTables(tables, theta, float("nan"), (null, float("nan")), test, False)
    theta = _root(lambda b: -derivatives(b)[0])
    return DeathTables(
        tables, theta, derivatives(theta)[1] ** -0.5, (null, conditional_loglik(tables, theta)), score**2 / information, True
    )
