"""State occupation: the share of patients in each state over time, stacked to one, or as lines with their intervals.

Stacked, it answers where everybody is: the white at the bottom is the state one hopes for, the dark at the top is where nobody
comes back from, and the share at the end stands beside each band. As lines it shows how well each share is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.errors import UseError
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.panels import size
from biomarkers.figures.people import Entry, aside, corner_note, key, nobody, person_panels
from biomarkers.figures.style import DOUBLE, NOTE, TEXT, axes_of, fit, house, write
from biomarkers.figures.ticks import time_ticks
from biomarkers.figures.tokens import Mark, light
from biomarkers.tables import need, order, text, time_unit

COLUMNS = ("time", "state", "probability", "conf_low", "conf_high")
Kind = Literal["stacked", "lines"]
TONES = {"negative": "surface", "positive": "class-tint", "restarted therapy": "loss2", "progressed or dead": "ink2"}
"""How the states of MRD are filled; other states go from white to dark in their order."""
_RAMP = ("surface", "loss0", "loss1", "loss2", "ink2", "ink")
_DASHES: tuple[tuple[float, ...], ...] = ((3.2, 1.6), (), (4, 1.4, 1, 1.4), (1, 1.5), (7, 2), (4, 1.2, 1, 1.2, 1, 1.2))
_HUES = ("reference", "class", "cohort1", "cohort2", "cohort5", "ink2")


def state_occupation(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    kind: Kind = "stacked",
    states: Sequence[str] = (),
    unit: str | None = None,
    limits: tuple[float, float] | None = None,
    origin: str = "time zero",
    title: str = "",
    legend: bool = True,
) -> Axes:
    """The states of one group.

    Parameters
    ----------
    table : pandas.DataFrame
        `MRD.state_occupation`: time (days), state, probability, conf_low, conf_high; `n`, where it is given, is who was there
        at the start.
    ax : matplotlib Axes, optional
        Stacked, it needs about 26 points of free space at its right.
    kind : {"stacked", "lines"}
    states : sequence of str
        The order, from the bottom; by default that of `TONES`, and of the table for other states.
    unit : {"weeks", "months", "days"}, optional
    limits : (float, float), optional
        First and last day of the axis, where panels share it; those of the table by default.
    origin : str
        What day 0 is.
    title : str
        What already stands at the left above the axes.
    legend : bool
        Whether to write the key below the axis.

    Raises
    ------
    UseError
        A column is missing, the kind is unknown, or the shares of a time do not add up to one.
    """
    need(table, COLUMNS, "state_occupation")
    if kind not in ("stacked", "lines"):
        raise UseError(f"kind {kind!r} is not one of stacked, lines")
    with house():
        ax = axes_of(ax, 89, 60)
        if table.empty:
            return nobody(ax, "nobody observed at the start")
        names = _names(table, states)
        time, shares = _shares(table, names)
        unit = unit or time_unit(float(time[-1]))
        scale = DAYS_PER[unit]
        first, last = limits or (float(time[0]), float(time[-1]))
        span = (last - first) or 1.0
        ax.set_xlim(first / scale, (last + (0 if kind == "stacked" else 0.012 * span)) / scale)
        ax.set_ylim(0, 1)
        if kind == "stacked":
            _stacked(ax, names, time / scale, shares)
        else:
            _drawn(ax, table, names, scale)
        ticks = _ticks(first / scale, last / scale, unit, size(ax)[0])
        ax.set_xticks(ticks, [f"{round(t, 1):g}" for t in ticks])
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1.00"])
        ax.set_xlabel(fit(f"{unit.capitalize()} from {numbers.label(origin)}", size(ax)[0], TEXT), parse_math=False)
        ax.set_ylabel("Share of patients")
        if "n" in table:
            people = numbers.plural(int(table["n"].max()), "patient")
            corner_note(ax, [f"{people} at the start", people], taken=title)
        if legend:
            key(ax, entries(names, kind), left=-30, top=-27, room=size(ax)[0] + 50)
    return ax


def state_occupation_figure(
    table: pd.DataFrame,
    *,
    by: str = "cohort",
    groups: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    kind: Kind = "stacked",
    states: Sequence[str] = (),
    unit: str | None = None,
    origin: str = "time zero",
    width_mm: float = DOUBLE,
    places: Mapping[str, int] | None = None,
) -> Figure:
    """One panel per cohort or arm with one key; `places` as in `people.person_panels`."""
    need(table, (*COLUMNS, by), "state_occupation")
    names = _names(table, states)
    limits = (float(table["time"].min()), float(table["time"].max())) if len(table) else None
    unit = unit or (time_unit(limits[1]) if limits else None)

    def draw(rows: pd.DataFrame, ax: Axes, mark: Mark, title: str, leads: bool) -> None:  # noqa: ARG001 - hue says the state here
        state_occupation(rows, ax=ax, kind=kind, states=names, unit=unit, limits=limits, origin=origin, title=title,
                         legend=False)  # fmt: skip

    return person_panels(table, draw, by=by, groups=groups, titles=titles, entries=entries(names, kind), width_mm=width_mm,
                         places=places, tall=125.0, left=40.0, gap=34.0, right=30.0 if kind == "stacked" else 8.0)  # fmt: skip


def entries(states: Sequence[str], kind: Kind) -> list[Entry]:
    """The key, from the bottom of the stack."""
    if kind == "stacked":
        tones = _tones(states)
        return [Entry(numbers.label(s), {"marker": "s", "markersize": 6, "markerfacecolor": light(tones[s]),
                                         "markeredgecolor": light("ink"), "markeredgewidth": 0.5}) for s in states]  # fmt: skip
    return [Entry(numbers.label(s), {"color": light(h), "linestyle": (0, d) if d else "-", "linewidth": 1.4})
            for s, (h, d) in _strokes(states).items()]  # fmt: skip


def _names(table: pd.DataFrame, states: Sequence[str]) -> list[str]:
    """States from the bottom: as declared, else those of MRD in their own order, else as the table has them."""
    known = [s for s in TONES if s in set(table["state"].map(text))]
    return order(table["state"], states or (known if len(known) == table["state"].nunique() else ()))


def _tones(states: Sequence[str]) -> dict[str, str]:
    if all(s in TONES for s in states):
        return {s: TONES[s] for s in states}
    return {s: _RAMP[min(i, len(_RAMP) - 1)] for i, s in enumerate(states)}


def _strokes(states: Sequence[str]) -> dict[str, tuple[str, tuple[float, ...]]]:
    return {s: (_HUES[i % len(_HUES)], _DASHES[i % len(_DASHES)]) for i, s in enumerate(states)}


def _shares(table: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Times, and a row of shares for each state."""
    wide = table.assign(state=table["state"].map(text)).pivot_table(
        index="time", columns="state", values="probability", aggfunc="first", observed=True, sort=True)  # fmt: skip
    shares = wide.reindex(columns=list(names)).fillna(0.0).to_numpy(float).T
    off = np.abs(shares.sum(axis=0) - 1)
    if off.max() > 1e-6:
        worst = int(off.argmax())
        raise UseError(f"the shares of day {wide.index[worst]:g} add up to {shares.sum(axis=0)[worst]:.4g}, not to 1; "
                       "give the table of one group, with all its states")  # fmt: skip
    return wide.index.to_numpy(float), shares


