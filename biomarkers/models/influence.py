"""Does the answer hang on one patient? The hazard ratio without the subject that moves it most.

dfbeta ranks the subjects, the most influential one is left out and the model fitted again: the row says where the estimate
goes, and whether its interval crosses 1. It names nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.models.cox import CoxFit, cox
from biomarkers.models.results_table import result_row

INFLUENCE = "influence of one subject"


def influence_row(frame: pd.DataFrame, fit: CoxFit, covariate: str, *, adjust: Sequence[str] = (), strata: Sequence[str] = (),
                  level: float, shared: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    """The refit without one subject as a row; None where it cannot be fitted.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows of `fit`, one per subject.
    fit : CoxFit
    covariate : str
    """
    moved = fit.residuals("dfbeta")[covariate].to_numpy()
    worst = int(np.argmax(np.abs(moved)))
    rest = frame.reset_index(drop=True).drop(index=worst)
    try:
        again = cox(rest, "time", "event", [covariate, *adjust], strata=strata, interval="wald", level=level)
    except UseError:
        return None
    line = again.table[again.table["term"] == covariate].iloc[0]
    if not line["finite"]:
        return None
    whole = fit.table.loc[fit.table["term"] == covariate].iloc[0]
    strong = int((np.abs(moved) > 2 / np.sqrt(fit.n) * whole["std_error"]).sum())
    note = f"{strong} of {fit.n} subjects move the log hazard ratio by more than 2/√n standard errors"
    if (whole["conf_low"] > 1 or whole["conf_high"] < 1) and line["conf_low"] < 1 < line["conf_high"]:
        note = f"flag: without one subject the interval includes 1; {note}"
    return result_row(
        **{**shared, "estimand": INFLUENCE}, model=model, method="refit without one subject, Wald interval",
        estimate=float(line["hazard_ratio"]), std_error=float(line["std_error"]), conf_low=float(line["conf_low"]),
        conf_high=float(line["conf_high"]), n=again.n, n_events=again.n_events, note=note,
    )
