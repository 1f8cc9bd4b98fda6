r"""Many two-arm trials at once: entry, strata, permuted blocks, exponential times, event-driven cuts, stratified log-rank.

Everything is an array of (trials, patients). A trial is cut at calendar time c; a patient is at risk from time 0 of the
follow-up until the smaller of the event time t and c - entry, and the event is seen when entry + t <= c. **The form
t <= c - entry loses the very event that sets an event-driven cut, by rounding**; here the cut is the d-th smallest
entry + t, so that the number of events equals d in every trial.

The log-rank statistic needs, at every event, the patients at risk in its stratum by arm. One integer sort does it: the
bit pattern of a positive double orders like the number, so its last bits can carry event, arm and stratum through the
sort. Two running sums per stratum follow. Times are continuous: there are no ties, V = sum n_1 n_0 / n^2.

No numba, no loop over trials or patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trials:
    """Simulated trials, all (T, n).

    Attributes
    ----------
    entry : float
        Calendar time of entry, ascending along the row.
    time : float
        Event time from entry.
    arm : int8
        0 control, 1 experimental.
    stratum : int8
    """

    entry: Floats
    time: Floats
    arm: NDArray[np.int8]
    stratum: NDArray[np.int8]

    @property
    def calendar(self) -> Floats:
        """Calendar time of the event."""
        return self.entry + self.time


def simulate(
    generator: np.random.Generator, n_trials: int, *, n: int, accrual: float, hazard: Floats, p_stratum: Floats, block: int = 4,
) -> Trials:
    """Draw trials.

    Parameters
    ----------
    n : int
        Patients in both arms.
    accrual : float
        Entry is uniform over (0, accrual).
    hazard : (S, 2) float
        Hazard by stratum and arm.
    p_stratum : (S,) float
        Shares of the strata.
    block : int
        Permuted blocks of this size within each stratum (even).
    """
    S = p_stratum.size
    entry = generator.random((n_trials, n)) * accrual
    entry.sort(axis=1)
    if S == 1:
        stratum = np.zeros((n_trials, n), dtype=np.int8)
    else:
        u = generator.random((n_trials, n))
        stratum = np.zeros((n_trials, n), dtype=np.int8)
        for edge in np.cumsum(p_stratum)[:-1]:
            stratum += u >= edge
    arm = np.zeros((n_trials, n), dtype=np.int8)
    for s in range(S):
        sequence = _blocks(generator, n_trials, n, block)
        here = stratum == s
        place = np.cumsum(here, axis=1, dtype=np.int16) - 1
        arm = np.where(here, np.take_along_axis(sequence, np.maximum(place, 0), axis=1), arm)
    scale = (1.0 / hazard).ravel()
    time = generator.standard_exponential((n_trials, n)) * scale[2 * stratum + arm]
    return Trials(entry, time, arm, stratum)


def _blocks(generator: np.random.Generator, n_trials: int, n: int, block: int) -> NDArray[np.int8]:
    """Permuted blocks laid end to end, (n_trials, >= n)."""
    chosen = list(combinations(range(block), block // 2))
    patterns = np.zeros((len(chosen), block), dtype=np.int8)
    for row, ones in enumerate(chosen):
        patterns[row, list(ones)] = 1
    k = -(-n // block)
    which = generator.integers(0, len(chosen), size=(n_trials, k), dtype=np.int16)
    return patterns[which].reshape(n_trials, k * block)


def cut_at_events(trials: Trials, events: int) -> Floats:
    """Calendar time of the `events`-th event of each trial, (T,)."""
    return np.asarray(np.partition(trials.calendar, events - 1, axis=1)[:, events - 1])


@dataclass(frozen=True, slots=True)
class Looks:
    """The log-rank statistic of each trial at its cut.

    Attributes
    ----------
    z : (T,) float
        (E_1 - O_1)/sqrt(V), positive = experimental better; 0 where V is 0.
    events, n : (T,) int
        Events seen, patients entered.
    """

    z: Floats
    events: Ints
    n: Ints


def look(trials: Trials, cut: Floats, *, stratified: bool = True) -> Looks:
    """Analyse every trial at its own calendar time.

    Parameters
    ----------
    cut : (T,) float
    stratified : bool
        False compares the arms without strata.
    """
    T, n = trials.time.shape
    c = cut[:, None]
    event = trials.calendar <= c
    entered = trials.entry < c
    followed = np.where(event, trials.time, c - trials.entry)
    S = int(trials.stratum.max()) + 1 if stratified else 1
    bits = 2 + max(S - 1, 0).bit_length()
    label = trials.arm.astype(np.int64) << 1
    if S > 1:
        label |= trials.stratum.astype(np.int64) << 2
    label |= event
    key = followed.view(np.int64) & ~np.int64((1 << bits) - 1)
    key |= label
    # Who has not entered is never at risk: sorted to the end, and not counted there.
    np.copyto(key, np.iinfo(np.int64).max, where=~entered)
    key.sort(axis=1)
    present = key != np.iinfo(np.int64).max
    event = ((key & 1) == 1) & present
    arm = (key >> 1) & 1
    stratum = (key >> 2) & ((1 << (bits - 2)) - 1) if S > 1 else np.zeros((1, 1), dtype=np.int64)
    gap, variance = np.zeros(T), np.zeros(T)
    for s in range(S):
        here = present if S == 1 else present & (stratum == s)
        # Patients and experimental patients in one running sum; 2^16 keeps them apart.
        packed = np.cumsum(here.astype(np.int32) + ((here & (arm == 1)).astype(np.int32) << 16), axis=1)
        total = packed[:, -1:]
        at_risk = np.empty_like(packed)
        at_risk[:, 0] = total[:, 0]
        np.subtract(total, packed[:, :-1], out=at_risk[:, 1:])
        died = event & here
        n1 = (at_risk >> 16).astype(np.float64)
        share = np.divide(n1, at_risk & 0xFFFF, out=np.zeros((T, n)), where=died)
        gap += share.sum(axis=1) - (died & (arm == 1)).sum(axis=1)
        variance += (share * (1.0 - share)).sum(axis=1)
    z = np.divide(gap, np.sqrt(variance), out=np.zeros(T), where=variance > 0)
    return Looks(z, np.asarray(event.sum(axis=1)), np.asarray(entered.sum(axis=1)))
