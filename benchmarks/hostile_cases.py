"""The hostile set through the commands a person types: every case in its class, with the words its manifest wants.

    python benchmarks/hostile_cases.py SHARED/reference/hostile [--command check|run|genotype|plan] [--case NAME] [--quiet]

Each case runs in a process of its own, in a folder of its own, with a time and a memory limit, and is scored by the set's own
`run_hostile.py`: exit code, words, files written, nothing beside the input. A fault that only a model can see (a marker that
orders the outcome, an empty landmark) is asked of `run` alone, and so is what only a written file can leak.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent.parent / "tests" / "hostile"
ADAPTER = {"time-dates-mdy-dmy": "dates_study.toml", "time-partial-date": "dates_study.toml",
           "event-cnsr-column": "adtte_study.toml"}
"""study.toml of the cases that are not the plain wide sheet."""
SAME = {"event-cnsr-column": "base/patients.csv"}
"""An ADTTE of the same outcomes gives the same results, to the byte."""
ONLY_IN_A_MODEL = {"design-separation-cont", "lm-all-excluded"}
"""`check` models nothing: here it must accept, and `run` must say what is wrong."""
COMMANDS = ("check", "run", "genotype", "plan")


def scorer(hostile: Path) -> ModuleType:
    """The set's own program."""
    spec = importlib.util.spec_from_file_location("run_hostile", hostile / "run_hostile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    whole = module.text
    # A drawing's coordinates are no values of the data: of an SVG only the words between its tags are read.
    module.text = lambda folder: (_TAG.sub(" ", text) if text.lstrip().startswith("<?xml") else text for text in whole(folder))
    return module


_TAG = re.compile(r"<[^>]*>|<!--.*?-->|<style.*?</style>", re.DOTALL)


def command_of(case: dict[str, Any]) -> tuple[str, ...]:
    """The commands a case is for."""
    if case["family"] in ("vcf", "batch", "fs"):
        return ("genotype",)
    if case["family"] == "serial":
        return ("check",) if case["case"] == "zip-traversal" else ("plan",)
    return ("check", "run")


def words(command: str, case: dict[str, Any]) -> list[str]:
    """What is typed."""
    start = [sys.executable, "-m", "biomarkers.cli"]
    if command == "genotype":
        which = "{dir}" if case["family"] == "batch" else "{file}"
        return [*start, "genotype", which, "--build", "GRCh38", "--out", "{out}/calls.tsv"]
    if command == "plan":
        return [*start, "run", "{dir}/plan.toml" if "plan.toml" in case["files"] else "{file}", "--out", "{out}"]
    if case["family"] == "serial":
        return [*start, "check", "{file}"]
    return [*start, "check", "{dir}/study.toml"] if command == "check" else [*start, "run", "{dir}/plan.toml", "--out", "{out}"]


def additions(hostile: Path, case: dict[str, Any], place: Path) -> list[str]:
    """study.toml and plan.toml for one case, and the sheet of patients where the case brings only another table."""
    if case["family"] in ("vcf", "batch", "fs", "serial"):
        return []
    shutil.copy(HERE / ADAPTER.get(case["case"], "wide_study.toml"), place / "study.toml")
    shutil.copy(HERE / ("landmark_plan.toml" if "serial.csv" in case["files"] else "plan.toml"), place / "plan.toml")
    if not any(name.startswith("patients.") for name in case["files"]):
        shutil.copy(hostile / "cases" / "base" / "patients.csv", place)
    return [str(path) for path in sorted(place.iterdir())]


def score(hostile: Path, case: dict[str, Any], command: str, *, limit: float, base: dict[str, Any]) -> tuple[list[str], float]:
    """What is wrong with the answer to one case, and the seconds it took."""
    asked = dict(case)
    if case["case"] in SAME:
        asked["same_result_as"] = SAME[case["case"]]
    if command == "check" and case["case"] in ONLY_IN_A_MODEL:
        asked["must_mention_each"] = []
    key = "results.csv" if command == "run" and "serial.csv" not in case["files"] else None
    with tempfile.TemporaryDirectory() as place:
        add = additions(hostile, case, Path(place))
        options = argparse.Namespace(cmd=words(command, case), add=add, limit=limit, mem=4096, key=key)
        return scorer(hostile).run(asked, options, base)


def main() -> int:
    """Score, print a line per failure and a table of classes; exit 1 where any case fails."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("hostile", type=Path)
    ask.add_argument("--command", choices=COMMANDS)
    ask.add_argument("--case", action="append", help="may be given several times")
    ask.add_argument("--kinds", default="file,live,big")
    ask.add_argument("--limit", type=float, default=60)
    ask.add_argument("--quiet", action="store_true")
    given = ask.parse_args()
    cases = json.loads((given.hostile / "manifest.json").read_text(encoding="utf-8"))
    tried, passed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    slowest, base = 0.0, dict[str, Any]()
    for case in cases:
        if (given.case and case["case"] not in given.case) or case["kind"] not in given.kinds.split(","):
            continue
        for command in command_of(case):
            if given.command and command != given.command:
                continue
            if case.get("not_as_root") and os.geteuid() == 0:
                print("skip", command, case["case"], "(permissions mean nothing to root)", flush=True)
                continue
            if command == "run" and not base:
                base["base/patients.csv"] = base_result(given.hostile, 4 * given.limit)
            why, seconds = score(given.hostile, case, command, limit=given.limit, base=base)
            slowest = max(slowest, seconds)
            tried[command, case["expected"]] += 1
            passed[command, case["expected"]] += not why
            if why or not given.quiet:
                print("FAIL" if why else "pass", command, case["case"], f"{seconds:.1f} s", "; ".join(why), flush=True)
    print(f"\n{'command':<10}{'class':<10}{'tried':>6}{'right':>7}")
    for (command, kind), n in sorted(tried.items()):
        print(f"{command:<10}{kind:<10}{n:>6}{passed[command, kind]:>7}")
    print(f"{'all':<20}{tried.total():>6}{passed.total():>7}   slowest {slowest:.1f} s")
    return int(passed.total() < tried.total())


def base_result(hostile: Path, limit: float) -> bytes:
    """results.csv of the undamaged sheet of patients, without the tubes: clean cases must give it to the byte."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copy(hostile / "cases" / "base" / "patients.csv", folder)
        additions(hostile, {"case": "base", "family": "clean", "files": ["patients.csv"]}, folder)
        subprocess.run([sys.executable, "-m", "biomarkers.cli", "run", "plan.toml", "--out", "out"], cwd=folder, timeout=limit,
                       capture_output=True, check=True)
        return (folder / "out" / "results.csv").read_bytes()


if __name__ == "__main__":
    sys.exit(main())
