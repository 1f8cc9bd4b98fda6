"""Is a coefficient infinite? Decided exactly, by order in one covariate and by a linear programme in several.

The partial likelihood is monotone along a direction v when at every death the x'v of those who die equals the largest
x'v of their risk set, and somewhere it is strictly larger than another's. With one covariate that is a comparison of
ranges; with several, the cone of such directions is searched by linear programmes (one per covariate and sign), so a
large but finite estimate is never called infinite.

Source: the Cox form of Heinze and Schemper, Biometrics 57 (2001) 114; Bryson and Johnson, Technometrics 23 (1981) 381.
"""

from __future__ import annotations

import numpy as np

from .riskset import Bools, Floats, RiskSets

_CELLS = 2_000_000  # risk-set rows up to which every gap is listed for the linear programmes


def infinite_directions(rs: RiskSets, X: Floats, used: Bools, hint: Floats) -> Floats:
    """Sign of each infinite coefficient, 0 where it is finite.

    Parameters
    ----------
    rs : RiskSets
    X : (n, p) float, kernel order
    used : (p,) bool
        Columns that are not aliased; the others get 0.
    hint : (p,) float
        Where Newton ran to in the columns whose information has gone, 0 elsewhere. A table too large for the linear
        programmes is monotone if it is so along this direction.

    Returns
    -------
    (p,) float: -1, 0 or +1
    """
    signs = np.zeros(X.shape[1])
    columns = np.flatnonzero(used)
    if columns.size == 0:
        return signs
    if columns.size == 1:
        signs[columns] = _monotone(rs, X[:, columns[0]])
        return signs
    if int((rs.end - rs.first).sum()) > _CELLS:
        along = X @ hint
        return np.sign(hint) if hint.any() and _monotone(rs, along) == 1.0 else signs
    signs[columns] = _cone_signs(_gaps(rs, X[:, columns]))
    return signs


def _monotone(rs: RiskSets, x: Floats) -> float:
    """+1 if those who die always have the largest x of their risk set, -1 if always the smallest, 0 otherwise."""
    slack = 1e-9 * float(np.abs(x).max(initial=0.0))
    up, down, varies = True, True, False
    for u in range(rs.time.size):
        at_risk = x[(rs.first <= u) & (u < rs.end)]
        a = rs.death_starts[u]
        dead = x[rs.deaths[a : a + rs.n_tied[u]]]
        high, low = float(at_risk.max()), float(at_risk.min())
        varies |= high - low > slack
        up &= float(dead.min()) >= high - slack
        down &= float(dead.max()) <= low + slack
        if not (up or down):
            return 0.0
    return (1.0 if up else -1.0) if varies else 0.0


def _gaps(rs: RiskSets, X: Floats) -> Floats:
    """Distinct non-zero x_dead - x_other over all deaths and their risk sets, (m, p)."""
    found: list[Floats] = []
    size = 0
    for u in range(rs.time.size):
        at_risk = np.flatnonzero((rs.first <= u) & (u < rs.end))
        a = rs.death_starts[u]
        for dead in np.unique(X[rs.deaths[a : a + rs.n_tied[u]]], axis=0):
            found.append(dead - X[at_risk])
        size += at_risk.size
        if size > 200_000:
            found, size = [_distinct(np.concatenate(found))], 0
    return _distinct(np.concatenate(found)) if found else np.zeros((0, X.shape[1]))


def _distinct(gaps: Floats) -> Floats:
    gaps = np.unique(gaps, axis=0)
    return np.asarray(gaps[np.abs(gaps).max(axis=1) > 0])


def _cone_signs(gaps: Floats) -> Floats:
    """Signs of the coordinates that can be non-zero in {v : gaps v >= 0}, once directions with gaps v = 0 are out."""
    from scipy.optimize import linprog  # slow to import, and needed only when Newton has already run away

    p = gaps.shape[1]
    signs = np.zeros(p)
    box = [(-1.0, 1.0)] * p
    total = linprog(-gaps.sum(axis=0), A_ub=-gaps, b_ub=np.zeros(gaps.shape[0]), bounds=box, method="highs")
    if total.status != 0 or -total.fun <= 1e-7:
        return signs
    for j in range(p):
        for sign in (1.0, -1.0):
            objective = np.zeros(p)
            objective[j] = -sign
            reach = linprog(objective, A_ub=-gaps, b_ub=np.zeros(gaps.shape[0]), bounds=box, method="highs")
            if reach.status == 0 and -reach.fun > 1e-7:
                signs[j] = sign if signs[j] == 0 else np.sign(total.x[j])
    return signs
