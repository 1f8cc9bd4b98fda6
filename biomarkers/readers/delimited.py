"""Delimited text: the bytes are looked at first, then every row is counted, and only then is anything called a table."""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from biomarkers.domain.source import Source
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import HeaderAt, Table, Wanted
from biomarkers.readers.text_rows import no_rows, text_table

LARGEST_FILE = 1 << 30
LONGEST_CELL = 32_767
"""What one cell of a spreadsheet can hold; a longer one is damage, not data."""

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (
        b"PK\x03\x04",
        "an Excel workbook (xlsx) or another zip archive, whatever its name says",
        'rename it to .xlsx, or declare format = "excel"',
    ),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (xls)", "save it as .xlsx or .csv"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"<!DOCTYPE", "a web page", "export the table as CSV"),
    (b"<html", "a web page", "export the table as CSV"),
    (b"HEADER RECORD", "a SAS transport file", 'declare its format, such as "xpt"'),
)
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_FOOTER = re.compile(r"\s*(total|sum|generated|exported|source|n\s*=|end of)", re.IGNORECASE)


def read_delimited(path: Path, *, name: str, source: Source, wanted: Wanted | None, header_at: HeaderAt | None = None) -> Table:
    """The rows of a CSV or TSV file as text.

    Only the columns that `wanted` chooses from the header are kept. Row numbers count as a spreadsheet does: the header is
    row 1, an empty line is a row, a line break inside quotes is not. A format with lines above its header says where that is.
    """
    found = Findings(name)
    text = _decoded(path, source, found)
    if text is None:
        return no_rows(found)
    text, source = _without_sep_line(text, source, found)
    delimiter = _delimiter(text, path, source, found)
    if delimiter is None:
        return no_rows(found)
    records = list(_records(text, delimiter, found))
    if not records:
        found.add("no_rows", "nothing but empty lines: 0 rows", "export it again")
        return no_rows(found)
    if header_at is not None:
        records = records[header_at([cells for _, cells in records]) :]
    header = _header(records[0][1], found)
    keep = _kept(header, wanted, found)
    body = _body(records[1:], header, keep, text, found)
    if not body and not found.errors:
        found.add("no_rows", "a header and no rows: 0 rows of data", "export it again; an empty table is not a clean table")
    columns = {header[i]: [cells[i] for _, cells in body] for i in keep}
    return text_table(columns, [line for line, _ in body], (h for h in header if h), found)


# ---- bytes -----------------------------------------------------------------------------------------------------------


def _decoded(path: Path, source: Source, found: Findings) -> str | None:
    """The text of the file, or None with the reason found."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        found.add("too_large", f"{size:,} bytes; tables of more than {LARGEST_FILE:,} are not read", "split the file")
        return None
    data = path.read_bytes()
    for magic, what, remedy in _MAGIC:
        if data[:64].lstrip().startswith(magic) or data.startswith(magic):
            found.add("wrong_format", f"the content is {what}, not delimited text", remedy)
            return None
    if source.encoding is not None:
        return _declared_encoding(data, source.encoding, found)
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            found.add("utf16", "UTF-16 with a byte order mark, read as such", severity="note")
            return _declared_encoding(data, encoding, found)
    if data.count(0) > len(data) // 10:
        found.add(
            "encoding",
            "the encoding is not UTF-8: every other byte is NUL, as in UTF-16 without its mark",
            'save it as UTF-8, or declare encoding = "utf-16-be" or "utf-16-le"',
        )
        return None
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        found.add("byte_order_mark", "a byte order mark before the header, removed", severity="note")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _windows_1252(data, error, found)


def _declared_encoding(data: bytes, encoding: str, found: Findings) -> str | None:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        found.add(
            "encoding", f"the declared encoding {encoding!r} is unknown", 'declare encoding = "utf-8" or "cp1252", for instance'
        )
    except UnicodeError as error:
        where = getattr(error, "start", 0)
        found.add(
            "encoding",
            f"not {encoding}, the declared encoding: byte {where} does not fit",
            "declare the right encoding",
            line=data[:where].count(b"\n") + 1,
        )
    return None


def _windows_1252(data: bytes, error: UnicodeDecodeError, found: Findings) -> str | None:
    """Windows-1252, if that gives letters and signs that people type; else the encoding is asked for."""
    line = data[: error.start].count(b"\n") + 1
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = None
    if text is None or not all(_typed_by_people(sign) for sign in text if not sign.isascii()):
        found.add(
            "encoding",
            f"the encoding is neither UTF-8 nor Windows-1252: byte {error.start}",
            'declare it: encoding = "..."',
            line=line,
        )
        return None
    cell = next((sign for sign in text.splitlines()[line - 1] if not sign.isascii()), "")
    found.add(
        "windows_1252",
        "the encoding is Windows-1252, not UTF-8; read as such",
        'declare encoding = "cp1252", or save as UTF-8',
        line=line,
        value=cell,
        severity="note",
    )
    return text


def _typed_by_people(sign: str) -> bool:
    return unicodedata.category(sign)[0] == "L" or sign in "µ°±²³·–—‘’“”…€%‰\u00a0×÷§«»¿¡©®´"


def _without_sep_line(text: str, source: Source, found: Findings) -> tuple[str, Source]:
    """Excel's own first line, `sep=;`, names the separator and is no row of the table."""
    match = re.match(r'"?sep=(.)"?\r?\n', text)
    if match is None:
        return text, source
    found.add("sep_line", f"the first line names the separator, {match.group(1)!r}; it is no row", severity="note")
    return text[match.end() :], replace(source, delimiter=source.delimiter or match.group(1))


