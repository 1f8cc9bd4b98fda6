"""`check` against faults.json: every planted fault is reported where it stands, in the right class, and nothing is invented."""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import make_br1801
import make_dirty
import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.study.study import read_study

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
Entry = dict[str, Any]
FIELDS = ("file", "line", "column", "subject", "value", "severity", "problem", "remedy")


def studies() -> list[tuple[str, str]]:
    """Every study.toml of the dirty twins that is committed."""
    found = []
    for twin in ("br1801_dirty", "br1801_recoverable", "stop_her2_dirty"):
        listed = json.loads((SAMPLES / twin / "faults.json").read_text(encoding="utf-8"))["faults"]
        found += [(twin, study) for study in dict.fromkeys(fault["study"] for fault in listed if fault["committed"])]
    return found


def problems_of(path: Path) -> list[Entry]:
    """Everything the reader has to say about a study, each problem as a dict; lines are integers or None."""
    try:
        frame = read_study(path, strict=False).problems
        rows = frame.to_dict("records")
    except DataProblem as error:
        rows = [{name: getattr(one, name) for name in FIELDS} for one in error.problems]
    for row in rows:
        row["line"] = None if row["line"] is None or row["line"] != row["line"] else int(row["line"])
    return rows


def lines_named(problem: Entry) -> set[int]:
    """Its own line, and those its text lists ("rows 5, 9 and 12")."""
    lists = re.findall(r"rows? ([\d, ]+(?:and \d+)?)", problem["problem"])
    listed = {int(n) for text in lists for n in re.findall(r"\d+", text)}
    return listed | ({problem["line"]} if problem["line"] is not None else set())


def names(problem: Entry, place: Entry) -> bool:
    """Whether a problem names a cell: the file, and the line where both have one."""
    whole = place["line"] is None or (problem["line"] is None and place["file"].endswith(".gz"))
    return problem["file"] == place["file"] and (whole or place["line"] in lines_named(problem))


def score(faults: list[Entry], problems: list[Entry]) -> dict[str, list[str]]:
    """What was missed, misplaced, put into the wrong class or into the wrong words, and what was invented."""
    wrong: dict[str, list[str]] = defaultdict(list)
    loud = [problem for problem in problems if problem["severity"] != "note"]
    for problem in loud:
        of = [fault for fault in faults if any(names(problem, place) for place in fault["places"] + fault["also"])
              or (problem["subject"] and problem["subject"] in fault["subjects"])]
        if not any(fault["severity"] == problem["severity"] for fault in of):
            wrong["invented"].append(f"{problem['severity']} {problem['file']}:{problem['line']} {problem['problem']}")
    for fault in faults:
        if not fault["scored"] or fault["severity"] == "none":
            continue
        if fault["severity"] == "note":
            if not any(names(problem, place) for problem in problems for place in fault["places"] + fault["also"]):
                wrong["missed"].append(f"{fault['id']}: {fault['what']} (a note)")
            continue
        mine = [problem for problem in loud if problem["severity"] == fault["severity"]
                and any(names(problem, place) for place in fault["places"] + fault["also"])]
        if not mine:
            wrong["missed"].append(f"{fault['id']}: {fault['what']}")
            continue
        silent = [place["line"] for place in fault["places"] if not any(names(problem, place) for problem in mine)]
        if fault["need"] == "all" and silent:
            wrong["not named"].append(f"{fault['id']}: lines {silent}")
        texts = [" ".join(str(problem[key]) for key in ("problem", "value", "remedy", "column", "subject")) for problem in mine]
        for word in fault["words"]:
            if not any(re.search(word, text, re.IGNORECASE) for text in texts):
                wrong["wording"].append(f"{fault['id']}: {word!r} not in {texts[0]!r}")
    return dict(wrong)


def faults_of(twin: str, study: str) -> list[Entry]:
    listed = json.loads((SAMPLES / twin / "faults.json").read_text(encoding="utf-8"))["faults"]
    return [fault for fault in listed if fault["study"] == study]


@pytest.mark.parametrize(("twin", "study"), studies())
def test_every_planted_fault_is_reported_and_none_is_invented(twin: str, study: str) -> None:
    assert score(faults_of(twin, study), problems_of(SAMPLES / twin / study)) == {}


@pytest.mark.parametrize("study", ["br1801", "stop_her2"])
def test_the_clean_studies_have_notes_and_no_problem(study: str) -> None:
    problems = problems_of(SAMPLES / study / "study.toml")
    assert problems
    assert [problem["problem"] for problem in problems if problem["severity"] != "note"] == []


def test_a_cell_of_a_million_characters_is_refused_and_not_repeated(tmp_path: Path) -> None:
    make_br1801.make(tmp_path / "br1801")
    make_dirty.make_big_cell(tmp_path / "br1801", tmp_path / "br1801_dirty" / "X04-big")
    problems = problems_of(tmp_path / "br1801_dirty" / "X04-big" / "study.toml")
    assert score(faults_of("br1801_dirty", "X04-big/study.toml"), problems) == {}
    assert max(len(str(value)) for problem in problems for value in problem.values()) < 1000


def test_the_score_sees_a_missed_a_misplaced_and_an_invented_problem() -> None:
    place = {"file": "a.csv", "line": 5, "column": "value", "raw_value": "-3", "subject": "S1"}
    fault = {"id": "F", "what": "negative", "severity": "error", "scored": True, "need": "all", "words": ["-3"], "subjects": [],
             "places": [place], "also": []}
    problem = dict.fromkeys(FIELDS, "") | {"file": "a.csv", "line": 5, "subject": "S1", "value": "-3", "severity": "error"}
    assert score([fault], [problem]) == {}
    assert set(score([fault], [])) == {"missed"}
    assert set(score([fault], [problem | {"line": 6}])) == {"missed", "invented"}
    assert set(score([fault], [problem | {"severity": "warning"}])) == {"missed", "invented"}
    assert set(score([fault], [problem | {"value": ""}])) == {"wording"}
    assert score([fault], [problem, problem | {"line": 9, "severity": "note"}]) == {}
    assert set(score([fault | {"places": [place, place | {"line": 7}]}], [problem])) == {"not named"}
