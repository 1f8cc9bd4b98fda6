"""How often do naive and strict analyses of a serial marker reject when the marker does nothing? The guard simulation.

Trials like BR-1801 (n = 64, 1:1, PFS medians 12 and 24 weeks, accrual and follow-up 52 weeks each, 10 % of draws missing)
with a marker that clears at random, independent of progression. Five settings:

    A  draws at baseline, 6 weeks and progression            B  A, and 90 % of progression draws are positive
    C  draws every 6 weeks                                    D  C, PFS seen at 6-weekly scans, progression draw positive
    E  B with scans

Exposure and arm are binary, so a Cox model's risk sets are four counts per death; all trials of a batch are fitted at once.
That the counts give what `landmark_set`, `start_stop` and `cox` give, trial by trial, is tests/calibration/test_guards.py.

    python benchmarks/guards.py --trials 10000 --jobs 2            # under a minute on 2 cores; the figures the product prints
    python benchmarks/guards.py --trials 10000 --json guards.json
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SETTINGS: dict[str, dict[str, Any]] = {
    "A": {"scans": False, "serial": False, "positive_at_progression": 0.0},
    "B": {"scans": False, "serial": False, "positive_at_progression": 0.9},
    "C": {"scans": False, "serial": True, "positive_at_progression": 0.0},
    "D": {"scans": True, "serial": True, "positive_at_progression": 0.9},
    "E": {"scans": True, "serial": False, "positive_at_progression": 0.9},
}
ANALYSES = {
    "ever": "ever cleared, from baseline",
    "last": "last value, from baseline",
    "missing as not cleared": "6-week value, missing as not cleared, from baseline",
    "wrong landmark": "landmark with time >= L and the progression draw",
    "own event day": "time-dependent, value used on its own event day",
    "complete case": "6-week value, complete cases, clock from baseline",
    "landmark": "landmark at the window's end, strict",
    "time-dependent": "time-dependent, strictly before",
}
STRICT = ("landmark", "time-dependent")
N, MEDIANS, ACCRUAL, FOLLOW_UP, MISSING, JITTER, CLEARS = 64, (12.0, 24.0), 52.0, 52.0, 0.1, 1.0, 8.0
VISIT, BATCH = 6.0, 500


@dataclass(frozen=True)
class Trials:
    """A batch of B trials of n subjects: arm, time, event (B, n); draws (B, n, k) with day (NaN: none) and value."""

    arm: Floats
    time: Floats
    event: Bools
    day: Floats
    value: Floats
    progression_day: Floats
    progression_value: Floats


def simulate(
    rng: np.random.Generator, batch: int, *, scans: bool, serial: bool, positive_at_progression: float, n: int = N
) -> Trials:
    """Draw a batch; times are weeks."""
    arm = np.repeat([0.0, 1.0], n // 2)[None, :].repeat(batch, axis=0)
    progression = rng.exponential(np.where(arm == 0, *MEDIANS) / np.log(2))
    if scans:
        progression = np.ceil(progression / 6.0) * 6.0
    censored = FOLLOW_UP + rng.uniform(0, ACCRUAL, (batch, n))
    follow, event = np.minimum(progression, censored), progression <= censored
    clears = rng.exponential(CLEARS / np.log(2), (batch, n))
    planned = np.arange(VISIT, ACCRUAL + FOLLOW_UP + 3, 6.0) if serial else np.array([VISIT])
    day = planned + rng.uniform(-JITTER, JITTER, (batch, n, planned.size))
    taken = (planned < follow[..., None] + 3) & (day < follow[..., None]) & (rng.random(day.shape) >= MISSING)
    value = (day >= clears[..., None]).astype(float)
    drawn = event & (rng.random((batch, n)) > MISSING)
    cleared = (follow >= clears) & ~(rng.random((batch, n)) < positive_at_progression)
    return Trials(arm, follow, event, np.where(taken, day, np.nan), np.where(taken, value, np.nan),
                  np.where(drawn, follow, np.nan), np.where(drawn, cleared.astype(float), np.nan))  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What a Cox model sees: x from 0, changing to `after` at `change`; who is in; the clock's start."""

    x: Floats
    included: Bools
    time: Floats
    change: Floats
    after: Floats


