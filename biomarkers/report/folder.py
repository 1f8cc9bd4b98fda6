"""A run's folder: complete or absent. Built aside, `run.json` last, then renamed into place.

A folder without a valid `run.json` is not a result. Same inputs give the same bytes in every file but `run.log`, the one
file that may mention a clock.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd

from biomarkers.domain.atomic import replace_folder, write_text
from biomarkers.domain.errors import UseError
from biomarkers.domain.lock import held
from biomarkers.domain.numbers import minimum_cell
from biomarkers.plan.mrd_dynamics import Dynamics
from biomarkers.plan.results import Results
from biomarkers.report.paper import harmless, need_word
from biomarkers.report.render import write_report
from biomarkers.report.small_cells import protected
from biomarkers.report.small_cells import written as written_cells
from biomarkers.trial.opening import Account

BY_PATIENT = ("waterfall", "path")
"""Tables of the trial with a row per patient: drawn without names, never written."""
TABLES = {
    "results.csv": "table",
    "flow.csv": "flow",
    "ledger.csv": "ledger",
    "curves.csv": "curves",
    "availability.csv": "availability",
    "problems.csv": "problems",
    "detectable.csv": "detectable",
    "specimens.csv": "specimens",
    "sensitivity.csv": "sensitivity",
    "amendments.csv": "amendments",
    "by_variable.csv": "beside.by_variable",
    "correlation.csv": "beside.correlation",
    "readers.csv": "beside.readers",
    "genotypes.csv": "beside.genotypes",
    "multivariable.csv": "beside.multivariable",
    "added_value.csv": "beside.added",
    **{f"mrd_{each.name}.csv": f"mrd.{each.name}" for each in fields(Dynamics)},
    **{f"trial_{each.name}.csv": f"trial.{each.name}" for each in fields(Account) if each.name not in BY_PATIENT},
}
"""File names, each with the attribute of the results that it holds unrounded."""
ALWAYS = ("results.csv", "flow.csv", "ledger.csv", "curves.csv", "availability.csv", "problems.csv")
"""Tables that every run has; any other is written where it has a row."""


def report(results: Results, out: str | os.PathLike[str], *, force: bool = False, log: Sequence[str] = (),
           pdf: bool = False, word: bool = False) -> Path:
    """Write everything a run found into one folder.

    Parameters
    ----------
    results : Results
    out : path-like
        The folder; it must not exist, or be empty, or hold an earlier run and `force` be given.
    force : bool
        Replace an earlier run, once the new one is complete.
    log : sequence of str
        Lines for `run.log`.
    pdf : bool
        Each figure as a PDF with embedded fonts beside its SVG; off by default, since their fonts cost more time
        (0.4 s a figure) than the whole page.
    word : bool
        The tables of each page as a Word file; needs python-docx.

    Returns
    -------
    pathlib.Path
        `out/report.html`.

    Raises
    ------
    UseError
        The folder holds something, and `force` was not given, or it is no earlier run; or another run is writing there.
    OSError
        The disk is full or the folder read-only; whatever stood there is intact.
    """
    target = Path(out).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with held(target.parent / f".{target.name}.lock"):
        _sweep(target)
        may_write(target, force=force, word=word)
        aside = target.parent / f".{target.name}.partial-{os.getpid()}"
        try:
            aside.mkdir()
            size = results.design.privacy.minimum_cell_size
            with minimum_cell(size):
                _fill(aside, protected(results, size), log, pdf=pdf, word=word)
            replace_folder(aside, target)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return Path(out) / "report.html"


def _sweep(target: Path) -> None:
    """What a killed run left beside the target: its unfinished folder goes, an earlier result it had moved aside comes back."""
    for left in target.parent.glob(f".{target.name}.old-*"):
        if target.exists():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.rename(target)
    for left in target.parent.glob(f".{target.name}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)


def may_write(target: Path, *, force: bool, word: bool = False) -> None:
    """Refuse a folder that holds something else, or an earlier run without `force`, before anything is computed.

    With `word`, also when Word files cannot be made here.
    """
    if word:
        need_word()
    if target.exists() and not target.is_dir():
        raise UseError(f"{target.name} is a file; give a folder that does not exist yet")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not (target / "run.json").is_file():
        raise UseError(f"{target.name} holds files that are no earlier run; nothing there is touched. Give another folder")
    if not force:
        raise UseError(f"{target.name} holds an earlier run; --force replaces it once the new one is complete")


def _fill(folder: Path, results: Results, log: Sequence[str], *, pdf: bool, word: bool) -> None:
    written = [Path(p) for p in write_report(results, folder, pdf=pdf, word=word)]
    for name, attribute in TABLES.items():
        table = attrgetter(attribute)(results)
        if name not in ALWAYS and table.empty:
            continue
        write_text(folder / name, csv_text(written_cells(table, results.design.privacy.minimum_cell_size)))
        written.append(folder / name)
    outputs = [_entry(path, folder) for path in sorted(written)]
    if log:
        write_text(folder / "run.log", "\n".join([*log, f"finished {time.strftime('%Y-%m-%dT%H:%M:%S%z')}", ""]))
    write_text(folder / "run.json", canonical_json({**results.provenance, "outputs": outputs}))


def _entry(path: Path, folder: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"path": path.relative_to(folder).as_posix(), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV: unrounded numbers, and text that a spreadsheet would run as a formula made harmless."""
    safe = table.copy()
    for column in safe.columns:
        if not (pd.api.types.is_numeric_dtype(safe[column]) or pd.api.types.is_bool_dtype(safe[column])):
            safe[column] = [harmless(v) if isinstance(v, str) else v for v in safe[column]]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, shortest round-trip floats and no NaN."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def verify(folder: str | os.PathLike[str]) -> list[str]:
    """Recompute every hash of a finished run; each line names a missing, altered or extra file.

    Raises
    ------
    UseError
        The folder has no valid `run.json`, so it is no finished run.
    """
    root = Path(folder)
    try:
        record = json.loads((root / "run.json").read_text(encoding="utf-8"))
        expected = {entry["path"]: entry["sha256"] for entry in record["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise UseError(f"{root.name} has no valid run.json: it is no finished run") from None
    faults = []
    for name, digest in expected.items():
        path = root / name
        if not path.is_file():
            faults.append(f"{name}: missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(f"{name}: altered")
    present = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    faults += [f"{name}: not part of the run" for name in sorted(present - set(expected) - {"run.json", "run.log"})]
    return faults


def compare_runs(folder: str | os.PathLike[str], again: str | os.PathLike[str]) -> tuple[str, list[str]]:
    """Whether a run made again is the same: "same bytes", "same to 1e-12" in every table, or the files that differ.

    The last bits of linear algebra may differ between machines; the pages are drawn from the tables, so the tables decide.
    """
    one, two = Path(folder), Path(again)
    apart = ("run.log", "run.json")
    names = sorted(p.relative_to(one).as_posix() for p in one.rglob("*") if p.is_file() and p.name not in apart)
    others = {p.relative_to(two).as_posix() for p in two.rglob("*") if p.is_file()}
    faults = [f"{name}: not made again" for name in names if name not in others]
    differ = [name for name in names if name in others and (one / name).read_bytes() != (two / name).read_bytes()]
    if not faults and not differ:
        return "same bytes", []
    for name in differ:
        if name.endswith(".csv") and not _close(one / name, two / name):
            faults.append(f"{name}: differs by more than 1e-12")
    return "same to 1e-12", faults


def _close(one: Path, two: Path) -> bool:
    left, right = pd.read_csv(one), pd.read_csv(two)
    try:
        pd.testing.assert_frame_equal(left, right, rtol=1e-12, atol=1e-12)
    except AssertionError:
        return False
    return True
