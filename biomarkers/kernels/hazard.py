"""Baseline hazard of a Cox fit, and predicted survival with its interval, per stratum.

    dH0(T) = sum_{k at T} wbar_k / den_k          (Efron's; Breslow's is its case of one step)
    S(t | x) = exp(-r(x) H0(t))
    var H(t | x) = r^2 [ sum wbar_k / den_k^2 + q' I^-1 q ],   q = sum_k (x - m_k) wbar_k / den_k

The interval is made on the log-log scale. H0 belongs to covariates 0 in their own units.

Sources: Efron (1977); Tsiatis, Annals of Statistics 9 (1981) 93; R `survfit.coxph`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from .cox import CoxSolution
from .riskset import Floats


@dataclass(frozen=True, slots=True)
class BaselineHazard:
    """Cumulative baseline hazard, one entry per stratum and death time, times ascending within a stratum.

    Attributes
    ----------
    stratum : (U,) int
    time, hazard : (U,) float
    """

    stratum: np.ndarray[tuple[int], np.dtype[np.int64]]
    time: Floats
    hazard: Floats


def baseline_hazard(fit: CoxSolution) -> BaselineHazard:
    """H0 at covariates 0 (own units)."""
    rs = fit.rs
    order = np.lexsort((rs.time, rs.time_stratum))
    stratum, time = rs.time_stratum[order], rs.time[order]
    centre = float((fit.D.centre[:, 0] / fit.D.divisor[:, 0]) @ fit.scaled)
    log_den = np.log(fit.steps.den[:, 0]) + fit.steps.shift[rs.time_stratum[rs.step_time], 0] + centre
    jumps = rs.at_death_times(rs.step_weight * np.exp(-log_den))[order]
    total = np.cumsum(jumps)
    starts = np.flatnonzero(np.r_[True, stratum[1:] != stratum[:-1]])
    before = np.repeat(np.r_[0.0, total][starts], np.diff(np.r_[starts, stratum.size]))
    return BaselineHazard(stratum, time, total - before)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Survival of m subjects at k times, each (m, k); std_error is of S."""

    survival: Floats
    std_error: Floats
    low: Floats
    high: Floats


def predict(fit: CoxSolution, X: Floats, stratum: Floats, times: Floats, *, level: float = 0.95) -> Prediction:
    """Predicted survival for covariates X, (m, p) in their own units, in strata (m,), at times (k,)."""
    rs = fit.rs
    x = np.where(fit.used, fit.standardised(X), 0.0)
    eta = x @ fit.scaled
    inverse = np.zeros((fit.coef.size, fit.coef.size))
    used = np.flatnonzero(fit.used)
    inverse[np.ix_(used, used)] = np.linalg.pinv(fit.information[np.ix_(used, used)], hermitian=True)
    log_den = np.log(fit.steps.den[:, 0]) + fit.steps.shift[rs.time_stratum[rs.step_time], 0]
    jump = rs.step_weight * np.exp(-log_den)
    square = rs.step_weight * np.exp(-2 * log_den)
    m = fit.steps.mean[:, :, 0]
    z = float(ndtri((1 + level) / 2))
    out = np.ones((4, X.shape[0], times.size))
    out[1] = 0.0
    step_at, step_in = rs.time[rs.step_time], rs.time_stratum[rs.step_time]
    for g in np.unique(stratum):
        mine = np.flatnonzero(stratum == g)
        for j, t in enumerate(times):
            k = (step_in == g) & (step_at <= t)
            if not k.any():
                continue
            risk = np.exp(eta[mine])
            H = risk * jump[k].sum()
            q = x[mine] * jump[k].sum() - jump[k] @ m[k]
            variance = risk**2 * (square[k].sum() + np.einsum("ij,jk,ik->i", q, inverse, q))
            S, se = np.exp(-H), np.sqrt(variance)
            out[0, mine, j], out[1, mine, j] = S, S * se
            out[2, mine, j] = np.exp(-H * np.exp(z * se / H))
            out[3, mine, j] = np.exp(-H * np.exp(-z * se / H))
    return Prediction(out[0], out[1], out[2], out[3])