def questions(trials: Trials) -> dict[str, Question]:
    """The eight analyses."""
    B, n = trials.time.shape
    follow, event = trials.time, trials.event
    never, everybody = np.full((B, n), np.inf), np.ones((B, n), bool)
    positive = trials.value == 1.0
    pd_positive = trials.progression_value == 1.0
    has_pd = ~np.isnan(trials.progression_day)
    any_draw = (~np.isnan(trials.day)).any(axis=-1)
    last = np.where(any_draw, _last(trials.value), np.nan)
    last = np.where(has_pd, trials.progression_value, last)
    in_window = np.abs(trials.day - VISIT) <= JITTER
    week6 = _first(trials.value, in_window)
    at_progression = has_pd & (np.abs(trials.progression_day - VISIT) <= JITTER)
    week6_or_pd = np.where(np.isnan(week6) & at_progression, trials.progression_value, week6)
    first_positive = np.where(positive, trials.day, np.inf).min(axis=-1)
    end = VISIT + JITTER
    start = VISIT - JITTER
    flipped = np.isfinite(first_positive)

    def fixed(x: Floats, included: Bools, clock: Floats = follow) -> Question:
        return Question(np.nan_to_num(x), included, clock, never, np.zeros((B, n)))

    zero = np.zeros((B, n))
    closed = has_pd & event
    return {
        "ever": fixed((positive.any(axis=-1) | pd_positive).astype(float), everybody),
        "last": fixed(last, ~np.isnan(last)),
        "missing as not cleared": fixed(week6, everybody),
        "wrong landmark": fixed(week6_or_pd, ~np.isnan(week6_or_pd) & (follow >= start), follow - start + 1e-6),
        # The value of the event day stands for the whole of the last interval, as a closed interval would have it.
        "own event day": Question(np.where(closed & ~flipped, np.nan_to_num(trials.progression_value), 0.0), everybody, follow,
                                  first_positive, np.where(closed, np.nan_to_num(trials.progression_value), 1.0)),
        "complete case": fixed(week6, ~np.isnan(week6)),
        "landmark": fixed(week6, ~np.isnan(week6) & (follow > end), follow - end),
        "time-dependent": Question(zero, everybody, follow, first_positive, zero + 1.0),
    }  # fmt: skip


def _first(value: Floats, where: Bools) -> Floats:
    found = where.any(axis=-1)
    return np.where(found, np.take_along_axis(value, where.argmax(axis=-1)[..., None], -1)[..., 0], np.nan)


def _last(value: Floats) -> Floats:
    known = ~np.isnan(value)
    place = value.shape[-1] - 1 - known[..., ::-1].argmax(axis=-1)
    return np.take_along_axis(value, place[..., None], -1)[..., 0]


@dataclass(frozen=True)
class Fits:
    """Log hazard ratio, Wald and likelihood-ratio-t P of each trial, (B,); NaN where no model could be fitted."""

    coef: Floats
    wald_p: Floats
    p: Floats
    n: Floats
    n_events: Floats


