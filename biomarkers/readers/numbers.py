"""A number in plain digits, finite, under one decimal mark; or why a text is none. Python's `float` accepts far too much."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MINUS = ("\u2212", "\u2013")
"""The minus of typesetters and the en dash: read as a minus before digits, and noted."""
_SPACE = "[ \u00a0\u2009\u202f]"
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]{1,3})?")
_ONE_GROUP = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3}){2,}(?:\.[0-9]+)?|[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]+")
_POINT_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?")
_SPACE_GROUPS = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:(?:{_SPACE}|['’])[0-9]{{3}})+(?:[.,][0-9]+)?")


@dataclass(frozen=True, slots=True)
class Number:
    """A value, with a note on its dress."""

    value: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class NoNumber:
    """Why a text is no number."""

    code: str
    problem: str
    remedy: str


NOT_A_NUMBER = NoNumber(
    "not_a_number",
    "text where a number is due, in no list of known spellings",
    "correct the cell, or declare the word: words = { ... }",
)


def read_number(
    text: str, *, decimal: str | None = None, thousands: str | None = None, decimal_seen: str | None = None
) -> Number | NoNumber:
    """A finite number in plain digits, or why it is none.

    Python's own `float` reads "inf", "1_000", "nan" and full-width digits; here they are refused.

    Examples
    --------
    >>> read_number("1.2E-05").value
    1.2e-05
    >>> read_number("1,234").problem
    '1,234 may be 1.234 or 1234'
    >>> read_number("1,234", decimal=".").value
    1234.0
    """
    text = text.strip()
    note = ""
    if text[:1] in MINUS:
        text, note = "-" + text[1:], "Unicode minus sign"
    if thousands and thousands not in " '" and _grouped(text, thousands):
        text, note = text.replace(thousands, ""), note or "thousands separator, by declaration"
    if _SPACE_GROUPS.fullmatch(text):
        text, note = re.sub(rf"{_SPACE}|['’]", "", text), note or "thousands separator"
    comma_declared = decimal == ","
    if "," in text:
        found = _comma(text, decimal, decimal_seen)
        if isinstance(found, NoNumber):
            return found
        text, note = found, note or "decimal comma" if "," not in (thousands or "") else note
    elif comma_declared and "." in text:
        if thousands == "." and _POINT_GROUPS.fullmatch(text):
            text = text.replace(".", "")
        else:
            return NoNumber(
                "decimal", f'a decimal point in {text}, though decimal = "," is declared', "correct the cell or the declaration"
            )
    if not _PLAIN.fullmatch(text):
        return NOT_A_NUMBER
    value = float(text)
    return (
        Number(value, note)
        if math.isfinite(value)
        else NoNumber("not_finite", "a number too large to exist", "correct the cell")
    )


def _grouped(text: str, sign: str) -> bool:
    return re.fullmatch(rf"[+-]?[1-9][0-9]{{0,2}}(?:{re.escape(sign)}[0-9]{{3}})+(?:[.,][0-9]+)?", text) is not None


def _comma(text: str, decimal: str | None, decimal_seen: str | None) -> str | NoNumber:
    """The text with a point for its comma, or without its groups."""
    if decimal == ",":
        if _COMMA.fullmatch(text):
            return text.replace(",", ".")
        if _POINT_GROUPS.fullmatch(text):
            return text.replace(".", "").replace(",", ".")
        return NOT_A_NUMBER
    if _GROUPS.fullmatch(text) and "," not in (decimal_seen or ""):
        return text.replace(",", "")
    if decimal == "." and _ONE_GROUP.fullmatch(text):
        return text.replace(",", "")
    if decimal is None and _ONE_GROUP.fullmatch(text):
        return NoNumber(
            "decimal",
            f"{text} may be {text.replace(',', '.')} or {text.replace(',', '')}",
            'declare the decimal mark of the file: decimal = "." or decimal = ","',
        )
    if decimal is None and decimal_seen == "," and _COMMA.fullmatch(text):
        return text.replace(",", ".")
    if _COMMA.fullmatch(text) or _POINT_GROUPS.fullmatch(text):
        return NoNumber(
            "decimal",
            f"a decimal comma in {text}, in a file whose decimal mark is not declared",
            'declare it, if the whole file is written so: decimal = ","',
        )
    return NOT_A_NUMBER


def decimal_mark(texts: list[str]) -> str | None:
    """The decimal mark of every fractional number among these texts, if all have the same one; else None.

    Examples
    --------
    >>> decimal_mark(["0,35", "12", "1,5"]), decimal_mark(["0,35", "1.5"])
    (',', None)
    """
    comma = point = False
    for text in texts:
        stripped = text.strip().strip("<>≤≥~=% ")
        comma = comma or bool(_COMMA.fullmatch(stripped) and not _ONE_GROUP.fullmatch(stripped))
        point = point or ("." in stripped and bool(_PLAIN.fullmatch(stripped)))
    if comma == point:
        return None
    return "," if comma else "."
