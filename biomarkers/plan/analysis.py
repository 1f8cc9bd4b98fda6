"""One question is one `Analysis`; a notebook and a plan build the same object, and it runs the same code.

The only difference is the stamp: rows from a plan are prespecified, rows from a notebook are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain import numbers
from biomarkers.domain.errors import Refused, UseError
from biomarkers.domain.flow import FLOW
from biomarkers.domain.fragments import association, association_text
from biomarkers.domain.limits import confidence
from biomarkers.domain.marker import Marker
from biomarkers.domain.states import inestimable, is_subgroup, reason, state
from biomarkers.domain.times import Landmark
from biomarkers.models.association import COVARIATE, HAZARD_RATIO, RATIO_OF_RATIOS, Model
from biomarkers.models.below_limit import RULES, associate_at_baseline
from biomarkers.models.cox import CoxFit
from biomarkers.models.curves import class_curves
from biomarkers.models.design_terms import excluded_by_group, group_order, terms_of
from biomarkers.models.exposure import Exposure, departs, entering, exposure
from biomarkers.models.gates import OVERRIDES
from biomarkers.models.immortal_time import (
    FUTURE,
    OVERRIDE,
    refuse_columns,
    refuse_early_landmark,
    refuse_feature_at_landmark,
    refuse_future,
    refuse_known_later,
    refuse_post_dose_baseline,
)
from biomarkers.models.landmark_association import (
    LandmarkQuestion,
    check_cut,
    fit_question,
    landmark_question,
    naive_question,
    refuse_pooled_arms,
)
from biomarkers.models.predictive import refuse_claim
from biomarkers.models.results_table import result_table
from biomarkers.models.searched_cut import SEARCH, searched_cut_rows
from biomarkers.plan.pictures import Pictures, pictures_of
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.draws import baseline_values
from biomarkers.study.landmark_draws import CLOCKS, visit_landmark
from biomarkers.study.study import Study

CHOSEN = "chosen_cohorts"
BOOKKEEPING = ("subject", "study", "day0_rule", "eligible", "evaluable_for", "source_file", "source_row", "excluded",
               "excluded_why")
"""Columns of `subjects` that say where a row came from and what became of it."""


@dataclass(frozen=True, slots=True)
class VisitDay:
    """A landmark on a visit that only the study knows: the day, by default the end of the visit's window."""

    visit: str
    day: int | None = None

    def __str__(self) -> str:
        return self.visit if self.day is None else f"day {self.day}, draw of {self.visit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A question, whole: marker, endpoint, when the marker is known, by what it is split, and how it is judged.

    Parameters
    ----------
    marker : str
        A marker of the study.
    endpoint : str
    at : "baseline", a visit's name, Landmark, or VisitDay
        When the value is known. An on-treatment value needs a landmark: it was not known at time zero.
    by : str or None
        Column that makes the groups; None asks for the stratified pooled row alone.
    strata, adjust : tuple of str or None
        None takes the design's (declared strata; arm where both arms are present); () takes none, and is recorded.
    feature : str
        A key of `models.features.FEATURES`.
    limit_rule : str or None
        A key of `models.below_limit.RULES` in place of the rule for the share below the limit; a sensitivity.
    clock : {"time zero", "draw"}
        Of a landmark: follow-up from the landmark, or from each subject's own draw.
    cut : float, "registry", "below median", "at or above median" or None
    scale : str or None
        Another scale than the registry's.
    zero : "below_limit" or None
        What a delivered 0 means, where the registry says that zero is not real.
    interaction : str or None
        "arm": subgroup rows, the ratio of hazard ratios and its test.
    method : {"auto", "profile", "permutation"}
    permutations, seed : int
    level : float
    id, family : str
    prespecified : bool
        Set by a plan only.
    override : tuple of str
        Gates switched off in writing; each stamps its rows.
    claim : {"prognostic", "predictive"} or None
        What the analysis is meant to support. "predictive" is refused without an interaction with the arm.
    sensitivity : bool
        Whether a plan also asks the specification curve of this analysis (`plan.sensitivity`).
    imputations : int
        Of values below the limit; the alternatives of a specification curve take five.
    checks : bool
        Whether tests of assumptions, and of a difference between the cohorts, stand beside the rows.
    """

    marker: str
    endpoint: str = "pfs"
    at: str | Landmark | VisitDay = "baseline"
    by: str | None = "cohort"
    strata: tuple[str, ...] | None = None
    adjust: tuple[str, ...] | None = None
    feature: str = "value"
    cut: float | str | None = None
    scale: str | None = None
    zero: str | None = None
    clock: str = "time zero"
    limit_rule: str | None = None
    interaction: str | None = None
    method: str = "auto"
    permutations: int = 9999
    seed: int = 0
    level: float = 0.95
    id: str = ""
    family: str = ""
    prespecified: bool = False
    override: tuple[str, ...] = ()
    claim: str | None = None
    sensitivity: bool = False
    imputations: int = 20
    checks: bool = True

    def __post_init__(self) -> None:
        if self.feature not in FUTURE:
            check_cut(self.feature, self.cut)
        elif self.at == "baseline":
            refuse_future(self.feature, self.marker, visit=None, override=self.override)
        else:
            refuse_feature_at_landmark(self.feature, self.marker, None)
        if self.clock not in CLOCKS:
            raise UseError(f"clock {self.clock!r} is not one of {', '.join(CLOCKS)}")
        if self.clock == "draw" and self.at == "baseline":
            raise UseError('clock="draw" counts from an on-treatment draw: name it with at, e.g. at="week6"')
        if self.limit_rule is not None and self.limit_rule not in RULES:
            raise UseError(f"limit_rule {self.limit_rule!r} is not one of {', '.join(RULES)}")
        if self.method not in ("auto", "profile", "permutation"):
            raise UseError(f"method {self.method!r} is not one of auto, profile, permutation")
        refuse_claim(self.claim, marker=self.marker, interaction=self.interaction, baseline=self.at == "baseline")
        if self.cut == SEARCH and (self.at != "baseline" or self.interaction):
            raise UseError('cut = "search" is for a baseline marker without an interaction: declare a cut with its source')
        confidence(self.level)
        if self.imputations < 2:
            raise UseError(f"imputations must be two or more, not {self.imputations!r}")
        if self.permutations < 0:
            raise UseError(f"permutations must be zero or more, not {self.permutations!r}")
        unknown = [o for o in self.override if o not in OVERRIDES]
        if unknown:
            raise UseError(f"override {unknown[0]!r} is not one of {', '.join(OVERRIDES)}")

    def run(self, study: Study) -> Association:
        """Ask the study.

        Raises
        ------
        Refused
            The question would mislead as asked; the message gives the call to use instead.
        UseError
            A marker, endpoint, column or visit that the study does not have.
        """
        marker, notes = departs(study.design.marker(self.marker), scale=self.scale, cut=self.cut, zero=self.zero)
        self._refuse(study, marker)
        strata, adjust = self._terms(study)
        needed = list(dict.fromkeys([*strata, *adjust, *([self.by] if self.by else []),
                                     *([self.interaction] if self.interaction else [])]))
        ordered = [c for c in needed if c not in ("cohort", "arm")] + [c for c in needed if c in ("cohort", "arm")]
        notes = (*notes, *self._stamps())
        if self.at != "baseline" or self.feature != "value":
            return self._on_treatment(study, marker, strata, adjust, ordered, notes)
        values = entering(baseline_values(study, marker), marker, cut=self.cut)
        refuse_known_later(values, marker, 0.0)
        chosen = study.analysis_set(values, self.endpoint, ordered)
        rows = chosen.rows
        model, order = self._model(strata, adjust, rows), group_order(study, self.by, rows)
        if self.cut == SEARCH:
            return self._searched(study, marker, chosen, model, order)
        fitted, faced = associate_at_baseline(
            rows, marker, model, cut=self.cut, notes=(*notes, *_raw_ratios(study, marker, rows)), rule=self.limit_rule,
            groups=self.by, order=order,
            interaction=self.interaction, constant=self._constant(marker, self.timing),
        )
        table = result_table([self._between_chosen(study, row) for row in fitted.rows])
        table["n_excluded"] = excluded_by_group(chosen, table["cohort"], self.by)
        return Association(self, marker, table, chosen, faced, fitted.fits, order)

    def _between_chosen(self, study: Study, row: dict[str, Any]) -> dict[str, Any]:
        """A difference between cohorts that patients chose says so, and so does every row of a question that compares them."""
        said = [f"flag: override {CHOSEN}"] if CHOSEN in self.override else []
        if study.design.cohort_assignment == "chosen" and (said or row["term"] == "marker:cohort"):
            said.append("patients chose their cohort: a difference between them, not an effect of the choice")
        return row | {"note": "; ".join(filter(None, [row["note"], *said]))}

    def _searched(self, study: Study, marker: Marker, chosen: AnalysisSet, model: Model, order: tuple[str, ...]) -> Association:
        """A cut searched in the data: exploratory rows, never prespecified."""
        fitted = searched_cut_rows(chosen.rows, marker, model, groups=self.by, order=order,
                                   constant=self._constant(marker, self.timing))
        table = result_table([self._between_chosen(study, row) for row in fitted.rows])
        table["n_excluded"] = excluded_by_group(chosen, table["cohort"], self.by)
        return Association(self, marker, table, chosen, exposure(chosen.rows, marker), fitted.fits, order)

    def _on_treatment(self, study: Study, marker: Marker, strata: tuple[str, ...], adjust: tuple[str, ...],
                      needed: list[str], notes: tuple[str, ...]) -> Association:
        """A value from after time zero: at its landmark, or, under the written override, as it must not be asked."""
        if self.at == "baseline":
            asked: LandmarkQuestion = naive_question(study, marker, self.feature, endpoint=self.endpoint, needed=needed,
                                                     notes=notes)
            timing = "time zero (override immortal_time)"
        else:
            landmark = self.landmark(study)
            asked = landmark_question(study, marker, landmark, endpoint=self.endpoint, feature_name=self.feature, cut=self.cut,
                                      clock=self.clock, needed=needed, notes=notes)
            timing = str(landmark) if self.clock == "time zero" else f"{landmark}; clock from each draw"
        rows = asked.rows
        refuse_pooled_arms(marker, [*strata, *adjust, self.by, self.interaction], rows)
        model, order = self._model(strata, adjust, rows), group_order(study, self.by, rows)
        fitted, faced = fit_question(asked, model, by=self.by, order=order, interaction=self.interaction,
                                     constant=self._constant(marker, timing), limit_rule=self.limit_rule)
        rows_ = [row | {"note": "; ".join(dict.fromkeys(filter(None, [*row["note"].split("; "), *asked.stamps])))}
                 for row in fitted.rows]
        table = result_table([self._between_chosen(study, row) for row in rows_])
        table["n_excluded"] = excluded_by_group(asked.sets, table["cohort"], self.by)
        return Association(self, asked.marker, table, replace(asked.sets, rows=rows), faced, fitted.fits, order)

    def landmark(self, study: Study) -> Landmark:
        """The landmark of this question in a study: a visit's name stands for the end of its window.

        Raises
        ------
        UseError
            The study has no such visit, or the day lies before the last admissible draw.
        """
        if isinstance(self.at, Landmark):
            return self.at
        at = self.at if isinstance(self.at, VisitDay) else VisitDay(self.at)
        visit = study.design.visit(at.visit)
        if at.day is None:
            return visit_landmark(visit)
        refuse_early_landmark(at.day, visit)
        return Landmark(day=at.day, visit=visit)

    def _model(self, strata: tuple[str, ...], adjust: tuple[str, ...], rows: pd.DataFrame) -> Model:
        if adjust and self.adjust is None and rows["arm"].nunique() < 2:
            adjust = ()
        return Model(strata, adjust, self.level, self.permutations, self.seed, self.method, self.override,
                     checks=self.checks, difference=self.checks, imputations=self.imputations)

    def _constant(self, marker: Marker, timing: str) -> dict[str, Any]:
        return {"analysis": self.id or self._default_id(), "prespecified": self.prespecified,
                "family": self.family or marker.family, "endpoint": self.endpoint.lower(), "timing": timing}

    @property
    def timing(self) -> str:
        """When the marker is known, in words."""
        return self.at if isinstance(self.at, str) else str(self.at)

    def _default_id(self) -> str:
        own = [] if self.feature == "value" else [self.feature]
        return "_".join([self.marker, *own, self.timing.split(",")[0].replace(" ", ""), self.endpoint.lower()])

    def check(self, study: Study) -> None:
        """Raise what `run` would refuse before it looks at a value.

        Raises
        ------
        Refused, UseError
        """
        self._refuse(study, study.design.marker(self.marker))

    def resolved(self, study: Study) -> Analysis:
        """The question with its landmark as a day of this study."""
        return self if self.at == "baseline" else replace(self, at=self.landmark(study))

    def _refuse(self, study: Study, marker: Marker) -> None:
        later = next((name for name, v in study.design.visits.items() if v.day > 0), None)
        if self.at == "baseline":
            refuse_future(self.feature, marker, visit=later, override=self.override)
            refuse_post_dose_baseline(marker)
        else:
            refuse_feature_at_landmark(self.feature, marker, later)
        kept = [c for c in (*(self.strata or ()), *(self.adjust or ()), self.by, self.interaction) if c in BOOKKEEPING]
        if kept:
            raise UseError(f"column {kept[0]!r} keeps the books of the study: it is no covariate, stratum or group of a model")
        refuse_columns([*(self.strata or ()), *(self.adjust or ())], override=self.override)
        if self.by == "cohort" and self.interaction == "cohort":
            raise UseError('interaction="cohort" is already tested when by="cohort": read the row marker:cohort')
        compared = self.interaction == "cohort" or "cohort" in (self.adjust or ())
        if study.design.cohort_assignment == "chosen" and compared and CHOSEN not in self.override:
            raise Refused(
                "cohort as an effect", "patients chose their cohort, so a hazard ratio between cohorts is no effect of it",
                'by="cohort": each cohort separately')

    def _terms(self, study: Study) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return terms_of(study, self.by, self.strata, self.adjust)

    def _stamps(self) -> list[str]:
        """What was recorded as a departure from the design's terms."""
        stamps = []
        if self.by is None and self.strata == () and self.adjust == ():
            stamps.append("sensitivity: crude, without strata or adjusters")
        return stamps


