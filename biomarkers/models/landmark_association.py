"""Does what is known of a marker at a landmark go with what follows? From a study to the rows of one question.

Follow-up counts from the landmark, among those still at risk: it describes them, and does not bring back who progressed
first. A marker that the drug itself moves is detected yes or no, and no on-treatment marker is pooled over arms without arm
in the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import Refused, UseError
from biomarkers.domain.marker import Marker
from biomarkers.domain.times import Landmark
from biomarkers.models.association import Fitted, Model, associate_rows
from biomarkers.models.below_limit import Entering, associate_entering, detected
from biomarkers.models.companions import rmst_row
from biomarkers.models.exposure import Exposure, exposure
from biomarkers.models.features import FEATURES, Feature, Featured, feature, with_feature
from biomarkers.models.immortal_time import FUTURE, naive, stamp
from biomarkers.models.several_terms import associate_terms
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.landmark_draws import CLOCKS, KnownAt, at_risk, at_risk_from_draw, known_at

if TYPE_CHECKING:
    from biomarkers.study.study import Study

BASELINE = "baseline"
RATIOS = ("ratio", "cdr")
"""Features whose cut is a share of the baseline."""


@dataclass(frozen=True)
class LandmarkQuestion:
    """The rows of a landmark question with the covariate that its feature makes.

    Attributes
    ----------
    sets : AnalysisSet
        Rows at risk with a feature; time and event on the question's clock, `entry` the landmark.
    marker : Marker
    feature : Feature
    classes : tuple of str
    contrast : str
    drug : tuple of str
        Arms in which the drug itself moves the marker.
    clock : str
    cut : float, str or None
    notes : tuple of str
    stamps : tuple of str
        What every row of the answer must carry, whatever it holds.
    """

    sets: AnalysisSet
    marker: Marker
    feature: Feature
    classes: tuple[str, ...]
    contrast: str
    drug: tuple[str, ...]
    clock: str
    cut: Any
    notes: tuple[str, ...]
    stamps: tuple[str, ...] = ()

    @property
    def rows(self) -> pd.DataFrame:
        """Rows as they enter the model: on the draw's clock, time counts from the draw."""
        rows = self.sets.rows.reset_index(drop=True)
        if self.clock == "draw":
            rows = rows.assign(time=rows["time"] - rows["entry"], entry=0.0)
        return rows


def check_cut(feature_name: str, cut: Any) -> None:
    """Refuse a cut where a feature has none, and a feature that is nothing without one.

    Raises
    ------
    UseError
    """
    chosen = feature(feature_name)
    if cut is not None and feature_name not in ("value", *RATIOS):
        raise UseError(
            f"feature {feature_name!r} takes no cut: its classes are its definition ({chosen.definition}: {chosen.rule})"
        )
    if cut is None and feature_name == "cdr":
        raise UseError(
            "feature 'cdr' is a ratio at a prespecified cut; name it (cut=0.5). A cut found in the same data flatters"
        )


def landmark_question(
    study: Study,
    marker: Marker,
    landmark: Landmark,
    *,
    endpoint: str,
    feature_name: str = "value",
    cut: Any = None,
    clock: str = "time zero",
    needed: Sequence[str] = (),
    notes: Sequence[str] = (),
    draw_at_landmark: str = "include",
) -> LandmarkQuestion:
    """Who is at risk at the landmark with this feature, and why the others are not.

    Parameters
    ----------
    study : Study
    marker : Marker
    landmark : Landmark
    endpoint : str
    feature_name : str
        A key of `features.FEATURES`.
    cut : float, str or None
        For ``value`` a declared cut of the marker, for ``ratio`` a share of the baseline.
    clock : {"time zero", "draw"}
        Where follow-up counts from: the landmark, or each subject's own draw.
    needed : sequence of str
        Columns of `subjects` that the model needs.
    """
    if clock not in CLOCKS:
        raise UseError(f"clock {clock!r} is not one of {', '.join(CLOCKS)}")
    chosen = feature(feature_name)
    if marker.kind == "genotype":
        raise UseError(f'{marker.label} is germline and the same on every day: ask it at="baseline"')
    check_cut(feature_name, cut)
    known = known_at(study, marker, landmark, draw_at_landmark=draw_at_landmark)
    values, found = with_feature(known, marker, chosen, cut=cut if feature_name in RATIOS else None)
    if clock == "draw":
        values = at_risk_from_draw(study, values, endpoint)
    else:
        values = at_risk(study, values, endpoint, landmark.day)
    sets = study.analysis_set(values, endpoint, needed)
    drug = tuple(study.design.drug_effect.get(marker.name, ()))
    said = [*notes, *_said(sets, chosen, clock)]
    if feature_name == "slope":
        used = known.history[known.history["subject"].isin(set(sets.rows["subject"]))]
        n_below = int((used["status"].astype("object") == "below").fillna(False).sum())
        said += [f"{n_below} of {len(used)} draws below the limit stand at it (sensitivity)"] if n_below else []
    return LandmarkQuestion(sets, marker, chosen, found.classes, found.contrast, drug, clock, cut, tuple(said))


