"""Rows as lines of a TSV, and back, without loss: no cell can break a line, and none is a formula to a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from biomarkers.genotype.calls import COLUMNS, LocusCalls

INTEGERS = ("n_copies", "n_v", "dp", "ad_ref", "ad_alt", "pos")
REALS = ("dosage", "gq")
HEADER_LINE = "\t".join(COLUMNS) + "\n"
_ESCAPES = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
_ESCAPES |= {c: f"\\x{c:02x}" for c in range(32) if c not in _ESCAPES} | {127: "\\x7f"}
_MARKUP = re.compile(r"<(?![A-Z*][A-Z0-9_:*]*>)")  # a tag, but no symbolic allele such as <NON_REF>
_FORMULAS = ("=", "+", "-", "@")


def tsv_lines(calls: Iterable[LocusCalls]) -> str:
    """The rows of one file as TSV lines, without the header line."""
    return "".join("\t".join(map(_cell, row)) + "\n" for c in calls for row in c.rows())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return value if value.isalnum() else text_cell(value)
    if type(value) is float:
        return str(int(value)) if value == int(value) else repr(value)
    return str(value)


def text_cell(value: str) -> str:
    """No cell breaks a line, opens a tag in a viewer, or is a formula to a spreadsheet (`= + - @ '` get an apostrophe)."""
    if not value.isprintable() or "\\" in value:
        value = value.translate(_ESCAPES)
    if "<" in value:
        value = _MARKUP.sub(r"\\x3c", value)
    marked = value.startswith("'") or (value.startswith(_FORMULAS) and len(value) > 1)
    return "'" + value if marked else value


def untext(value: str) -> str:
    """The text that stood behind a cell of the table."""
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
    return untext(value)
