"""lifelines' side of speed.py, run by the interpreter of an environment that has it: CPU microseconds per call."""

from __future__ import annotations

import sys
import time
import warnings

import pandas as pd
from lifelines import CoxPHFitter, __version__

warnings.simplefilter("ignore")


def best(call: object, repeats: int) -> float:
    """Best CPU time of several calls, in microseconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()  # type: ignore[operator]
        times.append(time.process_time() - start)
    return min(times) * 1e6


data, stack = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2])
print("fit", best(lambda: CoxPHFitter().fit(data[["t", "e", "a", "b", "c"]], "t", "e").summary, 15))
one = data.loc[:119, ["t", "e", "a", "b", "g"]]
print("fit_strata", best(lambda: CoxPHFitter().fit(one, "t", "e", strata=["g"]), 10))
rows = stack[["time", "event", "entry", "x", "z", "landmark", "id"]]
rows = rows.assign(stratum=rows["landmark"])[["time", "event", "entry", "x", "z", "stratum", "id"]]
print(
    "stack",
    best(
        lambda: CoxPHFitter().fit(rows, "time", "event", entry_col="entry", strata=["stratum"], cluster_col="id"), 3
    ),
)
print("version", __version__)
