"""What the data can say: beside every hazard ratio the one that these events detect, by formula and by simulation.

The formula flatters by three to seven points of power at 48 to 106 events, so a simulated value stands beside it, made from the
row's own subjects, markers, adjusters, strata, events and censoring. It is the hazard ratio detectable at 80 % power with the
row's test; precision is in the interval, and no "observed power" is computed from a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.kernels.power import conditional_variance, detectable_hazard_ratio
from biomarkers.kernels.simulated_power import detectable, slots
from biomarkers.models.association import COVARIATE, HAZARD_RATIO, RATIO_OF_RATIOS
from biomarkers.models.cox import CoxFit

if TYPE_CHECKING:
    from biomarkers.plan.analysis import Association

COLUMNS = ("analysis", "cohort", "marker", "term", "contrast", "estimand", "n", "n_events", "power", "alpha", "formula",
           "simulated", "simulated_low", "simulated_high", "power_at_formula", "mc_error", "replicates", "note")
REPLICATES = 500


def detectable_table(answer: Association, *, power: float = 0.80, alpha: float = 0.05, replicates: int = REPLICATES,
                     seed: int = 0) -> pd.DataFrame:
    """The detectable hazard ratio of each row of an answer.

    Parameters
    ----------
    answer : Association
    power, alpha : float
        Two-sided alpha.
    replicates : int
        Simulated studies at each of two hazard ratios; 0 gives the formula alone.
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row per hazard ratio and ratio of hazard ratios that was fitted: formula, simulated with its Monte-Carlo
        interval (two standard errors), and the simulated power at the formula's value. Hazard ratios above 1.
    """
    lines = []
    for row in answer.table.itertuples():
        columns = _columns(answer, row)
        if columns is None or not row.method or row.method == "none":
            continue
        fit, X = columns
        formula = _by_formula(fit, X, alpha, power)
        line = {name: getattr(row, name) for name in COLUMNS[:6]} | {"n": fit.n, "n_events": fit.n_events, "power": power,
                                                                     "alpha": alpha, "formula": formula, "note": ""}
        lines.append(line | _by_simulation(fit, X, formula, power, alpha, replicates, seed))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _columns(answer: Association, row: Any) -> tuple[CoxFit, np.ndarray] | None:
    """The fit behind a row and its design with the tested column first; None where there is no such fit."""
    fit = answer.fits.get(row.cohort)
    if not isinstance(fit, CoxFit) or COVARIATE not in fit.blocks or len(fit.blocks[COVARIATE]) != 1 or ", in " in row.contrast:
        return None
    columns = {term.name: term.X for term in fit.rows.terms}
    x = columns.pop(COVARIATE)
    if row.estimand == HAZARD_RATIO:
        return fit, np.column_stack([x, *columns.values()])
    if row.estimand != RATIO_OF_RATIOS:
        return None
    group = _second(answer, fit, row)
    if group is None:
        return None
    products = [np.column_stack([x[:, 0] * group, x, *columns.values()])]
    # The group's main effect is a term of its own unless it is a stratum or an adjuster already.
    name = _split(row)
    if name not in fit.strata and name not in columns:
        products.append(group[:, None])
    return fit, np.column_stack(products)


def _split(row: Any) -> str:
    """The column whose levels a ratio of hazard ratios compares."""
    return str(row.term).split(":", 1)[1]


def _second(answer: Association, fit: CoxFit, row: Any) -> np.ndarray | None:
    """1 for the second of two groups; None where there are more or fewer."""
    rows = answer.sets.rows.reset_index(drop=True)
    column = rows[_split(row)].loc[fit.frame_index[fit.rows.kept]]
    known = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.unique())
    levels = [c for c in known if (column == c).any()]
    return (column == levels[1]).to_numpy(float) if len(levels) == 2 else None


def _by_formula(fit: CoxFit, X: np.ndarray, alpha: float, power: float) -> float:
    others = [X[:, 1:]]
    if fit.rows.stratum is not None:
        others.append((fit.rows.stratum[:, None] == np.arange(1, fit.rows.stratum.max() + 1)).astype(float))
    left = conditional_variance(X[:, 0], np.column_stack(others))
    return detectable_hazard_ratio(fit.n_events, left, alpha=alpha, power=power)


def _by_simulation(fit: CoxFit, X: np.ndarray, formula: float, power: float, alpha: float, replicates: int,
                   seed: int) -> dict[str, Any]:
    if not replicates:
        return {"replicates": 0, "note": "formula only"}
    rows = fit.rows
    study = slots(rows.time, rows.event, X, entry=rows.entry, stratum=rows.stratum)
    found = detectable(study, formula, power=power, alpha=alpha, replicates=replicates, seed=seed)
    spread = np.exp(2 * found.std_error)
    note = "" if np.isfinite(found.hazard_ratio) else "no hazard ratio up to 148 is detected with this power"
    return {"simulated": found.hazard_ratio, "simulated_low": found.hazard_ratio / spread,
            "simulated_high": found.hazard_ratio * spread, "power_at_formula": found.power_at_formula,
            "mc_error": found.mc_error, "replicates": found.replicates, "note": note}
