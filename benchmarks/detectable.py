"""Detectable hazard ratios: the formula's table, and the power that trials simulated at those hazard ratios really have.

Trials as in the published design: arm hazard ratio 0.5, control median 12 weeks, accrual and follow-up of 52 weeks each, n = 64
or 114; Cox model of marker and arm (and their product), Wald test at 5 %. The hazard ratio of each marker is the formula's for
the events expected without the marker (59.84 and 109.4). The last column deals the subjects of one such trial into its own
times (`kernels.simulated_power`): what the product prints beside a row.

    python benchmarks/detectable.py --trials 6000
    python benchmarks/detectable.py --size --trials 4000          # size of the interaction test
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from biomarkers.kernels.cox import cox
from biomarkers.kernels.power import detectable_hazard_ratio
from biomarkers.kernels.profile import p_value, t_df
from biomarkers.kernels.simulated_power import rejections, slots

EVENTS = (106, 58, 48, 29, 26, 24, 17)
VARIANCES = {
    "per SD": 1.0, "per SD, R2 .2": 0.8, "binary 50 %": 0.25, "binary 30 %": 0.21, "binary 20 %": 0.16, "binary 10 %": 0.09,
    "SNP q .4": 0.48, "interaction 50 %": 0.0625, "interaction 30 %": 0.0525, "interaction per SD": 0.25,
}
EXPECTED = {64: 59.84, 114: 109.4}
MARKERS = {
    "per SD": ("normal", 0.0), "binary 30 %": ("binary", 0.3), "binary 10 %": ("binary", 0.1), "SNP q .4": ("snp", 0.4),
    "interaction per SD": ("normal", 0.0), "interaction 50 %": ("binary", 0.5),
    "interaction 30 %": ("binary", 0.3),
}


def trial(rng: np.random.Generator, n: int, name: str, beta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, events and design (tested column first) of one trial."""
    kind, share = MARKERS[name]
    x = {"normal": rng.normal(size=n), "binary": (rng.random(n) < share).astype(float),
         "snp": rng.binomial(2, share or 0.5, n).astype(float)}[kind]
    arm = rng.permutation(np.arange(n) % 2).astype(float)
    tested = x * arm if "interaction" in name else x
    hazard = np.log(2) / 12 * np.exp(np.log(0.5) * arm + beta * tested)
    progress, leave = rng.exponential(1 / hazard), 104 - 52 * rng.random(n)
    columns = [tested, x, arm] if "interaction" in name else [x, arm]
    return np.minimum(progress, leave), progress <= leave, np.column_stack(columns)


def simulated(name: str, n: int, trials: int, seed: int) -> tuple[float, float, float, float]:
    """Hazard ratio, Wald power, events, and the power of the dealt studies."""
    ratio = detectable_hazard_ratio(EXPECTED[n], VARIANCES[name])
    rejected, events, dealt = 0, 0, []
    for i in range(trials):
        days, event, X = trial(np.random.default_rng([seed, n, i]), n, name, float(np.log(ratio)))
        events += int(event.sum())
        fit = cox(days, event, X)
        rejected += bool(fit.finite[0] and abs(fit.coef[0] / fit.std_error[0]) > 1.959963984540054)
        if i < trials // 100:
            dealt.append(rejections(slots(days, event, X), float(np.log(ratio)), replicates=100, seed=i, test="wald").mean())
    return ratio, rejected / trials, events / trials, float(np.mean(dealt))


def size_of_interaction(name: str, n: int, trials: int, seed: int) -> tuple[float, float, float]:
    """Share of trials without an interaction that reject it: likelihood ratio with t-squared cut-off, chi-square, Wald."""
    rejected = np.zeros(3)
    for i in range(trials):
        days, event, X = trial(np.random.default_rng([seed, 2, n, i]), n, name, 0.0)
        fit, null = cox(days, event, X), cox(days, event, X[:, 1:])
        ratio = np.array([max(2 * (fit.loglik - null.loglik), 0.0)])
        wald = bool(fit.finite[0]) and abs(fit.coef[0] / fit.std_error[0]) > 1.959963984540054
        rejected += [p_value(ratio, df=t_df(int(event.sum()), 3))[0] <= 0.05, p_value(ratio, df=None)[0] <= 0.05, wald]
    low, plain, wald_rate = rejected / trials
    return float(low), float(plain), float(wald_rate)


def sizes(trials: int, seed: int) -> None:
    """Print the size of the marker-by-arm test."""
    print(f"size of the marker-by-arm test at nominal 5 %, {trials} trials, Monte-Carlo error "
          f"{100 * np.sqrt(0.05 * 0.95 / trials):.2f} points")
    print(f"{'marker':<20} {'n':>4} {'LR-t':>7} {'LR':>7} {'Wald':>7}")
    for name in ("interaction per SD", "interaction 50 %", "interaction 30 %"):
        for n in (64, 50, 114):
            values = size_of_interaction(name, n, trials, seed)
            print(f"{name:<20} {n:>4} " + " ".join(f"{100 * v:7.2f}" for v in values), flush=True)


def main() -> None:
    """Print both tables."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--trials", type=int, default=6000)
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--size", action="store_true")
    given = parse.parse_args()
    if given.size:
        return sizes(given.trials, given.seed)
    print("detectable hazard ratio by formula, 80 % power, two-sided 5 %")
    print(f"{'events':>8} " + " ".join(f"{name:>18}" for name in VARIANCES))
    for d in EVENTS:
        print(f"{d:>8} " + " ".join(f"{detectable_hazard_ratio(d, v):18.3f}" for v in VARIANCES.values()))
    print(f"\nsimulated at the formula's hazard ratio, {given.trials} trials each")
    print(f"{'marker':<20} {'n':>4} {'HR':>7} {'events':>7} {'power':>7} {'MC error':>9} {'dealt':>7}")
    began = time.process_time()
    for name in [m for m in MARKERS if m != "interaction 30 %"]:
        for n in EXPECTED:
            ratio, power, events, dealt = simulated(name, n, given.trials, given.seed)
            error = np.sqrt(power * (1 - power) / given.trials)
            print(f"{name:<20} {n:>4} {ratio:7.3f} {events:7.1f} {power:7.3f} {error:9.4f} {dealt:7.3f}", flush=True)
    print(f"{time.process_time() - began:.0f} CPU s")
    return None


if __name__ == "__main__":
    main()
