"""Kaplan-Meier curves by declared class or genotype, per cohort, as tidy steps that a figure draws without counting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from biomarkers.models.exposure import Exposure
from biomarkers.models.km import kaplan_meier

CURVES = ("analysis", "cohort", "group", "group_order", "time", "survival", "conf_low", "conf_high", "n_risk", "n_event",
          "n_censor")
MEDIANS = ("analysis", "cohort", "group", "group_order", "n", "n_events", "median", "conf_low", "conf_high", "conf_level")


def class_curves(rows: pd.DataFrame, exposure: Exposure, by: str | None, order: Sequence[str], level: float,
                 analysis: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Steps and medians by class of the exposure, for each group of `by`; empty frames where there are no classes."""
    if exposure.groups is None:
        return pd.DataFrame(columns=list(CURVES)), pd.DataFrame(columns=list(MEDIANS))
    frame = rows.reset_index(drop=True).assign(_class=exposure.groups)
    return curves_by(frame, "_class", exposure.order, by, order, level, analysis)


def curves_by(frame: pd.DataFrame, classes: str, class_order: Sequence[str], by: str | None, order: Sequence[str],
              level: float, analysis: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Steps and medians by a column of classes, for each group of `by`."""
    steps, medians = [], []
    for cohort in order if by else ("all",):
        part = frame[frame[by] == cohort] if by else frame
        for place, name in enumerate(class_order):
            group = part[part[classes] == name]
            if group.empty:
                continue
            labels = {"analysis": analysis, "cohort": str(cohort), "group": str(name), "group_order": place}
            fit = kaplan_meier(group, "time", "event", level=level)
            steps.append(_steps(fit.table, len(group)).assign(**labels))
            median = fit.median.iloc[0]
            medians.append({**labels, "n": len(group), "n_events": int(group["event"].sum()), "median": median["median"],
                            "conf_low": median["conf_low"], "conf_high": median["conf_high"], "conf_level": level})
    curves = pd.concat(steps, ignore_index=True)[list(CURVES)] if steps else pd.DataFrame(columns=list(CURVES))
    return curves, pd.DataFrame(medians, columns=list(MEDIANS))


def _steps(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """The steps with a row for time 0 in front, when everybody is at risk."""
    start = pd.DataFrame([{"time": 0.0, "survival": 1.0, "conf_low": 1.0, "conf_high": 1.0, "n_risk": n, "n_event": 0,
                           "n_censor": 0}])
    columns = list(start.columns)
    body = table[columns]
    return body if len(body) and np.isclose(body["time"].iloc[0], 0) else pd.concat([start, body], ignore_index=True)
