"""CDISC SDTM findings: microscopic findings (MI), laboratory tests (LB) and genomic findings (GF), as tissue reads, blood and
genotypes.

`<20` stands in --STRESC while --STRESN is empty: reading the numeric column alone deletes every value below the limit, so the
character result is the value. A test is named by --TESTCD, in MI by MITESTCD and MITSTDTL together: MITESTCD alone mixes a
percentage with an H-score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.readers.adam import study_days
from biomarkers.readers.dataset import columns_wanted, first_of, lacking, named, not_read, read_dataset, restricted
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted

COMPARTMENTS = ("stromal", "intratumoral", "total", "margin")


@dataclass(frozen=True, slots=True)
class Domain:
    """Which columns of a findings domain hold what; the first present of several counts.

    Parameters
    ----------
    prefix : str
    test : tuple of str
        Columns that name the test together, joined by a blank.
    columns : mapping of str to tuple of str
        Column of the canonical table to columns of the domain, without their prefix unless they begin with a point.
    """

    prefix: str
    test: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]

    def places(self, column: str) -> tuple[str, ...]:
        """Full names of the columns that may hold one column of the table."""
        return tuple(name[1:] if name.startswith(".") else self.prefix + name for name in self.columns[column])

    @property
    def read(self) -> set[str]:
        """Every column this domain may need."""
        own = {place for column in self.columns for place in self.places(column)}
        mine = ("STRESC", "ORRES", "STRESU", "ORRESU", "STAT", "REASND", "DY", "DTC")
        return own | {*self.test, "USUBJID"} | {self.prefix + name for name in mine}


MI = Domain(
    "MI",
    ("MITESTCD", "MITSTDTL"),
    {
        "specimen": ("REFID", "SPID"),
        "reader": ("EVALID", "EVAL"),
        "method": ("METHOD",),
        "compartment": ("LOC",),
        "antibody": ("ANTIBODY",),
        "batch": ("BATCH",),
    },
)
LB = Domain(
    "LB",
    ("LBTESTCD",),
    {
        "specimen": ("REFID", "SPID"),
        "visit": (".VISIT",),
        "assay": ("METHOD",),
        "matrix": ("SPEC",),
        "lod": ("LLOD", "LLOQ"),
        "loq": ("LLOQ",),
        "uloq": ("ULOQ",),
        "lot": ("LOT",),
        "run": ("RUNID",),
    },
)
GF = Domain("GF", ("GFTESTCD",), {"sample": ("REFID", "SPID"), "build": ("GENREF",)})


def read_lb(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of `blood`: the standardised character result with its unit, else the result as collected with its own."""
    return _findings(LB, path, name, source, wanted)


