"""Who is at risk at each death: rows put in order once, so that every sum over risk sets is a running sum.

Intervals are (start, stop], as in R: a row is at risk at T when entry < T <= exit, in the stratum of that death.
A time-fixed model is the case entry = -inf. A *death step* is one factor of the partial likelihood: with Efron's
ties, d deaths tied at T make d steps l = 0 .. d-1, and in step l the tied deaths count with 1 - f, f = l/d; with
Breslow's ties they make one step of weight d. Everything that Cox, Firth, residuals, hazards and score tests need is
`at_risk_sums` (sum over the risk set of each step) and its transpose `spread` (sum over the steps of each row).

Source: Therneau and Grambsch, Modeling Survival Data (2000), chapters 3 and 4; `aeqSurv` of R survival 3.5 for ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Ties = Literal["efron", "breslow"]

TIME_TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))
"""R's timefix: times closer than this, absolutely or relative to the mean time, are one time."""

_WIDE = 100  # columns from which adding row by row beats numpy's accumulate (measured: 8 times at 6,000 columns)
_DENSE = 60_000  # risk-set cells up to which delayed entry uses the 0/1 matrix, which cannot cancel


def coded(labels: ArrayLike | None, n: int) -> Ints:
    """Codes 0, 1, ... of n labels in their sorted order; all 0 where there are no labels.

    Examples
    --------
    >>> coded(["b", "a", "b"], 3).tolist(), coded(None, 2).tolist()
    ([1, 0, 1], [0, 0])
    """
    if labels is None:
        return np.zeros(n, dtype=np.int64)
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64).reshape(-1)


@dataclass(frozen=True, slots=True)
class MergedTimes:
    """Times after R's timefix.

    Attributes
    ----------
    exit, entry : (n,) float
        Times, each run of near-ties replaced by its smallest member. `entry` is None where none was given.
    n_merged : int
        How many distinct times were merged into an earlier one.
    """

    exit: Floats
    entry: Floats | None
    n_merged: int


def merge_near_ties(exit: ArrayLike, entry: ArrayLike | None = None) -> MergedTimes:
    """Merge times that differ by rounding only, exactly as `aeqSurv` of R does.

    All finite times (entry and exit) are pooled and sorted. A gap is a tie when gap <= tol or gap / mean|y| <= tol,
    tol = 1.49e-8; each run of ties becomes its smallest member.

    Raises
    ------
    ValueError
        Merging makes entry equal exit in a row that had a length.

    Examples
    --------
    >>> merge_near_ties([1.0, 1.0 + 1e-13, 2.0]).n_merged
    1
    """
    stop = np.asarray(exit, dtype=np.float64)
    start = None if entry is None else np.asarray(entry, dtype=np.float64)
    y = stop if start is None else np.concatenate([stop, start])
    y = np.unique(y[np.isfinite(y)])
    gaps = np.diff(y)
    if gaps.size == 0 or gaps.min() > TIME_TOLERANCE * max(1.0, float(np.abs(y).mean())):
        return MergedTimes(stop, start, 0)
    tied = (gaps <= TIME_TOLERANCE) | (gaps / np.abs(y).mean() <= TIME_TOLERANCE)
    kept = y[np.concatenate([[True], ~tied])]

    def floor(t: Floats) -> Floats:
        place = np.searchsorted(kept, t, side="right") - 1
        return np.where(np.isfinite(t), kept[np.maximum(place, 0)], t)

    new_stop = floor(stop)
    new_start = None if start is None else floor(start)
    if new_start is not None and start is not None:
        vanished = np.flatnonzero((new_start >= new_stop) & (start < stop))
        if vanished.size:
            first = int(vanished[0])
            raise ValueError(
                f"{vanished.size} interval(s) vanish when times closer than {TIME_TOLERANCE:.2g} (relative) are merged, "
                f"first at row {first}: ({start[first]:.17g}, {stop[first]:.17g}]. "
                "Such an interval is rounding error: give times in whole days, or drop the row."
            )
    return MergedTimes(new_stop, new_start, int(tied.sum()))


