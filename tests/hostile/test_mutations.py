"""Random damage to CSV and TOML: whatever comes in, the answer is a table of problems, never a traceback.

`python tests/hostile/test_mutations.py 100000` runs more of them.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.problems import Problem
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import check

SUBJECTS = "subject,cohort,arm,liver_mets,er,pfs_months,pfs_event,til\n" + "".join(
    f"S-{i:02d},{'A' if i % 2 else 'B'},{'x' if i % 3 else 'y'},{i % 2},positive,{1.5 + i},{i % 2},{i * 3}\n"
    for i in range(1, 13)
)
BLOOD = "subject,day,visit,marker,value,unit,lod,lot\n" + "".join(
    f"S-{i:02d},{day},{visit},tk1_dul,{value},Du/L,20,L1\n"
    for i in range(1, 13)
    for day, visit, value in ((-3, "baseline", 100 + i), (42, "week6", "<20"))
)
STUDY = """name = "mutated"
cohorts = ["A", "B"]
arms = ["x", "y"]
strata = ["liver_mets"]
[visits.baseline]
day = 0
window = [-28, 0]
[endpoints.pfs]
time = "pfs_months"
unit = "months"
event = "pfs_event"
event_is = 1
[markers.stil]
column = "til"
[tables]
subjects = "subjects.csv"
blood = { path = "blood.csv", ND = "not_detected" }
"""
BAITS = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\n",
    b"\r",
    b",",
    b";",
    b"\t",
    b"=1+1",
    b"nan",
    b"inf",
    b"1e999",
    b"-",
    b"ND",
    b"<",
    b"<20",
    b"5-10",
    b"10-5",
    b"20-Oct",
    "−3".encode(),
    "１２".encode(),
    b"1_000",
    b"0x1F",
    b"1,234",
    b"9" * 400,
    b"NA",
    b"[",
    b"]",
    b"{",
    b"}",
    b"#",
    b"'",
    b"\\",
    b"true",
    b"1.5",
    b"-99999999999999999999",
    b"2023-03",
    b"%",
    b"?",
    b"~",
    b"to",
    b"\xe2\x80\xae",
    b"\xc3\x28",
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to six small damages: a bait dropped in, a stretch lost, doubled, or a line moved."""
    for _ in range(chance.randint(1, 6)):
        place, length = chance.randrange(len(data) + 1), chance.randint(1, 12)
        kind = chance.randrange(5)
        if kind == 0:
            data = data[:place] + chance.choice(BAITS) + data[place:]
        elif kind == 1:
            data = data[:place] + data[place + length :]
        elif kind == 2:
            data = data[:place] + data[place : place + 8 * length] + data[place:]
        elif kind == 3:
            data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        else:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data = b"\n".join(lines) if chance.random() < 0.3 else data
    return data


def answer(folder: Path) -> list[Problem]:
    """What the door says of a study; any exception but `DataProblem` is a failure."""
    try:
        study = read_study_file(folder / "study.toml")
    except DataProblem as fault:
        return list(fault.problems)  # type: ignore[call-overload]
    tables = read_tables(study)
    frames, found = check({name: table.rows for name, table in tables.items()}, study.design, study.sources)
    assert list(frames) == list(tables)
    return [problem for table in tables.values() for problem in table.problems] + found


def survive(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    files = {"subjects.csv": SUBJECTS.encode(), "blood.csv": BLOOD.encode(), "study.toml": STUDY.encode()}
    victim = chance.choices(list(files), weights=(4, 4, 2))[0]
    for name, data in files.items():
        (folder / name).write_bytes(mutated(data, chance) if name == victim else data)
    for problem in answer(folder):
        assert problem.problem
        assert not any(sign in str(problem) for sign in "\x00\x1b\u202e"), problem


def test_damaged_files_never_raise(tmp_path: Path) -> None:
    for seed in range(40):
        survive(tmp_path, seed)


def test_the_undamaged_study_is_clean(tmp_path: Path) -> None:
    for name, text in (("subjects.csv", SUBJECTS), ("blood.csv", BLOOD), ("study.toml", STUDY)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [str(problem) for problem in answer(tmp_path) if problem.severity != "note"] == []


if __name__ == "__main__":
    home = Path(tempfile.mkdtemp())
    first, last = (0, int(sys.argv[1])) if len(sys.argv) < 3 else (int(sys.argv[1]), int(sys.argv[2]))
    failed = 0
    for number in range(first, last):
        try:
            survive(home, number)
        except Exception as error:
            failed += 1
            print(number, type(error).__name__, error)
    print(f"{last - first} mutations, {failed} failed")
    shutil.rmtree(home)
