"""REDCap: forms, events and repeats taken apart by their keys, and no field read that was not declared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem
from biomarkers.readers.redcap import forms_of
from biomarkers.readers.table import read_table

REPEATING = "longitudinal-with-repeating-instrument__data_head.csv"
LONGITUDINAL = "longitudinal__data.csv"
PERSONS = ("Zharko", "Lenox", "zlehnox", "555-1212", "1983-09-23", "arrival address")

EXPORT = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,enrolled,sex,name,demographics_complete,"
    "draw_date,visit_complete,lab,conc,laboratory_complete\n"
    "007,baseline_arm_1,,,2020-01-01,1,Jane Doe,2,2020-01-03,2,,,\n"
    "007,baseline_arm_1,laboratory,1,,,,,,,TK1,12.5,2\n"
    "007,week_6_arm_1,,,,,,,2020-02-12,2,,,\n"
    "007,week_6_arm_1,laboratory,1,,,,,,,TK1,.5,0\n"
    "A-8,baseline_arm_1,,,2020-03-01,0,John Roe,2,2020-03-01,1,,,\n"
    "A-8,baseline_arm_1,laboratory,1,,,,,,,TK1,QNS,2\n"
)
DICTIONARY = (
    '"Variable / Field Name","Form Name","Field Type","Choices, Calculations, OR Slider Labels"\n'
    'sex,demographics,radio,"0, Female | 1, Male"\nlab,laboratory,text,\n'
)
MARKER = '[markers.tk]\nlabel = "TK"\nkind = "continuous"\nunit = "U"\nlegal = [0, 1000]\nscale = "identity"\nstep = 1\n'
BLOOD = (
    '{ path = "export.csv", format = "redcap", columns = { marker = "lab", value = "conc"%s }, '
    'marker_names = { TK1 = "tk" }%s }'
)


def study(folder: Path, tables: str, more: str = "", export: str = EXPORT) -> Path:
    """A study over one export."""
    (folder / "export.csv").write_text(export, encoding="utf-8")
    (folder / "dictionary.csv").write_text(DICTIONARY, encoding="utf-8")
    (folder / "study.toml").write_text(f'name = "A trial"\n{more}\n[tables]\n{tables}\n', encoding="utf-8")
    return folder / "study.toml"


def texts(read: bm.Study) -> str:
    """Everything a study holds or says."""
    cells = [read.problems.to_csv()] + [table.to_csv() for table in read.tables.values()]
    return "".join(cells)


SUBJECTS = 'subjects = { path = "export.csv", format = "redcap", instrument = "demographics" }'


def test_events_get_their_declared_days_and_values_their_draws(tmp_path):
    blood = BLOOD % ("", ", events = { baseline_arm_1 = 0, week_6_arm_1 = 42 }")
    read = bm.read_study(study(tmp_path, f"{SUBJECTS}\nblood = {blood}", MARKER))
    rows = read.blood[["subject", "day", "visit", "value", "status", "reason"]]
    assert rows.values.tolist()[:2] == [
        ["007", 0, "baseline_arm_1", 12.5, "measured", ""],
        ["007", 42, "week_6_arm_1", 0.5, "measured", ""],
    ]
    assert rows.iloc[2][["subject", "status", "reason"]].tolist() == ["A-8", "missing", "qns"]
    assert read.subjects["subject"].tolist() == ["007", "A-8"]


def test_a_date_of_the_visit_form_reaches_the_rows_of_a_repeating_form_of_the_same_event(tmp_path):
    blood = BLOOD % (', day = "draw_date"', ', instrument = "laboratory", day0 = "enrolled"')
    read = bm.read_study(study(tmp_path, f"{SUBJECTS}\nblood = {blood}", MARKER))
    assert read.blood["day"].tolist() == [2, 42, 0]


def test_fields_of_two_forms_need_the_form_that_is_meant(tmp_path):
    blood = BLOOD % (', day = "draw_date"', "")
    with pytest.raises(DataProblem, match='name the form: instrument = "laboratory"'):
        bm.read_study(study(tmp_path, f"{SUBJECTS}\nblood = {blood}", MARKER))


def test_a_value_is_never_carried_to_another_event(tmp_path):
    blood = BLOOD % (', day = "draw_date"', ', instrument = "laboratory", day0 = "enrolled"')
    export = EXPORT.replace("007,week_6_arm_1,,,,,,,2020-02-12,2,,,\n", "")
    read = bm.read_study(study(tmp_path, f"{SUBJECTS}\nblood = {blood}", MARKER, export), strict=False)
    assert read.blood["day"].isna().tolist() == [False, True, False]


def test_choices_become_labels_by_the_dictionary(tmp_path):
    subjects = SUBJECTS.replace(" }", ', options = { dictionary = "dictionary.csv" } }')
    read = bm.read_study(study(tmp_path, subjects))
    assert read.subjects["sex"].tolist() == ["Male", "Female"]


def test_codes_and_labels_in_one_field_are_refused(tmp_path):
    subjects = SUBJECTS.replace(" }", ', options = { dictionary = "dictionary.csv" } }')
    with pytest.raises(DataProblem, match="codes and labels in one field"):
        bm.read_study(study(tmp_path, subjects, export=EXPORT.replace(",0,John Roe", ",Female,John Roe")))


def test_a_code_outside_the_dictionary_is_named(tmp_path):
    subjects = SUBJECTS.replace(" }", ', options = { dictionary = "dictionary.csv" } }')
    with pytest.raises(DataProblem, match=r"export\.csv:6:sex '7'"):
        bm.read_study(study(tmp_path, subjects, export=EXPORT.replace(",0,John Roe", ",7,John Roe")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (", events = { wek_6_arm_1 = 42 }", "no row of this form has the event 'wek_6_arm_1'"),
        (', instrument = "labs"', "no form is called 'labs'"),
        (', options = { dictionary = "nowhere.csv" }', "nowhere.csv"),
    ],
)
def test_a_name_that_the_export_does_not_know_is_an_error(tmp_path, change, said):
    with pytest.raises(DataProblem, match=said):
        bm.read_study(study(tmp_path, f"{SUBJECTS}\nblood = {BLOOD % ('', change)}", MARKER))


def test_rows_that_share_their_keys_are_refused(tmp_path):
    with pytest.raises(DataProblem, match="2 rows share their keys"):
        bm.read_study(study(tmp_path, SUBJECTS, export=EXPORT + EXPORT.splitlines()[1] + "\n"))


def test_forms_are_told_from_the_header():
    forms = forms_of(EXPORT.splitlines()[0].split(","))
    assert forms["sex"] == forms["enrolled"] == "demographics"
    assert forms["conc"] == "laboratory"
    assert "redcap_event_name" not in forms


def test_undeclared_fields_never_enter_memory(tmp_path):
    read = bm.read_study(study(tmp_path, SUBJECTS))
    assert "Jane" not in texts(read)
    assert "Doe" not in texts(read)


# ---- exports of a test server ----------------------------------------------------------------------------------------


def fixture(shared: Path, name: str) -> Path:
    """One of the fixtures."""
    return shared / "reference" / "formats" / "redcap" / name


def test_the_longitudinal_export_with_repeats_has_3_visits_7_laboratory_rows_and_1_medication(shared):
    table = read_table(fixture(shared, REPEATING), format="redcap")
    forms = pd.Series([form for text in table.rows["instrument"] for form in text.split(";")]).value_counts()
    assert forms.to_dict() == {"laboratory": 7, "visit": 3, "demographics": 2, "medication": 1}
    notes = [str(p) for p in table.problems]
    assert any("laboratory_complete holds codes beside 0, 1, 2 and blank: '3' in 3" in note for note in notes)


def test_the_export_of_repeating_forms_is_counted_form_by_form(shared):
    table = read_table(fixture(shared, "vignette-repeating__data.csv"), format="redcap")
    assert table.rows["instrument"].value_counts().to_dict() == {"blood_pressure": 6, "image": 5, "laboratory": 4, "intake": 2}


def test_the_longitudinal_export_is_18_rows_of_3_subjects(shared):
    table = read_table(fixture(shared, LONGITUDINAL), format="redcap")
    assert len(table.rows) == 18
    assert len(table.header) >= 125
    assert table.rows["subject"].value_counts().to_dict() == {"100": 6, "220": 6, "304": 6}


@pytest.mark.parametrize("name", [LONGITUDINAL, REPEATING, "vignette-repeating__data.csv"])
def test_an_export_is_read_in_three_lines(shared, tmp_path, name):
    """Name and tables apart: one line for the subjects, one for the values."""
    shutil.copy(fixture(shared, name), tmp_path)
    subjects = {"l": "demographics", "v": "intake"}[name[0]]
    values = {
        LONGITUDINAL: 'columns = { value = "bmi" }, constants = { marker = "tk", day = "0" }',
        REPEATING: 'columns = { specimen = "lab", value = "conc" }, constants = { marker = "tk" }, '
        'events = { visit_1_arm_1 = 0, visit_2_arm_1 = 1 }, replicates = "mean"',
        "vignette-repeating__data.csv": 'columns = { specimen = "lab", value = "conc" }, '
        'constants = { marker = "tk", day = "0" }, replicates = "mean"',
    }[name]
    unit = MARKER.replace('"U"', '"ppm"')
    (tmp_path / "study.toml").write_text(
        f'name = "REDCap"\n{unit}\n[tables]\nsubjects = {{ path = "{name}", format = "redcap", instrument = "{subjects}" }}\n'
        f'blood = {{ path = "{name}", format = "redcap", {values} }}\n'
    )
    read = bm.read_study(tmp_path / "study.toml", strict=False)
    expected = {LONGITUDINAL: (3, 3), REPEATING: (2, 7), "vignette-repeating__data.csv": (2, 4)}[name]
    assert (len(read.subjects), len(read.blood)) == expected
    assert read.blood["status"].eq("measured").all()
    assert not any(person in texts(read) for person in PERSONS)
