"""`bm.kaplan_meier`: survival curves by group, with medians, survival at times, and restricted means.

Conventions are R's: log-log limits, (entry, time], the median by the plateau rule of `quantile.survfit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.limits import confidence
from biomarkers.kernels import km as kernel

from .columns import codes, column, names, survival_rows

Group = tuple[object, ...]


@dataclass(frozen=True, repr=False)
class KaplanMeier:
    """Survival curves, one per group, in the order of the groups' levels.

    Attributes
    ----------
    by : tuple of str
        The grouping columns.
    curves : dict
        Group (a tuple of levels, empty without `by`) to `kernels.km.Curve`.
    follow_up_curves : dict
        The same with events and censorings exchanged: potential follow-up.
    table : DataFrame
        One row per group and distinct time: ``(by), time, n_risk, n_event, n_censor, survival, std_error, conf_low,
        conf_high, conf_level``. The curve starts at 1; n_risk counts just before the time.
    median : DataFrame
        One row per group: ``(by), n, n_events, median, conf_low, conf_high, conf_level, follow_up``.
        NaN is "not reached"; `follow_up` is the median potential follow-up by the reverse Kaplan-Meier.
    """

    by: tuple[str, ...]
    curves: dict[Group, kernel.Curve]
    follow_up_curves: dict[Group, kernel.Curve]
    level: float
    interval: str
    n_dropped: int
    notes: tuple[str, ...]

    def _labels(self, group: Group, size: int) -> dict[str, list[object]]:
        return {name: [level] * size for name, level in zip(self.by, group, strict=True)}

    def _stack(self, parts: list[pd.DataFrame]) -> pd.DataFrame:
        out = pd.concat(parts, ignore_index=True)
        for i, name in enumerate(self.by):
            if not all(isinstance(group[i], (int, float, np.number)) for group in self.curves):
                levels = list(dict.fromkeys(group[i] for group in self.curves))
                out[name] = pd.Categorical(out[name], categories=levels, ordered=False)
        return out

    @cached_property
    def table(self) -> pd.DataFrame:
        """The steps of every curve; see the class."""
        return self._stack(
            [
                pd.DataFrame(
                    {
                        **self._labels(group, c.time.size),
                        "time": c.time,
                        "n_risk": c.at_risk,
                        "n_event": c.events,
                        "n_censor": c.censored,
                        "survival": c.survival,
                        "std_error": c.std_error,
                        "conf_low": c.low,
                        "conf_high": c.high,
                        "conf_level": c.level,
                    }
                )
                for group, c in self.curves.items()
            ]
        )

    def quantile(self, p: float | Sequence[float] = 0.5) -> pd.DataFrame:
        """Times by which a share `p` has failed, with Brookmeyer-Crowley limits; NaN where not reached."""
        shares = np.atleast_1d(np.asarray(p, dtype=np.float64))
        if not ((shares > 0) & (shares < 1)).all():
            raise UseError(f"p = {p!r} must lie between 0 and 1: the share that has failed.")
        parts = []
        for group, c in self.curves.items():
            found = np.array([c.quantile(float(q)) for q in shares])
            parts.append(
                pd.DataFrame(
                    {
                        **self._labels(group, shares.size),
                        "p": shares,
                        "time": found[:, 0],
                        "conf_low": found[:, 1],
                        "conf_high": found[:, 2],
                        "conf_level": self.level,
                    }
                )
            )
        return self._stack(parts)

    @cached_property
    def median(self) -> pd.DataFrame:
        """Medians; see the class."""
        out = self.quantile(0.5).rename(columns={"time": "median"}).drop(columns="p")
        at = len(self.by)
        out.insert(at, "n", [c.n for c in self.curves.values()])
        out.insert(at + 1, "n_events", [c.n_events for c in self.curves.values()])
        out["follow_up"] = [c.quantile(0.5)[0] for c in self.follow_up_curves.values()]
        return out

    def at(self, times: ArrayLike) -> pd.DataFrame:
        """Survival at given times: ``(by), time, n_risk, survival, std_error, conf_low, conf_high, conf_level``."""
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        parts = []
        for group, c in self.curves.items():
            n_risk, survival, error, low, high = c.at(t)
            parts.append(
                pd.DataFrame(
                    {
                        **self._labels(group, t.size),
                        "time": t,
                        "n_risk": n_risk,
                        "survival": survival,
                        "std_error": error,
                        "conf_low": low,
                        "conf_high": high,
                        "conf_level": self.level,
                    }
                )
            )
        return self._stack(parts)

    def rmst(self, tau: float) -> pd.DataFrame:
        """Restricted mean survival time to `tau`: ``(by), tau, rmst, std_error``."""
        parts = []
        for group, c in self.curves.items():
            try:
                area, error = c.rmst(float(tau))
            except ValueError as problem:
                where = f" in {', '.join(map(str, group))}" if group else ""
                raise UseError(f"{problem}{where}") from None
            parts.append(pd.DataFrame({**self._labels(group, 1), "tau": [tau], "rmst": [area], "std_error": [error]}))
        return self._stack(parts)

    def __repr__(self) -> str:
        head = f"Kaplan-Meier, {self.interval} limits at {self.level:g}"
        body = self.median.to_string(index=False, float_format=lambda v: f"{v:.4g}", na_rep="not reached")
        return "\n".join([head, body, *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        body = self.median.to_html(index=False, float_format=lambda v: f"{v:.4g}", na_rep="not reached", border=0)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p><b>Kaplan-Meier</b>, {self.interval} limits</p>{body}" + (f"<ul>{notes}</ul>" if notes else "")


def kaplan_meier(
    frame: pd.DataFrame,
    time: str,
    event: str,
    *,
    by: str | Sequence[str] = (),
    entry: str | None = None,
    weights: str | None = None,
    interval: Literal["log-log", "log", "plain", "logit", "arcsin"] = "log-log",
    level: float = 0.95,
) -> KaplanMeier:
    """Kaplan-Meier curves of the groups of a frame.

    Parameters
    ----------
    frame : DataFrame
    time, event : str
        End of follow-up; 1 for an event, 0 for censored.
    by : str or list of str
        Groups, in the order of their levels; every combination that occurs.
    entry : str, optional
        Delayed entry.
    weights : str, optional
    interval : {"log-log", "log", "plain", "logit", "arcsin"}
    level : float

    Returns
    -------
    KaplanMeier
        `.table` of steps, `.median`, `.at(times)`, `.rmst(tau)`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"t": [1, 2, 3, 4, 2, 5], "d": [1, 1, 0, 0, 1, 1], "arm": list("AAAABB")})
    >>> kaplan_meier(frame, "t", "d", by="arm").median[["arm", "n", "n_events", "median"]]
      arm  n  n_events  median
    0   A  4         2     3.0
    1   B  2         2     3.5
    """
    if interval not in kernel.INTERVALS:
        raise UseError(f"interval {interval!r} is not known; choose from {', '.join(kernel.INTERVALS)}.")
    confidence(level)
    columns = names(by)
    rows = survival_rows(frame, time, event, entry=entry, weights=weights, extra=columns, least=1)
    groups, labels = _groups(frame, columns, rows.kept)
    curves: dict[Group, kernel.Curve] = {}
    follow_up: dict[Group, kernel.Curve] = {}
    for code, label in enumerate(labels):
        here = groups == code
        entry_here = None if rows.entry is None else rows.entry[here]
        weight_here = None if rows.weight is None else rows.weight[here]
        t, d = rows.time[here], rows.event[here]
        curves[label] = kernel.kaplan_meier(
            t, d, entry=entry_here, weight=weight_here, interval=interval, level=level
        )
        follow_up[label] = kernel.reverse(t, d, entry=entry_here, weight=weight_here)
    return KaplanMeier(columns, curves, follow_up, float(level), interval, rows.n_dropped, rows.notes)


def _groups(
    frame: pd.DataFrame, columns: tuple[str, ...], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], list[Group]]:
    """Group code of each kept row and the groups, in the order of their levels."""
    if not columns:
        return np.zeros(int(kept.sum()), dtype=np.int64), [()]
    parts = [codes(column(frame, name)) for name in columns]
    stacked = np.column_stack([found[kept] for found, _ in parts])
    present, code = np.unique(stacked, axis=0, return_inverse=True)
    labels = [tuple(levels[i] for (_, levels), i in zip(parts, row, strict=True)) for row in present.tolist()]
    return code.reshape(-1).astype(np.int64), labels
