"""One check: what was expected, where that comes from, what was found, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison.

    Parameters
    ----------
    what : str
        The quantity.
    expected, observed : str
        As they are printed.
    passed : bool
    tolerance : str
        "" where equality, or the statement as it stands, is meant.
    """

    what: str
    expected: str
    observed: str
    passed: bool
    tolerance: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the kit.

    Parameters
    ----------
    id : str
    requirements : tuple of str
        Keys of `requirements.REQUIREMENTS`.
    title : str
        The claim, in one sentence.
    origin : str
        Where the expected values come from.
    run : callable
        Takes an empty folder to work in and gives the findings.
    """

    id: str
    requirements: tuple[str, ...]
    title: str
    origin: str
    run: Callable[[Path], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check that was carried out."""

    check: Check
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether there was something to compare and all of it agreed."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that did not agree."""
        return tuple(finding for finding in self.findings if not finding.passed)


def carried_out(check: Check, folder: Path) -> Outcome:
    """Run a check; an error inside it is a failure of the check, never of the kit.

    The error is named by its kind and its first line, with the working folder left out: paths are nobody's business.
    """
    found: list[Finding] = []
    try:
        found.extend(check.run(folder))
    except Exception as error:  # whatever goes wrong in a check is its result
        words = (str(error).splitlines() or [""])[0]
        for place in (folder, Path(__file__).parents[2], Path.home()):
            words = words.replace(str(place), "")
        said = f"{type(error).__name__}: {words[:300]}".strip(": ")
        found.append(Finding("the check itself", "to be carried out", said, False))
    return Outcome(check, tuple(found))


def close(what: str, expected: float, observed: float, *, tolerance: float = 1e-8) -> Finding:
    """Two numbers within a relative tolerance (absolute below 1).

    Examples
    --------
    >>> close("log HR", 0.5, 0.5 + 1e-12).passed, close("log HR", 0.5, 0.6).passed, close("x", 1.0, float("nan")).passed
    (True, False, False)
    """
    expected, observed = float(expected), float(observed)
    near = math.isfinite(observed) and abs(observed - expected) <= tolerance * max(1.0, abs(expected))
    return Finding(what, f"{expected:.10g}", f"{observed:.10g}", near, f"{tolerance:g}")


def same(what: str, expected: object, observed: object) -> Finding:
    """Two things that must be equal."""
    return Finding(what, str(expected), str(observed), expected == observed)


def holds(what: str, truth: object, seen: str = "") -> Finding:
    """A statement that must be true."""
    return Finding(what, "yes", seen or ("yes" if truth else "no"), bool(truth))
