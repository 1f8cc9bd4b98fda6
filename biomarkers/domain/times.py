"""Time: integer days from a declared time zero; visits are windows, landmarks cannot look ahead.

Day 0 is time zero, a week is 7 days, a month is 30.4375 days. A draw's day decides where it belongs, never its label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from biomarkers.domain.errors import UseError

DAYS_PER: dict[str, float] = {
    "day": 1.0, "days": 1.0, "week": 7.0, "weeks": 7.0, "month": 30.4375, "months": 30.4375,
    "year": 365.25, "years": 365.25,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Time zero, the event, and what censors.

    Parameters
    ----------
    name : str
        Code in the outcomes table, matched without regard to case.
    label : str
        What a reader sees.
    time, event : str
        Column names in a wide sheet; in an outcomes table they are ``time`` and ``event``.
    unit : str
        Unit of the time column; converted once to days.
    event_is : str
        The spelling of "event" in the event column.
    """

    name: str
    label: str
    time: str = "time"
    event: str = "event"
    unit: str = "days"
    event_is: str = "1"

    def __post_init__(self) -> None:
        if self.unit not in DAYS_PER:
            raise UseError(f"endpoint {self.name}: unit {self.unit!r} is not one of {', '.join(DAYS_PER)}")


@dataclass(frozen=True, slots=True)
class Visit:
    """A nominal day with the window around it, both ends included.

    Parameters
    ----------
    name : str
    day : int
        Nominal day from time zero.
    window : (int, int)
        Days before (zero or negative) and after the nominal day.

    Examples
    --------
    >>> week6 = Visit("week6", day=42, window=(-7, 7))
    >>> week6.first, week6.last, week6.contains(49), week6.contains(50)
    (35, 49, True, False)
    """

    name: str
    day: int
    window: tuple[int, int]

    def __post_init__(self) -> None:
        low, high = self.window
        if low > 0 or high < 0:
            raise UseError(
                f"visit {self.name}: window ({low}, {high}) must hold day {self.day} itself: "
                "give days before as zero or negative, days after as zero or positive, e.g. (-7, 7)"
            )

    @property
    def first(self) -> int:
        """First day of the window."""
        return self.day + self.window[0]

    @property
    def last(self) -> int:
        """Last day of the window; a landmark for this visit lies here or later."""
        return self.day + self.window[1]

    def contains(self, day: float) -> bool:
        """Whether a day lies in the window."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Landmark:
    """A day from which follow-up counts, and how far back a value may lie: it looks over (since, day].

    By construction it cannot look ahead: no value after `day` can enter, and a landmark before the last admissible draw
    of its visit does not exist.

    Parameters
    ----------
    day : int
        The landmark. At risk: event or censoring strictly later.
    since : int, optional
        Values on day `since` and before are too old.
    max_age : float, optional
        A value may be this many days old; ``math.inf`` is allowed, and stamped on the result.
    visit : Visit, optional
        The draw of this visit's window, nearest to its nominal day.

    Raises
    ------
    UseError
        None or more than one of `since`, `max_age`, `visit` is given, or the landmark lies before the window ends.

    Examples
    --------
    >>> Landmark(day=42, since=21).oldest
    22
    >>> Landmark(day=42, visit=Visit("week6", 42, (-7, 7)))
    Traceback (most recent call last):
        ...
    biomarkers.domain.errors.UseError: landmark day 42 lies before day 49, the last day on which a week6 draw is admissible: \
draws after the landmark would be a look ahead. Use day=49 or later
    """

    day: int
    since: int | None = None
    max_age: float | None = None
    visit: Visit | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("since", "max_age", "visit") if getattr(self, name) is not None]
        if len(given) != 1:
            said = "none" if not given else " and ".join(given)
            raise UseError(
                f"a landmark needs exactly one of since, max_age or visit, and {said} was given: how far back may a value "
                "lie? Unlimited is max_age=math.inf, and is stamped on the result"
            )
        if self.day < 0:
            raise UseError(f"landmark day {self.day} lies before time zero")
        if self.since is not None and self.since >= self.day:
            raise UseError(f"landmark day {self.day} looks back over ({self.since}, {self.day}], which is empty: since < day")
        if self.max_age is not None and not self.max_age >= 0:
            raise UseError(f"max_age {self.max_age!r} must be zero or more days")
        if self.visit is not None and self.day < self.visit.last:
            raise UseError(
                f"landmark day {self.day} lies before day {self.visit.last}, the last day on which a {self.visit.name} draw "
                f"is admissible: draws after the landmark would be a look ahead. Use day={self.visit.last} or later"
            )

    @property
    def oldest(self) -> float:
        """The earliest day a value may come from."""
        if self.visit is not None:
            return self.visit.first
        if self.since is not None:
            return self.since + 1
        assert self.max_age is not None
        return -math.inf if math.isinf(self.max_age) else self.day - self.max_age

    def __str__(self) -> str:
        if self.visit is not None:
            return f"landmark day {self.day}, draw of {self.visit.name} (days {self.visit.first} to {self.visit.last})"
        if math.isinf(self.oldest):
            return f"landmark day {self.day}, last value of any age"
        return f"landmark day {self.day}, last value of days {self.oldest:g} to {self.day}"
