"""Flow diagram: a spine of boxes on the left, exits to the right with count and reason; arrows never cross.

Every count comes from the ledger of the analysis, so the last box is the n of its model.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from biomarkers.domain import numbers
from biomarkers.figures.panels import size
from biomarkers.figures.style import (
    MIDDLE,
    NOTE,
    POINTS_PER_MM,
    TEXT,
    TICK,
    axes_of,
    fit,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.tokens import light
from biomarkers.tables import Station, need, order, short_names, stations

COLUMNS = ("reason", "detail", "n_excluded", "n_left", "total")
BOX, EXIT, GAP, WIDTH = 30.0, 10.6, 12.0, 0.4
"""Points: height of a box, of an exit, free space above and below the exits; share of the width taken by the boxes."""


def flow(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    start: str = "In the cohort",
    end: str = "Analysed",
    arms: Sequence[str] = (),
) -> Axes:
    """The flow of one analysis in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns reason, detail, n_excluded, n_left, total, and arm where there are arms.
    ax : matplotlib Axes, optional
    start, end : str
        Words of the first and the last box.
    arms : sequence of str
        The order of the design.

    Returns
    -------
    matplotlib Axes
        Without spines; coordinates are points.
    """
    need(table, COLUMNS, "flow")
    boxes = stations(table, start=start, end=end, arms=arms)
    names = _arms(table, arms)
    with house():
        ax = axes_of(ax, MIDDLE, height(boxes) / POINTS_PER_MM)
        ax.set_axis_off()
        _draw(ax, size(ax)[0], boxes, names)
    return ax


def flow_figure(
    table: pd.DataFrame,
    *,
    start: str = "In the cohort",
    end: str = "Analysed",
    arms: Sequence[str] = (),
    width_mm: float = MIDDLE,
) -> Figure:
    """The diagram in a figure of its own height."""
    boxes = stations(table, start=start, end=end, arms=arms)
    wide = width_mm * POINTS_PER_MM - 8
    names = _arms(table, arms)
    with house():
        foot = 12 if len(names) > 1 and not _named(boxes[0], names, wide * WIDTH - 16) else 0
        figure = new_figure(width_mm, (height(boxes) + foot + 8) / POINTS_PER_MM)
        ax = place(figure, 4, 4 + foot, wide, height(boxes))
    flow(table, ax=ax, start=start, end=end, arms=arms)
    return figure


def _arms(table: pd.DataFrame, arms: Sequence[str]) -> list[str]:
    """The arms that the table has, as they are called."""
    return [numbers.label(name) for name in order(table["arm"], arms) if name] if "arm" in table else []


def height(boxes: Sequence[Station]) -> float:
    """Points needed for these boxes and their exits."""
    return sum(BOX + (2 * GAP + EXIT * len(box.left) if place_ else 0) for place_, box in enumerate(boxes))


def _draw(ax: Axes, wide: float, boxes: Sequence[Station], arms: list[str]) -> None:
    corner, room, ink = points(ax, 0, 1), wide * WIDTH, light("ink")
    y, centre = 0.0, wide * WIDTH / 2
    named = _named(boxes[0], arms, room - 16) if boxes else ""
    most = max((width(numbers.count(exit_.n), TICK, bold=True) for box in boxes for exit_ in box.left), default=0.0)
    for number_, box in enumerate(boxes):
        if number_:
            low = y - 2 * GAP - EXIT * len(box.left)
            _line(ax, (centre, centre), (y, low + 4), 0.8, ink)
            ax.add_patch(
                Polygon(
                    [(centre - 2.6, low + 4.6), (centre + 2.6, low + 4.6), (centre, low)],
                    closed=True,
                    facecolor=ink,
                    edgecolor="none",
                    transform=corner,
                    clip_on=False,
                )
            )
            middle = (y + low) / 2
            if box.left:
                _line(ax, (centre, room + 16), (middle, middle), 0.6, light("ink2"))
            for place_, exit_ in enumerate(box.left):
                at = middle + (len(box.left) - 1) * EXIT / 2 - place_ * EXIT
                first = room + 20 + most
                each = f" ({_each(exit_.by_arm)})" if len(exit_.by_arm) > 1 else ""
                words = fit(exit_.words, wide - first - 5 - width(each, TICK), TICK)
                _say(ax, first, at, numbers.count(exit_.n), color=ink, va="center", ha="right", size=TICK, weight="bold")
                _say(ax, first + 5, at, words + each, color=light("ink2"), va="center", size=TICK)
            y = low
        last = number_ == len(boxes) - 1
        ax.add_patch(
            Rectangle(
                (0.8, y - BOX),
                room - 1.6,
                BOX,
                facecolor=light("surface"),
                edgecolor=ink,
                linewidth=1.5 if last else 0.8,
                transform=corner,
                clip_on=False,
            )
        )
        split = len(box.by_arm) > 1
        line = y - (11.0 if split else BOX / 2)
        _say(ax, 8, line, fit(box.words, room - 50, TEXT), va="center")
        _say(ax, room - 8, line, numbers.count(box.n), va="center", ha="right", size=9, weight="bold")
        if split:
            shown = fit(named if named and not number_ else _each(box.by_arm), room - 16, TICK)
            _say(ax, 8, y - 22.0, shown, va="center", size=TICK, color=light("ink2"))
        y -= BOX
    if len(arms) > 1 and not named:
        _say(ax, 0, y - 8, fit(f"In this order: {', '.join(arms)}", wide, NOTE), va="center", size=NOTE, color=light("ink2"))


def _each(by_arm: Sequence[int]) -> str:
    """The counts of the arms, in the order of the design."""
    shown = [numbers.count(n) for n in by_arm]
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else shown[0]


def _named(box: Station, arms: Sequence[str], room: float) -> str:
    """The arms of the first box with their counts, which teaches the order of the others; nothing where they have no room."""
    words = ", ".join(f"{name} {numbers.count(n)}" for name, n in zip(short_names(arms), box.by_arm, strict=False))
    return words if len(arms) == len(box.by_arm) > 1 and width(words, TICK) <= room else ""


def _say(ax: Axes, x: float, y: float, words: str, **style: object) -> None:
    write(ax, x, y, words, transform=points(ax, 0, 1), **style)  # type: ignore[arg-type]


def _line(ax: Axes, x: tuple[float, float], y: tuple[float, float], weight: float, colour: str) -> None:
    ax.add_line(Line2D(list(x), list(y), transform=points(ax, 0, 1), color=colour, linewidth=weight, clip_on=False))
