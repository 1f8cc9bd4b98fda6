"""Every table that a page shows, as a file: CSV for a spreadsheet, Word for a manuscript; the words and digits of the page.

These are the tables as printed, rounded; the unrounded numbers stand in results.csv and its companions. A cell that a
spreadsheet would run as a formula is made harmless. CSV files begin with a byte-order mark, by which Excel knows UTF-8 and
keeps the minus signs. The Word file is an extra (`pip install biomarkers[word]`): python-docx is loaded only where it is asked
for.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Literal

from biomarkers.domain.errors import UseError
from biomarkers.domain.numbers import NBSP, NONE
from biomarkers.domain.states import STATES
from biomarkers.report.blocks import Forest, Matrix, Picture, Pictures, Remark, Section, Table
from biomarkers.tables import Grid, GridRow, Line

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the start of a cell."""
_NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: the same tables give the same bytes."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a page as plain text.

    Parameters
    ----------
    number : int
        As on the page.
    anchor : str
        The section that it stands in.
    caption, note : str
    head : tuple of str
    rows : tuple of (kind, cells)
        `kind` "g" is a heading over the next rows, with one cell.
    of : {"Table", "Figure"}
        Whether it is a table of the page, or the numbers behind a figure, which are folded away there.
    """

    number: int
    anchor: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    note: str = ""
    of: Literal["Table", "Figure"] = "Table"

    @property
    def name(self) -> str:
        """ "table-05-assoc", "figure-03-km"."""
        return f"{self.of.lower()}-{self.number:02d}-{self.anchor}"


def sheets(sections: Sequence[Section]) -> Iterator[Sheet]:
    """The numbered tables of a page and the numbers behind its figures, in its order."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table):
                yield _sheet(block.number, section.anchor, block.grid)
            elif isinstance(block, Picture | Pictures):
                pictures = block.items if isinstance(block, Pictures) else (block,)
                yield from (_sheet(p.number, section.anchor, p.numbers, "Figure") for p in pictures if p.numbers is not None)
            elif isinstance(block, Forest):
                yield _forest(block, section.anchor)
            elif isinstance(block, Matrix):
                yield _matrix(block, section.anchor)
            elif isinstance(block, Remark):
                rows = tuple(("", (n, asks, f"{answer}", title)) for n, asks, _, answer, _, title in block.rows)
                yield Sheet(block.number, section.anchor, block.caption, ("Item", "What it asks for", "Answer", "Where"), rows)


def _sheet(number: int, anchor: str, grid: Grid, of: Literal["Table", "Figure"] = "Table") -> Sheet:
    rows = tuple(_plain(row) for row in grid.rows)
    return Sheet(number, anchor, grid.caption, _one_line(grid.head), rows, grid.note, of)


def _one_line(head: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(words.split("\n")) for words in head)


def _plain(row: GridRow) -> tuple[str, tuple[str, ...]]:
    if row.kind == "g":
        return "g", (row.head,)
    return row.kind, (row.head, *(f"▲ {c.text}" if c.flag else c.text for c in row.cells))


def _forest(block: Forest, anchor: str) -> Sheet:
    drawn = block.head.index("Hazard ratio, log scale")
    head = tuple(words for place, words in enumerate(block.head) if place != drawn)
    rows: list[tuple[str, tuple[str, ...]]] = []
    for words, some in block.groups:
        rows.append(("g", (words,)))
        rows += [("i", (x.label, x.n, x.events, *_answer(x), STATES[x.state].word)) for x in (r.line for r in some)]
    return Sheet(block.number, anchor, block.caption, head, tuple(rows), block.note)


def _answer(line: Line) -> tuple[str, str, str]:
    """Ratio, P and adjusted P; or why there are none."""
    if not line.modelled:
        return line.message, NONE, NONE
    return f"▲ {line.ratio}" if line.flags else line.ratio, line.p, line.p_adjusted


def _matrix(block: Matrix, anchor: str) -> Sheet:
    head = ("Marker", *(name for name, _, _ in block.cohorts), "Pooled HR", f"P, {block.adjust}", "Het. P")
    rows: list[tuple[str, tuple[str, ...]]] = []
    for words, some in block.groups:
        rows.append(("g", (words,)))
        for row in some:
            shown = [c.line.ratio if c.line and c.line.modelled else c.words or NONE for c in (*row.cells, row.pooled)]
            rows.append(("i", (f"{row.label} {row.contrast}".strip(), *shown, row.p_adjusted, row.difference)))
    return Sheet(block.number, anchor, block.caption, head, tuple(rows), block.note)


