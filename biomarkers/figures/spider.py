"""Spider plot: each patient's change from baseline over time, every line from no change at its own baseline.

The reference group is grey and dashed with open marks, the contrast coloured and solid. A change that is only known to lie
beyond a limit is an open triangle; what was drawn at progression or later hangs on a hair and is a cross, so that nobody reads
it as a change on treatment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.change_axis import (
    BOUND_WORDS,
    RECIST,
    SYMBOLS,
    Measure,
    beyond,
    change_label,
    change_ticks,
    check_bounds,
    measure_of,
    reference_lines,
)
from biomarkers.figures.panels import size
from biomarkers.figures.people import (
    LATE_ROLES,
    Entry,
    broken,
    corner_note,
    cut,
    dots,
    key,
    nobody,
    person_panels,
    rows_of,
    walks,
)
from biomarkers.figures.style import DOUBLE, TEXT, axes_of, fit, house
from biomarkers.figures.ticks import time_ticks
from biomarkers.figures.tokens import Mark, group_marks, light
from biomarkers.tables import floats, need, order, text, time_unit

COLUMNS = ("subject", "day", "role", "change", "bound")
_LATE: dict[str, Any] = {"marker": "x", "markersize": 3.4, "markeredgewidth": 0.9, "linestyle": "none"}
_HAIR = (0, (0.8, 1.6))


def spider(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    marker: Marker | None = None,
    measure: Measure | None = None,
    by: str | None = None,
    groups: Sequence[str] = (),
    unit: str | None = None,
    limit: float | None = None,
    first: float | None = None,
    span: tuple[float, float] | None = None,
    lines: Sequence[float] | None = None,
    origin: str = "time zero",
    title: str = "",
    ylabel: str = "",
    legend: bool = True,
) -> Axes:
    """The lines of one set of patients.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.over_time.trajectories`: subject, day, role, change (in doublings, percent or points), bound.
    ax : matplotlib Axes, optional
    marker, measure, lines, ylabel
        As in `waterfall`.
    by : str, optional
        Column that gives a line its mark.
    groups : sequence of str
        The order of the design.
    unit : {"weeks", "months", "days"}, optional
    limit : float, optional
        End of the time axis in days; the last scheduled draw by default. Draws after it are counted, not drawn.
    first : float, optional
        Start of the time axis in days, for panels that share it; the earliest day that is shown by default.
    span : (float, float), optional
        Lowest and highest change of the axis, for panels that share it.
    origin : str
        What day 0 is.
    title : str
        What already stands at the left above the axes.
    legend : bool
        Whether to write the key below the axis.

    Raises
    ------
    UseError
        A column is missing, or a bound is unknown.
    """
    need(table, (*COLUMNS, *([by] if by else [])), "spider")
    check_bounds(table)
    measure = measure or measure_of(marker)
    with house():
        ax = axes_of(ax, 89, 65)
        seen = _seen(table)
        if seen.empty:
            return nobody(ax, "nobody with a baseline and a value")
        end = limit or end_of(seen)
        unit = unit or time_unit(end)
        scale = DAYS_PER[unit]
        shown = seen[floats(seen["day"]) <= end]
        first = first if first is not None else _first(shown)
        low, high = span or span_of(shown)
        breadth = (high - low) or 1.0
        ax.set_xlim((first - 0.04 * (end - first)) / scale, (end + 0.04 * (end - first)) / scale)
        ax.set_ylim(low - 0.07 * breadth, high + 0.07 * breadth)
        ax.axhline(0, color=light("ink"), linewidth=0.6, zorder=1.2)
        reference_lines(ax, RECIST.get(measure, ()) if lines is None else lines, measure)
        marks = _marks(shown, by, groups)
        whose = shown[by].map(text).to_numpy() if by else None
        for name, mark in marks.items():
            _group(ax, shown if whose is None else shown[whose == name], mark, scale)
        ticks = time_ticks(end / scale, unit, max(2, int(size(ax)[0] / 22)))
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        change_ticks(ax, measure)
        ax.set_xlabel(fit(f"{unit.capitalize()} from {numbers.label(origin)}", size(ax)[0], TEXT), parse_math=False)
        ax.set_ylabel(fit(ylabel or change_label(marker, measure), size(ax)[1] + 16, TEXT), parse_math=False)
        corner_note(ax, _counts(table, shown, seen), taken=title)
        if legend:
            key(ax, entries(shown, by=by, groups=groups), left=-30, top=-27, room=size(ax)[0] + 30)
    return ax


def spider_figure(
    table: pd.DataFrame,
    *,
    marker: Marker | None = None,
    measure: Measure | None = None,
    panel: str = "cohort",
    panels: Sequence[str] = (),
    by: str | None = "arm",
    groups: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    unit: str | None = None,
    limit: float | None = None,
    origin: str = "time zero",
    ylabel: str = "",
    width_mm: float = DOUBLE,
    places: Mapping[str, int] | None = None,
) -> Figure:
    """One panel per cohort (or `panel`), the arms (or `by`) told apart by their marks, one scale in all.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `spider`, `panel` and `by`.
    panel, panels : str, sequence of str
        Column of the panels, and their order in the design.
    by, groups : str, sequence of str
        Column of the marks, and the order of the design; a column of one value alone is left out.
    places : mapping of cohort to int, optional
        As in `people.person_panels`.
    """
    need(table, (*COLUMNS, panel, *([by] if by else [])), "spider")
    by = by if by and table[by].map(text).nunique() > 1 else None
    table = table[list(dict.fromkeys((*COLUMNS, panel, *([by] if by else []))))]
    seen = _seen(table)
    end = limit or (end_of(seen) if len(seen) else 7.0)
    shown = seen[floats(seen["day"]) <= end]
    span, first = (span_of(shown), _first(shown)) if len(shown) else (None, None)

    def draw(rows: pd.DataFrame, ax: Axes, mark: Mark, title: str, leads: bool) -> None:  # noqa: ARG001 - the marks are those of `by`
        spider(rows, ax=ax, marker=marker, measure=measure, by=by, groups=groups, unit=unit or time_unit(end), limit=end,
               first=first, span=span, origin=origin, title=title, ylabel=ylabel, legend=False)  # fmt: skip

    return person_panels(table, draw, by=panel, groups=panels, titles=titles, entries=entries(shown, by=by, groups=groups),
                         width_mm=width_mm, tall=124.0, left=48.0, gap=16.0, places=places)  # fmt: skip


def _seen(table: pd.DataFrame) -> pd.DataFrame:
    return table[np.isfinite(floats(table["change"])) & np.isfinite(floats(table["day"]))]


def end_of(seen: pd.DataFrame) -> float:
    """The last scheduled draw, which ends the axis."""
    scheduled = floats(seen.loc[seen["role"] == "scheduled", "day"])
    return max(float(scheduled.max()) if len(scheduled) else float(floats(seen["day"]).max()), 7.0)


def span_of(shown: pd.DataFrame) -> tuple[float, float]:
    """Lowest and highest change, no change between them."""
    change = floats(shown["change"])
    return min(float(change.min()), 0.0), max(float(change.max()), 0.0)


def _first(shown: pd.DataFrame) -> float:
    """Where the time axis begins: at the earliest draw, never after time zero."""
    return min(0.0, float(floats(shown["day"]).min()))


def _marks(table: pd.DataFrame, by: str | None, groups: Sequence[str]) -> dict[str, Mark]:
    if by is None:
        return {"": Mark("ink2", width=0.9)}
    names = list(dict.fromkeys([*groups, *order(table[by], groups)]))
    return dict(zip(names, group_marks(len(names), "arm"), strict=True))


def entries(shown: pd.DataFrame, *, by: str | None = None, groups: Sequence[str] = ()) -> list[Entry]:
    """The key: the groups with their line, then the bounds and late draws that the table has."""
    marks = _marks(shown, by, groups)
    found = [Entry(numbers.label(name), {**_line(mark), **dots(mark), "linestyle": _dashes(mark)})
             for name, mark in marks.items()] if by else []  # fmt: skip
    found += [Entry(words, beyond(SYMBOLS[b])) for b, words in BOUND_WORDS.items() if (shown["bound"] == b).any()]
    if shown["role"].isin(LATE_ROLES).any():
        found.append(Entry("drawn at progression or later", {**_LATE, "markeredgecolor": light("ink")}))
    return found


def _dashes(mark: Mark) -> Any:
    return (0, mark.dashes) if mark.dashes else "-"


def _line(mark: Mark) -> dict[str, Any]:
    return {"color": mark.colour, "linewidth": 0.9, "linestyle": _dashes(mark)}


def _group(ax: Axes, rows: pd.DataFrame, mark: Mark, scale: float) -> None:
    """Lines through the scheduled draws, a hair on to the late ones, then the marks over both."""
    known = rows_of(rows, ("day", "change"), ("role", "bound"))
    known = cut(known, np.argsort(known["day"], kind="stable"))
    late = np.isin(known["role"], LATE_ROLES)
    x, y, bound = known["day"] / scale, known["change"], known["bound"]
    lines, hairs = [], []
    for own in walks(known):
        before, after = own[~late[own]], own[late[own]]
        if len(before) > 1:
            lines.append((x[before], y[before]))
        if len(before) and len(after):
            on = np.r_[before[-1:], after]
            hairs.append((x[on], y[on]))
    ax.plot(*broken(lines), **_line(mark), alpha=0.8, zorder=2)
    ax.plot(*broken(hairs), color=mark.colour, linewidth=0.45, linestyle=_HAIR, zorder=1.5)
    exact = (bound == "") & ~late
    ax.plot(x[exact], y[exact], **dots(mark, 2.8), zorder=3)
    ax.plot(x[late], y[late], **_LATE, markeredgecolor=light("ink"), zorder=3.1)
    for name, symbol in SYMBOLS.items():
        here = (bound == name) & ~late
        if here.any():
            ax.plot(x[here], y[here], **beyond(symbol), zorder=3.2)


def _counts(table: pd.DataFrame, shown: pd.DataFrame, seen: pd.DataFrame) -> list[str]:
    n, total, later = shown["subject"].nunique(), table["subject"].nunique(), len(seen) - len(shown)
    people = f"{numbers.count(n)} of {numbers.plural(total, 'patient')}" if n < total else numbers.plural(n, "patient")
    return [f"{people}, {numbers.plural(later, 'later draw')} not shown", people] if later else [people]
