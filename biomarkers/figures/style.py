"""The drawing style: sizes in millimetres and points, one font, labels that cannot run, and places measured in points.

Nothing here touches the reader's own matplotlib settings: `house()` is a context, and `pyplot` is imported only where a
figure is made for a notebook. Type is DejaVu Sans, which ships with matplotlib, so the same table gives the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextToPath
from matplotlib.transforms import (
    Affine2D,
    IdentityTransform,
    ScaledTranslation,
    Transform,
    TransformedPath,
    blended_transform_factory,
)

from biomarkers.domain import numbers
from biomarkers.figures.plain_axes import INSIDE, PlainAxes
from biomarkers.figures.tokens import cohort_mark, light

SINGLE, MIDDLE, DOUBLE = 85.0, 120.0, 180.0
"""Journal column widths in millimetres."""
POINTS_PER_MM = 72 / 25.4
TEXT, TICK, NOTE, TITLE, LEAST = 7.0, 6.5, 6.3, 7.5, 6.0
"""Sizes in points; nothing is set smaller than the last, since journals refuse it."""

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "text.usetex": False,
    "text.parse_math": False,
    "text.color": light("ink"),
    "axes.facecolor": "none",
    "axes.edgecolor": light("ink"),
    "axes.labelcolor": light("ink"),
    "axes.linewidth": 0.6,
    "axes.labelsize": TEXT,
    "axes.titlesize": TITLE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "axes.titley": 1.0,  # titles are written by `heading`; without a place, each draw would look for room for one
    "axes.labelpad": 3.0,
    "xtick.color": light("ink"),
    "ytick.color": light("ink"),
    "xtick.labelsize": TICK,
    "ytick.labelsize": TICK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.pad": 2.5,
    "ytick.major.pad": 2.5,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "lines.solid_capstyle": "butt",
    "lines.dash_capstyle": "butt",
    "lines.scale_dashes": False,
    "legend.frameon": False,
    "figure.facecolor": light("surface"),
    "figure.edgecolor": "none",
    "figure.dpi": 72,
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    "savefig.facecolor": "auto",
    "savefig.edgecolor": "none",
    "savefig.bbox": None,
    "savefig.dpi": 200,
    "savefig.transparent": False,
    "path.simplify": False,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "biomarkers",
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "pdf.fonttype": 42,
    "pdf.compression": 6,
}


@contextmanager
def house() -> Iterator[None]:
    """Draw inside this context: matplotlib's own defaults, then ours; the reader's settings come back afterwards."""
    if INSIDE.get():  # a figure that composes others has set the style already
        yield
        return
    token = INSIDE.set(True)
    with warnings.catch_warnings():
        # An emoji in a label has no glyph in DejaVu; the SVG carries it as text and the viewer's fonts draw it.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)  # defaults may hold keys on their way out
        ours = _settings()
        theirs = {key: mpl.rcParams._get(key) for key in ours}
        _set(ours)
        try:
            yield
        finally:
            _set(theirs)
            INSIDE.reset(token)


def _set(settings: dict[str, Any]) -> None:
    """Settings in matplotlib's own form, past its checks: `_set` is held stable by its deprecation policy."""
    for key, value in settings.items():
        mpl.rcParams._set(key, value)


@lru_cache(maxsize=1)
def _settings() -> dict[str, Any]:
    """The settings as matplotlib holds them: checked once, since a page enters the style for each of its figures."""
    with mpl.rc_context():
        mpl.rcParams.update({key: mpl.rcParamsDefault[key] for key in _DRAWING})
        mpl.rcParams.update(_RC)
        return {key: mpl.rcParams._get(key) for key in dict.fromkeys((*_DRAWING, *_RC))}


_DRAWING = tuple(
    key
    for key in mpl.rcParamsDefault
    if key.split(".")[0]
    in (
        "axes",
        "font",
        "text",
        "lines",
        "patch",
        "path",
        "xtick",
        "ytick",
        "legend",
        "scatter",
        "markers",
        "hatch",
        "figure",
        "savefig",
        "svg",
        "pdf",
    )
    and key not in ("figure.max_open_warning", "axes.prop_cycle")
)


