"""Ticks: round values in the unit of the laboratory on the scale of the model, and round steps of time.

A log2 axis of TK1 says 20, 50, 100 Du/L and never 4.32; the place of each comes from the marker's own scale. A time axis in
weeks keeps the schedule of the scans.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker

_STEPS = {"weeks": (1, 2, 4, 6, 12, 24, 48, 96), "months": (3, 6, 12, 24, 36, 60), "days": (7, 14, 28, 56, 91, 182, 365)}
_LOG_STEPS = ((1.0,), (1.0, 5.0), (1.0, 2.0, 5.0))
_RATIO_LADDERS = (
    tuple(2.0**k for k in range(-2, 7)),
    *(tuple(m * 10.0**k if k >= 0 else m / 10.0**-k for k in range(-3, 4) for m in ones) for ones in ((1, 2, 5), (1, 3), (1,))),
)
_SHARES = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 50, 70, 80, 90, 95, 98, 99, 99.5, 99.9)


def on_scale(table: pd.DataFrame, marker: Marker | None, raw: float | Sequence[float]) -> np.ndarray:
    """Where raw values lie on the analysed scale: by the marker's scale, or between their neighbours in the data."""
    wanted = np.atleast_1d(np.asarray(raw, float))
    x, y = (pd.to_numeric(table[c]).to_numpy(float, na_value=np.nan) for c in ("value", "model_value"))
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        return np.full(len(wanted), np.nan)
    if marker is not None and marker.quantitative:
        with np.errstate(all="ignore"):
            offset = float(np.median(2.0 ** (y * marker.step) - x)) if marker.scale == "log2(x+c)" else 0.0
            if marker.scale == "log2(x+c)" or np.allclose(marker.to_model_scale(x), y, rtol=1e-6, atol=1e-9):
                return np.asarray(marker.to_model_scale(wanted, offset), float)
    ordered = np.argsort(x, kind="stable")
    return np.interp(wanted, x[ordered], y[ordered])


def ratio_ticks(low: float, high: float, room: float, *, apart: float = 15.0) -> list[float]:
    """Plain ratios over a range of `room` points: halves and doubles near one, ones, twos and fives over a wide range.

    Examples
    --------
    >>> ratio_ticks(0.4, 5, 130), ratio_ticks(0.06, 12, 130)
    ([0.5, 1.0, 2.0, 4.0], [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
    >>> ratio_ticks(0.06, 12, 80), ratio_ticks(0.06, 12, 30)
    ([0.1, 0.3, 1.0, 3.0, 10.0], [0.1, 1.0, 10.0])
    """
    found: list[float] = []
    for ladder in _RATIO_LADDERS:
        found = [t for t in ladder if low <= t * 1.0001 and t * 0.9999 <= high]
        if low < 0.2 and ladder is _RATIO_LADDERS[0]:  # an eighth is no plain number
            continue
        gaps = [math.log(b / a) for a, b in pairwise(found)]
        if min(gaps, default=math.inf) * room >= apart * math.log(high / low):
            break
    return found


def round_values(low: float, high: float, marker: Marker | None) -> list[float]:
    """Round values over a range in the marker's unit, the roundest first on a logarithmic or a logit scale."""
    scale = marker.scale if marker else "identity"
    if scale == "logit":
        return [float(s) for s in (50, 10, 1, 90, *_SHARES)]
    if scale == "identity":
        span = high - low or abs(high) or 1.0
        step = 10.0 ** math.floor(math.log10(span / 3))
        step *= next((m for m in (1, 2, 5, 10) if span / (step * m) <= 6), 10)
        first = math.floor(low / step) * step
        return [round(first + i * step, 12) for i in range(int(span / step) + 3)]
    floor = min((x for x in (low, 1.0) if x > 0), default=1.0)
    decades = range(math.floor(math.log10(max(floor, 1e-9))), math.ceil(math.log10(max(high, 1e-9))) + 1)
    ladder = [0.0] if low <= 0 else []
    for steps in _LOG_STEPS:
        ladder += [m * 10.0**d for d in decades for m in steps]
    return ladder


def raw_ticks(ax: Axes, table: pd.DataFrame, marker: Marker | None, low: float, high: float) -> None:
    """Round raw values, as many as have room: decades first, then fives, then twos."""
    raw = pd.to_numeric(table["value"]).to_numpy(float, na_value=np.nan)
    raw = raw[np.isfinite(raw)]
    if not len(raw):
        ax.set_yticks([])
        return
    vague = blurred(table)
    bottom, top = ax.get_ylim()
    chosen: list[tuple[float, float]] = []
    candidates = round_values(float(raw.min()), float(raw.max()), marker)
    for candidate, y in zip(candidates, on_scale(table, marker, candidates), strict=True):
        inside = math.isfinite(y) and min(low, high) - 0.06 * (high - low) <= y <= top
        inside = inside and not any(a <= y <= b for a, b in vague)
        if inside and all(abs(y - other) > 0.115 * (top - bottom) for other, _ in chosen):
            chosen.append((float(y), candidate))
    chosen.sort()
    ax.set_yticks([y for y, _ in chosen], [numbers.value(v) for _, v in chosen])


def blurred(table: pd.DataFrame) -> list[tuple[float, float]]:
    """The heights over which one value is spread, as a zero is by the area that was counted: a tick there would say a lie."""
    value, y = (pd.to_numeric(table[c]).to_numpy(float, na_value=np.nan) for c in ("value", "model_value"))
    known = np.isfinite(value) & np.isfinite(y)
    value, y = value[known], y[known]
    ordered = np.lexsort((y, value))
    value, y = value[ordered], y[ordered]
    first = np.flatnonzero(np.r_[True, np.diff(value) > 0]) if len(value) else np.empty(0, int)
    spans = zip(y[first], y[np.r_[first[1:], len(y)] - 1], strict=True) if len(value) else ()
    return [(float(low), float(high)) for low, high in spans if high - low > 1e-6]


def time_ticks(end: float, unit: str, most: int) -> list[float]:
    """Ticks at round steps, on the scan schedule where the unit is weeks, as close as the numbers below them allow."""
    most = max(3, min(most, 10))
    step = next((s for s in _STEPS[unit] if end // s + 1 <= most), _STEPS[unit][-1] * math.ceil(end / _STEPS[unit][-1] / most))
    return [float(t) for t in np.arange(0, end * 1.0001, step)]
