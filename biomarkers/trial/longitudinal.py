"""Patient-reported scores over time: change from baseline, area under the curve, means by visit, and two mixed models.

Scores end with the disease in most trials, and that is informative: a mean at two years is the mean of those still answering.
No model here mends that; every table prints how many are behind each number. Cohorts that patients chose are described, not
compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import mmrm as kernel
from biomarkers.models.columns import factor_levels
from biomarkers.study.study import Study

from .endpoints import asked_endpoints

DAYS = (0, 91, 182, 365, 548, 730)
"""Nominal days of the table by visit where nothing else is asked."""


def change_from_baseline(
    scores: pd.DataFrame, *, baseline: tuple[int, int] = (-28, 0), minimal_difference: float | None = None,
    direction: str = "high is better", by: Sequence[str] = ("instrument",),
) -> pd.DataFrame:
    """Change of every later score from the last one in the baseline window.

    Parameters
    ----------
    scores : DataFrame
        subject, day, score, and the columns of `by` where present.
    baseline : (int, int)
        Days, both included.
    minimal_difference : float, optional
        Adds `state`: "improved", "stable" or "worse" by at least this much.
    direction : {"high is better", "high is worse"}

    Returns
    -------
    DataFrame
        The later rows with ``baseline, change`` (and `state`). Without a baseline both are missing: a scale that has none, such
        as regret, has no change.

    Examples
    --------
    >>> seen = pd.DataFrame({"subject": ["a", "a", "b"], "day": [-3, 91, 91], "score": [50.0, 58.0, 40.0]})
    >>> change_from_baseline(seen, minimal_difference=5)[["subject", "day", "state", "baseline", "change"]]
      subject  day     state  baseline  change
    0       a   91  improved      50.0     8.0
    1       b   91                 NaN     NaN
    """
    _needs(scores, ("subject", "day", "score"))
    keys = ["subject", *[c for c in by if c in scores.columns]]
    low, high = baseline
    inside = scores[(scores["day"] >= low) & (scores["day"] <= high) & scores["score"].notna()]
    first = inside.sort_values("day", kind="stable").drop_duplicates(keys, keep="last")[[*keys, "score"]]
    later = scores[scores["day"] > high].merge(first.rename(columns={"score": "baseline"}), on=keys, how="left")
    later = later.assign(change=later["score"] - later["baseline"])
    if minimal_difference is None:
        return later
    limits.positive(minimal_difference, "minimal_difference")
    if direction not in ("high is better", "high is worse"):
        raise UseError(f"direction {direction!r} must be 'high is better' or 'high is worse'")
    better = later["change"] if direction == "high is better" else -later["change"]
    cases = [better >= minimal_difference, better <= -minimal_difference, better.notna()]
    state = np.select(cases, ["improved", "worse", "stable"], "")
    return later.assign(state=state)


def standardised_area(scores: pd.DataFrame, *, time: str = "day", by: Sequence[str] = ("instrument",)) -> pd.DataFrame:
    """Trapezoid area under each patient's scores, divided by the length of the observed range.

    Returns
    -------
    DataFrame
        ``subject, (by), n, first, last, area``; missing under two visits.

    Examples
    --------
    >>> seen = pd.DataFrame({"subject": ["a", "a", "a", "b"], "day": [0, 10, 20, 0], "score": [10.0, 20.0, 20.0, 5.0]})
    >>> standardised_area(seen)
      subject  n  first  last  area
    0       a  3      0    20  17.5
    1       b  1      0     0   NaN
    """
    _needs(scores, ("subject", time, "score"))
    keys = ["subject", *[c for c in by if c in scores.columns]]
    rows = []
    for key, mine in scores.dropna(subset=["score", time]).groupby(keys, sort=True, observed=True):
        t, y = (mine.sort_values(time)[c].to_numpy(dtype=float) for c in (time, "score"))
        length = t[-1] - t[0]
        area = float(((y[1:] + y[:-1]) / 2 * np.diff(t)).sum() / length) if length > 0 else np.nan
        rows.append((*key, len(mine), mine[time].min(), mine[time].max(), area))
    return pd.DataFrame(rows, columns=[*keys, "n", "first", "last", "area"])


def trajectories(study: Study, *, days: Sequence[int] = DAYS, window: int = 45, level: float = 0.95) -> pd.DataFrame:
    """Means of every instrument by cohort (and arm) at nominal days, with who is behind them.

    Parameters
    ----------
    study : Study
        With a `pros` table.
    days : sequence of int
    window : int
        A score belongs to the nearest nominal day within this many days; of two the nearer one.

    Returns
    -------
    DataFrame
        ``instrument, cohort, arm, day, n, expected, mean, std_dev, conf_low, conf_high, conf_level, change, change_low,
        change_high, n_change``: means with t intervals, and the mean change of those with a baseline; `expected` are the
        patients without a PFS event or censoring before the day.

    Raises
    ------
    UseError
        No scores, or two versions of one instrument.
    """
    level = limits.confidence(level)
    if study.pros.empty:
        raise UseError("the study has no pros table")
    usable = study.pros[study.pros["excluded"].fillna("") == ""]
    _one_version(usable)
    people = study.analysable
    keys = [c for c in ("cohort", "arm") if c in people and people[c].notna().any()]
    follow = study.outcome("pfs")[["subject", "time"]] if "pfs" in asked_endpoints(study) else None
    nominal = np.asarray(sorted(days), dtype=float)
    frame = usable.merge(people[["subject", *keys]], on="subject")
    place = np.abs(frame["day"].to_numpy(dtype=float)[:, None] - nominal).argmin(axis=1)
    frame = frame.assign(nominal=nominal[place], gap=np.abs(frame["day"].astype(float) - nominal[place]))
    keyed = ["subject", "instrument", "nominal"]
    frame = frame[frame["gap"] <= window].sort_values("gap", kind="stable").drop_duplicates(keyed)
    base = frame.loc[frame["nominal"] == nominal[0], ["subject", "instrument", "score"]].rename(columns={"score": "baseline"})
    frame = frame.merge(base, on=["subject", "instrument"], how="left")
    frame["change"] = frame["score"] - frame["baseline"]
    groups = people.groupby(keys, observed=True, sort=True) if keys else [((), people)]
    rows = []
    for instrument in sorted(frame["instrument"].unique()):
        mine = frame[frame["instrument"] == instrument]
        for key, members in groups:
            here = mine[mine["subject"].isin(members["subject"])]
            for day in nominal:
                at = here.loc[here["nominal"] == day]
                if at.empty:
                    continue
                labels = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
                rows.append({"instrument": instrument, **labels, "day": int(day), **_mean(at, level),
                             "expected": _expected(members, follow, day)})
    columns = ["instrument", *keys, "day", "n", "expected", "mean", "std_dev", "conf_low", "conf_high", "conf_level", "change",
               "change_low", "change_high", "n_change"]
    return pd.DataFrame(rows)[columns]


def _mean(rows: pd.DataFrame, level: float) -> dict[str, float]:
    y, change = (rows[c].dropna().to_numpy(dtype=float) for c in ("score", "change"))
    mean, spread, low, high = _t_interval(y, level)
    # at the first day everybody's change is 0 by definition: no interval
    unmoved = (0.0 if len(change) else np.nan, np.nan, np.nan, np.nan)
    moved, _, change_low, change_high = _t_interval(change, level) if np.any(change != 0) else unmoved
    return {"n": len(y), "mean": mean, "std_dev": spread, "conf_low": low, "conf_high": high, "conf_level": level,
            "change": moved, "change_low": change_low, "change_high": change_high, "n_change": len(change)}


def _t_interval(y: np.ndarray, level: float) -> tuple[float, float, float, float]:
    """Mean, standard deviation and the limits of Student's interval; one value has no limits, none has nothing."""
    if len(y) < 2:
        return (float(y[0]) if len(y) else np.nan), np.nan, np.nan, np.nan
    mean, spread = float(y.mean()), float(y.std(ddof=1))
    half = float(stdtrit(len(y) - 1, (1 + level) / 2)) * spread / np.sqrt(len(y))
    return mean, spread, mean - half, mean + half


