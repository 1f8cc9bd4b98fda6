"""The log-rank family: k samples, strata, Fleming-Harrington weights, delayed entry, and a direction for two groups.

At each event time of each stratum, with n at risk, d events, n_g at risk and d_g events in group g::

    O_g = sum w d_g,    E_g = sum w d n_g / n,    V_gh = sum w^2 d (n - d)/(n - 1) (n_g/n)(1{g = h} - n_h/n)

w = S(t-)^rho with the stratum's pooled left-continuous Kaplan-Meier curve. z = (E_1 - O_1)/sqrt(V_11), group 1 = the
second level: positive means that it does better. The chi-square has no direction; a one-sided test needs z.
With delayed entry this is the test of Mantel and Byar for a group that subjects join during follow-up.

Sources: Harrington and Fleming, Biometrika 69 (1982) 553; Mantel and Byar, JASA 69 (1974) 81; R `survdiff`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr

from .riskset import Floats, merge_near_ties, risk_sets


@dataclass(frozen=True, slots=True)
class LogRankSolution:
    """Observed, expected and variance summed over strata, groups in the order of their codes.

    Attributes
    ----------
    observed, expected : (G,) float
        Weighted by S^rho where rho is not 0.
    variance : (G, G) float
    chi2 : float
    df : int
    z : float
        Signed statistic of two groups, positive = the second group does better; NaN for more groups.
    n : (G,) int
    """

    observed: Floats
    expected: Floats
    variance: Floats
    chi2: float
    df: int
    z: float
    n: np.ndarray[tuple[int], np.dtype[np.int64]]

    def p_value(self, alternative: str = "two-sided") -> float:
        """p of the chi-square; with two groups also "greater" (the second does better) or "less" (it does worse)."""
        if alternative == "two-sided":
            return float(chdtrc(self.df, self.chi2))
        if self.observed.size != 2:
            raise ValueError(f"a one-sided log-rank test compares two groups; here are {self.observed.size}.")
        if alternative not in ("greater", "less"):
            raise ValueError(f"alternative {alternative!r} is not known; choose two-sided, greater or less.")
        return float(ndtr(-self.z if alternative == "greater" else self.z))


def logrank(
    exit: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    n_groups: int | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRankSolution:
    """Compare the survival of groups coded 0 .. G-1.

    Examples
    --------
    >>> test = logrank([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1])
    >>> round(test.z, 4), round(test.p_value("greater"), 4)
    (2.2476, 0.0123)
    """
    merged = merge_near_ties(exit, entry)
    codes = np.asarray(group, dtype=np.int64)
    G = int(n_groups if n_groups is not None else codes.max() + 1)
    rs = risk_sets(merged.exit, event, entry=merged.entry, stratum=stratum, ties="breslow")
    indicator = np.zeros((rs.n, G))
    indicator[np.arange(rs.n), codes[rs.order]] = 1.0
    counts = np.bincount(codes, minlength=G)
    if rs.n_events == 0:
        raise ValueError(f"0 events among n = {rs.n}: there is nothing to compare.")
    n_g = np.round(rs.at_risk_sums(indicator))
    d_g = rs.death_sums(indicator)
    n, d = n_g.sum(axis=1), d_g.sum(axis=1)
    weight = np.ones(n.size) if rho == 0 else _left_survival(n, d, rs.time_stratum) ** rho
    share = n_g / n[:, None]
    observed = weight @ d_g
    expected = (weight * d) @ share
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(n > 1, weight**2 * d * (n - d) / (n - 1), 0.0)
    variance = np.diag(factor @ share) - (share * factor[:, None]).T @ share
    gap = (observed - expected)[1:]
    seen = np.diag(variance)[1:] > 0
    if (expected > 0).sum() < 2 or not seen.any():
        chi2, df = 0.0, max(int((expected > 0).sum()) - 1, 0)
    else:
        chi2 = float(gap @ np.linalg.pinv(variance[1:, 1:], hermitian=True) @ gap)
        df = int((expected > 0).sum()) - 1
    z = float("nan")
    if G == 2:
        z = float((expected[1] - observed[1]) / np.sqrt(variance[1, 1])) if variance[1, 1] > 0 else 0.0
    return LogRankSolution(observed, expected, variance, chi2, df, z, counts)


def _left_survival(n: Floats, d: Floats, stratum: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """S(t-) of each stratum's pooled curve at its own death times, which come in descending order."""
    out = np.empty(n.size)
    for g in np.unique(stratum):
        here = np.flatnonzero(stratum == g)[::-1]
        out[here] = np.r_[1.0, np.cumprod(1.0 - d[here] / n[here])[:-1]]
    return out
