"""Patients over time, for the pictures of a report: trajectories of quantities, lanes of calls, curves by genotype.

Patients are numbered in the order of the study, so no picture of a run, and nothing made from one, can carry an identifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import LOCI
from biomarkers.genotype.quality import v_fraction
from biomarkers.models.over_time import best_change, genotype_curves, lanes, trajectories
from biomarkers.plan.analysis import Analysis
from biomarkers.study.study import Study

if TYPE_CHECKING:
    from biomarkers.plan.questions import Question

FEWEST = 3
"""Patients with two values or more below whom there are no trajectories."""
BALANCE = ("locus", "cohort", "arm", "dp", "v_fraction", "call", "reason")
NAMING = ("specimen", "site", "source_file", "source_row")
"""Columns that could lead back to a patient."""


@dataclass(frozen=True)
class Patients:
    """One table per marker; `subject` is a number.

    Attributes
    ----------
    trajectories, changes : dict of marker to DataFrame
        `models.over_time.trajectories` of a quantity, and the `best_change` of each patient.
    lanes : dict of marker to DataFrame
        `models.over_time.lanes` of a call.
    genotypes : dict of (marker, endpoint) to DataFrame
        `models.over_time.genotype_curves`.
    balance : dict of marker to DataFrame
        The reads behind each call, where the calls tell them: locus, cohort, arm, dp, v_fraction, call, reason.
    """

    trajectories: dict[str, pd.DataFrame] = field(default_factory=dict)
    changes: dict[str, pd.DataFrame] = field(default_factory=dict)
    lanes: dict[str, pd.DataFrame] = field(default_factory=dict)
    genotypes: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    balance: dict[str, pd.DataFrame] = field(default_factory=dict)


def patients_over_time(study: Study, questions: Sequence[Analysis | Question]) -> Patients:
    """Every quantity and call that a question asks after baseline, and every genotype.

    Parameters
    ----------
    study : Study
    questions : sequence of Analysis or Question
    """
    numbers = {subject: i for i, subject in enumerate(study.members["subject"], start=1)}
    found = Patients()
    for question in questions:
        try:
            _add(found, study, question, numbers)
        except UseError:              # a marker without draws over time has nothing to follow
            continue
    return found


def _add(found: Patients, study: Study, question: Analysis | Question, numbers: Mapping[str, int]) -> None:
    marker, endpoint = study.design.marker(question.marker), question.endpoint.lower()
    at_baseline = isinstance(question, Analysis) and question.at == "baseline"
    if marker.kind == "genotype":
        if (marker.name, endpoint) not in found.genotypes:
            found.genotypes[marker.name, endpoint] = genotype_curves(study, marker.name, endpoint=question.endpoint)
        if marker.name not in found.balance and len(reads := _balance(study, marker.name)):
            found.balance[marker.name] = reads
    elif marker.quantitative and not at_baseline and marker.name not in found.trajectories:
        table = trajectories(study, marker.name, endpoint=question.endpoint)
        if table.loc[table["day"].notna(), "subject"].value_counts().ge(2).sum() >= FEWEST:
            found.trajectories[marker.name] = _numbered(table, numbers)
            found.changes[marker.name] = _numbered(best_change(table), numbers)
    elif marker.kind in ("call", "binary") and not at_baseline and marker.name not in found.lanes:
        found.lanes[marker.name] = _numbered(lanes(study, marker.name, endpoint=question.endpoint), numbers)


def _balance(study: Study, marker: str) -> pd.DataFrame:
    """Reads of both alleles of each sample at the marker's locus, without its name; empty where no call tells them."""
    calls = study.genotypes
    rows = calls[calls["marker"].eq(marker).fillna(False)] if {"marker", "ad_ref", "ad_alt"} <= set(calls) else calls[:0]
    ids = rows["locus"].dropna().unique()
    if len(ids) != 1 or ids[0] not in LOCI or not (rows["ad_ref"].notna() & rows["ad_alt"].notna()).any():
        return pd.DataFrame()
    people = study.analysable
    people = people[["subject", *[c for c in ("cohort", "arm") if c in people]]]
    rows = rows.fillna({"note": "", "ref": "", "call": "", "reason": ""}).merge(people, on="subject", validate="many_to_one")
    rows = rows.assign(v_fraction=v_fraction(LOCI[ids[0]], rows))
    return rows[[c for c in BALANCE if c in rows]]


def _numbered(table: pd.DataFrame, numbers: Mapping[str, int]) -> pd.DataFrame:
    """Subjects as numbers, and without what could name one."""
    kept = table.drop(columns=[c for c in NAMING if c in table])
    return kept.assign(subject=kept["subject"].map(numbers))