def _expected(members: pd.DataFrame, follow: pd.DataFrame | None, day: float) -> int:
    if follow is None:
        return len(members)
    return int((members.merge(follow, on="subject")["time"].astype(float) >= day).sum())


def mmrm(
    frame: pd.DataFrame, score: str, *, subject: str, visit: str, group: str, baseline: str | None = None, level: float = 0.95,
) -> pd.DataFrame:
    """Mixed model for repeated measures: group by visit (and baseline by visit), unstructured covariance, REML.

    Parameters
    ----------
    frame : DataFrame
        One row per subject and visit; rows with a missing value are left out.
    score, subject, visit, group : str
        The response (usually the change from baseline), and its keys. Visits in the order of their levels.
    baseline : str, optional
        Column of the baseline value.

    Returns
    -------
    DataFrame
        One row per visit: ``visit, contrast, estimate, std_error, df, conf_low, conf_high, conf_level, statistic, p_value,
        n, n_subjects, converged, note``; the second group minus the first. Limits and p are Student's with Satterthwaite's
        degrees of freedom; the errors are not inflated as Kenward and Roger do. `attrs` holds the restricted
        log-likelihood and the covariance of the visits.
    """
    level = limits.confidence(level)
    columns = [score, subject, visit, group, *([baseline] if baseline else [])]
    _needs(frame, columns)
    rows = frame.dropna(subset=columns)
    visits, groups = factor_levels(rows[visit]), factor_levels(rows[group])
    if len(groups) != 2:
        raise UseError(f"{group!r} has {len(groups)} groups; two are compared")
    when = np.array([visits.index(v) for v in rows[visit]])
    second = (rows[group] == groups[1]).to_numpy(dtype=float)
    at = np.eye(len(visits))[when]
    blocks = [at, at * second[:, None]]
    if baseline:
        blocks.append(at * rows[baseline].to_numpy(dtype=float)[:, None])
    try:
        y, who = rows[score].to_numpy(dtype=float), rows[subject].to_numpy()
        found = kernel.fit(y, np.hstack(blocks), who, when, n_visits=len(visits))
    except (ValueError, np.linalg.LinAlgError) as error:
        raise UseError(f"the model has no fit: {error}") from None
    T = len(visits)
    estimate, error, df = found.coef[T : 2 * T], np.sqrt(np.diag(found.covariance)[T : 2 * T]), found.df[T : 2 * T]
    note = "" if found.converged else "no convergence: do not use these numbers"
    note = "; ".join(filter(None, (note, _NORMAL if np.isnan(df).any() else "")))
    table = pd.DataFrame(
        {
            "visit": visits, "contrast": f"{groups[1]} - {groups[0]}", **_student(estimate, error, df, level),
            "n": [int((when == t).sum()) for t in range(T)], "n_subjects": found.n_subjects, "converged": found.converged,
            "note": note,
        }
    )  # fmt: skip
    table.attrs |= {"loglik": found.loglik, "sigma": found.sigma}
    return table


