"""Rubin's rules: m analyses of m imputed data sets become one estimate, with the uncertainty of not having seen the values.

    mean = average;  T = W + (1 + 1/m) B;  r = (1 + 1/m) B / W
    nu_old = (m - 1)(1 + 1/r)^2;  nu_obs = (nu + 1)/(nu + 3) nu W/T;  df = nu_old nu_obs / (nu_old + nu_obs)

W is the mean squared error within data sets, B the variance between them, nu the degrees of freedom with complete data.

Sources: Rubin (1987); Barnard and Rubin, Biometrika 86 (1999) 948; Li, Meng, Raghunathan and Rubin, Statistica Sinica 1 (1991)
65 for chi-square statistics (D2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtrc, stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class Pooled:
    """One pooled estimate.

    Attributes
    ----------
    estimate, std_error, df : float
    fraction_missing : float
        Share of the information that was lost to censoring, gamma = (r + 2/(df + 3)) / (r + 1).
    m : int
    """

    estimate: float
    std_error: float
    df: float
    fraction_missing: float
    m: int

    @property
    def statistic(self) -> float:
        """t."""
        return self.estimate / self.std_error

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return float(2 * stdtr(self.df, -abs(self.statistic)))

    def interval(self, level: float) -> tuple[float, float]:
        """Limits at a confidence level."""
        t = float(stdtrit(self.df, (1 + level) / 2))
        return self.estimate - t * self.std_error, self.estimate + t * self.std_error


def pool(estimates: ArrayLike, std_errors: ArrayLike, *, df_complete: float = np.inf) -> Pooled:
    """Pool m estimates.

    Examples
    --------
    >>> found = pool([0.9, 1.0, 1.1], [0.5, 0.5, 0.5])
    >>> round(found.estimate, 3), round(found.std_error, 4)
    (1.0, 0.5132)
    """
    q = np.asarray(estimates, dtype=np.float64)
    u = np.asarray(std_errors, dtype=np.float64) ** 2
    m = q.size
    if m < 2:
        raise ValueError(f"m = {m}: at least two imputations are needed to know what was not seen.")
    within, between = float(u.mean()), float(q.var(ddof=1))
    extra = (1 + 1 / m) * between
    total = within + extra
    r = extra / within
    if r == 0:
        df = df_complete
    else:
        old = (m - 1) * (1 + 1 / r) ** 2
        seen = (df_complete + 1) / (df_complete + 3) * df_complete * within / total if np.isfinite(df_complete) else np.inf
        df = old if not np.isfinite(seen) else old * seen / (old + seen)
    gamma = (r + 2 / (df + 3)) / (r + 1) if r > 0 else 0.0
    return Pooled(float(q.mean()), float(np.sqrt(total)), float(df), float(gamma), m)


def pool_chi_square(statistics: ArrayLike, df: int) -> tuple[float, float]:
    """D2: one F statistic and its P from m chi-square statistics on `df` degrees of freedom.

    Examples
    --------
    >>> d, p = pool_chi_square([6.0, 6.0, 6.0], 2)
    >>> round(d, 3), round(p, 4)
    (3.0, 0.0498)
    """
    d = np.asarray(statistics, dtype=np.float64)
    m = d.size
    root = np.sqrt(np.maximum(d, 0.0))
    r = (1 + 1 / m) * float(root.var(ddof=1))
    value = (float(d.mean()) / df - (m + 1) / (m - 1) * r) / (1 + r)
    second = df ** (-3 / m) * (m - 1) * (1 + 1 / r) ** 2 if r > 0 else 1e12
    return value, float(fdtrc(df, second, max(value, 0.0)))
