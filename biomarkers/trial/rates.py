"""Response and benefit rates: exact intervals, differences, and differences over strata.

A rate has a numerator, a denominator, and a decision who belongs to it. Patients who could not be evaluated are never silently
left out: `response_rate` prints the intention-to-treat rate and the evaluable rate side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import binomial, fourfold

COLUMNS = ("population", "estimand", "method", "x", "n", "estimate", "std_error", "conf_low", "conf_high", "conf_level",
           "statistic", "p_value", "finite", "note")


def response_rate(x: int, n: int, *, level: float = 0.95, evaluable: int | None = None) -> pd.DataFrame:
    """A proportion with Clopper and Pearson's exact interval and Wilson's.

    Parameters
    ----------
    x : int
        Responders.
    n : int
        Patients: all who were to be treated in the trial's sense (intention to treat).
    level : float
    evaluable : int, optional
        Patients whose response could be assessed, at most n; adds the rows of that population.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`.

    Examples
    --------
    >>> response_rate(14, 32, evaluable=29)[["population", "method", "n", "estimate", "conf_low", "conf_high"]].round(3)
               population           method   n  estimate  conf_low  conf_high
    0  intention to treat  Clopper-Pearson  32     0.438     0.264      0.623
    1  intention to treat           Wilson  32     0.438     0.282      0.607
    2           evaluable  Clopper-Pearson  29     0.483     0.294      0.675
    3           evaluable           Wilson  29     0.483     0.314      0.656
    """
    level = limits.confidence(level)
    n = limits.count(n, "patients", least=1)
    populations = [("intention to treat", n)]
    if evaluable is not None:
        evaluable = limits.count(evaluable, "evaluable patients")
        if evaluable > n:
            raise UseError(f"{evaluable} evaluable of {n} patients: there cannot be more")
        populations.append(("evaluable", evaluable))
    rows = []
    for name, of in populations:
        limits.successes(x, max(of, 1), of=f"{name} patients")
        counted = evaluable is not None and of == n != evaluable
        note = f"{n - evaluable} of {n} not evaluable count as not responding" if counted else ""  # type: ignore[operator]
        for method, low_high in (("Clopper-Pearson", binomial.clopper_pearson), ("Wilson", binomial.wilson)):
            if not of:
                rows.append(_row(population=name, estimand="proportion", method=method, x=0, n=0, conf_level=level,
                                 finite=False, note="nobody could be evaluated"))
                continue
            low, high = low_high(int(x), of, level=level)
            rows.append(_row(population=name, estimand="proportion", method=method, x=int(x), n=of, estimate=x / of,
                             conf_low=low, conf_high=high, conf_level=level, note=note))
    return _table(rows)


def rate_difference(x1: int, n1: int, x0: int, n0: int, *, level: float = 0.95) -> pd.DataFrame:
    """Difference of two proportions, arm 1 minus arm 0: Newcombe's interval and Fisher's exact test.

    Examples
    --------
    >>> rate_difference(9, 21, 4, 30)[["estimand", "estimate", "conf_low", "conf_high", "p_value"]].round(4)
              estimand  estimate  conf_low  conf_high  p_value
    0  risk difference    0.2952    0.0492     0.5163      NaN
    1       odds ratio    4.7109    1.0574    25.3656   0.0243
    """
    level = limits.confidence(level)
    x1, n1 = limits.successes(x1, n1, of="patients of arm 1")
    x0, n0 = limits.successes(x0, n0, of="patients of arm 0")
    d, low, high = binomial.newcombe(x1, n1, x0, n0, level=level)
    exact = fourfold.conditional([[x1, n1, x0, n0]], level=level)
    return _table(
        [
            _row(estimand="risk difference", method="Newcombe (Wilson)", x=x1 + x0, n=n1 + n0, estimate=d, conf_low=low,
                 conf_high=high, conf_level=level),
            _row(estimand="odds ratio", method="Fisher, conditional likelihood", x=x1 + x0, n=n1 + n0,
                 estimate=exact.odds_ratio, conf_low=exact.low, conf_high=exact.high, conf_level=level,
                 p_value=exact.p_value, finite=exact.finite, note=_infinite(exact.finite, exact.odds_ratio)),
        ]
    )  # fmt: skip


def stratified_rate(
    tables: Sequence[Sequence[int]] | pd.DataFrame, *, level: float = 0.95,
    responder: str | None = None, arm: str | None = None, strata: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Compare two arms' response over strata: Cochran-Mantel-Haenszel, Mantel-Haenszel estimates, exact conditional test.

    Parameters
    ----------
    tables : sequence of (x1, n1, x0, n0), or DataFrame
        Responders and patients of arm 1 and arm 0, by stratum; or one row per patient, with the three columns named.
    level : float
    responder, arm, strata : str
        Columns of a DataFrame. The second level of `arm` (in its order) is arm 1.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: the Mantel-Haenszel risk difference (Sato's error), its odds ratio (Robins-Breslow-Greenland), the
        test without and with continuity correction, and the exact conditional odds ratio.

    Examples
    --------
    >>> found = stratified_rate([[6, 9, 3, 10], [3, 12, 1, 20]])
    >>> found[["estimand", "estimate", "conf_low", "conf_high", "p_value"]].round(3)
              estimand  estimate  conf_low  conf_high  p_value
    0  risk difference     0.265     0.031      0.498      NaN
    1       odds ratio     5.288     1.176     23.775    0.025
    2       odds ratio       NaN       NaN        NaN    0.059
    3       odds ratio     4.871     0.966     30.906    0.037
    """
    level = limits.confidence(level)
    counts = _counted(tables, responder, arm, strata) if isinstance(tables, pd.DataFrame) else [list(t) for t in tables]
    for i, (x1, n1, x0, n0) in enumerate(counts):
        if min(n1, n0) > 0:
            limits.successes(x1, n1, of=f"patients of arm 1 in stratum {i + 1}")
            limits.successes(x0, n0, of=f"patients of arm 0 in stratum {i + 1}")
    used = [t for t in counts if t[1] > 0 and t[3] > 0]
    if not used:
        raise UseError("no stratum has patients of both arms: there is nothing to compare")
    left = sum(t[1] + t[3] for t in counts) - sum(t[1] + t[3] for t in used)
    note = f"{left} patients in strata with one arm only say nothing about a difference" if left else ""
    x, n = sum(t[0] + t[2] for t in used), sum(t[1] + t[3] for t in used)
    mh, exact = fourfold.mantel_haenszel(used, level=level), fourfold.conditional(used, level=level)
    z = float(ndtri((1 + level) / 2))
    shared = {"x": x, "n": n, "conf_level": level}

    def said(finite: bool, value: float) -> str:
        return "; ".join(part for part in (_infinite(finite, value), note) if part)

    return _table(
        [
            _row(estimand="risk difference", method="Mantel-Haenszel (Sato)", estimate=mh.risk_difference,
                 std_error=mh.risk_se, conf_low=mh.risk_difference - z * mh.risk_se,
                 conf_high=mh.risk_difference + z * mh.risk_se, note=note, **shared),
            _row(estimand="odds ratio", method="Mantel-Haenszel (Robins-Breslow-Greenland)", estimate=mh.odds_ratio,
                 std_error=mh.log_se, conf_low=mh.low, conf_high=mh.high, statistic=mh.chi2, p_value=mh.p_value,
                 finite=mh.finite, note=said(mh.finite, mh.odds_ratio), **shared),
            _row(estimand="odds ratio", method="CMH test with continuity correction", statistic=mh.chi2_corrected,
                 p_value=mh.p_corrected, note=note, **shared),
            _row(estimand="odds ratio", method="exact conditional", estimate=exact.odds_ratio, std_error=exact.std_error,
                 conf_low=exact.low, conf_high=exact.high, p_value=exact.p_value, finite=exact.finite,
                 note=said(exact.finite, exact.odds_ratio), **shared),
        ]
    )  # fmt: skip


def _infinite(finite: bool, value: float) -> str:
    if finite:
        return ""
    if np.isnan(value):
        return "no odds ratio: all or none responded in every stratum"
    if value == 0:
        return "the odds ratio is 0: arm 1 has no responders, or arm 0 only responders"
    return "the odds ratio is infinite: arm 1 has only responders, or arm 0 none"


def _counted(frame: pd.DataFrame, responder: str | None, arm: str | None, strata: str | Sequence[str]) -> list[list[int]]:
    """x1, n1, x0, n0 of every stratum."""
    by = [strata] if isinstance(strata, str) else list(strata)
    if responder is None or arm is None:
        raise UseError("a DataFrame needs responder= and arm=, the names of its columns")
    missing = [c for c in (responder, arm, *by) if c not in frame.columns]
    if missing:
        raise UseError(f"the frame has no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}")
    group = frame[arm] if isinstance(frame[arm].dtype, pd.CategoricalDtype) else frame[arm].astype("category")
    levels = [level for level in group.cat.categories if (group == level).any()]
    if len(levels) != 2:
        raise UseError(f"column {arm!r} has {len(levels)} levels; two arms are compared")
    response = pd.to_numeric(frame[responder], errors="coerce")
    if response.isna().any() or not response.isin((0, 1)).all():
        raise UseError(f"column {responder!r} must hold 1 (responder) and 0; {int(response.isna().sum())} values are missing. "
                       "Decide first how patients without an assessment count")
    blocks = [((), frame)] if not by else list(frame.groupby(by, sort=True, observed=True, dropna=False))
    counts = []
    for _, block in blocks:
        one, zero = (group.loc[block.index] == levels[1]), (group.loc[block.index] == levels[0])
        y = response.loc[block.index]
        counts.append([int(y[one].sum()), int(one.sum()), int(y[zero].sum()), int(zero.sum())])
    return counts


def _row(**given: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(COLUMNS, np.nan)
    row |= {"population": "", "note": "", "finite": True}
    return row | given


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))
