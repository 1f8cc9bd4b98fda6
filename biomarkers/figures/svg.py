"""Figures as files: a small SVG that follows the theme of the page, and SVG and PDF that carry their type for journals.

A figure is drawn once, by a renderer of our own, and written in both forms. The page's SVG keeps text as text and speaks the
page's typeface; each token colour becomes a variable with a light and a dark value, so one file serves both. The journal's has
its type as outlines and its styles in place. Both are lean: two decimals of a point, strokes that are level or upright written
as such, no bookkeeping. Matplotlib's own SVG, parsed and slimmed afterwards, took three times as long. Same figure, same bytes:
no date, no creator, names in the order of use.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal
from xml.sax.saxutils import escape

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font, weight_dict
from matplotlib.path import Path
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Affine2D, Transform

from biomarkers.domain.errors import UseError
from biomarkers.figures.style import house
from biomarkers.figures.tokens import SANS, TOKENS

_SPACE, _LINKS = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_TEXTS = TextToPath()
_CAPS = {"butt": "butt", "projecting": "square", "round": "round"}
_ANCHORS = {"left": "", "center": "middle", "right": "end"}
_COLOUR = re.compile("#[0-9a-f]{6}")
_DARK = {on_white.lower(): on_black for on_white, on_black in reversed(TOKENS.values())}
"""Dark value of each light one; of two roles with one light value, the first."""
_NAMES = {colour: chr(97 + i % 26) + (str(i // 26) if i > 25 else "") for i, colour in enumerate(reversed(_DARK))}
_FAMILY = ",".join(name.replace('"', "'") for name in SANS)

Colour = tuple[float, float, float, float]
Slant = Literal["normal", "italic", "oblique"]
Element = tuple[str, str, str]
"""What stands before its style, the style, and what stands after."""


def journal(figure: Figure, form: Literal["svg", "pdf"] = "svg") -> bytes:
    """The figure for a journal: light, type as outlines (SVG) or embedded (PDF), no date, no author.

    Examples
    --------
    >>> from biomarkers.figures.style import new_figure
    >>> journal(new_figure(85, 60))[:5], journal(new_figure(85, 60), "pdf")[:5]
    (b'<?xml', b'%PDF-')
    """
    if form == "svg":
        return _drawn(figure).paper()
    out = io.BytesIO()
    with house():
        figure.savefig(out, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return out.getvalue()


def themed(figure: Figure) -> bytes:
    """The figure for a page: small, in the page's typeface, light or dark as the reader's screen."""
    return _drawn(figure).page()


def both(figure: Figure) -> tuple[bytes, bytes]:
    """`journal` and `themed` of one drawing: a figure takes longer to draw than to write.

    Examples
    --------
    >>> from biomarkers.figures.style import new_figure
    >>> [data[:5] for data in both(new_figure(85, 60))]
    [b'<?xml', b'<svg ']
    """
    pen = _drawn(figure)
    return pen.paper(), pen.page()


def _drawn(figure: Figure) -> Pen:
    width, height = (72 * float(x) for x in figure.get_size_inches())
    with house(), _at_72(figure):
        pen = Pen(width, height)
        figure.draw(pen)
    return pen


@contextmanager
def _at_72(figure: Figure) -> Iterator[None]:
    """Points are pixels while an SVG is drawn, as matplotlib's own canvas has it."""
    dpi = figure.dpi
    figure.dpi = 72
    try:
        yield
    finally:
        figure.dpi = dpi


