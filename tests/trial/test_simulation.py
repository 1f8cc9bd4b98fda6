"""The simulator draws the trials it says, analyses them as the log-rank kernel does, and agrees with the reference."""

import numpy as np
import pytest

from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.kernels import trial_simulation as kernel
from biomarkers.kernels.logrank import logrank

HAZARD = np.log(2) / 12 * np.array([[1.0, 0.5], [2.0, 1.0]])


def draw(n_trials=200, n=64, seed=3, accrual=52.0):
    generator = np.random.Generator(np.random.Philox(seed))
    return kernel.simulate(generator, n_trials, n=n, accrual=accrual, hazard=HAZARD, p_stratum=np.array([0.6, 0.4]))


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("events", [20, 58])
def test_every_simulated_statistic_is_that_of_the_logrank_kernel(stratified, events):
    trials = draw()
    cut = kernel.cut_at_events(trials, events)
    found = kernel.look(trials, cut, stratified=stratified)
    for i in range(len(cut)):
        event = trials.calendar[i] <= cut[i]
        inside = trials.entry[i] < cut[i]
        time = np.where(event, trials.time[i], cut[i] - trials.entry[i])[inside]
        strata = trials.stratum[i][inside] if stratified else None
        assert found.z[i] == pytest.approx(logrank(time, event[inside], trials.arm[i][inside], stratum=strata).z, abs=1e-12)
        assert found.n[i] == inside.sum()


@pytest.mark.parametrize("accrual", [0.1, 52.0, 1e6])
def test_events_at_an_event_driven_cut_equal_the_target_in_every_trial(accrual):
    trials = draw(5000, accrual=accrual)
    for events in (1, 29, 58, 64):
        assert (kernel.look(trials, kernel.cut_at_events(trials, events)).events == events).all()


def test_the_rounding_trap_is_real_and_avoided():
    trials = draw(5000)
    cut = kernel.cut_at_events(trials, 58)[:, None]
    naive = (trials.time <= cut - trials.entry).sum(axis=1)
    assert naive.mean() < 58, "this form should lose the event that sets the cut in some trials"
    assert (kernel.look(trials, cut[:, 0]).events == 58).all()


def test_blocks_balance_arms_within_every_stratum():
    trials = draw(2000)
    for s in (0, 1):
        here = trials.stratum == s
        gap = (here & (trials.arm == 1)).sum(axis=1) - (here & (trials.arm == 0)).sum(axis=1)
        assert np.abs(gap).max() <= 2
    assert trials.arm.mean() == pytest.approx(0.5, abs=0.005)
    assert trials.stratum.mean() == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / trials.stratum.size))


def test_times_have_the_hazards_asked_for():
    trials = draw(20_000)
    for s in (0, 1):
        for a in (0, 1):
            time = trials.time[(trials.stratum == s) & (trials.arm == a)]
            assert time.mean() * HAZARD[s, a] == pytest.approx(1, abs=4 / np.sqrt(time.size))


def design_of(case, **changes):
    strata = ((1 - case["p_liver"], 1.0), (case["p_liver"], case["hr_liver"]))
    given = {"n_per_arm": case["n_per_arm"], "median_control": case["median_ctrl_no_liver"], "hazard_ratio": case["hr"],
             "accrual": 52, "follow_up": 52, "alpha": 0.10, "events": case["events"], "strata": strata,
             "stratified": case["stratified"]}
    return trial.TwoArmDesign(**(given | changes))


@pytest.mark.parametrize("place", range(12))
def test_simulated_power_and_size_agree_with_200_000_reference_trials(reference, place):
    case = reference("power_simulation")[place]
    found = trial.simulate_logrank(design_of(case), n_trials=20_000, seed=11, futility=trial.Futility(case["futility_events"]))
    rows = found[found["hypothesis"] == "alternative"].set_index("quantity")
    for name, quantity in (("reject", "p_reject"), ("reject_with_futility", "p_reject_with_futility"), ("p_stop", "p_stop")):
        error = np.hypot(rows.loc[quantity, "std_error"], case["mcse"])
        assert abs(rows.loc[quantity, "estimate"] - case[name]) < 4 * error, name
    for name, quantity in (("mean_weeks", "time"), ("mean_weeks_interim", "time_at_look")):
        error = np.hypot(rows.loc[quantity, "std_error"], rows.loc[quantity, "std_error"] / np.sqrt(10))
        assert abs(rows.loc[quantity, "estimate"] - case[name]) <= 4 * error + 1e-9, name
    if case["events"]:
        assert rows.loc["events_min", "estimate"] == rows.loc["events_max", "estimate"] == case["events"]


