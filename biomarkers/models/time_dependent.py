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
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.kernels.history_power import Histories, histories, null_information
from biomarkers.kernels.power import detectable_by_information
from biomarkers.models.association import describe, estimates, one_sided, repeated
from biomarkers.models.cox import CoxFit, cox
from biomarkers.models.gates import EVENTS_PER_PARAMETER, MIN_EVENTS_PER_GROUP
from biomarkers.models.km import KaplanMeier
from biomarkers.models.landmark import Chosen, days
from biomarkers.models.logrank import LogRank, mantel_byar
from biomarkers.models.results_table import result_table
from biomarkers.models.serial import Draws, Followed, followed, read_draws
from biomarkers.models.serial_study import Serial, duplicates_rule, flow_of, serial, shown_html, shown_text, with_excluded
from biomarkers.models.simon_makuch import simon_makuch
from biomarkers.study.analysis_set import AnalysisSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from biomarkers.study.study import Study

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
    max_age : float
        How old a value may be.
    """

    audit: pd.DataFrame = field(default_factory=pd.DataFrame)
    stamp: str = ""
    max_age: float = math.inf

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
        A value acts from `lag` days after its draw, >= 1: with whole days the event of day d + lag is the first to see it.
    max_age : float
        A value acts until it is this many days old; unlimited is stamped.
    duplicates : {"error", "mean", "median", "first", "last", "max"}
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
    # A draw on or after the last day is never used, so it is not looked at either: its duplicates do not matter.
    known = read_draws(draws, people, until=people.time, inclusive=False, duplicates=duplicates, floor=0.0, more=also)
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
    unlimited = "any age (unlimited)" if math.isinf(max_age) else f"at most {days(max_age)} old"
    said = f"value acts from {days(lag)} after its draw, {unlimited}" + (
        "" if duplicates == "error" else f"; duplicates: {duplicates}"
    )
    chosen = replace(StartStop.of(people.frame), audit=audit, stamp=said, max_age=float(max_age))
    drawn = np.zeros(people.n, dtype=bool)
    code = pd.Index(people.frame["subject"]).get_indexer(pd.Index(draws["subject"]))
    drawn[code[(code >= 0) & draws["day"].notna().to_numpy(bool)]] = True
    return replace(_without_rows(chosen, people, known, pieces, drawn), rows=rows)


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


def _without_rows(chosen: Chosen, people: Followed, known: Draws, pieces: _Pieces, drawn: NDArray[np.bool_]) -> Chosen:
    """Subjects without a single piece, by reason; `drawn` says who has any draw, however late."""
    n = people.n
    covered, before, valid = (np.zeros(n, dtype=bool) for _ in range(3))
    covered[pieces.who] = True
    before[known.all.subject] = True
    valid[known.valid.subject] = True
    asked = [
        ("not_in_cohort", np.isnan(people.time), "no outcome"),
        ("no_measurement", ~drawn, ""),
        ("draw_on_or_after_event", ~before, "only draws on or after the end of follow-up"),
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


# -- on a study --------------------------------------------------------------------------------------------------------------
LAGS = (1, 7, 14, 21)
"""Days by which the value is held back, side by side: a marker that rises because of progression fades with the lag."""


@dataclass(frozen=True, repr=False)
class TimeDependentAnalysis:
    """The current value against the current hazard, per cohort and pooled, with lags side by side.

    Attributes
    ----------
    table : DataFrame
        The result table.
    sets : AnalysisSet
        Subjects without a single row, and why.
    rows : StartStop
        At the primary lag.
    fits : mapping of str to CoxFit
    """

    table: pd.DataFrame
    sets: AnalysisSet
    rows: StartStop
    fits: Mapping[str, CoxFit]
    question: Serial = field(repr=False)

    @property
    def flow(self) -> pd.DataFrame:
        """Counts by cohort and arm."""
        return self.sets.flow

    @property
    def audit(self) -> pd.DataFrame:
        """Where draws fell, and the person-time and events that no value covers."""
        return self.rows.audit

    def states(self, cut: float | None = None) -> pd.DataFrame:
        """The rows with `state`: the call, or at or above a declared cut on the model scale."""
        marker = self.question.marker
        rows = self.rows.rows
        if marker.levels:
            names = [level.replace("_", " ") for level in marker.levels]
            return rows.assign(state=pd.Categorical(np.where(rows["value"] > 0, names[1], names[0]), names))
        if cut is None:
            raise UseError(f"{marker.label} is a number: name a cut on the model scale ({marker.effect}) to make two states")
        names = [f"< {cut:g}", f"≥ {cut:g}"]
        return rows.assign(state=pd.Categorical(np.where(rows["value"] >= cut, names[1], names[0]), names))

    def mantel_byar(self, *, cut: float | None = None) -> LogRank:
        """Log-rank test of the two states, stratified as the model was."""
        strata = ((self.question.by,) if self.question.by else ()) + self.question.strata
        return mantel_byar(self.states(cut), "stop", "event", "state", entry="start", strata=strata)

    def simon_makuch(self, *, landmark: float, cut: float | None = None) -> KaplanMeier:
        """Descriptive curves of the two states from a landmark on; not a patient's survival."""
        return simon_makuch(self.states(cut), "stop", "event", "state", entry="start", landmark=landmark,
                            level=self.question.level)  # fmt: skip

    def __repr__(self) -> str:
        return shown_text(self.table, f"{self.question.title} · time-dependent Cox")

    def _repr_html_(self) -> str:
        return shown_html(self.table, f"{self.question.title} · time-dependent Cox")