class Pen(RendererBase):
    """What matplotlib draws with: it keeps each element apart from its style, so that both forms can be written from it.

    Images, hatches and mathematics are not written: no figure of the house has any.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.elements: list[tuple[Element, Element]] = []
        """Each for the page and for paper: the same, but for text."""
        self.glyphs: set[str] = set()
        self.marks: dict[str, str] = {}
        self.clips: dict[str, str] = {}
        self._open: tuple[str, str, str, list[str]] | None = None
        self._flip = Affine2D().scale(1, -1).translate(0, height)

    # -- what matplotlib asks for, and tells -------------------------------------------------------------------------------

    def flipy(self) -> bool:
        """The origin is at the top."""
        return True

    def get_canvas_width_height(self) -> tuple[float, float]:
        """In points."""
        return self.width, self.height

    def get_text_width_height_descent(
        self,
        s: str,
        prop: FontProperties,
        ismath: Any,  # noqa: ARG002 - matplotlib's signature
    ) -> tuple[float, float, float]:
        """Of a line of text; the same words are measured once for all figures."""
        scale = prop.get_size_in_points() / _TEXTS.FONT_SCALE
        width, height, descent = _measured(s, *_face(prop))
        return width * scale, height * scale, descent * scale

    def draw_path(self, gc: GraphicsContextBase, path: Path, transform: Transform, rgbFace: Any = None) -> None:
        """One path; a stroke ends where the sheet does."""
        style = _style(gc, rgbFace)
        if style == "fill:none":  # the ground of an axes
            return
        drawn = _written(path, transform + self._flip, None if rgbFace is not None else (0.0, 0.0, self.width, self.height))
        if drawn:
            self._put((f'<path{self._clip(gc)} d="{drawn}"', style, "/>"))

    def draw_markers(
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,
    ) -> None:
        """One mark at many places, defined once; a mark of one straight stroke (a tick, a censoring) is written out."""
        style = _style(gc, rgbFace)
        places = (trans + self._flip).transform(path.vertices)
        places = places[np.isfinite(places).all(axis=1)]
        if style == "fill:none" or not len(places):
            return
        if np.shape(marker_path.vertices)[0] == 2:
            (x0, y0), (x1, y1) = marker_trans.transform(marker_path.vertices).tolist()
            dx, dy = _n(x1 - x0), _n(y0 - y1)
            step = f"h{dx}" if dy == "0" else f"v{dy}" if dx == "0" else f"l{dx} {dy}"
            self._more("path", style, self._clip(gc), "".join(f"M{_n(x + x0)} {_n(y - y0)}{step}" for x, y in places.tolist()))
        else:
            shape = _written(marker_path, marker_trans + Affine2D().scale(1, -1), None)
            name = self.marks.setdefault(shape, f"m{len(self.marks)}")
            used = "".join(f'<use href="#{name}" x="{_n(x)}" y="{_n(y)}"/>' for x, y in places.tolist())
            self._more("g", style, self._clip(gc), used)

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """One line of text: as words, held where it begins, has its middle or ends; and as outlines."""
        if ismath:
            raise UseError(f"the text {s!r} is mathematics, which these files do not hold; figure.savefig(...) writes it")
        size, face = prop.get_size_in_points(), _face(prop)
        anchor, ax, ay = "", x, y
        if mtext is not None and (angle == 0 or mtext.get_rotation_mode() == "anchor"):
            # The anchor itself, moved along the line's own upright to its baseline: the reader's font may be narrower.
            ax, ay = mtext.get_transform().transform(mtext.get_unitless_position())
            ay = self.height - ay
            over, up = math.sin(math.radians(angle)), math.cos(math.radians(angle))
            away = over * (x - ax) + up * (y - ay)
            ax, ay, anchor = ax + away * over, ay + away * up, _ANCHORS[mtext.get_ha()]
        _, weight, slant = face
        paint = _painted(gc)
        font = (
            f"font-size:{_n(size)}px",
            f"font-weight:{weight}" if weight != 400 else "",
            f"font-style:{slant}" if slant != "normal" else "",
            f"text-anchor:{anchor}" if anchor else "",
        )
        outlines, glyphs = _outlines(s, *face)
        self.glyphs.update(glyphs)
        turned = f' transform="rotate({_n(-angle)} {_n(ax)} {_n(ay)})"' if angle else ""
        kept = ' xml:space="preserve"' if s != s.strip() else ""  # a space before words keeps them off a line
        spin, scale = f" rotate({_n(-angle)})" if angle else "", f"{size / _TEXTS.FONT_SCALE:.4g}"
        clip = self._clip(gc)
        begin, end = (f"<g{clip}>", "</g>") if clip else ("", "")  # inside a turned element the clip would turn with it
        self._put(
            (
                f'{begin}<text x="{_n(ax)}" y="{_n(ay)}"{turned}{kept}',
                ";".join(filter(None, (*font, paint))),
                f">{escape(s)}</text>{end}",
            ),
            (
                f'{begin}<g transform="translate({_n(x)} {_n(y)}){spin} scale({scale} -{scale})"',
                paint,
                f">{outlines}</g>{end}",
            ),
        )

    # -- how it is kept ---------------------------------------------------------------------------------------------------

    def _put(self, page: Element, paper: Element | None = None) -> None:
        self._close()
        self.elements.append((page, paper or page))

    def _more(self, tag: Literal["path", "g"], style: str, clip: str, drawn: str) -> None:
        """Marks in the style of the last ones join their element: ticks come one by one."""
        if self._open is None or self._open[:3] != (tag, style, clip):
            self._close()
            self._open = (tag, style, clip, [])
        self._open[3].append(drawn)

    def _close(self) -> None:
        """Marks that wait for more of their kind are kept."""
        if self._open is not None:
            (tag, style, clip, waiting), self._open = self._open, None
            drawn = "".join(waiting)
            self._put((f'<path{clip} d="{drawn}"', style, "/>") if tag == "path" else (f"<g{clip}", style, f">{drawn}</g>"))

    def _clip(self, gc: GraphicsContextBase) -> str:
        box = gc.get_clip_rectangle()
        outline: Any = gc.get_clip_path()
        if outline[0] is not None:
            drawn = _written(outline[0], outline[1] + self._flip, None)
        elif box is not None:
            x, y, wide, high = box.bounds
            drawn = f"M{_n(x)} {_n(self.height - y - high)}h{_n(wide)}v{_n(high)}h{_n(-wide)}z"
        else:
            return ""
        return f' clip-path="url(#{self.clips.setdefault(drawn, f"c{len(self.clips)}")})"'

    # -- how it is written ------------------------------------------------------------------------------------------------

    def _defined(self, glyphs: Iterable[str]) -> str:
        kept = [f'<clipPath id="{name}"><path d="{drawn}"/></clipPath>' for drawn, name in self.clips.items()]
        kept += [f'<path id="{name}" d="{drawn}"/>' for drawn, name in self.marks.items()]
        kept += [f'<path id="{_safe(name)}" d="{_SHAPES[name]}"/>' for name in glyphs]
        return f"<defs>{''.join(kept)}</defs>" if kept else ""

    def paper(self) -> bytes:
        """Outlines instead of words, every style in place, links as older programs want them."""
        self._close()
        wide, high = _n(self.width), _n(self.height)
        body = self._defined(sorted(self.glyphs)) + "".join(
            f'{before} style="{style}"{after}' if style else before + after for _, (before, style, after) in self.elements
        )
        whole = (
            f'<?xml version="1.0" encoding="utf-8"?>\n<svg xmlns="{_SPACE}" xmlns:xlink="{_LINKS}" version="1.1" '
            f'width="{wide}pt" height="{high}pt" viewBox="0 0 {wide} {high}"><g stroke-linejoin="round">'
            f"{body.replace('<use href', '<use xlink:href')}</g></svg>\n"
        )
        return whole.encode("utf-8")

    def page(self) -> bytes:
        """Colours as variables with a light and a dark value, styles as classes, the page's typeface."""
        self._close()
        wide, high = _n(self.width), _n(self.height)
        classes: dict[str, str] = {}
        body = self._defined(()) + "".join(
            f'{before} class="{classes.setdefault(style, f"a{len(classes)}")}"{after}' if style else before + after
            for (before, style, after), _ in self.elements
        )
        seen = {c: name for c, name in _NAMES.items() if any(c in style for style in classes)}
        rules = "".join(f".{name}{{{style}}}" for style, name in classes.items())
        rules = _COLOUR.sub(lambda found: f"var(--{seen[found[0]]})" if found[0] in seen else found[0], rules)
        light = "".join(f"--{name}:{colour};" for colour, name in seen.items())
        dark = "".join(f"--{name}:{_DARK[colour]};" for colour, name in seen.items())
        whole = (
            f'<svg xmlns="{_SPACE}" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"><style>{rules}'
            f"text{{font-family:{_FAMILY};font-variant-numeric:tabular-nums}}*{{stroke-linejoin:round}}"
            f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}</style>{body}</svg>"
        )
        return whole.encode("utf-8")


