"""How far measurement error pulls a hazard ratio towards 1, and what it would be without: two labelled sensitivities.

With reliability r (the intraclass correlation of what entered the model: one read, or the mean of k) a true log hazard ratio
b shows as about r b. Regression calibration replaces each value by its expectation given what was read and the other terms;
SIMEX adds error of known size, watches the estimate fall, and extrapolates back to none. Both need the error's size from
replicate reads, and neither adds information: intervals widen.

Sources: Carroll, Ruppert, Stefanski and Crainiceanu, Measurement Error in Nonlinear Models (2006), chapters 4 and 5; Cook and
Stefanski, J Am Stat Assoc 89 (1994) 1314.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain.errors import UseError
from biomarkers.kernels.kappa import WEIGHTS, bland_altman, fleiss_kappa, weighted_kappa
from biomarkers.kernels.resample import generator
from biomarkers.models.association import HAZARD_RATIO, describe
from biomarkers.models.columns import survival_rows
from biomarkers.models.cox import cox
from biomarkers.models.results_table import result_row

MIN_RELIABILITY = 0.3
LAMBDAS = (0.5, 1.0, 1.5, 2.0)
READERS = ("reader_1", "reader_2", "statistic", "estimate", "std_error", "conf_low", "conf_high", "n", "note")


def calibrated_row(frame: pd.DataFrame, covariate: str, *, error_variance: float, adjust: Sequence[str] = (),
                   strata: Sequence[str] = (), level: float = 0.95, shared: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The hazard ratio by regression calibration.

    Parameters
    ----------
    frame : pandas.DataFrame
        time, event, the covariate as read, adjusters and strata.
    covariate : str
    error_variance : float
        Of what was read, on the same scale: for the mean of k reads the single-read error variance over k.

    Returns
    -------
    dict
        A result row; its note gives the reliability given the other terms. The interval carries the uncertainty of the
        fit, not that of the error variance.

    Raises
    ------
    UseError
        The error leaves a reliability under 0.3: nothing can be corrected that was hardly measured.
    """
    reliability = _reliability(frame, covariate, error_variance, adjust, strata)
    fit = cox(frame, "time", "event", [covariate, *adjust], strata=strata, level=level)
    line = fit.table[fit.table["term"] == covariate].iloc[0]
    power = 1 / reliability
    with np.errstate(over="ignore"):
        low, high = float(line["conf_low"]) ** power, float(line["conf_high"]) ** power
    return result_row(
        **{"estimand": HAZARD_RATIO, **(shared or {}), "prespecified": False}, model=describe(strata, adjust), conf_level=level,
        method="regression calibration", estimate=float(line["hazard_ratio"]) ** power,
        std_error=float(line["std_error"]) * power, conf_low=low, conf_high=high, n=fit.n, n_events=fit.n_events,
        note=f"sensitivity: corrected for measurement error, reliability {reliability:.2f} given the other terms; the test is "
             "that of the uncorrected row",
    )


def _reliability(frame: pd.DataFrame, covariate: str, error_variance: float, adjust: Sequence[str],
                 strata: Sequence[str]) -> float:
    """Share of the covariate's variance, given the other terms, that is not error."""
    if not error_variance >= 0:
        raise UseError(f"error_variance = {error_variance!r} must be 0 or more")
    rows = survival_rows(frame, "time", "event", terms=[covariate, *adjust], strata=tuple(strata))
    x = rows.terms[0].X[:, 0]
    others = [np.ones((x.size, 1)), *(t.X for t in rows.terms[1:])]
    if rows.stratum is not None:
        others.append((rows.stratum[:, None] == np.arange(1, rows.stratum.max() + 1)).astype(float))
    Z = np.column_stack(others)
    residual = x - Z @ np.linalg.lstsq(Z, x, rcond=None)[0]
    variance = float(residual @ residual) / max(x.size - np.linalg.matrix_rank(Z), 1)
    reliability = 1 - error_variance / variance if variance > 0 else 0.0
    if reliability < MIN_RELIABILITY:
        raise UseError(
            f"the error variance {error_variance:.3g} is {error_variance / variance:.0%} of the variance of {covariate!r} "
            "given the other terms: too little was measured to correct anything. Report the agreement of the readers instead"
        )
    return reliability


