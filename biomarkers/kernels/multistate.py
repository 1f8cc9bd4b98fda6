r"""Aalen and Johansen's matrix of transition probabilities for a process that may go back and forth.

At every time T of a transition, with d_gh moves from g to h and n_g at risk in g just before::

    P(s, T) = P(s, T-) (I + dA(T)),    dA_gh = d_gh / n_g,   dA_gg = -sum_h d_gh / n_g

State occupation is p(s) P(s, t) with p(s) the shares of the states at the start. Subjects may enter late and leave without a
move: intervals (start, stop] in a state. Standard errors are the grouped jackknife over subjects.

Sources: Aalen and Johansen, Scandinavian Journal of Statistics 5 (1978) 141; Andersen and Keiding, Statistical Methods in
Medical Research 11 (2002) 91.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .riskset import Floats, Ints, coded


@dataclass(frozen=True, slots=True)
class Occupation:
    """Probability of being in each state.

    Attributes
    ----------
    time : (k,) float
        Times asked for.
    probability, std_error : (k, S) float
    moves : (S, S) int
        Moves seen after the start.
    initial : (S,) float
        Shares of the states at the start.
    n : int
        Subjects observed at the start.
    """

    time: Floats
    probability: Floats
    std_error: Floats
    moves: Ints
    initial: Floats
    n: int


def occupation(
    subject: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    state: ArrayLike,
    following: ArrayLike,
    *,
    n_states: int,
    origin: float,
    times: ArrayLike,
) -> Occupation:
    """State occupation from `origin` on.

    Parameters
    ----------
    subject : (r,)
    start, stop : (r,)
        Interval (start, stop] spent in `state`.
    state, following : (r,) int
        The state, and the state entered at `stop`; equal to `state` where the subject is censored there or goes on unchanged.
    n_states : int
    origin : float
        Subjects whose interval covers it make the initial shares.
    times : (k,)

    Raises
    ------
    ValueError
        Nobody is observed at the origin.

    Examples
    --------
    >>> found = occupation([0, 0, 1], [0, 2, 0], [2, 5, 4], [0, 1, 0], [1, 2, 2], n_states=3, origin=0.0, times=[3.0, 5.0])
    >>> found.probability.tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    s, t = np.asarray(start, np.float64), np.asarray(stop, np.float64)
    who = coded(subject, s.size)
    a, b = np.asarray(state, np.int64), np.asarray(following, np.int64)
    at = np.atleast_1d(np.asarray(times, np.float64))
    first = (s <= origin) & (t > origin)
    if not first.any():
        raise ValueError(f"nobody is observed at {origin:g}: there is no state to start from.")
    whole, initial = _run(s, t, a, b, first, n_states, origin, at)
    people = np.unique(who)
    left_out = np.empty((people.size, at.size, n_states))
    for k, person in enumerate(people):
        keep = who != person
        left_out[k] = (
            _run(s[keep], t[keep], a[keep], b[keep], first[keep], n_states, origin, at)[0] if first[keep].any() else whole
        )
    spread = left_out - left_out.mean(axis=0)
    error = np.sqrt((people.size - 1) / people.size * (spread**2).sum(axis=0))
    moves = np.zeros((n_states, n_states), dtype=np.int64)
    seen = (a != b) & (t > origin)
    np.add.at(moves, (a[seen], b[seen]), 1)
    return Occupation(at, whole, error, moves, initial, int(np.unique(who[first]).size))


def _run(
    s: Floats, t: Floats, a: Ints, b: Ints, first: NDArray[np.bool_], n_states: int, origin: float, at: Floats
) -> tuple[Floats, Floats]:
    """(k, S) occupation and (S,) initial shares."""
    shares = np.bincount(a[first], minlength=n_states).astype(np.float64)
    shares /= shares.sum()
    moving = (a != b) & (t > origin)
    knots = np.unique(t[moving])
    out = np.empty((at.size, n_states))
    p, k = shares.copy(), 0
    order = np.argsort(at, kind="stable")
    for asked in order:
        while k < knots.size and knots[k] <= at[asked]:
            p = _step(p, s, t, a, b, moving, knots[k], n_states)
            k += 1
        out[asked] = p
    return out, shares


def _step(p: Floats, s: Floats, t: Floats, a: Ints, b: Ints, moving: NDArray[np.bool_], T: float, n_states: int) -> Floats:
    """One factor I + dA."""
    at_risk = np.bincount(a[(s < T) & (t >= T)], minlength=n_states)
    now = moving & (t == T)
    dA = np.zeros((n_states, n_states))
    np.add.at(dA, (a[now], b[now]), 1.0)
    dA /= np.maximum(at_risk, 1)[:, None]
    dA[np.diag_indices(n_states)] -= dA.sum(axis=1)
    return np.asarray(p + p @ dA)
