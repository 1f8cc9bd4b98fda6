"""One wide laboratory sheet: problems speak the sheet's own column names, and a fault of a line is told once."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import biomarkers as bm
from biomarkers.study.study import Study

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from door_fuzz import STUDY, base_rows, write  # a script beside the package, not in it


def study_of(folder: Path, *, change: tuple[str, str] = ("", ""), extra: str = "") -> Study:
    """Sixteen subjects in one sheet, one text of it exchanged, one row added."""
    subjects, blood = base_rows(16)
    sheet = "\n".join([*subjects, *([extra] if extra else [])]).replace(*change, 1)
    write(folder, sheet.split("\n"), blood)
    return bm.read_study(folder / "study.toml", strict=False)


def told(study: Study, code: str) -> list[tuple[object, ...]]:
    found = study.problems[study.problems["code"] == code]
    return list(found[["severity", "file", "line", "column", "value"]].itertuples(index=False, name=None))


def test_a_clean_sheet_says_nothing_but_notes(tmp_path: Path) -> None:
    assert set(study_of(tmp_path).problems["severity"]) <= {"note"}


@pytest.mark.parametrize(("change", "code", "column", "value"), [
    (("S-0003,B,x,1,3.6,0,", "S-0003,B,x,1,-3.6,0,"), "negative_time", "pfs_months", "-3.6"),
    (("S-0003,B,x,1,3.6,0,", "S-0003,B,x,1,3.6,,"), "no_event_flag", "pfs_event", ""),
    (("S-0003,B,x,1,3.6,0,9", "S-0003,B,x,1,3.6,0,109"), "out_of_range", "til", "109"),
])  # fmt: skip
def test_a_fault_of_an_outcome_or_a_marker_is_told_under_the_sheet_s_column(tmp_path, change, code, column, value) -> None:
    (found,) = told(study_of(tmp_path, change=change), code)
    assert found[1:4] == ("subjects.csv", 4, column)
    assert str(found[4] or "") == value


def test_a_line_that_fills_several_tables_and_stands_twice_is_one_problem(tmp_path: Path) -> None:
    subjects, _ = base_rows(16)
    found = study_of(tmp_path, extra=subjects[4])
    assert told(found, "repeated_row") == [("warning", "subjects.csv", 18, "subject", "S-0005")]
    assert len(found.subjects) == 16


def test_fractions_among_whole_numbers_are_months_only_where_days_are_declared(tmp_path: Path) -> None:
    subjects, blood = base_rows(16)
    rows = [re.sub(r",(\d+)\.\d,", r",\g<1>00,", row) for row in subjects[:-1]]
    for unit, code in (("months", []), ("days", ["unit_of_time"])):
        write(tmp_path, [*rows, subjects[-1]], blood, STUDY.replace('unit = "months"', f'unit = "{unit}"'))
        found = bm.read_study(tmp_path / "study.toml", strict=False).problems
        assert [c for c in found["code"] if c == "unit_of_time"] == code
