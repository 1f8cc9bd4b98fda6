"""Minimal residual disease in plasma: calls, moves between negative and positive, and what they go with.

Semantics, each of them a test:

* only `detected` and `not_detected` are evaluable; every other call is missing with its reason, counted, never negative;
* positive is not absorbing: reversion is counted like conversion. Between evaluable draws the state is unknown; a date of
  conversion is an interval (last negative, first positive];
* a draw on the event day, after follow-up, or taken because of progression, is no state before the event: it is counted apart;
* lead time is shown with the relapses that were never detected beside it, because a median over the detected alone flatters;
* status is analysed at a landmark, or as the current value; "ever positive" from time zero is refused (`immortal_time`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.marker import Marker
from biomarkers.domain.times import Landmark, Visit
from biomarkers.kernels.adjust import adjust
from biomarkers.kernels.multistate import occupation
from biomarkers.models.association import HAZARD_RATIO, Model
from biomarkers.models.cox import CoxFit
from biomarkers.models.cumulative_incidence import cumulative_incidence
from biomarkers.models.design_terms import excluded_by_group, group_order
from biomarkers.models.km import kaplan_meier
from biomarkers.models.landmark_association import fit_question, landmark_question
from biomarkers.models.mrd_definitions import (
    Calls,
    calls,
    lead_summary,
    lead_times,
    moves,
    one_call_of_a_day,
    rates,
    sustained_clearance,
)
from biomarkers.models.results_table import result_table
from biomarkers.models.serial_study import shown_html, shown_text
from biomarkers.models.time_dependent import TimeDependentAnalysis, time_dependent
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.landmark_draws import visit_landmark

if TYPE_CHECKING:
    from biomarkers.study.study import Study

STATES = ("negative", "positive", "progressed or dead", "restarted therapy")
SUMMARY = ("cohort", "subjects", "draws", "evaluable", "positive_draws", "subjects_ever_drawn_positive", "conversions",
           "reversions", "sustained_clearances", "median_gap_days", "draws_outside_every_window", "draws_after_the_end",
           "positive_at_progression", "drawn_at_progression")  # fmt: skip


@dataclass(frozen=True, repr=False)
class MRD:
    """MRD dynamics of a study, cohorts separately.

    Attributes
    ----------
    table : DataFrame
        The result table: status at each visit's landmark, then the current status.
    calls : Calls
    marker : Marker
    at : tuple of Landmark
    sets : mapping of landmark label to AnalysisSet
    status : DataFrame
        cohort, timing, status, n, n_events, time, survival, conf_low, conf_high: event-free at the horizon from each landmark;
        1 - survival of the positive is the predictive value of a positive call, survival of the negative that of a negative.
    competing : DataFrame
        Cumulative incidence of progression or death and of restart from each landmark, by status; empty without restarts.
    current : TimeDependentAnalysis or None
    fits : mapping of landmark label to the fits by cohort
    """

    table: pd.DataFrame
    calls: Calls
    marker: Marker
    at: tuple[Landmark, ...]
    sets: Mapping[str, AnalysisSet]
    status: pd.DataFrame
    competing: pd.DataFrame
    current: TimeDependentAnalysis | None
    cohorts: tuple[str, ...]
    visits: tuple[Visit, ...]
    states_table: pd.DataFrame
    level: float = 0.95
    max_age: float | None = None
    fits: Mapping[str, Mapping[str, CoxFit]] = field(default_factory=dict, repr=False)

    @property
    def flow(self) -> pd.DataFrame:
        """Who is in each landmark's analysis, and why the others are not."""
        parts = [found.flow.assign(timing=label) for label, found in self.sets.items()]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @cached_property
    def moves(self) -> pd.DataFrame:
        """Conversions and reversions as intervals."""
        return moves(self.states_table)

    @cached_property
    def rates(self) -> pd.DataFrame:
        """Conversions and reversions per 100 subject-months."""
        found = rates(self.states_table, level=self.level)
        place = {cohort: i for i, cohort in enumerate(self.cohorts)}
        return found.sort_values("cohort", key=lambda c: c.map(place), kind="stable", ignore_index=True)

    @cached_property
    def lead_times(self) -> pd.DataFrame:
        """Every relapse with its lead time as an interval."""
        return lead_times(self.calls)

    @cached_property
    def lead_summary(self) -> pd.DataFrame:
        """Detected before, never detected, and the median lead, by cohort."""
        return lead_summary(self.lead_times, self.cohorts, level=self.level)

    @cached_property
    def availability(self) -> pd.DataFrame:
        """Calls by cohort, visit window and what they are: cohort, visit, role, call, n."""
        rows = self.calls.rows
        visit = np.full(len(rows), "outside every window", dtype=object)
        for v in self.visits:
            visit[(rows["day"] >= v.first) & (rows["day"] <= v.last)] = v.name
        words = rows["reason"].map(lambda r: MISSING_REASONS.get(r, r)).astype(str)
        call = np.where(
            rows["positive"] == 1, "positive", np.where(rows["positive"] == 0, "negative", "not evaluable: " + words)
        )
        order = [v.name for v in self.visits] + ["outside every window"]
        calls = ["negative", "positive", *sorted(set(call) - {"negative", "positive"})]
        table = rows.assign(visit=pd.Categorical(visit, order), call=pd.Categorical(call, calls),
                            cohort=pd.Categorical(rows["cohort"], self.cohorts))  # fmt: skip
        counts = table.groupby(["cohort", "visit", "role", "call"], observed=True, sort=True).size()
        return counts.rename("n").reset_index().astype({"cohort": str, "call": str})

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Counts by cohort before any hazard ratio."""
        rows, states = self.calls.rows, self.states_table
        inside = np.zeros(len(rows), dtype=bool)
        for v in self.visits:
            inside |= ((rows["day"] >= v.first) & (rows["day"] <= v.last)).to_numpy(bool)
        clearances = sustained_clearance(states)
        lines = []
        for cohort in self.cohorts:
            mine, own = rows[rows["cohort"] == cohort], states[states["cohort"] == cohort]
            state = mine["role"] == "state"
            gap = own.sort_values(["subject", "day"]).groupby("subject")["day"].diff()
            at_progression = mine[(mine["role"] == "progression") & mine["positive"].notna()]
            changed = self.moves[self.moves["cohort"] == cohort]["move"].value_counts()
            lines.append((
                cohort, mine["subject"].nunique(), int(state.sum()), len(own), int(own["positive"].sum()),
                int(own.loc[own["positive"] == 1, "subject"].nunique()), int(changed.get("conversion", 0)),
                int(changed.get("reversion", 0)), int((clearances["cohort"] == cohort).sum()), gap.median(),
                int((state & ~inside[mine.index]).sum()), int((mine["role"] == "after the end").sum()),
                int(at_progression["positive"].sum()), len(at_progression),
            ))  # fmt: skip
        return pd.DataFrame(lines, columns=list(SUMMARY))

    def state_occupation(self, cohort: str, *, origin: float, times: Sequence[float]) -> pd.DataFrame:
        """Probability of being negative, positive, progressed or dead (or restarted) by Aalen and Johansen, from a day on.

        A status acts from its draw until the next evaluable one, at most `max_age` days; without a valid status a subject
        is not at risk of a move. Moves are dated to the draw that showed them: late by up to a draw interval.

        Parameters
        ----------
        cohort : str
        origin : float
            Day from which it counts; the shares of status there are those of subjects with a valid status.
        times : sequence of float

        Returns
        -------
        DataFrame
            cohort, time, state, probability, std_error, conf_low, conf_high, conf_level, n.
        """
        if self.current is None:
            raise UseError("state occupation needs max_age: how long does a status count? bm.mrd(study, max_age=126)")
        rows = self.current.rows.rows
        rows = rows[rows["cohort"] == cohort] if "cohort" in rows else rows
        rows = rows.sort_values(["subject", "start"], kind="stable", ignore_index=True)
        following = (
            rows["value"]
            .shift(-1)
            .where(rows["subject"].eq(rows["subject"].shift(-1)) & rows["stop"].eq(rows["start"].shift(-1)), rows["value"])
        )
        kinds = self.calls.rows.drop_duplicates("subject").set_index("subject")
        restarted = (
            rows["subject"].map(kinds["event_type"]).eq("restart") if "event_type" in kinds else pd.Series(False, rows.index)
        )
        ends = rows["stop"].eq(rows["time"])
        after = np.where(rows["event"] == 1, 2, np.where(ends & restarted.fillna(False), 3, following)).astype(int)
        n_states = 4 if (after == 3).any() else 3
        found = occupation(rows["subject"], rows["start"], rows["stop"], rows["value"].astype(int), after, n_states=n_states,
                           origin=origin, times=times)  # fmt: skip
        z = float(ndtri((1 + self.level) / 2))
        lines = [
            (cohort, float(t), STATES[k], p, e, max(p - z * e, 0.0), min(p + z * e, 1.0), self.level, found.n)
            for t, ps, es in zip(found.time, found.probability, found.std_error, strict=True)
            for k, (p, e) in enumerate(zip(ps.tolist(), es.tolist(), strict=True))
        ]
        columns = ["cohort", "time", "state", "probability", "std_error", "conf_low", "conf_high", "conf_level", "n"]
        return pd.DataFrame(lines, columns=columns)

    def _counts(self) -> list[pd.DataFrame]:
        """What was drawn and what came first, one line per measure and one column per cohort, in words."""
        tables = (self.summary.set_index("cohort").T, self.lead_summary.set_index("cohort").T)
        heads = ("Draws and calls", "Lead time, with the relapses never detected")
        return [
            part.rename(index=lambda name: str(name).replace("_", " ")).rename_axis(columns=head)
            for part, head in zip(tables, heads, strict=True)
        ]

    def __repr__(self) -> str:
        parts = [part.to_string(float_format=lambda v: f"{v:.3g}") for part in self._counts()]
        return "\n\n".join([*parts, shown_text(self.table, self.title)])

    def _repr_html_(self) -> str:
        parts = [part.to_html(float_format=lambda v: f"{v:.3g}", border=0) for part in self._counts()]
        return "".join([*parts, shown_html(self.table, self.title)])

    @property
    def title(self) -> str:
        """The question in one line."""
        return f"{self.marker.label}: status at each landmark, and what follows"


def mrd(
    study: Study,
    *,
    marker: str = "mrd",
    at: str | Landmark | Sequence[str | Landmark] | None = None,
    clock: str = "time zero",
    endpoint: str = "pfs",
    max_age: float | None = None,
    horizon: float = 365,
    by: str | None = "cohort",
    strata: Sequence[str] = (),
    adjust: Sequence[str] = (),
    permutations: int = 9999,
    seed: int = 0,
    level: float = 0.95,
) -> MRD:
    """MRD status and its dynamics against an endpoint, cohorts separately.

    Parameters
    ----------
    study : Study
    marker : str
        A call with the levels not_detected and detected.
    at : visit name, Landmark, or several
        When status is asked; None takes every visit after baseline. Several landmarks are all shown.
    clock : {"time zero", "draw"}
        Follow-up from the landmark, or from each subject's own draw.
    max_age : float, optional
        Days a status counts as current; without it there is no time-dependent analysis and no state occupation.
    horizon : float
        Days from the landmark at which event-free survival by status is given.
    endpoint : str
    by : str or None
    strata, adjust : sequence of str
    permutations, seed, level
        As `associate`.

    Returns
    -------
    MRD
        `.table` in the columns of the result table, `.status`, `.rates`, `.lead_times`, `.lead_summary`, `.current`,
        `.state_occupation(...)`.

    Examples
    --------
    >>> import biomarkers as bm
    >>> found = mrd(bm.load_example("stop_her2"), at="week18", permutations=0)
    >>> found.lead_summary[["cohort", "relapses", "detected_before", "never_detected"]].shape
    (2, 4)
    """
    own = study.design.marker(marker)
    found = calls(study, own, endpoint)
    states = one_call_of_a_day(found, study.replicates.get(own.table, "error"))
    visits = tuple(study.design.visits.values())
    landmarks = _landmarks(study, at)
    cohorts = tuple(study.design.cohorts) or tuple(sorted(found.rows["cohort"].unique()))
    order = group_order(study, by, study.members)
    model = Model(tuple(strata), tuple(adjust), level, permutations, seed)
    rows: list[dict[str, Any]] = []
    sets: dict[str, AnalysisSet] = {}
    fits: dict[str, Mapping[str, CoxFit]] = {}
    status, competing = [], []
    for landmark in landmarks:
        label = str(landmark)
        question = landmark_question(study, own, landmark, endpoint=endpoint, feature_name="detected", clock=clock,
                                     needed=list(dict.fromkeys([*strata, *adjust, *([by] if by else [])])))  # fmt: skip
        sets[label] = question.sets
        constant = {"analysis": f"{marker}_day{landmark.day:g}_{endpoint.lower()}", "family": own.family,
                    "endpoint": endpoint.lower(), "timing": label}  # fmt: skip
        fitted, exposure = fit_question(question, model, by=by, order=order, constant=constant)
        fits[label] = fitted.fits
        gone = excluded_by_group(question.sets, [row["cohort"] for row in fitted.rows], by)
        rows += [row | {"n_excluded": n} for row, n in zip(fitted.rows, gone, strict=True)]
        frame = question.rows.assign(status=exposure.groups)
        status.append(_event_free(frame, label, by, order, exposure.order, landmark.day, horizon, clock, level))
        competing.append(_competing(study, frame, endpoint, label, by, order, exposure.order, level))
    current = None
    if max_age is not None:
        given: dict[str, Any] = {"endpoint": endpoint, "by": by, "strata": strata, "adjust": adjust, "level": level}
        current = time_dependent(study, marker, max_age=max_age, **given)
    table = _adjusted(result_table(rows))
    if current is not None:
        table = pd.concat([table, current.table], ignore_index=True)
    return MRD(
        table,
        found,
        own,
        landmarks,
        sets,
        _stack(status),
        _stack(competing),
        current,
        cohorts,
        visits,
        states,
        level,
        max_age,
        fits,
    )


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Several landmarks are several looks: Holm over them, within each cohort, for the hazard ratios that were tested."""
    tested = (table["estimand"] == HAZARD_RATIO) & table["p_value"].notna()
    for _, place in table[tested].groupby("cohort", sort=False).groups.items():
        table.loc[place, "p_adjusted"] = adjust(table.loc[place, "p_value"].to_numpy(float), "holm")
        if len(place) > 1:
            table.loc[place, "note"] = table.loc[place, "note"] + f"; P adjusted over {len(place)} landmarks (Holm)"
    return table


