"""Time and event of every endpoint: one unit, one coding, whole days from time zero."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.domain.design import Design
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import EndpointRule
from biomarkers.domain.times import DAYS_PER
from biomarkers.readers.columns import Bad, Sheet, blank, mapped, number, typed, whole_days
from biomarkers.readers.findings import Findings

_WORDS_OF_TIME = "numbers only; the unit stands in the column unit or in study.toml"


def outcomes_of(sheet: Sheet, design: Design, found: Findings) -> pd.DataFrame:
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
    times, raw = _times(sheet, endpoints, design, columns["unit"], found)
    columns["time"] = pd.Series(pd.array(times, dtype="Int64"))
    columns["event"] = pd.Series(pd.array(_events(sheet, endpoints, found), dtype="Int64"))
    columns["raw_time"] = pd.Series(raw, dtype="float64")
    frame = pd.DataFrame({name: columns[name] for name in (*TABLES["outcomes"].names, "raw_time")})
    frame["event_type"] = frame["event_type"].str.lower()
    return frame


def _times(
    sheet: Sheet, endpoints: list[str], design: Design, units: pd.Series, found: Findings
) -> tuple[list[int | None], list[float]]:
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
    rounding: Counter[str] = Counter()
    for position, value in enumerate(values):
        unit = _unit(sheet, endpoints[position], units.iat[position], design)
        if unit not in DAYS_PER:
            found.add(
                "unit",
                f"unit of time {unit!r} is unknown; known: {', '.join(DAYS_PER)}",
                "correct it",
                same=(unit,),
                line=int(sheet.frame["source_row"].iat[position]),
                column=sheet.called("unit"),
                value=unit,
            )
            days.append(None)
        elif value is None:
            days.append(None)
        else:
            exact = float(value) * DAYS_PER[unit]  # type: ignore[arg-type]
            whole = whole_days(exact)
            days.append(whole)
            rounding[unit] = max(rounding[unit], abs(exact - whole))  # type: ignore[assignment]
    for unit, largest in rounding.items():
        if DAYS_PER[unit] != 1 or largest > 1e-9:
            found.add(
                "days",
                f"times converted once from {unit} to whole days (1 {unit.rstrip('s')} = {DAYS_PER[unit]:g} days); "
                f"largest rounding {largest:.3g} days",
                severity="note",
                line=1,
                column=sheet.called("time"),
            )
    return days, [float("nan") if value is None else float(value) for value in values]  # type: ignore[arg-type]


def _unit(sheet: Sheet, endpoint: str, given: object, design: Design) -> str:
    if given is not pd.NA and isinstance(given, str):
        return given.strip().lower()
    rule = sheet.source.endpoints.get(endpoint)
    if rule is not None and rule.unit is not None:
        return rule.unit
    return sheet.source.day_unit


def _events(sheet: Sheet, endpoints: list[str], found: Findings) -> list[int | None]:
    """1, 0 or missing; each endpoint by its own coding."""
    if "event" not in sheet.frame:
        return [None] * len(endpoints)
    texts = sheet.frame["event"].fillna("").tolist()
    events: list[int | None] = [None] * len(texts)
    for endpoint in dict.fromkeys(endpoints):
        places = [i for i, name in enumerate(endpoints) if name == endpoint]
        rule = sheet.source.endpoints.get(endpoint, EndpointRule())
        codes = Counter(texts[i].strip() for i in places if not blank(texts[i]))
        coding = _coding(rule, codes)
        if isinstance(coding, str):
            found.add(
                "event_coding",
                coding,
                "say which code means the event: event_is = ..., censored_is = ...",
                line=1,
                column=sheet.called("event"),
            )
            continue
        if set(codes) & {"True", "False", "TRUE", "FALSE", "true", "false"}:
            found.add(
                "event_coding",
                f"{sheet.called('event')} holds true and false, read as 1 and 0",
                line=1,
                severity="note",
                column=sheet.called("event"),
            )
        counted = ", ".join(f"{code!r} in {n}" for code, n in sorted(codes.items()))
        for i in places:
            text = texts[i].strip()
            if text in coding:
                events[i] = coding[text]
            elif not blank(text):
                found.add(
                    "event_coding",
                    f"event code {text!r} is neither event nor censored; the column holds {counted}",
                    "correct it, or declare the coding: event_is = ..., censored_is = ...",
                    same=(endpoint, text),
                    line=int(sheet.frame["source_row"].iat[i]),
                    column=sheet.called("event"),
                    subject=sheet.subject(i),
                    value=text,
                )
    return events


def _coding(rule: EndpointRule, codes: Counter[str]) -> dict[str, int] | str:
    """Spelling to 1 or 0, or why the declaration does not say it."""
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
        if len(others) > 1:
            return (
                f"event_is = {rule.event_is[0]!r} is declared, but {len(others)} other codes occur: {', '.join(sorted(others))}"
            )
        censored = tuple(others)
    coding.update(dict.fromkeys(censored, 0))
    if "1" in coding and "0" in coding:
        for code in codes:
            if code.casefold() in words.YES | words.NO and code.casefold() in ("true", "false", "1.0", "0.0"):
                coding[code] = coding["1" if code.casefold() in ("true", "1.0") else "0"]
    return coding
