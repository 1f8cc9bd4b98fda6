"""plan.toml: what is asked, written down before anybody looks. Unknown keys are errors that name the nearest known one."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from biomarkers.domain.errors import PlanError, UseError
from biomarkers.domain.nearest import did_you_mean, nearest
from biomarkers.domain.times import Landmark
from biomarkers.models.gates import OVERRIDES
from biomarkers.parallel import on_cluster
from biomarkers.plan.amendments import COLUMNS, differences
from biomarkers.plan.analysis import Analysis, VisitDay
from biomarkers.plan.multiplicity import METHODS
from biomarkers.plan.questions import KINDS, Question
from biomarkers.plan.results import Results
from biomarkers.plan.run import run_plan, seed_for
from biomarkers.readers.study_file import STUDY_KEYS
from biomarkers.readers.toml_lines import line_of
from biomarkers.study.study import Study, read_study

SCREEN_PERMUTATIONS = 99
"""Of a screen that names no other number: each is a whole nested cross-validation."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LandmarkEntry(_Closed):
    """`at = { day = 49, visit = "week6" }`; with a visit the day may be left out: the end of its window."""

    day: int | None = None
    since: int | None = None
    max_age: float | None = None
    visit: str | None = None


class AnalysisEntry(_Closed):
    """One `[[analysis]]` of plan.toml; the fields are those of `bm.associate`."""

    id: Annotated[str, Field(min_length=1)]
    marker: str | None = None
    markers: list[str] | None = None
    endpoint: str = "pfs"
    at: str | LandmarkEntry = "baseline"
    by: str | Literal[False] = "cohort"
    strata: list[str] | None = None
    adjust: list[str] | None = None
    feature: str = "value"
    cut: float | int | str | None = None
    scale: str | None = None
    zero: str | None = None
    clock: str = "time zero"
    limit_rule: str | None = None
    interaction: str | None = None
    method: Literal["auto", "profile", "permutation"] = "auto"
    family: str = ""
    permutations: int | None = None
    level: float | None = None
    seed: int | None = None
    claim: Literal["prognostic", "predictive"] | None = None
    sensitivity: bool = False
    kind: Literal["association", "supermodel", "time_dependent", "mrd", "response", "added_value",
                  "progression", "screen"] = "association"
    landmarks: list[int] | None = None
    window: int | None = None
    max_age: float | int | None = None
    lag: int | None = None
    effect: Literal["constant", "linear", "quadratic"] | None = None
    horizon: float | int | None = None
    responders: list[str] | None = None
    not_evaluable: Literal["non-response", "excluded"] | None = None
    standard: list[str] | None = None
    resamples: int | None = None
    models: list[Literal["standard", "elastic net", "forest"]] | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    repeats: Annotated[int, Field(ge=1)] | None = None
    override: list[Literal["events_per_parameter", "events_per_group", "immortal_time", "chosen_cohorts"]] = []


class PlanEntry(_Closed):
    """The whole of plan.toml."""

    title: Annotated[str, Field(min_length=1)]
    study: str = "study.toml"
    version: int | str = 1
    multiplicity: Literal["holm", "bh", "by", "maxt", "none"] = "holm"
    seed: int = 0
    permutations: int = 9999
    level: float = 0.95
    power_replicates: Annotated[int, Field(ge=0)] = 500
    amends: str | None = None
    analysis: Annotated[list[AnalysisEntry], Field(min_length=1)]


assert set(OVERRIDES) == {"events_per_parameter", "events_per_group", "immortal_time", "chosen_cohorts"}
assert set(METHODS) == {"holm", "bh", "by", "maxt", "none"}


