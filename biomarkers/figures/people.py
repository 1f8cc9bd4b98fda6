"""Panels of single patients: one per arm or cohort in the order of the design, above one key for all of them.

A key entry is a sample of the mark beside its words, in one line as far as there is room. No panel carries an identifier, and
a panel without anybody says so instead of standing empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from biomarkers.domain import numbers
from biomarkers.figures.panels import size
from biomarkers.figures.style import (
    NOTE,
    POINTS_PER_MM,
    TEXT,
    TITLE,
    fit,
    heading,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.tokens import Mark, cohort_mark, group_marks, light
from biomarkers.tables import floats, order, text

SAMPLE, BETWEEN, KEY_ROW = 11.0, 13.0, 10.4
"""Points: room of a mark, free space between entries, height of a line of the key."""
GOLDEN = 0.6180339887
LATE_ROLES = ("progression", "after the end")
"""Draws that came too late to be evidence of what went before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One mark of a key with its words; `style` is what a line of matplotlib takes."""

    words: str
    style: Mapping[str, Any] = field(default_factory=dict)


def key_lines(entries: Sequence[Entry], room: float) -> list[list[tuple[float, str, Entry]]]:
    """Entries with their place from the left, in as many lines as they need; words are cut to the room."""
    lines: list[list[tuple[float, str, Entry]]] = []
    x = room
    for entry in entries:
        words = fit(entry.words, 0.93 * (room - SAMPLE - 3), NOTE)  # hinting on a screen widens small type
        need = SAMPLE + 3 + width(words, NOTE)
        if not lines or x + need > room:
            lines.append([])
            x = 0.0
        lines[-1].append((x, words, entry))
        x += need + BETWEEN
    return lines


def key_height(entries: Sequence[Entry], room: float) -> float:
    """Points that the key takes."""
    return KEY_ROW * len(key_lines(entries, room)) + 2


def key(ax: Axes | Figure, entries: Sequence[Entry], *, left: float, top: float, room: float) -> None:
    """Write the key from a place in points of the lower left corner of the axes, or of the sheet itself."""
    corner, add = points(ax), ax.add_line if isinstance(ax, Axes) else ax.add_artist
    for row, line in enumerate(key_lines(entries, room)):
        y = top - KEY_ROW * (row + 0.5)
        for x, words, entry in line:
            style: dict[str, Any] = {"color": light("ink"), "linestyle": "none", "clip_on": False, **entry.style}
            middle = left + x + SAMPLE / 2
            at = [middle] if style["linestyle"] == "none" else [left + x - 1, middle, left + x + SAMPLE + 1]
            style |= {"markevery": [1]} if len(at) > 1 else {}
            add(Line2D(at, [y] * len(at), transform=corner, **style))
            write(ax, left + x + SAMPLE + 3, y, words, transform=corner, size=NOTE, va="center")


def mark_of(name: str, by: str, groups: Sequence[str], places: Mapping[str, int] | None = None) -> Mark:
    """How a group is drawn where it has a panel of its own: by its place in the design."""
    at = (places or {}).get(name, list(groups).index(name) if name in groups else len(groups))
    if by == "arm":
        return group_marks(max(len(groups), at + 1), "arm")[at] if max(len(groups), at + 1) > 1 else Mark("experimental")
    return cohort_mark(at)


def panel_names(table: pd.DataFrame, by: str, groups: Sequence[str] = ()) -> list[str]:
    """The groups of the design, then those that only the table has."""
    return list(dict.fromkeys([*groups, *order(table[by], groups)]))


def person_panels(
    table: pd.DataFrame,
    draw: Callable[[pd.DataFrame, Axes, Mark, str, bool], object],
    *,
    by: str,
    groups: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    entries: Sequence[Entry] = (),
    width_mm: float,
    tall: float | Sequence[float],
    left: float = 36.0,
    gap: float = 14.0,
    foot: float = 27.0,
    head: float = 24.0,
    right: float = 6.0,
    narrow: float = 150.0,
    places: Mapping[str, int] | None = None,
) -> Figure:
    """A figure of panels with one vertical scale and one key.

    Parameters
    ----------
    table : pandas.DataFrame
        Has the column `by`.
    draw : callable
        Draws the rows of one group on given axes with its mark; told the title above them, and whether it is first of its row.
    by : str
        "arm", "cohort", or another column.
    groups : sequence of str
        The order of the design; a group of the design without rows keeps its panel.
    titles : mapping of group to str, optional
    entries : sequence of Entry
    width_mm : float
    tall : float or sequence of float
        Points of an axis, or of each panel's where they differ (panels are then aligned at their top).
    left, gap, foot, head, right : float
        Points for the vertical axis, between panels, for the horizontal axis, for the title, at the free edge.
    narrow : float
        A panel narrower than this many points begins a new row.
    places : mapping of group to int, optional
        Its place in the design, for its colour, where the figure has not all groups.
    """
    names = panel_names(table, by, groups)
    total = width_mm * POINTS_PER_MM
    in_row = max(1, min(len(names), int((total - left - right + gap) // (narrow + gap))))
    in_row = 2 if in_row == 3 and len(names) == 4 else in_row
    high = [float(tall)] * len(names) if isinstance(tall, int | float) else list(tall)
    n_rows = math.ceil(len(names) / in_row)
    rows = [max(high[r * in_row : (r + 1) * in_row]) for r in range(n_rows)]
    with house():
        bottom = key_height(entries, total - 12) + 4 if entries else 2.0
        full = bottom + sum(head + row + foot for row in rows)
        figure = new_figure(width_mm, full / POINTS_PER_MM)
        panel = (total - left - right - gap * (in_row - 1)) / in_row
        top, whose = full, table[by].map(text).to_numpy()
        for i, name in enumerate(names):
            row, column = divmod(i, in_row)
            if i and not column:
                top -= head + rows[row - 1] + foot
            ax = place(figure, left + column * (panel + gap), top - head - high[i], panel, high[i])
            title = (titles or {}).get(name, numbers.label(name))
            draw(table[whose == name], ax, mark_of(name, by, groups, places), title, column == 0)
            words = fit(title, panel, TITLE, bold=True)
            if by == "cohort":
                at = list(groups).index(name) if name in groups else -1
                heading(ax, words, (places or {}).get(name, at))
            else:
                write(ax, 0, 13, words, transform=points(ax, 0, 1), size=TITLE, weight="bold", va="center")
            if column:
                ax.set_ylabel("")
                ax.tick_params(axis="y", labelleft=False)
        if entries:
            key(figure, entries, left=6, top=bottom - 2, room=total - 12)
    return figure


def nobody(ax: Axes, words: str) -> Axes:
    """Axes without anybody to show say so."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    write(ax, 0.5, 0.5, fit(words, size(ax)[0], TEXT), transform=ax.transAxes, ha="center", va="center", style="italic",
          color=light("ink2"))
    return ax


