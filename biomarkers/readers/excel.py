"""One sheet of an Excel workbook, as text: what carries meaning only for the eye is named, and never read as data."""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from biomarkers.domain.source import Source
from biomarkers.readers.delimited import LARGEST_FILE, LONGEST_CELL
from biomarkers.readers.findings import Findings, lines
from biomarkers.readers.table import HeaderAt, Table, Wanted
from biomarkers.readers.text_rows import no_rows, text_table

_ID_COLUMNS = re.compile(r"(subject|patient|usubjid|specimen|sample)", re.IGNORECASE)


def read_excel(path: Path, *, name: str, source: Source, wanted: Wanted | None, header_at: HeaderAt | None = None) -> Table:
    """The rows of one sheet as text; row numbers are those of the sheet.

    A formula without a stored value, an error, two sheets with data and none named, and merged cells among the data are
    problems; hidden rows are read and counted. Dates become ISO text by the workbook's own epoch.
    """
    found = Findings(name)
    books = _opened(path, found)
    if books is None:
        return no_rows(found)
    values, formulas = books
    title = _sheet(values, source, found)
    if title is None:
        return no_rows(found)
    sheet, raw = values[title], formulas[title]
    rows = [(number, [cell.value for cell in row], row) for number, row in enumerate(sheet.iter_rows(), start=1)]
    rows = [row for row in rows if any(value is not None and str(value).strip() for value in row[1])]
    if len(rows) < 2:
        found.add("no_rows", f"sheet {title!r} holds 0 rows of data", "name the sheet that holds the data: sheet = ...")
        return no_rows(found)
    if header_at is not None:
        rows = rows[header_at([["" if value is None else str(value).strip() for value in cells] for _, cells, _ in rows]) :]
    first, head, _ = rows[0]
    header = ["" if value is None else str(value).strip() for value in head]
    chosen = set(header) if wanted is None else set(wanted(tuple(dict.fromkeys(h for h in header if h))))
    keep = [i for i, column in enumerate(header) if column and column in chosen and header.index(column) == i]
    for i, column in enumerate(header):
        if column and column in chosen and header.index(column) != i:
            found.add(
                "duplicate_header",
                f"column {column!r} stands twice in the header: which one holds?",
                "rename or remove one",
                line=first,
                column=column,
                value=column,
            )
    _for_the_eye(sheet, rows, keep, header, found)
    body: dict[str, list[str]] = {header[i]: [] for i in keep}
    numbers = []
    for number, _, cells in rows[1:]:
        numbers.append(number)
        for i in keep:
            body[header[i]].append(_text(cells[i], raw, number, i, header[i], found))
    return text_table(body, numbers, (h for h in header if h), found)


def _opened(path: Path, found: Findings) -> tuple[Any, Any] | None:
    """The workbook with stored values, and with formulas; or None, with the reason found."""
    try:
        import openpyxl
    except ImportError:
        found.add("extra", "reading a workbook needs openpyxl, which is not installed", 'pip install "biomarkers[excel]"')
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_FILE:
            found.add("too_large", f"unpacks to {size:,} bytes; more than {LARGEST_FILE:,} are not read", "split the workbook")
            return None
        with warnings.catch_warnings():
            # openpyxl warns of styles and validations it drops; none of them is data
            warnings.simplefilter("ignore")
            return (
                openpyxl.load_workbook(path, data_only=True, keep_links=False),
                openpyxl.load_workbook(path, data_only=False, keep_links=False),
            )
    except Exception as error:  # openpyxl raises whatever its XML parser meets; any of it means a damaged file
        found.add(
            "damaged_workbook",
            f"not a workbook that can be read ({type(error).__name__})",
            "open it and save it again as .xlsx, or export CSV",
        )
        return None


def _sheet(book: Any, source: Source, found: Findings) -> str | None:
    titles = [sheet.title for sheet in book.worksheets]
    if source.sheet is not None:
        if source.sheet in titles:
            return source.sheet
        found.add(
            "sheet", f"no sheet is called {source.sheet!r}; there are {', '.join(map(repr, titles))}", "correct sheet = ..."
        )
        return None
    filled = [sheet.title for sheet in book.worksheets if sheet.max_row > 1 or sheet.max_column > 1]
    if len(filled) == 1:
        return str(filled[0])
    if not filled:
        found.add("no_rows", "the workbook is empty: 0 rows", "name the right file")
        return None
    found.add(
        "sheet",
        f"{len(filled)} sheets hold data ({', '.join(map(repr, filled))}), and none is named",
        f'name one: {{ path = "{found.file}", sheet = "{filled[0]}" }}',
    )
    return None


def _for_the_eye(sheet: Any, rows: list[Any], keep: list[int], header: list[str], found: Findings) -> None:
    """Hidden rows and columns are read and said; merged cells would make a value up."""
    from openpyxl.utils import get_column_letter

    hidden = [number for number, _, _ in rows[1:] if sheet.row_dimensions[number].hidden]
    if hidden:
        found.add(
            "hidden_rows",
            f"{len(hidden)} hidden {'row is' if len(hidden) == 1 else 'rows are'} read like the others ({lines(hidden)})",
            "remove the filter, or delete the rows",
            severity="warning",
            line=hidden[0],
        )
    for i in keep:
        if sheet.column_dimensions[get_column_letter(i + 1)].hidden:
            found.add(
                "hidden_column",
                "a hidden column is read like the others",
                "show it, or do not declare it",
                severity="warning",
                column=header[i],
                line=rows[0][0],
            )
    columns = {i + 1 for i in keep}
    for span in sheet.merged_cells.ranges:
        if span.max_row > rows[0][0] and columns & set(range(span.min_col, span.max_col + 1)):
            found.add(
                "merged_cells",
                f"merged cells {span.coord}: only the first holds a value",
                "unmerge them and fill every cell",
                line=span.min_row,
                column=header[span.min_col - 1] if span.min_col <= len(header) else "",
            )


def _text(cell: Any, formulas: Any, row: int, i: int, column: str, found: Findings) -> str:
    """A cell as the text a CSV would hold."""
    value = cell.value
    if value is None:
        formula = formulas.cell(row=row, column=i + 1)
        if formula.data_type == "f":
            found.add(
                "formula",
                f"a formula without a stored value in {formula.coordinate}: the file was never calculated",
                "open it in a spreadsheet program and save it",
                line=row,
                column=column,
                value=str(formula.value)[:40],
            )
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat().removesuffix("T00:00:00")
    if isinstance(value, int | float):
        if "%" in (cell.number_format or ""):
            # 0.35 shown as 35 %: the sign is only for the eye, and without it the number would change its meaning
            return f"{(Decimal(repr(value)) * 100).normalize():f}%"
        whole = isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15)
        text = str(int(value)) if whole else repr(float(value))
        if _ID_COLUMNS.search(column) and whole:
            found.add(
                "numeric_id",
                "identifiers are stored as numbers: leading zeros, if there were any, are lost",
                "store identifiers as text",
                severity="note",
                same=(column,),
                line=row,
                column=column,
                value=text,
            )
        return text
    text = str(value)
    if len(text) > LONGEST_CELL:
        found.add(
            "oversized_cell",
            f"{len(text):,} characters in one cell",
            "correct the cell",
            line=row,
            column=column,
            value=text[:24],
        )
        return text[:64]
    return text