def time_dependent(
    study: Study,
    marker: str,
    *,
    max_age: float,
    lag: int = 1,
    lags: Sequence[int] = LAGS,
    endpoint: str = "pfs",
    by: str | None = "cohort",
    strata: Sequence[str] | None = None,
    adjust: Sequence[str] | None = None,
    level: float = 0.95,
) -> TimeDependentAnalysis:
    """Is the marker's current value tied to the current hazard?

    Parameters
    ----------
    study : Study
    marker : str
    max_age : float
        Days after which a value no longer counts; ``math.inf`` is allowed, and stamped.
    lag : int
        A value acts from this many days after its draw.
    lags : sequence of int
        Further lags, pooled, as sensitivities beside it.
    endpoint, by, strata, adjust, level
        As `associate`.

    Returns
    -------
    TimeDependentAnalysis
        `.table`, `.audit` of the person-time that has no value, `.fits`.

    Examples
    --------
    >>> import biomarkers as bm
    >>> found = time_dependent(bm.load_example("br1801"), "ctdna_mtm", max_age=84, lags=())
    >>> found.table["cohort"].tolist()
    ['ER+', 'ER-', 'all']
    """
    question = serial(study, marker, endpoint=endpoint, by=by, strata=strata, adjust=adjust, level=level)
    rule = duplicates_rule(study, question.marker)
    whole = _start_stop_days(question, lag, max_age, rule)
    rows: list[dict[str, Any]] = []
    fits: dict[str, CoxFit] = {}
    for cohort, inside, own_strata in question.parts:
        part = whole.rows[whole.rows["subject"].isin(set(question.subjects.loc[inside, "subject"]))]
        row, fit = _current(question, part.reset_index(drop=True), cohort, own_strata, whole)
        rows.append(row)
        fits |= {cohort: fit} if fit is not None else {}
    everybody = question.parts[-1]
    for other in (k for k in lags if k != lag):
        held = _start_stop_days(question, other, max_age, rule)
        row, _ = _current(question, held.rows, "all", everybody[2], held)
        rows.append(row | {"note": f"sensitivity: lag {other} days; {row['note']}".rstrip("; ")})
    sets = flow_of(question.sets, whole)
    return TimeDependentAnalysis(with_excluded(result_table(rows), sets, by), sets, whole, fits, question)


