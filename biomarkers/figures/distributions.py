"""Marker values on the scale on which they are analysed: one mark per patient, one column per group, the limit as a band.

Ticks carry the raw unit. A value below its limit of detection stands in a band of its own, never at a made-up number; points
stand beside a bar from quartile to quartile, because a box would hide a pile of zeros. Marks are spread by their rank, not at
random, so the same table gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
from biomarkers.figures.panels import size
from biomarkers.figures.style import (
    DOUBLE,
    LEAST,
    NOTE,
    POINTS_PER_MM,
    TICK,
    TITLE,
    axes_of,
    data_x,
    data_y,
    fit,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.ticks import on_scale, raw_ticks
from biomarkers.figures.tokens import Mark, cohort_mark, group_marks, light
from biomarkers.tables import Summary, need, order, short_names, summary, text

COLUMNS = ("value", "model_value", "status", "lod")


def distributions(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    marker: Marker | None = None,
    by: Literal["cohort", "arm"] = "cohort",
    groups: Sequence[str] = (),
    marks: Mapping[str, Mark] | None = None,
    title: str | None = None,
) -> Axes:
    """The values of one marker by group.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns value (raw unit), model_value (steps of the analysed scale), status (measured, below, above), lod, and the
        column named by `by`.
    ax : matplotlib Axes, optional
        Needs about 35 points of free space under it.
    marker : Marker, optional
        For the title, the unit and the exact places of the ticks.
    by : {"cohort", "arm"}
    groups : sequence of str
        The order of the design.
    marks : mapping of group to Mark, optional
        How each group is drawn; its place in the design by default.
    title : str, optional
        Replaces label and unit.

    Returns
    -------
    matplotlib Axes
    """
    need(table, (*COLUMNS, by), "distributions")
    with house():
        ax = axes_of(ax, 60, 60)
        of_group = np.array([text(cell) for cell in table[by]], dtype=object)
        names = order(of_group, groups)
        marks = marks or _marks(names, by, groups)
        value, y, lod = (pd.to_numeric(table[c]).to_numpy(float, na_value=np.nan) for c in ("value", "model_value", "lod"))
        status = np.array([text(cell) for cell in table["status"]], dtype=object)
        seen = np.isfinite(y) & (status != "below")
        low, high = (float(y[seen].min()), float(y[seen].max())) if seen.any() else (0.0, 1.0)
        band = _band(ax, table, status, marker, low, high)
        ax.set_ylim(band[1] if band else low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1))
        ax.set_xlim(-0.55, len(names) - 0.25)
        ax.set_xticks([])
        raw_ticks(ax, table, marker, low, high)
        if band:
            _keep_clear(ax, sum(band) / 2)
        shown = short_names(names)
        found = []
        for at, name in enumerate(names):
            here = of_group == name
            _group(ax, at, y[here & seen], int((here & (status == "below")).sum()), marks[name], band)
            _bar(ax, at, y[here], status[here], lod[here])
            found.append(summary(value[here], status[here], lod[here]))
        _words(ax, shown, found)
        label = title or (
            f"{numbers.label(marker.label)}, {numbers.unit(marker.unit)}"
            if marker and marker.unit
            else numbers.label(marker.label if marker else "")
        )
        wide = size(ax)[0] + 26
        write(
            ax, -24, 8, fit(label, wide, TITLE, bold=True), transform=points(ax, 0, 1), size=TITLE, weight="bold", va="center"
        )
    return ax


def distribution_figure(
    values: pd.DataFrame,
    markers: Sequence[Marker],
    *,
    by: Literal["cohort", "arm"] = "cohort",
    groups: Sequence[str] = (),
    marks: Mapping[str, Mark] | None = None,
    titles: Mapping[str, str] | None = None,
) -> Figure:
    """One panel per marker, four to a row, at full width of a journal page.

    Parameters
    ----------
    values : pandas.DataFrame
        The columns of `distributions` and `marker`.
    markers : sequence of Marker
        In the order of the panels.
    """
    with house():
        in_row = min(panels_in_row(values, by, groups), max(2, len(markers)))
        rows = math.ceil(len(markers) / in_row)
        total, tall, foot, head, left, right = DOUBLE * POINTS_PER_MM, 100.0, 36.0, 20.0, 34.0, 2.0
        panel = total / in_row
        full = rows * (tall + foot + head)
        figure = new_figure(DOUBLE, full / POINTS_PER_MM)
        parts = dict(list(values.groupby("marker", sort=False, observed=True)))
        for i, marker in enumerate(markers):
            row, column = divmod(i, in_row)
            ax = place(
                figure, column * panel + left, full - (row + 1) * (tall + foot + head) + foot, panel - left - right - 8, tall
            )
            distributions(
                parts.get(marker.name, values.iloc[:0]),
                ax=ax,
                marker=marker,
                by=by,
                groups=groups,
                marks=marks,
                title=(titles or {}).get(marker.name),
            )
    return figure


def panels_in_row(values: pd.DataFrame, by: str, groups: Sequence[str] = ()) -> int:
    """As many panels as leave the names of the groups their room: four at most."""
    names = order(values[by], groups)
    widest = max(1, len(names)) * max(width(name, TICK) + 4 for name in short_names(names) or [""])
    return next((n for n in (4, 3, 2) if DOUBLE * POINTS_PER_MM / n - 44 >= widest), 2) if len(names) > 1 else 4


def _marks(names: Sequence[str], by: str, groups: Sequence[str]) -> dict[str, Mark]:
    if by == "arm" and len(names) > 1:
        return dict(zip(names, group_marks(len(names), "arm"), strict=True))
    return {name: cohort_mark(list(groups).index(name) if name in groups else i) for i, name in enumerate(names)}


def _band(
    ax: Axes, table: pd.DataFrame, status: np.ndarray, marker: Marker | None, low: float, high: float
) -> tuple[float, float] | None:
    """The band below the limit as (top, bottom), drawn; None where nothing lies below a limit."""
    below = status == "below"
    if not below.any():
        return None
    limits = sorted(set(pd.to_numeric(table.loc[below, "lod"]).dropna())) if "lod" in table else []
    span = high - low or 1.0
    single = len(limits) == 1
    limit = float(on_scale(table, marker, limits[0])[0]) if single else math.inf
    top = limit if limit <= low else low - 0.02 * span
    bottom = top - 0.13 * span
    ax.add_patch(
        Rectangle(
            (0, bottom),
            1,
            top - bottom,
            transform=ax.get_yaxis_transform(),
            facecolor=light("lod-tint"),
            edgecolor="none",
            zorder=0,
        )
    )
    ax.axhline(top, color=light("lod-line"), linewidth=0.8, linestyle=(0, (4, 2)), zorder=0.5)
    write(
        ax,
        -3.5,
        (top + bottom) / 2,
        f"<{numbers.value(limits[0])}" if single else "<LOD",
        size=NOTE,
        ha="right",
        va="center",
        color=light("lod"),
        transform=data_y(ax),
    )
    return top, bottom


def _keep_clear(ax: Axes, y: float) -> None:
    """Ticks that would touch the word of the limit go: it says the value."""
    bottom, top = ax.get_ylim()
    near = 9.0 * (top - bottom) / size(ax)[1]
    words = ax.yaxis.get_major_formatter().format_ticks(ax.get_yticks().tolist())
    kept = [(at, said) for at, said in zip(ax.get_yticks(), words, strict=True) if abs(at - y) > near]
    ax.set_yticks([at for at, _ in kept], [said for _, said in kept])


def _group(ax: Axes, at: int, y: np.ndarray, n_below: int, mark: Mark, band: tuple[float, float] | None) -> None:
    size = 3.0 if len(y) < 120 else 2.4
    face = mark.colour if mark.filled else "none"
    if len(y):
        ax.plot(
            at - 0.1 + _spread(y),
            y,
            linestyle="none",
            marker=mark.marker,
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=mark.colour if not mark.filled else "none",
            markeredgewidth=0.6,
            alpha=0.6 if mark.filled else 0.85,
            zorder=3,
        )
    if n_below and band:
        x = at - 0.1 + (np.arange(n_below) - (n_below - 1) / 2) * min(0.07, 0.5 / max(n_below, 1))
        ax.plot(
            x,
            np.full(n_below, sum(band) / 2),
            linestyle="none",
            marker="v",
            markersize=3.2,
            markerfacecolor="none",
            markeredgecolor=light("lod"),
            markeredgewidth=0.7,
            zorder=3,
        )


def _spread(y: np.ndarray) -> np.ndarray:
    """Sideways places by rank (golden ratio): neighbours in value are far apart in x, and no dice are thrown."""
    rank = np.argsort(np.argsort(y, kind="stable"), kind="stable")
    return ((rank * 0.6180339887) % 1 - 0.5) * 0.46


def _bar(ax: Axes, at: int, y: np.ndarray, status: np.ndarray, lod: np.ndarray) -> None:
    """Quartiles and median on the analysed scale; an end below the limit is not drawn."""
    shown = summary(y, np.where(np.isfinite(y) | (status == "below"), status, "missing"), lod)
    if shown.known < 4 or not math.isfinite(shown.q3):
        return
    x, ink, bottom = at + 0.27, light("ink"), ax.get_ylim()[0]
    ax.plot([x, x], [shown.q1 if math.isfinite(shown.q1) else bottom, shown.q3], color=ink, linewidth=1.1, zorder=4)
    if math.isfinite(shown.median):
        ax.plot([x - 0.08, x + 0.08], [shown.median] * 2, color=ink, linewidth=1.6, zorder=4)


def _words(ax: Axes, names: Sequence[str], found: Sequence[Summary]) -> None:
    """Name, number, and how many lie below the limit or at zero; where columns are narrow, words stand once, at the left."""
    room = size(ax)[0] / (len(names) + 0.3) - 3
    rest = [(s.below, s.lod) if s.below else (s.zero, "zero") if s.zero else (0, "") for s in found]
    rows = [[fit(name, room, TICK) for name in names], [f"n {s.known}" for s in found],
            [f"{many} {word}" if many else "" for many, word in rest]]  # fmt: skip
    kinds = dict.fromkeys(word for _, word in rest if word)
    if any(width(words, TICK) > room for row in rows[1:] for words in row) and len(kinds) <= 1:
        rows[1:] = [[str(s.known) for s in found], [str(many) if kinds else "" for many, _ in rest]]
        for line, words in enumerate(("n", *kinds), start=1):
            write(ax, -3.5, -10 - 9 * line, words, transform=points(ax), size=TICK, ha="right", va="center",
                  color=light("ink" if line == 1 else "ink2"))  # fmt: skip
    for line, row in enumerate(rows):
        for at, words in enumerate(row):
            write(ax, at, -10 - 9 * line, words, transform=data_x(ax), ha="center", va="center",
                  size=TICK if width(words, TICK) <= room else LEAST, color=light("ink" if line < 2 else "ink2"))  # fmt: skip
