"""One raw cell becomes one typed value: a number, a bound, a call, a missing value with its reason, or a problem.

Every value of every marker of every format goes through `parse_cell`; the words it knows are `domain.vocabulary`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from biomarkers.domain import vocabulary as words
from biomarkers.domain.marker import Marker
from biomarkers.domain.source import Spelling
from biomarkers.readers.numbers import NoNumber, Number, read_number
from biomarkers.readers.unit_inside import split_unit_inside

Status = Literal["measured", "below", "above", "missing", "ambiguous", "invalid"]
Censor = Literal["none", "left", "right", "interval"]

_BOUND = re.compile(r"(<=|>=|<|>|≤|≥|⩽|⩾)\s*(.+)", re.DOTALL)
_RANGE = re.compile(r"([0-9][0-9.,]*)\s*(?:-|–|—|\bto\b)\s*([0-9][0-9.,]*)\s*(%?)")
_FLAGGED = re.compile(r"(.*[0-9%])\s*(\*|#|HH|LL|H|L|hh|ll|h|l)", re.DOTALL)
_DAY_MONTH = re.compile(r"(\d{1,2})[-/ .]([a-z]{3})[a-z]*\.?(?:[-/ .](\d{2,4}))?")
_MONTH_DAY = re.compile(r"([a-z]{3})[a-z]*[-/ .](\d{1,4})")
_POINT_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{2,4})?")
_OTHER_DATE = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{1,2}(?:-\d{1,2})?(?:[t ].*)?|\d{4}-un.*|\d{4}/\d{1,2}/\d{1,2}")
_INTENSITY = re.compile(r"[0-3]\s*\+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A typed value with the text it came from.

    Parameters
    ----------
    raw_value : str
        As it stood, byte for byte.
    value : float
        In the marker's unit; NaN where there is no single number (a bound, a range, a missing value).
        The code of a call: its place among the marker's levels.
    censor : {"none", "left", "right", "interval"}
        "left": somewhere in [lower, upper); "right": above lower; "interval": from lower to upper.
    lower, upper : float
        Bounds in the marker's unit; both equal `value` for a measurement.
    status : {"measured", "below", "above", "missing", "ambiguous", "invalid"}
    reason : str
        Why it is missing: a key of `flow.MISSING_REASONS`.
    flags : tuple of str
        What else the cell said: "approximate", a laboratory flag.
    call : str
        The level, for calls and genotypes.
    code, problem, remedy : str
        What is wrong with an ambiguous or invalid cell, and what to do.
    note : str
        What was read into a cell that is right but oddly dressed.
    """

    raw_value: str
    value: float = math.nan
    censor: Censor = "none"
    lower: float = math.nan
    upper: float = math.nan
    status: Status = "measured"
    reason: str = ""
    flags: tuple[str, ...] = ()
    call: str = ""
    code: str = ""
    problem: str = ""
    remedy: str = ""
    note: str = ""


