"""Forest plot: names, counts, intervals and P values on one row coordinate, so that nothing drifts and nothing is read twice.

The axis is logarithmic with plain numbers. Box area grows with events; a filled box was prespecified, an open one with a dashed
interval and an italic label was not; the pooled estimate is a diamond. A row without a model keeps its place with its reason,
and an interval that leaves the axis ends in an arrow.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from biomarkers.domain import numbers
from biomarkers.domain.design import Design
from biomarkers.figures.panels import size
from biomarkers.figures.style import (
    DOUBLE,
    LEAST,
    NOTE,
    POINTS_PER_MM,
    TEXT,
    TICK,
    axes_of,
    fit,
    house,
    new_figure,
    place,
    points,
    width,
    write,
)
from biomarkers.figures.ticks import ratio_ticks
from biomarkers.figures.tokens import light
from biomarkers.tables import (
    HAZARD_RATIO,
    HETEROGENEITY,
    POOLED,
    Line,
    cohort_label,
    endpoint_short,
    lines,
    need,
    together,
)

COLUMNS = (
    "analysis",
    "prespecified",
    "family",
    "endpoint",
    "cohort",
    "marker",
    "term",
    "contrast",
    "timing",
    "method",
    "estimand",
    "estimate",
    "conf_low",
    "conf_high",
    "conf_level",
    "p_value",
    "p_adjusted",
    "n",
    "n_events",
    "finite",
    "note",
)
ROW, HEAD_ROW, TOP, FOOT = 12.6, 13.4, 20.0, 47.0
"""Points: a row, a heading, the head of the table, the axis with its words."""
LEAST_PANEL, NAME = 88.0, 9.8
"""Points that the intervals keep where long names ask for room; of a name above its interval on a narrow column."""


def axis_range(items: Sequence[Line], room: float = 130.0) -> tuple[float, float, tuple[float, ...]]:
    """Limits of a hazard ratio axis of `room` points round all finite limits, at least 0.5 to 2, at most 1/18 to 18; its ticks.

    Examples
    --------
    >>> axis_range([])
    (0.4, 2.5, (0.5, 1.0, 2.0))
    """
    ends = [x for item in items if item.state != "refused" for x in (item.low, item.high) if math.isfinite(x) and x > 0]
    low, high = min([0.5, *ends]), max([2.0, *ends])
    low, high = max(low * 0.93, 1 / 18), min(high * 1.07, 18.0)
    low, high = min(low, 0.4) if low >= 0.4 else low, max(high, 2.5)
    return low, high, tuple(ratio_ticks(low, high, room))


def forest(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    design: Design | None = None,
    by: Literal["family", "marker"] = "family",
    adjust: str = "adjusted",
    endpoint: str = "",
) -> Axes:
    """A forest of the hazard ratio rows of a result table, in their order.

    Parameters
    ----------
    table : pandas.DataFrame
        The result table; rows of other estimands are left out, the cohort heterogeneity test goes beside its marker.
    ax : matplotlib Axes, optional
        The whole box of the axes is used: words left and right, intervals between.
    design : Design, optional
        For labels.
    by : {"family", "marker"}
        Headings: families with one row per question (one cohort), or questions with one row per cohort.
    adjust : str
        Name of the adjustment, for the head of the last column.
    endpoint : str
        Short name of the endpoint for the words under the axis; from the table by default.

    Returns
    -------
    matplotlib Axes
        With the interval panel as its child.
    """
    need(table, COLUMNS, "forest")
    blocks = _blocks(table, design or Design(name=""), by)
    with house():
        if ax is None:
            ax = axes_of(None, DOUBLE, _height(blocks, DOUBLE * POINTS_PER_MM, adjust) / POINTS_PER_MM)
            ax.set_position((0, 0, 1, 1))
        ax.set_axis_off()
        wide, high = size(ax)
        items = [item for _, rows in blocks for _, item in rows]
        ends = [*dict.fromkeys(endpoint_short(item.endpoint, design or Design(name="")) for item in items)]
        short = endpoint or (ends[0] if len(ends) == 1 else "")
        _Sheet(ax, wide, high, blocks, adjust, short).draw()
    return ax


def forest_figure(
    table: pd.DataFrame,
    *,
    design: Design | None = None,
    by: Literal["family", "marker"] = "family",
    adjust: str = "adjusted",
    endpoint: str = "",
    width_mm: float = DOUBLE,
) -> Figure:
    """The forest in a figure of its own height; on a narrow column names and counts stand above the interval of their row."""
    blocks = _blocks(table, design or Design(name=""), by)
    wide = width_mm * POINTS_PER_MM - 8
    with house():
        high = _height(blocks, wide, adjust)
        figure = new_figure(width_mm, (high + 6) / POINTS_PER_MM)
        ax = place(figure, 4, 3, wide, high)
    forest(table, ax=ax, design=design, by=by, adjust=adjust, endpoint=endpoint)
    return figure


Blocks = list[tuple[str, list[tuple[str, Line]]]]


def _blocks(table: pd.DataFrame, design: Design, by: str) -> Blocks:
    """Headings with their rows; each row with its label."""
    every = lines(table, design)
    shown = [item for item in every if item.estimand in ("", HAZARD_RATIO) and item.term != HETEROGENEITY]
    short = {item.endpoint: endpoint_short(item.endpoint, design) for item in shown}
    ends = short if len(short) > 1 else dict.fromkeys(short, "")
    if by == "family":
        return [(head, [(f"{ends[item.endpoint]}: {item.label}" if ends[item.endpoint] else item.label, item) for item in rows])
                for head, rows in together(shown, lambda item: item.group)]  # fmt: skip
    blocks: Blocks = []
    different = {(item.analysis, item.timing): item.p for item in every
                 if item.term == HETEROGENEITY and math.isfinite(item.p_value)}  # fmt: skip
    times = len({item.timing for item in shown}) > 1
    asked = Counter(key[1:] for key in {(item.analysis, item.label, item.endpoint, item.timing) for item in shown})
    for (analysis, _, label, end, timing), rows in together(
        shown, lambda item: (item.analysis, item.term, item.label, item.endpoint, item.timing)
    ):
        p = different.get((analysis, timing))
        sign = "" if p is None else f"heterogeneity P{numbers.NBSP}{'' if p[0] in '<>' else '= '}{p}"
        when = rows[0].group if asked[label, end, timing] > 1 else numbers.label(timing) if times else ""
        more = ", ".join(filter(None, (ends[end], when)))
        names = [("Pooled, stratified" if item.cohort == POOLED else cohort_label(item.cohort), item) for item in rows]
        blocks.append((f"{label}\t{sign}\t{more}", names))
    return blocks


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns stand, in points from the left; stacked, the name of a row is a line above its interval."""

    p_head: str
    x_p: float
    x_ratio: float
    panel_right: float
    panel_left: float
    x_n: float
    stacked: bool

    @property
    def row(self) -> float:
        """Height of a row."""
        return ROW + NAME * self.stacked

    @property
    def foot(self) -> float:
        """Points for the axis with its words, and under a narrow one the key."""
        return FOOT + 11.0 * self.stacked


