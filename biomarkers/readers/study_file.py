"""study.toml: where the data are and what they mean; an unknown key is an error with its line and the nearest known key."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from biomarkers.domain.design import Design
from biomarkers.domain.errors import DataProblem, UseError
from biomarkers.domain.marker import Marker, define
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.privacy import Privacy
from biomarkers.domain.problems import Problem, sort, visible
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import (
    Consensus,
    EndpointRule,
    MarkerColumn,
    NDMeaning,
    Origin,
    Replicates,
    Source,
    Spelling,
    ZeroMeaning,
)
from biomarkers.domain.times import DAYS_PER, Endpoint, Visit
from biomarkers.domain.trial import DIRECTIONS, TIMES, CohortQuestion, Direction, Instrument, Trial
from biomarkers.readers.table import READERS, reader_of, unreadable

if TYPE_CHECKING:
    from biomarkers.kernels.simon import TwoStage

LARGEST = 1 << 20
ENDPOINT_LABELS = {"pfs": "Progression-free survival", "os": "Overall survival"}


@dataclass(frozen=True)
class StudyFile:
    """A study.toml that can be used.

    Parameters
    ----------
    path : Path
    text : str
        As it stands, for its hash and for the record.
    sha256 : str
    design : Design
    sources : tuple of Source
        One per table, in the order of `schema.TABLES`.
    """

    path: Path
    text: str
    sha256: str
    design: Design
    sources: tuple[Source, ...]

    def source(self, table: str) -> Source | None:
        """The source of this table, if the study has one."""
        return next((source for source in self.sources if source.table == table), None)


# ---- the shape of the file -------------------------------------------------------------------------------------------


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Texts = Annotated[list[str], BeforeValidator(_as_list)]
Code = Annotated[str, BeforeValidator(_as_text)]
Codes = Annotated[list[Code], BeforeValidator(_as_list)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=False)


class _Spelling(_Keys):
    nd: NDMeaning | None = Field(None, alias="ND")
    zero: ZeroMeaning | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    words: dict[str, str] = {}
    area_mm2: float | None = Field(None, gt=0)

    def spelling(self, unit: str | None = None) -> Spelling:
        return Spelling(
            nd=self.nd,
            zero=self.zero,
            decimal=self.decimal,
            thousands=self.thousands,
            words={key.casefold(): value for key, value in self.words.items()},
            unit=unit,
            area_mm2=self.area_mm2,
        )


class _Origin(_Keys):
    column: str
    path: str | None = None
    subject: str | None = None


class _Table(_Spelling):
    path: Texts
    format: str | None = None
    columns: dict[str, str] = {}
    constants: dict[str, Code] = {}
    marker_names: dict[str, str] = {}
    optional: bool = False
    day_unit: str = "days"
    unit: str | None = None
    replicates: Replicates | None = None
    consensus: Consensus = "error"
    unknown_subjects: Literal["error", "exclude"] | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    samples: str | dict[str, str] = {}
    locus: Texts = ["FCGR3A-158"]
    build: str | None = None
    paramcd: dict[str, str] | Texts = []
    where: dict[str, Codes] = {}
    day0: str | _Origin | None = None
    date_format: str | None = None
    instrument: str | None = None
    events: dict[str, int] | Texts = []
    options: dict[str, bool | int | float | str] = {}


class _Endpoint(_Keys):
    label: str | None = None
    time: str | None = None
    event: str | None = None
    unit: str | None = None
    event_is: Codes | None = None
    censored_is: Codes | None = None
    zero_time: Literal["error", "exclude", "keep"] = "error"
    after_restart: Literal["error", "event", "competing"] = "error"


class _Visit(_Keys):
    day: int
    window: tuple[int, int]


class _TwoStage(_Keys):
    r1: int
    n1: int
    r: int
    n: int


class _TrialCohort(_Keys):
    endpoint: str = "pfs"
    n: int | None = None
    events: int | None = None
    day: int | None = None
    null: float | None = None
    alternative: float | None = None
    two_stage: _TwoStage | None = None


class _Instrument(_Keys):
    label: str | None = None
    direction: Direction = DIRECTIONS[0]
    minimal_difference: float | None = None


class _Trial(_Keys):
    alpha: float | None = None
    level: float = 0.95
    times: dict[str, list[int]] = {}
    benefit_days: int = 168
    severe: int = 3
    cohorts: dict[str, _TrialCohort] = {}
    instruments: dict[str, _Instrument] = {}


class _Privacy(_Keys):
    pseudonyms: bool = False
    minimum_cell_size: Annotated[int, Field(ge=0, le=1000)] = 0


class _Study(_Spelling):
    name: str
    time_zero: str = "time zero"
    cohorts: list[str] = []
    arms: list[str] = []
    strata: list[str] = []
    covariates: list[str] = []
    cohort_assignment: Literal["randomised", "chosen", "by disease"] = "by disease"
    drug_effect: dict[str, list[str]] = {}
    trial: _Trial | None = None
    notes: list[str] = []
    privacy: _Privacy = _Privacy()
    unknown_subjects: Literal["error", "exclude"] = "error"
    replicates: Replicates = "error"
    day0: _Origin | None = None
    date_format: str | None = None
    endpoints: dict[str, _Endpoint] = {}
    visits: dict[str, _Visit] = {}
    tables: dict[str, str | list[str] | dict[str, Any]] = {}
    markers: dict[str, dict[str, Any]] = {}


STUDY_KEYS: tuple[str, ...] = tuple(_Study.model_fields)
"""Keys of study.toml, so that a plan which holds one can say where it belongs."""


class _MarkerKeys(_Spelling):
    """What `[markers.X]` may say besides the fields of a Marker."""

    column: str | None = None
    day: int = 0
    compartment: str | None = None
    method: str | None = None
    parent_gate: str | None = None
    assay: str | None = None
    assay_version: str | None = None
    panel_version: str | None = None


EXTRA_MARKER_KEYS = ("compartment", "method", "parent_gate", "assay", "assay_version", "panel_version")


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_study_file(path: str | os.PathLike[str]) -> StudyFile:
    """Read a study.toml; every fault of it is named at once.

    Parameters
    ----------
    path : path-like
        The file. Paths in it count from its folder.

    Raises
    ------
    DataProblem
        The file is missing, a folder, empty or no TOML, or holds unknown keys, tables, columns or markers.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "study.toml"
    >>> _ = file.write_text('name = "A study"\\ncohort = ["A", "B"]\\n')
    >>> read_study_file(file)
    Traceback (most recent call last):
        ...
    biomarkers.domain.errors.DataProblem: study.toml:2:cohort: unknown key 'cohort' → did you mean 'cohorts'?
    """
    file = Path(path)
    fault = unreadable(file, file.name)
    if fault is not None:
        raise DataProblem(str(fault), [fault])
    data = file.read_bytes()[: LARGEST + 1]
    text, given = _toml(data, file.name)
    reading = _Reading(file, text)
    study = reading.model(_Study, given, ())
    if study is None:
        reading.stop()
    assert study is not None
    design = reading.design(study)
    sources = reading.sources(study, design)
    reading.stop()
    return StudyFile(file, text, hashlib.sha256(data).hexdigest(), design, sources)


def _toml(data: bytes, name: str) -> tuple[str, dict[str, Any]]:
    def fail(problem: str, remedy: str, line: int | None = None) -> DataProblem:
        fault = Problem(file=name, line=line, problem=problem, remedy=remedy, code="study_file")
        return DataProblem(str(fault), [fault])

    if data[:4] == b"PK\x03\x04":
        raise fail("an archive or a workbook; archives are never unpacked", "give the path of a study.toml, a text file")
    if len(data) > LARGEST:
        raise fail(f"more than {LARGEST:,} bytes: no study.toml", "name the study file, not a data file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fail(f"not UTF-8: byte {error.start}", "save it as UTF-8", data[: error.start].count(b"\n") + 1) from None
    if not text.strip():
        raise fail("the file is empty", "write at least name and [tables]; `biomarkers init FILE...` makes a first one")
    try:
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        words = str(error) or type(error).__name__
        at = re.search(r"\(at line (\d+), column (\d+)\)", words)
        end = text.count("\n") + 1
        line = int(at.group(1)) if at else end
        raise fail(f"not valid TOML: {words.partition(' (at ')[0]}", "correct the line", line) from None


class _Reading:
    """One reading of one file: places of keys, and the faults found so far."""

    def __init__(self, file: Path, text: str) -> None:
        self.file, self.places = file, dict(_places(text))
        self.faults: list[Problem] = []

    def stop(self) -> None:
        """Raise if anything is wrong."""
        if self.faults:
            faults = sort(self.faults)
            raise DataProblem("\n".join(str(fault) for fault in faults), faults)

    def fault(self, at: Sequence[object], problem: str, remedy: str = "", value: str = "") -> None:
        keys = tuple(str(key) for key in at)
        line = next((self.places[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.places), None)
        self.faults.append(
            Problem(
                file=self.file.name,
                line=line,
                column=".".join(keys),
                value=visible(value),
                problem=visible(problem, 1_000),
                remedy=visible(remedy, 1_000),
                code="study_file",
            )
        )

    def unknown(self, at: Sequence[object], what: str, name: str, known: Sequence[str]) -> None:
        self.fault(at, f"unknown {what} {name!r}", did_you_mean(name, known, cutoff=0.5))

    def model(self, kind: type[Any], given: Mapping[str, Any], at: tuple[str, ...]) -> Any:
        """The model, or None with every fault noted."""
        try:
            return kind.model_validate(dict(given))
        except ValidationError as error:
            for one in error.errors(include_url=False):
                self._explain(kind, one, at)
            return None

    def _explain(self, kind: type[BaseModel], one: Any, at: tuple[str, ...]) -> None:
        # The checker names the branches of a choice in the place of a fault; the last word of an unknown key is the user's own.
        named = one["loc"][-1:] if one["type"] == "extra_forbidden" else ()
        where = (
            *at,
            *(
                part
                for part in one["loc"][: len(one["loc"]) - len(named)]
                if not (isinstance(part, str) and part.startswith(("list[", "dict[", "function-")))
                and part not in ("str", "constrained-str")
            ),
            *named,
        )
        if one["type"] == "extra_forbidden":
            self.unknown(where, "key", str(where[-1]), _known_keys(kind, one["loc"]))
        elif one["type"] == "missing":
            self.fault(where, f"{where[-1]} is missing", "add it")
        else:
            wants = one["msg"].replace("Input should be ", "it must be ")
            self.fault(where, wants[0].lower() + wants[1:], "correct it", value=str(one.get("input", ""))[:60])

    # -- the trial ------------------------------------------------------------------------------------------------

    def design(self, study: _Study) -> Design:
        markers = self._markers(study)
        for key, values in (("cohorts", study.cohorts), ("arms", study.arms), ("strata", study.strata)):
            repeated = sorted({value for value in values if values.count(value) > 1})
            if repeated:
                self.fault((key,), f"{', '.join(repeated)} named twice", "name each once")
            if any(not value.strip() for value in values):
                self.fault((key,), "an empty name; missing is never a level", "remove it")
        for name, arms in study.drug_effect.items():
            if name not in markers:
                self.unknown(("drug_effect", name), "marker", name, sorted(markers))
            for arm in arms:
                if arm not in study.arms:
                    self.unknown(("drug_effect", name), "arm", arm, study.arms)
        endpoints = {name.lower(): self._endpoint(name.lower(), given) for name, given in study.endpoints.items()}
        # what an ADTTE's parameters stand for is an endpoint too, whether or not it has a section of its own
        for name in _parameter_endpoints(study.tables.get("outcomes")):
            endpoints.setdefault(name, self._endpoint(name, _Endpoint()))
        return Design(
            name=study.name,
            time_zero=study.time_zero,
            cohorts=tuple(study.cohorts),
            arms=tuple(study.arms),
            strata=tuple(study.strata),
            covariates=tuple(study.covariates),
            cohort_assignment=study.cohort_assignment,
            drug_effect={name: tuple(arms) for name, arms in study.drug_effect.items()},
            endpoints=endpoints,
            visits=self._visits(study),
            markers=markers,
            trial=self._trial(study, endpoints),
            notes=tuple(study.notes),
            privacy=Privacy(**study.privacy.model_dump()),
        )

    def _trial(self, study: _Study, endpoints: Mapping[str, Endpoint]) -> Trial | None:
        """What the trial states about its own endpoints; every name in it is one of the design's."""
        given = study.trial
        if given is None:
            return None
        known = endpoints or dict.fromkeys(ENDPOINT_LABELS)
        for endpoint in given.times:
            if endpoint.lower() not in known:
                self.unknown(("trial", "times", endpoint), "endpoint", endpoint, list(known))
        if given.alpha is None and len(study.arms) > 1:
            self.fault(("trial",), "arms are compared, and no one-sided level is given", "add alpha, such as alpha = 0.10")
        questions = {}
        for cohort, asked in given.cohorts.items():
            at = ("trial", "cohorts", cohort)
            if cohort not in study.cohorts:
                self.unknown(at, "cohort", cohort, study.cohorts)
            if asked.endpoint.lower() not in known:
                self.unknown((*at, "endpoint"), "endpoint", asked.endpoint, list(known))
            try:
                rule = None if asked.two_stage is None else _rule_of(asked.two_stage)
                rest = asked.model_dump(exclude={"two_stage", "endpoint"})
                questions[cohort] = CohortQuestion(endpoint=asked.endpoint.lower(), two_stage=rule, **rest)
            except (UseError, ValueError) as error:
                self.fault(at, str(error), "correct it")
        instruments = {}
        for name, one in given.instruments.items():
            try:
                instruments[name] = Instrument(**one.model_dump() | {"label": one.label or name})
            except UseError as error:
                self.fault(("trial", "instruments", name), str(error), "correct it")
        times = dict(TIMES) | {endpoint.lower(): tuple(days) for endpoint, days in given.times.items()}
        plain = given.model_dump(include={"alpha", "level", "benefit_days", "severe"})
        try:
            return Trial(times=times, cohorts=questions, instruments=instruments, **plain)
        except UseError as error:
            self.fault(("trial",), str(error), "correct it")
            return None

    def _endpoint(self, name: str, given: _Endpoint) -> Endpoint:
        unit = given.unit or "days"
        if unit not in DAYS_PER:
            self.unknown(("endpoints", name, "unit"), "unit of time", unit, list(DAYS_PER))
            unit = "days"
        if given.time and not given.event:
            self.fault(("endpoints", name), "time is given without event", "name the event column too")
        return Endpoint(
            name=name,
            label=given.label or ENDPOINT_LABELS.get(name, name.upper()),
            time=given.time or "time",
            event=given.event or "event",
            unit=unit,
            event_is=(given.event_is or ["1"])[0],
        )

    def _visits(self, study: _Study) -> dict[str, Visit]:
        visits = {}
        for name, given in study.visits.items():
            try:
                visits[name] = Visit(name, given.day, given.window)
            except UseError as error:
                self.fault(("visits", name), str(error))
        return visits

    def _markers(self, study: _Study) -> dict[str, Marker]:
        """The registry with the study's overrides, and the markers it defines."""
        markers = dict(MARKERS)
        known = {f.name for f in fields(Marker)} - {"name"}
        ours = set(_MarkerKeys.model_fields) | {"ND"}
        for name, given in study.markers.items():
            for key in given:
                if key not in known | ours:
                    self.unknown(("markers", name, key), "key", key, sorted(known | ours))
            changes = {key: value for key, value in given.items() if key in known}
            try:
                if name in MARKERS:
                    markers[name] = self._override(name, changes)
                elif "label" not in changes and "kind" not in changes:
                    self.unknown(("markers", name), "marker", name, sorted(MARKERS))
                else:
                    markers[name] = define(name, {"convertible": {}, **changes})
            except (UseError, TypeError, ValueError) as error:
                self.fault(("markers", name), str(error), "correct it")
        return markers

    def _override(self, name: str, changes: Mapping[str, Any]) -> Marker:
        """A registry marker keeps its unit; `unit` in study.toml is the unit its values come in."""
        marker = MARKERS[name]
        rest = {key: value for key, value in changes.items() if key != "unit"}
        if "convertible" in rest:
            rest["convertible"] = {**marker.convertible, **rest["convertible"]}
        changed = marker.override(rest)
        unit = changes.get("unit")
        if unit is not None and unit != changed.unit and unit.casefold() not in {u.casefold() for u in changed.convertible}:
            raise UseError(
                f"marker {name}: unit {unit!r} cannot be converted to {changed.unit!r}; known: "
                f"{', '.join(changed.convertible)}. Another scale is another marker"
            )
        return changed

    # -- the tables -----------------------------------------------------------------------------------------------

    def sources(self, study: _Study, design: Design) -> tuple[Source, ...]:
        columns = self._marker_columns(study)
        rules = {name.lower(): _rule(given) for name, given in study.endpoints.items()}
        made = {}
        for name, given in study.tables.items():
            if name not in TABLES:
                self.unknown(("tables", name), "table", name, list(TABLES))
                continue
            table = self.model(_Table, given if isinstance(given, dict) else {"path": given}, ("tables", name))
            if table is not None:
                made[name] = self._source(name, table, study, design, columns, rules)
        if not study.tables:
            self.fault(("tables",), "no table is named", 'add [tables] with subjects = "subjects.csv" and the others')
        elif "subjects" not in study.tables:
            self.fault(("tables",), "the table of subjects is missing", 'add subjects = "..." under [tables]')
        return tuple(made[name] for name in TABLES if name in made)

    def _marker_columns(self, study: _Study) -> dict[str, MarkerColumn]:
        columns = {}
        ours = set(_MarkerKeys.model_fields) | {"ND"}
        for name, given in study.markers.items():
            keys = self.model(_MarkerKeys, {key: value for key, value in given.items() if key in ours}, ("markers", name))
            if keys is None:
                continue
            extra = {key: value for key in EXTRA_MARKER_KEYS if (value := getattr(keys, key)) is not None}
            columns[name] = MarkerColumn(
                column=keys.column,
                day=keys.day,
                extra=extra,
                spelling=keys.spelling(given.get("unit") if name in MARKERS else None),
            )
        return columns

    def _source(
        self,
        name: str,
        table: _Table,
        study: _Study,
        design: Design,
        markers: Mapping[str, MarkerColumn],
        rules: Mapping[str, EndpointRule],
    ) -> Source:
        at = ("tables", name)
        if table.format is not None and table.format not in READERS:
            self.unknown((*at, "format"), "format", table.format, list(READERS))
        self._of_format(at, table)
        if table.day_unit not in DAYS_PER:
            self.unknown((*at, "day_unit"), "unit of time", table.day_unit, list(DAYS_PER))
        known = list(TABLES[name].names) + (["value"] if TABLES[name].typed else [])
        known += [*design.strata, *design.covariates] if name == "subjects" else []
        if not TABLES[name].open:
            for group in ("columns", "constants"):
                for column in getattr(table, group):
                    if column not in known:
                        self.unknown((*at, group, column), "column", column, known)
        for spelled, marker in table.marker_names.items():
            if marker not in design.markers:
                self.unknown((*at, "marker_names", spelled), "marker", marker, sorted(design.markers))
        paths, names = _resolved(self.file.parent, table.path)
        return Source(
            table=name,
            paths=paths,
            names=names,
            format=table.format,
            columns=dict(table.columns),
            constants=dict(table.constants),
            marker_names=dict(table.marker_names),
            optional=table.optional,
            day_unit=table.day_unit if table.day_unit in DAYS_PER else "days",
            spelling=table.spelling(table.unit).over(study.spelling()),
            replicates=table.replicates or study.replicates,
            consensus=table.consensus,
            unknown_subjects=table.unknown_subjects or study.unknown_subjects,
            sheet=table.sheet,
            encoding=table.encoding,
            delimiter=table.delimiter,
            samples=self._samples(at, table.samples),
            locus=tuple(table.locus),
            build=table.build,
            paramcd=_parameters(table.paramcd),
            where={column: tuple(values) for column, values in table.where.items()},
            day0=self._origin(table.day0 or study.day0),
            date_format=table.date_format or study.date_format,
            instrument=table.instrument,
            events=table.events if isinstance(table.events, dict) else dict.fromkeys(table.events),
            options=dict(table.options),
            endpoints=rules,
            markers=markers,
        )

    def _of_format(self, at: tuple[str, ...], table: _Table) -> None:
        """Keys and options that the format of the table does not know: what is declared and not heeded would mislead."""
        try:
            reader = reader_of(self.file.parent / table.path[0], table.format)
        except UseError:
            return
        for key in dict.fromkeys(key for other in READERS.values() for key in other.keys):
            if getattr(table, key) and key not in reader.keys:
                known = ", ".join(name for name, other in READERS.items() if key in other.keys)
                self.fault((*at, key), f"{key} means nothing to the format {reader.name}", f"it belongs to {known}")
        for option in table.options:
            if option not in reader.options:
                if reader.options:
                    self.unknown((*at, "options", option), f"option of the format {reader.name}", option, reader.options)
                else:
                    self.fault((*at, "options"), f"the format {reader.name} has no options", "remove it", value=option)

    def _origin(self, given: str | _Origin | None) -> Origin | None:
        """Where the date of day 0 stands: a column of the same file, or of another."""
        if given is None or isinstance(given, str):
            return None if given is None else Origin(given)
        path = None if given.path is None else self.file.parent / given.path
        return Origin(given.column, path, given.path or "", given.subject)

    def _samples(self, at: tuple[str, ...], given: str | dict[str, str]) -> dict[str, str]:
        """Sample to subject, from an inline table or from a file of two columns."""
        if isinstance(given, dict):
            return dict(given)
        file = self.file.parent / given
        fault = unreadable(file, given)
        if fault is not None:
            self.fault((*at, "samples"), f"{given}: {fault.problem}", fault.remedy)
            return {}
        try:
            rows = list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            self.fault((*at, "samples"), f"{given}: {error}", "two columns, sample and subject, in UTF-8")
            return {}
        header = [cell.strip().lower() for cell in rows[0]] if rows else []
        if "sample" not in header or "subject" not in header:
            self.fault(
                (*at, "samples"), f"{given}: needs the columns sample and subject", "add the header line: sample,subject"
            )
            return {}
        sample, subject = header.index("sample"), header.index("subject")
        mapping: dict[str, str] = {}
        for line, row in enumerate(rows[1:], start=2):
            if len(row) <= max(sample, subject) or not row[sample]:
                continue
            if mapping.setdefault(row[sample], row[subject]) != row[subject]:
                self.fault((*at, "samples"), f"{given}:{line}: sample {row[sample]!r} stands for two subjects", "keep one")
        return mapping