def fit(question: Question, event: Bools, arm: Floats) -> Fits:
    """Cox model of x and arm with Efron ties, all trials at once."""
    t, inside = question.time, question.included
    dies = event & inside
    # Counts of x by arm among those at risk at each subject's own time, (B, n, 4); rows that do not die carry no weight.
    order = np.argsort(t, axis=1, kind="stable")
    T = np.take_along_axis(t, order, 1)
    cell_before = (2 * question.x + arm).astype(int)
    cell_after = (2 * question.after + arm).astype(int)
    moves = inside & (question.change < t)
    there = (t[:, None, :] >= T[:, :, None]).astype(np.float32)
    x_at = there @ _cells(cell_before, inside)
    if moves.any():
        # Who changed strictly before T is counted in its new cell and no longer in the old one.
        there *= question.change[:, None, :] < T[:, :, None]
        x_at += there @ (_cells(cell_after, moves) - _cells(cell_before, moves))
    own_cell = np.where(question.change < t, cell_after, cell_before)
    group = np.take_along_axis(_cells(own_cell, dies).astype(float), order[..., None], 1)
    died = np.take_along_axis(dies, order, 1)
    tied, rank, many = _ties(T, group, died)
    share = np.where(many > 0, rank / np.maximum(many, 1), 0.0)
    counts = x_at.astype(float) - share[..., None] * tied  # Efron: the j-th of d tied deaths counts them with 1 - j/d
    own = np.where(died[..., None], group, 0.0).sum(axis=1)  # (B, 4) deaths by cell
    full = _newton(counts, died, own, both=True)
    null = _newton(counts, died, own, both=False)
    n, d = inside.sum(axis=1).astype(float), dies.sum(axis=1).astype(float)
    x = np.where(inside, np.maximum(question.x, np.where(question.change < t, question.after, 0)), np.nan)
    varies = (np.nanmax(x, axis=1) > np.nanmin(x, axis=1)) | (np.isfinite(question.change) & inside).any(axis=1)
    ok = full["converged"] & varies & (n >= 8) & (d >= 5)
    statistic = np.maximum(2 * (full["loglik"] - null["loglik"]), 0.0)
    p = 2 * stdtr(np.maximum(d - 2, 1.0), -np.sqrt(statistic))  # kernels.profile: likelihood ratio against t squared
    wald = 2 * ndtr(-np.abs(full["beta"][:, 0]) / full["error"])
    return Fits(*(np.where(ok, v, np.nan) for v in (full["beta"][:, 0], wald, p, n, d)))


def _cells(cell: NDArray[np.int64], member: Bools) -> NDArray[np.float32]:
    """Members as one of four cells, (B, n, 4); counts of them are exact in single precision."""
    return ((cell[..., None] == np.arange(4)) & member[..., None]).astype(np.float32)


def _ties(T: Floats, group: Floats, died: Bools) -> tuple[Floats, Floats, Floats]:
    """Deaths tied with each row by cell (B, n, 4), the rank of a death among them, and their number (B, n)."""
    B, n = T.shape
    new = np.ones((B, n), bool)
    new[:, 1:] = T[:, 1:] != T[:, :-1]
    first = np.maximum.accumulate(np.where(new, np.arange(n), 0), axis=1)
    ends = np.ones((B, n), bool)
    ends[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(ends, np.arange(n), n)[:, ::-1], axis=1)[:, ::-1]
    sums = np.concatenate([np.zeros((B, 1, group.shape[2])), np.cumsum(group, axis=1)], axis=1)
    tied = np.take_along_axis(sums, (last + 1)[..., None], 1) - np.take_along_axis(sums, first[..., None], 1)
    deaths = np.concatenate([np.zeros((B, 1)), np.cumsum(died, axis=1)], axis=1)
    rank = np.take_along_axis(deaths, np.arange(n)[None].repeat(B, 0), 1) - np.take_along_axis(deaths, first, 1)
    many = np.take_along_axis(deaths, last + 1, 1) - np.take_along_axis(deaths, first, 1)
    return tied, rank, many


CELLS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (x, arm) of cell 2 x + arm


def _newton(counts: Floats, died: Bools, own: Floats, *, both: bool) -> dict[str, Any]:
    B = counts.shape[0]
    beta = np.zeros((B, 2))
    first = own @ CELLS  # sum of the covariates of the dead
    w = died.astype(float)
    for _ in range(25):
        risk = np.exp(beta @ CELLS.T)  # (B, 4)
        a = counts * risk[:, None, :]
        den = np.where(died, a.sum(axis=2), 1.0)
        share = a / den[..., None] * w[..., None]
        m = share @ CELLS  # (B, n, 2)
        score = first - m.sum(axis=1)
        both_one = share[..., 3].sum(axis=1)
        ixx = (m[..., 0] * (1 - m[..., 0])).sum(axis=1)
        iaa = (m[..., 1] * (1 - m[..., 1])).sum(axis=1)
        ixa = both_one - (m[..., 0] * m[..., 1]).sum(axis=1)
        if both:
            det = ixx * iaa - ixa**2
            det = np.where(det > 1e-12, det, np.nan)
            step = np.column_stack(
                [(iaa * score[:, 0] - ixa * score[:, 1]) / det, (ixx * score[:, 1] - ixa * score[:, 0]) / det]
            )
        else:
            det = np.where(iaa > 1e-12, iaa, np.nan)
            step = np.column_stack([np.zeros(B), score[:, 1] / det])
        step = np.clip(np.nan_to_num(step), -2, 2)
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    risk = np.exp(beta @ CELLS.T)
    den = np.where(died, (counts * risk[:, None, :]).sum(axis=2), 1.0)
    loglik = (beta * first).sum(axis=1) - (w * np.log(den)).sum(axis=1)
    converged = (np.abs(step).max(axis=1) < 1e-6) & (np.abs(beta).max(axis=1) < 12) & np.isfinite(det)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(iaa / det) if both else np.sqrt(1 / det)
    return {"beta": beta, "loglik": loglik, "error": error, "converged": converged}


