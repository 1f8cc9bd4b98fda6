r"""Linear models for repeated measures by REML: an unstructured covariance over visits, or random intercepts and slopes.

y_i = X_i b + e_i, e_i ~ N(0, S restricted to the visits at which i was seen). With V_i = S[i, i], C = (sum X_i' V_i^-1 X_i)^-1
and r the generalised least squares residuals,

.. math:: -2 l = (n - p) \log 2\pi + \sum \log |V_i| + \sum r_i' V_i^{-1} r_i + \log |C^{-1}|

S = L L' with the logarithm of the diagonal of L free; with random effects S = Z K K' Z' + s^2 I over all times, K lower
triangular and free, so that a variance may be exactly 0. The gradient is exact: dl/dS is the sum over patients, at their
visits, of -1/2 (V^-1 - V^-1 r r' V^-1 - V^-1 X C X' V^-1), and dl/dL = 2 (dl/dS) L.

Degrees of freedom are Satterthwaite's: the variance v = C_kk of a coefficient is itself estimated, with var(v) = g' A g for the
gradient g of v in the covariance parameters and A their inverse observed information; 2 v^2 / var(v) is the number of degrees
of freedom of a variance that moves as much. dC/dS = C (sum X_i' V_i^-1 dS V_i^-1 X_i) C is exact; A is the inverse of central
differences of the exact gradient. With nobody missing this is n - groups at each visit. C itself is not inflated for the
estimation of S (Kenward and Roger 1997).

Patients seen at the same visits share one factorisation.

Source: Diggle, Heagerty, Liang and Zeger, Analysis of Longitudinal Data (2002), chapters 4 and 5; Fai and Cornelius, J Stat
Comput Simul 54 (1996) 363; R nlme::gls with corSymm and varIdent, lme4::lmer, lmerTest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from .riskset import Floats, Ints, coded


@dataclass(frozen=True, slots=True)
class RepeatedMeasures:
    """A fitted model.

    Attributes
    ----------
    coef : (p,) float
    covariance : (p, p) float
        Of the coefficients, with S as if it were known.
    sigma : (T, T) float
        Covariance of the visits.
    loglik : float
        Restricted.
    n, n_subjects : int
    converged : bool
    df : (p,) float
        Satterthwaite's degrees of freedom of each coefficient; missing where the covariance is not determined by the data.
    """

    coef: Floats
    covariance: Floats
    sigma: Floats
    loglik: float
    n: int
    n_subjects: int
    converged: bool
    df: Floats


def fit(y: ArrayLike, X: ArrayLike, subject: ArrayLike, visit: ArrayLike, *, n_visits: int) -> RepeatedMeasures:
    """Fit by REML.

    Parameters
    ----------
    y : (n,)
    X : (n, p)
        Full column rank.
    subject : (n,)
    visit : (n,) int
        0 .. n_visits - 1; each at most once per subject.

    Raises
    ------
    ValueError
        A subject has a visit twice, or a visit has fewer than two observations.
    """
    response, design = np.asarray(y, dtype=np.float64), np.asarray(X, dtype=np.float64)
    who = coded(subject, response.size)
    when = np.asarray(visit, dtype=np.int64)
    n, p = design.shape
    if np.bincount(who * n_visits + when).max() > 1:
        raise ValueError("a subject has the same visit twice: choose one value before the fit.")
    if np.bincount(when, minlength=n_visits).min() < 2:
        raise ValueError("every visit needs at least two observations; drop the empty ones.")
    groups = _patterns(response, design, who, when)
    lower = np.tril_indices(n_visits)
    diagonal = lower[0] == lower[1]

    residual = response - design @ np.linalg.lstsq(design, response, rcond=None)[0]
    start = np.zeros(lower[0].size)
    start[diagonal] = np.log([residual[when == t].std(ddof=0) + 1e-8 for t in range(n_visits)])

    def unpack(theta: Floats) -> Floats:
        L = np.zeros((n_visits, n_visits))
        L[lower] = np.where(diagonal, np.exp(np.where(diagonal, theta, 0.0)), theta)
        return L

    def objective(theta: Floats) -> tuple[float, Floats]:
        L = unpack(theta)
        value, G, _, _ = _evaluate(groups, L @ L.T, n, p)
        dL = 2.0 * G @ L
        gradient = np.where(diagonal, dL[lower] * L[lower], dL[lower])
        return -value, -gradient

    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000})
    L = unpack(found.x)
    sigma = L @ L.T
    value, _, coef, C = _evaluate(groups, sigma, n, p)
    settled = bool(np.abs(objective(found.x)[1]).max() < 1e-4)

    def turn(theta: Floats, j: int) -> Floats:
        L, dL = unpack(theta), np.zeros((n_visits, n_visits))
        row, column = int(lower[0][j]), int(lower[1][j])
        dL[row, column] = L[row, column] if diagonal[j] else 1.0
        return dL @ L.T + L @ dL.T

    df = _satterthwaite(groups, found.x, sigma, C, objective, turn)
    return RepeatedMeasures(coef, C, sigma, value, n, int(who.max()) + 1, settled, df)


@dataclass(frozen=True, slots=True)
class Growth:
    """A fitted model with random effects.

    Attributes
    ----------
    coef, covariance : (p,), (p, p) float
    effects : (q, q) float
        Covariance of the random intercept (and slope).
    residual : float
        Residual variance.
    loglik : float
        Restricted.
    singular : bool
        A variance of the random effects is 0 to rounding: the fixed effects stand, the components do not.
    converged : bool
    df : (p,) float
        Satterthwaite's degrees of freedom; missing where a variance is at its border.
    """

    coef: Floats
    covariance: Floats
    effects: Floats
    residual: float
    loglik: float
    singular: bool
    converged: bool
    df: Floats


def fit_growth(y: ArrayLike, X: ArrayLike, subject: ArrayLike, time: ArrayLike, *, slopes: bool) -> Growth:
    """Random intercepts, and slopes in time where asked, by REML.

    Parameters
    ----------
    y : (n,)
    X : (n, p)
    subject : (n,)
    time : (n,)
        Each at most once per subject.
    slopes : bool
    """
    response, design = np.asarray(y, dtype=np.float64), np.asarray(X, dtype=np.float64)
    who = coded(subject, response.size)
    times, when = np.unique(np.asarray(time, dtype=np.float64), return_inverse=True)
    when = when.reshape(-1)
    n, p = design.shape
    if np.bincount(who * times.size + when).max() > 1:
        raise ValueError("a subject has the same time twice: choose one value before the fit.")
    groups = _patterns(response, design, who, when)
    scale = float(times.std()) or 1.0
    Z = np.ones((times.size, 1)) if not slopes else np.column_stack([np.ones(times.size), times / scale])
    q = Z.shape[1]
    lower = np.tril_indices(q)
    spread = float((response - design @ np.linalg.lstsq(design, response, rcond=None)[0]).std()) + 1e-8

    def unpack(theta: Floats) -> tuple[Floats, Floats]:
        K = np.zeros((q, q))
        K[lower] = spread * theta[:-1]
        return K, Z @ K @ K.T @ Z.T + spread**2 * np.exp(2 * theta[-1]) * np.eye(times.size)

    def objective(theta: Floats) -> tuple[float, Floats]:
        K, S = unpack(theta)
        value, G, _, _ = _evaluate(groups, S, n, p)
        dK = 2.0 * Z.T @ G @ Z @ K
        dlog = 2.0 * spread**2 * np.exp(2 * theta[-1]) * float(np.trace(G))
        return -value, -np.r_[spread * dK[lower], dlog]

    start = np.r_[(0.7 * np.eye(q))[lower], np.log(0.7)]
    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 2000})
    K, S = unpack(found.x)
    value, _, coef, C = _evaluate(groups, S, n, p)
    back = np.diag([1.0, 1.0 / scale][:q])
    residual = float(spread**2 * np.exp(2 * found.x[-1]))
    singular = bool(np.linalg.eigvalsh(K @ K.T).min() < 1e-3 * residual)
    settled = bool(np.abs(objective(found.x)[1]).max() < 1e-3)

    def turn(theta: Floats, j: int) -> Floats:
        K, _ = unpack(theta)
        if j == theta.size - 1:
            return np.asarray(2.0 * spread**2 * np.exp(2 * theta[-1]) * np.eye(times.size))
        dK = np.zeros((q, q))
        dK[lower[0][j], lower[1][j]] = spread
        half = Z @ dK @ K.T @ Z.T
        return np.asarray(half + half.T)

    df = np.full(p, np.nan) if singular else _satterthwaite(groups, found.x, S, C, objective, turn)
    return Growth(coef, C, back @ K @ K.T @ back, residual, value, singular, settled, df)


Group = tuple[Ints, Floats, Floats]
"""Visits (k,), responses (m, k), designs (m, k, p) of the m patients seen at exactly these visits."""


def _patterns(y: Floats, X: Floats, who: Ints, when: Ints) -> list[Group]:
    order = np.lexsort((when, who))
    rows = np.split(order, np.flatnonzero(np.diff(who[order])) + 1)
    found: dict[tuple[int, ...], list[Ints]] = {}
    for row in rows:
        found.setdefault(tuple(when[row].tolist()), []).append(row)
    return [(np.array(visits), y[np.array(r)], X[np.array(r)]) for visits, r in found.items()]


def _satterthwaite(
    groups: list[Group], theta: Floats, sigma: Floats, C: Floats, objective: Callable[[Floats], tuple[float, Floats]],
    turn: Callable[[Floats, int], Floats],
) -> Floats:
    """Degrees of freedom of every coefficient; `turn(theta, j)` is dS/d theta_j."""
    m = theta.size
    hessian = np.empty((m, m))
    for j in range(m):
        step = 1e-4 * max(1.0, abs(float(theta[j])))
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        hessian[j] = (objective(up)[1] - objective(down)[1]) / (2 * step)
    hessian = (hessian + hessian.T) / 2
    if np.linalg.eigvalsh(hessian).min() <= 1e-8 * np.abs(np.diag(hessian)).max():
        return np.full(C.shape[0], np.nan)
    slopes = np.empty((m, C.shape[0]))
    for j in range(m):
        dS = turn(theta, j)
        M = np.zeros_like(C)
        for v, _, X in groups:
            here = np.ix_(v, v)
            WX = np.linalg.solve(sigma[here], X)
            M += np.einsum("mkp,kl,mlq->pq", WX, dS[here], WX)
        slopes[j] = np.einsum("kp,pq,qk->k", C, M, C)
    moved = np.einsum("jk,jk->k", slopes, np.linalg.solve(hessian, slopes))
    return np.asarray(2 * np.diag(C) ** 2 / moved)


def _evaluate(groups: list[Group], sigma: Floats, n: int, p: int) -> tuple[float, Floats, Floats, Floats]:
    """Restricted log-likelihood, its derivative in S, coefficients, their covariance."""
    inverses = [np.linalg.inv(sigma[np.ix_(v, v)]) for v, _, _ in groups]
    information, right = np.zeros((p, p)), np.zeros(p)
    for (_, y, X), W in zip(groups, inverses, strict=True):
        WX = W @ X
        information += np.einsum("mkp,mkq->pq", X, WX)
        right += np.einsum("mkp,mk->p", WX, y)
    C: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
    coef = C @ right
    total = (n - p) * np.log(2 * np.pi) + np.linalg.slogdet(information)[1]
    G = np.zeros_like(sigma)
    for (v, y, X), W in zip(groups, inverses, strict=True):
        r = y - X @ coef
        Wr, WX = r @ W, W @ X
        total += -len(y) * np.linalg.slogdet(W)[1] + float(np.einsum("mk,mk->", r, Wr))
        here = len(y) * W - Wr.T @ Wr - np.einsum("mkp,pq,mlq->kl", WX, C, WX)
        G[np.ix_(v, v)] += -0.5 * here
    return float(-0.5 * total), G, coef, C
