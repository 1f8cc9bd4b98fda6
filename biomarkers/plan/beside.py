"""What stands beside the hazard ratios of a plan without being asked for: REMARK wants it whatever the answers are.

The markers against the declared variables and against one another (item 14), the agreement of their readers (item 5), genotype
counts against Hardy-Weinberg proportions, and each baseline marker in one model with all the standard variables, every term
shown, with what the marker adds (items 16 and 17). The likelihood-ratio tests of those models are counted in the ledger,
outside every family of the plan and unadjusted: nobody asked them beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.kernels.hardy_weinberg import hardy_weinberg
from biomarkers.models.by_variable import by_variable, marker_correlation, ranked
from biomarkers.models.design_terms import two_arms
from biomarkers.models.multivariable import ADDED, added_value_of
from biomarkers.models.selection import declared
from biomarkers.parallel import in_order
from biomarkers.plan.analysis import Analysis
from biomarkers.study.agreement import agreement
from biomarkers.study.study import Study

if TYPE_CHECKING:
    from biomarkers.plan.questions import Question

GENOTYPES = ("marker", "cohort", "level", "n", "n_known", "allele_frequency", "p_exact", "inbreeding", "conf_low", "conf_high",
             "conf_level")
FAMILY = "markers with the standard variables"
RESAMPLES = 100
"""Of the change in concordance: shown for every marker, so it must be cheap; a plan that asks for added value takes more."""


@dataclass(frozen=True)
class Beside:
    """Tables that a run has besides its answers.

    Attributes
    ----------
    by_variable : DataFrame
        `models.by_variable.by_variable`.
    correlation : DataFrame
        `models.by_variable.marker_correlation`.
    readers : DataFrame
        `study.agreement.agreement`, one row per marker that several readers scored.
    genotypes : DataFrame
        marker, cohort, level, n, n_known, allele_frequency, p_exact, inbreeding with its interval.
    multivariable, added : DataFrame
        `models.multivariable.AddedValue`: result rows of every term, and the change in concordance.
    """

    by_variable: pd.DataFrame = field(default_factory=pd.DataFrame)
    correlation: pd.DataFrame = field(default_factory=pd.DataFrame)
    readers: pd.DataFrame = field(default_factory=pd.DataFrame)
    genotypes: pd.DataFrame = field(default_factory=pd.DataFrame)
    multivariable: pd.DataFrame = field(default_factory=pd.DataFrame)
    added: pd.DataFrame = field(default_factory=pd.DataFrame)


def beside(study: Study, questions: Sequence[Analysis | Question], *, seed: int = 0, jobs: int = 1) -> Beside:
    """All of it for the baseline markers of these questions.

    Parameters
    ----------
    study : Study
    questions : sequence of Analysis or Question
        In the order of the plan.
    seed : int
        Of the resamples.
    jobs : int
        Worker processes; no table depends on it.
    """
    asked = [q for q in questions if isinstance(q, Analysis) and q.at == "baseline" and q.feature == "value"]
    names = list(dict.fromkeys(q.marker for q in asked))
    if not names:
        return Beside()
    people = ranked(study, names)
    by_level = asked[0].level
    multivariable, added = _with_standard(study, asked, seed, jobs)
    return Beside(
        by_variable(study, names, level=by_level, people=people),
        marker_correlation(study, names, level=by_level, people=people),
        _readers(study, names, by_level), _genotypes(study, names, people, by_level), multivariable, added,
    )


def standard_variables(study: Study) -> tuple[str, ...]:
    """The treatment, the strata and the covariates that the study declares: what is known without the marker."""
    return (*(["arm"] if two_arms(study) else []), *declared(study))


def _with_standard(study: Study, asked: Sequence[Analysis], seed: int, jobs: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    standard = standard_variables(study)
    if not standard:
        return pd.DataFrame(), pd.DataFrame()
    pairs = list(dict.fromkeys((q.marker, q.endpoint, q.by, q.level) for q in asked))
    found = in_order(_one_model, [(study, standard, seed, *pair) for pair in pairs], jobs=jobs)
    tables, added = ([part for part in parts if len(part)] for parts in zip(*found, strict=True))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if len(table):
        table = table.assign(analysis=table["marker"] + " with standard variables", family=FAMILY, prespecified=False)
    return table, pd.concat(added, ignore_index=True) if added else pd.DataFrame(columns=[*ADDED, "endpoint"])


def _one_model(study: Study, standard: tuple[str, ...], seed: int, marker: str, endpoint: str, by: str | None,
               level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    try:
        found = added_value_of(study, marker, standard=standard, endpoint=endpoint, by=by, strata=(), resamples=RESAMPLES,
                               seed=seed, level=level, calibrate=False)
    except UseError:                  # what the plan's own row of this marker says already: too few values, or none
        return pd.DataFrame(), pd.DataFrame()
    return found.table, found.added.assign(endpoint=endpoint.lower())


def _readers(study: Study, names: Sequence[str], level: float) -> pd.DataFrame:
    """Agreement, where a marker has reads of two readers or more on the same specimens."""
    parts = []
    for name in names:
        try:
            parts.append(agreement(study, name, level=level))
        except UseError:              # one reader, or no specimen that two scored: there is nothing to agree on
            continue
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _genotypes(study: Study, names: Sequence[str], people: pd.DataFrame, level: float) -> pd.DataFrame:
    """Counts by genotype with the exact test of Hardy-Weinberg proportions, per cohort and over all."""
    lines = []
    for name in names:
        marker = study.design.marker(name)
        if marker.kind != "genotype" or len(marker.levels) != 3:
            continue
        parts = [(c, people[people["cohort"] == c]) for c in study.design.cohorts] if "cohort" in people else []
        for cohort, part in [*parts, ("all", people)]:
            counts = [int((part[name] == copies).sum()) for copies in range(3)]
            if not sum(counts):
                continue
            test = hardy_weinberg(*counts, level=level)
            lines += [(name, cohort, words, n, sum(counts), test.q, test.p_value, test.f, test.f_low, test.f_high, level)
                      for words, n in zip(marker.levels, counts, strict=True)]
    return pd.DataFrame(lines, columns=list(GENOTYPES))
