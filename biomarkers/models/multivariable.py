"""What does the marker add to what is known already? The standard variables with and without it, in one cohort at a time.

The whole model is shown, every term whatever its P. Beside it: the likelihood-ratio test of the marker given the standard
variables, and the change in concordance and in the time-dependent AUC, each corrected for optimism and with a bootstrap
interval (Harrell's bootstrap: the models are fitted to each resample and judged on the resample and on the patients
themselves). A change in concordance is small even for a strong marker; the likelihood ratio is the test.

Source: Harrell, Lee and Mark, Stat Med 15 (1996) 361; Pencina and D'Agostino, Stat Med 23 (2004) 2109.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from biomarkers.domain.errors import UseError
from biomarkers.kernels import cox as kernel
from biomarkers.kernels.recount import Pairs
from biomarkers.kernels.resample import generator
from biomarkers.kernels.riskset import risk_sets
from biomarkers.models.association import HAZARD_RATIO, describe
from biomarkers.models.calibration import CALIBRATION, FOLDS, calibration_table, crossed_predictions
from biomarkers.models.columns import survival_rows
from biomarkers.models.cox import cox
from biomarkers.models.design_terms import group_order, terms_of
from biomarkers.models.exposure import entering, exposure
from biomarkers.models.gates import EVENTS_PER_PARAMETER, events_word
from biomarkers.models.results_table import result_row, result_table
from biomarkers.study.draws import baseline_values

if TYPE_CHECKING:
    from biomarkers.study.study import Study

ADDED = ("cohort", "marker", "measure", "horizon", "standard", "with_marker", "difference", "optimism", "corrected", "conf_low",
         "conf_high", "conf_level", "n", "n_events", "resamples", "note")
ADDED_TEST = "added value test"
RESAMPLES = 200


@dataclass(frozen=True, repr=False)
class AddedValue:
    """A marker beside the standard variables.

    Attributes
    ----------
    table : DataFrame
        Result rows: every term of the whole model per cohort, then the likelihood-ratio test of the marker.
    added : DataFrame
        cohort, marker, measure ("concordance", "auc"), horizon, standard, with_marker (apparent), difference, optimism,
        corrected, conf_low, conf_high, conf_level, n, n_events, resamples, note.
    flow : DataFrame
    calibration : DataFrame
        `models.calibration.CALIBRATION`: predicted against observed survival at the horizon of the AUC, without the marker and
        with it, by predictions across folds.
    """

    table: pd.DataFrame
    added: pd.DataFrame
    flow: pd.DataFrame
    calibration: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CALIBRATION)))

    def __repr__(self) -> str:
        return f"{self.table.to_string(index=False)}\n{self.added.to_string(index=False)}"


def added_value(frame: pd.DataFrame, time: str, event: str, marker: str, standard: Sequence[str], *, strata: Sequence[str] = (),
                horizon: float | None = None, resamples: int = RESAMPLES, seed: int = 0, level: float = 0.95,
                shared: Mapping[str, Any] | None = None, calibrate: bool = True) -> AddedValue:
    """The marker given the standard variables.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per subject; both models are fitted to the rows complete in all terms.
    time, event, marker : str
        The marker a number on its model scale, or a class 0/1.
    standard : sequence of str
    strata : sequence of str
    horizon : float, optional
        Of the AUC; the median event time where None.
    resamples, seed : int
    level : float
    shared : mapping, optional
        Fields that all rows share (cohort, endpoint, timing, ...).
    calibrate : bool
        Also predicted against observed survival: two models fitted five times more.

    Returns
    -------
    AddedValue
        `.table`: likelihood ratio, differences of concordance and of AUC, apparent and corrected for optimism.

    Raises
    ------
    UseError
        No standard variable, or fewer than ten events per parameter.

    Examples
    --------
    >>> import pandas as pd
    >>> from numpy.random import default_rng
    >>> rng = default_rng(2)
    >>> frame = pd.DataFrame({"age": rng.normal(60, 9, 90).round(), "til": rng.normal(size=90), "d": 1})
    >>> frame["t"] = rng.exponential((-0.8 * frame["til"]).map(lambda x: 2.718 ** -x)) * 100 + 1
    >>> found = added_value(frame, "t", "d", "til", ["age"], resamples=20)
    >>> bool(found.table["p_value"].dropna().iloc[0] < 0.001)
    True
    """
    if not standard:
        raise UseError("standard is empty: name the variables that are known already")
    terms = [*standard, marker]
    rows = survival_rows(frame, time, event, terms=terms, strata=tuple(strata))
    X = np.column_stack([t.X for t in rows.terms])
    if X.shape[1] * EVENTS_PER_PARAMETER > rows.n_events:
        raise UseError(f"{events_word(rows.n_events)} for {X.shape[1]} parameters: name fewer standard variables")
    complete = frame.loc[rows.kept]
    whole = cox(complete, time, event, terms, strata=strata, level=level)
    bare = cox(complete, time, event, list(standard), strata=strata, interval="wald")
    base = {"conf_level": level, "n": rows.n, "n_events": rows.n_events, "model": describe(strata, terms), **(shared or {})}
    left = f"{len(frame) - rows.n} of {len(frame)} without a complete set left out" if len(frame) > rows.n else ""
    method = "interval by profile; the marker is tested in the row below"
    out = [result_row(**{**base, "estimand": HAZARD_RATIO, "method": method}) | {
        "term": str(line["term"]), "contrast": _beside(str(line["term"]), marker, standard), "note": left,
        "finite": bool(line["finite"]),
        "estimate": float(line["hazard_ratio"]) if line["finite"] else np.nan,
        "std_error": float(line["std_error"]) if line["finite"] else np.nan, "conf_low": float(line["conf_low"]),
        "conf_high": float(line["conf_high"]), "statistic": float(line["statistic"]),
    } for line in whole.table.to_dict("records")]
    df = X.shape[1] - len(bare.table)
    statistic = max(2 * (whole.loglik[1] - bare.loglik[1]), 0.0)
    out.append(result_row(**{**base, "estimand": ADDED_TEST, "method": "likelihood ratio", "term": marker}) | {
        "contrast": f"added to {', '.join(standard)}".replace("_", " "), "statistic": statistic,
        "p_value": float(chdtrc(df, statistic)),
        "note": f"{df} degree{'' if df == 1 else 's'} of freedom"})
    days = float(np.median(rows.time[rows.event])) if horizon is None else float(horizon)
    judged = _Judged(rows.time, rows.event, rows.stratum, X, X.shape[1] - df, days,
                     Pairs.of(rows.time, rows.event, stratum=rows.stratum))
    cohort = str((shared or {}).get("cohort", "all"))
    lines = [{"cohort": cohort, "marker": marker, "n": rows.n, "n_events": rows.n_events, "conf_level": level,
              "resamples": resamples, "note": left} | line for line in judged.lines(resamples, seed, level)]
    promised = _promised(complete, time, event, standard, marker, strata, days, seed, level,
                         {"cohort": cohort, "marker": marker}) if calibrate else pd.DataFrame(columns=list(CALIBRATION))
    return AddedValue(result_table(out), pd.DataFrame(lines, columns=list(ADDED)), pd.DataFrame(), promised)


def _beside(term: str, marker: str, standard: Sequence[str]) -> str:
    """Which coefficient of the whole model a row is: the marker's given the others, or one that stands beside it."""
    if term == marker:
        return f"given {', '.join(standard)}".replace("_", " ")
    return f"beside it: {term.replace('[', ' ').removesuffix(']')}".replace("_", " ")


