"""A change from baseline on an axis: multiples where the scale doubles, percent, or points, and what a limit hides of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes

from biomarkers.domain import numbers
from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.domain.scales import SCALES
from biomarkers.figures.panels import size
from biomarkers.figures.style import NOTE, write
from biomarkers.figures.tokens import light
from biomarkers.tables import text

Measure = Literal["fold", "percent", "points"]
RECIST = {"percent": (20.0, -30.0)}
"""Lines of progression and response where the change is that of target lesions."""
SYMBOLS = {"at most": "v", "at least": "^", "both below": "o", "both above": "o"}
BOUND_WORDS = {"at most": "at most this: now below the limit", "at least": "at least this: baseline below the limit",
          "both below": "below the limit at both times", "both above": "above the range at both times"}  # fmt: skip


def check_bounds(table: pd.DataFrame) -> None:
    """Refuse a bound that is not in the vocabulary."""
    known = ("", *BOUND_WORDS)
    unknown = sorted(set(table["bound"].map(text)) - set(known))
    if unknown:
        raise UseError(f"the bound {unknown[0]!r} is not one of {', '.join(repr(b) for b in known)}")


def measure_of(marker: Marker | None) -> Measure:
    """What a change of the marker is counted in; percent, of target lesions, where there is no marker."""
    if marker is None:
        return "percent"
    return "fold" if SCALES[marker.scale].doubling else "points"


def change_label(marker: Marker | None, measure: str, head: str = "Change") -> str:
    """The words of the axis."""
    of = f" of {numbers.label(marker.label)}" if marker else ""
    if measure == "points" and marker is not None:
        unit = "odds, log2" if marker.scale == "logit" else numbers.unit(marker.unit)
        return f"{head}{of}, {unit}" if unit else f"{head}{of}"
    return f"{head}{of}, {'fold' if measure == 'fold' else '%'}"


def fold(doublings: float) -> str:
    """A change in doublings as a multiple.

    Examples
    --------
    >>> fold(3), fold(-2), fold(0), fold(-0.5)
    ('×8', '×1/4', '×1', '×1/1.41')
    """
    whole = float(doublings).is_integer()
    if whole:
        shown = numbers.whole(2.0 ** abs(doublings))
        return f"×1/{shown}" if doublings < 0 else f"×{shown}"
    return f"×1/{2.0**-doublings:.3g}" if doublings < 0 else f"×{2.0**doublings:.3g}"


def words_of(value: float, measure: str) -> str:
    """A change as it stands beside its bar."""
    if measure == "fold":
        return fold(round(value, 2))
    sign = "+" if value > 0 else numbers.MINUS if value < 0 else ""
    return f"{sign}{numbers.value(abs(value))}" + ("%" if measure == "percent" else "")


def fold_ticks(low: float, high: float, most: int) -> list[float]:
    """Whole doublings from low to high, in steps of 1, 2, 4, ... so that at most `most` remain."""
    step = 1
    while (math.floor(high / step) - math.ceil(low / step) + 1) > most:
        step *= 2
    return [float(step * k) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def change_ticks(ax: Axes, measure: str, within: tuple[float, float] | None = None) -> None:
    """Round multiples, percentages or points up the axis (or `within` a part of it), as many as have room."""
    low, high = within or ax.get_ylim()
    most = max(3, int(size(ax)[1] / 15))
    if measure == "fold":
        ticks = fold_ticks(low, high, most)
        ax.set_yticks(ticks, [fold(t) for t in ticks])
        return
    raw = (high - low) / most
    step = 10.0 ** math.floor(math.log10(raw))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if step * m >= raw)
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    ax.set_yticks(ticks, [f"{t:g}".replace("-", numbers.MINUS) for t in ticks])


def reference_lines(ax: Axes, lines: Sequence[float], measure: str) -> None:
    """Lines across, named at the end where a waterfall has no bar."""
    low, high = ax.get_ylim()
    for line in lines:
        if not low < line < high:
            continue
        ax.axhline(line, color=light("ink"), linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
        right = line > 0  # where no bar is: rises stand left, falls right
        write(ax, 1.0 if right else 0.005, line, words_of(line, measure), transform=ax.get_yaxis_transform(), size=NOTE,
              ha="right" if right else "left", va="bottom" if right else "top")  # fmt: skip


def beyond(symbol: str) -> dict[str, Any]:
    """The open symbol of a change that may go on beyond a limit."""
    return {"marker": symbol, "markersize": 3.6, "markerfacecolor": light("surface"), "markeredgecolor": light("lod"),
            "markeredgewidth": 0.8, "linestyle": "none"}  # fmt: skip