@dataclass(frozen=True)
class Plan:
    """A prespecified plan; read it with `Plan.read`.

    Parameters
    ----------
    title : str
    study : str
        Path of study.toml, relative to the plan.
    multiplicity : {"holm", "bh", "by", "maxt", "none"}
    seed : int
    permutations : int
        Of every analysis that names no other number, and of max-T.
    analyses : tuple of Analysis or Question
    text, sha256 : str
        The file as it stands, and its hash, stamped on the ledger.
    path : pathlib.Path
    version : int or str
    power_replicates : int
        Simulated studies per row for its detectable hazard ratio; 0 gives the formula alone.
    amends : Plan or None
        The version before, whose path `amends` names.
    """

    title: str
    study: str
    multiplicity: str
    seed: int
    permutations: int
    analyses: tuple[Analysis | Question, ...]
    text: str
    sha256: str
    path: Path
    version: int | str = 1
    power_replicates: int = 500
    amends: Plan | None = None

    @property
    def name(self) -> str:
        """File name without its folder."""
        return self.path.name

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Plan:
        """Read and validate plan.toml.

        Raises
        ------
        PlanError
            One line for each fault: file, line, key, and the nearest known key or the legal values.
        """
        where = Path(path)
        data = _bytes(where)
        try:
            text = data.decode("utf-8-sig")
            raw = tomllib.loads(text)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PlanError([f"{where.name}: not valid TOML: {error}"]) from None
        try:
            entry = PlanEntry.model_validate(raw)
        except ValidationError as error:
            raise PlanError([_explain(where.name, text, e) for e in error.errors()]) from None
        analyses = _analyses(entry, where.name, text)
        return cls(entry.title, entry.study, entry.multiplicity, entry.seed, entry.permutations, analyses, text,
                   hashlib.sha256(data).hexdigest(), where, entry.version, entry.power_replicates,
                   _amended(entry, where, text))

    @property
    def amendments(self) -> pd.DataFrame:
        """What this version changed: see `plan.amendments`; empty where it amends nothing."""
        return differences(self.amends, self) if self.amends is not None else pd.DataFrame(columns=list(COLUMNS))

    def read_study(self, *, strict: bool = True, pseudonyms: str | os.PathLike[str] | None = None) -> Study:
        """The study that the plan names; see `bm.read_study`."""
        return read_study(self.path.parent / self.study, strict=strict, pseudonyms=pseudonyms)

    def against(self, study: Study) -> Plan:
        """The plan with its visits resolved and every name checked against the study, before anything is computed.

        Raises
        ------
        PlanError
            A marker, endpoint, visit or column that the study does not have.
        """
        faults, analyses = [], []
        for i, analysis in enumerate(self.analyses):
            try:
                study.outcome(analysis.endpoint)
                analysis.check(study)
                for column in [*(analysis.strata or ()), *(analysis.adjust or ()), *filter(None, [analysis.by])]:
                    if column not in study.members:
                        known = ", ".join(c for c in study.members if c not in ("excluded", "excluded_why"))
                        raise UseError(f"column {column!r} is not in subjects; known: {known}")
                analyses.append(analysis.resolved(study))
            except UseError as error:
                line = line_of(self.text, ("analysis", i, "marker"))
                faults.append(f"{self.name}:{line}: analysis {analysis.id!r}: {error}")
        if faults:
            raise PlanError(faults)
        return replace(self, analyses=tuple(analyses))

    def run(self, study: Study | None = None, *, jobs: int = 1, dask: str | None = None,
            progress: Callable[[str], None] | None = None) -> Results:
        """Ask every question.

        Parameters
        ----------
        study : Study, optional
            Else the study that the plan names.
        jobs : int
            Worker processes; results are the same for any number.
        dask : str, optional
            Address of a Dask scheduler whose workers do the work instead.
        """
        study = study or self.read_study()
        with on_cluster(dask):
            return run_plan(self.against(study), study, jobs=-1 if dask else jobs, progress=progress)


def plan_schema() -> dict[str, Any]:
    """JSON Schema of plan.toml, for editors."""
    return PlanEntry.model_json_schema()


def _bytes(where: Path) -> bytes:
    if where.is_dir():
        raise PlanError([f"{where.name}: is a folder; give the plan.toml inside it"])
    if not where.is_file():
        raise PlanError([f"{where.name}: no such file (or not a regular one)"])
    if where.suffix.lower() in (".yaml", ".yml", ".json"):
        raise PlanError([f"{where.name}: plans are TOML (plan.toml); {where.suffix} files are not read"])
    data = where.read_bytes()
    if not data.strip():
        raise PlanError([f"{where.name}: the file is empty; a plan needs a title and at least one [[analysis]]"])
    return data


def _explain(name: str, text: str, error: Any) -> str:
    """One pydantic error as one line: file:line, key, what, and the remedy."""
    path = [p for p in error["loc"] if p not in ("LandmarkEntry", "str", "int", "float")]
    place = f"{name}:{line_of(text, path) or 1}"
    key = ".".join(str(p + 1) if isinstance(p, int) else str(p) for p in path)
    if error["type"] == "extra_forbidden":
        model = AnalysisEntry if "analysis" in path else PlanEntry
        said, of_study = did_you_mean(str(path[-1]), model.model_fields, ""), nearest(str(path[-1]), STUDY_KEYS, cutoff=0.75)
        if not said and of_study:
            said = f"did you mean {of_study!r}? That is a key of study.toml"
        return f"{place}: unknown key {path[-1]!r}; {said or 'known: ' + ', '.join(model.model_fields)}"
    if error["type"] == "missing":
        return f"{place}: {key}: this key is required"
    given = error.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{place}: {key}: {error['msg'][0].lower()}{error['msg'][1:]}{shown}"


def _analyses(entry: PlanEntry, name: str, text: str) -> tuple[Analysis | Question, ...]:
    """Entries as analyses, stamped prespecified, each with its own seed."""
    seen: dict[str, int] = {}
    faults, made = [], []
    for i, a in enumerate(entry.analysis):
        line = line_of(text, ("analysis", i, "id"))
        if a.id in seen:
            faults.append(f"{name}:{line}: analysis id {a.id!r} is used twice; an id names one question")
            continue
        seen[a.id] = i
        try:
            made.append(_analysis(a, entry))
        except UseError as error:
            faults.append(f"{name}:{line}: analysis {a.id!r}: {error}")
    if faults:
        raise PlanError(faults)
    return tuple(made)


