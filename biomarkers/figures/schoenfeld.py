"""Is the effect the same early and late? Scaled Schoenfeld residuals, their smooth curve, and the line a constant effect draws.

Each circle is a death. Where the band holds the dashed line, the hazard ratio of the model, from end to end, one hazard ratio
says it all; where the curve climbs or falls across it, the ratio is a mean over time. Deaths are spread evenly along the axis
(the scale of the test), so the times below are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.panels import cohort_panels, lines_of_text, size, text_height
from biomarkers.figures.style import SINGLE, TEXT, axes_of, fit, house
from biomarkers.figures.tokens import light
from biomarkers.tables import need, time_unit

COLUMNS = ("part", "time", "place", "value", "conf_low", "conf_high", "conf_level", "coefficient", "p_value", "transform",
           "n_events")
_RATIOS = (1 / 256, 1 / 64, 1 / 16, 1 / 4, 1, 4, 16, 64, 256)
_FINE = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
_TIMES = {"weeks": (12, 24, 48, 96, 144, 6, 36, 72, 18, 3, 60, 9, 1), "months": (12, 24, 36, 48, 60, 6, 18, 3, 30, 9, 1),
          "days": (28, 84, 168, 364, 728, 14, 56, 112, 7, 1)}
"""Times that may stand under the axis, the most welcome first."""
_WORDS = {"km": "Kaplan–Meier scale", "rank": "rank scale", "identity": "time itself", "log": "log scale"}


def schoenfeld(table: pd.DataFrame, *, ax: Axes | None = None, unit: str | None = None, xlabel: str = "",
               ylabel: str = "Hazard ratio at that time", limits: tuple[float, float] | None = None) -> Axes:
    """The residuals of one term in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.proportionality.schoenfeld_table`: rows of `part` "residual" and "smooth"; times in days.
    ax : matplotlib Axes, optional
    unit : {"weeks", "months", "days"}, optional
        Of the axis; weeks unless follow-up passes three years.
    xlabel, ylabel : str
        Words of the axes.
    limits : (float, float), optional
        Lowest and highest log hazard ratio, where panels share a scale.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "schoenfeld")
    dots, smooth = table[table["part"] == "residual"], table[table["part"] == "smooth"]
    with house():
        ax = axes_of(ax, SINGLE, 65.0)
        if dots.empty:
            ax.set_axis_off()
            lines_of_text(ax, ["no residuals: the model has no finite estimate"])
            return ax
        facts = dots.iloc[0]
        said = _said(facts, drawn=len(smooth) > 0)
        _vertical(ax, limits or _range(table), text_height(len(said)))
        ax.axhline(0.0, color=light("ink"), linewidth=0.6, zorder=1.5)
        ax.axhline(float(facts["coefficient"]), color=light("ink2"), linewidth=1.0, linestyle=(0, (3.2, 1.6)), zorder=2)
        place = smooth["place"].to_numpy(float)
        if len(smooth):
            band = (smooth[end].to_numpy(float) for end in ("conf_low", "conf_high"))
            ax.fill_between(place, *band, color=light("class"), alpha=0.14, linewidth=0, zorder=1)
            ax.plot(place, smooth["value"], color=light("class"), linewidth=1.6, zorder=4)
        ax.plot(dots["place"], dots["value"], linestyle="none", marker="o", markersize=2.8, markerfacecolor="none",
                markeredgecolor=light("ink2"), markeredgewidth=0.6, alpha=0.8, zorder=3)
        low, high = float(dots["place"].min()), float(dots["place"].max())
        ax.set_xlim(low - 0.02 * (high - low or 1), high + 0.02 * (high - low or 1))
        unit = unit or time_unit(float(dots["time"].max()))
        _times(ax, dots, unit)
        lines_of_text(ax, said)
        wide, tall = size(ax)
        words = xlabel or f"{unit.capitalize()}, {_WORDS.get(facts['transform'], facts['transform'])}"
        ax.set_xlabel(fit(words, wide + 20, TEXT), parse_math=False)
        ax.set_ylabel(fit(ylabel, tall + 20, TEXT), parse_math=False)
    return ax


def schoenfeld_figure(table: pd.DataFrame, *, cohorts: Sequence[str] = (), unit: str | None = None, xlabel: str = "",
                      ylabel: str = "Hazard ratio at that time", titles: Mapping[str, str] | None = None,
                      places: Mapping[str, int] | None = None) -> Figure:
    """One panel per cohort on one vertical scale: 85 mm wide for one, 180 mm for more.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `schoenfeld`, and `cohort`.
    unit, xlabel, ylabel
        As `schoenfeld`.
    cohorts, titles, places
        As `panels.cohort_panels`.
    """
    need(table, (*COLUMNS, "cohort"), "schoenfeld")
    limits = _range(table) if len(table) else None
    unit = unit or time_unit(float(table["time"].max()))

    def draw(rows: pd.DataFrame, ax: Axes) -> Axes:
        return schoenfeld(rows, ax=ax, unit=unit, xlabel=xlabel, ylabel=ylabel, limits=limits)

    return cohort_panels(table, draw, cohorts=cohorts, titles=titles, places=places)


def _said(facts: pd.Series, *, drawn: bool) -> list[str]:
    level = numbers.level(facts["conf_level"])
    band = f"smooth, {level} band; dashed: constant" if drawn else "too few times for a curve"
    return [band, f"proportional hazards {numbers.p_equals(facts['p_value'])}; {numbers.plural(facts['n_events'], 'event')}"]


def _range(table: pd.DataFrame) -> tuple[float, float]:
    """The range of circles and curve, and of the band as far as the circles reach."""
    shown = table["value"].to_numpy(float)
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    pad = 0.04 * (high - low or 1.0)
    return min(low - pad, -0.7), max(high + pad, 0.7)


def _vertical(ax: Axes, limits: tuple[float, float], room: float) -> None:
    """Log hazard ratios with plain ratios at the ticks, and room for the words above."""
    free = max(size(ax)[1] - room, 20.0)
    ax.set_ylim(limits[0], limits[1] + (limits[1] - limits[0]) * room / free)
    ladder = _FINE if limits[1] - limits[0] < 5 else _RATIOS
    ticks = [t for t in ladder if limits[0] <= math.log(t) <= limits[1]]
    ax.set_yticks([math.log(t) for t in ticks], [f"{t:g}" if t >= 0.1 else f"{t:.1g}" for t in ticks])


def _times(ax: Axes, dots: pd.DataFrame, unit: str) -> None:
    """Round times at their places on the scale of the test, as many as stand apart."""
    ordered = dots.sort_values("place", kind="stable")
    place, time = ordered["place"].to_numpy(float), ordered["time"].to_numpy(float) / DAYS_PER[unit]
    apart = 18 / size(ax)[0] * (place[-1] - place[0])
    chosen: list[tuple[float, float]] = []
    for value in _TIMES[unit]:
        at = float(np.interp(value, time, place))
        if time[0] <= value <= time[-1] and all(abs(at - other) >= apart for other, _ in chosen):
            chosen.append((at, float(value)))
    chosen.sort()
    ax.set_xticks([at for at, _ in chosen], [f"{value:g}" for _, value in chosen])