def parse_cell(
    text: str,
    marker: Marker,
    spelling: Spelling = Spelling(),  # noqa: B008  (frozen)
    *,
    unit: str | None = None,
    lod: float | None = None,
    uloq: float | None = None,
    decimal_seen: str | None = None,
) -> Cell:
    """The typed value of one cell.

    Parameters
    ----------
    text : str
        The cell as it stands in the file.
    marker : Marker
    spelling : Spelling
        What study.toml declares for this file and marker.
    unit : str, optional
        Unit of this row, if the file gives one; it must be the marker's or convertible to it.
    lod, uloq : float, optional
        Limits of this row, in the row's unit; else those of the marker count.
    decimal_seen : {",", "."}, optional
        The decimal mark of every fractional number of the file, where it has only one.

    Examples
    --------
    >>> from biomarkers.domain.markers import MARKERS
    >>> cell = parse_cell("<20", MARKERS["tk1_dul"])
    >>> cell.status, cell.censor, cell.upper
    ('below', 'left', 20.0)
    >>> parse_cell("QNS", MARKERS["ctc"]).reason
    'qns'
    >>> parse_cell("5-Oct", MARKERS["stil"]).problem
    'a date where a number is due'
    """
    cell = Cell(raw_value=text)
    trimmed = text.strip()
    low = _BLANKS.sub(" ", trimmed).casefold()
    if low in spelling.words:
        trimmed = spelling.words[low]
        low = trimmed.casefold()
        cell = replace(cell, note=f"read as {trimmed!r} by declaration")
    if low in words.BLANK:
        return replace(cell, status="missing", reason="not_given")
    early = _refused_as_text(cell, trimmed, low)
    if early is not None:
        return early
    trimmed, inside = split_unit_inside(trimmed, marker, unit or spelling.unit)
    low, unit = (low if inside is None else trimmed.casefold()), unit or inside
    factor = _factor(cell, marker, unit or spelling.unit)
    if isinstance(factor, Cell):
        return factor
    limits = _Limits(_scaled(lod, factor, marker.lod), _scaled(uloq, factor, marker.uloq))
    if low in ("nd", "n.d.") and spelling.nd is not None:
        if spelling.nd == "not_done":
            return replace(cell, status="missing", reason="not_collected", note="ND means not done, by declaration")
        return _not_detected(cell, marker, limits, "ND means not detected, by declaration")
    if low in words.AMBIGUOUS:
        return _ambiguous(cell, trimmed, low)
    if marker.kind == "genotype":
        return _genotype(cell, marker, low)
    if not marker.quantitative:
        return _call(cell, marker, trimmed, low)
    return _quantity(cell, marker, spelling, trimmed, low, factor, limits, unit or spelling.unit, decimal_seen)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits in the marker's unit."""

    lod: float | None
    uloq: float | None


def _scaled(value: float | None, factor: float, fallback: float | None) -> float | None:
    return fallback if value is None or math.isnan(value) else value * factor


def _invalid(cell: Cell, code: str, problem: str, remedy: str) -> Cell:
    return replace(
        cell, status="invalid", value=math.nan, lower=math.nan, upper=math.nan, code=code, problem=problem, remedy=remedy
    )


def _refused_as_text(cell: Cell, trimmed: str, low: str) -> Cell | None:
    """What can be no value of any marker."""
    if _CONTROL.search(cell.raw_value):
        return _invalid(cell, "control_character", "a control character (NUL or the like) in the cell", "export the file again")
    if len(trimmed) > 200:
        return _invalid(
            cell, "oversized_cell", f"{len(cell.raw_value):,} characters in one cell", "correct the cell in the file"
        )
    if low in words.SHEET_ERRORS:
        return _invalid(
            cell,
            "spreadsheet_error",
            "a spreadsheet error, not a value",
            "correct the formula, or recompute from the components and leave the cell empty",
        )
    if trimmed.startswith(("=", "@")):
        return _invalid(cell, "formula", "a formula, not a value", "export values, not formulas")
    if any(sign.isdigit() and not sign.isascii() for sign in trimmed):
        return _invalid(
            cell, "unicode_digits", "full-width or other non-ASCII digits in this row", "type the number in plain digits"
        )
    return None


def _factor(cell: Cell, marker: Marker, unit: str | None) -> float | Cell:
    """Factor from the row's unit to the marker's; a unit that is not listed is refused."""
    if not unit or not marker.quantitative:
        return 1.0
    if unit == marker.unit:
        return 1.0
    known = {key.casefold(): value for key, value in marker.convertible.items()}
    if unit.casefold() in known:
        return known[unit.casefold()]
    return _invalid(
        cell,
        "unit",
        f"unit {unit!r} cannot be converted to {marker.unit!r}, the unit of {marker.name}: two units in one marker",
        f"correct the unit or the marker name, or add the factor: [markers.{marker.name}] convertible = {{ {unit!r} = ... }}",
    )


def _ambiguous(cell: Cell, trimmed: str, low: str) -> Cell:
    if low in ("nd", "n.d."):
        remedy = 'declare what ND means in this file: ND = "not_detected" or ND = "not_done"'
    else:
        remedy = "ask the laboratory, and correct the cell"
    return replace(
        cell, status="ambiguous", code="ambiguous", problem=f"{trimmed} is ambiguous: {words.AMBIGUOUS[low]}", remedy=remedy
    )


# ---- calls and genotypes ---------------------------------------------------------------------------------------------


def _level(cell: Cell, marker: Marker, level: str) -> Cell:
    place = float(marker.levels.index(level))
    return replace(cell, value=place, lower=place, upper=place, call=level)


