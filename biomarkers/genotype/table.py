"""Rows become a table: a pandas frame, or the lines of a TSV, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.genotype.calls import COLUMNS, LocusCalls

INTEGERS = ("n_copies", "n_v", "dp", "ad_ref", "ad_alt", "pos")
REALS = ("dosage", "gq")
CATEGORIES = ("file", "locus", "build", "call", "bases", "reason", "filter", "ref", "alt", "note")
HEADER_LINE = "\t".join(COLUMNS) + "\n"


def frame_of(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Rows in the order of `COLUMNS` as a frame with fixed types: text that is empty stays empty, numbers may be missing."""
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=False))
    return _typed({name: list(columns.get(name, ())) for name in COLUMNS})


def _typed(columns: dict[str, Any]) -> pd.DataFrame:
    for name in INTEGERS:
        columns[name] = pd.array(columns[name], dtype="Int64")
    for name in REALS:
        columns[name] = np.array([np.nan if x is None else x for x in columns[name]], dtype=float)
    for name in CATEGORIES:
        columns[name] = _category(columns[name])
    columns["sample"] = pd.array(columns["sample"], dtype="str")
    columns["phased"] = np.array(columns["phased"], dtype=bool)
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def _category(values: Sequence[str]) -> pd.Categorical:
    index: dict[str, int] = {}
    codes = [index.setdefault(v, len(index)) for v in values]
    return pd.Categorical.from_codes(np.array(codes, dtype=np.int32), categories=pd.Index(list(index), dtype="str"))


def frame_of_calls(calls: Sequence[LocusCalls]) -> pd.DataFrame:
    """The frame of many files' calls; large files keep their columns, and no object is made per sample."""
    if sum(len(c.samples) for c in calls) < 1000:
        return frame_of(row for c in calls for row in c.rows())
    return frame_of(row for c in calls for row in c.rows())


# ---------------------------------------------------------------------- TSV
_ESCAPES = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
_ESCAPES |= {c: f"\\x{c:02x}" for c in range(32) if c not in _ESCAPES} | {127: "\\x7f"}
_MARKED = ("=", "+", "-", "@", "'")
_TEXT_COLUMNS = frozenset({"file", "sample", "note", "ref", "alt", "filter"})


def tsv_lines(calls: Iterable[LocusCalls]) -> str:
    """The rows of one file as TSV lines, without the header line."""
    return "".join("\t".join(map(_cell, row)) + "\n" for c in calls for row in c.rows())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return value if value.isalnum() else _text(value)
    if type(value) is float:
        return str(int(value)) if value == int(value) else repr(value)
    return str(value)


def _text(value: str) -> str:
    """No cell can break a line, and none is a formula to a spreadsheet: a leading `= + - @ '` gets an apostrophe."""
    if not value.isprintable() or "\\" in value:
        value = value.translate(_ESCAPES)
    return "'" + value if value.startswith(_MARKED) and len(value) > 1 else value


def _untext(value: str) -> str:
    if value.startswith("'"):
        value = value[1:]
    return value.encode("latin-1", "backslashreplace").decode("unicode_escape") if "\\" in value else value


def rows_of_tsv(text: str) -> list[list[Any]]:
    """Rows of TSV lines without their header, with numbers as numbers."""
    rows = []
    for line in text.split("\n"):
        if line:
            values: list[Any] = line.split("\t")
            rows.append([_parse(name, value) for name, value in zip(COLUMNS, values, strict=True)])
    return rows


def _parse(name: str, value: str) -> Any:
    if name in INTEGERS:
        return int(value) if value else None
    if name in REALS:
        return float(value) if value else None
    if name == "phased":
        return value == "True"
    return _untext(value)


def read_calls(path: str | Path) -> pd.DataFrame:
    """Read the `calls.tsv` of `biomarkers genotype` (or its `.jsonl` or `.parquet`) with the types it was written from.

    Raises
    ------
    UseError
        The file is none of these, lacks a column, or has a line of another length; the line is named.
    """
    where = Path(path)
    if where.suffix == ".parquet":
        return _typed({c: [None if pd.isna(v) else v for v in s] for c, s in pd.read_parquet(where).items()})
    text = where.read_text(encoding="utf-8")
    if where.suffix == ".jsonl":
        return frame_of([json.loads(line)[name] for name in COLUMNS] for line in text.splitlines())
    head, _, body = text.partition("\n")
    if head.split("\t") != list(COLUMNS):
        missing = [c for c in COLUMNS if c not in head.split("\t")]
        raise UseError(f"{where}:1: not a calls table of `biomarkers genotype`" + (f"; column {missing[0]!r} is missing" if missing else ""))
    for i, line in enumerate(body.splitlines(), start=2):
        if line.count("\t") != len(COLUMNS) - 1:
            raise UseError(f"{where}:{i}: {line.count(chr(9)) + 1} columns, the header has {len(COLUMNS)}; was the file edited?")
    return frame_of(rows_of_tsv(body))