def mixed_model(
    frame: pd.DataFrame, score: str, *, subject: str, time: str, group: str, slopes: str = "random", level: float = 0.95
) -> pd.DataFrame:
    """Linear growth by group with random intercepts, and slopes, by REML.

    Parameters
    ----------
    frame : DataFrame
        One row per subject and time.
    score, subject, time, group : str
        Columns; time is a number.
    slopes : {"random", "fixed"}
        "fixed" leaves the random intercept alone.
    level : float

    Returns
    -------
    DataFrame
        Fixed effects: ``term, estimate, std_error, df, conf_low, conf_high, conf_level, statistic, p_value, note``, with
        Satterthwaite's degrees of freedom; `attrs` holds the restricted log-likelihood. A variance at its border is said in
        `note`: the fixed effects stand, it does not, and the limits are normal.
    """
    level = limits.confidence(level)
    if slopes not in ("random", "fixed"):
        raise UseError(f"slopes = {slopes!r} must be 'random' or 'fixed'")
    _needs(frame, (score, subject, time, group))
    rows = frame.dropna(subset=[score, subject, time, group])
    groups = factor_levels(rows[group])
    if len(groups) != 2:
        raise UseError(f"{group!r} has {len(groups)} groups; two are compared")
    t, second = rows[time].to_numpy(dtype=float), (rows[group] == groups[1]).to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(t)), t, second, t * second])
    try:
        found = kernel.fit_growth(rows[score].to_numpy(dtype=float), X, rows[subject].to_numpy(), t, slopes=slopes == "random")
    except (ValueError, np.linalg.LinAlgError) as error:
        raise UseError(f"the model has no fit: {error}") from None
    error = np.sqrt(np.diag(found.covariance))
    notes = [words for words, said in (("a variance of the random effects is 0 (singular fit)", found.singular),
                                       ("no convergence: do not use these numbers", not found.converged),
                                       (_NORMAL, bool(np.isnan(found.df).any()))) if said]
    other = f"{group}[{groups[1]}]"
    table = pd.DataFrame(
        {
            "term": ["(Intercept)", time, other, f"{time}:{other}"],
            **_student(found.coef, error, found.df, level), "note": "; ".join(notes),
        }
    )  # fmt: skip
    table.attrs |= {"loglik": found.loglik, "effects": found.effects, "residual": found.residual}
    return table


_NORMAL = "no degrees of freedom (the covariance is at a border): normal limits"


def _student(estimate: np.ndarray, error: np.ndarray, df: np.ndarray, level: float) -> dict[str, object]:
    """Limits and two-sided P by Student's t; normal where there are no degrees of freedom."""
    normal = np.isnan(df)
    degrees = np.where(normal, 1.0, df)
    half = np.where(normal, ndtri((1 + level) / 2), stdtrit(degrees, (1 + level) / 2))
    t = estimate / error
    p = 2 * np.where(normal, ndtr(-np.abs(t)), stdtr(degrees, -np.abs(t)))
    return {"estimate": estimate, "std_error": error, "df": df, "conf_low": estimate - half * error,
            "conf_high": estimate + half * error, "conf_level": level, "statistic": t, "p_value": p}


def _one_version(scores: pd.DataFrame) -> None:
    for instrument, mine in scores.groupby("instrument"):
        versions = sorted(mine["version"].dropna().astype(str).unique()) if "version" in mine else []
        if len(versions) > 1:
            raise UseError(f"instrument {instrument!r}: versions {', '.join(versions)} are mixed; their scores are not "
                           "comparable. Give each version its own instrument name")


def _needs(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise UseError(f"the frame has no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}")
