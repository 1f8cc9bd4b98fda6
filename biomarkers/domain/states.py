"""The states in which a result can stand, and how a row says so: one language in table, forest, figure, notebook and terminal.

A shape and a word always go with the colour, so that a state survives a grey copy and a screen reader.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from biomarkers.domain import numbers

State = Literal["prespecified", "exploratory", "descriptive", "not_estimable", "refused"]


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is shown: its glyph, its ASCII stand-in, its word and its meaning."""

    glyph: str
    ascii: str
    word: str
    meaning: str


STATES: dict[str, Sign] = {
    "prespecified": Sign("■", "[x]", "Prespecified", "in the plan, hash below"),
    "exploratory": Sign("□", "[ ]", "Exploratory", "asked after the plan"),
    "descriptive": Sign("·", ".", "Descriptive only", "too few events in a class: counts, no model"),
    "not_estimable": Sign("NE", "NE", "Not estimable", "no finite estimate; the finite limit is given"),
    "refused": Sign("⊘", "X", "Refused", "would mislead; not computed"),
    "flagged": Sign("▲", "!", "Flag", "stands, with a warning"),
    "below": Sign("▽", "<", "<20", "below the limit of detection"),
}
"""The five states of a row, then the two signs that go with a value."""

_DESCRIPTIVE = re.compile(r"descriptive only:?\s*([^;]*)", re.IGNORECASE)
_INESTIMABLE = "not estimable"
_CODE = re.compile(r"[a-z_]+_v\d+")
_NEGATIVE = re.compile(r"(?<=\s)-(?=\d)")
_FLAG = re.compile(r"flag:\s*([^;]+)", re.IGNORECASE)


def text(cell: object) -> str:
    """A text cell; missing (None, NaN, NA) is empty."""
    if cell is None or cell != cell or str(cell) == "<NA>":
        return ""
    return str(cell)


def number(cell: object) -> float:
    """A number cell; missing is NaN.

    Examples
    --------
    >>> number(3), number(None), number("")
    (3.0, nan, nan)
    """
    if cell is None or str(cell) in ("", "<NA>"):
        return math.nan
    return float(cell)  # type: ignore[arg-type]


def state(row: Mapping[str, Any]) -> State:
    """In which of the five states a row of the result table is.

    Examples
    --------
    >>> state({"method": "refused", "note": ""}), state({"prespecified": True, "finite": True, "note": ""})
    ('refused', 'prespecified')
    >>> state({"note": "descriptive only: 3 events in detected"}), state({"note": "", "finite": False})
    ('descriptive', 'not_estimable')
    """
    if text(row.get("method")) == "refused":
        return "refused"
    if text(row.get("note")).lower().startswith("descriptive only"):
        return "descriptive"
    if not bool(row.get("finite", True)):
        return "not_estimable"
    return "prespecified" if bool(row.get("prespecified")) else "exploratory"


def flags(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The warnings under which a row stands.

    Examples
    --------
    >>> flags({"note": "3 values below the limit; flag: hazards are not proportional"})
    ('hazards are not proportional',)
    """
    found = (numbers.label(flag.strip()) for flag in _FLAG.findall(text(row.get("note"))))
    return tuple(flag for flag in found if not flag.startswith(_INESTIMABLE))


def inestimable(row: Mapping[str, Any]) -> str:
    """Why there is no finite estimate, as the note says it.

    Examples
    --------
    >>> inestimable({"note": "flag: not estimable, 0 events in 2 not detected; one-sided limit"})
    '0 events in 2 not detected'
    """
    for flag in _FLAG.findall(text(row.get("note"))):
        if flag.strip().startswith(_INESTIMABLE):
            return numbers.label(flag.strip().removeprefix(_INESTIMABLE).lstrip(" ,:")) or "no finite estimate"
    said = remarks(row)
    return said[0] if said else "no finite estimate"


SUBGROUP = "subgroup: shown beside the interaction test, never a claim by itself"
"""The note of a row of one arm, whose contrast ends in ", in" and the name of the arm."""


def is_subgroup(note: object) -> bool:
    """Whether a row's note says that it is of one arm, shown beside the interaction test.

    Examples
    --------
    >>> is_subgroup(f"strata merged; {SUBGROUP}"), is_subgroup("ductal, in situ"), is_subgroup(None)
    (True, False, False)
    """
    return SUBGROUP.partition(":")[0] + ":" in text(note)


def remarks(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What else the note says: neither a flag nor the reason for a missing model.

    Examples
    --------
    >>> remarks({"note": "skewness -1.0 of the marker on this scale: permutation P leads"})
    ('skewness −1.0 of the marker on this scale: permutation P leads',)
    """
    if state(row) == "refused":
        return ()
    parts = (part.strip() for part in text(row.get("note")).split(";"))
    return tuple(
        numbers.label(_NEGATIVE.sub(numbers.MINUS, part))
        for part in parts
        if part
        and not _FLAG.match(part)
        and not _DESCRIPTIVE.match(part)
        and part != "one-sided limit"
        and not _CODE.fullmatch(part)
    )


def reason(row: Mapping[str, Any]) -> str:
    """Why a row is descriptive only."""
    found = _DESCRIPTIVE.search(text(row.get("note")))
    return numbers.label(found[1].strip()) if found and found[1].strip() else "too few events for a model"
