"""From the files of study.toml to the canonical tables: every column typed, every row placed, every fault named at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.domain.design import Design
from biomarkers.domain.errors import UseError
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.problems import Problem, sort, visible
from biomarkers.domain.schema import ALIASES, KINDS, TABLES, TEXT, TRACE, VALUE, Schema
from biomarkers.domain.source import Source
from biomarkers.readers.calendar_days import on_study_days
from biomarkers.readers.columns import Sheet, blank, typed
from biomarkers.readers.dataset import restricted
from biomarkers.readers.findings import Findings
from biomarkers.readers.genotypes import genotypes_of
from biomarkers.readers.numbers import decimal_mark
from biomarkers.readers.outcomes import outcomes_of
from biomarkers.readers.study_file import StudyFile
from biomarkers.readers.table import Reader, Table, reader_of, unreadable
from biomarkers.readers.values import offsets, values_of

WIDE = {"tissue_reads", "blood", "genotypes", "subjects"}
MARKER_SHEETS = {*WIDE, "specimens"}
"""Tables whose files may hold markers in columns of their own."""


def read_tables(study: StudyFile) -> dict[str, Table]:
    """Every canonical table of a study.

    Parameters
    ----------
    study : StudyFile

    Returns
    -------
    dict of str to Table
        All tables of `schema.TABLES`, in that order; a table the study does not have is empty. `.rows` are typed, with
        `source_file` and `source_row`; marker values carry the columns of `schema.VALUE`. `.problems` hold what was wrong.

    Notes
    -----
    One wide sheet becomes several tables here: `[endpoints.X] time, event` and `[markers.X] column` name its columns.
    Only declared columns are kept in memory. A file that cannot be read is a problem; the others are read all the same.
    """
    reading = _Reading(study)
    for source in study.sources:
        reading.read(source)
    reading.missing_columns()
    return reading.tables()


@dataclass
class _Reading:
    """What has been read so far."""

    study: StudyFile
    parts: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    problems: dict[str, list[Problem]] = field(default_factory=dict)
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wide_seen: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    @property
    def design(self) -> Design:
        return self.study.design

    # -- one file ---------------------------------------------------------------------------------------------------

    def read(self, source: Source) -> None:
        """All files of one source."""
        for path, name in zip(source.paths, source.names, strict=True):
            fault = unreadable(path, name)
            if fault is not None:
                if source.optional and fault.code == "missing_file":
                    self.absent.add(source.table)
                else:
                    self._add(source.table, [fault])
                continue
            try:
                reader = reader_of(path, source.format)
            except UseError as error:
                self._add(source.table, [Problem(file=name, problem=str(error), code="format")])
                continue
            self._file(reader, path, name, source)

    def _file(self, reader: Reader, path: Path, name: str, source: Source) -> None:
        wanted = _Wanted(source, self.design, TABLES[source.table])
        table = reader.read(path, name=name, source=replace(source, format=reader.name), wanted=wanted.columns)
        if source.where and reader.canonical is None:
            restricting = Findings(name)
            table = restricted(table, source, restricting)
            self._add(source.table, restricting.all())
        table = on_study_days(table, wanted.days(table.header), wanted.place("subject", table.header), source)
        self._add(source.table, table.problems)
        if not table.header:
            return
        self.headers[name] = table.header
        found = Findings(name)
        wanted.explain(table.header, reader, found)
        if found.errors or table.rows.empty:
            self._add(source.table, found.all())
            if table.rows.empty:
                return
        texts = [
            text
            for column in table.rows.columns
            if column not in ("source_file", "source_row")
            for text in table.rows[column].dropna().unique()
            if "," in text or "." in text
        ]
        spelled = {column: table.spelled.get(place, place) for column, place in wanted.spelled(table.header).items()}
        sheet = Sheet(name, wanted.renamed(table.rows), spelled, source, decimal_mark(texts))
        if not found.errors:
            self._add(source.table, found.all())
        self._split(sheet, table.rows, wanted)

    def _split(self, sheet: Sheet, rows: pd.DataFrame, wanted: _Wanted) -> None:
        """The rows of the sheet's own table, and those its wide columns stand for."""
        table, header = sheet.source.table, tuple(rows.columns)
        if "subject" not in sheet.frame and "specimen" not in sheet.frame and table != "genotypes":
            return
        if wanted.long(header):
            self._keep(table, self._dated(sheet), BUILD[table])
        for name, rule in sheet.source.endpoints.items():
            if rule.time in header and rule.event in header:
                self._keep("outcomes", _endpoint_sheet(sheet, rows, name, rule.time, rule.event), BUILD["outcomes"])  # type: ignore[arg-type]
                self.wide_seen |= {rule.time, rule.event}  # type: ignore[arg-type]
        taken: list[tuple[str, int]] = []
        for name, declared in sheet.source.markers.items():
            if (
                table in MARKER_SHEETS
                and declared.column is not None
                and declared.column in header
                and name in self.design.markers
            ):
                marker = self.design.markers[name]
                self.wide_seen.add(declared.column)
                if marker.table in WIDE - {"subjects"}:
                    taken.append((name, declared.day))
                    self._keep(
                        marker.table,
                        _marker_sheet(sheet, rows, name, declared.column, marker.table, declared.day),
                        BUILD[marker.table],
                    )

        if taken and table == "subjects":
            days = "; ".join(
                f"day {day}: {', '.join(n for n, d in taken if d == day)}" for day in dict.fromkeys(day for _, day in taken)
            )
            note = Findings(sheet.file)
            note.add(
                "declared_day", f"values of a sheet of subjects have the day of their declaration ({days})", severity="note"
            )
            self._add(table, note.all())

    def _dated(self, sheet: Sheet) -> Sheet:
        """Tissue without a specimen and without a day is taken as baseline, and that is said."""
        if sheet.source.table != "tissue_reads" or {"day", "specimen"} & set(sheet.frame.columns):
            return sheet
        note = Findings(sheet.file)
        note.add(
            "declared_day",
            "no day and no specimen: taken as baseline tissue, day 0",
            'if it is not, map a day column, or declare constants = { day = "..." }',
            severity="note",
        )
        self._add("tissue_reads", note.all())
        zero = pd.array(["0"] * len(sheet.frame), dtype=TEXT)
        return replace(sheet, frame=sheet.frame.assign(day=zero), source=replace(sheet.source, day_unit="days"))

    def _keep(self, table: str, sheet: Sheet, build: Callable[[Sheet, Design, Findings], pd.DataFrame]) -> None:
        found = Findings(sheet.file)
        frame = build(sheet, self.design, found)
        if "source_row" not in frame:
            frame["source_file"], frame["source_row"] = sheet.file, pd.array(sheet.frame["source_row"], dtype="Int64")
        if table == sheet.source.table and "excluded" in sheet.frame:
            frame[["excluded", "excluded_why"]] = sheet.frame[["excluded", "excluded_why"]]
        if table == "outcomes":
            cells = {sheet.called("time"), sheet.called("event")}
            before = {
                p.line
                for p in self.problems.get(sheet.source.table, []) + self.problems.get("subjects", [])
                if p.severity == "error" and p.file == sheet.file and p.column in cells
            }
            _set_aside(frame, found.error_lines | before)
        self.parts.setdefault(table, []).append(frame.reset_index(drop=True))
        self._add(table, found.all())

    def _add(self, table: str, problems: Iterable[Problem]) -> None:
        self.problems.setdefault(table, []).extend(problems)

    # -- the whole study --------------------------------------------------------------------------------------------

    def missing_columns(self) -> None:
        """Columns of wide sheets that no file has."""
        if not self.headers:
            return
        names = tuple(dict.fromkeys(name for header in self.headers.values() for name in header))
        first = next(iter(self.headers))
        declared = self._declared_columns()
        taken = {column for _, _, column in declared}
        free = [name for name in names if name not in taken]
        for table, key, column in declared:
            if column not in self.wide_seen and column not in names and table not in self.absent:
                self._add(
                    table,
                    [
                        Problem(
                            file=first,
                            line=1,
                            column=column,
                            problem=f"column {column!r} is missing, though [{key}] names it",
                            remedy=did_you_mean(column, free, "correct the name in study.toml, or the header"),
                            code="missing_column",
                        )
                    ],
                )

    def _declared_columns(self) -> list[tuple[str, str, str]]:
        declared = []
        source = self.study.sources[0] if self.study.sources else None
        if source is not None:
            for name, rule in source.endpoints.items():
                declared += [("outcomes", f"endpoints.{name}", column) for column in (rule.time, rule.event) if column]
            for name, marker in source.markers.items():
                if marker.column and name in self.design.markers:
                    declared.append((self.design.markers[name].table, f"markers.{name}", marker.column))
        return declared

    def tables(self) -> dict[str, Table]:
        """The typed tables, in the order of the schema."""
        frames = {name: self._whole(name) for name in TABLES}
        _join_days(frames)
        self._add("blood", _progression_tubes(frames))
        for name in ("tissue_reads", "blood"):
            frames[name], notes = offsets(frames[name], self.design)
            self._add(name, notes)
        return {name: Table(name, frame, tuple(sort(self._named(name, frame))), ()) for name, frame in frames.items()}

    def _named(self, name: str, frame: pd.DataFrame) -> list[Problem]:
        """The problems of a table; a bad cell of a tube has the subject that its specimen tells."""
        problems = self.problems.get(name, [])
        if "specimen" not in frame or not any(_of_one_row(problem) for problem in problems):
            return problems
        places = zip(frame["source_file"], frame["source_row"], strict=True)
        subjects = {place: who for place, who in zip(places, frame["subject"], strict=True) if who is not pd.NA}
        shown = {place: visible(who) for place, who in subjects.items()}
        return [
            replace(problem, subject=shown.get((problem.file, problem.line), "")) if _of_one_row(problem) else problem
            for problem in problems
        ]

    def _whole(self, name: str) -> pd.DataFrame:
        schema = TABLES[name]
        dtypes = _dtypes(schema, self.design)
        parts = self.parts.get(name, [])
        extra = [column for part in parts for column in part.columns if column not in dtypes] if schema.open else []
        order = [*dtypes, *dict.fromkeys(extra)]
        if not parts:
            return pd.DataFrame({column: pd.array([], dtype=dtypes.get(column, TEXT)) for column in order})
        whole = {}
        for column in order:
            pieces = [part[column] if column in part else pd.Series([pd.NA] * len(part)) for part in parts]
            dtype = dtypes.get(column, TEXT)
            if all(piece.dtype == dtype for piece in pieces):
                whole[column] = pd.concat(pieces, ignore_index=True).array
                continue
            values = [value for piece in pieces for value in piece.tolist()]
            if dtype == "float64":
                whole[column] = np.array([np.nan if value is pd.NA or value is None else value for value in values], float)
            else:
                whole[column] = pd.array([pd.NA if _absent(value) else value for value in values], dtype=dtype)
        return pd.DataFrame(whole)