def _promised(frame: pd.DataFrame, time: str, event: str, standard: Sequence[str], marker: str, strata: Sequence[str],
              horizon: float, seed: int, level: float, labels: Mapping[str, Any]) -> pd.DataFrame:
    """Both models' calibration at the horizon, each judged on folds it has not seen."""
    parts = []
    for name, terms in (("standard variables", list(standard)), (f"with {marker}", [*standard, marker])):
        chance = crossed_predictions(frame, time, event, terms, horizon=horizon, strata=strata, seed=seed)
        if chance.notna().any():
            parts.append(calibration_table(frame, time, event, chance, horizon=horizon, judged=f"{FOLDS}-fold cross-validation",
                                           level=level, labels=dict(labels) | {"model": name}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CALIBRATION))


@dataclass(frozen=True)
class _Judged:
    """Two nested models judged by concordance within strata and AUC at a horizon."""

    time: np.ndarray
    event: np.ndarray
    stratum: np.ndarray | None
    X: np.ndarray
    n_standard: int
    horizon: float
    pairs: Pairs

    def scores(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Coefficients of both models fitted to these rows; None where one has no finite maximum."""
        coefs = []
        try:      # both models stand on the same risk sets
            rs = risk_sets(self.time[rows], self.event[rows], tiebreak=self.X[rows],
                           stratum=None if self.stratum is None else self.stratum[rows])
            for X in (self.X[:, : self.n_standard], self.X):
                fit = kernel.fit(rs, X[rows][rs.order])
                if not (fit.finite.all() and fit.used.all()):
                    return None
                coefs.append(fit.coef)
        except ValueError:
            return None
        return coefs[0], coefs[1]

    def measures(self, coefs: tuple[np.ndarray, np.ndarray], *counts: np.ndarray) -> list[np.ndarray]:
        """(2 models, 2 measures) for each way of counting the subjects."""
        out = [np.empty((2, 2)) for _ in counts]
        for k, (b, X) in enumerate(zip(coefs, (self.X[:, : self.n_standard], self.X), strict=True)):
            won = self.pairs.won(X @ b)
            for found, count in zip(out, counts, strict=True):
                found[k] = self.pairs.concordance(won, count), self.pairs.auc(won, count, self.horizon)
        return out

    def lines(self, resamples: int, seed: int, level: float) -> list[dict[str, Any]]:
        """The measures with their optimism-corrected difference."""
        n = self.time.size
        once = np.ones(n, dtype=np.int64)
        fitted = self.scores(np.arange(n))
        if fitted is None:
            note = "a coefficient is infinite: no prediction can be judged"
            return [{"measure": m, "note": note} for m in ("concordance", "auc")]
        (apparent,) = self.measures(fitted, once)
        difference = apparent[1] - apparent[0]
        # A canonical order, so that the order of the table cannot matter.
        canon = np.lexsort((*self.X.T, self.event, self.time))
        rng, optimism, spread = generator(seed), [], []
        for _ in range(resamples):
            rows = canon[rng.integers(0, n, n)]
            coefs = self.scores(rows)
            if coefs is None:
                continue
            there, here = self.measures(coefs, np.bincount(rows, minlength=n), once)
            optimism.append((there[1] - there[0]) - (here[1] - here[0]))
            spread.append(there[1] - there[0])
        out = []
        for j, name in enumerate(("concordance", "auc")):
            line = {"measure": name, "horizon": self.horizon if name == "auc" else np.nan, "standard": apparent[0, j],
                    "with_marker": apparent[1, j], "difference": difference[j]}
            if spread:
                bias = float(np.nanmean(np.array(optimism)[:, j]))
                low, high = np.nanquantile(np.array(spread)[:, j], [(1 - level) / 2, (1 + level) / 2])
                line |= {"optimism": bias, "corrected": difference[j] - bias, "conf_low": float(low) - bias,
                         "conf_high": float(high) - bias}
            if len(spread) < resamples:
                line["note"] = f"{resamples - len(spread)} of {resamples} resamples had no finite fit"
            out.append(line)
        return out


def added_value_of(study: Study, marker: str, *, standard: Sequence[str], endpoint: str = "pfs", by: str | None = "cohort",
                   strata: Sequence[str] | None = None, horizon: float | None = None, resamples: int = RESAMPLES, seed: int = 0,
                   level: float = 0.95, calibrate: bool = True) -> AddedValue:
    """`added_value` of a baseline marker of a study: per cohort and pooled, stratified by cohort.

    Parameters
    ----------
    standard : sequence of str
        Declared strata, covariates or arm.
    """
    noun = study.design.marker(marker)
    held, _ = terms_of(study, by, strata, ())
    within = tuple(s for s in held if s not in standard)
    values = entering(baseline_values(study, noun), noun)
    needed = list(dict.fromkeys([*within, *standard, *([by] if by else [])]))
    chosen = study.analysis_set(values, endpoint, needed)
    faced = exposure(chosen.rows, noun)
    frame = chosen.rows.reset_index(drop=True).assign(**{noun.name: faced.x})
    order = group_order(study, by, frame)
    tables, added, promised = [], [], []
    for name, part, groups in [*((str(g), frame[frame[by] == g], ()) for g in order), ("all", frame, (by,) if by else ())]:
        shared = {"cohort": name, "endpoint": endpoint.lower(), "timing": "baseline", "marker": noun.name}
        usable = [s for s in standard if _varies(part, s, groups)]
        try:
            found = added_value(part, "time", "event", noun.name, usable, strata=(*groups, *within), horizon=horizon,
                                resamples=resamples, seed=seed, level=level, shared=shared, calibrate=calibrate)
        except UseError as error:
            tables.append(result_table([result_row(**shared, term=noun.name, estimand=ADDED_TEST, method="none", n=len(part),
                                                   n_events=int(part["event"].sum()), note=f"descriptive only: {error}")]))
            continue
        tables.append(found.table)
        added.append(found.added)
        if len(found.calibration):
            promised.append(found.calibration.assign(model=found.calibration["model"].replace(
                f"with {noun.name}", f"with {noun.label}")))
    lines = pd.concat(added, ignore_index=True) if added else pd.DataFrame(columns=list(ADDED))
    chances = pd.concat(promised, ignore_index=True) if promised else pd.DataFrame(columns=list(CALIBRATION))
    return AddedValue(pd.concat(tables, ignore_index=True), lines, chosen.flow, chances)


def _varies(part: pd.DataFrame, name: str, groups: tuple[str, ...]) -> bool:
    """Whether a variable has two values anywhere within the strata: what only names the stratum has no coefficient."""
    if not groups:
        return bool(part[name].nunique(dropna=True) > 1)
    return bool((part.groupby(list(groups), observed=True)[name].nunique() > 1).any())
