"""Association by ranks, with an interval: Spearman's rho for two numbers, Cliff's delta for a number in two groups.

Both run from -1 to 1 and no increasing transformation changes them, so a value below a limit needs only its place: lowest.
Delta is P(a > b) - P(a < b) over all pairs; for a marker that is only yes or no it is the difference of the two shares.
Intervals are made on Fisher's z scale: rho with the variance of Bonett and Wright, (1 + rho^2 / 2) / (n - 3), delta with
DeLong's variance of the area under the curve.

Sources: Bonett and Wright, Psychometrika 65 (2000) 23; Cliff, Psychol Bull 114 (1993) 494; DeLong, DeLong and Clarke-Pearson,
Biometrics 44 (1988) 837.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .riskset import Floats

FEWEST = 4
"""Pairs below which rho has no interval: its variance divides by n - 3."""


def ranks(x: ArrayLike) -> Floats:
    """Ranks from 1; equal values share the mean of theirs.

    Examples
    --------
    >>> ranks([3.0, 1.0, 3.0, float("inf")]).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, code, count = np.unique(np.asarray(x, dtype=np.float64), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[code.reshape(-1)])


@dataclass(frozen=True, slots=True)
class RankAssociation:
    """An association between -1 and 1 with its interval; NaN where it is not defined.

    Attributes
    ----------
    estimate, conf_low, conf_high : float
    n : int
        Pairs for rho; both groups together for delta.
    """

    estimate: float
    conf_low: float
    conf_high: float
    n: int


def spearman(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> RankAssociation:
    """Spearman's rank correlation of the pairs in which both are known.

    Parameters
    ----------
    x, y : (n,)
        NaN is missing; -inf and inf keep their place at the ends.
    level : float

    Examples
    --------
    >>> found = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(found.estimate, 3), found.n
    (0.8, 5)
    >>> spearman([1, 1, 1, 1], [1, 2, 3, 4]).estimate
    nan
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = ranks(a[known]), ranks(b[known])
    n = int(known.sum())
    if n < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return RankAssociation(np.nan, np.nan, np.nan, n)
    a, b = a - a.mean(), b - b.mean()
    rho = float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))
    error = np.sqrt((1 + rho**2 / 2) / (n - 3)) if n >= FEWEST else np.nan
    return RankAssociation(rho, *_on_z(rho, float(error), level), n)


def cliffs_delta(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> RankAssociation:
    """P(a > b) - P(a < b): how often a value of the first group exceeds one of the second.

    Parameters
    ----------
    a, b : (n,), (m,)
        NaN is missing; -inf and inf keep their place at the ends.
    level : float

    Examples
    --------
    >>> cliffs_delta([1, 1, 0, 1], [0, 0, 1, 0]).estimate               # 3/4 against 1/4 with the sign
    0.5
    >>> found = cliffs_delta([3, 4, 5], [1, 2])                          # no overlap: the interval is not defined
    >>> found.estimate, found.conf_low
    (1.0, nan)
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    n, m = first.size, second.size
    if not (n and m):
        return RankAssociation(np.nan, np.nan, np.nan, n + m)
    place = ranks(np.concatenate([first, second]))      # ranks, so that infinite values can be compared
    sign = np.sign(place[:n, None] - place[None, n:])
    delta = float(sign.mean())
    error = np.nan
    if min(n, m) > 1:
        error = float(np.sqrt(sign.mean(axis=1).var(ddof=1) / n + sign.mean(axis=0).var(ddof=1) / m))
    return RankAssociation(delta, *_on_z(delta, error / (1 - delta**2) if abs(delta) < 1 else np.nan, level), n + m)


def _on_z(estimate: float, error: float, level: float) -> tuple[float, float]:
    """Limits on Fisher's z scale; none at the ends of the range, where z is infinite."""
    if not (abs(estimate) < 1 and np.isfinite(error)):
        return float("nan"), float("nan")
    half = float(ndtri((1 + level) / 2)) * error
    z = np.arctanh(estimate)
    return float(np.tanh(z - half)), float(np.tanh(z + half))