def simex_row(frame: pd.DataFrame, covariate: str, *, error_variance: float, adjust: Sequence[str] = (),
              strata: Sequence[str] = (), replicates: int = 100, seed: int = 0, level: float = 0.95,
              shared: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The hazard ratio by simulation and extrapolation (quadratic), with the extrapolated variance.

    Parameters
    ----------
    frame, covariate, error_variance, adjust, strata
        As `calibrated_row`.
    replicates : int
        Data sets with added error, at each of four sizes.
    seed : int
    """
    _reliability(frame, covariate, error_variance, adjust, strata)
    rng = generator(seed)
    first = cox(frame, "time", "event", [covariate, *adjust], strata=strata, interval="wald", level=level)
    whole = first.table[first.table["term"] == covariate].iloc[0]
    sizes, means, spreads = [0.0], [float(whole["coef"])], [float(whole["std_error"]) ** 2]
    for size in LAMBDAS:
        found = []
        for _ in range(replicates):
            noise = rng.normal(scale=np.sqrt(size * error_variance), size=len(frame))
            table = cox(frame.assign(**{covariate: frame[covariate] + noise}), "time", "event", [covariate, *adjust],
                        strata=strata, interval="wald").table
            line = table[table["term"] == covariate].iloc[0]
            found.append((float(line["coef"]), float(line["std_error"]) ** 2))
        values = np.array(found)
        sizes.append(size)
        means.append(float(values[:, 0].mean()))
        # Stefanski and Cook: model variance minus the variance between replicates, extrapolated to -1 like the estimate.
        spreads.append(float(values[:, 1].mean() - values[:, 0].var(ddof=1)))
    at = np.array([1.0, -1.0, 1.0])
    design = np.column_stack([np.ones(len(sizes)), sizes, np.square(sizes)])
    coef = float(at @ np.linalg.lstsq(design, np.array(means), rcond=None)[0])
    variance = float(at @ np.linalg.lstsq(design, np.array(spreads), rcond=None)[0])
    error = np.sqrt(max(variance, spreads[0]))
    z = float(ndtri((1 + level) / 2))
    return result_row(
        **{"estimand": HAZARD_RATIO, **(shared or {}), "prespecified": False}, model=describe(strata, adjust), conf_level=level,
        method=f"SIMEX, quadratic, B = {replicates}", estimate=float(np.exp(coef)), std_error=float(error),
        conf_low=float(np.exp(coef - z * error)), conf_high=float(np.exp(coef + z * error)), n=first.n, n_events=first.n_events,
        note="sensitivity: corrected for measurement error by simulation and extrapolation; the test is that of the "
             "uncorrected row",
    )


def agreement_of_classes(table: pd.DataFrame, levels: Sequence[str], *, weights: str = "quadratic",
                         level: float = 0.95) -> pd.DataFrame:
    """Weighted kappa of every pair of readers and Fleiss' kappa of all.

    Parameters
    ----------
    table : pandas.DataFrame
        Specimens by readers, one class in each cell; rows with a gap are left out and counted.
    levels : sequence of str
        The classes in their order.
    weights : {"unweighted", "linear", "quadratic"}

    Returns
    -------
    pandas.DataFrame
        reader_1, reader_2 ("all" for Fleiss), statistic, estimate, std_error, conf_low, conf_high, n, note.
    """
    if weights not in WEIGHTS:
        raise UseError(f"weights {weights!r} are not one of {', '.join(WEIGHTS)}")
    complete = table.dropna()
    if min(complete.shape) < 2:
        raise UseError(f"agreement needs two readers and two specimens without a gap; left are {complete.shape[1]} and "
                       f"{len(complete)}")
    code = {name: i for i, name in enumerate(levels)}
    strange = sorted(set(complete.to_numpy().ravel()) - set(code))
    if strange:
        raise UseError(f"class {strange[0]!r} is not among the levels {', '.join(map(str, levels))}")
    X = complete.map(code.get).to_numpy(int)
    gap = f"{len(table) - len(complete)} specimens with a gap left out" if len(complete) < len(table) else ""
    lines = []
    for i in range(X.shape[1]):
        for j in range(i + 1, X.shape[1]):
            found = weighted_kappa(X[:, i], X[:, j], n_classes=len(levels), weights=weights, level=level)
            lines.append({"reader_1": complete.columns[i], "reader_2": complete.columns[j], "statistic": f"kappa, {weights}",
                          "estimate": found.kappa, **{k: v for k, v in asdict(found).items() if k in READERS}, "note": gap})
    every = fleiss_kappa(X, n_classes=len(levels), level=level)
    lines.append({"reader_1": "all", "reader_2": "all", "statistic": "Fleiss' kappa", "estimate": every.kappa,
                  **{k: v for k, v in asdict(every).items() if k in READERS}, "note": gap})
    return pd.DataFrame(lines, columns=list(READERS))


def agreement_of_numbers(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Bland-Altman bias and limits of every pair of readers: reader_1, reader_2, bias, low, high, slope, n and the interval."""
    complete = table.dropna()
    lines = []
    for i, first in enumerate(complete):
        for second in list(complete)[i + 1:]:
            found = asdict(bland_altman(complete[first], complete[second], level=level))
            lines.append({"reader_1": first, "reader_2": second, **found})
    return pd.DataFrame(lines)
