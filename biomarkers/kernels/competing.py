r"""Competing risks: the Aalen-Johansen cumulative incidence, and Gray's test between groups.

    F_c(t) = sum_{T <= t} S(T-) d_c / n,     S the curve of leaving by any cause; ties of causes taken jointly

The error of F_c is the infinitesimal jackknife (each row's first-order influence), as `survfit` of R. Gray's test
compares the subdistribution hazards of one cause; a log-rank test that censors the other causes asks something else.

Sources: Aalen and Johansen, Scand J Stat 5 (1978) 141; Gray, Annals of Statistics 16 (1988) 1141, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtri

from .riskset import Floats, Ints, coded, merge_near_ties


@dataclass(frozen=True, slots=True)
class CumulativeIncidence:
    """Cumulative incidence of C causes at every distinct exit time.

    Attributes
    ----------
    time : (m,) float
    at_risk, censored : (m,) float
    events : (m, C) float
    incidence, std_error, low, high : (m, C) float
        Limits on the complementary log-log scale; NaN while F = 0.
    event_free : (m,) float
    """

    time: Floats
    at_risk: Floats
    censored: Floats
    events: Floats
    incidence: Floats
    std_error: Floats
    low: Floats
    high: Floats
    event_free: Floats
    level: float

    def at(self, times: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
        """(incidence, std_error, low, high) at given times, each (k, C)."""
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        place = np.searchsorted(self.time, t, side="right")
        C = self.incidence.shape[1]

        def stepped(values: Floats) -> Floats:
            return np.concatenate([np.zeros((1, C)), values])[place]

        return stepped(self.incidence), stepped(self.std_error), stepped(self.low), stepped(self.high)


def aalen_johansen(
    exit: ArrayLike,
    cause: ArrayLike,
    *,
    n_causes: int | None = None,
    entry: ArrayLike | None = None,
    level: float = 0.95,
) -> CumulativeIncidence:
    """Cumulative incidence of each cause.

    Parameters
    ----------
    exit : (n,)
    cause : (n,) int
        0 censored, 1 .. C the causes.
    entry : (n,), optional
    level : float

    Examples
    --------
    >>> aalen_johansen([1, 2, 3, 4], [1, 2, 0, 1]).incidence[:, 0].tolist()
    [0.25, 0.25, 0.25, 0.75]
    """
    merged = merge_near_ties(exit, entry)
    t, s = merged.exit, merged.entry
    code = np.asarray(cause, dtype=np.int64)
    C = int(code.max(initial=1)) if n_causes is None else n_causes
    time, place = np.unique(t, return_inverse=True)
    place = place.reshape(-1)
    m, n = time.size, t.size
    at_risk, censored, events = np.zeros(m), np.zeros(m), np.zeros((m, C))
    incidence, std_error, event_free = np.zeros((m, C)), np.zeros((m, C)), np.zeros(m)
    S, F = 1.0, np.zeros(C)
    dS, dF = np.zeros(n), np.zeros((n, C))  # each row's influence on S and F so far
    for j in range(m):
        here = place == j
        risk = place >= j
        if s is not None:
            risk &= s < time[j]
        own = (code[:, None] == np.arange(1, C + 1)) & here[:, None]
        at_risk[j] = risk.sum()
        events[j] = own.sum(axis=0)
        censored[j] = here.sum() - events[j].sum()
        if events[j].any():
            h = events[j] / at_risk[j]
            dh = (own - h * risk[:, None]) / at_risk[j]
            dF += dS[:, None] * h + S * dh
            dS = dS * (1 - h.sum()) - S * dh.sum(axis=1)
            F = F + S * h
            S *= 1 - h.sum()
        incidence[j], event_free[j] = F, S
        std_error[j] = np.sqrt((dF**2).sum(axis=0))
    low, high = _limits(incidence, std_error, level)
    return CumulativeIncidence(
        time, at_risk, censored, events, incidence, std_error, low, high, event_free, level
    )


def _limits(F: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    z = float(ndtri((1 + level) / 2))
    low, high = np.full(F.shape, np.nan), np.full(F.shape, np.nan)
    inside = (F > 0) & (F < 1)
    f = F[inside]
    survive = 1 - f
    reach = z * error[inside] / (survive * np.abs(np.log(survive)))
    theta = np.log(-np.log(survive))
    low[inside] = 1 - np.exp(-np.exp(theta - reach))
    high[inside] = 1 - np.exp(-np.exp(theta + reach))
    return low, high


@dataclass(frozen=True, slots=True)
class GrayTest:
    """Gray's k-sample test of one cause."""

    statistic: float
    df: int
    p_value: float


