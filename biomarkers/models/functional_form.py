"""Is the log hazard a straight line in the marker? A restricted cubic spline beside the linear row, its curve and its picture.

The linear row stays the answer: a bend that shows up here is a reason to look, not a licence to choose the better-looking
model afterwards. Three knots at fixed quantiles; where the marker has fewer distinct values, or the events are too few for
one more parameter, there is no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from biomarkers.domain.errors import UseError
from biomarkers.kernels.spline import QUANTILES, knots, restricted_cubic
from biomarkers.models.cox import CoxFit, cox
from biomarkers.models.gates import EVENTS_PER_PARAMETER
from biomarkers.models.results_table import result_row

LINEARITY = "linearity test"
SPLINE = ("analysis", "cohort", "marker", "contrast", "part", "x", "value", "hazard_ratio", "conf_low", "conf_high",
          "conf_level", "linear", "reference", "p_linearity", "n_knots", "n", "n_events")
"""What `figures.spline` draws: rows of `part` "curve" along the grid, and one row of `part` "event" per event for the rug."""
_BEND = "_bend"


def linearity_row(frame: pd.DataFrame, covariate: str, linear_loglik: float, *, adjust: Sequence[str] = (),
                  strata: Sequence[str] = (), n_parameters: int, shared: Mapping[str, Any],
                  model: str, k: int = 3) -> dict[str, Any] | None:
    """The likelihood-ratio test of the spline's bends as a row; None where a spline cannot be asked.

    Parameters
    ----------
    frame : pandas.DataFrame
        time, event, the covariate, adjusters and strata.
    covariate : str
        A number, in steps of the model scale.
    linear_loglik : float
        Log-likelihood of the linear model with the same other terms.
    n_parameters : int
        Coefficients of the linear model.
    shared, model
        What the row shares with the hazard ratio's, and that model in words.
    k : int
        Knots.
    """
    at = quantile_knots(frame[covariate].to_numpy(float), k)
    if at is None or (n_parameters + k - 2) * EVENTS_PER_PARAMETER > frame["event"].sum():
        return None
    basis = restricted_cubic(frame[covariate], at)
    bends = {f"{_BEND}{j}": basis[:, j] for j in range(1, basis.shape[1])}
    fit = cox(frame.assign(**bends), "time", "event", [covariate, *bends, *adjust], strata=strata, interval="wald")
    statistic = max(2 * (fit.loglik[1] - linear_loglik), 0.0)
    return result_row(
        **{**shared, "estimand": LINEARITY}, model=model, statistic=statistic, p_value=float(chdtrc(len(bends), statistic)),
        method=f"likelihood ratio, restricted cubic spline with {at.size} knots", n=fit.n, n_events=fit.n_events,
        note="a check of the linear row, not another model to choose from",
    )


def quantile_knots(x: np.ndarray, k: int) -> np.ndarray | None:
    """Knots, or None where x has too few different values to bend around them."""
    if np.unique(x).size <= k:
        return None
    try:
        return knots(x, k)
    except ValueError:
        return None


def spline_curve(frame: pd.DataFrame, time: str, event: str, covariate: str, *, adjust: Sequence[str] = (),
                 strata: Sequence[str] = (), entry: str | None = None, k: int = 3, points: int = 101,
                 level: float = 0.95) -> pd.DataFrame:
    """Hazard ratio against the marker's median along a restricted cubic spline, with pointwise intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
    time, event, covariate : str
        The covariate on its model scale.
    adjust, strata : sequence of str
    entry : str, optional
        Start of each row's time at risk.
    k : int
        Knots: 3, 4 or 5.
    points : int
        Length of the grid, from the 2.5th to the 97.5th percentile.
    level : float

    Returns
    -------
    pandas.DataFrame
        x, hazard_ratio, conf_low, conf_high, conf_level, linear (the hazard ratio of the straight line). `.attrs` has knots,
        reference (the median), p_linearity, n and n_events.

    Raises
    ------
    UseError
        Too few distinct values for k knots.

    Examples
    --------
    >>> frame = pd.DataFrame({"t": range(1, 41), "d": 1, "x": [(7 * i) % 40 for i in range(40)]})
    >>> curve = spline_curve(frame, "t", "d", "x", points=3)
    >>> curve["x"].round(3).tolist(), float(curve["hazard_ratio"].iloc[1])
    ([0.975, 19.5, 38.025], 1.0)
    """
    known = frame.dropna(subset=[time, event, covariate, *adjust, *strata])
    x = known[covariate].to_numpy(float)
    if k not in QUANTILES:
        raise UseError(f"k = {k!r}: the number of knots is one of {', '.join(map(str, QUANTILES))}")
    at = quantile_knots(x, k)
    if at is None:
        raise UseError(f"{covariate!r} has {np.unique(x).size} different values in {len(x)} rows: too few for {k} knots")
    basis = restricted_cubic(x, at)
    names = [f"{_BEND}{j}" for j in range(basis.shape[1])]
    wide = known.assign(**{name: basis[:, j] for j, name in enumerate(names)})
    fit = cox(wide, time, event, [*names, *adjust], entry=entry, strata=strata, interval="wald", level=level)
    linear = cox(wide, time, event, [names[0], *adjust], entry=entry, strata=strata, interval="wald")
    if not (fit.table.loc[fit.table["term"].isin(names), "finite"].all() and linear.table["finite"].iloc[0]):
        raise UseError(f"the spline of {covariate!r} has no finite maximum in {fit.n} rows: there is no curve to draw")
    median = float(np.median(x))
    low, high = np.quantile(x, [0.025, 0.975])
    grid = np.unique(np.append(np.linspace(low, high, points), median)) if points > 3 else np.array([low, median, high])
    D = restricted_cubic(grid, at) - restricted_cubic([median], at)
    coef = fit.table["coef"].to_numpy()[: len(names)]
    V = fit.covariance.to_numpy()[: len(names), : len(names)]
    value, error = D @ coef, np.sqrt(np.einsum("ij,jk,ik->i", D, V, D))
    z = float(ndtri((1 + level) / 2))
    curve = pd.DataFrame({"x": grid, "hazard_ratio": np.exp(value), "conf_low": np.exp(value - z * error),
                          "conf_high": np.exp(value + z * error), "conf_level": level,
                          "linear": np.exp((grid - median) * float(linear.table["coef"].iloc[0]))})
    statistic = max(2 * (fit.loglik[1] - linear.loglik[1]), 0.0)
    curve.attrs |= {"knots": at.tolist(), "reference": median, "p_linearity": float(chdtrc(len(names) - 1, statistic)),
                    "n": fit.n, "n_events": fit.n_events}
    return curve


def spline_table(fit: CoxFit, covariate: str, *, raw: np.ndarray | None = None, k: int = 3, points: int = 101,
                 level: float = 0.95, labels: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The spline beside a linear fit as one tidy table, ready for `figures.spline`.

    Parameters
    ----------
    fit : CoxFit
        The linear model; its rows, other terms, strata and entry times are taken over.
    covariate : str
        A term of one column.
    raw : (n,) float, optional
        The marker in its own unit for each row of the fit, for the ticks of the axis.
    k, points, level
        As `spline_curve`.
    labels : mapping, optional
        analysis, cohort, marker, contrast.

    Returns
    -------
    pandas.DataFrame
        The columns `SPLINE`; empty where the covariate has too few distinct values or the events are too few for a
        bend, or its likelihood has no maximum.

    Examples
    --------
    >>> frame = pd.DataFrame({"t": range(1, 61), "d": 1, "x": [(7 * i) % 60 for i in range(60)]})
    >>> table = spline_table(cox(frame, "t", "d", "x"), "x", labels={"marker": "x"})
    >>> table["part"].value_counts().to_dict()
    {'curve': 102, 'event': 60}
    """
    columns = {term.name: term.X for term in fit.rows.terms}
    x = columns.pop(covariate)
    n_parameters = fit.solution.df + k - 2
    if (x.shape[1] > 1 or quantile_knots(x[:, 0], k) is None or n_parameters * EVENTS_PER_PARAMETER > fit.n_events
            or not fit.solution.finite.all()):
        return pd.DataFrame(columns=list(SPLINE))
    frame = pd.DataFrame({"time": fit.rows.time, "event": fit.rows.event.astype(int), "x": x[:, 0]})
    others = {f"other{i}": column for i, column in enumerate(np.column_stack(list(columns.values())).T)} if columns else {}
    held = {} if fit.rows.stratum is None else {"stratum": fit.rows.stratum}
    begun = {} if fit.rows.entry is None else {"entry": fit.rows.entry}
    try:
        curve = spline_curve(frame.assign(**others, **held, **begun), "time", "event", "x", adjust=list(others),
                             strata=list(held), entry=next(iter(begun), None), k=k, points=points, level=level)
    except UseError:      # the bend has no finite maximum: there is nothing to draw
        return pd.DataFrame(columns=list(SPLINE))
    rug = pd.DataFrame({"part": "event", "x": frame["x"], "value": np.nan if raw is None else raw})[fit.rows.event]
    table = pd.concat([curve.assign(part="curve"), rug.sort_values("x", kind="stable")], ignore_index=True)
    facts = {key: curve.attrs[key] for key in ("reference", "p_linearity", "n", "n_events")}
    named = dict.fromkeys(("analysis", "cohort", "marker", "contrast"), "") | dict(labels or {})
    return table.assign(**facts, n_knots=k, conf_level=level, **named)[list(SPLINE)]
