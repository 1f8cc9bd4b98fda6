r"""Do the survival chances that a model gives come true? Predicted against observed at one time, in groups of like prediction.

Observed is the Kaplan-Meier curve of each group at the horizon with its log-log interval; predicted is the group's mean. A Cox
model judged on its own patients is calibrated by construction, so the predictions are those of models fitted without the
patient's fold (`crossed_predictions`): what is judged is the recipe, baseline hazard included.

Source: Crowson, Atkinson and Therneau, Stat Methods Med Res 25 (2016) 1692; van Houwelingen, Stat Med 19 (2000) 3401, on why
the model must not be judged where it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from biomarkers.domain.errors import UseError
from biomarkers.kernels.resample import generator
from biomarkers.models.columns import SurvivalRows, column, numbers, survival_rows
from biomarkers.models.cox import cox
from biomarkers.models.km import kaplan_meier

CALIBRATION = ("analysis", "cohort", "marker", "model", "group", "horizon", "n", "n_events", "predicted", "predicted_low",
               "predicted_high", "observed", "conf_low", "conf_high", "conf_level", "judged")
"""What `figures.calibration` draws: one row per group of like prediction, group 1 the worst chances."""
GROUPS, FOLDS = 4, 5


def calibration_table(frame: pd.DataFrame, time: str, event: str, predicted: ArrayLike, *, horizon: float, groups: int = GROUPS,
                      judged: str = "", level: float = 0.95, labels: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Predicted against observed survival at a horizon.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per subject.
    time, event : str
    predicted : (n,) float
        Each subject's predicted survival at the horizon; rows without one are left out.
    horizon : float
        In the unit of time.
    groups : int
        Groups of equal size by predicted survival; ties stay together, so there may be fewer.
    judged : str
        How the predictions were made, for the reader: "5-fold cross-validation".
    level : float
    labels : mapping, optional
        analysis, cohort, marker, model.

    Returns
    -------
    pandas.DataFrame
        The columns `CALIBRATION`. `observed` is missing where follow-up of the group ends before the horizon.

    Raises
    ------
    UseError
        A prediction outside 0 to 1, fewer than two groups, or a horizon without an event before it.

    Examples
    --------
    >>> frame = pd.DataFrame({"t": [1, 2, 3, 4, 5, 6, 7, 8], "d": [1, 1, 0, 1, 1, 0, 1, 0]})
    >>> table = calibration_table(frame, "t", "d", [.2, .2, .2, .2, .7, .7, .7, .7], horizon=4.5, groups=2)
    >>> table[["group", "n", "predicted", "observed"]]
       group  n  predicted  observed
    0      1  4        0.2       0.0
    1      2  4        0.7       1.0
    """
    if groups < 2:
        raise UseError(f"groups = {groups!r}: two or more groups can be compared")
    rows = frame.assign(_time=numbers(column(frame, time), "time"), _event=numbers(column(frame, event), "event"),
                        _predicted=np.asarray(predicted, dtype=np.float64)).dropna(subset=["_time", "_event", "_predicted"])
    chance = rows["_predicted"].to_numpy(float)
    if ((chance < 0) | (chance > 1)).any():
        raise UseError(f"predicted survival lies between 0 and 1; first outside: {chance[(chance < 0) | (chance > 1)][0]:g}")
    if not ((rows["_event"] == 1) & (rows["_time"] <= horizon)).any():
        raise UseError(f"no event by the horizon {horizon:g}: nothing can be compared there")
    # A tenth decimal is noise of the solver, not a difference in prediction: such ties stay in one group on every machine.
    edges = np.unique(np.quantile(chance.round(10), np.linspace(0, 1, groups + 1)[1:-1]))
    place = np.searchsorted(edges, chance.round(10), side="right")
    lines = []
    for number, code in enumerate(np.unique(place), start=1):
        part = rows[place == code]
        curve = kaplan_meier(part, "_time", "_event", level=level)
        at = curve.at(horizon).iloc[0]
        known = part["_time"].max() >= horizon or at["survival"] == 0
        lines.append({
            "group": number, "n": len(part), "n_events": int(((part["_event"] == 1) & (part["_time"] <= horizon)).sum()),
            "predicted": float(part["_predicted"].mean()), "predicted_low": float(part["_predicted"].min()),
            "predicted_high": float(part["_predicted"].max()), "observed": float(at["survival"]) if known else np.nan,
            "conf_low": float(at["conf_low"]) if known else np.nan, "conf_high": float(at["conf_high"]) if known else np.nan})
    named = dict.fromkeys(("analysis", "cohort", "marker", "model"), "") | dict(labels or {})
    return pd.DataFrame(lines).assign(horizon=float(horizon), conf_level=level, judged=judged, **named)[list(CALIBRATION)]


def crossed_predictions(frame: pd.DataFrame, time: str, event: str, terms: Sequence[str], *, horizon: float,
                        strata: Sequence[str] = (), folds: int = FOLDS, seed: int = 0) -> pd.Series:
    """Each subject's survival at a horizon, predicted by a Cox model fitted to the other folds.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per subject.
    time, event : str
    terms, strata : sequence of str
    horizon : float
    folds, seed : int
        Folds keep the share of events in each stratum; they depend on the subjects' times, not on the order of rows.

    Returns
    -------
    pandas.Series
        On the index of the frame; missing where a term is missing, or where the other folds had no finite model.

    Examples
    --------
    >>> frame = pd.DataFrame({"t": range(1, 41), "d": 1, "x": [(7 * i) % 40 for i in range(40)]})
    >>> chances = crossed_predictions(frame, "t", "d", ["x"], horizon=20)
    >>> bool(((chances > 0) & (chances < 1)).all())
    True
    """
    rows = survival_rows(frame, time, event, terms=tuple(terms), strata=tuple(strata))
    complete = frame.loc[rows.kept]
    fold = _folds(rows, folds, seed)
    out = pd.Series(np.nan, index=frame.index)
    for k in range(folds):
        train, test = complete[fold != k], complete[fold == k]
        try:
            fit = cox(train, time, event, list(terms), strata=strata, interval="wald")
            out.loc[test.index] = fit.survival(test, horizon)["survival"].to_numpy()
        except UseError:      # no finite model without this fold: its patients have no prediction, and are counted as such
            continue
    return out


def _folds(rows: SurvivalRows, folds: int, seed: int) -> np.ndarray:
    """Fold of each row: dealt in turn within stratum and event status, after a shuffle that knows no row order."""
    stratum = np.zeros(rows.n, dtype=np.int64) if rows.stratum is None else rows.stratum
    own = np.column_stack([rows.time, *(term.X for term in rows.terms)])
    cell = 2 * stratum + rows.event
    ordered = np.lexsort((*own.T[::-1], cell))
    rng = generator(seed)
    fold = np.empty(rows.n, dtype=np.int64)
    begin = 0
    for code in np.unique(cell):
        mine = ordered[cell[ordered] == code]
        fold[rng.permutation(mine)] = (begin + np.arange(mine.size)) % folds
        begin += mine.size
    return fold
