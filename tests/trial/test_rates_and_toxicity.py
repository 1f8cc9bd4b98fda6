"""Rates agree with R's tests; adverse events are counted by patient over the treated; bad input is refused."""

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, fisher_exact

from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.kernels import binomial, fourfold


@pytest.mark.parametrize("place", range(16))
def test_proportions_and_differences_are_those_of_r(reference, place):
    case = reference("proportions")[place]
    x1, n1, x0, n0 = np.array(case["strata"]).sum(axis=0).tolist()
    for arm, x, n in (("arm1", x1, n1), ("arm0", x0, n0)):
        exact = trial.response_rate(x, n).iloc[0]
        assert (exact["conf_low"], exact["conf_high"]) == pytest.approx(tuple(case["clopper_pearson"][arm]), abs=1e-10)
    score = trial.response_rate(x1, n1).iloc[1]
    assert (score["conf_low"], score["conf_high"]) == pytest.approx(tuple(case["wilson"]["arm1"]), abs=1e-10)
    difference = trial.rate_difference(x1, n1, x0, n0)
    row = difference.iloc[0]
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == pytest.approx(tuple(case["newcombe_diff"]), abs=1e-10)
    assert difference["p_value"].iloc[1] == pytest.approx(case["fisher"], abs=1e-10)


@pytest.mark.parametrize("place", range(16))
def test_stratified_tables_are_those_of_mantelhaen_test(reference, place):
    case = reference("proportions")[place]
    expected = case["cmh"]
    found = trial.stratified_rate(case["strata"]).set_index("method")
    mh = found.loc["Mantel-Haenszel (Robins-Breslow-Greenland)"]
    assert mh["statistic"] == pytest.approx(expected["chisq"], abs=1e-10)
    assert mh["p_value"] == pytest.approx(expected["p"], abs=1e-10)
    corrected = found.loc["CMH test with continuity correction"]
    assert corrected["statistic"] == pytest.approx(expected["chisq_cc"], abs=1e-10)
    assert corrected["p_value"] == pytest.approx(expected["p_cc"], abs=1e-10)
    risk = found.loc["Mantel-Haenszel (Sato)"]
    assert risk["estimate"] == pytest.approx(case["mh_risk_diff"], abs=1e-10)
    if expected["or_mh"] is None:
        assert not mh["finite"]
        assert math.isinf(mh["estimate"])
        assert "infinite" in mh["note"]
    else:
        assert mh["estimate"] == pytest.approx(expected["or_mh"], abs=1e-10)
        assert (mh["conf_low"], mh["conf_high"]) == pytest.approx(tuple(expected["ci95"]), rel=1e-10)
    exact = found.loc["exact conditional"]
    assert exact["p_value"] == pytest.approx(expected["exact_p"], abs=1e-10)
    with (Path(__file__).parent / "reference" / "exact_conditional.csv").open() as lines:
        known = list(csv.DictReader(lines))[place]
    for ours, theirs in (("estimate", "odds_ratio"), ("conf_low", "low"), ("conf_high", "high")):
        assert exact[ours] == pytest.approx(float(known[theirs]), rel=1e-8)


@pytest.mark.parametrize(("x", "n"), [(0, 10), (10, 10), (1, 7), (23, 40)])
def test_exact_limits_agree_with_scipy(x, n):
    found = binomtest(x, n).proportion_ci(0.9, method="exact")
    assert binomial.clopper_pearson(x, n, level=0.9) == pytest.approx((found.low, found.high), abs=1e-12)
    assert binomial.at_least(x, n, 0.4) == pytest.approx(binomtest(x, n, 0.4, alternative="greater").pvalue, abs=1e-12)


def test_one_table_is_fishers_test():
    generator = np.random.default_rng(8)
    for _ in range(40):
        n1, n0 = generator.integers(1, 30, size=2)
        x1, x0 = generator.integers(0, n1 + 1), generator.integers(0, n0 + 1)
        expected = fisher_exact([[x1, n1 - x1], [x0, n0 - x0]]).pvalue
        assert fourfold.conditional([[x1, n1, x0, n0]]).p_value == pytest.approx(expected, abs=1e-10)


def test_satos_error_agrees_with_a_simulation_of_the_risk_difference():
    generator = np.random.default_rng(4)
    p = np.array([[0.5, 0.3], [0.3, 0.2]])
    n = np.array([[20, 22], [15, 13]])
    x = generator.binomial(n, p, size=(4000, 2, 2))
    found = [fourfold.mantel_haenszel([[a[0], b[0], a[1], b[1]] for a, b in zip(one, n, strict=True)]) for one in x]
    spread = np.std([f.risk_difference for f in found])
    assert np.sqrt(np.mean([f.risk_se**2 for f in found])) == pytest.approx(spread, rel=0.04)


def test_patients_who_cannot_be_evaluated_are_printed_not_dropped():
    found = trial.response_rate(14, 32, evaluable=29)
    assert found["n"].tolist() == [32, 32, 29, 29]
    assert "3 of 32 not evaluable" in found["note"].iloc[0]


