"""Who has the specimen? Those with a known marker beside those without: standardised differences, survival, a weighted answer.

A complete-case hazard ratio speaks for those who had a biopsy or a tube. The comparison says how they differ; weighting each
by the inverse of the chance to be known, given what is known of everybody, says how far the answer depends on it. Differences
are standardised, never tested: a P would measure the number of patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.kernels.logistic import logistic
from biomarkers.models.association import HAZARD_RATIO, describe
from biomarkers.models.columns import dummy_coded, without_gaps
from biomarkers.models.cox import cox
from biomarkers.models.km import kaplan_meier
from biomarkers.models.results_table import result_row

if TYPE_CHECKING:
    from biomarkers.study.study import Study

KNOWN_COLUMNS = ("marker", "cohort", "arm", "variable", "level", "statistic", "known", "unknown", "n_known", "n_unknown",
                 "standardised_difference")
MIN_UNKNOWN = 5
LARGEST_WEIGHT = 5.0
_LEVELS = 6


def standardised_difference(known: pd.Series, unknown: pd.Series) -> float:
    """Difference of two means over the root of their mean variance; for a 0/1 variable the same with p(1 - p).

    Source: Austin, Stat Med 28 (2009) 3083.

    Examples
    --------
    >>> round(standardised_difference(pd.Series([1, 1, 0, 0]), pd.Series([1, 0, 0, 0])), 3)
    0.535
    """
    a, b = known.dropna().astype(float), unknown.dropna().astype(float)
    if not (len(a) and len(b)):
        return float("nan")
    spread = np.sqrt((a.var(ddof=0) + b.var(ddof=0)) / 2)
    difference = float(a.mean() - b.mean())
    return float(difference / spread) if spread > 0 else (0.0 if difference == 0 else float(np.copysign(np.inf, difference)))


def known_against_unknown(people: pd.DataFrame, known: Sequence[bool] | np.ndarray, variables: Sequence[str], *, marker: str,
                          groups: Sequence[str] = (), tau: float | None = None) -> pd.DataFrame:
    """The comparison as a tidy table, by group and over all.

    Parameters
    ----------
    people : pandas.DataFrame
        One row per subject of the analysis population: time, event, the variables and the groups.
    known : (n,) bool
        Whether the marker is known.
    variables : sequence of str
        Numbers are compared by their mean; text and few levels by their shares.
    marker : str
    groups : sequence of str
        "cohort", "arm": each combination is a block, then each cohort; the block of all subjects comes last.
    tau : float, optional
        Day at which survival is compared; the median event time where None.

    Returns
    -------
    pandas.DataFrame
        marker, cohort, arm, variable, level, statistic, known, unknown, n_known, n_unknown, standardised_difference. The
        variable "survival" holds Kaplan-Meier survival at `tau` and the median.
    """
    flag = np.asarray(known, dtype=bool)
    if flag.shape != (len(people),):
        raise UseError(f"known must hold {len(people)} true-or-false values, one per row")
    frame = people.reset_index(drop=True)
    events = frame.loc[frame["event"] == 1, "time"]
    day = float(events.median()) if tau is None and len(events) else tau
    keys = [g for g in groups if g in frame]
    blocks: list[tuple[Mapping[str, str], np.ndarray]] = []
    for depth in range(len(keys), 0, -1):
        for key, part in frame.groupby(keys[:depth], observed=True, sort=True):
            blocks.append((dict(zip(keys[:depth], map(str, key), strict=True)), part.index.to_numpy()))
    blocks.append(({}, np.arange(len(frame))))
    lines: list[dict[str, Any]] = []
    for names, place in blocks:
        part, have = frame.iloc[place], flag[place]
        shared = {"marker": marker, "cohort": str(names.get("cohort", "all")), "arm": str(names.get("arm", "")),
                  "n_known": int(have.sum()), "n_unknown": int((~have).sum())}
        for variable in variables:
            lines += [shared | line for line in _compared(part[variable], have, variable)]
        lines += [shared | line for line in _survival(part, have, day)]
    return pd.DataFrame(lines, columns=list(KNOWN_COLUMNS))


def _compared(column: pd.Series, have: np.ndarray, variable: str) -> list[dict[str, Any]]:
    numeric = pd.api.types.is_numeric_dtype(column) and column.nunique() > _LEVELS
    if numeric:
        a, b = column[have].astype(float), column[~have].astype(float)
        return [{"variable": variable, "level": "", "statistic": "mean", "known": a.mean(), "unknown": b.mean(),
                 "standardised_difference": standardised_difference(a, b)}]
    levels = list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.dropna().unique())
    out = []
    for level in levels:
        a, b = (column[side] == level for side in (have, ~have))
        out.append({"variable": variable, "level": str(level), "statistic": "share", "known": a.mean() if len(a) else np.nan,
                    "unknown": b.mean() if len(b) else np.nan, "standardised_difference": standardised_difference(a, b)})
    return out


def _survival(part: pd.DataFrame, have: np.ndarray, day: float | None) -> list[dict[str, Any]]:
    sides = []
    for side in (have, ~have):
        followed = part[side]
        if followed.empty or day is None:
            sides.append((np.nan, np.nan))
            continue
        fit = kaplan_meier(followed, "time", "event")
        reached = float(followed["time"].max()) >= day
        sides.append((float(fit.at(day)["survival"].iloc[0]) if reached else np.nan, float(fit.median["median"].iloc[0])))
    (s1, m1), (s0, m0) = sides
    nothing = {"variable": "survival", "standardised_difference": np.nan}
    return [nothing | {"level": f"day {day:g}" if day is not None else "", "statistic": "survival", "known": s1, "unknown": s0},
            nothing | {"level": "", "statistic": "median", "known": m1, "unknown": m0}]


def specimens_known(study: Study, marker: str, *, endpoint: str = "pfs", tau: float | None = None) -> pd.DataFrame:
    """`known_against_unknown` of a baseline marker: the declared strata and covariates, by cohort and arm.

    Parameters
    ----------
    study : Study
    marker : str
    endpoint : str
    tau : float, optional
    """
    from biomarkers.study.draws import baseline_values

    people, known = population(study, baseline_values(study, study.design.marker(marker)), endpoint)
    return known_against_unknown(people, known, declared(study), marker=marker, groups=study.groups, tau=tau)


def population(study: Study, values: pd.DataFrame, endpoint: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Everybody with an outcome, and whether the marker is known."""
    outcome = study.outcome(endpoint)
    outcome = outcome[outcome["excluded"].fillna("") == ""][["subject", "time", "event"]]
    people = study.analysable.merge(outcome, on="subject").dropna(subset=["time", "event"])
    frame = people.merge(values[["subject", "lost"]], on="subject", how="left")
    return frame.drop(columns="lost").reset_index(drop=True), (frame["lost"] == "").to_numpy(bool)


