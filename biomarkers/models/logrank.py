"""`bm.logrank` and `bm.mantel_byar`: the log-rank family on a frame, with a direction where there are two groups.

z = (E1 - O1)/sqrt(V), group 1 = the second level: positive means that the second level does better. Mantel and Byar's
test is the log-rank test of a group that subjects join during follow-up, on (entry, time] rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.kernels import logrank as kernel

from .columns import codes, column, survival_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class LogRank:
    """A log-rank test.

    Attributes
    ----------
    groups : tuple
        Levels in their order.
    n : (G,) int
        Rows in each.
    observed, expected : (G,) float
    variance : (G, G) float
    z : float
        Signed, positive = the second group does better; NaN for more than two groups.
    chi2, df, p_value : float, int, float
        `p_value` is that of `alternative`.
    alternative : str
        "two-sided", "greater" (the second group does better), "less".
    test : str
        Which member of the family.
    """

    groups: tuple[object, ...]
    n: NDArray[np.int64]
    observed: Floats
    expected: Floats
    variance: Floats
    z: float
    chi2: float
    df: int
    p_value: float
    alternative: str
    test: str
    n_dropped: int
    notes: tuple[str, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per group: ``group, n, observed, expected``."""
        return pd.DataFrame(
            {"group": list(self.groups), "n": self.n, "observed": self.observed, "expected": self.expected}
        )

    @property
    def log_hazard_ratio(self) -> tuple[float, float]:
        """One-step (Peto) log hazard ratio of the second group against the first, and its standard error."""
        if len(self.groups) != 2 or self.variance[1, 1] <= 0:
            return float("nan"), float("nan")
        v = float(self.variance[1, 1])
        return float(self.observed[1] - self.expected[1]) / v, v**-0.5

    @property
    def _body(self) -> pd.DataFrame:
        """As it is shown: who moves between states is counted once per stretch of time."""
        return self.table.rename(columns={"n": "intervals"} if self.test.startswith("Mantel-Byar") else {})

    def __repr__(self) -> str:
        body = self._body.to_string(index=False, float_format=lambda v: f"{v:.4g}")
        z = f"z = {self.z:.4g} (positive: {self.groups[1]} does better), " if len(self.groups) == 2 else ""
        tail = f"{z}chi2 = {self.chi2:.4g} on {self.df} df, p = {self.p_value:.4g} ({self.alternative})"
        return "\n".join([self.test, body, tail, *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        first, *_ = repr(self).splitlines()
        tail = repr(self).splitlines()[1 + len(self.groups) + 1 :]
        body = self._body.to_html(index=False, float_format=lambda v: f"{v:.4g}", border=0)
        return f"<p><b>{escape(first)}</b></p>{body}<p>{'<br>'.join(map(escape, tail))}</p>"


def logrank(
    frame: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    strata: str | Sequence[str] = (),
    rho: float = 0.0,
    alternative: str = "two-sided",
) -> LogRank:
    """Log-rank test of two or more groups, stratified where asked.

    Parameters
    ----------
    frame : DataFrame
    time, event, group : str
        The group's levels in their order: text sorted, a Categorical as it is.
    strata : str or list of str
    rho : float
        Fleming-Harrington weight S(t-)^rho: 0 is the log-rank test, 1 Peto and Peto's.
    alternative : {"two-sided", "greater", "less"}
        "greater": the second group does better. Only with two groups.

    Returns
    -------
    LogRank
        `.z` (two groups), `.chi2`, `.df`, `.p_value`, `.observed`, `.expected`, `.variance`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [1, 2, 3, 4, 5, 6], "d": 1, "arm": list("AAABBB")})
    >>> test = logrank(frame, "t", "d", "arm", alternative="greater")
    >>> round(test.z, 4), round(test.p_value, 4)
    (2.2476, 0.0123)
    """
    name = "Log-rank test" if rho == 0 else f"Fleming-Harrington test, rho = {rho:g}"
    return _test(frame, time, event, group, strata=strata, rho=rho, alternative=alternative, entry=None, name=name)


def mantel_byar(
    frame: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    entry: str,
    strata: str | Sequence[str] = (),
    alternative: str = "two-sided",
) -> LogRank:
    """Log-rank test of a state that subjects enter during follow-up (Mantel and Byar, 1974).

    Parameters
    ----------
    frame : DataFrame
        One row per (entry, time] interval in one state.
    time, event, group, entry : str
    strata : str or list of str
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    LogRank

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"start": [0, 0, 0, 2], "stop": [3, 4, 2, 5], "d": [1, 1, 0, 1], "on": [0, 0, 0, 1]})
    >>> round(float(mantel_byar(frame, "stop", "d", "on", entry="start").expected[1]), 4)
    1.8333
    """
    return _test(
        frame, time, event, group, strata=strata, rho=0.0, alternative=alternative, entry=entry, name="Mantel-Byar test"
    )


def _test(
    frame: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    strata: str | Sequence[str],
    rho: float,
    alternative: str,
    entry: str | None,
    name: str,
) -> LogRank:
    rows = survival_rows(frame, time, event, entry=entry, strata=strata, extra=(group,))
    found, levels = codes(column(frame, group)[rows.kept])
    if len(levels) < 2:
        only = f"{levels[0]!r}" if levels else "nothing"
        raise UseError(f"group {group!r} has one level in these {rows.n} rows ({only}): there is nothing to compare.")
    try:
        solution = kernel.logrank(
            rows.time, rows.event, found, n_groups=len(levels), entry=rows.entry, stratum=rows.stratum, rho=rho
        )
        p = solution.p_value(alternative)
    except ValueError as error:
        raise UseError(str(error)) from None
    strata_note = f", {len(rows.stratum_names)} strata" if rows.stratum_names else ""
    return LogRank(
        groups=tuple(levels), n=solution.n, observed=solution.observed, expected=solution.expected,
        variance=solution.variance, z=solution.z, chi2=solution.chi2, df=solution.df, p_value=p,
        alternative=alternative, test=f"{name}{strata_note}", n_dropped=rows.n_dropped, notes=rows.notes,
    )  # fmt: skip
