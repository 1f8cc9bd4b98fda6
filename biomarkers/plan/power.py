"""What the data can say: beside every ratio the one that these events detect, by formula and by simulation.

The formula flatters by three to seven points of power at 48 to 106 events, so a simulated value stands beside it, made from
the row's own subjects, markers, adjusters, strata, events and censoring. It is the ratio detectable at 80 % power with the
row's own test; precision is in the interval, and no "observed power" is computed from a result. What is dealt into the observed
follow-up is a subject with its value (`kernels.simulated_power`), or with its whole history where the value changes or rows
repeat subjects (`kernels.history_power`); of a response, who responds is drawn anew (`kernels.response_power`). A row that has
no simulation says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain.states import is_subgroup
from biomarkers.kernels import history_power, response_power
from biomarkers.kernels.power import conditional_variance, detectable_by_error, detectable_hazard_ratio
from biomarkers.kernels.simulated_power import Detectable, detectable, slots
from biomarkers.models.association import COVARIATE, HAZARD_RATIO, RATIO_OF_RATIOS
from biomarkers.models.cox import CoxFit
from biomarkers.models.response import ODDS_RATIO, RATIO_OF_ODDS
from biomarkers.models.time_dependent import value_histories

if TYPE_CHECKING:
    from biomarkers.kernels.response_power import Responses
    from biomarkers.models.mrd import MRD
    from biomarkers.models.supermodel import SupermodelAnalysis
    from biomarkers.models.time_dependent import TimeDependentAnalysis
    from biomarkers.plan.analysis import Association

COLUMNS = ("analysis", "cohort", "marker", "term", "contrast", "estimand", "timing", "n", "n_events", "power", "alpha",
           "formula", "simulated", "simulated_low", "simulated_high", "power_at_formula", "mc_error", "replicates",
           "note")
REPLICATES = 500
HISTORIES = 200
"""Replicates where whole histories are dealt, at most: each costs some thirty times as much. Power then has a Monte-Carlo
error of three points."""
RATIOS = (HAZARD_RATIO, RATIO_OF_RATIOS, ODDS_RATIO, RATIO_OF_ODDS)
_POWER, _ALPHA = 0.80, 0.05


def detectable_table(answer: Association, *, power: float = _POWER, alpha: float = _ALPHA, replicates: int = REPLICATES,
                     seed: int = 0) -> pd.DataFrame:
    """The detectable ratio of each row of an association.

    Parameters
    ----------
    answer : Association
    power, alpha : float
        Two-sided alpha.
    replicates : int
        Simulated studies at each of two ratios; 0 gives the formula alone.
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row per ratio that was estimated: formula, simulated with its Monte-Carlo interval (two standard errors), and the
        simulated power at the formula's value. Ratios above 1. `note` says why a row has no simulation.
    """
    return _of_fits(answer.table, answer.fits, answer.sets.rows.reset_index(drop=True), power, alpha, replicates, seed)


def _of_fits(table: pd.DataFrame, fits: Mapping[str, CoxFit], rows: pd.DataFrame, power: float, alpha: float, replicates: int,
             seed: int) -> pd.DataFrame:
    """Of Cox models with one row per subject."""
    lines = []
    for row in _asked(table):
        columns = _columns(fits.get(row["cohort"]), rows, row)
        if columns is None:
            lines.append(_line(row, power, alpha, row["detectable"], _why_not(row)))
            continue
        fit, X = columns
        formula = _by_formula(fit, X, alpha, power)
        line = _line(row, power, alpha, formula) | {"n": fit.n, "n_events": fit.n_events}
        if replicates:
            study = slots(fit.rows.time, fit.rows.event, X, entry=fit.rows.entry, stratum=fit.rows.stratum)
            line |= _said(detectable(study, formula, power=power, alpha=alpha, replicates=replicates, seed=seed))
        lines.append(line)
    return pd.DataFrame(lines, columns=list(COLUMNS))


def detectable_current(found: TimeDependentAnalysis, *, replicates: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """Of a model of the current value: each cohort at the declared lag; other lags are sensitivities of the same data."""
    people = {cohort: set(found.question.subjects.loc[inside, "subject"]) for cohort, inside, _ in found.question.parts}
    lines, done = [], set()
    for row in _asked(found.table):
        fit = found.fits.get(row["cohort"])
        if fit is None or row["cohort"] in done:
            why = _why_not(row) if fit is None else "formula only: another lag of the same draws"
            lines.append(_line(row, _POWER, _ALPHA, row["detectable"], why))
            continue
        done.add(row["cohort"])
        own = found.rows.rows[found.rows.rows["subject"].isin(people[row["cohort"]])].reset_index(drop=True)
        line = _line(row, _POWER, _ALPHA, row["detectable"])
        if replicates:
            line |= _said(history_power.detectable(value_histories(fit, own, found.rows.max_age), row["detectable"],
                                                   replicates=min(replicates, HISTORIES), seed=seed))
        lines.append(line)
    return pd.DataFrame(lines, columns=list(COLUMNS))


def detectable_supermodel(found: SupermodelAnalysis, *, replicates: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """Of a supermodel: the hazard ratio at each landmark, judged by its own robust Wald test, where it is the same at all."""
    until = found.question.subjects.set_index("subject")["time"]
    lines = []
    for row in _asked(found.table):
        model = found.models.get(row["cohort"])
        landmark = _landmark_of(row["timing"])
        if landmark is None and model is not None and not model.degree:
            landmark = model.stack.landmarks[0]  # one effect, whichever landmark
        line = _line(row, _POWER, _ALPHA, row["detectable"], "" if model and landmark is not None else _why_not(row))
        if replicates and model is not None and landmark is not None:
            study = model.histories(until)
            line |= _said(history_power.detectable(study, row["detectable"], contrast=model.contrast(landmark),
                                                   replicates=min(replicates, HISTORIES), seed=seed))
        lines.append(line)
    return pd.DataFrame(lines, columns=list(COLUMNS))


def detectable_mrd(found: MRD, *, replicates: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """Of status at each landmark, then of the current status."""
    parts = []
    for label, fits in found.fits.items():
        here = found.table[found.table["timing"] == label]
        parts.append(_of_fits(here, fits, found.sets[label].rows.reset_index(drop=True), _POWER, _ALPHA, replicates, seed))
    if found.current is not None:
        parts.append(detectable_current(found.current, replicates=replicates, seed=seed))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def detectable_responses(table: pd.DataFrame, studies: Mapping[str, Responses], *, replicates: int = REPLICATES,
                         seed: int = 0) -> pd.DataFrame:
    """Of odds ratios."""
    lines = []
    for row in _asked(table):
        study = studies.get(row["cohort"]) if row["estimand"] == ODDS_RATIO else None
        line = _line(row, _POWER, _ALPHA, row["detectable"], "" if study is not None else _why_not(row))
        if replicates and study is not None:
            line |= _said(response_power.detectable(study, row["detectable"], replicates=replicates, seed=seed))
        lines.append(line)
    return pd.DataFrame(lines, columns=list(COLUMNS))


def detectable_by_precision(table: pd.DataFrame, *, replicates: int = 0, seed: int = 0) -> pd.DataFrame:  # noqa: ARG001
    """Of rows whose model is not simulated: from their standard error alone (replicates and seed are not used)."""
    lines = []
    for row in _asked(table):
        formula = detectable_by_error(float(row["std_error"])) if np.isfinite(row["std_error"]) else np.nan
        said = "formula only: from the standard error of the row" if np.isfinite(formula) else _why_not(row)
        lines.append(_line(row, _POWER, _ALPHA, formula, said))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _asked(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows that are ratios."""
    return [{str(k): v for k, v in row.items()} for row in table[table["estimand"].isin(RATIOS)].to_dict("records")]