def _amended(entry: PlanEntry, where: Path, text: str) -> Plan | None:
    """The plan that this one amends."""
    if entry.amends is None:
        return None
    line = line_of(text, ("amends",)) or 1
    earlier = where.parent / entry.amends
    if earlier.resolve() == where.resolve():
        raise PlanError([f"{where.name}:{line}: amends: the plan names itself; name the version before"])
    try:
        before = Plan.read(earlier)
    except PlanError as error:
        raise PlanError([f"{where.name}:{line}: amends: {fault}" for fault in error.lines]) from None
    if before.version == entry.version:
        raise PlanError([f"{where.name}:{line}: amends: both are version {entry.version}; give this one a new version"])
    return before


_OWN = ("landmarks", "window", "max_age", "lag", "effect", "horizon", "responders", "not_evaluable", "standard", "resamples",
        "markers", "models", "folds", "repeats")
"""Keys that belong to one kind of question or another, never to an association."""


def _question(a: AnalysisEntry, plan: PlanEntry) -> Question:
    """An entry of another kind; a key that its kind does not take is a fault."""
    settings = {key: getattr(a, key) for key in _OWN if getattr(a, key) is not None}
    if a.at != "baseline":
        settings["at"] = a.at if isinstance(a.at, str) else _at(a.at)
    if isinstance(settings.get("at"), VisitDay):
        raise UseError(f'at: kind = {a.kind!r} takes a visit by its name, or {{ day = ..., since = ... }}')
    for key in ("cut", "clock"):
        if getattr(a, key) not in (None, "time zero"):
            settings[key] = getattr(a, key)
    usual = {"feature": "value", "scale": None, "zero": None, "limit_rule": None, "claim": None, "method": "auto",
             "override": []}
    unused = [key for key, value in usual.items() if getattr(a, key) != value]
    if unused:
        raise UseError(f"{unused[0]!r} is not a key of kind = {a.kind!r}")
    if a.kind == "screen" and a.marker is not None:
        raise UseError("a screen asks about several markers: name them with markers = [...], not marker")
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    marker = _one_marker(a) if a.kind != "screen" else (a.markers or [""])[0]
    default = SCREEN_PERMUTATIONS if a.kind == "screen" else plan.permutations
    return Question(
        kind=a.kind, id=a.id, marker=marker, endpoint=a.endpoint, by=a.by or None, family=a.family,
        strata=None if a.strata is None else tuple(a.strata), adjust=None if a.adjust is None else tuple(a.adjust),
        settings=tuple(settings.items()), permutations=default if a.permutations is None else a.permutations,
        level=plan.level if a.level is None else a.level, seed=seed_for(plan.seed, a.id) if a.seed is None else a.seed,
        interaction=a.interaction, sensitivity=a.sensitivity,
    )


def _one_marker(a: AnalysisEntry) -> str:
    """The marker, which every question but a screen has."""
    if a.marker is None:
        raise UseError("marker: this key is required")
    return a.marker


def _analysis(a: AnalysisEntry, plan: PlanEntry) -> Analysis | Question:
    if a.kind != "association":
        return _question(a, plan)
    strange = [key for key in _OWN if getattr(a, key) is not None]
    if strange:
        kinds = [name for name, kind in KINDS.items() if strange[0] in (*kind.required, *kind.optional)]
        raise UseError(f"{strange[0]!r} is a key of kind = {' or '.join(map(repr, kinds))}; name the kind")
    at: str | Landmark | VisitDay = _at(a.at) if isinstance(a.at, LandmarkEntry) else a.at
    return Analysis(
        id=a.id, marker=_one_marker(a), endpoint=a.endpoint, at=at, by=a.by or None,
        strata=None if a.strata is None else tuple(a.strata), adjust=None if a.adjust is None else tuple(a.adjust),
        feature=a.feature, cut=a.cut, scale=a.scale, zero=a.zero, clock=a.clock, limit_rule=a.limit_rule,
        interaction=a.interaction,
        method=a.method, family=a.family, permutations=plan.permutations if a.permutations is None else a.permutations,
        level=plan.level if a.level is None else a.level, seed=seed_for(plan.seed, a.id) if a.seed is None else a.seed,
        prespecified=True, override=tuple(a.override), claim=a.claim, sensitivity=a.sensitivity,
    )


def _at(entry: LandmarkEntry) -> Landmark | VisitDay:
    """A landmark of plan.toml; a visit's window is the study's to say."""
    if entry.visit is not None:
        if entry.since is not None or entry.max_age is not None:
            raise UseError("a landmark on a visit takes that visit's draw: leave out since and max_age")
        return VisitDay(entry.visit, entry.day)
    if entry.day is None:
        raise UseError("at needs a day, or a visit")
    return Landmark(day=entry.day, since=entry.since, max_age=entry.max_age)
