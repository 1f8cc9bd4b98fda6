"""How much a model flatters itself on the subjects it was fitted to: accuracy of a landmark stack, corrected by the bootstrap.

Subjects are resampled with all their rows, the model is refitted, and its accuracy in the resample is compared with that in the
original data. The stack is held as arrays, so that a refit costs a fit and nothing else.

Source: Efron, Journal of the American Statistical Association 78 (1983) 316; Harrell (2015), section 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomarkers.kernels import accuracy
from biomarkers.kernels import cox as kernel
from biomarkers.kernels.window import linear_predictor
from biomarkers.models.columns import SurvivalRows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Performance:
    score: Floats
    auc: Floats
    brier: Floats


@dataclass(frozen=True)
class StackArrays:
    """The stack as arrays, so that a bootstrap refit costs a fit and nothing else."""

    time: Floats
    event: NDArray[np.bool_]
    entry: Floats
    X: Floats
    stratum: NDArray[np.int64]
    subject: NDArray[np.int64]
    landmarks: Floats
    places: list[NDArray[np.int64]]
    window: float

    @classmethod
    def of(cls, rows: SurvivalRows, landmark: Floats, window: float) -> StackArrays:
        """From the rows of a fit to a landmark stack, the landmark of each, and the stack's window."""
        assert rows.entry is not None
        assert rows.cluster is not None
        grid = np.unique(landmark)
        stratum = np.zeros(rows.n, dtype=np.int64) if rows.stratum is None else rows.stratum
        X = np.column_stack([t.X for t in rows.terms])
        places = [np.flatnonzero(landmark == s) for s in grid]
        return cls(rows.time, rows.event, rows.entry, X, stratum, rows.cluster, grid, places, window)

    @property
    def n(self) -> int:
        return int(self.time.size)

    def performance(self, fit: kernel.CoxSolution, rows: NDArray[np.int64]) -> Performance:
        """Performance of a fit in some rows (with repeats), per landmark."""
        eta = linear_predictor(fit, self.X)
        survival = self._survival(fit, eta)
        count = np.bincount(rows, minlength=self.n)
        auc, brier = np.full(len(self.places), np.nan), np.full(len(self.places), np.nan)
        for k, (s, here) in enumerate(zip(self.landmarks, self.places, strict=True)):
            who = np.repeat(here, count[here])
            t, horizon = self.since(s, who)
            auc[k] = accuracy.auc(t, self.event[who], eta[who], horizon).estimate
            brier[k] = accuracy.brier(t, self.event[who], survival[who], horizon)
        return Performance(eta, auc, brier)

    def since(self, landmark: float, rows: NDArray[np.int64]) -> tuple[Floats, float]:
        """Time from the landmark, and the horizon: the end of the window.

        Everybody event-free there is censored there by the cut, so the horizon lies just before it; an event at the very
        end is inside.
        """
        horizon = self.window * (1 - 1e-9)
        t = self.time[rows] - landmark
        return np.where(self.event[rows], np.minimum(t, horizon), t), horizon

    def _survival(self, fit: kernel.CoxSolution, eta: Floats) -> Floats:
        """S(s + w | s) of every row: the jumps of its stratum inside its window."""
        rs, steps = fit.rs, fit.steps
        time, group = rs.time[rs.step_time], rs.time_stratum[rs.step_time]
        jump = rs.step_weight / steps.den[:, 0] * np.exp(-steps.shift[group, 0])
        out = np.ones(self.n)
        for s, here in zip(self.landmarks, self.places, strict=True):
            inside = (time > s) & (time <= s + self.window * (1 + 1e-12))
            hazard = np.bincount(group[inside], weights=jump[inside], minlength=int(self.stratum.max()) + 1)
            out[here] = np.exp(-np.exp(eta[here]) * hazard[self.stratum[here]])
        return out

    def optimism(self, bootstraps: int, seed: int) -> tuple[Floats, Floats, int]:
        """Mean of (in the resample) - (in the original), per landmark, over resamples that could be fitted."""
        rng = np.random.Generator(np.random.Philox(key=seed))
        order = np.argsort(self.subject, kind="stable")
        bounds = np.r_[np.flatnonzero(np.r_[True, np.diff(self.subject[order]) > 0]), self.n]
        n_subjects = bounds.size - 1
        differences = []
        everybody = np.arange(self.n)
        for _ in range(bootstraps):
            drawn = np.bincount(rng.integers(n_subjects, size=n_subjects), minlength=n_subjects)
            rows = np.repeat(order, np.repeat(drawn, np.diff(bounds)))
            if np.unique(self.stratum[rows]).size <= self.stratum.max():
                continue  # a stratum without a single row has no baseline hazard to predict from
            try:
                fit = kernel.cox(
                    self.time[rows], self.event[rows], self.X[rows], entry=self.entry[rows], stratum=self.stratum[rows]
                )
            except ValueError:
                continue
            if not (fit.converged and fit.finite.all() and fit.used.all()):
                continue
            inside, outside = self.performance(fit, rows), self.performance(fit, everybody)
            differences.append((inside.auc - outside.auc, inside.brier - outside.brier))
        if not differences:
            nothing = np.full(len(self.places), np.nan)
            return nothing, nothing, 0
        auc, brier = (np.array(part) for part in zip(*differences, strict=True))
        return np.nanmean(auc, axis=0), np.nanmean(brier, axis=0), len(differences)