class Sheet(Figure):
    """A figure that a notebook shows by itself, whatever its plotting backend."""

    def _repr_png_(self) -> bytes:
        with house(), io.BytesIO() as file:
            self.savefig(file, format="png", dpi=144)
            return file.getvalue()


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """A figure of this size that belongs to nobody: no pyplot, no window, nothing to close."""
    return Sheet(figsize=(width_mm / 25.4, height_mm / 25.4), dpi=72)


def axes_of(ax: Axes | None, width_mm: float = MIDDLE, height_mm: float = 70.0) -> Axes:
    """The given axes, or new ones in a pyplot figure, so that a notebook shows them."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # only for people at a keyboard; reports never come here

    figure = plt.figure(figsize=(width_mm / 25.4, height_mm / 25.4))
    return figure.add_subplot()


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in points from the lower left corner of the figure."""
    full_w, full_h = (72 * x for x in figure.get_size_inches())
    ax = PlainAxes(figure, (left / full_w, bottom / full_h, width / full_w, height / full_h))
    ax.bounded = True
    return figure.add_axes(ax)


def points(ax: Axes | Figure, x: float = 0.0, y: float = 0.0) -> Transform:
    """Coordinates in points from the place (x, y) of the axes or the sheet, so that distances survive any size."""
    if isinstance(ax, Figure):
        return Affine2D().scale(1 / 72) + ax.dpi_scale_trans + ScaledTranslation(x, y, ax.transFigure)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return Affine2D().scale(1 / 72) + figure.dpi_scale_trans + ScaledTranslation(x, y, ax.transAxes)


def data_x(ax: Axes, y: float = 0.0) -> Transform:
    """x in data, y in points from the height `y` of the axes: what stands under its own tick."""
    return blended_transform_factory(ax.transData, points(ax, 0.0, y))


def data_y(ax: Axes, x: float = 0.0) -> Transform:
    """y in data, x in points from the place `x` of the axes: what shares a row with a mark."""
    return blended_transform_factory(points(ax, x, 0.0), ax.transData)


def write(
    ax: Axes | Figure, x: float, y: float, words: str, *, transform: Transform | None = None, size: float = TEXT, **style: Any
) -> None:
    """One line of text: no mathematics in labels, not clipped, inside the layout of its axes."""
    style.setdefault("color", light("ink"))
    ax.text(
        x,
        y,
        words,
        transform=ax.transData if transform is None and isinstance(ax, Axes) else transform,
        fontproperties=_font(size, style.pop("weight", "normal"), style.pop("style", "normal")),
        parse_math=False,
        clip_on=False,
        clip_path=_NO_CLIP,  # not used; without one, matplotlib makes each text the outline of its axes to be cut at
        **style,
    )


_NO_CLIP = TransformedPath(Path.unit_rectangle(), IdentityTransform())


@lru_cache(maxsize=64)
def _font(size: float, weight: str, slant: Literal["normal", "italic", "oblique"]) -> FontProperties:
    return FontProperties(family="DejaVu Sans", size=size, weight=weight, style=slant)


def heading(ax: Axes, words: str, place_: int) -> None:
    """The title of a panel over a short bar in the hue of its cohort; a negative place gives a bar of ink."""
    top = points(ax, 0, 1)
    write(ax, 0, 13, words, transform=top, size=TITLE, weight="bold", va="center")
    ax.add_patch(
        Rectangle(
            (0, 4.2),
            12,
            2.6,
            transform=top,
            facecolor=light("ink") if place_ < 0 else cohort_mark(place_).colour,
            edgecolor="none",
            clip_on=False,
        )
    )


@lru_cache(maxsize=4096)
def width(words: str, size: float = TEXT, *, bold: bool = False) -> float:
    """Width of a text in points, in DejaVu: the widest of the fonts in which a page may show it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing glyph is the viewer's affair; see house()
        font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
        return float(_TEXTS.get_text_width_height_descent(words, font, ismath=False)[0])


_TEXTS = TextToPath()


def fit(name: object, room: float, size: float = TEXT, *, bold: bool = False) -> str:
    """A hostile label made harmless and shortened to `room` points."""
    words = numbers.label(name)
    if width(words, size, bold=bold) <= room:
        return words
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if width(words[:middle].rstrip() + "…", size, bold=bold) <= room:
            low = middle
        else:
            high = middle - 1
    return words[:low].rstrip() + "…"
