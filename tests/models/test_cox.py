"""bm.cox on frames: the table, the factors, the notes, and every nasty input with its answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.models.cox import cox

COLUMNS = [
    "term", "coef", "hazard_ratio", "std_error", "robust_std_error", "conf_low", "conf_high", "conf_level", "statistic",
    "p_value", "wald_statistic", "wald_p_value", "finite",
]  # fmt: skip


@pytest.fixture
def trial() -> pd.DataFrame:
    """Fifty subjects with a marker, a group, an arm and two strata; whole days, so there are ties."""
    rng = np.random.default_rng(20)
    n = 50
    marker = rng.normal(size=n)
    arm = np.where(np.arange(n) % 2, "B", "A")
    days = np.ceil(rng.exponential(80 * np.exp(-0.4 * marker), n))
    return pd.DataFrame(
        {
            "day": days, "pfs": (rng.random(n) < 0.8).astype(int), "tk1": marker, "arm": arm,
            "carrier": (np.arange(n) % 7 == 0).astype(int), "liver": rng.integers(0, 2, n), "age": rng.normal(60, 8, n),
        }
    )  # fmt: skip


def test_the_table_has_the_house_columns_in_order(trial: pd.DataFrame) -> None:
    fit = cox(trial, "day", "pfs", ["tk1", "arm"])
    assert fit.table.columns.tolist() == COLUMNS
    assert fit.table["term"].tolist() == ["tk1", "arm[B]"]
    assert (fit.table["conf_level"] == 0.95).all()
    np.testing.assert_allclose(fit.table["hazard_ratio"], np.exp(fit.table["coef"]))


def test_the_default_interval_is_where_the_likelihood_has_fallen_by_t_squared(trial: pd.DataFrame) -> None:
    from scipy.stats import t

    from biomarkers.kernels.newton import newton

    fit = cox(trial, "day", "pfs", ["tk1", "arm"])
    cut = t.ppf(0.975, fit.n_events - 2) ** 2
    for column in ("conf_low", "conf_high"):
        start = fit.solution.scaled[None, :].copy()
        start[0, 0] = np.log(fit.table[column][0]) * fit.solution.D.scale[0, 0]
        held = newton(fit.solution.rs, fit.solution.D, start, free=np.array([[False, True]]))
        assert 2 * (fit.solution.loglik - held.loglik[0]) == pytest.approx(cut, rel=1e-9)
    assert "t-squared" in fit.method


def test_the_interval_excludes_one_exactly_when_p_is_below_five_percent(trial: pd.DataFrame) -> None:
    for seed in range(30):
        shuffled = trial.assign(tk1=np.random.default_rng(seed).permutation(trial.tk1) + 0.04 * trial.day.rank())
        row = cox(shuffled, "day", "pfs", ["tk1", "arm"]).table.iloc[0]
        assert (row.p_value < 0.05) == (row.conf_low > 1 or row.conf_high < 1)


@pytest.mark.parametrize("interval", ["auto", "profile"])
def test_wald_columns_stand_beside_the_likelihood_ratio(trial: pd.DataFrame, interval: str) -> None:
    fit = cox(trial, "day", "pfs", "tk1", interval=interval)  # type: ignore[arg-type]
    wald = cox(trial, "day", "pfs", "tk1", interval="wald")
    assert fit.table["wald_p_value"][0] == wald.table["p_value"][0]
    assert fit.table["p_value"][0] != wald.table["p_value"][0]
    ratio = fit.tests.set_index("test").loc["likelihood ratio", "statistic"]
    assert fit.table["statistic"][0] ** 2 == pytest.approx(ratio, rel=1e-12)


def test_clusters_and_weights_give_robust_wald_and_say_so(trial: pd.DataFrame) -> None:
    fit = cox(trial.assign(w=1.5), "day", "pfs", "tk1", weights="w")
    assert fit.table["robust_std_error"].notna().all()
    assert "robust Wald" in fit.method
    np.testing.assert_allclose(fit.table["statistic"], fit.table["coef"] / fit.table["robust_std_error"])
    few = cox(trial.assign(site=np.arange(50) % 9), "day", "pfs", "tk1", cluster="site")
    assert any("9 clusters" in note for note in few.notes)


def test_text_factors_take_sorted_levels_and_a_categorical_keeps_its_order(trial: pd.DataFrame) -> None:
    trial["grade"] = np.array(["low", "mid", "high"])[np.arange(50) % 3]
    assert cox(trial, "day", "pfs", "grade").table["term"].tolist() == ["grade[low]", "grade[mid]"]
    trial["grade"] = pd.Categorical(trial["grade"], ["low", "mid", "high"])
    assert cox(trial, "day", "pfs", "grade").table["term"].tolist() == ["grade[mid]", "grade[high]"]


def test_an_interaction_is_the_product_of_its_parts(trial: pd.DataFrame) -> None:
    fit = cox(trial, "day", "pfs", ["tk1", "arm", "tk1:arm"])
    by_hand = cox(
        trial.assign(b=(trial.arm == "B").astype(int), both=trial.tk1 * (trial.arm == "B")), "day", "pfs", ["tk1", "b", "both"]
    )
    assert fit.table["term"].tolist() == ["tk1", "arm[B]", "tk1:arm[B]"]
    np.testing.assert_allclose(fit.table["coef"], by_hand.table["coef"], rtol=1e-12)


def test_a_factor_keeps_the_reference_that_is_left_after_rows_are_dropped(trial: pd.DataFrame) -> None:
    trial["grade"] = pd.Categorical(np.array(["low", "mid", "high"])[np.arange(50) % 3], ["low", "mid", "high"])
    trial.loc[trial.grade == "low", "tk1"] = np.nan
    fit = cox(trial, "day", "pfs", ["grade", "tk1"])
    assert fit.table["term"].tolist() == ["grade[high]", "tk1"]


def test_missing_values_are_dropped_counted_and_named(trial: pd.DataFrame) -> None:
    trial.loc[[3, 4], "tk1"] = np.nan
    trial["day"] = trial["day"].astype(float)
    trial.loc[4, "day"] = np.nan
    trial["pfs"] = trial["pfs"].astype(float)
    trial.loc[9, "pfs"] = np.nan
    fit = cox(trial, "day", "pfs", "tk1")
    assert (fit.n, fit.n_dropped) == (47, 3)
    assert fit.notes[0] == "3 of 50 rows dropped: 1 without day, 1 without pfs, 2 without tk1."
    assert fit.residuals("martingale").index.tolist() == [i for i in range(50) if i not in (3, 4, 9)]


def test_predictions_code_new_rows_as_the_fit_did(trial: pd.DataFrame) -> None:
    fit = cox(trial, "day", "pfs", ["tk1", "arm"], strata="liver")
    new = pd.DataFrame({"tk1": [0.0, 1.0], "arm": ["B", "A"], "liver": [0, 1]}, index=["first", "second"])
    found = fit.survival(new, [30, 60])
    assert found["row"].tolist() == ["first", "first", "second", "second"]
    assert ((found["conf_low"] < found["survival"]) & (found["survival"] < found["conf_high"])).all()
    hazard = fit.baseline_hazard().query("stratum == 'liver=0'")
    H = hazard.loc[hazard.time <= 30, "cumulative_hazard"].max()
    assert found["survival"][0] == pytest.approx(np.exp(-H * np.exp(fit.table["coef"][1])), rel=1e-12)
    with pytest.raises(UseError, match="level 'C', which the fit did not have; it has A, B"):
        fit.survival(new.assign(arm="C"), 30)
    with pytest.raises(UseError, match="stratum 'liver=7' was not in the fit"):
        fit.survival(new.assign(liver=7), 30)


def test_residuals_sum_as_they_must(trial: pd.DataFrame) -> None:
    fit = cox(trial, "day", "pfs", ["tk1", "age"], strata="liver")
    assert abs(fit.residuals("martingale").sum()) < 1e-10
    np.testing.assert_allclose(fit.residuals("score").sum(), 0, atol=1e-8)
    np.testing.assert_allclose(fit.residuals("schoenfeld")[["tk1", "age"]].sum(), 0, atol=1e-8)
    assert len(fit.residuals("scaled_schoenfeld")) == fit.n_events
    np.testing.assert_allclose(
        fit.residuals("dfbeta").T @ fit.residuals("dfbeta"), fit.robust_covariance, rtol=1e-10, atol=1e-15
    )
    with pytest.raises(UseError, match="choose from martingale, deviance"):
        fit.residuals("cox-snell")  # type: ignore[arg-type]


def test_a_fit_prints_its_method_n_and_notes(trial: pd.DataFrame) -> None:
    trial.loc[3, "tk1"] = np.nan
    fit = cox(trial, "day", "pfs", ["tk1", "arm"], strata="liver")
    text, html = repr(fit), fit._repr_html_()
    for shown in (text, html):
        assert "2 strata" in shown
        assert "n = 49" in shown
        assert "1 of 50 rows dropped" in shown
    assert "<table" in html


# -- the nasty table -------------------------------------------------------------------------------------------------


def test_no_event_in_carriers_is_infinite_with_one_finite_limit_and_a_remedy(trial: pd.DataFrame) -> None:
    trial.loc[trial.carrier == 1, "pfs"] = 0
    fit = cox(trial, "day", "pfs", ["carrier", "arm"])
    row = fit.table.iloc[0]
    assert not row.finite
    assert (row.coef, row.hazard_ratio, row.conf_low) == (-np.inf, 0.0, 0.0)
    assert 0 < row.conf_high < np.inf
    assert 0 < row.p_value < 1
    assert np.isnan(row.std_error)
    assert np.isnan(row.wald_p_value)
    note = " ".join(fit.notes)
    assert "0 events in 8 with carrier = 1" in note
    assert "penalty='firth'" in note
    firth = cox(trial, "day", "pfs", ["carrier", "arm"], penalty="firth")
    assert firth.table["finite"].all()
    assert np.isfinite(firth.table["coef"]).all()
    assert "Firth" in firth.method


def test_the_one_finite_limit_is_where_the_likelihood_has_fallen(trial: pd.DataFrame) -> None:
    from biomarkers.kernels.newton import newton
    from biomarkers.kernels.profile import cut_off

    trial.loc[trial.carrier == 1, "pfs"] = 0
    fit = cox(trial, "day", "pfs", ["carrier", "arm"])
    s = fit.solution
    start = np.array([[np.log(fit.table["conf_high"][0]) * s.D.scale[0, 0], 0.0]])
    held = newton(s.rs, s.D, start, free=np.array([[False, True]]))
    assert 2 * (s.loglik - held.loglik[0]) == pytest.approx(cut_off(0.95, df=fit.n_events - 2), rel=1e-6)


def test_the_rank_of_time_is_finite_with_a_tie_and_infinite_without() -> None:
    time = np.arange(1.0, 51.0)
    frame = pd.DataFrame({"t": time, "d": 1, "x": time})
    fit = cox(frame, "t", "d", "x")
    assert fit.table["coef"][0] == -np.inf
    assert "follows it perfectly" in " ".join(fit.notes)
    frame.loc[[10, 11, 30, 31], "x"] = frame.loc[[11, 10, 31, 30], "x"].to_numpy()
    fit = cox(frame, "t", "d", "x")
    assert fit.table["finite"][0]
    assert -6 < fit.table["coef"][0] < -1


@pytest.mark.parametrize("copy", [lambda x: 2 * x, lambda x: x + 1e-9 * np.sin(np.arange(x.size)), lambda x: 5 - x])
def test_a_collinear_covariate_is_refused_by_name(trial: pd.DataFrame, copy: object) -> None:
    trial["z"] = copy(trial.tk1)  # type: ignore[operator]
    with pytest.raises(UseError, match="'z' is a multiple of 'tk1'"):
        cox(trial, "day", "pfs", ["tk1", "z"])


def test_a_combination_of_covariates_is_refused_with_its_parts(trial: pd.DataFrame) -> None:
    trial["z"] = trial.tk1 - 3 * trial.age
    with pytest.raises(UseError, match="'z' is a combination of 'tk1', 'age'"):
        cox(trial, "day", "pfs", ["tk1", "age", "z"])


def test_a_column_without_contrast_inside_strata_is_named_and_left_without_estimate(trial: pd.DataFrame) -> None:
    fit = cox(trial.assign(x=trial.liver), "day", "pfs", ["tk1", "x"], strata="liver")
    assert np.isnan(fit.table["coef"][1])
    assert not fit.table["finite"][1]
    assert any("No estimate for 'x': it does not vary within any risk set" in note for note in fit.notes)
    assert fit.table["coef"][0] == pytest.approx(cox(trial, "day", "pfs", "tk1", strata="liver").table["coef"][0])


def test_a_constant_covariate_is_refused_with_its_value(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match=r"covariate 'x' is constant \(3 in all 50 rows\)"):
        cox(trial.assign(x=3.0), "day", "pfs", ["tk1", "x"])


def test_a_factor_with_one_level_is_refused(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="factor 'arm' has one level"):
        cox(trial[trial.arm == "A"], "day", "pfs", ["arm"])


def test_an_infinite_covariate_is_refused_with_its_row(trial: pd.DataFrame) -> None:
    trial.loc[7, "tk1"] = np.inf
    with pytest.raises(UseError, match=r"covariate 'tk1' is infinite in 1 row\(s\), first at row 7"):
        cox(trial, "day", "pfs", "tk1")


@pytest.mark.parametrize(("value", "said"), [(np.inf, "infinite in 1"), (-4.0, r"negative in 1 row\(s\), first -4 at row 7")])
def test_an_impossible_time_is_refused_with_its_row(trial: pd.DataFrame, value: float, said: str) -> None:
    trial["day"] = trial["day"].astype(float)
    trial.loc[7, "day"] = value
    with pytest.raises(UseError, match=f"time 'day' is {said}"):
        cox(trial, "day", "pfs", "tk1")


def test_time_zero_is_accepted_and_said(trial: pd.DataFrame) -> None:
    trial.loc[7, "day"] = 0
    assert any("1 row(s) with time 0" in note for note in cox(trial, "day", "pfs", "tk1").notes)


def test_an_empty_interval_is_refused(trial: pd.DataFrame) -> None:
    trial["start"] = 0.0
    trial.loc[7, "start"] = trial.loc[7, "day"]
    with pytest.raises(UseError, match="1 interval"):
        cox(trial, "day", "pfs", "tk1", entry="start")


def test_an_event_coded_one_and_two_is_refused_with_the_question(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="coded 1, 2: is 2 the event, or 1"):
        cox(trial.assign(pfs=trial.pfs + 1), "day", "pfs", "tk1")


@pytest.mark.parametrize("stray", [2, -1])
def test_a_stray_event_code_is_refused_with_its_row(trial: pd.DataFrame, stray: int) -> None:
    trial.loc[11, "pfs"] = stray
    with pytest.raises(UseError, match=f"first {stray} at row 11"):
        cox(trial, "day", "pfs", "tk1")


def test_an_event_in_words_is_refused_with_the_levels(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="'no', 'yes'"):
        cox(trial.assign(pfs=np.where(trial.pfs == 1, "yes", "no")), "day", "pfs", "tk1")


def test_no_events_are_refused_with_the_count(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="0 events among n = 50"):
        cox(trial.assign(pfs=0), "day", "pfs", "tk1")


def test_one_event_is_fitted_and_judged_for_what_it_is(trial: pd.DataFrame) -> None:
    one = trial.assign(pfs=0)
    one.loc[one.day.idxmin(), "pfs"] = 1
    fit = cox(one, "day", "pfs", "tk1")
    assert fit.n_events == 1
    assert fit.table["conf_high"][0] / max(fit.table["conf_low"][0], 1e-300) > 10


def test_two_events_and_six_covariates_are_refused(trial: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    six = trial.assign(pfs=0, **{f"x{j}": rng.normal(size=50) for j in range(6)})
    six.loc[[1, 2], "pfs"] = 1
    with pytest.raises(UseError, match=r"2 event\(s\) for 6 parameters .* 0.33 events per parameter"):
        cox(six, "day", "pfs", [f"x{j}" for j in range(6)])


@pytest.mark.parametrize(("shift", "scale"), [(1e8, 1.0), (0.0, 1e-9), (0.0, 1e9), (1e6, 1e-3)])
def test_shifted_and_scaled_covariates_give_the_same_answer(trial: pd.DataFrame, shift: float, scale: float) -> None:
    # Whole multiples of 1/1024 survive the shift exactly, so the answers must agree to rounding.
    trial["tk1"] = np.round(trial.tk1 * 1024) / 1024
    plain = cox(trial, "day", "pfs", ["tk1", "arm"]).table
    moved = cox(trial.assign(tk1=shift + scale * trial.tk1), "day", "pfs", ["tk1", "arm"]).table
    assert moved["coef"][0] * scale == pytest.approx(plain["coef"][0], rel=1e-8)
    np.testing.assert_allclose(moved["p_value"], plain["p_value"], rtol=1e-8)


def test_all_times_tied_is_efron_s_answer() -> None:
    # One risk set of n rows that all die: the Efron steps of the whole table.
    x = np.array([0.0, 1, 2, 3, 5, 8])
    fit = cox(pd.DataFrame({"t": 4.0, "d": [1, 1, 1, 0, 0, 1], "x": x}), "t", "d", "x")
    b = fit.table["coef"][0]
    dead = np.exp(b * x[[0, 1, 2, 5]])
    loglik = b * 8 + b * 3 - sum(np.log(np.exp(b * x).sum() - k / 4 * dead.sum()) for k in range(4))
    assert fit.loglik[1] == pytest.approx(loglik, rel=1e-12)


def test_heavy_skew_is_fitted_and_agrees_with_its_rescaled_self() -> None:
    rng = np.random.default_rng(3)
    x = np.exp(4 * rng.normal(size=50))
    frame = pd.DataFrame({"t": rng.exponential(size=50), "d": 1, "x": x, "y": x / x.max()})
    a, b = cox(frame, "t", "d", "x").table, cox(frame, "t", "d", "y").table
    assert a["coef"][0] * x.max() == pytest.approx(b["coef"][0], rel=1e-9)
    assert a["p_value"][0] == pytest.approx(b["p_value"][0], rel=1e-9)


@pytest.mark.parametrize("n", [0, 1])
def test_no_rows_and_one_row_are_refused_with_n(trial: pd.DataFrame, n: int) -> None:
    with pytest.raises(UseError, match=f"n = {n}"):
        cox(trial.head(n), "day", "pfs", "tk1")


def test_near_ties_are_merged_and_counted(trial: pd.DataFrame) -> None:
    trial["day"] = trial["day"].astype(float)
    noisy = trial.assign(day=trial.day + 1e-13 * np.arange(50))
    fit = cox(noisy, "day", "pfs", "tk1")
    assert fit.table["coef"][0] == pytest.approx(cox(trial, "day", "pfs", "tk1").table["coef"][0], abs=1e-12)
    assert any("merged (R's timefix)" in note for note in fit.notes)


def test_a_misspelt_column_names_its_neighbour(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="no column 'tk2'; did you mean 'tk1'"):
        cox(trial, "day", "pfs", "tk2")


@pytest.mark.parametrize(("option", "value"), [("ties", "exact"), ("penalty", "ridge"), ("interval", "bayes"), ("level", 95)])
def test_an_unknown_option_lists_what_is_known(trial: pd.DataFrame, option: str, value: object) -> None:
    with pytest.raises(UseError, match=f"{option}.*(choose|must lie)"):
        cox(trial, "day", "pfs", "tk1", **{option: value})  # type: ignore[arg-type]


def test_weights_must_be_positive(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="first 0 at row 5"):
        cox(trial.assign(w=np.where(np.arange(50) == 5, 0.0, 1.0)), "day", "pfs", "tk1", weights="w")


def test_a_rare_group_s_note_names_the_permutation_p_and_it_is_there(trial: pd.DataFrame) -> None:
    fit = cox(trial, "day", "pfs", ["carrier", "arm"])
    note = next(note for note in fit.notes if note.startswith("carrier"))
    assert note == "carrier: 8 of 50 in the smaller group; the permutation p leads: .permutation_p('carrier')."
    found = fit.permutation_p("carrier", permutations=499, seed=1)
    assert found.permutations == 499
    alone = cox(trial, "day", "pfs", "carrier")
    assert alone.permutation_p(permutations=9).statistic == pytest.approx(alone.tests["statistic"][1], rel=1e-10)
    assert not any("permutation" in note for note in cox(trial, "day", "pfs", ["tk1"]).notes)
    with pytest.raises(UseError, match="no term 'tk1'; it has carrier, arm"):
        fit.permutation_p("tk1")
    with pytest.raises(UseError, match="patient-level bootstrap"):
        cox(trial.assign(site=np.arange(50)), "day", "pfs", "tk1", cluster="site").permutation_p()


def test_robust_errors_of_start_stop_rows_need_the_subject(trial: pd.DataFrame) -> None:
    fit = cox(trial.assign(start=0.0), "day", "pfs", "tk1", entry="start")
    with pytest.raises(UseError, match="need `cluster`"):
        fit.robust_covariance  # noqa: B018 - the property is what is tested
    weighted = cox(trial.assign(start=0.0, w=2.0), "day", "pfs", "tk1", entry="start", weights="w")
    assert weighted.table["robust_std_error"].isna().all()
    assert any("name the subject column" in note for note in weighted.notes)


def test_dates_are_refused_as_times(trial: pd.DataFrame) -> None:
    dated = trial.assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(trial.day, unit="D"))
    with pytest.raises(UseError, match="time 'day' holds dates or durations"):
        cox(dated, "day", "pfs", "tk1")


def test_numbers_held_as_objects_are_numbers_and_a_mixture_is_refused(trial: pd.DataFrame) -> None:
    as_objects = trial.assign(tk1=trial.tk1.astype(object))
    assert cox(as_objects, "day", "pfs", "tk1").table["term"].tolist() == ["tk1"]
    as_objects.loc[6, "tk1"] = "<20"
    with pytest.raises(UseError, match="'tk1' mixes numbers and text, first '<20' at row 6"):
        cox(as_objects, "day", "pfs", "tk1")


def test_times_in_text_are_refused_with_their_first_row(trial: pd.DataFrame) -> None:
    with pytest.raises(UseError, match="time 'day' holds text"):
        cox(trial.assign(day=trial.day.astype(str)), "day", "pfs", "tk1")


def test_nullable_columns_are_read_as_their_numbers(trial: pd.DataFrame) -> None:
    nullable = trial.assign(day=trial.day.astype("Int64"), pfs=trial.pfs.astype("boolean"), tk1=trial.tk1.astype("Float64"))
    nullable.loc[2, "tk1"] = pd.NA
    fit = cox(nullable, "day", "pfs", "tk1")
    plain = cox(trial.drop(index=2), "day", "pfs", "tk1")
    assert fit.n_dropped == 1
    assert fit.table["coef"][0] == pytest.approx(plain.table["coef"][0], rel=1e-12)


def test_what_an_infinite_or_penalised_fit_cannot_give_is_refused_with_the_way_out(trial: pd.DataFrame) -> None:
    trial.loc[trial.carrier == 1, "pfs"] = 0
    fit = cox(trial, "day", "pfs", ["carrier", "arm"])
    with pytest.raises(UseError, match="a coefficient is infinite"):
        fit.zph()
    with pytest.raises(UseError, match="fit with penalty='firth'"):
        fit.survival(trial.head(1), 30)
    firth = cox(trial, "day", "pfs", ["carrier", "arm"], penalty="firth")
    with pytest.raises(UseError, match="fit without penalty"):
        firth.residuals("martingale")
    with pytest.raises(UseError, match="fit without penalty"):
        firth.zph()
    assert firth.survival(trial.head(1), 30)["survival"].between(0, 1).all()


def test_the_zph_table_has_a_row_per_term_and_one_for_all(trial: pd.DataFrame) -> None:
    trial["grade"] = np.array(["low", "mid", "high"])[np.arange(50) % 3]
    found = cox(trial, "day", "pfs", ["tk1", "grade"]).zph()
    assert found["term"].tolist() == ["tk1", "grade", "global"]
    assert found["df"].tolist() == [1, 2, 3]
    with pytest.raises(UseError, match="choose from km, rank, identity, log"):
        cox(trial, "day", "pfs", "tk1").zph("linear")


def test_labels_of_clusters_and_strata_may_be_of_any_kind(trial: pd.DataFrame) -> None:
    trial["subject"] = [i if i % 2 else f"P{i}" for i in range(50)]
    trial["site"] = pd.Series([1, "two"] * 25, dtype=object)
    mixed = cox(trial, "day", "pfs", "tk1", strata="site", cluster="subject")
    plain = cox(trial.assign(site=np.arange(50) % 2, subject=range(50)), "day", "pfs", "tk1", strata="site", cluster="subject")
    np.testing.assert_allclose(mixed.table["robust_std_error"], plain.table["robust_std_error"], rtol=1e-12)
    assert mixed.rows.stratum_names == ("site=1", "site=two")


@pytest.mark.parametrize("seed", range(6))
def test_a_covariate_that_the_strata_hold_has_no_estimate_whatever_rounding_leaves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, 100).astype(float)
    frame = pd.DataFrame({"arm": np.repeat([0, 1], 50), "start": start, "stop": start + rng.integers(1, 80, 100),
                          "pfs": rng.integers(0, 2, 100), "tk1": np.repeat([1.0, 3.0], 50)})
    for entry in ("start", None):
        fit = cox(frame, "stop", "pfs", "tk1", strata="arm", entry=entry)
        assert np.isnan(fit.table["coef"].item())
        assert "does not vary within any risk set" in " ".join(fit.notes)
    # What does vary there is estimated, however far apart the strata lie.
    moved = frame.assign(tk1=rng.normal(size=100))
    plain, apart = (cox(f, "stop", "pfs", "tk1", strata="arm", entry="start").table["coef"].item()
                    for f in (moved, moved.assign(tk1=moved["tk1"] + 1e4 * moved["arm"])))
    assert apart == pytest.approx(plain, rel=1e-6)
