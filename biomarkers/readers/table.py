"""A file becomes text rows with their place in the file; the registry of formats is here, and being in it is all it takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pandas as pd

from biomarkers.domain.errors import DataProblem, UseError
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.problems import Problem, sort, summary
from biomarkers.domain.source import Source

Wanted = Callable[[tuple[str, ...]], Collection[str]]
"""Given the header of a file, the columns that may be read. Others never enter memory as data."""

HeaderAt = Callable[[list[list[str]]], int]
"""Given the rows of a sheet that are not empty, which of them is its header."""


@dataclass(frozen=True)
class Table:
    """Rows of one table with everything that was found wrong on the way.

    Parameters
    ----------
    name : str
        Name of the table, or of the file where it was read alone.
    rows : DataFrame
        As a reader delivers them, text columns with `source_file` and `source_row`; as `read_tables` does, typed columns.
    problems : tuple of Problem
    header : tuple of str
        Every column name of the file, read or not.
    spelled : mapping of str to str
        Column of `rows` to its name in the file, where the format has names of its own (`time` is AVAL in an ADTTE).
    """

    name: str
    rows: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    header: tuple[str, ...] = ()
    spelled: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Table {self.name}: {len(self.rows)} rows, {self.rows.shape[1]} columns; {summary(self.problems)}"

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.name)}</b>: {len(self.rows)} rows; {summary(self.problems)}</p>" + self.rows.head(
            20
        ).to_html(max_cols=20, notebook=True)


class Read(Protocol):
    """How a reader is called: an existing file, its name in study.toml, its declarations, and which columns it may take."""

    def __call__(self, path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table: ...


@dataclass(frozen=True)
class Reader:
    """One format.

    Parameters
    ----------
    name : str
    function : str
        `file.function` in this package; loaded when a file of the format is read, so that no format costs those who have none.
    endings : tuple of str
        File endings that mean this format where study.toml names none.
    about : str
        One sentence for the documentation.
    canonical : str or None
        The table whose columns the rows already have ("any": that of study.toml); None for plain sheets.
    extra : str or None
        The optional extra of the package it needs.
    options : tuple of str
        Keys of `options` in study.toml that it knows.
    keys : tuple of str
        Keys of a table in study.toml that only some formats know, and this one does.
    """

    name: str
    function: str
    endings: tuple[str, ...] = ()
    about: str = ""
    canonical: str | None = None
    extra: str | None = None
    options: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def read(self) -> Read:
        """The function itself."""
        file, _, name = self.function.partition(".")
        reader: Read = getattr(import_module(f"biomarkers.readers.{file}"), name)
        return reader


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader("csv", "delimited.read_delimited", (".csv",), "comma or semicolon separated text"),
        Reader("tsv", "delimited.read_delimited", (".tsv", ".tab"), "tab separated text"),
        Reader("excel", "excel.read_excel", (".xlsx", ".xlsm"), "one sheet of a workbook", extra="excel"),
        Reader("xpt", "xpt.read_xpt", (".xpt",), "SAS transport file", extra="sas"),
        Reader("sas7bdat", "sas7bdat.read_sas7bdat", (".sas7bdat",), "SAS data file", extra="sas"),
        Reader(
            "dataset-json",
            "dataset_json.read_dataset_json",
            (".json", ".ndjson", ".dsjc", ".json.gz"),
            "CDISC Dataset-JSON 1.1, one object, one record a line, or compressed",
        ),
        Reader("adam-adsl", "adam.read_adsl", about="subjects from ADaM ADSL, in any container", canonical="subjects"),
        Reader(
            "adam-adtte",
            "adam.read_adtte",
            about="times and events from ADaM ADTTE",
            canonical="outcomes",
            options=("aval",),
            keys=("paramcd",),
        ),
        Reader("adam-adrs", "adam.read_adrs", about="responses from ADaM ADRS", canonical="response", keys=("paramcd",)),
        Reader("sdtm-mi", "sdtm.read_mi", about="tissue reads from SDTM MI", canonical="tissue_reads"),
        Reader("sdtm-lb", "sdtm.read_lb", about="blood markers from SDTM LB", canonical="blood"),
        Reader("sdtm-gf", "sdtm.read_gf", about="genotypes from SDTM GF", canonical="genotypes"),
        Reader(
            "redcap",
            "redcap.read_redcap",
            about="one form of a REDCap flat export",
            canonical="any",
            options=("dictionary",),
            keys=("instrument", "events"),
        ),
        Reader(
            "cbioportal-patient",
            "cbioportal.read_patient",
            about="patients, or their endpoints",
            canonical="any",
            options=("origin",),
        ),
        Reader("cbioportal-sample", "cbioportal.read_sample", about="samples of a cBioPortal study", canonical="any"),
        Reader(
            "cbioportal-timeline",
            "cbioportal.read_timeline",
            about="treatments and tests in days",
            canonical="any",
            options=("origin",),
        ),
        Reader("vendor", "vendor.read_vendor", about="a sheet with title rows and units in its header", canonical="any"),
        Reader("calls", "calls.read_calls", ("calls.tsv",), "the table of `biomarkers genotype`", canonical="genotypes"),
        Reader(
            "vcf",
            "vcf.read_vcf",
            (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf"),
            "genotypes called from VCF",
            canonical="genotypes",
            options=("absent", "min_dp", "min_gq", "min_gp", "allow_flip", "ref_mismatch", "ignore_filter", "paralog"),
        ),
    )
}
"""Format to reader."""


def reader_of(path: Path, format: str | None) -> Reader:
    """The reader of a file, by its declared format or its ending.

    Raises
    ------
    UseError
        The format is unknown, or the ending says nothing.
    """
    if format is not None:
        if format in READERS:
            return READERS[format]
        raise UseError(f"format {format!r} is unknown; {did_you_mean(format, READERS)}")
    name = path.name.lower()
    endings = sorted(((ending, reader) for reader in READERS.values() for ending in reader.endings), key=lambda e: -len(e[0]))
    for ending, reader in endings:
        if name.endswith(ending):
            return reader
    if name.endswith(".txt"):
        return READERS["tsv"]
    raise UseError(f'{path.name}: the ending does not tell the format; give it: format = "csv" ({", ".join(READERS)})')


def read_table(path: str | os.PathLike[str], *, format: str | None = None) -> Table:
    """One file alone, as text rows, with the problems of its form.

    Parameters
    ----------
    path : path-like
    format : str, optional
        A key of `READERS`; taken from the ending where None.

    Returns
    -------
    Table
        `.rows` has the file's columns as text, and `source_file` and `source_row`; `.problems` what is wrong with the file.

    Raises
    ------
    DataProblem
        The file is missing, a folder, or empty.

    Examples
    --------
    >>> from biomarkers.study.study import example_folder
    >>> table = read_table(example_folder("br1801") / "subjects.csv")
    >>> len(table.rows), len(table.problems)
    (114, 0)
    """
    file = Path(path)
    fault = unreadable(file, file.name)
    if fault is not None:
        raise DataProblem(str(fault), [fault])
    reader = reader_of(file, format)
    table = reader.read(file, name=file.name, source=Source(table=file.stem, format=reader.name), wanted=None)
    return Table(file.name, table.rows, tuple(sort(table.problems)), table.header)


def unreadable(path: Path, name: str) -> Problem | None:
    """Why a path is no file that can be read: missing, a folder, a device, a link to nowhere, empty."""
    try:
        if path.is_symlink() and not path.exists():
            return Problem(file=name, problem="a link that leads nowhere", remedy="correct the path", code="missing_file")
        if not path.exists():
            return Problem(file=name, problem="the file does not exist", remedy=_nearby(path), code="missing_file")
        if path.is_dir():
            return Problem(file=name, problem="a folder, where a file is due", remedy="name the file in it", code="not_a_file")
        if not path.is_file():
            return Problem(file=name, problem="a device or a pipe, not a file", remedy="name a file", code="not_a_file")
        if path.stat().st_size == 0:
            return Problem(file=name, problem="the file is empty (0 bytes)", remedy="export it again", code="empty_file")
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return Problem(
            file=name,
            problem=f"cannot be read: {error.strerror or type(error).__name__}",
            remedy="check the path and its permissions",
            code="unreadable_file",
        )
    return None


def _nearby(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        names = []
    return did_you_mean(path.name, sorted(names), "correct the path; it counts from the folder of study.toml")
