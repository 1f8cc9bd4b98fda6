"""Rows become a pandas frame with fixed types, and a table on disk becomes that frame again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.genotype.calls import COLUMNS, LocusCalls
from biomarkers.genotype.cells import Numbers
from biomarkers.genotype.header import Samples
from biomarkers.genotype.tsv import INTEGERS, REALS, rows_of_tsv

CATEGORIES = ("file", "locus", "build", "call", "bases", "reason", "filter", "ref", "alt", "note")


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
    """The frame of many files' calls; a large file keeps its columns, and no object is made per sample."""
    parts: list[_Part] = []
    for c in calls:
        if len(c.samples) >= 64:
            parts.append(_Columns(c))
        elif parts and isinstance(parts[-1], _Rows):
            parts[-1].add(c)
        else:
            parts.append(_Rows(c))
    n = sum(p.n for p in parts)
    columns: dict[str, Any] = {"phased": np.zeros(n, dtype=bool), "sample": _names(parts)}
    for name in CATEGORIES:
        columns[name] = _joint_category([p.category(name) for p in parts], [p.n for p in parts])
    for name in INTEGERS:
        values, missing = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
        for part, place in _places(parts):
            part.integer(name, values[place], missing[place])
        columns[name] = pd.arrays.IntegerArray(values, missing)
    for name in REALS:
        columns[name] = np.empty(n)
        for part, place in _places(parts):
            part.real(name, columns[name][place])
    for part, place in _places(parts):
        part.phased(columns["phased"][place])
    return pd.DataFrame({name: columns[name] for name in COLUMNS}, copy=False)


def _places(parts: list[_Part]) -> Iterator[tuple[_Part, slice]]:
    at = 0
    for part in parts:
        yield part, slice(at, at + part.n)
        at += part.n


class _Rows:
    """Small files, row by row."""

    def __init__(self, first: LocusCalls) -> None:
        self.rows: list[Sequence[Any]] = list(first.rows())
        self._columns: dict[str, Sequence[Any]] = {}

    def add(self, more: LocusCalls) -> None:
        self.rows.extend(more.rows())

    def _column(self, name: str) -> Sequence[Any]:
        if not self._columns:
            self._columns = dict(zip(COLUMNS, zip(*self.rows, strict=True), strict=True))
        return self._columns[name]

    @property
    def n(self) -> int:
        return len(self.rows)

    def category(self, name: str) -> tuple[list[str], np.ndarray | int]:
        index: dict[str, int] = {}
        codes = [index.setdefault(v, len(index)) for v in self._column(name)]
        return list(index), np.array(codes, dtype=np.intp)

    def integer(self, name: str, values: np.ndarray, missing: np.ndarray) -> None:
        column = self._column(name)
        values[:] = [v or 0 for v in column]
        missing[:] = [v is None for v in column]

    def real(self, name: str, values: np.ndarray) -> None:
        values[:] = [np.nan if v is None else v for v in self._column(name)]

    def phased(self, values: np.ndarray) -> None:
        values[:] = self._column("phased")

    def names(self) -> Sequence[str]:
        return self._column("sample")


class _Columns:
    """One large file at one locus: a value per verdict, spread over the samples by their codes."""

    def __init__(self, calls: LocusCalls) -> None:
        self.calls, self.n = calls, len(calls.samples)
        self.codes = np.asarray(calls.codes, dtype=np.intp)
        if isinstance(calls.numbers, dict) or calls.numbers is None:
            self.numbers = calls.numbers or {}
        else:
            columns = zip(*calls.numbers, strict=True)
            self.numbers = {k: np.array([np.nan if x is None else x for x in v], dtype=float)
                            for k, v in zip(Numbers._fields, columns, strict=True)}

    def _spread(self, values: list[Any], out: np.ndarray) -> None:
        if all(v == values[0] for v in values):
            out[:] = values[0]
        else:
            np.take(np.array(values, dtype=out.dtype), self.codes, out=out, mode="clip")

    def category(self, name: str) -> tuple[list[str], np.ndarray | int]:
        c = self.calls
        if name in ("file", "locus", "build"):
            return [getattr(c, name)], 0
        if name in ("filter", "ref", "alt"):
            words = [getattr(head, name) for head in c.heads]
        else:
            words = [getattr(v, name) for v in c.verdicts]
        index: dict[str, int] = {}
        codes = [index.setdefault(w, len(index)) for w in words]
        if len(index) == 1:
            return list(index), 0
        spread = np.empty(self.n, dtype=np.int8 if len(index) < 127 else np.int32)
        self._spread(codes, spread)
        return list(index), spread

    def integer(self, name: str, values: np.ndarray, missing: np.ndarray) -> None:
        if name in ("n_copies", "n_v", "pos"):
            c = self.calls
            given = [head.pos for head in c.heads] if name == "pos" else [getattr(v, name) for v in c.verdicts]
            self._spread([v or 0 for v in given], values)
            self._spread([v is None for v in given], missing)
        elif (column := self.numbers.get(name)) is not None:
            absent = np.isnan(column) if column.dtype.kind == "f" else np.zeros(self.n, dtype=bool)
            values[:] = np.where(absent, 0, column)
            missing[:] = absent

    def real(self, name: str, values: np.ndarray) -> None:
        column = self.numbers.get(name)
        if name == "dosage":
            self._spread([float(v.n_v or 0) if v.call else math.nan for v in self.calls.verdicts], values)
            if column is not None:
                struck = np.array([v.reason == "SAMPLE_DUP_DISCORDANT" for v in self.calls.verdicts])
                np.copyto(values, column, where=~np.isnan(column) & ~struck[self.codes])
        else:
            values[:] = math.nan if column is None else column

    def phased(self, values: np.ndarray) -> None:
        self._spread([v.phased for v in self.calls.verdicts], values)

    def names(self) -> Sequence[str]:
        return self.calls.samples


