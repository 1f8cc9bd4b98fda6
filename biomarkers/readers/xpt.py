"""SAS transport files (.xpt), and what they share with .sas7bdat: pyreadstat parses, and every cell becomes text.

pandas' own reader decodes the IBM zero of these files as 5.4e-79 (pandas issue 50670), so that `CNSR == 0` holds in no row and
every event of a trial vanishes. pyreadstat gives an exact 0, dates as dates, and reads only the columns it is asked for.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biomarkers.domain.source import Source
from biomarkers.readers.delimited import LARGEST_FILE
from biomarkers.readers.findings import Findings
from biomarkers.readers.table import Table, Wanted
from biomarkers.readers.text_rows import as_text, kept, no_rows, text_table

MAGIC = b"HEADER RECORD*******LIB"
_MEMBER = re.compile(rb"HEADER RECORD\*{7}(?:DSCRPTR|DSCPTV8)")


def read_xpt(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """The rows of the one dataset of a transport file, version 5 or 8, as text.

    A file of several members is refused: the first is not the one that was meant, it is only the first.
    """
    found = Findings(name)
    if not _is_one_dataset(path, found):
        return no_rows(found)
    return sas_table(path, source, wanted, found, function="read_xport")


def _is_one_dataset(path: Path, found: Findings) -> bool:
    if path.stat().st_size > LARGEST_FILE:
        found.add("too_large", f"more than {LARGEST_FILE:,} bytes", "split the file")
        return False
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        found.add("wrong_format", "no SAS transport file: its first record is not a library header", "declare the right format")
        return False
    members = len(_MEMBER.findall(data))
    if members > 1:
        found.add(
            "several_members",
            f"{members} datasets in one transport file: which one is meant?",
            "export each dataset to its own file, named after it",
        )
    return members <= 1


def sas_table(path: Path, source: Source, wanted: Wanted | None, found: Findings, *, function: str) -> Table:
    """Rows of a SAS file as text; the header is read first, then the wanted columns alone.

    Parameters
    ----------
    function : {"read_xport", "read_sas7bdat"}
        The reader of pyreadstat.
    """
    read = _pyreadstat(function, found)
    if read is None:
        return no_rows(found)
    options = {} if source.encoding is None else {"encoding": source.encoding}
    try:
        with warnings.catch_warnings():
            # pyreadstat renames a repeated column and only warns; which of the two holds is not for a reader to say
            warnings.simplefilter("error")
            _, meta = read(str(path), metadataonly=True, **options)
            header = list(meta.column_names)
            columns = kept(header, wanted)
            data, _ = read(str(path), usecols=columns, output_format="dict", **options) if columns else ({}, None)
    except UnicodeDecodeError:
        found.add("encoding", "text that is not UTF-8; the file does not say its encoding", 'declare it: encoding = "cp1252"')
        return no_rows(found)
    except Exception as error:  # pyreadstat raises its own classes for whatever its parser meets; all mean a damaged file
        found.add("damaged_sas_file", f"cannot be read ({type(error).__name__}: {error})", "export the file again")
        return no_rows(found)
    texts = {column: [as_text(value) for value in _values(data[column])] for column in columns}
    n = len(next(iter(texts.values()), []))
    if n == 0 and columns:
        found.add("no_rows", "0 rows of data", "export it again; an empty table is not a clean table")
    return text_table(texts, range(2, n + 2), header, found)


def _pyreadstat(function: str, found: Findings) -> Callable[..., Any] | None:
    """The reader, or None with what to install."""
    try:
        import pyreadstat
    except ImportError:
        found.add("extra", "reading a SAS file needs pyreadstat, which is not installed", 'pip install "biomarkers[sas]"')
        return None
    reader: Callable[..., Any] = getattr(pyreadstat, function)
    return reader


def _values(column: Any) -> list[Any]:
    """pyreadstat gives numbers as arrays and dates as lists; plain Python values of both."""
    values: list[Any] = column.tolist() if hasattr(column, "tolist") else list(column)
    return values
