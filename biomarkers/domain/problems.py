"""A problem of the data: where it is, what stands there, why it matters, and what to do. All are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One row of the problem table.

    Parameters
    ----------
    file : str
        As named in study.toml.
    line : int or None
        As a spreadsheet counts: the header is line 1.
    column : str
        Column as the file spells it.
    subject : str
        The subject concerned, where there is one.
    value : str
        The bad cell as it stands, control characters made visible; never the row.
    severity : {"error", "warning", "note"}
        An error stops; a warning is shown and counted; a note is listed.
    problem : str
        What is wrong, and why it matters.
    remedy : str
        What to do.
    code : str
        Short stable name of the kind of problem.
    """

    file: str
    line: int | None = None
    column: str = ""
    subject: str = ""
    value: str = ""
    severity: Severity = "error"
    problem: str = ""
    remedy: str = ""
    code: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "") + (f":{self.column}" if self.column else "")
        who = f" {self.subject}" if self.subject else ""
        value = f" {self.value!r}" if self.value else ""
        remedy = f" → {self.remedy}" if self.remedy else ""
        return f"{place}{who}{value}: {self.problem}{remedy}"


COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Problem))
"""Columns of the problem table, in order."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def visible(text: object, limit: int = 60) -> str:
    """A cell as it may be shown: control and direction marks as escapes, shortened where long.

    Examples
    --------
    >>> visible("12\\x00")
    '12\\\\x00'
    """
    shown = _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), str(text))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def sort(problems: Iterable[Problem]) -> list[Problem]:
    """Errors first, then warnings and notes; within each by file and line."""
    return sorted(problems, key=lambda p: (SEVERITIES.index(p.severity), p.file, p.line or 0, p.column, p.value))


def rows(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Plain rows, for a frame."""
    return [asdict(problem) for problem in sort(problems)]


def summary(problems: Iterable[Problem]) -> str:
    """"2 errors, 3 warnings, 1 note"."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for problem in problems:
        counts[problem.severity] += 1
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n) or "no problems"
