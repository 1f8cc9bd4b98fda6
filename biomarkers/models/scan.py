"""`bm.scan`: many markers, one endpoint: a fit and a score test each, and max-T p-values over the family.

Every marker shares the null fit of the adjusters (`kernels.scan`). The permutations move all markers together within
strata, so max-T knows how the markers are correlated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from biomarkers.domain.errors import UseError
from biomarkers.kernels import profile as profiles
from biomarkers.kernels.resample import max_t_patterns
from biomarkers.kernels.riskset import merge_near_ties, risk_sets
from biomarkers.kernels.scan import ManyFits, NullModel, centred, fit_many, null_model, score_tests, statistics

from .columns import column, names, numbers, survival_rows

Floats = NDArray[np.float64]

COLUMNS = (
    "marker", "n", "n_events", "coef", "hazard_ratio", "std_error", "statistic", "p_value", "score_statistic",
    "score_p_value", "p_permutation", "p_max_t", "p_max_t_single_step", "finite",
)  # fmt: skip


def scan(
    frame: pd.DataFrame,
    time: str,
    event: str,
    markers: str | Sequence[str],
    *,
    adjust: str | Sequence[str] = (),
    strata: str | Sequence[str] = (),
    permutations: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Fit and test every marker with the same adjusters and strata.

    Parameters
    ----------
    frame : DataFrame
    time, event : str
    markers : str or list of str
        Numeric columns. A marker with missing values is tested on the rows that have it.
    adjust : str or list of str
    strata : str or list of str
    permutations : int
        B of the permutation and max-T p-values; 0 leaves them out.
    seed : int

    Returns
    -------
    DataFrame
        One row per marker, in the order given: ``marker, n, n_events, coef, hazard_ratio, std_error, statistic`` (signed
        root of the likelihood ratio), ``p_value`` (its t-squared p), ``score_statistic, score_p_value, p_permutation,
        p_max_t`` (step-down), ``p_max_t_single_step, finite``. `.attrs` says how the p-values were made.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [2, 3, 4, 5, 8, 9, 11, 12], "d": 1, "a": [9, 8, 7, 8, 2, 3, 1, 2.5],
    ...                       "b": [1, 5, 2, 4, 3, 1, 2, 2.0]})
    >>> scan(frame, "t", "d", ["a", "b"], permutations=99)[["marker", "n", "finite"]]
      marker  n  finite
    0      a  8    True
    1      b  8    True
    """
    wanted = names(markers)
    if not wanted:
        raise UseError("markers is empty: name at least one column.")
    if permutations < 0:
        raise UseError(f"permutations = {permutations!r} must be 0 or more.")
    rows = survival_rows(frame, time, event, terms=names(adjust), strata=strata)
    if rows.n_events == 0:
        raise UseError(f"0 events among n = {rows.n}: there is nothing to scan.")
    M = np.column_stack([numbers(column(frame, name), "marker")[rows.kept] for name in wanted])
    _refuse_infinite(M, wanted)
    Z = np.column_stack([term.X for term in rows.terms]) if rows.terms else None
    times = merge_near_ties(rows.time).exit
    whole = risk_sets(times, rows.event, stratum=rows.stratum, tiebreak=Z)
    patterns = _patterns(~np.isnan(M))
    out = pd.DataFrame({name: np.full(len(wanted), np.nan) for name in COLUMNS})
    out["marker"] = list(wanted)
    parts: list[tuple[NullModel, NDArray[np.bool_], Floats]] = []
    for present, columns in patterns:
        if rows.event[present].sum() == 0:
            raise UseError(f"0 events among the {int(present.sum())} rows that have {wanted[columns[0]]!r}.")
        in_order = whole.order[present[whole.order]]
        rs = risk_sets(
            times[in_order], rows.event[in_order], stratum=None if rows.stratum is None else rows.stratum[in_order]
        )
        here = in_order[rs.order]
        adjusters = None if Z is None else Z[here]
        null = null_model(rs, adjusters)
        markers_here = M[np.ix_(here, columns)]
        made = fit_many(null, markers_here, adjusters)
        _write(out, columns, null, markers_here, made)
        parts.append((null, present[whole.order], markers_here))
    if permutations:
        found = max_t_patterns(parts, whole.stratum, permutations, seed)
        place = np.concatenate([columns for _, columns in patterns])
        out.loc[place, "p_permutation"] = found.p_permutation
        out.loc[place, "p_max_t"] = found.p_step_down
        out.loc[place, "p_max_t_single_step"] = found.p_single_step
    out["finite"] = out["finite"] == 1.0
    out[["n", "n_events"]] = out[["n", "n_events"]].astype(int)
    out.attrs["method"] = (
        f"likelihood ratio, t-squared cut-off; score test from one null fit; {permutations} permutations within strata, "
        f"seed {seed}; family of {len(wanted)}"
    )
    out.attrs["notes"] = list(rows.notes)
    return out


def _patterns(present: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
    """Groups of markers that are missing in the same rows."""
    patterns, code = np.unique(present, axis=1, return_inverse=True)
    return [(patterns[:, k], np.flatnonzero(code.reshape(-1) == k)) for k in range(patterns.shape[1])]


def _write(out: pd.DataFrame, columns: NDArray[np.int64], null: NullModel, M: Floats, made: ManyFits) -> None:
    """Fill the rows of one pattern."""
    score = statistics(*score_tests(null, centred(null.rs, M)))
    ratio = np.maximum(2 * (made.loglik - null.loglik), 0.0)
    df = profiles.t_df(null.rs.n_events, 1 + null.coef.size)
    with np.errstate(over="ignore", invalid="ignore"):
        values = {
            "n": null.rs.n,
            "n_events": null.rs.n_events,
            "coef": made.coef,
            "hazard_ratio": np.exp(made.coef),
            "std_error": made.std_error,
            "statistic": np.sign(made.coef) * np.sqrt(ratio),
            "p_value": 2 * ndtr(-np.sqrt(ratio)) if df is None else profiles.p_value(ratio, df=df),
            "score_statistic": score,
            "score_p_value": chdtrc(1, score),
            "finite": made.converged.astype(float),
        }
    for name, value in values.items():
        out.loc[columns, name] = value


def _refuse_infinite(M: Floats, wanted: tuple[str, ...]) -> None:
    bad = np.isinf(M)
    if bad.any():
        j = int(np.flatnonzero(bad.any(axis=0))[0])
        raise UseError(f"marker {wanted[j]!r} is infinite in {int(bad[:, j].sum())} row(s): set it missing or to a value.")