_Part = _Rows | _Columns


def _joint_category(pieces: list[tuple[list[str], np.ndarray | int]], sizes: list[int]) -> pd.Categorical:
    index: dict[str, int] = {}
    moved = [[index.setdefault(w, len(index)) for w in words] for words, _ in pieces]
    joint = np.zeros(sum(sizes), dtype=np.int8 if len(index) < 127 else np.int32)
    at = 0
    for places, (_, piece), size in zip(moved, pieces, sizes, strict=True):
        here = joint[at:at + size]
        if isinstance(piece, int):
            if places[piece]:
                here[:] = places[piece]
        elif places == list(range(len(places))):
            here[:] = piece
        else:
            here[:] = np.array(places, dtype=joint.dtype)[piece]
        at += size
    return pd.Categorical.from_codes(joint, dtype=_category_dtype(tuple(index)), validate=False)


@lru_cache(maxsize=256)
def _category_dtype(words: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index(list(words), dtype="str"))


def _names(parts: list[_Part]) -> Any:
    """The sample column; names that several loci of one file share are made once."""
    made: dict[int, Any] = {}
    pieces = []
    for part in parts:
        names = part.names()
        if id(names) not in made:
            made[id(names)] = _string_array(names)
        pieces.append(made[id(names)])
    if not pieces:
        return pd.array([], dtype="str")
    return pieces[0] if len(pieces) == 1 else pieces[0]._concat_same_type(pieces)


def _string_array(names: Sequence[str]) -> Any:
    if isinstance(names, Samples) and len(names) >= 1000 and (arrow := _arrow_strings(names)) is not None:
        return arrow
    return pd.array(list(names), dtype="str")


def _arrow_strings(samples: Samples) -> Any:
    """Names from their bytes without an object each, where pandas keeps strings in arrow."""
    if not _KEEPS_STRINGS_IN_ARROW:
        return None
    import pyarrow

    n, raw, table = samples.n, samples.raw, samples.table
    if table is not None:
        offsets, data = np.arange(n + 1, dtype=np.int64) * table.shape[1], table.tobytes()
    else:
        tabs = np.flatnonzero(np.frombuffer(raw, dtype=np.uint8) == 9)
        offsets = np.concatenate([[0], tabs - np.arange(n - 1), [len(raw) - n + 1]]).astype(np.int64)
        data = raw.replace(b"\t", b"")
    buffers = pyarrow.py_buffer(offsets), pyarrow.py_buffer(data)
    return pd.array(pyarrow.LargeStringArray.from_buffers(n, *buffers), dtype="str")


_KEEPS_STRINGS_IN_ARROW = type(pd.array(["a"], dtype="str")).__name__ == "ArrowStringArray"


def frame_of_tsv(text: str) -> pd.DataFrame:
    """The frame of TSV lines without their header line."""
    return frame_of(rows_of_tsv(text))


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
        detail = f"; column {missing[0]!r} is missing" if missing else ""
        raise UseError(f"{where}:1: not a calls table of `biomarkers genotype`{detail}")
    for i, line in enumerate(body.split("\n")[:-1], start=2):
        if line.count("\t") != len(COLUMNS) - 1:
            n = line.count("\t") + 1
            raise UseError(f"{where}:{i}: {n} columns, the header has {len(COLUMNS)}; was the file edited?")
    return frame_of_tsv(body)