def _not_detected(cell: Cell, marker: Marker, limits: _Limits, note: str) -> Cell:
    """A declared "not detected": a call where the marker is one, else below the limit (which may be unknown)."""
    if not marker.quantitative:
        return replace(_level(cell, marker, marker.levels[0]), note=note)
    upper = math.nan if limits.lod is None else limits.lod
    return replace(
        cell,
        status="below",
        censor="left",
        lower=marker.legal[0],
        upper=upper,
        note=note,
        flags=cell.flags if limits.lod is not None else (*cell.flags, "limit unknown"),
    )


def _call(cell: Cell, marker: Marker, trimmed: str, low: str) -> Cell:
    by_name = {level.casefold(): level for level in marker.levels}
    if low in by_name:
        return _level(cell, marker, by_name[low])
    if low in words.MISSING:
        return replace(cell, status="missing", reason=words.MISSING[low])
    if low in words.CALL_AMBIGUOUS or low in words.DASHES:
        return replace(
            cell,
            status="ambiguous",
            code="ambiguous",
            problem=f"{trimmed} is ambiguous as a call of {marker.name}: a sign or a number is not in the closed list "
            f"({', '.join(marker.levels)})",
            remedy=f'declare it: [markers.{marker.name}] words = {{ "{trimmed}" = "{marker.levels[-1]}" }}',
        )
    if marker.kind in ("call", "binary") and low in words.CALLS:
        return _level(cell, marker, marker.levels[1 if words.CALLS[low] == "detected" else 0])
    return _invalid(
        cell,
        "unknown_call",
        f"not a call of {marker.name}; known: {', '.join(marker.levels)}, or a reason such as QNS",
        f'correct the cell, or declare it: [markers.{marker.name}] words = {{ "{trimmed}" = "{marker.levels[0]}" }}',
    )


def _genotype(cell: Cell, marker: Marker, low: str) -> Cell:
    if low in words.MISSING:
        return replace(cell, status="missing", reason=words.MISSING[low])
    if low in words.DASHES or re.fullmatch(r"\.[/|]\.", low):
        return replace(cell, status="missing", reason="assay_failed")
    letters = {letter for level in marker.levels for letter in level.split("/")}
    plain = re.sub(r"^\d{2,4}\s*", "", low) if re.match(r"\d{2,4}\s*[a-z]", low) else low
    parts = (
        re.findall(r"val|phe|his|arg|[a-z]", plain)
        if re.fullmatch(r"(?:val|phe|his|arg|[a-z])\s*[/|]?\s*(?:val|phe|his|arg|[a-z])", plain)
        else []
    )
    pair = [words.AMINO_ACIDS.get(part, part.upper()) for part in parts]
    for level in marker.levels:
        if sorted(level.split("/")) == sorted(pair):
            return _level(cell, marker, level)
    expected = " or ".join(marker.levels)
    if re.fullmatch(r"[acgt][/|]?[acgt]|[0-9][/|][0-9]", low):
        return _invalid(
            cell,
            "genotype_letters",
            f"not readable as {expected}: {words.GENOTYPE_REFUSED}",
            "deliver the VCF, or amino-acid letters",
        )
    wrong = sorted(set(pair) - letters)
    what = f"{'/'.join(wrong)} is no allele of {marker.label}" if wrong else f"not a genotype of {marker.label}"
    return _invalid(
        cell,
        "genotype",
        f"{what}; legal: {expected}",
        f"correct the cell, or declare a word for no call: "
        f'[markers.{marker.name}] words = {{ "{cell.raw_value.strip()}" = "no call" }}',
    )


# ---- quantities ------------------------------------------------------------------------------------------------------