# -- words for styles, paths and numbers ----------------------------------------------------------------------------------


def _painted(gc: GraphicsContextBase) -> str:
    """Colour of a text."""
    rgba = gc.get_rgb()
    alpha = gc.get_alpha() if gc.get_forced_alpha() else rgba[3]
    return f"fill:{to_hex(rgba)}" + ("" if alpha == 1 else f";opacity:{_n(alpha)}")


def _style(gc: GraphicsContextBase, face: Any) -> str:
    """Fill and stroke as CSS."""
    offset, dashes = gc.get_dashes()
    return _css(
        None if face is None else to_rgba(face),
        to_rgba(gc.get_rgb()) if gc.get_linewidth() else None,
        gc.get_linewidth(),
        None if dashes is None else (float(offset), tuple(np.asarray(dashes).tolist())),
        gc.get_alpha() if gc.get_forced_alpha() else None,
        str(gc.get_joinstyle()),
        _CAPS[gc.get_capstyle()],
    )


@lru_cache(maxsize=1024)
def _css(
    face: Colour | None,
    stroke: Colour | None,
    width: float,
    dashes: tuple[float, tuple[float, ...]] | None,
    alpha: float | None,
    join: str,
    cap: str,
) -> str:
    parts = ["fill:none" if face is None else f"fill:{to_hex(face)}"]
    if face is not None and alpha is None and face[3] != 1:
        parts.append(f"fill-opacity:{_n(face[3])}")
    if alpha is not None and alpha != 1:
        parts.append(f"opacity:{_n(alpha)}")
    if stroke is None:
        return ";".join(parts)
    parts.append(f"stroke:{to_hex(stroke)}")
    if alpha is None and stroke[3] != 1:
        parts.append(f"stroke-opacity:{_n(stroke[3])}")
    if width != 1:
        parts.append(f"stroke-width:{_n(width)}")
    if dashes is not None:
        parts.append(f"stroke-dasharray:{','.join(map(_n, dashes[1]))}")
        if dashes[0]:
            parts.append(f"stroke-dashoffset:{_n(dashes[0])}")
    if join != "round":
        parts.append(f"stroke-linejoin:{join}")
    if cap != "butt":
        parts.append(f"stroke-linecap:{cap}")
    return ";".join(parts)


