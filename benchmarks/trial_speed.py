"""Speed of the trial's own tools beside their correctness: the stratified simulator and Simon's search.

    python benchmarks/trial_speed.py [--trials 200000] [--r-trials 600] [--jobs 2]

Processor time counts, the best of several repetitions, so that other work on the machine does not: of the kernel on one core,
and of a whole program with its workers; the wall time of the public function stands beside them with the load of the machine.
The peer is a loop over R's `survdiff` (benchmarks/trial_survdiff.R), timed the same way where R is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from biomarkers import trial
from biomarkers.kernels import simon, trial_simulation
from biomarkers.kernels.logrank import logrank

TARGET_TRIALS, TARGET_RATIO, TARGET_SIMON = 33_000, 150, 0.2
SETS = ((0.50, 0.68, 0.10, 0.20), (0.05, 0.25, 0.10, 0.10), (0.20, 0.40, 0.05, 0.20), (0.50, 0.70, 0.05, 0.20),
        (0.30, 0.50, 0.05, 0.20))
ER_PLUS = trial.TwoArmDesign(n_per_arm=32, median_control=12, hazard_ratio=0.5, accrual=52, follow_up=52, alpha=0.10, events=58,
                             strata=((0.6, 1.0), (0.4, 2.0)))


def best(work: Callable[[], object], repetitions: int) -> float:
    """Shortest processor time in seconds."""
    times = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def one_core(n_trials: int = 4000) -> float:
    """Trials per second of the kernel: draw, cut at the 58th event, stratified log-rank."""
    generator = np.random.Generator(np.random.Philox(1))
    shares = np.array([0.6, 0.4])

    def work() -> None:
        drawn = trial_simulation.simulate(generator, n_trials, n=64, accrual=52, hazard=ER_PLUS.hazards, p_stratum=shares)
        trial_simulation.look(drawn, trial_simulation.cut_at_events(drawn, 58))

    return n_trials / best(work, 15)


PROGRAM = """
from joblib.externals.loky import get_reusable_executor
from biomarkers import trial
design = trial.TwoArmDesign(n_per_arm=32, median_control=12, hazard_ratio=0.5, accrual=52, follow_up=52, alpha=0.10, events=58,
                            strata=((0.6, 1.0), (0.4, 2.0)))
trial.simulate_logrank(design, n_trials={n_trials}, seed=1, jobs={jobs})
get_reusable_executor().shutdown(wait=True)
"""


def whole_program(n_trials: int, jobs: int) -> float:
    """Trials per second that two cores would make, from the processor time of a program and its workers, start-up included.

    Wall time on a busy machine says how busy it is; the processor time of everything that ran says what the work takes.
    """
    before = os.times()
    subprocess.run([sys.executable, "-c", PROGRAM.format(n_trials=n_trials, jobs=jobs)], check=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return 2 * n_trials / (spent / 2)


def largest_difference(n_trials: int = 300) -> float:
    """Between the vectorised z and that of the log-rank kernel, trial by trial."""
    generator = np.random.Generator(np.random.Philox(2))
    shares = np.array([0.6, 0.4])
    drawn = trial_simulation.simulate(generator, n_trials, n=64, accrual=52, hazard=ER_PLUS.hazards, p_stratum=shares)
    cut = trial_simulation.cut_at_events(drawn, 58)
    found = trial_simulation.look(drawn, cut)
    gaps = []
    for i in range(n_trials):
        event, inside = drawn.calendar[i] <= cut[i], drawn.entry[i] < cut[i]
        followed = np.where(event, drawn.time[i], cut[i] - drawn.entry[i])
        test = logrank(followed[inside], event[inside], drawn.arm[i][inside], stratum=drawn.stratum[i][inside])
        gaps.append(abs(test.z - found.z[i]))
    return max(gaps)


def survdiff_loop(n_trials: int) -> tuple[float, float] | None:
    """Trials per second and power of the R loop; None without R."""
    if shutil.which("Rscript") is None:
        return None
    script = Path(__file__).with_name("trial_survdiff.R")
    rates = []
    for _ in range(3):
        done = subprocess.run(["Rscript", str(script), str(n_trials)], capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        rates.append(tuple(float(v) for v in done.stdout.split()))
    return max(rates)[0], rates[0][1]


def main() -> None:
    """Print every figure with its target."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--trials", type=int, default=200_000)
    parse.add_argument("--r-trials", type=int, default=600)
    parse.add_argument("--jobs", type=int, default=2)
    given = parse.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, numpy {np.__version__}")

    print("\nstratified 64-patient trials, event-driven at 58")
    rate = one_core()
    print(f"  one core, processor time    {rate:>10,.0f} trials/s")
    whole = whole_program(given.trials, given.jobs)
    print(f"  two cores, whole program    {whole:>10,.0f} trials/s of processor time, start-up and workers included "
          f"(target {TARGET_TRIALS:,})")
    began = time.perf_counter()
    table = trial.simulate_logrank(ER_PLUS, n_trials=given.trials, seed=1, jobs=given.jobs)
    wall = 2 * given.trials / (time.perf_counter() - began)
    print(f"  simulate_logrank, {given.jobs} jobs    {wall:>10,.0f} trials/s of wall time, start-up and load included")
    peer = survdiff_loop(given.r_trials)
    if peer is None:
        print("  no R with survival here: no peer")
    else:
        print(f"  R survdiff loop, one core   {peer[0]:>10,.0f} trials/s, power {peer[1]:.3f} in {given.r_trials}")
        print(f"  ratio, core against core    {rate / peer[0]:>10,.0f}; two cores against R's one {2 * rate / peer[0]:,.0f} "
              f"(target {TARGET_RATIO})")
    by = table.set_index(["hypothesis", "quantity"])
    for words, key in (("power", "alternative"), ("size at nominal 0.10", "null")):
        row = by.loc[(key, "p_reject")]
        print(f"  {words:<27} {row['estimate']:>10.4f} (Monte-Carlo error {row['std_error']:.4f})")
    print(f"  largest |z - z of the log-rank kernel| in 300 trials: {largest_difference():.1e}")

    print("\nSimon's search up to n = 100")
    for p0, p1, alpha, beta in SETS:
        seconds = best(lambda p0=p0, p1=p1, alpha=alpha, beta=beta: simon.search(p0, p1, alpha=alpha, beta=beta, n_max=100), 7)
        found = simon.search(p0, p1, alpha=alpha, beta=beta, n_max=100)
        r1, n1, r, n = found.designs[found.expected_n.argmin()].tolist()
        print(f"  {p0:g} against {p1:g}, alpha {alpha:g}, beta {beta:g}: {seconds:.3f} s (target {TARGET_SIMON}); "
              f"optimal {r1}/{n1}, {r}/{n}")


if __name__ == "__main__":
    main()
