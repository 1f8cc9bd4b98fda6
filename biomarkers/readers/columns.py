"""Text columns become typed columns; every cell that does not fit is named with its place, and none stops the others."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.domain.schema import KINDS, TEXT, Column
from biomarkers.domain.source import Source
from biomarkers.domain.times import DAYS_PER
from biomarkers.readers.findings import Findings
from biomarkers.readers.numbers import MINUS, NoNumber, read_number

_DATE = re.compile(
    r"\d{4}-\d{1,2}(-\d{1,2})?([T ].*)?|\d{4}-UN.*|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{1,2}-[A-Za-z]{3}-\d{2,4}", re.ASCII
)

_TWO_ORDERS = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}", re.ASCII)

A_CENTURY = 36_525
"""Days. No study lasts so long: a larger number is a calendar serial number, another unit or a stuck key."""
_LARGEST = 2**53
"""A whole number beyond this is not held exactly, and no count of a trial is."""


@dataclass(frozen=True)
class Sheet:
    """Text rows of one file under the names of the schema.

    Parameters
    ----------
    file : str
    frame : DataFrame
        Text columns named as in the schema, with `source_file` and `source_row`.
    spelled : mapping of str to str
        Column of the schema to column of the file, for messages.
    source : Source
    decimal_seen : {",", "."} or None
    """

    file: str
    frame: pd.DataFrame
    spelled: Mapping[str, str]
    source: Source
    decimal_seen: str | None = None

    def called(self, column: str) -> str:
        """The column as the file spells it."""
        return self.spelled.get(column, column)

    def subject(self, position: int) -> str:
        """The subject of a row, where the file says."""
        if "subject" not in self.frame:
            return ""
        return str(self.frame["subject"].iloc[position])


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a cell does not fit its column."""

    code: str
    problem: str
    remedy: str = "correct the cell"


def typed(sheet: Sheet, column: Column, found: Findings) -> pd.Series:
    """One column of a sheet in the type of its schema; absent columns are missing throughout."""
    n = len(sheet.frame)
    dtype = KINDS[column.kind]
    if column.name not in sheet.frame:
        return pd.Series(_missing(n, dtype), name=column.name)
    return pd.Series(_READ[column.kind](sheet, column.name, found), name=column.name)


def _missing(n: int, dtype: str) -> pd.api.extensions.ExtensionArray:
    return pd.array(np.full(n, np.nan), dtype=dtype) if dtype == "float64" else pd.array([pd.NA] * n, dtype=dtype)


def mapped(sheet: Sheet, column: str, read: Callable[[str], object], found: Findings) -> list[object]:
    """Each text read once, however often it stands in the column; a `Bad` becomes a problem at every row that holds it.

    What is wrong with the larger part of a column is one fault of the column, counted, not one of each cell.
    """
    texts = sheet.frame[column].fillna("").tolist()
    known = {raw: read(raw) for raw in dict.fromkeys(texts)}
    wrong = Counter(value.code for raw in texts if isinstance(value := known[raw], Bad))
    lines, called = sheet.frame["source_row"].tolist(), sheet.called(column)
    for position, raw in enumerate(texts):
        value = known[raw]
        if isinstance(value, Bad):
            whole = wrong[value.code] > max(3, len(texts) / 2)
            found.add(
                value.code,
                value.problem,
                value.remedy,
                line=int(lines[position]),
                column=called,
                value=raw,
                subject=sheet.subject(position),
                same=("column",) if whole else None,
            )
        elif raw.strip()[:1] in MINUS and isinstance(value, int | float):
            found.add(
                "spelling",
                f"{column}: Unicode minus sign",
                severity="note",
                line=int(lines[position]),
                column=called,
                value=raw,
                subject=sheet.subject(position),
                same=("minus",),
            )
    return [None if isinstance(known[raw], Bad) else known[raw] for raw in texts]


def blank(text: str) -> bool:
    """Whether a cell says nothing."""
    low = text.strip().casefold()
    return low in words.BLANK or low in words.DASHES


def number(text: str, sheet: Sheet) -> float | Bad | None:
    """A number of a plain column (a volume, a limit, an hour), None where blank."""
    if blank(text):
        return None
    if _TWO_ORDERS.fullmatch(text.strip()):
        return Bad(
            "date",
            "a calendar date whose order of day and month is ambiguous, where a number is due",
            'give study days, or declare date_format = "%d/%m/%Y" and day0',
        )
    if _DATE.fullmatch(text.strip()):
        return Bad("date", "a calendar date where a number is due", "give study days, counted from time zero, or declare day0")
    spelling = sheet.source.spelling
    read = read_number(text, decimal=spelling.decimal, thousands=spelling.thousands, decimal_seen=sheet.decimal_seen)
    if isinstance(read, NoNumber):
        return Bad("not_a_number", f"no number: {read.problem}")
    return float(read.value)


def _text(sheet: Sheet, column: str, found: Findings) -> pd.api.extensions.ExtensionArray:  # noqa: ARG001 - one signature for every kind
    if column in ("subject", "specimen"):
        return pd.array(sheet.frame[column].fillna("").tolist(), dtype=TEXT)
    values = [
        None if text.strip().casefold() in words.BLANK else text.strip() for text in sheet.frame[column].fillna("").tolist()
    ]
    return pd.array(values, dtype=TEXT)


def _number(sheet: Sheet, column: str, found: Findings) -> np.ndarray:
    values = mapped(sheet, column, lambda text: number(text, sheet), found)
    return np.array([math.nan if value is None else value for value in values], float)


def _integer(sheet: Sheet, column: str, found: Findings) -> pd.api.extensions.ExtensionArray:
    def read(text: str) -> int | Bad | None:
        value = number(text, sheet)
        if value is None or isinstance(value, Bad):
            return value
        if abs(value) > _LARGEST:
            return Bad("too_large", "too large for a count")
        return int(value) if value.is_integer() else Bad("not_whole", "not a whole number")

    return pd.array(mapped(sheet, column, read, found), dtype="Int64")


def _day(sheet: Sheet, column: str, found: Findings) -> pd.api.extensions.ExtensionArray:
    factor = DAYS_PER[sheet.source.day_unit]
    rounding = 0.0

    def read(text: str) -> int | Bad | None:
        nonlocal rounding
        value = number(text, sheet)
        if value is None or isinstance(value, Bad):
            return value
        day = whole_days(value * factor)
        rounding = max(rounding, abs(value * factor - day))
        if abs(day) > A_CENTURY:
            return Bad(
                "day", f"day {day:,} lies more than a century from time zero", "a calendar serial number? Give study days"
            )
        return day

    days = mapped(sheet, column, read, found)
    if factor != 1 or rounding > 1e-9:
        unit = sheet.source.day_unit
        found.add(
            "days",
            f"converted once from {unit} to whole days; largest rounding {rounding:.3g} days",
            severity="note",
            column=sheet.called(column),
            line=1,
        )
    return pd.array(days, dtype="Int64")


def whole_days(days: float) -> int:
    """The nearest whole day; a half goes up."""
    return math.floor(days + 0.5)


def _flag(sheet: Sheet, column: str, found: Findings) -> pd.api.extensions.ExtensionArray:
    def read(text: str) -> str | Bad | None:
        low = text.strip().casefold()
        if blank(text):
            return None
        if low in words.YES or low in words.NO:
            return "yes" if low in words.YES else "no"
        return Bad("flag", "neither yes nor no", "write yes or no")

    return pd.array(mapped(sheet, column, read, found), dtype=TEXT)


_READ: dict[str, Callable[[Sheet, str, Findings], object]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "day": _day,
    "flag": _flag,
}