def corner_note(ax: Axes, words: Sequence[str], *, taken: str = "") -> None:
    """The first of these words that has room beside the title, else the last of them, under it."""
    wide, _ = size(ax)
    room = wide - (width(numbers.label(taken), TITLE, bold=True) + 10 if taken else 0)
    shown = next((w for w in words if width(w, NOTE) <= room), None)
    y, line = (13.0, shown) if shown is not None else (4.5, fit(words[-1], wide - 16, NOTE))
    write(ax, 0, y, line, transform=points(ax, 1, 1), size=NOTE, ha="right", va="center", color=light("ink2"))


Rows = dict[str, np.ndarray]
"""Rows of a table as one array for each column, which are cut many times at the price of one cut of the table."""


def rows_of(table: pd.DataFrame, of_numbers: Sequence[str], of_words: Sequence[str]) -> Rows:
    """Whose they are, and these columns: nan where there is no number, nothing where there is no word."""
    words = {c: np.array([text(cell) for cell in table[c]], dtype=object) for c in of_words}
    return {"subject": table["subject"].to_numpy(object)} | {c: floats(table[c]) for c in of_numbers} | words


def cut(rows: Rows, keep: np.ndarray) -> Rows:
    """The rows to keep."""
    return {name: column[keep] for name, column in rows.items()}


def walks(rows: Rows) -> list[np.ndarray]:
    """The rows of each subject by their places, in the order of their days."""
    ordered = np.argsort(rows["day"], kind="stable")
    whose, _ = pd.factorize(rows["subject"][ordered])
    return np.split(ordered[np.argsort(whose, kind="stable")], np.cumsum(np.bincount(whose))[:-1]) if len(ordered) else []


def broken(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Many lines as one, with gaps between them: one path in the file instead of hundreds."""
    if not parts:
        return np.empty(0), np.empty(0)
    gap = [np.nan]
    return (np.concatenate([np.r_[x, gap] for x, _ in parts])[:-1], np.concatenate([np.r_[y, gap] for _, y in parts])[:-1])


def spread(n: int) -> np.ndarray:
    """Places in (-0.5, 0.5) by the golden ratio: neighbours in rank are far apart, and no dice are thrown."""
    return (np.arange(n) * GOLDEN) % 1 - 0.5


def up(ax: Axes, by: float) -> Transform:
    """So many points up: added to a transform, it sets a second line under or over a first."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(0, by / 72, figure.dpi_scale_trans)


def aside(ax: Axes, by: float) -> Transform:
    """So many points to the right, as `up`."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(by / 72, 0, figure.dpi_scale_trans)


def dots(mark: Mark, size_: float = 3.2) -> dict[str, Any]:
    """How the values of a group are drawn: filled or open, in its hue, with a ground that hides the line under an open one."""
    return {
        "linestyle": "none", "marker": mark.marker, "markersize": size_, "markeredgewidth": 0.8, "markeredgecolor": mark.colour,
        "markerfacecolor": mark.colour if mark.filled else light("surface"),
    }  # fmt: skip
