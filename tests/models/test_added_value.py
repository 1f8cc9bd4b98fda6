"""What a marker adds: R's likelihood ratio, concordance and AUC with an interval, and nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.models.cox import cox
from biomarkers.models.multivariable import ADDED, added_value, added_value_of
from biomarkers.models.progression import progression_pairs, progression_rows, sign_flip_p


def trial(n=150, seed=0, effect=0.8):
    rng = np.random.default_rng(seed)
    x, age, liver = rng.normal(size=n), rng.normal(60, 8, n), rng.integers(0, 2, n)
    time = np.ceil(300 * rng.exponential(np.exp(-effect * x - 0.03 * (age - 60) - 0.6 * liver)))
    return pd.DataFrame({"t": time, "d": (rng.random(n) < 0.85).astype(int), "x": x, "age": age, "liver": liver})


def test_the_test_is_the_likelihood_ratio_of_the_marker():
    frame = trial()
    found = added_value(frame, "t", "d", "x", ["age", "liver"], resamples=0)
    whole, bare = (cox(frame, "t", "d", terms, interval="wald") for terms in (["age", "liver", "x"], ["age", "liver"]))
    test = found.table[found.table["estimand"] == "added value test"].iloc[0]
    assert test["statistic"] == pytest.approx(2 * (whole.loglik[1] - bare.loglik[1]), rel=1e-9)
    assert found.table["term"].tolist() == ["age", "liver", "x", "x"]
    assert found.table["p_value"].notna().sum() == 1            # one question, one test in the count
    assert found.table["contrast"].tolist() == ["beside it: age", "beside it: liver", "given age, liver", "added to age, liver"]


def test_a_strong_marker_adds_and_noise_does_not():
    strong = added_value(trial(), "t", "d", "x", ["age", "liver"], resamples=40, seed=1).added.set_index("measure")
    assert (strong["conf_low"] > 0).all()
    assert strong.loc["concordance", "corrected"] < strong.loc["concordance", "difference"] + 0.02
    noise = [added_value(trial(90, s).assign(x=np.random.default_rng(s + 50).normal(size=90)), "t", "d", "x", ["age", "liver"],
                         resamples=20, seed=s).added.set_index("measure").loc["concordance", "corrected"] for s in range(8)]
    assert abs(np.mean(noise)) < 0.02


def test_both_models_see_the_same_complete_rows_and_say_who_is_left_out():
    frame = trial()
    frame.loc[:9, "age"] = np.nan
    found = added_value(frame, "t", "d", "x", ["age"], resamples=0)
    assert (found.table["n"] == 140).all()
    assert "10 of 150 without a complete set" in found.table["note"].iloc[0]


def test_the_order_of_the_patients_changes_nothing():
    frame = trial()
    a, b = (added_value(f, "t", "d", "x", ["age", "liver"], resamples=10, seed=3).added for f in
            (frame, frame.sample(frac=1, random_state=2)))
    pd.testing.assert_frame_equal(a, b, rtol=1e-9)


def test_too_few_events_or_nothing_standard_is_refused():
    with pytest.raises(UseError, match="name fewer standard variables"):
        added_value(trial(30), "t", "d", "x", ["age", "liver"])
    with pytest.raises(UseError, match="standard is empty"):
        added_value(trial(), "t", "d", "x", [])


def test_a_study_gives_one_model_per_cohort_and_the_pooled_one():
    found = added_value_of(bm.load_example("br1801"), "ctdna_mtm", standard=["arm", "age"], resamples=5)
    assert found.added["cohort"].tolist() == ["ER+", "ER+", "ER-", "ER-", "all", "all"]
    assert list(found.added) == list(ADDED)
    pooled = found.table[found.table["cohort"] == "all"]["model"].iloc[0]
    assert "strata cohort, liver_mets" in pooled


def test_signs_by_hand():
    assert sign_flip_p(np.array([1.0, 1, 1, 1, 1, 1]), permutations=0, seed=0) == 2 / 64
    assert sign_flip_p(np.array([1.0, -1, 1, -1]), permutations=0, seed=0) == 1.0
    many = np.random.default_rng(0).normal(0.1, 1, 40)
    assert sign_flip_p(many, permutations=999, seed=1) == sign_flip_p(many[::-1], permutations=999, seed=1)


def test_progression_is_compared_within_patients_and_predicts_nothing():
    study = bm.load_example("br1801")
    marker = study.design.marker("tk1_dul")
    pairs = progression_pairs(study, marker)
    assert pairs["subject"].is_unique
    rows = progression_rows(study, marker, permutations=99)
    assert [r["cohort"] for r in rows] == ["ER+", "ER-", "all"]
    assert rows[2]["estimate"] == pytest.approx((pairs["progression"] - pairs["baseline"]).mean())
    assert rows[0]["n"] + rows[1]["n"] == rows[2]["n"] == len(pairs)
    assert all("predicts nothing" in r["note"] for r in rows)
