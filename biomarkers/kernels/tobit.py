r"""Normal regression with values known only to lie below (or above) a limit, and draws of what they may have been.

    y_i = x_i'b + s e_i;   an observed y contributes its density, a value below its limit c_i contributes P(y < c_i)

In Olsen's parameters g = b/s, h = 1/s the log-likelihood is concave, so Newton needs no luck::

    l = sum_obs [log h - (h y - x'g)^2 / 2] + sum_left log Phi(h c - x'g) + sum_right log Phi(x'g - h c)

An imputation first draws (g, h) from their large-sample normal distribution, then each censored value from its normal
distribution truncated at that row's own limit. Without the first draw the pooled intervals would be too short.

Sources: Olsen, Econometrica 46 (1978) 1211; Lubin et al., Environmental Health Perspectives 112 (2004) 1691; White and
Royston, Statistics in Medicine 28 (2009) 1982 (the outcome belongs in the imputation model: event and Nelson-Aalen).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtr, ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEFT, NONE, RIGHT = -1, 0, 1
_MAX_STEPS = 100


@dataclass(frozen=True, slots=True)
class Tobit:
    """A fitted censored regression.

    Attributes
    ----------
    gamma : (p,) float
        b / s.
    h : float
        1 / s.
    covariance : (p + 1, p + 1) float
        Of (gamma, h).
    loglik : float
    converged : bool
    """

    gamma: Floats
    h: float
    covariance: Floats
    loglik: float
    converged: bool

    @property
    def coef(self) -> Floats:
        """b."""
        return self.gamma / self.h

    @property
    def sigma(self) -> float:
        """s."""
        return 1.0 / self.h


def fit(y: ArrayLike, X: ArrayLike, censor: ArrayLike, *, ridge: float = 0.0) -> Tobit:
    """Maximise Olsen's log-likelihood.

    Parameters
    ----------
    y : (n,)
        The value, or its limit where censored.
    X : (n, p)
        Covariates with a column of ones.
    censor : (n,)
        -1 below the limit, 0 observed, 1 above the limit.
    ridge : float
        Penalty ridge/2 sum_j (g_j sd_j)^2 on the slopes. Where the only censored subject has its value below the limit the
        likelihood grows for ever; a slope of 5 SD per SD (ridge 0.04) is then as far as an imputation needs to go.

    Raises
    ------
    ValueError
        Fewer observed values than parameters.

    Examples
    --------
    >>> found = fit([1.0, 2.0, 3.0, 0.5], np.ones((4, 1)), [0, 0, 0, -1])
    >>> round(float(found.coef[0]), 3), found.converged
    (1.45, True)
    """
    t = np.asarray(y, dtype=np.float64)
    Z = np.asarray(X, dtype=np.float64)
    k = np.asarray(censor, dtype=np.int64)
    observed = k == NONE
    n, p = Z.shape
    if int(observed.sum()) < p + 1:
        raise ValueError(
            f"{int(observed.sum())} values are observed for {p + 1} parameters: the distribution cannot be fitted."
        )
    # Columns of very different size would make the Newton steps lame; centre and scale y and X once.
    shift, scale = float(t.mean()), float(max(t.std(), 1e-12))
    u = (t - shift) / scale
    start = np.linalg.lstsq(Z, u, rcond=None)[0]
    spread = max(float(np.std(u - Z @ start)), 0.05)
    theta = np.r_[start / spread, 1.0 / spread]
    penalty = np.r_[ridge * Z.var(axis=0), 0.0]
    value, gradient, hessian = _derivatives(theta, u, Z, k, penalty)
    converged = False
    for _ in range(_MAX_STEPS):
        step = np.linalg.solve(hessian, -gradient)
        if float(-gradient @ step) > 0:  # l is concave, so this is rounding at the top
            step = gradient
        size = 1.0
        while True:
            trial = theta + size * step
            if trial[-1] > 0:
                new, new_gradient, new_hessian = _derivatives(trial, u, Z, k, penalty)
                if new >= value - 1e-12 * abs(value):
                    break
            size /= 2
            if size < 1e-10:
                trial, new, new_gradient, new_hessian = theta, value, gradient, hessian
                break
        decrement = float(gradient @ step)
        theta, value, gradient, hessian = trial, new, new_gradient, new_hessian
        if abs(decrement) < 1e-16:
            converged = True
            break
    covariance = np.linalg.inv(-hessian)
    # Back to the units of y: h = h_u / scale, gamma = gamma_u + h_u (shift / scale) on the constant.
    h = float(theta[-1]) / scale
    weights = np.linalg.lstsq(Z, np.ones(n), rcond=None)[0]  # which combination of columns is the constant
    gamma = theta[:-1] + h * shift * weights
    back = np.eye(p + 1)
    back[:-1, -1] = shift / scale * weights
    back[-1, -1] = 1.0 / scale
    loglik = float(value - observed.sum() * (np.log(scale) + 0.5 * np.log(2 * np.pi)))
    return Tobit(gamma, h, back @ covariance @ back.T, loglik, converged)


def independent(X: ArrayLike) -> Floats:
    """The columns of X that are not combinations of the columns before them, (n, q).

    With no censored subject the event indicator repeats the constant; a stratum may repeat an arm.

    Examples
    --------
    >>> independent([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]).shape
    (2, 2)
    """
    Z = np.asarray(X, dtype=np.float64)
    kept: list[int] = []
    for j in range(Z.shape[1]):
        before = Z[:, kept]
        left = Z[:, j] - (before @ np.linalg.lstsq(before, Z[:, j], rcond=None)[0] if kept else 0.0)
        if np.abs(left).max() > 1e-9 * max(float(np.abs(Z[:, j]).max()), 1e-300):
            kept.append(j)
    return np.asarray(Z[:, kept])


def _derivatives(theta: Floats, y: Floats, X: Floats, censor: Ints, penalty: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood (without its constant), gradient (p + 1,) and Hessian (p + 1, p + 1) in (gamma, h)."""
    gamma, h = theta[:-1], theta[-1]
    z = h * y - X @ gamma
    observed = censor == NONE
    sign = np.where(censor == RIGHT, -1.0, 1.0)
    q = sign * z
    logcdf = log_ndtr(q)
    mills = np.exp(-0.5 * q**2 - 0.5 * np.log(2 * np.pi) - logcdf)
    value = float(observed.sum() * np.log(h) - 0.5 * (z[observed] ** 2).sum() + logcdf[~observed].sum())
    first = np.where(observed, -z, sign * mills)  # dl/dz
    second = np.where(observed, -1.0, -mills * (q + mills))  # d2l/dz2
    D = np.column_stack([-X, y])  # dz/dtheta
    gradient = D.T @ first
    hessian = (D * second[:, None]).T @ D
    gradient[-1] += observed.sum() / h
    hessian[-1, -1] -= observed.sum() / h**2
    value -= 0.5 * float(penalty @ theta**2)
    gradient -= penalty * theta
    hessian[np.diag_indices_from(hessian)] -= penalty
    return value, np.asarray(gradient), np.asarray(hessian)


