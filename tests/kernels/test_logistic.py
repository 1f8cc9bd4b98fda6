"""Logistic regression is R's glm where it has a maximum, and says infinity where it has none."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomarkers.kernels.logistic import logistic

HERE = Path(__file__).parent.parent / "reference" / "logistic"


@pytest.fixture(scope="module")
def r():
    with (HERE / "expected.csv").open(encoding="utf-8") as file:
        return {line["name"]: float(line["value"]) for line in csv.DictReader(file)}


@pytest.fixture(scope="module")
def frame():
    return pd.read_csv(HERE / "frame.csv")


def design(frame):
    return np.column_stack([np.ones(len(frame)), frame[["x", "z"]]])


def test_it_equals_glm(frame, r):
    fit = logistic(design(frame), frame["y"])
    np.testing.assert_allclose(fit.coef, [r["intercept"], r["x"], r["z"]], rtol=1e-9)
    np.testing.assert_allclose(fit.std_error, [r["se_intercept"], r["se_x"], r["se_z"]], rtol=1e-8)
    assert fit.loglik == pytest.approx(r["loglik"], rel=1e-12)
    assert fit.likelihood_ratio(1)[0] == pytest.approx(r["lr_x"], rel=1e-9)
    assert fit.profile(1) == pytest.approx((r["low"], r["high"]), rel=1e-7)


def test_a_weight_of_two_is_the_row_twice(frame):
    w = 1.0 + (np.arange(len(frame)) % 3 == 0)
    twice = frame.loc[np.repeat(frame.index, w.astype(int))]
    np.testing.assert_allclose(logistic(design(frame), frame["y"], weight=w).coef, logistic(design(twice), twice["y"]).coef,
                               rtol=1e-9)


def test_firth_of_a_two_by_two_table_is_the_half_added_to_each_cell():
    X = np.column_stack([np.ones(20), [0] * 10 + [1] * 10])
    fit = logistic(X, [1] * 10 + [0] * 3 + [1] * 7, firth=True)
    assert np.exp(fit.coef[1]) == pytest.approx((7.5 / 3.5) / (10.5 / 0.5), rel=1e-9)


def test_infinity_has_a_direction_and_one_finite_limit():
    X = np.column_stack([np.ones(20), [0] * 10 + [1] * 10])
    fit = logistic(X, [1] * 5 + [0] * 5 + [1] * 10)
    assert fit.finite.tolist() == [True, False]
    assert fit.coef[1] == np.inf
    low, high = fit.profile(1)
    assert high == np.inf
    assert 0 < low < 3
    assert logistic(X, [1] * 10 + [0] * 10).coef.tolist() == [np.inf, -np.inf]


def test_complete_separation_by_a_number_is_seen_and_overlap_is_not():
    x = np.arange(20.0)
    X = np.column_stack([np.ones(20), x])
    assert not logistic(X, (x > 9.5).astype(float)).finite.any()
    y = (x > 9.5).astype(float)
    y[[9, 10]] = [1, 0]
    assert logistic(X, y).finite.all()


def test_what_cannot_be_fitted_is_refused():
    X = np.column_stack([np.ones(4), [1.0, 2, 3, 4]])
    with pytest.raises(ValueError, match="all 4 outcomes are 1"):
        logistic(X, np.ones(4))
    with pytest.raises(ValueError, match="0 or 1"):
        logistic(X, [0, 1, 2, 1])
    with pytest.raises(ValueError, match="rank"):
        logistic(np.column_stack([X, X[:, 1]]), [0, 1, 0, 1])
