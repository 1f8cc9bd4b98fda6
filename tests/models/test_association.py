"""The rows of an association are those of R survival, and hold together."""

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.markers import MARKERS
from biomarkers.models.association import Model, associate_rows
from biomarkers.models.cox import cox
from biomarkers.models.exposure import exposure
from biomarkers.models.km import kaplan_meier
from biomarkers.models.results_table import RESULT_COLUMNS, result_row, result_table

HERE = Path(__file__).parent.parent / "reference" / "baseline"
COHORTS = ("ER+", "ER-")
TK1 = MARKERS["tk1_dul"]


@pytest.fixture(scope="module")
def frame():
    return pd.read_csv(HERE / "frame.csv").assign(c=0.0, censor="none", lost="", detail="")


@pytest.fixture(scope="module")
def expected():
    with (HERE / "expected.csv").open(encoding="utf-8") as file:
        return {line["row"]: {k: float(v) for k, v in line.items() if k != "row"} for line in csv.DictReader(file)}


def table(frame, cut=None, *, strata=("liver",), adjust=("arm",), groups="cohort", order=COHORTS, permutations=0, **more):
    model = Model(strata=strata, adjust=adjust, permutations=permutations)
    fitted = associate_rows(frame, exposure(frame, TK1, cut=cut), TK1, model, groups=groups, order=order, **more)
    rows = result_table(fitted.rows)
    return rows[rows["estimand"].str.contains("hazard ratio")].reset_index(drop=True)


def beside(frame, cut=None):
    """The rows that stand beside the hazard ratios."""
    model = Model(strata=("liver",), adjust=("arm",), permutations=0)
    rows = result_table(associate_rows(frame, exposure(frame, TK1, cut=cut), TK1, model, groups="cohort", order=COHORTS).rows)
    return rows[~rows["estimand"].str.contains("hazard ratio")]


def test_every_hazard_ratio_has_its_test_of_proportional_hazards_beside_it(frame):
    rows = beside(frame)
    rows = rows[rows["estimand"] == "proportional hazards test"]
    assert rows["cohort"].tolist() == ["ER+", "ER-", "all"]
    one = frame[frame["cohort"] == "ER+"].assign(x=np.log2(frame["value"]))
    zph = cox(one, "time", "event", ["x", "arm"], strata="liver").zph()
    assert rows["p_value"].iloc[0] == pytest.approx(zph["p_value"].iloc[0], rel=1e-9)


def test_two_classes_have_their_difference_in_days_beside_them(frame):
    rows = beside(frame, 200)
    days = rows[rows["estimand"] == "restricted mean survival difference"]
    assert days["cohort"].tolist() == ["ER+", "ER-", "all"]
    assert days["p_value"].isna().all()
    one = frame[frame["cohort"] == "ER+"]
    groups = [one[one["value"] < 200], one[one["value"] >= 200]]
    tau = min(g["time"].max() for g in groups)
    low, high = (kaplan_meier(g, "time", "event").rmst(tau)["rmst"].iloc[0] for g in groups)
    assert days["estimate"].iloc[0] == pytest.approx(high - low, rel=1e-9)
    assert f"to day {tau:g}" in days["note"].iloc[0]


@pytest.mark.parametrize("marker", ["l2", "high"])
@pytest.mark.parametrize("place", ["ER+", "ER-", "all", "difference", "crude"])
def test_every_row_equals_r(marker, place, frame, expected):
    cut = 200 if marker == "high" else None
    if place == "crude":
        row = table(frame, cut, strata=(), adjust=(), groups=None).iloc[0]
    else:
        row = table(frame, cut).iloc[["ER+", "ER-", "all", "difference"].index(place)]
    r = expected[f"{marker} {place}"]
    assert (row["n"], row["n_events"]) == (r["n"], r["n_events"])
    assert math.log(row["estimate"]) == pytest.approx(r["coef"], abs=1e-9)
    assert row["std_error"] == pytest.approx(r["std_error"], rel=1e-9)
    assert math.log(row["conf_low"]) == pytest.approx(r["low"], abs=1e-8)
    assert math.log(row["conf_high"]) == pytest.approx(r["high"], abs=1e-8)
    assert row["statistic"] == pytest.approx(r["statistic"], abs=1e-8)
    assert row["p_value"] == pytest.approx(r["p_value"], rel=1e-8)


