"""The hostile set: each case is one fault away from a clean study, and reading it answers as its manifest says.

Cases whose fault shows only in a model (a marker that orders the outcome, an empty landmark) are answered by `run`;
here they must be read without an error. VCF, plan, archive and file-system cases are tested where they enter.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.problems import Problem
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import check

# The scorer of the hostile set leaves the files it reads to the garbage collector, whose warning is no fault of the product.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

HERE = Path(__file__).parent
SCORE = "benchmarks/hostile_cases.py"


def _scorer() -> Any:
    """The program that asks the commands themselves: it also knows which study.toml a case needs."""
    spec = importlib.util.spec_from_file_location("hostile_cases", HERE.parent.parent / SCORE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


commands = _scorer()

FAMILIES = ("clean", "csv", "id", "inject", "privacy", "value", "time", "design", "landmark", "xlsx")
IN_A_MODEL = commands.ONLY_IN_A_MODEL
NAMES = [
    "base",
    "csv-bom",
    "csv-crlf",
    "csv-dup-header",
    "csv-footer",
    "csv-header-only",
    "csv-is-xlsx",
    "csv-missing-required",
    "csv-no-final-newline",
    "csv-ragged-long",
    "csv-ragged-short",
    "csv-semicolon-decimal-comma",
    "csv-utf16be-nobom",
    "csv-wide-unicode-minus",
    "design-alias-cohort-arm",
    "design-arm-constant",
    "design-one-carrier",
    "design-row-order",
    "design-separation-cont",
    "design-two-cohorts-no-events",
    "event-2",
    "event-all-zero",
    "event-bool",
    "event-cnsr",
    "event-cnsr-column",
    "id-casefold",
    "id-dup-conflict",
    "id-formula",
    "id-leading-zeros",
    "id-na-words",
    "id-path",
    "id-trailing-space",
    "lm-all-excluded",
    "lm-baseline-after-start",
    "lm-draw-after-progression",
    "lm-tie-at-landmark",
    "mrd-call-vocab",
    "phi-columns",
    "time-dates-mdy-dmy",
    "time-nan",
    "time-negative",
    "time-partial-date",
    "time-text",
    "val-above",
    "val-all-missing-marker",
    "val-below-lod",
    "val-excel-date",
    "val-excel-error",
    "val-fraction-and-percent",
    "val-genotype-bad",
    "val-hex",
    "val-inf",
    "val-mixed-type-column",
    "val-negative",
    "val-percent-sign",
    "visit-dup-conflict",
    "xlsx-1904",
    "xlsx-formulas",
    "xlsx-hidden-filtered",
    "xlsx-two-sheets",
]


@pytest.fixture(scope="module")
def hostile(shared: Path) -> Path:
    return shared / "reference" / "hostile"


@pytest.fixture(scope="module")
def manifest(hostile: Path) -> dict[str, dict[str, Any]]:
    return {case["case"]: case for case in json.loads((hostile / "manifest.json").read_text(encoding="utf-8"))}


def answer(hostile: Path, case: str, folder: Path) -> tuple[list[Problem], dict[str, pd.DataFrame]]:
    """Problems and frames of one case."""
    for file in (hostile / "cases" / case).iterdir():
        shutil.copy(file, folder)
    if not any(folder.glob("patients.*")):
        shutil.copy(hostile / "cases" / "base" / "patients.csv", folder)
    shutil.copy(HERE / commands.ADAPTER.get(case, "wide_study.toml"), folder / "study.toml")
    try:
        study = read_study_file(folder / "study.toml")
    except DataProblem as fault:
        return list(fault.problems), {}  # type: ignore[call-overload]
    tables = read_tables(study)
    frames, found = check({name: table.rows for name, table in tables.items()}, study.design, study.sources)
    return [problem for table in tables.values() for problem in table.problems] + found, frames


def test_the_list_of_cases_is_complete(manifest: dict[str, dict[str, Any]]) -> None:
    ours = {name for name, case in manifest.items() if case["family"] in FAMILIES and case["kind"] == "file"}
    assert ours == set(NAMES)


@pytest.mark.parametrize("case", NAMES)
def test_a_case_is_answered_as_its_manifest_says(
    hostile: Path, manifest: dict[str, dict[str, Any]], case: str, tmp_path: Path
) -> None:
    expected = manifest[case]
    before = {file.name: file.read_bytes() for file in (hostile / "cases" / case).iterdir()}
    problems, _ = answer(hostile, case, tmp_path)
    code = 2 if any(problem.severity == "error" for problem in problems) else 0
    assert code in expected["exit_codes"], [str(problem) for problem in problems if problem.severity == "error"]
    said = "\n".join(f"row {problem.line}: {problem}" for problem in problems)
    if case not in IN_A_MODEL:
        for mention in expected["must_mention_each"]:
            assert re.search(mention if "|" in mention else re.escape(mention), said, re.IGNORECASE), mention
    for never in expected["must_never_contain"]:
        assert never not in said
    assert {file.name for file in tmp_path.iterdir()} - {"study.toml", "patients.csv"} == set(before) - {"patients.csv"}


@pytest.mark.parametrize(
    "case",
    [
        "csv-bom",
        "csv-semicolon-decimal-comma",
        "csv-crlf",
        "csv-no-final-newline",
        "event-bool",
        "design-row-order",
        "xlsx-1904",
        "id-na-words",
    ],
)
def test_a_clean_case_gives_the_base_study_to_the_last_bit(hostile: Path, case: str, tmp_path: Path) -> None:
    def content(name: str) -> dict[str, list[tuple[str, ...]]]:
        folder = tmp_path / name
        folder.mkdir()
        _, frames = answer(hostile, name, folder)
        renamed = ["subject", "specimen", "file", "sample"] if case == "id-na-words" else []
        drop = ["source_file", "source_row", "raw_value", *renamed]
        wide = ("subjects", "outcomes", "tissue_reads", "genotypes")
        return {
            t: sorted(tuple(map(repr, row)) for row in frames[t].drop(columns=drop, errors="ignore").itertuples(index=False))
            for t in wide
        }

    assert content(case) == content("base")


def test_no_personal_datum_is_kept_anywhere(hostile: Path, tmp_path: Path) -> None:
    problems, frames = answer(hostile, "phi-columns", tmp_path)
    held = "\n".join(str(problem) for problem in problems) + "\n".join(frame.to_csv() for frame in frames.values())
    for canary in ("Jane Q Public", "1961-04-03", "MRN0042"):
        assert canary not in held


@pytest.mark.parametrize("case", sorted({*commands.ONLY_IN_A_MODEL, *commands.ADAPTER}))
def test_a_case_with_a_study_file_of_its_own_is_answered_by_the_run_too(
    hostile: Path, manifest: dict[str, dict[str, Any]], case: str
) -> None:
    """All cases, both commands: `python benchmarks/hostile_cases.py HOSTILE`."""
    base = {"base/patients.csv": commands.base_result(hostile, 300)} if case in commands.SAME else {}
    why, _ = commands.score(hostile, manifest[case], "run", limit=600, base=base)
    assert not why, why
