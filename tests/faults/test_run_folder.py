"""A run's folder is complete or absent: whatever is killed, full or read-only, the old result stands."""

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from biomarkers.domain import atomic
from biomarkers.domain.errors import UseError
from biomarkers.domain.lock import held
from biomarkers.plan.plan import Plan
from biomarkers.report.folder import report, verify

BR1801 = Path(__file__).parent.parent.parent / "sample_data" / "br1801"
PLAN = 'title = "One question"\npermutations = 0\n[[analysis]]\nid = "tk1"\nmarker = "tk1_dul"\n'


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "study"
    shutil.copytree(BR1801, folder)
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def results(study):
    return Plan.read(study / "plan.toml").run()


@pytest.fixture
def out(results, tmp_path):
    report(results, tmp_path / "run")
    return tmp_path / "run"


def state(folder):
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in folder.rglob("*") if p.is_file()}


def only_the_result_is_there(out):
    assert sorted(p.name for p in out.parent.iterdir()) == [out.name]
    assert verify(out) == []


def writes(results, monkeypatch, tmp_path):
    """How often a run writes a file."""
    count = 0
    real = os.fsync

    def counting(handle):
        nonlocal count
        count += 1
        return real(handle)

    monkeypatch.setattr(atomic.os, "fsync", counting)
    report(results, tmp_path / "count")
    monkeypatch.setattr(atomic.os, "fsync", real)
    return count


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failure_of_any_write_leaves_the_old_result_whole(code, results, out, monkeypatch, tmp_path_factory):
    """A sample of all calls of fsync, each failing once and from then on."""
    n = writes(results, monkeypatch, tmp_path_factory.mktemp("count"))
    before = state(out)
    assert n > 20
    real = os.fsync
    for k in range(0, n - 2, max(1, n // 6)):
        left = k

        def failing(handle):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(code, os.strerror(code))
            return real(handle)

        monkeypatch.setattr(atomic.os, "fsync", failing)
        with pytest.raises(OSError, match=os.strerror(code)):
            report(results, out, force=True)
        monkeypatch.setattr(atomic.os, "fsync", real)
        assert state(out) == before
        only_the_result_is_there(out)


def test_a_file_size_limit_is_named_and_leaves_the_old_result(out, study):
    before = state(out)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}    # it writes a file too
    done = subprocess.run([sys.executable, "-m", "biomarkers.cli", "run", study / "plan.toml", "--out", out, "--force"],
                          preexec_fn=limit, capture_output=True, text=True, timeout=120, check=False, env=plain)
    assert done.returncode == 2, done.stderr
    assert "too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert state(out) == before
    only_the_result_is_there(out)


def test_a_place_that_cannot_hold_a_folder_is_refused(results, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises((UseError, OSError)):
            report(results, place)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("kind", "delay"), [(signal.SIGKILL, 1.4), (signal.SIGKILL, 2.2), (signal.SIGKILL, 2.8),
                                             (signal.SIGTERM, 1.8), (signal.SIGTERM, 2.5), (signal.SIGINT, 2.5)])
def test_a_run_killed_at_any_moment_leaves_the_old_result_and_the_next_run_starts_clean(kind, delay, study, results, tmp_path):
    out = tmp_path / "run"
    report(results, out)
    before = state(out)
    process = subprocess.Popen([sys.executable, "-m", "biomarkers.cli", "run", study / "plan.toml", "--out", out, "--force"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    process.send_signal(kind)
    said = process.communicate(timeout=120)[1]
    assert "Traceback" not in said
    after = state(out)
    if process.returncode:
        assert {k: v for k, v in after.items() if k != "run.log"} == {k: v for k, v in before.items() if k != "run.log"}
    assert verify(out) == []
    report(results, out, force=True)
    only_the_result_is_there(out)


def test_two_runs_into_one_folder_one_wins_and_the_other_exits_2(study, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "biomarkers.cli", "run", study / "plan.toml", "--out", out]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(p.communicate(timeout=180), p.returncode) for p in both]
    assert sorted(code for _, code in ended) == [0, 2, 2], ended
    only_the_result_is_there(out)


def test_a_held_lock_names_its_holder_and_a_dead_one_is_taken_over(tmp_path):
    lock = tmp_path / ".run.lock"
    with held(lock), pytest.raises(UseError, match=f"process {os.getpid()}"), held(lock):
        pass
    assert not lock.exists()
    for left in ("", "{}", json.dumps({"pid": "1", "boot": "another", "start": "0"}),
                 json.dumps({"pid": "999999999", "boot": "", "start": ""})):
        lock.write_text(left, encoding="utf-8")
        with held(lock):
            assert json.loads(lock.read_text(encoding="utf-8"))["pid"] == str(os.getpid())


def test_a_killed_run_that_had_moved_the_old_result_aside_loses_nothing(results, out):
    before = state(out)
    out.rename(out.parent / ".run.old-4711")
    (out.parent / ".run.partial-4711").mkdir()
    (out.parent / ".run.partial-4711" / "results.csv").write_text("half", encoding="utf-8")
    with pytest.raises(UseError, match="--force"):
        report(results, out)
    assert state(out) == before or not out.exists()
    report(results, out, force=True)
    only_the_result_is_there(out)
