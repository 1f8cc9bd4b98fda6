"""What can go wrong, as a small vocabulary: bad data, bad use, and a question that must not be asked this way."""

from __future__ import annotations

from collections.abc import Sequence


class BiomarkersError(Exception):
    """Any error this package raises on purpose."""


class UseError(BiomarkersError, ValueError):
    """The call is wrong: it says what, how many, which first, why it matters, and what to do."""


class Refused(UseError):
    """A question that the data cannot answer in the way it was asked.

    Parameters
    ----------
    asked : str
        What was asked for, in the reader's words.
    why : str
        Why the answer would mislead.
    instead : str
        The line to type instead.

    Examples
    --------
    >>> print(Refused("ever cleared, from baseline", "it uses the future", "at=bm.Landmark(day=49, since=35)"))
    ever cleared, from baseline: it uses the future. Instead: at=bm.Landmark(day=49, since=35)
    """

    def __init__(self, asked: str, why: str, instead: str) -> None:
        self.asked, self.why, self.instead = asked, why, instead
        super().__init__(f"{asked}: {why.rstrip('.')}. Instead: {instead}")


class PlanError(BiomarkersError, ValueError):
    """plan.toml cannot be used; each line names file, line, key and the remedy."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class DataProblem(BiomarkersError, ValueError):
    """The data hold errors; the exception's text is the whole table of them."""

    def __init__(self, text: str, problems: object = None) -> None:
        self.problems = problems
        super().__init__(text)
