"""Concordance: the share of comparable pairs that the score orders rightly, with its infinitesimal-jackknife error.

A death at T is compared with every row of its stratum that is at risk at T and outlives it (exit > T, or censored at
T). A pair tied in the score counts one half; two deaths at one time are not comparable. "uno" weights each death by
G(T-)^-2, G the censoring curve, so that the answer does not depend on who happened to be censored.

Sources: Harrell et al., JAMA 247 (1982) 2543; Uno et al., Stat Med 30 (2011) 1105; R `concordance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .km import kaplan_meier
from .riskset import Floats, coded, merge_near_ties

_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Concordance:
    """Harrell's or Uno's C; a score that predicts early events has C above 1/2.

    Attributes
    ----------
    c, std_error : float
    concordant, discordant, tied_score, tied_time, tied_both : float
        Weighted counts of pairs.
    """

    c: float
    std_error: float
    concordant: float
    discordant: float
    tied_score: float
    tied_time: float
    tied_both: float


def concordance(
    exit: ArrayLike,
    event: ArrayLike,
    score: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    uno: bool = False,
    horizon: float | None = None,
) -> Concordance:
    """Compare a risk score with the order of events.

    Parameters
    ----------
    exit, event, score : (n,)
        Larger scores predict earlier events.
    entry, stratum, weight, cluster : (n,), optional
    uno : bool
        Weight deaths by G(T-)^-2.
    horizon : float, optional
        Deaths after it are not compared.

    Examples
    --------
    >>> concordance([1, 2, 3, 4], [1, 1, 0, 1], [4.0, 1.0, 2.0, 2.0]).c
    0.6
    """
    merged = merge_near_ties(exit, entry)
    t, s = merged.exit, merged.entry
    d = np.asarray(event).astype(bool)
    n = t.size
    eta = near_ties(np.asarray(score, dtype=np.float64))
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    g = coded(stratum, n)
    deaths = np.flatnonzero(d if horizon is None else d & (t <= horizon))
    time_weight = np.ones(n)
    if uno:
        G = _uncensored_before(t, d, s, w)
        time_weight = np.where(d, 1.0 / np.where(G > 0, G, 1.0) ** 2, 0.0)
    totals = np.zeros(5)
    share = np.zeros((n, 3))  # each row's weighted concordant, discordant and score-tied pairs
    step = max(1, _CELLS // max(n, 1))
    for a in range(0, deaths.size, step):
        i = deaths[a : a + step, None]
        same = (g == g[i]) & (t >= t[i])
        if s is not None:
            same &= s < t[i]
        both_die = same & (t == t[i]) & d
        pair = same & ~both_die
        tied = eta == eta[i]
        above = eta < eta[i]
        pairs = w[i] * w * time_weight[i]
        for k, kind in enumerate((pair & above, pair & ~above & ~tied, pair & tied)):
            cells = np.where(kind, pairs, 0.0)
            totals[k] += cells.sum()
            share[:, k] += cells.sum(axis=0)
            share[i[:, 0], k] += cells.sum(axis=1)
        later = both_die & (np.arange(n) > i)
        totals[3] += np.where(later & ~tied, pairs, 0.0).sum()
        totals[4] += np.where(later & tied, pairs, 0.0).sum()
    comparable = totals[:3].sum()
    if comparable == 0:
        return Concordance(float("nan"), float("nan"), *map(float, totals))
    c = float((totals[0] + totals[2] / 2) / comparable)
    influence = (share[:, 0] + share[:, 2] / 2 - c * share.sum(axis=1)) / comparable
    if cluster is not None:
        influence = np.bincount(coded(cluster, n), weights=influence)
    return Concordance(c, float(np.sqrt((influence**2).sum())), *map(float, totals))


def _uncensored_before(t: Floats, d: np.ndarray[tuple[int], np.dtype[np.bool_]], s: Floats | None, w: Floats) -> Floats:
    """G(t-), the chance of not being censored before t; who dies at a time is out of the censoring risk set there."""
    curve = kaplan_meier(t, ~d, entry=s, weight=w)
    at_risk = curve.at_risk - curve.censored  # its "censored" are the deaths
    with np.errstate(divide="ignore", invalid="ignore"):
        G = np.cumprod(np.where(curve.events > 0, 1.0 - curve.events / at_risk, 1.0))
    return np.asarray(np.r_[1.0, G][np.searchsorted(curve.time, t, side="left")], dtype=np.float64)


def near_ties(eta: Floats) -> Floats:
    """Scores equal but for rounding become equal: x'b of two equal rows may differ in its last digit."""
    order = np.argsort(eta, kind="stable")
    y = eta[order]
    spread = float(np.abs(y).max(initial=0.0))
    new = np.r_[True, np.diff(y) > 1e-12 * max(spread, 1e-300)]
    out = np.empty_like(eta)
    out[order] = np.cumsum(new).astype(np.float64)
    return out
