"""Outcome by genotype: Kaplan-Meier curves from none to two copies, and beside them those who have no genotype.

A failed call is no genotype and never joins the reference, and who was not genotyped is seldom a chance sample. Both are drawn,
dotted and without an interval, so that a reader sees whether those who are missing did as the others did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.figures.km import COLUMNS as KM_COLUMNS
from biomarkers.figures.km import kaplan_meier, km
from biomarkers.figures.people import nobody
from biomarkers.figures.style import MIDDLE, axes_of, house, new_figure
from biomarkers.figures.tokens import Mark, group_marks
from biomarkers.tables import need, order, text

COLUMNS = (*KM_COLUMNS, "called")
UNKNOWN = (Mark("refused", (1, 1.5), "x", width=1.1), Mark("ink2", (1, 2.4), "x", width=1.1))
"""How those without a genotype are drawn: no call, not genotyped."""


def genotype_outcome(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    unit: str | None = None,
    limit: float | None = None,
    ylabel: str = "Event-free",
    xlabel: str = "",
    notes: Sequence[str] = (),
    heads: bool = True,
    room: float = 62.0,
) -> Axes:
    """The curves of one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.over_time.genotype_curves`: the columns of `km`, and `called`, False for those without a genotype.
    ax, unit, limit, ylabel, xlabel, notes, heads, room
        As in `km`.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "genotype_outcome")
    if table.empty:
        with house():
            return nobody(axes_of(ax), "nobody with an outcome")
    return km(_bare(table), ax=ax, marks=_marks(table), unit=unit, limit=limit, ylabel=ylabel, xlabel=xlabel, notes=notes,
              heads=heads, room=room)  # fmt: skip


def genotype_outcome_figure(
    table: pd.DataFrame,
    *,
    cohorts: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
    places: Mapping[str, int] | None = None,
    ylabel: str = "Event-free",
    origin: str = "time zero",
    unit: str | None = None,
) -> Figure:
    """One panel per cohort, with numbers at risk and cumulative events of every genotype and of those without one."""
    need(table, (*COLUMNS, "cohort"), "genotype_outcome")
    if table.empty:
        with house():
            figure = new_figure(MIDDLE, 40)
            genotype_outcome(table, ax=figure.add_axes((0.1, 0.1, 0.8, 0.8)))
        return figure
    return kaplan_meier(_bare(table), cohorts=cohorts, marks=_marks(table), titles=titles, notes=notes, places=places,
                        ylabel=ylabel, origin=origin, unit=unit)  # fmt: skip


def _bare(table: pd.DataFrame) -> pd.DataFrame:
    """The table without the intervals of those who have no genotype: nothing is estimated from them."""
    called = table["called"].astype(bool)
    return table.assign(**{c: table[c].astype(float).where(called, np.nan) for c in ("conf_low", "conf_high")})


def _marks(table: pd.DataFrame) -> dict[str, Mark]:
    ranked = table.sort_values("group_order", kind="stable") if "group_order" in table else table
    called = ranked["called"].astype(bool)
    names, unknown = order(ranked.loc[called, "group"].map(text)), order(ranked.loc[~called, "group"].map(text))
    known = dict(zip(names, group_marks(len(names)), strict=True)) if names else {}
    return known | {name: UNKNOWN[min(place, 1)] for place, name in enumerate(unknown)}
