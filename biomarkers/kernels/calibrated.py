"""Which p-value is the confirmatory one: the rules that the calibrations of this project justify.

The likelihood ratio referred to t-squared (LR-t) holds its level for balanced groups and symmetric markers at 45 to 64
events. It does not for a rare group or a raw skewed marker; the stratified permutation of the score does. The choice is
made from the design of the marker, never from its p-values, and is printed with its reason.

Source: `docs/calibration.md`, from `tests/calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

RARE_SHARE = 0.15
RARE_COUNT = 10
SKEW = 1.0
EVENTS_PER_PARAMETER = 10
DESCRIPTIVE_EVENTS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """Which p-value to believe.

    Attributes
    ----------
    p_value : str
        "likelihood ratio" (t-squared cut-off), "permutation", or "none" (descriptive only).
    reason : str
        For `note`; empty where the likelihood ratio stands.
    """

    p_value: str
    reason: str


def confirmatory(marker: ArrayLike, event: ArrayLike, *, n_parameters: int = 1) -> Choice:
    """Choose the confirmatory p-value of a marker from its distribution and the events.

    Parameters
    ----------
    marker : (n,) float
        On the model's scale. Two distinct values are two groups.
    event : (n,)
    n_parameters : int
        Of the whole model.

    Examples
    --------
    >>> confirmatory([0] * 60 + [1] * 6, [1] * 66)
    Choice(p_value='permutation', reason='6 of 66 in the smaller group')
    >>> confirmatory([0] * 60 + [1] * 4, [1] * 64)
    Choice(p_value='none', reason='descriptive only: 4 events in the group of 4')
    """
    x = np.asarray(marker, dtype=np.float64)
    d = np.asarray(event).astype(bool)
    values, counts = np.unique(x, return_counts=True)
    n_events = int(d.sum())
    if values.size < 2:
        return Choice("none", f"the marker is constant in {x.size} subjects")
    if values.size == 2:
        events = [int(d[x == v].sum()) for v in values]
        few = int(np.argmin(events))
        if events[few] < DESCRIPTIVE_EVENTS:
            return Choice("none", f"descriptive only: {events[few]} events in the group of {counts[few]}")
        if counts.min() < RARE_COUNT or counts.min() < RARE_SHARE * x.size:
            return Choice("permutation", f"{counts.min()} of {x.size} in the smaller group")
    else:
        centred = x - x.mean()
        skew = float((centred**3).mean() / (centred**2).mean() ** 1.5)
        if abs(skew) > SKEW:
            return Choice("permutation", f"skewness {skew:.1f} of the marker on this scale")
    if n_events < EVENTS_PER_PARAMETER * n_parameters:
        return Choice("permutation", f"{n_events / n_parameters:.1f} events per parameter")
    return Choice("likelihood ratio", "")
