"""Path of a two-stage design: successes by evaluable patients, with what stops it and what it takes to succeed.

The path climbs one step with each success. At the first look the shaded bar is where the trial stops; at the end it is where
the null share stands. The sentence in the corner says where the path is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from biomarkers.domain import numbers
from biomarkers.figures.panels import cohort_panels, size
from biomarkers.figures.style import NOTE, TEXT, axes_of, fit, house, points, width, write
from biomarkers.figures.tokens import light
from biomarkers.tables import need

COLUMNS = ("patient", "successes", "n1", "r1", "n", "r", "state")
STATES = {
    "running": "still open",
    "continue": "goes on to stage 2",
    "stop": "stops after stage 1",
    "reject": "more successes than the null share allows",
    "not rejected": "the null share stands",
}


def two_stage_path(table: pd.DataFrame, *, ax: Axes | None = None, success: str = "successes") -> Axes:
    """The path of one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `trial.two_stage_path` with the boundary: columns patient, successes, n1, r1, n, r, state.
    ax : matplotlib Axes, optional
    success : str
        What is counted: "event-free at one year".

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "two_stage_path")
    with house():
        ax = axes_of(ax)
        rule = table.iloc[0]
        n1, r1, n, r = (int(rule[c]) for c in ("n1", "r1", "n", "r"))
        rows = table.sort_values("patient", kind="stable")
        patient, total = rows["patient"].to_numpy(int), rows["successes"].to_numpy(int)
        ax.set_xlim(-0.5, n + 1.2)
        ax.set_ylim(-0.02 * n, n * 1.04)
        ax.plot([0, n], [0, n], color=light("hairline"), linewidth=0.5, zorder=0.5)
        for at, most in ((n1, r1), (n, r)):
            ax.add_patch(Rectangle((at - 0.55, 0), 1.1, most + 0.5, facecolor=light("loss2"), edgecolor="none", zorder=1))
            ax.add_patch(Rectangle((at - 0.55, most + 0.5), 1.1, at - most - 0.5, facecolor=light("surface"), zorder=1,
                                   edgecolor=light("ink2"), linewidth=0.6))  # fmt: skip
        ax.plot(np.r_[0, patient], np.r_[0, total], drawstyle="steps-post", color=light("ink"), linewidth=1.4, zorder=3)
        ax.plot(patient[-1:], total[-1:], linestyle="none", marker="o", markersize=4, color=light("ink"), zorder=4)
        state = str(rows["state"].iloc[-1])
        _words(ax, f"{total[-1]} of {patient[-1]}: {STATES.get(state, numbers.label(state))}", n1, r1, n, r)
        step = next((s for s in (1, 2, 5, 10, 20, 50) if n / s <= 8), 100)
        between = [t for t in range(0, n, step) if min(abs(t - n1), abs(t - n)) > 0.4 * step]
        ax.set_xticks(sorted({*between, n1, n}))
        ax.set_yticks(range(0, n + 1, step))
        ax.set_xlabel("Evaluable patients, in order of entry", parse_math=False)
        ax.set_ylabel(fit(success[:1].upper() + success[1:], size(ax)[1], TEXT), parse_math=False)
    return ax


def two_stage_figure(
    table: pd.DataFrame, *, cohorts: Sequence[str] = (), titles: Mapping[str, str] | None = None,
    places: Mapping[str, int] | None = None, success: str = "successes",
) -> Figure:
    """One panel per cohort with a two-stage design."""
    need(table, ("cohort", *COLUMNS), "two_stage_path")
    return cohort_panels(table, lambda rows, ax: two_stage_path(rows, ax=ax, success=success), cohorts=cohorts, titles=titles,
                         places=places, shared=False)


def _words(ax: Axes, state: str, n1: int, r1: int, n: int, r: int) -> None:
    """Where the path stands and what each bar means, above the diagonal, where no path can run."""
    wide, _ = size(ax)
    rooms = [(0.9 - 0.17 * row) * wide for row in range(3)]
    rules = [f"Look after {n1}: stop with {r1} or fewer", f"End at {n}: more than {r} needed"]
    if any(width(words, NOTE) > room for words, room in zip(rules, rooms[1:], strict=True)):
        rules = [f"at {n1}: stop if ≤ {r1}", f"at {n}: needs > {r}"]
    for row, (words, room) in enumerate(zip((state, *rules), rooms, strict=True)):
        weight, colour = ("bold", light("ink")) if row == 0 else ("normal", light("ink2"))
        write(ax, 3, -3 - 9.4 * row, fit(words, room, NOTE, bold=row == 0), transform=points(ax, 0, 1), size=NOTE, va="top",
              color=colour, weight=weight)