def impute(found: Tobit, y: ArrayLike, X: ArrayLike, censor: ArrayLike, rng: np.random.Generator) -> Floats:
    """One proper imputation: parameters drawn, then every censored value from its truncated normal; (n,).

    Parameters
    ----------
    found : Tobit
    y, X, censor
        As `fit`.
    rng : numpy.random.Generator
    """
    t = np.array(y, dtype=np.float64)
    Z = np.asarray(X, dtype=np.float64)
    k = np.asarray(censor, dtype=np.int64)
    mean = np.r_[found.gamma, found.h]
    root = np.linalg.cholesky(found.covariance + 1e-14 * np.eye(mean.size) * np.trace(found.covariance))
    for _ in range(1000):
        drawn = mean + root @ rng.standard_normal(mean.size)
        if drawn[-1] > 0.05 * found.h:  # a spread twenty times the estimate is no draw of a proper distribution
            break
    else:
        drawn = mean
    gamma, h = drawn[:-1], float(drawn[-1])
    centre = Z @ gamma
    limit = h * t - centre
    u = rng.random(t.size)
    below = ndtri(u * ndtr(limit))
    above = -ndtri(u * ndtr(-limit))
    z = np.where(k == LEFT, below, above)
    # Far in the tail ndtr underflows; there the limit itself is the value, to any digit that matters.
    z = np.where(np.isfinite(z), z, limit)
    return np.asarray(np.where(k == NONE, t, (z + centre) / h))
