"""A study: what came in at the bottom, reconciled, with every problem named, ready to be asked."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.errors import DataProblem, UseError
from biomarkers.domain.flow import FLOW
from biomarkers.domain.marker import Marker
from biomarkers.domain.privacy import read_key
from biomarkers.domain.problems import COLUMNS, Problem, rows, sort, summary
from biomarkers.domain.schema import TABLES
from biomarkers.readers.study_file import StudyFile, read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.checks import check
from biomarkers.study.measurements import measurements
from biomarkers.study.pseudonyms import without_identifiers


@dataclass(frozen=True, eq=False)
class Study:
    """The tables of a trial with its design; built by `read_study`.

    Parameters
    ----------
    design : Design
    tables : mapping of str to pandas.DataFrame
        The canonical tables of `schema.TABLES`, also as attributes: `study.subjects`, `study.blood`.
    problems : pandas.DataFrame
        file, line, column, subject, value, severity, problem, remedy, code: every problem at once.
    inputs : tuple of dict
        path (relative to study.toml), sha256, size of every file read.
    path : pathlib.Path
        The study.toml.
    replicates : mapping of str to str
        By table, what two valid specimens of one subject, marker and day become; "error" refuses them.
    """

    design: Design
    tables: dict[str, pd.DataFrame]
    problems: pd.DataFrame
    inputs: tuple[dict[str, Any], ...]
    path: Path
    replicates: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name in TABLES:
            return self.tables[name]
        raise AttributeError(f"a Study has no {name!r}; its tables are {', '.join(TABLES)}")

    @cached_property
    def members(self) -> pd.DataFrame:
        """Everybody in `subjects`, in the order of the design: subject, cohort, arm, strata, covariates, excluded."""
        people = self.subjects
        for name, levels in (("cohort", self.design.cohorts), ("arm", self.design.arms)):
            if levels and name in people:
                people = people.assign(**{name: pd.Categorical(people[name], levels)})
        return people.sort_values([*self.groups, "subject"], kind="stable", ignore_index=True)

    @property
    def groups(self) -> list[str]:
        """"cohort" and "arm", as far as the study has them."""
        return [c for c in ("cohort", "arm") if c in self.subjects and self.subjects[c].notna().any()]

    @property
    def analysable(self) -> pd.DataFrame:
        """The members that no check has set aside."""
        return self.members[self.members["excluded"].fillna("") == ""]

    @property
    def markers(self) -> list[str]:
        """Names of the markers that have data, in the order of the registry."""
        present = set(self.tissue_reads["marker"]) | set(self.blood["marker"])
        present |= {str(locus).lower().replace("-", "_") for locus in self.genotypes["locus"].dropna().unique()}
        if {"cd8", "foxp3"} <= present:
            present.add("cd8_foxp3")
        return [name for name in self.design.markers if name in present]

    def measured(self, marker: Marker) -> pd.DataFrame:
        """All measurements of a marker, one row per subject and specimen; see `study.measurements`."""
        key = (marker.name, marker.scale)
        if key not in self._measured:
            self._measured[key] = measurements(self, marker)
        return self._measured[key]

    @cached_property
    def _measured(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {}

    @cached_property
    def _at_baseline(self) -> dict[tuple[str, str, tuple[int, int]], pd.DataFrame]:
        return {}

    def without(self, subjects: Iterable[str]) -> Study:
        """The study as if these subjects had never been in it.

        The tables of measurements stay as they are, and with them the offset of a logarithm and the version of an assay that
        the others are read by; so what was read for them already is kept.

        Examples
        --------
        >>> import biomarkers as bm
        >>> study = bm.load_example("br1801")
        >>> len(study.without(study.subjects["subject"][:3]).members) == len(study.members) - 3
        True
        """
        gone = set(subjects)

        def others(rows: pd.DataFrame) -> pd.DataFrame:
            return rows[~rows["subject"].isin(gone)].reset_index(drop=True)

        fewer = replace(self, tables={**self.tables, "subjects": others(self.subjects)})
        fewer._measured.update({key: others(rows) for key, rows in self._measured.items()})
        fewer._at_baseline.update({key: others(rows) for key, rows in self._at_baseline.items()})
        return fewer

    def outcome(self, endpoint: str) -> pd.DataFrame:
        """subject, time (days), event of one endpoint, one row per subject.

        Where a subject has two, which is an error among the problems, the first stands.
        """
        name = self.design.endpoint(endpoint).name.lower()
        table = self.outcomes[self.outcomes["endpoint"].str.lower() == name]
        if table.empty:
            known = ", ".join(sorted(self.outcomes["endpoint"].dropna().unique()))
            raise UseError(f"no outcome rows for endpoint {endpoint!r}; the outcomes table has {known or 'none'}")
        return table.drop_duplicates("subject")

    def analysis_set(self, values: pd.DataFrame, endpoint: str, covariates: Sequence[str] = ()) -> AnalysisSet:
        """Who enters a baseline analysis: in the cohort, with an outcome, a value and every covariate.

        Parameters
        ----------
        values : pandas.DataFrame
            One row per subject as `draws.baseline_values` gives it: columns `subject`, `lost`, `detail`, ...
        endpoint : str
        covariates : sequence of str
            Columns of `subjects` that the model needs (strata and adjusters).

        Returns
        -------
        AnalysisSet
            Rows: subject, cohort, arm, the covariates, time, event, and the columns of `values`.
        """
        people = self.members
        unknown = [c for c in covariates if c not in people.columns]
        if unknown:
            raise UseError(
                f"column {unknown[0]!r} is not in subjects; declared are {', '.join(people.columns)}. "
                "Declare it in study.toml under strata or covariates"
            )
        outcome = self.outcome(endpoint)[["subject", "time", "event", "excluded"]]
        frame = people.merge(outcome.rename(columns={"excluded": "outcome_excluded"}), on="subject", how="left")
        frame = frame.merge(values, on="subject", how="left")
        chosen = AnalysisSet.of(frame, people[["subject", *self.groups]])
        out = chosen.rows["excluded"].fillna("") != ""
        chosen = chosen.keep(~out.to_numpy(), "not_in_cohort", chosen.rows["excluded_why"].fillna("").astype(str))
        bad = chosen.rows["time"].isna() | chosen.rows["event"].isna() | (chosen.rows["outcome_excluded"].fillna("") != "")
        chosen = chosen.keep(~bad.to_numpy(), "not_in_cohort", "no outcome")
        for reason in FLOW:
            if (chosen.rows["lost"] == reason).any():
                chosen = chosen.keep((chosen.rows["lost"] != reason).to_numpy(), reason, chosen.rows["detail"])
        missing, names = chosen.rows[list(covariates)].isna().to_numpy(bool), np.array(covariates, dtype=object)
        which = pd.Series([", ".join(names[blank]) for blank in missing], dtype=object)
        return chosen.keep(~missing.any(axis=1), "missing_covariate", which)

    def availability(self) -> pd.DataFrame:
        """Who has the specimen: cohort x arm x marker x visit, with the missing by reason.

        Returns
        -------
        pandas.DataFrame
            marker, visit, cohort, arm, expected, collected, evaluable, below_lod, reason, n; one row per reason, the
            reason "" for those evaluable.
        """
        from biomarkers.study.availability import availability

        return availability(self)

    def agreement(self, marker: str, *, min_share: float = 0.8, level: float = 0.95) -> pd.DataFrame:
        """How well the readers of a tissue marker agree: see `study.agreement.agreement`."""
        from biomarkers.study.agreement import agreement

        return agreement(self, marker, min_share=min_share, level=level)

    def check(self) -> str:
        """"0 errors, 1 warning": the problems counted by severity."""
        return summary(listed(self.problems))

    def __repr__(self) -> str:
        return f"<Study {self.design.name}: {len(self.subjects)} subjects, {len(self.markers)} markers, {self.check()}>"

    def _repr_html_(self) -> str:
        from biomarkers.study.pages import study_page

        return study_page(self)


def read_study(path: str | os.PathLike[str], *, strict: bool = True,
               pseudonyms: str | os.PathLike[str] | None = None) -> Study:
    """Read everything a study.toml names, reconcile it, and list every problem at once.

    Parameters
    ----------
    path : path-like
        study.toml.
    strict : bool
        Raise when there is an error among the problems; False returns the study with its problems.
    pseudonyms : path-like, optional
        A file with a secret key of at least 16 bytes: every identifier of a subject or sample becomes its keyed pseudonym,
        the same in every run with the same key, in tables, messages and names of files.

    Returns
    -------
    Study

    Raises
    ------
    DataProblem
        The data hold errors, or study.toml cannot be read. The exception's text is the table of problems.
    UseError
        study.toml asks for pseudonyms and no key was given, or the key cannot be used.

    Examples
    --------
    >>> from biomarkers.study.study import example_folder
    >>> study = read_study(example_folder("br1801") / "study.toml")
    >>> study.check()
    '22 notes'
    """
    file = read_study_file(path)
    if file.design.privacy.pseudonyms and pseudonyms is None:
        raise UseError(f"{file.path.name} asks for pseudonyms; give the key: --pseudonyms KEYFILE, or "
                       "bm.read_study(path, pseudonyms=KEYFILE)")
    key = None if pseudonyms is None else read_key(pseudonyms)
    before = _hashes(file)
    read = read_tables(file)
    frames = {name: read[name].rows for name in TABLES if name in read}
    found: list[Problem] = [problem for table in read.values() for problem in table.problems]
    frames, more = check(frames, file.design, file.sources)
    found += [*more, *_changed(before, _hashes(file))]
    design = file.design
    if key is not None:
        frames, found, before = without_identifiers(frames, found, before, key)
        design = replace(design, privacy=replace(design.privacy, pseudonyms=True))
    problems = problem_table(found)
    if strict:
        refuse(found)
    return Study(design, frames, problems, tuple(before.values()), Path(path),
                 {source.table: source.replicates for source in file.sources})


def refuse(problems: Iterable[Problem]) -> None:
    """Raise `DataProblem` with the whole table where there is an error among the problems."""
    ordered = sort(problems)
    if not any(p.severity == "error" for p in ordered):
        return
    # who opens the file to mend it should also hear how its odd spellings and its words for "missing" were read
    shown = [p for p in ordered if p.severity != "note" or p.code in ("spelling", "missing")]
    marks = {"error": "✘", "warning": "▲", "note": "·"}
    text = "\n".join([*(f"{marks[p.severity]} {p}" for p in shown), f"{summary(ordered)}. Nothing was analysed."])
    raise DataProblem(text, problem_table(ordered))


def problem_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Problems as a frame, worst first."""
    table = pd.DataFrame(rows(problems), columns=list(COLUMNS))
    return table.astype({"line": "Int64"}).astype({c: "str" for c in COLUMNS if c != "line"})


