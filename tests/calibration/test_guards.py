"""The guard simulation asks what the product asks, and its rates are those the product prints."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.times import Visit
from biomarkers.models.cox import cox
from biomarkers.models.immortal_time import N_SUBJECTS, N_TRIALS, RATES
from biomarkers.models.landmark import landmark_set
from biomarkers.models.time_dependent import start_stop

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "guards.py"


@pytest.fixture(scope="module")
def guards():
    import sys

    spec = importlib.util.spec_from_file_location("guards", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["guards"] = module
    spec.loader.exec_module(module)
    return module


def frames(trials, i):
    """One trial of a batch as the two frames of the product; progression draws among the draws."""
    n = trials.time.shape[1]
    people = pd.DataFrame({"subject": np.arange(n), "time": trials.time[i], "event": trials.event[i].astype(int),
                           "arm": trials.arm[i]})  # fmt: skip
    who, visit = np.nonzero(~np.isnan(trials.day[i]))
    tubes = pd.DataFrame({"subject": who, "day": trials.day[i][who, visit], "value": trials.value[i][who, visit]})
    late = np.flatnonzero(~np.isnan(trials.progression_day[i]))
    last = pd.DataFrame({"subject": late, "day": trials.progression_day[i][late], "value": trials.progression_value[i][late]})
    return people, pd.concat([tubes, last], ignore_index=True)


@pytest.mark.parametrize("setting", "ABCDE")
def test_the_strict_rows_of_the_simulation_are_the_product_s_own_analyses(guards, setting):
    """Coefficient and P of 12 trials by `landmark_set` and `start_stop`, against all trials at once by counts."""
    rng = np.random.default_rng(7)
    trials = guards.simulate(rng, 12, **guards.SETTINGS[setting])
    asked = guards.questions(trials)
    batch = {name: guards.fit(asked[name], trials.event, trials.arm) for name in guards.STRICT}
    visit = Visit("week6", 6, (-1, 1))
    for i in range(12):
        people, tubes = frames(trials, i)
        rows = landmark_set(people, tubes, day=7, visit=visit).rows
        line = cox(rows, "time", "event", ["value", "arm"]).table.iloc[0]
        found = batch["landmark"]
        assert (found.n[i], found.n_events[i]) == (len(rows), rows["event"].sum())
        if np.isfinite(found.coef[i]):
            assert line["coef"] == pytest.approx(found.coef[i], rel=1e-6, abs=1e-8)
            assert line["p_value"] == pytest.approx(found.p[i], rel=1e-6)
        # "Cleared so far": nobody has at day 0; a value changes only when a positive comes, on the day after.
        tubes = tubes.sort_values(["subject", "day"])
        tubes["value"] = tubes.groupby("subject")["value"].cummax()
        zero = people[["subject"]].assign(day=0.0, value=0.0)
        split = start_stop(people, pd.concat([zero, tubes])).rows
        line = cox(split, "stop", "event", ["value", "arm"], entry="start").table.iloc[0]
        found = batch["time-dependent"]
        if np.isfinite(found.coef[i]):
            assert line["coef"] == pytest.approx(found.coef[i], rel=1e-6, abs=1e-8)
            assert line["p_value"] == pytest.approx(found.p[i], rel=1e-6)


def test_the_rates_that_the_refusals_print_are_those_of_the_simulation(guards):
    """400 trials per setting, each rate within 4 Monte-Carlo errors of the full run's."""
    assert (guards.N, len(guards.SETTINGS)) == (N_SUBJECTS, 5)
    found = guards.guard(400, seed=99)
    assert set(RATES) == set(guards.ANALYSES)
    for name, by_setting in RATES.items():
        for setting, (rate, hazard_ratio) in by_setting.items():
            here = found[setting][name]
            p = min(max(rate, 0.001), 0.999)  # printed to a tenth of a point
            error = np.sqrt(p * (1 - p) * (1 / here["trials"] + 1 / N_TRIALS))
            assert abs(here["rejected"] - rate) <= 4 * error, (setting, name, here)
            assert here["hazard_ratio"] == pytest.approx(hazard_ratio, rel=0.15)


def test_strict_analyses_keep_their_size_and_naive_ones_do_not():
    for setting in "ABCDE":
        for name in ("landmark", "time-dependent"):
            assert 0.035 <= RATES[name][setting][0] <= 0.066
    for name in ("ever", "last"):
        assert RATES[name]["A"][0] >= 0.60
    assert RATES["ever"]["C"][0] >= 0.99
    assert RATES["last"]["C"][0] >= 0.99


@pytest.mark.slow
def test_the_full_run_reproduces_the_printed_rates(guards):
    found = guards.guard(N_TRIALS, jobs=2, seed=1)
    for name, by_setting in RATES.items():
        for setting, (rate, hazard_ratio) in by_setting.items():
            assert found[setting][name]["rejected"] == pytest.approx(rate, abs=6e-4)
            assert found[setting][name]["hazard_ratio"] == pytest.approx(hazard_ratio, abs=6e-3)
