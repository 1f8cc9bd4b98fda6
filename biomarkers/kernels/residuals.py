"""Residuals of a Cox fit and the variances made of them, exact under Efron ties, delayed entry and weights.

Score residual of a row (not multiplied by its own case weight, as R's ``type = "score"``)::

    L_i = sum_{k: i dies at k's time} (x_i - m_k)/d  -  r_i sum_{k: i at risk} wbar_k c_ki (x_i - m_k)/den_k

so a tied death is averaged over the d steps of its time and its own compensator carries 1 - f. Leaving out the ties or
the entry times here is the error that makes cluster-robust standard errors wrong elsewhere, by up to a factor of 5.7.

Sources: Therneau and Grambsch (2000), sections 4.2 to 4.5 and 7.2; Lin and Wei, JASA 84 (1989) 1074.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from .cox import CoxSolution
from .likelihood import evaluate
from .riskset import Floats, coded

Kind = Literal["martingale", "deviance", "score", "dfbeta", "dfbetas", "schoenfeld", "scaled_schoenfeld"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def martingale(fit: CoxSolution) -> Floats:
    """d_i - r_i H0(t_i), own tied deaths counted with 1 - f; (n,) in the caller's order."""
    rs, steps = fit.rs, fit.steps
    expected = steps.risk[:, 0] * rs.spread(rs.step_weight / steps.den[:, 0])
    return rs.to_caller(rs.event - expected)


def deviance(fit: CoxSolution) -> Floats:
    """sign(M) sqrt(-2 [M + d log(d - M)]); (n,) in the caller's order."""
    M = martingale(fit)
    d = fit.rs.to_caller(fit.rs.event.astype(np.float64))
    inner = np.where(d > 0, np.log(np.where(d > 0, d - M, 1.0)), 0.0)
    return np.asarray(np.sign(M) * np.sqrt(-2.0 * (M + d * inner)))


def score(fit: CoxSolution) -> Floats:
    """L_i in the covariates' own units, (n, p), caller's order; 0 in aliased columns."""
    return fit.rs.to_caller(_scaled_score(fit, fit.scaled) * fit.D.scale[:, 0])


def _scaled_score(fit: CoxSolution, beta: Floats) -> Floats:
    """L_i at some coefficients, scaled units, kernel order."""
    rs = fit.rs
    steps = fit.steps if beta is fit.scaled else evaluate(rs, fit.D, beta[None, :]).steps
    X, m = fit.D.X[:, :, 0], steps.mean[:, :, 0]
    hazard = rs.step_weight / steps.den[:, 0]
    both = rs.spread(hazard[:, None] * np.column_stack([np.ones(rs.n_steps), m]))
    L = -steps.risk * (X * both[:, :1] - both[:, 1:])
    L[rs.deaths] += X[rs.deaths] - rs.death_means(m)
    return np.asarray(L)


def dfbeta(fit: CoxSolution) -> Floats:
    """Change of the coefficients when a row leaves, to first order: w_i L_i I^-1; (n, p), caller's order."""
    weight = fit.rs.to_caller(fit.rs.weight)
    return np.asarray(weight[:, None] * score(fit) @ np.nan_to_num(fit.covariance))


def schoenfeld(fit: CoxSolution) -> Floats:
    """x_i - mean of m_k over its time's steps, one row per death, own units; rows as `death_rows`."""
    X, m = fit.D.X[:, :, 0], fit.steps.mean[:, :, 0]
    rows = (X[fit.rs.deaths] - fit.rs.death_means(m)) * fit.D.scale[:, 0]
    return np.asarray(rows[_by_time(fit)])


def scaled_schoenfeld(fit: CoxSolution) -> Floats:
    """b + d (schoenfeld) I^-1, d = number of deaths: its trend over time is b(t); rows as `death_rows`."""
    return np.asarray(fit.coef + fit.n_events * schoenfeld(fit) @ np.nan_to_num(fit.covariance))


def death_rows(fit: CoxSolution) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The caller's row of each Schoenfeld residual: by stratum, then time."""
    return np.asarray(fit.rs.order[fit.rs.deaths[_by_time(fit)]])


def _by_time(fit: CoxSolution) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    deaths = fit.rs.deaths
    return np.lexsort((fit.rs.order[deaths], fit.rs.exit[deaths], fit.rs.stratum[deaths]))


def clustered(rows: Floats, cluster: ArrayLike | None) -> Floats:
    """Sum rows (n, p) over clusters; each row its own cluster where None."""
    if cluster is None:
        return rows
    codes = coded(cluster, rows.shape[0])
    if codes.size != rows.shape[0]:
        raise ValueError(f"cluster has {codes.size} values for {rows.shape[0]} rows.")
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
    return np.asarray(np.add.reduceat(rows[order], starts, axis=0))


def robust_covariance(fit: CoxSolution, cluster: ArrayLike | None = None) -> Floats:
    """D'D with D the dfbetas summed by cluster (Lin-Wei sandwich), (p, p).

    Parameters
    ----------
    cluster : (n,), optional
        The subject of each row, caller's order. Start-stop rows of one subject must share it.
    """
    D = clustered(dfbeta(fit)[fit.rs.order], None if cluster is None else np.asarray(cluster)[fit.rs.order])
    covariance = D.T @ D
    unknown = np.isnan(np.diag(fit.covariance))
    covariance[unknown] = np.nan
    covariance[:, unknown] = np.nan
    return np.asarray(covariance)


def robust_score_test(fit: CoxSolution, cluster: ArrayLike | None = None) -> float:
    """u' (C'C)^-1 u, C = cluster sums of w_i L_i at b = 0, u = its column sums (R's `rscore`)."""
    rows = fit.rs.weight[:, None] * _scaled_score(fit, np.zeros_like(fit.scaled))
    C = clustered(rows, None if cluster is None else np.asarray(cluster)[fit.rs.order])[:, fit.used]
    u = C.sum(axis=0)
    return float(u @ np.linalg.pinv(C.T @ C, hermitian=True) @ u) if u.size else 0.0
