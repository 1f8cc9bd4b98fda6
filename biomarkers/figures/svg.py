"""Figures as files: a small SVG that follows the theme of the page, and SVG and PDF that carry their type for journals.

The page's SVG keeps text as text and speaks the page's typeface; each token colour becomes a variable with a light and a dark
value, so one file serves both. It goes on a diet: two decimals, horizontal and vertical strokes written as such, repeated
styles as classes, short ids, no metadata. Same figure, same bytes: no date, no creator, a fixed salt for the ids.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure

from biomarkers.figures.style import house
from biomarkers.figures.tokens import SANS, TOKENS

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_BARE = {"Date": None, "Creator": None, "Format": None, "Type": None}
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+(?:e-?\d+)?")
_URL = re.compile(r"url\(#([^)]+)\)")


def journal(figure: Figure, form: Literal["svg", "pdf"] = "svg") -> bytes:
    """The figure for a journal: light, type as outlines (SVG) or embedded (PDF), no date, no author.

    Examples
    --------
    >>> from biomarkers.figures.style import new_figure
    >>> journal(new_figure(85, 60))[:5], journal(new_figure(85, 60), "pdf")[:5]
    (b'<?xml', b'%PDF-')
    """
    metadata = _BARE if form == "svg" else {"CreationDate": None, "Creator": None, "Producer": None}
    return _saved(figure, form, "path", metadata)


def themed(figure: Figure) -> bytes:
    """The figure for a page: small, in the page's typeface, light or dark as the reader's screen."""
    return _for_page(_saved(figure, "svg", "none", _BARE))


def _for_page(drawn: bytes | str) -> bytes:
    root = ElementTree.fromstring(drawn)  # noqa: S314 - matplotlib's own output, just made
    _slim(root)
    _short_ids(root)
    return _classed(root)


def both(figure: Figure) -> tuple[bytes, bytes]:
    """`journal` and `themed` of one drawing: a figure takes longer to draw than to write, and they differ in their text alone.

    Examples
    --------
    >>> from biomarkers.figures.style import new_figure
    >>> [data[:5] for data in both(new_figure(85, 60))]
    [b'<?xml', b'<svg ']
    """
    out = io.StringIO()
    width, height = (72 * float(x) for x in figure.get_size_inches())
    with house(), mpl.rc_context(), _at_72(figure):
        renderer = _Both(width, height, out, image_dpi=72, metadata=_BARE)
        figure.draw(renderer)
        renderer.finalize()
    whole = out.getvalue()
    paper, page = (_PLACE.sub(lambda found, t=texts: t[int(found[1])], whole) for texts in (renderer.outlines, renderer.words))
    return paper.encode("utf-8"), _for_page(page)


@contextmanager
def _at_72(figure: Figure) -> Iterator[None]:
    """Points are pixels while an SVG is drawn, as matplotlib's own canvas has it."""
    dpi = figure.dpi
    figure.dpi = 72
    try:
        yield
    finally:
        figure.dpi = dpi


_PLACE = re.compile(r" *<!-- text (\d+) of this figure -->\n")


class _Both(RendererSVG):
    """Draws everything once, and each text twice, aside: as outlines and as words; its place is kept by a comment."""

    def __init__(self, *args: Any, **given: Any) -> None:
        self.outlines: list[str] = []
        self.words: list[str] = []
        super().__init__(*args, **given)

    def draw_text(self, *args: Any, **given: Any) -> None:
        """One text in both forms."""
        main = self.writer
        main.comment(f"text {len(self.words)} of this figure")
        for kept, form in ((self.outlines, "path"), (self.words, "none")):
            aside = io.StringIO()
            self.writer = type(main)(aside)
            mpl.rcParams["svg.fonttype"] = form      # inside the context of `both`; a context for each text costs more
            super().draw_text(*args, **given)
            kept.append(aside.getvalue())
        self.writer = main


