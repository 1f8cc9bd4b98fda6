"""Serial markers of a study: features by hand, refusals by construction, MRD semantics, and INSPIRE's cycle 3."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import Refused, UseError
from biomarkers.domain.flow import FLOW
from biomarkers.domain.markers import MARKERS
from biomarkers.models.features import FEATURES, feature, with_feature
from biomarkers.models.immortal_time import FUTURE, refuse_known_later
from biomarkers.models.mrd_definitions import (
    Calls,
    calls,
    lead_summary,
    moves,
    one_call_of_a_day,
    rates,
    sustained_clearance,
)
from biomarkers.models.over_time import lanes
from biomarkers.plan.plan import Plan
from biomarkers.study.landmark_draws import BASELINE, KnownAt, at_risk, known_at, visit_landmark

ROOT = Path(__file__).resolve().parents[2]
WEEK6 = bm.Landmark(day=49, visit=bm.Visit("week6", 42, (-7, 7)))


@pytest.fixture(scope="module")
def br():
    return bm.load_example("br1801")


@pytest.fixture(scope="module")
def stop():
    return bm.load_example("stop_her2")


def pairs(*cases, lod=20.0):
    """Subjects with (baseline, now); a negative number is a value below that limit, None no draw."""

    def side(value):
        if value is None:
            return {"value": np.nan, "status": pd.NA, "censor": pd.NA, "lost": "no_measurement"}
        if value < 0:
            return {"value": -value, "status": "below", "censor": "left", "lost": ""}
        return {"value": float(value), "status": "measured", "censor": "none", "lost": ""}

    rows = []
    for i, (then, now) in enumerate(cases):
        first, last = side(then), side(now)
        row = {"subject": f"s{i}", "c": 0.0, "lower": np.nan, "upper": np.nan, "lod": lod, "draw_day": 42.0, "specimen": "t",
               "n_reads": 1, "known_from": 49.0, "detail": "", "value_age": 7.0, **last}  # fmt: skip
        row |= {f"baseline_{c}": {"c": 0.0, "lod": lod, "detail": "", "draw_day": 0.0}.get(c, pd.NA) for c in BASELINE}
        row |= {f"baseline_{k}": v for k, v in first.items()}
        rows.append(row)
    values = pd.DataFrame(rows)
    history = pd.concat([
        values[["subject", "c", "censor", "lod", "status"]].assign(day=0.0, value=values["baseline_value"]),
        values[["subject", "c", "censor", "lod", "status", "value"]].assign(day=28.0),
    ]).dropna(subset="value")  # fmt: skip
    return KnownAt(values, history, WEEK6)


def asked(name, known, marker="tk1_dul", cut=None):
    values, found = with_feature(known, MARKERS[marker], feature(name), cut=cut)
    return values, found


# -- features by hand ------------------------------------------------------------------------------------------------------
def test_a_change_is_on_log2_and_contains_a_limit_where_the_value_lies_below_it():
    values, found = asked("change", pairs((100, 50), (100, -20), (-20, 50), (None, 50)))
    np.testing.assert_allclose(found.x[:2], [-1.0, math.log2(0.2)])
    assert found.censor.tolist()[:2] == [0, -1]
    assert values["lost"].tolist() == ["", "", "not_evaluable", "no_baseline"]
    assert values["detail"].iloc[2] == "baseline not detected"


@pytest.mark.parametrize("name", ["change", "ratio", "percent_change", "drop50", "cleared"])
def test_nothing_becomes_a_number_from_an_undetected_baseline(name):
    values, found = asked(name, pairs((-20, 50), (-20, -20)))
    assert values["lost"].tolist() == ["not_evaluable"] * 2
    assert np.isnan(found.x).all()


def test_any_decrease_knows_what_not_detected_means():
    values, found = asked("decrease", pairs((100, 50), (50, 100), (100, -20), (-20, 100), (-20, -20)), "ctdna_mtm")
    assert found.x.tolist()[:4] == [1.0, 0.0, 1.0, 0.0]
    assert values["lost"].tolist()[4] == "not_evaluable"


def test_a_drop_of_half_needs_a_limit_below_half():
    values, found = asked("drop50", pairs((100, 50), (100, 51), (100, -50), (100, -51)))
    assert found.x.tolist()[:3] == [1.0, 0.0, 1.0]
    assert values["detail"].iloc[3] == "the limit of detection lies above the cut"


def test_a_confirmed_drop_needs_a_second_draw():
    known = pairs((100, 40), (100, 40), (100, 80), (100, 40))
    first = known.history[known.history["day"] == 28]
    second = first[first["subject"].isin(["s1", "s2", "s3"])].assign(day=42.0, value=[30.0, 30.0, 70.0])
    values, found = asked("drop50_confirmed", replace(known, history=pd.concat([known.history, second])))
    assert values["detail"].iloc[0] == "no second draw to confirm it"
    assert found.x.tolist()[1:] == [1.0, 0.0, 0.0]


def test_a_ctdna_ratio_needs_its_prespecified_cut():
    with pytest.raises(UseError, match="prespecified cut"):
        asked("cdr", pairs((100, 30)))
    assert asked("cdr", pairs((100, 30), (100, 60)), cut=0.5)[1].x.tolist() == [1.0, 0.0]


def test_clearance_and_status_never_share_a_name():
    cleared = asked("cleared", pairs((100, -20), (100, 50), (-20, -20)))
    status = asked("detected", pairs((100, -20), (100, 50), (-20, -20), (None, 30)))
    assert cleared[0]["lost"].tolist() == ["", "", "not_evaluable"]
    assert cleared[1].x.tolist()[:2] == [1.0, 0.0]
    assert status[1].x.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert (status[0]["lost"] == "").all()


def test_the_four_groups_of_ctc_are_cut_at_five():
    _, found = asked("trajectory", pairs((4, 4), (5, 4), (4, 5), (9, 9)), "ctc")
    assert found.x.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert found.classes[1] == "positive, then negative"


def test_a_slope_is_the_line_through_two_draws():
    _, found = asked("slope", pairs((100, 200), (100, 25)))
    np.testing.assert_allclose(found.x, [1.0, -2.0])


def test_a_ratio_is_cut_at_a_declared_share_only():
    _, found = asked("ratio", pairs((100, 30), (100, 60)), cut=0.5)
    assert found.x.tolist() == [1.0, 0.0]
    with pytest.raises(UseError, match="share"):
        asked("ratio", pairs((100, 30)), cut=40)


def test_every_feature_has_a_version_and_gives_each_subject_a_value_or_a_reason():
    cases = pairs(*[(a, b) for a in (100, -20, None) for b in (50, -20, None)])
    for chosen in FEATURES.values():
        assert chosen.definition.split("_v")[-1].isdigit()
        values, found = with_feature(cases, MARKERS["tk1_dul"], chosen, cut=0.5 if chosen.name == "cdr" else None)
        assert np.isfinite(found.x[(values["lost"] == "").to_numpy()]).all()
        assert set(values["lost"]) <= {*FLOW, ""}


def test_an_unknown_feature_names_the_nearest():
    with pytest.raises(UseError, match="did you mean 'change'"):
        feature("chnge")


# -- the landmark of a study -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("marker", ["tk1_dul", "ctdna_mtm", "ctc", "pbmc_nk"])
def test_moving_every_later_specimen_changes_no_landmark_value(br, marker):
    own = br.design.marker(marker)
    before = known_at(br, own, WEEK6).values
    specimens = br.specimens
    day = pd.to_numeric(specimens["collection_day"]).astype("Float64")
    moved = specimens.assign(collection_day=day.where(~(day > 49).fillna(False), day + 500))
    after = known_at(replace(br, tables={**br.tables, "specimens": moved}), own, WEEK6).values
    pd.testing.assert_frame_equal(before, after)


def test_every_subject_of_the_study_is_in_exactly_one_category_by_cohort_and_arm(br):
    found = bm.associate(br, "ctdna_mtm", at="week6", feature="change", permutations=0)
    assert found.flow["n_excluded"].sum() + len(found.sets) == 114
    assert {"cohort", "arm", "reason"} <= set(found.flow)
    assert set(found.sets.rows["subject"]).isdisjoint(found.sets.excluded())


def test_a_progression_tube_is_never_the_value_of_a_landmark(br):
    own = br.design.marker("tk1_dul")
    values = known_at(br, own, bm.Landmark(day=200, max_age=math.inf)).values
    tubes = br.specimens.set_index("specimen")["reason_for_draw"]
    assert "progression" not in set(values["specimen"].dropna().map(tubes))


def test_at_risk_is_strictly_after_the_landmark(br):
    values = known_at(br, br.design.marker("ctc"), WEEK6).values
    outcome = br.outcome("pfs").set_index("subject")["time"]
    day = int(outcome.iloc[0])
    subject = outcome.index[0]
    lost = at_risk(br, values, "pfs", day).set_index("subject").loc[subject, "lost"]
    assert lost in ("event_at_or_before_landmark", "censored_at_or_before_landmark")


def test_the_model_of_a_change_contains_the_baseline_and_every_row_says_its_definition(br):
    found = bm.associate(br, "ctc", at="week6", feature="change", permutations=0)
    assert "baseline" in found.fits["all"].table["term"].tolist()
    rows = found.table[(found.table["estimand"] == "hazard ratio")]
    assert rows["note"].str.contains("change_v1").all()
    assert (found.table["timing"] == "landmark day 49, draw of week6 (days 35 to 49)").all()


def test_a_marker_that_the_drug_moves_is_detected_yes_or_no_and_flagged(br):
    found = bm.associate(br, "tk1_dul", at="week6", permutations=0)
    first = found.table.iloc[0]
    assert first["contrast"] == "detected against not detected"
    assert "moved by the drug itself" in first["note"]


def test_days_stand_beside_the_hazard_ratio_of_a_number(br):
    found = bm.associate(br, "ctdna_mtm", at="week6", feature="change", permutations=0).table
    days = found[found["estimand"] == "restricted mean survival difference"]
    assert days["cohort"].tolist() == ["ER+", "all"]  # ER- is descriptive: no hazard ratio, nothing beside it
    assert days["p_value"].isna().all()
    assert days["note"].str.contains("not a test").all()


def test_values_below_the_limit_are_imputed_and_the_share_is_printed(br):
    found = bm.associate(br, "ctdna_mtm", at="week6", by="arm", permutations=0).table
    ratios = found[found["estimand"] == "hazard ratio"]
    assert (ratios["method"] == "multiple imputation (m = 20), Rubin's t").all()
    assert ratios["note"].str.contains(r"4 of 68 values below the limit \(6%\)").all()
    again = bm.associate(br, "ctdna_mtm", at="week6", by="arm", permutations=0).table
    pd.testing.assert_frame_equal(found, again)
    other = bm.associate(br, "ctdna_mtm", at="week6", by="arm", permutations=0, seed=1).table
    assert other["estimate"].iloc[2] != found["estimate"].iloc[2]  # T-DM1 alone has no value below the limit
    assert other["estimate"].iloc[0] == found["estimate"].iloc[0]


def test_two_terms_are_tested_together(br):
    found = bm.associate(br, "tk1_dul", at="week6", feature="change", permutations=0).table
    pooled = found[found["cohort"] == "all"]
    joint = pooled[pooled["estimand"] == "joint test"].iloc[0]
    assert 0 < joint["p_value"] < 1
    assert pooled.loc[pooled["term"].str.endswith(("[detected]", "[level]")), "p_value"].isna().all()


def test_a_genotype_has_no_landmark(br):
    with pytest.raises(UseError, match="the same on every day"):
        bm.associate(br, "fcgr3a_158", at="week6")


def test_both_doors_give_the_same_rows(br, tmp_path):
    text = (
        'title = "t"\npermutations = 0\n[[analysis]]\nid = "a"\nmarker = "ctdna_mtm"\nfeature = "change"\n'
        'at = { day = 49, visit = "week6" }\nseed = 0\n'
    )
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    planned = Plan.read(path).run(br).table
    asked_ = bm.associate(br, "ctdna_mtm", at="week6", feature="change", permutations=0).table
    columns = ["cohort", "term", "estimate", "conf_low", "conf_high", "n", "n_events", "timing"]
    pd.testing.assert_frame_equal(planned[columns], asked_[columns])


# -- refusals --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*FUTURE, *(f for f in FEATURES if f != "value")])
def test_what_is_known_later_is_refused_from_time_zero_with_its_error_and_the_call_to_use(br, name):
    with pytest.raises(Refused) as refused:
        bm.associate(br, "ctdna_mtm", feature=name, cut=0.5 if name == "cdr" else None)
    said = str(refused.value)
    assert "simulated trials (n = 64, nominal 5%)" in said
    assert "Instead: bm.associate(study, " in said
    assert "i_know_this_is_immortal_time=True" in said


@pytest.mark.parametrize("name", FUTURE)
def test_at_a_landmark_too_nothing_looks_over_all_draws(br, name):
    with pytest.raises(Refused, match="after the landmark"):
        bm.associate(br, "ctdna_mtm", at="week6", feature=name)


@pytest.mark.parametrize("name", ["ever_detected", "change"])
def test_the_override_stamps_every_row(br, name):
    found = bm.associate(br, "tk1_dul", feature=name, i_know_this_is_immortal_time=True, permutations=0)
    assert found.table["note"].str.contains("flag: override immortal_time").all()


@pytest.mark.parametrize("column", ["ever_cleared", "best_change", "time_to_clearance"])
def test_a_column_gathered_over_follow_up_is_no_covariate(br, column):
    with pytest.raises(Refused, match="knows who lived longer"):
        bm.associate(br, "stil", adjust=("arm", column))


def test_a_baseline_window_after_time_zero_is_refused(br):
    later = replace(br.design.marker("tk1_dul"), window=(-28, 21))
    study = replace(br, design=replace(br.design, markers={**br.design.markers, "tk1_dul": later}))
    with pytest.raises(Refused, match=r"window = \[-28, 0\]"):
        bm.associate(study, "tk1_dul")


def test_both_arms_without_arm_in_the_model_are_refused_on_treatment(br):
    for call in (
        lambda: bm.associate(br, "ctc", at="week6", adjust=()),
        lambda: bm.supermodel(br, "ctc", landmarks=[42, 56], window=84, max_age=56, adjust=()),
        lambda: bm.time_dependent(br, "ctc", max_age=84, adjust=()),
    ):
        with pytest.raises(Refused, match="without arm"):
            call()


def test_a_landmark_before_the_last_admissible_draw_does_not_exist(br, tmp_path):
    with pytest.raises(UseError, match="look ahead"):
        bm.Landmark(day=42, visit=bm.Visit("week6", 42, (-7, 7)))
    path = tmp_path / "plan.toml"
    text = 'title = "t"\n[[analysis]]\nid = "a"\nmarker = "ctc"\nat = { day = 42, visit = "week6" }\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(bm.PlanError) as refused:
        Plan.read(path).against(br)
    assert "look ahead" in str(refused.value)
    assert "simulated trials" in str(refused.value)
    assert 'at="week6"' in str(refused.value)


def test_a_subject_in_two_cohorts_is_refused():
    people = pd.DataFrame({"subject": ["a", "a"], "cohort": ["ER+", "ER-"], "time": 9, "event": 1})
    draws = pd.DataFrame({"subject": ["a"], "day": [0], "value": [1.0]})
    with pytest.raises(UseError, match="listed twice"):
        bm.landmark_set(people, draws, day=1, max_age=5)


def test_cohorts_that_patients_chose_are_no_effect(stop):
    with pytest.raises(Refused, match="chose their cohort"):
        bm.time_dependent(stop, "mrd", max_age=126, by=None, adjust=["cohort"])


def test_no_value_enters_that_was_not_known_when_the_clock_started(br):
    values = known_at(br, br.design.marker("ctc"), WEEK6).values
    with pytest.raises(Refused, match="known only later"):
        refuse_known_later(values, br.design.marker("ctc"), 0.0)
    refuse_known_later(values, br.design.marker("ctc"), 49.0)


# -- serial models of a study ----------------------------------------------------------------------------------------------
def test_three_estimands_stand_side_by_side_with_subjects_rows_and_events(br):
    found = bm.compare(br, "ctc", at="week6", landmarks=[42, 56], window=84, max_age=56)
    assert found.table["analysis"].unique().tolist() == ["landmark", "supermodel", "time-dependent"]
    assert (found.table["n_rows"] >= found.table["n_subjects"]).all()
    assert found.table["describes"].str.len().gt(10).all()


def test_events_are_counted_once_however_many_landmarks_see_them(br):
    found = bm.supermodel(br, "ctc", landmarks=range(28, 99, 14), window=84, max_age=56)
    total = found.table[found.table["estimand"] == "test of constancy"].iloc[-1]
    assert total["n_events"] <= total["n"] <= 114


def test_a_missing_stratum_and_a_missing_draw_stand_on_one_ledger(br):
    people = br.subjects.assign(liver_mets=br.subjects["liver_mets"].where(br.subjects["subject"] != "BR-002"))
    study = replace(br, tables={**br.tables, "subjects": people})
    for found in (
        bm.supermodel(study, "ctc", landmarks=[42, 56], window=84, max_age=56),
        bm.time_dependent(study, "ctc", max_age=84, lags=()),
    ):
        ledger = found.sets.ledger.set_index("subject")["reason"]
        assert ledger["BR-002"] == "missing_covariate"
        assert found.flow["n_excluded"].sum() + len(found.sets) == 114


def test_the_lags_stand_beside_the_current_value(br):
    found = bm.time_dependent(br, "ctdna_mtm", max_age=84)
    assert found.table["note"].str.contains("sensitivity: lag").sum() == 3
    audit = found.audit.set_index("what")
    assert audit.loc["analysed: rows", "n_events"] == found.table.loc[found.table["cohort"] == "all", "n_events"].iloc[0]


# -- MRD -------------------------------------------------------------------------------------------------------------------
def states(*days_and_calls):
    day, call = zip(*days_and_calls, strict=True)
    return pd.DataFrame({"subject": "a", "cohort": "stop", "day": np.array(day, float), "positive": np.array(call, float)})


def test_positive_is_not_absorbing_and_dates_are_intervals():
    found = moves(states((0, 0), (42, 1), (84, 0), (126, 0)))
    assert found["move"].tolist() == ["conversion", "reversion"]
    assert found[["after", "until"]].to_numpy().tolist() == [[0, 42], [42, 84]]


def test_sustained_clearance_is_known_from_the_kth_negative():
    assert sustained_clearance(states((0, 1), (42, 0), (84, 0)))["known_from"].tolist() == [84]
    assert sustained_clearance(states((0, 1), (42, 0), (84, 1))).empty
    assert sustained_clearance(states((0, 0), (42, 0), (84, 0))).empty  # never positive: nothing was cleared


def test_a_conversion_rate_has_person_time_below_it():
    found = rates(states((0, 0), (30.4375, 0), (60.875, 1), (91.3125, 0))).set_index("move")
    assert found.loc["conversion", ["n", "subject_months"]].tolist() == [1, 2.0]
    assert found.loc["reversion", ["n", "subject_months"]].tolist() == [1, 1.0]
    assert found.loc["conversion", "conf_low"] < 50 < found.loc["conversion", "conf_high"]


def test_a_draw_on_the_last_day_is_in_time_unless_that_day_is_the_event(stop):
    """Days of follow-up moved to a draw each: the same verdict among the states of MRD and in the lanes."""
    drawn = lanes(stop).query("mark in ('detected', 'not detected') and day > 0 and not late").drop_duplicates("subject")
    last = drawn.set_index("subject")["day"]
    for event, late in ((0, False), (1, True)):
        outcomes = stop.tables["outcomes"]
        mine = (outcomes["endpoint"] == "pfs") & outcomes["subject"].isin(last.index)
        moved = outcomes.assign(
            time=outcomes["time"].mask(mine, outcomes["subject"].map(last).fillna(0).astype(outcomes["time"].dtype)),
            event=outcomes["event"].mask(mine, event),
        )
        study = replace(stop, tables={**stop.tables, "outcomes": moved})
        calls_then = calls(study, study.design.marker("mrd"), "pfs").rows
        there = calls_then[calls_then["day"] == calls_then["subject"].map(last)]
        assert set(there["role"]) == {"after the end" if late else "state"}
        shown = lanes(study).query("mark in ('detected', 'not detected')")
        assert set(shown[shown["day"] == shown["subject"].map(last)]["late"]) == {late}
        beyond = calls_then[calls_then["day"] > calls_then["time"]]
        assert set(beyond["role"]) <= {"after the end", "progression"}
        assert len(there) == len(last) > 50


def test_mrd_counts_what_is_not_evaluable_and_never_calls_it_negative(stop):
    found = bm.mrd(stop, at="week18", max_age=126, permutations=0)
    blood = stop.blood[stop.blood["marker"] == "mrd"]
    unevaluable = (~blood["call"].isin(["detected", "not_detected"])).sum()
    counted = found.availability[found.availability["call"].str.startswith("not evaluable")]["n"].sum()
    assert counted >= unevaluable > 0
    assert found.calls.states["positive"].isin([0.0, 1.0]).all()
    assert (found.calls.states["day"] < found.calls.states["time"]).all()
    total = found.availability["n"].sum()
    assert list(found.rates["cohort"].unique()) == list(found.availability["cohort"].unique()) == list(stop.design.cohorts)
    assert found.availability["call"].drop_duplicates().tolist()[:2] == ["negative", "positive"]
    assert total == len(blood)


def test_lead_time_stands_beside_the_undetected(stop):
    found = bm.mrd(stop, at="week18", permutations=0)
    lead = found.lead_summary
    assert (lead["detected_before"] + lead["never_detected"] + lead["no_evaluable_draw"] == lead["relapses"]).all()
    assert (lead["never_detected"] > 0).all()
    own = found.lead_times[found.lead_times["outcome"] == "detected before"]
    assert (own["lead_low"] > 0).all()
    assert (own["lead_high"].dropna() >= own["lead_low"][own["lead_high"].notna()]).all()
    assert lead_summary(found.lead_times.iloc[:0], ["stop"])["relapses"].tolist() == [0]


def test_states_sum_to_one_and_restart_is_a_state_of_its_own(stop):
    found = bm.mrd(stop, at="week18", max_age=126, permutations=0)
    occupied = found.state_occupation("stop", origin=42, times=[42, 180, 365])
    np.testing.assert_allclose(occupied.groupby("time")["probability"].sum(), 1.0)
    assert "restarted therapy" in set(occupied["state"])
    assert (occupied.loc[occupied["time"] == 365, "probability"] > 0).all()
    assert set(found.competing["event_type"]) == {"progression or death", "restart"}


def test_several_landmarks_are_several_looks(stop):
    found = bm.mrd(stop, at=["week18", "week30"], permutations=0).table
    tested = found[(found["cohort"] == "all") & (found["estimand"] == "hazard ratio") & found["p_value"].notna()]
    assert len(tested) == 2
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    assert tested["p_adjusted"].min() == pytest.approx(2 * tested["p_value"].min())
    assert tested["note"].str.contains("over 2 landmarks").all()


def test_cohorts_of_stop_her2_are_analysed_separately(stop):
    found = bm.mrd(stop, at=["week6", "week18"], permutations=0)
    assert found.summary["cohort"].tolist() == ["continue", "stop"]
    assert set(found.table["cohort"]) == {"continue", "stop", "all"}
    assert found.status.groupby(["timing", "cohort"], observed=True).size().eq(2).all()


# -- INSPIRE, third-party data where they lie ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def inspire(shared):
    return bm.read_study(ROOT / "tests" / "reference" / "inspire" / "study.toml")


@pytest.fixture(scope="module")
def gold(shared):
    with (shared / "reference/assay/gold.csv").open(encoding="utf-8") as file:
        return {row["analysis"]: row for row in csv.DictReader(file) if row["dataset"] == "inspire_ctdna"}


@pytest.mark.parametrize(
    ("strata", "row"),
    [
        ((), "OS LANDMARK from C3 draw: decrease, unadjusted"),
        (("cohort",), "OS LANDMARK from C3 draw: decrease, strata(cohort)"),
    ],
)
def test_inspire_cycle_3_overall_survival_is_r_s(inspire, gold, strata, row):
    found = bm.associate(inspire, "ctdna_mtm", endpoint="os", at="C3", feature="decrease", clock="draw", by=None, strata=strata,
                         adjust=(), zero="below_limit", permutations=0).table.iloc[0]  # fmt: skip
    expected = gold[row]
    assert (found["n"], found["n_events"]) == (int(expected["n"]), int(expected["events"]))
    assert math.log(found["estimate"]) == pytest.approx(math.log(float(expected["hr"])), abs=1e-6)


def test_inspire_cycle_3_progression_on_the_draw_day_is_no_follow_up(inspire):
    found = bm.associate(inspire, "ctdna_mtm", endpoint="pfs", at="C3", feature="decrease", clock="draw", by=None,
                         strata=("cohort",), adjust=(), zero="below_limit", permutations=0)  # fmt: skip
    row = found.table.iloc[0]
    assert (row["n"], row["n_events"]) == (70, 59)
    assert row["estimate"] == pytest.approx(0.3335, abs=5e-5)
    assert len(found.sets.excluded("draw_on_or_after_event")) == 3


def test_the_week_of_a_visit_is_its_window_s_end(br):
    assert visit_landmark(br.design.visit("week6")).day == 49


def test_a_serial_result_shows_its_hazard_ratios_under_their_landmarks_and_nothing_else():
    import biomarkers as bm

    found = bm.mrd(bm.load_example("stop_her2"))
    said = repr(found)
    ratios = found.table[found.table["estimand"] == "hazard ratio"]
    shown = [line for line in said.splitlines() if line.strip().startswith(("continue ", "stop ", "Pooled"))]
    assert len(shown) == len(ratios)
    assert all(said.count(str(timing)) == 1 for timing in ratios["timing"].unique())
    assert "subjects ever drawn positive" in said
    assert "_" not in said.splitlines()[0]


def test_two_calls_of_one_day_are_one_where_they_agree_and_never_averaged_where_they_differ():
    table = pd.DataFrame({"subject": list("aabb"), "cohort": "stop", "day": 42.0, "role": "state",
                          "positive": [1.0, 1.0, 0.0, 1.0]})
    with pytest.raises(UseError, match="2 subjects have two evaluable calls on one day; first 'a', day 42"):
        one_call_of_a_day(Calls(table), "error")
    for rule in ("mean", "median"):
        with pytest.raises(UseError, match=r"1 subjects have two .* first 'b'.* calls have no average"):
            one_call_of_a_day(Calls(table), rule)
        assert one_call_of_a_day(Calls(table.head(2)), rule)["positive"].tolist() == [1.0]
    assert one_call_of_a_day(Calls(table), "first")["positive"].tolist() == [1.0, 0.0]
    assert one_call_of_a_day(Calls(table), "last")["positive"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("rule", ["mean", "median", "first", "last"])
def test_a_rule_for_replicates_in_the_study_serves_every_serial_model(br, rule):
    blood = br.tables["blood"]
    ctc = blood[blood["marker"] == "ctc"].dropna(subset=["value"])
    specimens = br.tables["specimens"]
    tubes = specimens[specimens["specimen"].isin(ctc["specimen"]) & (specimens["collection_day"] > 0)].head(1)
    twin = ctc[ctc["specimen"] == tubes["specimen"].iloc[0]]
    twice = {"blood": pd.concat([blood, twin.assign(specimen="TWIN")]),
             "specimens": pd.concat([specimens, tubes.assign(specimen="TWIN")])}
    study = replace(br, tables={**br.tables, **twice}, replicates={**br.replicates, "blood": rule})
    given = {"max_age": 84, "lags": ()}
    doubled, plain = (bm.time_dependent(s, "ctc", **given).table["estimate"] for s in (study, br))
    np.testing.assert_allclose(doubled, plain, rtol=1e-9)       # the twin says what its tube says, whatever the rule


@pytest.fixture(scope="module")
def told_by_arm(br):
    """A marker that says nothing but the arm."""
    blood = br.tables["blood"]
    arm = blood["subject"].map(br.subjects.set_index("subject")["arm"])
    ctc = blood["marker"] == "ctc"
    same = blood.assign(value=blood["value"].mask(ctc, np.where(arm == "T-DM1", 1.0, 7.0)),
                        status=blood["status"].mask(ctc, "measured"), censor=blood["censor"].mask(ctc, "none"))
    return replace(br, tables={**br.tables, "blood": same})


@pytest.mark.parametrize("terms", [{}, {"strata": ["arm"], "adjust": ()}])
def test_a_serial_marker_that_repeats_another_term_is_a_row_with_its_reason(told_by_arm, terms):
    current = bm.time_dependent(told_by_arm, "ctc", max_age=84, lags=(), **terms).table
    stacked = bm.supermodel(told_by_arm, "ctc", landmarks=[28, 42], window=84, max_age=56, effect="constant", **terms).table
    for table in (current, stacked):
        assert table["estimate"].isna().all()
        assert table["p_value"].isna().all()
        assert table["note"].str.match("descriptive only: .*cannot be told apart").all()


def test_a_landmark_that_nobody_reaches_leaves_a_row_with_its_reason(br):
    table = bm.supermodel(br, "ctc", landmarks=[28, 900], window=84, max_age=56).table
    assert table["note"].str.startswith("descriptive only").all()
    assert "constant" in table.set_index("cohort").loc["all", "note"]
    with pytest.raises(UseError, match="effect 'cubic' is not one of constant, linear, quadratic"):
        bm.supermodel(br, "ctc", landmarks=[28, 900], window=84, max_age=56, effect="cubic")
