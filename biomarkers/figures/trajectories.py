"""Trajectories: every value of a marker by its day, aligned at time zero, one line per patient.

Values lie on the analysed scale with ticks in the raw unit; one below its limit is an open triangle at its own limit, and the
limits are a dashed line, or a band where each row has its own. A draw taken because of progression stands in a strip of its
own beside the axis: on the same axis it would pass for a value that came before, and it would crush the weeks that matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
from biomarkers.domain.times import DAYS_PER
from biomarkers.figures.panels import size
from biomarkers.figures.people import (
    LATE_ROLES,
    Entry,
    Rows,
    broken,
    corner_note,
    cut,
    dots,
    key,
    nobody,
    person_panels,
    rows_of,
    spread,
    walks,
)
from biomarkers.figures.style import DOUBLE, NOTE, TEXT, TICK, axes_of, data_x, data_y, fit, house, width, write
from biomarkers.figures.ticks import raw_ticks, time_ticks
from biomarkers.figures.tokens import Mark, light
from biomarkers.tables import floats, need, time_unit

COLUMNS = ("subject", "day", "role", "value", "model_value", "status", "lod", "time", "event")
STRIP = 0.24
"""Width of the strip of late draws, as a share of the time axis."""
_HAIR = (0, (0.8, 1.6))
_BELOW: dict[str, Any] = {"marker": "v", "markersize": 3.8, "markerfacecolor": light("surface"), "markeredgewidth": 0.8}
_LATE: dict[str, Any] = {"marker": "x", "markersize": 3.6, "markeredgewidth": 0.9, "linestyle": "none"}
_EVENT: dict[str, Any] = {"marker": "D", "markersize": 3.4, "markeredgewidth": 0, "linestyle": "none"}


def trajectories(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    marker: Marker | None = None,
    mark: Mark | None = None,
    unit: str | None = None,
    limit: float | None = None,
    first: float | None = None,
    landmark: float | None = None,
    values: tuple[float, float] | None = None,
    limits: Limits | None = None,
    labels: bool = True,
    strip: bool = True,
    origin: str = "time zero",
    title: str = "",
    event: str = "event",
    legend: bool = True,
) -> Axes:
    """The trajectories of one group.

    Parameters
    ----------
    table : pandas.DataFrame
        `models.over_time.trajectories`: subject, day, role ("scheduled", "progression", "after the end", "none"), value,
        model_value, status (measured, below, above, missing), lod, time and event of the end of follow-up.
    ax : matplotlib Axes, optional
    marker : Marker, optional
        For the label, the unit and the exact places of the ticks.
    mark : Mark, optional
        Hue, line and symbol of the group.
    unit : {"weeks", "months", "days"}, optional
    limit : float, optional
        End of the time axis in days; the last scheduled draw by default. An event after it is counted in words, not drawn.
    first : float, optional
        Start of the time axis in days, for panels that share it; the earliest day that is shown by default.
    landmark : float, optional
        A day, drawn as a dotted line.
    values : (float, float), optional
        Lowest and highest value of the axis on the analysed scale, for panels that share it.
    limits : Limits, optional
        The limits of all panels; those of the table by default.
    labels : bool
        Whether the values are written beside the axis (only the first panel of a row has them).
    strip : bool
        Whether late draws stand in a strip; without it they are left out, and counted.
    origin : str
        What day 0 is.
    title : str
        What already stands at the left above the axes: the count beside it keeps clear of it.
    event : str
        What the event is called in the key.
    legend : bool
        Whether to write the key below the axis.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "trajectories")
    with house():
        ax = axes_of(ax, 89, 65)
        mark = mark or Mark("ink2")
        every = rows_of(table, ("day", "model_value", "time", "event"), ("role", "status"))
        known = np.isfinite(every["model_value"]) & np.isfinite(every["day"])
        if not known.any():
            return nobody(ax, "nobody with a value")
        seen = cut(every, known)
        scheduled, late = cut(seen, seen["role"] == "scheduled"), cut(seen, np.isin(seen["role"], LATE_ROLES))
        end = limit or float(scheduled["day"].max() if len(scheduled["day"]) else 1.0)
        unit = unit or time_unit(end)
        scale = DAYS_PER[unit]
        early = first if first is not None else _first(scheduled["day"])
        pad = 0.05 * (end - early or 7.0)
        span = (early - pad, end + pad)
        shown_strip = strip and len(late["day"]) > 0
        right = span[1] + (STRIP * (span[1] - span[0]) if shown_strip else 0)
        ax.set_xlim(span[0] / scale, right / scale)
        low, high = values or (float(seen["model_value"].min()), float(seen["model_value"].max()))
        breadth = (high - low) or 1.0
        ax.set_ylim(low - 0.06 * breadth, high + (0.07 if landmark is None else 0.14) * breadth)
        limits = limits or limits_of(table[known])
        _limits(ax, limits)
        _zero(ax, landmark, scale)
        _lines(ax, scheduled, mark, scale)
        marked = _events(ax, scheduled, mark, scale, end)
        if shown_strip:
            _strip(ax, scheduled, late, mark, (span[1] / scale, right / scale), scale)
        _points(ax, scheduled, mark, scale)
        room = size(ax)[0] * (span[1] - span[0]) / (right - span[0])
        ticks = [t for t in time_ticks(end / scale, unit, max(2, int(room / 22))) if t * scale <= end + pad]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        raw_ticks(ax, table if known.all() else table[known], marker, low, high)
        _limit_tick(ax, limits, words=labels)
        ax.set_xlabel(fit(f"{unit.capitalize()} from {numbers.label(origin)}", size(ax)[0], TEXT), parse_math=False)
        ax.set_ylabel(fit(_label(marker), size(ax)[1] + 14, TEXT), parse_math=False)
        corner_note(ax, _counts(every, seen, marked), taken=title)
        if legend:
            key(ax, entries(table, event=event, mark=mark, end=end), left=-30, top=-27, room=size(ax)[0] + 30)
    return ax


