"""Who is lost before a landmark: every patient of a group as one bar, from analysed to event before the class was known.

The bar is as long as the group, so that nobody is out of sight; segments go from white (analysed) to dark (event), with their
count inside. It belongs beside every curve that starts at a landmark: the loss is read before the ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.flow import FLOW
from biomarkers.figures.km import COLUMNS as KM_COLUMNS
from biomarkers.figures.km import below, km
from biomarkers.figures.panels import size
from biomarkers.figures.people import KEY_ROW, Entry, key, key_height, nobody, up
from biomarkers.figures.style import (
    DOUBLE,
    NOTE,
    POINTS_PER_MM,
    SINGLE,
    TEXT,
    TICK,
    TITLE,
    axes_of,
    data_y,
    fit,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.tokens import light
from biomarkers.tables import need, order, short_names, text, time_unit

COLUMNS = ("reason", "n_excluded", "n_left", "total")
FATES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "analysed": ("analysed", ("included",), "surface"),
    "no draw": ("at risk, no draw in time", ("no_measurement", "no_draw_in_window", "draw_on_or_after_event",
                                             "measurement_too_old"), "loss0"),
    "no value": ("at risk, draw without a value", ("failed_qc", "not_evaluable"), "loss1"),
    "incomplete": ("at risk, something else is missing", ("not_in_cohort", "no_baseline", "missing_covariate", "model_gate"),
                   "loss-middle"),
    "censored": ("censored by then", ("censored_at_or_before_landmark",), "loss2"),
    "event": ("event by then", ("event_at_or_before_landmark",), "ink2"),
}  # fmt: skip
"""Fate: its words, the reasons of the flow that it gathers, its tone. In the order of the bar."""
ROW, BAR = 34.0, 20.0
"""Points: from bar to bar, and its height."""


def losses(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    by: str | None = None,
    groups: Sequence[str] = (),
    landmark: float | None = None,
    start: str = "registered",
    legend: bool = True,
) -> Axes:
    """One bar per group.

    Parameters
    ----------
    table : pandas.DataFrame
        A flow: reason, n_excluded, n_left, total, and the column `by`; rows of finer groups are added up.
    ax : matplotlib Axes, optional
    by : str, optional
        Column of the bars: arm, cohort, timing; one bar for all by default.
    groups : sequence of str
        The order of the design.
    landmark : float, optional
        The day, for the words of the key.
    start : str
        What those are called who came in.
    legend : bool
        Whether to write the key below the bars.

    Returns
    -------
    matplotlib Axes
    """
    need(table, (*COLUMNS, *([by] if by else [])), "losses")
    with house():
        ax = axes_of(ax, SINGLE, 55)
        bars = _bars(table, by, groups)
        if not any(sum(parts.values()) for _, parts in bars):
            return nobody(ax, "nobody came in")
        most = max(sum(parts.values()) for _, parts in bars)
        wide = size(ax)[0]
        ax.set_axis_off()
        ax.set_xlim(0, most * 1.0)
        ax.set_ylim(-0.5, len(bars) - 0.5)
        high = BAR / ROW
        shown = short_names([name for name, _ in bars])
        for place_, (name, (_, parts)) in enumerate(zip(shown, bars, strict=True)):
            y = len(bars) - 1 - place_
            _bar(ax, parts, y, high, wide / most)
            _words(ax, name, parts, y, start, named=by is not None)
        if legend:
            key(ax, entries(table, landmark=landmark), left=0, top=-4, room=wide)
    return ax


def losses_figure(
    table: pd.DataFrame,
    *,
    by: str | None = "arm",
    groups: Sequence[str] = (),
    landmark: float | None = None,
    start: str = "registered",
    width_mm: float = SINGLE,
) -> Figure:
    """The whole figure at its final size."""
    need(table, (*COLUMNS, *([by] if by else [])), "losses")
    bars = _bars(table, by, groups)
    total = width_mm * POINTS_PER_MM
    names = short_names([name for name, _ in bars])
    left = min(0.36 * total, 14 + max([width(name, TEXT) for name in names] + [width(f"000 {start}", NOTE)]))
    marks = entries(table, landmark=landmark)
    with house():
        foot = key_height(marks, total - 12) + 8
        figure = new_figure(width_mm, (foot + ROW * max(len(bars), 1) + 4) / POINTS_PER_MM)
        ax = place(figure, left, foot, total - left - 46, ROW * max(len(bars), 1))
        losses(table, ax=ax, by=by, groups=groups, landmark=landmark, start=start, legend=False)
        key(ax, marks, left=6 - left, top=-4, room=total - 12)
    return figure


def landmark_figure(
    flow: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    landmark: float,
    by: str | None = "arm",
    groups: Sequence[str] = (),
    start: str = "registered",
    kind: str = "class",
    notes: Sequence[str] = (),
    title: str = "",
    ylabel: str = "Event-free",
    origin: str = "time zero",
    unit: str | None = None,
) -> Figure:
    """A landmark analysis of one cohort as it must be read: at the left who is lost before, at the right the curves after.

    Parameters
    ----------
    flow : pandas.DataFrame
        The columns of `losses` and `by`, of this cohort.
    curves : pandas.DataFrame
        The columns of `km`, of this cohort and analysis; they begin at the landmark.
    landmark : float
        The day.
    by, groups, start
        As in `losses`.
    kind, notes, ylabel, unit
        As in `km`.
    title : str
        What the classes are: "ctDNA at week 6".
    origin : str
        What day 0 is.
    """
    need(flow, (*COLUMNS, *([by] if by else [])), "losses")
    need(curves, KM_COLUMNS, "km")
    bars, marks = _bars(flow, by, groups), entries(flow, landmark=landmark)
    total = DOUBLE * POINTS_PER_MM
    half, names = 0.41 * total, short_names([name for name, _ in bars])
    left = min(0.4 * half, 14 + max([width(name, TEXT) for name in names] + [width(f"000 {start}", NOTE)]))
    groups_ = order(curves["group"])
    room = min(max([58.0, *(width(numbers.label(g), TICK) + 30 for g in groups_)]), 0.24 * total)
    unit = unit or time_unit(float(curves["time"].max()))
    with house():
        tall, head, foot = 142.0, 24.0, below(len(groups_)) + 3
        full = max(head + tall + foot, head + ROW * len(bars) + KEY_ROW * len(marks) + 16)
        figure = new_figure(DOUBLE, full / POINTS_PER_MM)
        under = full - head - ROW * len(bars)
        ax = place(figure, left, under, half - left - 46, ROW * len(bars))
        losses(flow, ax=ax, by=by, groups=groups, landmark=landmark, start=start, legend=False)
        key(ax, marks, left=6 - left, top=-8, room=half - 12)
        first = fit(f"Before day {landmark:g}: who is lost", half - 12, TITLE, bold=True)
        write(ax, 6 - left, 13, first, transform=points(ax, 0, 1), size=TITLE, weight="bold", va="center")
        at = half + 14 + room
        curve = place(figure, at, full - head - tall, total - at - 8, tall)
        km(curves, ax=curve, unit=unit, kind=kind, notes=notes, ylabel=ylabel, xlabel=f"{unit.capitalize()} from {origin}",
           room=room)  # fmt: skip
        then = fit(f"After it{f': {numbers.label(title)}' if title else ''}", total - at, TITLE, bold=True)
        write(curve, 0, 13, then, transform=points(curve, 0, 1), size=TITLE, weight="bold", va="center")
    return figure


def entries(table: pd.DataFrame, *, landmark: float | None = None) -> list[Entry]:
    """The key: fates with their number in all, only those that occur."""
    ((_, parts),) = _bars(table, None, ())
    if not sum(parts.values()):
        return []
    found = []
    for fate, (words, _, tone) in FATES.items():
        if parts[fate] or fate == "analysed":
            said = words.replace("by then", f"by day {landmark:g}") if landmark is not None else words
            found.append(Entry(f"{said}: {numbers.count(parts[fate])}", _square(tone)))
    return found


def _square(tone: str) -> dict[str, Any]:
    return {"marker": "s", "markersize": 6, "markerfacecolor": light(tone), "markeredgewidth": 0.8,
            "markeredgecolor": light("ink" if tone == "surface" else tone)}  # fmt: skip


def _bars(table: pd.DataFrame, by: str | None, groups: Sequence[str]) -> list[tuple[str, dict[str, int]]]:
    """Fates of each group, in the order of the bar; the counts are those of the flow."""
    fate_of = {reason: fate for fate, (_, reasons, _) in FATES.items() for reason in reasons}
    names = [""] if by is None else list(dict.fromkeys([*groups, *order(table[by], groups)]))
    found = []
    for name in names:
        own = table if by is None else table[table[by].map(text) == name]
        parts = dict.fromkeys(FATES, 0)
        for reason, gone, left in zip(own["reason"].map(text), own["n_excluded"], own["n_left"], strict=True):
            if reason in FLOW:
                parts[fate_of[reason]] += int(left if reason == "included" else gone)
        found.append((name, parts))
    return found


def _bar(ax: Axes, parts: dict[str, int], y: float, high: float, per: float) -> None:
    """The segments from the left; a count stands inside where it has room."""
    at = 0
    for fate, (_, _, tone) in FATES.items():
        n = parts[fate]
        if not n:
            continue
        edge = light("ink" if fate == "analysed" else "surface")
        ax.barh(y, n, left=at, height=high, facecolor=light(tone), edgecolor=edge, linewidth=1.0 if fate == "analysed" else 0.7,
                zorder=3 if fate == "analysed" else 2, clip_on=False)  # fmt: skip
        if width(numbers.count(n), TICK) + 3 < n * per:
            write(ax, at + n / 2, y, numbers.count(n), size=TICK, ha="center", va="center", zorder=4,
                  weight="bold" if fate == "analysed" else "normal",
                  color=light("surface" if tone == "ink2" else "ink"))  # fmt: skip
        at += n


def _words(ax: Axes, name: str, parts: dict[str, int], y: float, start: str, *, named: bool) -> None:
    total = sum(parts.values())
    figure = ax.get_figure(root=True)
    assert figure is not None
    room = 72 * figure.get_size_inches()[0] * ax.get_position().x0 - 8
    if named:
        write(ax, -6, y, fit(name, room, TEXT), transform=data_y(ax) + up(ax, 4.6), ha="right", va="center")
    who = f"{numbers.count(total)} {start}" if total else "nobody"
    write(ax, -6, y, fit(who, room, NOTE), transform=data_y(ax) + up(ax, -4.6 if named else 0), size=NOTE, ha="right",
          va="center", color=light("ink2"))  # fmt: skip
    if total:
        lost = f"{numbers.percent(total - parts['analysed'], total)} lost"
        write(ax, 4, y, lost, transform=data_y(ax, total / ax.get_xlim()[1]), size=NOTE, ha="left", va="center")
