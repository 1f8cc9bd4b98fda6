"""Graded adverse events of a synthetic study: who has which complaint, how bad, when, and whether the drug may be the cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from deterministic import Row, Streams
from numpy.typing import NDArray

ADVERSE = ("subject", "term", "grade", "start", "stop", "related", "serious")
ATTRIBUTIONS = ("possible", "probable", "definite")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One term of the profile.

    Parameters
    ----------
    term : str
    share : tuple of float
        Of the subjects of each group who ever have it.
    severe : float
        Of those, the share with grade 3 or, one time in eight, 4. Grade 5 is never made: it would be a death.
    related : bool
        Whether the investigator may hold the drug responsible.
    """

    term: str
    share: tuple[float, ...]
    severe: float
    related: bool = True


def adverse_rows(
    s: Streams, profile: tuple[Complaint, ...], group: NDArray[np.int64], followed: NDArray[np.int64], ids: list[str]
) -> list[Row]:
    """The table, in the order of subject, first day and term.

    Parameters
    ----------
    s : Streams
    profile : tuple of Complaint
    group : (n,) int
        Place of each subject in `Complaint.share`.
    followed : (n,) int
        Last day on which an event is recorded.
    ids : list of str

    Returns
    -------
    list of Row
        A complaint that comes back has a second row, milder by one grade: a table of patients counts the worst.
    """
    n = len(ids)
    made: list[tuple[int, int, str, Row]] = []
    for complaint in profile:
        name = f"adverse/{complaint.term}"
        has = s.uniform(f"{name}/has", n) < np.array(complaint.share)[group]
        severity, fourth = s.uniform(f"{name}/severity", n), s.chance(f"{name}/fourth", 0.125, n)
        grade = np.where(severity < complaint.severe, np.where(fourth, 4, 3), np.where(severity < 0.4 + complaint.severe, 2, 1))
        onset = s.uniform(f"{name}/onset", n)
        length = np.ceil(1 + 20 * s.exponential(f"{name}/length", n)).astype(np.int64)
        again, cause = s.chance(f"{name}/again", 0.20, n), s.integers(f"{name}/cause", 0, 2, n)
        unrelated, kept_in = s.chance(f"{name}/unrelated", 0.12, n), s.chance(f"{name}/serious", 0.30, n)
        for i in np.flatnonzero(has):
            end = int(followed[i])
            start = 1 + int(onset[i] * min(end, 126))
            if start > end:
                continue
            stop = start + int(length[i])
            why = "unlikely" if unrelated[i] or not complaint.related else ATTRIBUTIONS[cause[i]]
            row = {"subject": ids[i], "term": complaint.term, "related": why}
            worst = {"grade": str(grade[i]), "serious": "yes" if grade[i] >= 3 and kept_in[i] else "no"}
            made.append((i, start, complaint.term, row | _spell(start, stop, end) | worst))
            later = stop + 14
            if again[i] and later < end:
                milder = {"grade": str(max(1, grade[i] - 1)), "serious": "no"}
                made.append((i, later, complaint.term, row | _spell(later, later + int(length[i]), end) | milder))
    return [row for *_, row in sorted(made, key=lambda each: each[:3])]


def _spell(start: int, stop: int, end: int) -> Row:
    """First and last day; without a last day where it outlasts the record."""
    return {"start": str(start), "stop": str(stop) if stop <= end else ""}