def test_the_columns_are_those_of_the_interface(frame):
    assert tuple(table(frame).columns) == RESULT_COLUMNS


def test_an_unknown_column_cannot_be_written():
    with pytest.raises(KeyError, match="hazardratio"):
        result_row(hazardratio=1.0)


def test_a_cohort_analysed_alone_gives_the_row_of_the_joint_run(frame):
    joint = table(frame, permutations=199)
    for i, cohort in enumerate(COHORTS):
        alone = table(frame[frame["cohort"] == cohort], order=(cohort,), permutations=199)
        pd.testing.assert_series_equal(alone.iloc[0], joint.iloc[i], check_names=False)


def test_rows_keep_the_order_of_the_design(frame):
    assert table(frame)["cohort"].tolist() == ["ER+", "ER-", "all", "all"]
    assert table(frame, order=COHORTS[::-1])["cohort"].tolist() == ["ER-", "ER+", "all", "all"]


def test_reversing_the_cohorts_inverts_their_ratio(frame):
    forth, back = table(frame).iloc[-1], table(frame, order=COHORTS[::-1]).iloc[-1]
    assert forth["estimate"] * back["estimate"] == pytest.approx(1, rel=1e-9)
    assert forth["p_value"] == pytest.approx(back["p_value"], rel=1e-8)


def test_shuffling_rows_and_changing_the_unit_of_the_marker_change_nothing(frame):
    shuffled = frame.sample(frac=1, random_state=3)
    scaled = frame.assign(value=frame["value"] * 1000)
    for other in (shuffled, scaled):
        a, b = table(frame), table(other)
        for column in ("estimate", "conf_low", "conf_high", "p_value", "detectable"):
            np.testing.assert_allclose(a[column], b[column], rtol=1e-8)


def test_a_cohort_without_subjects_keeps_its_place_with_a_reason(frame):
    rows = table(frame[frame["cohort"] == "ER+"])
    assert rows.loc[1, "n"] == 0
    assert rows.loc[1, "note"].startswith("descriptive only: 0 events among 0")
    assert "marker:cohort" not in rows["term"].tolist()


def test_a_constant_arm_is_left_out_and_named(frame):
    one_arm = frame.assign(arm=np.where(frame["cohort"] == "ER-", "T-DM1", frame["arm"]))
    row = table(one_arm).iloc[1]
    assert "arm is constant here (T-DM1)" in row["note"]
    assert "arm" not in row["model"]


def test_an_interaction_gives_subgroups_and_the_ratio_that_decides(frame):
    rows = table(frame, interaction="arm")
    er_plus = rows[(rows["cohort"] == "ER+")]
    assert er_plus["term"].tolist() == ["tk1_dul", "tk1_dul", "tk1_dul", "marker:arm"]
    assert er_plus["contrast"].iloc[1].endswith("in T-DM1")
    assert "never a claim by itself" in er_plus["note"].iloc[1]
    assert er_plus["estimand"].iloc[3] == "ratio of hazard ratios"


def test_a_class_without_events_is_descriptive_and_one_without_a_maximum_is_not_a_number(frame):
    rare = frame.assign(value=np.where(frame["subject"].isin(frame["subject"].head(6)), 500.0, 50.0),
                        event=np.where(frame["subject"].isin(frame["subject"].head(6)), 0, frame["event"]))
    row = table(rare, 200).iloc[2]
    assert math.isnan(row["estimate"])
    assert row["note"].startswith("descriptive only: 0 events in 6")


def test_a_marker_that_orders_every_event_is_said_to_be_infinite():
    n = 40
    perfect = pd.DataFrame({"subject": range(n), "cohort": "ER+", "time": np.arange(1, n + 1), "event": 1,
                            "value": 2.0 ** (n - np.arange(n)), "c": 0.0, "censor": "none"})
    row = table(perfect, strata=(), adjust=(), order=("ER+",)).iloc[0]
    assert not row["finite"]
    assert math.isnan(row["estimate"])
    assert "flag: not estimable" in row["note"]
    assert np.isfinite(row["conf_low"]) != np.isfinite(row["conf_high"])


