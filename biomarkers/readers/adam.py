"""CDISC ADaM: subjects from ADSL, times and events from ADTTE, responses from ADRS, out of any container.

CNSR is inverted against every other event column: 0 is the event, and any other number is a reason for censoring. AVAL
counts the start as day 1, our clock counts it as day 0; the dates decide, and how AVAL was made is checked and said.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.domain.times import DAYS_PER
from biomarkers.readers.calendar_days import NoDate, day_of_dy, read_date, zero_dates
from biomarkers.readers.dataset import columns_wanted, lacking, named, not_read, read_dataset, restricted
from biomarkers.readers.findings import Findings, lines
from biomarkers.readers.table import Table, Wanted

ADSL = {
    "subject": ("USUBJID",),
    "study": ("STUDYID",),
    "site": ("SITEID",),
    "arm": ("TRT01P", "ARM"),
    "age": ("AGE",),
    "sex": ("SEX",),
}
"""Column of `subjects` to the columns of ADSL that hold it, the first present."""

ADTTE = ("USUBJID", "PARAMCD", "AVAL", "AVALU", "CNSR", "STARTDT", "ADT", "STARTDY", "ADY", "EVNTDESC", "CNSDTDSC")
ADRS = ("USUBJID", "PARAMCD", "AVALC", "ADT", "ADY")
SCREEN_FAILURE = ("screen failure", "scrnfail", "screen fail", "not assigned", "notassgn")

_KINDS = {
    "death": re.compile(r"\bdeath\b|\bdied\b|\bdeceased\b"),
    "progression": re.compile(r"\bprogress|\brelapse|\brecurr|\bpd\b"),
}
_SPELLED = {"subject": "USUBJID", "time": "AVAL", "event": "CNSR", "endpoint": "PARAMCD", "unit": "AVALU"}


# ---- ADSL ------------------------------------------------------------------------------------------------------------


def read_adsl(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """One row per subject; screen failures stay, marked, so that they stand in the flow and in no analysis."""
    found = Findings(name)
    mine = {column for columns in ADSL.values() for column in columns} | {"ARM", "ARMCD"}
    table = read_dataset(path, name=name, source=source, wanted=columns_wanted(mine, source, wanted))
    nothing = lacking(table, ("USUBJID",), "ADSL", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows, spelled = table.rows.copy(), {}
    for column, places in ADSL.items():
        place = next((p for p in places if p in rows), None)
        if place is not None and column not in source.columns:
            rows[column], spelled[column] = rows[place], place
    _screen_failures(rows, source, found)
    not_read(table, rows.columns, found)
    return named(table, rows, spelled, found)


def _screen_failures(rows: pd.DataFrame, source: Source, found: Findings) -> None:
    """Subjects who never entered: no arm, and left out with their reason."""
    out = pd.Series(False, index=rows.index)
    for column in ("ARM", "ARMCD", "TRT01P"):
        if column in rows:
            out |= rows[column].fillna("").str.strip().str.casefold().isin(SCREEN_FAILURE)
    rows["excluded"] = pd.array(["not_in_cohort" if left else None for left in out], dtype=TEXT)
    rows["excluded_why"] = pd.array(["screen failure" if left else None for left in out], dtype=TEXT)
    for column in {"arm", source.columns.get("arm")} & set(rows.columns):
        rows[column] = rows[column].where(~out, "")
    if out.any():
        found.add(
            "screen_failure",
            f"{int(out.sum())} of {len(rows)} subjects are screen failures: kept in the flow, in no analysis "
            f"({lines(int(line) for line in rows.loc[out, 'source_row'])})",
            severity="note",
            line=int(rows.loc[out, "source_row"].min()),
            column="ARM",
        )


# ---- ADTTE -----------------------------------------------------------------------------------------------------------


def read_adtte(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of `outcomes`: days from STARTDT, event = (CNSR == 0), the endpoint from PARAMCD.

    Several parameters and none named is a problem that lists them with their subjects and events; all rows are given then.
    """
    found = Findings(name)
    table = read_dataset(path, name=name, source=source, wanted=columns_wanted(ADTTE, source, wanted))
    nothing = lacking(table, ("USUBJID", "PARAMCD", "CNSR"), "ADTTE", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = _parameter(table.rows, source, found)
    reading = _TimeToEvent(rows, source, found)
    for code in dict.fromkeys(rows["PARAMCD"]):
        reading.parameter(code)
    rows = rows.assign(
        subject=rows["USUBJID"],
        endpoint=pd.array([source.paramcd.get(code, code.lower()) for code in rows["PARAMCD"]], dtype=TEXT),
        time=pd.array(reading.time, dtype=TEXT),
        unit=pd.array(reading.unit, dtype=TEXT),
        event=pd.array(reading.event, dtype=TEXT),
        event_type=pd.array(reading.event_type, dtype=TEXT),
    )
    if source.paramcd:
        not_read(table, rows.columns, found)
    return named(table, rows, _SPELLED, found)


def _parameter(rows: pd.DataFrame, source: Source, found: Findings) -> pd.DataFrame:
    """The rows of the declared parameters."""
    rows = rows.assign(PARAMCD=rows["PARAMCD"].fillna("").str.strip())
    counts = {
        code: (len(part), int((part["CNSR"].fillna("").str.strip() == "0").sum())) if "CNSR" in rows else (len(part), 0)
        for code, part in rows.groupby("PARAMCD", sort=False)
    }
    listed = ", ".join(f"{code} ({n} rows, {events} events)" for code, (n, events) in counts.items())
    for code in source.paramcd:
        if code not in counts:
            found.add(
                "paramcd",
                f"no row has PARAMCD {code!r}; the file holds {listed}",
                'name one of them: paramcd = "..."',
                line=1,
                column="PARAMCD",
                value=code,
            )
    if not source.paramcd:
        if len(counts) > 1:
            first = next(iter(counts))
            found.add(
                "paramcd",
                f"{len(counts)} parameters in one file, and none is named: {listed}",
                f'name those that are meant: paramcd = "{first}"',
                line=1,
                column="PARAMCD",
            )
        else:
            found.add("paramcd", f"the only parameter: {listed}", severity="note", line=1, column="PARAMCD")
        return rows.reset_index(drop=True)
    return rows[rows["PARAMCD"].isin(list(source.paramcd))].reset_index(drop=True)


def event_type(description: str, *, happened: bool) -> str:
    """Kind of an event from EVNTDESC, where its words leave no doubt. It is filled for censored rows too, and says nothing.

    Examples
    --------
    >>> event_type("Death", happened=True), event_type("Progressive Disease", happened=True)
    ('death', 'progression')
    >>> event_type("Progression", happened=False)
    ''
    """
    low = description.casefold()
    if not happened:
        return "restart" if low == "restart" else ""
    kinds = {kind for kind, pattern in _KINDS.items() if pattern.search(low)}
    return kinds.pop() if len(kinds) == 1 else ""


def _whole(text: str) -> str:
    """`0.0` as `0`: a CSV written from numbers has points."""
    return text.split(".")[0] if re.fullmatch(r"\d+\.0*", text, re.ASCII) else text


@dataclass
class _TimeToEvent:
    """Times and events of an ADTTE table, one parameter after the other."""

    rows: pd.DataFrame
    source: Source
    found: Findings
    time: list[str] = field(default_factory=list)
    unit: list[str] = field(default_factory=list)
    event: list[str] = field(default_factory=list)
    event_type: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.rows)
        self.cells = {column: self.rows[column].fillna("").str.strip().tolist() for column in ADTTE if column in self.rows}
        self.lines = [int(line) for line in self.rows["source_row"]]
        day0 = self.source.day0
        known = day0 is not None and day0.column != "DY"
        self.zero = zero_dates(self.rows, "USUBJID", day0, self.source, self.found) if known and day0 is not None else None
        self.time, self.unit = [""] * n, [""] * n
        self.event, self.event_type = [""] * n, [""] * n

    def parameter(self, code: str) -> None:
        """One PARAMCD: one row per subject, CNSR, and the time by its dates, its days, or AVAL."""
        places = [i for i, name in enumerate(self.rows["PARAMCD"]) if name == code]
        endpoint = self.source.paramcd.get(code, code.lower())
        rule = self.source.endpoints.get(endpoint)
        if rule is not None and rule.declared:
            self.found.add(
                "event_coding",
                f"CNSR is read as 0 = event, and [endpoints.{endpoint}] event_is would code it a second time",
                f"remove event_is from [endpoints.{endpoint}]",
                line=1,
                column="CNSR",
            )
        self._censoring(places, code)
        exact = self._dates(places) or self._study_days(places)
        if exact is None:
            self._values_alone(places, code, endpoint)
            return
        for i, days in zip(places, exact, strict=True):
            self.time[i], self.unit[i] = "" if days is None else str(days), "days"
        self._convention(places, exact, code)
        self._no_follow_up(places, exact, code)

    def _cell(self, column: str, i: int) -> str:
        return self.cells[column][i] if column in self.cells else ""

    def _bad(self, i: int, column: str, problem: str, remedy: str) -> None:
        self.found.add(
            "adtte",
            problem,
            remedy,
            line=self.lines[i],
            column=column,
            subject=self._cell("USUBJID", i),
            value=self._cell(column, i),
        )

    def _censoring(self, places: Sequence[int], code: str) -> None:
        """0 is the event; a positive whole number is a reason for censoring; anything else is no CNSR."""
        codes = Counter(_whole(self._cell("CNSR", i)) for i in places)
        for i in places:
            text = _whole(self._cell("CNSR", i))
            if text.isascii() and text.isdigit():
                self.event[i] = "1" if int(text) == 0 else "0"
                self.event_type[i] = event_type(self._cell("EVNTDESC", i), happened=int(text) == 0)
            else:
                self._bad(
                    i,
                    "CNSR",
                    "CNSR must be 0 (event) or a positive whole number (censored)" if text else "CNSR is blank",
                    "correct CNSR: nobody is an event or censored by default",
                )
        said = ", ".join(f"{text or 'blank'} in {n}" for text, n in sorted(codes.items()))
        self.found.add(
            "cnsr",
            f"{code}: {codes.get('0', 0)} events (CNSR 0) and {sum(codes.values()) - codes.get('0', 0)} others; CNSR {said}",
            severity="note",
            line=1,
            column="CNSR",
        )

    def _dates(self, places: Sequence[int]) -> list[int | None] | None:
        """ADT - STARTDT in days, where the table has both columns."""
        if "ADT" not in self.rows or "STARTDT" not in self.rows:
            return None
        if not any(self._cell("ADT", i) and self._cell("STARTDT", i) for i in places):
            return None
        out: list[int | None] = []
        starts: dict[int, dt.date] = {}
        for i in places:
            ends: dict[str, dt.date] = {}
            for column in ("STARTDT", "ADT"):
                date = read_date(self._cell(column, i), self.source.date_format)
                if isinstance(date, NoDate):
                    self._bad(i, column, date.problem, date.remedy)
                elif date is None:
                    self._bad(i, column, f"no {column}, though other rows have one", "fill in the date: two clocks do not mix")
                else:
                    ends[column] = date
            starts |= {i: ends["STARTDT"]} if "STARTDT" in ends else {}
            out.append((ends["ADT"] - ends["STARTDT"]).days if len(ends) == 2 else None)
        self._one_clock(starts)
        return out

    def _one_clock(self, starts: Mapping[int, dt.date]) -> None:
        """STARTDT against the declared day 0: an endpoint and its draws count from one day, or every landmark is off."""
        if self.zero is None:
            return
        off = [i for i, start in starts.items() if self.zero.get(self._cell("USUBJID", i), start) != start]
        if off:
            origin = self.source.day0
            assert origin is not None
            self.found.add(
                "two_clocks",
                f"STARTDT is not {origin.column}, the declared day 0, in {len(off)} of {len(starts)} rows: "
                f"the endpoint and its draws count from different days ({lines(self.lines[i] for i in off)})",
                "declare as day0 the date from which the endpoint counts",
                line=self.lines[off[0]],
                column="STARTDT",
                subject=self._cell("USUBJID", off[0]),
                value=self._cell("STARTDT", off[0]),
            )

    def _study_days(self, places: Sequence[int]) -> list[int | None] | None:
        """ADY - STARTDY on a clock with a day 0, where the table gives study days instead of dates."""
        if "ADY" not in self.rows or "STARTDY" not in self.rows or not any(self._cell("ADY", i) for i in places):
            return None
        out: list[int | None] = []
        for i in places:
            ends = {}
            for column in ("STARTDY", "ADY"):
                day = day_of_dy(self._cell(column, i))
                if isinstance(day, NoDate) or day is None:
                    self._bad(i, column, f"no {column}" if day is None else day.problem, "correct the study day")
                else:
                    ends[column] = day
            out.append(ends["ADY"] - ends["STARTDY"] if len(ends) == 2 else None)
        return out

    def _aval(self, i: int) -> float | None:
        """AVAL in days, where it is a number and its unit is known."""
        text, unit = self._cell("AVAL", i), (self._cell("AVALU", i) or "days").lower()
        try:
            value = float(text)
        except ValueError:
            return None
        return value * DAYS_PER[unit] if unit in DAYS_PER else None

    def _convention(self, places: Sequence[int], exact: Sequence[int | None], code: str) -> None:
        """How AVAL was made: end - start + 1 as the standard has it, end - start, or neither. Two ways are a fault."""
        differences: dict[str, list[int]] = {"end - start + 1": [], "end - start": [], "neither": []}
        known = 0
        for i, days in zip(places, exact, strict=True):
            aval = self._aval(i)
            if aval is None or days is None:
                continue
            known += 1
            tolerance = 0.02 if (self._cell("AVALU", i) or "days").lower() in ("day", "days") else 0.35
            gap = aval - days
            which = "end - start + 1" if abs(gap - 1) <= tolerance else "end - start" if abs(gap) <= tolerance else "neither"
            differences[which].append(i)
        holding = {which: rows for which, rows in differences.items() if rows}
        if not known:
            return
        if len(holding) == 1 and "neither" not in holding:
            which = next(iter(holding))
            self.found.add(
                "aval",
                f"{code}: AVAL = {which} in {known} of {known} rows; time is end - start in days, day 0 is the start",
                severity="note",
                line=1,
                column="AVAL",
            )
            return
        odd = min(holding.values(), key=len)
        most = max(holding, key=lambda which: len(holding[which]))
        counted = ", ".join(f"{which} in {len(rows)}" for which, rows in holding.items())
        self.found.add(
            "aval",
            f"{code}: AVAL and its dates disagree: {counted} of {known} rows",
            f"correct the rows that are not {most}",
            line=self.lines[odd[0]],
            column="AVAL",
            subject=self._cell("USUBJID", odd[0]),
            value=self._cell("AVAL", odd[0]),
        )

    def _no_follow_up(self, places: Sequence[int], exact: Sequence[int | None], code: str) -> None:
        """Censored on the day of the start: no assessment afterwards; time 0 on our clock, kept and counted."""
        zero = [i for i, days in zip(places, exact, strict=True) if days == 0 and self.event[i] == "0"]
        if zero:
            why = Counter(self._cell("CNSDTDSC", i) or self._cell("EVNTDESC", i) or "no reason given" for i in zero)
            said = ", ".join(f"{reason!r} in {n}" for reason, n in why.most_common(4))
            self.found.add(
                "no_assessment",
                f"{code}: {len(zero)} of {len(places)} rows are censored on the day of the start ({said}): "
                "no assessment afterwards, time 0, kept and counted",
                severity="note",
                line=1,
                column="ADT",
            )

    def _values_alone(self, places: Sequence[int], code: str, endpoint: str) -> None:
        """Neither dates nor study days: AVAL as it stands; whether it counts the start as day 1 cannot be seen."""
        rule = self.source.endpoints.get(endpoint)
        if "AVAL" not in self.rows:
            self.found.add("missing_column", "neither AVAL nor dates", "name the columns of time", line=1, column="AVAL")
            return
        if not any(self._cell("AVALU", i) for i in places) and (rule is None or rule.unit is None):
            self.found.add(
                "unit",
                f"{code}: AVAL has no unit: no AVALU, and no dates to tell it from",
                f'declare [endpoints.{endpoint}] unit = "days"',
                line=1,
                column="AVAL",
            )
        whole = self.source.options.get("aval")
        if whole not in ("end - start", "end - start + 1"):
            self.found.add(
                "aval",
                f"{code}: there are no dates, so AVAL cannot be seen to be end - start or end - start + 1; taken as it stands",
                'declare options = { aval = "end - start + 1" } or "end - start"',
                severity="warning",
                line=1,
                column="AVAL",
            )
        for i in places:
            self.unit[i] = self._cell("AVALU", i).lower() or (rule.unit if rule is not None and rule.unit else "")
            self.time[i] = self._cell("AVAL", i)
            if whole == "end - start + 1" and self.unit[i] in ("day", "days"):
                value = self._aval(i)
                self.time[i] = self.time[i] if value is None else f"{value - 1:g}"


