"""A cut-point searched in the data, and how much of its hazard ratio would be left in new patients.

The search is the maximally selected log-rank statistic (`kernels.maxstat`), within strata. Every subject is then left out in
turn, the search and the fit repeated without it, and the subject given the log hazard ratio b(-i) of its side of the cut found
without it. The slope c of a Cox model on that cross-validated score is the shrinkage factor: exp(c b) is reported, with c held
between 0 (nothing is left) and 1.

Source: Schumacher, Hollaender and Sauerbrei, Stat Med 16 (1997) 2813; Verweij and van Houwelingen, Stat Med 12 (1993) 2305.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .cox import cox
from .maxstat import search
from .riskset import Bools, Floats, Ints, coded, merge_near_ties

_LARGEST = 3.0  # a left-out fit without a finite maximum counts with this log hazard ratio


@dataclass(frozen=True, slots=True)
class Shrunken:
    """A searched cut's hazard ratio before and after shrinkage.

    Attributes
    ----------
    cutpoint : float
        At or below against above.
    naive : float
        Log hazard ratio of the searched cut in the data that chose it; never shown.
    factor : float
        Between 0 and 1.
    """

    cutpoint: float
    naive: float
    factor: float

    @property
    def coef(self) -> float:
        """Shrunken log hazard ratio."""
        return self.factor * self.naive


def shrunken_cut(
    exit: ArrayLike, event: ArrayLike, marker: ArrayLike, *, stratum: ArrayLike | None = None, minprop: float = 0.1,
    maxprop: float = 0.9
) -> Shrunken:
    """Search the cut and shrink its hazard ratio by leaving out one subject at a time.

    Parameters
    ----------
    exit, event, marker : (n,)
    stratum : (n,), optional
    minprop, maxprop : float
        Share of subjects at or below the smallest and largest cut.

    Raises
    ------
    ValueError
        No events, or no cut between minprop and maxprop.
    """
    t = merge_near_ties(exit).exit
    d = np.asarray(event).astype(bool)
    x = np.asarray(marker, dtype=np.float64)
    g = coded(stratum, x.size)
    whole = _best(t, d, x, g, minprop, maxprop)
    if whole is None:
        raise ValueError(f"no cut leaves between {minprop:.0%} and {maxprop:.0%} of the {x.size} subjects below it")
    naive = _coef(t, d, (x > whole).astype(np.float64), g)
    score = np.zeros(x.size)
    for i in range(x.size):
        rest = np.arange(x.size) != i
        cut = _best(t[rest], d[rest], x[rest], g[rest], minprop, maxprop)
        if cut is not None:
            # Centred within the data that made it, so that a subject's side counts and not which cut it was given.
            above = (x[rest] > cut).astype(np.float64)
            score[i] = _coef(t[rest], d[rest], above, g[rest]) * (float(x[i] > cut) - float(above.mean()))
    slope = _coef(t, d, score, g) if np.ptp(score) > 0 else 0.0
    return Shrunken(whole, naive, float(np.clip(slope, 0.0, 1.0)))


def _best(t: Floats, d: Bools, x: Floats, g: Ints, low: float, high: float) -> float | None:
    """The cut with the largest standardised statistic, or None where there is nothing to search."""
    if not d.any():
        return None
    found = search(t, d, x, g, low, high)
    return found.best_cut if found.below.size else None


def _coef(t: Floats, d: Bools, z: Floats, g: Ints) -> float:
    found = cox(t, d, z[:, None], stratum=g, timefix=False)
    if not found.used[0]:
        return 0.0
    return float(np.clip(found.coef[0], -_LARGEST, _LARGEST)) if found.finite[0] else float(np.sign(found.coef[0])) * _LARGEST