def test_detectable_hazard_ratios_use_the_events_and_the_variance_that_is_left(frame):
    row = table(frame, strata=(), adjust=(), groups=None).iloc[0]
    sd = np.log2(frame["value"]).std(ddof=0)
    assert row["detectable"] == pytest.approx(math.exp((1.959964 + 0.841621) / math.sqrt(row["n_events"]) / sd), rel=1e-6)


def test_a_marker_constant_in_one_arm_is_a_row_with_its_reason_and_never_stops_the_plan(frame):
    """Vimentin is zero in most patients: in some trials it is zero in a whole arm."""
    flat = frame.assign(value=np.where(frame["arm"] == "T-DM1", frame["value"], 1.0))
    rows = table(flat, interaction="arm")
    asked = rows[rows["term"] == "marker:arm"]
    assert len(asked) == 3
    assert asked["note"].str.contains("the marker is constant in T-DM1 \\+ abemaciclib").all()
    assert asked["p_value"].isna().all()


def test_a_marker_that_repeats_an_adjuster_is_a_row_with_its_reason(frame):
    same = frame.assign(value=np.where(frame["arm"] == "T-DM1", 50.0, 500.0))
    row = table(same, 200, groups=None).iloc[0]
    assert np.isnan(row["estimate"])
    assert row["note"].startswith("descriptive only: ")
    assert "_marker" not in row["note"]
    by_cohort = table(same, 200)
    assert by_cohort["estimate"].isna().all()      # the difference between cohorts too: it would be the arm's
    assert by_cohort["note"].str.match("descriptive only: .*cannot be told apart").all()


def test_a_marker_that_its_strata_hold_already_is_a_row_with_its_reason(frame):
    same = frame.assign(value=np.where(frame["liver"] == 1, 500.0, 50.0))
    row = table(same, adjust=(), groups=None).iloc[0]
    assert np.isnan(row["estimate"])
    assert row["note"].startswith("descriptive only: ")


def test_terms_that_one_group_cannot_tell_apart_are_descriptive_there_and_count_once_in_the_difference():
    from biomarkers.models.several_terms import associate_terms

    rng = np.random.default_rng(4)
    n = 240
    below = (rng.random(n) < 0.5).astype(float)
    cohort = np.repeat(["A", "B"], n // 2)
    amount = np.where(cohort == "B", 1 - below, rng.normal(size=n))      # in B the amount says nothing that `below` does not
    rows = pd.DataFrame({"cohort": cohort, "time": rng.exponential(size=n), "event": 1})
    terms = {"below": (below, "below the limit"), "amount": (amount, "per doubling")}
    fitted = associate_terms(rows, terms, "tk1", MARKERS["tk1_dul"], Model(), groups="cohort", order=("A", "B"))
    notes = {(row["cohort"], row["term"]): row["note"] for row in fitted.rows}
    assert notes["B", "tk1"] == "descriptive only: in these rows below and amount cannot be told apart"
    assert notes["all", "marker:cohort"] == "1 degrees of freedom"      # of two products, the strata hold one
    assert {row["cohort"] for row in fitted.rows if row["p_value"] == row["p_value"]} == {"A", "all"}


def test_several_terms_name_the_adjuster_that_was_constant_in_a_cohort():
    from biomarkers.models.several_terms import associate_terms

    rng = np.random.default_rng(5)
    n = 200
    below = (rng.random(n) < 0.5).astype(float)
    cohort = np.repeat(["A", "B"], n // 2)
    arm = np.where((cohort == "B") & (rng.random(n) < 0.5), "test", "control")
    rows = pd.DataFrame({"cohort": cohort, "arm": arm, "time": rng.exponential(size=n), "event": 1})
    terms = {"below": (below, "below the limit"), "amount": (rng.normal(size=n), "per doubling")}
    fitted = associate_terms(rows, terms, "tk1", TK1, Model(adjust=("arm",)), groups="cohort", order=("A", "B"))
    said = {row["cohort"]: row["note"] for row in fitted.rows if row["term"] == "tk1"}
    assert said == {"A": "arm is constant here (control) and was left out", "B": "", "all": ""}
