"""How fast is a supermodel, from the two frames to robust errors? And does it still give R's numbers?

A trial as large as the Benelux CML data (190 subjects, some 5,600 draws, 31 landmarks, window 4 years, nearly 5,000 rows)
is simulated; CPU time of one process. With ``--data FOLDER`` (cml_patients.csv, cml_wbc.csv) the real one is read, and its
coefficients and robust errors are printed beside R's.

    python benchmarks/supermodel.py
    python benchmarks/supermodel.py --data FOLDER
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from biomarkers.models.landmark import landmark_stack
from biomarkers.models.supermodel import fit_supermodel

GRID, WINDOW = np.round(np.arange(0.5, 3.55, 0.1), 10), 4.0
R_NUMBERS = {"sokal": (0.6230452544, 0.1719385157), "value": (0.9859850463, 0.2330822536)}
"""ipl with a constant effect, Efron ties, clustered on the patient (R survival 3.5-3)."""


def simulated(n: int = 190, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Subjects and draws of about the same size and shape."""
    rng = np.random.default_rng(seed)
    frailty, sokal = rng.normal(0, 0.4, n), rng.normal(1.0, 0.4, n)
    died = rng.exponential(6.5 * np.exp(-0.6 * (sokal - 1) - frailty)) + 0.3
    censored = rng.uniform(2.0, 9.0, n)
    people = pd.DataFrame({"subject": np.arange(n), "time": np.minimum(died, censored), "event": (died <= censored).astype(int),
                           "sokal": sokal})  # fmt: skip
    k = np.maximum((people["time"] * 7.5).astype(int).to_numpy(), 1)
    who = np.repeat(np.arange(n), k)
    day = np.sort(rng.uniform(0.02, people["time"].to_numpy()[who]))
    draws = pd.DataFrame({"subject": who, "day": rng.uniform(0.02, people["time"].to_numpy()[who]),
                          "value": frailty[who] + rng.normal(0, 0.3, day.size)})  # fmt: skip
    return people, draws


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Benelux CML data."""
    people = pd.read_csv(folder / "cml_patients.csv").rename(columns={"patnr": "subject", "tyears": "time", "d": "event"})
    return people, pd.read_csv(folder / "cml_wbc.csv").rename(columns={"patnr": "subject", "tyears": "day", "lwbc": "value"})


def best(what: Callable[[], object], repeats: int = 7) -> float:
    """CPU time of the fastest of some runs, in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        what()
        times.append(1000 * (time.process_time() - began))
    return min(times)


def main() -> None:
    """Time it and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    people, draws = simulated() if given.data is None else read(given.data)

    def stacked() -> object:
        return landmark_stack(people, draws, landmarks=GRID, window=WINDOW, max_age=math.inf, compat="dynpred")

    stack = landmark_stack(people, draws, landmarks=GRID, window=WINDOW, max_age=math.inf, compat="dynpred")

    def whole() -> object:
        model = fit_supermodel(
            landmark_stack(people, draws, landmarks=GRID, window=WINDOW, max_age=math.inf, compat="dynpred"),
            kind="ipl", effect="constant", covariates="sokal",
        )  # fmt: skip
        return model.table

    model = fit_supermodel(stack, kind="ipl", effect="constant", covariates="sokal")
    star = fit_supermodel(stack, kind="ipl*", effect="quadratic", covariates="sokal")
    print(f"{len(stack.rows)} rows of {len(stack)} subjects, {int(stack.rows['event'].sum())} events")
    print(f"stack from the two frames                    {best(stacked):8.1f} ms")
    print(f"stack, fit, exact robust errors (ipl)         {best(whole):8.1f} ms")
    print(f"20 bootstrap refits with AUC and Brier (ipl*) {best(lambda: star.accuracy(bootstraps=20), 1):8.0f} ms")
    if given.data is not None:
        table = model.table.set_index("term")
        for term, (coef, error) in R_NUMBERS.items():
            off = max(abs(table.loc[term, "coef"] / coef - 1), abs(table.loc[term, "robust_std_error"] / error - 1))
            print(f"{term}: largest relative deviation from R {off:.1e} (R printed to 10 digits)")


if __name__ == "__main__":
    main()
