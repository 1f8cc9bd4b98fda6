"""Proportional hazards, tested by the score of b(t) = b + theta g(t) at theta = 0, as `cox.zph` does since 3.0.

With V_k the variance of each death step and g centred at its mean over the events::

    U2 = sum_i w_i d_i g_i x_i - sum_k wbar_k g_k m_k
    A = sum wbar V,  B = sum wbar g V,  C = sum wbar g^2 V
    term j:  U2_j' (C_jj - B_j A^-1 B_j')^-1 U2_j        global: all columns

g is "km" (1 minus the left-continuous Kaplan-Meier curve of all rows pooled), "rank", "identity" or "log". Rank changes
when rows are split into intervals; km and identity do not, hence the default.

Source: Grambsch and Therneau, Biometrika 81 (1994) 515; R survival `zph.Rnw` on why the older approximation went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import chdtrc

from .cox import CoxSolution
from .km import kaplan_meier
from .rank_association import ranks
from .riskset import Floats

Transform = Literal["km", "rank", "identity", "log"]
TRANSFORMS: tuple[str, ...] = get_args(Transform)


@dataclass(frozen=True, slots=True)
class ZphTest:
    """One row per block of columns, then the global test.

    Attributes
    ----------
    statistic, df, p_value : (blocks + 1,)
        The last entry is global.
    """

    statistic: Floats
    df: np.ndarray[tuple[int], np.dtype[np.int64]]
    p_value: Floats


def time_scale(fit: CoxSolution, transform: str) -> Floats:
    """g at every row's exit time, kernel order, before centring."""
    rs = fit.rs
    t = rs.exit
    if transform == "identity":
        return t
    if transform == "log":
        if (t <= 0).any():
            raise ValueError(f"log of time: {int((t <= 0).sum())} row(s) have time 0; use transform 'km'.")
        return np.asarray(np.log(t))
    if transform == "rank":
        return ranks(t)
    if transform == "km":
        curve = kaplan_meier(t, rs.event, entry=rs.entry)
        return np.asarray(1.0 - np.r_[1.0, curve.survival][np.searchsorted(curve.time, t, side="left")])
    raise ValueError(f"transform {transform!r} is not known; choose from {', '.join(TRANSFORMS)}.")


def zph(fit: CoxSolution, blocks: Sequence[Sequence[int]], *, transform: str = "km") -> ZphTest:
    """Test each block of columns (a factor's columns together), and all of them.

    Parameters
    ----------
    blocks : sequence of sequences of int
        Columns of each term. Aliased columns are left out.
    """
    rs = fit.rs
    if not fit.finite[fit.used].all():
        raise ValueError("a coefficient is infinite: its hazards are not proportional to anything that can be tested.")
    g = time_scale(fit, transform)
    g = g - g[rs.deaths].mean()
    at_time = g[rs.deaths[rs.death_starts]]
    gk = at_time[rs.step_time]
    used = np.flatnonzero(fit.used)
    D, steps, wbar = fit.D, fit.steps, rs.step_weight
    m = steps.mean[:, :, 0]
    U2 = (rs.death_share * g) @ D.X[:, :, 0] - (wbar * gk) @ m

    def weighted(weights: Floats) -> Floats:
        packed = weights @ steps.variance[:, :, 0]
        return np.asarray(packed[D.place][np.ix_(used, used)])

    A, B, C = weighted(wbar), weighted(wbar * gk), weighted(wbar * gk**2)
    left = C - B @ np.linalg.solve(A, B)
    statistic, df = [], []
    place = {int(j): i for i, j in enumerate(used)}
    for block in [*blocks, used.tolist()]:
        rows = [place[j] for j in block if j in place]
        u = U2[used[rows]]
        statistic.append(float(u @ np.linalg.solve(left[np.ix_(rows, rows)], u)) if rows else np.nan)
        df.append(len(rows))
    values, degrees = np.array(statistic), np.array(df)
    return ZphTest(values, degrees, np.asarray(chdtrc(np.maximum(degrees, 1), values)))
