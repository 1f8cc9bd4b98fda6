"""Specification curve: one prespecified analysis under every alternative, as hazard ratios of one standard deviation.

One choice is varied at a time, so each alternative is a row under its dimension. The prespecified analysis is the filled
square on top, its interval drawn down the figure as a band: what a reader judges is how often an open circle leaves it. An
alternative that could not be asked keeps its place with its reason.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.errors import UseError
from biomarkers.figures.style import (
    NOTE,
    POINTS_PER_MM,
    TEXT,
    TICK,
    axes_of,
    data_y,
    fit,
    house,
    new_figure,
    place,
    width,
    write,
)
from biomarkers.figures.ticks import ratio_ticks
from biomarkers.figures.tokens import light
from biomarkers.tables import need

COLUMNS = ("dimension", "specification", "primary", "cohort", "per_sd", "per_sd_low", "per_sd_high", "n", "n_events", "note")
ROW, GAP, FOOT, TOP, LEFT, RIGHT = 10.5, 5.0, 26.0, 14.0, 190.0, 62.0
"""Points: a row, the space between dimensions, the axis with its words, the head, the labels, the counts."""


def specification_curve(table: pd.DataFrame, *, ax: Axes | None = None, cohort: str = "all") -> Axes:
    """One cohort of a specification curve.

    Parameters
    ----------
    table : pandas.DataFrame
        `plan.sensitivity` of one analysis.
    ax : Axes, optional
    cohort : str
        Rows of other cohorts are left out.

    Raises
    ------
    UseError
        A column is missing, or the cohort has no prespecified row.
    """
    need(table, COLUMNS, "specification_curve")
    rows = table[(table["cohort"] == cohort) | table["note"].str.startswith("not asked")]
    if not rows["primary"].any():
        raise UseError(f"no prespecified row for {cohort!r}: give the table of one analysis, with that cohort")
    with house():
        ax = axes_of(ax, 150.0, height(rows) / POINTS_PER_MM)
        _draw(ax, rows)
    return ax


def specification_figure(table: pd.DataFrame, *, cohort: str = "all", width_mm: float = 150.0) -> Figure:
    """The whole figure at its final size."""
    need(table, COLUMNS, "specification_curve")
    rows = table[(table["cohort"] == cohort) | table["note"].str.startswith("not asked")]
    with house():
        figure = new_figure(width_mm, height(rows) / POINTS_PER_MM)
        total = width_mm * POINTS_PER_MM
        left = min(LEFT, 0.5 * total, _needed(rows))
        ax = place(figure, left, FOOT, total - left - RIGHT, height(rows) - FOOT - TOP)
        specification_curve(table, ax=ax, cohort=cohort)
    return figure


def height(rows: pd.DataFrame) -> float:
    """Points that these rows need."""
    return FOOT + TOP + ROW * len(rows) + GAP * rows["dimension"].nunique()


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    ends = [v for c in ("per_sd_low", "per_sd_high") for v in rows[c] if math.isfinite(v) and v > 0]
    low, high = max(min([0.5, *ends]) * 0.94, 0.11), min(max([2.0, *ends]) * 1.06, 9.0)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    span = ax.get_window_extent().width * 72 / ax.get_figure(root=True).dpi
    ticks = ratio_ticks(low, high, span)
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("Hazard ratio per standard deviation")
    planned = rows[rows["primary"]].iloc[0]
    if math.isfinite(planned["per_sd_low"]) and math.isfinite(planned["per_sd_high"]):
        ax.axvspan(planned["per_sd_low"], planned["per_sd_high"], color=light("ink"), alpha=0.06, lw=0)
    ax.axvline(1.0, color=light("ink"), lw=0.6)
    y = 0.0
    last = ""
    left = _left(ax)
    write(ax, span + RIGHT - 30, 0.2, "events", transform=data_y(ax), size=NOTE, ha="right", va="bottom", color=light("ink2"))
    write(ax, span + RIGHT - 2, 0.2, "n", transform=data_y(ax), size=NOTE, ha="right", va="bottom", color=light("ink2"))
    for row in rows.to_dict("records"):
        name, room = _name(row), left - 10
        if row["dimension"] != last:
            y -= GAP / ROW
            taken = width(fit(name, room / 2, TICK), TICK, bold=bool(row["primary"]))
            head = fit(row["dimension"], room - taken - 4, TEXT, bold=True)
            write(ax, -left + 4, y - 0.5, head, transform=data_y(ax), fontweight="bold", va="center")
            room -= width(head, TEXT, bold=True) + 4
            last = row["dimension"]
        write(ax, -6, y - 0.5, fit(name, room, TICK, bold=bool(row["primary"])), transform=data_y(ax), size=TICK, ha="right",
              va="center", fontweight="bold" if row["primary"] else "normal")
        _row(ax, row, y - 0.5, span, (low, high))
        y -= 1.0
    ax.set_ylim(y - 0.2, 0.9)


def _name(row: dict[str, Any]) -> str:
    return "prespecified" if row["primary"] else str(row["specification"])


def _needed(rows: pd.DataFrame) -> float:
    """Points that the longest name takes, beside its dimension where it is the first of it."""
    widest, last = 0.0, ""
    for row in rows.to_dict("records"):
        head = width(numbers.label(row["dimension"]), TEXT, bold=True) + 10 if row["dimension"] != last else 0.0
        widest = max(widest, head + width(numbers.label(_name(row)), TICK, bold=bool(row["primary"])))
        last = row["dimension"]
    return widest + 16


def _left(ax: Axes) -> float:
    """Points beside the axis for the names of dimensions and alternatives."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return min(LEFT, 72 * figure.get_size_inches()[0] * ax.get_position().x0)


def _row(ax: Axes, row: dict[str, Any], y: float, span: float, limits: tuple[float, float]) -> None:
    value, low, high = (float(row[c]) for c in ("per_sd", "per_sd_low", "per_sd_high"))
    if not math.isfinite(value):
        words = fit(str(row["note"]).split(";")[0], span + RIGHT - 8, NOTE)  # no counts stand in this row
        write(ax, span + RIGHT - 2, y, words, transform=data_y(ax), size=NOTE, va="center", ha="right", style="italic",
              color=light("ink2"), bbox={"facecolor": light("surface"), "edgecolor": "none", "pad": 0.6})  # fmt: skip
        return
    strong = bool(row["primary"])
    if math.isfinite(low) and math.isfinite(high):
        ax.plot([max(low, limits[0]), min(high, limits[1])], [y, y], color=light("ink" if strong else "ink2"),
                lw=1.4 if strong else 0.8, solid_capstyle="butt")
    ax.plot([min(max(value, limits[0]), limits[1])], [y], marker="s" if strong else "o", ms=5.0 if strong else 3.4,
            mfc=light("ink") if strong else light("surface"), mec=light("ink"), mew=0.8, ls="none")
    for place_, column in ((span + RIGHT - 30, "n_events"), (span + RIGHT - 2, "n")):
        shown = numbers.label(row[column]) if not pd.isna(row[column]) else ""
        write(ax, place_, y, shown, transform=data_y(ax), size=NOTE, ha="right", va="center")
