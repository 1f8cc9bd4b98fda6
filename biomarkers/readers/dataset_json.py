"""Dataset-JSON 1.1 of CDISC, as one object, as one record a line, or compressed: metadata with the columns, then the rows.

The number of records and the length of every row are counted against the metadata: a truncated file is no smaller trial.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from biomarkers.domain.source import Source
from biomarkers.readers.delimited import LARGEST_FILE
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted
from biomarkers.readers.text_rows import as_text, kept, no_rows, text_table

_DATES = ("date", "datetime", "time")
COMPRESSED = {b"\x1f\x8b": 31, b"\x78\x01": 15, b"\x78\x5e": 15, b"\x78\x9c": 15, b"\x78\xda": 15}
"""First bytes of gzip and of zlib streams to the window that zlib needs for them."""


def read_dataset_json(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:  # noqa: ARG001 - one signature for all readers
    """The rows of a Dataset-JSON file as text. Record i is row i + 1, as in a spreadsheet with its header in row 1."""
    found = Findings(name)
    text = _text(path, found)
    if text is None:
        return no_rows(found)
    meta, rows = _parsed(text, found)
    columns = _columns(meta, found) if meta is not None else None
    if meta is None or columns is None:
        return no_rows(found)
    header = [str(column["name"]) for column in columns]
    good = [(i, row) for i, row in enumerate(rows, start=2) if _fits(row, len(header), i, found)]
    _count(meta, len(rows), found)
    texts = {}
    for column in kept(header, wanted):
        place = header.index(column)
        kind = str(columns[place].get("dataType", "string"))
        texts[column] = [_cell(row[place], kind, column, i, found) for i, row in good]
    if not rows:
        found.add("no_rows", "0 rows of data", "export it again; an empty table is not a clean table")
    return text_table(texts, [i for i, _ in good], header, found)


def _text(path: Path, found: Findings) -> str | None:
    """The file as text, inflated where it is compressed; never more than `LARGEST_FILE` bytes."""
    if path.stat().st_size > LARGEST_FILE:
        found.add("too_large", f"more than {LARGEST_FILE:,} bytes", "split the file")
        return None
    data = path.read_bytes()
    compressed = COMPRESSED.get(data[:2])
    if compressed is not None:
        inflate = zlib.decompressobj(compressed)
        try:
            data = inflate.decompress(data, LARGEST_FILE + 1)
        except zlib.error as error:
            found.add("damaged_file", f"compressed, and cannot be inflated ({error})", "export it again")
            return None
        if len(data) > LARGEST_FILE or not inflate.eof:
            what = (
                f"inflates to more than {LARGEST_FILE:,} bytes" if len(data) > LARGEST_FILE else "the compressed data end early"
            )
            found.add("damaged_file", what, "export it again")
            return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found.add("encoding", f"not UTF-8, as Dataset-JSON must be: byte {error.start}", "export it again")
        return None


def _refused_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _parsed(text: str, found: Findings) -> tuple[dict[str, Any] | None, list[Any]]:
    """Metadata and rows, of the one-object form or of the line form."""
    try:
        whole = json.loads(text, parse_constant=_refused_constant)
    except RecursionError:
        found.add("damaged_file", "nested too deeply for Dataset-JSON", "export it again")
        return None, []
    except ValueError as error:
        return _by_line(text, error, found)
    if not isinstance(whole, dict) or not isinstance(whole.get("columns"), list):
        found.add(
            "wrong_format", "JSON, but no Dataset-JSON: there is no list `columns`", "export the dataset as Dataset-JSON 1.1"
        )
        return None, []
    rows = whole.get("rows", [])
    if not isinstance(rows, list):
        found.add("wrong_format", "`rows` is not a list of records", "export the dataset as Dataset-JSON 1.1")
        return None, []
    return whole, rows


def _by_line(text: str, error: ValueError, found: Findings) -> tuple[dict[str, Any] | None, list[Any]]:
    lines = text.splitlines()
    records: list[Any] = []
    for number, value in _values(lines, error, found):
        if number == 1 and not (isinstance(value, dict) and isinstance(value.get("columns"), list)):
            found.add("wrong_format", "the first line is not the metadata of Dataset-JSON", "export it again", line=1)
            return None, []
        records.append(value)
    if not records and not found.errors:
        found.add("no_rows", "nothing but empty lines: 0 rows", "export it again")
    if found.errors:
        return None, []
    return records[0], records[1:]


def _values(lines: list[str], error: ValueError, found: Findings) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, parse_constant=_refused_constant)
        except (ValueError, RecursionError):
            why = str(error) if len(lines) == 1 else "this line is not JSON"
            found.add("damaged_file", f"not Dataset-JSON: {why}; the file may be truncated", "export it again", line=number)
            return


def _columns(meta: dict[str, Any], found: Findings) -> list[dict[str, Any]] | None:
    columns = meta["columns"]
    named = [column.get("name") for column in columns if isinstance(column, dict)]
    if len(named) != len(columns) or not all(isinstance(name, str) and name for name in named):
        found.add("wrong_format", "a column of the metadata has no name", "export the dataset as Dataset-JSON 1.1")
        return None
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        found.add("duplicate_header", f"column {twice[0]!r} stands twice in the metadata", "export it again", column=twice[0])
        return None
    return columns  # type: ignore[no-any-return]


def _fits(row: object, length: int, line: int, found: Findings) -> bool:
    if isinstance(row, list) and len(row) == length:
        return True
    count = f"{len(row)} values" if isinstance(row, list) else "no list of values"
    found.add("ragged_row", f"this record has {count}; the metadata name {length} columns", "export it again", line=line)
    return False


def _count(meta: dict[str, Any], n: int, found: Findings) -> None:
    stated = meta.get("records")
    if stated is not None and stated != n:
        found.add("records", f"{n} records, but the metadata state {stated}: the file is not whole", "export it again", line=1)


def _cell(value: Any, kind: str, column: str, line: int, found: Findings) -> str:
    """A value as text; one that contradicts its declared type is named."""
    if kind in _DATES and value not in (None, "") and not isinstance(value, str):
        found.add(
            "date",
            f"a number where dataType {kind} promises ISO text",
            "export dates as ISO text",
            line=line,
            column=column,
            value=as_text(value),
        )
        return ""
    if isinstance(value, list | dict):
        found.add("cell", "a list or object where a value is due", "export it again", line=line, column=column)
        return ""
    return as_text(value)