def read_mi(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of `tissue_reads`; the marker is spelled `MITESTCD MITSTDTL` for `marker_names`."""
    return _findings(MI, path, name, source, wanted)


def read_gf(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of `genotypes`: the locus by its rs number or symbol, the call in letters of the protein.

    Letters of bases say nothing without a strand and are refused where the call is read, as in a sheet; give the VCF then.
    """
    found = Findings(name)
    extra = {"GFPVRID", "GFSYM"}
    table = read_dataset(path, name=name, source=source, wanted=columns_wanted(GF.read | extra, source, wanted))
    nothing = lacking(table, ("USUBJID",), "GF domain", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = table.rows.copy()
    known = _loci()
    locus = [known.get(text.strip().casefold(), "") for text in first_of(rows, ("GFPVRID",))]
    symbol = [known.get(text.strip().casefold(), "") for text in first_of(rows, ("GFSYM",))]
    rows["locus"] = pd.array([a or b for a, b in zip(locus, symbol, strict=True)], dtype=TEXT)
    keep = rows["locus"].isin(source.locus)
    if (~keep).any():
        others = Counter(text or "no rs number" for text in first_of(rows[~keep], ("GFPVRID", "GFSYM")))
        said = ", ".join(f"{text} in {n}" for text, n in others.most_common(6))
        found.add(
            "other_loci", f"{int((~keep).sum())} rows are of other loci and are not read: {said}", severity="note", line=1
        )
    rows = rows[keep].reset_index(drop=True)
    if rows.empty:
        found.add("no_rows", f"no row is of {', '.join(source.locus)}", 'declare locus = "..."', line=1, column="GFPVRID")
    rows["subject"] = rows["USUBJID"]
    rows["call"] = pd.array(_results(rows, "GF", found)[0], dtype=TEXT)
    for column in GF.columns:
        if column not in source.columns and any(place in rows for place in GF.places(column)):
            rows[column] = pd.array(first_of(rows, GF.places(column)), dtype=TEXT)
    not_read(table, rows.columns, found)
    return named(table, rows, {"subject": "USUBJID", "call": "GFSTRESC", "locus": "GFPVRID"}, found)


def _loci() -> dict[str, str]:
    """rs number, and a gene with one known locus, to the name of the locus."""
    from biomarkers.domain.loci import LOCI

    known = [locus for locus in LOCI.values() if locus.rsid]  # a paralog's own base is no variant: its gene means another one
    names = {locus.rsid.casefold(): locus.id for locus in known}
    genes = Counter(locus.gene.casefold() for locus in known)
    names |= {locus.gene.casefold(): locus.id for locus in known if genes[locus.gene.casefold()] == 1}
    return names | {locus.id.casefold(): locus.id for locus in LOCI.values()}


def _findings(domain: Domain, path: Path, name: str, source: Source, wanted: Wanted | None) -> Table:
    found = Findings(name)
    table = read_dataset(path, name=name, source=source, wanted=columns_wanted(domain.read, source, wanted))
    nothing = lacking(table, ("USUBJID", domain.test[0]), f"{domain.prefix} domain", found)
    if nothing is not None:
        return nothing
    table = restricted(table, source, found)
    rows = table.rows.copy()
    tests = [
        " ".join(part for part in parts if part) for parts in zip(*(first_of(rows, (t,)) for t in domain.test), strict=True)
    ]
    rows["marker"] = pd.array(tests, dtype=TEXT)
    rows = _declared_tests(rows, source, domain, found)
    rows["subject"] = rows["USUBJID"]
    values, units = _results(rows, domain.prefix, found)
    rows["value"], rows["unit"] = pd.array(values, dtype=TEXT), pd.array(units, dtype=TEXT)
    for column in domain.columns:
        if column not in source.columns and any(place in rows for place in domain.places(column)):
            rows[column] = pd.array(first_of(rows, domain.places(column)), dtype=TEXT)
    if "matrix" in rows:
        rows["matrix"] = rows["matrix"].str.lower()
    if "compartment" in rows and "compartment" not in source.columns:
        # MILOC is a place in the body or in the tissue; an organ is no compartment of a tumour
        places = rows["compartment"].str.strip().str.lower()
        rows["compartment"] = places.where(places.isin(COMPARTMENTS), "")
    if "day" not in source.columns:
        rows["day"] = _days(rows, domain.prefix, source, found)
    not_read(table, rows.columns, found)
    spelled = {
        "subject": "USUBJID",
        "marker": domain.test[0],
        "value": f"{domain.prefix}STRESC",
        "unit": f"{domain.prefix}STRESU",
        "day": f"{domain.prefix}DY",
    }
    return named(table, rows, spelled, found)


def _declared_tests(rows: pd.DataFrame, source: Source, domain: Domain, found: Findings) -> pd.DataFrame:
    """The tests that study.toml or the registry knows; a panel of forty others is counted, not refused one by one."""
    known: Collection[str] = {*source.marker_names, *MARKERS, *source.markers}
    counts = Counter(rows["marker"])
    others = {test: n for test, n in counts.items() if test not in known}
    said = ", ".join(f"{test!r} in {n}" for test, n in sorted(others.items(), key=lambda item: -item[1])[:8])
    if len(others) == len(counts) and counts:
        found.add(
            "unknown_marker",
            f"none of the tests is mapped to a marker; the file holds {said}",
            f'map those that are meant: marker_names = {{ {next(iter(others))!r} = "..." }}'.replace("'", '"'),
            line=1,
            column=domain.test[0],
        )
    elif others:
        found.add(
            "other_tests",
            f"{sum(others.values())} rows of {len(others)} other tests are not read: {said}",
            "map what is meant under marker_names",
            severity="note",
            line=1,
            column=domain.test[0],
        )
    for test in source.marker_names:
        if test not in counts:
            found.add(
                "where",
                f"marker_names names {test!r}, which no row holds",
                "correct the spelling",
                line=1,
                column=domain.test[0],
                value=test,
            )
    return rows[~rows["marker"].isin(list(others))].reset_index(drop=True)


def _results(rows: pd.DataFrame, prefix: str, found: Findings) -> tuple[list[str], list[str]]:
    """Result and unit of each row; NOT DONE is missing with the reason that --REASND gives, where it is a known one."""
    standard, collected = first_of(rows, (f"{prefix}STRESC",)), first_of(rows, (f"{prefix}ORRES",))
    units, raw_units = first_of(rows, (f"{prefix}STRESU",)), first_of(rows, (f"{prefix}ORRESU",))
    status, reasons = first_of(rows, (f"{prefix}STAT",)), first_of(rows, (f"{prefix}REASND",))
    values, its_units, fallen_back = [], [], 0
    for i, text in enumerate(standard):
        if status[i].strip().casefold() == "not done":
            values.append(reasons[i] if reasons[i].strip().casefold() in words.MISSING else "not done")
            its_units.append("")
        elif text.strip():
            values.append(text)
            its_units.append(units[i])
        else:
            fallen_back += bool(collected[i].strip())
            values.append(collected[i])
            its_units.append(raw_units[i])
    if fallen_back:
        found.add(
            "as_collected",
            f"{fallen_back} rows have no standardised result: the result as collected is taken, in its own unit",
            severity="note",
            line=1,
            column=f"{prefix}ORRES",
        )
    stated = Counter(text for text, done in zip(reasons, status, strict=True) if done.strip() and text.strip())
    if stated:
        said = ", ".join(f"{text!r} in {n}" for text, n in stated.most_common(8))
        found.add("not_done", f"not done, by reason: {said}", severity="note", line=1, column=f"{prefix}REASND")
    return values, its_units


def _days(rows: pd.DataFrame, prefix: str, source: Source, found: Findings) -> pd.api.extensions.ExtensionArray:
    """The date where `day0` will make a day of it, else the study day of the file, which counts from RFSTDTC."""
    if source.day0 is not None and source.day0.column != "DY":
        if f"{prefix}DTC" not in rows:
            found.add(
                "missing_column",
                f"no column {prefix}DTC, though day0 is declared",
                "remove day0, or export the dates",
                line=1,
                column=f"{prefix}DTC",
            )
        return pd.array(first_of(rows, (f"{prefix}DTC",)), dtype=TEXT)
    if f"{prefix}DY" not in rows:
        return pd.array([""] * len(rows), dtype=TEXT)
    if source.day0 is None:
        found.add(
            "clock",
            f"{prefix}DY counts from RFSTDTC, often the first dose; is that time zero of the endpoints?",
            'declare day0 = "DY" if it is, else day0 = { path = "adsl.xpt", column = "RANDDT" }',
            severity="warning",
            line=1,
            column=f"{prefix}DY",
        )
    return study_days(rows, f"{prefix}DY", "USUBJID", found)
