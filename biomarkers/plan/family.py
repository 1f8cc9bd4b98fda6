"""Max-T for the families of a plan: the tests of a family share their permutations, so correlated markers cost less than Holm.

A family's tests are gathered from the fits that gave its rows; values below a limit stand at it, because an imputation knows
the outcome and may not be permuted. Where a row has no such fit (a difference between groups, a test of assumptions), its whole
family falls back to Holm, and the ledger says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.domain.states import is_subgroup
from biomarkers.kernels.adjust import adjust
from biomarkers.kernels.family import Member, max_t_family
from biomarkers.kernels.riskset import merge_near_ties, risk_sets
from biomarkers.kernels.scan import null_model
from biomarkers.models.association import COVARIATE, HAZARD_RATIO
from biomarkers.models.cox import CoxFit

if TYPE_CHECKING:
    from biomarkers.plan.analysis import Association

TESTED = (HAZARD_RATIO, "joint test")
"""Estimands of the rows that ask for an association; all others are differences and checks."""


@dataclass(frozen=True)
class FamilyTest:
    """What a permutation needs of one row: its subjects, their follow-up, the covariate, and what is adjusted for.

    Attributes
    ----------
    analysis, cohort : str
        The row of the result table.
    subject : (n,) array of str
    strata : tuple of str
        Columns of the strata.
    stratum : (n,) array of str
        Their crossed labels.
    time, event : (n,)
    x : (n, q)
        The marker: one column, or several that are tested together.
    entry : (n,) or None
    adjusters : (n, p)
    """

    analysis: str
    cohort: str
    subject: np.ndarray
    strata: tuple[str, ...]
    stratum: np.ndarray
    time: np.ndarray
    event: np.ndarray
    x: np.ndarray
    entry: np.ndarray | None
    adjusters: np.ndarray


def family_tests(answer: Association) -> list[FamilyTest]:
    """The permutable tests behind an association's rows, one row per subject each."""
    analysis = str(answer.table["analysis"].iloc[0])
    subjects = answer.sets.rows["subject"].to_numpy(str)
    return [_test(analysis, cohort, fit, subjects) for cohort, fit in answer.fits.items()
            if isinstance(fit, CoxFit) and not any(":" in name for name in fit.blocks)]


def _test(analysis: str, cohort: str, fit: CoxFit, subjects: np.ndarray) -> FamilyTest:
    rows = fit.rows
    labels = np.array(rows.stratum_names or ("",))
    columns = {term.name: term.X for term in rows.terms}
    marker = [X for name, X in columns.items() if name.startswith(COVARIATE)]
    others = [X for name, X in columns.items() if not name.startswith(COVARIATE)]
    return FamilyTest(
        analysis, cohort, subjects[fit.frame_index[rows.kept].to_numpy()], fit.strata,
        labels[rows.stratum if rows.stratum is not None else np.zeros(rows.n, dtype=int)], rows.time, rows.event,
        np.column_stack(marker), rows.entry, np.column_stack(others) if others else np.empty((rows.n, 0)),
    )


@dataclass(frozen=True)
class MaxTFamilies:
    """Adjusts the rows of a family by max-T; callable, so that the ledger need not know how.

    Attributes
    ----------
    tests : mapping of (analysis, cohort) to FamilyTest
    permutations, seed : int
    """

    tests: Mapping[tuple[str, str], FamilyTest]
    permutations: int
    seed: int

    @classmethod
    def of(cls, tests: Sequence[FamilyTest], *, permutations: int, seed: int) -> MaxTFamilies:
        """From the tests of every answer."""
        return cls({(t.analysis, t.cohort): t for t in tests}, permutations, seed)

    def __call__(self, rows: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Adjusted P of the rows of one family, and the method for the ledger."""
        found = [self.tests.get((r.analysis, r.cohort)) if r.estimand in TESTED and not is_subgroup(r.note) else None
                 for r in rows.itertuples()]
        twice = rows.duplicated(["analysis", "cohort"]).any()
        missing = rows.loc[[t is None for t in found], "analysis"]
        if twice or len(missing) or not self.permutations:
            which = rows["analysis"].iloc[0] if not len(missing) else missing.iloc[0]
            return adjust(rows["p_value"].to_numpy(float), "holm"), f"holm ({which}: nothing to permute)"
        tests = [t for t in found if t is not None]
        return family_p(tests, permutations=self.permutations, seed=self.seed), f"max-T, B = {self.permutations}"


def family_p(tests: Sequence[FamilyTest], *, permutations: int, seed: int = 0) -> np.ndarray:
    """Step-down max-T adjusted P of each test, in their order.

    Parameters
    ----------
    tests : sequence of FamilyTest
    permutations, seed : int
    """
    people = np.unique(np.concatenate([t.subject for t in tests]))
    number = {subject: i for i, subject in enumerate(people)}
    block = _blocks(tests, number)
    members = []
    for test in tests:
        who = np.array([number[s] for s in test.subject])
        times = merge_near_ties(test.time, test.entry)
        codes = np.unique(test.stratum, return_inverse=True)[1].reshape(-1)
        rs = risk_sets(times.exit, test.event, entry=times.entry, stratum=codes, tiebreak=np.column_stack([test.x, who]))
        null = null_model(rs, test.adjusters[rs.order] if test.adjusters.shape[1] else None)
        members.append(Member(null, test.x[rs.order], who[rs.order]))
    return max_t_family(members, block, permutations=permutations, seed=seed).p_step_down


def _blocks(tests: Sequence[FamilyTest], number: Mapping[str, int]) -> np.ndarray:
    """The coarsest blocks that every test's strata respect: all stratifications in use, crossed."""
    labels: dict[tuple[str, ...], np.ndarray] = {}
    for test in tests:
        column = labels.setdefault(test.strata, np.full(len(number), "", dtype=object))
        column[[number[s] for s in test.subject]] = test.stratum
    crossed = ["\x1f".join(map(str, row)) for row in zip(*labels.values(), strict=True)]
    return np.unique(crossed, return_inverse=True)[1].reshape(-1)
