"""What every check works on: the tables, the design, the declarations, and where to write what it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.problems import Severity
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import EndpointRule, Source
from biomarkers.readers.findings import Findings, lines

TYPE_OF_MATRIX: Mapping[str, str] = {"serum": "serum", "plasma": "plasma", "blood": "ctc_tube", "pbmc": "pbmc"}
"""Material of a blood marker to the type of its tube."""


@dataclass
class Facts:
    """The tables under examination.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Copies: a check may mark rows in `excluded` and `excluded_why`, and drop an exact repeat, nothing else.
    design : Design
    sources : sequence of Source
    """

    tables: dict[str, pd.DataFrame]
    design: Design
    sources: Sequence[Source]
    found: Findings = field(default_factory=lambda: Findings(""))
    explained: set[int] = field(default_factory=set)
    """Rows of `blood` that a finding of its own explains, so that no other check tells of them again."""

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    @cached_property
    def by_table(self) -> dict[str, Source]:
        """The source of each table the study has."""
        return {source.table: source for source in self.sources}

    def rule(self, endpoint: str) -> EndpointRule:
        """Declarations of an endpoint."""
        for source in self.sources:
            if endpoint in source.endpoints:
                return source.endpoints[endpoint]
        return EndpointRule()

    def source_of(self, table: str) -> Source:
        """The table's source, or an empty one."""
        return self.by_table.get(table, Source(table=table))

    # -- where -------------------------------------------------------------------------------------------------------

    def called(self, table: str, column: str, row: Mapping[str, object] | pd.Series | None = None) -> str:
        """A column as the file of this row spells it; a wide sheet has a column of its own for each marker and endpoint."""
        source = self.by_table.get(table)
        file = None if row is None else row.get("source_file")
        if source is None or (file is not None and file not in source.names):
            wide = self._wide(table, column, row)
            if wide is not None:
                return wide
            source = next((s for s in self.sources if file in s.names), source)
        return column if source is None else source.columns.get(column, column)

    def _wide(self, table: str, column: str, row: Mapping[str, object] | pd.Series | None) -> str | None:
        if row is None:
            return None
        if table == "outcomes" and column in ("time", "event"):
            return getattr(self.rule(str(row.get("endpoint"))), column)
        if column in ("value", "call"):
            declared = self.source_of("subjects").markers.get(str(row.get("marker")))
            return None if declared is None else declared.column
        return None

    def report(
        self,
        table: str,
        row: pd.Series,
        code: str,
        problem: str,
        remedy: str = "",
        *,
        column: str = "",
        value: object = "",
        severity: Severity = "error",
        same: tuple[str, ...] | None = None,
        rows: pd.DataFrame | None = None,
    ) -> None:
        """A problem at one row of a table; with `rows`, at the first of several, which are all named."""
        if rows is not None and len(rows) > 1:
            numbers = lines(_ints(rows["source_row"]))
            problem = f"{problem} ({len(rows)} rows of {row['source_file']}{': ' if numbers else ''}{numbers})"
        subject = row.get("subject", "")
        if rows is not None and "subject" in rows and rows["subject"].nunique() > 1:
            subject = ""
        self.found.add(
            code,
            problem,
            remedy,
            file=str(row["source_file"]),
            line=_int(row["source_row"]),
            column=self.called(table, column, row) if column else "",
            subject="" if _blank(subject) else str(subject),
            value="" if _blank(value) else str(value),
            severity=severity,
            same=same,
        )

    def exclude(self, table: str, rows: pd.Index, reason: str, why: str) -> None:
        """Mark rows as not to be used; the first reason given to a row stays."""
        frame = self.tables[table]
        fresh = rows[frame.loc[rows, "excluded"].isna()]
        frame.loc[fresh, "excluded"] = reason
        frame.loc[fresh, "excluded_why"] = why

    def drop(self, table: str, rows: pd.Index) -> None:
        """Take out exact repeats, after they were reported."""
        self.tables[table] = self.tables[table].drop(index=rows).reset_index(drop=True)

    # -- who and when ------------------------------------------------------------------------------------------------

    @cached_property
    def known_subjects(self) -> list[str]:
        """Identifiers of the subjects table."""
        return [str(subject) for subject in self.tables["subjects"]["subject"].dropna().unique()]

    def outcome(self, endpoint: str) -> pd.DataFrame:
        """One row per subject of this endpoint, by subject."""
        rows = self.tables["outcomes"]
        rows = rows[rows["excluded"].isna()]
        return rows[(rows["endpoint"] == endpoint) & rows["subject"].notna()].drop_duplicates("subject").set_index("subject")

    @cached_property
    def clock(self) -> pd.DataFrame:
        """Per subject: `end` and `event` of the endpoint that ends follow-up for draws (pfs, else the first), and `death`."""
        names = [str(name) for name in self.tables["outcomes"]["endpoint"].dropna().unique()]
        first = "pfs" if "pfs" in names else next((name for name in names if name != "os"), names[0] if names else None)
        clock = pd.DataFrame(index=pd.Index(self.known_subjects, name="subject"))
        clock["end"], clock["event"], clock["death"] = pd.NA, pd.NA, pd.NA
        if first is not None:
            rows = self.outcome(first)
            clock["end"], clock["event"] = rows["time"].reindex(clock.index), rows["event"].reindex(clock.index)
            clock["type"] = rows["event_type"].reindex(clock.index)
            died = (rows["event"] == 1) & (rows["event_type"] == "death")
            clock["death"] = rows["time"].where(died.fillna(False)).reindex(clock.index)
        if "os" in names:
            rows = self.outcome("os")
            clock["death"] = rows["time"].where((rows["event"] == 1).fillna(False)).reindex(clock.index).fillna(clock["death"])
        return clock


def _blank(value: object) -> bool:
    return value is None or value is pd.NA or value == ""


def _int(value: object) -> int | None:
    return None if value is None or value is pd.NA else int(value)  # type: ignore[call-overload]


def _ints(values: pd.Series) -> list[int | None]:
    return [_int(value) for value in values]


def raw(row: Mapping[str, object]) -> dict[str, object]:
    """What a row says, apart from where it stands."""
    trace = {"source_file", "source_row", "excluded", "excluded_why"}
    return {key: value for key, value in row.items() if key not in trace and not (value is pd.NA or value != value)}


def keys(table: str) -> tuple[str, ...]:
    """Columns that identify a row of a table."""
    return TABLES[table].key
