"""Who is analysed, and why everybody else is not.

`AnalysisSet.keep(mask, reason)` is the only way out of an analysis. So the flow diagram cannot disagree with n: every
subject who came in is either among the rows or in exactly one exit, and the sum is asserted at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import FLOW

_ORDER = {reason: place for place, reason in enumerate(FLOW)}
FLOW_COLUMNS = ("cohort", "arm", "reason", "detail", "n_excluded", "n_left", "total")


@dataclass(frozen=True, slots=True)
class Exit:
    """Subjects that left together: the reason from the closed vocabulary, and a detail per subject."""

    reason: str
    details: tuple[tuple[str, str], ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Ids, in the order of the subjects table."""
        return tuple(subject for subject, _ in self.details)


@dataclass(frozen=True, slots=True)
class AnalysisSet:
    """Rows under analysis with the ledger of all who left.

    Parameters
    ----------
    rows : pandas.DataFrame
        Column `subject`, and whatever the analysis needs. One row per subject, or several (start-stop, stacked).
    members : pandas.DataFrame
        subject, cohort, arm of everybody who came in, one row each.
    exits : tuple of Exit
        In the order in which they happened.

    Examples
    --------
    >>> people = pd.DataFrame({"subject": ["a", "b", "c"], "cohort": ["ER+", "ER-", "ER-"]})
    >>> s = AnalysisSet.of(people).keep([True, False, True], "no_measurement")
    >>> len(s), s.excluded("no_measurement")
    (2, ['b'])
    >>> s.flow[["cohort", "reason", "n_excluded", "n_left"]]
      cohort          reason  n_excluded  n_left
    0    ER+        included           0       1
    1    ER-  no_measurement           1       1
    2    ER-        included           0       1
    """

    rows: pd.DataFrame
    members: pd.DataFrame
    exits: tuple[Exit, ...] = ()

    @classmethod
    def of(cls, rows: pd.DataFrame, members: pd.DataFrame | None = None) -> AnalysisSet:
        """Everybody, before anyone has left.

        Raises
        ------
        UseError
            A subject is listed twice among the members, or a row belongs to nobody.
        """
        people = rows if members is None else members
        people = people[[c for c in ("subject", "cohort", "arm") if c in people.columns]].reset_index(drop=True)
        twice = people["subject"][people["subject"].duplicated()]
        if len(twice):
            raise UseError(f"{len(twice)} subjects are listed twice; first {twice.iloc[0]!r}. One row per subject is needed")
        strangers = sorted(set(rows["subject"]) - set(people["subject"]))
        if strangers:
            raise UseError(f"{len(strangers)} rows belong to nobody in the set; first subject {strangers[0]!r}")
        return cls(rows.reset_index(drop=True), people)

    def __len__(self) -> int:
        return int(self.rows["subject"].nunique())

    def keep(self, mask: Sequence[bool] | pd.Series | np.ndarray, reason: str, detail: str | pd.Series = "") -> AnalysisSet:
        """The rows where `mask` holds; a subject left without a row leaves for `reason`.

        Parameters
        ----------
        mask : (n,) bool
            Aligned with `rows`.
        reason : str
            A key of `domain.flow.FLOW`. Reasons are asked in that order: the first match wins.
        detail : str or (n,) series of str
            Why in particular ("hemolyzed"), for all or for each row.

        Raises
        ------
        UseError
            Unknown reason, a reason asked out of order, or a mask of the wrong length.
        """
        if reason not in FLOW or reason == "included":
            raise UseError(f"reason {reason!r} is not in the flow vocabulary: {', '.join(r for r in FLOW if r != 'included')}")
        if self.exits and _ORDER[reason] < _ORDER[self.exits[-1].reason]:
            raise UseError(f"{reason!r} must be asked before {self.exits[-1].reason!r}: the first matching reason wins")
        kept = np.asarray(mask)
        if kept.shape != (len(self.rows),) or kept.dtype != bool:
            raise UseError(f"the mask must hold {len(self.rows)} true-or-false values, one per row")
        if kept.all():
            return self
        after = self.rows[kept].reset_index(drop=True)
        gone = self.rows[~kept].drop_duplicates("subject")
        gone = gone[~gone["subject"].isin(after["subject"])]
        details = detail.loc[gone.index].astype(str) if isinstance(detail, pd.Series) else [detail] * len(gone)
        new = replace(self, rows=after)
        if len(gone):
            new = replace(new, exits=(*self.exits, Exit(reason, tuple(zip(gone["subject"], details, strict=True)))))
        assert len(new) + sum(len(e.details) for e in new.exits) == len(self.members), "a subject is lost without a reason"
        return new

    def excluded(self, reason: str | None = None) -> list[str]:
        """Ids of those who left for `reason` (all reasons if None), in the order of the subjects table."""
        gone = {s for e in self.exits if reason in (None, e.reason) for s in e.subjects}
        return [s for s in self.members["subject"] if s in gone]

    @property
    def ledger(self) -> pd.DataFrame:
        """One row per subject who left: subject, reason, detail."""
        lines = [(s, e.reason, d) for e in self.exits for s, d in e.details]
        return pd.DataFrame(lines, columns=["subject", "reason", "detail"])

    @property
    def flow(self) -> pd.DataFrame:
        """Counts by cohort and arm: one row per reason and detail in the order of the vocabulary, `included` last."""
        people = self.members.merge(self.ledger, on="subject", how="left") if self.exits else self.members.assign(
            reason="included", detail="")
        people = people.fillna({"reason": "included", "detail": ""})
        keys = [c for c in ("cohort", "arm") if c in people.columns]
        blocks = people.groupby(keys, sort=False, dropna=False, observed=True) if keys else [((), people)]
        lines = []
        for key, block in blocks:
            left = len(block)
            counts = block.groupby(["reason", "detail"], sort=False).size()
            for reason, detail in sorted((k for k in counts.index if k[0] != "included"), key=lambda k: (_ORDER[k[0]], k[1])):
                left -= int(counts[reason, detail])
                lines.append((*key, reason, detail, int(counts[reason, detail]), left, len(block)))
            lines.append((*key, "included", "", 0, left, len(block)))
        table = pd.DataFrame(lines, columns=[*keys, *FLOW_COLUMNS[2:]])
        assert int(table["n_excluded"].sum()) + len(self) == len(self.members)
        return table
