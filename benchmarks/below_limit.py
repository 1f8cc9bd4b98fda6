"""Do the rules for values below the limit of detection give the truth back? Bias, coverage and size by simulation.

Trials of n subjects (1:1), log2 marker N(0, 1.5), PFS exponential with median 12 units and hazard ratio 0.5 for arm,
accrual and follow-up 52 each; the true hazard ratio per doubling is 1.30 (1.00 for the size). At 30 % below the limit the
value is imputed, at 60 % it is detected and level, at 72 % detected yes or no. The functions are those of
`models.below_limit` and the kernels it calls; tests/calibration/test_below_limit.py: a trial here is a trial there.

    python benchmarks/below_limit.py --trials 2000
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.kernels import cox as kernel
from biomarkers.kernels import profile, rubin, tobit
from biomarkers.models.association import IMPUTATIONS, Model
from biomarkers.models.below_limit import Entering, impute, rule_for, two_terms

SD, MEDIAN, ACCRUAL, FOLLOW_UP, ARM = 1.5, 12.0, 52.0, 52.0, 0.5
CASES = ((0.30, 1.30, 64), (0.30, 1.30, 120), (0.60, 1.30, 64), (0.60, 1.30, 120), (0.72, 1.00, 64), (0.72, 1.00, 120))


@dataclass(frozen=True)
class Trial:
    """Rows and the feature of one trial."""

    rows: pd.DataFrame
    entering: Entering


def simulate(rng: np.random.Generator, n: int, share: float, hazard_ratio: float) -> Trial:
    """Draw a trial with an expected share below the limit."""
    x = rng.normal(0.0, SD, n)
    arm = np.repeat([0.0, 1.0], n // 2)
    rate = np.log(2) / MEDIAN * np.exp(np.log(hazard_ratio) * x + np.log(ARM) * arm)
    progression, censored = rng.exponential(1 / rate), FOLLOW_UP + rng.uniform(0, ACCRUAL, n)
    follow, event = np.minimum(progression, censored), progression <= censored
    limit = SD * float(ndtri(share))
    below = x < limit
    rows = pd.DataFrame({"subject": np.arange(n), "time": follow, "event": event.astype(int), "arm": arm})
    entering = Entering(np.where(below, limit, x), np.where(below, tobit.LEFT, tobit.NONE).astype(np.int64), np.full(n, limit),
                        "marker", "per doubling")  # fmt: skip
    return Trial(rows, entering)


def analyse(trial: Trial, seed: int, rule: str) -> tuple[float, float, float, float]:
    """Log hazard ratio of the level (or of detection), its limits, and P, adjusted for arm."""
    rows, e = trial.rows, trial.entering
    t, d, arm = rows["time"].to_numpy(), rows["event"].to_numpy(bool), rows["arm"].to_numpy()
    if rule == "imputation":
        filled = impute(rows, e, Model(adjust=("arm",), seed=seed), groups=None, m=IMPUTATIONS)
        fits = [kernel.cox(t, d, np.column_stack([x, arm])) for x in filled]
        found = rubin.pool([f.coef[0] for f in fits], [f.std_error[0] for f in fits],
                           df_complete=profile.t_df(int(d.sum()), 2))  # fmt: skip
        return found.estimate, *found.interval(0.95), found.p_value
    if rule == "detected and level":
        columns = [x for x, _ in two_terms(e).values()]
        at = 1
    else:
        columns, at = [(e.censor != tobit.LEFT).astype(float)], 0
    fit = kernel.cox(t, d, np.column_stack([*columns, arm]))
    df = profile.t_df(int(d.sum()), len(columns) + 1)
    found = profile.profile(fit, cut=profile.cut_off(0.95, df=df))
    p = float(profile.p_value(found.statistic, df=df)[at])
    return float(fit.coef[at]), float(found.low[at]), float(found.high[at]), p


def run(trials: int, share: float, hazard_ratio: float, n: int, *, seed: int = 1) -> dict[str, float]:
    """Mean estimate (as a hazard ratio), coverage, rejection, and the Monte-Carlo error of each."""
    rng = np.random.Generator(np.random.Philox(key=[seed, int(1000 * share) + n]))
    rule = rule_for(share)
    found = np.array([analyse(simulate(rng, n, share, hazard_ratio), k, rule) for k in range(trials)])
    ok = np.isfinite(found[:, 0]) & (np.abs(found[:, 0]) < 6)
    b, low, high, p = found[ok].T
    truth = np.log(hazard_ratio)
    covered, rejected = float(((low <= truth) & (truth <= high)).mean()), float((p < 0.05).mean())
    return {
        "trials": int(ok.sum()),
        "hazard_ratio": float(np.exp(b.mean())), "hazard_ratio_error": float(b.std() / ok.sum() ** 0.5),
        "coverage": covered, "coverage_error": float((covered * (1 - covered) / ok.sum()) ** 0.5),
        "rejected": rejected, "rejected_error": float((rejected * (1 - rejected) / ok.sum()) ** 0.5),
    }  # fmt: skip


def main() -> None:
    """Run every case and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()
    print(f"{'below':>6} {'n':>4} {'rule':>20} {'true':>6} {'mean HR':>16} {'coverage':>16} {'P < 0.05':>16}")
    for share, hazard_ratio, n in CASES:
        r = run(given.trials, share, hazard_ratio, n, seed=given.seed)
        cells = [f"{r['hazard_ratio']:8.3f} ±{r['hazard_ratio_error']:6.3f}"]
        cells += [f"{r[name]:9.1%} ±{r[f'{name}_error']:5.1%}" for name in ("coverage", "rejected")]
        print(f"{share:6.0%} {n:4d} {rule_for(share):>20} {hazard_ratio:6.2f}", *cells)
    print(f"{given.trials} trials each, mean of log hazard ratios; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