def trajectory_figure(
    table: pd.DataFrame,
    *,
    marker: Marker | None = None,
    by: str = "arm",
    groups: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    unit: str | None = None,
    limit: float | None = None,
    landmark: float | None = None,
    origin: str = "time zero",
    event: str = "event",
    width_mm: float = DOUBLE,
    places: Mapping[str, int] | None = None,
) -> Figure:
    """One panel per arm or cohort with one scale of values and of time.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `trajectories` and `by`.
    by : str
        Column of the panels.
    groups : sequence of str
        The order of the design.
    places : mapping of group to int, optional
        As in `people.person_panels`.
    """
    need(table, (*COLUMNS, by), "trajectories")
    table = table[list(dict.fromkeys((*COLUMNS, by)))]  # each cut of a wide table is paid by the column
    y = floats(table["model_value"])
    known = np.isfinite(y) & np.isfinite(floats(table["day"]))
    values = (float(y[known].min()), float(y[known].max())) if known.any() else None
    scheduled = floats(table["day"])[(known & (table["role"] == "scheduled")).to_numpy(bool)]
    end = limit or (float(scheduled.max()) if len(scheduled) else 1.0)

    limits = limits_of(table)
    first = _first(scheduled)

    def draw(rows: pd.DataFrame, ax: Axes, mark: Mark, title: str, leads: bool) -> None:
        trajectories(rows, ax=ax, marker=marker, mark=mark, unit=unit or time_unit(end), limit=end, first=first,
                     landmark=landmark, values=values, limits=limits, labels=leads, origin=origin, title=title,
                     legend=False)  # fmt: skip

    return person_panels(
        table, draw, by=by, groups=groups, titles=titles, width_mm=width_mm, tall=118.0, left=48.0,
        entries=entries(table, event=event, end=end), gap=16.0, places=places,
    )  # fmt: skip


