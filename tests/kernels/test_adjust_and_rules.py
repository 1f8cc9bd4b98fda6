"""Multiplicity against statsmodels, and the rule for the confirmatory p-value."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from biomarkers.kernels.adjust import METHODS, adjust
from biomarkers.kernels.calibrated import Choice, confirmatory

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # statsmodels' own imports warn on new pandas
    from statsmodels.stats.multitest import multipletests


NAMES = [("holm", "holm"), ("bonferroni", "bonferroni"), ("bh", "fdr_bh"), ("by", "fdr_by")]


@pytest.mark.parametrize(("ours", "theirs"), NAMES)
def test_adjusted_p_values_are_statsmodels(ours: str, theirs: str) -> None:
    rng = np.random.default_rng(1)
    for m in (1, 2, 7, 40):
        p = rng.random(m) ** 2
        p[: m // 3] = p[0]  # ties
        np.testing.assert_allclose(adjust(p, ours), multipletests(p, method=theirs)[1], rtol=1e-12)


def test_missing_p_values_stay_missing_and_do_not_count() -> None:
    p = [0.01, np.nan, 0.04]
    np.testing.assert_allclose(adjust(p, "holm"), [0.02, np.nan, 0.04])
    assert np.isnan(adjust([np.nan, np.nan])).all()
    assert adjust([]).size == 0


def test_an_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=", ".join(METHODS)):
        adjust([0.5], "hochberg")
    with pytest.raises(ValueError, match="must lie in"):
        adjust([1.5])


def test_a_rare_group_a_skewed_marker_and_few_events_choose_the_permutation() -> None:
    rng = np.random.default_rng(2)
    events = np.ones(64)
    assert confirmatory(np.r_[np.zeros(57), np.ones(7)], events).p_value == "permutation"
    assert confirmatory(np.exp(rng.normal(size=64)), events).p_value == "permutation"
    assert "skewness" in confirmatory(np.exp(rng.normal(size=64)), events).reason
    assert confirmatory(rng.normal(size=64), events, n_parameters=7).reason == "9.1 events per parameter"
    assert confirmatory(rng.normal(size=64), events, n_parameters=2) == Choice("likelihood ratio", "")
    assert confirmatory(np.r_[np.zeros(40), np.ones(24)], events).p_value == "likelihood ratio"


def test_a_group_with_four_events_is_descriptive() -> None:
    x, d = np.r_[np.zeros(40), np.ones(20)], np.r_[np.ones(40), np.ones(4), np.zeros(16)]
    assert confirmatory(x, d) == Choice("none", "descriptive only: 4 events in the group of 20")
