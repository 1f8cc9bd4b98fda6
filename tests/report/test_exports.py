"""Exports: read back they give the same Cox rows, R gives the same numbers, and no cell of them is a formula."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.design import Design
from biomarkers.readers.table import read_table
from biomarkers.report import exports
from biomarkers.report.exports import Dataset, adsl, adtte, ard, dataset_json, export, export_run
from biomarkers.report.reproduce import quoted, r_script


@pytest.fixture(scope="module")
def study() -> bm.Study:
    """The synthetic BR-1801 study."""
    return bm.load_example("br1801")


@pytest.fixture(scope="module")
def answers(study) -> list[bm.Association]:
    """Baseline rows, one with imputations, one by classes, one by arm, one at a landmark with a baseline term."""
    questions = [
        bm.Analysis(marker="stil", permutations=0),
        bm.Analysis(marker="ctdna_mtm", permutations=0, seed=7),
        bm.Analysis(marker="fcgr3a_158", interaction="arm", permutations=0),
        bm.Analysis(marker="tk1_dul", cut=200, permutations=0),
        bm.Analysis(marker="ctc", at="week6", feature="change", permutations=0),
        bm.Analysis(marker="stil", by=None, strata=(), adjust=(), permutations=0),
    ]
    return [replace(question, id=f"q{i}").run(study) for i, question in enumerate(questions)]


@pytest.fixture(scope="module")
def folder(study, answers, tmp_path_factory) -> Path:
    """The exports of these questions."""
    out = tmp_path_factory.mktemp("exports")
    export(answers, study, pd.concat([answer.table for answer in answers], ignore_index=True), out)
    return out


# ---- ADaM-shaped data ------------------------------------------------------------------------------------------------


def test_adtte_keeps_the_conventions_of_the_standard(study):
    rows = adtte(study).rows
    outcomes = study.outcomes.set_index(["subject", "endpoint"])
    for _, row in rows.iterrows():
        mine = outcomes.loc[(row["USUBJID"], row["PARAMCD"].lower())]
        assert row["AVAL"] == mine["time"] + 1 == row["ADY"] - row["STARTDY"] + 1
        assert (row["CNSR"] == 0) == (mine["event"] == 1)
    assert len(rows) == len(outcomes)
    assert not rows.duplicated(["USUBJID", "PARAMCD"]).any()


def test_a_restart_is_a_competing_event_and_no_censoring_of_its_own_kind():
    read = bm.load_example("stop_her2")
    outcomes = read.outcomes.copy()
    first = outcomes.index[(outcomes["endpoint"] == "pfs") & (outcomes["event"] == 0)][0]
    outcomes.loc[first, "event_type"] = "restart"
    rows = adtte(replace(read, tables={**read.tables, "outcomes": outcomes})).rows
    row = rows[(rows["USUBJID"] == outcomes.loc[first, "subject"]) & (rows["PARAMCD"] == "PFS")].iloc[0]
    assert (row["CNSR"], row["EVNTDESC"]) == (2, "Restart")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_exported_trial_read_back_gives_the_same_cox_rows(study, folder, tmp_path, root, form):
    source = root / "sample_data" / "br1801"
    for name in ("specimens.csv", "tissue_reads.csv", "blood_tk1.csv"):
        shutil.copy(source / name, tmp_path)
    for name in ("adsl", "adtte"):
        shutil.copy(folder / f"{name}.{form}", tmp_path)
    text = (source / "study.toml").read_text(encoding="utf-8").partition("[tables]")[0]
    (tmp_path / "study.toml").write_text(
        f"{text}[tables]\n"
        f'subjects = {{ path = "adsl.{form}", format = "adam-adsl", columns = {{ cohort = "COHORT", liver_mets = "STRAT1R", '
        'er = "COV1", eligible = "ANFL" } }\n'
        f'outcomes = {{ path = "adtte.{form}", format = "adam-adtte", paramcd = ["PFS", "OS"], where = {{ ANL01FL = "Y" }} }}\n'
        'specimens = "specimens.csv"\ntissue_reads = "tissue_reads.csv"\nblood = "blood_tk1.csv"\n',
        encoding="utf-8",
    )
    back = bm.read_study(tmp_path / "study.toml")
    assert len(back.subjects) == len(study.subjects)
    for endpoint in ("pfs", "os"):
        ours, theirs = (s.outcome(endpoint).set_index("subject")[["time", "event"]].sort_index() for s in (back, study))
        pd.testing.assert_frame_equal(ours, theirs)
    for marker in ("stil", "tk1_dul"):
        ours, theirs = (bm.associate(s, marker, permutations=0).table for s in (back, study))
        pd.testing.assert_frame_equal(ours, theirs)


def test_dataset_json_and_csv_hold_the_same_rows(folder):
    for name in ("adsl", "adtte", "admk"):
        text, parsed = read_table(folder / f"{name}.csv").rows, read_table(folder / f"{name}.json").rows
        same = parsed.drop(columns=["source_file", "source_row"])
        numbers = [c for c in same if pd.api.types.is_numeric_dtype(pd.read_csv(folder / f"{name}.csv")[c])]
        for column in same:
            left, right = text[column].fillna(""), same[column].fillna("")
            if column in numbers:
                left, right = (pd.to_numeric(texts.where(texts != "")) for texts in (left, right))
                assert np.array_equal(left.to_numpy(float), right.to_numpy(float), equal_nan=True), column
            else:
                assert left.tolist() == right.tolist(), column


def test_dataset_json_states_its_records_keys_and_kinds(folder, study):
    whole = json.loads((folder / "adtte.json").read_text(encoding="utf-8"))
    assert whole["records"] == len(whole["rows"]) == len(study.outcomes)
    assert whole["datasetJSONVersion"] == "1.1.0"
    kinds = {column["name"]: column["dataType"] for column in whole["columns"]}
    assert (kinds["AVAL"], kinds["CNSR"], kinds["USUBJID"]) == ("integer", "integer", "string")
    assert [c["name"] for c in sorted(whole["columns"], key=lambda c: c.get("keySequence", 99))][:3] == [
        "STUDYID",
        "USUBJID",
        "PARAMCD",
    ]
    longest = max(len(row[1]) for row in whole["rows"])
    assert next(c["length"] for c in whole["columns"] if c["name"] == "USUBJID") == longest


def test_a_missing_number_is_null_and_a_missing_text_blank():
    frame = pd.DataFrame({"A": [1.5, np.nan], "B": ["x", ""]})
    whole = json.loads(dataset_json(Dataset("T", "T", frame, {}), Design(name="T")))
    assert whole["rows"] == [[1.5, "x"], [None, ""]]


# ---- results ---------------------------------------------------------------------------------------------------------


def test_every_number_of_the_table_is_one_row_of_the_long_form(answers):
    table = pd.concat([answer.table for answer in answers], ignore_index=True)
    long = ard(table)
    assert len(long) == int(table[list(exports.STATISTICS)].notna().sum().sum())
    key = ["AnalysisId", "Group1_groupValue", "Term", "Contrast", "Estimand", "MethodId", "OperationId"]
    assert not long.duplicated(key).any()
    first = table.iloc[0]
    line = long[
        (long["AnalysisId"] == "q0")
        & (long["Group1_groupValue"] == first["cohort"])
        & (long["Estimand"] == "hazard ratio")
        & (long["OperationId"] == "estimate")
    ]
    assert line["rawValue"].tolist() == [first["estimate"]]


def test_r_gives_the_numbers_of_the_table(folder):
    """survival::coxph, its likelihoods, cox.zph and survfit, from the exported files alone."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("needs Rscript with the package survival, which is not installed")
    done = subprocess.run([rscript, "reproduce.R"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert "DIFFERS" not in done.stdout, done.stdout
    assert done.returncode == 0, done.stderr
    expected = pd.read_csv(folder / "results.csv")
    fitted = int((expected["method"] != "none").sum())
    assert f"{fitted} of {len(expected)} rows computed again" in done.stdout


def test_the_script_notices_a_number_that_is_wrong(folder, tmp_path):
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("needs Rscript with the package survival, which is not installed")
    for name in ("admk.csv", "admi.csv"):
        shutil.copy(folder / name, tmp_path)
    table = pd.read_csv(folder / "results.csv")
    one = table[(table["analysis"] == "q0") & (table["estimand"] == "hazard ratio")].head(1)
    one.assign(estimate=one["estimate"] * (1 + 1e-4)).to_csv(tmp_path / "results.csv", index=False)
    analysed = pd.read_csv(folder / "admk.csv")
    named = {"liver_mets": "STRAT1R", "cohort": "COHORT", "arm": "ARM"}
    (tmp_path / "reproduce.R").write_text(r_script(one, analysed.astype({"STRAT1R": str}), named, ()), encoding="utf-8")
    done = subprocess.run([rscript, "reproduce.R"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "DIFFERS row 1 q0 ER+ stil: estimate" in done.stdout


def test_a_row_that_is_not_computed_again_is_named_with_its_reason(answers):
    table = answers[0].table.head(1).assign(method="none", note="descriptive only: 3 events")
    text = r_script(table, pd.DataFrame({"ANALYSIS": ["q0"]}), {}, ())
    assert "row 1 q0 ER+ stil: not fitted: descriptive only: 3 events" in text
    assert "compare(1" not in text


# ---- files -----------------------------------------------------------------------------------------------------------


def test_the_same_study_gives_the_same_bytes(study, answers, folder, tmp_path):
    table = pd.concat([answer.table for answer in answers], ignore_index=True)
    files = export(answers, study, table, tmp_path / "again")
    assert [f.name for f in files] == sorted({f.name for f in folder.iterdir()}, key=[f.name for f in files].index)
    assert all(f.read_bytes() == (folder / f.name).read_bytes() for f in files)


def test_a_plan_is_exported_from_its_own_answers(root, tmp_path):
    plan = tmp_path / "plan.toml"
    study_path = root / "sample_data" / "br1801" / "study.toml"
    plan.write_text(
        f'title = "One"\nstudy = {json.dumps(str(study_path))}\npermutations = 0\n[[analysis]]\nid = "a"\nmarker = "stil"\n'
    )
    read = bm.Plan.read(plan)
    study = read.read_study()
    results = read.run(study)
    files = export_run(read, study, results.table, tmp_path / "out")
    rows = pd.read_csv(tmp_path / "out" / "admk.csv")
    whole = results.table[(results.table["cohort"] == "all") & (results.table["estimand"] == "hazard ratio")].iloc[0]
    assert (len(rows), int(rows["EVENT"].sum())) == (whole["n"], whole["n_events"])
    assert {f.name for f in files} >= {"adtte.csv", "adtte.json", "ard.csv", "reproduce.R"}


def test_a_question_of_another_kind_keeps_its_results_and_is_named_as_left_out(root, tmp_path):
    plan = tmp_path / "plan.toml"
    path = json.dumps(str(root / "sample_data" / "br1801" / "study.toml"))
    plan.write_text(
        f'title = "Two kinds"\nstudy = {path}\npermutations = 0\n[[analysis]]\nid = "a"\nmarker = "stil"\nby = false\n'
        '[[analysis]]\nid = "b"\nmarker = "ctc"\nkind = "time_dependent"\nlag = 1\nmax_age = 60\n'
    )
    read = bm.Plan.read(plan)
    study = read.read_study()
    export_run(read, study, read.run(study).table, tmp_path / "out")
    assert set(pd.read_csv(tmp_path / "out" / "admk.csv")["ANALYSIS"]) == {"a"}
    assert set(pd.read_csv(tmp_path / "out" / "ard.csv")["AnalysisId"]) == {"a", "b"}
    script = (tmp_path / "out" / "reproduce.R").read_text(encoding="utf-8")
    assert "b ER+ ctc: time-dependent Cox" in script
    assert "no row per subject is exported" in script


def test_a_cell_that_a_spreadsheet_would_run_is_harmless_text(study, tmp_path):
    people = study.subjects.copy()
    people["site"] = '=HYPERLINK("http://x","y")'
    hostile = replace(study, tables={**study.tables, "subjects": people})
    export([], hostile, pd.DataFrame(columns=["model"]), tmp_path)
    cells = pd.read_csv(tmp_path / "adsl.csv")["SITEID"]
    assert cells.str.startswith("'=").all()


def test_a_text_cannot_leave_its_string_in_the_script():
    assert quoted('a"); system("rm -rf /"); ("') == '"a\\"); system(\\"rm -rf /\\"); (\\""'
    assert quoted("a\\") == '"a\\\\"'
    assert quoted("=1+1") == '"\'=1+1"'
    assert "\n" not in quoted("a\nb")


def test_an_old_file_survives_a_write_that_fails(study, tmp_path, monkeypatch):
    (tmp_path / "adtte.csv").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        export([], study, pd.DataFrame(columns=["model"]), tmp_path)
    assert (tmp_path / "adtte.csv").read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["adtte.csv"]


def test_adsl_marks_who_is_in_no_analysis(study):
    rows = adsl(study).rows
    out = study.members["excluded"].fillna("") != ""
    assert rows.loc[rows["ANFL"] == "N", "USUBJID"].tolist() == study.members.loc[out, "subject"].tolist()
    assert (rows.loc[rows["ANFL"] == "N", "ANREASN"] != "").all()