def entries(table: pd.DataFrame, *, event: str = "event", mark: Mark | None = None, end: float = np.inf) -> list[Entry]:
    """The key: only marks that are drawn on an axis up to the day `end`."""
    mark = mark or Mark("ink2")
    seen = table[np.isfinite(floats(table["model_value"]))]
    if seen.empty:
        return []
    found = [Entry("measured", dots(mark))]
    if (seen["status"] == "below").any():
        found.append(Entry("below the limit, drawn at it", {**_BELOW, "markeredgecolor": light("lod")}))
    if (seen["status"] == "above").any():
        found.append(Entry("above the range, drawn at its end", {**_BELOW, "marker": "^", "markeredgecolor": light("ink2")}))
    if ((floats(seen["event"]) == 1) & (floats(seen["time"]) <= end)).any():
        found.append(Entry(event, {**_EVENT, "markerfacecolor": light("ink")}))
    if seen["role"].isin(LATE_ROLES).any():
        found.append(Entry("drawn at progression or later: never a predictor", {**_LATE, "markeredgecolor": light("ink")}))
    return found


def _first(scheduled: np.ndarray) -> float:
    """Where the time axis begins: at the earliest scheduled draw, never after time zero."""
    return min(0.0, float(scheduled.min())) if len(scheduled) else 0.0


def _label(marker: Marker | None) -> str:
    if marker is None:
        return ""
    return f"{numbers.label(marker.label)}, {numbers.unit(marker.unit)}" if marker.unit else numbers.label(marker.label)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the values that lie below theirs: lowest and highest on the analysed scale, and the words for them."""

    low: float
    high: float
    words: str


def limits_of(table: pd.DataFrame) -> Limits | None:
    """The limits that some value of the table lies below; None where none does."""
    below = table[(table["status"] == "below") & np.isfinite(floats(table["model_value"]))]
    if below.empty:
        return None
    places, raw = floats(below["model_value"]), floats(below["lod"])
    raw = raw[np.isfinite(raw)]
    words = "<LOD" if not len(raw) or raw.min() < raw.max() else f"<{numbers.value(float(raw.max()))}"
    return Limits(float(places.min()), float(places.max()), words)


def _limits(ax: Axes, limits: Limits | None) -> None:
    """The limit as a dashed line; a band from the lowest to the highest where every row has its own."""
    if limits is None:
        return
    style: dict[str, Any] = {"color": light("lod-line"), "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 0.6}
    if limits.high > limits.low:
        ax.axhspan(limits.low, limits.high, facecolor=light("lod-tint"), edgecolor="none", zorder=0.3)
        ax.axhline(limits.low, **style)
    ax.axhline(limits.high, **style)


def _limit_tick(ax: Axes, limits: Limits | None, words: bool) -> None:
    """The limit's own word on the axis; ticks that would touch it go."""
    if limits is None:
        return
    bottom, top = ax.get_ylim()
    at = (limits.low + limits.high) / 2
    near = 9.0 * (top - bottom) / size(ax)[1]
    words_of = ax.yaxis.get_major_formatter().format_ticks(ax.get_yticks().tolist())
    kept = [(y, said) for y, said in zip(ax.get_yticks(), words_of, strict=True) if abs(y - at) > near]
    ax.set_yticks([y for y, _ in kept], [t for _, t in kept])
    if words:
        write(ax, -5, at, limits.words, transform=data_y(ax), size=TICK, ha="right", va="center", color=light("lod"))


def _zero(ax: Axes, landmark: float | None, scale: float) -> None:
    ax.axvline(0, color=light("hairline"), linewidth=0.6, zorder=0.2)
    if landmark is not None:
        ax.axvline(landmark / scale, color=light("ink"), linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0.7)
        write(ax, landmark / scale, 0.985, f"landmark, day {landmark:g} ", transform=ax.get_xaxis_transform(), size=NOTE,
              ha="right", va="top")  # fmt: skip


def _lines(ax: Axes, rows: Rows, mark: Mark, scale: float) -> None:
    day, value = rows["day"] / scale, rows["model_value"]
    parts = [(day[own], value[own]) for own in walks(rows) if len(own) > 1]
    x, y = broken(parts)
    ax.plot(x, y, color=mark.colour, linewidth=0.9, alpha=0.75 if len(parts) < 60 else 0.5, zorder=2, solid_joinstyle="round")