def _saved(figure: Figure, form: str, fonttype: str, metadata: dict[str, None]) -> bytes:
    out = io.BytesIO()
    with house(), mpl.rc_context({"svg.fonttype": fonttype}):
        figure.savefig(out, format=form, metadata=metadata)
    return out.getvalue()


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _slim(root: ElementTree.Element) -> None:
    """Drop what no reader sees, round what no reader can."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in ("metadata", "style") or (_tag(child) == "path" and _invisible(child)):
                parent.remove(child)
    for element in root.iter():
        element.text = element.text if _tag(element) == "text" else None
        element.tail = None
        for key, value in list(element.attrib.items()):
            if key == "d":
                element.set(key, _short_path(value))
            elif key == "transform" and re.match(r"rotate\(-?0 ", value):
                del element.attrib[key]
            elif key in ("x", "y", "width", "height", "transform", "viewBox", "x1", "x2", "y1", "y2"):
                element.set(key, _NUMBER.sub(lambda n: _round(n.group()), value.replace("pt", "")))
            elif key == f"{{{_XLINK}}}href":
                del element.attrib[key]
                element.set("href", value)
    for element in root.iter():
        # A group per tick and label is matplotlib's bookkeeping; only groups that carry something stay.
        _unwrap(element)


def _invisible(path: ElementTree.Element) -> bool:
    """An axes background without fill and stroke."""
    return path.get("style", "").replace(" ", "") == "fill:none"


def _unwrap(parent: ElementTree.Element) -> None:
    flat: list[ElementTree.Element] = []

    def visit(element: ElementTree.Element) -> None:
        for child in list(element):
            if _tag(child) == "g" and not (set(child.attrib) - {"id"}):
                visit(child)
            elif _tag(child) == "defs":
                flat.extend(child if not any(_tag(c) == "clipPath" for c in child) else [child])
            else:
                flat.append(child)

    visit(parent)
    if _tag(parent) in ("svg", "g"):
        marks = [e for e in flat if _tag(e) == "path" and e.get("id") and "d" in e.attrib]
        for child in list(parent):
            parent.remove(child)
        if marks and _tag(parent) == "svg":
            defs = ElementTree.SubElement(parent, f"{{{_SVG}}}defs")
            defs.extend(marks)
        parent.extend(e for e in flat if e not in marks or _tag(parent) != "svg")


def _round(number: str) -> str:
    text = f"{float(number):.2f}".rstrip("0").rstrip(".")
    text = text.replace("-0.", "-.") if text.startswith("-0.") else text.removeprefix("0") if text.startswith("0.") else text
    return "0" if text in ("-0", "") else text


def _short_path(d: str) -> str:
    """Absolute moves with two decimals; a step curve is written as H and V."""
    words = d.replace("\n", " ").split()
    out: list[str] = []
    x = y = ""
    last = ""
    i = 0
    while i < len(words):
        command = words[i]
        count = {"M": 2, "L": 2, "Q": 4, "C": 6}.get(command, 0)
        arguments = [_round(w) for w in words[i + 1 : i + 1 + count]]
        i += 1 + count
        if command == "L":
            px, py = arguments
            if (px, py) == (x, y):
                continue
            command, arguments = ("V", [py]) if px == x else ("H", [px]) if py == y else ("L", [px, py])
            x, y = px, py
        elif count:
            x, y = arguments[-2:]
        head = "" if command == last and command not in "MZz" else command
        for place, argument in enumerate(arguments):
            joint = "" if (place == 0 and head) or argument.startswith("-") else " "
            head += joint + argument
        out.append(head)
        last = command
    return "".join(out)


def _short_ids(root: ElementTree.Element) -> None:
    """Keep only ids that are used, and number them."""
    used: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            for name in [value[1:]] if key == "href" else _URL.findall(value):
                used.setdefault(name, f"k{len(used)}")
    for element in root.iter():
        if element.get("id") in used:
            element.set("id", used[element.attrib["id"]])
        elif "id" in element.attrib:
            del element.attrib["id"]
        for key, value in element.attrib.items():
            if key == "href":
                element.set(key, "#" + used[value[1:]])
            elif "url(#" in value:
                element.set(key, _URL.sub(lambda found: f"url(#{used[found[1]]})", value))


def _classed(root: ElementTree.Element) -> bytes:
    """Colours as variables, styles as classes, the page's typeface, light and dark values."""
    variables: dict[str, str] = {}
    dark: dict[str, tuple[str, str]] = {}
    for _role, (on_white, on_black) in TOKENS.items():
        if on_white.lower() not in variables:
            name = _variable(len(variables))
            variables[on_white.lower()] = name
            dark[name] = (on_white, on_black)
    classes: dict[str, str] = {}
    seen: set[str] = set()

    def colour(found: re.Match[str]) -> str:
        name = variables.get(found.group().lower())
        if name is None:
            return found.group()
        seen.add(name)
        return f"var(--{name})"

    for element in root.iter():
        style = element.attrib.pop("style", None)
        if style is None:
            continue
        parts = [part.strip().replace(": ", ":") for part in style.split(";") if part.strip()]
        parts = [
            p
            for p in parts
            if not p.startswith("font-family")
            and p
            not in ("text-anchor:start", "stroke-dashoffset:0", "font-style:normal", "font-weight:400", "stroke-linecap:butt")
        ]
        parts = [re.sub(r"#[0-9a-fA-F]{6}", colour, p) for p in parts]
        parts = [re.sub(r"\d+\.\d{3,}", lambda n: _round(n.group()), p) for p in parts]
        element.set("class", classes.setdefault(";".join(parts), f"a{len(classes)}"))
    family = ",".join(name.replace('"', "'") for name in SANS)
    light_values = "".join(f"--{n}:{dark[n][0]};" for n in dark if n in seen)
    dark_values = "".join(f"--{n}:{dark[n][1]};" for n in dark if n in seen)
    css = (
        "".join(f".{name}{{{style}}}" for style, name in classes.items())
        + f"text{{font-family:{family};font-variant-numeric:tabular-nums}}*{{stroke-linejoin:round}}"
        + f":root{{color-scheme:light dark;{light_values}}}@media(prefers-color-scheme:dark){{:root{{{dark_values}}}}}"
    )
    style_element = ElementTree.Element(f"{{{_SVG}}}style")
    style_element.text = css
    root.insert(0, style_element)
    ElementTree.register_namespace("", _SVG)
    text = ElementTree.tostring(root, encoding="unicode")
    return text.replace(f' xmlns:xlink="{_XLINK}"', "").replace(" />", "/>").encode("utf-8")


def _variable(place: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[place % 26] + ("" if place < 26 else str(place // 26))
