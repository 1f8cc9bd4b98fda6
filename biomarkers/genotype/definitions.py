"""What a header says about a key: how many values it has and of which type; and whether a line keeps to it.

A line that breaks its own header's word is invalid, and an invalid line yields no call. A key that the header does not
define is held to the specification's definition where that reserves the key, else to none. Only numbers and flags are held
to their definition: texts are not, since widely used programs count them in their own way (GATK writes `12,3|4,5` under
AS_SB_TABLE of Number=1, GLnexus `..` under RNC of Number=2).
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import comb
from typing import NamedTuple


class Definition(NamedTuple):
    """`Number` and `Type` of a key, as written."""

    number: str
    type: str


_FREE = Definition(".", "String")
_RESERVED = {
    "INFO": {"AA": Definition("1", "String"), "AC": Definition("A", "Integer"), "AF": Definition("A", "Float"),
             "AN": Definition("1", "Integer"), "BQ": Definition("1", "Float"), "CIGAR": Definition("A", "String"),
             "DB": Definition("0", "Flag"), "DP": Definition("1", "Integer"), "END": Definition("1", "Integer"),
             "H2": Definition("0", "Flag"), "H3": Definition("0", "Flag"), "MQ": Definition("1", "Float"),
             "MQ0": Definition("1", "Integer"), "NS": Definition("1", "Integer"), "SB": Definition(".", "Float"),
             "SOMATIC": Definition("0", "Flag"), "VALIDATED": Definition("0", "Flag"), "1000G": Definition("0", "Flag")},
    "FORMAT": {"GL": Definition("G", "Float"), "PL": Definition("G", "Integer")},
}
_NUMBER, _TYPE = re.compile(rb"[<,]Number=([^,>]*)"), re.compile(rb"[<,]Type=([^,>]*)")


def definition(meta: bytes, kind: str, key: str) -> Definition:
    """The definition of a key in header lines; `kind` is `INFO` or `FORMAT`.

    >>> definition(b'\\n##FORMAT=<ID=AD,Number=R,Type=Integer,Description="reads">\\n', "FORMAT", "AD")
    Definition(number='R', type='Integer')
    >>> definition(b"", "INFO", "AC"), definition(b"", "INFO", "MINE")
    (Definition(number='A', type='Integer'), Definition(number='.', type='String'))
    """
    start = _defined_at(meta, kind, key)
    if start < 0:
        return _RESERVED[kind].get(key, _FREE)
    return _parsed(meta[start + 1:meta.find(b"\n", start + 1)])


def _defined_at(meta: bytes, kind: str, key: str) -> int:
    return meta.find(b"\n##%s=<ID=%s," % (kind.encode(), key.encode("latin-1")))


@lru_cache(maxsize=4096)
def _parsed(line: bytes) -> Definition:
    line = line.split(b'"', 1)[0]  # a description may hold anything
    number, kind = _NUMBER.search(line), _TYPE.search(line)
    return Definition(number[1].decode("latin-1") if number else ".", kind[1].decode("latin-1") if kind else "String")


def n_values(number: str, n_alts: int, ploidy: int) -> int | None:
    """How many values `Number` demands; None where it leaves that open.

    >>> [n_values(n, 2, 2) for n in ("1", "A", "R", "G", ".")]
    [1, 2, 3, 6, None]
    """
    if number.isascii() and number.isdigit() and len(number) < 10:
        return int(number)
    return {"A": n_alts, "R": n_alts + 1, "G": comb(n_alts + ploidy, ploidy)}.get(number)


_KEY = re.compile(r"(?:[A-Za-z_][0-9A-Za-z_.]*|1000G)\Z")
_BEFORE_4_3 = re.compile(rb"##fileformat=VCFv4\.[0-2]\s")


def format_key_fits(key: str, meta: bytes) -> bool:
    """True for a key of FORMAT that the file may use.

    Before VCF 4.3 a key is letters and digits; but every gVCF of GATK is VCF 4.2 and has MIN_DP. Such programs define their
    keys, so an underscore is allowed where the header defines the key.

    >>> old = b'##fileformat=VCFv4.2\\n##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="least depth">\\n'
    >>> [format_key_fits(key, old) for key in ("GT", "MIN_DP", "G_S", "G%S")]
    [True, True, False, False]
    """
    if not _KEY.match(key):
        return False
    return key.isalnum() or not _BEFORE_4_3.match(meta) or _defined_at(meta, "FORMAT", key) >= 0


# ---------------------------------------------------------------------- INFO
_INTEGER = re.compile(r"[+-]?\d{1,19}\Z")
_REAL = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)\Z", re.I)
_CIGAR = re.compile(r"(?:\d+[MIDNSHPX=])+\Z")
_COUNTS = frozenset({"AC", "AN", "DP", "MQ0", "NS", "END"})


def wrong_info(info: str, n_alts: int, meta: bytes) -> str:
    """What is wrong with an INFO column, by its first wrong entry; empty where nothing is.

    >>> wrong_info("DP=x", 1, b""), wrong_info("AC=1,2", 1, b""), wrong_info("DP=30;AC=1;DB", 1, b"")
    ("INFO 'DP=x' is not valid", "INFO 'AC=1,2' has 2 values where Number=A demands 1", '')
    """
    if info == ".":
        return ""
    seen = set()
    for entry in info.split(";"):
        key, equals, value = entry.partition("=")
        if not _KEY.match(key) or key in seen or (equals and not value):
            return f"INFO {(entry or ';')[:20]!r} is not valid"
        seen.add(key)
        if wrong := _wrong_entry(key, equals, value, n_alts, definition(meta, "INFO", key)):
            return f"INFO {entry[:20]!r} {wrong}"
    return ""


def _wrong_entry(key: str, equals: str, value: str, n_alts: int, defined: Definition) -> str:
    if defined.type == "Flag" or defined.number == "0":
        return "is a flag with a value" if equals else ""
    if not equals or value == ".":  # a key alone says that the line belongs to a group
        return ""
    values = value.split(",")
    # An INFO of Number=G would depend on a ploidy that only samples have; A and R of a line without ALT are left open.
    counted = defined.number != "G" and n_alts and (defined.type in _VALUE or key in _RESERVED["INFO"])
    n = n_values(defined.number, n_alts, 2) if counted else None
    if n is not None and n != len(values):
        return f"has {len(values)} values where Number={defined.number} demands {n}"
    if not all(v == "." or _value_fits(key, v, defined.type) for v in values):
        return "is not valid"
    return ""


def _value_fits(key: str, value: str, kind: str) -> bool:
    if key in _COUNTS:
        return value.isascii() and value.isdigit() and len(value) <= 10
    if key == "AF":
        return _REAL.match(value) is not None and 0.0 <= float(value) <= 1.0
    if key == "CIGAR":
        return _CIGAR.match(value) is not None
    if kind == "Integer":
        return _INTEGER.match(value) is not None
    return kind != "Float" or _REAL.match(value) is not None


# ---------------------------------------------------------------------- the cells
_VALUE = {"Integer": rb"(?:\.|[+-]?\d+)",
          "Float": rb"(?:\.|[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan))"}
# What a call rests on is read, and judged, by `cells`; of these only the number of values is looked at here.
_READ_ELSEWHERE = frozenset({"DP", "MIN_DP", "GQ", "RGQ", "AD", "CN", "LEN", "DS", "GP", "FT"})


class CellShape:
    """Whether the cells of one record have the values that the header promises.

    Parameters
    ----------
    keys : tuple of str
        FORMAT.
    defined : tuple of Definition
        Their definitions.
    n_alts : int
        Alleles in ALT.
    """

    __slots__ = ("defined", "has_gt", "keys", "n_alts")

    def __init__(self, keys: tuple[str, ...], defined: tuple[Definition, ...], n_alts: int) -> None:
        self.keys, self.defined, self.n_alts = keys, defined, n_alts
        self.has_gt = keys[0] == "GT"

    def wrong(self, cell: bytes) -> str:
        """What is wrong with a cell, by its first wrong field; empty where nothing is."""
        ploidies = self._ploidies(cell)
        if any(_pattern(self.keys, self.defined, self.n_alts, n).match(cell) for n in ploidies):
            return ""
        for i, part in enumerate(cell.split(b":")[:len(self.keys)]):
            if not any(re.fullmatch(_field(self.keys[i], self.defined[i], self.n_alts, n), part, re.I) for n in ploidies):
                number, kind = self.defined[i]
                shown = part[:20].decode("latin-1")
                return f"{self.keys[i]} {shown!r} is not Number={number} of Type={kind}"
        return ""  # too many fields, which the reader of the cell says itself

    def _ploidies(self, cell: bytes) -> tuple[int, ...]:
        """Ploidy by GT; one or two where it does not tell."""
        if not self.has_gt:
            return 2, 1
        gt = cell.split(b":", 1)[0]
        if gt == b".":
            return 2, 1
        return (1 + gt.count(b"/", 1) + gt.count(b"|", 1),)


@lru_cache(maxsize=1024)
def _pattern(keys: tuple[str, ...], defined: tuple[Definition, ...], n_alts: int, ploidy: int) -> re.Pattern[bytes]:
    """The whole cell; fields may be dropped from its end."""
    fields = [_field(key, what, n_alts, ploidy) for key, what in zip(keys, defined, strict=True)]
    return re.compile(b"(?::".join(fields) + b")?" * (len(fields) - 1) + rb"\Z", re.I)


def _field(key: str, defined: Definition, n_alts: int, ploidy: int) -> bytes:
    n = n_values(defined.number, n_alts, ploidy) if n_alts or defined.number not in "ARG" else None
    value = rb"[^,:]*" if key in _READ_ELSEWHERE else _VALUE.get(defined.type, b"")
    if key == "GT" or defined.type not in _VALUE or (n is None and key in _READ_ELSEWHERE) or n == 0:
        return rb"[^:]*"
    if n is None:  # VCF 4.5 writes a list of no local alleles as nothing at all
        return b"(?:%s(?:,%s)*)?" % (value, value)
    if n > _LONGEST_LIST:
        return rb"\."
    return rb"(?:\.|" + value + b"(?:,%s){%d})" % (value, n - 1)


_LONGEST_LIST = 1 << 28  # values; a list of more fits no line. Number=G of ten ALT demands 10^13 at ploidy 100


@lru_cache(maxsize=1024)
def cell_shape(keys: tuple[str, ...], defined: tuple[Definition, ...], n_alts: int) -> CellShape | None:
    """The shape of a record's cells; None where the header leaves every key open."""
    shape = CellShape(keys, defined, n_alts)
    return shape if any(_field(k, d, n_alts, 2) != rb"[^:]*" for k, d in zip(keys, defined, strict=True)) else None
