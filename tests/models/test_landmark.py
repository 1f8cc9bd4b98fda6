"""The rules of a landmark, one test each; what is refused says why and what to do."""

import math

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.domain.times import Visit
from biomarkers.kernels import cox as kernel
from biomarkers.kernels.window import window_risk
from biomarkers.models.dynamic_accuracy import dynamic_accuracy
from biomarkers.models.landmark import landmark_set, landmark_stack
from biomarkers.models.supermodel import fit_supermodel
from biomarkers.models.time_dependent import start_stop

PEOPLE = pd.DataFrame(
    {
        "subject": list("abcdefg"),
        "time": [42, 42, 100, 100, 100, 100, 100],
        "event": [1, 0, 1, 1, 0, 1, 1],
        "cohort": ["ER+", "ER+", "ER+", "ER-", "ER-", "ER-", "ER-"],
    }
)
DRAWS = pd.DataFrame(
    {
        "subject": list("aabccdefff"),
        "day": [0, 42, 0, 0, 42, 0, 43, 0, 40, 100],
        "value": [1.0, 9.0, 1.0, 1.0, 3.0, 2.0, 5.0, 1.0, np.nan, 9.0],
    }
)


def test_each_of_seven_subjects_leaves_for_its_own_reason():
    found = landmark_set(PEOPLE, DRAWS, day=42, max_age=21)
    assert found.ledger.set_index("subject")["reason"].to_dict() == {
        "a": "event_at_or_before_landmark",  # event on the landmark is event before
        "b": "censored_at_or_before_landmark",
        "d": "measurement_too_old",
        "e": "no_measurement",  # its only draw lies after the landmark
        "f": "failed_qc",  # a draw on day 40 without a value; the old one is too old, the one on the event day is no predictor
        "g": "no_measurement",
    }
    assert found.rows[["subject", "value", "draw_day", "value_age"]].to_numpy().tolist() == [["c", 3.0, 42.0, 0.0]]
    assert found.ages["n_too_old"] == 1


def test_a_draw_on_the_landmark_counts_unless_excluded():
    assert landmark_set(PEOPLE, DRAWS, day=42, max_age=math.inf).rows["value"].tolist() == [3.0, 2.0, 1.0]
    assert landmark_set(PEOPLE, DRAWS, day=42, max_age=math.inf, draw_at_landmark="exclude").rows["value"].tolist() == [
        1.0, 2.0, 1.0]  # fmt: skip


def test_since_is_open_and_max_age_is_closed():
    people = PEOPLE[PEOPLE["subject"] == "c"]
    draws = pd.DataFrame({"subject": ["c"], "day": [21], "value": [1.0]})
    assert len(landmark_set(people, draws, day=42, since=21)) == 0
    assert len(landmark_set(people, draws, day=42, max_age=21)) == 1
    assert len(landmark_set(people, draws, day=42, since=20)) == 1


def test_an_unlimited_look_back_is_stamped():
    assert "unlimited" in landmark_set(PEOPLE, DRAWS, day=42, max_age=math.inf).stamp
    assert "unlimited" in landmark_stack(PEOPLE, DRAWS, landmarks=[42], window=50, max_age=math.inf).stamp
    assert "unlimited" in start_stop(PEOPLE, DRAWS).stamp


def test_every_time_in_a_stamp_has_its_unit():
    assert start_stop(PEOPLE, DRAWS, max_age=90).stamp == "value acts from 1 day after its draw, at most 90 days old"
    assert start_stop(PEOPLE, DRAWS, lag=7, max_age=1).stamp == "value acts from 7 days after its draw, at most 1 day old"
    said = landmark_stack(PEOPLE, DRAWS, landmarks=[28, 42], window=84, max_age=56).stamp
    assert said.startswith("2 landmarks from day 28 to 42, window of 84 days, values at most 56 days old; ")


def test_change_needs_a_baseline_and_says_who_has_none():
    draws = DRAWS[~((DRAWS["subject"] == "c") & (DRAWS["day"] == 0))]
    found = landmark_set(PEOPLE, draws, day=42, max_age=math.inf, baseline=True)
    assert found.excluded("no_baseline") == ["c"]
    assert (found.rows["change"] == found.rows["value"] - found.rows["baseline"]).all()


def test_a_window_needs_its_landmark_at_its_end():
    visit = Visit("week6", 42, (-14, 14))
    with pytest.raises(UseError, match="look ahead"):
        landmark_set(PEOPLE, DRAWS, day=49, visit=visit)
    found = landmark_set(PEOPLE, DRAWS, day=56, visit=visit)
    assert found.ledger.set_index("subject")["reason"].to_dict() == {
        "a": "event_at_or_before_landmark",
        "b": "censored_at_or_before_landmark",
        "d": "no_draw_in_window",
        "f": "failed_qc",
        "g": "no_draw_in_window",
    }