def declared(study: Study) -> list[str]:
    """Strata and covariates that the study declares and has."""
    names = dict.fromkeys([*study.design.strata, *study.design.covariates])
    return [name for name in names if name in study.members and study.members[name].notna().any()]


def availability_weights(people: pd.DataFrame, known: Sequence[bool] | np.ndarray, variables: Sequence[str], *,
                         largest: float = LARGEST_WEIGHT) -> np.ndarray:
    """Stabilised weights 1 / P(known | variables, outcome) of those who are known, NaN for the others, (n,).

    The chance to be known is a logistic regression (Firth's penalty) on the variables, the event and the log of time: the
    outcome belongs in it, since a biopsy may depend on how the disease was going.

    Parameters
    ----------
    people : pandas.DataFrame
        time, event and the variables, one row per subject.
    known : (n,) bool
    variables : sequence of str
        Rows with a missing one take its mean or the level "missing".
    largest : float
        Weights are truncated here.

    Raises
    ------
    UseError
        Fewer than five are unknown, or fewer than five known: there is nothing to model.
    """
    flag = np.asarray(known, dtype=bool)
    if min(flag.sum(), (~flag).sum()) < MIN_UNKNOWN:
        raise UseError(f"{int((~flag).sum())} of {flag.size} are unknown: the chance to be known needs {MIN_UNKNOWN} on each "
                       "side")
    columns = [np.ones(len(people)), people["event"].to_numpy(float), np.log1p(people["time"].to_numpy(float))]
    columns += [dummy_coded(without_gaps(people[name])) for name in variables]
    X = np.column_stack(columns)
    X = X[:, independent(X)]
    chance = logistic(X, flag.astype(float), firth=True).fitted
    weight = np.minimum(flag.mean() / chance, largest)
    return np.where(flag, weight, np.nan)


def independent(X: np.ndarray) -> list[int]:
    """The columns that add rank, from the left."""
    scale = np.abs(X).max(axis=0)
    X = X / np.where(scale > 0, scale, 1.0)
    kept: list[int] = []
    for j in range(X.shape[1]):
        if np.linalg.matrix_rank(X[:, [*kept, j]]) > len(kept):
            kept.append(j)
    return kept


def weighted_row(people: pd.DataFrame, known: np.ndarray, x: np.ndarray, variables: Sequence[str], *,
                 adjust: Sequence[str] = (), strata: Sequence[str] = (), level: float = 0.95,
                 shared: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The hazard ratio weighted to everybody, with robust errors, as a sensitivity row.

    Parameters
    ----------
    people : pandas.DataFrame
        Everybody: time, event, the variables, adjusters and strata.
    known : (n,) bool
    x : (n,) float
        The covariate; what stands where it is unknown is not used.
    variables : sequence of str
        What the chance to be known may depend on.
    """
    weight = availability_weights(people, known, variables)
    part = people[known].assign(_x=np.asarray(x, float)[known], _w=weight[known])
    fit = cox(part, "time", "event", ["_x", *adjust], strata=strata, weights="_w", level=level)
    line = fit.table.iloc[0]
    share = float(weight[known].sum() ** 2 / (weight[known] ** 2).sum())
    return result_row(
        **{"estimand": HAZARD_RATIO, **(shared or {}), "prespecified": False}, model=describe(strata, adjust),
        method="inverse probability of availability, robust Wald",
        estimate=float(line["hazard_ratio"]), std_error=float(line["robust_std_error"]), conf_low=float(line["conf_low"]),
        conf_high=float(line["conf_high"]), statistic=float(line["statistic"]), n=fit.n, n_events=fit.n_events,
        note=f"sensitivity: {fit.n} known of {len(people)} weighted to all; effective number {share:.1f}, largest weight "
             f"{np.nanmax(weight):.2f}; robust errors are too small at these numbers, so no P is given",
    )