def _rule_of(given: _TwoStage) -> TwoStage:
    """The boundary; imported here, because few studies have one and `check` should start quickly."""
    from biomarkers.kernels.simon import TwoStage

    return TwoStage(**given.model_dump())


def _rule(given: _Endpoint) -> EndpointRule:
    declared = given.event_is is not None
    events = tuple(given.event_is or ["1"])
    censored = tuple(given.censored_is) if given.censored_is is not None else ()
    if not censored and events == ("1",):
        censored = ("0",)
    elif not censored and events == ("0",):
        censored = ("1",)
    return EndpointRule(
        time=given.time,
        event=given.event,
        unit=given.unit,
        event_is=events,
        censored_is=censored,
        declared=declared,
        zero_time=given.zero_time,
        after_restart=given.after_restart,
    )


def _parameters(given: dict[str, str] | Sequence[str]) -> dict[str, str]:
    """PARAMCD to endpoint: `"PFS"`, `["PFS", "OS"]`, or endpoint to PARAMCD, `{ pfs = "PFSINV" }`."""
    if isinstance(given, dict):
        return {code: endpoint.lower() for endpoint, code in given.items()}
    return {code: code.lower() for code in given}


def _parameter_endpoints(table: object) -> list[str]:
    """Endpoints that the parameters of an outcomes table name; a faulty declaration is told where the table is read."""
    given = table.get("paramcd") if isinstance(table, dict) else None
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list | dict) or not all(isinstance(name, str) for name in given):
        return []
    return [name.lower() for name in given]


