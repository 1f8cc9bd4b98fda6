"""How often does the marker-by-arm test reject where there is nothing to find, with markers as lopsided as real ones?

The sample study's own values of a marker are dealt to its patients at random, times are exponential with an effect of the
arm and of the stratum, and the likelihood-ratio test of the product is asked at 5 %.

    python benchmarks/interaction_size.py --trials 600
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import numpy.typing as npt

import biomarkers as bm
from biomarkers.models.cox import cox

MARKERS = ("vimentin_pct", "stil", "cd8")
STRATA = ["cohort", "liver_mets"]


def p_values(marker: str, trials: int, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The marker's values, and the P of its product with the arm in each trial."""
    answer = bm.associate(bm.load_example("br1801"), marker, permutations=0)
    frame = answer.sets.rows[["cohort", "arm", "liver_mets"]].reset_index(drop=True)
    x = np.asarray(answer.exposure.x, dtype=np.float64)
    arm = (frame["arm"] == frame["arm"].cat.categories[1]).to_numpy(np.float64)
    risk = np.exp(0.5 * (frame["liver_mets"].astype(str) == "1").to_numpy(np.float64) - 0.3 * arm)
    rng, found = np.random.default_rng(seed), []
    for _ in range(trials):
        dealt = rng.permutation(x)
        time, end = rng.exponential(200 / risk) + 1, rng.uniform(300, 700, x.size)
        trial = frame.assign(x=dealt, product=dealt * arm, a=arm, time=np.minimum(time, end), event=(time <= end).astype(int))
        table = cox(trial, "time", "event", ["x", "product", "a"], strata=STRATA).table.set_index("term")
        found.append(float(table.loc["product", "p_value"]))
    return x, np.array(found)


def main() -> None:
    """Print the size of the test for each marker."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--trials", type=int, default=600)
    parse.add_argument("--seed", type=int, default=1)
    given = parse.parse_args()
    error = 100 * math.sqrt(0.05 * 0.95 / given.trials)
    for marker in MARKERS:
        x, p = p_values(marker, given.trials, given.seed)
        skew = float(((x - x.mean()) ** 3).mean() / x.std() ** 3)
        print(f"{marker:<14} n {x.size}, skewness {skew:4.1f}, {100 * (x == x.min()).mean():2.0f} % at the lowest value: "
              f"{100 * (p < 0.05).mean():.1f} % rejected at 5 % (Monte-Carlo error {error:.1f})")


if __name__ == "__main__":
    main()
