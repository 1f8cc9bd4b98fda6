"""CONSORT diagram of a trial: who was registered, how they were assigned, who left, who is analysed, with their events.

One column of boxes per arm below a shared first box; whoever leaves stands beside the line with the reason. Every count comes
from the flow of the analysis itself, so the last box is the n of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from biomarkers.domain import numbers
from biomarkers.figures.panels import size
from biomarkers.figures.style import (
    DOUBLE,
    MIDDLE,
    POINTS_PER_MM,
    SINGLE,
    TEXT,
    TICK,
    TITLE,
    axes_of,
    fit,
    heading,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.tokens import group_marks, light
from biomarkers.tables import flow_words, need, order, text

COLUMNS = ("arm", "reason", "detail", "n_excluded", "n_left", "total", "n_events")
BOX, STEM, EXIT, SIDE = 30.0, 17.0, 9.6, 8.0
"""Points: height of a box, of a line between boxes, of a line of text beside it, between two columns."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One arm: everybody in it, who left, who is analysed."""

    arm: str
    total: int
    gone: tuple[tuple[str, int], ...]
    analysed: int
    events: int


def branches(table: pd.DataFrame, arms: Sequence[str] = ()) -> list[Branch]:
    """The columns of the diagram, in the order of the design."""
    named = table.assign(arm=table["arm"].map(text))
    out = []
    for arm in order(named["arm"], arms):
        mine = named[named["arm"] == arm]
        last = mine[mine["reason"] == "included"]
        left = mine[(mine["reason"] != "included") & (mine["n_excluded"] > 0)]
        exits = zip(left["reason"], left["detail"], left["n_excluded"], strict=True)
        gone = tuple((text(detail) or flow_words(text(reason)), int(n)) for reason, detail, n in exits)
        events = int(last["n_events"].fillna(0).sum())
        out.append(Branch(arm, int(mine["total"].max()), gone, int(last["n_left"].sum()), events))
    return out


def consort(
    table: pd.DataFrame, *, ax: Axes | None = None, arms: Sequence[str] = (), start: str = "Registered",
    end: str = "Analysed", event: str = "event",
) -> Axes:
    """The diagram of one endpoint in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `trial.consort` of one cohort and endpoint: columns arm, reason, detail, n_excluded, n_left, total, n_events.
    ax : matplotlib Axes, optional
    arms : sequence of str
        The order of the design. Without arms the diagram has one column.
    start, end : str
        Words of the first and the last boxes.
    event : str
        What happened, in the singular: "event", "death".

    Returns
    -------
    matplotlib Axes
        Without spines; coordinates are points.
    """
    need(table, COLUMNS, "consort")
    columns = branches(table, arms)
    with house():
        ax = axes_of(ax, MIDDLE, height(columns) / POINTS_PER_MM)
        ax.set_axis_off()
        _draw(ax, size(ax)[0], columns, start, end, event)
    return ax


def consort_figure(
    table: pd.DataFrame, *, cohorts: Sequence[str] = (), arms: Sequence[str] = (), titles: Mapping[str, str] | None = None,
    places: Mapping[str, int] | None = None, start: str = "Registered", end: str = "Analysed", event: str = "event",
) -> Figure:
    """One diagram per cohort, beside each other where two fit, in a figure of its own height."""
    need(table, ("cohort", *COLUMNS), "consort")
    named = table.assign(cohort=table["cohort"].map(text))
    names = order(named["cohort"], cohorts)
    drawn = {name: branches(named[named["cohort"] == name], arms) for name in names}
    in_row = 1 if len(names) == 1 or max(map(len, drawn.values()), default=1) > 2 else 2
    wide = (SINGLE if len(names) == 1 else DOUBLE) * POINTS_PER_MM
    head, gap = 22.0, 16.0
    rows = [names[i : i + in_row] for i in range(0, len(names), in_row)]
    highs = [head + max(height(drawn[name]) for name in row) + 6 for row in rows]
    with house():
        figure = new_figure(wide / POINTS_PER_MM, sum(highs) / POINTS_PER_MM)
        top, panel = sum(highs), (wide - 8 - gap * (in_row - 1)) / in_row
        for row, tall in zip(rows, highs, strict=True):
            for column, name in enumerate(row):
                ax = place(figure, 4 + column * (panel + gap), top - tall + 6, panel, tall - head - 6)
                words = fit((titles or {}).get(name, numbers.label(name)), panel, TITLE, bold=True)
                heading(ax, words, (places or {}).get(name, names.index(name)))
                consort(named[named["cohort"] == name], ax=ax, arms=arms, start=start, end=end, event=event)
            top -= tall
    return figure


