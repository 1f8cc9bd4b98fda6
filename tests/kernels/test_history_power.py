"""What changing covariates, stacked rows and responses could detect: the same fits as the models', the right size, the same
answer as dealing values where nothing changes."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.kernels import history_power, response_power, simulated_power
from biomarkers.kernels.history_power import _at_risk, _fit, _robust_z, histories, null_information
from biomarkers.kernels.power import detectable_by_information
from biomarkers.kernels.response_power import Responses, detectable_odds_ratio
from biomarkers.models.cox import cox
from biomarkers.models.landmark import landmark_stack
from biomarkers.models.supermodel import fit_supermodel
from biomarkers.models.time_dependent import start_stop, value_histories


def fixed(n=60, seed=3):
    """One row per subject, two strata, no ties."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"time": rng.exponential(size=n), "event": (rng.random(n) < 0.8).astype(int), "x": rng.normal(size=n),
                         "arm": rng.integers(0, 2, n), "site": rng.integers(0, 2, n), "who": np.arange(n)})


def serial(n=70, seed=5):
    """Subjects with three draws each, and times without ties."""
    rng = np.random.default_rng(seed)
    times, events = rng.uniform(20, 300, n), (rng.random(n) < 0.8).astype(int)
    people = pd.DataFrame({"subject": np.arange(n), "time": times, "event": events})
    draws = people[["subject"]].merge(pd.DataFrame({"day": [0, 42, 84]}), how="cross")
    return people, draws.assign(value=rng.normal(size=len(draws)))


def as_it_was(study):
    """The study dealt into its own slots."""
    return _at_risk(study, np.arange(study.time.size)[None, :])


def test_undealt_a_fixed_covariate_has_the_fit_of_the_model():
    frame = fixed()
    study = histories(np.zeros(60), np.full(60, np.inf), frame[["x", "arm"]], subject=frame["who"], time=frame["time"],
                      event=frame["event"], stratum=frame["site"])
    found = _fit(study.X, *as_it_was(study))
    whole = cox(frame, "time", "event", ["x", "arm"], strata="site")
    assert found.coef[0] == pytest.approx(whole.table["coef"].to_numpy(), abs=1e-6)
    assert found.loglik[0] == pytest.approx(whole.loglik[1], abs=1e-8)
    robust = cox(frame, "time", "event", ["x", "arm"], strata="site", cluster="who")
    assert _robust_z(study, *as_it_was(study), np.eye(2))[0] == pytest.approx(robust.table["statistic"].to_numpy(), abs=1e-5)


def test_undealt_start_stop_rows_have_the_fit_of_the_model():
    people, draws = serial()
    rows = start_stop(people, draws, max_age=60)
    fit = cox(rows.rows, "stop", "event", ["value"], entry="start")
    study = value_histories(fit, rows.rows, rows.max_age)
    assert _fit(study.X, *as_it_was(study)).coef[0, 0] == pytest.approx(fit.table["coef"].iloc[0], abs=1e-6)
    assert study.n_events == fit.n_events


def test_undealt_a_landmark_stack_has_the_robust_tests_of_the_supermodel():
    people, draws = serial()
    stack = landmark_stack(people, draws, landmarks=[30, 60, 90], window=120, max_age=100)
    model = fit_supermodel(stack, effect="linear")
    study = model.histories(people.set_index("subject")["time"])
    contrasts = np.array([model.contrast(s) for s in stack.landmarks])
    effect = model.effect()
    assert _robust_z(study, *as_it_was(study), contrasts)[0] == pytest.approx((effect["coef"] / effect["std_error"]).to_numpy(),
                                                                              abs=1e-4)


def test_where_nothing_changes_the_power_is_that_of_dealing_values():
    frame = fixed(64)
    X = frame[["x", "arm"]].to_numpy(float)
    study = histories(np.zeros(64), np.full(64, np.inf), X, subject=frame["who"], time=frame["time"], event=frame["event"],
                      stratum=frame["site"])
    dealt = simulated_power.slots(frame["time"], frame["event"], X, stratum=frame["site"])
    one = history_power.rejections(study, 0.45, replicates=2000, seed=1).mean()
    other = simulated_power.rejections(dealt, 0.45, replicates=2000, seed=2).mean()
    assert abs(one - other) < 4 * np.sqrt(2 * 0.25 / 2000)


