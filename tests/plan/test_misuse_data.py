"""What must be impossible, where the data carry it: each damage of a study is met through a plan and through Python.

The sample study is copied and damaged in one place. Reading it in Python and running its plan give the same message, or the
subject leaves the analysis with a reason; nothing is computed as if nothing had happened.
"""

import csv
import gzip
import shutil

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem
from biomarkers.study.study import example_folder

PLAN = 'title = "t"\npermutations = 0\npower_replicates = 0\n[[analysis]]\nid = "x"\nmarker = "{marker}"\n'


def damaged(folder, name, old, new):
    """One place of a file."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def column(folder, name, field, value, n, marker=""):
    """The first n rows of a file, of one marker where it is named."""
    path = folder / name
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in [r for r in rows if not marker or r["marker"] == marker][:n]:
        row[field] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def again(folder, row):
    """One more row of subjects."""
    with (folder / "subjects.csv").open("a", encoding="utf-8") as file:
        file.write(f"BR-001,BR-1801-SYN,Site 5,{row},registration,1,negative,62,F,yes\n")


PFS = "BR-001,pfs,89,days,1,progression,41,registration,728"
THIRD = "BR-001-T,stil,stromal,R3,1,5,%,,yes,,,,manual,"
REFUSED = {
    "negative follow-up (3)": (lambda d: damaged(d, "outcomes.csv", PFS, PFS.replace(",89,", ",-3,")), "negative follow-up"),
    "an event without its time (3)": (lambda d: damaged(d, "outcomes.csv", PFS, PFS.replace(",89,", ",,")),
                                      "an event without its time"),
    "a time without its event (3)": (lambda d: damaged(d, "outcomes.csv", PFS, PFS.replace("days,1,", "days,,")),
                                     "a time without an event"),
    "a cut-off before the event (3)": (lambda d: damaged(d, "outcomes.csv", PFS, PFS.replace("728", "50")),
                                        "after the cut-off"),
    "an assessment after the end (3)": (lambda d: damaged(d, "outcomes.csv", PFS, PFS.replace(",41,", ",99,")),
                                        "lies after day 89"),
    "two units (4)": (lambda d: column(d, "blood_tk1.csv", "unit", "DuA", 40), "two units in one marker"),
    "two compartments (4)": (lambda d: column(d, "tissue_reads.csv", "compartment", "intratumoral", 35, "cd8"),
                             "two markers under one name"),
    "two gates (4)": (lambda d: column(d, "blood_pbmc.csv", "parent_gate", "CD3", 40), "two markers under one name"),
    "an undeclared ND (5)": (lambda d: (damaged(d, "study.toml", 'ND = "not_detected"', ""),
                                        column(d, "blood_ctdna.csv", "value", "ND", 3)), "ND is ambiguous"),
    "a zero that is no measurement (5)": (lambda d: column(d, "blood_tk1.csv", "value", "0", 2), "zero is no measurement"),
    "below an unknown limit (5)": (lambda d: (column(d, "blood_ctdna.csv", "value", "BLQ", 1),
                                              column(d, "blood_ctdna.csv", "lod", "", 1)), "below an unknown limit is not 0"),
    "one subject in two cohorts (9)": (lambda d: again(d, "ER+,T-DM1"), "stands in two cohorts"),
    "one subject in two arms (9)": (lambda d: again(d, "ER-,T-DM1 + abemaciclib"), "stands in two arms"),
    "a consensus among single reads (12)": (lambda d: damaged(d, "tissue_reads.csv", f"{THIRD}no", f"{THIRD}yes"),
                                            "their mean would be neither"),
    "a category among numbers (12)": (lambda d: damaged(d, "tissue_reads.csv", THIRD, THIRD.replace(",1,5,", ",1,2+,")),
                                      "a staining intensity"),
}


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(example_folder("br1801"), tmp_path / "study")


def plan_of(folder, marker="tk1_dul"):
    path = folder / "asked.toml"
    path.write_text(PLAN.format(marker=marker), encoding="utf-8")
    return bm.Plan.read(path)


@pytest.mark.parametrize("name", REFUSED)
def test_damage_is_refused_by_python_and_by_the_plan_in_the_same_words(name, copy):
    damage, words = REFUSED[name]
    damage(copy)
    with pytest.raises(DataProblem, match="Nothing was analysed") as python:
        bm.read_study(copy / "study.toml")
    with pytest.raises(DataProblem) as plan:
        plan_of(copy).run()
    assert words in str(python.value)
    assert str(plan.value) == str(python.value)


def both_doors(folder, marker):
    """The association of a notebook and the run of a plan, over the same files."""
    notebook = bm.associate(bm.read_study(folder / "study.toml"), marker, permutations=0)
    results = plan_of(folder, marker).run()
    counts = ["cohort", "term", "n", "n_events"]
    pd.testing.assert_frame_equal(results.table[counts], notebook.table[counts])
    # Imputations of values below the limit are drawn from the seed of the plan.
    np.testing.assert_allclose(results.table["estimate"], notebook.table["estimate"], rtol=0.01)
    return notebook, results


def test_two_assay_versions_never_enter_one_model(copy):
    clean, _ = both_doors(copy, "ctdna_mtm")
    column(copy, "blood_ctdna.csv", "assay_version", "v9", 40)
    mixed, results = both_doors(copy, "ctdna_mtm")
    gone = mixed.sets.ledger[mixed.sets.ledger["detail"] == "assay version v9, not pooled with v1"]["subject"]
    assert set(gone) == set(clean.sets.rows["subject"]) - set(mixed.sets.rows["subject"])
    assert len(gone) > 10
    assert "not pooled with v1" in " ".join(results.flow["detail"])
    study = bm.read_study(copy / "study.toml")
    ratio = bm.associate(study, "ctdna_mtm", at="week6", feature="ratio", permutations=0)
    assert not set(gone) & set(ratio.sets.rows["subject"]), "no ratio crosses versions"


def test_versions_that_are_declared_to_be_one_are_pooled(copy):
    clean, _ = both_doors(copy, "ctdna_mtm")
    column(copy, "blood_ctdna.csv", "assay_version", "v9", 40)
    damaged(copy, "study.toml", "[markers.ctdna_mtm]", '[markers.ctdna_mtm]\nversion_compat = [["v1", "v9"]]')
    pooled, _ = both_doors(copy, "ctdna_mtm")
    pd.testing.assert_frame_equal(pooled.table, clean.table)


def test_a_blank_stratum_is_a_missing_covariate_and_no_level(copy):
    damaged(copy, "subjects.csv", "Site 5,ER-,T-DM1,registration,1", "Site 5,ER-,T-DM1,registration,")
    notebook, results = both_doors(copy, "tk1_dul")
    assert notebook.sets.ledger.set_index("subject").loc["BR-001", "reason"] == "missing_covariate"
    assert (results.flow["reason"] == "missing_covariate").any()
    assert "BR-001" not in set(notebook.sets.rows["subject"])


def test_a_genotype_without_a_record_is_missing_and_no_reference(copy):
    path = sorted((copy / "vcf").glob("*.vcf.gz"))[0]
    with gzip.open(path, "rt") as file:
        lines = file.readlines()
    with gzip.open(path, "wt") as file:
        file.writelines(line for line in lines if line.startswith("#"))
    carried = {s for line in lines if line.startswith("#CHROM") for s in line.split()[9:]}
    notebook, results = both_doors(copy, "fcgr3a_158")
    assert carried
    assert not carried & set(notebook.sets.rows["subject"])
    assert (results.flow["detail"] == "ABSENT").any()


def test_labels_follow_their_patients_when_the_design_turns_the_order_round(copy):
    before, _ = both_doors(copy, "ctc")
    damaged(copy, "study.toml", 'cohorts = ["ER+", "ER-"]', 'cohorts = ["ER-", "ER+"]')
    after, results = both_doors(copy, "ctc")
    assert after.table["cohort"].iloc[:2].tolist() == ["ER-", "ER+"]
    for cohort in ("ER+", "ER-"):
        one, other = (t[(t["cohort"] == cohort) & (t["estimand"] == "hazard ratio")].iloc[0]
                      for t in (before.table, after.table))
        assert one[["n", "n_events"]].tolist() == other[["n", "n_events"]].tolist()
        assert one["estimate"] == pytest.approx(other["estimate"], rel=1e-9)
    assert results.values["cohort"].unique().tolist() == ["ER-", "ER+"]
