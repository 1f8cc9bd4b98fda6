"""Hazard ratio along a marker: the spline with its band, the straight line it is compared with, and where the events are.

The open circle is the reference, the median, where every curve is one. The line of the linear model is dashed: what a reader
judges is whether the band leaves it, and the P of the bend says the same in a number. Events stand as a rug on the axis; where
there are none the band is wide and nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
from biomarkers.figures.panels import cohort_panels, lines_of_text, size, text_height
from biomarkers.figures.style import SINGLE, TEXT, axes_of, fit, house
from biomarkers.figures.ticks import blurred, on_scale, ratio_ticks, round_values
from biomarkers.figures.tokens import light
from biomarkers.tables import need

COLUMNS = ("part", "x", "value", "hazard_ratio", "conf_low", "conf_high", "conf_level", "linear", "reference", "p_linearity",
           "n_knots", "n", "n_events")
_WIDEST = 20.0
"""A band beyond this ratio is cut: at the ends of a marker's range it can reach any number."""


def spline(table: pd.DataFrame, *, ax: Axes | None = None, marker: Marker | None = None, xlabel: str = "",
           ylabel: str = "Hazard ratio", limits: tuple[float, float] | None = None) -> Axes:
    """The spline of one analysis in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.functional_form.spline_table`: rows of `part` "curve" and "event".
    ax : matplotlib Axes, optional
    marker : Marker, optional
        For the label and the ticks in its own unit; without it, or where the table knows no raw values, the axis shows the
        scale of the model.
    xlabel, ylabel : str
        Words of the axes in place of the marker's.
    limits : (float, float), optional
        Lowest and highest hazard ratio, where panels share a scale.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "spline")
    curve, events = table[table["part"] == "curve"], table[table["part"] == "event"]
    with house():
        ax = axes_of(ax, SINGLE, 65.0)
        if curve.empty:
            ax.set_axis_off()
            lines_of_text(ax, ["no spline: too few events, or too few different values"])
            return ax
        facts = curve.iloc[0]
        x = curve["x"].to_numpy(float)
        limits = limits or _vertical(curve)
        ax.set_yscale("log")
        ax.fill_between(x, curve["conf_low"].clip(*limits), curve["conf_high"].clip(*limits), color=light("class"), alpha=0.14,
                        linewidth=0, zorder=1)
        ax.axhline(1.0, color=light("ink"), linewidth=0.6, zorder=1.5)
        ax.plot(x, curve["linear"], color=light("ink2"), linewidth=1.0, linestyle=(0, (3.2, 1.6)), zorder=2)
        ax.plot(x, curve["hazard_ratio"], color=light("class"), linewidth=1.6, zorder=3)
        ax.set_xlim(float(x.min()), float(x.max()))
        said = _said(facts, "")
        ratio_scale(ax, limits, room=text_height(len(said)))
        inside = events["x"].between(float(x.min()), float(x.max()))
        ax.plot(events.loc[inside, "x"], np.zeros(int(inside.sum())), transform=ax.get_xaxis_transform(), linestyle="none",
                marker=EVENT, markersize=7, markeredgewidth=0.6, color=light("ink"), clip_on=False, zorder=2.5)
        ax.plot([facts["reference"]], [1.0], marker="o", markersize=4.2, markerfacecolor=light("surface"),
                markeredgecolor=light("ink"), markeredgewidth=1.0, linestyle="none", zorder=5)
        shown = _reference(table, events) if unit_ticks(ax, events, marker) else ""
        lines_of_text(ax, _said(facts, shown))
        ax.set_xlabel(fit(xlabel or axis_name(marker, raw=bool(shown)), size(ax)[0] + 20, TEXT), parse_math=False)
        ax.set_ylabel(fit(ylabel, size(ax)[1] + 20, TEXT), parse_math=False)
    return ax


EVENT = ((0, 0), (0, 1))
"""The mark of an event: a stroke upward from the axis."""


def spline_figure(table: pd.DataFrame, *, marker: Marker | None = None, cohorts: Sequence[str] = (), xlabel: str = "",
                  ylabel: str = "Hazard ratio", titles: Mapping[str, str] | None = None,
                  places: Mapping[str, int] | None = None) -> Figure:
    """One panel per cohort on one vertical scale: 85 mm wide for one, 180 mm for more.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `spline`, and `cohort`.
    marker, xlabel, ylabel
        As `spline`.
    cohorts, titles, places
        As `panels.cohort_panels`.
    """
    need(table, (*COLUMNS, "cohort"), "spline")
    curve = table[table["part"] == "curve"]
    limits = _vertical(curve) if len(curve) else None

    def draw(rows: pd.DataFrame, ax: Axes) -> Axes:
        return spline(rows, ax=ax, marker=marker, xlabel=xlabel, ylabel=ylabel, limits=limits)

    return cohort_panels(table, draw, cohorts=cohorts, titles=titles, places=places)


def _said(facts: pd.Series, reference: str) -> list[str]:
    """The panel's words: what is drawn, the test of the bend, the counts, and which value is one."""
    return [f"{int(facts['n_knots'])}-knot spline, {numbers.level(facts['conf_level'])} band; dashed: linear",
            f"non-linearity {numbers.p_equals(facts['p_linearity'])}; {numbers.plural(facts['n_events'], 'event')} (ticks)",
            f"circle: reference{f' {reference}' if reference else ''}, the median; n = {numbers.count(facts['n'])}"]


