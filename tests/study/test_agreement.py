"""Reader agreement: by hand, against a published panel, and with its rule."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.kernels.agreement import intraclass
from biomarkers.study.agreement import complete_reads


def test_readers_who_say_the_same_agree_fully():
    a = intraclass([[1, 1], [4, 4], [9, 9]])
    assert (a.icc_2_1, a.icc_2_k, a.sd_of_agreement) == (1, 1, 0)


def test_a_reader_who_is_always_higher_costs_agreement_but_not_consistency():
    a = intraclass([[1, 3], [4, 6], [9, 11]])
    assert a.icc_3_1 == pytest.approx(1)
    assert a.icc_2_1 < 0.95


def test_the_mean_squares_are_those_of_the_two_way_table():
    """Two by two, by hand: rows 1 2 / 3 6, grand mean 3, row means 1.5 and 4.5, column means 2 and 4."""
    a = intraclass([[1, 2], [3, 6]])
    assert (a.msr, a.msc, a.mse) == (9, 4, 1)
    assert a.icc_2_1 == pytest.approx(8 / (9 + 1 + 2 * 3 / 2))


@pytest.mark.parametrize("scores", [[[1, 2]], [[1], [2]], [[1, np.nan], [2, 3]]])
def test_what_cannot_be_judged_is_refused(scores):
    with pytest.raises(ValueError, match="scores"):
        intraclass(scores)


def test_the_interval_covers_at_small_size():
    """40 specimens, 3 readers, ICC .71: the interval of 300 simulated panels holds it in 91 to 99 of 100."""
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(300):
        truth, reader = rng.normal(0, 1.7, (40, 1)), rng.normal(0, 0.4, (1, 3))
        a = intraclass(truth + reader + rng.normal(0, 1.0, (40, 3)))
        inside += a.conf_low <= 1.7**2 / (1.7**2 + 0.4**2 + 1) <= a.conf_high
    assert 273 <= inside <= 297


def test_the_expert_panel_of_the_til_truthing_study(shared):
    reads = pd.read_csv(shared / "reference/assay/htt_stil_readers/reads.csv")
    panel = reads[reads["platform"] == "camic-expert"]
    table, rule = complete_reads(panel, specimen="roi_id", reader="reader_id", score="stil_pct")
    a = intraclass(table)
    assert table.shape == (54, 5)
    assert "5 of 7" in rule
    assert "54 of 67" in rule
    assert (a.msr, a.msc, a.mse) == pytest.approx((5142.418239, 512.809259, 88.377184), abs=1e-6)
    assert (a.icc_2_1, a.icc_2_k, a.icc_3_1) == pytest.approx((0.913069, 0.981314, 0.919598), abs=1e-6)
    assert a.sd_of_agreement == pytest.approx(9.81, abs=0.01)
