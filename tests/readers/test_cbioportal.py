"""cBioPortal: comment lines, statuses with their words, a clock that has to be declared, and several samples of one patient."""

from __future__ import annotations

from pathlib import Path

import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem

COMMENTS = "#Patient\tSex\tMonths\tStatus\n#x\tx\tx\tx\n#STRING\tSTRING\tNUMBER\tSTRING\n#1\t1\t1\t1\n"
PATIENTS = (
    COMMENTS + "PATIENT_ID\tSEX\tAGE\tOS_MONTHS\tOS_STATUS\tPFS_MONTHS\tPFS_STATUS\tETHNICITY\n"
    "P-1\tFemale\t61\t10\t1:DECEASED\t4\t1:PROGRESSED\tx\n"
    "P-2\tMale\t[Not Available]\t20.5\t0:LIVING\t20.5\t0:CENSORED\tx\n"
    "P-3\tFemale\t50\tNA\t\t2\t0:CENSORED\tx\n"
)
SAMPLES = (
    "#a\tb\tc\td\n#a\tb\tc\td\n#a\tb\tc\td\n#1\t1\t1\t1\n"
    "PATIENT_ID\tSAMPLE_ID\tSAMPLE_TYPE\tTMB\nP-1\tP-1-T1\tPrimary\t3.5\nP-1\tP-1-T2\tMetastasis\t7\nP-2\tP-2-T1\tPrimary\tNA\n"
)
TIMELINE = (
    "PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\tAGENT\tTEST\tRESULT\n"
    "P-1\t0\t90\tTREATMENT\tT-DM1\t\t\nP-1\t14\t\tLAB_TEST\t\tCTC\t3\nP-2\t7\t\tLAB_TEST\t\tCTC\t0\n"
)
TMB = (
    '[markers.tmb]\nlabel = "TMB"\nkind = "continuous"\nunit = "mut/Mb"\nlegal = [0, 500]\nscale = "identity"\nstep = 1\n'
    'column = "TMB"\n'
)
PORTAL = '{ path = "data_clinical_patient.txt", format = "cbioportal-patient"%s }'


def study(folder: Path, tables: str, more: str = "", patients: str = PATIENTS) -> Path:
    """A portal's folder with a study.toml."""
    (folder / "data_clinical_patient.txt").write_text(patients)
    (folder / "data_clinical_sample.txt").write_text(SAMPLES)
    (folder / "data_timeline.txt").write_text(TIMELINE)
    (folder / "study.toml").write_text(f'name = "Portal"\n{more}\n[tables]\nsubjects = {PORTAL % ""}\n{tables}\n')
    return folder / "study.toml"


def outcomes(more: str = ', options = { origin = "diagnosis" }') -> str:
    """The outcomes of the same file."""
    return f"outcomes = {PORTAL % more}"


ENDPOINTS = "[endpoints.os]\n[endpoints.pfs]\n"


def test_each_pair_of_months_and_status_is_an_endpoint(tmp_path):
    read = bm.read_study(study(tmp_path, outcomes(), ENDPOINTS))
    rows = read.outcomes.sort_values(["endpoint", "subject"])[["subject", "endpoint", "time", "event", "clock_origin"]]
    assert rows.values.tolist() == [
        ["P-1", "os", 304, 1, "diagnosis"],
        ["P-2", "os", 624, 0, "diagnosis"],
        ["P-1", "pfs", 122, 1, "diagnosis"],
        ["P-2", "pfs", 624, 0, "diagnosis"],
        ["P-3", "pfs", 61, 0, "diagnosis"],
    ]


def test_rows_are_named_as_the_file_counts_them(tmp_path):
    with pytest.raises(DataProblem, match=r"data_clinical_patient\.txt:6:OS_STATUS P-1 '1:LIVING': digit and word contradict"):
        bm.read_study(study(tmp_path, outcomes(), ENDPOINTS, PATIENTS.replace("1:DECEASED", "1:LIVING")))


@pytest.mark.parametrize("status", ["DECEASED", "2:DECEASED", "1"])
def test_a_status_of_another_form_is_refused(tmp_path, status):
    with pytest.raises(DataProblem, match="no status such as"):
        bm.read_study(study(tmp_path, outcomes(), ENDPOINTS, PATIENTS.replace("1:DECEASED", status)))


def test_the_origin_of_the_clock_has_to_be_declared(tmp_path):
    read = bm.read_study(study(tmp_path, outcomes(""), ENDPOINTS))
    assert read.problems.loc[read.problems["severity"] == "warning", "problem"].str.contains("where its clock starts").any()
    assert set(read.outcomes["clock_origin"]) == {"not stated"}


def test_a_sentinel_is_missing_and_counted_by_its_spelling(tmp_path):
    read = bm.read_study(study(tmp_path, outcomes(), ENDPOINTS))
    assert read.subjects.set_index("subject")["age"].isna().to_dict() == {"P-1": False, "P-2": True, "P-3": False}
    assert read.problems["problem"].str.contains(r"AGE: missing, as '\[Not Available\]' in 1").any()


def test_several_samples_of_a_patient_need_a_declaration(tmp_path):
    table = 'blood = { path = "data_clinical_sample.txt", format = "cbioportal-sample", constants = { day = "0" }%s }'
    with pytest.raises(DataProblem, match="1 patients have several samples"):
        bm.read_study(study(tmp_path, table % "", TMB))
    read = bm.read_study(study(tmp_path, table % ', where = { SAMPLE_TYPE = "Primary" }', TMB))
    assert read.blood["specimen"].tolist() == ["P-1-T1", "P-2-T1"]
    assert read.blood["value"].fillna(-1).tolist() == [3.5, -1]


def test_a_value_that_where_cannot_find_lists_what_is_there(tmp_path):
    table = 'blood = { path = "data_clinical_sample.txt", format = "cbioportal-sample", where = { SAMPLE_TYPE = "primary" } }'
    with pytest.raises(DataProblem, match="'Primary' in 2"):
        bm.read_study(study(tmp_path, table, TMB))


def test_a_timeline_gives_treatments_and_tests_in_days(tmp_path):
    entry = '{ path = "data_timeline.txt", format = "cbioportal-timeline", options = { origin = "x" }, where = %s }'
    tests = entry % '{ EVENT_TYPE = "LAB_TEST" }, marker_names = { CTC = "ctc" }'
    tables = f"""therapy = {entry % '{ EVENT_TYPE = "TREATMENT" }'}\nblood = {tests}"""
    read = bm.read_study(study(tmp_path, tables))
    assert read.therapy[["subject", "drug", "start", "stop"]].values.tolist() == [["P-1", "T-DM1", 0, 90]]
    assert read.blood[["subject", "day", "marker", "value"]].values.tolist() == [
        ["P-1", 14, "ctc", 3.0],
        ["P-2", 7, "ctc", 0.0],
    ]


def test_a_file_without_patients_is_refused(tmp_path):
    with pytest.raises(DataProblem, match="no column PATIENT_ID"):
        bm.read_study(study(tmp_path, "", "", PATIENTS.replace("PATIENT_ID", "PATIENT")))
