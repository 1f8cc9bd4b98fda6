"""The tables behind the pictures of a model: R's residuals and curve, a spline beside its linear fit, calibration of a known
truth, and numbers at risk that rise when patients enter a state."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.models.calibration import CALIBRATION, calibration_table, crossed_predictions
from biomarkers.models.cox import cox
from biomarkers.models.functional_form import SPLINE, linearity_row, spline_curve, spline_table
from biomarkers.models.km import kaplan_meier
from biomarkers.models.proportionality import SCHOENFELD, schoenfeld_table
from biomarkers.models.simon_makuch import STATES, simon_makuch, state_curves

REFERENCE = Path(__file__).parents[1] / "reference" / "schoenfeld"
TWO_ERRORS = 0.9544997361036416


def trial(n, seed=0, effect=0.5):
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=n), rng.integers(0, 2, n)
    event = rng.exponential(100 * np.exp(-effect * x + 0.4 * arm))
    censored = rng.uniform(50, 400, n)
    died = (event <= censored).astype(int)
    return pd.DataFrame({"time": np.ceil(np.minimum(event, censored)), "event": died, "x": x, "arm": arm})


# -- proportional hazards -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["km", "rank", "identity", "log"])
def test_residuals_curve_and_band_are_those_of_r(scale):
    frame, expected = pd.read_csv(REFERENCE / "frame.csv"), pd.read_csv(REFERENCE / "expected.csv")
    expected = expected[expected["scale"] == scale]
    fit = cox(frame, "time", "event", ["x", "arm"], entry="entry", strata="site")
    found = schoenfeld_table(fit, "x", transform=scale, level=TWO_ERRORS)
    assert list(found.columns) == list(SCHOENFELD)
    for part, columns in (("residual", ["place", "value"]), ("smooth", ["place", "value", "conf_low", "conf_high"])):
        mine, theirs = found[found["part"] == part], expected[expected["part"] == part]
        theirs = theirs.rename(columns={"low": "conf_low", "high": "conf_high"})
        if part == "residual":
            mine, theirs = (t.sort_values(["place", "value"]) for t in (mine, theirs))
        np.testing.assert_allclose(mine[columns], theirs[columns], rtol=1e-8, atol=1e-10)
    assert found["p_value"].to_numpy() == pytest.approx(expected["p"].iloc[0], rel=1e-8)


def test_the_mean_residual_is_the_coefficient():
    fit = cox(trial(80), "time", "event", ["x", "arm"])
    found = schoenfeld_table(fit, "x")
    residuals = found.loc[found["part"] == "residual", "value"]
    assert residuals.mean() == pytest.approx(fit.table["coef"].iloc[0], abs=1e-9)
    assert len(residuals) == fit.n_events


def test_few_times_have_residuals_and_no_curve():
    frame = pd.DataFrame({"time": [1, 1, 2, 2, 3, 3], "event": 1, "x": [0.1, 0.7, 0.3, 0.2, 0.9, 0.5]})
    found = schoenfeld_table(cox(frame, "time", "event", "x"), "x")
    assert set(found["part"]) == {"residual"}
    with pytest.raises(UseError, match="no term 'age'"):
        schoenfeld_table(cox(frame, "time", "event", "x"), "age")


# -- spline ---------------------------------------------------------------------------------------------------------------


def test_the_spline_of_a_fit_is_the_spline_of_its_frame():
    frame = trial(90).assign(site=np.arange(90) % 2)
    fit = cox(frame, "time", "event", ["x", "arm"], strata="site", interval="wald")
    found = spline_table(fit, "x", raw=frame["x"].to_numpy() * 10, labels={"analysis": "a", "cohort": "ER+"})
    curve = found[found["part"] == "curve"]
    expected = spline_curve(frame, "time", "event", "x", adjust=["arm"], strata=["site"])
    np.testing.assert_allclose(curve[["hazard_ratio", "conf_low", "linear"]], expected[["hazard_ratio", "conf_low", "linear"]],
                               rtol=1e-9)
    row = linearity_row(frame, "x", fit.loglik[1], adjust=["arm"], strata=["site"], n_parameters=2, shared={}, model="")
    assert curve["p_linearity"].to_numpy() == pytest.approx(row["p_value"], rel=1e-9)
    assert list(found.columns) == list(SPLINE)
    assert set(found["cohort"]) == {"ER+"}


def test_the_rug_is_the_events_and_the_dashed_line_the_linear_model():
    frame = trial(90)
    fit = cox(frame, "time", "event", ["x"])
    found = spline_table(fit, "x", raw=frame["x"].to_numpy() * 10)
    rug, curve = found[found["part"] == "event"], found[found["part"] == "curve"]
    assert rug["x"].to_numpy() == pytest.approx(np.sort(frame.loc[frame["event"] == 1, "x"]))
    assert rug["value"].to_numpy() == pytest.approx(10 * rug["x"].to_numpy())
    slope = np.polyfit(curve["x"], np.log(curve["linear"].astype(float)), 1)[0]
    assert slope == pytest.approx(fit.table["coef"].iloc[0], rel=1e-9)


def test_late_entry_is_kept_in_the_spline():
    frame = trial(90).assign(entry=0.0)
    frame.loc[::3, "entry"] = np.floor(frame.loc[::3, "time"] / 2)
    whole = spline_table(cox(frame, "time", "event", "x", entry="entry"), "x")
    without = spline_table(cox(frame, "time", "event", "x"), "x")
    assert not np.allclose(whole.loc[:20, "hazard_ratio"].astype(float), without.loc[:20, "hazard_ratio"].astype(float))


def test_where_a_bend_cannot_be_asked_the_table_is_empty():
    frame = trial(90).assign(x=lambda f: (f["x"] > 0).astype(float))
    assert spline_table(cox(frame, "time", "event", "x"), "x").empty
    few = trial(90).assign(event=lambda f: (np.arange(90) < 15).astype(int) * f["event"])
    assert spline_table(cox(few, "time", "event", "x"), "x").empty


# -- calibration ----------------------------------------------------------------------------------------------------------


def test_groups_show_the_kaplan_meier_of_their_patients():
    frame = trial(80)
    chance = np.linspace(0.05, 0.95, 80)
    found = calibration_table(frame, "time", "event", chance, horizon=100, groups=4)
    assert list(found.columns) == list(CALIBRATION)
    assert found["n"].tolist() == [20, 20, 20, 20]
    for group, first in zip(found.to_dict("records"), range(0, 80, 20), strict=True):
        at = kaplan_meier(frame.iloc[first : first + 20], "time", "event").at(100).iloc[0]
        assert (group["observed"], group["conf_low"]) == pytest.approx((at["survival"], at["conf_low"]))
    assert found["predicted"].tolist() == pytest.approx([c.mean() for c in np.array_split(chance, 4)])


def test_the_truth_is_on_the_diagonal_and_a_model_of_nothing_is_not_better_than_its_mean():
    frame = trial(6000, seed=4, effect=0.8)
    truth = np.exp(-100 / (100 * np.exp(-0.8 * frame["x"] + 0.4 * frame["arm"])))
    found = calibration_table(frame, "time", "event", truth, horizon=100, groups=5)
    assert (np.abs(found["observed"] - found["predicted"]) < 0.06).all()
    crossed = crossed_predictions(frame, "time", "event", ["x", "arm"], horizon=100)
    assert np.abs(crossed - truth).mean() < 0.02
    overconfident = calibration_table(frame, "time", "event", truth**2, horizon=100, groups=5)
    assert (overconfident["observed"] > overconfident["predicted"] + 0.05).sum() >= 3


def test_predictions_do_not_know_the_order_of_rows_nor_their_own_fold():
    frame = trial(60, seed=2).assign(site=np.arange(60) % 2)
    first = crossed_predictions(frame, "time", "event", ["x"], horizon=90, strata=["site"])
    shuffled = frame.sample(frac=1, random_state=1)
    again = crossed_predictions(shuffled, "time", "event", ["x"], horizon=90, strata=["site"])
    pd.testing.assert_series_equal(first, again.loc[frame.index], check_exact=False, rtol=1e-9)
    apparent = cox(frame, "time", "event", "x", strata="site").survival(frame, 90)["survival"].to_numpy()
    assert not np.allclose(first, apparent)


def test_a_group_that_is_not_followed_to_the_horizon_has_no_observed_chance():
    frame = pd.DataFrame({"t": [1, 2, 3, 4, 9, 9, 9, 9], "d": [1, 0, 0, 0, 0, 0, 0, 1]})
    found = calibration_table(frame, "t", "d", [0.2] * 4 + [0.8] * 4, horizon=6, groups=2)
    assert np.isnan(found["observed"].iloc[0])
    assert found["observed"].iloc[1] == 1
    for bad, words in (([2.0] * 8, "between 0 and 1"), ([0.5] * 8, None)):
        if words:
            with pytest.raises(UseError, match=words):
                calibration_table(frame, "t", "d", bad, horizon=6)
    with pytest.raises(UseError, match="no event by"):
        calibration_table(frame, "t", "d", [0.5] * 8, horizon=0.5)


# -- current state --------------------------------------------------------------------------------------------------------


def moving():
    """Six patients; three enter "detected" on days 10, 20 and 30, one of them too old from day 45 on."""
    return pd.DataFrame({
        "start": [0, 0, 0, 0, 10, 0, 20, 0, 30], "stop": [60, 50, 40, 10, 55, 20, 45, 30, 70],
        "d": [0, 1, 1, 0, 1, 0, 0, 0, 1], "end": [60, 50, 40, 55, 55, 65, 65, 70, 70],
        "state": pd.Categorical(["no", "no", "no", "no", "yes", "no", "yes", "no", "yes"], ["no", "yes", "never"])})


def test_numbers_at_risk_rise_when_patients_enter_a_state():
    steps = state_curves(moving(), "stop", "d", "state", entry="start", until="end")
    assert list(steps.columns) == list(STATES)
    yes = steps[steps["group"] == "yes"].set_index("time")["n_risk"]
    assert [int(yes[t]) for t in (10, 20, 30, 40, 45, 50, 55, 70)] == [0, 1, 2, 3, 3, 2, 2, 1]
    no = steps[steps["group"] == "no"].set_index("time")
    assert int(no.loc[0, "n_risk"]) == 6
    assert int(no["n_censor"].sum()) == 1, "a change of state is no censoring"
    assert int(steps.loc[steps["group"] == "yes", "n_censor"].sum()) == 0, "nor is a value grown too old"
    assert int(no["n_left"].sum()) == 3


def test_the_steps_are_those_of_the_model_and_an_empty_state_keeps_its_place():
    steps = state_curves(moving(), "stop", "d", "state", entry="start", until="end", landmark=15)
    curves = simon_makuch(moving(), "stop", "d", "state", entry="start", landmark=15)
    for name in ("no", "yes"):
        mine = steps[steps["group"] == name].set_index("time")["survival"]
        theirs = curves.table[curves.table["state"] == name].set_index("time")["survival"]
        assert mine.loc[theirs.index].to_numpy() == pytest.approx(theirs.to_numpy())
    never = steps[steps["group"] == "never"]
    assert never["survival"].isna().all()
    assert not never["n_risk"].any()
    assert steps["time"].min() == 15
