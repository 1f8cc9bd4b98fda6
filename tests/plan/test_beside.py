"""What stands beside the hazard ratios: effects of variables, readers, genotypes, models with the standard variables."""

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.models.by_variable import by_variable, marker_correlation, ranked
from biomarkers.plan.beside import FAMILY, beside, standard_variables
from biomarkers.plan.plan import Plan
from biomarkers.plan.run import run_plan
from biomarkers.study.draws import baseline_values

MARKERS = ["stil", "tk1_dul", "fcgr3a_158"]


@pytest.fixture(scope="module")
def study():
    return bm.load_example("br1801")


@pytest.fixture(scope="module")
def questions():
    return [bm.Analysis(id=m, marker=m) for m in MARKERS] + [bm.Analysis(id="week6", marker="ctc", at="week6")]


@pytest.fixture(scope="module")
def found(study, questions):
    return beside(study, questions, seed=3)


def test_every_marker_meets_every_variable_that_varies(found, study):
    table = found.by_variable
    assert list(dict.fromkeys(table["marker"])) == MARKERS
    assert list(dict.fromkeys(table["cohort"])) == [*study.design.cohorts, "all"]
    assert set(table.loc[table["cohort"] == "ER+", "variable"]) == {"liver_mets", "age"}, "er is constant within a cohort"
    assert set(table.loc[table["cohort"] == "all", "variable"]) == {"liver_mets", "er", "age"}
    assert "p_value" not in table


def test_a_value_below_its_limit_counts_as_lowest(study):
    people = ranked(study, ["tk1_dul"])
    chosen = baseline_values(study, study.design.marker("tk1_dul"))
    assert (people["tk1_dul"] == -np.inf).sum() == (chosen["status"] == "below").sum() > 0
    row = by_variable(study, ["tk1_dul"]).query("cohort == 'all' and variable == 'age'").iloc[0]
    known = people["tk1_dul"].notna() & people["age"].notna()
    expected = people.loc[known, "tk1_dul"].rank().corr(people.loc[known, "age"].rank())
    assert row["estimate"] == pytest.approx(expected, abs=1e-12)
    assert row["n"] == known.sum()


def test_pairs_of_markers_are_asked_of_those_who_have_both(study, found):
    people = ranked(study, MARKERS)
    row = found.correlation.query("cohort == 'ER+' and marker_1 == 'stil' and marker_2 == 'tk1_dul'").iloc[0]
    here = people[people["cohort"] == "ER+"]
    assert row["n"] == (here["stil"].notna() & here["tk1_dul"].notna()).sum()
    assert len(found.correlation) == 3 * 3
    pd.testing.assert_frame_equal(found.correlation, marker_correlation(study, MARKERS))


def test_only_markers_with_several_readers_have_an_agreement(found):
    assert list(found.readers["marker"]) == ["stil"]
    assert found.readers["k"].iloc[0] == 3


def test_genotype_counts_add_up_and_their_test_is_that_of_the_function(found):
    for _, part in found.genotypes.groupby("cohort"):
        assert part["n"].sum() == part["n_known"].iloc[0]
        test = bm.hardy_weinberg(*part["n"])
        assert part["p_exact"].iloc[0] == test.p_value
        assert part["inbreeding"].iloc[0] == test.f


def test_every_standard_variable_has_its_row_whatever_its_p(found, study):
    assert standard_variables(study) == ("arm", "liver_mets", "er", "age")
    rows = found.multivariable.query("cohort == 'all' and marker == 'tk1_dul'")
    assert list(rows["term"]) == ["arm[T-DM1 + abemaciclib]", "liver_mets[1]", "age", "tk1_dul", "tk1_dul"]
    assert rows["finite"].all(), "er names the cohort, which is a stratum: it has no coefficient of its own"
    assert list(rows["estimand"])[-1] == "added value test"
    assert set(found.multivariable["marker"]) == set(MARKERS), "a marker of a landmark is no baseline variable"


def test_the_tests_of_these_models_are_counted_and_in_no_family_of_the_plan(study, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('title = "t"\nstudy = "study.toml"\npower_replicates = 0\n'
                    '[[analysis]]\nid = "til"\nmarker = "stil"\npermutations = 0\n')
    plan = Plan.read(path)
    results = run_plan(plan, study)
    outside = results.ledger[~results.ledger["prespecified"]]
    assert len(outside) == results.beside.multivariable["p_value"].notna().sum() > 0
    assert outside["family"].str.startswith(FAMILY).all()
    assert outside["p_adjusted"].isna().all()
    assert not results.table["analysis"].str.contains("standard").any()
    assert results.plan["n_tests"] == len(results.ledger)


def test_a_plan_without_a_baseline_question_has_nothing_beside(study):
    empty = beside(study, [bm.Analysis(id="week6", marker="ctc", at="week6")])
    assert not len(empty.by_variable)
    assert not len(empty.multivariable)
