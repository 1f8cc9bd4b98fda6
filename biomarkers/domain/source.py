"""Where one table comes from, and everything study.toml declares about it; nothing about a file is known that is not here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

NDMeaning = Literal["not_detected", "not_done"]
ZeroMeaning = Literal["below_limit", "real", "missing"]
Replicates = Literal["error", "mean", "median", "first", "last"]
Consensus = Literal["error", "use", "drop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How numbers and ambiguous words are to be read, in one file or for one marker; None leaves it undeclared.

    Parameters
    ----------
    nd : {"not_detected", "not_done"} or None
        What `ND` means. Undeclared, every ND is refused.
    zero : {"below_limit", "real", "missing"} or None
        What a zero means where the registry says it cannot be a measurement.
    decimal : {".", ","} or None
    thousands : str or None
        The sign between groups of three digits.
    words : mapping of str to str
        Further spellings of this file: `{ "low QC" = "assay_failed", "POS" = "detected" }`.
    unit : str or None
        Unit of the values where the file has no unit column.
    area_mm2 : float or None
        Counted area of a density whose file does not give it.
    """

    nd: NDMeaning | None = None
    zero: ZeroMeaning | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    area_mm2: float | None = None

    def over(self, other: Spelling) -> Spelling:
        """This spelling where it says something, else the other's: a marker's word counts before its file's."""
        return Spelling(
            nd=self.nd or other.nd,
            zero=self.zero or other.zero,
            decimal=self.decimal or other.decimal,
            thousands=self.thousands if self.thousands is not None else other.thousands,
            words={**other.words, **self.words},
            unit=self.unit or other.unit,
            area_mm2=self.area_mm2 if self.area_mm2 is not None else other.area_mm2,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerColumn:
    """What `[markers.X]` says about the delivery of one marker.

    Parameters
    ----------
    column : str or None
        Its column in a wide sheet.
    day : int
        Day of a wide sheet's value, by declaration; a baseline marker has day 0.
    spelling : Spelling
    extra : mapping of str to str
        Constants of its rows: `compartment = "stromal"`, `method = "digital"`, `parent_gate = "CD4"`.
    """

    column: str | None = None
    day: int = 0
    spelling: Spelling = field(default_factory=Spelling)
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRule:
    """What `[endpoints.X]` says about the columns of an endpoint and its codes.

    Parameters
    ----------
    time, event : str or None
        Columns in a wide sheet; None where the outcomes table has rows of this endpoint.
    unit : str or None
        Unit of `time`, converted once to days; None takes the row's own, else the table's `day_unit`.
    event_is, censored_is : tuple of str
        The spellings of "event" and "censored". Any other spelling is a problem.
    declared : bool
        Whether the coding was written in study.toml; 0/1 and true/false need no declaration.
    zero_time : {"error", "exclude", "keep"}
        An event on day 0 stops the run, leaves the analysis with its reason, or counts as the first of all events (what R
        does with an ADTTE, whose AVAL calls that day 1).
    after_restart : {"error", "event", "competing"}
        A progression after restart of therapy: refused until the estimand is declared.
    """

    time: str | None = None
    event: str | None = None
    unit: str | None = None
    event_is: tuple[str, ...] = ("1",)
    censored_is: tuple[str, ...] = ("0",)
    declared: bool = False
    zero_time: Literal["error", "exclude", "keep"] = "error"
    after_restart: Literal["error", "event", "competing"] = "error"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the calendar date of day 0 stands, for tables that give dates instead of study days.

    Parameters
    ----------
    column : str
        Column of the date; the word `DY` says that the file's own study days count from time zero.
    path : Path or None
        The file that holds it; None is the table's own file.
    name : str
        That file as study.toml names it.
    subject : str or None
        Its column of subjects; None takes USUBJID, subject, or the name the table's own file has.
    """

    column: str
    path: Path | None = None
    name: str = ""
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of the study: its files and their declarations.

    Parameters
    ----------
    table : str
        A key of `schema.TABLES`.
    paths : tuple of Path
        Existing files, in sorted order; globs are resolved.
    names : tuple of str
        The same files as a reader of study.toml knows them, relative to it.
    format : str or None
        A key of `readers.table.READERS`; None takes it from the ending or the content.
    columns : mapping of str to str
        Column of the schema to column of the file.
    constants : mapping of str to str
        Columns of the schema that have one value for the whole table.
    marker_names : mapping of str to str
        Spelling in the file to name in the registry.
    optional : bool
        The table may be absent.
    day_unit : str
        Unit of the table's day columns; converted once to integer days.
    spelling : Spelling
    replicates : {"error", "mean", "median", "first", "last"}
        What two values of one specimen and marker become.
    consensus : {"error", "use", "drop"}
        What happens to a consensus read beside single reads.
    unknown_subjects : {"error", "exclude"}
        Rows of a subject that `subjects` does not hold.
    sheet : str or None
        Sheet of a workbook.
    encoding : str or None
        Encoding of a text file; None means UTF-8 with or without its mark.
    delimiter : str or None
        None takes it from the header line.
    samples : mapping of str to str
        Sample name in a VCF to subject.
    locus : tuple of str
    build : str or None
        Reference build of a VCF whose header does not say.
    paramcd : mapping of str to str
        Parameters of an ADTTE or ADRS table, each with the endpoint it stands for.
    where : mapping of str to tuple of str
        Only rows whose column (of the file) holds one of these values; the others are counted.
    day0 : Origin or None
        Where the date of day 0 stands; dates in the table's day columns become study days.
    date_format : str or None
        How dates are written where they are not ISO: `%d/%m/%Y`.
    instrument : str or None
        The REDCap form whose rows are meant.
    events : mapping of str to int or None
        REDCap events (unique names) that are meant, each with its study day where it has one.
    options : mapping
        Options handed to the reader of the format as they stand (absent, min_dp, ...).
    endpoints : mapping of str to EndpointRule
        The same for every source of a study.
    markers : mapping of str to MarkerColumn
        The same for every source of a study.
    """

    table: str
    paths: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    marker_names: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    day_unit: str = "days"
    spelling: Spelling = field(default_factory=Spelling)
    replicates: Replicates = "error"
    consensus: Consensus = "error"
    unknown_subjects: Literal["error", "exclude"] = "error"
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    samples: Mapping[str, str] = field(default_factory=dict)
    locus: tuple[str, ...] = ("FCGR3A-158",)
    build: str | None = None
    paramcd: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    day0: Origin | None = None
    date_format: str | None = None
    instrument: str | None = None
    events: Mapping[str, int | None] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    endpoints: Mapping[str, EndpointRule] = field(default_factory=dict)
    markers: Mapping[str, MarkerColumn] = field(default_factory=dict)

    def spelling_of(self, marker: str) -> Spelling:
        """How this marker's cells are spelled in this table."""
        return self.markers[marker].spelling.over(self.spelling) if marker in self.markers else self.spelling
