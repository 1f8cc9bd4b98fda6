"""One panel per cohort at journal size, titled in the cohort's hue: the frame that the pictures of a model share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.figures.style import (
    DOUBLE,
    NOTE,
    POINTS_PER_MM,
    SINGLE,
    TITLE,
    fit,
    heading,
    house,
    new_figure,
    place,
    points,
    write,
)
from biomarkers.tables import order, text

HEAD, FOOT, LEFT, RIGHT, GAP = 22.0, 32.0, 38.0, 13.0, 14.0
"""Points: the title, the axis with its words, the scale at the left, the free edge, between panels."""


def cohort_panels(
    table: pd.DataFrame,
    draw: Callable[[pd.DataFrame, Axes], object],
    *,
    cohorts: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    places: Mapping[str, int] | None = None,
    tall: float = 132.0,
    shared: bool = True,
) -> Figure:
    """A figure with one panel per cohort of the table, 85 mm for one and 180 mm for more.

    Parameters
    ----------
    table : pandas.DataFrame
        Has a column `cohort`.
    draw : callable
        Draws the rows of one cohort on given axes.
    cohorts : sequence of str
        The order of the design; others follow as they come.
    titles, places : mapping of cohort, optional
        Panel titles, and places in the design, which give the bar under a title its hue (-1: ink).
    tall : float
        Points from axis to top of a panel.
    shared : bool
        The panels are drawn on one vertical scale, which is written at the first of each row only.
    """
    names = order(table["cohort"], cohorts)
    in_row = {1: 1, 2: 2, 4: 2}.get(len(names), 3)
    rows = math.ceil(len(names) / in_row)
    with house():
        total = (SINGLE if len(names) == 1 else DOUBLE) * POINTS_PER_MM
        gap = GAP if shared else LEFT
        panel = (total - LEFT - RIGHT - gap * (in_row - 1)) / in_row
        full = rows * (HEAD + tall + FOOT)
        figure = new_figure(total / POINTS_PER_MM, full / POINTS_PER_MM)
        drawn = []
        for i, name in enumerate(names):
            row, column = divmod(i, in_row)
            ax = place(figure, LEFT + column * (panel + gap), full - (row + 1) * (HEAD + tall + FOOT) + FOOT, panel, tall)
            draw(table[table["cohort"].map(text) == name], ax)
            heading(ax, fit((titles or {}).get(name, numbers.label(name)), panel, TITLE, bold=True),
                    (places or {}).get(name, i))
            drawn.append((ax, column))
        for ax, column in drawn:
            if shared and column:
                ax.set_ylabel("")
                ax.tick_params(axis="y", labelleft=False)
    return figure


def size(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    box, (wide, high) = ax.get_position(), figure.get_size_inches()
    return float(box.width * wide * 72), float(box.height * high * 72)


def lines_of_text(ax: Axes, lines: Sequence[str], *, corner: str = "upper left") -> None:
    """Small lines of text in a corner, each cut to the width of the axes, on a ground that keeps them readable."""
    wide, _ = size(ax)
    upper, left = corner.startswith("upper"), corner.endswith("left")
    at = points(ax, 0.0 if left else 1.0, 1.0 if upper else 0.0)
    shown = [fit(line, wide - 8, NOTE) for line in lines if line]
    for row, words in enumerate(shown):
        y = -2 - 9.2 * row if upper else 3 + 9.2 * (len(shown) - 1 - row)
        write(ax, 4 if left else -3, y, words, transform=at, size=NOTE, ha="left" if left else "right",
              va="top" if upper else "bottom", zorder=6)


def text_height(n_lines: int) -> float:
    """Points that so many lines of `lines_of_text` take."""
    return 4 + 9.2 * n_lines
