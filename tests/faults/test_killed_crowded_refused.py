"""A few rounds of benchmarks/run_kill.py, and the ways of systems that lack what Linux has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from biomarkers.domain import atomic, lock
from biomarkers.domain.atomic import replace_folder
from biomarkers.domain.errors import UseError

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("asked", [("kill", "--rounds", "4"), ("crowd", "--rounds", "1"), ("faults", "--step", "61")],
                         ids=lambda asked: asked[0])
def test_nothing_is_lost(asked: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "run_kill.py", *asked], capture_output=True, text=True,
                          timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost: 0" in done.stdout


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    aside, target = tmp_path / ".out.partial-1", tmp_path / "out"
    for folder, text in ((aside, "new"), (target, "old")):
        folder.mkdir()
        (folder / "run.json").write_text(text, encoding="utf-8")
    return aside, target


@pytest.mark.parametrize("exchange", [True, False])
def test_the_new_folder_takes_the_name_and_nothing_is_left_beside_it(folders, exchange, monkeypatch) -> None:
    aside, target = folders
    if not exchange:
        monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    replace_folder(aside, target)
    assert (target / "run.json").read_text(encoding="utf-8") == "new"
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_without_an_exchange_a_rename_that_fails_puts_the_old_folder_back(folders, monkeypatch) -> None:
    aside, target = folders
    monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    real = Path.rename

    def rename(self: Path, other: Path) -> Path:
        if self == aside:
            raise OSError("the disk says no")
        return real(self, other)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="the disk says no"):
        replace_folder(aside, target)
    assert (target / "run.json").read_text(encoding="utf-8") == "old"


def test_a_folder_that_cannot_be_exchanged_stays(folders, tmp_path) -> None:
    _, target = folders
    with pytest.raises(OSError, match="No such file"):
        replace_folder(tmp_path / "absent", target)
    assert (target / "run.json").read_text(encoding="utf-8") == "old"


def test_where_files_cannot_be_locked_the_name_alone_is_the_lock(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(lock, "flock", None)
    place = tmp_path / ".out.lock"
    with lock.held(place), pytest.raises(UseError, match=f"process {os.getpid()}"), lock.held(place):
        pass
    assert not place.exists()
    for left in ("", json.dumps({"pid": "999999999", "boot": "", "start": ""})):
        place.write_text(left, encoding="utf-8")
        with lock.held(place):
            assert json.loads(place.read_text(encoding="utf-8"))["pid"] == str(os.getpid())


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path) -> None:
    place = tmp_path / ".out.lock"
    code = (f"import os, signal\nfrom biomarkers.domain.lock import held\nwith held({str(place)!r}):\n"
            "    os.kill(os.getpid(), signal.SIGKILL)")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert place.exists()
    with lock.held(place):
        pass
    assert not place.exists()
