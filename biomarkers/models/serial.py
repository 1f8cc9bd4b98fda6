"""Two frames become two sets of arrays: who is followed (subject, time, event) and what was drawn (subject, day, value).

Every refusal of bad serial data stands here: an unknown rule, a duplicate without a rule, a subject listed twice. What does
not matter to the question (draws of people outside the set) is counted, not refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.kernels.carried import Drawn, drawn
from biomarkers.models.columns import column, numbers, read_event, read_time

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DUPLICATES = ("error", "mean", "median", "first", "last", "max")
RESERVED = ("value", "draw_day", "value_age", "entry")


@dataclass(frozen=True)
class Followed:
    """Subjects with their follow-up.

    Attributes
    ----------
    frame : DataFrame
        The subjects as given.
    time, event : (n,)
        NaN and False where the outcome is missing.
    """

    frame: pd.DataFrame
    time: Floats
    event: Bools

    @property
    def n(self) -> int:
        """Subjects."""
        return int(self.time.size)


@dataclass(frozen=True)
class Draws:
    """Draws of the subjects followed, in order.

    Attributes
    ----------
    all : Drawn
        Every draw with a day, valid or not.
    valid : Drawn
        Draws with a value; one per subject and day.
    value : (n_valid,) float
        In the order of `valid`.
    more : dict of str to (n_valid,) float
        Further columns of the draw that were asked for.
    n_unknown, n_without_day, n_missing, n_tied : int
        Draws of nobody, without a day, without a value, and sharing subject and day with another.
    """

    all: Drawn
    valid: Drawn
    value: Floats
    more: dict[str, Floats]
    n_unknown: int
    n_without_day: int
    n_missing: int
    n_tied: int


def followed(subjects: pd.DataFrame) -> Followed:
    """Read subject, time and event; the rest of the frame is kept beside them.

    Raises
    ------
    UseError
        A subject is missing or listed twice, or a time or event cannot be.
    """
    if not isinstance(subjects, pd.DataFrame):
        raise UseError(f"subjects must be a pandas DataFrame with subject, time and event, not {type(subjects).__name__}")
    who = column(subjects, "subject")
    if who.isna().any():
        raise UseError(f"{int(who.isna().sum())} of {len(who)} subjects have no id: nobody can be followed without one")
    twice = who[who.duplicated()]
    if len(twice):
        raise UseError(
            f"{len(twice)} subjects are listed twice; first {twice.iloc[0]!r}. One row per subject is needed: "
            "time and event belong to the subject, values to the draws"
        )
    taken = [c for c in RESERVED if c in subjects]
    if taken:
        raise UseError(f"subjects has a column {taken[0]!r}, which the result uses for the draw; rename it")
    time = read_time(column(subjects, "time"), "time")
    event = read_event(column(subjects, "event"))
    lost = np.isnan(time) | np.isnan(event)
    return Followed(subjects.reset_index(drop=True), np.where(lost, np.nan, time), np.where(lost, 0.0, event) > 0)


def read_draws(
    draws: pd.DataFrame,
    people: Followed,
    *,
    until: float | Floats = np.inf,
    inclusive: bool = True,
    duplicates: str = "error",
    floor: float = -np.inf,
    more: Sequence[str] = (),
) -> Draws:
    """Read the draws that may speak: of these subjects, and not after `until`.

    Parameters
    ----------
    until : float or (n_subjects,)
        Draws after it are left out before anything else is looked at, so that nothing later can matter.
    inclusive : bool
        Whether a draw exactly at `until` counts.
    duplicates : {"error", "mean", "median", "first", "last", "max"}
        What two valid draws of one subject and day become.
    floor : float
        Earlier days are moved up to this one (time zero of a start-stop table).
    more : sequence of str
        Further numeric columns of the draws to carry with the value.

    Raises
    ------
    UseError
        Two valid values on one day and no rule for them.
    """
    if duplicates not in DUPLICATES:
        raise UseError(f"duplicates {duplicates!r} is not one of {', '.join(DUPLICATES)}")
    if not isinstance(draws, pd.DataFrame):
        raise UseError(f"draws must be a pandas DataFrame with subject, day and value, not {type(draws).__name__}")
    mine, theirs = people.frame["subject"], column(draws, "subject")
    if len(mine) and len(theirs) and pd.api.types.is_numeric_dtype(mine) != pd.api.types.is_numeric_dtype(theirs):
        raise UseError(
            f"subject is {mine.dtype} in subjects and {theirs.dtype} in draws: {mine.iloc[0]!r} would never match "
            f"{theirs.iloc[0]!r}, and everybody would have no measurement. Read both as text"
        )
    code = pd.Index(mine).get_indexer(pd.Index(theirs))
    day = numbers(column(draws, "day"), "day")
    value = numbers(column(draws, "value"), "value")
    if np.isinf(value).any():
        where = int(np.flatnonzero(np.isinf(value))[0])
        raise UseError(
            f"value is infinite in {int(np.isinf(value).sum())} draws, first of subject "
            f"{draws['subject'].iloc[where]!r}: the logarithm of zero? Give such a value its limit, or leave it missing"
        )
    extra = {name: numbers(column(draws, name), "column") for name in more}
    known = (code >= 0) & ~np.isnan(day)
    limit = np.broadcast_to(np.asarray(until, float), (people.n,))[np.maximum(code, 0)] if people.n else np.zeros(code.size)
    usable = known & ((day <= limit) if inclusive else (day < limit))
    moved = np.maximum(day, floor)
    valid = usable & ~np.isnan(value)
    rows = np.flatnonzero(valid)
    # Within a day the caller's order decides nothing unless the rule is "first" or "last"; before the floor, the real day does.
    rows = rows[np.argsort(day[rows], kind="stable")] if np.isfinite(floor) else rows
    spoken = drawn(code[rows], moved[rows])
    values, kept, n_tied = _one_per_day(spoken, value[rows], draws["subject"].iloc[rows], duplicates)
    columns = {
        name: _one_per_day(spoken, given[rows], draws["subject"].iloc[rows], duplicates)[0] for name, given in extra.items()
    }
    return Draws(
        all=drawn(code[usable], moved[usable]),
        valid=kept,
        value=values,
        more=columns,
        n_unknown=int((code < 0).sum()),
        n_without_day=int((np.isnan(day) & (code >= 0)).sum()),
        n_missing=int((usable & np.isnan(value)).sum()),
        n_tied=n_tied,
    )


def _one_per_day(spoken: Drawn, value: Floats, names: pd.Series, rule: str) -> tuple[Floats, Drawn, int]:
    """One value per subject and day, by the rule."""
    repeated = spoken.repeated
    value = value[spoken.order]
    n_tied = int(repeated.sum())
    if not n_tied:
        return value, spoken, 0
    if rule == "error":
        at = int(np.flatnonzero(repeated)[0])
        who = names.iloc[spoken.order[at]]
        n = np.unique(spoken.subject[repeated]).size
        raise UseError(
            f"{n} {'subject has' if n == 1 else 'subjects have'} two values on one day; first {who!r}, day {spoken.day[at]:g}. "
            f"A duplicate is never resolved by row order: name a rule: duplicates = {', '.join(map(repr, DUPLICATES[1:]))}"
        )
    first = np.flatnonzero(~repeated)
    size = np.diff(np.r_[first, value.size])
    if rule == "mean":
        value = np.add.reduceat(value, first) / size
    elif rule == "median":
        value = np.array([np.median(part) for part in np.split(value, first[1:])])
    elif rule == "max":
        value = np.maximum.reduceat(value, first)
    elif rule == "first":
        value = value[first]
    else:
        value = value[first + size - 1]
    kept = Drawn(spoken.order[first], spoken.subject[first], spoken.day[first], spoken.days, spoken.key[first])
    return value, kept, n_tied