def gray_test(
    exit: ArrayLike, cause: ArrayLike, group: ArrayLike, *, of: int = 1, stratum: ArrayLike | None = None, rho: float = 0.0
) -> GrayTest:
    """Compare the cumulative incidence of cause `of` between groups coded 0 .. G-1.

    Parameters
    ----------
    exit : (n,)
    cause : (n,) int
        0 censored, 1 .. C.
    group : (n,) int
    of : int
        The cause of interest; all others compete.
    stratum : (n,), optional
    rho : float
        Weight (1 - F(t-))^rho.
    """
    t = merge_near_ties(exit).exit
    code = np.asarray(cause, dtype=np.int64)
    state = np.where(code == 0, 0, np.where(code == of, 1, 2))
    groups = np.asarray(group, dtype=np.int64)
    G = int(groups.max()) + 1
    strata = coded(stratum, t.size)
    score, variance = np.zeros(G), np.zeros((G, G))
    for g in np.unique(strata):
        here = strata == g
        s, v = _gray_stratum(t[here], state[here], groups[here], G, rho)
        score += s
        variance += v
    free = slice(0, G - 1)
    statistic = float(score[free] @ np.linalg.pinv(variance[free, free], hermitian=True) @ score[free])
    df = int(np.linalg.matrix_rank(variance[free, free], hermitian=True))
    return GrayTest(statistic, df, float(chdtrc(max(df, 1), statistic)))


def _gray_stratum(t: Floats, state: Ints, group: Ints, G: int, rho: float) -> tuple[Floats, Floats]:
    """Score (G,) and variance (G, G) in one stratum; the paper's sums over its ordered event times.

    h_r = Y_r / S_r(t-) estimates the size of group r's subdistribution risk set per unit of not-yet-failed.
    """
    before = np.ones(G)  # all-cause survival of each group, left of t
    failed = np.zeros(G)  # F_1 of each group, left of t
    pooled = 0.0  # pooled F_1, left of t
    score, variance, c = np.zeros(G), np.zeros((G, G)), np.zeros((G, G))
    v2, v3 = np.zeros((G, G)), np.zeros(G)
    for T in np.unique(t[state > 0]):
        Y = np.bincount(group[t >= T], minlength=G).astype(np.float64)
        d1 = np.bincount(group[(t == T) & (state == 1)], minlength=G).astype(np.float64)
        d2 = np.bincount(group[(t == T) & (state == 2)], minlength=G).astype(np.float64)
        on = Y > 0
        n1 = d1.sum()
        size = np.where(on, Y, 1.0)
        h = np.where(on, Y / np.where(before > 0, before, 1.0), 0.0)
        after = np.where(on, before * (Y - d1 - d2) / size, before)
        total, open_total = h.sum(), (h * (1 - failed)).sum()
        weight = (1 - pooled) ** rho
        now = pooled + n1 / total
        a = weight * (np.diag(h) - np.outer(h, h) / total)
        c = c + a * n1 / (total * (1 - pooled))
        score = score + weight * np.where(on, d1 - n1 * h * (1 - failed) / open_total, 0.0)
        ratio = np.where(after > 0, (1 - now) / np.where(after > 0, after, 1.0), 0.0)
        for k in np.flatnonzero(on):
            if n1 > 0:
                ties = 1 - (n1 - 1) / (total * before[k] - 1) if n1 > 1 else 1.0
                scale = ties * before[k] * n1 / (total * Y[k])
                tail = 1 - ratio[k]
                column = a[:, k] - tail * c[:, k]
                variance += scale * np.outer(column, column)
                v2[:, k] += scale * tail * column
                v3[k] += scale * tail**2
            if d2[k] > 0 and after[k] > 0:
                ties = 1 - (d2[k] - 1) / (Y[k] - 1) if d2[k] > 1 else 1.0
                scale = ties * before[k] ** 2 * d2[k] / Y[k] ** 2
                column = ratio[k] * c[:, k]
                variance += scale * np.outer(column, column)
                v2[:, k] -= scale * ratio[k] * column
                v3[k] += scale * ratio[k] ** 2
        failed = failed + np.where(on, before * d1 / size, 0.0)
        pooled, before = now, after
    cross = c @ v2.T
    return score, variance + (c * v3) @ c.T + cross + cross.T
