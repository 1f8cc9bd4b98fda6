"""Kaplan-Meier two-stage rules and marker power: vectorised numbers agree with the plain kernels and with the reference."""

import numpy as np
import pytest

from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.kernels import correlative_power, one_sample, survival_two_stage
from biomarkers.kernels.cox import cox
from biomarkers.kernels.km import kaplan_meier

RULE = {"n": 52, "rate": 4.0, "tau": 12.0, "null": 0.50, "alternative": 0.68, "look": 13.0, "stop_below": 0.0,
        "reject_above": 1.2816}


def test_vectorised_curves_are_those_of_the_kernel():
    generator = np.random.default_rng(2)
    time, censor = generator.exponential(10, (60, 30)), generator.uniform(0, 20, (60, 30))
    followed, event = np.minimum(time, censor), time <= censor
    present = generator.random((60, 30)) < 0.8
    S, error = survival_two_stage.curves_at(followed, event, present, 8.0)
    z = survival_two_stage.log_log_z(S, error, 0.5)
    for i in range(60):
        curve = kaplan_meier(followed[i][present[i]], event[i][present[i]])
        _, s, se, _, _ = (float(v[0]) for v in curve.at(8.0))
        assert (S[i], error[i]) == pytest.approx((s, se), abs=1e-12)
        assert z[i] == pytest.approx(one_sample.survival_against(s, se, 0.5)[1], abs=1e-10)


def test_a_rule_that_never_stops_is_the_single_stage_test():
    never = trial.simulate_survival_two_stage(trial.SurvivalTwoStage(**RULE | {"stop_below": -np.inf}), n_trials=20_000, seed=1)
    by = never.set_index(["hypothesis", "quantity"])["estimate"]
    assert by[("null", "p_stop")] == 0
    assert by[("null", "n")] == 52
    assert by[("null", "p_reject")] == pytest.approx(0.10, abs=0.02)
    looked = trial.simulate_survival_two_stage(trial.SurvivalTwoStage(**RULE), n_trials=20_000, seed=1)
    with_look = looked.set_index(["hypothesis", "quantity"])["estimate"]
    assert with_look[("null", "p_reject")] < by[("null", "p_reject")]
    assert with_look[("alternative", "p_reject")] < by[("alternative", "p_reject")]
    assert with_look[("null", "n")] <= 52


@pytest.mark.parametrize(("change", "words"), [
    ({"look": 30.0}, "when the trial ends"), ({"null": 0.7}, "larger share"), ({"rate": 0.0}, "positive number"),
    ({"alternative": 1.0}, "between 0 and 1"),
])  # fmt: skip
def test_a_contradictory_rule_is_refused(change, words):
    with pytest.raises(UseError) as refused:
        trial.SurvivalTwoStage(**RULE | change)
    assert words in str(refused.value)


def test_a_batch_of_cox_models_is_that_of_the_kernel():
    generator = np.random.default_rng(5)
    X = generator.standard_normal((20, 50, 2))
    time, censor = generator.exponential(np.exp(-0.5 * X[:, :, 0])), generator.uniform(0, 3, (20, 50))
    followed, event = np.minimum(time, censor), time <= censor
    batch = correlative_power.cox_batch(followed, event, X)
    for i in range(20):
        fit = cox(followed[i], event[i], X[i])
        np.testing.assert_allclose(batch.coef[i], fit.coef, atol=1e-7)
        np.testing.assert_allclose(batch.std_error[i], fit.std_error, atol=1e-7)


def test_a_class_without_events_has_no_fit_and_does_not_reject():
    X = np.array([[[1.0], [1.0], [0.0], [0.0], [0.0], [0.0]]])
    time, event = np.array([[9.0, 8.0, 1.0, 2.0, 3.0, 4.0]]), np.array([[False, False, True, True, True, True]])
    batch = correlative_power.cox_batch(time, event, X)
    assert not batch.finite[0]


MARKERS = {"continuous per SD": ("continuous", None, False), "binary 0.3": ("binary", 0.3, False),
           "binary 0.1": ("binary", 0.1, False), "additive SNP 0.4": ("genotype", 0.4, False),
           "interaction continuous": ("continuous", None, True), "interaction binary .5": ("binary", 0.5, True)}


@pytest.mark.parametrize("place", range(0, 12, 2))
def test_simulated_marker_power_falls_short_of_the_formula_as_the_reference_found(reference, place):
    case = reference("correlative_power")["simulated"][place]
    kind, share, interaction = MARKERS[case["marker"]]
    found = trial.marker_power(kind, n=case["n"], share=share, interaction=interaction, hazard_ratio=case["hr"],
                               median_control=12, arm_hazard_ratio=0.5, accrual=52, follow_up=52, n_trials=3000, seed=4)
    found = found.set_index("quantity")
    for ours, theirs in (("wald_power", "wald_power"), ("wald_size", "wald_size")):
        assert abs(found.loc[ours, "estimate"] - case[theirs]) < 4 * np.hypot(0.006, found.loc[ours, "std_error"]), ours
    assert found.loc["power_formula", "estimate"] == pytest.approx(0.80, abs=0.001)
    assert found.loc["wald_power", "estimate"] < found.loc["power_formula", "estimate"]
    assert found.loc["events", "estimate"] == pytest.approx(case["events"], abs=0.3)


@pytest.mark.parametrize(("change", "words"), [
    ({"kind": "ordinal"}, "continuous, binary, genotype"), ({"kind": "binary"}, "share belongs"),
    ({"kind": "continuous", "share": 0.3}, "share belongs"), ({"alpha": 1.0}, "two-sided"),
])  # fmt: skip
def test_impossible_markers_are_refused(change, words):
    given = {"kind": "continuous", "n": 64, "median_control": 12, "accrual": 52, "follow_up": 52, "n_trials": 100} | change
    kind = given.pop("kind")
    with pytest.raises(UseError) as refused:
        trial.marker_power(kind, **given)
    assert words in str(refused.value)
