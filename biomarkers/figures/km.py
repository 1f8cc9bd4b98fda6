"""Kaplan-Meier curves, one panel per cohort, with numbers at risk and cumulative events under their own tick.

The table below the axis is the legend: each row begins with a sample of its line, in the order of the design. Its rows are
placed in points, not in fractions of the axes, so they stay aligned in a figure of any size. The steps, limits and counts are
those of the tidy table; drawing looks them up and computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from biomarkers.domain import numbers
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.panels import size
from biomarkers.figures.style import (
    DOUBLE,
    LEAST,
    MIDDLE,
    NOTE,
    POINTS_PER_MM,
    TEXT,
    TICK,
    TITLE,
    axes_of,
    data_x,
    fit,
    heading,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.ticks import time_ticks
from biomarkers.figures.tokens import Mark, group_marks, light
from biomarkers.tables import need, order, text, time_unit

COLUMNS = ("group", "time", "survival", "conf_low", "conf_high", "n_risk", "n_event", "n_censor")
ROW, FIRST_ROW, SAMPLE = 10.6, 30.0, 13.0
"""Points: between rows of the table, from the axis to its first row, length of the line sample."""
SIDE = 0.012
"""Share of the longest time that the axis leaves free at each side."""


def km(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    unit: str | None = None,
    kind: str = "class",
    marks: Mapping[str, Mark] | None = None,
    limit: float | None = None,
    ylabel: str = "Event-free",
    xlabel: str = "",
    notes: Sequence[str] = (),
    counts: bool = True,
    heads: bool = True,
    room: float = 62.0,
    before: str = "class not yet known",
) -> Axes:
    """Curves of one analysis in one cohort, with the numbers below the axis.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns group, group_order, time (days), survival, conf_low, conf_high, n_risk, n_event, n_censor; the first row of a
        group is time 0 and `n_risk` counts those at risk just before `time`.
    ax : matplotlib Axes, optional
        Needs free space of ``below(number of groups)`` points under it.
    unit : {"weeks", "months", "days"}, optional
        Of the axis; weeks unless follow-up passes three years.
    kind : {"class", "arm"}
        Marker classes and arms never share a hue; the first group is the reference.
    marks : mapping of group to Mark, optional
        How single groups are drawn, in place of `kind`.
    limit : float, optional
        End of the axis in days; the longest time of the table by default.
    notes : sequence of str
        Lines of the corner: medians, hazard ratio. They take whichever corner the curves leave free.
    counts, heads : bool
        Whether to write the table below the axis, and its labels (only the first panel of a row has them).
    room : float
        Points to the left of the axis for the labels.
    before : str
        What is said of the time before the curves begin.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "km")
    with house():
        ax = axes_of(ax)
        unit = unit or time_unit(float(table["time"].max()))
        scale, end = DAYS_PER[unit], (limit or float(table["time"].max())) / DAYS_PER[unit]
        groups = _groups(table)
        own = group_marks(len(groups), kind)
        drawn = [(marks or {}).get(name, mark) for (name, _), mark in zip(groups, own, strict=True)]
        ax.axhline(0.5, color=light("hairline"), linewidth=0.5, zorder=0.5)
        start = float(table["time"].min()) / scale
        ax.set_xlim(-SIDE * end, end * (1 + SIDE))
        if start > 0:
            _unknown(ax, start, before)
        for (_, rows), mark in zip(groups, drawn, strict=True):
            _curve(ax, rows, mark, scale)
        ticks = time_ticks(end, unit, int(size(ax)[0] / 20))
        if start > 0:  # the landmark has its own tick; a neighbour whose numbers would touch its own goes
            per_point, own = (1 + 2 * SIDE) * end / size(ax)[0], width(f"{round(start, 1):g}", TICK)
            after = max(14.0, width(numbers.count(int(table["n_risk"].max())), TICK) + 4) * per_point
            early = [t for t in ticks if t < start and start - t > per_point * ((own + width(f"{t:g}", TICK)) / 2 + 3)]
            ticks = [*early, start, *(t for t in ticks if t - start > after)]
        ax.set_ylim(0, 1.03)
        ax.set_xticks(ticks, [f"{round(t, 1):g}" for t in ticks])
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1.00"])
        ax.set_xlabel(numbers.label(xlabel or unit.capitalize()), parse_math=False)
        ax.set_ylabel(fit(ylabel, size(ax)[1], TEXT), parse_math=False)
        _corner(ax, table, notes, scale, end, start / end)
        if counts:
            _counts(ax, groups, drawn, ticks, scale, heads=heads, room=room)
    return ax


def _unknown(ax: Axes, start: float, words: str) -> None:
    """The time before a landmark: no curve is drawn before the class is known."""
    ax.axvspan(0, start, facecolor=light("plate"), edgecolor="none", zorder=0)
    ax.axvline(start, color=light("ink"), linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0.6)
    low, high = ax.get_xlim()
    if start / (high - low) * size(ax)[0] < LEAST + 3:  # beside an early landmark the words would lie on the curves
        return
    write(
        ax,
        start / 2,
        0.5,
        words,
        transform=ax.get_xaxis_transform(),
        size=LEAST,
        rotation=90,
        ha="center",
        va="center",
        color=light("ink2"),
    )


