"""The tables of questions about MRD, beside their hazard ratios: what was drawn and called, what changed, what came first.

One row per cohort, and none per patient: counts carry names that the protection of small cells knows (`n_...`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.plan.pictures import stacked
from biomarkers.study.landmark_draws import visit_landmark

if TYPE_CHECKING:
    from biomarkers.models.mrd import MRD

FEWEST = 5
"""Patients with a valid status at the start, and in view until the end, without whom nobody's states are drawn."""
STEP = 7.0
"""Days between two points of a state's share."""
_COUNTED = ("subjects", "draws", "evaluable", "positive_draws", "subjects_ever_drawn_positive", "conversions", "reversions",
            "sustained_clearances", "draws_outside_every_window", "draws_after_the_end", "positive_at_progression",
            "drawn_at_progression", "relapses", "detected_before", "never_detected", "no_evaluable_draw")  # fmt: skip


@dataclass(frozen=True)
class Dynamics:
    """Tables of all MRD questions together; each has the columns analysis, marker and cohort.

    Attributes
    ----------
    calls : DataFrame
        What was drawn and called, and what changed (`MRD.summary`).
    visits : DataFrame
        Calls by visit window and role: n_draws, n_negative, n_positive, n_not_evaluable and why.
    rates : DataFrame
        Conversions and reversions per 100 subject-months.
    lead : DataFrame
        Relapses detected before and never detected, and the lead time (`MRD.lead_summary`).
    status : DataFrame
        Event-free at the horizon from each landmark, by status.
    competing : DataFrame
        Cumulative incidence with restart of therapy as a competing event, by status.
    occupation : DataFrame
        The share of patients in each state from the first visit on treatment.
    """

    calls: pd.DataFrame = field(default_factory=pd.DataFrame)
    visits: pd.DataFrame = field(default_factory=pd.DataFrame)
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    lead: pd.DataFrame = field(default_factory=pd.DataFrame)
    status: pd.DataFrame = field(default_factory=pd.DataFrame)
    competing: pd.DataFrame = field(default_factory=pd.DataFrame)
    occupation: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def together(cls, parts: Iterable[Dynamics]) -> Dynamics:
        """One after another, in the order of the plan."""
        return stacked(cls, parts)

    def of(self, analysis: str, marker: str) -> Dynamics:
        """The same tables under an analysis's id."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        named = {name: table.drop(columns=[c for c in ("analysis", "marker") if c in table]) for name, table in named.items()}
        for table in named.values():
            table.insert(0, "marker", marker)
            table.insert(0, "analysis", analysis)
        return Dynamics(**{name: table for name, table in named.items() if len(table)})


def dynamics_of(found: MRD) -> Dynamics:
    """The tables of one MRD analysis; without `max_age` nobody's state is known between draws, and none is occupied."""
    order = list(found.cohorts)
    rates = found.rates.sort_values("cohort", key=lambda c: c.map(order.index), kind="stable", ignore_index=True)
    return Dynamics(_named(found.summary), _visits(found), rates, _named(found.lead_summary), found.status,
                    found.competing, _occupied(found))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={name: f"n_{name}" for name in _COUNTED})


def _visits(found: MRD) -> pd.DataFrame:
    """One row per cohort, visit and role of the draw."""
    lines = []
    counts = found.availability
    for cohort in found.cohorts:
        own = counts[counts["cohort"] == cohort]
        for role in ("state", "after the end", "progression"):
            for visit, part in own[own["role"] == role].groupby("visit", observed=True, sort=True):
                n = dict(zip(part["call"], part["n"].astype(int), strict=True))
                lost = {call.partition(": ")[2]: k for call, k in n.items() if call.startswith("not evaluable")}
                why = "; ".join(f"{k} {reason}" for reason, k in lost.items())
                lines.append((cohort, str(visit), role, sum(n.values()), n.get("negative", 0), n.get("positive", 0),
                              sum(lost.values()), why))  # fmt: skip
    columns = ["cohort", "visit", "role", "n_draws", "n_negative", "n_positive", "n_not_evaluable", "detail"]
    return pd.DataFrame(lines, columns=columns)


def _occupied(found: MRD) -> pd.DataFrame:
    """Weekly shares of each state, while `FEWEST` patients or more are in view."""
    later = [visit_landmark(v).day for v in found.visits if v.day > 0]
    if found.current is None or not later:
        return pd.DataFrame()
    origin = float(min(later))
    rows, parts = found.current.rows.rows, []
    for cohort in found.cohorts:
        own = rows[rows["cohort"] == cohort] if "cohort" in rows else rows
        there = own.loc[(own["start"] < origin) & (own["stop"] >= origin), "subject"].nunique()
        seen = np.sort(own.groupby("subject")["time"].first().to_numpy(float))
        if there < FEWEST or seen[-FEWEST] <= origin + STEP:
            continue
        times = np.arange(origin, seen[-FEWEST], STEP).tolist()
        parts.append(found.state_occupation(cohort, origin=origin, times=times))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
