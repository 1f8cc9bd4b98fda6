"""The dirty twins: every planted fault is named with its place, nothing is invented, and what can be recovered is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.problems import Problem, sort
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import check
from biomarkers.study.draws import baseline_values
from biomarkers.study.study import Study, read_study

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
TWINS = ("br1801_dirty", "stop_her2_dirty", "br1801_recoverable")


@cache
def problems_of(study: Path) -> tuple[Problem, ...]:
    """Everything that reading and checking a study finds."""
    try:
        file = read_study_file(study)
    except DataProblem as fault:
        return tuple(fault.problems)  # type: ignore[call-overload]
    tables = read_tables(file)
    _, found = check({name: table.rows for name, table in tables.items()}, file.design, file.sources)
    return tuple(sort([problem for table in tables.values() for problem in table.problems] + found))


def lines_of(problem: Problem) -> set[int]:
    """Every line a problem names: its own, and those it counts."""
    named = {problem.line} if problem.line is not None else set()
    for rows in re.findall(r"rows? (\d+(?:(?:, | and )\d+)*)", problem.problem):
        named |= {int(number) for number in re.findall(r"\d+", rows)}
    return named


def names(problem: Problem, place: dict[str, Any]) -> bool:
    """Whether a problem speaks of a planted place: the same file, and its line or its subject."""
    if Path(problem.file).name != Path(place["file"]).name:
        return False
    if place["line"] is None:
        return not place["subject"] or place["subject"] == problem.subject
    named = lines_of(problem)
    return place["line"] in named if named else bool(place["subject"]) and place["subject"] == problem.subject


def studies() -> list[tuple[str, str]]:
    """Every study of every twin that is committed."""
    found = []
    for twin in TWINS:
        faults = json.loads((SAMPLES / twin / "faults.json").read_text(encoding="utf-8"))["faults"]
        found += sorted({(twin, fault["study"]) for fault in faults if fault["committed"]})
    return found


def faults_of(twin: str, study: str) -> list[dict[str, Any]]:
    listed = json.loads((SAMPLES / twin / "faults.json").read_text(encoding="utf-8"))["faults"]
    return [fault for fault in listed if fault["study"] == study and fault["scored"]]


def missed(fault: dict[str, Any], problems: tuple[Problem, ...]) -> str:
    """Why a fault was not answered as its list demands; empty where it was."""
    serious = [p for p in problems if p.severity == fault["severity"]]
    hits = [p for p in serious if any(names(p, place) for place in fault["places"] + fault["also"])]
    wanted = fault["places"] if fault["need"] == "all" else []
    lost = [place for place in wanted if not any(names(p, place) for p in hits)]
    silent = [word for word in fault["words"] if not any(re.search(word, f"{p} {p.code}", re.IGNORECASE) for p in hits)]
    if not hits:
        return (
            f"{fault['id']}: nothing of severity {fault['severity']} at {fault['file']}:{fault['line']} {fault['raw_value']!r}"
        )
    return f"{fault['id']}: not named {lost}, not said {silent}" if lost or silent else ""


@pytest.mark.parametrize(("twin", "study"), studies(), ids=lambda value: str(value).removesuffix("/study.toml"))
class TestEveryTwin:
    @pytest.fixture
    def problems(self, twin: str, study: str) -> tuple[Problem, ...]:
        return problems_of(SAMPLES / twin / study)

    def test_no_planted_fault_is_missed(self, twin: str, study: str, problems: tuple[Problem, ...]) -> None:
        scored = [fault for fault in faults_of(twin, study) if fault["severity"] in ("error", "warning", "note")]
        assert [why for fault in scored if (why := missed(fault, problems))] == []

    def test_no_fault_is_invented(self, twin: str, study: str, problems: tuple[Problem, ...]) -> None:
        faults = faults_of(twin, study)
        planted = [
            place for fault in faults if fault["severity"] in ("error", "warning") for place in fault["places"] + fault["also"]
        ]
        invented = [p for p in problems if p.severity != "note" and not any(names(p, place) for place in planted)]
        assert [str(p) for p in invented] == []

    def test_every_problem_says_where_and_what_to_do(self, twin: str, study: str, problems: tuple[Problem, ...]) -> None:
        bare = [p for p in problems if p.severity != "note" and not (p.file and p.problem and p.remedy and p.code)]
        assert bare == []

    def test_an_error_stops_exactly_where_one_was_planted(self, twin: str, study: str, problems: tuple[Problem, ...]) -> None:
        planted = any(fault["severity"] == "error" for fault in faults_of(twin, study))
        assert any(p.severity == "error" for p in problems) == planted


@pytest.mark.parametrize("study", ["br1801", "stop_her2"])
def test_a_clean_study_has_no_error_and_no_warning(study: str) -> None:
    assert [str(p) for p in problems_of(SAMPLES / study / "study.toml") if p.severity != "note"] == []


def test_a_cell_of_one_million_characters_is_named_and_not_shown(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(SAMPLES / "make_dirty.py"), "--out", str(tmp_path), "--big"], check=True, capture_output=True
    )
    faults = faults_of("br1801_dirty", "X04-big/study.toml")
    folder = next(path.parent for path in tmp_path.rglob("X04-big/study.toml"))
    for missing in ("br1801", "stop_her2"):
        target = folder.parent.parent / missing
        if not target.exists():
            target.symlink_to(SAMPLES / missing)
    problems = problems_of(folder / "study.toml")
    assert [why for fault in faults if (why := missed(fault, problems))] == []
    assert max(len(str(p)) for p in problems) < 500


@pytest.fixture(scope="module")
def equivalent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study that the recoverable twin must be worth: clean, with the flagged values missing."""
    folder = tmp_path_factory.mktemp("equivalent")
    command = [sys.executable, str(SAMPLES / "make_dirty.py"), "--out", str(folder), "--clean-equivalent"]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.rglob("study.toml"))


def test_the_recoverable_twin_gives_the_clean_values_bit_for_bit(equivalent: Path) -> None:
    twin = read_study(SAMPLES / "br1801_recoverable" / "study.toml")
    clean = read_study(equivalent)
    columns = ["subject", "cohort", "arm", "liver_mets", "time", "event", "value", "c", "censor", "lower", "upper", "status"]

    def analysed(study: Study, marker: str) -> list[tuple[str, ...]]:
        values = baseline_values(study, study.design.marker(marker))
        rows = study.analysis_set(values, "pfs", ["liver_mets"]).rows[columns]
        return sorted(tuple(repr(cell) for cell in row) for row in rows.itertuples(index=False))

    assert twin.markers == clean.markers
    assert [m for m in clean.markers if analysed(twin, m) != analysed(clean, m)] == []


def test_every_repair_of_the_recoverable_twin_is_counted() -> None:
    notes = [str(p) for p in problems_of(SAMPLES / "br1801_recoverable" / "study.toml") if p.severity == "note"]
    for repair in (
        "decimal comma",
        "ND means not detected",
        "Windows-1252",
        "byte order mark",
        "blanks around",
        "approximate",
        "a range",
    ):
        assert any(repair in note for note in notes), repair
