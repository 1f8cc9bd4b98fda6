r"""How well a score known at time 0 separates and predicts what happens by a horizon h, under censoring (IPCW).

With G the Kaplan-Meier curve of censoring, *events before censorings at tied times* (a subject with an event at t has left
the censoring risk set of t), M the score and S the predicted survival to h::

    AUC(h)   = sum_{i: t_i <= h, event} sum_{j: t_j > h} [1(M_i > M_j) + 1(M_i = M_j)/2] / G(t_i-)
               / ( n_controls sum_i 1/G(t_i-) )
    Brier(h) = mean[ 1(t <= h, event) S^2 / G(t-) + 1(t > h) (1 - S)^2 / G(h) ]

The standard error of the AUC sums squared influence functions, those of the estimated G included.

Sources: Blanche, Dartigues and Jacqmin-Gadda, Statistics in Medicine 32 (2013) 5381; Gerds and Schumacher, Biometrical
Journal 48 (2006) 1029. Numbers agree with R's timeROC and riskRegression. Uno's C is `kernels.concordance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Censoring:
    """The censoring distribution and its martingale.

    Attributes
    ----------
    time : (u,) float
        Distinct censoring times.
    at_risk, count : (u,) float
        Subjects that could be censored at each, and those who were.
    survival : (u,) float
        G at each time.
    """

    time: Floats
    at_risk: Floats
    count: Floats
    survival: Floats

    def at(self, t: ArrayLike) -> Floats:
        """G(t)."""
        return np.asarray(np.r_[1.0, self.survival][np.searchsorted(self.time, t, side="right")])

    def before(self, t: ArrayLike) -> Floats:
        """G(t-)."""
        return np.asarray(np.r_[1.0, self.survival][np.searchsorted(self.time, t, side="left")])


def censoring(time: ArrayLike, event: ArrayLike) -> Censoring:
    """Kaplan-Meier of censoring, events before censorings at tied times.

    Examples
    --------
    >>> g = censoring([1.0, 2.0, 2.0, 3.0], [1, 1, 0, 1])
    >>> g.at([1.0, 2.0]).tolist(), g.before([2.0]).tolist()
    ([1.0, 0.5], [1.0])
    """
    t = np.asarray(time, dtype=np.float64)
    d = np.asarray(event).astype(bool)
    u, count = np.unique(t[~d], return_counts=True)
    ordered = np.sort(t)
    events = np.sort(t[d])
    at_risk = t.size - np.searchsorted(ordered, u, side="left").astype(np.float64)
    at_risk -= np.searchsorted(events, u, side="right") - np.searchsorted(events, u, side="left")
    survival = np.asarray(np.cumprod(1.0 - count / at_risk), dtype=np.float64)
    return Censoring(u, at_risk, count.astype(np.float64), survival)


@dataclass(frozen=True, slots=True)
class AUC:
    """Cumulative/dynamic AUC at a horizon with its standard error; NaN where there are no cases or no controls."""

    estimate: float
    std_error: float
    n_cases: int
    n_controls: int


def auc(time: ArrayLike, event: ArrayLike, score: ArrayLike, horizon: float) -> AUC:
    """Share of case-control pairs in which the case has the higher score.

    Parameters
    ----------
    time, event, score : (n,)
        Higher scores mean earlier events.
    horizon : float

    Examples
    --------
    >>> auc([1, 2, 3, 4, 5], [1, 1, 1, 0, 0], [9, 8, 1, 2, 0], 2.5).estimate
    1.0
    """
    t = np.asarray(time, dtype=np.float64)
    d = np.asarray(event).astype(bool)
    M = np.asarray(score, dtype=np.float64)
    G = censoring(t, d)
    case, control = d & (t <= horizon), t > horizon
    n_cases, n_controls = int(case.sum()), int(control.sum())
    if not n_cases or not n_controls:
        return AUC(float("nan"), float("nan"), n_cases, n_controls)
    n = t.size
    weight = 1.0 / G.before(t[case])
    wins = (M[case][:, None] > M[control]) + 0.5 * (M[case][:, None] == M[control])  # (cases, controls)
    below = wins.mean(axis=1)
    total = weight.sum()
    estimate = float(weight @ below / total)

    # Influence of every subject: as a case, as a control, and through the estimated censoring curve.
    influence = np.zeros(n)
    influence[case] += weight * (below - estimate)
    influence[control] += (weight @ (wins - below[:, None])) / (n_controls / n) / n
    influence += _through_censoring(t, d, G, t[case], weight * (below - estimate))
    influence *= n / total
    return AUC(estimate, float(influence.std(ddof=1) / np.sqrt(n)), n_cases, n_controls)


def _through_censoring(t: Floats, d: Bools, G: Censoring, at: Floats, value: Floats) -> Floats:
    """Influence through 1/G(at-): each subject's censoring martingale up to `at`, summed over the terms; (n,)."""
    if not G.time.size:
        return np.zeros(t.size)
    # Terms whose own time lies after u feel what happened to G at u.
    order = np.argsort(at)
    behind = np.r_[np.cumsum(value[order][::-1])[::-1], 0.0][np.searchsorted(at[order], G.time, side="right")]
    jump = behind / G.at_risk
    out = np.zeros(t.size)
    place = np.searchsorted(G.time, t[~d])
    out[~d] = jump[place]
    compensator = np.r_[0.0, np.cumsum(jump * G.count / G.at_risk)]
    # An event at u is no longer at risk of censoring at u.
    out[~d] -= compensator[np.searchsorted(G.time, t[~d], side="right")]
    out[d] -= compensator[np.searchsorted(G.time, t[d], side="left")]
    return out


def brier(time: ArrayLike, event: ArrayLike, survival: ArrayLike, horizon: float) -> float:
    """Mean squared error of a predicted survival probability to `horizon`.

    Parameters
    ----------
    survival : (n,)
        Predicted S(horizon) of each subject.

    Examples
    --------
    >>> round(brier([1, 2, 3, 4], [1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5], 2.5), 4)
    0.25
    """
    t = np.asarray(time, dtype=np.float64)
    d = np.asarray(event).astype(bool)
    S = np.asarray(survival, dtype=np.float64)
    G = censoring(t, d)
    case, control = d & (t <= horizon), t > horizon
    at_horizon = float(G.at([horizon])[0])
    if control.any() and at_horizon <= 0:
        return float("nan")
    loss = np.zeros(t.size)
    loss[case] = S[case] ** 2 / G.before(t[case])
    loss[control] = (1.0 - S[control]) ** 2 / at_horizon
    return float(loss.mean())


def kaplan_meier_at(time: ArrayLike, event: ArrayLike, horizon: float) -> float:
    """S(horizon): the prediction of the model without covariates."""
    t = np.asarray(time, dtype=np.float64)
    d = np.asarray(event).astype(bool)
    u, deaths = np.unique(t[d & (t <= horizon)], return_counts=True)
    at_risk = t.size - np.searchsorted(np.sort(t), u, side="left")
    return float(np.prod(1.0 - deaths / at_risk))
