"""Time and event of every endpoint: one unit, one coding, whole days from time zero."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import EndpointRule
from biomarkers.domain.times import DAYS_PER
from biomarkers.readers.columns import A_CENTURY, Bad, Sheet, blank, mapped, number, typed, whole_days
from biomarkers.readers.findings import Findings

LONE = 0.1
"""A code outside the coding in more than this share of the rows is the column's fault, not a cell's."""
_CODING = "correct it, or declare the coding: event_is = ..., censored_is = ..."
_WORDS_OF_TIME = "numbers only; the unit stands in the column unit or in study.toml"


def outcomes_of(sheet: Sheet, design: Design, found: Findings) -> pd.DataFrame:  # noqa: ARG001 - one signature for all
    """Typed rows of an outcomes sheet; `raw_time` keeps the number as delivered.

    Time is converted once to whole days, by the row's unit, else by `[endpoints.X] unit`, else by the table's `day_unit`. The
    event is 1 or 0 by the declared coding; any other spelling is a problem that gives the counts per code.
    """
    columns = {
        column.name: typed(sheet, column, found)
        for column in TABLES["outcomes"].columns
        if column.name not in ("time", "event")
    }
    columns["endpoint"] = columns["endpoint"].str.lower()
    endpoints = columns["endpoint"].fillna("").tolist()
    times, raw = _times(sheet, endpoints, columns["unit"], found)
    columns["time"] = pd.Series(pd.array(times, dtype="Int64"))
    columns["event"] = pd.Series(pd.array(_events(sheet, endpoints, found), dtype="Int64"))
    columns["raw_time"] = pd.Series(raw, dtype="float64")
    frame = pd.DataFrame({name: columns[name] for name in (*TABLES["outcomes"].names, "raw_time")})
    frame["event_type"] = frame["event_type"].str.lower()
    return frame


def _times(sheet: Sheet, endpoints: list[str], units: pd.Series, found: Findings) -> tuple[list[int | None], list[float]]:
    """Days, and the numbers as they stood."""
    if "time" not in sheet.frame:
        return [None] * len(endpoints), [float("nan")] * len(endpoints)

    def read(text: str) -> float | Bad | None:
        value = number(text, sheet)
        if isinstance(value, Bad) and value.code == "not_a_number":
            return Bad("time", "no number: a time needs a plain number", _WORDS_OF_TIME)
        return value

    values = mapped(sheet, "time", read, found)
    days: list[int | None] = []
    rounding: dict[str, float] = {}
    given, lines = units.tolist(), sheet.frame["source_row"].tolist()
    for position, value in enumerate(values):
        unit = _unit(sheet, endpoints[position], given[position])
        if unit not in DAYS_PER:
            found.add(
                "unit",
                f"unit of time {unit!r} is unknown; known: {', '.join(DAYS_PER)}",
                "correct it",
                same=(unit,),
                line=int(lines[position]),
                column=sheet.called("unit"),
                value=unit,
            )
            days.append(None)
        elif value is None:
            days.append(None)
        else:
            exact = float(value) * DAYS_PER[unit]  # type: ignore[arg-type]
            if abs(exact) > A_CENTURY:
                found.add(
                    "time",
                    f"{value:g} {unit} are more than a century",
                    "correct the time, or declare its unit",
                    line=int(lines[position]),
                    column=sheet.called("time"),
                    subject=sheet.subject(position),
                    value=str(sheet.frame["time"].iloc[position]),
                )
                days.append(None)
                continue
            whole = whole_days(exact)
            days.append(whole)
            rounding[unit] = max(rounding.get(unit, 0.0), abs(exact - whole))
    for unit, largest in rounding.items():
        if DAYS_PER[unit] != 1 or largest > 1e-9:
            found.add(
                "days",
                f"times {_conversion(unit)}; largest rounding {largest:.3g} days",
                severity="note",
                line=1,
                column=sheet.called("time"),
            )
    return days, [float("nan") if value is None else float(value) for value in values]  # type: ignore[arg-type]


def _conversion(unit: str) -> str:
    """What was done to the times, in words."""
    if DAYS_PER[unit] == 1:
        return "that are no whole days were rounded to whole days"
    return f"converted once from {unit} to whole days (1 {unit.rstrip('s')} = {DAYS_PER[unit]:g} days)"


def _unit(sheet: Sheet, endpoint: str, given: object) -> str:
    if isinstance(given, str):
        return given.strip().lower()
    rule = sheet.source.endpoints.get(endpoint)
    if rule is not None and rule.unit is not None:
        return rule.unit
    return sheet.source.day_unit


def _events(sheet: Sheet, endpoints: list[str], found: Findings) -> list[int | None]:
    """1, 0 or missing; each endpoint by its own coding."""
    if "event" not in sheet.frame:
        return [None] * len(endpoints)
    texts = [text.strip() for text in sheet.frame["event"].fillna("")]
    lines = sheet.frame["source_row"].tolist()
    events: list[int | None] = [None] * len(texts)
    whole, column = [], sheet.called("event")
    for endpoint in dict.fromkeys(endpoints):
        places = [i for i, name in enumerate(endpoints) if name == endpoint]
        codes = Counter(texts[i] for i in places if not blank(texts[i]))
        coding = _coding(sheet.source.endpoints.get(endpoint, EndpointRule()), codes)
        counted = ", ".join(f"{code!r} in {n}" for code, n in sorted(codes.items()))
        unknown = Counter({code: n for code, n in codes.items() if code not in coding})
        if unknown.total() > LONE * codes.total():
            whole.append(f"{endpoint or 'the column'} holds {counted}")
            continue
        if any(code.casefold() in ("true", "false") for code in codes):
            found.add("event_coding", f"{column} holds true and false, read as 1 and 0", line=1, severity="note", column=column)
        for i in places:
            if texts[i] in coding:
                events[i] = coding[texts[i]]
            elif not blank(texts[i]):
                found.add(
                    "event_coding",
                    f"event code {texts[i]!r} is neither event nor censored; the column holds {counted}",
                    _CODING,
                    line=lines[i],
                    column=column,
                    subject=sheet.subject(i),
                    value=texts[i],
                    same=(endpoint, texts[i]),
                )
    if whole:
        found.add(
            "event_coding",
            f"which code is the event? {'; '.join(whole)} rows: not a declared coding",
            _CODING,
            line=1,
            column=column,
        )
    return events


def _coding(rule: EndpointRule, codes: Counter[str]) -> dict[str, int]:
    """Spelling to 1 or 0; where "censored" is not declared, it is the one other spelling that occurs."""
    if not rule.declared:
        plain = {"1": 1, "0": 0, "1.0": 1, "0.0": 0}
        return (
            plain
            | {code: 1 for code in codes if code.casefold() == "true"}
            | {code: 0 for code in codes if code.casefold() == "false"}
        )
    coding = dict.fromkeys(rule.event_is, 1)
    censored = rule.censored_is
    if not censored:
        others = [code for code in codes if code not in coding]
        censored = tuple(others) if len(others) == 1 else ()
    coding.update(dict.fromkeys(censored, 0))
    if "1" in coding and "0" in coding:
        for code in codes:
            if code.casefold() in ("true", "false", "1.0", "0.0"):
                coding[code] = coding["1" if code.casefold() in ("true", "1.0") else "0"]
    return coding
