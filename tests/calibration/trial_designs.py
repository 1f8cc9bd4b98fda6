"""Simulated trials of the calibrations: exponential PFS in two arms, a marker, and how often a true value is rejected.

The designs are those of a small randomised phase II trial: control median 12 weeks (n = 64 and 45) or 6 weeks (n = 50),
arm hazard ratio 0.5, accrual over 12 months with 12 more of follow-up, and exponential drop-out tuned so that 58 of 64,
48 of 50 and 35 of 45 have an event on average. Days are whole, so there are ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from biomarkers.kernels.calibrated import SKEW
from biomarkers.kernels.cox import CoxSolution, cox
from biomarkers.kernels.newton import newton
from biomarkers.kernels.profile import p_value, t_df
from biomarkers.kernels.resample import score_permutation

ARM_LOG_HR = np.log(0.5)
YEAR = 365.25


@dataclass(frozen=True)
class Design:
    """n subjects, control median in days, expected events."""

    n: int
    median: float
    events: float

    def dropout(self) -> float:
        """Drop-out hazard per day that gives the expected number of events."""
        hazards = np.log(2) / self.median * np.array([1.0, 0.5])

        def expected(rate: float) -> float:
            total = 0.0
            for h in hazards:
                share = quad(lambda c, h=h: h / (h + rate) * (1 - np.exp(-(h + rate) * c)) / YEAR, YEAR, 2 * YEAR)[0]
                total += self.n / 2 * share
            return total - self.events

        return brentq(expected, 1e-9, 0.2) if expected(1e-9) > 0 else 1e-9


DESIGNS = {64: Design(64, 84.0, 58), 50: Design(50, 42.0, 48), 45: Design(45, 84.0, 35)}
MARKERS = ("binary 10 %", "binary 30 %", "lognormal raw", "log scale")


def marker(rng: np.random.Generator, kind: str, n: int) -> np.ndarray:
    """A marker that varies."""
    if kind.startswith("binary"):
        share = float(kind.split()[1]) / 100
        while True:
            x = (rng.random(n) < share).astype(float)
            if 0 < x.sum() < n:
                return x
    z = rng.normal(size=n)
    return np.exp(z) if kind == "lognormal raw" else z


def trial(
    rng: np.random.Generator, design: Design, dropout: float, x: np.ndarray, log_hr: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(days, event, arm) of one trial."""
    n = design.n
    arm = rng.permutation(np.arange(n) % 2).astype(float)
    hazard = np.log(2) / design.median * np.exp(ARM_LOG_HR * arm + log_hr * (x - x.mean()))
    pfs = rng.exponential(1 / hazard)
    censored = np.minimum(rng.exponential(1 / dropout, n), 2 * YEAR - rng.uniform(0, YEAR, n))
    return np.ceil(np.minimum(pfs, censored)), pfs <= censored, arm


def ratio_at(fit: CoxSolution, value: float) -> float:
    """2 (l_max - l with the first coefficient at `value`, the others refitted)."""
    start = np.where(fit.finite, fit.scaled, 0.0)[None, :].copy()
    start[0, 0] = value * fit.D.scale[0, 0]
    free = fit.used[None, :].copy()
    free[0, 0] = False
    return max(0.0, 2 * (fit.loglik - float(newton(fit.rs, fit.D, start, free=free).loglik[0])))


def null_p_values(kind: str, n: int, trials: int, *, seed: int, permutations: int = 499) -> dict[str, np.ndarray]:
    """p-values of a marker without effect, arm adjusted: likelihood ratio, LR-t, Wald, permutation, and the default's."""
    design = DESIGNS[n]
    dropout = design.dropout()
    rng = np.random.Generator(np.random.Philox(seed))
    out = {name: np.empty(trials) for name in ("lr", "lr_t", "wald", "permutation", "default")}
    for k in range(trials):
        x = marker(rng, kind, n)
        days, event, arm = trial(rng, design, dropout, x, 0.0)
        fit = cox(days, event, np.column_stack([x, arm]))
        ratio = np.array(ratio_at(fit, 0.0))
        out["lr"][k] = p_value(ratio, df=None)
        out["lr_t"][k] = p_value(ratio, df=t_df(fit.n_events, 2))
        z = fit.coef[0] / fit.std_error[0] if fit.finite[0] else 0.0
        out["wald"][k] = p_value(np.array(z**2), df=None)
        out["permutation"][k] = score_permutation(
            days, event, x, adjust=arm, permutations=permutations, seed=seed * 1_000_003 + k
        ).p_value
        out["default"][k] = out["permutation" if leads(x) else "lr_t"][k]
    return out


def leads(x: np.ndarray) -> bool:
    """Does the permutation p lead for this marker? `kernels.calibrated.confirmatory` without its gate on events."""
    values, counts = np.unique(x, return_counts=True)
    if values.size == 2:
        return bool(counts.min() < 10 or counts.min() < 0.15 * x.size)
    c = x - x.mean()
    return bool(abs((c**3).mean() / (c**2).mean() ** 1.5) > SKEW)


def coverage(kind: str, n: int, log_hr: float, trials: int, *, seed: int) -> dict[str, float]:
    """Coverage of 95 % intervals: profile with the t-squared cut-off (the default), with chi-square, and Wald."""
    design = DESIGNS[n]
    dropout = design.dropout()
    rng = np.random.Generator(np.random.Philox(seed))
    inside = {"profile_t": 0, "profile": 0, "wald": 0, "infinite": 0}
    for _ in range(trials):
        x = marker(rng, kind, n)
        days, event, arm = trial(rng, design, dropout, x, log_hr)
        fit = cox(days, event, np.column_stack([x, arm]))
        ratio = np.array(ratio_at(fit, log_hr))
        inside["profile_t"] += int(p_value(ratio, df=t_df(fit.n_events, 2)) > 0.05)
        inside["profile"] += int(p_value(ratio, df=None) > 0.05)
        if fit.finite[0]:
            inside["wald"] += int(abs(fit.coef[0] - log_hr) < 1.959964 * fit.std_error[0])
        else:
            inside["infinite"] += 1
    return {name: count / trials for name, count in inside.items()}