def test_how_far_to_look_back_must_be_said_once():
    with pytest.raises(UseError, match="exactly one of since, max_age or visit"):
        landmark_set(PEOPLE, DRAWS, day=42)
    with pytest.raises(UseError, match="exactly one"):
        landmark_set(PEOPLE, DRAWS, day=42, since=3, max_age=4)


def test_duplicates_are_an_error_until_a_rule_is_named():
    twice = pd.concat([DRAWS, pd.DataFrame({"subject": ["c"], "day": [42], "value": [5.0]})])
    with pytest.raises(UseError, match="first 'c', day 42"):
        landmark_set(PEOPLE, twice, day=42, max_age=7)
    thrice = pd.concat([twice, pd.DataFrame({"subject": ["c"], "day": [42], "value": [4.5]})])
    got = {rule: landmark_set(PEOPLE, thrice, day=42, max_age=7, duplicates=rule).rows["value"].item()
           for rule in ("mean", "median", "first", "last", "max")}  # fmt: skip
    assert got == {"mean": pytest.approx(12.5 / 3), "median": 4.5, "first": 3.0, "last": 4.5, "max": 5.0}


@pytest.mark.parametrize(
    ("subjects", "draws", "said"),
    [
        (pd.concat([PEOPLE, PEOPLE]), DRAWS, "listed twice"),
        (PEOPLE.assign(value=1), DRAWS, "rename it"),
        (PEOPLE.drop(columns="time"), DRAWS, "no column 'time'"),
        (PEOPLE, DRAWS.assign(value=np.inf), "infinite"),
        (PEOPLE.assign(time=-1), DRAWS, "negative"),
        ("people", DRAWS, "DataFrame"),
    ],
)
def test_frames_that_cannot_be_are_refused_in_words(subjects, draws, said):
    with pytest.raises(UseError, match=said):
        landmark_set(subjects, draws, day=42, max_age=7)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"lag": 0}, "1 or more"), ({"max_age": 0}, "positive"), ({"duplicates": "newest"}, "not one of")],
)
def test_start_stop_refuses(changes, said):
    with pytest.raises(UseError, match=said):
        start_stop(PEOPLE, DRAWS, **changes)


def test_ids_of_two_types_are_refused_before_everybody_is_without_a_measurement():
    with pytest.raises(UseError, match="Read both as text"):
        landmark_set(PEOPLE.assign(subject=range(7)), DRAWS, day=42, max_age=7)


def test_a_subject_with_late_draws_only_leaves_for_that_reason_and_their_duplicates_do_not_matter():
    draws = pd.DataFrame({"subject": ["a", "a", "b", "c"], "day": [42, 42, 60, 10], "value": [1.0, 2.0, 3.0, 4.0]})
    found = start_stop(PEOPLE, draws)
    reasons = found.ledger.set_index("subject")["reason"]
    assert reasons[["a", "b"]].tolist() == ["draw_on_or_after_event"] * 2
    assert reasons["d"] == "no_measurement"


def test_a_subject_without_an_outcome_is_not_in_the_cohort_of_this_analysis():
    found = landmark_set(
        PEOPLE.assign(time=PEOPLE["time"].astype(float).where(PEOPLE["subject"] != "c")), DRAWS, day=42, max_age=7
    )
    assert found.excluded("not_in_cohort") == ["c"]


def test_nothing_at_all_is_an_empty_set_with_its_flow():
    nobody = landmark_set(PEOPLE, DRAWS.iloc[:0], day=42, max_age=7)
    assert len(nobody) == 0
    assert nobody.flow["n_excluded"].sum() == 7


# -- supermodels ------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(7)
    n = 90
    frailty = rng.normal(size=n)
    time = np.ceil(rng.exponential(150 * np.exp(-0.4 * frailty))).astype(int) + 1
    people = pd.DataFrame({"subject": np.arange(n), "time": np.minimum(time, 400), "event": (time <= 400).astype(int)})
    people["arm"] = np.where(rng.random(n) < 0.5, "T-DM1", "combination")
    draws = people.merge(pd.DataFrame({"day": np.arange(0, 300, 28)}), how="cross")[["subject", "day"]]
    draws["value"] = frailty[draws["subject"]] + rng.normal(0, 0.5, len(draws))
    return landmark_stack(people, draws, landmarks=range(42, 169, 14), window=84, max_age=56)


