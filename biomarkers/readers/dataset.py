"""A dataset, whatever holds it: transport file, SAS file, Dataset-JSON, workbook or delimited text, told by its bytes.

The readers of CDISC, REDCap, cBioPortal and vendor files stand on this one: they say what the columns mean, never how a file
is packed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from biomarkers.domain.source import Source
from biomarkers.readers import dataset_json, delimited, excel, sas7bdat, xpt
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import HeaderAt, Table, Wanted
from biomarkers.readers.text_rows import kept


def read_dataset(path: Path, *, name: str, source: Source, wanted: Wanted | None, header_at: HeaderAt | None = None) -> Table:
    """Text rows of the columns that `wanted` chooses; `header_at` finds the header of a sheet with lines above it."""
    with path.open("rb") as file:
        head = file.read(64)
    plain = replace(source, format="tsv" if path.suffix.lower() in (".txt", ".tsv", ".tab") else None)
    if head.startswith(xpt.MAGIC):
        return xpt.read_xpt(path, name=name, source=plain, wanted=wanted)
    if head.startswith(sas7bdat.MAGIC):
        return sas7bdat.read_sas7bdat(path, name=name, source=plain, wanted=wanted)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or head[:2] in dataset_json.COMPRESSED:
        return dataset_json.read_dataset_json(path, name=name, source=plain, wanted=wanted)
    sheet = excel.read_excel if head.startswith(b"PK\x03\x04") else delimited.read_delimited
    return sheet(path, name=name, source=plain, wanted=wanted, header_at=header_at)


def columns_wanted(mine: Iterable[str], source: Source, wanted: Wanted | None) -> Wanted:
    """The columns a format needs, those that study.toml declares, and nothing else.

    Read alone, without declarations, a file gives the columns of its format only: an allow-list, since the columns that hold
    names and dates of birth cannot be known beforehand.
    """
    named = {*mine, *source.where, *source.columns.values()}

    def choose(header: tuple[str, ...]) -> list[str]:
        declared = set() if wanted is None else set(wanted(header))
        return kept(header, lambda _: named | declared)

    return choose


def restricted(table: Table, source: Source, found: Findings) -> Table:
    """The rows that `where` asks for; the others are counted, and a value that no row has is named."""
    rows = table.rows
    for column, values in source.where.items():
        if column not in rows:
            found.add(
                "missing_column",
                f"column {column!r} is missing, though `where` names it",
                "correct the name in study.toml",
                line=1,
                column=column,
            )
            continue
        there = Counter(rows[column].fillna("").str.strip())
        for value in values:
            if value not in there:
                known = ", ".join(f"{name!r} in {n}" for name, n in there.most_common(8))
                found.add(
                    "where", f"no row has {column} = {value!r}; it holds {known}", "correct `where`", column=column, line=1
                )
        keep = rows[column].fillna("").str.strip().isin(values)
        if not keep.all():
            found.add(
                "where",
                f"{int((~keep).sum())} of {len(rows)} rows are not {column} = {' or '.join(values)}, and are not read",
                severity="note",
                line=1,
                column=column,
            )
        rows = rows[keep].reset_index(drop=True)
    return replace(table, rows=rows)


def not_read(table: Table, read: Iterable[str], found: Findings) -> None:
    """One note of how many columns were left in the file; their names may be telling, so a handful is enough."""
    left = [name for name in table.header if name not in set(read)]
    if left:
        shown = ", ".join(left[:8]) + (f" and {len(left) - 8} more" if len(left) > 8 else "")
        found.add(
            "undeclared",
            f"{len(left)} undeclared column{'s are' if len(left) > 1 else ' is'} not read: {shown}",
            "declare what is needed under columns, strata or covariates",
            severity="note",
            line=1,
        )


def named(table: Table, rows: pd.DataFrame, spelled: Mapping[str, str], found: Findings) -> Table:
    """The table with rows under the names of the schema; the names of the file stay in its header and in `spelled`."""
    trace = ("source_file", "source_row", "excluded", "excluded_why")
    header = dict.fromkeys([*(column for column in rows.columns if column not in trace), *table.header])
    return replace(table, rows=rows, problems=(*table.problems, *found.all()), header=tuple(header), spelled=dict(spelled))


def lacking(table: Table, columns: Iterable[str], what: str, found: Findings) -> Table | None:
    """An empty table with its reason where a column that makes the format what it is does not exist; None where all do."""
    missing = [column for column in columns if column not in table.rows]
    if not missing:
        return None
    if not any(problem.severity == "error" for problem in table.problems):
        found.add(
            "missing_column",
            f"no column {missing[0]}: this is no {what}",
            "declare the right format",
            line=1,
            column=missing[0],
        )
    empty = table.rows.iloc[:0][["source_file", "source_row"]]
    return replace(table, rows=empty, problems=(*table.problems, *found.all()), header=())


def first_of(rows: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Texts of the first of these columns that is there, blank where none is."""
    column = next((name for name in columns if name in rows), None)
    return [""] * len(rows) if column is None else rows[column].fillna("").tolist()
