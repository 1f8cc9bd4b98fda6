"""Over random trials with ties, duplicates, missing draws and progression-day draws: nobody is lost, nobody looks ahead."""

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from biomarkers.domain.times import Visit
from biomarkers.models.landmark import landmark_set, landmark_stack
from biomarkers.models.time_dependent import start_stop

LANDMARK = 42
COLUMNS = ["subject", "value", "draw_day", "value_age", "entry", "time", "event"]


@st.composite
def trials(draw):
    """A few subjects with draws on few distinct days, so that ties with the landmark and the event abound."""
    n = draw(st.integers(1, 12))
    days = st.sampled_from([-7, 0, 14, 28, 35, 41, 42, 43, 49, 56, 84])
    people = pd.DataFrame(
        {
            "subject": [f"s{i}" for i in range(n)],
            "time": [draw(st.sampled_from([1, 14, 41, 42, 43, 49, 56, 100, 200])) for _ in range(n)],
            "event": [draw(st.integers(0, 1)) for _ in range(n)],
            "cohort": [draw(st.sampled_from(["ER+", "ER-"])) for _ in range(n)],
        }
    )
    k = draw(st.integers(0, 40))
    value = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float))
    tubes = pd.DataFrame(
        {
            "subject": [draw(st.sampled_from([*people["subject"], "nobody"])) for _ in range(k)],
            "day": np.array([draw(days) for _ in range(k)], dtype=float),
            "value": np.array([draw(value) for _ in range(k)], dtype=float),
        }
    )
    # The progression draw: on the event day, as in a real trial.
    dead = people[people["event"] == 1]
    extra = pd.DataFrame({"subject": dead["subject"], "day": dead["time"].astype(float), "value": 9.0})
    return people, pd.concat([tubes, extra], ignore_index=True)


rules = st.sampled_from([{"max_age": math.inf}, {"max_age": 28}, {"since": 14}, {"max_age": 0}])


def sorted_rows(found):
    return found.rows[COLUMNS].sort_values("subject", ignore_index=True)


@given(trials(), rules, st.booleans(), st.sampled_from(["include", "exclude"]))
@settings(max_examples=60, deadline=None)
def test_every_subject_is_in_exactly_one_category(trial, rule, baseline, tie):
    people, tubes = trial
    found = landmark_set(people, tubes, day=LANDMARK, baseline=baseline, draw_at_landmark=tie, duplicates="mean", **rule)
    left = found.excluded()
    kept = found.rows["subject"].tolist()
    assert sorted([*left, *kept]) == sorted(people["subject"])
    assert found.flow["n_excluded"].sum() + len(found) == len(people)
    assert (found.rows["time"] > LANDMARK).all()
    assert (found.rows["draw_day"] <= LANDMARK).all()
    assert (found.rows["draw_day"] < found.rows["time"]).all()


@given(trials(), rules, st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_that_happens_after_the_landmark_changes_who_is_in_or_with_what_value(trial, rule, data):
    people, tubes = trial
    before = landmark_set(people, tubes, day=LANDMARK, duplicates="mean", **rule)
    later = tubes["day"] > LANDMARK
    # Move every later draw to another later day, change its value, and add more on one and the same day.
    shift = data.draw(st.integers(1, 50))
    moved = tubes.assign(day=tubes["day"].where(~later, LANDMARK + shift), value=tubes["value"].where(~later, 77.0))
    more = pd.DataFrame({"subject": list(people["subject"]) * 2, "day": LANDMARK + 1.0, "value": 5.0})
    later_events = people.assign(time=people["time"].where(people["time"] <= LANDMARK, people["time"] + shift))
    after = landmark_set(later_events, pd.concat([moved, more]), day=LANDMARK, duplicates="mean", **rule)
    columns = ["subject", "value", "draw_day", "value_age", "entry"]
    pd.testing.assert_frame_equal(before.rows[columns], after.rows[columns])
    pd.testing.assert_frame_equal(before.ledger, after.ledger)


@given(trials())
@settings(max_examples=40, deadline=None)
def test_a_later_duplicate_is_no_error_and_an_earlier_one_is(trial):
    people, tubes = trial
    unique = tubes.drop_duplicates(["subject", "day"])
    unique = pd.concat([unique, unique[unique["day"] > LANDMARK]])
    landmark_set(people, unique, day=LANDMARK, max_age=math.inf)


@given(trials(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_rows_does_not_matter(trial, random):
    people, tubes = trial
    shuffled = tubes.sample(frac=1, random_state=random.randint(0, 99))
    others = people.sample(frac=1, random_state=random.randint(0, 99))
    visit = Visit("week6", 35, (-7, 7))
    for rule in ({"max_age": 28}, {"visit": visit}):
        one = landmark_set(people, tubes, day=LANDMARK, duplicates="mean", **rule)
        two = landmark_set(others, shuffled, day=LANDMARK, duplicates="mean", **rule)
        pd.testing.assert_frame_equal(sorted_rows(one), sorted_rows(two))


@given(trials())
@settings(max_examples=40, deadline=None)
def test_a_stack_is_its_landmark_sets(trial):
    people, tubes = trial
    grid, window = [28, 42, 56], 60
    stack = landmark_stack(people, tubes, landmarks=grid, window=window, max_age=28, duplicates="mean")
    assert (stack.by_landmark.groupby("landmark")["n"].sum() == len(people)).all()
    for day in grid:
        alone = landmark_set(people, tubes, day=day, max_age=28, duplicates="mean").rows
        rows = stack.rows[stack.rows["landmark"] == day].reset_index(drop=True)
        cut = alone.assign(event=((alone["event"] == 1) & (alone["time"] <= day + window)).astype(int),
                           time=np.minimum(alone["time"], day + window))  # fmt: skip
        pd.testing.assert_frame_equal(rows[COLUMNS], cut[COLUMNS], check_dtype=False)


@given(trials(), st.sampled_from([1, 7]), st.sampled_from([math.inf, 20]))
@settings(max_examples=60, deadline=None)
def test_start_stop_rows_never_use_a_draw_on_the_event_day_and_lose_no_event_without_saying_so(trial, lag, max_age):
    people, tubes = trial
    found = start_stop(people, tubes, lag=lag, max_age=max_age, duplicates="last")
    rows = found.rows
    assert (rows["stop"] > rows["start"]).all()
    assert (rows["start"] >= rows["draw_day"] + lag - 1).all()
    assert (rows["draw_day"] < rows["time"]).all()
    assert (rows["stop"] - rows["draw_day"] <= max_age).all()
    assert not (rows["value"] == 9.0).any()  # the progression draw
    ordered = rows.sort_values(["subject", "start"])
    same = ordered["subject"].eq(ordered["subject"].shift())
    assert (ordered["start"] >= ordered["stop"].shift())[same].all()
    audit = found.audit.set_index("what")
    lost = audit.loc[["left out: before the first value", "left out: value too old"], "n_events"].sum()
    assert rows["event"].sum() + lost == people["event"].sum()
    person_time = audit["person_time"].sum()
    assert np.isclose(person_time, people["time"].sum())
    assert sorted([*found.excluded(), *rows["subject"].unique()]) == sorted(people["subject"])
