"""A little of every lane of benchmarks/door_fuzz.py, and the damages by which it once found something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.loci import find_loci
from biomarkers.genotype.calls import call_file
from biomarkers.genotype.options import Options
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from door_fuzz import VCF  # noqa: E402  a script beside the package, not in it

STUDY = """name = "damaged"
cohorts = ["A", "B"]
[endpoints.pfs]
time = "pfs_months"
unit = "months"
event = "pfs_event"
event_is = 1
[tables]
subjects = "subjects.csv"
"""


@pytest.mark.parametrize(("lane", "n"), [("rows", 3000), ("files", 12), ("toml", 150), ("vcf", 500)])
def test_no_damage_raises_or_changes_a_number_in_silence(lane: str, n: int) -> None:
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "door_fuzz.py", lane, "--n", str(n)], capture_output=True,
                          text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 tracebacks, 0 hangs, 0 signals, 0 silent changes" in done.stdout


def rows(folder: Path, last: str) -> list[str]:
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    good = "".join(f"S-{i},{'AB'[i % 2]},{i}.5,{i % 2}\n" for i in range(1, 9))
    (folder / "subjects.csv").write_text("subject,cohort,pfs_months,pfs_event\n" + good + last + "\n", encoding="utf-8")
    tables = read_tables(read_study_file(folder / "study.toml"))
    return [str(problem) for table in tables.values() for problem in table.problems if problem.severity == "error"]


@pytest.mark.parametrize("time", ["9" * 40, "-" + "9" * 25, "2000"])
def test_a_time_of_more_than_a_century_is_a_problem_of_its_row(tmp_path: Path, time: str) -> None:
    (said,) = rows(tmp_path, f"S-9,A,{time},1")
    assert said.startswith("subjects.csv:10:pfs_months S-9")
    assert "more than a century" in said


def test_a_key_named_as_the_checker_names_its_types_is_an_unknown_key(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY.replace("[tables]", "[str]\nx = 1\n[tables]"), encoding="utf-8")
    with pytest.raises(DataProblem, match="'str'"):
        read_study_file(tmp_path / "study.toml")


def test_an_identifier_with_a_control_sign_is_shown_with_it_made_visible(tmp_path: Path) -> None:
    said = rows(tmp_path, "S-\x009,A,1.5,1")
    assert said == [] or not any("\x00" in text for text in said)


@pytest.mark.parametrize("number", ["³", "9" * 5000])
def test_a_header_that_demands_no_countable_number_of_values_raises_nothing(tmp_path: Path, number: str) -> None:
    (tmp_path / "f.vcf").write_text(VCF.replace("ID=DP,Number=1", f"ID=DP,Number={number}"), encoding="latin-1")
    calls = call_file(str(tmp_path / "f.vcf"), find_loci(["FCGR3A-158"]), Options())
    assert [len(list(c.rows())) for c in calls] == [4]