def _line(row: Mapping[str, Any], power: float, alpha: float, formula: float, note: str = "formula only") -> dict[str, Any]:
    return {name: row[name] for name in COLUMNS[:9]} | {"power": power, "alpha": alpha, "formula": formula, "replicates": 0,
                                                        "note": note}


def _said(found: Detectable) -> dict[str, Any]:
    spread = float(np.exp(2 * found.std_error))
    note = "" if np.isfinite(found.hazard_ratio) else "no ratio up to 148 is detected with this power"
    return {"simulated": found.hazard_ratio, "simulated_low": found.hazard_ratio / spread,
            "simulated_high": found.hazard_ratio * spread, "power_at_formula": found.power_at_formula,
            "mc_error": found.mc_error, "replicates": found.replicates, "note": note}


def _why_not(row: Mapping[str, Any]) -> str:
    """Why a row has no simulation of its own."""
    if row["method"] == "none":
        return f"not asked: {str(row['note']).split(';')[0]}"
    if is_subgroup(row["note"]):
        return "formula only: a subgroup; the interaction is what is tested"
    if row["estimand"] in (RATIO_OF_RATIOS, RATIO_OF_ODDS):
        return "not simulated: the difference has no two groups with one column of the marker"
    if row["method"] == "tested together with the others":
        return "formula only: tested together with the others, not alone"
    return "formula only: its model is not one column of the marker in one Cox model"


def _landmark_of(timing: str) -> float | None:
    words = str(timing).split(",")[0].split()
    return float(words[-1]) if words[:2] == ["landmark", "day"] else None


def _columns(fit: CoxFit | None, rows: pd.DataFrame, row: Mapping[str, Any]) -> tuple[CoxFit, np.ndarray] | None:
    """The fit behind a row and its design with the tested column first; None where there is no such fit."""
    if not isinstance(fit, CoxFit) or row["method"] in ("", "none") or is_subgroup(row["note"]):
        return None
    if len(fit.blocks.get(COVARIATE, ())) != 1:
        return None
    columns = {term.name: term.X for term in fit.rows.terms}
    x = columns.pop(COVARIATE)
    if row["estimand"] == HAZARD_RATIO:
        return fit, np.column_stack([x, *columns.values()])
    if row["estimand"] != RATIO_OF_RATIOS:
        return None
    name = str(row["term"]).split(":", 1)[1]
    group = _second(fit, rows, name)
    if group is None:
        return None
    products = [np.column_stack([x[:, 0] * group, x, *columns.values()])]
    # The group's main effect is a term of its own unless it is a stratum or an adjuster already.
    if name not in fit.strata and name not in columns:
        products.append(group[:, None])
    return fit, np.column_stack(products)


def _second(fit: CoxFit, rows: pd.DataFrame, name: str) -> np.ndarray | None:
    """1 for the second of two groups; None where there are more or fewer."""
    column = rows[name].loc[fit.frame_index[fit.rows.kept]]
    known = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.unique())
    levels = [c for c in known if (column == c).any()]
    return (column == levels[1]).to_numpy(float) if len(levels) == 2 else None


def _by_formula(fit: CoxFit, X: np.ndarray, alpha: float, power: float) -> float:
    others = [X[:, 1:]]
    if fit.rows.stratum is not None:
        others.append((fit.rows.stratum[:, None] == np.arange(1, fit.rows.stratum.max() + 1)).astype(float))
    left = conditional_variance(X[:, 0], np.column_stack(others))
    return detectable_hazard_ratio(fit.n_events, left, alpha=alpha, power=power)