def _ticks(first: float, last: float, unit: str, wide: float) -> list[float]:
    """Round steps, and the day from which it counts; a neighbour that would touch it goes."""
    ticks = [t for t in time_ticks(last, unit, max(3, int(wide / 24))) if (t - first) / (last - first or 1) * wide > 13]
    return [first, *ticks]


def _stacked(ax: Axes, names: Sequence[str], time: np.ndarray, shares: np.ndarray) -> None:
    tops = np.cumsum(shares, axis=0)
    bottoms = tops - shares
    tones = _tones(names)
    for k, name in enumerate(names):
        ax.fill_between(time, bottoms[k], tops[k], step="post", facecolor=light(tones[name]), edgecolor="none", linewidth=0,
                        zorder=1)  # fmt: skip
    for k in range(len(names) - 1):
        ax.plot(time, tops[k], drawstyle="steps-post", color=light("ink"), linewidth=0.6, zorder=2)
    ax.plot([time[0], time[-1], time[-1]], [1, 1, 0], color=light("ink"), linewidth=0.6, zorder=2, clip_on=False)
    gap, last, beside = 8.0 / size(ax)[1], -1.0, ax.transData + aside(ax, 4)
    for k in range(len(names)):
        if shares[k][-1] <= 0:
            continue
        last = max(float((bottoms[k][-1] + tops[k][-1]) / 2), last + gap)
        words = numbers.percent(float(shares[k][-1]) * 99, 99)  # no decimals: a share of some dozens
        write(ax, time[-1], last, words, transform=beside, size=NOTE, va="center")



def _drawn(ax: Axes, table: pd.DataFrame, names: Sequence[str], scale: float) -> None:
    for name, (hue, dashes) in _strokes(names).items():
        own = table[table["state"].map(text) == name].sort_values("time", kind="stable")
        x = own["time"].to_numpy(float) / scale
        ax.fill_between(x, own["conf_low"].to_numpy(float), own["conf_high"].to_numpy(float), step="post", color=light(hue),
                        alpha=0.12, linewidth=0, zorder=1)  # fmt: skip
        ax.plot(x, own["probability"].to_numpy(float), drawstyle="steps-post", color=light(hue), linewidth=1.4,
                linestyle=(0, dashes) if dashes else "-", zorder=3)  # fmt: skip
