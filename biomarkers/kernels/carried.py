"""Which draw speaks at a time: the last one on or before it, or the one nearest a nominal day; places, not values.

Draws are put in order once, by subject and day. "Subject s at time L" is then a place in one sorted list of keys
``s (R + 1) + rank``, with rank the number of distinct days up to L, so that a whole grid of landmarks is one binary search.
A draw after L has a larger key: looking ahead is not something this file can express.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NONE = -1
"""The place of a draw that is not there."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Draws ordered by subject, then day.

    Attributes
    ----------
    order : (n,) int
        The caller's row of each ordered draw.
    subject, day : (n,)
        In that order; subjects are codes 0 .. S-1.
    days : (R,) float
        Distinct days.
    key : (n,) int
        subject (R + 1) + rank of the day, ascending.
    """

    order: Ints
    subject: Ints
    day: Floats
    days: Floats
    key: Ints

    @property
    def repeated(self) -> Bools:
        """Whether a draw shares subject and day with the one before it, (n,)."""
        return np.r_[False, np.diff(self.key) == 0] if self.key.size else np.zeros(0, dtype=bool)


def drawn(subject: ArrayLike, day: ArrayLike) -> Drawn:
    """Put draws in order; draws of one subject and day stay in the caller's order.

    Examples
    --------
    >>> drawn([1, 0, 1], [5.0, 2.0, 3.0]).order.tolist()
    [1, 2, 0]
    """
    s = np.asarray(subject, dtype=np.int64)
    t = np.asarray(day, dtype=np.float64)
    if s.shape != t.shape:
        raise ValueError(f"{s.size} subjects and {t.size} days: they must be equal.")
    order = np.lexsort((t, s)).astype(np.int64)
    s, t = s[order], t[order]
    days, rank = np.unique(t, return_inverse=True)
    key = s * (days.size + 1) + rank.reshape(-1) + 1
    return Drawn(order, s, t, days, key)


def last(draws: Drawn, subject: ArrayLike, at: ArrayLike, *, inclusive: bool = True) -> Ints:
    """Place (in the ordered draws) of each subject's last draw on or before a time; `NONE` where there is none.

    Parameters
    ----------
    subject, at : (q,), or shapes that broadcast
    inclusive : bool
        Whether a draw exactly at the time counts.

    Examples
    --------
    >>> d = drawn([0, 0, 1], [10.0, 42.0, 50.0])
    >>> last(d, [0, 0, 1], 42.0).tolist(), last(d, [0], 42.0, inclusive=False).tolist()
    ([1, 1, -1], [0])
    """
    s, t = np.broadcast_arrays(np.asarray(subject, dtype=np.int64), np.asarray(at, dtype=np.float64))
    rank = np.searchsorted(draws.days, t, side="right" if inclusive else "left")
    place = np.searchsorted(draws.key, s * (draws.days.size + 1) + rank, side="right") - 1
    found = place >= 0
    found &= draws.subject[np.maximum(place, 0)] == s if draws.subject.size else False
    return np.where(found, place, NONE).astype(np.int64)


def nearest(draws: Drawn, n_subjects: int, *, nominal: float, first: float, until: Floats) -> Ints:
    """Place of each subject's draw nearest the nominal day within [first, until of the subject]; a tie goes to the earlier.

    Parameters
    ----------
    until : (n_subjects,) float
        The last admissible day of each subject.

    Examples
    --------
    >>> d = drawn([0, 0, 0], [40.0, 44.0, 90.0])
    >>> nearest(d, 1, nominal=42, first=28, until=np.array([56.0])).tolist()
    [0]
    """
    inside = np.flatnonzero((draws.day >= first) & (draws.day <= until[draws.subject]))
    s, t = draws.subject[inside], draws.day[inside]
    order = inside[np.lexsort((t, np.abs(t - nominal), s))]
    place = np.full(n_subjects, NONE, dtype=np.int64)
    who, at = np.unique(draws.subject[order], return_index=True)
    place[who] = order[at]
    return place
