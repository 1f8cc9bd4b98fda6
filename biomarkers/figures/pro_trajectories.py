"""Scores that patients report, over time: means with their intervals, the smallest noticeable difference, who still answers.

The band around the first mean is what patients would not notice. Below each day stands how many answered of how many were
expected, because a late mean is the mean of those who are left. Cohorts are panels; groups that were not randomised are never
drawn on one axis.
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
from biomarkers.figures.people import dots
from biomarkers.figures.style import (
    DOUBLE,
    LEAST,
    NOTE,
    POINTS_PER_MM,
    SINGLE,
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
from biomarkers.figures.ticks import round_values
from biomarkers.figures.tokens import group_marks, light
from biomarkers.tables import need, order, short_names, text

COLUMNS = ("day", "n", "expected", "mean", "conf_low", "conf_high", "minimal_difference")
ROW, FIRST_ROW = 10.4, 29.0
"""Points: between rows of counts, from the axis to the first."""


def pro_trajectories(
    table: pd.DataFrame, *, ax: Axes | None = None, arms: Sequence[str] = (), unit: str = "months", ylabel: str = "Score",
    limits: tuple[float, float] | None = None, heads: bool = True, room: float = 46.0,
) -> Axes:
    """One instrument in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `trial.trajectories` of one instrument and cohort: columns day, n, expected, mean, conf_low, conf_high,
        minimal_difference (missing: no band), and arm where there are arms.
    ax : matplotlib Axes, optional
        Needs free space of ``below(number of arms)`` points under it.
    arms : sequence of str
        The order of the design.
    unit : {"months", "weeks", "days"}
    ylabel : str
    limits : (float, float), optional
        Of the vertical axis, where panels share one.
    heads, room : bool, float
        Whether the rows of counts carry their words, and the points they have for them.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "pro_trajectories")
    with house():
        ax = axes_of(ax)
        scale = DAYS_PER[unit]
        named = table.assign(arm=table["arm"].map(text) if "arm" in table else "")
        names = order(named["arm"], arms)
        marks = group_marks(len(names), "arm")
        days = sorted(float(d) for d in named["day"].unique())
        span = (days[-1] - days[0]) / scale or 1.0
        low, high = limits or range_of(named)
        ax.set_ylim(low, high)
        ax.set_xlim(days[0] / scale - 0.06 * span, days[-1] / scale + 0.06 * span)
        _band(ax, named, names)
        for i, (name, mark) in enumerate(zip(names, marks, strict=True)):
            rows = named[named["arm"] == name].sort_values("day", kind="stable")
            x = rows["day"].to_numpy(float) / scale + (i - (len(names) - 1) / 2) * 0.018 * span
            y, down, up = (rows[c].to_numpy(float) for c in ("mean", "conf_low", "conf_high"))
            ax.vlines(x, down, up, color=mark.colour, linewidth=1.1, zorder=2.6)
            stroke = (0, mark.dashes) if mark.dashes else "-"
            ax.plot(x, y, color=mark.colour, linewidth=mark.width, linestyle=stroke, zorder=2.8)
            ax.plot(x, y, **dots(mark, 3.6), zorder=3)
        ticks = _ticks(days, scale, size(ax)[0])
        ax.set_xticks([t for t, _ in ticks], [words for _, words in ticks])
        levels = [v for v in round_values(low, high, None) if low <= v <= high]
        ax.set_yticks(levels, [numbers.value(v) for v in levels])
        ax.set_xlabel(unit.capitalize(), parse_math=False)
        ax.set_ylabel(fit(ylabel, size(ax)[1] + 32, TEXT), parse_math=False)
        _counts(ax, named, names, marks, [t * scale for t, _ in ticks], scale, heads=heads, room=room)
    return ax


def pro_figure(
    table: pd.DataFrame, *, cohorts: Sequence[str] = (), arms: Sequence[str] = (), titles: Mapping[str, str] | None = None,
    places: Mapping[str, int] | None = None, unit: str = "months",
) -> Figure:
    """A row of panels per instrument, a column per cohort; cohorts of one instrument share their scale."""
    need(table, ("instrument", "label", "direction", "cohort", *COLUMNS), "pro_trajectories")
    named = table.assign(instrument=table["instrument"].map(text), cohort=table["cohort"].map(text))
    instruments, names = order(named["instrument"]), order(named["cohort"], cohorts)
    n_arms = max(1, named["arm"].map(text).nunique() if "arm" in named else 1)
    total = (SINGLE if len(names) == 1 else DOUBLE) * POINTS_PER_MM
    gap, right, head, tall = 16.0, 8.0, 28.0, 92.0
    shown = short_names(order(named["arm"], arms) if "arm" in named else [])
    left = min(max(62.0, max((width(name, TICK) for name in shown), default=0.0) + 32), 0.3 * total)
    foot = below(n_arms)
    in_row = 2 if len(names) == 4 else min(len(names), 3)
    deep = math.ceil(len(names) / in_row)
    panel = (total - left - right - gap * (in_row - 1)) / in_row
    with house():
        full = (head + tall + foot) * len(instruments) * deep
        figure = new_figure(total / POINTS_PER_MM, full / POINTS_PER_MM)
        for row, instrument in enumerate(instruments):
            mine = named[named["instrument"] == instrument]
            label, direction = text(mine["label"].iloc[0]), text(mine["direction"].iloc[0])
            for at, cohort in enumerate(names):
                line, column = divmod(at, in_row)
                part = mine[mine["cohort"] == cohort]
                if part.empty:
                    continue
                ax = place(figure, left + column * (panel + gap), full - (row * deep + line + 1) * (head + tall + foot) + foot,
                           panel, tall)
                said = _axis_words(mine, direction, tall + 32)
                pro_trajectories(part, ax=ax, arms=arms, unit=unit, limits=range_of(mine), heads=column == 0, room=left - 4,
                                 ylabel=said if column == 0 else "")
                if column:
                    ax.tick_params(axis="y", labelleft=False)
                title = (titles or {}).get(cohort, numbers.label(cohort))
                words = fit(f"{title}: {label}" if cohort else label, panel, TITLE, bold=True)
                heading(ax, words, (places or {}).get(cohort, at))
    return figure


