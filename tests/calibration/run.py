"""The full calibrations, printed: python tests/calibration/run.py [null | coverage | cut] [trials].

Each line carries its number of trials and its Monte-Carlo error, so that a figure can be judged without knowing how
long the machine had.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from biomarkers.kernels.maxstat import max_selected

_spec = importlib.util.spec_from_file_location("trial_designs", Path(__file__).with_name("trial_designs.py"))
assert _spec is not None
assert _spec.loader is not None
trial_designs = importlib.util.module_from_spec(_spec)
sys.modules["trial_designs"] = trial_designs
_spec.loader.exec_module(trial_designs)


def null(trials: int) -> None:
    """Type-I error at 5 % in the 12 null cells."""
    print("| marker | n | trials | default | LR-t | LR | Wald | permutation | MC error |")
    print("|---|---|---|---|---|---|---|---|---|")
    for i, kind in enumerate(trial_designs.MARKERS):
        for n in trial_designs.DESIGNS:
            p = trial_designs.null_p_values(kind, n, trials, seed=1000 + 10 * i + n)
            rate = {name: 100 * float((values <= 0.05).mean()) for name, values in p.items()}
            error = 100 * np.sqrt(0.05 * 0.95 / trials)
            print(
                f"| {kind} | {n} | {trials:,} | **{rate['default']:.2f}** | {rate['lr_t']:.2f} | {rate['lr']:.2f} | "
                f"{rate['wald']:.2f} | {rate['permutation']:.2f} | {error:.2f} |",
                flush=True,
            )


def coverage(trials: int) -> None:
    """Coverage of 95 % intervals with an effect."""
    print("| marker | log HR | n | trials | default (profile, t-squared) | profile | Wald | infinite | MC error |")
    print("|---|---|---|---|---|---|---|---|---|")
    cells = [
        ("binary 10 %", np.log(3)), ("binary 10 %", -np.log(3)), ("binary 30 %", np.log(3)),
        ("binary 30 %", -np.log(3)), ("log scale", 0.47), ("lognormal raw", 0.47 / 2.1612),
    ]  # fmt: skip
    for i, (kind, effect) in enumerate(cells):
        for n in trial_designs.DESIGNS:
            c = trial_designs.coverage(kind, n, effect, trials, seed=5000 + 10 * i + n)
            print(
                f"| {kind} | {effect:+.2f} | {n} | {trials:,} | **{100 * c['profile_t']:.2f}** | {100 * c['profile']:.2f} | "
                f"{100 * c['wald']:.2f} | {100 * c['infinite']:.2f} | {100 * np.sqrt(0.05 * 0.95 / trials):.2f} |",
                flush=True,
            )


def cut(trials: int) -> None:
    """Type-I error of the searched cut-point, 10 to 90 %."""
    print("| n | trials | permutation (B = 199) | HL | Lau94 | Lau92 | naive log-rank at the best cut | MC error |")
    print("|---|---|---|---|---|---|---|---|")
    for n, design in trial_designs.DESIGNS.items():
        rng = np.random.Generator(np.random.Philox(9000 + n))
        dropout = design.dropout()
        hits = dict.fromkeys(("permutation", "hl", "lau94", "lau92", "naive"), 0)
        for k in range(trials):
            x = trial_designs.marker(rng, "log scale", n)
            days, event, _ = trial_designs.trial(rng, design, dropout, x, 0.0)
            found = max_selected(days, event, x, permutations=199, seed=k)
            for name, p in found.p_values.items():
                hits[name] += int(p <= 0.05)
            hits["naive"] += int(found.statistic >= 1.959964)
        rate = {name: 100 * count / trials for name, count in hits.items()}
        print(
            f"| {n} | {trials:,} | **{rate['permutation']:.2f}** | {rate['hl']:.2f} | {rate['lau94']:.2f} | "
            f"{rate['lau92']:.2f} | {rate['naive']:.1f} | {100 * np.sqrt(0.05 * 0.95 / trials):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    which = sys.argv[1] if len(sys.argv) > 1 else "null"
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    {"null": null, "coverage": coverage, "cut": cut}[which](size)
