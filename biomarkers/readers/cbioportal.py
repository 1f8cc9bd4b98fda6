"""cBioPortal's clinical and timeline files: tab-separated, four lines of `#` before the header, statuses such as `1:DECEASED`.

Their clock usually starts at diagnosis or at sequencing, not at treatment, and the file does not say: the origin is a
declaration, and without it every row says so.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.readers.dataset import columns_wanted, lacking, named, not_read, restricted
from biomarkers.readers.delimited import read_delimited
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted

SENTINELS = frozenset(
    {
        "na",
        "n/a",
        "[not available]",
        "[not applicable]",
        "[not evaluated]",
        "[unknown]",
        "[discrepancy]",
        "[completed]",
        "unknown",
        "not applicable",
        "not available",
        "null",
    }
)
EVENT_WORDS = frozenset(
    {
        "deceased",
        "dead",
        "progressed",
        "progression",
        "recurred/progressed",
        "recurred",
        "relapsed",
        "event",
        "yes",
        "dead with tumor",
    }
)
CENSORED_WORDS = frozenset(
    {
        "living",
        "alive",
        "censored",
        "disease free",
        "diseasefree",
        "progression free",
        "not progressed",
        "no",
        "alive or dead tumor free",
    }
)
_STATUS = re.compile(r"([01]):(.+)")
TIMELINE = {
    "start": "START_DATE",
    "stop": "STOP_DATE",
    "day": "START_DATE",
    "drug": "AGENT",
    "marker": "TEST",
    "value": "RESULT",
    "specimen": "SAMPLE_ID",
}


def read_patient(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of `subjects`; for the table `outcomes`, one row per patient and endpoint from each pair `X_MONTHS`, `X_STATUS`."""
    found = Findings(name)
    times = source.table == "outcomes"
    table = _tabular(path, name, source, wanted, ("PATIENT_ID", "SEX", "AGE"), found, pairs=times)
    nothing = lacking(table, ("PATIENT_ID",), "clinical file of cBioPortal", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = _without_sentinels(table.rows.copy(), found)
    rows["subject"] = rows["PATIENT_ID"]
    not_read(table, rows.columns, found)
    if times:
        return _outcomes(table, rows, source, found)
    for column, place in (("sex", "SEX"), ("age", "AGE")):
        if place in rows and column not in source.columns:
            rows[column] = rows[place]
    for column in rows.columns:
        if column.endswith("_STATUS"):
            rows[column] = _status(rows, column, found)
    return named(table, rows, {"subject": "PATIENT_ID", "sex": "SEX", "age": "AGE"}, found)


def read_sample(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows with a specimen each; which of a patient's several samples is meant has to be declared with `where`."""
    found = Findings(name)
    table = _tabular(path, name, source, wanted, ("PATIENT_ID", "SAMPLE_ID"), found)
    nothing = lacking(table, ("PATIENT_ID", "SAMPLE_ID"), "sample file of cBioPortal", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = _without_sentinels(table.rows.copy(), found)
    rows["subject"], rows["specimen"] = rows["PATIENT_ID"], rows["SAMPLE_ID"]
    several = rows[rows["subject"].duplicated(keep=False)]
    if len(several) and not source.where and source.table != "specimens":
        found.add(
            "several_samples",
            f"{several['subject'].nunique()} patients have several samples ({len(several)} rows): which one is meant?",
            'declare it: where = { SAMPLE_TYPE = "Primary" }, or whatever tells them apart',
            line=int(several["source_row"].iloc[0]),
            column="SAMPLE_ID",
            subject=str(several["subject"].iloc[0]),
        )
    not_read(table, rows.columns, found)
    return named(table, rows, {"subject": "PATIENT_ID", "specimen": "SAMPLE_ID"}, found)


def read_timeline(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of a timeline in days from the portal's origin: treatments for `therapy`, laboratory tests for `blood`."""
    found = Findings(name)
    table = _tabular(path, name, source, wanted, ("PATIENT_ID", "EVENT_TYPE", *TIMELINE.values()), found)
    nothing = lacking(table, ("PATIENT_ID", "START_DATE"), "timeline of cBioPortal", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = _without_sentinels(table.rows.copy(), found)
    rows["subject"] = rows["PATIENT_ID"]
    for column, place in TIMELINE.items():
        if place in rows and column not in source.columns:
            rows[column] = rows[place]
    _origin(source, found)
    not_read(table, rows.columns, found)
    return named(table, rows, {"subject": "PATIENT_ID", **TIMELINE}, found)


def _tabular(
    path: Path, name: str, source: Source, wanted: Wanted | None, mine: tuple[str, ...], found: Findings, *, pairs: bool = False
) -> Table:
    """The tab-separated body below the `#` lines; row numbers stay those of the file."""
    choose = columns_wanted(mine, source, wanted)

    def columns(header: tuple[str, ...]) -> list[str]:
        both = (
            [
                f"{column.removesuffix('_STATUS')}{end}"
                for column in header
                if column.endswith("_STATUS")
                for end in ("_STATUS", "_MONTHS")
            ]
            if pairs
            else []
        )
        return [column for column in header if column in {*choose(header), *both}]

    plain = replace(source, format="tsv", delimiter="\t")
    table = read_delimited(path, name=name, source=plain, wanted=columns, header_at=below_comments)
    damaged = [column for column in table.header if column != column.upper()]
    if damaged:
        found.add(
            "header",
            f"{len(damaged)} column names are not in capitals, as the format has them: {', '.join(damaged[:6])}",
            severity="note",
            line=1,
        )
    return table


def below_comments(rows: list[list[str]]) -> int:
    """The first line that is no comment."""
    return next((i for i, cells in enumerate(rows) if not cells[0].startswith("#")), 0)


def _without_sentinels(rows: pd.DataFrame, found: Findings) -> pd.DataFrame:
    """Cells that say that there is nothing to say become blank, counted by spelling and column."""
    for column in rows.columns:
        if column in ("source_file", "source_row"):
            continue
        texts = rows[column].fillna("").str.strip()
        said = Counter(text for text in texts if text.casefold() in SENTINELS)
        if said:
            counted = ", ".join(f"{text!r} in {n}" for text, n in said.most_common(6))
            found.add("missing", f"{column}: missing, as {counted}", severity="note", line=1, column=column)
            rows[column] = pd.array(["" if text.casefold() in SENTINELS else text for text in texts], dtype=TEXT)
    return rows


def _status(rows: pd.DataFrame, column: str, found: Findings) -> pd.api.extensions.ExtensionArray:
    """The digit of `1:DECEASED`, checked against its word."""
    out = []
    for text, line, who in zip(rows[column].fillna(""), rows["source_row"], rows["subject"], strict=True):
        text = text.strip()
        match = _STATUS.fullmatch(text)
        word = match[2].strip().casefold() if match else ""
        wrong = match and ((match[1] == "1" and word in CENSORED_WORDS) or (match[1] == "0" and word in EVENT_WORDS))
        if text and (match is None or wrong):
            found.add(
                "status",
                "digit and word contradict each other" if wrong else "no status such as 0:LIVING or 1:DECEASED",
                "correct the cell",
                line=int(line),
                column=column,
                subject=str(who),
                value=text,
            )
        out.append(match[1] if match and not wrong else "")
    return pd.array(out, dtype=TEXT)


def _outcomes(table: Table, rows: pd.DataFrame, source: Source, found: Findings) -> Table:
    """One row per patient and endpoint; a patient without a time of an endpoint has no row of it."""
    prefixes = [column.removesuffix("_STATUS") for column in rows.columns if column.endswith("_STATUS")]
    prefixes = [prefix for prefix in prefixes if f"{prefix}_MONTHS" in rows]
    if not prefixes:
        found.add("missing_column", "no pair X_MONTHS, X_STATUS", "name the columns under [endpoints.X] time and event", line=1)
    origin = _origin(source, found)
    parts = []
    for prefix in prefixes:
        part = rows[["subject", "source_file", "source_row"]].copy()
        part["endpoint"] = pd.array([prefix.lower()] * len(part), dtype=TEXT)
        part["time"], part["event"] = rows[f"{prefix}_MONTHS"], _status(rows, f"{prefix}_STATUS", found)
        part["unit"] = pd.array(["months"] * len(part), dtype=TEXT)
        part["clock_origin"] = pd.array([origin] * len(part), dtype=TEXT)
        blank = (part["time"].fillna("").str.strip() == "") & (part["event"] == "")
        if blank.any():
            found.add(
                "no_time",
                f"{prefix}: {int(blank.sum())} patients have neither time nor status, and no row",
                severity="note",
                line=1,
                column=f"{prefix}_MONTHS",
            )
        parts.append(part[~blank])
    made = pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0][["subject", "source_file", "source_row"]]
    return named(table, made, {"subject": "PATIENT_ID", "time": "X_MONTHS", "event": "X_STATUS"}, found)


def _origin(source: Source, found: Findings) -> str:
    """What day 0 is, by declaration; the file does not say."""
    origin = source.options.get("origin")
    if origin is None:
        found.add(
            "clock",
            "the file does not say where its clock starts (usually at diagnosis or sequencing, not at treatment): no "
            "landmark means anything until that is known",
            'declare it: options = { origin = "diagnosis" }',
            severity="warning",
            line=1,
        )
        return "not stated"
    return str(origin)
