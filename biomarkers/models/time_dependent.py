"""The current value of a marker against the current hazard: (start, stop] rows, and an audit of what they leave out.

A value drawn on day d acts over (d + lag - 1, next value]: with lag = 1 an event on day d + 1 sees it and an event on day d
does not, which is tmerge's ``tdc``. So a draw on the event day never explains that event. Person-time before the first value,
after a value has grown too old, or beyond any draw is not guessed: it leaves the risk set, and its events are counted.

Reading: an association with the current value, not a prediction from baseline; a marker that rises because of progression
predicts it a few days ahead. Look at lags of 1, 7, 14 and 21 days side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.models.landmark import Chosen
from biomarkers.models.serial import Draws, Followed, followed, read_draws
from biomarkers.study.analysis_set import AnalysisSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StartStop(AnalysisSet):
    """(start, stop] rows with a value, with the ledger of subjects who have none.

    Attributes
    ----------
    rows : DataFrame
        subject, start, stop, event, value, draw_day, then the subjects' other columns. `time` stays: the end of follow-up.
    audit : DataFrame
        what, n, person_time, n_events: where draws fell and what person-time, with its events, is not analysed.
    stamp : str
    """

    audit: pd.DataFrame = field(default_factory=pd.DataFrame)
    stamp: str = ""

    def __repr__(self) -> str:
        head = f"{self.stamp}\n{len(self.rows)} rows, {len(self)} subjects, {int(self.rows['event'].sum())} events"
        return f"{head}\n{self.audit.to_string(index=False, na_rep='')}"


def start_stop(
    subjects: pd.DataFrame,
    draws: pd.DataFrame,
    *,
    lag: float = 1,
    max_age: float = math.inf,
    duplicates: str = "error",
    also: Sequence[str] = (),
) -> StartStop:
    """Split each subject's follow-up at its draws; each piece carries the value known in it.

    Parameters
    ----------
    subjects : DataFrame
        subject, time, event, and anything else. One row per subject, follow-up from 0.
    draws : DataFrame
        subject, day, value. Days before 0 are moved to 0.
    lag : float
        A value acts from `lag` after its draw, >= 1: with whole days the event of day d + lag is the first to see it.
    max_age : float
        A value acts until it is this old; unlimited is stamped.
    duplicates : {"error", "mean", "last", "max"}
        What two values of one subject and day become; also of two draws before time zero ("last": the later day).
    also : sequence of str
        Further numeric columns of the same draw to carry.

    Returns
    -------
    StartStop
        Fit it with ``cox(s.rows, "stop", "event", ["value"], entry="start", cluster="subject")``.

    Examples
    --------
    >>> people = pd.DataFrame({"subject": ["a", "b"], "time": [100, 50], "event": [1, 1]})
    >>> tubes = pd.DataFrame({"subject": ["a", "a", "a", "b"], "day": [-3, 42, 100, 20], "value": [1.0, 2.0, 9.0, 4.0]})
    >>> start_stop(people, tubes).rows[["subject", "start", "stop", "event", "value"]]
      subject  start   stop  event  value
    0       a    0.0   42.0      0    1.0
    1       a   42.0  100.0      1    2.0
    2       b   20.0   50.0      1    4.0
    """
    if not lag >= 1:
        raise UseError(f"lag = {lag!r} must be 1 or more: a value drawn on the day of the event was not known before it")
    if not max_age > 0:
        raise UseError(f"max_age = {max_age!r} must be positive")
    people = followed(subjects)
    for name in ("start", "stop", "draw_day"):
        if name in people.frame:
            raise UseError(f"subjects has a column {name!r}, which the result uses; rename it")
    # A draw after the end of follow-up is never used, so it is not looked at either: its duplicates do not matter.
    known = read_draws(draws, people, until=people.time, duplicates=duplicates, floor=0.0, more=also)
    pieces = _pieces(people, known, lag - 1, max_age)
    rows = people.frame.take(pieces.who).reset_index(drop=True)
    carried = {
        "start": pieces.start,
        "stop": pieces.stop,
        "event": pieces.event.astype(np.int64),
        "value": known.value[pieces.draw],
        "draw_day": known.valid.day[pieces.draw],
        **{name: known.more[name][pieces.draw] for name in also},
    }
    front = ["subject", *carried]
    rows = rows.assign(**carried)
    rows = rows[[*front, *[c for c in rows if c not in front]]]
    audit = _audit(draws, people, known, pieces, lag)
    unlimited = "any age (unlimited)" if math.isinf(max_age) else f"at most {max_age:g} old"
    said = f"value acts from {lag:g} after its draw, {unlimited}" + (
        "" if duplicates == "error" else f"; duplicates: {duplicates}"
    )
    chosen = replace(_members(people), audit=audit, stamp=said)
    return replace(_without_rows(chosen, people, known, pieces), rows=rows)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Row by row: whose, which draw, from, to, event."""

    who: Ints
    draw: Ints
    start: Floats
    stop: Floats
    event: NDArray[np.bool_]


