"""Which draw counts: by its date, never by its label; the last valid one in the window; never one from the future.

Selection is among valid values. Where none is valid the subject is told apart: no measurement at all, none in the window,
or some in the window that failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import FLOW, MISSING_REASONS
from biomarkers.domain.marker import Marker
from biomarkers.study.measurements import VALID, averaged, lost_reason

if TYPE_CHECKING:
    from biomarkers.study.study import Study

SELECTED = ("subject", "value", "c", "censor", "lower", "upper", "lod", "status", "draw_day", "specimen", "n_reads",
            "known_from", "lost", "detail")


def baseline_window(study: Study, marker: Marker) -> tuple[int, int]:
    """First and last admissible day of a baseline value: the study's baseline visit, else the marker's own window."""
    visit = study.design.visits.get("baseline")
    if visit is not None and marker.window == (-28, 0):
        return visit.first, min(visit.last, 0)
    return marker.window


def baseline_values(study: Study, marker: Marker) -> pd.DataFrame:
    """The baseline value of each subject: the last valid one in the window, or why there is none.

    Returns
    -------
    pandas.DataFrame
        One row per subject of the study, columns `SELECTED`; `lost` is a flow reason, "" where there is a value.

    Raises
    ------
    UseError
        Two valid specimens lie on the chosen day and no rule for duplicates was declared.
    """
    key = (marker.name, marker.scale, marker.window)
    if key not in study._at_baseline:
        study._at_baseline[key] = _at_baseline(study, marker)
    return study._at_baseline[key].copy(deep=False)


def _at_baseline(study: Study, marker: Marker) -> pd.DataFrame:
    rows = study.measured(marker)
    first, last = baseline_window(study, marker)
    day = rows["day"].astype(float)
    inside = ((day >= first) & (day <= last)) | np.isneginf(day)
    progression = rows["reason_for_draw"].fillna("") == "progression"
    usable = inside & ~progression & rows["status"].isin(VALID) & (rows["excluded"].fillna("") == "")
    chosen = _last(rows[usable], marker, study.replicates.get(marker.table, "error"))
    return _with_losses(study, rows, inside & ~progression, chosen)


def _last(rows: pd.DataFrame, marker: Marker, rule: str) -> pd.DataFrame:
    """The row of the latest day per subject; duplicates on that day by the declared rule, else refused."""
    return one_of_a_day(rows[rows["day"] == rows.groupby("subject")["day"].transform("max")], marker, rule)


def one_of_a_day(rows: pd.DataFrame, marker: Marker, rule: str) -> pd.DataFrame:
    """One row per subject, where the rows of a subject are the valid specimens of one day.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `measurements`, in the order of the specimens.
    marker : Marker
    rule : {"error", "mean", "median", "first", "last"}
        A mean or median is one on the analysis scale, as it is between the readers of one specimen.

    Raises
    ------
    UseError
        A subject has two specimens and no rule was declared, or two different calls and the rule would average them.
    """
    one = rows.drop_duplicates("subject", keep="first" if rule == "first" else "last")
    twice = rows[rows.duplicated("subject", keep=False)]
    if not marker.quantitative and rule != "error":
        twice = twice[twice.groupby("subject")["value"].transform("nunique") > 1]  # two like calls are one call
    if twice.empty or rule in ("first", "last"):
        return one
    if rule == "error" or not marker.quantitative:
        remedy = 'replicates = "mean"' if marker.quantitative else 'replicates = "last": calls have no average'
        raise UseError(
            f"{marker.label}: {twice['subject'].nunique()} subjects have two valid specimens on one day; first "
            f"{twice['subject'].iloc[0]!r}, day {twice['day'].iloc[0]:g}. A duplicate is never resolved by row order: "
            f"declare a rule in study.toml, e.g. {remedy}"
        )
    means = averaged(twice, marker, by="subject", how=rule).assign(n_reads=twice.groupby("subject")["n_reads"].sum())
    several = one["subject"].isin(means.index)
    joined = one[several].set_index("subject").assign(**{str(name): made for name, made in means.items()}).reset_index()
    return pd.concat([one[~several], joined[one.columns]], ignore_index=True)


def _with_losses(study: Study, rows: pd.DataFrame, inside: pd.Series, chosen: pd.DataFrame) -> pd.DataFrame:
    """Every subject once: the chosen value, or the first reason that applies with its detail."""
    values = study.subjects[["subject"]].merge(
        chosen.assign(draw_day=chosen["day"], known_from=chosen["day"])[
            [c for c in SELECTED if c not in ("lost", "detail")]
        ],
        on="subject", how="left",
    )
    values = values.assign(**{c: values[c].astype("object").fillna("").astype(str) for c in ("censor", "status", "specimen")})
    any_row = set(rows["subject"])
    in_window = set(rows.loc[inside, "subject"])
    failures = rows[inside & ~rows["subject"].isin(chosen["subject"])]
    why = {str(s): _why(group) for s, group in failures.groupby("subject", sort=False)}
    lost, detail = [], []
    for subject, present in zip(values["subject"], values["status"] != "", strict=True):
        if present:
            reason, words = "", ""
        elif subject in why:
            reason, words = why[subject]
        elif subject in any_row and subject not in in_window:
            reason, words = "no_draw_in_window", ""
        else:
            reason, words = "no_measurement", ""
        lost.append(reason)
        detail.append(words)
    return values.assign(lost=lost, detail=detail)[list(SELECTED)]


def _why(rows: pd.DataFrame) -> tuple[str, str]:
    """Why none of these rows gave a value: the row that came closest speaks (quality before no measurement)."""
    reasons = []
    for status, reason, excluded in zip(rows["status"], rows["reason"], rows["excluded"].fillna(""), strict=True):
        if excluded in FLOW:
            reasons.append((excluded, ""))
        elif excluded:
            reasons.append((lost_reason(excluded), MISSING_REASONS.get(excluded, excluded)))
        elif status not in VALID:
            own = str(reason) if isinstance(reason, str) and reason else "not_given"
            reasons.append((lost_reason(own), MISSING_REASONS.get(own, own)))
    order = list(FLOW)
    return max(reasons, key=lambda r: order.index(r[0])) if reasons else ("no_measurement", "")
