"""What was found wrong: collected, so that one fault never hides the next, and counted, so that none is told twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from biomarkers.domain.problems import Problem, Severity, visible

LONGEST = 1_000
"""Characters of a message: names of columns come from files, and files hold anything."""


@dataclass
class Findings:
    """Problems of one file (or of one check), in the order in which they were met.

    Parameters
    ----------
    file : str
        Name of the file as study.toml has it.
    """

    file: str
    problems: list[Problem] = field(default_factory=list)
    repeated: dict[tuple[str, ...], list[Problem]] = field(default_factory=dict)

    def add(
        self,
        code: str,
        problem: str,
        remedy: str = "",
        *,
        line: int | None = None,
        column: str = "",
        subject: str = "",
        value: str = "",
        severity: Severity = "error",
        file: str | None = None,
        same: tuple[str, ...] | None = None,
    ) -> None:
        """Note a problem; those with one `same` become one row that counts them and names their lines."""
        made = Problem(
            file=self.file if file is None else file,
            line=line,
            column=visible(column, LONGEST),
            subject=visible(subject),
            value=visible(value),
            severity=severity,
            problem=visible(problem, LONGEST),
            remedy=visible(remedy, LONGEST),
            code=code,
        )
        if same is None:
            self.problems.append(made)
        else:
            self.repeated.setdefault((made.file, made.column, code, severity, *same), []).append(made)

    @property
    def errors(self) -> bool:
        """Whether anything found so far stops the run."""
        return any(problem.severity == "error" for problem in self.all())

    @property
    def error_lines(self) -> set[int | None]:
        """Lines with an error; 1 or None concerns the whole file."""
        every = [*self.problems, *(problem for group in self.repeated.values() for problem in group)]
        return {problem.line for problem in every if problem.severity == "error"}

    def all(self) -> list[Problem]:
        """Every problem, repeated ones as one row each."""
        return [*self.problems, *(_counted(group) for group in self.repeated.values())]


def _counted(group: list[Problem]) -> Problem:
    first = group[0]
    if len(group) == 1:
        return first
    subjects = {problem.subject for problem in group}
    return replace(
        first,
        problem=f"{first.problem} ({len(group)} cells, {lines(problem.line for problem in group)})",
        subject=first.subject if len(subjects) == 1 else "",
    )


def lines(numbers: Iterable[int | None], most: int = 12) -> str:
    """ "rows 5, 9 and 12", shortened where there are many.

    Examples
    --------
    >>> lines([5, 9, 12]), lines([7]), lines(range(2, 30), most=3)
    ('rows 5, 9, 12', 'row 7', 'rows 2, 3, 4 and 25 more')
    """
    known = [number for number in dict.fromkeys(numbers) if number is not None]
    if not known:
        return ""
    if len(known) == 1:
        return f"row {known[0]}"
    shown = ", ".join(str(number) for number in known[:most])
    return f"rows {shown}" + (f" and {len(known) - most} more" if len(known) > most else "")
