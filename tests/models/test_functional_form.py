"""A bend is found where there is one, a straight line is not bent, and one subject's weight is what leaving it out does."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from biomarkers.domain.errors import UseError
from biomarkers.kernels.spline import knots, restricted_cubic
from biomarkers.models.cox import cox
from biomarkers.models.functional_form import LINEARITY, linearity_row, spline_curve
from biomarkers.models.influence import influence_row


def trial(n, effect, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    arm = rng.integers(0, 2, n)
    time = rng.exponential(np.exp(-effect(x) + 0.5 * arm))
    return pd.DataFrame({"time": np.ceil(100 * time), "event": (rng.random(n) < 0.9).astype(int), "x": x, "arm": arm})


def linear(frame, **more):
    fit = cox(frame, "time", "event", ["x", "arm"], interval="wald")
    return linearity_row(frame, "x", fit.loglik[1], adjust=["arm"], n_parameters=2, shared={}, model="", **more)


def test_the_test_is_the_likelihood_ratio_of_the_bend():
    frame = trial(80, lambda x: 0.4 * x, 3)
    row = linear(frame)
    bend = restricted_cubic(frame["x"], knots(frame["x"]))[:, 1]
    fits = [cox(frame.assign(bend=bend), "time", "event", terms, interval="wald") for terms in
            (["x", "arm"], ["x", "bend", "arm"])]
    statistic = 2 * (fits[1].loglik[1] - fits[0].loglik[1])
    assert row["estimand"] == LINEARITY
    assert row["statistic"] == pytest.approx(statistic, rel=1e-9)
    assert row["p_value"] == pytest.approx(chi2.sf(statistic, 1), rel=1e-9)


def test_a_u_shape_is_found_and_a_line_is_left_alone():
    assert linear(trial(200, lambda x: 0.9 * x**2, 5))["p_value"] < 1e-4
    p = [linear(trial(100, lambda x: 0.4 * x, seed))["p_value"] for seed in range(200)]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.115      # 5 % within four Monte-Carlo errors of 1.5 points


def test_no_row_where_a_spline_cannot_be_asked():
    frame = trial(80, lambda x: 0 * x, 1)
    assert linear(frame.assign(x=(frame["x"] > 0).astype(float))) is None
    few = frame.assign(event=[1] * 25 + [0] * 55)             # 25 events, 3 parameters
    assert linear(few) is None


def test_the_curve_is_one_at_the_median_and_follows_the_truth():
    frame = trial(4000, lambda x: 0.5 * x, 8)
    curve = spline_curve(frame, "time", "event", "x", adjust=["arm"])
    at = curve["x"] == curve.attrs["reference"]
    assert curve.loc[at, "hazard_ratio"].tolist() == [1.0]
    truth = np.exp(0.5 * (curve["x"] - curve.attrs["reference"]))
    assert (np.abs(np.log(curve["hazard_ratio"] / truth)) < 0.12).all()
    assert ((curve["conf_low"] <= curve["hazard_ratio"]) & (curve["hazard_ratio"] <= curve["conf_high"])).all()
    with pytest.raises(UseError, match="too few for 5 knots"):
        spline_curve(frame.assign(x=frame["x"].round()).query("abs(x) <= 2"), "time", "event", "x", k=5)


def test_the_most_influential_subject_is_the_one_whose_absence_moves_most():
    frame = trial(40, lambda x: 0.3 * x, 2)
    frame.loc[0, ["x", "time", "event"]] = [6.0, 1000.0, 1]
    fit = cox(frame, "time", "event", ["x", "arm"])
    row = influence_row(frame, fit, "x", adjust=["arm"], level=0.95, shared={}, model="")
    without = [cox(frame.drop(index=i), "time", "event", ["x", "arm"], interval="wald").table["coef"].iloc[0]
               for i in frame.index]
    coef = fit.table["coef"].iloc[0]
    assert np.argmax(np.abs(np.array(without) - coef)) == 0
    assert np.log(row["estimate"]) == pytest.approx(without[0], rel=1e-9)
    assert row["n"] == 39


def test_an_answer_that_hangs_on_one_subject_is_flagged():
    rng = np.random.default_rng(47)
    frame = pd.DataFrame({"time": np.arange(1.0, 41), "event": 1, "x": rng.normal(size=40) - 0.03 * np.arange(40)})
    frame.loc[0, "x"] = 3.0
    fit = cox(frame, "time", "event", ["x"])
    assert fit.table["conf_low"].iloc[0] > 1
    assert influence_row(frame, fit, "x", level=0.95, shared={}, model="")["note"].startswith("flag: without one subject")
