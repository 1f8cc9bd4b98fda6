r"""Two looks at one log-rank statistic: what stopping for futility costs, and how likely the end still is to succeed.

At information t = d_1 / d the statistics (Z_1, Z_2) are bivariate normal with means (theta sqrt(t), theta), unit
variances and correlation sqrt(t); theta is the drift, the mean of Z_2. A futility look stops when Z_1 < b. It is
non-binding when the final critical value stays z_{1-alpha}: ignoring the look then costs no type I error.

The bivariate normal distribution function comes from Owen's T, so it is accurate to rounding.

Sources: Wieand, Schroeder and O'Fallon, Stat Med 13 (1994) 1453; Hwang, Shih and DeCani, Stat Med 9 (1990) 1439; Lan,
Simon and Halperin, Commun Stat C 1 (1982) 207; Owen, Ann Math Stat 27 (1956) 1075.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, owens_t


def bivariate_normal(h: float, k: float, rho: float) -> float:
    """P(X <= h, Y <= k) of two standard normals with correlation `rho`.

    Examples
    --------
    >>> round(bivariate_normal(0.0, 0.0, 0.5), 12) == round(1 / 3, 12)
    True
    """
    if not (np.isfinite(h) and np.isfinite(k)):
        return float(ndtr(min(h, k)) if min(h, k) == -np.inf else ndtr(k if h == np.inf else h))
    if abs(rho) >= 1:
        return float(ndtr(min(h, k)) if rho > 0 else max(ndtr(h) - ndtr(-k), 0.0))
    root = float(np.sqrt(1 - rho * rho))

    def part(a: float, b: float) -> float:
        # T(a, (b/a - rho)/root); at a = 0 its second argument is infinite with the sign of b.
        if a == 0:
            return 0.25 * float(np.sign(b))
        return float(owens_t(a, (b / a - rho) / root))

    if h == 0 and k == 0:
        return 0.25 + float(np.arcsin(rho)) / (2 * np.pi)
    opposite = h * k < 0 or (h * k == 0 and h + k < 0)
    return float(0.5 * (ndtr(h) + ndtr(k)) - part(h, k) - part(k, h) - (0.5 if opposite else 0.0))


@dataclass(frozen=True, slots=True)
class FutilityLook:
    """What one futility look does to a test.

    Attributes
    ----------
    p_stop : float
        Chance of stopping at the look.
    p_reject : float
        Chance of going on and rejecting at the end.
    p_reject_ignored : float
        Chance of rejecting when the look is not obeyed.
    """

    p_stop: float
    p_reject: float
    p_reject_ignored: float


def futility_look(*, drift: float, information: float, bound: float, alpha: float) -> FutilityLook:
    """Stop when Z_1 < `bound` at a share `information` of the final events.

    Parameters
    ----------
    drift : float
        Mean of the final z: z_{1-alpha} + z_{power} under the alternative, 0 under the null hypothesis.
    information : float
        Events at the look / events at the end, in (0, 1).
    bound : float
        0 is Wieand's rule: stop when the estimated hazard ratio is above 1.
    alpha : float
        One-sided level of the final test.

    Examples
    --------
    >>> null = futility_look(drift=0.0, information=0.5, bound=0.0, alpha=0.10)
    >>> round(null.p_stop, 4), round(null.p_reject, 4)
    (0.5, 0.095)
    """
    critical, rho = float(ndtri(1 - alpha)), float(np.sqrt(information))
    early = bound - drift * rho
    p_stop = float(ndtr(early))
    accept_later = float(ndtr(critical - drift)) - bivariate_normal(early, critical - drift, rho)
    return FutilityLook(p_stop, 1 - p_stop - accept_later, float(ndtr(drift - critical)))


@dataclass(frozen=True, slots=True)
class BetaSpending:
    """A two-look test whose futility bound spends the type II error.

    Attributes
    ----------
    inflation : float
        Information over that of the test without a look.
    bound : float
        Stop when Z_1 lies below it.
    drift : float
    """

    inflation: float
    bound: float
    drift: float


def beta_spending(*, alpha: float, beta: float, information: float, gamma: float) -> BetaSpending:
    """Non-binding futility by the spending function beta (1 - exp(-gamma t)) / (1 - exp(-gamma)) of Hwang, Shih and DeCani.

    Examples
    --------
    >>> spent = beta_spending(alpha=0.10, beta=0.10, information=0.60, gamma=-2)
    >>> round(spent.inflation * 54.6941946, 2)
    57.58
    """
    critical, rho = float(ndtri(1 - alpha)), float(np.sqrt(information))
    first = beta * information if gamma == 0 else beta * float(np.expm1(-gamma * information) / np.expm1(-gamma))
    fixed = critical - float(ndtri(beta))

    def excess(drift: float) -> float:
        early = float(ndtri(first))
        later = float(ndtr(critical - drift)) - bivariate_normal(early, critical - drift, rho)
        return first + later - beta

    drift = float(brentq(excess, fixed - 1e-9, fixed + 5.0, xtol=1e-13))
    return BetaSpending((drift / fixed) ** 2, float(ndtri(first)) + drift * rho, drift)


def conditional_power(z: float, *, information: float, drift: float, alpha: float) -> float:
    """Chance of rejecting at the end, given z at a share `information` of the events and the drift from now on.

    Examples
    --------
    >>> round(conditional_power(0.0, information=0.5, drift=0.0, alpha=0.10), 4)
    0.035
    """
    left = 1 - information
    reached = z * np.sqrt(information) + drift * left - ndtri(1 - alpha)
    return float(ndtr(reached / np.sqrt(left)))


def predictive_power(z: float, *, information: float, alpha: float) -> float:
    """Conditional power averaged over what the data so far say about the drift (flat prior)."""
    return float(ndtr((z - np.sqrt(information) * ndtri(1 - alpha)) / np.sqrt(1 - information)))
