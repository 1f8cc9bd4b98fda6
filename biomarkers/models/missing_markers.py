"""Missing baseline markers by multiple imputation with the outcome in the imputation model, pooled by Rubin's rules.

A sensitivity beside the complete cases. Leaving the outcome out of the imputation would pull the hazard ratio towards 1; the
answer assumes that what is missing can be predicted from what is known of everybody, outcome included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.kernels import rubin
from biomarkers.kernels.matching import matched
from biomarkers.kernels.profile import t_df
from biomarkers.kernels.resample import generator
from biomarkers.models.association import HAZARD_RATIO, IMPUTATIONS, describe
from biomarkers.models.below_limit import nelson_aalen
from biomarkers.models.columns import dummy_coded, without_gaps
from biomarkers.models.cox import cox
from biomarkers.models.gates import EVENTS_PER_PARAMETER, events_word
from biomarkers.models.results_table import result_row
from biomarkers.models.selection import independent

LARGEST_SHARE = 0.5


def imputations(people: pd.DataFrame, known: np.ndarray, x: np.ndarray, predictors: Sequence[str], *, m: int = IMPUTATIONS,
                seed: int = 0) -> list[np.ndarray]:
    """m completed versions of a marker.

    Parameters
    ----------
    people : pandas.DataFrame
        Everybody: time, event, the predictors.
    known : (n,) bool
    x : (n,) float
        On the model scale.
    predictors : sequence of str
        Columns of the analysis model and what else is known of everybody.
    m, seed : int

    Raises
    ------
    UseError
        More than half is missing, or too few are known for the predictors.
    """
    share = float((~known).mean())
    if share > LARGEST_SHARE:
        raise UseError(f"{share:.0%} of the values are missing: more than half is invention, not imputation")
    hazard = nelson_aalen(people["time"].to_numpy(float), people["event"].to_numpy(bool))
    columns = [np.ones(len(people)), people["event"].to_numpy(float), hazard]
    for name in dict.fromkeys(predictors):
        columns.append(dummy_coded(without_gaps(people[name])))
    stacked = np.column_stack(columns)
    varies = np.ptp(stacked[known], axis=0) > 0
    varies[0] = True
    Z = stacked[:, varies]
    Z = Z[:, independent(Z[known])]
    rng = generator(seed)
    try:
        return [matched(np.where(known, x, np.nan), known, Z, rng) for _ in range(m)]
    except ValueError as error:
        raise UseError(str(error)) from None


def imputed_row(people: pd.DataFrame, known: np.ndarray, x: np.ndarray, predictors: Sequence[str], *,
                adjust: Sequence[str] = (), strata: Sequence[str] = (), m: int = IMPUTATIONS, seed: int = 0,
                level: float = 0.95,
                shared: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The hazard ratio over all imputations, as a sensitivity row.

    Parameters
    ----------
    people, known, x, predictors, m, seed
        See `imputations`.
    adjust, strata : sequence of str
        Of the analysis model.
    """
    n_events, parameters = int(people["event"].sum()), 1 + len(adjust)
    row = result_row(**{"estimand": HAZARD_RATIO, **(shared or {}), "prespecified": False}, model=describe(strata, adjust),
                     n=len(people), n_events=n_events)
    missing = int((~known).sum())
    if parameters * EVENTS_PER_PARAMETER > n_events:
        return row | {"method": "none", "note": f"descriptive only: {events_word(n_events)} for {parameters} parameters"}
    coefs, errors = [], []
    for filled in imputations(people, known, x, [*predictors, *adjust, *strata], m=m, seed=seed):
        line = cox(people.assign(_x=filled), "time", "event", ["_x", *adjust], strata=strata, interval="wald").table.iloc[0]
        if line["finite"]:
            coefs.append(float(line["coef"]))
            errors.append(float(line["std_error"]))
    if len(coefs) < m:
        note = f"sensitivity: not estimable in {m - len(coefs)} of {m} imputations"
        return row | {"method": "none", "finite": False, "note": note}
    found = rubin.pool(coefs, errors, df_complete=t_df(n_events, parameters))
    low, high = np.exp(found.interval(level))
    return row | {
        "estimate": float(np.exp(found.estimate)), "std_error": found.std_error, "conf_low": float(low),
        "conf_high": float(high), "conf_level": level, "statistic": found.statistic, "p_value": found.p_value,
        "method": f"multiple imputation of missing markers (m = {m}), Rubin's t",
        "note": f"sensitivity: {missing} of {len(people)} markers missing, imputed by matching given the outcome; "
                f"{found.fraction_missing:.0%} of the information missing",
    }
