"""Adverse events by worst grade: the control to the left, the experimental arm to the right, one term per row.

Bars begin in the middle with the worst grades, so that severe shares stand on one line and can be compared; milder grades
follow outwards. Grade is lightness (it is an order), never hue; the side says which arm. Counts stand at the outer ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from biomarkers.domain import numbers
from biomarkers.figures.panels import size
from biomarkers.figures.people import Entry, key, key_height
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
from biomarkers.tables import need, order, short_names, text

GRADES = (5, 4, 3, 2, 1)
COLUMNS = ("term", "arm", "n_treated", *(f"grade_{g}" for g in GRADES), "any_grade", "n_severe")
ROW, BAR, HEAD, FOOT = 11.4, 8.0, 22.0, 20.0
"""Points: between rows, height of a bar, the arms' names, the axis."""
FILLS = {1: "plate", 2: "loss1", 3: "loss2", 4: "ink2", 5: "ink"}
ANY, MOST = "any", 16
"""The row over all terms, and how many terms a figure holds."""


def terms(table: pd.DataFrame, most: int = MOST) -> tuple[list[str], int]:
    """Terms from the commonest to the rarest, the row over all terms first; and how many are left out."""
    shares = table.assign(term=table["term"].map(text), share=table["any_grade"] / table["n_treated"])
    worst = shares.groupby("term", sort=False)["share"].max()
    ranked = sorted((t for t in worst.index if t != ANY), key=lambda t: (-worst[t], t))
    head = [ANY] if ANY in worst.index else []
    return head + ranked[:most], max(0, len(ranked) - most)


def toxicity(
    table: pd.DataFrame, *, ax: Axes | None = None, arms: Sequence[str] = (), most: int = MOST, severe: int = 3,
    limit: float | None = None,
) -> Axes:
    """The bars of one set of patients.

    Parameters
    ----------
    table : pandas.DataFrame
        `trial.toxicity`: columns term, arm, n_treated, grade_5 .. grade_1, any_grade, n_severe; one row per term and arm.
    ax : matplotlib Axes, optional
    arms : sequence of str
        The order of the design. Two arms share a middle; one arm, or more than two, have their bars side by side.
    most : int
        Terms shown; what is left out is counted below.
    severe : int
        From which grade on `n_severe` counts, for the heads of the columns.
    limit : float, optional
        End of the axes as a share, where panels are to be compared.

    Returns
    -------
    matplotlib Axes
        Without spines; coordinates are points.
    """
    need(table, COLUMNS, "toxicity")
    with house():
        shown, rest = terms(table, most)
        ax = axes_of(ax, MIDDLE, height(len(shown), rest) / POINTS_PER_MM)
        ax.set_axis_off()
        if not shown:
            write(ax, 0, -12, "no adverse event recorded", transform=points(ax, 0, 1), va="center", style="italic",
                  color=light("ink2"))  # fmt: skip
            return ax
        _draw(ax, table.assign(term=table["term"].map(text), arm=table["arm"].map(text)), shown, rest, arms, severe,
              limit or scale_of(table))
    return ax


def toxicity_figure(
    table: pd.DataFrame, *, cohorts: Sequence[str] = (), arms: Sequence[str] = (), titles: Mapping[str, str] | None = None,
    places: Mapping[str, int] | None = None, most: int = MOST, severe: int = 3, width_mm: float | None = None,
) -> Figure:
    """One panel per cohort below each other, one key for all grades."""
    need(table, ("cohort", *COLUMNS), "toxicity")
    named = table.assign(cohort=table["cohort"].map(text))
    names = order(named["cohort"], cohorts)
    total = (width_mm or (MIDDLE if named["arm"].nunique() < 2 and len(names) == 1 else DOUBLE)) * POINTS_PER_MM
    parts = {name: named[named["cohort"] == name] for name in names}
    lines = {name: terms(parts[name], most) for name in names}
    grades = [g for g in reversed(GRADES) if (named[f"grade_{g}"] > 0).any()]
    marks = [Entry(f"Grade {g}", {"marker": "s", "markersize": 6, "markerfacecolor": light(FILLS[g]),
                                  "markeredgecolor": light("ink2"), "markeredgewidth": 0.5}) for g in grades]  # fmt: skip
    titled = len(names) > 1 or bool(titles)
    head = 20.0 if titled else 4.0
    tall = {name: height(len(shown), rest) for name, (shown, rest) in lines.items()}
    with house():
        foot = key_height(marks, total - 12) + 4 if marks else 2.0
        full = foot + sum(tall.values()) + head * len(names)
        figure = new_figure(total / POINTS_PER_MM, full / POINTS_PER_MM)
        top = full
        for i, name in enumerate(names):
            top -= head + tall[name]
            ax = place(figure, 4, top, total - 8, tall[name])
            toxicity(parts[name], ax=ax, arms=arms, most=most, severe=severe, limit=scale_of(named))
            if titled:
                words = fit((titles or {}).get(name, numbers.label(name)), total - 8, TITLE, bold=True)
                heading(ax, words, (places or {}).get(name, i))
        if marks:
            key(figure, marks, left=6, top=foot - 2, room=total - 12)
    return figure