def _raw_ratios(study: Study, marker: Marker, rows: pd.DataFrame) -> list[str]:
    """How many of the analysed would have no CD8/FOXP3 ratio as laboratories deliver it: those without a FOXP3 cell."""
    if marker.name != "cd8_foxp3":
        return []
    foxp3 = baseline_values(study, study.design.marker("foxp3")).set_index("subject")["value"]
    none = int((pd.to_numeric(rows["subject"].map(foxp3)) == 0).sum())
    return [f"{none} of {len(rows)} raw ratios are undefined (no FOXP3 cell): one cell is added to both counts"] if none else []


@dataclass(frozen=True, slots=True)
class Association:
    """The answer: a tidy table, the flow that led to it, the fits, and the curves.

    Parameters
    ----------
    question : Analysis
    marker : Marker
        As analysed, with declared departures.
    table : pandas.DataFrame
        The result table, one row per cohort, the pooled row, and the heterogeneity row.
    sets : AnalysisSet
        Who was analysed and why the others were not.
    exposure : Exposure
    fits : mapping of cohort to CoxFit
    order : tuple of str
    """

    question: Analysis
    marker: Marker
    table: pd.DataFrame
    sets: AnalysisSet
    exposure: Exposure
    fits: Mapping[str, CoxFit] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @property
    def flow(self) -> pd.DataFrame:
        """Who left and why, by cohort and arm."""
        flow = self.sets.flow
        flow.insert(0, "timing", self.table["timing"].iloc[0])
        flow.insert(0, "marker", self.marker.name)
        flow.insert(0, "analysis", self.table["analysis"].iloc[0])
        return flow

    @property
    def curves(self) -> pd.DataFrame:
        """Kaplan-Meier steps by declared class or genotype, per group; empty for a continuous marker.

        On treatment the curves start at the landmark: before it nobody was at risk of being counted.
        """
        steps = class_curves(self.sets.rows, self.exposure, self.question.by, self.order, self.question.level,
                             self.table["analysis"].iloc[0])[0]
        if len(steps) and "entry" in self.sets.rows:
            steps["time"] = steps["time"].where(steps["time"] > 0, float(self.sets.rows["entry"].min()))
        return steps

    @property
    def medians(self) -> pd.DataFrame:
        """Medians of those curves with their intervals."""
        return class_curves(self.sets.rows, self.exposure, self.question.by, self.order, self.question.level,
                            self.table["analysis"].iloc[0])[1]

    @property
    def pictures(self) -> Pictures:
        """Tables for `figures.spline` and `figures.schoenfeld`: `.splines` and `.residuals`, every fit of this answer."""
        return pictures_of(self)

    def diagnostics(self) -> pd.DataFrame:
        """The proportional-hazards test of each fit: cohort, term, statistic, df, p_value."""
        parts = []
        for cohort, fit in self.fits.items():
            table = fit.zph()
            parts.append(table.assign(cohort=cohort, term=table["term"].str.replace(COVARIATE, self.marker.name)))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _shown(self) -> tuple[list[dict[str, Any]], str, list[str]]:
        """Rows, title and notes as a notebook and a terminal show them: hazard ratios first, what they mean below."""
        rows = self.table[(self.table["estimand"] == HAZARD_RATIO) & ~self.table["note"].map(is_subgroup)]
        pooled = self.table[self.table["cohort"] == "all"].iloc[0]
        title = (f"{self.marker.label} at {self.question.timing}, {pooled['contrast']}, and "
                 f"{self.question.endpoint.upper()} · {pooled['model']}")
        notes = []
        lost = len(self.sets.members) - len(self.sets)
        if lost:
            counts = self.sets.ledger["reason"].value_counts()
            words = ", ".join(f"{n} {FLOW[reason]}" for reason, n in counts.items())
            notes.append(f"{lost} of {len(self.sets.members)} are not in the model: {words}")
        for row in self.table[self.table["estimand"] == RATIO_OF_RATIOS].to_dict("records"):
            what = {"marker:cohort": "between cohorts"}.get(row["term"], row["term"].replace("marker:", "by "))
            place = "" if row["cohort"] == "all" else f" in {row['cohort']}"
            why = f"descriptive only: {reason(row)}" if state(row) == "descriptive" else inestimable(row)
            said = why if np.isnan(row["p_value"]) else numbers.p_equals(row["p_value"])
            notes.append(f"Difference {what}{place}: {said}")
        return rows.to_dict("records"), title, notes

    def __repr__(self) -> str:
        rows, title, notes = self._shown()
        return association_text(rows, title=title, notes=notes)

    def _repr_html_(self) -> str:
        rows, title, notes = self._shown()
        return association(rows, title=title, notes=notes, following="`.table` `.flow` `.curves` `.diagnostics()`")


