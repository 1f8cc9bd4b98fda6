"""Waterfall: the best change of each patient, from the largest rise to the largest fall.

The control is open and the contrast filled, so that a grey copy keeps them apart; ordered classes go from white to dark. A
change that is only known to lie beyond a limit ends in an open triangle that points to where it may go on. Who could not be
measured is counted in the figure. Nothing is clipped in silence: a bar longer than a declared limit is broken and says its
value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
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
    words_of,
)
from biomarkers.figures.panels import size
from biomarkers.figures.people import Entry, key, key_height, key_lines, nobody
from biomarkers.figures.style import (
    DOUBLE,
    LEAST,
    NOTE,
    POINTS_PER_MM,
    TEXT,
    axes_of,
    fit,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.tokens import ARMS, cohort_mark, light
from biomarkers.tables import floats, need, order, text

COLUMNS = ("subject", "change", "bound")
STUB = 1.1
"""Points above and below the line of a bar without a change."""
_RAMP = (("surface", "ink2"), ("loss1", "ink2"), ("loss2", "ink2"), ("ink2", "ink2"), ("ink", "ink"))


def waterfall(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    marker: Marker | None = None,
    measure: Measure | None = None,
    by: str | None = None,
    groups: Sequence[str] = (),
    lines: Sequence[float] | None = None,
    limit: float | None = None,
    ylabel: str = "",
    legend: bool = True,
) -> Axes:
    """The bars of one set of patients.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.over_time.best_change`: subject, change (in doublings, percent or points), bound ("", "at most", "at least",
        "both below", "both above"). A row without a change is counted, not drawn.
    ax : matplotlib Axes, optional
    marker : Marker, optional
        Gives the measure and the words of the axis.
    measure : {"fold", "percent", "points"}, optional
        What `change` is in: doublings ("fold", ticks as multiples), percent, or units of the marker.
    by : str, optional
        Column that fills the bars: arm, cohort, response.
    groups : sequence of str
        The order of the design; best response goes from CR to PD.
    lines : sequence of float, optional
        Reference lines; +20 and -30 for percent by default.
    limit : float, optional
        Bars longer than this are broken there and carry their value; by default the axis holds every bar.
    ylabel : str
        In place of the marker's words.
    legend : bool
        Whether to write the key below the axis.

    Raises
    ------
    UseError
        A column is missing, or a bound is unknown.
    """
    need(table, (*COLUMNS, *([by] if by else [])), "waterfall")
    check_bounds(table)
    measure = measure or measure_of(marker)
    with house():
        ax = axes_of(ax, DOUBLE, 62)
        change = floats(table["change"])
        shown = table[np.isfinite(change)].assign(change=change[np.isfinite(change)])
        if shown.empty:
            return nobody(ax, f"nobody of {len(table)} with a change" if len(table) else "nobody")
        shown = shown.assign(_size=shown["change"].map(lambda v: -v)).sort_values("_size", kind="stable", ignore_index=True)
        top = min(float(shown["change"].max()), limit or math.inf)
        low = max(float(shown["change"].min()), -(limit or math.inf))
        span = (max(top, 0.0) - min(low, 0.0)) or 1.0
        over, under = (0.09 + 24 / size(ax)[1] * bool(cut) for cut in ((change > top).any(), (change < low).any()))
        ax.set_xlim(-0.9, len(shown) - 0.1)
        ax.set_ylim(min(low, 0.0) - under * span, max(top, 0.0) + over * span)
        stub = STUB * (ax.get_ylim()[1] - ax.get_ylim()[0]) / size(ax)[1]
        fills = fill_of(shown, by, groups, dense=dense(len(shown), size(ax)[0]))
        shown_edges = not dense(len(shown), size(ax)[0])
        for name, style in fills.items():
            own = shown[shown[by].map(text) == name] if by else shown
            ax.bar(own.index, own["change"].clip(low, top), width=0.78, linewidth=0.7 if shown_edges else 0, zorder=2, **style)
            same = own[own["change"].abs() < stub]  # no change is a patient too, and not a gap
            if len(same):
                ax.bar(same.index, 2 * stub, bottom=-stub, width=0.78, linewidth=0.7 if shown_edges else 0, zorder=2, **style)
        ax.axhline(0, color=light("ink"), linewidth=0.6, zorder=2.5)
        reference_lines(ax, RECIST.get(measure, ()) if lines is None else lines, measure)
        _bounds(ax, shown, low, top)
        _broken(ax, shown, low, top, measure)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        beyond_axis = change.size and ((change > top).any() or (change < low).any())
        change_ticks(ax, measure, (min(low, 0.0), max(top, 0.0)) if beyond_axis else None)
        ax.set_ylabel(fit(ylabel or change_label(marker, measure, "Best change"), size(ax)[1] + 16, TEXT), parse_math=False)
        _count(ax, len(shown), len(table))
        if legend:
            key(ax, entries(shown, fills, by=by), left=-30, top=-8, room=size(ax)[0] + 30)
    return ax


def waterfall_figure(
    table: pd.DataFrame,
    *,
    marker: Marker | None = None,
    measure: Measure | None = None,
    by: str | None = "arm",
    groups: Sequence[str] = (),
    lines: Sequence[float] | None = None,
    limit: float | None = None,
    ylabel: str = "",
    width_mm: float = DOUBLE,
    tall: float = 150.0,
) -> Figure:
    """The whole figure at its final size, its key below."""
    need(table, (*COLUMNS, *([by] if by else [])), "waterfall")
    total = width_mm * POINTS_PER_MM
    shown = table[np.isfinite(floats(table["change"]))]
    marks = entries(shown, fill_of(shown, by, groups, dense=dense(len(shown), total - 54)), by=by)
    with house():
        foot = key_height(marks, total - 12) + 8 if key_lines(marks, total - 12) else 6.0
        figure = new_figure(width_mm, (tall + foot + 14) / POINTS_PER_MM)
        ax = place(figure, 48, foot, total - 54, tall)
        waterfall(table, ax=ax, marker=marker, measure=measure, by=by, groups=groups, lines=lines, limit=limit, ylabel=ylabel,
                  legend=False)  # fmt: skip
        if marks:
            key(figure, marks, left=6, top=foot - 6, room=total - 12)
    return figure


def dense(n: int, wide: float) -> bool:
    """Whether so many bars are too thin for an outline: open bars would look filled, and are drawn pale instead."""
    return wide / max(n, 1) < 3.0


def fill_of(
    table: pd.DataFrame, by: str | None, groups: Sequence[str] = (), *, dense: bool = False
) -> dict[str, dict[str, Any]]:
    """How the bars of each group are filled: control open, contrast filled; more than two from white to dark."""
    if by is None:
        return {"": {"facecolor": light("loss2"), "edgecolor": light("loss2")}}
    names = order(table[by], groups)
    known = [str(g) for g in groups] or names
    if len(known) <= 2:
        colours = [cohort_mark(i).colour if by == "cohort" else ARMS[min(i, 1)].colour for i in range(3)]
        full = 0 if by == "cohort" else 1
        return {n: _filled(colours[i], full=i == full, dense=dense) for i, n in _placed(names, known)}
    ramp = {n: _RAMP[min(i, len(_RAMP) - 1)] for i, n in _placed(names, known)}
    return {n: {"facecolor": light("loss0" if dense and face == "surface" else face), "edgecolor": light(edge)}
            for n, (face, edge) in ramp.items()}  # fmt: skip


def _placed(names: Sequence[str], known: Sequence[str]) -> list[tuple[int, str]]:
    return [(known.index(n) if n in known else len(known), n) for n in names]


def _filled(colour: str, *, full: bool, dense: bool) -> dict[str, Any]:
    return {"facecolor": colour if full else light("loss1" if dense else "surface"), "edgecolor": colour}


def entries(shown: pd.DataFrame, fills: Mapping[str, Mapping[str, Any]], *, by: str | None) -> list[Entry]:
    """The key: groups with their number, then the bounds that the table has."""
    found = []
    if by is not None:
        n = shown[by].map(text).value_counts()
        found = [Entry(f"{numbers.label(name)} (n{numbers.NBSP}={numbers.NBSP}{n.get(name, 0)})",
                       {"marker": "s", "markersize": 5.5, "markerfacecolor": style["facecolor"],
                        "markeredgecolor": style["edgecolor"], "markeredgewidth": 0.8})
                 for name, style in fills.items()]  # fmt: skip
    present = [b for b in BOUND_WORDS if (shown["bound"] == b).any()]
    return found + [Entry(BOUND_WORDS[b], beyond(SYMBOLS[b])) for b in present]


def _bounds(ax: Axes, shown: pd.DataFrame, low: float, top: float) -> None:
    for bound in BOUND_WORDS:
        own = shown[shown["bound"] == bound]
        if own.empty:
            continue
        symbol = SYMBOLS[bound]
        away = {"v": -1.0, "^": 1.0, "o": 0.0}[symbol] * 0.028 * (ax.get_ylim()[1] - ax.get_ylim()[0])
        small = min(3.6, 0.9 * size(ax)[0] / (len(shown) + 1))
        style = beyond(symbol) | {"markersize": small}
        ax.plot(own.index, own["change"].clip(low, top) + away, **style, zorder=3.2, clip_on=False)


def _broken(ax: Axes, shown: pd.DataFrame, low: float, top: float, measure: str) -> None:
    """Bars that leave the axis: two strokes across, and the value beside the end."""
    height = ax.get_ylim()[1] - ax.get_ylim()[0]
    for at, value in enumerate(shown["change"]):
        if low <= value <= top:
            continue
        end = top if value > top else low
        for k in (0.88, 0.92):
            ax.plot([at - 0.55, at + 0.55], [end * k - 0.008 * height, end * k + 0.008 * height], color=light("surface"),
                    linewidth=1.2, zorder=3)  # fmt: skip
        write(ax, at, end, f" {words_of(value, measure)} ", size=LEAST, rotation=90, ha="center",
              va="bottom" if value > 0 else "top", zorder=4)  # fmt: skip


def _count(ax: Axes, n: int, total: int) -> None:
    """Who could be measured, above the right end: no bar comes there."""
    share = f" ({numbers.percent(n, total)})" if n < total else ""
    people = f"{numbers.count(n)} of {numbers.plural(total, 'patient')}{share}" if n < total else numbers.plural(n, "patient")
    words = f"{people} with a baseline and a later value"
    wide = size(ax)[0]
    shown = words if width(words, NOTE) < wide else people
    write(ax, 0, 3, fit(shown, wide, NOTE), transform=points(ax, 1, 1), size=NOTE, ha="right", va="bottom", color=light("ink2"))
