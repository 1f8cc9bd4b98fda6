"""Swimmer plot: one lane per patient, longest on top, with every call on its day and how the lane ended.

The bars are pale because the marks carry the message: filled detected, open not detected, a cross where there was no call. A
call drawn because of progression, or after the end, is grey, so that it cannot pass for evidence of what came before. A lane
goes on as a hair where something was seen after its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.errors import UseError
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.panels import size
from biomarkers.figures.people import Entry, broken, corner_note, key, nobody, panel_names, person_panels
from biomarkers.figures.style import DOUBLE, TEXT, axes_of, fit, house
from biomarkers.figures.ticks import time_ticks
from biomarkers.figures.tokens import Mark, light
from biomarkers.tables import floats, need, text, time_unit

COLUMNS = ("subject", "day", "mark", "late")
LANE, MOST, PAGE = 6.6, 8.0, 600.0
"""Points: height of a lane in a composed figure, the most that its symbols are made for, and what a page holds."""
_POSITIVE, _INK, _LATE = light("class"), light("ink"), light("ink2")
_MARKS: dict[str, tuple[str, dict[str, Any]]] = {
    "detected": ("detected", {"marker": "o", "markerfacecolor": _POSITIVE, "markeredgecolor": _POSITIVE}),
    "not detected": ("not detected", {"marker": "o", "markerfacecolor": light("surface"), "markeredgecolor": _POSITIVE}),
    "no call": ("no call", {"marker": "x", "markeredgecolor": _LATE}),
    "progression": ("progression", {"marker": "D", "markerfacecolor": _INK, "markeredgecolor": _INK}),
    "death": ("death", {"marker": "X", "markerfacecolor": _INK, "markeredgecolor": light("surface")}),
    "event": ("event", {"marker": "D", "markerfacecolor": _INK, "markeredgecolor": _INK}),
    "restart": ("therapy restarted", {"marker": "^", "markerfacecolor": light("surface"), "markeredgecolor": _INK}),
    "ongoing": ("event-free at cut-off", {"marker": ">", "markerfacecolor": _LATE, "markeredgecolor": _LATE}),
}
_SIZES = {"progression": 0.82, "event": 0.82, "death": 1.25, "no call": 0.82, "ongoing": 0.95, "restart": 0.95}
_GREY = {
    "detected": {"markerfacecolor": light("loss2"), "markeredgecolor": _LATE},
    "not detected": {"markerfacecolor": light("surface"), "markeredgecolor": _LATE},
    "no call": {"markeredgecolor": light("loss2")},
}
_KEY_ORDER = ("detected", "not detected", "no call", "progression", "death", "event", "restart", "ongoing")


def swimmer(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    unit: str | None = None,
    limit: float | None = None,
    first: float | None = None,
    landmark: float | None = None,
    origin: str = "time zero",
    title: str = "",
    lane: float | None = None,
    legend: bool = True,
) -> Axes:
    """The lanes of one group, the longest on top.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.over_time.lanes`: subject, day, mark, late. `mark` is "followed" (the lane's end), how it ended ("progression",
        "death", "event", "ongoing"), "restart", or a call ("detected", "not detected", "no call").
    ax : matplotlib Axes, optional
    unit : {"weeks", "months", "days"}, optional
    limit : float, optional
        End of the time axis in days; the last mark by default.
    first : float, optional
        Start of the time axis in days, for panels that share it; the earliest day that is shown by default.
    landmark : float, optional
        A day, drawn as a dotted line.
    origin : str
        What day 0 is.
    title : str
        What already stands at the left above the axes.
    lane : float, optional
        Points per lane, which give the symbols their size; from the height of the axes by default.
    legend : bool
        Whether to write the key below the axis.

    Raises
    ------
    UseError
        A column is missing, a mark is unknown, or a limit would cut off a mark.
    """
    need(table, COLUMNS, "swimmer")
    _check(table, limit)
    with house():
        ax = axes_of(ax, 89, 90)
        ends = _ends(table)
        if not ends:
            return nobody(ax, "nobody followed")
        day = floats(table["day"])
        first = first if first is not None else min(0.0, float(day.min()))
        last = limit or float(day.max())
        unit = unit or time_unit(last)
        scale = DAYS_PER[unit]
        lane = min(lane or size(ax)[1] / len(ends), MOST)
        row = {subject: len(ends) - 1 - place for place, subject in enumerate(ends)}
        ax.set_xlim((first - 0.015 * (last - first)) / scale, (last + 0.025 * (last - first)) / scale)
        ax.set_ylim(-0.7, max(len(ends), size(ax)[1] / lane) - 0.3)
        _bars(ax, table, ends, row, lane, scale)
        if landmark is not None:
            ax.axvline(landmark / scale, color=light("ink"), linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=2.5)
        _marks(ax, table, row, lane, scale)
        ticks = time_ticks(last / scale, unit, max(2, int(size(ax)[0] / 24)))
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(fit(f"{unit.capitalize()} from {numbers.label(origin)}", size(ax)[0], TEXT), parse_math=False)
        corner_note(ax, [numbers.plural(len(ends), "patient")], taken=title)
        if legend:
            key(ax, entries(table, landmark=landmark), left=0, top=-27, room=size(ax)[0])
    return ax


def swimmer_figure(
    table: pd.DataFrame,
    *,
    by: str = "arm",
    groups: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    unit: str | None = None,
    landmark: float | None = None,
    origin: str = "time zero",
    width_mm: float = DOUBLE,
    places: Mapping[str, int] | None = None,
) -> Figure:
    """One panel per arm or cohort; lanes of one height and one time axis in all of them.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `swimmer` and `by`.
    by : str
        Column of the panels.
    groups : sequence of str
        The order of the design.
    places : mapping of group to int, optional
        As in `people.person_panels`.
    """
    need(table, (*COLUMNS, by), "swimmer")
    counted = {text(name): part["subject"].nunique() for name, part in table.groupby(by, observed=True, sort=False)}
    lane = min(LANE, PAGE / max([1, *counted.values()]))
    day = floats(table["day"])
    first, last = (min(0.0, float(day.min())), max(float(day.max()), 1.0)) if len(day) else (0.0, 7.0)

    def draw(rows: pd.DataFrame, ax: Axes, mark: Mark, title: str, leads: bool) -> None:  # noqa: ARG001 - one scale, no hue
        swimmer(rows, ax=ax, unit=unit or time_unit(last), limit=last, first=first, landmark=landmark, origin=origin,
                title=title, lane=lane, legend=False)  # fmt: skip

    tall = [lane * (max(counted.get(name, 0), 3) + 0.6) for name in panel_names(table, by, groups)]
    marks = entries(table, landmark=landmark)
    return person_panels(
        table, draw, by=by, groups=groups, titles=titles, width_mm=width_mm, tall=tall, left=8.0, gap=16.0, entries=marks,
        places=places,
    )  # fmt: skip


def entries(table: pd.DataFrame, *, landmark: float | None = None) -> list[Entry]:
    """The key: only marks that the table has."""
    present = set(table["mark"])
    found = [Entry(_MARKS[m][0], _style(m, 4.2)) for m in _KEY_ORDER if m in present]
    late = table[table["late"].astype(bool) & table["mark"].isin(_GREY)]
    if len(late):
        found.append(Entry("call at progression or later", _style("detected", 4.2) | _GREY["detected"]))
    if landmark is not None:
        found.append(Entry(f"landmark, day {landmark:g}", {"linestyle": (0, (1, 1.5)), "linewidth": 0.8}))
    return found


def _style(mark: str, lane: float) -> dict[str, Any]:
    edge = min(0.9, 0.25 * lane) * (0.45 if mark == "death" else 1.0)
    return {"markersize": lane * _SIZES.get(mark, 1.0), "markeredgewidth": edge, **_MARKS[mark][1]}


def _check(table: pd.DataFrame, limit: float | None) -> None:
    unknown = sorted(set(table["mark"].map(text)) - {"followed", *_MARKS})
    if unknown:
        raise UseError(f"the mark {unknown[0]!r} is not one of followed, {', '.join(_MARKS)}")
    day = floats(table["day"])
    if limit is not None and len(day) and day.max() > limit:
        raise UseError(f"{int((day > limit).sum())} marks lie after day {limit:g}; the last on day {day.max():g}. A swimmer "
                       "plot leaves nothing out: give limit that day or none")  # fmt: skip


def _ends(table: pd.DataFrame) -> dict[Any, float]:
    """Subjects with the end of their lane, the longest first; who was not followed has a lane of no length."""
    bars = table[table["mark"] == "followed"]
    ends = dict.fromkeys(table["subject"], 0.0) | dict(zip(bars["subject"], floats(bars["day"]), strict=True))
    return dict(sorted(ends.items(), key=lambda item: -item[1]))


def _bars(ax: Axes, table: pd.DataFrame, ends: Mapping[Any, float], row: Mapping[Any, int], lane: float, scale: float) -> None:
    x, y = broken([(np.array([0.0, end]) / scale, np.full(2, float(row[s]))) for s, end in ends.items() if end > 0])
    ax.plot(x, y, color=light("hairline"), linewidth=0.5 * lane, solid_capstyle="butt", zorder=1)
    last = table.assign(_day=floats(table["day"])).groupby("subject", sort=False)["_day"].max()
    after = [(np.array([ends[s], d]) / scale, np.full(2, float(row[s]))) for s, d in last.items() if d > ends[s]]
    hx, hy = broken(after)
    ax.plot(hx, hy, color=light("loss2"), linewidth=0.5, zorder=0.9)


def _marks(ax: Axes, table: pd.DataFrame, row: Mapping[Any, int], lane: float, scale: float) -> None:
    """One call per kind of mark; calls before the end lie over those after it, ends over all."""
    x, y = floats(table["day"]) / scale, table["subject"].map(row).to_numpy(float)
    late = table["late"].to_numpy(bool)
    for place, mark in enumerate(_KEY_ORDER):
        here = (table["mark"] == mark).to_numpy(bool)
        for grey in (True, False) if mark in _GREY else (False,):
            part = here & (late == grey) if mark in _GREY else here
            if part.any():
                style = _style(mark, 0.66 * lane) | (_GREY[mark] if grey else {})
                above = (3.0 if grey else 4.0) + 0.01 * place
                ax.plot(x[part], y[part], linestyle="none", zorder=above, clip_on=False, **style)
