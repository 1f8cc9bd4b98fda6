"""A study's endpoints are those of its rows; nobody is lost; standing at a cut is what a recount gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers import trial
from biomarkers.domain.errors import Refused, UseError
from biomarkers.kernels.logrank import logrank
from biomarkers.models.results_table import RESULT_COLUMNS
from biomarkers.trial.decisions import cut_back
from biomarkers.trial.endpoints import analysed

DESIGNS = Path(__file__).resolve().parents[2] / "sample_data" / "designs"


@pytest.fixture(scope="module")
def br1801():
    return bm.load_example("br1801")


@pytest.fixture(scope="module")
def stop_her2():
    return bm.load_example("stop_her2")


@pytest.fixture(scope="module")
def designs():
    return {name: trial.read_design(DESIGNS / f"{name}.toml") for name in ("br1801", "stop_her2")}


def with_tables(study, **tables):
    return replace(study, tables=study.tables | tables)


def test_the_table_has_the_columns_of_the_result_table(br1801, designs):
    assert list(trial.endpoint_table(br1801, design=designs["br1801"]).columns) == list(RESULT_COLUMNS)


def test_the_primary_test_of_each_cohort_is_a_recount(br1801, designs):
    table = trial.endpoint_table(br1801, design=designs["br1801"], endpoints=["pfs"])
    people = br1801.subjects.merge(br1801.outcomes[br1801.outcomes["endpoint"] == "pfs"], on="subject")
    for cohort in ("ER+", "ER-"):
        mine = people[people["cohort"] == cohort]
        arm = (mine["arm"] == "T-DM1 + abemaciclib").astype(int)
        found = logrank(mine["time"].astype(float), mine["event"].astype(int), arm, stratum=pd.factorize(mine["liver_mets"])[0])
        row = table[(table["cohort"] == cohort) & (table["estimand"] == "stratified log-rank z")].iloc[0]
        assert row["estimate"] == pytest.approx(found.z, abs=1e-12)
        assert (row["n"], row["n_events"]) == (len(mine), int(mine["event"].sum()))
    assert list(dict.fromkeys(table["cohort"])) == ["ER+", "ER-"]


def test_the_interval_of_the_trials_own_level_is_there(br1801, designs):
    table = trial.endpoint_table(br1801, design=designs["br1801"], endpoints=["pfs"])
    assert {0.80, 0.95} == set(table[table["estimand"] == "hazard ratio"]["conf_level"].round(10))


def test_the_consort_flow_and_the_table_cannot_disagree(br1801, designs):
    people = br1801.subjects.copy()
    people.loc[people.index[:3], "excluded"] = "not_in_cohort"
    people.loc[people.index[:3], "excluded_why"] = "not eligible"
    study = with_tables(br1801, subjects=people)
    flow = trial.consort(study, endpoints=["pfs"])
    table = trial.endpoint_table(study, design=designs["br1801"], endpoints=["pfs"])
    tests = table[table["estimand"] == "stratified log-rank z"]
    assert flow["n_excluded"].sum() == 3
    assert tests["n"].sum() == flow[flow["reason"] == "included"]["n_left"].sum() == 111
    assert tests["n_excluded"].sum() == 3
    assert tests["n_events"].sum() == flow["n_events"].sum()


def test_a_subject_declared_evaluable_for_another_endpoint_only_is_left_out_with_a_reason(br1801):
    people = br1801.subjects.copy()
    people["evaluable_for"] = ""
    people.loc[people.index[:2], "evaluable_for"] = ["os", "os; pfs"]
    flow = trial.consort(with_tables(br1801, subjects=people))
    gone = flow[flow["reason"] == "not_evaluable"]
    assert gone[["endpoint", "detail", "n_excluded"]].values.tolist() == [["pfs", "not evaluable for pfs", 1]]


def test_cohorts_that_patients_chose_are_not_compared(stop_her2):
    with pytest.raises(Refused) as refused:
        trial.endpoint_table(stop_her2, compare="cohort")
    assert "continue against stop as a treatment effect" in str(refused.value)
    assert "patients chose their cohort" in str(refused.value)


def test_cohorts_of_disease_are_not_compared_either(br1801):
    with pytest.raises(Refused):
        trial.endpoint_table(br1801, compare="cohort")


def test_no_row_of_stop_her2_compares_the_cohorts(stop_her2, designs):
    table = trial.endpoint_table(stop_her2, design=designs["stop_her2"])
    assert "hazard ratio" not in set(table["estimand"])
    assert not table["contrast"].str.contains(" vs ").any()


def test_one_year_pfs_stands_per_cohort_with_its_null_only_where_one_is_stated(stop_her2, designs):
    table = trial.endpoint_table(stop_her2, design=designs["stop_her2"], endpoints=["pfs"])
    primary = table[table["term"] == "primary"]
    binary = primary[primary["method"] == "binary, evaluable, Clopper-Pearson"].set_index("cohort")
    assert np.isnan(binary.loc["continue", "p_value"])
    assert 0 < binary.loc["stop", "p_value"] < 1
    outcome = stop_her2.outcomes[stop_her2.outcomes["endpoint"] == "pfs"].merge(stop_her2.subjects, on="subject")
    mine = outcome[outcome["cohort"] == "stop"]
    failed = (mine["event"] == 1) & (mine["time"] <= 365)
    evaluable = failed | (mine["time"] >= 365)
    assert binary.loc["stop", "n"] == evaluable.sum()
    assert binary.loc["stop", "estimate"] == pytest.approx(1 - failed.sum() / evaluable.sum())


def test_restart_without_progression_competes_and_is_counted(stop_her2):
    table = trial.endpoint_table(stop_her2, endpoints=["pfs"])
    competing = table[(table["term"] == "competing") & (table["contrast"] == "restart")].iloc[0]
    assert competing["n_events"] == (stop_her2.outcomes["event_type"] == "restart").sum()
    assert 0 < competing["estimate"] < 0.2


def test_benefit_of_restart_counts_only_those_who_restarted_after_progression(stop_her2, root):
    raw = pd.read_csv(root / "sample_data" / "stop_her2" / "therapy.csv")
    therapy = stop_her2.therapy.drop(columns="clinical_benefit", errors="ignore")
    therapy = therapy.merge(raw[["subject", "clinical_benefit"]], on="subject", how="left")
    table = trial.endpoint_table(with_tables(stop_her2, therapy=therapy), endpoints=["os"])
    row = table[table["term"] == "clinical benefit of restarting after progression"].iloc[0]
    after = raw[raw["reason"] == "restart after progression"]
    assert row["n"] == len(after)
    assert row["estimate"] == pytest.approx((after["clinical_benefit"] == "yes").mean())
    assert "3 restarted without progression" in row["note"]
    clock = table[table["term"] == "overall survival from the restart"]
    assert clock["n"].eq(len(after)).all()


def test_responses_become_rates_by_arm_with_everybody_in_the_denominator(br1801):
    people = br1801.subjects["subject"]
    response = pd.DataFrame({"subject": people[:60], "day": 42, "response": ["PR", "SD", "PD"] * 20, "excluded": pd.NA})
    table = trial.endpoint_table(with_tables(br1801, response=response), endpoints=["pfs"])
    rates = table[(table["endpoint"] == "response") & (table["term"] == "objective response")]
    everybody = rates[rates["method"].str.contains("intention to treat")]
    assert everybody["n"].sum() == 114
    assert everybody["n_events"].sum() == 20
    assert {"risk difference", "odds ratio"} <= set(rates["estimand"])


@pytest.mark.parametrize(("days", "said", "best", "responder", "benefit"), [
    ([42, 84], ["SD", "PR"], "PR", True, True),
    ([42, 84], ["PD", "CR"], "PD", False, False),
    ([42, 84, 168], ["SD", "SD", "SD"], "SD", False, True),
    ([42, 84, 126], ["SD", "SD", "SD"], "SD", False, False),
    ([42], ["NE"], "NE", False, False),
    ([42, 84], ["PR", "CR"], "CR", True, True),
])  # fmt: skip
def test_best_response(days, said, best, responder, benefit):
    frame = pd.DataFrame({"subject": "a", "day": days, "response": said})
    row = trial.best_response(frame, ["a"]).iloc[0]
    assert (row["best"], row["responder"], row["benefit"]) == (best, responder, benefit)


def test_a_confirmed_response_needs_a_second_one_four_weeks_later():
    frame = pd.DataFrame({"subject": ["a", "a", "b", "b"], "day": [42, 60, 42, 84], "response": ["PR", "PR", "PR", "PR"]})
    assert trial.best_response(frame, ["a", "b"], confirmed=True)["responder"].tolist() == [False, True]


def test_an_unknown_response_is_refused():
    with pytest.raises(UseError, match="CR, PR, SD, PD, NE"):
        trial.best_response(pd.DataFrame({"subject": ["a"], "day": [42], "response": ["better"]}), ["a"])


def test_a_cohort_without_events_is_a_row_that_says_so(br1801):
    outcomes = br1801.outcomes.copy()
    quiet = outcomes["subject"].isin(br1801.subjects.loc[br1801.subjects["cohort"] == "ER-", "subject"])
    outcomes.loc[quiet & (outcomes["endpoint"] == "os"), "event"] = 0
    table = trial.endpoint_table(with_tables(br1801, outcomes=outcomes), endpoints=["os"])
    tests = table[table["estimand"] == "stratified log-rank z"].set_index("cohort")
    assert tests.loc["ER+", "finite"]
    assert not tests.loc["ER-", "finite"]
    assert "0 events" in tests.loc["ER-", "note"]


def test_safety_keeps_the_arms_in_the_order_of_the_design(br1801):
    people = br1801.subjects["subject"].tolist()
    events = pd.DataFrame({"subject": people[:30], "term": ["Fatigue", "Diarrhea"] * 15, "grade": [1, 2, 3] * 10,
                           "related": "possible", "excluded": pd.NA})
    found = trial.safety(with_tables(br1801, adverse_events=events))
    assert list(dict.fromkeys(found["cohort"])) == ["all", "ER+", "ER-"]
    assert list(dict.fromkeys(found["arm"])) == ["T-DM1", "T-DM1 + abemaciclib"]
    whole = found[(found["cohort"] == "all") & (found["term"] == "any")]
    assert whole["n_treated"].sum() == 114
    assert whole["any_grade"].sum() == 30


def test_a_waterfall_shows_everybody_and_refuses_the_impossible():
    people = pd.DataFrame({"subject": ["a", "b"], "arm": ["A", "B"]})
    found = trial.waterfall(pd.DataFrame({"subject": ["a"], "change_percent": [-30.0]}), people)
    assert found["subject"].tolist() == ["a", "b"]
    with pytest.raises(UseError, match="below -100 %"):
        trial.waterfall(pd.DataFrame({"subject": ["a"], "change_percent": [-130.0]}), people)


# -- decisions ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("events", [10, 24, 29, 40])
def test_an_event_driven_cut_holds_exactly_its_events(br1801, designs, events):
    table = trial.at_cut(br1801, designs["br1801"], events=events)
    seen = table[table["quantity"] == "events"]["value"]
    back = table[table["quantity"] == "days before the data cut"]["value"]
    for cohort, days in zip(("ER+", "ER-"), back, strict=True):
        frame = analysed(br1801, "pfs").rows
        frame = frame[frame["cohort"] == cohort]
        one_day_earlier = cut_back(frame, int(days) + 1)["event"].sum()
        assert one_day_earlier < events <= cut_back(frame, int(days))["event"].sum()
    assert (seen >= events).all()
    assert (seen - events <= 1).all(), "only events of one and the same day may exceed the target"


def test_a_cut_shows_nothing_from_after_it(br1801):
    frame = analysed(br1801, "pfs").rows
    earlier = cut_back(frame, 550)
    assert (earlier["time"] <= earlier["cutoff"]).all()
    assert len(earlier) < len(frame)
    assert earlier["event"].sum() < frame["event"].sum()


def test_standing_names_what_is_an_input(br1801, stop_her2, designs):
    look = trial.at_cut(br1801, designs["br1801"], events=29).set_index(["cohort", "quantity"])["note"]
    assert "its time and rule are inputs" in look[("ER+", "futility bound")]
    rule = trial.at_cut(stop_her2, designs["stop_her2"]).set_index(["cohort", "quantity"])["note"]
    assert "give design = { r1, n1, r, n }" in rule[("stop", "two-stage rule")]
    assert "an estimate, no test" in rule[("continue", "hypothesis")]


def test_a_given_rule_is_applied_in_order_of_entry(stop_her2, designs):
    arm = replace(designs["stop_her2"].single_arm("stop"), design={"r1": 11, "n1": 20, "r": 23, "n": 40})
    design = replace(designs["stop_her2"], single_arms=(arm,))
    table = trial.at_cut(stop_her2, design).set_index("quantity")
    path = trial.two_stage_path(arm.two_stage(), trial.evaluable_in_order(stop_her2, arm)["event_free"].head(20))
    frame = analysed(stop_her2, "pfs").rows
    frame = frame[frame["cohort"] == "stop"].sort_values("cutoff", ascending=False, kind="stable")
    failed = (frame["event"] == 1) & (frame["time"] <= 365)
    evaluable = frame[failed | (frame["time"] >= 365)].head(20)
    free = int((~((evaluable["event"] == 1) & (evaluable["time"] <= 365))).sum())
    assert table.loc["stage 1", "value"] == free
    assert ("stop:" in table.loc["stage 1", "note"]) == (free <= 11)
    assert path["successes"].iloc[-1] == free


@pytest.mark.parametrize(("z", "said"), [(-0.1, "stop for futility"), (0.1, "go on")])
def test_a_given_look_decides(designs, z, said):
    comparison = replace(designs["br1801"].comparison("ER+"), look={"events": 29, "bound": 0.0})
    found = trial.futility_look(z, events=29, comparison=comparison).set_index("quantity")
    assert said in found.loc["futility bound", "note"]
    early = trial.futility_look(z, events=20, comparison=comparison).set_index("quantity")
    assert "9 to go" in early.loc["futility bound", "note"]


def test_conditional_power_rises_with_z_and_falls_without_effect(designs):
    comparison = designs["br1801"].comparison("ER+")
    low, high = (trial.futility_look(z, events=29, comparison=comparison).set_index("quantity")["value"] for z in (0.0, 1.5))
    for words in ("the design's hazard ratio", "the trend so far", "no effect"):
        assert low[f"conditional power under {words}"] < high[f"conditional power under {words}"]
    assert low["conditional power under no effect"] < low["conditional power under the design's hazard ratio"]


def test_the_chance_of_rejecting_before_anybody_is_evaluable_is_the_power():
    design = trial.TwoStage(11, 20, 23, 40)
    found = trial.two_stage_decision(design, 0, 0 + 1, p=0.68)
    hit = trial.two_stage_decision(design, 1, 1, p=0.68)
    both = 0.32 * found["p_reject"].iloc[0] + 0.68 * hit["p_reject"].iloc[0]
    assert both == pytest.approx(design.p_reject(0.68), abs=1e-12)


@pytest.mark.parametrize(("call", "words"), [
    (lambda s, d: trial.at_cut(s, d, events=60), "a cut at event 60 was asked, and 56"),
    (lambda s, d: trial.at_cut(s, d, events=29, days_before=3), "not both"),
    (lambda s, d: trial.at_cut(s, d, days_before=-3), "the future"),
    (lambda s, d: trial.futility_look(1.0, events=58, comparison=d.comparison("ER+")), "nothing left to predict"),
    (lambda s, d: trial.two_stage_decision(trial.TwoStage(11, 20, 23, 40), 5, 4, p=0.68), "cannot be more"),
    (lambda s, d: trial.two_stage_decision(trial.TwoStage(11, 20, 23, 40), 5, 41, p=0.68), "ends at 40"),
    (lambda s, d: trial.endpoint_table(s, endpoints=["dfs"]), "dfs"),
    (lambda s, d: trial.endpoint_table(s, alpha=0.5), "between 0 and 0.5"),
    (lambda s, d: trial.endpoint_table(s, compare="site"), "compares its arms"),
])  # fmt: skip
def test_impossible_questions_are_refused(br1801, designs, call, words):
    with pytest.raises(UseError) as refused:
        call(br1801, designs["br1801"])
    assert words in str(refused.value)


def test_a_design_of_another_trial_is_refused(stop_her2, designs):
    with pytest.raises(UseError, match="no question for continue, stop"):
        trial.at_cut(stop_her2, designs["br1801"])


# -- an early cut ------------------------------------------------------------------------------------------------------
def test_before_anybody_is_evaluable_one_arm_says_so_and_estimates_nothing():
    early = pd.DataFrame({"t": [30, 40, 50], "d": [0, 0, 0]})
    for frame in (early, early.head(1)):
        found = trial.one_arm(frame, "t", "d", at=365, null=0.5).set_index("method")
        row = found.loc["binary, evaluable, Clopper-Pearson"]
        assert (row["n"], row["n_excluded"], row["finite"]) == (0, len(frame), False)
        assert np.isnan(row["estimate"])
        assert row["note"].startswith(f"primary; {len(frame)} of {len(frame)} left out")


def test_a_cut_before_anybody_is_evaluable_has_a_standing(stop_her2):
    first = analysed(stop_her2, "pfs").rows.query("cohort == 'stop'")["cutoff"].astype(float).max()
    table = trial.at_cut(stop_her2, days_before=int(first) - 20)
    count = table[(table["cohort"] == "stop") & (table["quantity"] == "two-stage count")].iloc[0]
    assert (count["value"], count["note"]) == (0, "nobody is evaluable yet")


def test_a_rule_without_an_alternative_is_judged_under_the_null(stop_her2, designs):
    arm = replace(designs["stop_her2"].single_arm("stop"), alternative=None, design={"r1": 0, "n1": 20, "r": 23, "n": 40})
    table = trial.at_cut(stop_her2, replace(designs["stop_her2"], single_arms=(arm,)))
    assert table["quantity"].iloc[-1] == "chance of rejecting, if 0.5"
    seen = trial.evaluable_in_order(stop_her2, arm)["event_free"].head(40)
    judged = trial.two_stage_decision(arm.two_stage(), int(seen.sum()), len(seen), p=0.5)["p_reject"].iloc[0]
    assert table["value"].iloc[-1] == judged


def test_the_path_and_the_decision_say_the_same_after_every_patient():
    design = trial.TwoStage(1, 4, 2, 8)
    for outcomes in ([1, 1, 1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 1, 0], [0, 1, 0, 1, 0, 0, 0, 0], [1, 0, 0, 0]):
        path = trial.two_stage_path(design, outcomes)
        for row in path.itertuples():
            assert trial.two_stage_decision(design, row.successes, row.patient, p=0.5)["state"].iloc[0] == row.state


def test_an_arm_in_which_nobody_could_be_evaluated_keeps_its_rows():
    found = trial.response_rate(0, 5, evaluable=0)
    assert found["n"].tolist() == [5, 5, 0, 0]
    assert found["estimate"].isna().tolist() == [False, False, True, True]
    assert set(found["note"].iloc[2:]) == {"nobody could be evaluated"}
