"""A specification curve varies one choice at a time, keeps the planned answer, and never drops patients by a scale."""

import numpy as np
import pytest

import biomarkers as bm
from biomarkers.plan.sensitivity import LABEL, sensitivity, specifications


@pytest.fixture(scope="module")
def study():
    return bm.load_example("br1801")


def test_the_planned_answer_keeps_its_imputations_and_the_others_take_five(study):
    question = bm.Analysis(marker="ctdna_mtm", permutations=0, id="x", prespecified=True)
    table = sensitivity(question, study)
    planned = question.run(study).table.query("estimand == 'hazard ratio'").set_index("cohort")
    first = table[table["primary"]].set_index("cohort")
    np.testing.assert_array_equal(first["estimate"], planned.loc[first.index, "estimate"])
    assert first["method"].str.contains("m = 20").all()
    others = table[~table["primary"] & table["method"].str.contains("imputation (m", regex=False)]
    assert len(others) > 10
    assert others["method"].str.contains("m = 5").all()


def test_no_logarithm_is_tried_where_a_zero_is_real(study):
    words = [w for d, w, _ in specifications(bm.Analysis(marker="ctc"), study) if d == "scale"]
    assert words == ["identity"] or "log2" not in words
    n = sensitivity(bm.Analysis(marker="ctc", permutations=0), study).query("dimension == 'scale' and cohort == 'all'")["n"]
    assert n.nunique() == 1


def test_a_landmark_moves_forward_and_sites_leave_one_by_one(study):
    question = bm.Analysis(marker="ctc", at="week6", permutations=0)
    table = sensitivity(question, study)
    assert table.loc[table["dimension"] == "landmark day", "specification"].unique().tolist() == ["day 56", "day 63"]
    sites = table[(table["dimension"] == "leave one site out") & (table["cohort"] == "all")]
    assert len(sites) == study.members["site"].nunique()
    whole = table[table["primary"] & (table["cohort"] == "all")]["n"].iloc[0]
    assert (whole - sites["n"]).sum() == whole          # each patient is left out once
    assert "without a specimen" not in set(table["dimension"])


def test_what_is_refused_is_a_row_with_its_reason_and_alternatives_are_labelled(study):
    table = sensitivity(bm.Analysis(marker="tk1_dul", at="week6", permutations=0), study)
    assert not (table["specification"] == "without adjusters").any()      # arms may not be pooled on treatment
    rest = table[~table["primary"] & np.isfinite(table["estimate"])]
    assert rest["note"].str.startswith(LABEL).all()


def test_a_landmark_of_its_own_day_also_varies_how_old_a_value_may_be(study):
    question = bm.Analysis(marker="ctc", at=bm.Landmark(day=49, max_age=28), adjust=("arm", "age"), permutations=0)
    asked = [(dimension, words) for dimension, words, _ in specifications(question, study)]
    assert [words for dimension, words in asked if dimension == "oldest value"] == ["at most 14 days", "at most 42 days"]
    assert [words for dimension, words in asked if dimension == "landmark day"] == ["day 56", "day 63"]
    assert ("adjustment", "arm alone") in asked
    assert ("cut", "registry cut 5") in asked
