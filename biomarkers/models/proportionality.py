r"""Is the hazard ratio the same early and late? Scaled Schoenfeld residuals of one term with a smooth curve, as a tidy table.

With b the coefficient, r_i the Schoenfeld residual of a death, d the number of deaths and V the covariance of the fit, the
scaled residual ``b + d r_i V`` has mean b(t) to first order. The curve is least squares on natural cubic splines of g(t) with
four degrees of freedom (knots at the ends and the thirds), its band ``z sqrt(d V_jj h(t))`` with h the leverage of the basis:
`plot.cox.zph` of R's survival 3.5, which draws two standard errors. The test beside it is the score test of
`kernels.zph`: a straight line in g(t), whatever the curve seems to do.

Source: Grambsch and Therneau, Biometrika 81 (1994) 515; Therneau and Grambsch (2000), section 6.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain.errors import UseError
from biomarkers.kernels import residuals
from biomarkers.kernels.spline import restricted_cubic
from biomarkers.kernels.zph import time_scale
from biomarkers.models.cox import CoxFit

SCHOENFELD = ("analysis", "cohort", "marker", "contrast", "part", "time", "place", "value", "conf_low", "conf_high",
              "conf_level", "coefficient", "statistic", "p_value", "transform", "n", "n_events")
"""What `figures.schoenfeld` draws: `part` "residual", one row per death, and "smooth", one per point of the curve."""
DEGREES = 4


def schoenfeld_table(fit: CoxFit, term: str, *, transform: str = "km", points: int = 41, level: float = 0.95,
                     labels: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Scaled Schoenfeld residuals of a term of one column, with their smooth curve and the test of proportional hazards.

    Parameters
    ----------
    fit : CoxFit
    term : str
    transform : {"km", "rank", "identity", "log"}
        Scale g(t) of the test and of the smoother; `place` holds it.
    points : int
        Length of the curve; it is left out where the deaths fall on fewer than six different times.
    level : float
        Of the band.
    labels : mapping, optional
        analysis, cohort, marker, contrast.

    Returns
    -------
    pandas.DataFrame
        The columns `SCHOENFELD`; value, conf_low, conf_high and coefficient are log hazard ratios.

    Raises
    ------
    UseError
        No such term, one of several columns, or an infinite coefficient.

    Examples
    --------
    >>> from biomarkers.models.cox import cox
    >>> frame = pd.DataFrame({"t": range(1, 13), "d": 1, "x": [3, 1, 2, 5, 2, 4, 1, 3, 2, 1, 2, 1]})
    >>> table = schoenfeld_table(cox(frame, "t", "d", "x"), "x")
    >>> table["part"].value_counts().to_dict(), round(float(table["p_value"].iloc[0]), 3)
    ({'smooth': 41, 'residual': 12}, 0.217)
    """
    if term not in fit.blocks:
        raise UseError(f"the model has no term {term!r}; it has {', '.join(fit.blocks)}.")
    if len(fit.blocks[term]) != 1:
        raise UseError(f"{term!r} has {len(fit.blocks[term])} columns: its residuals are several pictures, one per level.")
    column = fit.blocks[term][0]
    test = fit.zph(transform=transform).set_index("term").loc[term]
    solution = fit.solution
    rows = residuals.death_rows(solution)
    y = residuals.scaled_schoenfeld(solution)[:, column]
    g = solution.rs.to_caller(time_scale(solution, transform))[rows]
    time = fit.rows.time[rows]
    ordered = np.lexsort((y, time))
    time, g, y = time[ordered], g[ordered], y[ordered]
    parts = [pd.DataFrame({"part": "residual", "time": time, "place": g, "value": y})]
    spread = fit.n_events * float(solution.covariance[column, column])
    parts += [_smooth(time, g, y, spread, points, level)] if np.unique(g).size >= DEGREES + 2 else []
    named = dict.fromkeys(("analysis", "cohort", "marker", "contrast"), "") | dict(labels or {})
    facts = {"coefficient": float(solution.coef[column]), "statistic": float(test["statistic"]),
             "p_value": float(test["p_value"]), "transform": transform, "n": fit.n, "n_events": fit.n_events,
             "conf_level": level}
    return pd.concat(parts, ignore_index=True).assign(**facts, **named).reindex(columns=list(SCHOENFELD))


def _smooth(time: np.ndarray, g: np.ndarray, y: np.ndarray, variance: float, points: int, level: float) -> pd.DataFrame:
    """Least squares on the natural spline basis of g, at equal steps of g from the first death to the last."""
    grid = np.linspace(g.min(), g.max(), points)
    # As ns(c(grid, g)) in R, whose inner knots are the thirds of the grid and the data together.
    inner = np.quantile(np.concatenate([grid, g]), np.linspace(0, 1, DEGREES))
    basis = [np.column_stack([np.ones(x.size), restricted_cubic(x, inner)]) for x in (g, grid)]
    Q, R = np.linalg.qr(basis[0])
    half = np.linalg.solve(R.T, basis[1].T).T                       # rows of P R^-1: leverage is their squared length
    value = half @ (Q.T @ y)
    error = np.sqrt(variance * (half**2).sum(axis=1))
    z = float(ndtri((1 + level) / 2))
    return pd.DataFrame({"part": "smooth", "time": np.interp(grid, g, time), "place": grid, "value": value,
                         "conf_low": value - z * error, "conf_high": value + z * error})