def _quantity(
    cell: Cell,
    marker: Marker,
    spelling: Spelling,
    trimmed: str,
    low: str,
    factor: float,
    limits: _Limits,
    unit: str | None,
    decimal_seen: str | None,
) -> Cell:
    if low in words.DASHES:
        return replace(cell, status="missing", reason="not_given")
    if low in words.MISSING:
        return replace(cell, status="missing", reason=words.MISSING[low])
    if low in words.NEGATIVE and marker.matrix == "pbmc":
        return replace(
            cell,
            status="ambiguous",
            code="ambiguous",
            remedy="ask the laboratory, and correct the cell",
            problem=f"{trimmed} is ambiguous in a flow panel: a negative gate, or nothing found",
        )
    if low in words.BELOW or low in words.NEGATIVE:
        return _below_word(cell, marker, trimmed, limits)
    if low in words.ABOVE:
        if limits.uloq is None:
            return replace(
                cell,
                status="missing",
                reason="not_evaluable",
                flags=(trimmed,),
                note="above an upper limit that is not known: counted as not evaluable",
            )
        return replace(cell, status="above", censor="right", lower=limits.uloq, upper=marker.legal[1], flags=(trimmed,))
    read = _Numbers(marker, spelling, factor, unit, decimal_seen)
    bound = _BOUND.fullmatch(trimmed)
    if bound:
        return _bounded(cell, marker, bound.group(1), bound.group(2), read)
    span = _RANGE.fullmatch(trimmed)
    if span:
        return _span(cell, marker, span, read)
    approximate = next((mark for mark in words.APPROXIMATE if low.startswith(mark)), None)
    if approximate is not None or (low.endswith("?") and low[0] in "0123456789."):
        body = trimmed[len(approximate) :].strip() if approximate is not None else trimmed[:-1].strip()
        cell = replace(cell, flags=(*cell.flags, "approximate"), note=cell.note or "approximate, by its mark")
        trimmed = body
    flagged = _FLAGGED.fullmatch(trimmed)
    if flagged:
        trimmed = flagged.group(1)
        cell = replace(
            cell,
            flags=(*cell.flags, words.TRAILING[flagged.group(2).casefold()]),
            note=cell.note or f"laboratory flag {flagged.group(2)!r}",
        )
    number = read(trimmed)
    if isinstance(number, NoNumber):
        return _explained(cell, marker, trimmed, number)
    if number.value == 0 and not marker.zero_is_real:
        return _zero(cell, marker, spelling, limits)
    return _measured(cell, marker, number)


def _measured(cell: Cell, marker: Marker, number: Number) -> Cell:
    value = number.value
    cell = replace(cell, note=cell.note or number.note)
    if not marker.is_legal(value):
        return _out_of_range(cell, marker, value)
    return replace(cell, value=value, lower=value, upper=value)


def _out_of_range(cell: Cell, marker: Marker, value: float) -> Cell:
    low, high = marker.legal
    remedy = "correct the value or its unit"
    if marker.integer and low <= value <= high and not value.is_integer():
        return _invalid(cell, "not_whole", f"{value:g} is not a whole number; {marker.name} is a count", remedy)
    if marker.legal == (0, 100) and 100 < value <= 300 and marker.table == "tissue_reads":
        remedy = "an H-score in a percentage column? It is another marker (vimentin_h)"
    elif high == 1 and value <= 100:
        remedy = 'a percentage among fractions? Declare unit = "%" where the whole file is in per cent; a mixture is refused'
    elif 30_000 < value < 60_000:
        remedy = "a spreadsheet date stored as a number?"
    return _invalid(cell, "out_of_range", f"outside the legal range of {marker.name}, {marker.range_text}", remedy)


def _zero(cell: Cell, marker: Marker, spelling: Spelling, limits: _Limits) -> Cell:
    if spelling.zero == "below_limit":
        return _not_detected(cell, marker, limits, "zero means below the limit, by declaration")
    if spelling.zero == "missing":
        return replace(cell, status="missing", reason="not_given", note="zero means missing, by declaration")
    if spelling.zero == "real" and marker.is_legal(0.0):
        return replace(cell, value=0.0, lower=0.0, upper=0.0, note="zero is a measurement, by declaration")
    return replace(
        cell,
        status="ambiguous",
        code="zero",
        problem=f"zero is no measurement of {marker.name}: not detected, not done and a typing error are all written 0",
        remedy='correct it, or declare zero = "below_limit" for this file',
    )


def _below_word(cell: Cell, marker: Marker, trimmed: str, limits: _Limits) -> Cell:
    if limits.lod is None:
        if marker.zero_is_real and marker.lod_rule == "none":
            return _invalid(
                cell,
                "no_limit",
                f"{trimmed}: {marker.name} has no limit of detection, so this is neither 0 nor missing",
                f"write 0, or give the limit: [markers.{marker.name}] lod = ...",
            )
        return replace(
            cell,
            status="ambiguous",
            code="no_limit",
            problem=f"{trimmed}: no limit of detection is known for this row, and below an unknown limit is not 0",
            remedy=f"give the limit in the row (column lod) or as [markers.{marker.name}] lod = ...",
        )
    return _not_detected(cell, marker, limits, cell.note)


