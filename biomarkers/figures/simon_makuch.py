"""Survival by the state a patient is in now: curves of a marker that changes, with numbers at risk that go up as well as down.

A patient counts in the curve of the state known on that day and moves when a new draw says so. No patient lives along one of
these curves: they show how hazards differ between the states, and the test beside them is Mantel and Byar's. The curves begin
at a landmark, because a state with three patients at risk makes a curve of accidents; the numbers below the axis say how many
there were on each day, and they rise as patients enter a state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.figures.km import COLUMNS as CURVE_COLUMNS
from biomarkers.figures.km import kaplan_meier, km
from biomarkers.tables import need

COLUMNS = CURVE_COLUMNS
BEFORE = "before the landmark"


def simon_makuch(table: pd.DataFrame, *, ax: Axes | None = None, unit: str | None = None, limit: float | None = None,
                 ylabel: str = "Event-free, by current state", xlabel: str = "", notes: Sequence[str] = ()) -> Axes:
    """Curves by current state in one cohort, with the numbers below the axis.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.simon_makuch.state_curves`: a row for every time at which a number at risk changes, upward too.
    ax : matplotlib Axes, optional
        Needs free space of ``km.below(number of states)`` points under it.
    unit, limit, ylabel, xlabel, notes
        As `km`.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "simon_makuch")
    return km(table, ax=ax, unit=unit, limit=limit, ylabel=ylabel, xlabel=xlabel, notes=notes, before=BEFORE)


def simon_makuch_figure(table: pd.DataFrame, *, cohorts: Sequence[str] = (), notes: Mapping[str, Sequence[str]] | None = None,
                        titles: Mapping[str, str] | None = None, ylabel: str = "Event-free, by current state",
                        origin: str = "time zero", unit: str | None = None, places: Mapping[str, int] | None = None) -> Figure:
    """One panel per cohort, axes shared: as `km.kaplan_meier`, of which it takes every argument.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `simon_makuch`, and `cohort`.
    cohorts, notes, titles, ylabel, origin, unit, places
        As `km.kaplan_meier`.
    """
    need(table, (*COLUMNS, "cohort"), "simon_makuch")
    return kaplan_meier(table, cohorts=cohorts, notes=notes, titles=titles, ylabel=ylabel, origin=origin, unit=unit,
                        places=places, before=BEFORE)
