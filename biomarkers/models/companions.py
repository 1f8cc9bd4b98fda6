"""What stands beside a hazard ratio: the test of proportional hazards, and the absolute difference in restricted mean survival.

A hazard ratio says nothing of days, and is a mean over time where hazards are not proportional. Both companions are rows of
their own. The restricted mean runs to the last day on which every class is still followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.models.cox import CoxFit
from biomarkers.models.exposure import Exposure
from biomarkers.models.results_table import result_row
from biomarkers.models.rmst import rmst_difference

PROPORTIONAL, RMST = "proportional hazards test", "restricted mean survival difference"


def proportional_hazards_row(fit: CoxFit, covariate: str, shared: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The score test of a coefficient that changes with time (Kaplan-Meier scale), as a row."""
    test = fit.zph()
    line = test[test["term"] == covariate].iloc[0]
    return result_row(**{**shared, "estimand": PROPORTIONAL}, model=model, method="score test of time dependence, km scale",
                      statistic=float(line["statistic"]), p_value=float(line["p_value"]), n=fit.n, n_events=fit.n_events)


def rmst_row(frame: pd.DataFrame, exposure: Exposure, strata: Sequence[str], level: float,
             shared: Mapping[str, Any]) -> dict[str, Any] | None:
    """Days of restricted mean survival gained by the contrast class; None where there are not two classes everywhere.

    Parameters
    ----------
    frame : pandas.DataFrame
        time (days), event and the strata.
    exposure : Exposure
        Two classes.
    strata : sequence of str
        The groups within which the classes are compared (the cohort, for the pooled row).
    """
    assert exposure.groups is not None
    classes = frame.assign(_class=pd.Categorical(exposure.groups, exposure.order))
    followed = classes.groupby([*strata, "_class"], observed=True)["time"].max()
    expected = 2 * int(classes.groupby(list(strata), observed=True).ngroups if strata else 1)
    if len(followed) != expected:
        return None
    tau = float(followed.min())
    found = rmst_difference(classes, "time", "event", "_class", tau=tau, strata=tuple(strata), level=level).table.iloc[0]
    return result_row(
        **{**shared, "estimand": RMST}, model="Kaplan-Meier" + (f"; within {', '.join(strata)}" if strata else ""),
        method="area under the curve", estimate=float(found["estimate"]), std_error=float(found["std_error"]),
        conf_low=float(found["conf_low"]), conf_high=float(found["conf_high"]), n=len(frame),
        n_events=int(frame["event"].sum()), finite=bool(np.isfinite(found["estimate"])),
        note=f"days, to day {tau:g}; unadjusted; an interval, not a test",
    )
