"""Progression tubes: a paired comparison of their own, by R's signed-rank test."""

import numpy as np
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.models.paired import hodges_lehmann, pairs, progression_pairs

# R's own example of wilcox.test (Hollander and Wolfe 1973, p. 29f): depression before and after.
X = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
Y = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def test_centre_limits_and_p_are_wilcox_test_s():
    centre, low, high, p = hodges_lehmann(X - Y)
    assert (centre, low, high) == pytest.approx((0.46, 0.010, 0.786), abs=1e-12)
    assert p == pytest.approx(0.0390625, abs=1e-15)


def test_nothing_can_be_said_of_one_change():
    assert np.isnan(hodges_lehmann(np.array([1.0]))[3])
    assert hodges_lehmann(np.array([0.0, 0.0]))[3] == 1.0


@pytest.fixture(scope="module")
def br():
    return bm.load_example("br1801")


def test_only_those_who_progressed_and_were_drawn_make_a_pair(br):
    rows = pairs(br, "ctdna_mtm")
    tubes = br.specimens.set_index(["subject", "collection_day"])["reason_for_draw"]
    for row in rows.itertuples():
        assert "progression" in set(np.atleast_1d(tubes.loc[(row.subject, row.progression_day)]))
        assert row.baseline_day <= 0
    table = progression_pairs(br, "ctdna_mtm").set_index("cohort")
    assert (table["n_pairs"] <= table["n_drawn"]).all()
    assert (table["n_drawn"] <= table["n_events"]).all()
    assert table.loc["all", "n_pairs"] == table.drop("all")["n_pairs"].sum() == len(rows)
    assert table["note"].str.contains("no predictor").all()


def test_a_call_has_no_change(br):
    with pytest.raises(UseError, match=r"bm\.mrd"):
        progression_pairs(bm.load_example("stop_her2"), "mrd")