def test_the_error_of_a_prediction_is_the_infinitesimal_jackknife_over_subjects(stack):
    """Numerical derivative of theta in each subject's weight, squared and summed: no formula in common."""
    rows = stack.rows
    X = rows[["value"]].to_numpy()
    who = rows["subject"].to_numpy()

    def theta(weight):
        fit = kernel.cox(rows["time"], rows["event"], X, entry=rows["entry"], weight=weight)
        return window_risk(fit, np.array([[0.3]]), 84.0, 160.0).theta[0]

    ones = np.ones(len(rows))
    slopes = [(theta(ones + 1e-4 * (who == s)) - theta(ones - 1e-4 * (who == s))) / 2e-4 for s in np.unique(who)]
    fit = kernel.cox(rows["time"], rows["event"], X, entry=rows["entry"])
    found = window_risk(fit, np.array([[0.3]]), 84.0, 160.0, cluster=who)
    assert found.std_error[0] == pytest.approx(float(np.sqrt(np.sum(np.square(slopes)))), rel=1e-5)


def test_nothing_is_predicted_outside_the_grid_or_beyond_the_window(stack):
    star = fit_supermodel(stack, kind="ipl*")
    new = pd.DataFrame({"value": [0.0]})
    assert 0 < star.predict(new, 50)["probability"].item() < 1
    for landmark, horizon, said in ((28, None, "outside the grid"), (170, None, "outside the grid"), (84, 200, "outside")):
        with pytest.raises(UseError, match=said):
            star.predict(new, landmark, horizon=horizon)
    with pytest.raises(UseError, match="kind='ipl\\*'"):
        fit_supermodel(stack, kind="ipl").predict(new, 50)


def test_a_prediction_by_arm_uses_the_levels_of_the_fit(stack):
    model = fit_supermodel(stack, kind="ipl*", covariates="arm")
    one = model.predict(pd.DataFrame({"value": [0.0, 0.0], "arm": ["T-DM1", "combination"]}), 84)
    again = model.predict(pd.DataFrame({"value": [0.0], "arm": ["T-DM1"]}), 84)
    assert again["probability"].item() == one["probability"].iloc[0]
    with pytest.raises(UseError, match="did not have"):
        model.predict(pd.DataFrame({"value": [0.0], "arm": ["T-DMI"]}), 84)


def test_one_landmark_without_a_window_is_the_plain_landmark_model(stack):
    rows = stack.rows[stack.rows["landmark"] == 84]
    from biomarkers.models.cox import cox

    alone = cox(rows, "time", "event", "value")
    inside = fit_supermodel(stack, kind="ipl", effect="constant")
    assert len(inside.effect()) == len(stack.landmarks)
    one = cox(rows, "time", "event", "value", entry="entry", cluster="subject")
    assert one.table["coef"].item() == pytest.approx(alone.table["coef"].item(), rel=1e-10)


def test_accuracy_at_a_landmark_is_that_of_its_own_predictions(stack):
    model = fit_supermodel(stack, kind="ipl*", covariates="arm")
    found = model.accuracy().set_index("landmark").loc[84]
    rows = stack.rows[stack.rows["landmark"] == 84]
    predicted = model.predict(rows, 84)
    horizon = 84 * (1 - 1e-9)
    t = rows["time"] - 84
    frame = pd.DataFrame({"t": np.where(rows["event"] == 1, np.minimum(t, horizon), t), "d": rows["event"].to_numpy(),
                          "lp": predicted["linear_predictor"].to_numpy()})  # fmt: skip
    alone = dynamic_accuracy(frame, "t", "d", "lp", horizons=horizon, survival=1 - predicted["probability"].to_numpy()).iloc[0]
    assert found[["auc", "brier", "brier_null"]].tolist() == pytest.approx(alone[["auc", "brier", "brier_null"]].tolist())


def test_optimism_is_positive_for_noise_and_the_seed_fixes_it():
    rng = np.random.default_rng(3)
    n = 60
    people = pd.DataFrame({"subject": range(n), "time": rng.integers(60, 300, n), "event": 1})
    for k in range(6):
        people[f"noise{k}"] = rng.normal(size=n)
    draws = pd.DataFrame({"subject": range(n), "day": 0, "value": rng.normal(size=n)})
    stack = landmark_stack(people, draws, landmarks=[28, 42, 56], window=84, max_age=84)
    model = fit_supermodel(stack, kind="ipl", effect="constant", covariates=[f"noise{k}" for k in range(6)])
    one, two = (model.accuracy(bootstraps=30, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert (one["auc"] - one["auc_corrected"]).mean() > 0.05
    assert (one["brier_corrected"] - one["brier"]).mean() > 0