def height(columns: Sequence[Branch]) -> float:
    """Points needed."""
    middle = BOX + STEM + max((len(b.gone) for b in columns), default=0) * EXIT + 8 if _split(columns) else 0.0
    alone = 0.0 if _split(columns) else 8 + max((len(b.gone) for b in columns), default=0) * EXIT
    return BOX + STEM + middle + alone + BOX + 2


def _split(columns: Sequence[Branch]) -> bool:
    return any(branch.arm for branch in columns)


def _draw(ax: Axes, wide: float, columns: Sequence[Branch], start: str, end: str, event: str) -> None:
    split, n = _split(columns), len(columns)
    if not n:
        _say(ax, 0, -12, "nobody in this cohort", color=light("ink2"), va="center", style="italic")
        return
    each = (wide - SIDE * (n - 1)) / n
    centres = [i * (each + SIDE) + each / 2 for i in range(n)]
    first = wide if n > 1 else each
    _box(ax, (wide - first) / 2, 0.0, first, start, numbers.count(sum(b.total for b in columns)))
    y = -BOX
    lost = max(len(b.gone) for b in columns) * EXIT
    marks = group_marks(n, "arm")
    for branch, centre, mark in zip(columns, centres, marks, strict=True):
        at = y
        if split:
            _arrow(ax, centre, at, at - STEM)
            at -= STEM
            left = centre - each / 2
            _box(ax, left, at, each, branch.arm, numbers.count(branch.total), "assigned")
            ax.add_patch(Rectangle((left + 0.8, at - 2.2), each - 1.6, 1.8, transform=points(ax, 0, 1), clip_on=False,
                                   facecolor=mark.colour, edgecolor="none"))  # fmt: skip
            at -= BOX
        low = at - STEM - lost - 8
        stem = centre - each / 2 + 14 if branch.gone or lost else centre  # beside the line there is room for reasons
        _arrow(ax, stem, at, low)
        for row, (words, count) in enumerate(branch.gone):
            line = at - 11 - EXIT * row
            label = fit(f"{numbers.count(count)} {words}", each - 22, TICK)
            _say(ax, stem + 7, line, label, color=light("ink2"), va="center", size=TICK)
        censored = branch.analysed - branch.events
        below = f"{numbers.plural(branch.events, event)}, {numbers.count(censored)} censored"
        _box(ax, centre - each / 2, low, each, end, numbers.count(branch.analysed), below, heavy=True)


def _box(ax: Axes, x: float, top: float, wide: float, words: str, n: str, below: str = "", *, heavy: bool = False) -> None:
    ax.add_patch(Rectangle((x + 0.8, top - BOX), wide - 1.6, BOX, facecolor=light("surface"), edgecolor=light("ink"),
                           linewidth=1.5 if heavy else 0.8, transform=points(ax, 0, 1), clip_on=False))  # fmt: skip
    y = top - (12.0 if below else 15.5)
    _say(ax, x + 7, y, fit(words, wide - 20 - width(n, 9, bold=True), TEXT), va="center", size=TEXT)
    _say(ax, x + wide - 7, y, n, va="center", ha="right", size=9, weight="bold")
    if below:
        _say(ax, x + 7, top - 22.5, fit(below, wide - 14, TICK), va="center", size=TICK, color=light("ink2"))


def _arrow(ax: Axes, x: float, top: float, low: float) -> None:
    ink, corner = light("ink"), points(ax, 0, 1)
    ax.add_line(Line2D([x, x], [top, low + 4], transform=corner, color=ink, linewidth=0.8, clip_on=False))
    ax.add_patch(Polygon([(x - 2.6, low + 4.6), (x + 2.6, low + 4.6), (x, low)], closed=True, facecolor=ink, edgecolor="none",
                         transform=corner, clip_on=False))  # fmt: skip


def _say(ax: Axes, x: float, y: float, words: str, **style: object) -> None:
    write(ax, x, y, words, transform=points(ax, 0, 1), **style)  # type: ignore[arg-type]
