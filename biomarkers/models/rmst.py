"""`bm.rmst_difference` and `bm.survival_difference`: differences that need no proportional hazards.

The area under the survival curve to tau, and survival at fixed times; second level of the group minus the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from biomarkers.domain.errors import UseError
from biomarkers.kernels import km, rmst

from .columns import SurvivalRows, codes, column, survival_rows


@dataclass(frozen=True, repr=False)
class Comparison:
    """A difference between two groups.

    Attributes
    ----------
    table : DataFrame
        ``contrast, estimand, time, estimate, std_error, conf_low, conf_high, conf_level, statistic, p_value, n, n_events``.
    groups : DataFrame
        The same estimand in each group (and stratum).
    notes : tuple of str
    """

    table: pd.DataFrame
    groups: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def estimate(self) -> float:
        """The first row's estimate."""
        return float(self.table["estimate"].iloc[0])

    @property
    def std_error(self) -> float:
        """The first row's standard error."""
        return float(self.table["std_error"].iloc[0])

    @property
    def p_value(self) -> float:
        """The first row's p-value."""
        return float(self.table["p_value"].iloc[0])

    def __repr__(self) -> str:
        return "\n".join([self.table.to_string(index=False, float_format=lambda v: f"{v:.4g}"), *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return self.table.to_html(index=False, float_format=lambda v: f"{v:.4g}", border=0) + (
            f"<ul>{notes}</ul>" if notes else ""
        )


def rmst_difference(
    frame: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    tau: float,
    strata: str | Sequence[str] = (),
    level: float = 0.95,
) -> Comparison:
    """Difference of restricted mean survival times to `tau`, second level minus first.

    Parameters
    ----------
    frame : DataFrame
    time, event, group : str
        Two groups.
    tau : float
        Not beyond the last time of the shorter curve, unless it has reached 0.
    strata : str or list of str
        The strata's differences are averaged by their subjects.
    level : float

    Returns
    -------
    Comparison
        `.estimate`, `.std_error`, limits and P, with both means in `.table`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [1, 2, 3, 4, 2, 4, 5, 6], "d": 1, "arm": list("AAAABBBB")})
    >>> rmst_difference(frame, "t", "d", "arm", tau=4).estimate
    1.0
    """
    rows, found, labels = _two_groups(frame, time, event, group, strata)
    pairs, parts = [], []
    strata_codes = np.zeros(rows.n, dtype=np.int64) if rows.stratum is None else rows.stratum
    names_of = rows.stratum_names or ("all",)
    skipped = []
    for g, name in enumerate(names_of):
        here = strata_codes == g
        sides = [here & (found == k) for k in (0, 1)]
        if not all(side.any() for side in sides):
            skipped.append(f"{name} ({int(here.sum())} subjects)")
            continue
        curves = [_curve(rows, side) for side in sides]
        pairs.append((curves[0], curves[1]))
        for label, curve in zip(labels, curves, strict=True):
            try:
                area, error = curve.rmst(tau)
            except ValueError as problem:
                where = f" in {label}" + (f", {name}" if name != "all" else "")
                raise UseError(f"{problem}{where}") from None
            parts.append({"stratum": name, "group": label, "time": tau, "rmst": area, "std_error": error, "n": curve.n})
    if not pairs:
        raise UseError("no stratum has both groups: nothing can be compared within strata.")
    made = rmst.rmst_difference(pairs, tau, level=level)
    notes = list(rows.notes)
    if skipped:
        notes.append(f"Left out, one group only: {'; '.join(skipped)}.")
    table = _table([(tau, made)], labels, "RMST difference", level, rows)
    return Comparison(table, pd.DataFrame(parts), tuple(notes))


def survival_difference(
    frame: pd.DataFrame, time: str, event: str, group: str, *, at: ArrayLike, level: float = 0.95
) -> Comparison:
    """Survival of two groups compared at fixed times, second level minus first.

    The interval is of the difference; the p-value is of the complementary log-log difference, which keeps its size in
    small samples (Klein et al. 2007).

    Parameters
    ----------
    frame : DataFrame
    time, event, group : str
    at : float or sequence of float
    level : float

    Returns
    -------
    Comparison
        `.estimate`, `.std_error`, limits and P, one row per time in `.table`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [1, 2, 3, 4, 2, 4, 5, 6], "d": 1, "arm": list("AAAABBBB")})
    >>> survival_difference(frame, "t", "d", "arm", at=3).estimate
    0.5
    """
    rows, found, labels = _two_groups(frame, time, event, group, ())
    curves = [_curve(rows, found == k) for k in (0, 1)]
    times = np.atleast_1d(np.asarray(at, dtype=np.float64))
    for label, curve in zip(labels, curves, strict=True):
        if (times > curve.time[-1]).any() and curve.survival[-1] > 0:
            raise UseError(
                f"survival of {label} is not known at {times.max():g}: its follow-up ends at {curve.time[-1]:g}."
            )
    made = [(float(t), rmst.survival_difference(curves[0], curves[1], float(t), level=level)) for t in times]
    parts = []
    for label, curve in zip(labels, curves, strict=True):
        n_risk, survival, error, low, high = curve.at(times)
        parts.append(
            pd.DataFrame(
                {"group": label, "time": times, "n_risk": n_risk, "survival": survival, "std_error": error,
                 "conf_low": low, "conf_high": high}
            )
        )  # fmt: skip
    return Comparison(
        _table(made, labels, "survival difference", level, rows), pd.concat(parts, ignore_index=True), rows.notes
    )


def _two_groups(
    frame: pd.DataFrame, time: str, event: str, group: str, strata: str | Sequence[str]
) -> tuple[SurvivalRows, NDArray[np.int64], list[object]]:
    rows = survival_rows(frame, time, event, strata=strata, extra=(group,))
    found, labels = codes(column(frame, group)[rows.kept])
    if len(labels) != 2:
        raise UseError(
            f"group {group!r} has {len(labels)} level(s) in these {rows.n} rows ({', '.join(map(str, labels[:6]))}): "
            "the difference is between two."
        )
    return rows, found, labels


def _curve(rows: SurvivalRows, here: NDArray[np.bool_]) -> km.Curve:
    return km.kaplan_meier(rows.time[here], rows.event[here])


def _table(
    made: list[tuple[float, rmst.Difference]], labels: list[object], estimand: str, level: float, rows: SurvivalRows
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "contrast": f"{labels[1]} - {labels[0]}",
                "estimand": estimand,
                "time": at,
                "estimate": d.estimate,
                "std_error": d.std_error,
                "conf_low": d.low,
                "conf_high": d.high,
                "conf_level": level,
                "statistic": d.statistic,
                "p_value": d.p_value,
                "n": rows.n,
                "n_events": rows.n_events,
            }
            for at, d in made
        ]
    )
