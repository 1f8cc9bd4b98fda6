"""MRD by definition: what a call is, conversion and reversion as intervals, sustained clearance, rates, lead time.

Named functions with a version each (`DEFINITIONS`); they read one table of calls and know nothing of models. Only `detected`
and `not_detected` are states; a draw on the event day, after follow-up, or taken because of progression is no state before the
event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.kernels.binomial import clopper_pearson
from biomarkers.models.over_time import after_the_end
from biomarkers.study.measurements import VALID

if TYPE_CHECKING:
    from biomarkers.study.study import Study

MONTH = 30.4375
DEFINITIONS = ("mrd_status_at_v1", "mrd_current_v1", "mrd_conversion_v1", "mrd_reversion_v1", "mrd_sustained_clearance_v1",
               "mrd_lead_time_v1")  # fmt: skip
LEAD = ("cohort", "relapses", "detected_before", "share", "conf_low", "conf_high", "never_detected", "no_evaluable_draw",
        "median_lead_days", "shortest_lead_days", "longest_lead_days")  # fmt: skip


@dataclass(frozen=True)
class Calls:
    """Every call of the marker with its subject's cohort and follow-up; the one table the definitions read.

    Attributes
    ----------
    rows : DataFrame
        subject, cohort, day, positive (1, 0, missing), reason (why not evaluable), role: "state", "progression" (taken because
        of it), "after the end" (on the event day, or after follow-up); time, event, event_type, last_negative_assessment.
    """

    rows: pd.DataFrame

    @property
    def states(self) -> pd.DataFrame:
        """Evaluable calls in time, by subject and day."""
        rows = self.rows
        kept = rows[(rows["role"] == "state") & rows["positive"].notna()]
        return kept.sort_values(["subject", "day"], kind="stable", ignore_index=True)


def calls(study: Study, marker: Marker, endpoint: str) -> Calls:
    """Read the calls of a study: evaluable, not evaluable with the reason, and those that come too late to be a state.

    Raises
    ------
    UseError
        The marker is no call of two levels.
    """
    if len(marker.levels) != 2:
        raise UseError(f"{marker.label} is not a call of two levels; MRD dynamics need detected and not_detected")
    found = study.measured(marker)
    valid = found["status"].isin(VALID) & (found["excluded"].fillna("").astype(str) == "")
    reason = found["excluded"].fillna("").astype(str)
    reason = reason.where(reason != "", found["reason"].fillna("").astype(str))
    rows = pd.DataFrame({
        "subject": found["subject"], "day": pd.to_numeric(found["day"], errors="coerce").astype(float),
        "positive": pd.to_numeric(found["value"], errors="coerce").astype(float).where(valid),
        "reason": reason.where(~valid, "").replace("", "not_given").where(~valid, ""),
        "because": found["reason_for_draw"].fillna("").astype(str) == "progression",
    })  # fmt: skip
    outcome = study.outcome(endpoint).drop_duplicates("subject")
    own = [c for c in ("time", "event", "event_type", "last_negative_assessment") if c in outcome]
    people = study.analysable
    keep = ["subject", *[c for c in ("cohort",) if c in people]]
    rows = rows.merge(people[keep], on="subject").merge(outcome[["subject", *own]], on="subject")
    if "cohort" not in rows:
        rows = rows.assign(cohort="all")
    role = np.where(rows["because"], "progression", np.where(after_the_end(rows), "after the end", "state"))
    return Calls(rows.assign(role=role).drop(columns="because"))


def one_call_of_a_day(found: Calls, rule: str) -> pd.DataFrame:
    """States with one call per subject and day, by the rule that the study declared; two like calls are one call.

    Raises
    ------
    UseError
        Two calls of one day and no rule, or two that differ and a rule that would average them.
    """
    states = found.states
    twice = states[states.duplicated(["subject", "day"], keep=False)]
    if rule != "error":
        twice = twice[twice.groupby(["subject", "day"])["positive"].transform("nunique") > 1]
    if len(twice) and rule not in ("first", "last"):
        first = twice.iloc[0]
        raise UseError(
            f"{twice['subject'].nunique()} subjects have two evaluable calls on one day; first {first['subject']!r}, day "
            f'{first["day"]:g}. Declare in study.toml which one counts, replicates = "last": calls have no average'
        )
    return states.drop_duplicates(["subject", "day"], keep="first" if rule == "first" else "last", ignore_index=True)


def moves(states: pd.DataFrame) -> pd.DataFrame:
    """Conversions and reversions as intervals (`mrd_conversion_v1`, `mrd_reversion_v1`).

    Parameters
    ----------
    states : DataFrame
        subject, cohort, day, positive: evaluable calls.

    Returns
    -------
    DataFrame
        subject, cohort, move, after, until: it happened in (after, until].

    Examples
    --------
    >>> calls = pd.DataFrame({"subject": "a", "cohort": "stop", "day": [0, 42, 84, 126], "positive": [0, 1, 1, 0]})
    >>> moves(calls)[["move", "after", "until"]]
             move  after  until
    0  conversion      0     42
    1   reversion     84    126
    """
    ordered = states.sort_values(["subject", "day"], kind="stable", ignore_index=True)
    same = ordered["subject"].eq(ordered["subject"].shift())
    change = ordered["positive"] - ordered["positive"].shift()
    found = ordered[same & (change != 0)]
    kind = np.where(change[found.index] > 0, "conversion", "reversion")
    return pd.DataFrame({
        "subject": found["subject"], "cohort": found["cohort"], "move": kind,
        "after": ordered["day"].shift()[found.index].astype(states["day"].dtype), "until": found["day"],
    }).reset_index(drop=True)  # fmt: skip


def sustained_clearance(states: pd.DataFrame, *, k: int = 2) -> pd.DataFrame:
    """k consecutive evaluable negatives after a positive (`mrd_sustained_clearance_v1`): subject, cohort, known_from.

    A call that is not evaluable between them neither counts nor breaks the run; it is not among the states.

    Examples
    --------
    >>> calls = pd.DataFrame({"subject": "a", "cohort": "stop", "day": [0, 42, 84, 126], "positive": [1, 0, 0, 1]})
    >>> sustained_clearance(calls)["known_from"].tolist()
    [84]
    """
    lines = []
    for (subject, cohort), part in states.groupby(["subject", "cohort"], sort=False, observed=True):
        run, seen = 0, False
        for day, positive in zip(part["day"], part["positive"], strict=True):
            seen, run = seen or positive == 1, 0 if positive == 1 else run + 1
            if seen and run == k:
                lines.append((subject, cohort, day))
                break
    return pd.DataFrame(lines, columns=["subject", "cohort", "known_from"])


def rates(states: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Moves per 100 subject-months between evaluable draws, by cohort, with exact Poisson limits.

    At risk of conversion is who was negative at the draw before; "ever positive / n" has no such denominator.

    Examples
    --------
    >>> calls = pd.DataFrame({"subject": "a", "cohort": "stop", "day": [0, 30.4375, 60.875], "positive": [0, 0, 1]})
    >>> rates(calls)[["move", "n", "subject_months", "per_100_months"]]
             move  n  subject_months  per_100_months
    0  conversion  1             2.0            50.0
    1   reversion  0             0.0             NaN
    """
    ordered = states.sort_values(["subject", "day"], kind="stable", ignore_index=True)
    following = ordered.shift(-1)
    same = ordered["subject"].eq(following["subject"])
    gap = (following["day"] - ordered["day"]) / MONTH
    lines = []
    for cohort in ordered["cohort"].drop_duplicates():
        here = same & (ordered["cohort"] == cohort)
        for move, at in (("conversion", 0.0), ("reversion", 1.0)):
            exposed = here & (ordered["positive"] == at)
            n, months = int((exposed & (following["positive"] == 1 - at)).sum()), float(gap[exposed].sum())
            low = float(gammaincinv(n, (1 - level) / 2)) if n else 0.0
            high = float(gammaincinv(n + 1, (1 + level) / 2))
            per = 100 / months if months else np.nan
            lines.append((cohort, move, n, months, n * per, low * per, high * per, level))
    columns = ["cohort", "move", "n", "subject_months", "per_100_months", "conf_low", "conf_high", "conf_level"]
    return pd.DataFrame(lines, columns=columns)


