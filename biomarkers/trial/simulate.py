"""Simulated power and size of a stratified log-rank test, with a futility look whose rule and timing are inputs.

Formulas say what a test does in the limit; sixty events are not the limit. The simulator (`kernels.trial_simulation`) draws
whole trials and analyses them as the protocol would, under the design's hazard ratio and under the null hypothesis, and prints
both with their Monte-Carlo errors: the size of a nominal 0.10 test is then seen to be 0.102 to 0.105.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import trial_simulation as kernel
from biomarkers.parallel import in_order

from .sizing import agreed_hazard_ratio

CHUNK = 4000
"""Trials per random stream; fixed, so that results do not depend on the number of processes."""


@dataclass(frozen=True, kw_only=True)
class TwoArmDesign:
    """A randomised comparison of two arms by a one-sided log-rank test.

    Parameters
    ----------
    n_per_arm : int
    median_control : float
        In the stratum whose hazard ratio is 1; exponential times.
    hazard_ratio, median_experimental : float
        One of them; both only if they agree.
    accrual, follow_up : float
        In the unit of the medians.
    alpha : float
        One-sided.
    events : int, optional
        The final analysis happens at this event; None = at the calendar time accrual + follow_up.
    strata : tuple of (share, hazard ratio)
        Of each stratum against the first: ``((0.6, 1.0), (0.4, 2.0))`` is 40 % with twice the hazard.
    stratified : bool
        Whether the test uses the strata (randomisation always does).
    block : int
        Size of the permuted blocks within each stratum.
    """

    n_per_arm: int
    median_control: float
    accrual: float
    follow_up: float
    alpha: float
    hazard_ratio: float | None = None
    median_experimental: float | None = None
    events: int | None = None
    strata: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    stratified: bool = True
    block: int = 4

    def __post_init__(self) -> None:
        limits.count(self.n_per_arm, "n_per_arm", least=2)
        limits.one_sided(self.alpha)
        limits.positive(self.accrual, "accrual")
        if self.follow_up < 0:
            raise UseError(f"follow_up = {self.follow_up!r} is negative: it counts from the end of accrual")
        ratio = 1.0 if self.hazard_ratio == 1.0 else agreed_hazard_ratio(
            self.median_control, self.hazard_ratio, self.median_experimental)
        object.__setattr__(self, "hazard_ratio", ratio)
        if self.events is not None:
            limits.count(self.events, "events", least=2)
            if self.events > self.n:
                raise UseError(
                    f"{self.events} events from {self.n} patients: a patient has at most one; lower events or raise n"
                )
        shares = [s for s, _ in self.strata]
        if not np.isclose(sum(shares), 1.0) or min(shares) <= 0 or min(h for _, h in self.strata) <= 0:
            raise UseError(f"strata {self.strata} must be (share, hazard ratio) pairs with shares that add up to 1")
        if self.block < 2 or self.block % 2:
            raise UseError(f"block = {self.block} must be even: half of each block goes to either arm")

    @property
    def n(self) -> int:
        """Patients in both arms."""
        return 2 * self.n_per_arm

    @property
    def hazards(self) -> np.ndarray:
        """Hazard by stratum and arm, (S, 2)."""
        base = np.log(2.0) / self.median_control
        return np.array([[base * h, base * h * self.hazard_ratio] for _, h in self.strata])


@dataclass(frozen=True)
class Futility:
    """Stop at the `events`-th event when the one-sided z (positive = experimental better) lies below `bound`.

    bound = 0 stops when the estimated hazard ratio is above 1. The look is non-binding: the final critical value stays.
    """

    events: int
    bound: float = 0.0

    def __post_init__(self) -> None:
        limits.count(self.events, "events at the look", least=1)


def simulate_logrank(
    design: TwoArmDesign, *, n_trials: int = 20_000, seed: int = 0, futility: Futility | None = None, jobs: int = 1
) -> pd.DataFrame:
    """Simulate trials under the design's hazard ratio and under the null hypothesis.

    Parameters
    ----------
    design : TwoArmDesign
    n_trials : int
        Under each hypothesis.
    seed : int
        Same seed, same numbers, whatever `jobs`.
    futility : Futility, optional
    jobs : int

    Returns
    -------
    DataFrame
        ``hypothesis, hazard_ratio, quantity, estimate, std_error, n_trials``. Quantities: `p_reject` (power, or size),
        `p_reject_with_futility` (a stop counts as not rejected), `p_stop`, `events`, `events_min`, `events_max`, `time`
        (calendar time of the analysis), `time_at_look`. Minimum and maximum have no standard error.

    Raises
    ------
    UseError
        A look at or after the last event.

    Examples
    --------
    >>> er_plus = TwoArmDesign(n_per_arm=32, median_control=12, hazard_ratio=0.5, accrual=52, follow_up=52, alpha=0.10,
    ...                        events=58, strata=((0.6, 1.0), (0.4, 2.0)))
    >>> found = simulate_logrank(er_plus, n_trials=4000, futility=Futility(29))
    >>> found[found["quantity"] == "p_reject"][["hypothesis", "estimate", "std_error"]].round(3)
        hypothesis  estimate  std_error
    0  alternative     0.893      0.005
    8         null     0.104      0.005
    """
    limits.count(n_trials, "n_trials", least=2)
    _check_look(design, futility)
    rows: list[dict[str, object]] = []
    for place, (name, ratio) in enumerate((("alternative", design.hazard_ratio), ("null", 1.0))):
        sizes = [min(CHUNK, n_trials - start) for start in range(0, n_trials, CHUNK)]
        truth = replace(design, hazard_ratio=ratio, median_experimental=None)
        calls = [(truth, futility, size, (seed, place, i)) for i, size in enumerate(sizes)]
        parts = in_order(_chunk, calls, jobs=jobs)
        merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        rows += [{"hypothesis": name, "hazard_ratio": ratio, **row, "n_trials": n_trials} for row in _summary(merged)]
    return pd.DataFrame(rows)


def _check_look(design: TwoArmDesign, futility: Futility | None) -> None:
    if futility is None:
        return
    last = design.events if design.events is not None else design.n
    if futility.events >= last:
        what = "the last event of the final analysis" if design.events is not None else "the last patient's event"
        raise UseError(
            f"a futility look after {futility.events} events is no interim look: {what} is number {last}. "
            "Look times are inputs of the protocol; give a smaller number"
        )


def _chunk(
    design: TwoArmDesign, futility: Futility | None, n_trials: int, key: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """One stream of trials: z, events and time at the end; stop and time at the look."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
    shares = np.array([share for share, _ in design.strata])
    trials = kernel.simulate(
        generator, n_trials, n=design.n, accrual=design.accrual, hazard=design.hazards, p_stratum=shares, block=design.block
    )
    if design.events is None:
        cut = np.full(n_trials, design.accrual + design.follow_up)
    else:
        cut = kernel.cut_at_events(trials, design.events)
    final = kernel.look(trials, cut, stratified=design.stratified)
    found = {"reject": final.z > ndtri(1 - design.alpha), "events": final.events, "time": cut}
    if futility is not None:
        early = kernel.cut_at_events(trials, futility.events)
        seen = kernel.look(trials, early, stratified=design.stratified)
        # A look that comes after the end of the trial is no look.
        found |= {"stop": (seen.z < futility.bound) & (early < cut), "time_at_look": np.minimum(early, cut)}
    return found


def _summary(found: dict[str, np.ndarray]) -> list[dict[str, object]]:
    def mean(name: str, values: np.ndarray) -> dict[str, object]:
        error = float(values.std(ddof=1) / np.sqrt(values.size))
        return {"quantity": name, "estimate": float(values.mean()), "std_error": error}

    rows = [mean("p_reject", found["reject"].astype(float))]
    if "stop" in found:
        rows.append(mean("p_reject_with_futility", (found["reject"] & ~found["stop"]).astype(float)))
        rows.append(mean("p_stop", found["stop"].astype(float)))
    rows.append(mean("events", found["events"].astype(float)))
    rows += [{"quantity": f"events_{name}", "estimate": float(value), "std_error": np.nan}
             for name, value in (("min", found["events"].min()), ("max", found["events"].max()))]
    rows.append(mean("time", found["time"]))
    if "stop" in found:
        rows.append(mean("time_at_look", found["time_at_look"]))
    return rows
