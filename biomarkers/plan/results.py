"""Everything a run found, as tidy tables. The report, the figures and the files are views of these and compute nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.errors import UseError
from biomarkers.models.results_table import result_table
from biomarkers.plan.beside import Beside
from biomarkers.plan.mrd_dynamics import Dynamics
from biomarkers.plan.multiplicity import adjusted
from biomarkers.plan.patients import Patients
from biomarkers.plan.pictures import Pictures
from biomarkers.trial.opening import Account

if TYPE_CHECKING:
    from biomarkers.plan.analysis import Association


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
    detectable : pandas.DataFrame
        The hazard ratio each row could detect, by formula and simulated (`plan.power`).
    specimens : pandas.DataFrame
        Known against unknown, per baseline marker (`models.selection`).
    sensitivity : pandas.DataFrame
        Specification curves of the analyses that ask for one (`plan.sensitivity`).
    amendments : pandas.DataFrame
        Differences from the plan that this one amends (`plan.amendments`).
    beside : Beside
        Markers by variable, agreement of readers, genotype counts, models with the standard variables (`plan.beside`).
    trial : Account
        The trial's own endpoints (`trial.account`); empty where study.toml has no `[trial]`.
    over_time : Patients
        Patients over time, numbered and not named (`plan.patients`).
    more : dict
        Tables that one kind of question alone has, by "id: name".
    pictures : Pictures
        Tables behind the pictures of the models: splines, residuals, calibration, states (`plan.pictures`).
    mrd : Dynamics
        Calls, moves, lead times and states of questions about MRD (`plan.mrd_dynamics`).
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
    detectable: pd.DataFrame = field(default_factory=pd.DataFrame)
    specimens: pd.DataFrame = field(default_factory=pd.DataFrame)
    sensitivity: pd.DataFrame = field(default_factory=pd.DataFrame)
    amendments: pd.DataFrame = field(default_factory=pd.DataFrame)
    beside: Beside = field(default_factory=Beside)
    trial: Account = field(default_factory=Account)
    over_time: Patients = field(default_factory=Patients)
    more: dict[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=Pictures)
    mrd: Dynamics = field(default_factory=Dynamics)

    def including(self, *answers: Association) -> Results:
        """These results with questions asked outside the plan: their rows, flows and every one of their tests, as exploratory.

        Parameters
        ----------
        answers : Association
            From a notebook. Their rows keep their raw P, are counted, and change nothing in the plan's families.

        Raises
        ------
        UseError
            An answer of a plan: it is among the results already.
        """
        table = pd.concat([answer.table for answer in answers], ignore_index=True) if answers else self.table[:0]
        if table["prespecified"].any():
            raise UseError("an answer of a plan is among the results already; include what was asked outside it")
        table, ledger = adjusted(table, "none", self.plan.get("sha256", ""))
        whole = result_table([*self.table.to_dict("records"), *table.to_dict("records")])
        whole.attrs |= self.table.attrs
        counted = pd.concat([part for part in (self.ledger, ledger) if len(part)], ignore_index=True)
        flows = pd.concat([self.flow, *(answer.flow for answer in answers)], ignore_index=True)
        return replace(self, table=whole, ledger=counted, flow=flows, plan=self.plan | {"n_tests": len(counted)})

    def __repr__(self) -> str:
        return f"<Results {self.title!r}: {self.table['analysis'].nunique()} analyses, {len(self.ledger)} tests>"
