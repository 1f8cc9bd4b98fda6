"""The other kinds of question that a plan may ask: each one a function from the study to an answer, in one registry.

An association is `plan.analysis.Analysis`. A supermodel, a time-dependent model, MRD dynamics, response, added value, the
paired comparison at progression and the screen have settings of their own; here is where a plan's keys meet them. A new kind is
one entry of `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.limits import confidence
from biomarkers.domain.marker import Marker
from biomarkers.models.association import Model
from biomarkers.models.curves import CURVES, MEDIANS
from biomarkers.models.design_terms import group_order, terms_of
from biomarkers.models.exposure import entering, exposure
from biomarkers.models.mrd import mrd
from biomarkers.models.multivariable import added_value_of
from biomarkers.models.progression import progression_rows
from biomarkers.models.response import best_responses, response_rows, response_studies
from biomarkers.models.results_table import result_row, result_table
from biomarkers.models.simon_makuch import state_curves
from biomarkers.models.supermodel import supermodel
from biomarkers.models.time_dependent import TimeDependentAnalysis, time_dependent
from biomarkers.plan.mrd_dynamics import Dynamics, dynamics_of
from biomarkers.plan.pictures import Pictures
from biomarkers.plan.power import (
    detectable_by_precision,
    detectable_current,
    detectable_mrd,
    detectable_responses,
    detectable_supermodel,
)
from biomarkers.study.draws import baseline_values
from biomarkers.study.landmark_draws import visit_landmark
from biomarkers.study.study import Study

MIN_PER_STATE = 5
"""Patients that a state must have had after the landmark: a curve of two is a curve of accidents."""
FLOW_COLUMNS = ("analysis", "marker", "timing", "cohort", "arm", "reason", "detail", "n_excluded", "n_left", "total")


@dataclass(frozen=True)
class Answer:
    """What a question of any kind gives to a run.

    Attributes
    ----------
    table, flow, curves, medians : DataFrame
    marker : Marker
    more : mapping of str to DataFrame
        Tables that only this kind has, by name.
    pictures : Pictures
        Tables behind its figures.
    power : callable or None
        Simulated studies and seed to the detectable ratios of its rows (`plan.power`).
    markers : tuple of Marker
        Every marker of the question, where it has more than one.
    dynamics : Dynamics
        Calls, moves and lead times, where it asks about MRD.
    """

    table: pd.DataFrame
    flow: pd.DataFrame
    marker: Marker
    curves: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CURVES)))
    medians: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(MEDIANS)))
    more: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=Pictures)
    power: Callable[..., pd.DataFrame] | None = None
    markers: tuple[Marker, ...] = ()
    dynamics: Dynamics = field(default_factory=Dynamics)

    def detectable(self, *, replicates: int, seed: int) -> pd.DataFrame:
        """What its rows could detect; empty where none is a ratio."""
        if self.power is None or not len(self.table):
            return pd.DataFrame()
        return self.power(replicates=replicates, seed=seed).assign(analysis=self.table["analysis"].iloc[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prespecified question of another kind than association.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    id, marker, endpoint, family : str
    by : str or None
    strata, adjust : tuple of str or None
    settings : tuple of (key, value)
        What this kind alone takes.
    permutations, seed : int
    level : float
    prespecified : bool
    """

    kind: str
    id: str
    marker: str
    endpoint: str = "pfs"
    by: str | None = "cohort"
    strata: tuple[str, ...] | None = None
    adjust: tuple[str, ...] | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    permutations: int = 9999
    seed: int = 0
    level: float = 0.95
    family: str = ""
    prespecified: bool = True
    interaction: str | None = None
    sensitivity: bool = False

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise UseError(f"kind {self.kind!r} is not one of association, {', '.join(KINDS)}")
        given = dict(self.settings)
        missing = [key for key in kind.required if key not in given]
        if missing:
            raise UseError(f"kind = {self.kind!r} needs {', '.join(missing)}")
        strange = [key for key in given if key not in (*kind.required, *kind.optional)]
        if strange:
            takes = ", ".join((*kind.required, *kind.optional)) or "no keys of its own"
            raise UseError(f"{strange[0]!r} is not a key of kind = {self.kind!r}, which takes {takes}")
        confidence(self.level)
        if self.permutations < 0:
            raise UseError(f"permutations must be zero or more, not {self.permutations!r}")
        if self.sensitivity:
            raise UseError(f"sensitivity = true is for associations, not for kind = {self.kind!r}")
        unused = {"interaction": self.interaction is not None, "strata": self.strata is not None,
                  "adjust": self.adjust is not None, "by": self.by != "cohort"}
        for key in kind.never:
            if unused[key]:
                raise UseError(f"{key!r} is not a key of kind = {self.kind!r}{kind.because}")

    def check(self, study: Study) -> None:
        """Raise what can be refused before a value is looked at."""
        for marker in self.markers:
            study.design.marker(marker)
        if self.interaction is not None and self.interaction not in study.members:
            raise UseError(f"column {self.interaction!r} is not in subjects, so nothing can interact with it")

    @property
    def markers(self) -> tuple[str, ...]:
        """Every marker it asks about."""
        return tuple(dict(self.settings).get("markers", (self.marker,)))

    def resolved(self, study: Study) -> Question:  # noqa: ARG002  (the same call as an Analysis)
        """The question itself: its days are given."""
        return self

    def run(self, study: Study) -> Answer:
        """Ask the study."""
        answer = KINDS[self.kind].ask(self, study, dict(self.settings))
        planned = self.prespecified and not KINDS[self.kind].exploratory
        family = self.family or ("screen" if len(self.markers) > 1 else answer.marker.family)
        table = answer.table.assign(analysis=self.id, prespecified=planned, family=family)
        flow = answer.flow.assign(analysis=self.id, marker=self.marker)
        timing = str(table["timing"].iloc[0]) if len(table) else ""
        flow = flow.assign(timing=flow.get("timing", timing))
        return Answer(result_table(table.to_dict("records")), flow[[c for c in FLOW_COLUMNS if c in flow]], answer.marker,
                      answer.curves, answer.medians, answer.more, answer.pictures.of(self.id), answer.power,
                      answer.markers, answer.dynamics.of(self.id, self.marker))