def test_a_frame_of_patients_gives_the_tables_of_its_strata():
    rows = []
    for stratum, (x1, n1, x0, n0) in enumerate([[6, 9, 3, 10], [3, 12, 1, 20]]):
        rows += [{"liver": stratum, "arm": "T-DM1 + abemaciclib", "response": int(i < x1)} for i in range(n1)]
        rows += [{"liver": stratum, "arm": "T-DM1", "response": int(i < x0)} for i in range(n0)]
    frame = pd.DataFrame(rows)
    frame["arm"] = pd.Categorical(frame["arm"], ["T-DM1", "T-DM1 + abemaciclib"])
    found = trial.stratified_rate(frame, responder="response", arm="arm", strata="liver")
    pd.testing.assert_frame_equal(found, trial.stratified_rate([[6, 9, 3, 10], [3, 12, 1, 20]]))


def test_a_stratum_with_one_arm_is_said_to_be_silent():
    found = trial.stratified_rate([[6, 9, 3, 10], [2, 5, 0, 0]])
    assert found["n"].iloc[0] == 19
    assert "5 patients" in found["note"].iloc[0]


# -- toxicity ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def adverse(reference):
    case = reference("toxicity")
    events = pd.DataFrame(case["ae"]).rename(columns={"id": "subject"})
    people = pd.DataFrame({"subject": range(1, 65), "arm": case["arm_by_id"]})
    return events, people, case


def test_worst_grades_per_patient_term_and_arm_are_exact(adverse):
    events, people, case = adverse
    found = trial.toxicity(events, people)
    for term, expected in case["table"].items():
        for arm in (0, 1):
            row = found[(found["term"] == term) & (found["arm"] == arm)].iloc[0]
            assert [row[f"grade_{g}"] for g in range(1, 6)] == expected[f"arm{arm}"]
            assert row["n_severe"] == expected["n3plus"][arm]
            assert row["n_treated"] == 32
            assert row["p_value"] == pytest.approx(expected["fisher_3plus"], abs=1e-10)
    for arm in (0, 1):
        row = found[(found["term"] == "any") & (found["arm"] == arm)].iloc[0]
        assert [row[f"grade_{g}"] for g in range(1, 6)] == case["any_max"][f"arm{arm}"]


def test_row_order_does_not_matter_and_unrelated_events_do_not_count(adverse):
    events, people, _ = adverse
    found = trial.toxicity(events, people)
    shuffled = trial.toxicity(events.sample(frac=1, random_state=1), people.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(found, shuffled)
    everything = trial.toxicity(events, people, related=None)
    assert everything["any_grade"].sum() > found["any_grade"].sum()
    assert found.attrs["left_out"]["not related"] == int((events["attr"] == "unrelated").sum())


def test_the_denominator_is_the_treated_not_those_with_an_event():
    people = pd.DataFrame({"subject": list("abcde"), "arm": ["A"] * 3 + ["B"] * 2, "treated": ["yes"] * 4 + ["no"]})
    events = pd.DataFrame({"subject": ["a"], "term": ["Fatigue"], "grade": [3], "related": ["definite"]})
    found = trial.toxicity(events, people)
    assert found[found["term"] == "Fatigue"][["n_treated", "n_severe"]].values.tolist() == [[3, 1], [1, 0]]


@pytest.mark.parametrize(("change", "words"), [
    ({"grade": 6}, "not 0 to 5"),
    ({"grade": -1}, "not 0 to 5"),
    ({"grade": 2.5}, "not 0 to 5"),
    ({"grade": None}, "not 0 to 5"),
    ({"subject": "zz"}, "not among the 2 treated"),
    ({"related": "perhaps"}, "attributions"),
])  # fmt: skip
def test_bad_adverse_events_are_refused(change, words):
    people = pd.DataFrame({"subject": ["a", "b"], "arm": ["A", "B"]})
    row = {"subject": "a", "term": "Fatigue", "grade": 2, "related": "possible"} | change
    with pytest.raises(UseError) as refused:
        trial.toxicity(pd.DataFrame([row]), people)
    assert words in str(refused.value)


def test_dose_limiting_toxicities_feed_the_rule():
    people = pd.DataFrame({"subject": list("abcdef"), "dose_level": [50] * 3 + [100] * 3})
    events = pd.DataFrame({"subject": ["d", "e", "a"], "dlt": ["yes", "yes", "no"]})
    seen = trial.dose_limiting(events, people)
    step = trial.next_cohort([*seen["treated"], 0], [*seen["dlts"], 0], levels=[50, 100, 150]).iloc[0]
    assert (step["action"], step["level"]) == ("stop", 50)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: trial.response_rate(33, 32), "33 responders of 32"),
    (lambda: trial.response_rate(14, 32, evaluable=33), "33 evaluable of 32"),
    (lambda: trial.response_rate(14, 32, evaluable=12), "14 responders of 12"),
    (lambda: trial.response_rate(1.5, 32), "whole number"),
    (lambda: trial.response_rate(1, 0), "at least 1"),
    (lambda: trial.response_rate(1, 2, level=95), "between 0 and 1"),
    (lambda: trial.rate_difference(3, 2, 1, 4), "3 responders of 2"),
    (lambda: trial.stratified_rate([[3, 2, 1, 4]]), "stratum 1"),
    (lambda: trial.stratified_rate([[1, 2, 0, 0]]), "nothing to compare"),
])  # fmt: skip
def test_impossible_counts_are_refused(call, words):
    with pytest.raises(UseError) as refused:
        call()
    assert words in str(refused.value)