def run_batch(setting: str, batch: int, seed: int) -> dict[str, Fits]:
    """One batch of trials of a setting."""
    rng = np.random.Generator(np.random.Philox(key=[seed, ord(setting)]))
    trials = simulate(rng, batch, **SETTINGS[setting])
    return {name: fit(q, trials.event, trials.arm) for name, q in questions(trials).items()}


def _work(setting: str, batch: int, seed: int) -> tuple[str, dict[str, np.ndarray]]:
    found = run_batch(setting, batch, seed)
    return setting, {k: np.stack([f.coef, f.wald_p, f.p, f.n, f.n_events]) for k, f in found.items()}


def guard(n_trials: int = 10_000, *, jobs: int = 1, seed: int = 1) -> dict[str, dict[str, dict[str, float]]]:
    """Rejection rates at 5 % by setting and analysis, with their Monte-Carlo errors.

    Returns
    -------
    dict
        setting -> analysis -> trials, rejected (likelihood ratio, t), wald_rejected, mc_error, hazard_ratio (median), n,
        n_events.
    """
    sizes = [min(BATCH, n_trials - k) for k in range(0, n_trials, BATCH)]
    tasks = [(s, size, 1000 * seed + k) for s in SETTINGS for k, size in enumerate(sizes)]
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            done = list(pool.map(_work, *zip(*tasks, strict=True)))
    else:
        done = list(starmap(_work, tasks))
    out: dict[str, dict[str, dict[str, float]]] = {}
    for s in SETTINGS:
        parts = [found for setting, found in done if setting == s]
        out[s] = {}
        for name in ANALYSES:
            coef, wald, p, n, d = np.concatenate([part[name] for part in parts], axis=1)
            ok = np.isfinite(coef) & np.isfinite(p)
            rate = float((p[ok] < 0.05).mean())
            out[s][name] = {
                "trials": int(ok.sum()), "rejected": rate, "mc_error": float(np.sqrt(rate * (1 - rate) / ok.sum())),
                "wald_rejected": float((wald[ok] < 0.05).mean()), "hazard_ratio": float(np.exp(np.median(coef[ok]))),
                "n": float(n[ok].mean()), "n_events": float(d[ok].mean()),
            }  # fmt: skip
    return out


def main() -> None:
    """Run, print, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()
    found = guard(given.trials, jobs=given.jobs, seed=given.seed)
    print(f"Rejected at 5 % when the marker does nothing; {given.trials} trials of n = {N} per setting (median hazard ratio)")
    print(f"{'':52}" + "".join(f"{s:>15}" for s in SETTINGS))
    for name, words in ANALYSES.items():
        cells = (f"{found[s][name]['rejected']:8.1%} ({found[s][name]['hazard_ratio']:.2f})" for s in SETTINGS)
        print(f"{words:52}" + "".join(f"{cell:>15}" for cell in cells))
    worst = max(found[s][name]["mc_error"] for s in SETTINGS for name in STRICT)
    took = time.perf_counter() - began
    print(f"Monte-Carlo error of the strict rows at most {worst:.2%}; {took:.1f} s on {given.jobs} processes")
    if given.json:
        given.json.write_text(json.dumps({"trials": given.trials, "seed": given.seed, "n": N, "rates": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
