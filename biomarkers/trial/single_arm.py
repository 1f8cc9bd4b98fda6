"""One arm against a null share at a fixed time: event-free or not, by count and by curve.

"Progression-free at one year" is a binary answer only where everybody was followed for a year. With censoring before, the
Kaplan-Meier estimate with an exact interval is the honest one. Both are given, each with its denominator; which of them is
primary is the protocol's to say, and the binary one is marked so unless told otherwise.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain import limits
from biomarkers.kernels import binomial, one_sample
from biomarkers.kernels.km import Curve, kaplan_meier
from biomarkers.models.columns import survival_rows
from biomarkers.models.results_table import result_row, result_table


def one_arm(
    frame: pd.DataFrame,
    time: str,
    event: str,
    *,
    at: float,
    null: float | None = None,
    level: float = 0.95,
    primary: Literal["binary", "curve"] = "binary",
) -> pd.DataFrame:
    """Event-free share at a time, and its tests against a null share.

    Parameters
    ----------
    frame : DataFrame
    time, event : str
    at : float
        The time, in the unit of `time`.
    null : float, optional
        Event-free share under the null hypothesis; tests are one-sided, positive z = better than that.
    level : float
    primary : {"binary", "curve"}

    Returns
    -------
    DataFrame
        Rows in the columns of the result table. `n` is the denominator of each row. The binary row counts those who had the
        event by `at` or were followed to it; all treated, with the lost counted as failures, stand beside it.

    Examples
    --------
    >>> months = [3, 5, 8, 12, 12, 12, 10, 12, 12, 12]
    >>> arm = pd.DataFrame({"months": months, "pfs": [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]})
    >>> one_arm(arm, "months", "pfs", at=12, null=0.5)[["method", "estimate", "conf_low", "p_value", "n"]].round(3)
                                            method  estimate  conf_low  p_value   n
    0           binary, evaluable, Clopper-Pearson     0.667     0.299    0.254   9
    1  binary, all, lost = failed, Clopper-Pearson     0.600     0.262    0.377  10
    2                        Kaplan-Meier, log-log     0.700     0.329    0.126  10
    3                          Kaplan-Meier, plain     0.700     0.416    0.084  10
    4           Kaplan-Meier, exact (beta product)     0.700     0.328      NaN  10
    5                   Kaplan-Meier, exact, mid-p     0.700     0.364      NaN  10
    6                              (E - O)/sqrt(E)     1.118       NaN    0.132  10
    7                  (E - O)/sqrt((O + E)/2), Wu     1.279       NaN    0.101  10
    8                           O/E, exact Poisson     0.530     0.109    0.184  10
    """
    level = limits.confidence(level)
    tau = limits.positive(at, "at")
    if null is not None:
        limits.share(null, "null")
    rows = survival_rows(frame, time, event, least=1)
    t, d = rows.time, rows.event.astype(bool)
    failed = d & (t <= tau)
    evaluable = failed | (t >= tau)
    curve = kaplan_meier(t, d, level=level)
    base = {"conf_level": level, "n_events": int(failed.sum()), "timing": f"time {tau:g}"}
    out = [*_binary(failed, evaluable, null, level, base, primary == "binary"),
           *_curve(curve, tau, null, level, base, primary == "curve")]
    if null is not None:
        out += _one_sample(t, d, tau, null, level, base)
    return result_table(out)


def _binary(failed: np.ndarray, evaluable: np.ndarray, null: float | None, level: float, base: dict[str, object],
            primary: bool) -> list[dict[str, object]]:
    free = int((evaluable & ~failed).sum())
    lost = int((~evaluable).sum())
    out = []
    for name, n, note in (
        ("evaluable", int(evaluable.sum()), f"{lost} of {evaluable.size} left out: not followed to the time, without event"),
        ("all, lost = failed", int(evaluable.size), f"{lost} not followed to the time count as failures"),
    ):
        mark = "primary; " if primary and name == "evaluable" else ""
        if not n:      # an early cut: nobody has had the event, and nobody was followed to the time
            out.append(result_row(estimand="event-free share", method=f"binary, {name}, Clopper-Pearson", n=0, finite=False,
                                  n_excluded=lost, note=f"{mark}{note}", **base))
            continue
        low, high = binomial.clopper_pearson(free, n, level=level)
        p = binomial.at_least(free, n, null) if null is not None else np.nan
        out.append(result_row(estimand="event-free share", method=f"binary, {name}, Clopper-Pearson", estimate=free / n,
                              conf_low=low, conf_high=high, p_value=p, n=n, n_excluded=int(evaluable.size) - n,
                              note=f"{mark}{free} of {n} event-free; {note}", **base))
    return out


def _curve(
    curve: Curve, tau: float, null: float | None, level: float, base: dict[str, object], primary: bool
) -> list[dict[str, object]]:
    shared = base | {"n": curve.n}
    mark = "primary" if primary else ""
    if tau > curve.time[-1] and curve.survival[-1] > 0:
        return [result_row(estimand="survival", method="Kaplan-Meier", finite=False,
                           note=f"follow-up ends at {curve.time[-1]:g}: not known", **shared)]
    _, survival, error, low, high = (float(v[0]) for v in curve.at(tau))
    plain, loglog = one_sample.survival_against(survival, error, null) if null is not None else (np.nan, np.nan)
    undefined = "" if null is None or np.isfinite(plain) else "no test: the curve is at 0 or 1"
    out = []
    for name, z in (("log-log", loglog), ("plain", plain)):
        if name == "plain" and null is None:
            continue
        limits_here = (low, high) if name == "log-log" else _plain(survival, error, level)
        out.append(result_row(
            estimand="survival", method=f"Kaplan-Meier, {name}", estimate=survival, std_error=error, conf_low=limits_here[0],
            conf_high=limits_here[1], statistic=z, p_value=one_sample.upper_p(z) if np.isfinite(z) else np.nan,
            note="; ".join(p for p in (mark if name == "log-log" else "", undefined) if p), **shared))
    for name, mid in (("exact (beta product)", False), ("exact, mid-p", True)):
        estimate, low, high = one_sample.limits_at(curve, tau, level=level, mid_p=mid)
        out.append(result_row(estimand="survival", method=f"Kaplan-Meier, {name}", estimate=estimate, conf_low=low,
                              conf_high=high, **shared))
    return out


def _plain(survival: float, error: float, level: float) -> tuple[float, float]:
    half = float(ndtri((1 + level) / 2)) * error
    return max(survival - half, 0.0), min(survival + half, 1.0)


def _one_sample(
    t: np.ndarray, d: np.ndarray, tau: float, null: float, level: float, base: dict[str, object]
) -> list[dict[str, object]]:
    """All events of the follow-up against the exponential curve through the null share."""
    rate = -np.log(null) / tau
    test = one_sample.one_sample_logrank(t, d, lambda time: rate * time, level=level)
    shared = base | {"n": int(t.size), "n_events": test.observed,
                     "note": f"{test.observed} events observed, {test.expected:.4g} expected under an exponential null curve"}
    return [
        result_row(estimand="one-sample log-rank z", method="(E - O)/sqrt(E)", estimate=test.z, statistic=test.z,
                   p_value=test.p_value, **shared),
        result_row(estimand="one-sample log-rank z", method="(E - O)/sqrt((O + E)/2), Wu", estimate=test.z_wu,
                   statistic=test.z_wu, p_value=test.p_wu, **shared),
        result_row(estimand="standardised event ratio", method="O/E, exact Poisson", estimate=test.smr, conf_low=test.smr_low,
                   conf_high=test.smr_high, p_value=test.p_poisson, **shared),
    ]
