"""Every check across rows and across tables, in one registry; each names file, line, column, subject, value and remedy.

A check never repairs. It reports, and where a row must not be used but need not stop the run it says so in that row's
`excluded` (a code of `flow.FLOW` or `flow.MISSING_REASONS`) and `excluded_why`. An exact repeat of a row is taken out once it
is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.problems import Problem, sort
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import Source
from biomarkers.study.checks import assays, blood, clinic, draws, genotypes, identities, outcomes, reported, tissue
from biomarkers.study.checks.facts import Facts

Check = Callable[[Facts], None]

CHECKS: dict[str, Check] = {
    "repeated rows": identities.repeated_rows,
    "subject identifiers": identities.identifiers,
    "subjects twice": identities.subjects_twice,
    "near-miss and unknown identifiers": identities.unknown_subjects,
    "specimens unknown or twice": identities.specimens,
    "levels of the design": identities.levels,
    "one coding per stratum": identities.codings,
    "missing covariates": identities.missing_covariates,
    "eligibility": identities.eligibility,
    "arms and cohorts in the data": identities.design_in_data,
    "times": outcomes.times,
    "event on day 0": outcomes.event_on_day_zero,
    "unit of time": outcomes.unit_of_time,
    "event and its type": outcomes.event_and_type,
    "inverted coding": outcomes.inverted_coding,
    "number of events": outcomes.events,
    "survival longer than progression-free": outcomes.os_and_pfs,
    "cut-off": outcomes.cutoff,
    "last negative assessment": outcomes.last_negative,
    "restart of therapy": outcomes.restart,
    "who has an outcome": outcomes.without_outcome,
    "day missing": draws.day_missing,
    "label against day": draws.labels,
    "two baselines": draws.two_baselines,
    "draws and the end of follow-up": draws.after_the_end,
    "biopsies": draws.biopsies,
    "delivered twice at another scale": assays.two_scales,
    "two values for one draw": assays.duplicates,
    "quality gates": assays.gates,
    "material": assays.matrix,
    "one assay per marker": assays.one_assay,
    "versions": assays.versions,
    "fractions among percentages": assays.fractions,
    "markers without a value": assays.all_missing,
    "evaluable and blank": tissue.blank_evaluable,
    "consensus reads": tissue.consensus,
    "counted areas": tissue.areas,
    "density against count": tissue.densities,
    "pile-up at the limit": blood.pile_up,
    "replicates": blood.replicates,
    "lots": blood.lots,
    "calls and levels": blood.calls_and_levels,
    "undetected baseline": blood.undetected_baseline,
    "delivered changes": blood.delivered_changes,
    "compositions": blood.compositions,
    "genotypes": genotypes.conflicts,
    "therapy": reported.therapy,
    "patient-reported scores": reported.scores,
    "versions of questionnaires": clinic.versions,
    "responses": clinic.responses,
    "adverse events": clinic.adverse_events,
}
"""Name to check, in the order in which they run: identities first, since the others follow subjects through tables."""


def check(
    tables: Mapping[str, pd.DataFrame], design: Design, sources: Sequence[Source]
) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    """Run every check.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Canonical tables, as `readers.tables.read_tables` gives them; they are not changed.
    design : Design
    sources : sequence of Source
        The declarations of study.toml.

    Returns
    -------
    tables : dict of str to DataFrame
        The same with `excluded` and `excluded_why` filled where a row may not be used.
    problems : list of Problem
        Errors first.
    """
    facts = Facts({name: tables[name].copy() for name in TABLES if name in tables}, design, sources)
    for run in CHECKS.values():
        run(facts)
    return facts.tables, sort(facts.found.all())
