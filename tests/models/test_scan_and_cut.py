"""bm.scan and bm.max_selected on frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.models.cox import cox
from biomarkers.models.max_selected import max_selected
from biomarkers.models.scan import COLUMNS, scan


@pytest.fixture
def trial() -> pd.DataFrame:
    rng = np.random.default_rng(9)
    n = 70
    frame = pd.DataFrame(rng.normal(size=(n, 6)), columns=[f"m{j}" for j in range(6)])
    frame["arm"], frame["liver"] = np.where(np.arange(n) % 2, "B", "A"), rng.integers(0, 2, n)
    frame["day"] = np.ceil(rng.exponential(60, n) * np.exp(-0.8 * frame.m0))
    frame["pfs"] = (rng.random(n) < 0.85).astype(int)
    return frame


MARKERS = [f"m{j}" for j in range(6)]


def test_each_row_of_a_scan_is_the_single_model(trial: pd.DataFrame) -> None:
    found = scan(trial, "day", "pfs", MARKERS, adjust="arm", strata="liver")
    assert found.columns.tolist() == list(COLUMNS)
    for _, row in found.iterrows():
        alone = cox(trial, "day", "pfs", [row.marker, "arm"], strata="liver").table.iloc[0]
        assert row.coef == pytest.approx(alone.coef, rel=1e-9)
        assert row.std_error == pytest.approx(alone.std_error, rel=1e-9)
        assert row.p_value == pytest.approx(alone.p_value, rel=1e-7)
        assert row.statistic == pytest.approx(alone.statistic, rel=1e-7)


def test_a_marker_with_missing_values_is_tested_on_its_own_rows(trial: pd.DataFrame) -> None:
    trial.loc[:9, "m3"] = np.nan
    found = scan(trial, "day", "pfs", MARKERS, adjust="arm", strata="liver", permutations=99).set_index("marker")
    alone = cox(trial, "day", "pfs", ["m3", "arm"], strata="liver")
    assert found.loc["m3", "n"] == 60
    assert found.loc["m0", "n"] == 70
    assert found.loc["m3", "coef"] == pytest.approx(alone.table["coef"][0], rel=1e-9)
    assert found["p_max_t"].between(0, 1).all()


def test_max_t_finds_the_marker_that_is_there_and_not_the_others(trial: pd.DataFrame) -> None:
    found = scan(trial, "day", "pfs", MARKERS, permutations=499, seed=2).set_index("marker")
    assert found.loc["m0", "p_max_t"] < 0.01
    assert (found.loc[MARKERS[1:], "p_max_t"] > 0.05).all()
    again = scan(trial.sample(frac=1, random_state=1), "day", "pfs", MARKERS, permutations=499, seed=2)
    np.testing.assert_allclose(again["coef"], found["coef"], rtol=1e-9)


def test_the_scan_refuses_what_no_scan_can_answer(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="0 events among n = 70"):
        scan(trial.assign(pfs=0), "day", "pfs", MARKERS)
    with pytest.raises(UseError, match="markers is empty"):
        scan(trial, "day", "pfs", [])
    with pytest.raises(UseError, match="'m1' is infinite in 1"):
        scan(trial.assign(m1=trial.m1.where(trial.index != 3, np.inf)), "day", "pfs", MARKERS)


def test_a_monotone_marker_is_not_finite(trial: pd.DataFrame) -> None:
    trial["perfect"] = -trial.day.rank(method="first")
    trial["pfs"] = 1
    trial["day"] = trial.day.rank(method="first")
    found = scan(trial, "day", "pfs", ["m1", "perfect"]).set_index("marker")
    assert found["finite"].tolist() == [True, False]


def test_the_searched_cut_separates_at_or_below_from_above(trial: pd.DataFrame) -> None:
    found = max_selected(trial, "day", "pfs", "m0", permutations=199)
    assert found.cutpoint in trial.m0.to_numpy()
    share = (trial.m0 <= found.cutpoint).mean()
    assert 0.1 <= share <= 0.9
    assert found.statistic == found.table["statistic"].max()
    assert found.p_values["permutation"] <= 0.02
    assert "No hazard ratio is given" in repr(found)


def test_any_increasing_transform_gives_the_same_search(trial: pd.DataFrame) -> None:
    a = max_selected(trial, "day", "pfs", "m0")
    b = max_selected(trial.assign(m0=np.exp(trial.m0)), "day", "pfs", "m0")
    assert b.statistic == a.statistic
    assert b.p_values["hl"] == a.p_values["hl"]
    assert b.cutpoint == pytest.approx(np.exp(a.cutpoint))


def test_with_strata_only_the_permutation_p_is_given(trial: pd.DataFrame) -> None:
    found = max_selected(trial, "day", "pfs", "m0", strata="liver", permutations=199)
    assert np.isnan(found.p_values["lau94"])
    assert found.p_values["permutation"] <= 0.05
    assert "set permutations=9999" in repr(max_selected(trial, "day", "pfs", "m0", strata="liver"))


def test_a_marker_without_a_cut_is_refused(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="no cut leaves between 10% and 90%"):
        max_selected(trial.assign(m0=np.r_[np.ones(2), np.zeros(68)]), "day", "pfs", "m0")
    with pytest.raises(UseError, match="is a factor"):
        max_selected(trial, "day", "pfs", "arm")
