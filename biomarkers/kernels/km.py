"""Kaplan and Meier's curve with delayed entry and weights, its intervals, and R's rule for the median.

    S(t) = prod_{T <= t} (1 - d/n),    Greenwood: var S = S^2 sum d / (n (n - d))

The interval is made on a scale where S is nearly normal ("log-log" by default). Before the first event it is (1, 1); at
S = 0 the limits are missing. The median is the smallest t with S(t) < 1/2; where S is flat at exactly 1/2, the midpoint
of the plateau, and a plateau that lasts to the end of follow-up uses the last time on study (`quantile.survfit` of R).

Sources: Kalbfleisch and Prentice (2002), section 1.4; Brookmeyer and Crowley, Biometrics 38 (1982) 29; R survival 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .riskset import Bools, Floats, Ints, merge_near_ties

Interval = Literal["log-log", "log", "plain", "logit", "arcsin"]
INTERVALS: tuple[str, ...] = get_args(Interval)
_HALF = 1.5e-8  # R's tolerance for "S equals the quantile"


@dataclass(frozen=True, slots=True)
class Curve:
    """A product-limit curve at every distinct exit time.

    Attributes
    ----------
    time : (m,) float
        Distinct exit times, events or censorings, ascending.
    at_risk, events, censored : (m,) float
        Weighted counts: just before, and at, each time.
    survival, std_error, cumulative_hazard : (m,) float
        Kaplan-Meier, its Greenwood standard error (of S, not of log S), Nelson-Aalen.
    low, high : (m,) float
        Pointwise limits; NaN where S = 0.
    level : float
    interval : str
    n, n_events : int
        Rows and events, unweighted.
    start : float
        Where the curve begins: the earliest entry, or 0.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    std_error: Floats
    cumulative_hazard: Floats
    low: Floats
    high: Floats
    level: float
    interval: str
    n: int
    n_events: int
    start: float

    def at(self, times: ArrayLike) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """(at risk, survival, std_error, low, high) at given times, each (k,).

        At risk counts those whose exit is at or after the time, as R prints it.
        """
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        before = np.searchsorted(self.time, t, side="right")
        following = np.searchsorted(self.time, t, side="left")
        n_risk = np.append(self.at_risk, 0.0)[following]

        def stepped(values: Floats, initial: float) -> Floats:
            return np.asarray(np.r_[initial, values][before], dtype=np.float64)

        return (
            n_risk,
            stepped(self.survival, 1.0),
            stepped(self.std_error, 0.0),
            stepped(self.low, 1.0),
            stepped(self.high, 1.0),
        )

    def quantile(self, p: float) -> tuple[float, float, float]:
        """(estimate, low, high) of the time by which a share `p` has failed; NaN where the curve stays above.

        The limits are where the pointwise limits cross, with the same rule for plateaus (Brookmeyer-Crowley).
        """
        return (
            _crossing(self.time, self.survival, p),
            _crossing(self.time, self.low, p),
            _crossing(self.time, self.high, p),
        )

    def rmst(self, tau: float) -> tuple[float, float]:
        """Restricted mean survival time to `tau` from the curve's start, and its standard error.

        SE^2 = sum_{T <= tau} [int_T^tau S]^2 d / (n (n - d)).

        Raises
        ------
        ValueError
            `tau` lies beyond the last time observed while the curve has not reached 0.
        """
        last = float(self.time[-1])
        if tau > last and self.survival[-1] > 0:
            raise ValueError(
                f"tau = {tau:g} lies beyond the last observed time {last:g}, where the curve is still at "
                f"{self.survival[-1]:.3f}: the area there is not known. Choose tau <= {last:g}."
            )
        inside = self.time <= tau
        knots = np.r_[self.start, self.time[inside], tau]
        heights = np.r_[1.0, self.survival[inside]]
        pieces = np.diff(knots) * heights
        area = float(pieces.sum())
        remaining = np.cumsum(pieces[::-1])[::-1][1:]
        d, n = self.events[inside], self.at_risk[inside]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = remaining**2 * d / (n * (n - d))
        return area, float(np.sqrt(np.where(n > d, terms, 0.0).sum()))