def associate(study: Study, marker: str, *, endpoint: str = "pfs", at: str | Landmark = "baseline", by: str | None = "cohort",
              strata: Any = None, adjust: Any = None, feature: str = "value", cut: float | str | None = None,
              scale: str | None = None, zero: str | None = None, clock: str = "time zero", interaction: str | None = None,
              method: str = "auto", permutations: int = 9999, seed: int = 0, level: float = 0.95,
              limit_rule: str | None = None, i_know_this_is_immortal_time: bool = False) -> Association:
    """Does this marker go with this endpoint, in each cohort, pooled, and differently between cohorts?

    Parameters
    ----------
    study : Study
    marker : str
    endpoint : str
    at : "baseline", a visit's name, or Landmark
    by : str or None
        One row per level of this column, in the order of the design, and the stratified pooled row; None: the latter alone.
    strata, adjust : sequence of str or None
        None: the design's. (): none, recorded.
    feature : str
        What of the marker: "value", "change", "cleared", "detected", "ratio", "trajectory" ... (`models.features.FEATURES`).
    clock : {"time zero", "draw"}
        Follow-up of an on-treatment draw: from the landmark, or from each subject's own draw.
    cut, scale, zero, limit_rule
        Declared departures from the registry; they stamp their rows.
    i_know_this_is_immortal_time : bool
        Answers a question that uses the future, and stamps every row of it.
    interaction : "arm" or None
    method : {"auto", "profile", "permutation"}
        Which p is confirmatory.
    permutations : int
        0 switches the permutation p off.
    seed : int
    level : float

    Returns
    -------
    Association
        `.table` in the columns of the result table, `.flow`, `.fits`, `.curves`, `.medians`, `.diagnostics()`.

    Raises
    ------
    Refused
        The question would mislead as asked.
    UseError
        Something the study does not have.

    Examples
    --------
    >>> import biomarkers as bm
    >>> tk1 = bm.associate(bm.load_example("br1801"), "tk1_dul", permutations=0)
    >>> tk1.table.loc[tk1.table["estimand"] == "hazard ratio", "cohort"].tolist()
    ['ER+', 'ER-', 'all']
    """
    given = dict(locals())
    study_ = given.pop("study")
    names = {f.name for f in fields(Analysis)}
    settings = {k: v for k, v in given.items() if k in names}
    for key in ("strata", "adjust"):
        settings[key] = _columns(settings[key], key)
    if i_know_this_is_immortal_time:
        settings["override"] = (OVERRIDE,)
    if feature in FUTURE and at == "baseline":    # here the study is at hand: its own label and visit go in the message
        later = next((name for name, v in study_.design.visits.items() if v.day > 0), None)
        refuse_future(feature, study_.design.marker(marker), visit=later, override=settings.get("override", ()))
    return Analysis(**settings).run(study_)


def _columns(given: Any, what: str) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise UseError(f"{what} takes a list of column names: {what}=[{given!r}], not {given!r}")
    return tuple(given)


