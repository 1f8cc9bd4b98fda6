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
from .km import KaplanMeier, kaplan_meier


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
