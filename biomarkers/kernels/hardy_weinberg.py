"""Do genotype counts agree with random union of alleles? The exact test, its mid-p, and the inbreeding coefficient.

Given n subjects with n_a = 2 n_FF + n_VF copies of one allele and n_b of the other, the number h of heterozygotes has
P(h) = n! 2^h n_a! n_b! / (n_FF! h! n_VV! (2n)!), h = n_a mod 2, ... , min(n_a, n_b) in steps of two
(Levene 1949; Wigginton, Cutler and Abecasis, Am J Hum Genet 76:887, 2005). The two-sided p is the sum of all P(h') not
above the observed one; mid-p counts half of the observed one. Neighbours are related by
P(h - 2) / P(h) = h (h - 1) / (4 (n_FF + 1) (n_VV + 1)), which is followed outwards from the mode, so no factorial of a
large number is ever formed. Ties are equal up to 1e-9.

F = 1 - h / (2 n q (1 - q)) is the maximum-likelihood estimate under the inbreeding model
(p^2 + p q F, 2 p q (1 - F), q^2 + p q F); its interval is that of the profile likelihood, q maximised out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaincinv


@dataclass(frozen=True, slots=True)
class HardyWeinberg:
    """Hardy-Weinberg test of one biallelic site.

    Parameters
    ----------
    n_ff, n_vf, n_vv : int
        Subjects with 0, 1 and 2 copies of the alternate allele.
    q : float
        Frequency of the alternate allele; NaN without subjects.
    p_value, p_mid : float
        Exact two-sided p and mid-p; 1 and 0.5 where only one table is possible; NaN without subjects.
    f, f_low, f_high : float
        Inbreeding coefficient and its profile-likelihood interval. Positive: too few heterozygotes. NaN at a monomorphic site.
    level : float
        Level of the interval.
    """

    n_ff: int
    n_vf: int
    n_vv: int
    q: float
    p_value: float
    p_mid: float
    f: float
    f_low: float
    f_high: float
    level: float

    @property
    def n(self) -> int:
        """Subjects."""
        return self.n_ff + self.n_vf + self.n_vv


def hardy_weinberg(n_ff: int, n_vf: int, n_vv: int, *, level: float = 0.95) -> HardyWeinberg:
    """Test genotype counts against Hardy-Weinberg proportions.

    Parameters
    ----------
    n_ff, n_vf, n_vv : int
        Counts, not negative.
    level : float
        Level of the interval of F, between 0 and 1.

    Raises
    ------
    ValueError
        A count is negative or no whole number, or the level is outside (0, 1).

    Examples
    --------
    NSABP B-31, FCGR3A-158:

    >>> test = hardy_weinberg(575, 525, 150)
    >>> round(test.p_value, 6), round(test.p_mid, 6), round(test.f, 4)
    (0.083983, 0.078824, 0.0502)
    """
    counts = []
    for name, value in (("n_ff", n_ff), ("n_vf", n_vf), ("n_vv", n_vv)):
        if isinstance(value, bool) or int(value) != value or value < 0:
            raise ValueError(f"{name}={value!r}: a count is needed")
        counts.append(int(value))
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level!r}: a number between 0 and 1 is needed")
    n_ff, n_vf, n_vv = counts
    n = n_ff + n_vf + n_vv
    if n == 0:
        return HardyWeinberg(0, 0, 0, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, level)
    q = (2 * n_vv + n_vf) / (2 * n)
    p_value, p_mid = _exact(n_ff, n_vf, n_vv)
    if n_vf == 0 and (n_ff == 0 or n_vv == 0):
        return HardyWeinberg(n_ff, n_vf, n_vv, q, p_value, p_mid, math.nan, math.nan, math.nan, level)
    f = 1.0 - n_vf / (2.0 * n * q * (1.0 - q))
    low, high = _interval(n_ff, n_vf, n_vv, f, level)
    return HardyWeinberg(n_ff, n_vf, n_vv, q, p_value, p_mid, f, low, high, level)


def heterozygote_distribution(n_a: int, n_b: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Possible numbers of heterozygotes and their probabilities, given the allele counts.

    Parameters
    ----------
    n_a, n_b : int
        Copies of either allele; their sum is even and positive.

    Returns
    -------
    h : ndarray, (k,)
        Rising in steps of two.
    probability : ndarray, (k,)
        Sums to one.
    """
    h = np.arange(n_a % 2, min(n_a, n_b) + 1, 2, dtype=np.int64)
    x = h.astype(np.float64)
    # ratio[i] = P(h[i]) / P(h[i + 1])
    ratio = x[1:] * (x[1:] - 1.0) / (4.0 * ((n_a - x[1:]) / 2.0 + 1.0) * ((n_b - x[1:]) / 2.0 + 1.0))
    mode = int(np.searchsorted(ratio, 1.0))  # the ratios rise with h: below the mode they are under 1
    weight = np.ones(len(h))
    weight[:mode] = np.cumprod(ratio[:mode][::-1])[::-1]
    weight[mode + 1:] = np.cumprod(1.0 / ratio[mode:])
    return h, weight / math.fsum(weight)


def _exact(n_ff: int, n_vf: int, n_vv: int) -> tuple[float, float]:
    h, probability = heterozygote_distribution(2 * n_ff + n_vf, 2 * n_vv + n_vf)
    observed = probability[(n_vf - int(h[0])) // 2]
    p_value = min(1.0, math.fsum(probability[probability <= observed * (1.0 + 1e-9)]))
    return p_value, p_value - float(observed) / 2.0


def _loglik(f: float, q: float, n_ff: int, n_vf: int, n_vv: int) -> float:
    """Log-likelihood of the inbreeding model; minus infinity where a genotype that was seen is impossible."""
    p = 1.0 - q
    total = 0.0
    for count, chance in ((n_ff, p * p + p * q * f), (n_vf, 2.0 * p * q * (1.0 - f)), (n_vv, q * q + p * q * f)):
        if count:
            if chance <= 0.0:
                return -math.inf
            total += count * math.log(chance)
    return total


def _profile(f: float, n_ff: int, n_vf: int, n_vv: int) -> float:
    """Log-likelihood of F with the allele frequency maximised out."""
    # F >= -min(p/q, q/p) bounds q where F is negative.
    low = -f / (1.0 - f) if f < 0 else 0.0
    inner = 1e-12
    if 1.0 - 2.0 * low <= 4.0 * inner:
        return _loglik(f, 0.5, n_ff, n_vf, n_vv)
    found = minimize_scalar(lambda q: -max(_loglik(f, q, n_ff, n_vf, n_vv), -1e300), method="bounded",
                            bounds=(low + inner, 1.0 - low - inner), options={"xatol": 1e-13})
    return -float(found.fun)


def _interval(n_ff: int, n_vf: int, n_vv: int, f: float, level: float) -> tuple[float, float]:
    n = n_ff + n_vf + n_vv
    q = (2 * n_vv + n_vf) / (2 * n)
    drop = float(gammaincinv(0.5, level))  # half the quantile of chi-square on one degree of freedom
    top = _loglik(f, q, n_ff, n_vf, n_vv)

    def above(x: float) -> float:
        return _profile(x, n_ff, n_vf, n_vv) - top + drop

    least, most = -1.0 + 1e-9, 1.0 - 1e-9
    middle = min(max(f, least), most)
    high = 1.0 if n_vf == 0 or above(most) > 0 else float(brentq(above, middle, most, xtol=1e-12))
    low = -1.0 if n_ff + n_vv == 0 or above(least) > 0 else float(brentq(above, least, middle, xtol=1e-12))
    return low, high
