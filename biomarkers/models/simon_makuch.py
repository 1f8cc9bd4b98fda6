"""Simon and Makuch's curves: product-limit over the person-time spent in each state. Descriptive: no patient's survival.

A subject counts in the curve of the state it is in, from the day it enters that state; the numbers at risk may grow. Early
risk sets are tiny, so start at a landmark. The test beside it is Mantel and Byar's.

Source: Simon and Makuch, Statistics in Medicine 3 (1984) 35.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.models.columns import column, read_time
from biomarkers.models.km import KaplanMeier, kaplan_meier

DESCRIPTIVE = "Simon-Makuch: descriptive, not a patient's survival; subjects join a state during follow-up."


def simon_makuch(frame: pd.DataFrame, time: str, event: str, group: str, *, entry: str, landmark: float | None = None,
                 level: float = 0.95) -> KaplanMeier:
    """Curves of the states of a start-stop frame.

    Parameters
    ----------
    frame : DataFrame
        One row per (entry, time] interval in one state.
    time, event, group, entry : str
        The state may be text, a category or a number.
    landmark : float, optional
        Where the curves start: only person-time after it counts.
    level : float

    Returns
    -------
    KaplanMeier
        Its notes say that it is descriptive, and from where it starts.

    Examples
    --------
    >>> rows = pd.DataFrame({"start": [0, 0, 10, 0], "stop": [10, 30, 40, 20], "d": [0, 1, 1, 1], "on": [0, 0, 1, 0]})
    >>> simon_makuch(rows, "stop", "d", "on", entry="start", landmark=5).at([25])[["on", "survival"]]
       on  survival
    0   0       0.5
    1   1       1.0
    """
    start = read_time(column(frame, entry), "entry")
    stop = read_time(column(frame, time), "time")
    rows = frame
    notes = [DESCRIPTIVE]
    if landmark is not None:
        kept = stop > landmark
        if not kept.any():
            raise UseError(f"landmark = {landmark:g}: nobody is at risk after it; the last time is {np.nanmax(stop):g}")
        rows = frame[kept].assign(**{entry: np.maximum(start, landmark)[kept]})
        notes.append(f"Curves start at {landmark:g}.")
    fit = kaplan_meier(rows, time, event, by=group, entry=entry, interval="log-log", level=level)
    return replace(fit, notes=(*notes, *fit.notes))
