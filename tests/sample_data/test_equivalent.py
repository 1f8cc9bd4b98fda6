"""After its declarations, the recoverable twin is worth the clean study with the flagged values missing: bit for bit."""

import shutil
from pathlib import Path

import make_dirty
import pandas as pd
import pytest

from biomarkers.plan.plan import Plan
from biomarkers.study.study import read_study


@pytest.fixture(scope="module")
def tables(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Results of one plan on the recoverable twin, on what it must be worth, and on the clean study."""
    out = tmp_path_factory.mktemp("equivalent")
    make_dirty.make(out / "equivalent", clean_equivalent=True)
    shutil.copytree(samples / "br1801_recoverable", out / "recoverable")
    shutil.copytree(samples / "br1801", out / "clean")
    asked = ("stil", "vimentin_pct", "cd8_foxp3", "ctc", "ctdna_mtm", "tk1_dul", "pbmc_nk", "fcgr3a_158")
    results = {}
    for name in ("recoverable", "equivalent", "clean"):
        plan = out / name / "plan.toml"
        head, *analyses = plan.read_text(encoding="utf-8").split("[[analysis]]")
        few = [block for block in analyses if any(f'marker = "{marker}"' in block for marker in asked)
               and 'at = "baseline"' in block]
        assert len(few) == len(asked)
        plan.write_text("[[analysis]]".join([head + "permutations = 199\n", *few]), encoding="utf-8")
        results[name] = Plan.read(plan).run(read_study(out / name / "study.toml")).table.drop(columns="note")
    return results


def test_every_estimate_equals_that_of_the_clean_equivalent_bit_for_bit(tables: dict[str, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(tables["recoverable"], tables["equivalent"], check_exact=True)


def test_the_faults_did_cost_something(tables: dict[str, pd.DataFrame]) -> None:
    keys = ["analysis", "cohort", "term", "estimand", "place"]
    tables = {name: table.assign(place=table.groupby(keys[:4]).cumcount()) for name, table in tables.items()}
    both = tables["clean"].merge(tables["recoverable"], on=keys, suffixes=("_clean", ""))
    assert len(both) == len(tables["clean"])
    assert (both["estimate"] != both["estimate_clean"]).mean() > 0.9
    assert (both["n"] < both["n_clean"]).mean() > 0.8
