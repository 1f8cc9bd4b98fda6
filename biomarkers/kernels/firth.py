r"""Firth's penalty: a finite estimate where the likelihood is monotone, with Efron ties, strata and delayed entry.

    l* = l + 1/2 log |I|,      U*_c = U_c + 1/2 sum_k wbar_k sum_i a_ki (z_i' I^-1 z_i) z_ic,   z_i = x_i - m_k

The added term is the third central moment of each death step; because a_ki is an exponential tilt it is the exact
gradient of 1/2 log |I|, under Efron's ties as under Breslow's. The *level* of l* depends on the covariates' units, its
differences do not: this module reports it in the covariates' own units.

It is no free default: with 10 % carriers the penalty rewards the larger rare group (mean log HR 0.15 to 0.21 under the
null). It is the labelled second estimate where the first is infinite.

Sources: Firth, Biometrika 80 (1993) 27; Heinze and Schemper, Biometrics 57 (2001) 114 (Breslow only).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .cox import CoxSolution
from .likelihood import Derivatives, evaluate
from .profile import Profile
from .riskset import Bools, Floats

_STEPS = 200
_CAP = 0.5  # scaled units; the penalised surface is not concave far out
_SETTLED = 1e-11


def penalised(fit: CoxSolution, beta: Floats) -> tuple[float, Floats, Floats]:
    """l*, U* (p,) and I (p, p) at scaled coefficients (p,), over the columns that are not aliased."""
    rs, D, used = fit.rs, fit.D, fit.used
    now: Derivatives = evaluate(rs, D, beta[None, :])
    information = now.information[0][np.ix_(used, used)]
    sign, logdet = np.linalg.slogdet(information) if np.isfinite(now.loglik[0]) else (0.0, -np.inf)
    if sign <= 0:
        return -np.inf, np.zeros(int(used.sum())), information
    J = np.linalg.inv(information)
    X = D.X[:, used, 0]
    Jx = X @ J
    h = np.einsum("ij,ij->i", Jx, X)
    steps = now.steps
    weighted = rs.exposed * steps.risk[:, 0]
    moments = rs.at_risk_sums(weighted[:, None] * np.column_stack([h, h[:, None] * X])) / steps.den
    m = steps.mean[:, used, 0]
    V = steps.variance[:, D.place, 0][:, used][:, :, used]
    # sum_i a_i (z'Jz) z_c, expanded in raw moments so that it needs sums over risk sets only.
    third = moments[:, 1:] - m * moments[:, :1] - 2.0 * np.einsum("kcd,kd->kc", V, m @ J)
    U = now.score[0][used] + 0.5 * rs.step_weight @ third
    return float(now.loglik[0]) + 0.5 * float(logdet), U, information


def firth(fit: CoxSolution) -> CoxSolution:
    """Refit with the penalty, from 0.

    Returns
    -------
    CoxSolution
        `loglik_null` and `loglik` are penalised, in the covariates' own units; every coefficient that is not aliased
        is finite; `covariance` is the inverse of the unpenalised information at the penalised maximum.

    Examples
    --------
    No event among the carriers: the likelihood is monotone, the penalised estimate is not.

    >>> from biomarkers.kernels.cox import cox
    >>> ml = cox([2, 3, 5, 7, 8, 9, 10, 11], [1, 1, 1, 1, 1, 0, 0, 0], [[0.0], [0], [0], [0], [0], [1], [1], [1]])
    >>> float(ml.coef[0]), round(float(firth(ml).coef[0]), 3)
    (-inf, -2.732)
    """
    p = fit.coef.size
    used = fit.used
    beta, level, converged, iterations = _maximise(fit, np.zeros(p), used)
    units = float(np.log(fit.D.scale[used, 0]).sum())
    _, _, information = penalised(fit, beta)
    scale = fit.D.divisor[:, 0]
    covariance = np.full((p, p), np.nan)
    covariance[np.ix_(used, used)] = np.linalg.inv(information) / np.outer(scale[used], scale[used])
    full = np.zeros((p, p))
    full[np.ix_(used, used)] = information
    coef = beta / scale
    coef[~used] = np.nan
    return replace(
        fit,
        coef=coef,
        covariance=covariance,
        loglik_null=penalised(fit, np.zeros(p))[0] + units,
        loglik=level + units,
        finite=np.ones(p, dtype=bool),
        converged=converged,
        iterations=iterations,
        scaled=beta,
        information=full,
    )


def _maximise(fit: CoxSolution, start: Floats, free: Bools) -> tuple[Floats, float, bool, int]:
    """Maximise l* over the free coefficients; the others stay, and stay in the penalty."""
    used = np.flatnonzero(fit.used)
    moving = np.flatnonzero(free[used])
    beta = start.copy()
    level, U, information = penalised(fit, beta)
    for iteration in range(1, _STEPS + 1):
        if moving.size == 0:
            return beta, level, True, 0
        step = np.linalg.solve(information[np.ix_(moving, moving)], U[moving])
        largest = float(np.abs(step).max())
        if largest > _CAP:
            step *= _CAP / largest
        trial, trial_level = beta, -np.inf
        for _ in range(40):
            trial = beta.copy()
            trial[used[moving]] += step
            trial_level, trial_U, trial_information = penalised(fit, trial)
            if trial_level >= level - 1e-12 * abs(level):
                break
            step /= 2
        else:
            return beta, level, largest < 1e-6, iteration
        beta, level, U, information = trial, trial_level, trial_U, trial_information
        if largest < _SETTLED:
            return beta, level, True, iteration
    return beta, level, False, _STEPS


def firth_profile(fit: CoxSolution, *, cut: float) -> Profile:
    """Penalised likelihood-ratio statistic and profile limits of each coefficient; `fit` comes from `firth`."""
    from scipy.optimize import brentq

    p = fit.coef.size
    statistic, low, high = np.full(p, np.nan), np.full(p, np.nan), np.full(p, np.nan)
    units = float(np.log(fit.D.scale[fit.used, 0]).sum())
    top = fit.loglik - units
    for j in np.flatnonzero(fit.used):
        fall = _fall(fit, int(j), top)
        statistic[j] = max(fall(0.0), 0.0)
        reach = float(np.sqrt(cut * fit.covariance[j, j])) * fit.D.scale[j, 0]
        for side, limits in ((-1.0, low), (1.0, high)):
            inside, width = float(fit.scaled[j]), reach
            for _ in range(30):
                outside = inside + side * width
                if fall(outside) > cut:
                    limits[j] = brentq(lambda b, f=fall: f(b) - cut, inside, outside, xtol=1e-11) / fit.D.scale[j, 0]
                    break
                inside, width = outside, width * 1.5
            else:
                limits[j] = side * np.inf
    return Profile(statistic, low, high)


def _fall(fit: CoxSolution, j: int, top: float) -> Callable[[float], float]:
    """2 (l*_max - l* with coefficient j held), each search starting where the last one ended."""
    free = fit.used.copy()
    free[j] = False
    last = [fit.scaled.copy()]

    def fall(value: float) -> float:
        start = last[0].copy()
        start[j] = value
        beta, level, _, _ = _maximise(fit, start, free)
        last[0] = beta
        return 2.0 * (top - level)

    return fall
