"""The markers beside what else is known of a patient, and beside one another: REMARK's item 14, as effects with intervals.

Every marker against every declared stratum and covariate, in each cohort and over all: Spearman's rho for a number, Cliff's
delta for the levels of a factor against its first. Both need ranks alone, so a value below its limit takes the lowest place and
is never made up. No P is given: these are descriptions, dozens of them, and an interval says how precise each is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.kernels.rank_association import cliffs_delta, spearman
from biomarkers.models.selection import declared
from biomarkers.study.draws import baseline_values

if TYPE_CHECKING:
    from biomarkers.study.study import Study

BY_VARIABLE = ("marker", "cohort", "variable", "level", "reference", "statistic", "estimate", "conf_low", "conf_high",
               "conf_level", "n", "n_level", "n_reference")
CORRELATION = ("cohort", "marker_1", "marker_2", "estimate", "conf_low", "conf_high", "conf_level", "n")
RHO, DELTA = "Spearman's rho", "Cliff's delta"
_LEVELS = 6
"""A column of numbers with more distinct values than this is a number, with fewer a factor."""


def by_variable(study: Study, markers: Sequence[str], *, level: float = 0.95,
                people: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each baseline marker against each declared stratum and covariate.

    Parameters
    ----------
    study : Study
    markers : sequence of str
    level : float
    people : pandas.DataFrame, optional
        `ranked(study, markers)`, where it is at hand.

    Returns
    -------
    pandas.DataFrame
        One row per marker, cohort ("all" comes last), variable and level after the first: the association with its interval
        and the patients behind it. What has one value in a cohort has no row there.
    """
    people = ranked(study, markers) if people is None else people
    lines: list[dict[str, Any]] = []
    for marker in markers:
        for cohort, part in _parts(study, people):
            for variable in declared(study):
                for line in _one(part[marker].to_numpy(float), part[variable], level):
                    lines.append({"marker": marker, "cohort": cohort, "variable": variable, "conf_level": level, **line})
    return pd.DataFrame(lines, columns=list(BY_VARIABLE))


def marker_correlation(study: Study, markers: Sequence[str], *, level: float = 0.95,
                       people: pd.DataFrame | None = None) -> pd.DataFrame:
    """Spearman's rho of each pair of baseline markers, in each cohort and over all, from the patients who have both.

    Parameters
    ----------
    study : Study
    markers : sequence of str
    level : float
    people : pandas.DataFrame, optional
        `ranked(study, markers)`, where it is at hand.
    """
    people = ranked(study, markers) if people is None else people
    lines = []
    for cohort, part in _parts(study, people):
        values = {marker: part[marker].to_numpy(float) for marker in markers}
        for i, first in enumerate(markers):
            for second in markers[i + 1:]:
                found = spearman(values[first], values[second], level=level)
                lines.append((cohort, first, second, found.estimate, found.conf_low, found.conf_high, level, found.n))
    return pd.DataFrame(lines, columns=list(CORRELATION))


def ranked(study: Study, markers: Sequence[str]) -> pd.DataFrame:
    """Everybody with the value of each marker, beyond a limit at the end of the line, missing as NaN."""
    people = study.analysable.reset_index(drop=True)
    columns = {}
    for marker in markers:
        known = baseline_values(study, study.design.marker(marker))
        known = known[known["lost"] == ""].drop_duplicates("subject").set_index("subject")
        value = known["value"].astype(float).mask(known["status"] == "below", -np.inf)
        columns[marker] = people["subject"].map(value.mask(known["status"] == "above", np.inf))
    return people.assign(**columns)


def _parts(study: Study, people: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if "cohort" in people:
        for cohort in study.design.cohorts:
            yield cohort, people[people["cohort"] == cohort]
    yield "all", people


def _one(x: np.ndarray, column: pd.Series, level: float) -> Iterator[dict[str, Any]]:
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > _LEVELS:
        found = spearman(x, column.to_numpy(float), level=level)
        if np.isfinite(found.estimate):
            yield {"level": "", "reference": "", "statistic": RHO, "estimate": found.estimate, "conf_low": found.conf_low,
                   "conf_high": found.conf_high, "n": found.n}
        return
    kinds = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.dropna().unique())
    groups = {str(kind): x[(column == kind).fillna(False).to_numpy(bool)] for kind in kinds}
    groups = {kind: values for kind, values in groups.items() if (~np.isnan(values)).any()}
    for kind in list(groups)[1:]:
        first = next(iter(groups))
        found = cliffs_delta(groups[kind], groups[first], level=level)
        yield {"level": kind, "reference": first, "statistic": DELTA, "estimate": found.estimate, "conf_low": found.conf_low,
               "conf_high": found.conf_high, "n": found.n, "n_level": int((~np.isnan(groups[kind])).sum()),
               "n_reference": int((~np.isnan(groups[first])).sum())}