def _landmarks(study: Study, at: str | Landmark | Sequence[str | Landmark] | None) -> tuple[Landmark, ...]:
    if at is None:
        later = [v for v in study.design.visits.values() if v.day > 0]
        return tuple(visit_landmark(v) for v in later)
    wanted = [at] if isinstance(at, str | Landmark) else list(at)
    return tuple(visit_landmark(study.design.visit(a)) if isinstance(a, str) else a for a in wanted)


def _groups(frame: pd.DataFrame, by: str | None, order: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    return [(str(g), frame[frame[by] == g]) for g in order] if by else [("all", frame)]


def _event_free(
    frame: pd.DataFrame,
    label: str,
    by: str | None,
    order: Sequence[str],
    levels: Sequence[str],
    day: float,
    horizon: float,
    clock: str,
    level: float,
) -> pd.DataFrame:
    """Event-free at the horizon by status, with log-log limits; missing where follow-up ends earlier."""
    start = 0.0 if clock == "draw" else day
    lines = []
    for cohort, part in _groups(frame, by, order):
        for name in levels:
            group = part[part["status"] == name]
            line: tuple[Any, ...] = (cohort, label, name, len(group), int(group["event"].sum()), horizon)
            if len(group) < 2 or (group["time"].max() < start + horizon and group["event"].iloc[group["time"].argmax()] == 0):
                lines.append((*line, np.nan, np.nan, np.nan, level))
                continue
            found = kaplan_meier(group, "time", "event", level=level).at([start + horizon]).iloc[0]
            lines.append((*line, found["survival"], found["conf_low"], found["conf_high"], level))
    columns = ["cohort", "timing", "status", "n", "n_events", "horizon", "survival", "conf_low", "conf_high", "conf_level"]
    return pd.DataFrame(lines, columns=columns)


def _competing(
    study: Study,
    frame: pd.DataFrame,
    endpoint: str,
    label: str,
    by: str | None,
    order: Sequence[str],
    levels: Sequence[str],
    level: float,
) -> pd.DataFrame:
    """Cumulative incidence with restart without progression as a competing event; empty where nobody restarted."""
    outcome = study.outcome(endpoint).drop_duplicates("subject").set_index("subject")
    if "event_type" not in outcome:
        return pd.DataFrame()
    kind = frame["subject"].map(outcome["event_type"]).astype("object")
    restarted = (kind == "restart") & (frame["event"] == 0)
    if not restarted.any():
        return pd.DataFrame()
    frame = frame.assign(kind=np.where(frame["event"] == 1, "progression or death", np.where(restarted, "restart", "none")))
    parts = []
    for cohort, part in _groups(frame, by, order):
        for name in levels:
            group = part[part["status"] == name]
            if len(group) < 2 or (group["kind"] == "none").all():
                continue
            found = cumulative_incidence(group, "time", "kind", level=level).table
            parts.append(found.assign(cohort=cohort, timing=label, status=name))
    return _stack(parts)


def _stack(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
