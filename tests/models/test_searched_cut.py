"""A searched cut is exploratory by construction: its P pays for the search and its hazard ratio is shrunken."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.markers import MARKERS
from biomarkers.kernels.cox import cox
from biomarkers.kernels.maxstat import max_selected
from biomarkers.kernels.searched_cut import shrunken_cut
from biomarkers.models.association import Model
from biomarkers.models.searched_cut import searched_cut_rows


def trial(n=60, effect=0.0, seed=0):
    rng = np.random.default_rng(seed)
    value = rng.lognormal(5, 1, n)
    time = np.ceil(100 * rng.exponential(np.exp(-effect * (value > 150))))
    return pd.DataFrame({"time": time, "event": (rng.random(n) < 0.9).astype(int), "value": value,
                         "arm": rng.integers(0, 2, n), "cohort": np.where(np.arange(n) % 2, "A", "B")})


def test_the_cut_is_that_of_the_maximally_selected_statistic():
    frame = trial(seed=4, effect=1.0)
    found = shrunken_cut(frame["time"], frame["event"], frame["value"])
    assert found.cutpoint == max_selected(frame["time"], frame["event"], frame["value"]).cutpoint
    above = (frame["value"] > found.cutpoint).to_numpy(float)[:, None]
    assert found.naive == pytest.approx(cox(frame["time"], frame["event"], above).coef[0], rel=1e-9)


def test_where_nothing_is_there_nothing_is_left_of_the_hazard_ratio():
    naive, kept = [], []
    for seed in range(40):
        frame = trial(seed=seed)
        found = shrunken_cut(frame["time"], frame["event"], frame["value"])
        naive.append(abs(found.naive))
        kept.append(abs(found.coef))
    assert np.exp(np.median(naive)) > 1.6          # what a naive table would have printed
    assert np.exp(np.median(kept)) < 1.1


def test_a_real_difference_survives():
    kept = [shrunken_cut(f["time"], f["event"], f["value"]).coef for f in (trial(120, 1.1, seed) for seed in range(10))]
    assert 0.6 < np.median(kept) < 1.3


def test_rows_are_exploratory_even_in_a_plan():
    model = Model(adjust=("arm",), permutations=199)
    rows = pd.DataFrame(searched_cut_rows(trial(160, 1.2, 3), MARKERS["tk1_dul"], model, groups="cohort", order=("A", "B"),
                                          constant={"prespecified": True, "analysis": "x"}).rows)
    assert rows["cohort"].tolist() == ["A", "B", "all"]
    assert not rows["prespecified"].any()
    assert rows["conf_low"].isna().all()
    assert rows["note"].str.startswith("exploratory: the best of").all()
    assert rows["p_value"].between(0.005, 1).all()
    assert (rows["estimate"] >= 1).all()
    assert rows["model"].iloc[2] == "log-rank; strata cohort, arm"


def test_few_events_leave_a_descriptive_row():
    frame = trial(30)
    row = searched_cut_rows(frame.assign(event=[1] * 12 + [0] * 18), MARKERS["tk1_dul"], Model(), groups=None).rows[0]
    assert row["note"].startswith("descriptive only: 12 events")
    assert row["p_value"] != row["p_value"]


def test_the_row_does_not_depend_on_the_order_of_the_subjects():
    frame = trial(80, 0.8, 6)
    model = Model(permutations=199)
    a, b = (searched_cut_rows(f, MARKERS["tk1_dul"], model, groups=None).rows[0]
            for f in (frame, frame.sample(frac=1, random_state=1)))
    assert a["estimate"] == pytest.approx(b["estimate"], rel=1e-9)
    assert (a["p_value"], a["contrast"]) == (b["p_value"], b["contrast"])
