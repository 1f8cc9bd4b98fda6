"""`biomarkers run` in bad hands: killed, crowded, refused by the disk; what stood there stands, or the new result, whole.

    python benchmarks/run_kill.py kill --rounds 200        # kill -9 at random moments of `biomarkers run --force`
    python benchmarks/run_kill.py crowd --rounds 25        # two to eight runs into one folder at one moment
    python benchmarks/run_kill.py faults                   # every call that writes fails once: no space, input/output error

kill     The folder holds the result of plan A; a run of plan B is killed. The folder must then hold A's files or B's, byte
         for byte (run.log, which tells times, apart), and `verify` must find nothing. Of three rounds one is killed anywhere
         in the run, one while the new folder is being filled, one within milliseconds of its completion. Every tenth time
         the run is then repeated undisturbed: it must end well and leave nothing beside its folder.
crowd    One run must end with 0 and the others with 2; the folder is one run's, and nothing lies beside it.
faults   Temporary files, writing, flushing, renaming, making folders and exchanging them are counted in one run; then each
         call fails in turn, with ENOSPC and with EIO. The error must come out, the old result stand, nothing lie beside it.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from door_fuzz import base_rows, write

from biomarkers import cli
from biomarkers.domain import atomic
from biomarkers.plan.plan import Plan
from biomarkers.report import folder as folder_of
from biomarkers.report.folder import report, verify

PLAN = 'title = "{title}"\npermutations = 0\npower_replicates = 0\n' \
       '[[analysis]]\nid = "{marker}"\nmarker = "{marker}"\nat = "baseline"\n'
PLANS = {"A": PLAN.format(title="Plan A", marker="ctc"), "B": PLAN.format(title="Plan B", marker="stil")}
SUBJECTS, STRIDE = 16, 7
"""Every seventh row of the damaged studies: their first forty fail in the order of their markers, and a likelihood without a
maximum takes seconds to follow, which teach nothing about writing."""


def prepare(home: Path) -> None:
    """A small study with two plans, in a folder of its own."""
    (home / "study").mkdir()
    subjects, blood = base_rows(SUBJECTS * STRIDE)
    each = len(blood) // len(subjects)
    write(home / "study", subjects[::STRIDE], [row for i in range(0, len(blood), each * STRIDE) for row in blood[i : i + each]])
    for name, text in PLANS.items():
        (home / "study" / f"{name}.toml").write_text(text, encoding="utf-8")


def command(home: Path, plan: str, out: Path) -> list[str]:
    """What a user would type."""
    return [sys.executable, "-m", "biomarkers.cli", "run", str(home / "study" / f"{plan}.toml"), "--out", str(out), "--force"]


class Forked:
    """The same command in a process that has the package loaded already: the run itself, without a second of imports."""

    def __init__(self, argv: list[str], said: Path | None = None) -> None:
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid:
            return
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT) if said else quiet, 2)
            sys.argv = ["biomarkers", *argv[3:]]
            cli.main()
            os._exit(0)
        except SystemExit as end:
            os._exit(int(end.code or 0))
        finally:
            os._exit(99)

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self) -> int:
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def state(folder: Path) -> dict[str, str]:
    """Hash of every file but the log."""
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in folder.rglob("*") if p.is_file() and p.name != "run.log"}


def beside(out: Path) -> list[str]:
    """What lies in the same folder and is not the result."""
    return sorted(p.name for p in out.parent.iterdir() if p != out)


# --- kill ------------------------------------------------------------------------------------------------------------------


def kill(rounds: int, seed: int, minutes: float = 1e9) -> Counter[str]:
    """Kill a run of plan B over the result of plan A."""
    seen, chance = Counter[str](), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        prepare(home)
        kept = {}
        for plan in PLANS:
            start = time.perf_counter()
            if Forked(command(home, plan, home / plan)).wait():
                raise AssertionError("the run does not work undisturbed")
            whole = time.perf_counter() - start
            kept[plan] = state(home / plan)
        work = home / "work"
        work.mkdir()
        out = work / "out"
        filling = whole / 4
        begun_at = time.monotonic()
        for k in range(rounds):
            if time.monotonic() - begun_at > 60 * minutes:
                break
            for left in work.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            shutil.copytree(home / "A", out)
            process = Forked(command(home, "B", out))
            when = ("anywhere", "filling", "at the end")[k % 3]
            if when == "anywhere":
                time.sleep(chance.uniform(0, 1.02 * whole))
            else:
                begun = _wait(process, lambda: next(work.glob(".out.partial-*"), None)) or work
                if when == "filling":
                    time.sleep(chance.uniform(0, filling))
                else:
                    start = time.perf_counter()
                    _wait(process, lambda begun=begun: (begun / "run.json").exists() or not begun.exists())
                    filling = 0.7 * filling + 0.3 * (time.perf_counter() - start)
                    time.sleep(chance.uniform(0, 0.02))
            process.kill()
            process.wait()
            now = state(out) if out.exists() else {}
            which = "old" if now == kept["A"] else "new" if now == kept["B"] else "LOST"
            if which != "LOST" and verify(out):
                which = "LOST"
            if which == "LOST":
                print(f"round {k} ({when}): {sorted(now)[:3]} ..., beside it {beside(out)}", flush=True)
            seen["kills"] += 1
            seen[which] += 1
            seen[f"{which}, killed {when}"] += 1
            if k % 10 == 9:
                good = Forked(command(home, "B", out)).wait() == 0 and state(out) == kept["B"] and not beside(out)
                seen["repeated run is whole" if good else "LOST"] += 1
    return seen


def _wait(process: Forked, until: Callable[[], Any]) -> Any:
    while process.poll() is None:
        if found := until():
            return found
        time.sleep(0.0005)
    return until()


# --- crowd -----------------------------------------------------------------------------------------------------------------


def crowd(rounds: int, seed: int) -> Counter[str]:
    """Several runs into one folder at once."""
    seen, chance = Counter[str](), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        prepare(home)
        kept = {}
        for plan in PLANS:
            if Forked(command(home, plan, home / plan)).wait():
                raise AssertionError("the run does not work undisturbed")
            kept[plan] = state(home / plan)
        for k in range(rounds):
            out = home / f"work{k}" / "out"
            out.parent.mkdir()
            plans = [chance.choice("AB") for _ in range(2 + k % 7)]
            told = [home / f"said{k}-{i}" for i in range(len(plans))]
            runs = [Forked(command(home, plan, out), path) for plan, path in zip(plans, told, strict=True)]
            codes = [p.wait() for p in runs]
            said = [path.read_text(encoding="utf-8") for path in told]
            won = [plan for plan, code in zip(plans, codes, strict=True) if code == 0]
            seen["runs"] += len(runs)
            seen["exit 0"] += len(won)
            seen["exit 2"] += codes.count(2)
            whole = state(out) in [kept[plan] for plan in won] and not verify(out) and not beside(out)
            fair = won and set(codes) <= {0, 2} and not any("Traceback" in text for text in said)
            seen["one run's whole result" if whole and fair else "LOST"] += 1
            if not (whole and fair):
                print(f"round {k}: plans {plans}, codes {codes}, beside {beside(out)}: {said}", flush=True)
    return seen


# --- faults ----------------------------------------------------------------------------------------------------------------

CALLS = ("mkstemp", "write", "fsync", "chmod", "replace", "mkdir", "exchange")


class Calls:
    """Counts the calls that write, and lets one of them fail."""

    def __init__(self, fail_at: int | None = None, code: int = errno.ENOSPC) -> None:
        self.fail_at, self.code, self.n = fail_at, code, 0
        self.by_kind: Counter[str] = Counter()

    def count(self, kind: str) -> None:
        self.by_kind[kind] += 1
        self.n += 1
        if self.n - 1 == self.fail_at:
            raise OSError(self.code, os.strerror(self.code))

    def around(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.count(kind)
            return real(*args, **kwargs)

        return call

    @contextmanager
    def watch(self) -> Iterator[Calls]:
        """Every call within the block is counted."""
        opened = os.fdopen

        def fdopen(handle: int, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            file = opened(handle, mode, *args, **kwargs)
            return _Watched(file, self) if "w" in mode else file

        real = (tempfile.mkstemp, os.fsync, os.chmod, os.replace, os.mkdir, atomic._exchanged)
        tempfile.mkstemp, os.fsync, os.chmod, os.replace, os.mkdir, atomic._exchanged = (  # type: ignore[assignment]
            self.around(kind, call) for kind, call in zip((c for c in CALLS if c != "write"), real, strict=True)
        )
        os.fdopen = fdopen  # type: ignore[assignment]
        try:
            yield self
        finally:
            tempfile.mkstemp, os.fsync, os.chmod, os.replace, os.mkdir, atomic._exchanged = real  # type: ignore[misc]
            os.fdopen = opened


class _Watched(io.BufferedIOBase):
    """A file whose writing is counted."""

    def __init__(self, file: Any, calls: Calls) -> None:
        self.file, self.calls = file, calls

    def write(self, data: Any) -> int:
        self.calls.count("write")
        return int(self.file.write(data))

    def flush(self) -> None:
        if not self.file.closed:
            self.file.flush()

    def fileno(self) -> int:
        return int(self.file.fileno())

    def close(self) -> None:
        self.file.close()
        super().close()


def faults(step: int = 1) -> Counter[str]:
    """Each call that writes fails once. The pages are drawn once and written again from memory, by the same functions."""
    seen = Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        prepare(home)
        results = {plan: Plan.read(home / "study" / f"{plan}.toml").run() for plan in PLANS}
        out = home / "work" / "out"
        report(results["A"], out)
        report(results["B"], home / "B")
        pages = [p for p in sorted((home / "B").rglob("*")) if p.is_file() and p.suffix not in (".json", ".log", ".csv")]
        drawn = {p.relative_to(home / "B"): p.read_bytes() for p in pages}

        def from_memory(_: Any, target: Path, **__: Any) -> list[Path]:
            for relative, data in drawn.items():
                (target / relative).parent.mkdir(parents=True, exist_ok=True)
                atomic.write_bytes(target / relative, data)
            return [target / relative for relative in drawn]

        real, folder_of.write_report = folder_of.write_report, from_memory
        try:
            with Calls().watch() as calls:
                report(results["B"], out, force=True)
            n, after = calls.n, state(out)
            seen["calls"] = n
            print(f"{n} calls that write: {dict(calls.by_kind)}", flush=True)
            for code in (errno.ENOSPC, errno.EIO):
                for k in range(0, n, step):
                    shutil.rmtree(out)
                    with Calls().watch():
                        report(results["A"], out)
                    before, raised = state(out), False
                    with Calls(k, code).watch():
                        try:
                            report(results["B"], out, force=True)
                        except OSError as error:
                            raised = error.errno == code
                    now = state(out)
                    # A folder that cannot be flushed after the exchange holds the new result, whole.
                    good = (raised and now == before) or (now == after and not verify(out))
                    good = good and not beside(out)
                    seen["old result whole" if good and now == before else "new result whole" if good else "LOST"] += 1
                    if not good:
                        print(f"call {k} ({os.strerror(code)}): raised {raised}, beside it {beside(out)}", flush=True)
        finally:
            folder_of.write_report = real
    return seen


def main() -> int:
    """Run one of the three, print its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "crowd", "faults"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9, help="kill: stop after so long, whatever --rounds says")
    parser.add_argument("--step", type=int, default=1, help="faults: every so many calls")
    asked = parser.parse_args()
    start = time.perf_counter()
    seen = {"kill": lambda: kill(asked.rounds, asked.seed, asked.minutes), "crowd": lambda: crowd(asked.rounds, asked.seed),
            "faults": lambda: faults(asked.step)}[asked.what]()
    print(f"{asked.what}: {dict(sorted(seen.items()))}; lost: {seen['LOST']}; {time.perf_counter() - start:.0f} s")
    return 1 if seen["LOST"] else 0


if __name__ == "__main__":
    sys.exit(main())
