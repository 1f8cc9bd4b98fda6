"""A two-stage trial on survival at a fixed time, by simulation: what a rule with a Kaplan-Meier endpoint really does.

Look time and both bounds are inputs, never assumed. The binary two-stage design of `twostage` waits until everybody at the look
has been followed for the whole time; this one uses what follow-up there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import survival_two_stage as kernel

from .simulate import CHUNK


@dataclass(frozen=True, kw_only=True)
class SurvivalTwoStage:
    """A rule.

    Parameters
    ----------
    n : int
        Patients when the trial goes on.
    rate : float
        Patients per unit of time.
    tau : float
        Time of the endpoint, in the same unit.
    null, alternative : float
        Share without event by tau.
    look : float
        Calendar time of the look.
    stop_below, reject_above : float
        Bounds of the one-sided z (log-log scale, positive = better than null) at the look and at the end.
    """

    n: int
    rate: float
    tau: float
    null: float
    alternative: float
    look: float
    stop_below: float
    reject_above: float

    def __post_init__(self) -> None:
        limits.count(self.n, "n", least=4)
        for name in ("rate", "tau", "look"):
            limits.positive(getattr(self, name), name)
        limits.share(self.null, "null")
        limits.share(self.alternative, "alternative")
        if self.null >= self.alternative:
            raise UseError(f"null {self.null:g} and alternative {self.alternative:g}: the alternative must be the larger share")
        if self.look >= self.n / self.rate + self.tau:
            raise UseError(f"a look at time {self.look:g} comes when the trial ends, {self.n / self.rate + self.tau:g}")


def simulate_survival_two_stage(rule: SurvivalTwoStage, *, n_trials: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """Operating characteristics under the null share and under the alternative.

    Returns
    -------
    DataFrame
        ``hypothesis, share, quantity, estimate, std_error, n_trials``; quantities `p_reject`, `p_stop`, `n`, `duration`.

    Examples
    --------
    >>> rule = SurvivalTwoStage(n=52, rate=4, tau=12, null=0.50, alternative=0.68, look=13, stop_below=0.0, reject_above=1.2816)
    >>> found = simulate_survival_two_stage(rule, n_trials=4000)
    >>> found[found["quantity"] == "p_reject"][["hypothesis", "estimate"]].round(2)
        hypothesis  estimate
    0         null      0.09
    4  alternative      0.88
    """
    limits.count(n_trials, "n_trials", least=2)
    rows = []
    for place, (name, share) in enumerate((("null", rule.null), ("alternative", rule.alternative))):
        parts = []
        for i, start in enumerate(range(0, n_trials, CHUNK)):
            generator = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, place, i))))
            parts.append(kernel.simulate(
                generator, min(CHUNK, n_trials - start), n=rule.n, rate=rule.rate, tau=rule.tau, share=share, null=rule.null,
                look=rule.look, bounds=(rule.stop_below, rule.reject_above)))
        for quantity, field in (("p_reject", "reject"), ("p_stop", "stop"), ("n", "n"), ("duration", "duration")):
            values = np.concatenate([getattr(part, field) for part in parts]).astype(float)
            rows.append({"hypothesis": name, "share": share, "quantity": quantity, "estimate": float(values.mean()),
                         "std_error": float(values.std(ddof=1) / np.sqrt(n_trials)), "n_trials": n_trials})
    return pd.DataFrame(rows)
