"""Curves and tests on frames: Kaplan-Meier, log-rank, restricted means, fixed times, competing events, Simon-Makuch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.models.cumulative_incidence import cumulative_incidence
from biomarkers.models.km import kaplan_meier
from biomarkers.models.logrank import logrank, mantel_byar
from biomarkers.models.rmst import rmst_difference, survival_difference
from biomarkers.models.simon_makuch import simon_makuch


@pytest.fixture
def trial() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 80
    arm = np.where(np.arange(n) % 2, "B", "A")
    return pd.DataFrame(
        {"day": np.ceil(rng.exponential(np.where(arm == "B", 90, 50))), "pfs": (rng.random(n) < 0.8).astype(int), "arm": arm,
         "cohort": pd.Categorical(rng.choice(["ER+", "ER-"], n), ["ER+", "ER-"]), "liver": rng.integers(0, 2, n)}
    )  # fmt: skip


def test_groups_come_in_the_order_of_their_levels_not_of_the_alphabet(trial: pd.DataFrame) -> None:
    km = kaplan_meier(trial, "day", "pfs", by=["cohort", "arm"])
    assert list(km.curves) == [("ER+", "A"), ("ER+", "B"), ("ER-", "A"), ("ER-", "B")]
    assert km.median["cohort"].tolist() == ["ER+", "ER+", "ER-", "ER-"]
    assert km.median["cohort"].cat.categories.tolist() == ["ER+", "ER-"]
    assert km.median["n"].sum() == 80


def test_the_step_table_has_the_house_columns(trial: pd.DataFrame) -> None:
    table = kaplan_meier(trial, "day", "pfs", by="arm").table
    assert table.columns.tolist() == ["arm", "time", "n_risk", "n_event", "n_censor", "survival", "std_error", "conf_low",
                                      "conf_high", "conf_level"]  # fmt: skip
    assert table["n_event"].sum() == trial.pfs.sum()


def test_rows_without_a_group_are_dropped_and_counted(trial: pd.DataFrame) -> None:
    trial["arm"] = trial["arm"].where(trial.index != 5)
    km = kaplan_meier(trial, "day", "pfs", by="arm")
    assert km.n_dropped == 1
    assert "1 of 80 rows dropped: 1 without arm" in repr(km)


def test_numeric_groups_stay_numbers(trial: pd.DataFrame) -> None:
    assert kaplan_meier(trial, "day", "pfs", by="liver").median["liver"].tolist() == [0, 1]


def test_the_one_sided_log_rank_has_a_direction(trial: pd.DataFrame) -> None:
    two = logrank(trial, "day", "pfs", "arm")
    better = logrank(trial, "day", "pfs", "arm", alternative="greater")
    worse = logrank(trial, "day", "pfs", "arm", alternative="less")
    assert two.z > 0, "B lives longer by design"
    assert better.p_value == pytest.approx(two.p_value / 2)
    assert better.p_value + worse.p_value == pytest.approx(1)
    assert "positive: B does better" in repr(two)
    flipped = trial.assign(arm=pd.Categorical(trial.arm, ["B", "A"]))
    assert logrank(flipped, "day", "pfs", "arm").z == pytest.approx(-two.z)


def test_mantel_byar_is_the_log_rank_when_nobody_changes_state(trial: pd.DataFrame) -> None:
    a = logrank(trial, "day", "pfs", "arm", strata="liver")
    b = mantel_byar(trial.assign(start=0), "day", "pfs", "arm", entry="start", strata="liver")
    assert "intervals" in repr(b).splitlines()[1]            # a patient who moves is in several
    assert "intervals" not in repr(a)
    assert b.z == pytest.approx(a.z, rel=1e-12)


def test_one_sided_tests_of_three_groups_are_refused(trial: pd.DataFrame) -> None:
    trial["arm"] = np.array(["A", "B", "C"])[np.arange(80) % 3]
    with pytest.raises(UseError, match="one-sided log-rank test compares two groups; here are 3"):
        logrank(trial, "day", "pfs", "arm", alternative="greater")


@pytest.mark.parametrize("call", [
    lambda d: logrank(d, "day", "pfs", "arm"),
    lambda d: rmst_difference(d, "day", "pfs", "arm", tau=10),
    lambda d: survival_difference(d, "day", "pfs", "arm", at=10),
])  # fmt: skip
def test_one_group_is_refused(trial: pd.DataFrame, call: object) -> None:
    with pytest.raises(UseError, match=r"arm.*level"):
        call(trial[trial.arm == "A"])  # type: ignore[operator]


def test_no_events_are_refused_by_the_log_rank_and_shown_by_the_curve(trial: pd.DataFrame) -> None:
    none = trial.assign(pfs=0)
    with pytest.raises(UseError, match="0 events among n = 80"):
        logrank(none, "day", "pfs", "arm")
    assert kaplan_meier(none, "day", "pfs").median["median"].isna().all()


def test_a_stratified_area_difference_averages_the_strata(trial: pd.DataFrame) -> None:
    whole = rmst_difference(trial, "day", "pfs", "arm", tau=40, strata="liver")
    parts = [rmst_difference(d, "day", "pfs", "arm", tau=40) for _, d in trial.groupby("liver")]
    sizes = trial.groupby("liver").size()
    assert whole.estimate == pytest.approx(np.average([p.estimate for p in parts], weights=sizes))
    share = sizes / sizes.sum()
    assert whole.std_error == pytest.approx(np.sqrt(sum((s * p.std_error) ** 2 for s, p in zip(share, parts, strict=True))))
    assert whole.table["contrast"].tolist() == ["B - A"]
    coded = trial.assign(arm=(trial.arm == "B").astype(float))
    assert rmst_difference(coded, "day", "pfs", "arm", tau=40).table["contrast"].tolist() == ["1 - 0"]


def test_an_area_beyond_the_data_names_the_group_and_the_largest_tau(trial: pd.DataFrame) -> None:
    trial.loc[trial.groupby("arm")["day"].idxmax(), "pfs"] = 0
    with pytest.raises(UseError, match=r"Choose tau <= .* in A"):
        rmst_difference(trial, "day", "pfs", "arm", tau=1000)


def test_survival_compared_at_fixed_times(trial: pd.DataFrame) -> None:
    found = survival_difference(trial, "day", "pfs", "arm", at=[20, 40])
    km = kaplan_meier(trial, "day", "pfs", by="arm").at([20, 40]).set_index(["arm", "time"])["survival"]
    assert found.table["estimate"].tolist() == pytest.approx([km["B", t] - km["A", t] for t in (20, 40)])
    assert found.table["time"].tolist() == [20, 40]


def test_competing_events_in_words_and_gray_s_test(trial: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    trial["what"] = np.where(trial.pfs == 0, "censored", np.where(rng.random(80) < 0.3, "restart", "progression"))
    found = cumulative_incidence(trial, "day", "what", by="arm")
    assert found.event_types == ("progression", "restart")
    last = found.table.groupby(["arm", "event_type"]).tail(1)
    assert last.groupby("arm")["incidence"].sum().max() <= 1
    assert found.gray["event_type"].tolist() == ["progression", "restart"]
    numeric = cumulative_incidence(
        trial.assign(code=trial.what.map({"censored": 0, "progression": 1, "restart": 2})), "day", "code", by="arm"
    )
    np.testing.assert_allclose(numeric.gray["statistic"], found.gray["statistic"])
    with pytest.raises(UseError, match="name them with `by`"):
        cumulative_incidence(trial, "day", "what").gray  # noqa: B018 - the property is what is tested


def test_simon_makuch_says_what_it_is_not(trial: pd.DataFrame) -> None:
    rows = trial.assign(start=0.0)
    found = simon_makuch(rows, "day", "pfs", "arm", entry="start", landmark=10)
    assert "not a patient's survival" in repr(found)
    assert found.table["time"].min() > 10
    with pytest.raises(UseError, match="no row is at risk after the landmark"):
        simon_makuch(rows, "day", "pfs", "arm", entry="start", landmark=1e6)


@pytest.mark.parametrize("kind", ["loglog", "greenwood"])
def test_an_unknown_interval_lists_the_known(trial: pd.DataFrame, kind: str) -> None:
    with pytest.raises(UseError, match="log-log, log, plain, logit, arcsin"):
        kaplan_meier(trial, "day", "pfs", interval=kind)  # type: ignore[arg-type]
