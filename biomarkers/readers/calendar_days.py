"""Calendar dates become study days: whole days from the date of day 0, which may stand in the table's own file or in another.

SDTM and ADaM count study days without a day 0 (the reference date is day 1, the day before it is day -1); our clock has one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Origin, Source
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, reader_of, unreadable

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ][0-9:.]*(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_SAS = re.compile(r"(\d{1,2})[- ]?([A-Za-z]{3})[- ]?(\d{4})(?::[0-9:.]*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?", re.ASCII)
_PARTIAL = re.compile(r"\d{4}(?:-\d{2})?|\d{4}-(?:\d{2}|UN|-)(?:-(?:\d{2}|UN|UNK|-))?.*|--\d{2}.*", re.ASCII | re.IGNORECASE)
SUBJECT_COLUMNS = ("USUBJID", "subject", "SUBJID", "PATIENT_ID", "record_id")


@dataclass(frozen=True, slots=True)
class NoDate:
    """Why a text is no date."""

    problem: str
    remedy: str = "correct the cell"


def read_date(text: str, format: str | None = None) -> dt.date | NoDate | None:
    """A date, None where blank, or why it is none. ISO and SAS's 02JAN2014 need no declaration; a partial date is refused.

    Examples
    --------
    >>> read_date("2014-01-02"), read_date("02JAN2014"), read_date("03/04/2023", "%d/%m/%Y")
    (datetime.date(2014, 1, 2), datetime.date(2014, 1, 2), datetime.date(2023, 4, 3))
    >>> read_date("2014-01").problem
    'a partial date: the day is not given'
    >>> read_date("03/04/2023").problem
    'an order of day and month that has to be declared'
    """
    text = text.strip()
    if text.casefold() in words.BLANK or text in words.DASHES:
        return None
    try:
        if format is not None:
            return dt.datetime.strptime(text, format).date()
        if match := _ISO.fullmatch(text):
            return dt.date(*(int(part) for part in match.groups()))
        if match := _SAS.fullmatch(text):
            return dt.date(int(match[3]), words.MONTHS.index(match[2].lower()) + 1, int(match[1]))
    except ValueError:
        return NoDate(f"no date of the form {format}" if format is not None else "no date of the calendar")
    if _NUMBER.fullmatch(text) and not re.fullmatch(r"\d{4}", text):
        return NoDate(
            "a number in a column of dates", "export dates as ISO text, or declare no day0 where these are study days"
        )
    if _PARTIAL.fullmatch(text):
        return NoDate("a partial date: the day is not given", "complete it; a day is never made up")
    if re.fullmatch(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}", text):
        return NoDate("an order of day and month that has to be declared", 'declare it: date_format = "%d/%m/%Y"')
    return NoDate("no date", "write dates as year-month-day, or declare date_format")


def looks_like_date(text: str, format: str | None = None) -> bool:
    """Whether a cell holds a whole date."""
    return isinstance(read_date(text, format), dt.date)


def day_of_dy(text: str) -> int | NoDate | None:
    """Day of our clock from a study day of SDTM or ADaM, which has no day 0.

    Examples
    --------
    >>> day_of_dy("1"), day_of_dy("-1"), day_of_dy("43"), day_of_dy("0").problem
    (0, -1, 42, 'study day 0, which SDTM and ADaM do not have')
    """
    text = text.strip()
    if text.casefold() in words.BLANK:
        return None
    if not re.fullmatch(r"[+-]?\d+(?:\.0*)?", text, re.ASCII):
        return NoDate("no whole study day")
    day = int(float(text))
    if day == 0:
        return NoDate("study day 0, which SDTM and ADaM do not have", "correct the derivation of the study day")
    return day - 1 if day > 0 else day


# ---- one clock for a whole table -------------------------------------------------------------------------------------


def on_study_days(table: Table, days: Mapping[str, str], subject: str | None, source: Source) -> Table:
    """The table with the dates of its day columns turned into days from `source.day0`.

    Parameters
    ----------
    table : Table
        Text rows.
    days : mapping of str to str
        Column of the schema to the column of the table that holds it, for columns of kind "day".
    subject : str or None
        The table's column of subjects.
    source : Source
        With `day0`; without, the table is returned as it is.

    Notes
    -----
    A second file is asked for its subjects and that date alone. A column without any date is left alone: it gives study days
    already. In a column of dates a number is a problem.
    """
    origin = source.day0
    if origin is None or origin.column == "DY" or table.rows.empty:
        return table
    dated = {
        column
        for column in days.values()
        if column in table.rows
        and any(looks_like_date(text, source.date_format) for text in table.rows[column].dropna().unique())
    }
    if not dated:
        return table
    found = Findings(str(table.rows["source_file"].iloc[0]))
    zero = zero_dates(table.rows, subject, origin, source, found)
    if zero is None:
        return replace(table, problems=(*table.problems, *found.all()))
    rows = table.rows.copy()
    for column in sorted(dated):
        rows[column] = _days(rows, column, subject, zero, source, table, found)
    found.add(
        "days",
        f"dates became days from {origin.column}{f' of {origin.name}' if origin.name else ''}, day 0",
        severity="note",
        line=1,
        column=", ".join(table.spelled.get(c, c) for c in sorted(dated)),
    )
    return replace(table, rows=rows, problems=(*table.problems, *found.all()))


def _days(
    rows: pd.DataFrame,
    column: str,
    subject: str | None,
    zero: Mapping[object, dt.date | None],
    source: Source,
    table: Table,
    found: Findings,
) -> pd.api.extensions.ExtensionArray:
    """Text of the days of one column."""
    out: list[str] = []
    who = rows[subject].tolist() if subject in rows else [""] * len(rows)
    for text, person, line in zip(rows[column].fillna("").tolist(), who, rows["source_row"].tolist(), strict=True):
        date, start = read_date(text, source.date_format), zero.get(person)
        said = {"line": int(line), "column": table.spelled.get(column, column), "subject": str(person), "value": text}
        if isinstance(date, NoDate):
            found.add("date", date.problem, date.remedy, **said)
            out.append("")
        elif date is not None and start is None:
            found.add("no_day_0", "a date, but the subject has no date of day 0", "give the date of day 0", **said)
            out.append("")
        else:
            out.append("" if date is None or start is None else str((date - start).days))
    return pd.array(out, dtype=TEXT)


def zero_dates(
    rows: pd.DataFrame, subject: str | None, origin: Origin, source: Source, found: Findings
) -> dict[object, dt.date | None] | None:
    """Date of day 0 by subject; None where the column is not there."""
    name, key = found.file, subject
    if origin.path is not None:
        other = _other_file(origin, found)
        if other is None:
            return None
        rows, name, key = other
    if origin.column not in rows or key is None:
        found.add(
            "missing_column",
            f"column {origin.column!r} is missing, though day0 names it",
            "correct day0 in study.toml",
            line=1,
            column=origin.column,
            file=name,
        )
        return None
    zero: dict[object, dt.date | None] = {}
    for person, text, line in zip(
        rows[key].tolist(), rows[origin.column].fillna("").tolist(), rows["source_row"].tolist(), strict=True
    ):
        date = read_date(text, source.date_format)
        place = {"line": int(line), "column": origin.column, "subject": str(person), "value": text, "file": name}
        if isinstance(date, NoDate):
            found.add("date", date.problem, date.remedy, **place)
        elif date is not None and zero.get(person, date) != date:
            found.add("two_origins", "two dates of day 0 for one subject", "keep one", **place)
        elif date is not None:
            zero[person] = date
    return zero


def _other_file(origin: Origin, found: Findings) -> tuple[pd.DataFrame, str, str] | None:
    """Subjects and dates of the file that day0 names; nothing else of it is read."""
    assert origin.path is not None
    fault = unreadable(origin.path, origin.name)
    if fault is not None:
        found.problems.append(fault)
        return None
    names: Iterable[str] = SUBJECT_COLUMNS if origin.subject is None else (origin.subject,)
    reader = reader_of(origin.path, None)
    other = reader.read(
        origin.path, name=origin.name, source=Source(table="subjects"), wanted=lambda _: {*names, origin.column}
    )
    found.problems.extend(problem for problem in other.problems if problem.severity == "error")
    key = next((column for column in names if column in other.rows), None)
    if key is None:
        found.add(
            "missing_column",
            "no column of subjects is known in the file that day0 names",
            'name it: day0 = { path = "...", column = "...", subject = "..." }',
            line=1,
            file=origin.name,
        )
        return None
    return other.rows, origin.name, key
