"""How a number is written: the one place that rounds, so that no page, figure or notebook can round another way.

It stands on the floor of words because notebooks of every floor show numbers; `biomarkers.tables` builds its cells from it.
Rules (SAMPL, the *Journal of Clinical Oncology*, and house style): ratios with two decimals, three significant digits from
10 up; P with two decimals from 0.01, three below, "<0.001"; percentages without decimals under N = 100; U+2212 for minus;
no-break spaces where a line must not break; never ``inf``, ``1e9`` or ``0.00``.

**Rounding never argues with the unrounded number.** A limit that lies off 1 is never written as 1.00, a P below 0.05 is never
written as 0.05, 0.4 % of patients is never 0 %: a decimal is added, or the bound is given.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from biomarkers.domain.times import DAYS_PER

NBSP, THIN, MINUS, EN_DASH = "\u00a0", "\u202f", "\u2212", "\u2013"
NONE = EN_DASH
"""What stands where there is nothing to say. A blank never means zero, so a cell is never blank."""

_MOST_DECIMALS = 5
_CELL: ContextVar[int] = ContextVar("minimum cell size", default=0)


@contextmanager
def minimum_cell(size: int) -> Iterator[None]:
    """While it lasts, counts below `size` are written as "<5" (with 5), and all others to the nearest multiple of it.

    Rounding all counts is what keeps a hidden one from being had by subtraction.

    Examples
    --------
    >>> with minimum_cell(5):
    ...     count(3), count(0), count(38), n_of(3, 38), n_percent(18, 38), plural(1, "event")
    ('<5', '0', '40', '<5 of 40', '20\xa0(50%)', '<5 events')
    """
    before = _CELL.set(size)
    try:
        yield
    finally:
        _CELL.reset(before)


def hidden(n: float) -> bool:
    """Whether a count is too small to be written where a minimum cell size is set."""
    return 0 < n < _CELL.get()


def _to_cell(n: float) -> float:
    size = _CELL.get()
    return n if not size else math.copysign(size * math.floor(abs(n) / size + 0.5), n)


def label(text: object, limit: int = 200) -> str:
    """A name as a reader may see it: control and direction marks visible, and "ER-" with a true minus sign.

    Parameters
    ----------
    text : object
        A cohort, arm, level, marker or file name: hostile text until shown otherwise.
    limit : int
        Longest result; the rest becomes an ellipsis.

    Examples
    --------
    >>> label("ER-"), label("T-DM1"), label("a\\u202eb")
    ('ER−', 'T-DM1', 'a\\\\u202eb')
    """
    shown = "".join(_visible(character) for character in str(text))
    shown = re.sub(r"(?<=\w)-(?=$|[\s,;:)/])", MINUS, shown)
    return shown if len(shown) <= limit else f"{shown[: limit - 1].rstrip()}…"


def unit(text: str) -> str:
    """A unit with its exponents raised.

    Examples
    --------
    >>> unit("cells/mm2")
    'cells/mm²'
    """
    return re.sub(r"(?<=m)([23])\b", lambda found: "²" if found[1] == "2" else "³", label(text))


def _visible(character: str) -> str:
    """A character, or its escape where it would be invisible, turn the line round, or not be text at all."""
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.replace("-", MINUS) if float(text) != 0 else text.lstrip("-")


def count(n: float | None) -> str:
    """A number of people or of what happened to them; a thin no-break space groups from five digits.

    Under `minimum_cell` it is protected; a number of anything else is written by `whole`.

    Examples
    --------
    >>> count(9811), count(38873), count(float("nan"))
    ('9811', '38\\u202f873', '–')
    """
    if n is None or not math.isfinite(n):
        return NONE
    if hidden(abs(n)):
        return f"<{_CELL.get()}"
    return whole(_to_cell(n))


def whole(n: float) -> str:
    """A whole number of anything but people: tests, lines, days.

    Examples
    --------
    >>> whole(3), whole(38873)
    ('3', '38\\u202f873')
    """
    if not math.isfinite(n):
        return NONE
    text = f"{abs(round(n))}"
    if len(text) >= 5:
        text = f"{abs(round(n)):,}".replace(",", THIN)
    return (MINUS if n < 0 and round(n) else "") + text


_PEOPLE = frozenset({"patient", "subject", "event", "death", "draw", "sample", "specimen", "progression"})


def percent(part: float, whole: float) -> str:
    """A share. No decimals under N = 100; never 0% of some nor 100% of not all.

    Examples
    --------
    >>> percent(17, 34), percent(1, 400), percent(499, 1000), percent(64, 64), percent(1, 0)
    ('50%', '0.2%', '49.9%', '100%', '–')
    >>> percent(1, 3000), percent(2999, 3000)
    ('<0.1%', '>99.9%')
    """
    if not whole > 0 or not math.isfinite(part) or hidden(part) or hidden(whole) or hidden(whole - part):
        return NONE
    part, whole = _to_cell(part), _to_cell(whole)
    if part in (0, whole):
        return "0%" if part == 0 else "100%"
    decimals = 0 if whole < 100 else 1
    share = 100 * part / whole
    text = f"{share:.{decimals}f}"
    if float(text) == 0:
        return "<0.1%" if decimals else "<1%"
    if float(text) == 100:
        return ">99.9%" if decimals else ">99%"
    return f"{text}%"


def n_percent(part: float, whole: float) -> str:
    """ "17 (50%)" for a table; 0 stands alone."""
    if not math.isfinite(part):
        return NONE
    if hidden(part) or hidden(whole):
        return count(part)
    return count(part) if part == 0 or not whole > 0 else f"{count(part)}{NBSP}({percent(part, whole)})"


def n_of(part: float, whole: float) -> str:
    """ "17 of 34 (50%)" for a sentence."""
    share = percent(part, whole)
    return f"{count(part)} of {count(whole)}" + (f" ({share})" if share != NONE else "")


def p(value: float | None) -> str:
    """A P value without its letter.

    Examples
    --------
    >>> [p(x) for x in (0.0004, 0.0042, 0.0123, 0.048, 0.0504, 0.25, 0.9996, 1.0)]
    ['<0.001', '0.004', '0.01', '0.048', '0.05', '0.25', '>0.99', '1.00']
    """
    if value is None or math.isnan(value):
        return NONE
    if not 0 <= value <= 1:
        return NONE
    if value < 0.001:
        return "<0.001"
    if 0.995 <= value < 1:
        return ">0.99"
    decimals = 2 if value >= 0.01 else 3
    # AMA style: 0.048 is not written 0.05, which would say that it misses the level.
    while decimals < _MOST_DECIMALS and value < 0.05 <= float(f"{value:.{decimals}f}"):
        decimals += 1
    text = f"{value:.{decimals}f}"
    return "0.01" if text == "0.010" else text


def p_equals(value: float | None, name: str = "P") -> str:
    """ "P = 0.03" or "P < 0.001", joined by no-break spaces; "P not given" where there is none.

    Examples
    --------
    >>> p_equals(0.03), p_equals(1e-9), p_equals(0.03, "Holm")
    ('P\\xa0=\\xa00.03', 'P\\xa0<\\xa00.001', 'Holm\\xa0=\\xa00.03')
    """
    text = p(value)
    if text == NONE:
        return f"{name}{NBSP}not{NBSP}given"
    sign, digits = (text[0], text[1:]) if text[0] in "<>" else ("=", text)
    return f"{name}{NBSP}{sign}{NBSP}{digits}"


def ratio(value: float | None, decimals: int = 2) -> str:
    """One hazard ratio or one limit of it.

    Examples
    --------
    >>> [ratio(x) for x in (0.74, 9.996, 13.18, 131.8, 0.0032, 1e-9, 1e9)]
    ['0.74', '10.0', '13.2', '132', '0.003', '<0.001', '>9999']
    >>> ratio(float("inf")), ratio(None)
    ('NE', 'NE')
    """
    if value is None or not math.isfinite(value) or value < 0:
        return "NE"
    if value > 9999:
        return ">9999"
    if 0 <= value < 0.0005:
        return "<0.001"
    if decimals == 2 and round(value, 2) >= 10:
        significant = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
        return f"{float(significant):.1f}" if float(significant) < 100 else f"{float(significant):.0f}"
    text = f"{value:.{decimals}f}"
    while float(text) == 0 and decimals < _MOST_DECIMALS:
        decimals += 1
        text = f"{value:.{decimals}f}"
    return text


def _as_number(text: str) -> float:
    return float(text.lstrip("<>").replace(MINUS, "-").replace(THIN, ""))


def _off_one(value: float) -> str:
    """A limit of a ratio: never written on 1, nor beyond it, where it is not."""
    text = ratio(value)
    decimals = 2
    while text[0] not in "<>N" and decimals < _MOST_DECIMALS and value != 1 and ((_as_number(text) - 1.0) * (value - 1.0) <= 0):
        decimals += 1
        text = ratio(value, decimals)
    return text


def interval(estimate: float, low: float, high: float) -> str:
    """A ratio with its interval in one unbreakable cell.

    Parameters
    ----------
    estimate, low, high : float
        On the ratio scale; a limit that is not finite is written "NE".

    Examples
    --------
    >>> interval(1.309, 1.112, 1.549)
    '1.31\\xa0(1.11–1.55)'
    >>> interval(0.744, 0.557, 0.9968)              # P is below 0.05, so the limit may not read 1.00
    '0.74\\xa0(0.56–0.997)'
    >>> interval(1.0003, 1.0001, 1.0005)            # a unit too small for the marker: seen, not hidden
    '1.0003\\xa0(1.0001–1.0005)'
    >>> interval(4.22, 1.35, 13.18)
    '4.22\\xa0(1.35–13.2)'
    """
    lower, upper = _off_one(low), _off_one(high)
    text = ratio(estimate)
    decimals = 2
    while decimals < _MOST_DECIMALS and _squeezed(text, lower, upper, estimate, low, high):
        decimals += 1
        text = ratio(estimate, decimals)
    return f"{text}{NBSP}({lower}{EN_DASH}{upper})"


def _squeezed(text: str, lower: str, upper: str, estimate: float, low: float, high: float) -> bool:
    """Whether rounding has put the estimate on a limit, or on 1 where the interval excludes 1."""
    if any(part[0] in "<>N" for part in (text, lower, upper)):
        return False
    value = _as_number(text)
    on_limit = (value <= _as_number(lower) and estimate > low) or (value >= _as_number(upper) and estimate < high)
    on_one = (low > 1 and value <= 1) or (high < 1 and value >= 1)
    # Two-decimal ties such as 0.99 (0.99-1.02) are honest; only an extended limit asks for more digits of the estimate.
    extended = any(len(part.partition(".")[2]) > 2 for part in (lower, upper))
    return on_one or (on_limit and extended)


def one_limit(low: float, high: float, level: float = 0.95) -> str:
    """What is known of a ratio without a finite estimate: "lower 95% limit 1.85".

    Examples
    --------
    >>> one_limit(1.85, float("inf")), one_limit(0, 0.61, 0.9), one_limit(0, float("inf"))
    ('lower 95% limit 1.85', 'upper 90% limit 0.61', 'no finite limit')
    """
    if math.isfinite(low) and low > 0:
        return f"lower {_level(level)} limit {_off_one(low)}"
    if math.isfinite(high):
        return f"upper {_level(level)} limit {_off_one(high)}"
    return "no finite limit"


def level(value: float) -> str:
    """A confidence level: "95%", also where none is given."""
    return f"{100 * value:g}%" if math.isfinite(value) else "95%"


_level = level  # for functions with an argument of that name


def days(value: float | None, unit: str = "weeks", decimals: int = 0) -> str:
    """A time given in days, in another unit.

    Examples
    --------
    >>> days(84), days(525, "weeks"), days(100, "months", 1), days(float("nan"))
    ('12', '75', '3.3', 'NR')
    """
    if value is None or not math.isfinite(value):
        return "NR"
    return _fixed(value / DAYS_PER[unit], decimals)


def median(estimate: float, low: float, high: float, unit: str = "weeks") -> str:
    """A median time with its interval; NR is not reached, NE a limit that cannot be estimated.

    Examples
    --------
    >>> median(252, 84, 378), median(43, 42, 84), median(float("nan"), 168, float("nan"))
    ('36\\xa0(12–54)', '6.1\\xa0(6.0–12.0)', 'NR\\xa0(24–NE)')
    """
    finite = [x for x in (low, estimate, high) if math.isfinite(x)]
    whole = [days(x, unit) for x in finite]
    # 6 (6-12) for 6.1 (6.0-12.0) would show a limit on its estimate.
    decimals = 1 if any(a == b and x != y for a, b, x, y in zip(whole, whole[1:], finite, finite[1:], strict=False)) else 0
    lower, upper = (days(x, unit, decimals) if math.isfinite(x) else "NE" for x in (low, high))
    return f"{days(estimate, unit, decimals)}{NBSP}({lower}{EN_DASH}{upper})"


def value(x: float | None) -> str:
    """A marker's value in its own unit: whole from 10 up, one decimal from 1, two significant digits below.

    Examples
    --------
    >>> [value(x) for x in (233.4, 7.26, 5.0, 0.034, 0, -0.42, 38873, 0.00002)]
    ['233', '7.3', '5', '0.034', '0', '−0.42', '38\\u202f873', '0.00002']
    """
    if x is None or not math.isfinite(x):
        return NONE
    size = abs(x)
    if size >= 10:
        return whole(x)
    if size >= 1:
        text = f"{x:.1f}" if f"{size:.1f}" != "10.0" else f"{x:.0f}"
        return text.removesuffix(".0").replace("-", MINUS)
    if size < 1e-9:
        return "0"
    decimals = min(12, 1 - math.floor(math.log10(size)))
    return f"{x:.{decimals}f}".rstrip("0").rstrip(".").replace("-", MINUS)


def span(low: str, high: str) -> str:
    """ "55–78"; a negative limit gets "to", so that a dash and a minus never meet.

    Examples
    --------
    >>> span("55", "78"), span("−28", "0")
    ('55–78', '−28 to 0')
    """
    return f"{low} to {high}" if low.startswith(MINUS) or high.startswith(MINUS) else f"{low}{EN_DASH}{high}"


def decimal(x: float | None, decimals: int = 2) -> str:
    """A plain number with a fixed count of decimals and a true minus sign."""
    return NONE if x is None or not math.isfinite(x) else _fixed(x, decimals)


def size(n_bytes: float) -> str:
    """A file's size: "12 KiB"."""
    if n_bytes < 1024:
        return f"{n_bytes:.0f} bytes"
    return f"{n_bytes / 1024:.0f} KiB" if n_bytes < 1024**2 else f"{n_bytes / 1024**2:.1f} MiB"


def plural(n: float, noun: str, nouns: str = "") -> str:
    """ "1 event", "17 events"; a noun of people, or of what happens to them, is protected as `count` is."""
    people = noun.rpartition(" ")[2] in _PEOPLE
    one = n == 1 and not (people and hidden(n))
    return f"{count(n) if people or not math.isfinite(n) else whole(n)} {noun if one else nouns or noun + 's'}"


_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def in_words(n: int) -> str:
    """Small numbers in words, for titles."""
    return _WORDS[n] if 0 <= n < len(_WORDS) else f"{n}"
