"""The arm's hazard ratio along a marker: overlapping groups of patients (STEPP), and the spline by arm where events carry it.

A group is a dot at its median with its interval, over a hair from its lowest to its highest value: neighbours share patients,
so their dots are not independent, and the hairs show it. The dashed line is the ratio of everybody; a marker that says who
benefits would carry the groups across it. The figure shows a shape; whether the arms differ by the marker is answered by the
test of the interaction alone, and no P is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
from biomarkers.figures.panels import cohort_panels, lines_of_text, size, text_height
from biomarkers.figures.spline import EVENT, axis_name, ratio_scale, unit_ticks
from biomarkers.figures.style import SINGLE, TEXT, axes_of, fit, house
from biomarkers.figures.tokens import light
from biomarkers.tables import need

COLUMNS = ("part", "x", "low", "high", "value", "hazard_ratio", "conf_low", "conf_high", "conf_level", "overall", "n",
           "n_events")
_WIDEST = 16.0
"""An interval beyond this ratio is cut: a group of twenty can reach any number."""


def arm_effect(table: pd.DataFrame, *, ax: Axes | None = None, marker: Marker | None = None, xlabel: str = "",
               ylabel: str = "Hazard ratio between arms", limits: tuple[float, float] | None = None) -> Axes:
    """The effect of the arm along one marker in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.predictive.arm_effect`: rows of `part` "group", "curve" (may be absent) and "event".
    ax : matplotlib Axes, optional
    marker : Marker, optional
        For the label and the ticks in its own unit.
    xlabel, ylabel : str
        Words of the axes.
    limits : (float, float), optional
        Lowest and highest hazard ratio, where panels share a scale.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "arm_effect")
    groups, curve, events = (table[table["part"] == part] for part in ("group", "curve", "event"))
    known = groups[np.isfinite(groups["hazard_ratio"].to_numpy(float))]
    with house():
        ax = axes_of(ax, SINGLE, 65.0)
        if known.empty:
            ax.set_axis_off()
            lines_of_text(ax, ["no groups: too few patients or events in an arm"])
            return ax
        limits = limits or span(table)
        ax.set_yscale("log")
        ax.axhline(1.0, color=light("ink"), linewidth=0.6, zorder=1.5)
        ax.axhline(float(known["overall"].iloc[0]), color=light("ink2"), linewidth=0.9, linestyle=(0, (3.2, 1.6)), zorder=1.6)
        if len(curve):
            x, middle = curve["x"].to_numpy(float), curve["hazard_ratio"].to_numpy(float)
            ax.fill_between(x, curve["conf_low"].clip(*limits), curve["conf_high"].clip(*limits), color=light("experimental"),
                            alpha=0.13, linewidth=0, zorder=1)
            inside = (middle >= limits[0]) & (middle <= limits[1])
            ax.plot(x, np.where(inside, middle, np.nan), color=light("experimental"), linewidth=1.5, zorder=2)
        x, ratio = known["x"].to_numpy(float), known["hazard_ratio"].to_numpy(float)
        ax.hlines(ratio, known["low"], known["high"], color=light("ink2"), linewidth=0.5, zorder=2.2)
        ends = (known[end].clip(*limits) for end in ("conf_low", "conf_high"))
        ax.vlines(x, *ends, color=light("ink"), linewidth=1.1, zorder=3)
        ax.plot(x, ratio, marker="o", markersize=4.2, markerfacecolor=light("ink"), markeredgecolor="none", linestyle="none",
                zorder=4)
        low, high = float(np.nanmin(table[["x", "low"]])), float(np.nanmax(table[["x", "high"]]))
        ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        said = _said(groups, known, curve)
        ratio_scale(ax, limits, room=text_height(len(said)))
        ax.plot(events["x"], np.zeros(len(events)), transform=ax.get_xaxis_transform(), linestyle="none", marker=EVENT,
                markersize=7, markeredgewidth=0.6, color=light("ink"), clip_on=False, zorder=2.5)
        raw = unit_ticks(ax, events, marker)
        lines_of_text(ax, said)
        ax.set_xlabel(fit(xlabel or axis_name(marker, raw=raw), size(ax)[0] + 20, TEXT), parse_math=False)
        ax.set_ylabel(fit(ylabel, size(ax)[1] + 20, TEXT), parse_math=False)
    return ax


def arm_effect_figure(table: pd.DataFrame, *, marker: Marker | None = None, cohorts: Sequence[str] = (), xlabel: str = "",
                      ylabel: str = "Hazard ratio between arms", titles: Mapping[str, str] | None = None,
                      places: Mapping[str, int] | None = None) -> Figure:
    """One panel per cohort on one vertical scale: 85 mm wide for one, 180 mm for more.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `arm_effect`, and `cohort`.
    marker, xlabel, ylabel
        As `arm_effect`.
    cohorts, titles, places
        As `panels.cohort_panels`.
    """
    need(table, (*COLUMNS, "cohort"), "arm_effect")
    limits = span(table)

    def draw(rows: pd.DataFrame, ax: Axes) -> Axes:
        return arm_effect(rows, ax=ax, marker=marker, xlabel=xlabel, ylabel=ylabel, limits=limits)

    return cohort_panels(table, draw, cohorts=cohorts, titles=titles, places=places)


def span(table: pd.DataFrame) -> tuple[float, float]:
    """The range of the groups' intervals, as far as it is worth showing."""
    groups = table[table["part"] == "group"]
    known = groups[["conf_low", "conf_high"]].to_numpy(float)
    if not np.isfinite(known).any():
        return 0.5, 2.0
    return max(min(float(np.nanmin(known)), 0.5), 1 / _WIDEST), min(max(float(np.nanmax(known)), 2.0), _WIDEST)


def _said(groups: pd.DataFrame, known: pd.DataFrame, curve: pd.DataFrame) -> list[str]:
    """The panel's words: what a dot is, what the lines are, and groups that could not be shown."""
    level = numbers.level(float(known["conf_level"].iloc[0]))
    each = " to ".join(dict.fromkeys(numbers.count(n) for n in (known["n"].min(), known["n"].max())))
    lost = len(groups) - len(known)
    return [
        f"dots: groups of {each}, {level} CI",
        "hairs: their ranges overlap; dashed: all",
        *(["line: spline by arm with its band"] if len(curve) else []),
        *([f"{numbers.plural(lost, 'group')} with too few events in an arm"] if lost else []),
    ]