def _start_stop_days(question: Serial, lag: int, max_age: float, rule: str) -> StartStop:
    """Several draws before time zero are one baseline, the last of them, whatever the rule for one day."""
    draws = question.draws
    early = draws[(draws["day"] <= 0) & draws["value"].notna()]
    last_early = early.groupby("subject")["day"].transform("max") == early["day"]
    return start_stop(question.subjects, draws.drop(index=early.index[~last_early]), lag=lag, max_age=max_age, duplicates=rule)


def _current(
    question: Serial, rows: pd.DataFrame, cohort: str, strata: tuple[str, ...], whole: StartStop
) -> tuple[dict[str, Any], CoxFit | None]:
    """One model, one row; n counts subjects, the note says how many rows they have."""
    adjust = question.usable(rows)
    n, n_events = int(rows["subject"].nunique()), int(rows["event"].sum())
    row = question.row(cohort, analysis=f"{question.marker.name}_time_dependent_{question.endpoint.lower()}",
                       term=question.marker.name, timing=f"current value; {whole.stamp}", estimand="hazard ratio",
                       model=f"time-dependent {describe(strata, adjust)}", n=n, n_events=n_events)  # fmt: skip
    notes = [f"{len(rows)} rows of {n} subjects", *question.notes]
    why = _short(question, rows, n_events, 1 + len(adjust))
    if why:
        return row | {"method": "none", "note": "; ".join([f"descriptive only: {why}", *notes])}, None
    try:
        fit = cox(rows, "stop", "event", ["value", *adjust], entry="start", strata=strata, level=question.level)
    except UseError as refusal:      # no information left: a row with its reason, never a dead batch
        return row | {"method": "none", "note": "; ".join([f"descriptive only: {refusal}".rstrip("."), *notes])}, None
    same = repeated(fit, rows, adjust, strata, marker="value", time="stop", entry="start")
    if same:
        why = f"the marker and {same} cannot be told apart"
        return row | {"method": "none", "note": "; ".join([f"descriptive only: {why}", *notes])}, None
    line = fit.table[fit.table["term"] == "value"].iloc[0]
    notes += [] if line["finite"] else [one_sided(line)]
    row["detectable"] = detectable_by_information(null_information(value_histories(fit, rows, whole.max_age)))
    return row | estimates(line) | {"method": "likelihood ratio, t² cut-off", "note": "; ".join(notes)}, fit


def value_histories(fit: CoxFit, rows: pd.DataFrame, max_age: float) -> Histories:
    """The histories behind a model of the current value, for what it could detect.

    A subject that is dealt a longer follow-up than its own keeps its last value until that is too old.

    Parameters
    ----------
    fit : CoxFit
        Of the term `value`.
    rows : DataFrame
        The (start, stop] rows it was fitted to.
    max_age : float
    """
    used = rows[fit.rows.kept].reset_index(drop=True)
    people = used.groupby("subject", sort=False).agg(time=("time", "first"), event=("event", "max"))
    last = (used["stop"] == used["time"]).to_numpy(bool)
    columns = {term.name: term.X for term in fit.rows.terms}
    place = people.index.get_indexer(pd.Index(used["subject"]))
    stratum = np.zeros(len(people), dtype=np.int64)
    if fit.rows.stratum is not None:
        stratum[place] = fit.rows.stratum
    return histories(used["start"], np.where(last, used["draw_day"] + max_age, used["stop"]),
                     np.column_stack([columns.pop("value"), *columns.values()]), subject=place, time=people["time"],
                     event=people["event"], stratum=stratum)


def _short(question: Serial, rows: pd.DataFrame, n_events: int, n_parameters: int) -> str:
    if not n_events:
        return f"0 events in {rows['subject'].nunique()} subjects with a value"
    if rows["value"].nunique() < 2:
        return "the marker never varies"
    if question.marker.levels:
        for code, name in enumerate(question.marker.levels[:2]):
            k = int(rows.loc[rows["value"] == code, "event"].sum())
            if k < MIN_EVENTS_PER_GROUP:
                return f"{k} events while {name.replace('_', ' ')}"
    if n_events < EVENTS_PER_PARAMETER * n_parameters:
        return f"{n_events} events for {n_parameters} parameters"
    return ""
