"""What the design says where a question does not: its strata and adjusters, its groups in their order, and who each group lost.

One rule for every model, so that two questions of a plan cannot read the same design in two ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from biomarkers.study.analysis_set import AnalysisSet

if TYPE_CHECKING:
    from biomarkers.study.study import Study


def two_arms(study: Study) -> bool:
    """Whether the study has patients in more than one arm."""
    return "arm" in study.groups and bool(study.members["arm"].nunique() > 1)


def terms_of(study: Study, by: str | None, strata: Sequence[str] | None,
             adjust: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Strata and adjusters of a model.

    Parameters
    ----------
    study : Study
    by : str or None
        Column that makes the groups; it is a stratum of the pooled model and never one within a group.
    strata, adjust : sequence of str or None
        As the question has them. None takes the design's: its strata, and arm where there are two and nothing else holds it.
    """
    held = tuple(s for s in (study.design.strata if strata is None else strata) if s != by)
    if adjust is not None:
        return held, tuple(adjust)
    return held, ("arm",) if two_arms(study) and "arm" not in (by, *held) else ()


def group_order(study: Study, by: str | None, rows: pd.DataFrame) -> tuple[str, ...]:
    """The groups of a column in the order of the design; sorted where the design has none for it."""
    if by is None:
        return ()
    declared = {"cohort": study.design.cohorts, "arm": study.design.arms}.get(by, ())
    return tuple(declared) or tuple(sorted(rows[by].dropna().unique()))


def excluded_by_group(sets: AnalysisSet, groups: Iterable[str], by: str | None) -> list[int]:
    """How many of each group ("all": of everybody) are not among the rows of an analysis."""
    gone = sets.members[~sets.members["subject"].isin(sets.rows["subject"])]
    counts = gone[by].astype(str).value_counts() if by in gone else None
    return [len(gone) if group == "all" or counts is None else int(counts.get(group, 0)) for group in groups]