def _vertical(curve: pd.DataFrame) -> tuple[float, float]:
    """The range of the curves, and of the band as far as it is worth showing."""
    lines = curve[["hazard_ratio", "linear"]].to_numpy(float)
    band = curve[["conf_low", "conf_high"]].to_numpy(float)
    low = max(min(float(np.nanmin(band)), 0.5), min(1 / _WIDEST, float(np.nanmin(lines)) * 0.8))
    high = min(max(float(np.nanmax(band)), 2.0), max(_WIDEST, float(np.nanmax(lines)) * 1.25))
    return low, high


def ratio_scale(ax: Axes, limits: tuple[float, float], *, room: float) -> None:
    """Plain numbers on a log axis, with room for the words above and for the rug below."""
    _, tall = size(ax)
    span = math.log(limits[1] / limits[0])
    free = max(tall - room - 10.0, 20.0)
    low = limits[0] * math.exp(-span * 10.0 / free)
    high = limits[1] * math.exp(span * room / free)
    ax.set_ylim(low, high)
    ticks = ratio_ticks(*limits, free)
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def unit_ticks(ax: Axes, events: pd.DataFrame, marker: Marker | None) -> bool:
    """Ticks in the marker's unit where raw values are known; whether they are."""
    raw = pd.to_numeric(events["value"]).to_numpy(float, na_value=np.nan)
    if marker is None or not np.isfinite(raw).any():
        return False
    scaled = events.rename(columns={"x": "model_value"})
    low, high = ax.get_xlim()
    chosen: list[tuple[float, float]] = []
    apart = 24.0 / size(ax)[0] * (high - low)
    candidates, vague = round_values(float(np.nanmin(raw)), float(np.nanmax(raw)), marker), blurred(scaled)
    for candidate, at in zip(candidates, on_scale(scaled, marker, candidates), strict=True):
        clear = low <= at <= high and not any(a <= at <= b for a, b in vague)
        if clear and all(abs(at - other) > apart for other, _ in chosen):
            chosen.append((float(at), candidate))
    chosen.sort()
    if chosen:
        ax.set_xticks([at for at, _ in chosen], [numbers.value(v) for _, v in chosen])
    return bool(chosen)


def _reference(table: pd.DataFrame, events: pd.DataFrame) -> str:
    """The reference in the marker's unit."""
    reference = float(table["reference"].iloc[0])
    ordered = events.dropna(subset=["value"]).sort_values("x", kind="stable")
    return numbers.value(float(np.interp(reference, ordered["x"], ordered["value"])))


def axis_name(marker: Marker | None, *, raw: bool) -> str:
    """The marker with its unit, or with the scale of the model."""
    if marker is None:
        return "Marker, model scale"
    if raw:
        return f"{numbers.label(marker.label)}, {numbers.unit(marker.unit)}" if marker.unit else numbers.label(marker.label)
    return f"{numbers.label(marker.label)}, {marker.effect or 'model scale'}"


