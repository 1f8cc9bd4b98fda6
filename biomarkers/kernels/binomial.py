r"""Proportions: Clopper and Pearson's exact interval, Wilson's score interval, Newcombe's interval of a difference.

The exact limits are quantiles of beta distributions, low = B(a/2; x, n - x + 1) and high = B(1 - a/2; x + 1, n - x) with
a = 1 - level; 0 at x = 0, 1 at x = n. Wilson's are the roots of |p - x/n| = z sqrt(p (1 - p)/n). Newcombe's method 10
puts two Wilson intervals together: with d = p_1 - p_0,

.. math:: d - \sqrt{(p_1 - l_1)^2 + (u_0 - p_0)^2}, \quad d + \sqrt{(u_1 - p_1)^2 + (p_0 - l_0)^2}

Sources: Clopper and Pearson, Biometrika 26 (1934) 404; Wilson, JASA 22 (1927) 209; Newcombe, Stat Med 17 (1998) 873.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, betaincinv, gammaln, ndtri


def clopper_pearson(x: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Exact two-sided limits.

    Examples
    --------
    >>> [round(limit, 6) for limit in clopper_pearson(4, 26)]
    [0.043563, 0.348679]
    """
    a = (1 - level) / 2
    low = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, a))
    high = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - a))
    return low, high


def wilson(x: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Score limits, without continuity correction.

    Examples
    --------
    >>> [round(limit, 6) for limit in wilson(9, 21)]
    [0.2447, 0.634534]
    """
    z = float(ndtri((1 + level) / 2))
    p, s = x / n, z * z / n
    centre, half = p + s / 2, float(np.sqrt(s * (p * (1 - p) + s / 4)))
    low = 0.0 if x == 0 else (centre - half) / (1 + s)
    high = 1.0 if x == n else (centre + half) / (1 + s)
    return low, high


def newcombe(x1: int, n1: int, x0: int, n0: int, *, level: float = 0.95) -> tuple[float, float, float]:
    """(difference, low, high) of the second proportion taken from the first.

    Examples
    --------
    >>> [round(v, 6) for v in newcombe(9, 21, 4, 30)]
    [0.295238, 0.0492, 0.516278]
    """
    p1, p0 = x1 / n1, x0 / n0
    (l1, u1), (l0, u0) = wilson(x1, n1, level=level), wilson(x0, n0, level=level)
    d = p1 - p0
    return d, d - float(np.hypot(p1 - l1, u0 - p0)), d + float(np.hypot(u1 - p1, p0 - l0))


def at_least(x: int, n: int, p: float) -> float:
    """P(X >= x) of a binomial: the one-sided p-value of x successes against a share `p`.

    Examples
    --------
    >>> round(at_least(23, 37, 0.5), 10)
    0.0938707795
    """
    return 1.0 if x <= 0 else float(bdtrc(x - 1, n, p)) if x <= n else 0.0


def log_choose(n: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of the number of ways to choose k of n, in the shape to which they broadcast.

    Examples
    --------
    >>> np.exp(log_choose(4, [0, 1, 2])).round(12).tolist()
    [1.0, 4.0, 6.0]
    """
    n, k = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
