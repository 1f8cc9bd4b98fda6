"""Laboratory sheets: a title above the header, a unit inside it, dates of collection. All of them synthetic."""

from __future__ import annotations

from pathlib import Path

import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem
from biomarkers.readers.vendor import split_unit

MRD = (
    "Report of minimal residual disease\nSYNTHETIC; nobody in it exists\n"
    "Patient Name,Patient ID,Collection Date,Result,MTM/mL,Plasma (mL),Targets detected\n"
    "Jane Doe,a,2020-01-02,Positive,1.25,4.1,9\nJohn Roe,b,2020-02-03,Negative,,3.9,0\nJim Poe,b,2020-03-03,QNS,,,\n"
)
TK = "Sample,Patient,Draw day,TK1 (DuA),Comment\nS1,a,0,<20,ok\nS2,b,1,310 H,ok\nS3,b,14,270 DuA,ok\n"
CTC = "Patient;Tag;CTC (cells/7.5 mL);HER2+ (cells/7.5 mL)\na;0;3;1\nb;2;0;0\n"


def study(folder: Path, table: str, sheet: str, more: str = "", name: str = "sheet.csv") -> Path:
    """Two subjects and a sheet."""
    (folder / "subjects.csv").write_text("subject,registered\na,2020-01-01\nb,2020-02-01\n")
    (folder / name).write_text(sheet)
    (folder / "study.toml").write_text(f'name = "T"\n{more}\n[tables]\nsubjects = "subjects.csv"\nblood = {table}\n')
    return folder / "study.toml"


MRD_TABLE = (
    '{ path = "sheet.csv", format = "vendor", columns = { subject = "Patient ID", day = "Collection Date", call = "Result", '
    'plasma_ml = "Plasma" }, constants = { marker = "mrd" }, day0 = { path = "subjects.csv", column = "registered" } }'
)


def test_a_report_of_minimal_residual_disease_is_read_by_a_mapping(tmp_path):
    read = bm.read_study(study(tmp_path, MRD_TABLE, MRD))
    rows = read.blood[["subject", "day", "call", "reason", "source_row"]].fillna({"call": ""})
    assert rows.values.tolist() == [["a", 1, "detected", "", 4], ["b", 2, "not_detected", "", 5], ["b", 31, "QNS", "qns", 6]]
    assert read.blood["plasma_ml"].tolist()[:2] == [4.1, 3.9]


def test_names_of_patients_never_enter_memory(tmp_path):
    read = bm.read_study(study(tmp_path, MRD_TABLE, MRD))
    said = read.problems.to_csv() + "".join(table.to_csv() for table in read.tables.values())
    assert not any(name in said for name in ("Jane", "Doe", "Roe", "Poe"))


TK_TABLE = (
    '{ path = "sheet.csv", format = "vendor", '
    'columns = { specimen = "Sample", subject = "Patient", day = "Draw day", value = "TK1" }, '
    'constants = { marker = "tk1_dua" } }'
)


def test_the_unit_of_the_header_is_the_unit_of_the_values(tmp_path):
    read = bm.read_study(study(tmp_path, TK_TABLE, TK))
    rows = read.blood
    assert set(rows["unit"]) == {"DuA"}
    assert rows[["status", "flags"]].values.tolist() == [["below", ""], ["measured", "above reference"], ["measured", ""]]
    assert rows["value"].tolist()[1:] == [310.0, 270.0]


def test_a_unit_in_the_header_that_is_not_the_markers_is_refused(tmp_path):
    with pytest.raises(DataProblem, match=r"unit 'Du/L' cannot be converted to 'DuA'"):
        bm.read_study(study(tmp_path, TK_TABLE, TK.replace("(DuA)", "(Du/L)").replace("270 DuA", "270")))


def test_a_unit_in_a_cell_that_is_not_the_columns_is_refused(tmp_path):
    with pytest.raises(DataProblem, match=r"sheet\.csv:4"):
        bm.read_study(study(tmp_path, TK_TABLE, TK.replace("270 DuA", "270 Du/L")))


def test_columns_that_differ_by_more_than_their_unit_are_told_apart(tmp_path):
    table = (
        '{ path = "sheet.csv", format = "vendor", columns = { subject = "Patient", day = "Tag", value = "CTC" }, '
        'constants = { marker = "ctc" } }'
    )
    rows = bm.read_study(study(tmp_path, table, CTC)).blood
    assert rows[["subject", "day", "value", "unit"]].values.tolist() == [
        ["a", 0, 3.0, "cells/7.5 mL"],
        ["b", 2, 0.0, "cells/7.5 mL"],
    ]


def test_two_columns_that_differ_by_their_unit_alone_need_it_in_the_declaration(tmp_path):
    sheet = TK.replace("TK1 (DuA),Comment", "TK1 (DuA),TK1 (Du/L)").replace(",ok", ",")
    with pytest.raises(DataProblem, match="'TK1' is missing"):
        bm.read_study(study(tmp_path, TK_TABLE, sheet))
    read = bm.read_study(study(tmp_path, TK_TABLE.replace('value = "TK1"', 'value = "TK1 (DuA)"'), sheet))
    assert set(read.blood["unit"]) == {"DuA"}


def test_a_workbook_with_a_title_is_read_like_the_same_text(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in ["Report", *TK.splitlines()]:
        book.active.append(line.split(","))
    study(tmp_path, TK_TABLE.replace("sheet.csv", "sheet.xlsx"), "")
    book.save(tmp_path / "sheet.xlsx")
    rows = bm.read_study(tmp_path / "study.toml").blood
    assert rows["value"].tolist()[1:] == [310.0, 270.0]
    assert rows["source_row"].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("name", "parts"),
    [("TK1 (DuA)", ("TK1", "DuA")), ("cfDNA [ng/mL]", ("cfDNA", "ng/mL")), ("MTM/mL", ("MTM/mL", "")), ("(x)", ("(x)", ""))],
)
def test_a_unit_is_what_stands_in_brackets_at_the_end(name, parts):
    assert split_unit(name) == parts
