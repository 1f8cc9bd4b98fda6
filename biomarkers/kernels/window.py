r"""The probability of an event within a window (s, s + w], from a Cox fit, with an error that knows which rows belong together.

    F(s + w | s, x) = 1 - exp( -exp(x'b) [H0(s + w) - H0(s)] ),     H0(s) counts jumps at times <= s

On the scale theta = x'b + log[H0(s + w) - H0(s)] the influence of row i is ::

    (x - mbar)' dfbeta_i + 1/dH { d_i 1(T_i in window) <1/den> - r_i sum_{k in window} c_ki wbar_k / den_k^2 }

with mbar the mean of the risk sets' means over the window's jumps. Influences are summed by subject before they are
squared, as in the sandwich: a subject appears in many rows of a landmark stack. Limits are made on theta (log-log), so F
stays in (0, 1).

Sources: van Houwelingen, Scandinavian Journal of Statistics 34 (2007) 70; Lin and Wei, JASA 84 (1989) 1074.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .cox import CoxSolution
from .residuals import clustered, dfbeta
from .riskset import Floats


@dataclass(frozen=True, slots=True)
class WindowRisk:
    """F and theta = log(-log(1 - F)) of q subjects, with the cluster-robust error of theta; each (q,)."""

    probability: Floats
    theta: Floats
    std_error: Floats


def _jumps(fit: CoxSolution, start: float, stop: float, stratum: int) -> Floats:
    """Hazard of every step inside (start, stop] of the stratum, 0 elsewhere; centred covariates; (K,)."""
    rs, steps = fit.rs, fit.steps
    time, where = rs.time[rs.step_time], rs.time_stratum[rs.step_time]
    inside = (time > start) & (time <= stop) & (where == stratum)
    out = np.zeros(rs.n_steps)
    # `risk` was taken relative to its stratum's largest linear predictor; here that comes back.
    out[inside] = rs.step_weight[inside] / steps.den[inside, 0] * np.exp(-steps.shift[stratum, 0])
    return out


def linear_predictor(fit: CoxSolution, x: Floats) -> Floats:
    """(x - centre)'b for covariates in their own units, (q, p) -> (q,)."""
    return np.asarray(fit.standardised(x) @ fit.scaled)


def window_risk(
    fit: CoxSolution, x: Floats, start: float, stop: float, *, stratum: int = 0, cluster: ArrayLike | None = None
) -> WindowRisk:
    """F(stop | start) for covariates x (q, p), in their own units.

    Parameters
    ----------
    stratum : int
        Code of the baseline hazard, in the sorted order of the fit's strata.
    cluster : (n,), optional
        Subject of each row of the fit, caller's order; each row its own where None.

    Examples
    --------
    >>> from biomarkers.kernels.cox import cox
    >>> fit = cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1], [[0.0], [1], [0], [1], [0], [1]])
    >>> window_risk(fit, np.array([[0.0], [1.0]]), 0.0, 3.0).probability.round(4).tolist()
    [0.5069, 0.4158]
    """
    rs, steps = fit.rs, fit.steps
    jumps = _jumps(fit, start, stop, stratum)
    total = float(jumps.sum())
    eta = linear_predictor(fit, x)
    if total == 0.0:
        nothing = np.full(eta.size, -np.inf)
        return WindowRisk(np.zeros(eta.size), nothing, np.full(eta.size, np.nan))
    mean = jumps @ steps.mean[:, :, 0] / total  # (p,), scaled units
    centred = fit.standardised(x) - mean
    share = np.divide(jumps, rs.step_weight, out=np.zeros_like(jumps), where=rs.step_weight > 0)
    own = np.zeros(rs.n)
    own[rs.deaths] = rs.death_means(share)
    felt = steps.risk[:, 0] * rs.spread(jumps / steps.den[:, 0])
    hazard = (own - felt) / total * rs.weight
    influence = np.column_stack([dfbeta(fit)[rs.order] * fit.D.divisor[:, 0], hazard])
    sums = clustered(influence, None if cluster is None else np.asarray(cluster)[rs.order])
    direction = np.column_stack([centred, np.ones(eta.size)])
    error = np.sqrt(((sums @ direction.T) ** 2).sum(axis=0))
    theta = eta + np.log(total)
    return WindowRisk(np.asarray(-np.expm1(-np.exp(theta))), theta, error)