def _set_aside(frame: pd.DataFrame, lines: set[int | None]) -> None:
    """Rows with a cell that could not be read: told once, here, and asked nothing further."""
    if "excluded" not in frame:
        frame["excluded"] = frame["excluded_why"] = pd.array([pd.NA] * len(frame), dtype=TEXT)
    out = frame["source_row"].isin([line for line in lines if line is not None]) | bool(lines & {1, None})
    out &= frame["excluded"].isna()
    frame.loc[out, "excluded"] = "failed_qc"
    frame.loc[out, "excluded_why"] = "a cell of this row cannot be read"


def _of_one_row(problem: Problem) -> bool:
    return not problem.subject and problem.line is not None and problem.line > 1 and not problem.problem.endswith(")")


def _absent(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _dtypes(schema: Schema, design: Design) -> dict[str, str]:
    """Every column of a canonical table with its dtype."""
    dtypes = {column.name: KINDS[column.kind] for column in schema.columns}
    if schema.name == "subjects":
        dtypes |= {name: TEXT for name in (*design.strata, *design.covariates) if name not in dtypes}
    if schema.name == "outcomes":
        dtypes["raw_time"] = "float64"
    if schema.typed:
        dtypes |= VALUE | {"c": "float64"}
    return dtypes | TRACE


# ---- which columns of a file may be read -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Wanted:
    """The declared columns of one source: what the schema knows, what study.toml maps, what its wide columns name."""

    source: Source
    design: Design
    schema: Schema

    def names(self) -> tuple[str, ...]:
        """Columns of the schema, with the design's own for subjects."""
        names = [*self.schema.names]
        if self.schema.name == "subjects":
            names += [name for name in (*self.design.strata, *self.design.covariates) if name not in names]
        if self.schema.typed:
            names.append("value")
        return tuple(names)

    def place(self, name: str, header: tuple[str, ...]) -> str | None:
        """The column of the file that holds this column of the schema."""
        if name in self.source.columns:
            return self.source.columns[name] if self.source.columns[name] in header else None
        if name in header and name not in self.source.columns.values():
            return name
        taken = set(self.source.columns.values())
        return next(
            (alias for alias in ALIASES.get(self.schema.name, {}).get(name, ()) if alias in header and alias not in taken), None
        )

    def wide(self) -> set[str]:
        """Columns that endpoints and markers name. An outcomes file that repeats AGE is no second source of a marker."""
        named = {column for rule in self.source.endpoints.values() for column in (rule.time, rule.event) if column}
        if self.schema.name not in MARKER_SHEETS:
            return named
        return named | {marker.column for marker in self.source.markers.values() if marker.column}

    def columns(self, header: tuple[str, ...]) -> set[str]:
        """What may be read of a header."""
        if self.schema.open:
            mapped = {self.place(name, header) for name in (*self.names(), *self.source.columns)}
        else:
            mapped = {self.place(name, header) for name in self.names()}
        named = {*self.wide(), *self.source.where}
        if self.source.day0 is not None and self.source.day0.path is None:
            named.add(self.source.day0.column)
        return {name for name in mapped if name} | (named & set(header))

    def days(self, header: tuple[str, ...]) -> dict[str, str]:
        """Columns of the schema that hold study days, with the columns of the file that may hold dates for them."""
        days = [column.name for column in self.schema.columns if column.kind == "day"]
        placed = {name: place for name in days if (place := self.place(name, header)) is not None}
        times = [rule.time for rule in self.source.endpoints.values() if rule.time in header]
        return placed | {f"time of {column}": column for column in times if column is not None}

    def spelled(self, header: tuple[str, ...]) -> dict[str, str]:
        """Column of the schema to column of the file."""
        return {name: place for name in self._all() if (place := self.place(name, header)) is not None}

    def _all(self) -> tuple[str, ...]:
        return (*self.names(), *self.source.columns) if self.schema.open else self.names()

    def renamed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows under the names of the schema, with constants; wide columns are taken elsewhere."""
        header = tuple(rows.columns)
        frame = pd.DataFrame({name: rows[place] for name, place in self.spelled(header).items()}, index=rows.index)
        for name, value in self.source.constants.items():
            frame[name] = pd.array([value] * len(frame), dtype=TEXT)
        for name in ("source_file", "source_row", "excluded", "excluded_why"):
            if name in rows:
                frame[name] = rows[name]
        if self.schema.name == "genotypes" and "subject" not in frame and "sample" in frame:
            frame["subject"] = pd.array([self.source.samples.get(sample, sample) for sample in frame["sample"]], dtype=TEXT)
        return frame

    def long(self, header: tuple[str, ...]) -> bool:
        """Whether the file has rows of its own table, beside what its wide columns stand for."""
        if self.schema.name == "outcomes":
            return self.place("time", header) is not None
        if self.schema.typed:
            return "marker" in self.source.constants or self.place("marker", header) is not None
        return True

    def explain(self, header: tuple[str, ...], reader: Reader, found: Findings) -> None:
        """Missing columns are errors; undeclared ones are named once, and never read."""
        beside = ("marker", "value", "unit") if self.wide() & set(header) else ()
        for name, column in self.source.columns.items():
            if column not in header and name not in beside:
                self._missing(name, column, header, found)
        required = [*self.schema.required]
        if self.schema.name == "subjects":
            required += ["cohort"] * bool(self.design.cohorts) + ["arm"] * bool(self.design.arms)
            required += [*self.design.strata, *self.design.covariates]
        wide = self.wide() & set(header)
        if self.schema.typed or self.schema.name in ("outcomes", "genotypes"):
            required += ["marker", "value"] * self.schema.typed
            if self.schema.name == "genotypes":
                required = ["call"] if "sample" in header else ["subject", "call"]
            if wide:
                required = ["subject"] if "specimen" not in header else []
            if self.schema.name == "blood" and reader.canonical is None and self.place("specimen", header) is None:
                required = [*required, "day"]  # a label never says when
        for name in dict.fromkeys(required):
            if (
                name not in self.source.columns
                and name not in self.source.constants
                and self.place(name, header) is None
                and not (name == "value" and self.place("call", header))
                and not (name == "value" and self.place("count", header))
            ):
                self._missing(name, name, header, found)
        ignored = [name for name in header if name not in self.columns(header) | {"source_file", "source_row"}]
        if ignored and reader.canonical is None:
            found.add(
                "undeclared",
                f"{len(ignored)} undeclared column{'s are' if len(ignored) > 1 else ' is'} not read: {', '.join(ignored[:20])}",
                "declare what is needed under columns, strata or covariates",
                severity="note",
                line=1,
            )

    def _missing(self, name: str, column: str, header: tuple[str, ...], found: Findings) -> None:
        hint = did_you_mean(column, header, "")
        found.add(
            "missing_column",
            f"column {column!r} is missing" + (f" (it would be {name})" if name != column else ""),
            f'{hint} map it: columns = {{ {name} = "..." }}'.strip(),
            line=1,
            column=column,
            value="",
        )


def _endpoint_sheet(sheet: Sheet, rows: pd.DataFrame, name: str, time: str, event: str) -> Sheet:
    """Outcome rows of one endpoint of a wide sheet."""
    frame = pd.DataFrame(
        {
            "subject": sheet.frame["subject"],
            "time": rows[time],
            "event": rows[event],
            "source_file": rows["source_file"],
            "source_row": rows["source_row"],
        }
    )
    frame["endpoint"] = pd.array([name] * len(frame), dtype=TEXT)
    return Sheet(
        sheet.file,
        frame,
        {**sheet.spelled, "time": time, "event": event},
        replace(sheet.source, table="outcomes"),
        sheet.decimal_seen,
    )


_CARRIED = (
    "subject",
    "specimen",
    "day",
    "visit",
    "visit_label",
    "collection_day",
    "reason_for_draw",
    "replicate",
    "reader",
    "lod",
    "uloq",
    "assay",
    "assay_version",
    "input_ng",
    "plasma_ml",
    "volume_ml",
    "received_h",
    "area_mm2",
    "compartment",
)


def _marker_sheet(sheet: Sheet, rows: pd.DataFrame, name: str, column: str, table: str, day: int) -> Sheet:
    """Rows of one marker of a wide sheet; from a sheet of subjects they are of the declared day."""
    carried = [c for c in _CARRIED if c in sheet.frame]
    frame = sheet.frame[[*carried, "source_file", "source_row"]].copy()
    value = "call" if table == "genotypes" else "value"
    frame[value] = rows[column]
    if table == "genotypes":
        frame["locus"] = pd.array([name.upper().replace("_", "-")] * len(frame), dtype=TEXT)
    else:
        frame["marker"] = pd.array([name] * len(frame), dtype=TEXT)
        if sheet.source.table == "subjects" and "day" not in frame:
            frame["day"] = pd.array([str(day)] * len(frame), dtype=TEXT)
            frame["visit"] = pd.array(["baseline" if day <= 0 else ""] * len(frame), dtype=TEXT)
    source = replace(sheet.source, table=table, day_unit="days" if sheet.source.table == "subjects" else sheet.source.day_unit)
    return Sheet(sheet.file, frame, {**sheet.spelled, value: column, name: column}, source, sheet.decimal_seen)


# ---- the tables ------------------------------------------------------------------------------------------------------


def _plain(sheet: Sheet, design: Design, found: Findings) -> pd.DataFrame:
    """A table without marker values: every column by its kind."""
    schema = TABLES[sheet.source.table]
    frame = pd.DataFrame({column.name: typed(sheet, column, found) for column in schema.columns})
    if schema.name == "subjects":
        for name in (*design.strata, *design.covariates):
            if name not in frame:
                texts = sheet.frame[name].fillna("") if name in sheet.frame else pd.Series([""] * len(frame))
                frame[name] = pd.array([None if blank(text) else text.strip() for text in texts], dtype=TEXT)
    if schema.open:
        for name in sheet.frame.columns:
            if name not in frame and name not in ("source_file", "source_row"):
                frame[name] = pd.array(sheet.frame[name].tolist(), dtype=TEXT)
    return frame


BUILD: Mapping[str, Callable[[Sheet, Design, Findings], pd.DataFrame]] = {
    **dict.fromkeys(TABLES, _plain),
    "outcomes": outcomes_of,
    "tissue_reads": values_of,
    "blood": values_of,
    "genotypes": genotypes_of,
}
"""Table to the function that types its rows."""


def _join_days(frames: dict[str, pd.DataFrame]) -> None:
    """Reads and draws get subject and day of their specimen; those without a specimen make one."""
    specimens = frames["specimens"].drop_duplicates("specimen").set_index("specimen")
    implied = []
    for name in ("tissue_reads", "blood"):
        frame = frames[name]
        if frame.empty:
            continue
        given = frame["specimen"].notna() & (frame["specimen"] != "")
        for column, of in (
            ("subject", "subject"),
            ("day", "collection_day"),
            ("visit", "visit_label"),
            ("reason_for_draw", "reason_for_draw"),
        ):
            if column in frame:
                joined = frame["specimen"].map(specimens[of]) if len(specimens) else pd.Series(pd.NA, index=frame.index)
                frame[column] = frame[column].where(frame[column].notna(), joined.astype(frame[column].dtype))
        missing = ~given & frame["subject"].notna()
        if missing.any():
            place = frame["day"].astype(TEXT).fillna("no day")
            if name == "blood":
                place = place + (":" + frame["visit"]).fillna("")
            kind = "tissue" if name == "tissue_reads" else "draw"
            frame.loc[missing, "specimen"] = (frame["subject"] + ":" + kind + ":" + place)[missing]
            new = frame[missing].drop_duplicates("specimen")
            columns = {
                "specimen": new["specimen"],
                "subject": new["subject"],
                "collection_day": new["day"],
                "source_file": new["source_file"],
                "source_row": new["source_row"],
            }
            if name == "blood":
                columns |= {"visit_label": new["visit"], "reason_for_draw": new["reason_for_draw"]}
            else:
                columns["type"] = pd.Series(["biopsy"] * len(new), index=new.index, dtype=TEXT)
            implied.append(pd.DataFrame(columns))
    if implied:
        specimens = frames["specimens"]
        added = pd.concat(implied, ignore_index=True).reindex(columns=specimens.columns)
        frames["specimens"] = (
            pd.concat([specimens, added.astype(specimens.dtypes.to_dict())], ignore_index=True)
            if len(specimens)
            else added.astype(specimens.dtypes.to_dict())
        )


def _progression_tubes(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """A draw labelled "progression" was drawn because of it, also where no column gives the reason; counted in a note.

    Without this, a tube of the event's own day would compete with the scheduled one of that day, or speak for it.
    """
    blood, specimens = frames["blood"], frames["specimens"]
    if blood.empty:
        return []
    label = blood["visit"].fillna("").astype(str).str.strip().str.casefold()
    because = label.isin(words.PROGRESSION_LABELS) & blood["reason_for_draw"].isna()
    if not because.any():
        return []
    blood.loc[because, "reason_for_draw"] = "progression"
    its = specimens["specimen"].isin(blood.loc[because, "specimen"]) & specimens["reason_for_draw"].isna()
    specimens.loc[its, "reason_for_draw"] = "progression"
    first = blood[because].iloc[0]
    n = int(because.sum())
    one = n == 1
    said = (f"{n} value{'' if one else 's'} of draws labelled {first['visit']!r} count{'s' if one else ''} as drawn because of "
            "progression")
    return [
        Problem(file=str(first["source_file"]), column="visit", severity="note", problem=said, code="progression_draws",
                remedy="give their reason in a column mapped to reason_for_draw where that is not so")
    ]