def _resolved(folder: Path, patterns: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Files of the patterns in sorted order; a pattern that matches nothing stays, to be reported as missing."""
    found: dict[str, Path] = {}
    for pattern in patterns:
        if any(sign in pattern for sign in "*?["):
            root = Path(pattern).anchor
            matches = Path(root).glob(str(Path(pattern).relative_to(root))) if root else folder.glob(pattern)
            names = {match.as_posix() if root else Path(os.path.relpath(match, folder)).as_posix(): match for match in matches}
            found.update(names or {pattern: folder / pattern})
        else:
            found[pattern] = folder / pattern
    order = sorted(found)
    return tuple(found[name] for name in order), tuple(order)


def _known_keys(kind: type[BaseModel], loc: Sequence[object]) -> list[str]:
    """Keys of the model in which an unknown one was found."""
    model = kind
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        model = (_model_in(field.annotation) if field else None) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


_HEADER = re.compile(r"\s*\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"([^"]*)"|'([^']*)'""")


def _places(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Line of every key and section; a key of an inline table has the line of the table."""
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.fullmatch(line)
        if header and not _KEY.match(line):
            section = _parts(header.group(1))
            yield section, number
            continue
        key = _KEY.match(line)
        if key:
            yield (*section, *_parts(key.group(1))), number


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(match.group(1) or match.group(2) or match.group() for match in _PART.finditer(dotted))