def _columns(blocks: Blocks, wide: float, adjust: str) -> _Columns:
    items = [item for _, rows in blocks for _, item in rows]
    p_head = "P, " + (adjust[:1].upper() + adjust[1:] if adjust != "adjusted" else adjust)
    adjusted = [item.p_adjusted for item in items if item.modelled] + [p_head]
    x_p = wide - max(width(w, TEXT, bold=w == p_head) for w in adjusted) - 13
    x_ratio = x_p - 34
    ratios = [item.ratio for item in items if item.modelled] or ["0.00 (0.00–0.00)"]
    panel_right = x_ratio - max(max(width(r, TEXT) for r in ratios), width("HR (95% CI)", TEXT, bold=True)) - 16
    widest = max([width(numbers.label(name), TEXT) for _, rows in blocks for name, _ in rows] + [110.0]) + 16
    x_n = min(widest, max(0.34 * wide, panel_right - LEAST_PANEL - 66)) + 20
    stacked = panel_right - x_n - 46 < LEAST_PANEL - 20
    return _Columns(p_head, x_p, x_ratio, panel_right, 10.0 if stacked else x_n + 46, x_n, stacked)


def _height(blocks: Blocks, wide: float, adjust: str) -> float:
    columns = _columns(blocks, wide, adjust)
    return TOP + columns.foot + sum(HEAD_ROW * bool(head.strip()) + columns.row * len(rows) for head, rows in blocks)


