"""Predictive is what the interaction says: the word is refused without it, and the pictures have one test each."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import Refused, UseError
from biomarkers.models.cox import cox
from biomarkers.models.predictive import arm_effect, refuse_claim, spline_by_arm, stepp
from biomarkers.plan.analysis import Analysis


def trial(n=120, seed=0, interaction=0.0):
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=n), rng.permutation(np.arange(n) % 2)
    time = np.ceil(1000 * rng.exponential(np.exp(0.4 * x + (0.5 + interaction * x) * arm)))
    return pd.DataFrame({"t": time, "d": (rng.random(n) < 0.9).astype(int), "x": x, "arm": np.where(arm, "new", "old"),
                         "liver": rng.integers(0, 2, n)})


def test_the_word_needs_the_interaction():
    with pytest.raises(Refused, match='Instead: interaction="arm"'):
        Analysis(marker="stil", claim="predictive")
    with pytest.raises(Refused, match='Instead: interaction="arm"'):
        Analysis(marker="stil", claim="predictive", by="arm")
    assert Analysis(marker="stil", claim="predictive", interaction="arm").claim == "predictive"
    assert Analysis(marker="stil", claim="prognostic").claim == "prognostic"


def test_an_on_treatment_marker_is_never_called_predictive():
    with pytest.raises(Refused, match="mixes cause and effect"):
        Analysis(marker="tk1_dul", at="week6", claim="predictive", interaction="arm")
    with pytest.raises(UseError, match="not one of prognostic, predictive"):
        refuse_claim("surrogate", marker="x", interaction=None, baseline=True)


def test_stepp_shows_every_patient_and_the_arm_in_each_group():
    frame = trial()
    found = stepp(frame, "t", "d", "x", "arm", size=40, overlap=20, strata=["liver"], permutations=0)
    assert found.table["n"].tolist() == [40, 40, 40, 40, 40]
    first = frame.sort_values("x").head(40)
    fit = cox(first.assign(a=(first["arm"] == "old") * 1), "t", "d", "a", strata="liver", interval="wald")
    assert found.table["hazard_ratio"].iloc[0] == pytest.approx(fit.table["hazard_ratio"].iloc[0], rel=1e-8)
    assert found.table["marker_high"].iloc[-1] == frame["x"].max()


def test_stepp_finds_an_interaction_and_keeps_its_size_without_one():
    assert stepp(trial(300, 1, 1.2), "t", "d", "x", "arm", size=80, overlap=40, permutations=99).p_value < 0.05
    p = [stepp(trial(90, seed), "t", "d", "x", "arm", size=30, overlap=15, permutations=39, seed=seed).p_value
         for seed in range(24)]
    assert np.mean(np.array(p) <= 0.10) <= 0.35           # 10 % plus four Monte-Carlo errors


def test_the_order_of_the_table_changes_nothing():
    frame = trial()
    a, b = (stepp(f, "t", "d", "x", "arm", size=40, overlap=20, permutations=29) for f in
            (frame, frame.sample(frac=1, random_state=3)))
    assert a.p_value == b.p_value
    np.testing.assert_allclose(a.table["hazard_ratio"], b.table["hazard_ratio"], rtol=1e-9)


def test_few_events_leave_a_group_without_a_number():
    frame = trial(70)
    frame.loc[frame["x"] < 0, "d"] = 0
    found = stepp(frame, "t", "d", "x", "arm", size=30, overlap=10, permutations=0)
    assert np.isnan(found.p_value), "no permutation, no P"
    assert np.isnan(found.table["hazard_ratio"].iloc[0])
    assert found.table["note"].iloc[0].startswith("descriptive only")


def test_the_curve_by_arm_follows_the_truth():
    frame = trial(3000, 2, 0.6)
    curve = spline_by_arm(frame, "t", "d", "x", "arm")
    truth = np.exp(0.5 + 0.6 * curve["x"])           # "old" against "new": new is first in the alphabet
    assert (np.abs(np.log(curve["hazard_ratio"] / truth)) < 0.25).all()
    assert curve.attrs["p_interaction"] < 1e-6
    assert curve.attrs["p_bend"] > 1e-3
    with pytest.raises(UseError, match="ask for the linear interaction"):
        spline_by_arm(frame.head(40), "t", "d", "x", "arm")


def test_stepp_refuses_what_it_cannot_group():
    with pytest.raises(UseError, match="cannot make two groups"):
        stepp(trial(40), "t", "d", "x", "arm", size=30, overlap=10)
    with pytest.raises(UseError, match="compares two arms"):
        stepp(trial().assign(arm="one"), "t", "d", "x", "arm")


def test_an_arm_effect_is_the_groups_the_curve_and_the_events_and_adds_nothing():
    frame = trial(n=150, interaction=0.8)
    found = arm_effect(frame, "t", "d", "x", "arm", strata=["liver"], raw=2.0 ** frame["x"].to_numpy(), labels={"cohort": "A"})
    groups = found[found["part"] == "group"]
    alone = stepp(frame, "t", "d", "x", "arm", size=60, overlap=36, strata=["liver"], permutations=0).table
    for mine, theirs in (("hazard_ratio", "hazard_ratio"), ("conf_low", "conf_low"), ("x", "marker_median"), ("n", "n")):
        np.testing.assert_allclose(groups[mine].astype(float), alone[theirs].astype(float))
    curve = found[found["part"] == "curve"]
    theirs = spline_by_arm(frame, "t", "d", "x", "arm", strata=["liver"], points=61)
    np.testing.assert_allclose(curve["hazard_ratio"].astype(float), theirs["hazard_ratio"])
    events = found[found["part"] == "event"]
    assert len(events) == frame["d"].sum()
    np.testing.assert_allclose(events["value"].astype(float), 2.0 ** events["x"].astype(float))
    whole = cox(frame.assign(new=(frame["arm"] == "old").astype(float)), "t", "d", ["new"], strata=["liver"])
    assert set(found["cohort"]) == {"A"}
    assert found["overall"].unique().tolist() == pytest.approx([whole.table["hazard_ratio"].iloc[0]]), "by name, old is second"


def test_too_few_patients_one_arm_or_a_pile_of_equal_values_have_no_arm_effect():
    frame = trial(n=150)
    assert arm_effect(frame.head(25), "t", "d", "x", "arm").empty
    assert arm_effect(frame.assign(arm="new"), "t", "d", "x", "arm").empty
    assert arm_effect(frame.assign(x=frame["x"].clip(0.5)), "t", "d", "x", "arm").empty
    few = frame.head(60)
    assert set(arm_effect(few.assign(d=few["d"] * (np.arange(60) % 2)), "t", "d", "x", "arm")["part"]) == {"group", "event"}
