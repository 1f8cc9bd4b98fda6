"""Every ratio of a plan has what it could detect beside it, simulated with its own test, or the reason why not."""

import numpy as np
import pytest

import biomarkers as bm
from biomarkers.plan.plan import Plan
from biomarkers.plan.power import COLUMNS, HISTORIES, RATIOS, detectable_table

BR = """
[[analysis]]
id = "base"
marker = "ctc"
interaction = "arm"

[[analysis]]
id = "landmark"
marker = "ctdna_mtm"
at = "week6"
feature = "change"

[[analysis]]
id = "two terms"
marker = "tk1_dul"
limit_rule = "detected and level"

[[analysis]]
id = "added"
kind = "added_value"
marker = "ctdna_mtm"
standard = ["arm", "liver_mets"]
resamples = 3

[[analysis]]
id = "current"
kind = "time_dependent"
marker = "ctdna_mtm"
max_age = 84

[[analysis]]
id = "super"
kind = "supermodel"
marker = "ctc"
landmarks = [28, 42, 56]
window = 84
max_age = 56

[[analysis]]
id = "response"
kind = "response"
marker = "ctc"

[[analysis]]
id = "small response"
kind = "response"
marker = "ctc"
cut = 5
"""
STOP = """
[[analysis]]
id = "mrd"
kind = "mrd"
marker = "mrd"
at = "week18"
max_age = 120
"""


def run(tmp_path, example, text, replicates=40):
    path = tmp_path / "plan.toml"
    path.write_text(f'title = "t"\npermutations = 49\npower_replicates = {replicates}\n{text}', encoding="utf-8")
    return Plan.read(path).run(bm.load_example(example))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return [run(tmp_path_factory.mktemp("p"), name, text) for name, text in (("br1801", BR), ("stop_her2", STOP))]


def test_every_ratio_has_one_line_with_a_number_or_a_reason(both):
    for results in both:
        asked = results.table[results.table["estimand"].isin(RATIOS)]
        keys = ["analysis", "cohort", "term", "contrast", "timing"]
        lines = results.detectable
        assert list(lines.columns) == list(COLUMNS)
        assert sorted(map(tuple, asked[keys].to_numpy())) == sorted(map(tuple, lines[keys].to_numpy()))
        for line in lines.to_dict("records"):
            assert line["replicates"] > 0 or line["note"], line
            if line["replicates"]:
                assert line["formula"] > 1
                assert 0 < line["power_at_formula"] < 1


def test_what_changes_with_time_repeats_subjects_or_is_a_response_is_simulated(both):
    lines = both[0].detectable
    for name, most in (("current", HISTORIES), ("super", HISTORIES), ("response", 40), ("small response", 40)):
        mine = lines[(lines["analysis"] == name) & (lines["replicates"] > 0)]
        assert {"ER+", "ER-", "all"} <= set(mine["cohort"]), name
        assert (mine["replicates"] <= most).all()
    current = lines[lines["analysis"] == "current"]
    assert current["note"].str.contains("another lag").sum() == 3
    mrd = both[1].detectable
    assert (mrd[mrd["timing"].str.startswith("current")]["replicates"] > 0).any()


def test_a_row_that_cannot_be_simulated_says_why(both):
    lines = both[0].detectable
    assert lines.loc[lines["analysis"] == "two terms", "note"].str.contains("tested together").any()
    assert lines.loc[lines["analysis"] == "added", "note"].str.contains("standard error").all()
    subgroups = lines[lines["contrast"].str.contains(", in ")]
    assert len(subgroups)
    assert subgroups["note"].str.contains("subgroup").all()


def test_the_formula_of_the_row_is_the_formula_of_its_line(both):
    for results in both:
        rows = results.table[results.table["estimand"].isin(RATIOS)]
        rows = rows.set_index(["analysis", "cohort", "term", "contrast", "timing"])["detectable"]
        for line in results.detectable.to_dict("records"):
            row = rows[tuple(line[k] for k in ("analysis", "cohort", "term", "contrast", "timing"))]
            if np.isfinite(row) and np.isfinite(line["formula"]):
                assert line["formula"] == pytest.approx(row, rel=1e-6), line


def test_without_replicates_the_formula_stands_alone(tmp_path):
    study = bm.load_example("br1801")
    found = detectable_table(bm.associate(study, "ctc", permutations=0), replicates=0)
    assert found["simulated"].isna().all()
    assert (found["note"] == "formula only").all()


def test_the_same_plan_gives_the_same_lines_with_two_workers(tmp_path):
    path = tmp_path / "plan.toml"
    text = BR.split('[[analysis]]\nid = "super"')[0]
    path.write_text(f'title = "t"\npermutations = 19\npower_replicates = 20\n{text}', encoding="utf-8")
    study = bm.load_example("br1801")
    one, two = (Plan.read(path).run(study, jobs=jobs).detectable for jobs in (1, 2))
    assert one.equals(two)
