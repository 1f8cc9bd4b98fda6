"""INSPIRE with a study.toml and a plan.toml only: the published baseline rows as R computes them, from the raw files."""

import csv
import math
from pathlib import Path

import pytest

from biomarkers.plan.plan import Plan

HERE = Path(__file__).parent
ROWS = {
    "pfs_low_crude": "PFS baseline below-median, unadjusted",
    "pfs_low_stratified": "PFS baseline below-median, strata(cohort)",
    "pfs_log2_stratified": "PFS baseline per doubling log2(MTM/mL+1), strata(cohort)",
    "os_low_crude": "OS baseline below-median, unadjusted",
    "os_low_stratified": "OS baseline below-median, strata(cohort)",
    "os_log2_stratified": "OS baseline per doubling log2(MTM/mL+1), strata(cohort)",
}


@pytest.fixture(scope="module")
def results(shared):
    plan = Plan.read(HERE / "plan.toml")
    return plan.run(plan.read_study())


@pytest.fixture(scope="module")
def gold(shared):
    with (shared / "reference/assay/gold.csv").open(encoding="utf-8") as file:
        return {row["analysis"]: row for row in csv.DictReader(file) if row["dataset"] == "inspire_ctdna"}


def ratios(results):
    return results.table[results.table["estimand"].isin(["hazard ratio", "ratio of hazard ratios"])]


@pytest.mark.parametrize("analysis", ROWS)
def test_the_published_baseline_rows_come_out_as_r_gives_them(analysis, results, gold):
    row = ratios(results).set_index("analysis").loc[analysis]
    expected = gold[ROWS[analysis]]
    assert row["n"] == int(expected["n"])
    assert row["n_events"] == int(expected["events"])
    assert math.log(row["estimate"]) == pytest.approx(math.log(float(expected["hr"])), abs=1e-6)


@pytest.mark.parametrize("analysis", ROWS)
def test_declared_departures_stamp_their_rows(analysis, results):
    assert "sensitivity" in ratios(results).set_index("analysis").loc[analysis, "note"]


def test_a_cohort_with_six_events_gets_no_unflagged_hazard_ratio(results):
    few = results.table[(results.table["n_events"] < 10) & (results.table["estimand"] == "hazard ratio")]
    assert len(few)
    assert (few["n_events"] == 6).any()
    assert few["estimate"].isna().all()
    assert few["p_value"].isna().all()
    assert few["note"].str.startswith("descriptive only").all()


def test_cohorts_keep_the_order_of_the_design(results):
    rows = ratios(results)[ratios(results)["analysis"] == "pfs_pd_l1"]
    assert rows["cohort"].tolist() == ["A", "B", "C", "D", "E", "all", "all"]


def test_one_patient_without_pd_l1_leaves_with_a_reason(results):
    flow = results.flow[results.flow["analysis"] == "pfs_pd_l1"]
    assert flow["n_excluded"].sum() == 1
    assert flow.loc[flow["n_excluded"] == 1, "reason"].tolist() == ["no_measurement"]
    assert flow.groupby("cohort")["n_left"].last().sum() == 93
