"""Profile likelihood: intervals and tests by how far the likelihood falls, all limits solved at once.

The limit of coefficient j is where 2 (l_max - max over the others of l) reaches the cut. The cut is chi-square(1)
("profile") or t-squared with events - p degrees of freedom ("auto"): at 45 to 64 events the latter brings the error
rate of the likelihood-ratio test from 6-8 % to 5-6 %.

Each limit solves l(b) = l_max - cut/2 with the other scores 0, by Newton on the local quadratic (Venzon and Moolgavkar,
Applied Statistics 37 (1988) 87); a limit that does not settle is bracketed and bisected instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, stdtr, stdtrit

from .cox import CoxSolution
from .likelihood import evaluate
from .newton import newton
from .riskset import Floats


def cut_off(level: float, *, df: float | None) -> float:
    """The likelihood-ratio cut of an interval: t-squared with `df` degrees of freedom, chi-square(1) where None.

    Examples
    --------
    >>> round(cut_off(0.95, df=None), 4), round(cut_off(0.95, df=57), 4)
    (3.8415, 4.0099)
    """
    if df is None:
        return float(chdtri(1, 1 - level))
    return float(stdtrit(df, (1 + level) / 2) ** 2)


def p_value(statistic: Floats, *, df: float | None) -> Floats:
    """Two-sided p of a likelihood-ratio statistic referred to t-squared(df), or chi-square(1) where None."""
    x = np.maximum(statistic, 0.0)
    if df is None:
        return np.asarray(chdtrc(1, x))
    return np.asarray(2.0 * stdtr(df, -np.sqrt(x)))


def t_df(n_events: int, n_parameters: int) -> float:
    """Degrees of freedom of the t-squared cut: events - parameters, at least 1."""
    return float(max(n_events - n_parameters, 1))


@dataclass(frozen=True, slots=True)
class Profile:
    """Likelihood-ratio statistic and interval of each coefficient, own units; NaN where aliased.

    Attributes
    ----------
    statistic : (p,) float
        2 (l_max - l with that coefficient 0, others refitted).
    low, high : (p,) float
        Limits; infinite on the side on which the likelihood never falls to the cut.
    """

    statistic: Floats
    low: Floats
    high: Floats


def likelihood_ratios(fit: CoxSolution) -> Floats:
    """2 (l_max - l(b_j = 0, others refitted)) of each coefficient, (p,)."""
    columns = np.flatnonzero(fit.used)
    out = np.full(fit.coef.size, np.nan)
    if columns.size == 1:
        out[columns] = max(fit.likelihood_ratio, 0.0)
        return out
    if columns.size == 0:
        return out
    free = np.tile(fit.used, (columns.size, 1))
    free[np.arange(columns.size), columns] = False
    start = np.where(free, np.where(fit.finite, fit.scaled, 0.0), 0.0)
    constrained = newton(fit.rs, fit.D, start, free=free)
    out[columns] = np.maximum(2.0 * (fit.loglik - constrained.loglik), 0.0)
    return out


def profile(fit: CoxSolution, *, cut: float) -> Profile:
    """Likelihood-ratio statistics and profile limits of every coefficient.

    Parameters
    ----------
    cut : float
        From `cut_off`.
    """
    p = fit.coef.size
    low, high = np.full(p, np.nan), np.full(p, np.nan)
    statistic = likelihood_ratios(fit)
    low[fit.used & ~fit.finite & (fit.coef < 0)] = -np.inf
    high[fit.used & ~fit.finite & (fit.coef > 0)] = np.inf
    wanted = [(j, side) for j in np.flatnonzero(fit.used).tolist() for side in (-1, 1) if np.isnan((low, high)[side > 0][j])]
    if wanted:
        limits = _limits(fit, wanted, fit.loglik - cut / 2)
        for (j, side), value in zip(wanted, limits, strict=True):
            (low, high)[side > 0][j] = value / fit.D.scale[j, 0]
    return Profile(statistic, low, high)


def _limits(fit: CoxSolution, wanted: list[tuple[int, int]], target: float) -> Floats:
    """Venzon and Moolgavkar for all limits at once, scaled units; what does not settle is bisected."""
    used = np.flatnonzero(fit.used)
    out = np.full(len(wanted), np.nan)
    regular = np.array([bool(fit.finite[fit.used].all())] * len(wanted))
    index = np.array([int(np.flatnonzero(used == j)[0]) for j, _ in wanted])
    side = np.array([s for _, s in wanted], dtype=np.float64)
    if regular.all():
        beta = np.tile(fit.scaled, (len(wanted), 1))
        active = np.arange(len(wanted))
        inverse = np.linalg.inv(fit.information[np.ix_(used, used)])
        # The quadratic's own answer is the start.
        reach = np.sqrt(2 * (fit.loglik - target) * np.diag(inverse))[index]
        along = inverse[index] / np.diag(inverse)[index][:, None]
        beta[:, used] += (side * reach)[:, None] * along
        for _ in range(15):
            now = evaluate(fit.rs, fit.D, beta[active])
            good = np.isfinite(now.loglik) & (now.loglik > target - 5.0)
            active = active[good]
            if active.size == 0:
                break
            U = now.score[good][:, used]
            information = now.information[good][:, used[:, None], used]
            try:
                inverse_q = np.linalg.inv(information)
            except np.linalg.LinAlgError:
                break
            place = np.arange(active.size), index[active]
            column = inverse_q[place[0], place[1]]
            variance = column[place]
            step = np.einsum("qij,qj->qi", inverse_q, U)
            peak = now.loglik[good] + 0.5 * np.einsum("qi,qi->q", step, U)
            excess = peak - target
            if not (excess > 0).all():
                active = active[excess > 0]
                break
            move = side[active] * np.sqrt(2.0 * excess / variance)
            delta = step + move[:, None] * column
            beta[active[:, None], used] += delta
            small = (delta**2 * np.abs(np.diagonal(information, axis1=1, axis2=2))).sum(axis=1) < 1e-14
            settled = active[small]
            out[settled] = beta[settled, used[index[settled]]]
            active = active[~small]
            if active.size == 0:
                break
    for q in np.flatnonzero(np.isnan(out)):
        out[q] = _bisected(fit, wanted[q][0], wanted[q][1], target)
    return out


def _bisected(fit: CoxSolution, j: int, side: int, target: float) -> float:
    """A limit by bracketing from the maximum outwards, then Brent's method on the profile log-likelihood."""
    from scipy.optimize import brentq

    free = fit.used[None, :].copy()
    free[0, j] = False
    start = np.where(fit.finite, fit.scaled, 0.0)[None, :]

    def height(value: float) -> float:
        b = start.copy()
        b[0, j] = value
        found = newton(fit.rs, fit.D, b, free=free) if free.any() else None
        level = found.loglik[0] if found is not None else evaluate(fit.rs, fit.D, b).loglik[0]
        return float(level - target)

    if fit.finite[j]:
        inside = float(fit.scaled[j])
    else:
        # The maximum is at infinity on the other side; walk there until the likelihood is above the target.
        inside = 0.0
        for _ in range(60):
            if height(inside) > 0:
                break
            inside -= side * 1.0
    stride = 1.0
    outside = inside + side * stride
    for _ in range(60):
        if height(outside) < 0:
            return float(brentq(height, inside, outside, xtol=1e-12, rtol=1e-14))
        inside = outside
        stride *= 2
        outside = inside + side * stride
    return side * float("inf")