def test_without_an_effect_five_in_a_hundred_are_rejected():
    people, draws = serial()
    rows = start_stop(people, draws, max_age=60)
    study = value_histories(cox(rows.rows, "stop", "event", ["value"], entry="start"), rows.rows, rows.max_age)
    rate = history_power.rejections(study, 0.0, replicates=2000, seed=4).mean()
    assert abs(rate - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000) + 0.01


def test_a_subject_dealt_a_slot_is_followed_no_longer():
    frame = fixed(20)
    study = histories(np.zeros(20), np.full(20, np.inf), frame[["x"]], subject=frame["who"], time=frame["time"],
                      event=frame["event"])
    dealt = history_power.deal(study, 1.0, 50, np.random.default_rng(0))
    assert (np.sort(dealt, axis=1) == np.arange(20)).all(), "everybody has one slot"
    at_risk, failed = _at_risk(study, dealt)
    assert (at_risk.sum(axis=1) == (frame["time"].to_numpy()[:, None] >= study.time[study.column_slot]).sum(axis=0)).all()
    assert (failed == dealt[:, study.column_slot]).all()


def test_high_values_leave_early_where_they_raise_the_hazard():
    frame = fixed(40)
    study = histories(np.zeros(40), np.full(40, np.inf), frame[["x"]], subject=frame["who"], time=frame["time"],
                      event=np.ones(40))
    dealt = history_power.deal(study, 2.0, 400, np.random.default_rng(0))
    first, last = np.argsort(study.time)[[0, -1]]
    x = frame["x"].to_numpy()
    assert x[dealt[:, first]].mean() > 0.8
    assert x[dealt[:, last]].mean() < -0.8


def test_only_those_with_a_value_can_have_an_event_that_the_model_saw():
    begin, end = np.zeros(4), np.array([np.inf, np.inf, 1.0, 1.0])
    study = histories(begin, end, [[0.0], [1.0], [2.0], [3.0]], subject=[0, 1, 2, 3], time=[2.0, 3.0, 4.0, 5.0],
                      event=[1, 0, 0, 0])
    dealt = history_power.deal(study, 0.0, 200, np.random.default_rng(0))
    assert set(dealt[:, 0]) == {0, 1}


def test_the_formula_is_the_information_in_the_risk_sets():
    frame = fixed()
    study = histories(np.zeros(60), np.full(60, np.inf), frame[["x"]], subject=frame["who"], time=frame["time"],
                      event=frame["event"])
    by_hand = 0.0
    for t in frame.loc[frame["event"] == 1, "time"]:
        by_hand += frame.loc[frame["time"] >= t, "x"].var(ddof=0)
    assert null_information(study) == pytest.approx(by_hand, rel=1e-9)
    assert detectable_by_information(by_hand) == pytest.approx(np.exp((1.959964 + 0.841621) / np.sqrt(by_hand)), rel=1e-6)
    assert np.isnan(detectable_by_information(0.0))


# -- responses ------------------------------------------------------------------------------------------------------------


def responders(n=110, share=0.35, seed=2, binary=False):
    rng = np.random.default_rng(seed)
    x = (rng.random(n) < 0.3).astype(float) if binary else rng.normal(size=n)
    Z = np.column_stack([np.ones(n), rng.integers(0, 2, n)])
    return Responses(x, Z, (rng.random(n) < share).astype(float), Z[:, 1].astype(np.int64) if binary else None)


def test_simulated_studies_have_as_many_responders_as_the_real_one():
    study = responders()
    for beta in (0.0, 0.7):
        assert response_power._chances(study, beta).sum() == pytest.approx(study.y.sum(), rel=1e-6)


@pytest.mark.parametrize("binary", [False, True])
def test_the_odds_ratio_that_is_detectable_is_detected(binary):
    study = responders(binary=binary)
    formula = detectable_odds_ratio(study)
    found = response_power.detectable(study, formula, replicates=1500, seed=3)
    again = response_power.rejections(study, float(np.log(found.hazard_ratio)), replicates=1500, seed=8).mean()
    assert abs(again - 0.8) < 4 * np.sqrt(0.16 / 1500) + 0.01
    assert response_power.rejections(study, 0.0, replicates=1500, seed=5).mean() < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1500)


def test_the_formula_of_an_odds_ratio_is_that_of_hsieh():
    x = np.tile([0.0, 1.0], 50)
    study = Responses(x, np.ones((100, 1)), np.repeat([1.0, 0.0], 50))
    assert detectable_odds_ratio(study) == pytest.approx(np.exp((1.959964 + 0.841621) / np.sqrt(100 * 0.25 * 0.25)), rel=1e-6)
