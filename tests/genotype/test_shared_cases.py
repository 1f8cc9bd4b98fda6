"""The 322 shared acceptance cases, through both lanes, from Python and through the command."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import pytest

from biomarkers.domain.loci import find_loci
from biomarkers.genotype import call_genotypes
from biomarkers.genotype.batch import mark_discordant
from biomarkers.genotype.calls import COLUMNS, call_file
from biomarkers.genotype.command import run_genotype
from biomarkers.genotype.options import Options


@pytest.fixture(scope="module")
def suite(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModuleType, Path, list[dict]]:
    spec = importlib.util.spec_from_file_location("shared_cases", shared / "reference" / "genotype" / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("cases")
    made = module.Set(str(folder))
    module.build_cases(made)
    made.save()
    return module, folder, json.loads((folder / "cases.json").read_text())["cases"]


def failures(suite: tuple, answer) -> list[tuple]:
    module, folder, cases = suite
    assert len(cases) == 322
    return [(c["id"], wrong) for c in cases if (wrong := module.judge(c, answer([str(folder / f) for f in c["files"]], c)))]


@pytest.mark.parametrize("lane", ["auto", "index", "scan"])
def test_every_case_through_every_lane(suite: tuple, lane: str) -> None:
    def answer(paths: list[str], case: dict) -> list[dict]:
        loci = find_loci(case.get("loci", ["FCGR3A-158"]))
        results = [call_file(p, loci, Options(**case.get("options", {})), lane=lane) for p in paths]
        mark_discordant(results)
        return [dict(zip(COLUMNS, row, strict=True)) for calls in results for c in calls for row in c.rows()]

    assert failures(suite, answer) == []


def test_every_case_through_the_frame(suite: tuple) -> None:
    def answer(paths: list[str], case: dict) -> list[dict]:
        return call_genotypes(paths, loci=case.get("loci", ["FCGR3A-158"]), **case.get("options", {})).to_dict("records")

    assert failures(suite, answer) == []


def test_every_case_through_the_command(suite: tuple, tmp_path: Path) -> None:
    def answer(paths: list[str], case: dict) -> list[dict]:
        out = tmp_path / "calls.tsv"
        run_genotype(paths, out, loci=case.get("loci", "FCGR3A-158"), said=io.StringIO(), **case.get("options", {}))
        head, *lines = out.read_text().split("\n")[:-1]
        return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]

    assert failures(suite, answer) == []
