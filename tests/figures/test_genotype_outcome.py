"""Outcome by genotype keeps those without a genotype apart and estimates nothing from them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from biomarkers.figures.genotype_outcome import UNKNOWN, genotype_outcome, genotype_outcome_figure
from biomarkers.figures.style import new_figure
from biomarkers.models.curves import curves_by


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"time": np.ceil(rng.exponential(100, 60)), "event": rng.integers(0, 2, 60), "cohort": "A",
                          "g": np.repeat(["F/F", "V/F", "V/V", "no call"], 15)})
    table, _ = curves_by(frame, "g", ["F/F", "V/F", "V/V", "no call"], "cohort", ["A"], 0.95, "x")
    return table.assign(called=table["group"] != "no call")


def drawn(table):
    return genotype_outcome(table, ax=new_figure(120, 120).add_axes((0.3, 0.5, 0.65, 0.45)))


def test_there_is_a_curve_for_every_group_and_a_band_for_every_genotype(curves):
    ax = drawn(curves)
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 4
    assert len([c for c in ax.collections if isinstance(c, PolyCollection)]) == 3


def test_no_call_is_neither_the_reference_nor_a_genotype(curves):
    ax = drawn(curves)
    colours = [line.get_color() for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert colours.count(UNKNOWN[0].colour) == 1
    assert colours[-1] == UNKNOWN[0].colour


def test_its_numbers_at_risk_are_written_like_the_others(curves):
    assert "no call" in [t.get_text() for t in drawn(curves).texts]


def test_a_cohort_keeps_its_panel_and_the_table_its_numbers(curves):
    two = pd.concat([curves, curves[curves["called"]].assign(cohort="B")])
    figure = genotype_outcome_figure(two, cohorts=["B", "A"])
    lines = [[line for line in ax.lines if line.get_drawstyle() == "steps-post"] for ax in figure.axes]
    assert [len(x) for x in lines] == [3, 4]
    assert two.columns.tolist() == curves.columns.tolist()
