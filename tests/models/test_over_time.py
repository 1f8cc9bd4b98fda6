"""Draws over time with what became of their subjects: nobody is lost, and what came too late says so."""

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.models.over_time import BOUNDS, CALLS, ENDS, ROLES, best_change, genotype_curves, lanes, trajectories


@pytest.fixture(scope="module")
def br():
    return bm.load_example("br1801")


@pytest.fixture(scope="module")
def stop():
    return bm.load_example("stop_her2")


@pytest.fixture(scope="module")
def ctdna(br):
    return trajectories(br, "ctdna_mtm")


def test_every_analysable_subject_has_a_row_and_every_valid_draw_one(br, ctdna):
    assert set(ctdna["subject"]) == set(br.analysable["subject"])
    drawn = ctdna[ctdna["role"] != "none"]
    rows = br.measured(br.design.marker("ctdna_mtm"))
    valid = rows["status"].isin(["measured", "below", "above"]) & (rows["excluded"].fillna("") == "")
    assert len(drawn) == valid.sum() > 200
    assert set(ctdna["role"]) <= set(ROLES)
    assert set(ctdna["bound"]) <= set(BOUNDS)


def test_subjects_come_in_the_order_of_the_design(br, ctdna):
    seen = list(dict.fromkeys(ctdna["cohort"].astype(str)))
    assert seen == list(br.design.cohorts)


def test_a_draw_taken_because_of_progression_or_after_the_end_is_never_scheduled(ctdna):
    scheduled = ctdna[ctdna["role"] == "scheduled"]
    ended = scheduled["event"] == 1
    assert (scheduled.loc[ended, "day"] < scheduled.loc[ended, "time"]).all()
    assert (scheduled["day"] <= scheduled["time"]).all()
    assert (ctdna["role"] == "progression").sum() > 50
    after = ctdna[ctdna["role"] == "after the end"]
    assert (after["day"] >= after["time"]).all()


def test_change_is_in_doublings_from_the_baseline_draw(ctdna):
    own = ctdna[ctdna["subject"] == "BR-001"]
    assert own["change"].to_numpy() == pytest.approx([0, np.log2(5.76 / 21.7), np.log2(23.2 / 21.7)])
    assert own["baseline"].tolist() == [True, False, False]


def test_a_change_that_ends_below_the_limit_is_at_most_and_one_that_starts_there_at_least(stop, ctdna):
    below = ctdna[(ctdna["status"] == "below") & ~ctdna["baseline"] & ctdna["change"].notna()]
    assert set(below["bound"]) <= {"at most", "both below"}
    level = trajectories(stop, "mrd_level")
    first = level[level["baseline"]].set_index("subject")["status"]
    later = level[~level["baseline"] & level["change"].notna()]
    began = later["subject"].map(first)
    assert (later.loc[(began == "below") & (later["status"] == "measured"), "bound"] == "at least").all()
    assert (later.loc[(began == "below") & (later["status"] == "below"), "bound"] == "both below").all()
    assert (later.loc[(began == "measured") & (later["status"] == "measured"), "bound"] == "").all()


def test_two_tubes_below_their_own_limits_do_not_differ(ctdna):
    both = ctdna[ctdna["bound"] == "both below"]
    assert len(both) > 1
    assert both["lod"].nunique() > 1
    assert (both["change"] == 0).all()


def test_a_step_of_ten_points_does_not_divide_the_change(br):
    table = trajectories(br, "stil")
    own = table[table["baseline"]]
    assert own["model_value"].to_numpy() == pytest.approx(own["value"].to_numpy() / 10)
    assert (own["change"] == 0).all()


def test_a_call_has_no_trajectory_and_the_message_says_what_to_type(stop):
    with pytest.raises(UseError, match=r'bm\.lanes\(study, "mrd"\)'):
        trajectories(stop, "mrd")


