"""`bm.simon_makuch`: survival by current state from a landmark; descriptive, not the survival of any patient.

Each (entry, time] row counts in the state it is in. Early risk sets are small and may grow, so the curve starts at a
landmark. Source: Simon and Makuch, Stat Med 3 (1984) 35.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError

from .columns import column, numbers
from .curves import CURVES
from .km import KaplanMeier, kaplan_meier

STATES = (*CURVES, "n_left", "landmark")
"""What `figures.simon_makuch` draws: the columns of a Kaplan-Meier table with who left for the other state; `n_risk` counts
just before each time, and there is a row for every time at which it changes, upward too."""


def simon_makuch(
    frame: pd.DataFrame, time: str, event: str, group: str, *, entry: str, landmark: float | None = None, level: float = 0.95
) -> KaplanMeier:
    """Product-limit curves of a state that subjects enter during follow-up.

    Parameters
    ----------
    frame : DataFrame
        One row per (entry, time] interval in one state.
    time, event, group, entry : str
    landmark : float, optional
        Rows that end at or before it leave; others enter at it at the earliest. None starts at time zero.
    level : float

    Returns
    -------
    KaplanMeier
        Its `.notes` say that no curve is a patient's survival.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"start": [0, 0, 0, 2], "stop": [3, 4, 2, 5], "d": [1, 1, 0, 1], "on": [0, 0, 0, 1]})
    >>> simon_makuch(frame, "stop", "d", "on", entry="start", landmark=1).at(3)[["on", "n_risk", "survival"]]
       on  n_risk  survival
    0   0     2.0       0.5
    1   1     1.0       1.0
    """
    rows = frame
    if landmark is not None:
        if not np.isfinite(landmark):
            raise UseError(f"landmark = {landmark!r} must be a time.")
        rows = frame[numbers(column(frame, time), "time") > landmark]
        if rows.empty:
            raise UseError(f"no row is at risk after the landmark {landmark:g}.")
        rows = rows.assign(**{entry: np.maximum(numbers(column(rows, entry), "entry"), landmark)})
    curves = kaplan_meier(rows, time, event, by=group, entry=entry, level=level)
    said = "Simon-Makuch: survival by current state, not a patient's survival; numbers at risk may grow."
    return replace(curves, notes=(*curves.notes, said))


def state_curves(frame: pd.DataFrame, time: str, event: str, group: str, *, entry: str, until: str,
                 landmark: float = 0.0, level: float = 0.95, analysis: str = "", cohort: str = "all") -> pd.DataFrame:
    """The curves of `simon_makuch` as tidy steps with numbers at risk that may rise.

    Parameters
    ----------
    frame, time, event, group, entry
        As `simon_makuch`; a category of `group` without rows keeps its place, with nobody at risk.
    until : str
        End of the subject's whole follow-up: a row that ends before it ends with a change of state, or with a value grown too
        old, and is no censoring.
    landmark : float
        Where the curves begin.
    level : float
    analysis, cohort : str
        Labels.

    Returns
    -------
    pandas.DataFrame
        The columns `STATES`.

    Examples
    --------
    >>> frame = pd.DataFrame({"start": [0, 0, 0, 2], "stop": [3, 4, 2, 5], "last": [3, 4, 5, 5], "d": [1, 1, 0, 1],
    ...                       "on": ["no", "no", "no", "yes"]})
    >>> steps = state_curves(frame, "stop", "d", "on", entry="start", until="last")
    >>> steps.loc[steps["group"] == "yes", ["time", "n_risk", "n_event", "survival"]].reset_index(drop=True)
       time  n_risk  n_event  survival
    0   0.0       0        0       1.0
    1   2.0       0        0       1.0
    2   3.0       1        0       1.0
    3   4.0       1        0       1.0
    4   5.0       1        1       0.0
    """
    curves = simon_makuch(frame, time, event, group, entry=entry, landmark=landmark, level=level)
    begin, end, whole = (numbers(column(frame, c), c) for c in (entry, time, until))
    died, last = numbers(column(frame, event), "event") == 1, end >= whole
    known = end > landmark
    begin = np.maximum(begin, landmark)
    # The first row is the start itself: who begins there is at risk from there on, as in any Kaplan-Meier table.
    begin = np.where(begin == landmark, -np.inf, begin)
    times = np.unique(np.concatenate([[landmark], begin[known & np.isfinite(begin)], end[known]]))
    labels = frame[group].astype(str).to_numpy()
    named = isinstance(frame[group].dtype, pd.CategoricalDtype)
    levels = frame[group].cat.categories if named else [g[0] for g in curves.curves]
    drawn = curves.table[group].astype(str)
    parts = []
    for place, name in enumerate(map(str, levels)):
        mine, step = known & (labels == name), curves.table[drawn == name]
        at = np.searchsorted(step["time"].to_numpy(float), times, side="right")
        start = 1.0 if mine.any() else np.nan
        counts = {
            what: np.bincount(np.searchsorted(times, end[mine & which]), minlength=times.size)
            for what, which in (("n_event", died), ("n_censor", last & ~died), ("n_left", ~last & ~died))
        }
        parts.append(pd.DataFrame({
            "time": times, "group": name, "group_order": place, **counts,
            "n_risk": ((begin[mine] < times[:, None]) & (times[:, None] <= end[mine])).sum(axis=1),
            **{c: np.r_[start, step[c].to_numpy(float)][at] for c in ("survival", "conf_low", "conf_high")}}))
    return pd.concat(parts, ignore_index=True).assign(analysis=analysis, cohort=cohort, landmark=landmark)[list(STATES)]