def kaplan_meier(
    exit: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    interval: Interval = "log-log",
    level: float = 0.95,
) -> Curve:
    """Fit one curve.

    Parameters
    ----------
    exit, event : (n,)
    entry : (n,), optional
        Delayed entry: at risk at T when entry < T <= exit.
    weight : (n,), optional
    interval : {"log-log", "log", "plain", "logit", "arcsin"}
    level : float

    Examples
    --------
    >>> km = kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0])
    >>> km.survival.tolist(), km.quantile(0.5)[0]
    ([0.75, 0.5, 0.5, 0.5], 3.0)
    """
    if interval not in INTERVALS:
        raise ValueError(f"interval {interval!r} is not known; choose from {', '.join(INTERVALS)}.")
    merged = merge_near_ties(exit, entry)
    t, s = merged.exit, merged.entry
    d = np.asarray(event).astype(bool)
    w = np.ones(t.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if t.size == 0:
        raise ValueError("n = 0: a survival curve needs at least one row.")
    time, code = np.unique(t, return_inverse=True)
    code = code.reshape(-1)
    events: Floats = np.asarray(np.bincount(code, weights=w * d, minlength=time.size), dtype=np.float64)
    leaving: Floats = np.asarray(np.bincount(code, weights=w, minlength=time.size), dtype=np.float64)
    at_risk: Floats = np.cumsum(leaving[::-1])[::-1]
    if s is not None:
        # Those with entry >= T have not come in yet.
        order = np.argsort(-s, kind="stable")
        later = np.r_[0.0, np.cumsum(w[order])]
        at_risk = at_risk - later[np.searchsorted(-s[order], -time, side="right")]
        whole = np.round(at_risk)
        at_risk = np.asarray(np.where(np.abs(at_risk - whole) < 1e-9, whole, at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(np.where(events > 0, 1.0 - events / at_risk, 1.0)).astype(np.float64)
        greenwood: Floats = np.cumsum(np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0))
        hazard = np.cumsum(np.where(events > 0, events / at_risk, 0.0))
    survival = np.where(survival < 1e-15, 0.0, survival)
    # Once everybody has failed the curve stays at 0 and Greenwood's formula has no value.
    gone = survival == 0
    std_error = np.where(gone, np.nan, survival * np.sqrt(np.where(gone, 0.0, greenwood)))
    low, high = _limits(survival, greenwood, interval, level)
    start = 0.0 if s is None or not np.isfinite(s).all() else min(float(s.min()), float(time[0]))
    return Curve(
        time=time, at_risk=at_risk, events=events, censored=leaving - events, survival=survival, std_error=std_error,
        cumulative_hazard=hazard, low=low, high=high, level=level, interval=interval, n=int(t.size),
        n_events=int(d.sum()), start=start,
    )  # fmt: skip


def reverse(
    exit: ArrayLike, event: ArrayLike, *, entry: ArrayLike | None = None, weight: ArrayLike | None = None
) -> Curve:
    """Potential follow-up: the curve of censoring, events counted as its censorings (Schemper and Smith 1996)."""
    return kaplan_meier(exit, ~np.asarray(event).astype(bool), entry=entry, weight=weight)


def _limits(S: Floats, greenwood: Floats, interval: str, level: float) -> tuple[Floats, Floats]:
    """Pointwise limits on the chosen scale, clipped to [0, 1]; 1 before the first event, NaN at S = 0."""
    z = float(ndtri((1 + level) / 2))
    low, high = np.full(S.size, np.nan), np.full(S.size, np.nan)
    inside = (S > 0) & (S < 1)
    s, g = S[inside], np.sqrt(greenwood[inside])  # g = standard error of log S
    if interval == "plain":
        a, b = s - z * s * g, s + z * s * g
    elif interval == "log":
        a, b = s * np.exp(-z * g), s * np.exp(z * g)
    elif interval == "log-log":
        theta, se = np.log(-np.log(s)), g / np.abs(np.log(s))
        a, b = np.exp(-np.exp(theta + z * se)), np.exp(-np.exp(theta - z * se))
    elif interval == "logit":
        theta, se = np.log(s / (1 - s)), g / (1 - s)
        a, b = 1 / (1 + np.exp(-(theta - z * se))), 1 / (1 + np.exp(-(theta + z * se)))
    else:
        theta, se = np.arcsin(np.sqrt(s)), 0.5 * g * np.sqrt(s / (1 - s))
        a = np.sin(np.maximum(0.0, theta - z * se)) ** 2
        b = np.sin(np.minimum(np.pi / 2, theta + z * se)) ** 2
    low[inside], high[inside] = np.maximum(a, 0.0), np.minimum(b, 1.0)
    low[S == 1], high[S == 1] = 1.0, 1.0
    return low, high


def _crossing(time: Floats, height: Floats, p: float) -> float:
    """R's `quantile.survfit`: first time the curve falls below 1 - p, midpoint of a plateau exactly there."""
    level = 1.0 - p
    known = ~np.isnan(height)
    below = np.flatnonzero(known & (height < level - _HALF))
    flat: Ints = np.flatnonzero(known & (np.abs(height - level) <= _HALF))
    if flat.size:
        first = float(time[flat[0]])
        # The plateau ends where the curve next falls; to the end of follow-up, it ends at the last time.
        following: Bools = np.arange(time.size) > flat[-1]
        falls = np.flatnonzero(following & (np.isnan(height) | (height < level - _HALF)))
        last = float(time[falls[0]]) if falls.size else float(time[-1])
        return (first + last) / 2
    if below.size:
        return float(time[below[0]])
    return float("nan")