def harmless(words: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    Examples
    --------
    >>> harmless("=cmd()"), harmless("−0.12"), harmless("ER+")
    ("'=cmd()", '−0.12', 'ER+')
    """
    return f"'{words}" if words.startswith(FORMULA) else words


def csv_bytes(sheet: Sheet) -> bytes:
    """The table as CSV: a column `group` for the headings inside it, then its own columns; UTF-8 with a byte-order mark."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    grouped = any(kind == "g" for kind, _ in sheet.rows)
    writer.writerow([harmless(words) for words in (*(("Group",) if grouped else ()), *sheet.head)])
    group = ""
    for kind, cells in sheet.rows:
        if kind == "g":
            group = cells[0]
            continue
        writer.writerow([harmless(words.replace(NBSP, " ")) for words in (*((group,) if grouped else ()), *cells)])
    return out.getvalue().encode("utf-8-sig")


def need_word() -> None:
    """Refuse at once, and not after an hour of models, where python-docx is not installed.

    Raises
    ------
    UseError
    """
    if find_spec("docx") is None:
        raise UseError("tables as Word files need python-docx: pip install 'biomarkers[word]'")


def word_bytes(title: str, tables: Sequence[Sheet]) -> bytes:
    """The tables of a page as a Word file: real tables whose head repeats, rows that do not split, no date.

    Raises
    ------
    UseError
        python-docx is not installed; the message names the command.
    """
    need_word()
    from docx import Document

    document: Any = Document()
    document.core_properties.author = ""
    document.core_properties.title = _for_xml(title)
    document.core_properties.created = document.core_properties.modified = datetime(1980, 1, 1, tzinfo=UTC)
    section = document.sections[0]
    # Tables of results are wide: A4 on its side.
    section.page_width, section.page_height = _mm(297), _mm(210)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = _mm(18)
    document.styles["Normal"].font.size = _points(9)
    document.add_heading(_for_xml(title), level=1)
    for sheet in tables:
        caption = document.add_paragraph()
        caption.paragraph_format.keep_with_next = True
        caption.add_run(f"Table {sheet.number}. ").bold = True
        caption.add_run(_for_xml(sheet.caption))
        _word_table(document.add_table(rows=1, cols=len(sheet.head)), sheet)
        if sheet.note:
            document.add_paragraph(_for_xml(sheet.note)).runs[0].font.size = _points(8)
    out = io.BytesIO()
    document.save(out)
    return _undated(out.getvalue())


def _word_table(table: Any, sheet: Sheet) -> None:
    table.style = "Light List"
    table.autofit = True
    for cell, words in zip(table.rows[0].cells, sheet.head, strict=True):
        cell.text = _for_xml(words)
    _mark_row(table.rows[0], "w:tblHeader")
    for kind, cells in sheet.rows:
        row = table.add_row()
        _mark_row(row, "w:cantSplit")
        if kind == "g":
            merged = row.cells[0].merge(row.cells[-1])
            merged.text = _for_xml(cells[0])
            merged.paragraphs[0].runs[0].bold = True
            continue
        for cell, words in zip(row.cells, cells, strict=True):
            cell.text = _for_xml(words)
            if cell.paragraphs[0].runs:
                cell.paragraphs[0].runs[0].bold = False


def _mark_row(row: Any, what: str) -> None:
    """A property of a row that python-docx has no name for: repeat it as a head, do not break it."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(what))


def _mm(length: float) -> Any:
    from docx.shared import Mm

    return Mm(length)


def _points(size: float) -> Any:
    from docx.shared import Pt

    return Pt(size)


def _for_xml(words: str) -> str:
    """Without what XML cannot hold; `numbers.label` has made such characters visible already, captions of notes may not."""
    return "".join(c for c in words if c >= " " or c in "\n\t")


def _undated(document: bytes) -> bytes:
    """The same zip with every entry at one time."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            new.writestr(entry, old.read(name))
    return out.getvalue()
