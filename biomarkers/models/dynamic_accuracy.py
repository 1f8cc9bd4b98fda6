"""How accurate is a score known at the landmark: AUC and Brier score per horizon, with the model without covariates beside it.

Apparent accuracy flatters the model that was fitted to the same subjects: `models.supermodel` corrects it by a bootstrap that
resamples subjects, rebuilds the stack and refits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from biomarkers.domain.errors import UseError
from biomarkers.kernels import accuracy as kernel
from biomarkers.models.columns import column, numbers, survival_rows

ACCURACY = ("horizon", "auc", "auc_std_error", "brier", "brier_null", "n", "n_events")


def dynamic_accuracy(
    frame: pd.DataFrame,
    time: str,
    event: str,
    score: str,
    *,
    horizons: Sequence[float] | float,
    survival: str | Sequence[str] | ArrayLike | None = None,
) -> pd.DataFrame:
    """Cumulative/dynamic AUC and Brier score at horizons, by inverse probability of censoring.

    Parameters
    ----------
    frame : DataFrame
        One row per subject at risk at the landmark.
    time, event : str
        Time **from the landmark** (subtract it first), 1 for an event.
    score : str
        Higher means an earlier event: a marker, a linear predictor.
    horizons : float or sequence of float
        From the landmark.
    survival : str, sequence of str or (n, horizons) array, optional
        Predicted survival to each horizon; without it there is no Brier score.

    Returns
    -------
    DataFrame
        horizon, auc, auc_std_error, brier, brier_null, n, n_events: `n_events` are those up to the horizon; a horizon that
        leaves no controls or has no cases gives missing values, not an error.

    Examples
    --------
    >>> frame = pd.DataFrame({"t": [5, 8, 12, 20, 30, 40], "d": [1, 1, 0, 1, 1, 0], "tk1": [9, 7, 5, 6, 3, 2]})
    >>> dynamic_accuracy(frame, "t", "d", "tk1", horizons=15)[["horizon", "auc", "n", "n_events"]]
       horizon  auc  n  n_events
    0     15.0  1.0  6         2
    """
    taus = np.atleast_1d(np.asarray(horizons, dtype=np.float64))
    if not taus.size or not (taus > 0).all():
        raise UseError(f"horizons = {horizons!r} must be positive: they count from the landmark")
    rows = survival_rows(frame, time, event, terms=[score])
    if len(rows.terms[0].columns) != 1 or rows.terms[0].is_factor:
        raise UseError(f"score {score!r} is a factor: a score orders subjects by a number")
    marker = rows.terms[0].X[:, 0]
    predicted = _predicted(frame, survival, taus.size, rows.kept)
    lines = []
    for k, h in enumerate(taus.tolist()):
        found = kernel.auc(rows.time, rows.event, marker, h)
        null = np.full(rows.n, kernel.kaplan_meier_at(rows.time, rows.event, h))
        known = h <= rows.time.max()
        own = np.nan if predicted is None or not known else kernel.brier(rows.time, rows.event, predicted[:, k], h)
        lines.append(
            (
                h,
                found.estimate,
                found.std_error,
                own,
                kernel.brier(rows.time, rows.event, null, h) if known else np.nan,
                rows.n,
                int((rows.event & (rows.time <= h)).sum()),
            )
        )
    return pd.DataFrame(lines, columns=list(ACCURACY))


def _predicted(frame: pd.DataFrame, survival: object, n_horizons: int, kept: np.ndarray) -> np.ndarray | None:
    """Predicted survival, (n, horizons), or None."""
    if survival is None:
        return None
    if isinstance(survival, str):
        survival = [survival]
    if isinstance(survival, list | tuple) and all(isinstance(name, str) for name in survival):
        values = np.column_stack([numbers(column(frame, name), "survival") for name in survival])
    else:
        values = np.asarray(survival, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
    if values.shape != (len(frame), n_horizons):
        raise UseError(f"survival has shape {values.shape}; one column per horizon is needed: ({len(frame)}, {n_horizons})")
    values = values[kept]
    if np.isnan(values).any() or values.min() < 0 or values.max() > 1:
        raise UseError("predicted survival must lie between 0 and 1, without missing values")
    return values
