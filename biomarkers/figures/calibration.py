"""Do the predicted chances come true? Observed against predicted survival at one time, in groups of like prediction.

Points on the diagonal keep their promise. Each carries the interval of what was observed and a bar for the range of predictions
it stands for; its n and events stand beside it, because a group of ten cannot convict a model. Two models on one panel are told
apart by fill and line: the known variables open and dashed, with the marker filled and solid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.panels import cohort_panels, lines_of_text, size
from biomarkers.figures.style import SINGLE, TEXT, TICK, axes_of, fit, house, points, write
from biomarkers.figures.tokens import Mark, group_marks, light
from biomarkers.tables import need, order, text, time_unit

COLUMNS = ("model", "group", "horizon", "n", "n_events", "predicted", "predicted_low", "predicted_high", "observed", "conf_low",
           "conf_high", "conf_level", "judged")
_SAMPLE = 13.0


def calibration(table: pd.DataFrame, *, ax: Axes | None = None, unit: str | None = None, xlabel: str = "",
                ylabel: str = "") -> Axes:
    """Calibration of one or more models in one cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.calibration.calibration_table`, one row per model and group; the horizon in days.
    ax : matplotlib Axes, optional
        Best square.
    unit : {"weeks", "months", "days"}, optional
        In which the horizon is said.
    xlabel, ylabel : str
        Words of the axes.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "calibration")
    with house():
        ax = axes_of(ax, SINGLE, SINGLE)
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-0.02, 1.02)
        for axis in (ax.set_xticks, ax.set_yticks):
            axis([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1.00"])
        ax.plot([0, 1], [0, 1], color=light("ink"), linewidth=0.6, zorder=1)
        names = order(table["model"])
        marks = _marks(len(names))
        for shift, (name, mark) in enumerate(zip(names, marks, strict=True)):
            _model(ax, table[table["model"].map(text) == name], mark, 0.008 * (2 * shift - len(names) + 1))
        horizon = float(table["horizon"].iloc[0]) if len(table) else float("nan")
        unit = unit or time_unit(horizon if np.isfinite(horizon) else 1.0)
        when = f"{horizon / DAYS_PER[unit]:.3g} {unit}" if np.isfinite(horizon) else "the horizon"
        wide, tall = size(ax)
        ax.set_xlabel(fit(xlabel or f"Predicted event-free at {when}", wide + 20, TEXT), parse_math=False)
        ax.set_ylabel(fit(ylabel or f"Observed, {_level(table)} CI", tall + 20, TEXT), parse_math=False)
        _key(ax, names, marks)
        if len(table):
            lines_of_text(ax, _said(table), corner="lower right")
    return ax


def calibration_figure(table: pd.DataFrame, *, cohorts: Sequence[str] = (), unit: str | None = None, xlabel: str = "",
                       ylabel: str = "", titles: Mapping[str, str] | None = None,
                       places: Mapping[str, int] | None = None) -> Figure:
    """One square panel per cohort: 85 mm wide for one, 180 mm for more.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `calibration`, and `cohort`.
    unit, xlabel, ylabel
        As `calibration`.
    cohorts, titles, places
        As `panels.cohort_panels`.
    """
    need(table, (*COLUMNS, "cohort"), "calibration")
    n = len(order(table["cohort"], cohorts))
    tall = {1: 189.0, 2: 206.0, 4: 206.0}.get(n, 140.0)
    return cohort_panels(table, lambda rows, ax: calibration(rows, ax=ax, unit=unit, xlabel=xlabel, ylabel=ylabel),
                         cohorts=cohorts, titles=titles, places=places, tall=tall)


def _marks(n: int) -> Sequence[Mark]:
    return (Mark("class"),) if n == 1 else group_marks(n)


def _model(ax: Axes, rows: pd.DataFrame, mark: Mark, shift: float) -> None:
    """One mark per group; the interval upright, the range of predictions level and faint. No line joins so few patients."""
    known = rows[rows["observed"].notna()].sort_values("predicted", kind="stable")
    x = known["predicted"].to_numpy(float) + shift
    dashes = (0, mark.dashes) if mark.dashes else "-"
    for at, row in zip(x, known.to_dict("records"), strict=True):
        if np.isfinite(row["conf_low"]) and np.isfinite(row["conf_high"]):
            ax.plot([at, at], [row["conf_low"], row["conf_high"]], color=mark.colour, linewidth=1.1, linestyle=dashes, zorder=3)
        ax.plot([row["predicted_low"], row["predicted_high"]], [row["observed"]] * 2, color=mark.colour, linewidth=2.6,
                alpha=0.22, zorder=2)
    ax.plot(x, known["observed"], linestyle="none", marker=mark.marker, markersize=4.6,
            markerfacecolor=mark.colour if mark.filled else light("surface"), markeredgecolor=mark.colour, markeredgewidth=1.0,
            zorder=4)


def _level(table: pd.DataFrame) -> str:
    return numbers.level(float(table["conf_level"].iloc[0])) if len(table) else "95%"


def _key(ax: Axes, names: Sequence[str], marks: Sequence[Mark]) -> None:
    """The models by name, each with a sample of its line; one model alone needs no key unless it has a name."""
    corner = points(ax, 0, 1)
    wide = size(ax)[0]
    for row, (name, mark) in enumerate(zip(names, marks, strict=True)):
        if not name:
            continue
        y = -7.0 - 10.2 * row
        ax.plot([6, 6 + _SAMPLE], [y, y], transform=corner, color=mark.colour, linewidth=0.9,
                linestyle=(0, mark.dashes) if mark.dashes else "-")
        ax.plot([6 + _SAMPLE / 2], [y], transform=corner, linestyle="none", marker=mark.marker, markersize=4.2,
                markerfacecolor=mark.colour if mark.filled else light("surface"), markeredgecolor=mark.colour)
        write(ax, 6 + _SAMPLE + 4, y, fit(name, wide - _SAMPLE - 16, TICK), transform=corner, size=TICK, va="center", zorder=6,
              bbox={"facecolor": light("surface"), "edgecolor": "none", "pad": 0.6, "alpha": 0.8})  # a group may lie there


def _said(table: pd.DataFrame) -> list[str]:
    first = table[table["model"].map(text) == text(table["model"].iloc[0])]
    fewest, most = int(first["n"].min()), int(first["n"].max())
    per = f"{fewest}–{most}" if fewest < most else f"{most}"
    missing = int(table["observed"].isna().sum())
    lost = f"{numbers.plural(missing, 'group')} not followed so long" if missing else ""
    return [lost, f"{len(first)} groups of {per}; n = {numbers.count(first['n'].sum())}, "
            f"{numbers.plural(first['n_events'].sum(), 'event')}", text(table["judged"].iloc[0])]
