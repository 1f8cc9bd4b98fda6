"""Response: glm's odds ratio where the table is large, Fisher's where it is small, infinity where it is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.models.association import Model
from biomarkers.models.exposure import Exposure
from biomarkers.models.response import best_responses, response_rows

HERE = Path(__file__).parent.parent / "reference" / "logistic"


def classes(x):
    words = np.where(np.asarray(x) > 0, "high", "low")
    return Exposure(np.asarray(x, float), "m[high]", "high against low", words, ("low", "high"), censor=np.full(len(x), "none"))


def number(x):
    return Exposure(np.asarray(x, float), "m", "per doubling", censor=np.full(len(x), "none"))


def one(frame, exposure, **more):
    return response_rows(frame, exposure, "m", Model(**more))[-1]


def test_a_number_has_glms_odds_ratio():
    frame = pd.read_csv(HERE / "frame.csv").rename(columns={"y": "event"})
    expected = pd.read_csv(HERE / "expected.csv").set_index("name")["value"].astype(float)
    row = one(frame, number(frame["x"]), adjust=("z",))
    assert np.log(row["estimate"]) == pytest.approx(expected["x"], rel=1e-9)
    assert np.log([row["conf_low"], row["conf_high"]]) == pytest.approx([expected["low"], expected["high"]], rel=1e-6)
    assert row["method"].startswith("logistic, likelihood ratio")
    assert row["p_value"] < 0.02


def test_a_small_table_is_fishers():
    y = [1] * 7 + [0] * 5 + [1] * 2 + [0] * 12
    x = [1] * 12 + [0] * 14
    row = one(pd.DataFrame({"event": y}), classes(x))
    assert row["method"].startswith("exact conditional")
    assert row["p_value"] == pytest.approx(fisher_exact([[7, 5], [2, 12]]).pvalue, rel=1e-9)


def test_an_empty_cell_is_infinite_and_says_so():
    row = one(pd.DataFrame({"event": [1] * 6 + [0] * 14}), classes([1] * 10 + [0] * 10))
    assert not row["finite"]
    assert np.isnan(row["estimate"])
    assert row["conf_high"] == np.inf
    assert "not estimable" in row["note"]


def test_few_of_either_outcome_are_descriptive():
    row = one(pd.DataFrame({"event": [1] * 4 + [0] * 20}), number(np.arange(24)))
    assert row["note"].startswith("descriptive only: 4 responders among 24")
    assert np.isnan(row["p_value"])


def test_a_small_study_of_a_number_is_permuted_within_strata_whatever_the_order():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"event": rng.permutation([1] * 8 + [0] * 16), "liver": rng.integers(0, 2, 24)})
    x = rng.normal(size=24) + frame["event"]
    row = one(frame, number(x), strata=("liver",), permutations=499)
    order = rng.permutation(24)
    again = one(frame.iloc[order], number(x.to_numpy()[order]), strata=("liver",), permutations=499)
    assert row["method"].startswith("logistic; permutation")
    assert row["p_value"] == again["p_value"]


def test_cohorts_have_rows_and_the_test_between_them():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"event": rng.integers(0, 2, 120), "cohort": np.repeat(["ER+", "ER-"], 60),
                          "arm": rng.integers(0, 2, 120)})
    rows = response_rows(frame, number(rng.normal(size=120)), "m", Model(permutations=0), groups="cohort", order=("ER+", "ER-"),
                         interaction="arm")
    assert [r["cohort"] for r in rows] == ["ER+", "ER-", "all", "all", "all"]
    assert [r["term"] for r in rows[3:]] == ["marker:cohort", "marker:arm"]
    assert all(np.isfinite(r["p_value"]) for r in rows)


def study_with(responses):
    study = bm.load_example("br1801")
    subjects = study.subjects["subject"].tolist()
    rows = pd.DataFrame([(subjects[i], day, r) for i, day, r in responses], columns=["subject", "day", "response"])
    from dataclasses import replace
    return replace(study, tables={**study.tables, "response": rows}), subjects


def test_the_best_response_counts_and_the_unassessed_are_counted():
    study, subjects = study_with([(0, 42, "SD"), (0, 84, "PR"), (0, 126, "PD"), (1, 42, "NE"), (2, 42, "PD")])
    found = best_responses(study).set_index("subject")
    assert found.loc[subjects[0], "best"] == "PR"
    assert found.loc[subjects[:3], "event"].tolist() == [1, 0, 0]
    assert (found["lost"] == "").all()
    dropped = best_responses(study, not_evaluable="excluded").set_index("subject")
    assert dropped.loc[subjects[1], "lost"] == "not_evaluable"
    assert dropped.loc[subjects[5], "lost"] == "not_evaluable"


def test_what_comes_after_progression_is_no_response():
    study, subjects = study_with([(0, 42, "PD"), (0, 84, "PR"), (1, 42, "pCR"), (1, 84, "PD")])
    found = best_responses(study, responders=("pCR", "CR", "PR")).set_index("subject")
    assert found.loc[subjects[:2], "event"].tolist() == [0, 1]
    assert found.loc[subjects[:2], "best"].tolist() == ["PD", "PCR"]


def test_an_unknown_response_or_no_table_is_refused():
    with pytest.raises(UseError, match="no response table"):
        best_responses(bm.load_example("stop_her2"))
    with pytest.raises(UseError, match="not one of CR, PR, SD, PD, NE; first 'RESPONDED'"):
        best_responses(study_with([(0, 42, "responded")])[0])


def test_a_marker_that_repeats_an_adjuster_is_a_row_with_its_reason():
    rng = np.random.default_rng(3)
    arm = np.repeat(["A", "B"], 40)
    frame = pd.DataFrame({"event": rng.integers(0, 2, 80), "arm": arm, "cohort": np.tile(["x", "y"], 40)})
    rows = response_rows(frame, number(np.where(arm == "A", 1.0, 3.0)), "m", Model(adjust=("arm",), permutations=0),
                         groups="cohort", order=("x", "y"))
    assert [row["cohort"] for row in rows] == ["x", "y", "all", "all"]
    assert all(np.isnan(row["estimate"]) and np.isnan(row["p_value"]) for row in rows)
    assert rows[0]["note"] == "descriptive only: the marker and arm cannot be told apart"
    assert all("cannot be told apart" in row["note"] for row in rows)