def _pieces(people: Followed, known: Draws, shift: float, max_age: float) -> _Pieces:
    d = known.valid
    end = people.time[d.subject]
    same = np.r_[d.subject[1:] == d.subject[:-1], False] if d.subject.size else np.zeros(0, dtype=bool)
    following = np.where(same, np.r_[d.day[1:], np.inf], np.inf) + shift if d.day.size else np.zeros(0)
    start = d.day + shift
    stop = np.minimum(np.minimum(following, end), d.day + max_age)
    kept = np.flatnonzero(stop > start)
    stop = stop[kept]
    who = d.subject[kept]
    return _Pieces(who, kept, start[kept], stop, people.event[who] & (stop == people.time[who]))


def _members(people: Followed) -> StartStop:
    return StartStop.of(people.frame)  # type: ignore[return-value]


def _without_rows(chosen: Chosen, people: Followed, known: Draws, pieces: _Pieces) -> Chosen:
    """Subjects without a single piece, by reason."""
    n = people.n
    covered = np.zeros(n, dtype=bool)
    covered[pieces.who] = True
    lost = np.isnan(people.time)
    drawn = np.zeros(n, dtype=bool)
    drawn[known.all.subject] = True
    early = np.zeros(n, dtype=bool)
    early[known.all.subject[known.all.day < people.time[known.all.subject]]] = True
    valid = np.zeros(n, dtype=bool)
    valid[known.valid.subject[known.valid.day < people.time[known.valid.subject]]] = True
    asked = [
        ("not_in_cohort", lost, "no outcome"),
        ("no_measurement", ~drawn, ""),
        ("draw_on_or_after_event", ~early, "only draws on or after the end of follow-up"),
        ("failed_qc", ~valid, ""),
        ("not_evaluable", ~covered, "its value acts only after the end of follow-up"),
    ]
    open_ = np.ones(n, dtype=bool)
    for reason, out, detail in asked:
        leaving = open_ & out & ~covered
        if leaving.any():
            chosen = chosen.keep(~leaving[open_], reason, detail)
            open_ &= ~leaving
    return chosen


def _audit(draws: pd.DataFrame, people: Followed, known: Draws, pieces: _Pieces, lag: float) -> pd.DataFrame:
    """tmerge's counts (where a draw fell) and more: the person-time and events that no value covers."""
    code = pd.Index(people.frame["subject"]).get_indexer(pd.Index(draws["subject"]))
    day = draws["day"].to_numpy(float)
    value = draws["value"].to_numpy(float)
    mine = (code >= 0) & ~np.isnan(day) & ~np.isnan(value)
    end = np.where(mine, people.time[np.maximum(code, 0)], np.nan) if people.n else np.zeros(day.size)
    died = mine & (people.event[np.maximum(code, 0)] if people.n else False)
    firsts = np.full(people.n, np.inf)
    np.minimum.at(firsts, known.valid.subject, known.valid.day + (lag - 1))
    total, event = np.nan_to_num(people.time), people.event
    before = np.minimum(firsts, total)
    unseen = event & ~(firsts < total)
    covered = np.zeros(people.n)
    np.add.at(covered, pieces.who, pieces.stop - pieces.start)
    with_value = np.zeros(people.n, dtype=bool)
    with_value[pieces.who[pieces.event]] = True
    expired = total - before - covered
    lines: list[tuple[str, int, float, float]] = [
        ("draws before time zero, moved to 0", int((mine & (day < 0)).sum()), np.nan, np.nan),
        ("draws leading (on or before time zero)", int((mine & (day <= 0)).sum()), np.nan, np.nan),
        ("draws within follow-up", int((mine & (day > 0) & (day < end)).sum()), np.nan, np.nan),
        ("draws trailing (on the last day), never used", int((mine & (day == end) & (day > 0)).sum()), np.nan, np.nan),
        ("  of these on the event day", int((died & (day == end)).sum()), np.nan, np.nan),
        ("draws late (after follow-up), never used", int((mine & (day > end)).sum()), np.nan, np.nan),
        ("draws tied (one subject and day)", known.n_tied, np.nan, np.nan),
        ("draws without a value", int(((code >= 0) & np.isnan(value)).sum()), np.nan, np.nan),
        ("draws without a day", known.n_without_day, np.nan, np.nan),
        ("draws of unknown subjects", known.n_unknown, np.nan, np.nan),
        ("analysed: rows", pieces.who.size, float(covered.sum()), float(with_value.sum())),
        ("left out: before the first value", int((before > 0).sum()), float(before.sum()), float(unseen.sum())),
        (
            "left out: value too old",
            int((expired > 1e-12 * np.maximum(total, 1)).sum()),
            float(expired.sum()),
            float((event & ~unseen & ~with_value).sum()),
        ),
    ]
    table = pd.DataFrame(lines, columns=["what", "n", "person_time", "n_events"])
    assert with_value.sum() + table["n_events"].iloc[-2:].sum() == event[~np.isnan(people.time)].sum(), "an event is lost"
    return table