def test_the_true_size_of_a_nominal_tenth_is_shown_above_a_tenth():
    design = trial.TwoArmDesign(n_per_arm=25, median_control=6, hazard_ratio=0.5, accrual=52, follow_up=52, alpha=0.10,
                                events=48, strata=((0.6, 1.0), (0.4, 2.0)))
    found = trial.simulate_logrank(design, n_trials=60_000, seed=5)
    size = found[(found["hypothesis"] == "null") & (found["quantity"] == "p_reject")].iloc[0]
    assert 0.102 - 3 * size["std_error"] < size["estimate"] < 0.106 + 3 * size["std_error"]
    assert size["estimate"] > 0.100 + size["std_error"]


@pytest.mark.parametrize(("stratified", "power", "size"), [(True, 0.893, 0.104), (False, 0.843, 0.084)])
def test_ignoring_a_strong_stratum_costs_power_and_makes_the_test_conservative(stratified, power, size):
    """100,000 trials of another simulator, errors 0.001."""
    design = trial.TwoArmDesign(n_per_arm=32, median_control=12, hazard_ratio=0.5, accrual=365.25 / 7, follow_up=365.25 / 7,
                                alpha=0.10, events=58, strata=((0.6, 1.0), (0.4, 3.0)), stratified=stratified)
    found = trial.simulate_logrank(design, n_trials=16_000, seed=8)
    rows = found[found["quantity"] == "p_reject"].set_index("hypothesis")
    for hypothesis, expected in (("alternative", power), ("null", size)):
        row = rows.loc[hypothesis]
        assert abs(row["estimate"] - expected) < 4 * np.hypot(row["std_error"], 0.001)


def test_results_do_not_depend_on_the_number_of_processes():
    design = design_of({"n_per_arm": 25, "median_ctrl_no_liver": 6, "hr": 0.5, "events": 48, "p_liver": 0.4,
                        "hr_liver": 2.0, "stratified": True})
    one = trial.simulate_logrank(design, n_trials=9000, seed=2, jobs=1)
    two = trial.simulate_logrank(design, n_trials=9000, seed=2, jobs=2)
    assert one.equals(two)


@pytest.mark.parametrize(("change", "words"), [
    ({"events": 65}, "65 events from 64 patients"),
    ({"alpha": 0.5}, "between 0 and 0.5"),
    ({"median_experimental": 20}, "contradicts the medians"),
    ({"strata": ((0.6, 1.0), (0.5, 2.0))}, "add up to 1"),
    ({"block": 3}, "even"),
    ({"n_per_arm": 32.5}, "whole number"),
    ({"follow_up": -4}, "negative"),
])  # fmt: skip
def test_a_contradictory_design_is_refused(change, words):
    base = {"n_per_arm": 32, "median_control": 12, "hazard_ratio": 0.5, "accrual": 52, "follow_up": 52, "alpha": 0.10}
    with pytest.raises(UseError) as refused:
        trial.TwoArmDesign(**(base | change))
    assert words in str(refused.value)


@pytest.mark.parametrize("events", [58, 60])
def test_a_look_at_or_after_the_last_event_is_refused(events):
    design = trial.TwoArmDesign(n_per_arm=32, median_control=12, hazard_ratio=0.5, accrual=52, follow_up=52, alpha=0.10,
                                events=58)
    with pytest.raises(UseError) as refused:
        trial.simulate_logrank(design, n_trials=100, futility=trial.Futility(events))
    assert "no interim look" in str(refused.value)
