"""Difference of restricted mean survival times, crude or over strata, and survival compared at a fixed time.

A difference of areas to tau needs no proportional hazards. Stratified: the strata's differences averaged by their
number of subjects, errors alike. The fixed-time comparison is the difference of the curves at one time, or of their
complementary log-log transforms, which keeps its size in small samples.

Sources: Royston and Parmar, BMC Med Res Methodol 13 (2013) 152; Klein et al., Stat Med 26 (2007) 4505.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from .km import Curve


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimate with its Wald test and interval."""

    estimate: float
    std_error: float
    statistic: float
    p_value: float
    low: float
    high: float


def difference(estimate: float, std_error: float, level: float) -> Difference:
    """Wald test and interval of a difference."""
    z = float(ndtri((1 + level) / 2))
    statistic = estimate / std_error if std_error > 0 else float("nan")
    p = float(2 * ndtr(-abs(statistic)))
    return Difference(estimate, std_error, statistic, p, estimate - z * std_error, estimate + z * std_error)


def rmst_difference(pairs: list[tuple[Curve, Curve]], tau: float, *, level: float = 0.95) -> Difference:
    """Second minus first curve's area to `tau`; several pairs (strata) are averaged by their subjects."""
    sizes = np.array([first.n + second.n for first, second in pairs], dtype=np.float64)
    share = sizes / sizes.sum()
    areas = np.array([[first.rmst(tau), second.rmst(tau)] for first, second in pairs])
    estimate = float(share @ (areas[:, 1, 0] - areas[:, 0, 0]))
    error = float(np.sqrt(share**2 @ (areas[:, 1, 1] ** 2 + areas[:, 0, 1] ** 2)))
    return difference(estimate, error, level)


def survival_difference(first: Curve, second: Curve, time: float, *, level: float = 0.95) -> Difference:
    """Second minus first survival at one time; the p-value is of the complementary log-log difference."""
    _, (s1,), (e1,), _, _ = first.at(time)
    _, (s2,), (e2,), _, _ = second.at(time)
    plain = difference(float(s2 - s1), float(np.hypot(e1, e2)), level)
    if not (0 < s1 < 1 and 0 < s2 < 1):
        return plain
    gap = np.log(-np.log(s1)) - np.log(-np.log(s2))
    error = np.hypot(e1 / (s1 * np.log(s1)), e2 / (s2 * np.log(s2)))
    statistic = float(gap / error)
    return Difference(
        plain.estimate, plain.std_error, statistic, float(2 * ndtr(-abs(statistic))), plain.low, plain.high
    )
