"""Two randomised arms on one time-to-event endpoint, as the primary analysis of a protocol reports it.

The one-sided stratified log-rank test keeps its sign: z > 0 says that the experimental arm does better. The stratified hazard
ratio comes with the interval of the trial's own level (a one-sided 0.10 goes with 80 %) and with 95 %, by Wald and by profile
likelihood. A comparison of groups that patients chose themselves is refused: it is no treatment effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import fourfold
from biomarkers.kernels.km import Curve
from biomarkers.kernels.one_sample import limits_at
from biomarkers.models.columns import codes, column, survival_rows
from biomarkers.models.cox import cox
from biomarkers.models.km import kaplan_meier
from biomarkers.models.logrank import logrank
from biomarkers.models.results_table import result_row, result_table


def compare_arms(
    frame: pd.DataFrame,
    time: str,
    event: str,
    arm: str,
    *,
    strata: str | Sequence[str] = (),
    alpha: float = 0.10,
    levels: Sequence[float] = (0.95,),
    ties: Sequence[str] = ("efron",),
) -> pd.DataFrame:
    """Stratified log-rank test and hazard ratios of the second arm against the first.

    Parameters
    ----------
    frame : DataFrame
        One row per patient.
    time, event, arm : str
        The arm's levels in the order of the design: the second is the experimental arm.
    strata : str or list of str
    alpha : float
        One-sided level of the trial: its interval is 1 - 2 alpha.
    levels : sequence of float
        Further levels.
    ties : sequence of {"efron", "breslow", "exact"}
        "exact" has a Wald interval only.

    Returns
    -------
    DataFrame
        Rows in the columns of the result table: the log-rank test (estimand "stratified log-rank z" or "log-rank z"), then
        hazard ratios by method and level.

    Examples
    --------
    >>> trial = pd.DataFrame({"weeks": [4, 6, 9, 12, 20, 8, 14, 22, 30, 33], "pfs": [1, 1, 1, 1, 0, 1, 1, 0, 1, 0],
    ...                       "arm": list("AAAAABBBBB")})
    >>> compare_arms(trial, "weeks", "pfs", "arm")[["method", "estimate", "conf_low", "conf_high", "p_value"]].round(3)
                          method  estimate  conf_low  conf_high  p_value
    0  one-sided log-rank, B > A     1.475       NaN        NaN    0.070
    1          Efron, Wald, 80 %     0.290     0.093      0.904    0.163
    2       Efron, profile, 80 %     0.290     0.084      0.867    0.147
    3          Efron, Wald, 95 %     0.290     0.051      1.650    0.163
    4       Efron, profile, 95 %     0.290     0.039      1.543    0.147
    """
    alpha = limits.one_sided(alpha)
    wanted = list(dict.fromkeys([round(1 - 2 * alpha, 12), *(limits.confidence(level) for level in levels)]))
    by = [strata] if isinstance(strata, str) else list(strata)
    test = logrank(frame, time, event, arm, strata=by, alternative="greater")
    if len(test.groups) != 2:
        raise UseError(f"{arm!r} has {len(test.groups)} arms: a comparison has two; select them first")
    control, experimental = (str(g) for g in test.groups)
    shared: dict[str, object] = {
        "term": arm, "contrast": f"{experimental} vs {control}", "n": int(test.n.sum()),
        "n_events": round(float(test.observed.sum())), "model": "stratified" if by else "unstratified",
        "note": "; ".join(test.notes),
    }  # fmt: skip
    rows = [
        result_row(
            estimand=f"{'stratified ' if by else ''}log-rank z", method=f"one-sided log-rank, {experimental} > {control}",
            estimate=test.z, statistic=test.z, p_value=test.p_value, **shared,
        )
    ]
    for how in ties:
        rows += _hazard_ratios(frame, time, event, arm, by, how, wanted, shared)
    return result_table(rows)


def _hazard_ratios(
    frame: pd.DataFrame, time: str, event: str, arm: str, by: list[str], ties: str, levels: list[float],
    shared: dict[str, object],
) -> list[dict[str, object]]:
    if ties not in ("efron", "breslow", "exact"):
        raise UseError(f"ties {ties!r} are not known; choose from efron, breslow, exact")
    if ties == "exact":
        return [_exact(frame, time, event, arm, by, level, shared) for level in levels]
    rows, words = [], {"wald": "Wald", "profile": "profile"}
    for level in levels:
        for interval in ("wald", "profile"):
            fit = cox(frame, time, event, arm, strata=by, ties=ties, interval=interval, level=level)  # type: ignore[arg-type]
            line = fit.table.iloc[0]
            rows.append(
                result_row(
                    estimand="hazard ratio", method=f"{ties.capitalize()}, {words[interval]}, {100 * level:.4g} %",
                    estimate=line["hazard_ratio"], std_error=line["std_error"], conf_low=line["conf_low"],
                    conf_high=line["conf_high"], conf_level=level, statistic=line["statistic"], p_value=line["p_value"],
                    finite=bool(line["finite"]), **shared | {"note": "; ".join(fit.notes)},
                )
            )
    return rows


def _exact(
    frame: pd.DataFrame, time: str, event: str, arm: str, by: list[str], level: float, shared: dict[str, object]
) -> dict[str, object]:
    rows = survival_rows(frame, time, event, strata=by, extra=(arm,))
    found, _ = codes(column(frame, arm)[rows.kept])
    fit = fourfold.exact_ties(rows.time, rows.event, found, stratum=rows.stratum)
    z = float(ndtri((1 + level) / 2))
    wald = fit.log_odds_ratio / fit.std_error if fit.finite else float("nan")
    low, high = (np.exp(fit.log_odds_ratio + s * z * fit.std_error) for s in (-1, 1))
    return result_row(
        estimand="hazard ratio", method=f"exact ties, Wald, {100 * level:.4g} %", estimate=float(np.exp(fit.log_odds_ratio)),
        std_error=fit.std_error, conf_low=float(low), conf_high=float(high), conf_level=level, statistic=wald,
        p_value=float(2 * ndtr(-abs(wald))), finite=fit.finite, **shared,
    )


def arm_summaries(
    frame: pd.DataFrame, time: str, event: str, by: str | None, *, times: Sequence[float] = (), level: float = 0.95
) -> pd.DataFrame:
    """Per group the median, survival at fixed times with exact limits, and the median potential follow-up.

    Returns
    -------
    DataFrame
        Rows in the columns of the result table; `contrast` names the group. Estimands: "median", "survival",
        "median follow-up". Survival has two rows per time: log-log limits, and exact ones (beta product).
    """
    level = limits.confidence(level)
    fit = kaplan_meier(frame, time, event, by=by or (), level=level)
    rows = []
    for group, curve in fit.curves.items():
        name = str(group[0]) if group else ""
        shared = {"contrast": name, "n": curve.n, "n_events": curve.n_events, "conf_level": level, "model": "Kaplan-Meier"}
        estimate, low, high = curve.quantile(0.5)
        note = "" if np.isfinite(estimate) else "median not reached"
        if np.isfinite(estimate) and not np.isfinite(high):
            note = "upper limit not reached"
        rows.append(result_row(estimand="median", method="log-log, Brookmeyer-Crowley; midpoint of a plateau",
                               estimate=estimate, conf_low=low, conf_high=high, finite=bool(np.isfinite(estimate)), note=note,
                               **shared))
        for t in times:
            rows += _survival_rows(curve, float(t), shared, limits_at(curve, float(t), level=level))
        reverse = fit.follow_up_curves[group]
        estimate, low, high = reverse.quantile(0.5)
        rows.append(result_row(estimand="median follow-up", method="reverse Kaplan-Meier", estimate=estimate, conf_low=low,
                               conf_high=high, finite=bool(np.isfinite(estimate)), **shared))
    return result_table(rows)


def _survival_rows(
    curve: Curve, t: float, shared: dict[str, object], exact: tuple[float, float, float]
) -> list[dict[str, object]]:
    timing = f"day {t:g}"
    if t > curve.time[-1] and curve.survival[-1] > 0:
        last = f"follow-up ends at day {curve.time[-1]:g}: survival at day {t:g} is not known"
        return [result_row(estimand="survival", method="log-log", timing=timing, finite=False, note=last, **shared)]
    at_risk, survival, error, low, high = (float(v[0]) for v in curve.at(t))
    lost = int(((curve.time < t) * curve.censored).sum())
    note = f"{lost} of {curve.n} censored before" if lost else "nobody censored before"
    note += f"; {at_risk:g} at risk"
    return [
        result_row(estimand="survival", method="log-log", timing=timing, estimate=survival, std_error=error, conf_low=low,
                   conf_high=high, note=note, **shared),
        result_row(estimand="survival", method="exact (beta product)", timing=timing, estimate=exact[0], conf_low=exact[1],
                   conf_high=exact[2], note=note, **shared),
    ]