def below(n_groups: int) -> float:
    """Points needed under the axis for both blocks of the table."""
    return FIRST_ROW + ROW * (2 * n_groups + 2) + 2


def _groups(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    ranked = table.sort_values("group_order", kind="stable") if "group_order" in table else table
    names = order(ranked["group"])
    return [(name, table[table["group"].map(text) == name].sort_values("time", kind="stable")) for name in names]


def _curve(ax: Axes, rows: pd.DataFrame, mark: Mark, scale: float) -> None:
    time, survival = rows["time"].to_numpy(float) / scale, rows["survival"].to_numpy(float)
    low, high = rows["conf_low"].to_numpy(float), rows["conf_high"].to_numpy(float)
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        # A band over the last step, where the variance is not defined, would look like certainty; it ends before.
        ax.fill_between(
            time,
            np.where(known, low, np.nan),
            np.where(known, high, np.nan),
            where=known,
            step="post",
            color=mark.colour,
            alpha=0.13,
            linewidth=0,
            zorder=1,
        )
    style = (0, mark.dashes) if mark.dashes else "-"
    ax.plot(
        time,
        survival,
        drawstyle="steps-post",
        color=mark.colour,
        linewidth=mark.width,
        linestyle=style,
        zorder=3,
        solid_joinstyle="miter",
    )
    censored = rows["n_censor"].to_numpy(float) > 0
    if censored.any():
        ax.plot(
            time[censored],
            survival[censored],
            linestyle="none",
            marker="|",
            markersize=4,
            markeredgewidth=0.8,
            color=mark.colour,
            zorder=4,
        )


def _at(rows: pd.DataFrame, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At risk just before each day, and events up to and including it: what `summary(survfit, times)` prints in R."""
    time, at_risk = rows["time"].to_numpy(float), np.r_[rows["n_risk"].to_numpy(float), 0]
    events = np.r_[0, np.cumsum(rows["n_event"].to_numpy(float))]
    return at_risk[np.searchsorted(time, days - 1e-9)], events[np.searchsorted(time, days + 1e-9, side="right")]


def _counts(
    ax: Axes,
    groups: list[tuple[str, pd.DataFrame]],
    marks: Sequence[Mark],
    ticks: Sequence[float],
    scale: float,
    *,
    heads: bool,
    room: float,
) -> None:
    corner, under = points(ax), data_x(ax)
    left, days = -room, np.array(ticks, float) * scale
    shown = [_at(rows, days) for _, rows in groups]
    known = [days >= float(rows["time"].min()) - 1e-9 for _, rows in groups]  # before a landmark nobody is at risk in a class
    for block, title in enumerate(("At risk", "Cumulative events")):
        top = -(FIRST_ROW + block * ROW * (len(groups) + 1.25))
        if heads:
            write(ax, left, top, title, transform=corner, size=TICK, weight="bold", va="center")
        for row, ((name, _), mark) in enumerate(zip(groups, marks, strict=True)):
            y = top - (row + 1) * ROW
            if heads:
                _sample(ax, left, y, mark)
                write(ax, left + SAMPLE + 3, y, fit(name, room - SAMPLE - 13, TICK), transform=corner, size=TICK, va="center")
            for tick, n, here in zip(ticks, shown[row][block], known[row], strict=True):
                if here:
                    write(ax, tick, y, numbers.count(int(n)), transform=under, size=TICK, va="center", ha="center")


def _sample(ax: Axes, x: float, y: float, mark: Mark) -> None:
    line = Line2D(
        [x, x + SAMPLE],
        [y, y],
        transform=points(ax),
        color=mark.colour,
        linewidth=mark.width,
        linestyle=(0, mark.dashes) if mark.dashes else "-",
        clip_on=False,
    )
    ax.add_line(line)


def _corner(ax: Axes, table: pd.DataFrame, notes: Sequence[str], scale: float, end: float, begin: float) -> None:
    """Write the notes where no curve runs: upper right, else lower left, else lower right, else above the curves' middle.

    `begin` is the share of the axis before the landmark, which holds words of its own.
    """
    if not notes:
        return
    wide, high = size(ax)
    words = [fit(line, wide - 8, NOTE) for line in notes]
    share_x = min(1.0, (max(width(w, NOTE) for w in words) + 8) / wide)
    share_y = (len(words) * 9.4 + 6) / high
    taken = [(rows["time"].to_numpy(float) / scale / end, rows["survival"].to_numpy(float)) for _, rows in _groups(table)]

    def free(x0: float, x1: float, y0: float, y1: float) -> bool:
        for time, survival in taken:
            last = time <= x0
            inside = survival[(time > x0) & (time < x1)]
            at = np.concatenate([survival[last][-1:] if time[-1] >= x0 else [], inside])
            if at.size and ((at > y0) & (at < y1)).any():
                return False
            drops = np.concatenate([survival[last][-1:], inside])
            if time[-1] >= x0 and drops.size and drops.max() >= y1 and drops.min() <= y0 and len(drops) > 1:
                return False
        return True

    if free(1 - share_x, 1.01, 1.03 - share_y, 1.04):
        x, y, side = 1.0, 1.0, "right"
    elif free(begin, begin + share_x, -0.01, share_y) and begin + share_x < 1:
        x, y, side = (begin + SIDE) / (1 + 2 * SIDE) * (begin > 0) + 4 / wide, share_y - 4 / high, "left"
    elif free(1 - share_x, 1.01, -0.01, share_y):
        x, y, side = 1.0, share_y - 4 / high, "right"
    else:
        x, y, side = 1.0, 1.0, "right"
    for row, line in enumerate(words):
        write(
            ax,
            -2 if side == "right" else 2,
            -row * 9.4 - 3,
            line,
            transform=points(ax, x, y),
            size=NOTE,
            ha=side,
            va="top",
            bbox={"facecolor": light("surface"), "edgecolor": "none", "pad": 0.6, "alpha": 0.75}
            if y == 1.0 and not free(1 - share_x, 1.01, 1.03 - share_y, 1.04)
            else None,
            zorder=5,
        )


def kaplan_meier(
    curves: pd.DataFrame,
    *,
    cohorts: Sequence[str] = (),
    kind: str = "class",
    marks: Mapping[str, Mark] | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
    titles: Mapping[str, str] | None = None,
    ylabel: str = "Event-free",
    origin: str = "time zero",
    unit: str | None = None,
    places: Mapping[str, int] | None = None,
    before: str = "class not yet known",
) -> Figure:
    """One panel per cohort, y and time axis shared, each with its own table of numbers.

    Parameters
    ----------
    curves : pandas.DataFrame
        Rows of one analysis: the columns of `km` and `cohort`.
    cohorts : sequence of str
        The order of the design; others follow as they come.
    kind : {"class", "arm"}
    marks : mapping of group to Mark, optional
        How single groups are drawn, in place of `kind`.
    notes : mapping of cohort to lines, optional
        Medians and hazard ratio for the corner.
    titles : mapping of cohort to str, optional
        Panel titles; the cohort's name by default.
    origin : str
        What time 0 is: "Weeks from registration".
    places : mapping of cohort to int, optional
        The cohort's place in the design, which gives the bar under its title its hue.
    before : str
        As `km`.

    Returns
    -------
    matplotlib Figure
        180 mm wide, 120 mm for a single panel.
    """
    names = order(curves["cohort"], cohorts)
    longest = float(curves["time"].max())
    unit = unit or time_unit(longest)
    in_row = {1: 1, 2: 2, 4: 2}.get(len(names), 3)
    n_rows = math.ceil(len(names) / in_row)
    n_groups = [len(_groups(_of(curves, name))) for name in names]
    with house():
        total = (MIDDLE if len(names) == 1 else DOUBLE) * POINTS_PER_MM
        labels = [text(g) for g in curves["group"].unique()]
        widest = max(width(numbers.label(g), TICK) for g in labels)
        room = min(max(58.0, widest + SAMPLE + 15), (0.36 if len(names) == 1 else 0.26) * total)
        gap, right, head, foot = 26.0, 8.0, 22.0, 3.0
        panel = (total - room - 4 - right - gap * (in_row - 1)) / in_row
        axis = 142.0 if in_row < 3 else 118.0
        heights = [head + axis + below(max(n_groups[r * in_row : (r + 1) * in_row])) + foot for r in range(n_rows)]
        figure = new_figure(total / POINTS_PER_MM, (sum(heights) + 8 * (n_rows - 1)) / POINTS_PER_MM)
        top = sum(heights) + 8 * (n_rows - 1)
        for i, name in enumerate(names):
            row, column = divmod(i, in_row)
            bottom = top - sum(heights[: row + 1]) - 8 * row + heights[row] - head - axis
            ax = place(figure, room + 4 + column * (panel + gap), bottom, panel, axis)
            # Every panel whose groups differ from the first of its row carries its own labels; the rest share them.
            km(
                _of(curves, name),
                ax=ax,
                unit=unit,
                kind=kind,
                marks=marks,
                limit=longest,
                ylabel=ylabel if column == 0 else "",
                xlabel=f"{unit.capitalize()} from {origin}",
                notes=(notes or {}).get(name, ()),
                heads=column == 0,
                room=room,
                before=before,
            )
            if column:
                ax.set_yticklabels([])
            title = (titles or {}).get(name, numbers.label(name))
            heading(ax, fit(title, panel, TITLE, bold=True), (places or {}).get(name, i))
    return figure


def _of(curves: pd.DataFrame, cohort: str) -> pd.DataFrame:
    return curves[curves["cohort"].map(text) == cohort]
