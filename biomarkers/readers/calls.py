"""The table that `biomarkers genotype` writes, read back as genotypes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.genotype.tsv import untext
from biomarkers.readers.delimited import read_delimited
from biomarkers.readers.table import Table, Wanted


def read_calls(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of a calls table as text; one row per file, sample and locus, names as they stood in the VCF."""
    table = read_delimited(path, name=name, source=replace(source, format="tsv"), wanted=wanted)
    written = [c for c in ("file", "sample") if c in table.rows]
    named = {c: table.rows[c].map(untext, na_action="ignore").astype(TEXT) for c in written}
    return replace(table, rows=table.rows.assign(**named))
