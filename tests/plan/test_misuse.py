"""What must be impossible, tried twice: through a plan and through Python. Each try meets its message.

The numbers are those of the list that the project keeps: an on-treatment value at time zero (1), a progression draw as
predictor (2), a row without its counts (10), a ratio from nothing (11), a test outside the count (14), a label that decides
(15), rows counted as patients (16), and the claims that only a test of difference may make.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import PlanError, Refused, UseError
from biomarkers.plan.run import run_plan

HEAD = 'title = "t"\npermutations = 0\npower_replicates = 0\n[[analysis]]\nid = "x"\n'


@pytest.fixture(scope="module")
def br1801():
    return bm.load_example("br1801")


@pytest.fixture(scope="module")
def stop_her2():
    return bm.load_example("stop_her2")


MISUSES = {
    "cleared, from time zero": ('marker = "ctdna_mtm"\nfeature = "cleared"', {"marker": "ctdna_mtm", "feature": "cleared"},
                                "known only after time zero"),
    "change, from time zero": ('marker = "ctdna_mtm"\nfeature = "change"', {"marker": "ctdna_mtm", "feature": "change"},
                               "known only after time zero"),
    "ever cleared": ('marker = "ctdna_mtm"\nfeature = "ever_cleared"', {"marker": "ctdna_mtm", "feature": "ever_cleared"},
                     "known only after time zero"),
    "ever cleared, at a landmark": ('marker = "ctdna_mtm"\nfeature = "ever_cleared"\nat = "week6"',
                                    {"marker": "ctdna_mtm", "feature": "ever_cleared", "at": "week6"},
                                    "also those after the landmark"),
    "a landmark before its last draw": ('marker = "tk1_dul"\nat = { visit = "week6", day = 30 }',
                                        {"marker": "tk1_dul", "at": "early"}, "look ahead"),
    "the progression draw as a visit": ('marker = "tk1_dul"\nat = "progression"', {"marker": "tk1_dul", "at": "progression"},
                                        "visit 'progression' is not in this study"),
    "on treatment, arms pooled": ('marker = "tk1_dul"\nat = "week6"\nadjust = []', {"marker": "tk1_dul", "at": "week6",
                                                                                    "adjust": ()}, "would stand for the arm"),
    "predictive from within arms": ('marker = "stil"\nclaim = "predictive"', {"marker": "stil", "claim": "predictive"},
                                    "no evidence that the arms differ"),
    "predictive, on treatment": ('marker = "tk1_dul"\nat = "week6"\ninteraction = "arm"\nclaim = "predictive"',
                                 {"marker": "tk1_dul", "at": "week6", "interaction": "arm", "claim": "predictive"},
                                 "mixes cause and effect"),
    "the best cut": ('marker = "tk1_dul"\ncut = "best"', {"marker": "tk1_dul", "cut": "best"}, "is not a number"),
    "a searched cut on treatment": ('marker = "tk1_dul"\nat = "week6"\ncut = "search"',
                                    {"marker": "tk1_dul", "at": "week6", "cut": "search"}, "declare a cut with its source"),
    "a cut where none is published": ('marker = "vimentin_pct"\ncut = "registry"',
                                      {"marker": "vimentin_pct", "cut": "registry"}, "has no registry cut"),
    "a column of the books as covariate": ('marker = "stil"\nadjust = ["evaluable_for"]',
                                           {"marker": "stil", "adjust": ("evaluable_for",)}, "keeps the books"),
    "a later column as covariate": ('marker = "stil"\nadjust = ["pfs"]', {"marker": "stil", "adjust": ("pfs",)}, "'pfs'"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_a_plan_refuses(name, br1801, tmp_path):
    entry, _, words = MISUSES[name]
    path = tmp_path / "plan.toml"
    path.write_text(HEAD + entry + "\n", encoding="utf-8")
    with pytest.raises((PlanError, UseError)) as error:
        bm.Plan.read(path).run(br1801)
    assert words in str(error.value)


@pytest.mark.parametrize("name", MISUSES)
def test_python_refuses(name, br1801):
    from biomarkers.plan.analysis import VisitDay

    _, given, words = MISUSES[name]
    given = given | ({"at": VisitDay("week6", 30)} if given.get("at") == "early" else {})
    with pytest.raises(UseError) as error:
        bm.Analysis(**given, permutations=0).run(br1801)
    assert words in str(error.value)


@pytest.mark.parametrize(("entry", "given"), [
    ('by = false\ninteraction = "cohort"', {"by": None, "interaction": "cohort"}),
    ('by = false\nadjust = ["cohort"]', {"by": None, "adjust": ("cohort",)}),
])
def test_stop_against_continue_is_never_an_effect(entry, given, stop_her2, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(f'{HEAD}marker = "mrd"\n{entry}\n', encoding="utf-8")
    with pytest.raises((PlanError, Refused), match="patients chose their cohort"):
        bm.Plan.read(path).run(stop_her2)
    with pytest.raises(Refused, match="Instead: by=\"cohort\""):
        bm.Analysis(marker="mrd", permutations=0, **given).run(stop_her2)


def test_no_row_lacks_its_counts_and_its_clock(br1801):
    table = bm.Analysis(marker="tk1_dul", permutations=0, interaction="arm").run(br1801).table
    assert table[["n", "n_events"]].notna().all(axis=None)
    assert (table["timing"] != "").all()


def test_a_ratio_from_an_undetected_baseline_is_no_number(br1801):
    answer = bm.Analysis(marker="ctdna_mtm", at="week6", feature="ratio", permutations=0).run(br1801)
    base = br1801.measured(br1801.design.marker("ctdna_mtm"))
    undetected = set(base.loc[(base["status"] == "below") & (base["day"] <= 0), "subject"])
    assert undetected
    assert not undetected & set(answer.sets.rows["subject"])
    assert np.isfinite(answer.exposure.x).all()


def test_every_p_value_is_in_the_count(br1801, tmp_path):
    path = tmp_path / "plan.toml"
    searched = '[[analysis]]\nid = "cut"\nmarker = "tk1_dul"\ncut = "search"\n'
    path.write_text(f'{HEAD}marker = "stil"\ninteraction = "arm"\n{searched}', encoding="utf-8")
    results = bm.Plan.read(path).run(br1801)
    beside = results.beside.multivariable["p_value"].notna().sum()      # what REMARK wants beside the plan is counted too
    assert len(results.ledger) == int(results.table["p_value"].notna().sum() + beside)
    searched = results.ledger[results.ledger["analysis"] == "cut"]
    assert len(searched) == 3
    assert not searched["prespecified"].any()
    assert (searched["adjust_method"] == "none").all()


def test_labels_of_visits_decide_nothing(br1801):
    tubes = br1801.specimens.assign(visit_label="week6")
    relabelled = replace(br1801, tables={**br1801.tables, "specimens": tubes})
    for at in ("baseline", "week6"):
        a, b = (bm.Analysis(marker="ctc", at=at, permutations=0).run(s).table for s in (br1801, relabelled))
        pd.testing.assert_frame_equal(a, b)


def test_patients_rows_and_events_are_three_numbers(br1801):
    row = bm.time_dependent(br1801, "ctc", max_age=90).table.iloc[0] if hasattr(bm, "time_dependent") else None
    if row is None:
        from biomarkers.models.time_dependent import time_dependent
        row = time_dependent(br1801, "ctc", max_age=90).table.iloc[0]
    rows, subjects = (int(w) for w in row["note"].split(";")[0].replace(" rows of ", " ").replace(" subjects", "").split())
    assert (row["n"], rows > subjects) == (subjects, True)
    assert row["n_events"] < subjects


def test_two_specimens_of_one_day_are_never_resolved_by_order(br1801):
    tube = br1801.blood[br1801.blood["marker"] == "ctc"].iloc[:1]
    twin = br1801.specimens[br1801.specimens["specimen"] == tube["specimen"].iloc[0]].assign(specimen="TWIN")
    tables = {**br1801.tables, "blood": pd.concat([br1801.blood, tube.assign(specimen="TWIN", value=77.0)], ignore_index=True),
              "specimens": pd.concat([br1801.specimens, twin], ignore_index=True)}
    with pytest.raises(UseError, match="never resolved by row order"):
        bm.Analysis(marker="ctc", permutations=0).run(replace(br1801, tables=tables))


def test_a_missing_covariate_leaves_and_is_never_the_reference(br1801):
    people = br1801.subjects.copy()
    people.loc[people.index[:4], "liver_mets"] = None
    answer = bm.Analysis(marker="fcgr3a_158", permutations=0).run(replace(br1801, tables={**br1801.tables, "subjects": people}))
    lost = answer.sets.ledger
    assert (lost["reason"] == "missing_covariate").sum() == len(set(people["subject"].iloc[:4]) & set(
        lost.loc[lost["reason"] == "missing_covariate", "subject"])) > 0
    assert not set(people["subject"].iloc[:4]) & set(answer.sets.rows["subject"])


def test_calls_that_are_no_calls_are_never_negative(stop_her2):
    answer = bm.Analysis(marker="mrd", permutations=0).run(stop_her2)
    calls = stop_her2.measured(stop_her2.design.marker("mrd"))
    usable = calls[calls["status"].isin(["measured", "below"])]
    assert set(answer.sets.rows["subject"]) <= set(usable["subject"])
    assert set(np.unique(answer.exposure.x)) <= {0.0, 1.0}
    assert len(answer.sets.rows) < len(stop_her2.subjects)


def test_the_run_of_a_plan_is_the_same_as_its_questions_asked_alone(br1801, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(HEAD + 'marker = "stil"\n', encoding="utf-8")
    plan = bm.Plan.read(path).against(br1801)
    alone = plan.analyses[0].run(br1801).table.drop(columns="p_adjusted")
    pd.testing.assert_frame_equal(run_plan(plan, br1801).table.drop(columns="p_adjusted"), alone, check_dtype=False)
