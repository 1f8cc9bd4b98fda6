"""The design speaks where a question does not, and the same way to every model."""

from dataclasses import replace

import numpy as np
import pytest

import biomarkers as bm
from biomarkers.models.design_terms import terms_of
from biomarkers.plan.questions import Question


@pytest.fixture(scope="module")
def br():
    return bm.load_example("br1801")


def test_arm_is_adjusted_for_where_nothing_else_holds_it(br):
    assert terms_of(br, "cohort", None, None) == (("liver_mets",), ("arm",))
    assert terms_of(br, "arm", None, None) == (("liver_mets",), ())
    assert terms_of(br, "cohort", ("arm",), None) == (("arm",), ())
    assert terms_of(br, "liver_mets", None, ()) == ((), ())


def test_groups_by_arm_have_their_own_rows_in_the_order_of_the_design_whatever_the_question(br):
    turned = replace(br, design=replace(br.design, arms=br.design.arms[::-1]))
    answers = [bm.associate(turned, "vimentin_pct", by="arm", permutations=0)]
    for kind, marker in (("response", "stil"), ("progression", "ctdna_mtm")):
        answers.append(Question(kind=kind, id=kind, marker=marker, by="arm", permutations=0).run(turned))
    for answer in answers:
        assert list(dict.fromkeys(answer.table["cohort"])) == [*turned.design.arms, "all"]


def test_a_pooled_model_over_arms_is_stratified_by_arm_and_not_adjusted_for_it_too(br):
    table = bm.associate(br, "vimentin_pct", by="arm", permutations=0).table
    pooled = table[table["cohort"] == "all"]
    assert pooled["model"].iloc[0] == "Cox, Efron ties; strata arm, liver_mets"
    assert "proportional hazards test" in pooled["estimand"].tolist()


def test_each_arm_counts_its_own_losses(br):
    found = bm.associate(br, "vimentin_pct", by="arm", permutations=0)
    row = found.table[found.table["estimand"] == "hazard ratio"].set_index("cohort")
    registered = br.members["arm"].value_counts()
    for arm in br.design.arms:
        assert row.loc[arm, "n"] + row.loc[arm, "n_excluded"] == registered[arm]
    assert row.loc["all", "n_excluded"] == sum(row.loc[arm, "n_excluded"] for arm in br.design.arms)


def test_groups_may_be_numbers(br):
    halves = br.subjects.assign(half=np.where(br.subjects["age"] < br.subjects["age"].median(), 1.0, 2.0))
    study = replace(br, tables={**br.tables, "subjects": halves})
    table = bm.associate(study, "vimentin_pct", by="half", permutations=0).table
    row = table[table["estimand"] == "hazard ratio"].set_index("cohort")
    assert row["n"].tolist()[:2] == [row.loc["1.0", "n"], row.loc["2.0", "n"]]
    assert row.loc["1.0", "n"] + row.loc["2.0", "n"] == row.loc["all", "n"]
    assert (row["n"] > 0).all()
