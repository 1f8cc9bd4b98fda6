"""A study as the two frames of a serial question: who is followed, what was drawn, and which terms the design asks for.

Progression tubes are left out here, once, for every model that reads serial draws. The strata and adjusters are the design's
unless the question declares its own; an on-treatment marker over two arms has arm among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain import numbers
from biomarkers.domain.errors import Refused, UseError
from biomarkers.domain.flow import FLOW
from biomarkers.domain.fragments import association, association_text
from biomarkers.domain.marker import Marker
from biomarkers.models.design_terms import group_order, terms_of
from biomarkers.models.immortal_time import refuse_columns
from biomarkers.models.landmark_association import refuse_pooled_arms
from biomarkers.models.results_table import result_row
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.landmark_draws import serial_draws

if TYPE_CHECKING:
    from biomarkers.study.study import Study


@dataclass(frozen=True)
class Serial:
    """Frames and terms of a serial question.

    Attributes
    ----------
    subjects : DataFrame
        subject, cohort, arm, the terms' columns, time (days), event.
    draws : DataFrame
        subject, day, value on the model scale; without progression tubes.
    sets : AnalysisSet
        Everybody in the study, with those out of the cohort or without an outcome already left.
    n_progression, n_below : int
        Tubes left out because of progression, and values that stand at their limit of detection.
    """

    study: Study
    marker: Marker
    endpoint: str
    subjects: pd.DataFrame
    draws: pd.DataFrame
    sets: AnalysisSet
    by: str | None
    order: tuple[str, ...]
    strata: tuple[str, ...]
    adjust: tuple[str, ...]
    level: float
    n_progression: int
    n_below: int

    @property
    def notes(self) -> list[str]:
        """What a reader must know of every row."""
        found = []
        if self.n_below:
            share = self.n_below / max(int(self.draws["value"].notna().sum()), 1)
            found.append(f"{self.n_below} values below the limit ({share:.0%}) stand at it (sensitivity)")
        arms = tuple(self.study.design.drug_effect.get(self.marker.name, ()))
        if arms:
            found.append(f"flag: {self.marker.label} is moved by the drug itself in {' and '.join(arms)}")
        return found

    @property
    def parts(self) -> list[tuple[str, np.ndarray, tuple[str, ...]]]:
        """Each group of `by`, then all: name, mask over `subjects`, strata."""
        everybody = np.ones(len(self.subjects), dtype=bool)
        groups = [(str(g), (self.subjects[self.by] == g).to_numpy(bool), self.strata) for g in self.order] if self.by else []
        return [*groups, ("all", everybody, ((self.by,) if self.by else ()) + self.strata)]

    def usable(self, rows: pd.DataFrame) -> list[str]:
        """Adjusters that vary in these rows."""
        return [a for a in self.adjust if rows[a].nunique(dropna=True) > 1]

    def row(self, cohort: str, **given: Any) -> dict[str, Any]:
        """A result row with what all rows of the question share."""
        shared: dict[str, Any] = {
            "endpoint": self.endpoint.lower(), "cohort": cohort, "marker": self.marker.name, "family": self.marker.family,
            "contrast": self.contrast, "conf_level": self.level,
        }  # fmt: skip
        return result_row(**(shared | given))

    @property
    def title(self) -> str:
        """Marker, step and endpoint in words."""
        return f"{self.marker.label}, {self.contrast}, and {self.endpoint.upper()}"

    @property
    def contrast(self) -> str:
        """One step of the marker in words."""
        if self.marker.levels:
            return f"{self.marker.levels[1]} against {self.marker.levels[0]}".replace("_", " ")
        return self.marker.effect


def serial(
    study: Study,
    marker: str,
    *,
    endpoint: str = "pfs",
    by: str | None = "cohort",
    strata: Sequence[str] | None = None,
    adjust: Sequence[str] | None = None,
    level: float = 0.95,
) -> Serial:
    """Prepare a serial question of a study.

    Parameters
    ----------
    strata, adjust : sequence of str or None
        None takes the design's: its strata, and arm where there are two.

    Raises
    ------
    Refused
        Both arms without arm in the model, cohorts that patients chose compared as an effect, or a covariate that looks
        ahead.
    """
    found = study.design.marker(marker)
    for what, given in (("strata", strata), ("adjust", adjust)):
        if isinstance(given, str):
            raise UseError(f"{what} takes a list of column names: {what}=[{given!r}], not {given!r}")
    own_strata, own_adjust = terms_of(study, by, strata, adjust)
    refuse_columns([*own_strata, *own_adjust])
    if study.design.cohort_assignment == "chosen" and "cohort" in own_adjust:
        raise Refused(
            "cohort as an effect", "patients chose their cohort, so a hazard ratio between cohorts is no effect of it",
            'by="cohort": each cohort separately')  # fmt: skip
    if len(found.levels) > 2:
        raise UseError(f"{found.label} has {len(found.levels)} levels; a serial model needs a number or a call of two")
    needed = list(dict.fromkeys([*own_strata, *own_adjust, *([by] if by else [])]))
    blank = pd.DataFrame({"subject": study.subjects["subject"], "lost": "", "detail": ""})
    sets = study.analysis_set(blank, endpoint, needed)
    designed = [c for c in ("cohort", "arm") if c in sets.rows]
    keep = list(dict.fromkeys(["subject", *designed, *needed, "time", "event"]))
    subjects = sets.rows[keep].reset_index(drop=True)
    subjects = subjects.assign(time=subjects["time"].astype(float), event=subjects["event"].astype(int))
    refuse_pooled_arms(found, [by, *own_strata, *own_adjust], subjects)
    drawn = serial_draws(study, found)
    mine = drawn["subject"].isin(set(subjects["subject"]))
    late = drawn["progression"] & mine
    draws = drawn[mine & ~drawn["progression"]]
    if not found.quantitative and study.replicates.get(found.table, "error") != "error":
        draws = draws.drop_duplicates(["subject", "day", "value"])      # two like calls of one day are one call
    order = group_order(study, by, subjects)
    return Serial(
        study, found, endpoint, subjects, draws[["subject", "day", "value"]].reset_index(drop=True), sets, by, order,
        own_strata, own_adjust, level, int(late.sum()), int((draws["below"] & draws["value"].notna()).sum()),
    )  # fmt: skip


def shown(table: pd.DataFrame, title: str) -> tuple[list[dict[str, Any]], str, list[str]]:
    """Rows, title and notes of a serial analysis as a terminal and a notebook show them.

    The hazard ratios stand under their time point, in its order; tests, sensitivity and influence rows stay in `.table`.
    """
    ratios = table[table["estimand"] == "hazard ratio"]
    times = list(dict.fromkeys(ratios["timing"]))
    ordered = ratios.iloc[np.argsort([times.index(t) for t in ratios["timing"]], kind="stable")]
    rows = ordered.to_dict("records")
    if len(times) > 1:
        rows = [row | {"heading": row["timing"]} for row in rows]
    elif times:
        title = f"{title}; {times[0]}"
    notes = []
    tests = table[(table["estimand"] != "hazard ratio") & table["term"].str.contains(":") & table["p_value"].notna()]
    for row in tests.to_dict("records"):
        where = "pooled" if row["cohort"] == "all" else str(row["cohort"])
        when = f"{row['timing']}: " if tests["timing"].nunique() > 1 else ""
        said = f"{when}{row['estimand']} ({row['contrast']}), {where}: {numbers.p_equals(row['p_value'])}"
        notes.append(said[0].upper() + said[1:])
    return rows, title, notes


def shown_text(table: pd.DataFrame, title: str) -> str:
    """The rows of a serial analysis for a terminal."""
    rows, title, notes = shown(table, title)
    return association_text(rows, title=title, notes=notes)


def shown_html(table: pd.DataFrame, title: str) -> str:
    """The rows of a serial analysis for a notebook."""
    rows, title, notes = shown(table, title)
    return association(rows, title=title, notes=notes, following="`.table` `.flow`")


def duplicates_rule(study: Study, marker: Marker) -> str:
    """What the study declared for two specimens of one day; calls that differ have no average, and are refused."""
    rule = study.replicates.get(marker.table, "error")
    return rule if marker.quantitative or rule in ("first", "last") else "error"


def with_excluded(table: pd.DataFrame, sets: AnalysisSet, by: str | None) -> pd.DataFrame:
    """The result table with `n_excluded`: everybody of the row's group who is not among its n."""
    size = sets.members[by].astype(str).value_counts() if by in sets.members else {}
    whole = [int(size.get(c, len(sets.members))) if c != "all" else len(sets.members) for c in table["cohort"]]
    return table.assign(n_excluded=pd.array([w - int(n) for w, n in zip(whole, table["n"], strict=True)], dtype="Int64"))


def flow_of(first: AnalysisSet, then: AnalysisSet) -> AnalysisSet:
    """The exits of two steps on one ledger, each subject for its first reason, asked in the order of the vocabulary."""
    lost = {s: (gone.reason, detail) for step in (then, first) for gone in step.exits for s, detail in gone.details}
    out = AnalysisSet.of(first.members)
    for reason in FLOW:
        own = out.rows["subject"].map(lambda s: lost.get(s, ("", ""))[0])
        if (own == reason).any():
            details = out.rows["subject"].map(lambda s: lost.get(s, ("", ""))[1]).astype(str)
            out = out.keep((own != reason).to_numpy(bool), reason, details)
    return out
