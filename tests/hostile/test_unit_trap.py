"""One deposit holds the same column in two units under one name, exactly 100 apart: the door refuses it and names the ratio."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from biomarkers.domain.problems import Problem
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import check

STUDY = """name = "two units"
cohorts = ["A", "B", "C", "D", "E"]
[tables]
subjects = { path = "subjects.csv", columns = { subject = "subject_id" } }
[tables.blood]
path = "blood*.csv"
columns = { subject = "subject_id", day = "months_from_baseline" }
day_unit = "months"
marker_names = { ctdna = "ctdna_mtm" }
zero = "below_limit"
"""


def serious(folder: Path) -> list[Problem]:
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    study = read_study_file(folder / "study.toml")
    tables = read_tables(study)
    _, found = check({name: table.rows for name, table in tables.items()}, study.design, study.sources)
    return [p for p in [*found, *(q for table in tables.values() for q in table.problems)] if p.severity != "note"]


def test_a_copy_divided_by_100_is_refused_with_its_ratio_and_the_file_alone_is_not(shared: Path, tmp_path: Path) -> None:
    source = shared / "reference" / "assay" / "inspire_ctdna"
    for name in ("subjects.csv", "blood.csv"):
        shutil.copy(source / name, tmp_path)
    assert serious(tmp_path) == []
    rows = list(csv.reader((source / "blood.csv").read_text(encoding="utf-8").splitlines()))
    with (tmp_path / "blood_2.csv").open("w", encoding="utf-8", newline="") as copy:
        writer = csv.writer(copy)
        writer.writerow(rows[0])
        writer.writerows([*row[:3], repr(float(row[3]) / 100), *row[4:]] for row in rows[1:])
    (problem,) = serious(tmp_path)
    assert (problem.code, problem.file) == ("two_scales", "blood_2.csv")
    assert "constant ratio of 100" in problem.problem