def scale_of(table: pd.DataFrame) -> float:
    """A round share that holds every bar."""
    biggest = float((table["any_grade"] / table["n_treated"]).max())
    return next((s for s in (0.1, 0.2, 0.5, 1.0) if s >= biggest), 1.0)


def height(n_terms: int, rest: int = 0) -> float:
    """Points that so many terms need, with heads and axis."""
    return HEAD + ROW * n_terms + FOOT + (10 if rest else 0)


def _draw(ax: Axes, table: pd.DataFrame, shown: Sequence[str], rest: int, arms: Sequence[str], severe: int,
          limit: float) -> None:  # fmt: skip
    wide, _ = size(ax)
    names = order(table["arm"], arms)
    marks = group_marks(len(names), "arm")
    label = min(max(width(_words(t), TICK) for t in shown) + 10, 0.36 * wide)
    butterfly, n = len(names) == 2, len(names)
    full = (wide - label) / n > 120  # on a narrow column the shares are read from the axis
    counts = 52.0 if full else 31.0
    wing = (wide - label - counts * n - (0 if butterfly else 8 * (n - 1))) / n
    cells = {(t, a): row for t, a, row in zip(table["term"], table["arm"], table.to_dict("records"), strict=True)}
    for i, (name, short, mark) in enumerate(zip(names, short_names(names), marks, strict=True)):
        left_wing = butterfly and i == 0
        if butterfly:
            base = counts + wing if left_wing else counts + wing + label
        else:
            base = label + i * (wing + counts + 8)
        sign = -1 if left_wing else 1
        people = next(int(r["n_treated"]) for (_, a), r in cells.items() if a == name)
        said, room = f"{numbers.label(name) or 'All'} (n = {people})" if name != "all" else f"n = {people}", wing + counts - 8
        if name and width(said, TEXT, bold=True) > room:  # the number is never cut off
            n_words = f" (n = {people})"
            said = fit(short, room - width(n_words, TEXT, bold=True), TEXT, bold=True) + n_words
        out = base + sign * (wing + counts)
        write(ax, base, -6, said, transform=points(ax, 0, 1), size=TEXT, weight="bold", va="center",
              ha="right" if left_wing else "left")
        ax.add_patch(_patch(ax, min(base, base + sign * wing), -13.4, wing, 1.6, mark.colour))
        head = f"any / {'grade ' if full else ''}≥ {severe}"
        write(ax, out, -17.5, head, transform=points(ax, 0, 1), size=LEAST, color=light("ink2"), va="center",
              ha="left" if left_wing else "right")
        for row, term in enumerate(shown):
            cell = cells.get((term, name))
            if cell is None:
                continue
            y = -HEAD - ROW * row - ROW / 2
            at = base
            for grade in GRADES:
                length = wing * float(cell[f"grade_{grade}"]) / people / limit
                if length > 0:
                    left = at - length if sign < 0 else at
                    ax.add_patch(_patch(ax, left, y - BAR / 2, length, BAR, light(FILLS[grade]), edge=light("ink2")))
                    at += sign * length
            many, bad = int(cell["any_grade"]), int(cell["n_severe"])
            said = f"{numbers.n_percent(many, people) if full else numbers.count(many)} / {bad}" if many else "0"
            write(ax, out, y, said, transform=points(ax, 0, 1), size=LEAST, va="center", ha="left" if left_wing else "right")
        _axis(ax, base, sign, wing, limit, -HEAD - ROW * len(shown))
    for row, term in enumerate(shown):
        y = -HEAD - ROW * row - ROW / 2
        x, side = (counts + wing + label / 2, "center") if butterfly else (label - 5, "right")
        weight = "bold" if term == ANY else "normal"
        write(ax, x, y, fit(_words(term), label - 6, TICK, bold=term == ANY), transform=points(ax, 0, 1), size=TICK, ha=side,
              va="center", weight=weight)
    if rest:
        words = fit(f"{numbers.plural(rest, 'rarer term')} not shown; all are in the table", wide, NOTE)
        write(ax, 0, -height(len(shown), rest) + 4, words, transform=points(ax, 0, 1), size=NOTE, va="center",
              color=light("ink2"))


def _words(term: str) -> str:
    return "Any event" if term == ANY else numbers.label(term)


def _axis(ax: Axes, base: float, sign: int, wing: float, limit: float, y: float) -> None:
    """A line, and shares at its start, middle and end."""
    ax.add_patch(_patch(ax, min(base, base + sign * wing), y - 2.3, wing, 0.6, light("ink")))
    ax.add_patch(_patch(ax, base - 0.3, y - 2.3, 0.6, -HEAD - y + 2.3, light("ink")))
    for share in (0.0, limit / 2, limit) if wing > 62 else (0.0, limit):
        x = base + sign * wing * share / limit
        ax.add_patch(_patch(ax, x - 0.3, y - 4.8, 0.6, 2.5, light("ink")))
        write(ax, x, y - 10.5, f"{100 * share:g}{'%' if share else ''}", transform=points(ax, 0, 1), size=TICK, ha="center",
              va="center")


def _patch(ax: Axes, x: float, y: float, wide: float, tall: float, face: str, edge: str = "none") -> Rectangle:
    return Rectangle((x, y), wide, tall, facecolor=face, edgecolor=edge, linewidth=0.4, transform=points(ax, 0, 1),
                     clip_on=False)  # fmt: skip
