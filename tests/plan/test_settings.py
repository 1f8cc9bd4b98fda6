"""A setting that no question can have is refused by its name, before a study is looked at."""

import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.domain.numbers import NBSP
from biomarkers.plan.analysis import Analysis


@pytest.mark.parametrize(("setting", "said"), [
    ({"clock": "randomisation"}, "clock 'randomisation' is not one of"),
    ({"clock": "draw"}, 'clock="draw" counts from an on-treatment draw'),
    ({"limit_rule": "half"}, "limit_rule 'half' is not one of"),
    ({"method": "wald"}, "method 'wald' is not one of auto, profile, permutation"),
    ({"cut": "search", "interaction": "arm"}, 'cut = "search" is for a baseline marker without an interaction'),
    ({"level": 95}, "level = 95 must lie between 0 and 1"),
    ({"imputations": 1}, "imputations must be two or more, not 1"),
    ({"permutations": -1}, "permutations must be zero or more, not -1"),
    ({"override": ("everything",)}, "override 'everything' is not one of"),
])  # fmt: skip
def test_a_setting_that_cannot_be_is_refused_by_name(setting, said):
    Analysis(marker="ctc")
    with pytest.raises(UseError) as refused:
        Analysis(marker="ctc", **setting)
    assert said in str(refused.value)


@pytest.fixture(scope="module")
def br():
    return bm.load_example("br1801")


@pytest.mark.parametrize(("by", "groups"), [("arm", None), ("liver_mets", ["0", "1"])])
def test_groups_keep_the_order_of_the_design_or_of_their_values(br, by, groups):
    found = bm.associate(br, "ctc", by=by, strata=(), permutations=0).table
    ratios = found[found["estimand"] == "hazard ratio"]["cohort"].drop_duplicates().tolist()
    assert ratios[:2] == (list(br.design.arms) if groups is None else groups)


def test_a_difference_between_cohorts_is_not_asked_for_twice(br):
    with pytest.raises(UseError, match='interaction="cohort" is already tested'):
        bm.associate(br, "ctc", interaction="cohort", permutations=0)


def test_an_answer_shows_who_is_not_in_it_and_whether_cohorts_and_arms_differ():
    study = bm.load_example("br1801")
    answer = bm.associate(study, "stil", interaction="arm", permutations=0)
    lost = len(answer.sets.members) - len(answer.sets)
    for shown in (repr(answer), answer._repr_html_()):
        assert f"{lost} of {len(answer.sets.members)} are not in the model" in shown
        assert "Difference between cohorts: P = " in shown.replace(NBSP, " ")
        assert "Difference by arm in ER+: P = " in shown.replace(NBSP, " ")
    checks = answer.diagnostics()
    assert checks["cohort"].unique().tolist() == ["ER+", "ER-", "all"]
    assert "stil" in set(checks.loc[checks["cohort"] == "ER+", "term"])
    assert checks["p_value"].between(0, 1).all()


def test_curves_of_a_landmark_begin_there():
    study = bm.load_example("br1801")
    answer = bm.associate(study, "tk1_dul", at="week6", cut="registry", permutations=0)
    assert answer.curves["time"].min() == answer.sets.rows["entry"].min() == 49
    assert set(answer.medians["cohort"]) >= {"ER+", "ER-"}
