"""The nouns of a page: sections hold blocks; a block is a table, a figure, a forest, a flow, a list. Templates only set them.

Tables and figures are numbered in the order in which a page is built, so a text may point to a number that exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from biomarkers.tables import Grid, GridRow, Line, Piece, Refusal, Station


@dataclass
class Numbering:
    """Counts the tables and figures of one page."""

    tables: int = 0
    figures: int = 0

    def table(self) -> int:
        """The next table's number."""
        self.tables += 1
        return self.tables

    def figure(self) -> int:
        """The next figure's number."""
        self.figures += 1
        return self.figures


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `style` is "" or "lead" or "fn" (a footnote)."""

    pieces: tuple[Piece, ...]
    style: str = ""
    kind: str = "text"

    @classmethod
    def of(cls, words: str, style: str = "") -> Text:
        """A paragraph without styles inside."""
        return cls((Piece(words),), style)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the third rank."""

    words: str
    anchor: str = ""
    kind: str = "heading"


@dataclass(frozen=True, slots=True)
class Table:
    """A numbered grid; `long` tables may break between rows in print."""

    number: int
    grid: Grid
    long: bool = False
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """A numbered figure with the table behind it; `room` is its least width on a narrow screen, in rem."""

    number: int
    source: str
    alt: str
    caption: str
    numbers: Grid | None = None
    room: float = 44.0
    width_mm: float = 180.0
    kind: str = "picture"


@dataclass(frozen=True, slots=True)
class Pictures:
    """Narrow figures, two beside each other where there is room."""

    items: tuple[Picture, ...]
    kind: str = "pictures"

    @property
    def narrow(self) -> bool:
        """Whether two fit beside each other on a sheet at their own size."""
        return len(self.items) > 1 and all(p.width_mm <= 87 for p in self.items)


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A line with its drawing."""

    line: Line
    drawing: Markup
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Forest:
    """The forest table: words, counts, a small interval per row, and the axis at its foot."""

    number: int
    caption: str
    head: tuple[str, ...]
    groups: tuple[tuple[str, tuple[ForestRow, ...]], ...]
    axis: Markup
    note: str
    kind: str = "forest"


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One marker in one cohort."""

    line: Line | None
    drawing: Markup
    tint: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One marker in every cohort, then pooled."""

    label: str
    contrast: str
    cells: tuple[MatrixCell, ...]
    pooled: MatrixCell
    p_adjusted: str
    difference: str
    difference_low: bool
    planned: bool
    keys: tuple[str, str, str]
    difference_key: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every marker in every cohort on one scale."""

    number: int
    caption: str
    cohorts: tuple[tuple[str, int, str], ...]
    groups: tuple[tuple[str, tuple[MatrixRow, ...]], ...]
    adjust: str
    level: str
    note: str
    pooled_in_key: bool = True
    kind: str = "matrix"


@dataclass(frozen=True, slots=True)
class Words:
    """Results as sentences, folded: state, line of results.csv, sentence."""

    items: tuple[tuple[str, int, tuple[Piece, ...]], ...]
    kind: str = "words"


@dataclass(frozen=True, slots=True)
class Flow:
    """The diagram as an ordered list: real text that reflows on a narrow screen."""

    stations: tuple[Station, ...]
    arms: str
    kind: str = "flow"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Boxes: asked by, why not, instead."""

    boxes: tuple[Refusal, ...]
    kind: str = "refusals"


@dataclass(frozen=True, slots=True)
class Definitions:
    """Words with what they mean here."""

    rows: tuple[tuple[str, tuple[str, ...]], ...]
    code: bool = False
    kind: str = "definitions"


@dataclass(frozen=True, slots=True)
class Links:
    """The cohorts with their reports."""

    items: tuple[tuple[str, int, tuple[str, ...], str], ...]
    kind: str = "links"


@dataclass(frozen=True, slots=True)
class Remark:
    """The REMARK table: item, what it asks, the answer, and where it stands (an anchor of this page)."""

    number: int
    caption: str
    rows: tuple[tuple[str, str, str, str, str, str], ...]
    kind: str = "remark"


@dataclass(frozen=True, slots=True)
class Blank:
    """A box that only people can fill."""

    anchor: str
    words: str
    kind: str = "blank"


Block = (
    Text
    | Heading
    | Table
    | Picture
    | Pictures
    | Forest
    | Matrix
    | Words
    | Flow
    | Refusals
    | Definitions
    | Links
    | Remark
    | Blank
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its anchor and the REMARK items it answers."""

    anchor: str
    title: str
    remark: str
    blocks: tuple[Block, ...]
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Warned:
    """One line of "Read this first"; `refused` changes its sign."""

    pieces: tuple[Piece, ...]
    anchor: str = ""
    link: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of the summary with its words."""

    name: str
    value: str
    more: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A result as a sentence, with its small interval."""

    line: Line
    pieces: tuple[Piece, ...]
    drawing: Markup


@dataclass(frozen=True, slots=True)
class Summary:
    """The card on top: enough for a reader who stops there."""

    warned: tuple[Warned, ...]
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    axis: Markup
    more: str
    states: tuple[tuple[str, str, str], ...]
    rest: tuple[GridRow, ...] = field(default=())
