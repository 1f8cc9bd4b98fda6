"""Everything a run found, as tidy tables. The report, the figures and the files are views of these and compute nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from biomarkers.domain.design import Design


@dataclass(frozen=True, eq=False)
class Results:
    """The outcome of a plan.

    Parameters
    ----------
    title : str
    design : Design
    plan : dict
        title, sha256, version, n_tests, multiplicity, study, path.
    table : pandas.DataFrame
        The result table: one row per term and cohort.
    flow : pandas.DataFrame
        analysis, marker, timing, cohort, arm, reason, detail, n_excluded, n_left, total.
    ledger : pandas.DataFrame
        Every test that ran: analysis, cohort, term, family, prespecified, test, p_value, p_adjusted, adjust_method,
        family_size, plan_sha256.
    curves, medians : pandas.DataFrame
        Kaplan-Meier steps and medians by declared class, per cohort.
    values : pandas.DataFrame
        Baseline marker values without subject ids.
    availability, patients, endpoints, assays, problems : pandas.DataFrame
    provenance : dict
        inputs with sha256 and size, versions, seeds, command, counts.
    """

    title: str
    design: Design
    plan: dict[str, Any]
    table: pd.DataFrame
    flow: pd.DataFrame
    ledger: pd.DataFrame
    curves: pd.DataFrame
    medians: pd.DataFrame
    values: pd.DataFrame
    availability: pd.DataFrame
    patients: pd.DataFrame
    endpoints: pd.DataFrame
    assays: pd.DataFrame
    problems: pd.DataFrame
    provenance: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Results {self.title!r}: {self.table['analysis'].nunique()} analyses, {len(self.ledger)} tests>"