# ---- ADRS ------------------------------------------------------------------------------------------------------------


def read_adrs(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of `response`: the value is AVALC, the parameter PARAMCD. No endpoint is derived from them here."""
    found = Findings(name)
    table = read_dataset(path, name=name, source=source, wanted=columns_wanted(ADRS, source, wanted))
    nothing = lacking(table, ("USUBJID", "PARAMCD", "AVALC"), "ADRS", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = _response_parameter(table.rows, source, found)
    rows = rows.assign(subject=rows["USUBJID"], response=rows["AVALC"])
    if "day" not in source.columns:
        rows["day"] = response_days(rows, source, found)
    not_read(table, rows.columns, found)
    return named(table, rows, {"subject": "USUBJID", "response": "AVALC", "day": "ADT"}, found)


def _response_parameter(rows: pd.DataFrame, source: Source, found: Findings) -> pd.DataFrame:
    rows = rows.assign(PARAMCD=rows["PARAMCD"].fillna("").str.strip())
    counts = Counter(rows["PARAMCD"])
    listed = ", ".join(f"{code} ({n} rows)" for code, n in counts.items())
    for code in source.paramcd:
        if code not in counts:
            found.add(
                "paramcd", f"no row has PARAMCD {code!r}; the file holds {listed}", "name one of them", line=1, column="PARAMCD"
            )
    if len(source.paramcd) > 1:
        found.add("paramcd", "a response is one parameter: two would stand in one column", "name one", line=1, column="PARAMCD")
    if source.paramcd:
        return rows[rows["PARAMCD"].isin(list(source.paramcd))].reset_index(drop=True)
    if len(counts) > 1:
        found.add(
            "paramcd",
            f"{len(counts)} parameters in one file, and none is named: {listed}",
            'name those that are meant: paramcd = "OVR"',
            line=1,
            column="PARAMCD",
        )
    return rows.reset_index(drop=True)


def response_days(rows: pd.DataFrame, source: Source, found: Findings) -> pd.api.extensions.ExtensionArray:
    """Dates where `day0` will turn them into days, else study days of the file, else blank."""
    if source.day0 is not None and source.day0.column != "DY" and "ADT" in rows:
        return pd.array(rows["ADT"].fillna("").tolist(), dtype=TEXT)
    if "ADY" not in rows:
        if "ADT" in rows:
            found.add(
                "days",
                "dates, and no day 0 is declared: the rows have no study day",
                'declare day0 = "RANDDT"',
                severity="warning",
                line=1,
                column="ADT",
            )
        return pd.array([""] * len(rows), dtype=TEXT)
    return study_days(rows, "ADY", "USUBJID", found)


def study_days(rows: pd.DataFrame, column: str, subject: str, found: Findings) -> pd.api.extensions.ExtensionArray:
    """Text of the days of a --DY column on a clock with a day 0."""
    out = []
    for text, line, person in zip(rows[column].fillna(""), rows["source_row"], rows[subject], strict=True):
        day = day_of_dy(text)
        if isinstance(day, NoDate):
            found.add("study_day", day.problem, day.remedy, line=int(line), column=column, subject=str(person), value=text)
            day = None
        out.append("" if day is None else str(day))
    return pd.array(out, dtype=TEXT)
