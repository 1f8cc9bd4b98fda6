r"""Logistic regression for small tables: maximum likelihood, Firth's penalty, profile limits, and infinity by name.

.. math::
   l(b) = \sum_i w_i \{ y_i x_i'b - \log(1 + e^{x_i'b}) \}, \qquad l^*(b) = l(b) + \tfrac12 \log |X'WX|

Newton with step halving; the penalised score replaces y_i - p_i by y_i - p_i + h_i (1/2 - p_i), h the hat diagonal. Whether a
coefficient is infinite is decided by a linear programme on the recession cone (s_i x_i'b >= 0 for all i, s_i = 1 for a
response and -1 otherwise), never by its size.

Sources: Albert and Anderson, Biometrika 71 (1984) 1 for separation; Heinze and Schemper, Stat Med 21 (2002) 2409 for the
penalty and its profile likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri, expit

from .riskset import Bools, Floats

_STEPS, _CONVERGED, _RIDGE = 200, 1e-18, 1e-12


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted logistic regression; the first column of X is what its caller put there (usually 1).

    Attributes
    ----------
    coef, std_error : (p,) float
        Log odds ratios; infinite where `finite` is False (unpenalised), errors NaN there.
    covariance : (p, p) float
    fitted : (n,) float
        Probabilities.
    loglik : float
        Penalised where `firth`.
    finite : (p,) bool
    converged, firth : bool
    """

    X: Floats
    y: Floats
    weight: Floats
    coef: Floats
    covariance: Floats
    fitted: Floats
    loglik: float
    finite: Bools
    converged: bool
    firth: bool

    @property
    def std_error(self) -> Floats:
        """Wald standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def likelihood_ratio(self, columns: ArrayLike) -> tuple[float, float]:
        """Statistic and P of setting these coefficients to 0."""
        drop = np.atleast_1d(np.asarray(columns, dtype=np.int64))
        null = _maximise(self.X, self.y, self.weight, self.firth, held=dict.fromkeys(drop.tolist(), 0.0))
        statistic = max(2 * (self.loglik - null[1]), 0.0)
        return statistic, float(chdtrc(drop.size, statistic))

    def profile(self, j: int, *, level: float = 0.95) -> tuple[float, float]:
        """Limits of coefficient j: twice the log-likelihood has fallen by the chi-square cut; infinite if it never does."""
        target = self.loglik - float(chdtri(1, 1 - level)) / 2
        return self._limit(j, -1, target), self._limit(j, 1, target)

    def _limit(self, j: int, side: int, target: float) -> float:
        if not self.finite[j] and np.sign(self.coef[j]) == side and not self.firth:
            return float(self.coef[j])
        from scipy.optimize import brentq

        def height(value: float) -> float:
            return _maximise(self.X, self.y, self.weight, self.firth, held={j: value})[1] - target

        stride = 1.0 / max(float(np.abs(self.X[:, j] - self.X[:, j].mean()).mean()), 1e-12)
        inside = float(self.coef[j]) if np.isfinite(self.coef[j]) else 0.0
        for _ in range(60):
            if height(inside) > 0:
                break
            inside -= side * stride
        outside = inside + side * stride
        for _ in range(60):
            if height(outside) < 0:
                return float(brentq(height, inside, outside, xtol=1e-11, rtol=1e-13))
            inside, stride = outside, 2 * stride
            outside = inside + side * stride
        return side * float("inf")


def logistic(X: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None, firth: bool = False) -> Logistic:
    """Fit a logistic regression.

    Parameters
    ----------
    X : (n, p) float
        With its constant column, of full rank.
    y : (n,) 0/1
    weight : (n,) float, optional
        Case weights.
    firth : bool
        Firth's penalty: finite in every data set.

    Raises
    ------
    ValueError
        y is not 0/1, holds one value only, or X is not of full rank.

    Examples
    --------
    >>> found = logistic([[1, 0]] * 10 + [[1, 1]] * 10, [1] * 2 + [0] * 8 + [1] * 6 + [0] * 4)
    >>> round(float(np.exp(found.coef[1])), 6)
    6.0
    """
    design = np.asarray(X, dtype=np.float64)
    outcome = np.asarray(y, dtype=np.float64)
    w = np.ones(outcome.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError("the outcome must be 0 or 1")
    if outcome.min() == outcome.max():
        raise ValueError(f"all {outcome.size} outcomes are {outcome[0]:g}: there is nothing to explain")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        rank = np.linalg.matrix_rank(design)
        raise ValueError(f"{design.shape[1]} columns have rank {rank}: some are combinations of others")
    direction = np.zeros(design.shape[1]) if firth else _infinite(design, outcome)
    finite = direction == 0
    coef, loglik, converged = _maximise(design, outcome, w, firth)
    fitted = expit(design @ coef)
    keep = np.flatnonzero(finite)
    covariance = np.full((coef.size, coef.size), np.nan)
    information = (design * (w * fitted * (1 - fitted))[:, None]).T @ design
    covariance[np.ix_(keep, keep)] = np.linalg.pinv(information[np.ix_(keep, keep)], hermitian=True)
    coef = np.where(finite, coef, np.copysign(np.inf, direction))
    return Logistic(design, outcome, w, coef, covariance, fitted, loglik, finite, converged or not finite.all(), firth)


def _maximise(
    X: Floats, y: Floats, w: Floats, firth: bool, *, held: dict[int, float] | None = None
) -> tuple[Floats, float, bool]:
    """Coefficients, (penalised) log-likelihood and whether Newton settled; `held` coefficients stay where they are."""
    p = X.shape[1]
    fixed = held or {}
    free = np.array([j for j in range(p) if j not in fixed], dtype=np.int64)
    b = np.zeros(p)
    for j, value in fixed.items():
        b[j] = value
    value, score, information = _derivatives(X, y, w, b, firth)
    for _ in range(_STEPS):
        if free.size == 0:
            return b, value, True
        inner = information[np.ix_(free, free)]
        step = np.linalg.solve(inner + _RIDGE * np.trace(inner) * np.eye(free.size), score[free])
        decrement = float(step @ score[free])
        if decrement <= _CONVERGED * (1 + abs(value)):
            return b, value, True
        size = 1.0
        for _ in range(40):
            trial = b.copy()
            trial[free] += size * step
            found = _derivatives(X, y, w, trial, firth)
            if np.isfinite(found[0]) and found[0] >= value - 1e-13 * abs(value):
                break
            size /= 2
        else:
            return b, value, decrement < 1e-8
        moved = found[0] - value
        b, (value, score, information) = trial, found
        if moved <= 1e-15 * (1 + abs(value)) and decrement < 1e-17:
            return b, value, True
    return b, value, False


def _derivatives(X: Floats, y: Floats, w: Floats, b: Floats, firth: bool) -> tuple[float, Floats, Floats]:
    eta = X @ b
    p = expit(eta)
    v = w * p * (1 - p)
    information = (X * v[:, None]).T @ X
    value = float((w * (y * eta - np.logaddexp(0.0, eta))).sum())
    residual = w * (y - p)
    if firth:
        sign, logdet = np.linalg.slogdet(information)
        value = value + 0.5 * float(logdet) if sign > 0 else -np.inf
        hat = v * np.einsum("ij,jk,ik->i", X, np.linalg.pinv(information, hermitian=True), X)
        residual = residual + hat * (0.5 - p)
    return value, X.T @ residual, information


def _infinite(X: Floats, y: Floats) -> Floats:
    """Sign of each coefficient's way to infinity, 0 where it is finite, (p,)."""
    from scipy.optimize import linprog

    A = -np.where(y[:, None] == 1, X, -X)
    p = X.shape[1]
    total = linprog(A.sum(axis=0), A_ub=A, b_ub=np.zeros(y.size), bounds=[(-1, 1)] * p)
    if total.fun > -1e-9:
        return np.zeros(p)
    out = np.zeros(p)
    for j in range(p):
        cost = np.zeros(p)
        cost[j] = -1.0
        up, down = (float(linprog(s * cost, A_ub=A, b_ub=np.zeros(y.size), bounds=[(-1, 1)] * p).fun) for s in (1, -1))
        out[j] = 1.0 if up < -1e-7 else -1.0 if down < -1e-7 else 0.0
    return out