def test_without_an_endpoint_no_end_is_known(br):
    table = trajectories(br, "ctdna_mtm", endpoint=None)
    assert table["time"].isna().all()
    assert (table["role"] != "after the end").all()


def hand():
    """Three subjects by hand: two later draws; a baseline alone; no baseline."""
    rows = [("a", 0, "scheduled", True, 0.0), ("a", 30, "scheduled", False, -3.0), ("a", 60, "scheduled", False, -1.0),
            ("a", 90, "progression", False, -9.0), ("b", 0, "scheduled", True, 0.0), ("c", 30, "scheduled", False, np.nan)]
    table = pd.DataFrame(rows, columns=["subject", "day", "role", "baseline", "change"])
    return table.assign(cohort="all", arm="", bound="")


@pytest.mark.parametrize(("which", "change", "day"), [("lowest", -3.0, 30), ("highest", -1.0, 60), ("last", -1.0, 60)])
def test_the_best_change_is_of_scheduled_draws_alone(which, change, day):
    found = best_change(hand(), which=which).set_index("subject")
    assert (found.loc["a", "change"], found.loc["a", "day"], found.loc["a", "n_draws"]) == (change, day, 2)
    assert found["lost"].to_dict() == {"a": "", "b": "no_draw_in_window", "c": "no_baseline"}


def test_best_names_its_choices():
    with pytest.raises(UseError, match="lowest, highest, last"):
        best_change(hand(), which="best")


def test_every_lane_has_one_end_and_its_calls_are_all_there(stop):
    table = lanes(stop)
    followed, ends = table[table["mark"] == "followed"], table[table["mark"].isin(ENDS) & ~table["late"]]
    assert followed["subject"].is_unique
    assert sorted(ends["subject"]) == sorted(followed["subject"])
    assert (table["mark"].isin(CALLS)).sum() == len(stop.measured(stop.design.marker("mrd")))
    assert set(table["mark"]) <= {"followed", *ENDS, *CALLS}


def test_a_restart_without_progression_ends_its_lane_once(stop):
    table = lanes(stop)
    outcome = stop.outcome("pfs")
    for subject in outcome.loc[outcome["event_type"] == "restart", "subject"]:
        own = table[(table["subject"] == subject) & (table["mark"] == "restart")]
        assert len(own) == 1
        assert not own["late"].any()


def test_a_call_at_progression_is_late(stop):
    table = lanes(stop)
    calls = table[table["mark"].isin(CALLS)].merge(stop.outcome("pfs")[["subject", "time", "event"]], on="subject")
    of_event = (calls["event"] == 1) & (calls["day"] >= calls["time"])
    assert of_event.sum() > 40
    assert calls.loc[of_event, "late"].all()
    assert not calls.loc[(calls["event"] == 0) & (calls["day"] == calls["time"]), "late"].any()
    assert not calls.loc[calls["day"] < 0, "late"].any()


def test_a_quantity_is_detected_above_its_limit_and_a_real_zero_is_not(br):
    table = lanes(br, "ctc")
    rows = br.measured(br.design.marker("ctc"))
    assert (table["mark"] == "not detected").sum() == ((rows["value"] == 0) & rows["status"].eq("measured")
                                                       & rows["excluded"].fillna("").eq("")).sum() > 0


def test_a_lane_shows_no_genotype(br):
    with pytest.raises(UseError, match="3 levels"):
        lanes(br, "fcgr3a_158")


def test_curves_by_genotype_hold_everybody_with_an_outcome(br):
    curves = genotype_curves(br)
    start = curves[curves["time"] == 0]
    assert start["n_risk"].sum() == br.analysable["subject"].isin(br.outcome("pfs")["subject"]).sum()
    assert set(curves.loc[~curves["called"], "group"]) == {"no call"}
    assert list(dict.fromkeys(curves["cohort"])) == list(br.design.cohorts)


def test_curves_by_genotype_need_levels(br):
    with pytest.raises(UseError, match="no levels"):
        genotype_curves(br, "ctdna_mtm")
