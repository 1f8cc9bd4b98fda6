"""`bm.cumulative_incidence`: Aalen-Johansen curves of competing events, and Gray's test between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from biomarkers.domain.errors import UseError
from biomarkers.kernels import competing as kernel

from .columns import column, factor_levels, is_factor, names, numbers, survival_rows
from .km import Group, _groups

CENSORED = ("", "0", "censor", "censored", "none")
"""Words of an event type that mean no event, whatever their case."""


@dataclass(frozen=True, repr=False)
class CumulativeIncidenceCurves:
    """Cumulative incidence of each event type in each group.

    Attributes
    ----------
    event_types : tuple
        In their order.
    curves : dict
        Group to `kernels.competing.CumulativeIncidence`.
    table : DataFrame
        ``(by), event_type, time, n_risk, n_event, incidence, std_error, conf_low, conf_high, conf_level``.
    """

    by: tuple[str, ...]
    event_types: tuple[object, ...]
    curves: dict[Group, kernel.CumulativeIncidence]
    level: float
    n_dropped: int
    notes: tuple[str, ...]
    _time: NDArray[np.float64]
    _cause: NDArray[np.int64]
    _group: NDArray[np.int64]
    _delayed: bool

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every curve at every time; see the class."""
        parts = []
        for group, c in self.curves.items():
            for k, kind in enumerate(self.event_types):
                parts.append(
                    pd.DataFrame(
                        {
                            **dict(zip(self.by, group, strict=True)),
                            "event_type": kind,
                            "time": c.time,
                            "n_risk": c.at_risk,
                            "n_event": c.events[:, k],
                            "incidence": c.incidence[:, k],
                            "std_error": c.std_error[:, k],
                            "conf_low": c.low[:, k],
                            "conf_high": c.high[:, k],
                            "conf_level": self.level,
                        }
                    )
                )
        return pd.concat(parts, ignore_index=True)

    def at(self, times: ArrayLike) -> pd.DataFrame:
        """Incidence at given times: ``(by), event_type, time, incidence, std_error, conf_low, conf_high, conf_level``."""
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        parts = []
        for group, c in self.curves.items():
            F, error, low, high = c.at(t)
            for k, kind in enumerate(self.event_types):
                parts.append(
                    pd.DataFrame(
                        {
                            **dict(zip(self.by, group, strict=True)),
                            "event_type": kind,
                            "time": t,
                            "incidence": F[:, k],
                            "std_error": error[:, k],
                            "conf_low": low[:, k],
                            "conf_high": high[:, k],
                            "conf_level": self.level,
                        }
                    )
                )
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def gray(self) -> pd.DataFrame:
        """Gray's test between the groups, per event type: ``event_type, statistic, df, p_value``."""
        if len(self.curves) < 2:
            raise UseError("Gray's test compares groups: name them with `by`.")
        if self._delayed:
            raise UseError("Gray's test here takes rows from time 0; with delayed entry compare cause-specific hazards.")
        found = [kernel.gray_test(self._time, self._cause, self._group, of=k + 1) for k in range(len(self.event_types))]
        return pd.DataFrame(
            {
                "event_type": list(self.event_types),
                "statistic": [test.statistic for test in found],
                "df": [test.df for test in found],
                "p_value": [test.p_value for test in found],
            }
        )

    def __repr__(self) -> str:
        last = self.table.groupby([*self.by, "event_type"], sort=False).tail(1)
        shown = last[[*self.by, "event_type", "time", "incidence", "std_error"]]
        body = shown.to_string(index=False, float_format=lambda v: f"{v:.4g}")
        return "\n".join(["Cumulative incidence (Aalen-Johansen) at the end of follow-up", body, *self.notes])

    def _repr_html_(self) -> str:
        last = self.table.groupby([*self.by, "event_type"], sort=False).tail(1)
        return "<p><b>Cumulative incidence</b> (Aalen-Johansen) at the end of follow-up</p>" + last.to_html(
            index=False, float_format=lambda v: f"{v:.4g}", border=0
        )


def cumulative_incidence(
    frame: pd.DataFrame,
    time: str,
    event_type: str,
    *,
    by: str | Sequence[str] = (),
    entry: str | None = None,
    level: float = 0.95,
) -> CumulativeIncidenceCurves:
    """Cumulative incidence of competing events.

    Parameters
    ----------
    frame : DataFrame
    time : str
    event_type : str
        0, 1, 2, ... with 0 for censored; or words, of which one is censored ("censored", "none", "0" or empty).
    by : str or list of str
        Groups; `.gray` tests between them.
    entry : str, optional
    level : float

    Returns
    -------
    CumulativeIncidenceCurves
        `.table` of steps, `.at(times)`, `.gray` with Gray's test between groups.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [1, 2, 3, 4], "what": ["progression", "restart", "censored", "progression"]})
    >>> cumulative_incidence(frame, "t", "what").at(4)[["event_type", "incidence"]]
        event_type  incidence
    0  progression       0.75
    1      restart       0.25
    """
    series = column(frame, event_type)
    kinds, code = _causes(series)
    if not kinds:
        raise UseError(f"0 events in {event_type!r} among n = {len(frame)}: there is no incidence to give.")
    shown = pd.DataFrame(
        {"_time": column(frame, time).to_numpy(), "_event": np.where(code < 0, np.nan, code > 0).astype(float)},
        index=frame.index,
    )
    columns = names(by)
    for name in (*columns, *([entry] if entry else [])):
        shown[name] = column(frame, name)
    rows = survival_rows(shown, "_time", "_event", entry=entry, extra=columns)
    groups, labels = _groups(frame, columns, rows.kept)
    code = code[rows.kept]
    curves = {
        label: kernel.aalen_johansen(
            rows.time[groups == g],
            code[groups == g],
            n_causes=len(kinds),
            entry=None if rows.entry is None else rows.entry[groups == g],
            level=level,
        )
        for g, label in enumerate(labels)
    }
    return CumulativeIncidenceCurves(
        columns, tuple(kinds), curves, float(level), rows.n_dropped, rows.notes, rows.time, code, groups,
        rows.entry is not None,
    )  # fmt: skip


def _causes(series: pd.Series) -> tuple[list[object], NDArray[np.int64]]:
    """Event types in their order, and each row's code: 0 censored, 1 .. C, -1 missing."""
    if is_factor(series):
        levels = factor_levels(series)
        censored = [level for level in levels if str(level).strip().lower() in CENSORED]
        kinds = [level for level in levels if level not in censored]
        code = pd.Index(kinds, dtype=object).get_indexer(pd.Index(series.astype(object), dtype=object)) + 1
        code[series.isna().to_numpy()] = -1
        return kinds, code.astype(np.int64)
    values = numbers(series, "event type")
    known = np.unique(values[~np.isnan(values)])
    if ((known < 0) | (known != np.round(known))).any():
        raise UseError(f"event type {series.name!r} must be 0 (censored), 1, 2, ... or words; it has {known[:6].tolist()}.")
    kinds = [int(v) for v in known if v > 0]
    code = np.searchsorted(np.array(kinds, dtype=np.float64), values) + 1
    code[values == 0] = 0
    code[np.isnan(values)] = -1
    return list(kinds), code.astype(np.int64)
