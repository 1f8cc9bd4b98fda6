"""The tidy tables behind the pictures of each model of a plan: what a figure draws without computing.

A number's hazard ratio has its spline; every fitted marker of one column its scaled Schoenfeld residuals; a marker added to
the standard variables its calibration; a marker followed over time the curves of its states. All are looked at beside the
rows, none is tested here: their P values are those of the rows' own companions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from biomarkers.models.association import COVARIATE
from biomarkers.models.calibration import CALIBRATION
from biomarkers.models.cox import CoxFit
from biomarkers.models.functional_form import SPLINE, spline_table
from biomarkers.models.predictive import ARM_EFFECT, arm_effect
from biomarkers.models.proportionality import SCHOENFELD, schoenfeld_table
from biomarkers.models.simon_makuch import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from biomarkers.plan.analysis import Association


Tables = TypeVar("Tables")


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


def stacked(kind: type[Tables], parts: Iterable[Tables]) -> Tables:
    """Several sets of tables as one: of each table what has rows, one after another."""
    parts = list(parts)
    found = {}
    for name in (f.name for f in fields(kind)):  # type: ignore[arg-type]
        tables = [table for part in parts if len(table := getattr(part, name))]
        if tables:
            found[name] = pd.concat(tables, ignore_index=True)
    return kind(**found)


@dataclass(frozen=True)
class Pictures:
    """Tables of all analyses together; each has the columns analysis, cohort and, but for the states, marker.

    Attributes
    ----------
    splines : DataFrame
        For `figures.spline`.
    residuals : DataFrame
        For `figures.schoenfeld`.
    calibration : DataFrame
        For `figures.calibration`.
    states : DataFrame
        For `figures.simon_makuch`.
    arm_effects : DataFrame
        For `figures.arm_effect`: where the interaction of a number with the arm was asked.
    """

    splines: pd.DataFrame = field(default_factory=lambda: _empty(SPLINE))
    residuals: pd.DataFrame = field(default_factory=lambda: _empty(SCHOENFELD))
    calibration: pd.DataFrame = field(default_factory=lambda: _empty(CALIBRATION))
    states: pd.DataFrame = field(default_factory=lambda: _empty(STATES))
    arm_effects: pd.DataFrame = field(default_factory=lambda: _empty(ARM_EFFECT))

    @classmethod
    def together(cls, parts: Iterable[Pictures]) -> Pictures:
        """One after another, in the order of the plan."""
        return stacked(cls, parts)

    def of(self, analysis: str) -> Pictures:
        """The same tables under an analysis's id."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return Pictures(**{name: table.assign(analysis=analysis) for name, table in named.items() if len(table)})


def pictures_of(answer: Association) -> Pictures:
    """The spline and the residuals of every fit of an association that has one finite marker coefficient."""
    splines, residuals, effects = [], [], []
    for cohort, fit in answer.fits.items():
        if not isinstance(fit, CoxFit) or fit.penalty is not None or len(fit.blocks.get(COVARIATE, ())) != 1:
            continue
        if not fit.solution.finite[fit.solution.used].all() or not fit.solution.used[fit.blocks[COVARIATE][0]]:
            continue
        labels = {"analysis": answer.table["analysis"].iloc[0], "cohort": cohort, "marker": answer.marker.name,
                  "contrast": answer.exposure.contrast}
        level = answer.question.level
        residuals.append(schoenfeld_table(fit, COVARIATE, level=level, labels=labels))
        if answer.exposure.groups is None:
            raw = _raw(answer, fit)
            splines.append(spline_table(fit, COVARIATE, raw=raw, level=level, labels=labels))
            if answer.question.interaction == "arm":
                effects.append(_arm_effect(answer, fit, raw, labels))
    parts = [Pictures(splines=t) for t in splines] + [Pictures(residuals=t) for t in residuals]
    return Pictures.together(parts + [Pictures(arm_effects=t) for t in effects])


def _arm_effect(answer: Association, fit: CoxFit, raw: np.ndarray | None, labels: dict[str, str]) -> pd.DataFrame:
    """The arms beside each other along the marker, among the patients and in the strata of a fit."""
    rows = answer.sets.rows.reset_index(drop=True).loc[fit.frame_index[fit.rows.kept]]
    x = next(term.X for term in fit.rows.terms if term.name == COVARIATE)[:, 0]
    stratum = 0 if fit.rows.stratum is None else fit.rows.stratum
    frame = pd.DataFrame({"time": fit.rows.time, "event": fit.rows.event, "x": x, "arm": rows["arm"].to_numpy(object),
                          "stratum": stratum})
    frame["arm"] = pd.Categorical(frame["arm"], [a for a in answer.sets.rows["arm"].cat.categories if a in set(frame["arm"])])
    return arm_effect(frame, "time", "event", "x", "arm", strata=("stratum",), raw=raw, level=answer.question.level,
                      labels=labels)


def _raw(answer: Association, fit: CoxFit) -> np.ndarray | None:
    """The marker in its own unit for each row of a fit, where the covariate is nothing but that value on the model scale."""
    rows = answer.sets.rows.reset_index(drop=True)
    if not {"value", "c"} <= set(rows) or not answer.marker.quantitative:
        return None
    rows = rows.loc[fit.frame_index[fit.rows.kept]]
    value = pd.to_numeric(rows["value"], errors="coerce").to_numpy(float)
    x = next(term.X for term in fit.rows.terms if term.name == COVARIATE)[:, 0]
    with np.errstate(all="ignore"):
        same = np.isclose(answer.marker.to_model_scale(value, rows["c"].fillna(0.0).to_numpy(float)), x, rtol=1e-9, atol=1e-9)
    return value if same.all() else None
