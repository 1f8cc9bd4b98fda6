"""The pairs of one set of subjects, counted again under other multiplicities: many resamples at the price of one.

Which pairs are comparable depends on times and strata alone, and which of the two has the higher score on the score alone; a
resample only changes how often each subject stands in a pair. So concordance and AUC in a resample and in the original
subjects are sums over the same two tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .accuracy import censoring
from .concordance import near_ties
from .riskset import Floats, merge_near_ties

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Comparable pairs of subjects.

    Attributes
    ----------
    time : (n,) float
    event : (n,) bool
    outlived : (n, n) float
        1 where the row dies and the column, of its stratum, outlives it; a row against itself is 0.
    """

    time: Floats
    event: Bools
    outlived: Floats

    @classmethod
    def of(cls, time: ArrayLike, event: ArrayLike, *, stratum: ArrayLike | None = None) -> Pairs:
        """From exit times (n,), event indicators (n,) and strata (n,).

        Examples
        --------
        >>> pairs = Pairs.of([1, 2, 3, 4], [1, 1, 0, 1])
        >>> won = pairs.won([4.0, 1.0, 2.0, 2.0])
        >>> pairs.concordance(won, np.ones(4))
        0.6
        """
        t = merge_near_ties(time, None).exit
        d = np.asarray(event).astype(bool)
        later = (t[None, :] > t[:, None]) | ((t[None, :] == t[:, None]) & ~d[None, :])
        outlived = later & d[:, None]
        if stratum is not None:
            g = np.asarray(stratum)
            outlived &= g[:, None] == g[None, :]
        return cls(t, d, outlived.astype(np.float64))

    def won(self, score: ArrayLike) -> Floats:
        """(n, n): 1 where the row's score is the higher, one half where they are equal."""
        eta = near_ties(np.asarray(score, dtype=np.float64))
        return np.asarray((eta[:, None] > eta[None, :]) + 0.5 * (eta[:, None] == eta[None, :]), dtype=np.float64)

    def concordance(self, won: Floats, count: ArrayLike) -> float:
        """Harrell's C with each subject standing `count` times; NaN without a comparable pair.

        Parameters
        ----------
        won : (n, n)
            As given by `won`.
        count : (n,)
        """
        c = np.asarray(count, dtype=np.float64)
        comparable = float(c @ self.outlived @ c)
        return float(c @ (self.outlived * won) @ c) / comparable if comparable else float("nan")

    def auc(self, won: Floats, count: ArrayLike, horizon: float) -> float:
        """Cumulative/dynamic AUC at `horizon` with each subject standing `count` times; NaN without cases or controls.

        Parameters
        ----------
        won : (n, n)
        count : (n,) int
        horizon : float
        """
        c = np.asarray(count, dtype=np.int64)
        case, control = self.event & (self.time <= horizon) & (c > 0), (self.time > horizon) & (c > 0)
        if not case.any() or not control.any():
            return float("nan")
        G = censoring(np.repeat(self.time, c), np.repeat(self.event, c))
        weight = c[case] / G.before(self.time[case])
        controls = c[control].astype(np.float64)
        return float(weight @ won[np.ix_(case, control)] @ controls / (weight.sum() * controls.sum()))
