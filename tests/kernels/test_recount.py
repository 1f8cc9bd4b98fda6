"""Pairs counted again give what the kernels give on the rows written out."""

import numpy as np
import pytest

from biomarkers.kernels.accuracy import auc
from biomarkers.kernels.concordance import concordance
from biomarkers.kernels.recount import Pairs


def subjects(seed: int, n: int = 60):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 15, n).astype(float)      # many ties
    event = rng.random(n) < 0.7
    score = rng.integers(0, 6, n).astype(float)
    return time, event, score, rng.integers(0, 3, n), rng


def test_four_patients_by_hand():
    # deaths at 1, 2 and 4, a censoring at 3: pairs 1-2, 1-3, 1-4 won, 2-3 and 2-4 lost, so 3 of 5
    pairs = Pairs.of([1, 2, 3, 4], [1, 1, 0, 1])
    won = pairs.won([4.0, 1.0, 2.0, 2.0])
    assert pairs.concordance(won, np.ones(4)) == 3 / 5
    # the second patient twice: lost pairs count double, and its two copies die together and are no pair: 4 of 8
    assert pairs.concordance(won, [1, 2, 1, 1]) == 4 / 8
    # by time 2.5 patients 1 and 2 are cases, 3 and 4 controls, nobody is censored before: 2 of 4
    assert pairs.auc(won, np.ones(4, dtype=int), 2.5) == 2 / 4


@pytest.mark.parametrize("seed", range(6))
def test_a_resample_counted_equals_the_resample_written_out(seed):
    time, event, score, stratum, rng = subjects(seed)
    rows = rng.integers(0, time.size, time.size)
    count = np.bincount(rows, minlength=time.size)
    within = Pairs.of(time, event, stratum=stratum)
    assert within.concordance(within.won(score), count) == pytest.approx(
        concordance(time[rows], event[rows], score[rows], stratum=stratum[rows]).c, rel=1e-12)
    whole = Pairs.of(time, event)
    assert whole.auc(whole.won(score), count, 7.0) == pytest.approx(
        auc(time[rows], event[rows], score[rows], 7.0).estimate, rel=1e-12)


def test_without_a_comparable_pair_there_is_no_number():
    pairs = Pairs.of([5, 5], [1, 1])
    assert np.isnan(pairs.concordance(pairs.won([1, 2]), [1, 1]))
    assert np.isnan(pairs.auc(pairs.won([1, 2]), [1, 1], 9.0))
    assert np.isnan(pairs.auc(pairs.won([1, 2]), [1, 0], 2.0))
