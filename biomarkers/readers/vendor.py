"""Exports of assay vendors and central laboratories: a title above the header, the unit inside it, dates instead of days.

What the columns mean is declared in study.toml (`columns`, `constants`, `marker_names`); this reader only makes a plain
table of the sheet. Units of different assays are never pooled: MTM/mL, VAF, ppm, copies and tumour fraction are different
markers.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.readers.dataset import not_read, read_dataset, restricted
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted

_UNIT = re.compile(r"(.+?)\s*[\[(]\s*([^\])]+?)\s*[\])]\s*")


def split_unit(name: str) -> tuple[str, str]:
    """Name and unit of a column.

    Examples
    --------
    >>> split_unit("TK1 (DuA)"), split_unit("MTM/mL"), split_unit("cfDNA [ng/mL]")
    (('TK1', 'DuA'), ('MTM/mL', ''), ('cfDNA', 'ng/mL'))
    """
    match = _UNIT.fullmatch(name)
    return (match[1], match[2]) if match else (name.strip(), "")


def read_vendor(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """The rows under their column names without units; the unit of the column that holds the value goes to `unit`.

    A column is found by its whole name or by its name without the unit. Two columns that differ by their unit only have to be
    declared with it.
    """
    found = Findings(name)
    names: dict[str, str] = {}

    def choose(header: tuple[str, ...]) -> list[str]:
        bare = [split_unit(column)[0] for column in header]
        names.update(
            {
                column: column if bare.count(short) > 1 or short in header else short
                for column, short in zip(header, bare, strict=True)
            }
        )
        named_columns = tuple(dict.fromkeys([*header, *names.values()]))
        chosen = {*named_columns} if wanted is None else {*wanted(named_columns), *source.where}
        return [column for column in header if column in chosen or names[column] in chosen]

    declared = set(source.columns.values()) | {marker.column for marker in source.markers.values() if marker.column}

    def header_at(rows: list[list[str]]) -> int:
        """The first row that holds a declared column; title rows stand above it."""
        here = (i for i, cells in enumerate(rows) if any(cell in declared or split_unit(cell)[0] in declared for cell in cells))
        return next(here, 0)

    table = read_dataset(path, name=name, source=source, wanted=choose, header_at=header_at)
    renamed = {
        column: short for column, short in names.items() if column not in declared and short != column and column in table.rows
    }
    rows = table.rows.rename(columns=renamed)
    value = source.columns.get("value", "value")
    unit = next((split_unit(column)[1] for column in names if value in (column, names[column]) and split_unit(column)[1]), "")
    if unit and value in rows and "unit" not in source.columns and "unit" not in source.constants and "unit" not in rows:
        rows["unit"] = pd.array([unit] * len(rows), dtype=TEXT)
        found.add("unit", f"unit {unit!r}, from the header", severity="note", line=1, column=value)
    header = tuple(renamed.get(column, column) for column in table.header)
    table = restricted(replace(table, rows=rows, header=header), source, found)
    not_read(table, table.rows.columns, found)
    header = tuple(dict.fromkeys([*(c for c in table.rows.columns if c not in ("source_file", "source_row")), *header]))
    spelled = {short: column for column, short in renamed.items()}
    return replace(table, header=header, problems=(*table.problems, *found.all()), spelled=spelled)
