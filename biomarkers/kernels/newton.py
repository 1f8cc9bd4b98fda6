"""Newton's method on the partial likelihood, for Q problems at once, some coefficients held where a profile wants them.

A step that lowers the log-likelihood or leaves the finite numbers is halved until it does neither: start-stop data
diverge without it. A regular likelihood takes 4 to 6 steps from 0; a monotone one gains one unit per step, for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .likelihood import MANY, Derivatives, Design, evaluate
from .riskset import Bools, Floats, Ints, RiskSets

CONVERGED = 1e-20
"""Newton decrement U' I^-1 U at which the next step moves no coefficient by 1e-10 of its standard error."""

SUSPICIOUS = 10
"""Steps from which a likelihood may be monotone."""

MAX_STEPS = 60


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where Newton ended, for Q problems, in scaled units.

    Attributes
    ----------
    beta : (Q, p)
    loglik : (Q,)
    information : (Q, p, p)
    iterations : (Q,) int
    converged : (Q,) bool
    """

    beta: Floats
    loglik: Floats
    information: Floats
    iterations: Ints
    converged: Bools

    def settle(self, place: Ints, beta: Floats, at: Derivatives, iterations: int, converged: Bools) -> None:
        """Write down problems that have stopped."""
        self.beta[place] = beta
        self.loglik[place] = at.loglik
        self.information[place] = at.information
        self.iterations[place] = iterations
        self.converged[place] = converged


def newton(
    rs: RiskSets,
    D: Design,
    start: Floats,
    *,
    free: Bools | None = None,
    first: Derivatives | None = None,
    max_steps: int = MAX_STEPS,
) -> Optimum:
    """Maximise the partial likelihood over the free coefficients of each problem.

    Parameters
    ----------
    start : (Q, p) float
    free : (Q, p) bool, optional
        Coefficients that move; the others stay where they start (a profile, an aliased column).
    first : Derivatives, optional
        At `start`, where they are known already.

    Notes
    -----
    A step that lowers the log-likelihood or leaves the finite numbers is halved until it does neither. The last step is
    taken without looking: at a decrement of 1e-20 it is exact to rounding.
    """
    Q, p = start.shape
    out = Optimum(
        np.empty((Q, p)), np.empty(Q), np.empty((Q, p, p)), np.zeros(Q, dtype=np.int64), np.zeros(Q, dtype=bool)
    )
    # Problems still moving, and where each of them goes in `out`.
    place, beta, moves = np.arange(Q), start, free
    now = evaluate(rs, D, beta) if first is None else first
    for iteration in range(max_steps + 1):
        step = _newton_step(now.score, now.information, moves)
        decrement = (step * now.score).sum(axis=1)
        done = decrement <= CONVERGED
        if iteration == max_steps or done.all():
            out.settle(place, beta + np.where(done[:, None], step, 0.0), now, iteration, done)
            return out
        # In a batch the few that are done ride along until half are: copying the others costs more.
        if done.any() and (Q < MANY or 2 * done.sum() >= done.size):
            out.settle(place[done], beta[done] + step[done], now.problems(done), iteration, done[done])
            left = ~done
            place, beta, step, now, D = place[left], beta[left], step[left], now.problems(left), D.problems(left)
            moves = None if moves is None else moves[left]
        reached = now.loglik
        beta, now, stuck = _uphill(rs, D, beta, step, now)
        if iteration >= SUSPICIOUS:
            stuck |= now.loglik - reached <= 1e-15 * np.abs(reached)
        if stuck.any():
            out.settle(place[stuck], beta[stuck], now.problems(stuck), iteration + 1, stuck[stuck])
            left = ~stuck
            if not left.any():
                return out
            place, beta, now, D = place[left], beta[left], now.problems(left), D.problems(left)
            moves = None if moves is None else moves[left]
    return out


def _uphill(
    rs: RiskSets, D: Design, beta: Floats, step: Floats, now: Derivatives
) -> tuple[Floats, Derivatives, Bools]:
    """Take the step, halved until the log-likelihood is finite and no lower; `stuck` where no step is left."""
    trial = beta + step
    new = evaluate(rs, D, trial)
    floor = now.loglik - 1e-13 * (np.abs(now.loglik) + rs.n_events)  # rounding in the log-likelihood is no descent
    for _ in range(40):
        worse = ~(np.isfinite(new.loglik) & (new.loglik >= floor))
        if not worse.any():
            break
        trial[worse] = (trial[worse] + beta[worse]) / 2
        new = evaluate(rs, D, trial)
    else:
        trial[worse] = beta[worse]
        new = evaluate(rs, D, trial)
    stuck: Bools = np.all(np.abs(trial - beta) <= 1e-14 * (1 + np.abs(trial)), axis=1)
    return trial, new, stuck


def _newton_step(score: Floats, information: Floats, free: Bools | None) -> Floats:
    """Solve I step = U over the free coefficients."""
    p = score.shape[1]
    if free is not None and not free.all():
        both = free[:, :, None] & free[:, None, :]
        information = np.where(both, information, np.eye(p))
        score = score * free
    if p == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            step = score / information[:, 0]
        return np.where(np.isfinite(step), step, 0.0)
    try:
        return np.asarray(np.linalg.solve(information, score[:, :, None])[:, :, 0], dtype=np.float64)
    except np.linalg.LinAlgError:
        # A monotone likelihood far out: the information has run down to nothing in some direction.
        return np.asarray(np.einsum("qij,qj->qi", np.linalg.pinv(information, hermitian=True), score), dtype=np.float64)