@dataclass(frozen=True)
class Kind:
    """How one kind of question is asked.

    Attributes
    ----------
    ask : callable
        (Question, Study, settings) to Answer; analysis, family and the stamp are set by the caller.
    required, optional : tuple of str
        Its own keys of plan.toml.
    never : tuple of str
        Keys that all questions have and this kind does not take: given, they are an error and never dropped in silence.
    because : str
        Why not, for the message.
    exploratory : bool
        Whether its rows are exploratory even in a plan.
    """

    ask: Callable[[Question, Study, dict[str, Any]], Answer]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    because: str = ""
    exploratory: bool = False


def _serial(question: Question) -> dict[str, Any]:
    return {"endpoint": question.endpoint, "by": question.by, "strata": question.strata, "adjust": question.adjust,
            "level": question.level}


def _supermodel(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    found = supermodel(study, question.marker, **settings, **_serial(question))
    return Answer(found.table, found.flow, study.design.marker(question.marker), more={"by_landmark": found.by_landmark},
                  power=partial(detectable_supermodel, found))


def _time_dependent(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    cut = settings.pop("cut", None)
    found = time_dependent(study, question.marker, **settings, **_serial(question))
    return Answer(found.table, found.flow, study.design.marker(question.marker), more={"audit": found.audit},
                  pictures=Pictures(states=_states(found, study, cut)), power=partial(detectable_current, found))


def _states(found: TimeDependentAnalysis, study: Study, cut: float | None) -> pd.DataFrame:
    """Curves by current state from the first visit on treatment, where each state has had five patients.

    Per cohort, for a call or a number with a cut.
    """
    marker = found.question.marker
    chosen = None if marker.levels else marker.cut.value if cut is None and marker.cut is not None else cut
    if not marker.levels and chosen is None:
        return Pictures().states
    rows = found.states(None if chosen is None else float(marker.to_model_scale(chosen)))
    if chosen is not None:
        unit = f" {marker.unit}" if marker.unit else ""
        rows = rows.assign(state=rows["state"].cat.rename_categories([f"< {chosen:g}{unit}", f"≥ {chosen:g}{unit}"]))
    start = float(min((visit_landmark(v).day for v in study.design.visits.values() if v.day > 0), default=0))
    parts = []
    for cohort, inside, _ in found.question.parts:
        part = rows[rows["subject"].isin(set(found.question.subjects.loc[inside, "subject"]))]
        followed = part[part["stop"] > start].groupby("state", observed=False)["subject"].nunique()
        if followed.min() >= MIN_PER_STATE:
            parts.append(state_curves(part, "stop", "event", "state", entry="start", until="time", landmark=start,
                                      level=found.question.level, cohort=cohort))
    return pd.concat(parts, ignore_index=True) if parts else Pictures().states


def _mrd(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    found = mrd(study, marker=question.marker, **settings, **_serial(question) | {
        "strata": question.strata or (), "adjust": question.adjust or (), "permutations": question.permutations,
        "seed": question.seed})
    return Answer(found.table, found.flow, found.marker, more={
        "status": found.status, "competing": found.competing, "rates": found.rates, "lead_times": found.lead_summary},
        pictures=Pictures() if found.current is None else Pictures(states=_states(found.current, study, None)),
        power=partial(detectable_mrd, found), dynamics=dynamics_of(found))


def _progression(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    marker = study.design.marker(question.marker)
    rows = progression_rows(study, marker, by=question.by, permutations=question.permutations, seed=question.seed,
                            level=question.level, constant={"endpoint": question.endpoint.lower()}, **settings)
    return Answer(result_table(rows), pd.DataFrame(columns=list(FLOW_COLUMNS)), marker)


def _response(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    marker = study.design.marker(question.marker)
    cut = settings.pop("cut", None)
    answers = best_responses(study, **settings)
    values = entering(baseline_values(study, marker), marker, cut=cut).merge(
        answers.rename(columns={"lost": "_lost", "detail": "_detail", "event": "_event"}), on="subject", how="left")
    unassessed = (values["lost"] == "") & (values["_lost"] != "")
    values = values.assign(lost=values["lost"].mask(unassessed, "not_evaluable"), detail=values["detail"].mask(unassessed,
                                                                                                       values["_detail"]))
    strata, adjust = terms_of(study, question.by, question.strata, question.adjust)
    needed = [c for c in dict.fromkeys([*strata, *adjust, question.by, question.interaction]) if c]
    chosen = study.analysis_set(values, question.endpoint, needed)
    rows = chosen.rows.assign(event=chosen.rows["_event"].astype(int))
    model = Model(strata, adjust, question.level, question.permutations, question.seed)
    order = group_order(study, question.by, rows)
    faced = exposure(rows, marker, cut=cut)
    found = response_rows(rows, faced, marker.name, model, groups=question.by, order=order,
                          interaction=question.interaction, constant={"endpoint": "response", "timing": "baseline"})
    table = result_table(found)
    studies = response_studies(rows, faced, model, groups=question.by, order=order)
    return Answer(table, chosen.flow, marker, power=partial(detectable_responses, table, studies))


def _added_value(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    marker = study.design.marker(question.marker)
    found = added_value_of(study, question.marker, endpoint=question.endpoint, by=question.by, strata=question.strata,
                           seed=question.seed, level=question.level, **settings)
    return Answer(found.table, found.flow, marker, more={"added_value": found.added},
                  pictures=Pictures(calibration=found.calibration), power=partial(detectable_by_precision, found.table))


_SCREENED = {"concordance": "concordance", "uno concordance": "Uno's concordance", "auc": "AUC"}


def _screen(question: Question, study: Study, settings: dict[str, Any]) -> Answer:
    from biomarkers.models.screen import screen  # scikit-survival is loaded when a screen is asked for

    names = tuple(settings.pop("markers"))
    if "standard" in settings:
        settings["standard"] = tuple(settings["standard"])
    found = screen(study, names, endpoint=question.endpoint, permutations=question.permutations, seed=question.seed,
                   level=question.level, **settings)
    rows, both = [], f"{len(names)} markers beside the standard variables"
    for line in found.table.to_dict("records"):
        at = f" at day {line['horizon']:g}" if line["measure"] == "auc" else ""
        asked = line["measure"] == "concordance" and np.isfinite(line["p_permutation"])
        method = f"nested cross-validation, {line['repeats']} repeats" + (
            f"; markers permuted within strata, B = {question.permutations}" if asked else "")
        rows.append(result_row(
            cohort="all", endpoint=question.endpoint.lower(), marker=f"{len(names)} markers", term=line["model"],
            contrast=both if line["markers"] else "standard variables alone",
            timing="baseline", model=line["model"], method=method, estimand=_SCREENED[line["measure"]] + at,
            **{key: line[key] for key in ("estimate", "conf_low", "conf_high", "conf_level", "p_permutation", "n", "n_events")},
            p_value=line["p_permutation"], note=f"exploratory: a screen predicts; {line['note']}"))
    markers = tuple(study.design.marker(name) for name in names)
    return Answer(result_table(rows), found.flow, markers[0], more={"screen": found.table, "chosen": found.chosen},
                  markers=markers)


KINDS: dict[str, Kind] = {
    "supermodel": Kind(_supermodel, ("landmarks", "window", "max_age"), ("effect",), ("interaction",)),
    "time_dependent": Kind(_time_dependent, ("max_age",), ("lag", "cut"), ("interaction",)),
    "mrd": Kind(_mrd, (), ("at", "max_age", "horizon", "clock"), ("interaction",)),
    "response": Kind(_response, (), ("responders", "not_evaluable", "cut")),
    "added_value": Kind(_added_value, ("standard",), ("horizon", "resamples"), ("adjust", "interaction"),
                        ": what it is adjusted for is named by standard"),
    "progression": Kind(_progression, (), (), ("strata", "adjust", "interaction"),
                        ": each patient is compared with themselves"),
    "screen": Kind(_screen, ("markers",), ("standard", "models", "folds", "repeats", "horizon"),
                   ("strata", "adjust", "interaction", "by"),
                   ": folds keep cohort and strata, and standard names what is known already", exploratory=True),
}
"""Every kind by its name in plan.toml, with the keys it takes."""