def _points(ax: Axes, rows: Rows, mark: Mark, scale: float) -> None:
    x, y, status = rows["day"] / scale, rows["model_value"], rows["status"]
    plain = ~np.isin(status, ("below", "above"))
    ax.plot(x[plain], y[plain], **dots(mark, 3.2 if len(x) < 150 else 2.4), zorder=3)
    for kind, symbol, colour in (("below", "v", light("lod")), ("above", "^", light("ink2"))):
        here = status == kind
        if here.any():
            ax.plot(x[here], y[here], linestyle="none", **{**_BELOW, "marker": symbol}, markeredgecolor=colour, zorder=3.2)


def _events(ax: Axes, rows: Rows, mark: Mark, scale: float, end: float) -> int:
    """Events on the axis: a diamond at its day, carried on from the last value by a hair; returns how many there are."""
    last = np.array([own[-1] for own in walks(rows)], dtype=int)
    day, value, time, event = (rows[c][last] for c in ("day", "model_value", "time", "event"))
    inside = (event == 1) & (time <= end)
    day, value, time = day[inside] / scale, value[inside], time[inside] / scale
    x, y = broken([(np.array([a, b]), np.array([v, v])) for a, b, v in zip(day, time, value, strict=True)])
    ax.plot(x, y, color=mark.colour, linewidth=0.6, linestyle=_HAIR, zorder=1.5)
    style = _EVENT if len(time) < 80 else _EVENT | {"markersize": 2.4}
    ax.plot(time, value, **style, markerfacecolor=light("ink"), zorder=3.5)
    return len(time)


def _strip(ax: Axes, rows: Rows, late: Rows, mark: Mark, place: tuple[float, float], scale: float) -> None:
    """Late draws beside the axis, joined to the last value by hair-thin dots."""
    left, right = place
    ax.axvspan(left, right, facecolor=light("plate"), edgecolor="none", zorder=0.1)
    name, day, value = rows["subject"], rows["day"] / scale, rows["model_value"]
    last = {name[own[-1]]: (day[own[-1]], value[own[-1]]) for own in walks(rows)}
    late = cut(late, np.lexsort((late["day"], late["model_value"])))
    y, status = late["model_value"], late["status"]
    x = left + (right - left) * (0.5 + 0.62 * spread(len(y)))
    joined = [(np.array([last[s][0], at]), np.array([last[s][1], v]))
              for s, at, v in zip(late["subject"], x, y, strict=True) if s in last]  # fmt: skip
    hx, hy = broken(joined)
    ax.plot(hx, hy, color=mark.colour, linewidth=0.45, linestyle=_HAIR, alpha=0.8, zorder=1.4)
    below = status == "below"
    style = _LATE if len(x) < 80 else _LATE | {"markersize": 2.4, "markeredgewidth": 0.6}
    ax.plot(x[~below], y[~below], **style, markeredgecolor=light("ink"), zorder=3.1)
    if below.any():
        ax.plot(x[below], y[below], linestyle="none", **_BELOW, markeredgecolor=light("ink"), zorder=3.1)
    room = size(ax)[0] * (right - left) / (ax.get_xlim()[1] - ax.get_xlim()[0])
    words = next((w for w in ("at progression", "progression") if width(w, TICK) <= room + 4), "late")
    write(ax, (left + right) / 2, -5.5, words, transform=data_x(ax), size=TICK, ha="center", va="top")


def _counts(every: Rows, seen: Rows, marked: int) -> list[str]:
    """How many patients and events, in two lengths; events that the axis does not reach are said to be there."""
    n, ended = len(set(seen["subject"])), dict(zip(every["subject"], every["event"], strict=True))
    total, events = len(ended), sum(event == 1 for event in ended.values())
    patients = numbers.plural(n, "patient") if n == total else f"{n} of {numbers.plural(total, 'patient')}"
    if not events:
        return [patients]
    shown = numbers.plural(events, "event")
    if marked < events:
        shown = f"{marked} of {events} events shown" if marked else f"{shown}, {'not' if events == 1 else 'none'} shown"
    return [f"{patients}, {shown}", patients]