def naive_question(
    study: Study, marker: Marker, name: str, *, endpoint: str, needed: Sequence[str] = (), notes: Sequence[str] = ()
) -> LandmarkQuestion:
    """The biased question, under the written override only: every row carries the stamp."""
    values, found = naive(study, marker, name)
    sets = study.analysis_set(values.assign(value_age=0.0, entry=0.0), endpoint, needed)
    chosen = FEATURES.get(name) or Feature(name, f"{name}, over all draws", FUTURE[name][0], _never, needs_baseline=False)
    return LandmarkQuestion(
        sets, marker, chosen, found.classes, found.contrast, (), "time zero", None, tuple(notes), (stamp(name),)
    )


def _never(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    raise UseError("a feature over all draws is not known at a landmark")


def _said(sets: AnalysisSet, chosen: Feature, clock: str) -> list[str]:
    """What a reader must know of every row: the definition, and how old the values were."""
    said = [chosen.definition]
    if clock == "draw":
        return [*said, "clock: each subject's own draw"]
    age = sets.rows["value_age"]
    if len(age):
        said.append(f"values {age.min():g} to {age.max():g} days old at the landmark, median {age.median():g}")
    return said


def refuse_pooled_arms(marker: Marker, model_columns: Sequence[str | None], rows: pd.DataFrame) -> None:
    """Refuse an on-treatment marker over both arms without arm in the model: it would stand for the arm."""
    if "arm" not in rows or rows["arm"].nunique() < 2 or "arm" in model_columns:
        return
    arms = " and ".join(map(str, rows["arm"].dropna().unique()))
    raise Refused(
        f"{marker.label} on treatment, pooled over {arms} without arm in the model",
        "treatment moves the marker and the outcome, so the marker would stand for the arm",
        'adjust=["arm"], or strata=["arm"], or interaction="arm"',
    )


def fit_question(
    question: LandmarkQuestion,
    model: Model,
    *,
    by: str | None,
    order: Sequence[str] = (),
    interaction: str | None = None,
    constant: Mapping[str, Any] | None = None,
    limit_rule: str | None = None,
) -> tuple[Fitted, Exposure]:
    """Fit the question by cohort, pooled, and for heterogeneity.

    Parameters
    ----------
    limit_rule : str, optional
        A sensitivity of `below_limit.RULES`; None takes the rule for the share below the limit.
    """
    rows, marker, chosen = question.rows, question.marker, question.feature
    given: dict[str, Any] = {"groups": by, "order": order, "interaction": interaction, "constant": constant}
    if chosen.adjusts_baseline:
        model = replace(model, adjust=(*model.adjust, BASELINE))
    if question.cut is not None and chosen.name == "value":
        one = exposure(rows, marker, cut=question.cut, notes=question.notes)
        return associate_rows(rows, one, marker, model, **given), one
    x = rows["x"].to_numpy(float)
    term = marker.name if chosen.name == "value" else f"{marker.name}[{chosen.name}]"
    if question.classes:
        return _classes(rows, x, term, question, model, given)
    entering = Entering(x, rows["x_censor"].to_numpy(np.int64), _limit(rows, marker, chosen), term, question.contrast,
                        question.notes)  # fmt: skip
    if question.drug and chosen.name == "value" and limit_rule is None:
        arms = " and ".join(question.drug)
        one = detected(entering, marker, f"flag: {marker.label} is moved by the drug itself in {arms}: detected yes or no")
        return associate_rows(rows, one, marker, model, **given), one
    if question.drug:
        flag = f"flag: {marker.label} is moved by the drug itself in {' and '.join(question.drug)}"
        entering = replace(entering, notes=(*entering.notes, flag))
    fitted, faced = associate_entering(rows, entering, marker, model, rule=limit_rule, **given)
    days = _days_beside(rows, entering, fitted, by, {"marker": marker.name, "conf_level": model.level, **(constant or {})})
    return replace(fitted, rows=[*fitted.rows, *days]), faced


def _days_beside(
    rows: pd.DataFrame, entering: Entering, fitted: Fitted, by: str | None, shared: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Beside the hazard ratio of a number: days of restricted mean survival, upper against lower half of those analysed.

    A hazard ratio per doubling says nothing of days. The halves are cut at the median for that purpose alone: no test is made.
    """
    out = []
    for cohort in fitted.fits:
        inside = np.ones(len(rows), bool) if cohort == "all" or by is None else (rows[by].astype(str) == cohort).to_numpy(bool)
        x = entering.x[inside]
        high = x >= np.median(x)
        if high.all() or not high.any():
            continue
        words = ("below the median", "at or above the median")
        halves = Exposure(
            high.astype(float), entering.term, "upper against lower half", np.where(high, words[1], words[0]), words
        )
        within = (by,) if by and cohort == "all" else ()
        here = {**shared, "cohort": cohort, "term": entering.term, "contrast": halves.contrast}
        row = rmst_row(rows[inside], halves, within, float(shared["conf_level"]), here)
        if row is not None:
            out.append(row | {"note": f"{row['note']}; halves cut at the median for display"})
    return out


def _classes(
    rows: pd.DataFrame, x: np.ndarray, term: str, question: LandmarkQuestion, model: Model, given: dict[str, Any]
) -> tuple[Fitted, Exposure]:
    """Two classes as one contrast; more as one term each against the first, with a joint test."""
    names = question.classes
    known = np.full(len(x), "none")
    groups = np.array(names)[x.astype(int)] if len(x) else np.array([], dtype=str)
    if len(names) == 2:
        one = Exposure(x, term, f"{names[1]} against {names[0]}", groups, names, question.notes, known)
        return associate_rows(rows, one, question.marker, model, **given), one
    present = [n for n in names if (groups == n).any()]
    terms = {n: ((groups == n).astype(float), f"{n} against {present[0]}") for n in present[1:]}
    one = Exposure(x, term, f"{len(present)} groups", groups, names, question.notes, known)
    fitted = associate_terms(rows, terms, term, question.marker, model, notes=question.notes, classes=groups, **given)
    return fitted, one


def _limit(rows: pd.DataFrame, marker: Marker, chosen: Feature) -> np.ndarray:
    """The limit of detection of each row on the feature's scale."""
    lod = pd.to_numeric(rows["lod"], errors="coerce").to_numpy(float)
    if marker.lod is not None:
        lod = np.where(np.isfinite(lod), lod, marker.lod)
    c = pd.to_numeric(rows["c"], errors="coerce").fillna(0.0).to_numpy(float)
    if chosen.name == "value":
        return marker.to_model_scale(lod, c)
    if chosen.name == "change":
        return marker.to_model_scale(lod, c) - rows[BASELINE].to_numpy(float)
    then = pd.to_numeric(rows["baseline_value"], errors="coerce").to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if chosen.name == "ratio":
            return np.log2(lod / then)
        if chosen.name == "percent_change":
            return 10.0 * (lod - then) / then
    return np.full(len(rows), np.nan)
