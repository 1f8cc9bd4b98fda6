"""Speed of the inference core, as ratios within one run: python benchmarks/speed.py [--lifelines PYTHON]

CPU time of one core with one BLAS thread, the best of several blocks, R and lifelines started by this script. Beside
each time stands the largest difference from the peer's own answer, because a fast wrong number is no number.
`--lifelines` names the interpreter of an environment that has lifelines; without it those columns stay empty.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from biomarkers.kernels.cox import fit
from biomarkers.kernels.resample import cluster_bootstrap, max_t
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.scan import fit_many, null_model
from biomarkers.models.cox import cox

HERE = Path(__file__).parent
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def best(call: Callable[[], object], number: int, blocks: int = 7) -> float:
    """Best CPU time per call, microseconds."""
    call()
    times = []
    for _ in range(blocks):
        start = time.process_time()
        for _ in range(number):
            call()
        times.append((time.process_time() - start) / number)
    return min(times) * 1e6


def trial(n: int = 140) -> pd.DataFrame:
    """A trial-sized frame: three covariates, whole days with ties, two strata."""
    rng = np.random.default_rng(2026)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    frame["t"] = np.ceil(rng.exponential(12, n) * np.exp(-0.4 * frame["a"]))
    frame["e"] = (rng.random(n) < 0.85).astype(int)
    frame["g"] = rng.integers(0, 2, n)
    return frame


def stack(subjects: int = 190, landmarks: int = 31) -> pd.DataFrame:
    """A supermodel: every subject at every landmark it is at risk at, about 5,000 rows in 31 strata."""
    rng = np.random.default_rng(7)
    end = rng.weibull(1.6, subjects) * 8.5
    dead = rng.random(subjects) < 0.9
    z, level = rng.normal(size=subjects), rng.normal(size=subjects)
    parts = []
    for k in range(landmarks):
        s = 0.5 + 0.1 * k
        here = np.flatnonzero(end > s)
        parts.append(
            pd.DataFrame(
                {
                    "id": here, "landmark": k, "entry": s, "time": np.minimum(end[here], s + 6),
                    "event": (dead[here] & (end[here] <= s + 6)).astype(int),
                    "x": level[here] + 0.3 * rng.normal(size=here.size), "z": z[here],
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def peers(data: Path, stacked: Path, lifelines: str | None) -> tuple[dict[str, float], dict[str, float], str]:
    """Times of R and lifelines on the same files, microseconds, and their versions."""

    def read(command: list[str]) -> tuple[dict[str, float], str]:
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines = [line.split(maxsplit=1) for line in out.splitlines()]
        return {k: float(v) for k, v in lines if k != "version"}, next(v for k, v in lines if k == "version")

    r: dict[str, float] = {}
    other: dict[str, float] = {}
    versions = []
    if shutil.which("Rscript"):
        r, version = read(["Rscript", str(HERE / "peers.R"), str(data), str(stacked)])
        versions.append(version)
    if lifelines:
        other, version = read([lifelines, str(HERE / "peers_lifelines.py"), str(data), str(stacked)])
        versions.append(f"lifelines {version}")
    return r, other, "; ".join(versions)


def line(what: str, ours: float, r: float | None, other: float | None, target: str) -> None:
    """One row of the table; ratios above 1 mean that we are faster."""
    shown = [f"{ours:,.1f}"]
    for peer in (r, other):
        shown += [f"{peer:,.1f}" if peer else "", f"{peer / ours:.2f}" if peer else ""]
    print(f"| {what} | {' | '.join(shown)} | {target} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lifelines", help="interpreter of an environment that has lifelines")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # BLAS reads these when numpy is imported, so they must stand before this program starts.
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=os.environ | ONE_THREAD).returncode)
    frame, rows = trial(), stack()
    with tempfile.TemporaryDirectory() as folder:
        data, stacked = Path(folder, "data.csv"), Path(folder, "stack.csv")
        frame.to_csv(data, index=False)
        rows.to_csv(stacked, index=False)
        r, other, versions = peers(data, stacked, options.lifelines)
    print("| task | ours us | R us | R / ours | lifelines us | lifelines / ours | target |\n|---|---|---|---|---|---|---|")
    terms = ["a", "b", "c"]
    wald = best(lambda: cox(frame, "t", "e", terms, interval="wald").table, 60)
    line("bm.cox with table, n 140, p 3, Wald", wald, r.get("coxph_summary"), other.get("fit"), "R > 1, lifelines > 10")
    auto = best(lambda: cox(frame, "t", "e", terms).table, 40)
    line("the same, default profile intervals", auto, r.get("coxph_summary"), other.get("fit"), "R > 0.2")

    n, Q = 120, 1000
    rng = np.random.default_rng(3)
    part = frame.iloc[:n]
    M = rng.normal(size=(n, Q))
    rs = risk_sets(part["t"], part["e"], stratum=part["g"])
    Z, M = part[["b"]].to_numpy()[rs.order], M[rs.order]
    null = null_model(rs, Z)
    many = best(lambda: fit_many(null, M, Z), 1, 9) / Q
    line("batched fit, n 120, adjuster, strata", many, r.get("coxph.fit"), other.get("fit_strata"), "<= 30 us, R > 2")
    scan = best(lambda: max_t(null, M, permutations=1000), 1, 3)
    line("1000 markers x 1000 permutations, max-T", scan, None, None, "<= 1,000,000 us")
    options_of_stack = {"entry": "entry", "strata": "landmark", "cluster": "id", "interval": "wald"}
    big = best(lambda: cox(rows, "time", "event", ["x", "z"], **options_of_stack).table, 3, 5)
    line(
        f"stacked fit, {len(rows):,} rows, {int(rows['event'].sum()):,} events, 31 strata, exact robust", big,
        r.get("coxph_stack"), other.get("stack"), "<= 20,000 us",
    )  # fmt: skip
    again = {"entry": rows["entry"], "stratum": rows["landmark"], "replicates": 100}
    boot = best(lambda: cluster_bootstrap(rows["time"], rows["event"], rows[["x", "z"]], rows["id"], **again), 1, 3)
    line("100 patient-level refits of it", boot, None, 7 * other["stack"] if other else None, "lifelines: 7 fits, > 1")
    start = "import time; a = time.process_time(); import biomarkers; print((time.process_time() - a) * 1e6)"
    light = min(float(subprocess.run([sys.executable, "-c", start], capture_output=True, text=True).stdout) for _ in range(3))
    line("import biomarkers", light, None, None, "<= 500,000 us")

    made = fit_many(null, M[:, :20], Z)
    alone = [fit(rs, np.column_stack([M[:, q], Z])) for q in range(20)]
    gap = max(abs(made.coef[q] - one.coef[0]) / one.std_error[0] for q, one in enumerate(alone))
    print(f"\nBatched against single fits: largest difference {gap:.1e} standard errors. Cores used: 1. {versions}")


if __name__ == "__main__":
    main()