def _axis_words(table: pd.DataFrame, direction: str, room: float) -> str:
    """What a mark and its line are, and which way is worse; the direction outlives the level of the interval."""
    levels = table["conf_level"].dropna().unique() if "conf_level" in table else []
    mean = f"Mean ({numbers.level(float(levels[0]))} CI)" if len(levels) == 1 else "Mean score"
    whole = ", ".join(filter(None, (mean, direction)))
    return whole if width(whole, TEXT) <= room else f"Mean, {direction}"


def below(n_arms: int) -> float:
    """Points needed under the axis for the counts."""
    return FIRST_ROW + ROW * (n_arms + (n_arms > 1)) + 6


def range_of(table: pd.DataFrame) -> tuple[float, float]:
    """Everything that is drawn, with a margin: intervals, means and the band."""
    values = np.concatenate([table[c].to_numpy(float) for c in ("mean", "conf_low", "conf_high")])
    values = values[np.isfinite(values)]
    first = table[table["day"] <= 0]
    if len(first):
        wide, mean = (first[c].to_numpy(float) for c in ("minimal_difference", "mean"))
        both = np.concatenate([mean - wide, mean + wide])
        values = np.concatenate([values, both[np.isfinite(both)]])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * ((high - low) or 1.0)
    return low - margin, high + margin


def _band(ax: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    """What patients would not notice, around the first mean of the only group; with several groups no single band is true."""
    first = table[table["day"] <= 0]
    wide = float(table["minimal_difference"].iloc[0]) if len(table) else math.nan
    if len(names) != 1 or first.empty or not math.isfinite(wide):
        return
    middle = float(first["mean"].iloc[0])
    ax.axhspan(middle - wide, middle + wide, facecolor=light("plate"), edgecolor="none", zorder=0)
    ax.axhline(middle, color=light("ink2"), linewidth=0.5, linestyle=(0, (4, 2)), zorder=0.6)
    words = fit(f"band: ± {numbers.value(wide)}, minimal important difference", size(ax)[0] - 18, LEAST)
    write(ax, 0, 3, words, transform=points(ax, 1, 1), size=LEAST, ha="right", va="bottom", color=light("ink2"))


def _ticks(days: Sequence[float], scale: float, wide: float) -> list[tuple[float, str]]:
    """The days of the table where their numbers fit, first and last always."""
    left, right = days[0] / scale, days[-1] / scale
    per_point = (right - left or 1.0) * 1.12 / wide
    room = 24.0 * per_point
    kept = [left]
    for day in days[1:-1]:
        if day / scale - kept[-1] >= room and right - day / scale >= room:
            kept.append(day / scale)
    kept += [right] if right > left else []
    return [(t, f"{t:.0f}") for t in kept]


def _counts(
    ax: Axes, table: pd.DataFrame, names: Sequence[str], marks: Sequence[object], ticks: Sequence[float], scale: float, *,
    heads: bool, room: float,
) -> None:
    corner, under = points(ax), data_x(ax)
    several = len(names) > 1
    if heads:
        write(ax, -room, -FIRST_ROW, "Answered/due", transform=corner, size=LEAST, weight="bold", va="center")
    for place_, (name, short, mark) in enumerate(zip(names, short_names(names), marks, strict=True)):
        y = -FIRST_ROW - ROW * (place_ + several)
        if heads and several:
            line = Line2D([-room, -room + 10], [y, y], transform=corner, color=mark.colour, linewidth=mark.width,  # type: ignore[attr-defined]
                          linestyle=(0, mark.dashes) if mark.dashes else "-", clip_on=False)  # type: ignore[attr-defined]
            ax.add_line(line)
            write(ax, -room + 13, y, fit(short, room - 26, TICK), transform=corner, size=TICK, va="center")
        rows = table[table["arm"] == name].drop_duplicates("day").set_index("day")
        for day in ticks:
            found = next((row for at, row in rows.iterrows() if abs(float(at) - day) < 1e-6), None)
            if found is None:
                continue
            words = f"{numbers.count(float(found['n']))}/{numbers.count(float(found['expected']))}"
            write(ax, day / scale, y, words, transform=under, size=min(NOTE, TICK), ha="center", va="center")
