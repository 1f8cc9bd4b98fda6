"""How often does a plan of null markers find anything? Family-wise error of max-T and of Holm, 12 markers by 2 cohorts.

Trials like BR-1801: cohorts of 64 and 50, two arms (hazard ratio 0.5), PFS medians 12 and 6 weeks on control, liver
metastases (40 %, hazard ratio 2) as stratum, accrual and follow-up of 52 weeks. Twelve markers with pairwise correlation rho,
three of them lognormal, three cut at their upper third, and 10 % of values missing at random; none goes with anything.

    python benchmarks/plan_fwer.py --plans 2000 --rho 0.5
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from biomarkers.kernels.adjust import adjust
from biomarkers.kernels.resample import score_permutation
from biomarkers.plan.family import FamilyTest, family_p

COHORTS = {"ER+": (64, 12.0), "ER-": (50, 6.0)}
MARKERS = 12


def null_plan(rng: np.random.Generator, rho: float) -> list[FamilyTest]:
    """The 24 tests of one plan."""
    tests = []
    for cohort, (n, median) in COHORTS.items():
        arm = rng.permutation(np.arange(n) % 2).astype(float)
        liver = (rng.random(n) < 0.4).astype(int)
        hazard = np.log(2) / median * np.where(arm == 1, 0.5, 1.0) * np.where(liver == 1, 2.0, 1.0)
        progress, leave = rng.exponential(1 / hazard), 104 - 52 * rng.random(n)
        days, event = np.ceil(7 * np.minimum(progress, leave)), progress <= leave
        shared = rng.normal(size=n)
        subject = np.array([f"{cohort}{i:03d}" for i in range(n)])
        for j in range(MARKERS):
            x = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=n)
            x = np.exp(x) if j % 4 == 1 else (x > 0.43).astype(float) if j % 4 == 2 else x
            known = rng.random(n) > 0.1
            tests.append(FamilyTest(f"m{j}", cohort, subject[known], ("liver",), liver[known].astype(str), days[known],
                                    event[known], x[known, None], None, arm[known, None]))
    return tests


def smallest(tests: list[FamilyTest], permutations: int, seed: int) -> tuple[float, float, float]:
    """Smallest P of the plan: max-T, Holm of the permutation P's, unadjusted."""
    joint = family_p(tests, permutations=permutations, seed=seed).min()
    own = [score_permutation(t.time, t.event, t.x[:, 0], adjust=t.adjusters, stratum=t.stratum, permutations=permutations,
                             seed=seed + i).p_value for i, t in enumerate(tests)]
    return float(joint), float(adjust(np.array(own), "holm").min()), float(min(own))


def main() -> None:
    """Print the family-wise error with its Monte-Carlo error."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--plans", type=int, default=2000)
    parse.add_argument("--rho", type=float, default=0.5)
    parse.add_argument("--permutations", type=int, default=999)
    parse.add_argument("--seed", type=int, default=1801)
    given = parse.parse_args()
    began = time.process_time()
    found = np.array([
        smallest(null_plan(np.random.default_rng([given.seed, i]), given.rho), given.permutations, given.seed + 1000 * i)
        for i in range(given.plans)
    ])
    print(f"{given.plans} null plans of {MARKERS} markers x 2 cohorts, rho {given.rho}, B = {given.permutations}, "
          f"{time.process_time() - began:.0f} CPU s")
    if (given.permutations + 1) * 0.05 < 2 * MARKERS:
        print(f"  Holm cannot reject anything with B = {given.permutations}: its smallest P is {2 * MARKERS}/(B + 1)")
    for name, p in zip(("max-T", "Holm", "unadjusted"), found.T, strict=True):
        rate = float((p <= 0.05).mean())
        error = 100 * np.sqrt(rate * (1 - rate) / given.plans)
        print(f"  any P <= 0.05, {name:<10} {100 * rate:6.2f} %   Monte-Carlo error {error:.2f}")


if __name__ == "__main__":
    main()