def listed(table: pd.DataFrame) -> list[Problem]:
    """The frame's rows as problems again."""
    lines = [None if pd.isna(line) else int(line) for line in table["line"]]
    records = table.drop(columns="line").to_dict("records")
    return [Problem(line=line, **record) for line, record in zip(lines, records, strict=True)]


def load_example(name: str) -> Study:
    """One of the two synthetic studies that come with the package.

    Parameters
    ----------
    name : {"br1801", "stop_her2"}

    Returns
    -------
    Study

    Examples
    --------
    >>> load_example("br1801")
    <Study ACCRU-BR-1801 (synthetic): 114 subjects, ... markers, ...>
    """
    return read_study(example_folder(name) / "study.toml")


def example_folder(name: str) -> Path:
    """Where a synthetic study lies: inside an installed package, or beside it in a checkout."""
    if name not in ("br1801", "stop_her2"):
        raise UseError(f"no example study {name!r}; there are 'br1801' and 'stop_her2'")
    installed = Path(str(resources.files("biomarkers"))) / "sample_data" / name
    checkout = Path(str(resources.files("biomarkers"))).parent / "sample_data" / name
    return installed if installed.is_dir() else checkout


def _hashes(file: StudyFile) -> dict[str, dict[str, Any]]:
    """sha256 and size of study.toml and of every file it names; paths relative to study.toml."""
    root = Path(file.path).parent
    tables = [Path(p) for source in file.sources for p in source.paths]
    beside = {folder / text for text in _texts(tomllib.loads(file.text)) for folder in {root, *(p.parent for p in tables)}}
    found = {}
    for path in (Path(file.path), *tables, *beside):
        if path.is_file():
            data = path.read_bytes()
            name = os.path.relpath(path, root).replace(os.sep, "/")
            found[name] = {"path": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return dict(sorted(found.items()))


def _texts(value: Any) -> Iterator[str]:
    """Every text in study.toml: some name further files, such as a sample map, a dictionary, or the dates of day 0."""
    if isinstance(value, str):
        yield from [value] if "\0" not in value and len(value) < 256 else []
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _changed(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[Problem]:
    return [
        Problem(file=name, problem="the file changed while it was read", code="changed",
                remedy="run again when nobody is writing to it")
        for name in before if before[name] != after.get(name)
    ]

