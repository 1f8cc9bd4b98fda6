"""`bm.max_selected`: the best cut-point of a marker with the p-value of having searched for it.

No hazard ratio stands beside a searched cut: it would be 1.6 to 2.3 on average where nothing is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.kernels import maxstat as kernel

from .columns import survival_rows


@dataclass(frozen=True, repr=False)
class MaxSelected:
    """A maximally selected log-rank statistic.

    Attributes
    ----------
    marker : str
    statistic : float
    cutpoint : float
        At or below against above.
    p_values : dict
        "lau92", "lau94", "hl", "permutation"; NaN where not computed (the first three need one stratum).
    n, n_events, n_dropped : int
    notes : tuple of str
    """

    marker: str
    solution: kernel.MaxSelectedStatistic
    n_dropped: int
    notes: tuple[str, ...]

    @property
    def statistic(self) -> float:
        """Largest standardised statistic."""
        return self.solution.statistic

    @property
    def cutpoint(self) -> float:
        """At or below against above."""
        return self.solution.cutpoint

    @property
    def p_values(self) -> dict[str, float]:
        """p of the search, by method."""
        return dict(self.solution.p_values)

    @property
    def n(self) -> int:
        """Subjects."""
        return self.solution.n

    @property
    def n_events(self) -> int:
        """Events."""
        return self.solution.n_events

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every cut looked at: ``cutpoint, statistic``."""
        return pd.DataFrame({"cutpoint": self.solution.cuts, "statistic": self.solution.statistics})

    def __repr__(self) -> str:
        known = ", ".join(f"{name} {p:.4g}" for name, p in self.p_values.items() if p == p)
        head = (
            f"Maximally selected log-rank statistic of {self.marker}: {self.statistic:.4f} at <= {self.cutpoint:g} "
            f"({len(self.solution.cuts)} cuts, n = {self.n}, events = {self.n_events})"
        )
        return "\n".join([head, f"p of the search: {known or 'ask for permutations'}", *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        return "".join(f"<p>{escape(line)}</p>" for line in repr(self).splitlines())


def max_selected(
    frame: pd.DataFrame,
    time: str,
    event: str,
    marker: str,
    *,
    strata: str | Sequence[str] = (),
    minprop: float = 0.1,
    maxprop: float = 0.9,
    permutations: int = 0,
    seed: int = 0,
) -> MaxSelected:
    """Search the cut-point that separates survival most; the p-value pays for the search.

    Parameters
    ----------
    frame : DataFrame
    time, event, marker : str
        One number per subject.
    strata : str or list of str
        Scores and permutations stay within strata; the p is then the permutation's.
    minprop, maxprop : float
        Share of subjects at or below the smallest and the largest cut.
    permutations : int
        B of the permutation p.
    seed : int

    Returns
    -------
    MaxSelected
        `.cutpoint`, `.statistic`, `.p_values`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [2, 3, 4, 5, 8, 9, 11, 12], "d": 1, "tk1": [9, 8, 7, 8, 2, 3, 1, 2.5]})
    >>> search = max_selected(frame, "t", "d", "tk1")
    >>> search.cutpoint, round(search.p_values["hl"], 3)
    (3.0, 0.379)
    """
    if not 0 <= minprop < maxprop <= 1:
        raise UseError(f"minprop = {minprop!r} and maxprop = {maxprop!r}: they must satisfy 0 <= minprop < maxprop <= 1.")
    if permutations < 0:
        raise UseError(f"permutations = {permutations!r} must be 0 or more.")
    rows = survival_rows(frame, time, event, terms=(marker,), strata=strata)
    if rows.terms[0].is_factor:
        raise UseError(f"{marker!r} is a factor: a cut-point needs a number.")
    try:
        solution = kernel.max_selected(
            rows.time,
            rows.event,
            rows.terms[0].X[:, 0],
            stratum=rows.stratum,
            minprop=minprop,
            maxprop=maxprop,
            permutations=permutations,
            seed=seed,
        )
    except ValueError as error:
        raise UseError(str(error)) from None
    notes = list(rows.notes)
    if rows.stratum is not None and not permutations:
        notes.append("With strata only the permutation p is defined: set permutations=9999.")
    notes.append("No hazard ratio is given beside a searched cut: it would be biased away from 1.")
    return MaxSelected(marker, solution, rows.n_dropped, tuple(notes))
