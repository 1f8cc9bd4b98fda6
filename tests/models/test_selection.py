"""Who has the specimen: the comparison by hand, and two ways to answer for those who have none."""

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.models.cox import cox
from biomarkers.models.missing_markers import imputations, imputed_row
from biomarkers.models.selection import (
    availability_weights,
    known_against_unknown,
    specimens_known,
    standardised_difference,
    weighted_row,
)


def trial(n=400, seed=0, effect=0.7):
    """A biopsy is easier with liver metastases (which shorten life) and a high marker goes with them."""
    rng = np.random.default_rng(seed)
    liver = rng.integers(0, 2, n)
    x = rng.normal(size=n) + liver
    time = np.ceil(200 * rng.exponential(np.exp(-effect * x * (1 - 0.8 * liver) - 0.5 * liver)))
    known = rng.random(n) < np.where(liver == 1, 0.95, 0.35)
    return pd.DataFrame({"time": time, "event": (rng.random(n) < 0.9).astype(int), "liver": liver, "x": x,
                         "arm": rng.integers(0, 2, n)}), known


def test_a_standardised_difference_by_hand():
    a, b = pd.Series([2.0, 4.0]), pd.Series([1.0, 3.0])
    assert standardised_difference(a, b) == pytest.approx(1.0)      # means 3 and 2, variances 1 and 1
    assert standardised_difference(a, a) == 0
    assert np.isnan(standardised_difference(a, b[:0]))
    assert standardised_difference(pd.Series([1.0, 1]), pd.Series([0.0, 0])) == np.inf


def test_the_comparison_counts_everybody_and_names_no_p():
    people, known = trial(60)
    people = people.assign(cohort=np.where(np.arange(60) % 2, "A", "B"), arm=np.where(people["arm"] == 1, "new", "old"))
    table = known_against_unknown(people, known, ["liver"], marker="m", groups=["cohort", "arm"])
    assert (table["n_known"] + table["n_unknown"]).groupby([table["cohort"], table["arm"]]).first().loc["all", ""] == 60
    whole = table[(table["cohort"] == "all") & (table["level"] == "1")].iloc[0]
    assert whole["known"] == pytest.approx(people.loc[known, "liver"].mean())
    assert whole["standardised_difference"] == pytest.approx(
        standardised_difference(people.loc[known, "liver"], people.loc[~known, "liver"]))
    assert not [c for c in table if c.startswith("p_")]
    assert set(zip(table["cohort"], table["arm"], strict=True)) >= {("A", "new"), ("A", ""), ("all", "")}


def test_a_study_is_compared_by_its_declared_columns():
    table = specimens_known(bm.load_example("br1801"), "ctdna_mtm")
    assert {"liver_mets", "age", "survival"} <= set(table["variable"])
    whole = table[(table["cohort"] == "all")].iloc[0]
    assert (whole["n_known"], whole["n_known"] + whole["n_unknown"]) == (105, 114)


def test_weights_restore_the_shares_of_everybody():
    people, known = trial()
    weight = availability_weights(people, known, ["liver"])
    assert np.isnan(weight[~known]).all()
    before = people.loc[known, "liver"].mean()
    after = np.average(people.loc[known, "liver"], weights=weight[known])
    assert abs(after - people["liver"].mean()) < 0.2 * abs(before - people["liver"].mean())


def test_weighting_and_imputing_bring_the_answer_nearer_to_everybodys():
    gaps = {"complete": [], "weighted": [], "imputed": []}
    for seed in range(6):
        people, known = trial(600, seed)
        coef = lambda frame: cox(frame, "time", "event", ["x"], interval="wald").table["coef"].iloc[0]  # noqa: E731
        truth = coef(people)
        rows = {"weighted": weighted_row(people, known, people["x"], ["liver"]),
                "imputed": imputed_row(people, known, people["x"].to_numpy(), ["liver"], m=5, seed=seed)}
        gaps["complete"].append(coef(people[known]) - truth)
        for name, row in rows.items():
            gaps[name].append(np.log(row["estimate"]) - truth)
    mean = {name: abs(np.mean(g)) for name, g in gaps.items()}
    assert mean["weighted"] < 0.6 * mean["complete"]
    assert mean["imputed"] < 0.6 * mean["complete"]


def test_both_rows_are_sensitivities_and_keep_their_counts():
    people, known = trial(80)
    row = weighted_row(people, known, people["x"], ["liver"], shared={"prespecified": True})
    assert not row["prespecified"]
    assert row["note"].startswith(f"sensitivity: {known.sum()} known of 80")
    assert np.isnan(row["p_value"])
    filled = imputed_row(people, known, people["x"].to_numpy(), ["liver"], adjust=["arm"], m=3)
    assert filled["n"] == 80
    assert filled["std_error"] > cox(people, "time", "event", ["x", "arm"], interval="wald").table["std_error"].iloc[0]


def test_imputed_values_are_values_somebody_has():
    people, known = trial(100)
    calls = np.where(known, np.round(people["x"].clip(0, 2)), np.nan)
    for filled in imputations(people, known, calls, ["liver"], m=3):
        assert set(filled) <= {0.0, 1.0, 2.0}
        np.testing.assert_array_equal(filled[known], calls[known])


def test_what_cannot_be_weighted_or_imputed_is_refused():
    people, _ = trial(60)
    with pytest.raises(UseError, match="2 of 60 are unknown"):
        availability_weights(people, np.arange(60) > 1, ["liver"])
    with pytest.raises(UseError, match="more than half is invention"):
        imputations(people, np.arange(60) > 40, people["x"].to_numpy(), ["liver"])


def test_whole_numbers_with_a_gap_weigh_and_impute_as_the_same_numbers_do():
    people, known = trial(120)
    age = pd.Series(50 + np.arange(120) % 31, dtype="Int64").where(np.arange(120) != 7)
    whole, real = people.assign(age=age), people.assign(age=age.astype(float))
    np.testing.assert_array_equal(*(availability_weights(p, known, ["liver", "age"]) for p in (whole, real)))
    made = [imputations(p, known, p["x"].to_numpy(), ["age"], m=2) for p in (whole, real)]
    np.testing.assert_array_equal(*made)
