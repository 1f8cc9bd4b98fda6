r"""How many events a two-arm log-rank test needs, and how many it will have seen by a calendar time.

With hazard ratio h (experimental / control), a share p of the patients on the experimental arm, k = p / (1 - p) and
z = z_{1-alpha} + z_{power}, alpha one-sided:

.. math::
   d_{Schoenfeld} = \frac{z^2}{p (1 - p) \log^2 h}, \qquad d_{Freedman} = \frac{z^2 (1 + k h)^2}{k (1 - h)^2}

Under 1:1 these are 4 z^2 / log^2 h and z^2 ((1 + h)/(1 - h))^2. Power at d events inverts them. Rubinstein, Gail and
Santner take var(log h) = 1/d_0 + 1/d_1 with the expected events of each arm; Lachin and Foulkes take the variance of
the exponential estimates under the pooled hazard for alpha and under the separate ones for power.

Events by calendar time c: patients enter uniformly over (0, A), times are exponential with rate l = log 2 / median,

.. math:: P(\text{event by } c) = \frac{1}{A} \int_0^{\min(A, c)} 1 - e^{-l (c - u)} du

which at c = A + F is 1 - (exp(-l F) - exp(-l (A + F))) / (l A).

Sources: Schoenfeld, Biometrika 68 (1981) 316; Freedman, Stat Med 1 (1982) 121; Rubinstein, Gail and Santner, J Chronic
Dis 34 (1981) 469; Lachin and Foulkes, Biometrics 42 (1986) 507.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Method = Literal["schoenfeld", "freedman"]
METHODS: tuple[str, ...] = get_args(Method)


def drift_per_root_event(hazard_ratio: float, *, allocation: float = 0.5, method: Method = "schoenfeld") -> float:
    """Mean of the log-rank z after d events, divided by sqrt(d); positive when the experimental arm does better.

    Examples
    --------
    >>> round(drift_per_root_event(0.5, method="freedman"), 6), round(drift_per_root_event(0.5), 6)
    (0.333333, 0.346574)
    """
    p, k = allocation, allocation / (1 - allocation)
    if method == "schoenfeld":
        return float(np.sqrt(p * (1 - p)) * -np.log(hazard_ratio))
    return float(np.sqrt(k) * (1 - hazard_ratio) / (1 + k * hazard_ratio))


def events_required(
    hazard_ratio: float, *, alpha: float, power: float, allocation: float = 0.5, method: Method = "schoenfeld"
) -> float:
    """Events for a one-sided test of level `alpha`, unrounded.

    Examples
    --------
    >>> round(events_required(0.5, alpha=0.1, power=0.9, method="freedman"), 4)
    59.1255
    """
    z = float(ndtri(1 - alpha) + ndtri(power))
    return (z / drift_per_root_event(hazard_ratio, allocation=allocation, method=method)) ** 2


def power_at_events(
    events: float, hazard_ratio: float, *, alpha: float, allocation: float = 0.5, method: Method = "schoenfeld"
) -> float:
    """Power of the one-sided test after `events` events, in favour of the experimental arm.

    Examples
    --------
    >>> round(power_at_events(58, 0.5, alpha=0.1, method="freedman"), 6)
    0.89563
    """
    drift = drift_per_root_event(hazard_ratio, allocation=allocation, method=method)
    return float(ndtr(np.sqrt(events) * drift - ndtri(1 - alpha)))


def probability_of_event(median: ArrayLike, *, accrual: float, at: float) -> Floats:
    """Chance that a patient of the trial has had the event by calendar time `at`.

    Parameters
    ----------
    median : (...,) float
        Median event time, exponential.
    accrual : float
        Patients enter uniformly over (0, accrual); 0 = all at once.
    at : float
        Calendar time since the first patient could enter. Patients still to come count as without event.

    Examples
    --------
    >>> probability_of_event([12.0, 24.0], accrual=52, at=104).round(6).tolist()
    [0.984304, 0.884728]
    """
    rate = np.log(2.0) / np.asarray(median, dtype=np.float64)
    if accrual == 0:
        return np.asarray(-np.expm1(-rate * at))
    inside = min(accrual, at)
    area = np.exp(-rate * (at - inside)) - np.exp(-rate * at)
    return np.asarray((inside - area / rate) / accrual)


def time_to_events(events: float, n: ArrayLike, median: ArrayLike, *, accrual: float) -> float:
    """Calendar time at which `events` are expected over all arms; infinite where they never are.

    Examples
    --------
    >>> round(time_to_events(58, [32, 32], [12, 24], accrual=52), 2)
    93.08
    """
    size = np.asarray(n, dtype=np.float64)
    if events >= size.sum():
        return float("inf")

    def missing(at: float) -> float:
        return float(size @ probability_of_event(median, accrual=accrual, at=at)) - events

    high = max(accrual, 1.0)
    while missing(high) < 0:
        high *= 2
    return float(brentq(missing, 0.0, high, xtol=1e-12, rtol=1e-14))


def rubinstein_power(events: ArrayLike, hazard_ratio: float, *, alpha: float) -> float:
    """Power from var(log h) = 1/d_0 + 1/d_1, the expected events of the two arms.

    Examples
    --------
    >>> round(rubinstein_power([31.4977237284813, 28.3112804576061], 0.5, alpha=0.1), 6)
    0.918479
    """
    error = float(np.sqrt((1.0 / np.asarray(events, dtype=np.float64)).sum()))
    return float(ndtr(-np.log(hazard_ratio) / error - ndtri(1 - alpha)))


def lachin_foulkes_n(
    median_control: float, hazard_ratio: float, *, alpha: float, power: float, accrual: float, at: float,
    allocation: float = 0.5, scale: Literal["ratio", "difference"] = "ratio",
) -> float:
    """Patients in both arms for two exponential hazards, variances under the pooled and the separate ones; unrounded.

    Parameters
    ----------
    scale : {"ratio", "difference"}
        The log hazard ratio (as gsDesign and most programs), or the difference of the hazards (the paper's own).

    Examples
    --------
    >>> round(lachin_foulkes_n(12, 0.5, alpha=0.1, power=0.9, accrual=52, at=104), 2)
    57.88
    """
    p = allocation
    rate = np.log(2.0) / median_control * np.array([1.0, hazard_ratio])
    pooled = float((1 - p) * rate[0] + p * rate[1])

    def variance(hazard: float) -> float:
        seen = float(probability_of_event(np.log(2.0) / hazard, accrual=accrual, at=at))
        return (1.0 if scale == "ratio" else hazard**2) / seen

    null = np.sqrt(variance(pooled) * (1 / p + 1 / (1 - p)))
    alternative = np.sqrt(variance(float(rate[0])) / (1 - p) + variance(float(rate[1])) / p)
    gap = -np.log(hazard_ratio) if scale == "ratio" else float(rate[0] - rate[1])
    return float(((ndtri(1 - alpha) * null + ndtri(power) * alternative) / gap) ** 2)