@dataclass(frozen=True, slots=True)
class RiskSets:
    """The order of the rows and the death steps; made once, used by every evaluation.

    Rows are held in *kernel order*: by stratum, then by descending exit. `order` maps kernel rows to the caller's
    rows; `to_caller` maps a result back. Build it with `risk_sets`.

    Attributes
    ----------
    order : (n,) int
        Caller's row of each kernel row.
    stratum, exit, event, weight : (n,)
        In kernel order; strata coded 0 .. G-1.
    entry : (n,) float or None
        In kernel order.
    time, time_stratum : (U,)
        Distinct (stratum, death time), in kernel order: descending time within a stratum.
    n_tied, death_weight : (U,)
        Deaths at each, and the sum of their weights.
    step_time, step_fraction, step_weight : (K,)
        For each death step: its place in `time`, f, and the weight wbar that its factor carries.
    deaths, death_time : (n_events,) int
        Rows with an event, and the place of each one's time in `time`.
    first, end : (n,) int
        A row is at risk at the death times first .. end-1.
    exposed : (n,) float
        The weight, or 0 for a row that no death sees.
    death_share : (n,) float
        w d: the weight of a row that dies, else 0.
    """

    order: Ints
    stratum: Ints
    exit: Floats
    entry: Floats | None
    event: Bools
    weight: Floats
    starts: Ints
    time: Floats
    time_stratum: Ints
    n_tied: Ints
    death_weight: Floats
    step_time: Ints
    step_fraction: Floats
    step_weight: Floats
    first: Ints
    end: Ints
    exposed: Floats
    death_share: Floats
    ties: Ties
    weighted: bool
    deaths: Ints
    death_starts: Ints
    _last: Ints
    _last_of_step: Ints
    _entry_order: Ints | None
    _entered: Ints | None
    _dense: Floats | None
    _tied_deaths: Ints
    _tied_starts: Ints
    _tied_steps: Ints
    _tied_step_time: Ints
    _time_starts: Ints
    death_time: Ints

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.exit.size)

    @property
    def n_events(self) -> int:
        """Rows with an event."""
        return int(self.deaths.size)

    @property
    def n_steps(self) -> int:
        """Factors of the partial likelihood, K."""
        return int(self.step_time.size)

    def to_caller(self, values: Floats) -> Floats:
        """Put per-row results (n, ...) back in the caller's order."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    def at_risk_sums(self, M: Floats, *, overwrite: bool = False) -> Floats:
        """Sum the rows of `M` over the risk set of every death step, tied deaths counted with 1 - f.

        Parameters
        ----------
        M : (n, ...) float, kernel order
        overwrite : bool
            M may be used as scratch. Wide tables then cost no fresh memory, which is half of their time.

        Returns
        -------
        (K, ...) float
        """
        flat = M.reshape(M.shape[0], -1)
        tied = _group_sums(flat[self._tied_deaths], self._tied_starts) if self._tied_steps.size else None
        at_time: Floats | None = None
        if self._dense is not None:
            at_time = self._dense @ flat
        elif self._entered is not None and self._entry_order is not None:
            late = _running_sums(flat[self._entry_order], self.starts, overwrite=True)
            at_time = _running_sums(flat, self.starts, overwrite=overwrite)[self._last]
            waiting = np.flatnonzero(self._entered >= 0)
            at_time[waiting] -= late[self._entered[waiting]]
        if at_time is None:
            sums = _running_sums(flat, self.starts, overwrite=overwrite)[self._last_of_step]
        else:
            sums = at_time if self.step_time.size == self.time.size else at_time[self.step_time]
        if tied is not None:
            sums[self._tied_steps] -= self.step_fraction[self._tied_steps, None] * tied[self._tied_step_time]
        return sums.reshape(sums.shape[0], *M.shape[1:])

    def at_death_times(self, v: Floats) -> Floats:
        """Add up a per-step quantity (K, ...) over the steps of each death time: (U, ...)."""
        if self.step_time.size == self.time.size:
            return v
        return np.add.reduceat(v, self._time_starts, axis=0)

    def spread(self, v: Floats) -> Floats:
        """For every row, sum `v` over the steps it is at risk in, counted with 1 - f in its own death's steps.

        Parameters
        ----------
        v : (K, ...) float

        Returns
        -------
        (n, ...) float, kernel order
        """
        flat = v.reshape(v.shape[0], -1)
        at_time = self.at_death_times(flat)
        # Cumulate from the earliest death of each stratum: kernel order is descending, so run backwards.
        total = np.zeros((at_time.shape[0] + 1, at_time.shape[1]))
        bounds = np.flatnonzero(np.r_[True, self.time_stratum[1:] != self.time_stratum[:-1], True])
        stratum_end = np.repeat(bounds[1:], np.diff(bounds))
        for a, b in pairwise(bounds):
            total[a:b] = np.cumsum(at_time[a:b][::-1], axis=0)[::-1]
        out = np.zeros((self.n, flat.shape[1]))
        seen = np.flatnonzero(self.first < self.end)
        out[seen] = total[self.first[seen]]
        if self.entry is not None:
            # What had accrued before entry; a row whose last time is the stratum's first death starts from nothing.
            late = seen[self.end[seen] < stratum_end[self.first[seen]]]
            out[late] -= total[self.end[late]]
        if self._tied_steps.size:
            own = np.add.reduceat(self.step_fraction[:, None] * flat, self._time_starts, axis=0)
            out[self.deaths] -= own[self.death_time]
        return out.reshape(out.shape[0], *v.shape[1:])

    def death_sums(self, M: Floats) -> Floats:
        """Sum the rows of `M` (n, ...) over the deaths of each death time: (U, ...)."""
        return np.add.reduceat(M[self.deaths], self.death_starts, axis=0)

    def death_means(self, v: Floats) -> Floats:
        """Mean of a per-step quantity over the steps of each death's own time: (deaths, ...), in the order of `deaths`.

        Under Breslow there is one step per time, so the mean is that step.
        """
        at_time = self.at_death_times(v)
        if self.ties == "efron":
            shape = (-1,) + (1,) * (v.ndim - 1)
            at_time = at_time / self.n_tied.reshape(shape)
        return at_time[self.death_time]


def risk_sets(
    exit: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ties: Ties = "efron",
    tiebreak: Floats | None = None,
) -> RiskSets:
    """Put rows in order and list the death steps.

    Parameters
    ----------
    exit, event : (n,)
        Time of event or censoring; whether it was an event.
    entry : (n,), optional
        Start of each row's interval (start, stop]; None or -inf means from the beginning.
    stratum : (n,), optional
        Any labels; sorted.
    weight : (n,), optional
        Case weights, > 0.
    ties : {"efron", "breslow"}
    tiebreak : (n, p), optional
        Covariates. Rows tied in everything else are put in the order of these, so that the order in which a table
        arrives cannot change a single bit of a result.

    Examples
    --------
    >>> rs = risk_sets([1, 1, 6, 6, 8, 9], [1, 0, 1, 1, 0, 1])
    >>> rs.time.tolist(), rs.n_tied.tolist(), rs.step_fraction.tolist()
    ([9.0, 6.0, 1.0], [1, 2, 1], [0.0, 0.0, 0.5, 0.0])
    """
    t, d, s, g, w = _checked(exit, event, entry, stratum, weight)
    n = t.size
    keys: list[Floats | Ints | Bools] = [] if tiebreak is None else list(np.asarray(tiebreak).T)
    if weight is not None:
        keys.append(w)
    if s is not None:
        keys.append(s)
    keys += [d, -t]
    if stratum is not None:
        keys.append(g)
    order = np.lexsort(keys)
    t, d, w, g = t[order], d[order], w[order], g[order]
    s = None if s is None else s[order]

    deaths = np.flatnonzero(d)
    new = np.ones(deaths.size, dtype=bool)
    new[1:] = (t[deaths[1:]] != t[deaths[:-1]]) | (g[deaths[1:]] != g[deaths[:-1]])
    death_starts = np.flatnonzero(new)
    row_time = np.cumsum(new) - 1
    n_tied = np.diff(death_starts, append=deaths.size)
    time, time_stratum = t[deaths[death_starts]], g[deaths[death_starts]]
    U = time.size
    death_weight = np.add.reduceat(w[deaths], death_starts) if U else np.zeros(0)

    starts = np.zeros(min(n, 1), dtype=np.int64)
    if stratum is not None:
        starts = np.flatnonzero(np.diff(g, prepend=-1))
    stops = np.append(starts[1:], n)
    last = np.empty(U, dtype=np.int64)
    first = np.empty(n, dtype=np.int64)
    end = np.empty(n, dtype=np.int64)
    entered: Ints | None = None if s is None else np.full(U, -1, dtype=np.int64)
    entry_order: Ints | None = None
    if s is not None:
        entry_order = np.lexsort((-s, g)).astype(np.int64)
    time_lo = np.searchsorted(time_stratum, np.arange(starts.size), side="left")
    time_hi = np.append(time_lo[1:], U)
    for k in range(starts.size):
        a, b, lo, hi = int(starts[k]), int(stops[k]), int(time_lo[k]), int(time_hi[k])
        falling = -time[lo:hi]
        last[lo:hi] = a + np.searchsorted(-t[a:b], falling, side="right") - 1
        first[a:b] = lo + np.searchsorted(falling, -t[a:b], side="left")
        end[a:b] = hi
        if s is not None and entered is not None and entry_order is not None:
            end[a:b] = lo + np.searchsorted(falling, -s[a:b], side="left")
            count = np.searchsorted(-s[entry_order[a:b]], falling, side="right")
            entered[lo:hi] = np.where(count > 0, a + count - 1, -1)
    if entered is not None and not (entered >= 0).any():
        # Everybody had entered before the first death of the stratum (a landmark stack): nothing to subtract.
        entered, entry_order = None, None
    dense: Floats | None = None
    if entered is not None and U * n <= _DENSE:
        u = np.arange(U)[:, None]
        dense = ((u >= first) & (u < end)).astype(np.float64)

    efron_ties = ties == "efron" and bool((n_tied > 1).any())
    if efron_ties:
        step_time = np.repeat(np.arange(U), n_tied)
        place = np.arange(deaths.size) - np.repeat(death_starts, n_tied)
        step_fraction = place / n_tied[step_time]
        step_weight = (death_weight / n_tied)[step_time]
        time_starts = death_starts
        tied_steps = np.flatnonzero(step_fraction > 0)
        is_tied = n_tied > 1
        tied_deaths = deaths[is_tied[row_time]]
        tied_starts = np.cumsum(n_tied[is_tied]) - n_tied[is_tied]
        renumber = np.cumsum(is_tied) - 1
        tied_step_time = renumber[step_time[tied_steps]]
    else:
        step_time = np.arange(U)
        step_fraction = np.zeros(U)
        step_weight = death_weight
        time_starts = np.arange(U)
        tied_steps = tied_deaths = tied_starts = tied_step_time = np.zeros(0, dtype=np.int64)
    return RiskSets(
        order=order, stratum=g, exit=t, entry=s, event=d, weight=w, starts=starts, time=time,
        time_stratum=time_stratum, n_tied=n_tied, death_weight=death_weight, step_time=step_time,
        step_fraction=step_fraction, step_weight=step_weight, first=first, end=end,
        exposed=np.where(first < end, w, 0.0), death_share=w * d, ties=ties, weighted=weight is not None, deaths=deaths,
        death_starts=death_starts, _last=last, _last_of_step=last[step_time], _entry_order=entry_order, _entered=entered,
        _dense=dense,
        _tied_deaths=tied_deaths, _tied_starts=tied_starts, _tied_steps=tied_steps,
        _tied_step_time=tied_step_time, _time_starts=time_starts, death_time=row_time,
    )  # fmt: skip


def _checked(
    exit: ArrayLike, event: ArrayLike, entry: ArrayLike | None, stratum: ArrayLike | None, weight: ArrayLike | None
) -> tuple[Floats, Bools, Floats | None, Ints, Floats]:
    """Times, events, entries (None where nobody has one), strata coded in the order of their labels, weights."""
    t = np.asarray(exit, dtype=np.float64)
    d = np.asarray(event).astype(bool)
    n = t.size
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    s = None if entry is None else np.asarray(entry, dtype=np.float64)
    if s is not None and not np.isfinite(s).any():
        s = None
    g = coded(stratum, n)
    if not (d.size == w.size == n and g.size == n and (s is None or s.size == n)):
        raise ValueError(f"exit has {n} rows, event {d.size}, stratum {g.size}, weight {w.size}: they must be equal.")
    if n and not bool((w > 0).all()):
        raise ValueError(f"{int((~(w > 0)).sum())} weight(s) are not positive; drop those rows instead.")
    return t, d, s, g, w


def _group_sums(M: Floats, starts: Ints) -> Floats:
    """Sum consecutive groups of rows."""
    if M.shape[1] < _WIDE:
        return np.add.reduceat(M, starts, axis=0)
    out = M[starts]
    for g, (a, b) in enumerate(pairwise([*starts.tolist(), M.shape[0]])):
        for i in range(a + 1, b):
            out[g] += M[i]
    return out


def _running_sums(M: Floats, starts: Ints, *, overwrite: bool) -> Floats:
    """Cumulate rows within each stratum, (n, q) -> (n, q)."""
    bounds = [*starts.tolist(), M.shape[0]]
    if M.shape[1] < _WIDE:
        out = np.empty_like(M)
        for a, b in pairwise(bounds):
            np.cumsum(M[a:b], axis=0, out=out[a:b])
        return out
    out = M if overwrite else M.copy()
    for a, b in pairwise(bounds):
        for before, here in zip(out[a : b - 1], out[a + 1 : b], strict=True):
            np.add(before, here, out=here)
    return out
