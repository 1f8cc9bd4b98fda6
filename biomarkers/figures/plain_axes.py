"""Axes whose ticks are drawn from one model of a tick: what a page of sixty panels can afford.

Matplotlib keeps five artists for every tick (two marks, two labels, a line of the grid) and makes four ticks for each axes
before anything is drawn; that was a third of the time of a report. Here an axis with fixed ticks leads one tick along its
places as it is drawn. Whoever asks for the ticks themselves, or for a grid, gets matplotlib's own, and they are drawn from then
on: the picture is the same either way. Nor is each line and patch of ours measured for limits that the figure sets itself.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

INSIDE: ContextVar[bool] = ContextVar("inside_the_house_style", default=False)
"""Whether a figure of ours is being drawn: `style.house` says so."""


class _Plain(Axis):
    """What the two axes share; the one tick is the first of matplotlib's own list, whose others are made when asked for."""

    axes: PlainAxes

    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        """Only a grid is clipped: without one there is nothing to clip, and no tick is made to find that out."""
        if self._many or self.axes.ruled:
            super().set_clip_path(path, transform)

    def set_tick_params(self, which: Any = "major", reset: bool = False, **given: Any) -> None:
        """Ticks made later take what is set here; ticks are not made in order to be told."""
        absent = [name for name in ("majorTicks", "minorTicks") if name not in self.__dict__]
        for name in absent:
            setattr(self, name, [])
        super().set_tick_params(which=which, reset=reset, **given)
        for name in absent:
            delattr(self, name)

    def set_ticks(self, ticks: Any, labels: Any = None, *, minor: bool = False, **given: Any) -> Any:
        """Places and words, without a tick for each."""
        if minor or given:
            return super().set_ticks(ticks, labels, minor=minor, **given)
        places = [float(tick) for tick in ticks]
        if places:  # the axis reaches as far as its ticks, as in matplotlib
            self.set_view_interval(min(places), max(places))
        self.set_major_locator(FixedLocator(places))
        if labels is not None:
            self.set_major_formatter(FixedFormatter([str(label) for label in labels]))
        return []

    def set_ticklabels(self, labels: Any, **given: Any) -> Any:
        """No words: nothing to make."""
        if len(labels) or given:
            return super().set_ticklabels(labels, **given)
        self.set_major_formatter(NullFormatter())
        return []

    @property
    def _many(self) -> bool:
        """Whether ticks of matplotlib's own were made, which may since have been changed one by one."""
        return len(self.__dict__.get("majorTicks", ())) > 1

    def _alike(self) -> bool:
        """Whether all ticks look like the first: fixed places, marks and labels on the usual side, no grid."""
        if self._many or not isinstance(self.get_major_locator(), FixedLocator):
            return False
        tick = self.majorTicks[0]
        unusual = (tick.gridline, tick.tick2line, tick.label2)
        return (
            isinstance(self.get_major_formatter(), FixedFormatter | NullFormatter)
            and isinstance(self.get_minor_locator(), NullLocator)
            and not any(artist.get_visible() for artist in unusual)
            and self.get_label_position() in ("bottom", "left")
        )

    def draw(self, renderer: RendererBase) -> None:
        """Marks in one stroke, then the labels, then the name of the axis beyond them."""
        if not self.get_visible():
            return
        if not self._alike():
            super().draw(renderer)
            return
        level = isinstance(self, XAxis)
        mark, label = self.majorTicks[0].tick1line, self.majorTicks[0].label1
        shown = self._shown()
        boxes = [self.axes.bbox.frozen()]
        if shown:
            places, still = [place for place, _ in shown], [0.0] * len(shown)
            mark.set_data(*((places, still) if level else (still, places)))
            mark.draw(renderer)
            mark.set_data(*(((places[0],), (0,)) if level else ((0,), (places[0],))))  # as matplotlib leaves it
        if shown and mark.get_visible():
            out = self.majorTicks[0].get_tick_padding() * self.axes.figure.dpi / 72
            x0, y0, x1, y1 = boxes[0].extents
            boxes.append(Bbox.from_extents(x0, y0 - out, x1, y1) if level else Bbox.from_extents(x0 - out, y0, x1, y1))
        if label.get_visible():
            for place, words in shown:
                label.set_text(words)
                (label.set_x if level else label.set_y)(place)
                label.draw(renderer)
                if self.label.get_text():
                    boxes.append(label.get_window_extent(renderer))
        if self.label.get_text():
            x, y = self.label.get_position()
            around, pad = Bbox.union(boxes), self.labelpad * self.axes.figure.dpi / 72
            self.label.set_position((x, around.y0 - pad) if level else (around.x0 - pad, y))
            self.label.draw(renderer)
        self.stale = False

    def _shown(self) -> list[tuple[float, str]]:
        """Ticks inside the limits, with their words."""
        places = [float(place) for place in self.get_majorticklocs()]
        words = self.get_major_formatter().format_ticks(places)
        low, high = sorted(self.get_transform().transform(self.get_view_interval()))
        slack = 1e-10 * (high - low)
        at = self.get_transform().transform(places)
        return [(p, w) for p, w, t in zip(places, words, at, strict=True) if low - slack <= t <= high + slack]


class _Level(_Plain, XAxis):
    """The axis below."""


class _Upright(_Plain, YAxis):
    """The axis at the left."""


class PlainAxes(Axes):
    """Axes for the panels of a composed figure."""

    ruled = False
    """Whether somebody has asked for a grid."""
    bounded = False
    """Whether the limits are given by the figure that the panel belongs to."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for axis in (self.xaxis, self.yaxis):
            axis.get_major_ticks(1)  # the model is made in the style of now; the figure may be drawn in another

    def _init_axis(self) -> None:  # the door that matplotlib leaves for axes of one's own (gallery: skewt, custom projection)
        self.xaxis = _Level(self, clear=False)
        self.spines.bottom.register_axis(self.xaxis)
        self.spines.top.register_axis(self.xaxis)
        self.yaxis = _Upright(self, clear=False)
        self.spines.left.register_axis(self.yaxis)
        self.spines.right.register_axis(self.yaxis)

    def _update_line_limits(self, line: Any) -> None:  # matplotlib's own; without it a page would only take longer
        """A line that a reader adds widens the limits of the data; ours lie within limits that are given."""
        if not (self.bounded and INSIDE.get()):
            super()._update_line_limits(line)

    def _update_patch_limits(self, patch: Any) -> None:
        """As for a line."""
        if not (self.bounded and INSIDE.get()):
            super()._update_patch_limits(patch)

    def grid(self, visible: bool | None = None, which: Any = "major", axis: Any = "both", **given: Any) -> None:
        """A grid, where somebody wants one; without one, nothing is done to switch it off."""
        if visible is False and not given and not self.ruled:
            return
        self.ruled = True
        super().grid(visible, which=which, axis=axis, **given)
        self.xaxis.set_clip_path(self.patch)
        self.yaxis.set_clip_path(self.patch)
