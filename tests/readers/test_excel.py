"""Workbooks: what carries meaning only for the eye is named, and no value is made up."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from biomarkers.domain.source import Source
from biomarkers.readers.excel import read_excel
from biomarkers.readers.table import Table, read_table

openpyxl = pytest.importorskip("openpyxl", reason="workbooks need openpyxl, the extra `excel`")

ROWS = [["id", "x", "note"], ["001", 1.5, "a"], ["002", 2, None]]


def book(rows: list[list[Any]] = ROWS) -> Any:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    return made


def saved(tmp_path: Path, made: Any) -> Table:
    made.save(tmp_path / "t.xlsx")
    return read_table(tmp_path / "t.xlsx")


def codes(table: Table) -> dict[str, str]:
    return {problem.code: problem.severity for problem in table.problems}


def test_a_sheet_reads_as_the_csv_it_would_be(tmp_path: Path) -> None:
    read = saved(tmp_path, book())
    assert read.rows["id"].tolist() == ["001", "002"]
    assert read.rows["x"].tolist() == ["1.5", "2"]
    assert read.rows["note"].tolist() == ["a", ""]
    assert read.rows["source_row"].tolist() == [2, 3]


def test_a_formula_that_was_never_calculated_is_refused_by_cell(tmp_path: Path) -> None:
    made = book()
    made.active["B2"] = "=1+1"
    read = saved(tmp_path, made)
    (problem,) = [p for p in read.problems if p.severity == "error"]
    assert "B2" in problem.problem
    assert (problem.line, problem.column) == (2, "x")


def test_two_sheets_with_data_need_a_name(tmp_path: Path) -> None:
    made = book()
    made.create_sheet("second").append(["id", "x"])
    made["second"].append(["003", 3])
    assert codes(saved(tmp_path, made)) == {"sheet": "error"}
    named = read_excel(tmp_path / "t.xlsx", name="t.xlsx", source=Source(table="t", sheet="second"), wanted=None)
    assert named.rows["id"].tolist() == ["003"]


def test_hidden_rows_are_read_and_said(tmp_path: Path) -> None:
    made = book()
    made.active.row_dimensions[3].hidden = True
    read = saved(tmp_path, made)
    assert len(read.rows) == 2
    assert codes(read) == {"hidden_rows": "warning"}


def test_merged_cells_are_refused(tmp_path: Path) -> None:
    made = book()
    made.active.merge_cells("B2:B3")
    assert codes(saved(tmp_path, made))["merged_cells"] == "error"


def test_identifiers_stored_as_numbers_are_noted(tmp_path: Path) -> None:
    assert codes(saved(tmp_path, book([["subject", "x"], [7, 1], [8, 2]]))) == {"numeric_id": "note"}


@pytest.mark.parametrize("epoch", [openpyxl.utils.datetime.WINDOWS_EPOCH, openpyxl.utils.datetime.MAC_EPOCH])
def test_dates_follow_the_epoch_of_the_workbook(tmp_path: Path, epoch: dt.datetime) -> None:
    made = book([["id", "when"], ["1", dt.datetime(2024, 2, 29)]])
    made.epoch = epoch
    assert saved(tmp_path, made).rows["when"].tolist() == ["2024-02-29"]


def test_an_error_cell_stays_the_error_it_is(tmp_path: Path) -> None:
    assert saved(tmp_path, book([["id", "x"], ["1", "#DIV/0!"]])).rows["x"].tolist() == ["#DIV/0!"]


def test_a_damaged_workbook_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    assert codes(read_table(tmp_path / "t.xlsx")) == {"damaged_workbook": "error"}


def test_a_number_shown_as_per_cent_carries_its_sign(tmp_path: Path) -> None:
    made = book([["id", "x"], ["1", 0.35], ["2", 0.072]])
    for row in (2, 3):
        made.active.cell(row=row, column=2).number_format = "0.0%"
    assert saved(tmp_path, made).rows["x"].tolist() == ["35%", "7.2%"]