def lead_times(found: Calls) -> pd.DataFrame:
    """Each relapse with when it was announced (`mrd_lead_time_v1`).

    Returns
    -------
    DataFrame
        subject, cohort, relapse_after, relapse (it lies in that interval of scans), last_negative, first_positive, lead_low,
        lead_high, outcome: "detected before", "never detected" or "no evaluable draw". The lead is an interval: from the first
        positive draw to the scan, at most from the last negative before it.
    """
    rows = found.rows
    known = rows["event_type"].astype("object").fillna("") if "event_type" in rows else pd.Series("progression", rows.index)
    relapsed = rows[(rows["event"].astype(float) == 1) & (known == "progression")].drop_duplicates("subject")
    states = found.states
    lines = []
    for _, person in relapsed.iterrows():
        own = states[states["subject"] == person["subject"]]
        relapse = float(person["time"])
        clear = person.get("last_negative_assessment", np.nan)
        positive = own.loc[own["positive"] == 1, "day"]
        first = float(positive.min()) if len(positive) else np.nan
        before = own.loc[(own["positive"] == 0) & (own["day"] < first), "day"] if len(positive) else own.loc[
            own["positive"] == 0, "day"]  # fmt: skip
        last = float(before.max()) if len(before) else np.nan
        outcome = "no evaluable draw" if own.empty else "detected before" if len(positive) else "never detected"
        lines.append((person["subject"], person["cohort"], float(clear) if pd.notna(clear) else np.nan, relapse, last, first,
                      relapse - first, relapse - last if len(positive) else np.nan, outcome))  # fmt: skip
    columns = [
        "subject",
        "cohort",
        "relapse_after",
        "relapse",
        "last_negative",
        "first_positive",
        "lead_low",
        "lead_high",
        "outcome",
    ]
    return pd.DataFrame(lines, columns=columns)


def lead_summary(leads: pd.DataFrame, cohorts: Sequence[str], *, level: float = 0.95) -> pd.DataFrame:
    """Relapses by cohort: detected before with an exact interval, never detected, and the median lead beside them."""
    lines = []
    for cohort in cohorts:
        part = leads[leads["cohort"] == cohort]
        n, k = len(part), int((part["outcome"] == "detected before").sum())
        low, high = clopper_pearson(k, n, level=level) if n else (np.nan, np.nan)
        lead = part.loc[part["outcome"] == "detected before", "lead_low"]
        lines.append((cohort, n, k, k / n if n else np.nan, low, high, int((part["outcome"] == "never detected").sum()),
                      int((part["outcome"] == "no evaluable draw").sum()), lead.median(), lead.min(), lead.max()))  # fmt: skip
    return pd.DataFrame(lines, columns=list(LEAD))
