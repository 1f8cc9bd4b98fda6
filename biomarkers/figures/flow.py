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
from biomarkers.figures.style import MIDDLE, POINTS_PER_MM, TICK, axes_of, fit, house, new_figure, place, points, write
from biomarkers.figures.tokens import light
from biomarkers.tables import Station, need, order, stations

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
    names = order(table["arm"], arms) if "arm" in table else []
    with house():
        ax = axes_of(ax, MIDDLE, height(boxes) / POINTS_PER_MM)
        ax.set_axis_off()
        _draw(ax, size(ax)[0], boxes, [numbers.label(name) for name in names if name])
    return ax


def flow_figure(
    table: pd.DataFrame,
    *,
    start: str = "In the cohort",
    end: str = "Analysed",
    arms: Sequence[str] = (),
    width_mm: float = 150.0,
) -> Figure:
    """The diagram in a figure of its own height."""
    boxes = stations(table, start=start, end=end, arms=arms)
    with house():
        figure = new_figure(width_mm, (height(boxes) + 8) / POINTS_PER_MM)
        ax = place(figure, 4, 4, width_mm * POINTS_PER_MM - 8, height(boxes))
    flow(table, ax=ax, start=start, end=end, arms=arms)
    return figure


def height(boxes: Sequence[Station]) -> float:
    """Points needed for these boxes and their exits."""
    return sum(BOX + (2 * GAP + EXIT * len(box.left) if place_ else 0) for place_, box in enumerate(boxes)) + 12


def _draw(ax: Axes, wide: float, boxes: Sequence[Station], arms: list[str]) -> None:
    corner, room, ink = points(ax, 0, 1), wide * WIDTH, light("ink")
    y, centre = 0.0, wide * WIDTH / 2
    arm_words = " and ".join(arms) if len(arms) == 2 else ""
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
                arms_part = "  ".join(str(n) for n in exit_.by_arm) if len(exit_.by_arm) > 1 else ""
                _say(ax, room + 22, at, fit(exit_.words, wide - room - 70, TICK), color=light("ink2"), va="center", size=TICK)
                _say(ax, wide - 30, at, numbers.count(exit_.n), color=ink, va="center", ha="right", size=TICK, weight="bold")
                _say(ax, wide, at, arms_part, color=light("ink2"), va="center", ha="right", size=TICK)
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
        _say(ax, 8, y - 12.5, fit(box.words, room - 50, 7.0), va="center")
        _say(ax, room - 8, y - 12.5, numbers.count(box.n), va="center", ha="right", size=9, weight="bold")
        if len(box.by_arm) > 1:
            _say(
                ax, 8, y - 22.5, " and ".join(numbers.count(n) for n in box.by_arm), va="center", size=TICK, color=light("ink2")
            )
        y -= BOX
    if arm_words:
        _say(ax, 0, y - 8, fit(f"Smaller figures: {arm_words}", wide, 6.3), va="center", size=6.3, color=light("ink2"))


def _say(ax: Axes, x: float, y: float, words: str, **style: object) -> None:
    write(ax, x, y, words, transform=points(ax, 0, 1), **style)  # type: ignore[arg-type]


def _line(ax: Axes, x: tuple[float, float], y: tuple[float, float], weight: float, colour: str) -> None:
    ax.add_line(Line2D(list(x), list(y), transform=points(ax, 0, 1), color=colour, linewidth=weight, clip_on=False))
