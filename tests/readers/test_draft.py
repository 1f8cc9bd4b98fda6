"""`init`: a study.toml that can be read, questions where nothing could be decided, and no cell of an unknown column."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.readers.draft import draft_study, look, marker_of
from biomarkers.readers.study_file import read_study_file

PATIENTS = (
    "subject_id,last_name,cohort,liver_mets,pfs_months,pfs_event,os_months,os_status,til_pct,fcgr3a\n"
    "P1,Canary,ER+,1,3.5,1,10,dead,20,V/F\nP2,Canary,ER-,0,6.5,0,6.5,alive,10,F/F\n"
)
SERIAL = (
    "subject_id,draw_date,draw,analyte,value,unit\nP1,2020-01-03,C1D1,CTC,3,cells/7.5 mL\n"
    "P2,2020-02-03,C1D1,ctDNA_TF,ND,fraction\n"
    "P2,2020-02-03,C1D1,Haemoglobin,12,g/dL\n"
)


def drafted(folder: Path) -> str:
    """The draft, written beside its files and read back as a study file."""
    text = draft_study([folder])
    (folder / "study.toml").write_text(text, encoding="utf-8")
    read_study_file(folder / "study.toml")
    return text


def test_files_of_one_shape_become_a_pattern_only_where_it_takes_in_no_other_file(tmp_path):
    (tmp_path / "subjects.csv").write_text("subject,cohort,arm\nS1,A,x\n", encoding="utf-8")
    for i in (1, 2, 3):
        (tmp_path / f"blood_{i}.csv").write_text(f"subject,day,marker,value\nS1,{i},ctc,3\n", encoding="utf-8")
    assert '\nblood = "blood_*.csv"\n' in drafted(tmp_path)
    (tmp_path / "blood_notes.csv").write_text("who,what\nS1,hello\n", encoding="utf-8")
    assert '\nblood = ["blood_1.csv", "blood_2.csv", "blood_3.csv"]\n' in drafted(tmp_path)


def questions(text: str) -> list[str]:
    """Lines that ask."""
    return [line for line in text.splitlines() if "# ?" in line]


@pytest.mark.parametrize("name", ["br1801", "stop_her2"])
def test_a_sample_study_is_drafted_with_the_tables_of_its_own_study_file(root, tmp_path, name):
    source = root / "sample_data" / name
    for file in source.rglob("*"):
        if file.is_file() and file.suffix != ".toml" and file.name.endswith((".csv", ".vcf.gz")):
            target = tmp_path / file.relative_to(source)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(file, target)
    text = drafted(tmp_path)
    ours, theirs = bm.read_study(tmp_path / "study.toml", strict=False), bm.load_example(name)
    counts = {table: len(frame) for table, frame in theirs.tables.items()}
    assert {table: len(frame) for table, frame in ours.tables.items()} == counts
    assert set(ours.design.cohorts) == set(theirs.design.cohorts)
    assert set(ours.design.endpoints) == set(theirs.design.endpoints)
    assert any("in the order of the design" in question for question in questions(text))


def test_one_sheet_and_a_list_of_tubes_are_drafted_with_their_questions(tmp_path):
    (tmp_path / "patients.csv").write_text(PATIENTS)
    (tmp_path / "serial.csv").write_text(SERIAL)
    text = drafted(tmp_path)
    made = tomllib.loads(text)
    assert made["cohorts"] == ["ER+", "ER-"]
    assert made["endpoints"]["pfs"] == {
        "label": "Progression-free survival",
        "time": "pfs_months",
        "event": "pfs_event",
        "unit": "months",
    }
    assert made["markers"] == {"stil": {"column": "til_pct"}, "fcgr3a_158": {"column": "fcgr3a"}}
    assert made["tables"]["blood"]["marker_names"] == {"CTC": "ctc", "ctDNA_TF": "ctdna_tf"}
    asked = " ".join(questions(text))
    for said in (
        "event codes are dead, alive",
        "declare ND =",
        "calendar dates",
        "no marker is known for Haemoglobin",
        "no column of arms was found",
    ):
        assert said in asked
    assert "liver_mets" in text
    assert "Canary" not in text


def test_the_cells_of_an_unknown_column_are_never_read(tmp_path):
    (tmp_path / "patients.csv").write_text(PATIENTS)
    seen = look(tmp_path / "patients.csv", "patients.csv")
    assert "Canary" not in repr(seen)
    assert not {"P1", "P2"} & {text for levels in seen.levels.values() for text in levels}


def test_a_folder_of_the_pharmaverse_is_drafted_as_adam(shared, tmp_path):
    for file in (shared / "reference" / "formats" / "pharmaverse").glob("*.csv"):
        shutil.copy(file, tmp_path)
    text = drafted(tmp_path)
    made = tomllib.loads(text)
    assert {table: entry["format"] for table, entry in made["tables"].items()} == {
        "subjects": "adam-adsl",
        "outcomes": "adam-adtte",
        "response": "adam-adrs",
    }
    assert made["tables"]["outcomes"]["paramcd"] == ["OS", "PFS", "RSD"]
    assert "Screen Failure" not in made["arms"]
    assert any("keep those that are meant" in question for question in questions(text))


def test_one_dataset_in_three_containers_is_taken_once(shared, tmp_path):
    for file in (shared / "reference" / "formats" / "cdisc_pilot").glob("ad*"):
        shutil.copy(file, tmp_path)
    made = tomllib.loads(drafted(tmp_path))
    assert made["tables"]["outcomes"] == {"path": "adtte.json", "format": "adam-adtte", "paramcd": "TTDE"}


def test_a_redcap_export_brings_its_dictionary_and_its_forms(shared, tmp_path):
    for name in ("longitudinal__data.csv", "longitudinal__dictionary.csv"):
        shutil.copy(shared / "reference" / "formats" / "redcap" / name, tmp_path)
    text = drafted(tmp_path)
    made = tomllib.loads(text)["tables"]["subjects"]
    assert made["format"] == "redcap"
    assert made["instrument"] == "demographics"
    assert made["options"] == {"dictionary": "longitudinal__dictionary.csv"}
    assert not any(person in text for person in ("Zharko", "Lenox", "555-1212"))


def test_a_portal_is_known_by_its_comment_lines(tmp_path):
    (tmp_path / "data_clinical_patient.txt").write_text(
        "#a\tb\tc\n#a\tb\tc\n#a\tb\tc\n#1\t1\t1\nPATIENT_ID\tOS_MONTHS\tOS_STATUS\nP-1\t10\t1:DECEASED\nP-2\t9\t0:LIVING\n"
    )
    made = tomllib.loads(drafted(tmp_path))
    assert made["tables"]["subjects"]["format"] == "cbioportal-patient"
    assert made["endpoints"]["os"]["unit"] == "months"


def test_two_files_of_one_table_in_two_shapes_are_not_joined(tmp_path):
    (tmp_path / "a.csv").write_text("subject,endpoint,time,event\ns,pfs,3,1\n")
    (tmp_path / "b.csv").write_text("patient,endpoint,time,status\ns,os,3,1\n")
    text = drafted_without_subjects(tmp_path)
    assert tomllib.loads(text)["tables"]["outcomes"] == "a.csv"
    assert "b.csv looks like outcomes too, in another shape" in text


def drafted_without_subjects(folder: Path) -> str:
    """A draft that lacks its subjects says so, and can therefore not be read yet."""
    text = draft_study([folder])
    assert "no file of subjects was found; a study needs one" in text
    return text


def test_what_cannot_be_read_is_asked_about_and_stops_nothing(tmp_path):
    (tmp_path / "patients.csv").write_text(PATIENTS)
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04" + bytes(30))
    (tmp_path / "notes.csv").write_text("what,when\nx,y\n")
    text = drafted(tmp_path)
    assert "broken.xlsx: not a workbook that can be read" in text
    assert "notes.csv: no table is known for it; its columns are what, when" in text


def test_a_folder_without_data_is_a_wrong_use(tmp_path):
    with pytest.raises(UseError, match="no file of a known kind"):
        draft_study([tmp_path])


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UseError, match=r"patient\.csv: no such file or folder"):
        draft_study([tmp_path / "patient.csv"])


def test_a_quote_in_a_level_is_still_toml(tmp_path):
    (tmp_path / "s.csv").write_text('subject,cohort,arm\na,"A ""x""",T\\DM1\nb,B,é\n', encoding="utf-8")
    made = tomllib.loads(drafted(tmp_path))
    assert made["cohorts"] == ['A "x"', "B"]
    assert made["arms"] == ["T\\DM1", "é"]


@pytest.mark.parametrize(("text", "marker"), [("TILs", "stil"), ("CTC count", "ctc"), ("V158F", "fcgr3a_158"), ("CEA", None)])
def test_spellings_of_markers(text, marker):
    assert marker_of(text) == marker