class _Sheet:
    """The geometry of one forest: columns in points, rows downward from the head."""

    def __init__(self, ax: Axes, wide: float, high: float, blocks: Blocks, adjust: str, short: str) -> None:
        self.ax, self.wide, self.high, self.blocks, self.short = ax, wide, high, blocks, short
        items = [item for _, rows in blocks for _, item in rows]
        self.columns = columns = _columns(blocks, wide, adjust)
        self.p_head, self.x_p_adjusted, self.x_p, self.x_ratio = columns.p_head, wide, columns.x_p, columns.x_ratio
        self.x_n, self.x_events = columns.x_n, columns.x_n + 32
        self.panel_left, self.panel_right, self.stacked = columns.panel_left, columns.panel_right, columns.stacked
        self.low, self.top, self.ticks = axis_range(items, self.panel_right - self.panel_left)
        self.most = max([item.n_events for item in items if item.n_events == item.n_events] + [1.0])
        self.corner = points(ax)

    def x(self, ratio: float) -> float:
        share = math.log(ratio / self.low) / math.log(self.top / self.low)
        return self.panel_left + share * (self.panel_right - self.panel_left)

    def draw(self) -> None:
        self._heads()
        y = self.high - TOP
        last = y - sum(HEAD_ROW * bool(h.strip()) + self.columns.row * len(rows) for h, rows in self.blocks)
        self.rule(self.x(1), y, self.x(1), last, 0.6, light("ink"))
        for head, rows in self.blocks:
            words, right, more = (*head.split("\t"), "", "")[:3]
            if head.strip():
                y -= HEAD_ROW
                room = self.wide - (width(right, NOTE) + 12 if right else 0)
                shown = fit(words, room, TEXT, bold=True)
                self.clear(0, y, width(shown, TEXT, bold=True))
                self.say(0, y + 3.4, shown, weight="bold")
                taken = width(shown, TEXT, bold=True) + 7
                if more and room - taken > 40:
                    shown = fit(more, room - taken, NOTE)
                    self.clear(taken, y, width(shown, NOTE))
                    self.say(taken, y + 3.4, shown, size=NOTE, color=light("ink2"))
                if right:
                    self.say(self.wide, y + 3.4, right, ha="right", size=NOTE, color=light("ink2"))
            for name, item in rows:
                y -= self.columns.row
                self._row(y, name, item)
                if y > last + 1:
                    self.rule(0, y, self.wide, y, 0.5, light("hairline"))
        self._axis(last)

    def _heads(self) -> None:
        y = self.high - TOP + 6
        for x, words, side in (
            (0, "Marker and contrast", "left"),
            *(() if self.stacked else ((self.x_n, "n", "right"), (self.x_events, "events", "right"))),
            (self.x_ratio, f"HR ({self._level()} CI)", "right"),
            (self.x_p, "P", "right"),
            (self.x_p_adjusted, self.p_head, "right"),
        ):
            self.say(x, y, words, ha=side, weight="bold")
        self.rule(0, self.high - TOP, self.wide, self.high - TOP, 1.0, light("ink"))

    def _level(self) -> str:
        return next((numbers.level(item.level) for _, rows in self.blocks for _, item in rows), "95%")

    def _row(self, y: float, name: str, item: Line) -> None:
        middle, base = y + ROW / 2, y + 3.9
        planned = item.state != "exploratory"
        ink = light("ink") if item.state in ("prespecified", "exploratory") else light("ink2")
        slant = "normal" if planned else "italic"
        if self.stacked:
            counts = f"n = {item.n}, {item.events} events"
            left = self.wide - width(counts, NOTE) - 4
            above = base + NAME
            shown = fit(name, left - 24)
            self.clear(10, y + NAME, width(shown))
            self.say(10, above, shown, color=ink, style=slant)
            self.say(self.wide, above, counts, ha="right", size=NOTE, color=light("ink2"))
        else:
            left, above = self.x_n - width(item.n) - 4, base
            self.say(10, base, fit(name, left - 14), color=ink, style=slant)
            self.say(self.x_n, base, item.n, ha="right", color=ink)
            self.say(self.x_events, base, item.events, ha="right", color=ink)
        if item.flags:
            self.say(left, above, "▲", ha="right", size=LEAST, color=light("flag"))
        if item.modelled:
            self._interval(middle, item)
            self.say(self.x_ratio, base, item.ratio, ha="right")
            self.say(self.x_p, base, item.p, ha="right")
            adjusted = item.p_adjusted if planned else numbers.NONE
            self.say(self.x_p_adjusted, base, adjusted, ha="right")
            return
        if item.state == "not_estimable":
            self._arrow(middle, item)
        word = {"descriptive": "descriptive only: ", "not_estimable": "not estimable: ", "refused": "refused: "}.get(
            item.state, ""
        )
        room = self.wide - (self.panel_right if item.state == "not_estimable" else self.x(1) + 8)
        self.say(
            self.wide,
            base,
            fit(word + (item.limit or item.message), room, NOTE),
            ha="right",
            size=NOTE,
            color=light("refused" if item.state == "refused" else "ink2"),
        )

    def _interval(self, y: float, item: Line) -> None:
        planned = item.state == "prespecified"
        ink = light("ink") if planned else light("ink2")
        left, right = (self.x(min(max(v, self.low), self.top)) for v in (item.low, item.high))
        if item.cohort == POOLED:
            centre = self.x(min(max(item.estimate, self.low), self.top))
            self.ax.add_patch(
                Polygon(
                    [(left, y), (centre, y + 3.4), (right, y), (centre, y - 3.4)],
                    closed=True,
                    facecolor=ink if planned else light("surface"),
                    edgecolor=ink,
                    linewidth=0.8,
                    transform=self.corner,
                    clip_on=False,
                    zorder=3,
                )
            )
            return
        self.rule(left, y, right, y, 1.3, ink, dashes=() if planned else (3, 1.6))
        for end, beyond, sign in ((left, item.low < self.low, 1), (right, item.high > self.top, -1)):
            if beyond:
                self.head(end, y, sign, ink)
        if self.low <= item.estimate <= self.top:
            side = 3.2 + 3.0 * math.sqrt(max(item.n_events, 0.0) / self.most)
            self.ax.add_patch(
                Rectangle(
                    (self.x(item.estimate) - side / 2, y - side / 2),
                    side,
                    side,
                    facecolor=ink if planned else light("surface"),
                    edgecolor=ink,
                    linewidth=0.9,
                    transform=self.corner,
                    clip_on=False,
                    zorder=4,
                )
            )

    def _arrow(self, y: float, item: Line) -> None:
        """From the one finite limit toward what cannot be estimated."""
        upward = math.isfinite(item.low) and item.low > 0
        if not upward and not math.isfinite(item.high):
            return
        start = self.x(min(max(item.low if upward else item.high, self.low), self.top))
        end, sign = (self.panel_right, -1) if upward else (self.panel_left, 1)
        self.rule(start, y, end, y, 1.0, light("ink2"), dashes=(1, 1.5))
        self.rule(start, y - 2.5, start, y + 2.5, 0.9, light("ink2"))
        self.head(end, y, sign, light("ink2"))

    def _axis(self, y: float) -> None:
        ink2 = light("ink2")
        self.rule(0, y, self.wide, y, 1.0, light("ink"))
        for tick in self.ticks:
            self.rule(self.x(tick), y, self.x(tick), y - 2.5, 0.6, light("ink"))
            self.say(self.x(tick), y - 10.5, f"{tick:g}" if tick >= 0.1 else f"{tick:.2g}", ha="center", size=TICK)
        scale = "Hazard ratio, log scale"
        self.say(max((self.panel_left + self.panel_right) / 2, width(scale) / 2), y - 21, scale, ha="center")
        left = f"← longer {self.short}" if self.short else "← later event"
        right = f"shorter {self.short} →" if self.short else "earlier event →"
        if self.blocks:
            left, right = fit(left, 110, NOTE), fit(right, 110, NOTE)
            ends = max(self.panel_left, self.x(1) - 12, width(left, NOTE))
            begins = max(min(self.panel_right, self.x(1) + 12), ends + 8)
            self.say(ends, y - 31.5, left, ha="right", size=NOTE, color=ink2)
            self.say(begins, y - 31.5, right, ha="left", size=NOTE, color=ink2)
        self._key(y - (44 if self.stacked else 16))

    def _key(self, y: float) -> None:
        items = [item for _, rows in self.blocks for _, item in rows]
        words = [
            ("■ prespecified", any(i.state == "prespecified" and i.cohort != POOLED for i in items)),
            ("□ exploratory (italic)", any(i.state == "exploratory" for i in items)),
            ("◆ pooled", any(i.cohort == POOLED and i.modelled for i in items)),
            ("▲ flagged", any(i.flags for i in items)),
        ]
        left, room = 0.0, self.wide if self.stacked else self.panel_left - 4
        for shown, present in words:
            if present and left + width(shown, NOTE) < room:
                self.say(left, y, shown, size=NOTE, color=light("ink2"))
                left += width(shown, NOTE) + 9
        area = "box area: events"
        if any(i.modelled for i in items) and (not self.stacked or left + width(area, NOTE) < room):
            self.say(left if self.stacked else 0, y - 10.5 * (not self.stacked), area, size=NOTE, color=light("ink2"))

    def clear(self, x: float, y: float, wide: float) -> None:
        """The line at one stops for words that reach it."""
        if x - 2 < self.x(1) < x + wide + 2:
            self.ax.add_patch(Rectangle((self.x(1) - 1, y + 0.8), 2, HEAD_ROW - 2.6, transform=self.corner, clip_on=False,
                                        facecolor=light("surface"), edgecolor="none", zorder=1.5))  # fmt: skip

    def say(self, x: float, y: float, words: str, **style: object) -> None:
        write(self.ax, x, y, words, transform=self.corner, **style)  # type: ignore[arg-type]

    def rule(
        self, x0: float, y0: float, x1: float, y1: float, weight: float, colour: str, dashes: tuple[float, ...] = ()
    ) -> None:
        self.ax.add_line(
            Line2D(
                [x0, x1],
                [y0, y1],
                transform=self.corner,
                color=colour,
                linewidth=weight,
                clip_on=False,
                linestyle=(0, dashes) if dashes else "-",
                zorder=1 if weight < 0.9 else 2,
            )
        )

    def head(self, x: float, y: float, sign: int, colour: str) -> None:
        self.ax.add_line(
            Line2D(
                [x + 3.2 * sign, x, x + 3.2 * sign],
                [y + 2.4, y, y - 2.4],
                transform=self.corner,
                color=colour,
                linewidth=1.0,
                clip_on=False,
                zorder=2,
            )
        )
