"""The tidy tables behind the pictures of each model of a plan: what a figure draws without computing.

A number's hazard ratio has its spline; every fitted marker of one column its scaled Schoenfeld residuals; a marker added to
the standard variables its calibration; a marker followed over time the curves of its states. All are looked at beside the
rows, none is tested here: their P values are those of the rows' own companions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.models.association import COVARIATE
from biomarkers.models.calibration import CALIBRATION
from biomarkers.models.cox import CoxFit
from biomarkers.models.functional_form import SPLINE, spline_table
from biomarkers.models.proportionality import SCHOENFELD, schoenfeld_table
from biomarkers.models.simon_makuch import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from biomarkers.plan.analysis import Association


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


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
    """

    splines: pd.DataFrame = field(default_factory=lambda: _empty(SPLINE))
    residuals: pd.DataFrame = field(default_factory=lambda: _empty(SCHOENFELD))
    calibration: pd.DataFrame = field(default_factory=lambda: _empty(CALIBRATION))
    states: pd.DataFrame = field(default_factory=lambda: _empty(STATES))

    @classmethod
    def together(cls, parts: Iterable[Pictures]) -> Pictures:
        """One after another, in the order of the plan."""
        parts = list(parts)
        stacked = {}
        for name in (f.name for f in fields(cls)):
            tables = [table for part in parts if len(table := getattr(part, name))]
            if tables:
                stacked[name] = pd.concat(tables, ignore_index=True)
        return cls(**stacked)

    def of(self, analysis: str) -> Pictures:
        """The same tables under an analysis's id."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return Pictures(**{name: table.assign(analysis=analysis) for name, table in named.items() if len(table)})


def pictures_of(answer: Association) -> Pictures:
    """The spline and the residuals of every fit of an association that has one finite marker coefficient."""
    splines, residuals = [], []
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
            splines.append(spline_table(fit, COVARIATE, raw=_raw(answer, fit), level=level, labels=labels))
    return Pictures.together([Pictures(splines=table) for table in splines] + [Pictures(residuals=t) for t in residuals])


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
