"""SAS data files (.sas7bdat): the same door as transport files, with the other parser of pyreadstat."""

from __future__ import annotations

from pathlib import Path

from biomarkers.domain.source import Source
from biomarkers.readers.delimited import LARGEST_FILE
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted
from biomarkers.readers.text_rows import no_rows
from biomarkers.readers.xpt import sas_table

MAGIC = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")


def read_sas7bdat(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """The rows of a SAS data file as text; only the wanted columns are read."""
    found = Findings(name)
    if path.stat().st_size > LARGEST_FILE:
        found.add("too_large", f"more than {LARGEST_FILE:,} bytes", "split the file")
        return no_rows(found)
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            found.add(
                "wrong_format", "no SAS data file: its first 32 bytes are not those of sas7bdat", "declare the right format"
            )
            return no_rows(found)
    return sas_table(path, source, wanted, found, function="read_sas7bdat")