def _bounded(cell: Cell, marker: Marker, sign: str, body: str, read: _Numbers) -> Cell:
    number = read(body.strip())
    if isinstance(number, NoNumber):
        return _explained(cell, marker, body.strip(), number)
    low, high = marker.legal
    if not low <= number.value <= high or (sign == "<" and number.value <= low):
        return _out_of_range(cell, marker, number.value)
    cell = replace(cell, note=cell.note or number.note)
    if sign[0] in "<≤⩽":
        return replace(cell, status="below", censor="left", lower=low, upper=number.value)
    return replace(cell, status="above", censor="right", lower=number.value, upper=high)


def _span(cell: Cell, marker: Marker, span: re.Match[str], read: _Numbers) -> Cell:
    first, second = read(span.group(1) + span.group(3)), read(span.group(2) + span.group(3))
    if isinstance(first, NoNumber) or isinstance(second, NoNumber) or not first.value < second.value:
        return _explained(
            cell, marker, span.group(), NoNumber("number", "two numbers in one cell, and no rising range", "correct the cell")
        )
    low, high = marker.legal
    if first.value < low or second.value > high:
        return _out_of_range(cell, marker, second.value)
    return replace(cell, censor="interval", lower=first.value, upper=second.value, note=cell.note or first.note)


def _explained(cell: Cell, marker: Marker, trimmed: str, bad: NoNumber) -> Cell:
    """Why this text is no number, in the most useful words."""
    low = trimmed.casefold().strip()
    likely = _date(low)
    if likely is not None:
        return _invalid(
            cell,
            "spreadsheet_date",
            "a date where a number is due",
            f"the spreadsheet may have turned {likely} into a date; type it again as text"
            if likely
            else "correct the cell; dates are not values",
        )
    if _INTENSITY.fullmatch(low):
        return _invalid(
            cell,
            "intensity",
            f"a staining intensity in a column of {marker.name} ({marker.unit})",
            "move it to the column intensity, and give the percentage",
        )
    if low in ("inf", "+inf", "-inf", "infinity", "-infinity"):
        return _invalid(cell, "not_finite", "inf is not a number that can be measured", "recompute from the components")
    return _invalid(cell, bad.code, bad.problem, bad.remedy)


def _date(low: str) -> str | None:
    """None for no date; else what may have been typed, in quotes, or ""."""
    match = _DAY_MONTH.fullmatch(low)
    if match and match.group(2) in words.MONTHS:
        day, month = int(match.group(1)), words.MONTHS.index(match.group(2)) + 1
        return f'"{day}-{month}" or "{month}-{day}"'
    match = _MONTH_DAY.fullmatch(low)
    if match and match.group(1) in words.MONTHS:
        month = words.MONTHS.index(match.group(1)) + 1
        return f'"{month}-{int(match.group(2))}"'
    match = _POINT_DATE.fullmatch(low)
    if match:
        return f'"{int(match.group(1))}.{int(match.group(2))}" or "{int(match.group(1))}-{int(match.group(2))}"'
    return "" if _OTHER_DATE.fullmatch(low) else None


# ---- numbers of a marker ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Reads a number under one marker's declarations: text to marker units."""

    marker: Marker
    spelling: Spelling
    factor: float
    unit: str | None
    decimal_seen: str | None

    def __call__(self, text: str) -> Number | NoNumber:
        percent = text.endswith("%")
        factor, note = self.factor, ""
        if percent:
            text = text[:-1].rstrip()
            unit = self.unit or self.marker.unit
            if unit == "fraction" and not self.unit:
                factor = 0.01
            elif not unit.startswith("%"):
                return NoNumber("percent", f"a per cent sign in a column of unit {unit!r}", "correct the value or the unit")
            note = "per cent sign"
        number = read_number(
            text, decimal=self.spelling.decimal, thousands=self.spelling.thousands, decimal_seen=self.decimal_seen
        )
        if isinstance(number, NoNumber):
            return number
        return Number(number.value if factor == 1 else number.value * factor, number.note or note)
