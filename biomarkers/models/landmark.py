"""A landmark: who is still at risk on a day, with the value known by then; follow-up counts from that day.

Everybody is in one category, in the order of the flow vocabulary: event on or before the landmark, censored on or before
it, no draw, too old, failed, no baseline, or included. At risk means strictly after the landmark. The value is drawn on or
before it, so nothing that a landmark analysis uses can lie in its own future (Anderson, Cain and Gelber, 1983).

A landmark analysis describes those still at risk on that day. It does not bring back those who progressed first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.times import Landmark, Visit
from biomarkers.kernels.carried import NONE, last, nearest
from biomarkers.models.serial import Draws, Followed, followed, read_draws
from biomarkers.study.analysis_set import AnalysisSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Chosen = TypeVar("Chosen", bound=AnalysisSet)

REASONS = (
    "not_in_cohort",
    "event_at_or_before_landmark",
    "censored_at_or_before_landmark",
    "no_measurement",
    "no_draw_in_window",
    "measurement_too_old",
    "failed_qc",
    "no_baseline",
)
_CODE = {reason: place for place, reason in enumerate(REASONS)}
_IN = len(REASONS)
COMPAT = {"dynpred": "exclude", "dynamicLM": "include"}
"""The peers' rules for a draw exactly on the landmark: dynpred's cutLM leaves it out, dynamicLM takes it."""


@dataclass(frozen=True, slots=True)
class LandmarkSet(AnalysisSet):
    """Rows of a landmark analysis, with the ledger of all who left.

    Attributes
    ----------
    rows : DataFrame
        subject, value, draw_day, value_age, entry (the landmark), time, event, then the subjects' other columns, and with
        ``baseline=True`` baseline, baseline_day and change. Time is on the subjects' clock: at risk over (entry, time].
    stamp : str
        The rule in words; an unlimited look back says so.
    """

    stamp: str = ""

    @property
    def ages(self) -> pd.Series:
        """Age of the values at the landmark: median and maximum, and how many were lost to age."""
        age = self.rows["value_age"]
        return pd.Series({"median": age.median(), "max": age.max(), "n_too_old": len(self.excluded("measurement_too_old"))})

    def __repr__(self) -> str:
        events = int(self.rows["event"].sum())
        return (
            f"{self.stamp}\n{len(self)} of {len(self.members)} at risk with a value, {events} events\n"
            + self.flow.to_string(index=False)
        )


@dataclass(frozen=True, slots=True)
class LandmarkStack(AnalysisSet):
    """Supermodel rows: one per subject and landmark, follow-up cut at landmark + window.

    Attributes
    ----------
    rows : DataFrame
        subject, landmark, value, draw_day, value_age, entry, time, event, then the subjects' other columns.
    by_landmark : DataFrame
        landmark, reason, n: everybody once at every landmark.
    window : float
    landmarks : tuple of float
    stamp : str
    """

    by_landmark: pd.DataFrame = field(default_factory=pd.DataFrame)
    window: float = math.nan
    landmarks: tuple[float, ...] = ()
    stamp: str = ""

    def __repr__(self) -> str:
        return f"{self.stamp}\n{len(self.rows)} rows, {len(self)} subjects, {int(self.rows['event'].sum())} events"


def landmark_set(
    subjects: pd.DataFrame,
    draws: pd.DataFrame,
    *,
    day: float,
    since: float | None = None,
    max_age: float | None = None,
    visit: Visit | None = None,
    baseline: bool = False,
    draw_at_landmark: str = "include",
    duplicates: str = "error",
    compat: str | None = None,
    also: Sequence[str] = (),
) -> LandmarkSet:
    """The rows of a landmark analysis: one per subject still at risk after `day` whose value is known by then.

    Parameters
    ----------
    subjects : DataFrame
        subject, time, event, and anything else; cohort and arm split the flow. One row per subject.
    draws : DataFrame
        subject, day, value: one row per draw, a missing value where it failed.
    day : float
        The landmark, on the clock of `time`.
    since, max_age, visit
        How far back a value may lie; exactly one: days in (since, day], an age of at most `max_age` (``math.inf`` is
        allowed and stamped), or the draw of a visit's window nearest its nominal day.
    baseline : bool
        Also the last value on day <= 0, and the change from it; who has none leaves as `no_baseline`.
    draw_at_landmark : {"include", "exclude"}
        Whether a draw exactly on the landmark counts.
    duplicates : {"error", "mean", "median", "first", "last", "max"}
        What two values of one subject and day become.
    compat : {None, "dynpred", "dynamicLM"}
        The peers' rule for a draw on the landmark.
    also : sequence of str
        Further numeric columns of the same draw to carry.

    Returns
    -------
    LandmarkSet

    Raises
    ------
    UseError
        The landmark lies before the last admissible draw, how far to look back is not said, or duplicates without a rule.

    Examples
    --------
    >>> people = pd.DataFrame({"subject": list("abcd"), "time": [30, 42, 90, 120], "event": [1, 0, 1, 0]})
    >>> tubes = pd.DataFrame({"subject": list("abcc"), "day": [20, 21, 40, 80], "value": [1.0, 2.0, 3.0, 9.0]})
    >>> found = landmark_set(people, tubes, day=42, max_age=28)
    >>> found.rows[["subject", "value", "draw_day", "value_age", "entry", "time", "event"]]
      subject  value  draw_day  value_age  entry  time  event
    0       c    3.0      40.0        2.0   42.0    90      1
    >>> found.flow["reason"].tolist()
    ['event_at_or_before_landmark', 'censored_at_or_before_landmark', 'no_measurement', 'included']
    """
    rule = _rule(day, since, max_age, visit, compat)
    inclusive = _inclusive(draw_at_landmark, compat)
    people = followed(subjects)
    known = read_draws(draws, people, until=day, inclusive=inclusive, duplicates=duplicates, more=also)
    place, reason = _at_landmark(people, known, rule, np.arange(people.n), np.full(people.n, float(day)), inclusive)
    columns = _columns(known, place, np.full(people.n, float(day)), also)
    if baseline:
        zero = last(known.valid, np.arange(people.n), 0.0)
        reason[(reason == _IN) & (zero == NONE)] = _CODE["no_baseline"]
        first = np.where(zero == NONE, np.nan, known.value[zero]) if known.value.size else np.full(people.n, np.nan)
        columns |= {
            "baseline": first,
            "change": columns["value"] - first,
            "baseline_day": np.where(zero == NONE, np.nan, known.valid.day[zero]) if known.value.size else first,
        }
    rows = _beside(people.frame, columns, ["value", "draw_day", "value_age", "entry", "time", "event"])
    chosen = replace(LandmarkSet.of(rows, people.frame), stamp=_stamp(rule, inclusive, duplicates))
    return _leave(chosen, reason)


def landmark_stack(
    subjects: pd.DataFrame,
    draws: pd.DataFrame,
    *,
    landmarks: Sequence[float],
    window: float,
    max_age: float,
    draw_at_landmark: str = "include",
    duplicates: str = "error",
    compat: str | None = None,
    also: Sequence[str] = (),
) -> LandmarkStack:
    """Supermodel rows: at every landmark, those still at risk with a value no older than `max_age`, followed over a window.

    Parameters
    ----------
    subjects, draws : DataFrame
        As `landmark_set`.
    landmarks : sequence of float
        The grid, ascending, prespecified.
    window : float
        Follow-up ends at landmark + window; an event at that very time counts.
    max_age : float
        In days, as the draws' `day`; ``math.inf`` is allowed, and stamped.
    draw_at_landmark, duplicates, compat, also
        As `landmark_set`.

    Returns
    -------
    LandmarkStack
        `.rows` with one row per subject and landmark, `.flow` by landmark.

    Examples
    --------
    >>> people = pd.DataFrame({"subject": list("ab"), "time": [50, 200], "event": [1, 0]})
    >>> tubes = pd.DataFrame({"subject": list("abb"), "day": [0, 0, 60], "value": [1.0, 2.0, 3.0]})
    >>> landmark_stack(people, tubes, landmarks=[42, 84], window=84, max_age=56).rows[
    ...     ["subject", "landmark", "value", "entry", "time", "event"]]
      subject  landmark  value  entry   time  event
    0       a      42.0    1.0   42.0   50.0      1
    1       b      42.0    2.0   42.0  126.0      0
    2       b      84.0    3.0   84.0  168.0      0
    """
    grid = np.asarray(list(landmarks), dtype=np.float64)
    if not grid.size or (np.diff(grid) <= 0).any():
        raise UseError(f"landmarks must ascend, one or more days: {list(landmarks)!r}")
    if not window > 0:
        raise UseError(f"window = {window!r} must be positive: how long is each landmark's follow-up?")
    rule = _rule(float(grid[0]), None, max_age, None, compat)
    inclusive = _inclusive(draw_at_landmark, compat)
    people = followed(subjects)
    if "landmark" in people.frame:
        raise UseError("subjects has a column 'landmark', which the result uses; rename it")
    known = read_draws(draws, people, until=grid[-1], inclusive=inclusive, duplicates=duplicates, more=also)
    who = np.tile(np.arange(people.n), grid.size)
    at = np.repeat(grid, people.n)
    place, reason = _at_landmark(people, known, rule, who, at, inclusive)
    end = np.minimum(people.time[who], at + window)
    columns = {
        "landmark": at,
        **_columns(known, place, at, also),
        "time": end,
        "event": (people.event[who] & (people.time[who] <= at + window)).astype(np.int64),
    }
    counts = _counts(grid, at, reason)
    inside = np.flatnonzero(reason == _IN)
    rows = people.frame.take(who).reset_index(drop=True)
    rows = _beside(rows, columns, ["landmark", "value", "draw_day", "value_age", "entry", "time", "event"])
    said = (
        f"{grid.size} landmarks from day {grid[0]:g} to {grid[-1]:g}, window of {days(window)}, {_age(max_age)}; "
        f"{_tie(inclusive)}"
    )
    chosen = replace(
        LandmarkStack.of(rows, people.frame),
        by_landmark=counts,
        window=float(window),
        landmarks=tuple(grid.tolist()),
        stamp=f"{said}{_doubles(duplicates)}",
    )
    assert len(inside) == counts.loc[counts["reason"] == "included", "n"].sum()
    return _leave(chosen, reason)


def _rule(day: float, since: float | None, max_age: float | None, visit: Visit | None, compat: str | None) -> Landmark:
    if compat is not None and compat not in COMPAT:
        raise UseError(f"compat {compat!r} is not one of {', '.join(COMPAT)}")
    if compat is not None and since is None and max_age is None and visit is None:
        max_age = math.inf  # neither peer has an age limit
    return Landmark(day=day, since=since, max_age=max_age, visit=visit)  # type: ignore[arg-type]


def _inclusive(draw_at_landmark: str, compat: str | None) -> bool:
    if draw_at_landmark not in ("include", "exclude"):
        raise UseError(f"draw_at_landmark {draw_at_landmark!r} is not 'include' or 'exclude'")
    return (COMPAT[compat] if compat else draw_at_landmark) == "include"


def _at_landmark(people: Followed, known: Draws, rule: Landmark, who: Ints, at: Floats, inclusive: bool) -> tuple[Ints, Ints]:
    """Place of the value and the reason code of each (subject, landmark)."""
    time, event = people.time[who], people.event[who]
    gone = time <= at
    if rule.visit is not None:
        until = np.full(people.n, rule.visit.last, dtype=np.float64)
        place = nearest(known.valid, people.n, nominal=rule.visit.day, first=rule.visit.first, until=until)[who]
        anything = nearest(known.all, people.n, nominal=rule.visit.day, first=rule.visit.first, until=until)[who] != NONE
        reasons = [("no_draw_in_window", ~anything), ("failed_qc", place == NONE)]
    else:
        place = last(known.valid, who, at, inclusive=inclusive)
        any_place = last(known.all, who, at, inclusive=inclusive)
        too_old = _too_old(known.all.day, any_place, at, rule)
        reasons = [
            ("no_measurement", any_place == NONE),
            ("measurement_too_old", too_old),
            ("failed_qc", (place == NONE) | _too_old(known.valid.day, place, at, rule)),
        ]
    reason = np.select(
        [np.isnan(time), gone & event, gone, *(mask for _, mask in reasons)],
        [
            _CODE["not_in_cohort"],
            _CODE["event_at_or_before_landmark"],
            _CODE["censored_at_or_before_landmark"],
            *(_CODE[name] for name, _ in reasons),
        ],
        default=_IN,
    )
    used = reason == _IN
    assert (known.valid.day[place[used]] <= at[used]).all()
    assert (known.valid.day[place[used]] < time[used]).all()
    return place, reason


def _too_old(day: Floats, place: Ints, at: Floats, rule: Landmark) -> NDArray[np.bool_]:
    if not day.size:
        return np.zeros(place.size, dtype=bool)
    then = day[np.maximum(place, 0)]
    if rule.since is not None:
        return (place != NONE) & (then <= rule.since)
    assert rule.max_age is not None
    return (place != NONE) & (at - then > rule.max_age)


def _columns(known: Draws, place: Ints, at: Floats, also: Sequence[str]) -> dict[str, Floats]:
    """What is known of the draw at each place, missing where there is none."""

    def taken(values: Floats) -> Floats:
        return np.where(place == NONE, np.nan, values[place]) if values.size else np.full(place.size, np.nan)

    day = taken(known.valid.day)
    return {
        "value": taken(known.value),
        "draw_day": day,
        "value_age": at - day,
        "entry": at,
        **{name: taken(known.more[name]) for name in also},
    }


def _beside(frame: pd.DataFrame, columns: dict[str, Floats], front: Sequence[str]) -> pd.DataFrame:
    wide = frame.assign(**columns)
    first = ["subject", *[c for c in front if c in wide]]
    return wide[[*first, *[c for c in wide if c not in first]]]


def _leave(chosen: Chosen, reason: Ints) -> Chosen:
    """Every reason asked once, in the order of the vocabulary."""
    for code, name in enumerate(REASONS):
        out = reason == code
        if out.any():
            chosen = chosen.keep(~out, name, "no outcome" if name == "not_in_cohort" else "")
            reason = reason[~out]
    return chosen


def _counts(grid: Floats, at: Floats, reason: Ints) -> pd.DataFrame:
    names = [*REASONS, "included"]
    lines = [
        (landmark, names[code], int(n))
        for landmark in grid.tolist()
        for code, n in enumerate(np.bincount(reason[at == landmark], minlength=len(names)))
        if n or code == _IN
    ]
    return pd.DataFrame(lines, columns=["landmark", "reason", "n"])


def _age(max_age: float) -> str:
    return "values of any age (unlimited)" if math.isinf(max_age) else f"values at most {days(max_age)} old"


def days(n: float) -> str:
    """A time on the clock of the draws, with its unit.

    Examples
    --------
    >>> days(1), days(90), days(0.5)
    ('1 day', '90 days', '0.5 days')
    """
    return f"{n:g} day" + ("" if n == 1 else "s")


def _tie(inclusive: bool) -> str:
    return "a draw on the landmark counts" if inclusive else "a draw on the landmark does not count"


def _doubles(rule: str) -> str:
    return "" if rule == "error" else f"; two values on one day: {rule}"


def _stamp(rule: Landmark, inclusive: bool, duplicates: str) -> str:
    unlimited = " (unlimited)" if rule.max_age is not None and math.isinf(rule.max_age) else ""
    return f"{rule}{unlimited}; {_tie(inclusive)}{_doubles(duplicates)}"