# ---- shape -----------------------------------------------------------------------------------------------------------


def _delimiter(text: str, path: Path, source: Source, found: Findings) -> str | None:
    """The sign between the fields, from the header line; then it is required everywhere."""
    if source.delimiter is not None:
        return source.delimiter
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = {sign: first.count(sign) for sign in _DELIMITERS}
    best = max(counts, key=lambda sign: counts[sign])
    tab_expected = source.format == "tsv" or path.suffix.lower() in (".tsv", ".tab", ".txt")
    expected = "\t" if tab_expected else ","
    if counts[best] == 0 or counts[expected] == counts[best]:
        return expected
    if best == ";" and not tab_expected:
        found.add("semicolon", "fields are separated by semicolons; read as such", severity="note")
        return best
    remedy = 'rename it to .tsv, or declare format = "tsv"' if best == "\t" else f'declare delimiter = "{best}"'
    found.add(
        "delimiter",
        f"the fields are separated by a {_DELIMITERS[best]} ({counts[best]} in the header), "
        f"not by a {_DELIMITERS[expected]} as the name of the file says",
        remedy,
        line=1,
    )
    return None


def _records(text: str, delimiter: str, found: Findings) -> Iterator[tuple[int, list[str]]]:
    """Row number and fields of every record that is not empty."""
    limit = csv.field_size_limit(sys.maxsize)
    line = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for line, record in enumerate(reader, start=1):
            if record and any(cell.strip() for cell in record):
                yield line, record
    except csv.Error as error:
        found.add("quotes", f"the quotation marks of this row do not close ({error})", "correct the row", line=line + 1)
    finally:
        csv.field_size_limit(limit)


def _header(cells: list[str], found: Findings) -> list[str]:
    names = [cell.strip() for cell in cells]
    for raw, clean in zip(cells, names, strict=True):
        if raw != clean and clean:
            found.add(
                "header_blank",
                f"blanks around the column name {clean!r}, removed",
                line=1,
                column=clean,
                value=raw,
                severity="note",
            )
    return names


def _kept(header: list[str], wanted: Wanted | None, found: Findings) -> list[int]:
    """Positions of the columns to read: declared, named once, and named at all."""
    named = tuple(dict.fromkeys(name for name in header if name))
    chosen: Collection[str] = set(named) if wanted is None else set(wanted(named))
    for name, count in Counter(name for name in header if name).items():
        if count > 1 and name in chosen:
            found.add(
                "duplicate_header",
                f"column {name!r} stands {'twice' if count == 2 else f'{count} times'} in the header: which one holds?",
                "rename or remove one",
                line=1,
                column=name,
                value=name,
            )
    first = {name: header.index(name) for name in named}
    return [first[name] for name in named if name in chosen]


def _body(
    records: list[tuple[int, list[str]]], header: list[str], keep: list[int], text: str, found: Findings
) -> list[tuple[int, list[str]]]:
    """The rows that have exactly the header's number of fields; every other row is a problem.

    The cells of a broken row are not shown: which columns they belong to, and whether those may be read, is not known.
    """
    named = len(header)
    while named and not header[named - 1]:
        named -= 1
    records = [(line, cells if any(c.strip() for c in cells[named:]) else cells[:named]) for line, cells in records]
    broken = [(line, cells) for line, cells in records if len(cells) != named]
    if len(broken) > max(3, len(records) // 2):
        usual, n = Counter(len(cells) for _, cells in broken).most_common(1)[0]
        found.add(
            "header_row",
            f"the header has {named} field{'' if named == 1 else 's'}, and {n} of {len(records)} rows have {usual}",
            "remove what stands above the header, or name every column in it",
            line=1,
        )
    else:
        for line, cells in broken:
            last = line == records[-1][0] and not text.endswith(("\n", "\r"))
            found.add(*_ragged(cells, named, truncated=last and len(cells) < named), line=line)
    rows = []
    for line, cells in records:
        if len(cells) == named:
            _damaged(cells, line, header, keep, found)
            rows.append((line, [cell if len(cell) <= LONGEST_CELL else cell[:64] for cell in cells]))
    return rows


def _ragged(cells: list[str], named: int, *, truncated: bool) -> tuple[str, str, str]:
    count = f"{len(cells)} field{'' if len(cells) == 1 else 's'} where the header has {named}"
    if _FOOTER.match(cells[0]):
        return "footer", f"{count}: a footer below the data, it seems", "remove it; only rows of data belong in the table"
    if truncated:
        return "truncated", f"{count}, and no line end: the last row is truncated", "export the file again"
    return "ragged_row", f"this row has {count}", "correct the row; a cell may hold the separator without quotation marks"


def _damaged(cells: list[str], line: int, header: list[str], keep: list[int], found: Findings) -> None:
    for i in keep:
        cell = cells[i]
        if len(cell) > LONGEST_CELL:
            found.add(
                "oversized_cell",
                f"{len(cell):,} characters in one cell; a spreadsheet holds {LONGEST_CELL:,}",
                "correct the cell",
                line=line,
                column=header[i],
                value=cell[:24],
            )
        elif "\x00" in cell:
            found.add(
                "control_character", "a NUL byte in the cell", "export the file again", line=line, column=header[i], value=cell
            )
