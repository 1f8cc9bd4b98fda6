"""Text columns with their place in the file: the form in which every reader hands over its rows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted


def text_table(
    columns: Mapping[str, Sequence[str]],
    lines: Sequence[int],
    header: Iterable[str],
    found: Findings,
) -> Table:
    """Rows of text as a `Table`.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        All of one length.
    lines : sequence of int
        Row numbers as a spreadsheet counts: the header is row 1, the first record row 2, whatever the container.
    header : iterable of str
        Every column of the file, read or not.
    found : Findings
    """
    rows = pd.DataFrame({name: pd.array(list(texts), dtype=TEXT) for name, texts in columns.items()}, index=range(len(lines)))
    rows["source_file"] = pd.array([found.file] * len(lines), dtype=TEXT)
    rows["source_row"] = pd.array(list(lines), dtype="Int64")
    return Table(found.file, rows, tuple(found.all()), tuple(dict.fromkeys(header)))


def no_rows(found: Findings) -> Table:
    """A table that could not be read; its problems say why."""
    return text_table({}, [], (), found)


def kept(header: Sequence[str], wanted: Wanted | None) -> list[str]:
    """The columns that may be read, in the order of the file."""
    names = [name for name in dict.fromkeys(header) if name]
    chosen: Collection[str] = names if wanted is None else set(wanted(tuple(names)))
    return [name for name in names if name in chosen]


def as_text(value: object) -> str:
    """One stored value as a CSV would hold it: shortest digits, whole numbers without a point, ISO dates, blank where missing.

    Examples
    --------
    >>> as_text(2.0), as_text(0.1), as_text(None), as_text(dt.date(2014, 1, 2)), as_text(True)
    ('2', '0.1', '', '2014-01-02', 'true')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return str(value)