_LETTERS = {Path.MOVETO: ("M", 1), Path.LINETO: ("L", 1), Path.CURVE3: ("Q", 2), Path.CURVE4: ("C", 3)}


def _written(path: Path, transform: Transform, sheet: tuple[float, float, float, float] | None) -> str:
    """The `d` of a path: two decimals, level and upright strokes as H and V, nothing that leads nowhere."""
    clean = path.cleaned(transform=transform, remove_nans=True, clip=sheet, simplify=False, curves=True)
    codes, places = np.asarray(clean.codes).tolist(), np.asarray(clean.vertices).tolist()
    out: list[str] = []
    at, last, i = ("", ""), "", 0
    while i < len(codes):
        code = codes[i]
        if code == Path.STOP:
            break
        if code == Path.CLOSEPOLY:
            out.append("z")
            last, i = "z", i + 1
            continue
        letter, count = _LETTERS[code]
        xs = [(_n(x), _n(y)) for x, y in places[i : i + count]]
        i += count
        if letter == "L":
            x, y = xs[0]
            if (x, y) == at:
                continue
            letter = "V" if x == at[0] else "H" if y == at[1] else "L"
            words = [y] if letter == "V" else [x] if letter == "H" else [x, y]
        else:
            words = [w for pair in xs for w in pair]
        at = xs[-1]
        head = "" if letter == last and letter != "M" else letter
        for place, word in enumerate(words):
            head += word if (place == 0 and head) or word[0] == "-" else " " + word
        out.append(head)
        last = letter
    return "".join(out)


def _n(number: float) -> str:
    """Two decimals at most, no zero that says nothing.

    Examples
    --------
    >>> [_n(x) for x in (12.0, -0.004, 0.5, -3.25, 100)]
    ['12', '0', '.5', '-3.25', '100']
    """
    words = f"{number:.2f}".rstrip("0").rstrip(".")
    if words.startswith("0."):
        return words[1:]
    if words.startswith("-0"):
        return "-" + words[2:] if len(words) > 2 else "0"
    return words


# -- type -----------------------------------------------------------------------------------------------------------------


def _face(prop: FontProperties) -> tuple[tuple[str, ...], int, Slant]:
    """Family, weight and slant."""
    weight = prop.get_weight()
    return tuple(prop.get_family()), weight if isinstance(weight, int) else weight_dict[weight], prop.get_style()


@lru_cache(maxsize=8192)
def _measured(words: str, family: tuple[str, ...], weight: int, slant: Slant) -> tuple[float, float, float]:
    """Width, height and descent at the size in which outlines are kept."""
    font = FontProperties(family=list(family), weight=weight, style=slant, size=_TEXTS.FONT_SCALE)
    return _TEXTS.get_text_width_height_descent(words, font, ismath=False)


@lru_cache(maxsize=4096)
def _outlines(words: str, family: tuple[str, ...], weight: int, slant: Slant) -> tuple[str, frozenset[str]]:
    """A line of text as glyphs in their places, and the names of the glyphs."""
    font = get_font(findfont(FontProperties(family=list(family), weight=weight, style=slant)))
    font.set_size(_TEXTS.FONT_SCALE, _TEXTS.DPI)
    glyphs, new, _ = _TEXTS.get_glyphs_with_font(font, words, glyph_map=_SHAPES, return_new_glyphs_only=True)
    _SHAPES.update({name: _written(Path(*shape), Affine2D(), None) for name, shape in new.items()})
    placed = "".join(
        f'<use href="#{_safe(name)}"' + (f' x="{_n(x)}"' if x else "") + (f' y="{_n(y)}"' if y else "") + "/>"
        for name, x, y, _ in glyphs
    )
    return placed, frozenset(name for name, *_ in glyphs)


_SHAPES: dict[str, Any] = {}
"""Outline of each glyph that was written so far, by the name of its font and its number."""


def _safe(name: str) -> str:
    return name.replace("%", "_")
