"""One question, three estimands side by side: landmark, supermodel, time-dependent; shown together, never averaged.

Each row says in words whom it describes and what it answers, with subjects, rows and events as three numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain.times import Landmark
from biomarkers.models.association import Model
from biomarkers.models.landmark_association import fit_question, landmark_question
from biomarkers.models.serial_study import serial
from biomarkers.models.supermodel import supermodel
from biomarkers.models.time_dependent import time_dependent
from biomarkers.study.landmark_draws import visit_landmark

if TYPE_CHECKING:
    from biomarkers.study.study import Study

COMPARISON = ("analysis", "cohort", "describes", "answers", "at", "estimate", "conf_low", "conf_high", "conf_level", "p_value",
              "n_subjects", "n_rows", "n_events", "method", "note")  # fmt: skip
WORDS = {
    "landmark": ("those at risk at the landmark with a value", "does the value at the landmark separate what follows?"),
    "supermodel": ("those at risk at each landmark of the grid", "the same, pooled and smoothed over the landmarks"),
    "time-dependent": ("everyone, while a value is current", "is the current value tied to the current hazard?"),
}
"""Whom each analysis describes, and what it answers."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """The table, and the analyses it came from.

    Attributes
    ----------
    table : DataFrame
        analysis, cohort, describes, answers, at, estimate (hazard ratio), conf_low, conf_high, conf_level, p_value, n_subjects,
        n_rows, n_events, method, note.
    flow : DataFrame
        Who is in each analysis, and why the others are not.
    """

    table: pd.DataFrame
    flow: pd.DataFrame

    def __repr__(self) -> str:
        shown = self.table.drop(columns=["conf_level", "note"])
        return shown.to_string(index=False, float_format=lambda v: f"{v:.3g}", na_rep="")

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, float_format=lambda v: f"{v:.3g}", na_rep="", border=0)


def compare(
    study: Study,
    marker: str,
    *,
    at: str | Landmark,
    landmarks: Sequence[float],
    window: float,
    max_age: float,
    lag: int = 1,
    endpoint: str = "pfs",
    by: str | None = "cohort",
    strata: Sequence[str] | None = None,
    adjust: Sequence[str] | None = None,
    level: float = 0.95,
) -> Comparison:
    """The marker's value by landmark, supermodel (constant effect) and time-dependent Cox.

    Parameters
    ----------
    study : Study
    marker : str
    at : visit name or Landmark
        Of the landmark analysis.
    landmarks, window, max_age
        Of the supermodel; `max_age` also of the time-dependent model.
    lag : int
    endpoint, by, strata, adjust, level
        As `associate`.

    Returns
    -------
    Comparison
        `.table`: the rows of the three analyses, each with what it describes and what it answers.

    Examples
    --------
    >>> import biomarkers as bm
    >>> found = compare(bm.load_example("br1801"), "ctdna_mtm", at="week6", landmarks=[42, 56, 70], window=84, max_age=56)
    >>> found.table["analysis"].unique().tolist()
    ['landmark', 'supermodel', 'time-dependent']
    """
    question = serial(study, marker, endpoint=endpoint, by=by, strata=strata, adjust=adjust, level=level)
    landmark = visit_landmark(study.design.visit(at)) if isinstance(at, str) else at
    needed = list(dict.fromkeys([*question.strata, *question.adjust, *([by] if by else [])]))
    asked = landmark_question(study, question.marker, landmark, endpoint=endpoint, needed=needed)
    model = Model(question.strata, question.adjust, level, permutations=0, method="profile")
    fitted, _ = fit_question(asked, model, by=by, order=question.order)
    lines = [
        _line("landmark", row, str(landmark), int(row["n"]), int(row["n"]), level)
        for row in fitted.rows if row["estimand"] in ("hazard ratio", "joint test") and "sensitivity" not in row["note"]
    ]  # fmt: skip
    given: dict[str, Any] = {"endpoint": endpoint, "by": by, "strata": strata, "adjust": adjust, "level": level}
    pooled = supermodel(study, marker, landmarks=landmarks, window=window, max_age=max_age, effect="constant", **given)
    for cohort in dict.fromkeys(pooled.table["cohort"]):
        rows = pooled.table[pooled.table["cohort"] == cohort]
        fit = pooled.models.get(cohort)
        n_rows = len(fit.rows) if fit is not None else 0
        n_subjects = int(fit.rows["subject"].nunique()) if fit is not None else int(rows["n"].iloc[0])
        row = rows.iloc[0].to_dict()
        if fit is not None:
            row["n_events"] = int(fit.rows.loc[fit.rows["event"] == 1, "subject"].nunique())
        lines.append(_line("supermodel", row, pooled.stack.stamp, n_subjects, n_rows, level))
    current = time_dependent(study, marker, max_age=max_age, lag=lag, lags=(), **given)
    counted = current.rows.rows
    for row in current.table.to_dict("records"):
        own = counted if row["cohort"] == "all" else counted[counted[by] == row["cohort"]]
        lines.append(_line("time-dependent", row, current.rows.stamp, int(row["n"]), len(own), level))
    flows = [("landmark", asked.sets.flow), ("supermodel", pooled.flow), ("time-dependent", current.flow)]
    flow = pd.concat([part.assign(analysis=name) for name, part in flows], ignore_index=True)
    return Comparison(pd.DataFrame(lines, columns=list(COMPARISON)), flow)


def _line(analysis: str, row: Any, at: str, n_subjects: int, n_rows: int, level: float) -> dict[str, Any]:
    describes, answers = WORDS[analysis]
    numbers = {k: (np.nan if pd.isna(row[k]) else float(row[k])) for k in ("estimate", "conf_low", "conf_high", "p_value")}
    return {"analysis": analysis, "cohort": row["cohort"], "describes": describes, "answers": answers, "at": at, **numbers,
            "conf_level": level, "n_subjects": n_subjects, "n_rows": n_rows, "n_events": int(row["n_events"]),
            "method": row["method"], "note": row["note"]}  # fmt: skip
