"""Genotypes straight from VCF: the caller of `genotype/` answers for every sample, with a call or a reason."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.readers.table import READERS, Table, Wanted

OPTIONS = READERS["vcf"].options
"""Options of the caller that `tables.genotypes.options` may set."""


def read_vcf(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:  # noqa: ARG001 - one signature for all readers
    """One row per sample and locus with the columns of a calls table, as text; what the calls mean is for the table to say."""
    from biomarkers.genotype import call_genotypes

    options = {key: value for key, value in source.options.items() if key in OPTIONS}
    calls = call_genotypes([path], loci=source.locus, build=source.build, **options)
    rows = pd.DataFrame({column: _text(calls[column]) for column in calls.columns}, index=range(len(calls)))
    rows["file"] = pd.array([name] * len(rows), dtype=TEXT)
    rows["source_file"] = pd.array([name] * len(rows), dtype=TEXT)
    rows["source_row"] = pd.array([pd.NA] * len(rows), dtype="Int64")
    return Table(name, rows, (), tuple(calls.columns))


def _text(column: pd.Series) -> pd.api.extensions.ExtensionArray:
    """Text of each value, blank where missing."""
    return pd.array(["" if pd.isna(value) else _plain(value) for value in column], dtype=TEXT)


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
