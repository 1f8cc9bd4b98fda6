"""Flows and ids exactly as R's, numbers to 1e-8: landmark sets, start-stop rows, supermodels, curves, accuracy."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.times import Visit
from biomarkers.kernels.concordance import concordance
from biomarkers.models.cox import cox
from biomarkers.models.dynamic_accuracy import dynamic_accuracy
from biomarkers.models.km import kaplan_meier
from biomarkers.models.landmark import landmark_set, landmark_stack
from biomarkers.models.logrank import logrank, mantel_byar
from biomarkers.models.simon_makuch import simon_makuch
from biomarkers.models.supermodel import fit_supermodel
from biomarkers.models.time_dependent import start_stop

HERE = Path(__file__).resolve().parent.parent / "reference" / "longitudinal"
EXACT, YEAR = 1e-8, 365.25
FLOW = (
    "event_at_or_before_landmark",
    "censored_at_or_before_landmark",
    "no_measurement",
    "no_draw_in_window",
    "measurement_too_old",
    "no_baseline",
)


def expected(name: str) -> dict:
    return json.loads((HERE / f"{name}.json").read_text())


def flow_of(found) -> dict[str, int]:
    counts = {name: len(found.excluded(name)) for name in FLOW}
    return {k: v for k, v in counts.items() if v} | {"included": len(found)}


def nonzero(flow: dict) -> dict:
    return {k: v for k, v in flow.items() if v}


def same_fit(fit, reference: dict, names: dict[str, str]) -> None:
    """Coefficients, naive and robust errors, log-likelihoods and tests of a fit against R's record of it."""
    table = fit.table.set_index("term")
    for theirs, ours in names.items():
        assert table.loc[ours, "coef"] == pytest.approx(reference["coef"][theirs], rel=EXACT, abs=1e-12)
        assert table.loc[ours, "std_error"] == pytest.approx(reference["se"][theirs], rel=EXACT)
        if "robust_se" in reference:
            assert table.loc[ours, "robust_std_error"] == pytest.approx(reference["robust_se"][theirs], rel=EXACT)
    assert len(names) == sum(v is not None for v in reference["coef"].values())
    assert fit.n == reference["n_rows"]
    assert fit.n_events == reference["n_events"]
    assert fit.loglik == pytest.approx((reference["loglik_null"], reference["loglik"]), rel=EXACT)
    tests = fit.tests.set_index("test")["statistic"]
    assert tests["likelihood ratio"] == pytest.approx(reference["lr_test"]["test"], rel=1e-7, abs=1e-9)


# -- BR-1801-like: awkward on purpose ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def br():
    people = pd.read_csv(HERE / "br1801like_patients.csv").rename(
        columns={"id": "subject", "pfs_days": "time", "pfs_event": "event"}
    )
    draws = pd.read_csv(HERE / "br1801like_draws.csv").rename(columns={"id": "subject", "log10_tk1": "value"})
    # The reference removes missing values first; that a failed draw is its own category is tested elsewhere.
    return people, draws.dropna(subset="value"), expected("br1801like")


@pytest.mark.parametrize("k", range(3))
def test_visit_windows_choose_the_draws_that_r_chose(br, k):
    people, draws, reference = br
    x = reference["visit_window"][k]
    visit = Visit("v", x["nominal"], (-x["lo"], x["hi"]))
    found = landmark_set(people, draws, day=x["landmark"], visit=visit, baseline=True, duplicates="mean")
    assert flow_of(found) == nonzero(x["flow"])
    rows = found.rows.sort_values("subject")
    assert rows["subject"].tolist() == x["ids_included"]
    assert rows["draw_day"].tolist() == x["draw_day"]
    np.testing.assert_allclose(rows["change"], x["change"], rtol=0, atol=1e-12)
    flow = found.flow
    for cohort, counts in x["flow_by_cohort"].items():
        part = flow[flow["cohort"] == cohort]
        got = nonzero(part.groupby("reason")["n_excluded"].sum().drop("included").to_dict())
        got |= {"included": int(part.loc[part["reason"] == "included", "n_left"].sum())}
        assert got == nonzero(counts)
        inside, ref = rows[rows["cohort"] == cohort], x["by_cohort"][cohort]
        inside = inside.assign(fall=(inside["change"] <= -0.3).astype(int))
        assert (len(inside), inside["event"].sum()) == (ref["n"], ref["events"])
        same_fit(
            cox(inside, "time", "event", ["baseline", "change", "arm"]),
            ref["cox"],
            {"base": "baseline", "chg": "change", "arm": "arm"},
        )
        same_fit(cox(inside, "time", "event", ["change"], strata=["arm", "liver"]), ref["cox_strat"], {"chg": "change"})
        assert logrank(inside, "time", "event", "fall").chi2 == pytest.approx(ref["logrank_fall"]["chisq"], rel=EXACT)
        test = logrank(inside, "time", "event", "fall", strata=["arm", "liver"])
        assert test.chi2 == pytest.approx(ref["logrank_fall_strat"]["chisq"], rel=EXACT)
        curve = kaplan_meier(inside, "time", "event", by="fall").at([x["landmark"] + d for d in (42, 84, 168)])
        at = pd.DataFrame(ref["km_fall"]["log-log"]["at"])
        np.testing.assert_allclose(curve["survival"], at["surv"], rtol=EXACT)
        inner = (at["surv"] < 1) & (at["surv"] > 0)  # on the border R leaves the log-log limits missing
        np.testing.assert_allclose(curve["conf_low"][inner], at["lower"][inner].astype(float), rtol=EXACT)
    same_fit(
        cox(rows, "time", "event", ["change", "baseline", "arm"], strata=["cohort", "liver"]),
        x["pooled"],
        {"chg": "change", "base": "baseline", "arm": "arm"},
    )
    same_fit(
        cox(rows, "time", "event", ["change", "baseline", "arm", "change:cohort"], strata=["cohort"]),
        x["interaction"],
        {"chg": "change", "base": "baseline", "arm": "arm", "chg:cohortERpos": "change:cohort[ERpos]"},
    )


@pytest.mark.parametrize("k", range(16))
def test_carried_values_lose_exactly_the_subjects_that_r_lost(br, k):
    people, draws, reference = br
    x = reference["locf"][k]
    found = landmark_set(
        people,
        draws,
        day=x["landmark"],
        max_age=x.get("max_age") or math.inf,
        duplicates="mean",
        draw_at_landmark="exclude" if x["closed"] == "before" else "include",
    )
    assert flow_of(found) == nonzero(x["flow"])
    for reason, ids in x["ids_excluded"].items():
        assert found.excluded(reason) == sorted(ids)
    rows = found.rows
    assert rows["value"].mean() == pytest.approx(x["value_mean"], rel=1e-12)
    assert rows["value_age"].max() == x["value_age_max"]
    assert rows["value_age"].mean() == pytest.approx(x["value_age_mean"], rel=1e-12)
    same_fit(cox(rows, "time", "event", ["value", "arm"], strata="cohort"), x["cox"], {"value": "value", "arm": "arm"})


def test_the_peers_rules_differ_on_the_landmark_day_and_both_can_be_had(br):
    people, draws, _ = br
    n = {
        peer: len(landmark_set(people, draws, day=42, max_age=35, duplicates="mean", compat=peer))
        for peer in ("dynpred", "dynamicLM")
    }
    assert n == {"dynpred": 33, "dynamicLM": 36}


def test_start_stop_rows_are_those_of_tmerge(br):
    people, draws, reference = br
    # R averaged duplicates first and then let the later of two early days stand; one rule each, as written there.
    averaged = draws.groupby(["subject", "day"], as_index=False)["value"].mean()
    found = start_stop(people, averaged, duplicates="last")
    td = reference["td"]
    audit = found.audit.set_index("what")
    counts = dict(zip(td["tcount"]["cols"], td["tcount"]["values"][1], strict=True))
    assert audit.loc["draws leading (on or before time zero)", "n"] == counts["leading"]
    assert audit.loc["draws within follow-up", "n"] == counts["within"]
    assert audit.loc["draws trailing (on the last day), never used", "n"] == counts["trailing"]
    assert audit.loc["draws late (after follow-up), never used", "n"] == counts["late"]
    assert len(found.rows) == td["rows"] - td["rows_missing"]
    assert audit.loc["left out: before the first value", "n_events"] == td["events_missing"]
    same_fit(
        cox(found.rows, "stop", "event", ["value", "arm"], entry="start", strata=["cohort", "liver"]),
        td["cox"],
        {"tk1": "value", "arm": "arm"},
    )
    for cohort, ref in td["cox_by_cohort"].items():
        part = found.rows[found.rows["cohort"] == cohort]
        same_fit(cox(part, "stop", "event", ["value", "arm"], entry="start"), ref, {"tk1": "value", "arm": "arm"})
    low = found.rows.assign(low=(found.rows["value"] < 1.4).astype(int))
    test, ref = mantel_byar(low, "stop", "event", "low", entry="start"), td["mantel_byar_low"]
    assert (test.observed[1], test.expected[1]) == pytest.approx((ref["observed"], ref["expected"]), rel=EXACT)
    assert test.variance[1, 1] == pytest.approx(ref["variance"], rel=EXACT)
    same_curves(simon_makuch(low, "stop", "event", "low", entry="start"), td["simon_makuch_low"])


def same_curves(curves, reference: dict) -> None:
    at = pd.DataFrame(reference["at"])
    got = curves.at(sorted(at["time"].unique()))
    np.testing.assert_allclose(got["survival"], at["surv"], rtol=EXACT)
    np.testing.assert_allclose(got["n_risk"], at["n_risk"])
    np.testing.assert_allclose(got["std_error"], at["std_err"], rtol=EXACT)
    np.testing.assert_allclose(got["conf_low"], at["lower"].astype(float), rtol=EXACT)
    np.testing.assert_allclose(got["conf_high"], at["upper"].astype(float), rtol=EXACT)
    assert any("not a patient's survival" in note for note in curves.notes)


def test_the_br1801_supermodels_are_r_s(br):
    people, draws, reference = br
    x = reference["super"]
    stack = landmark_stack(people, draws, landmarks=x["landmarks"], window=x["window"], max_age=x["max_age"], duplicates="mean")
    assert (len(stack.rows), int(stack.rows["event"].sum())) == (x["rows"], x["events"])
    assert stack.rows.groupby("landmark").size().tolist() == x["n_by_lm"]
    assert stack.rows.groupby("landmark")["event"].sum().tolist() == x["events_by_lm"]
    ipl = fit_supermodel(stack, kind="ipl", effect="linear", covariates="arm", strata="cohort")
    same_fit(ipl.fit, x["ipl"], {"tk1": "value", "arm": "arm", "tk1:s": "value:u1"})
    star = fit_supermodel(stack, kind="ipl*", effect="linear", covariates="arm", strata="cohort")
    same_fit(star.fit, x["iplstar"], {"tk1": "value", "arm": "arm", "tk1:s": "value:u1", "s": "u1", "I(s^2)": "u2"})


def test_ever_cleared_from_baseline_gives_the_wrong_answer_that_r_gives(br):
    people, draws, reference = br
    ever = (draws.groupby(["subject", "day"])["value"].mean() < 1.4).groupby("subject").any().astype(int)
    fit = cox(people.assign(ever=people["subject"].map(ever)), "time", "event", ["ever", "arm"], strata="cohort")
    same_fit(fit, reference["naive_ever_cleared"], {"ever": "ever", "arm": "arm"})


# -- Primary biliary cirrhosis -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def pbc():
    people = pd.read_csv(HERE / "pbc.csv")
    people = people.assign(subject=people["id"], event=(people["status"] == 2).astype(int))
    draws = pd.read_csv(HERE / "pbcseq.csv")
    draws = draws.assign(subject=draws["id"], value=np.log(draws["bili"]), log_protime=np.log(draws["protime"]))
    return (
        people[["subject", "time", "event", "age", "status"]],
        draws[["subject", "day", "value", "log_protime"]],
        expected("pbc"),
    )


@pytest.mark.parametrize("k", range(8))
def test_pbc_landmark_value_and_change_models_are_r_s(pbc, k):
    people, draws, reference = pbc
    x = reference["landmarks"][k]
    L, w = x["landmark"], x["window"]
    found = landmark_set(people, draws, day=L, max_age=x.get("max_age") or math.inf, baseline=True)
    assert flow_of(found) == nonzero(x["flow"])
    rows = found.rows.assign(T=np.minimum(found.rows["time"], L + w), E=found.rows["event"] * (found.rows["time"] <= L + w))
    same_fit(cox(rows, "T", "E", ["age", "value"]), x["cox_value"], {"age": "age", "lbL": "value"})
    same_fit(
        cox(rows, "T", "E", ["age", "baseline", "change"]),
        x["cox_change_adjusted"],
        {"age": "age", "lb0": "baseline", "chg": "change"},
    )
    same_fit(cox(rows, "T", "E", ["age", "change"]), x["cox_change_only"], {"age": "age", "chg": "change"})


def test_entry_at_the_landmark_or_a_clock_from_it_are_the_same_model(pbc):
    people, draws, _ = pbc
    rows = landmark_set(people, draws, day=365.25, max_age=math.inf).rows
    entered = cox(rows, "time", "event", ["age", "value"], entry="entry")
    shifted = cox(rows.assign(t=rows["time"] - 365.25), "t", "event", ["age", "value"])
    np.testing.assert_allclose(entered.table["coef"], shifted.table["coef"], rtol=1e-12)


def test_pbc_visit_window_takes_the_nearest_draw(pbc):
    people, draws, reference = pbc
    x = reference["visit_window"]
    visit = Visit("half year", x["nominal_day"], (-x["half_width"], x["half_width"]))
    found = landmark_set(people, draws, day=x["landmark"], visit=visit, baseline=True)
    names = {"event": "event_at_or_before_landmark", "censored": "censored_at_or_before_landmark"}
    assert flow_of(found) == {names.get(k, k): v for k, v in x["flow"].items()}
    assert found.rows["subject"].tolist()[:20] == x["ids_first20"]
    assert found.rows["draw_day"].tolist()[:20] == x["draw_days_first20"]
    assert found.rows["draw_day"].max() == x["max_draw_day"]
    same_fit(
        cox(found.rows, "time", "event", ["age", "baseline", "change"]),
        x["cox"],
        {"age": "age", "lb0": "baseline", "chg": "change"},
    )


def test_pbc_time_dependent_cox_is_the_vignette_s(pbc):
    people, draws, reference = pbc
    found = start_stop(people, draws, also=["log_protime"])
    assert len(found.rows) == reference["tmerge"]["n_rows"]
    assert found.rows["event"].sum() == reference["tmerge"]["n_deaths"]
    counts = dict(
        zip(reference["tmerge"]["tcount"]["cols"], np.transpose(reference["tmerge"]["tcount"]["values"]), strict=True)
    )
    audit = found.audit.set_index("what")["n"]
    assert audit["draws late (after follow-up), never used"] == counts["late"][2]
    assert audit["draws within follow-up"] == counts["within"][2] + counts["boundary"][2]
    names = {"log(bili)": "value", "log(protime)": "log_protime"}
    fit = cox(found.rows, "stop", "event", ["value", "log_protime"], entry="start")
    same_fit(fit, reference["timedep"], names)
    fit = cox(found.rows, "stop", "event", ["value", "log_protime"], entry="start", cluster="subject")
    same_fit(fit, reference["timedep_cluster"], names)
    either = start_stop(people.assign(event=(people["status"] > 0).astype(int)), draws, also=["log_protime"])
    fit = cox(either.rows, "stop", "event", ["value", "log_protime"], entry="start")
    same_fit(fit, reference["timedep_transplant_as_event"], names)


def test_pbc_supermodels_are_r_s(pbc):
    people, draws, reference = pbc
    x = reference["super"]
    years = np.array(x["landmarks_years"])
    stack = landmark_stack(people, draws, landmarks=years * YEAR, window=5 * YEAR, max_age=math.inf)
    assert (len(stack.rows), int(stack.rows["event"].sum())) == (x["n_rows"], x["n_events"])
    ipl = fit_supermodel(stack, effect="linear", covariates="age")
    same_fit(ipl.fit, x["ipl"], {"age": "age", "lbili": "value", "lbili:s1": "value:u1"})
    star = fit_supermodel(stack, kind="ipl*", effect="linear", covariates="age")
    same_fit(star.fit, x["iplstar"], {"age": "age", "lbili": "value", "lbili:s1": "value:u1", "s1": "u1", "I(s1^2)": "u2"})


def test_accuracy_at_a_landmark_agrees_with_time_roc_and_risk_regression(pbc):
    people, draws, reference = pbc
    x = reference["accuracy_landmark_1y"]
    rows = landmark_set(people, draws, day=YEAR, max_age=math.inf).rows
    rows = rows.assign(t=rows["time"] - YEAR)
    assert (len(rows), int(rows["event"].sum())) == (x["n"], x["events"])
    horizons = x["timeROC"]["times"]
    alone = dynamic_accuracy(rows, "t", "event", "value", horizons=horizons)
    np.testing.assert_allclose(alone["auc"], x["timeROC"]["AUC"], rtol=EXACT)
    np.testing.assert_allclose(alone["auc_std_error"], x["timeROC"]["se"], rtol=2e-6)  # its own way to estimate G's part
    for horizon, key in ((None, "uno_c"), (5 * YEAR, "uno_c_5y")):
        found = concordance(rows["t"], rows["event"], rows["value"], uno=True, horizon=horizon)
        np.testing.assert_allclose(found.c, x[key]["concordance"], rtol=EXACT)
    stack = landmark_stack(people, draws, landmarks=[YEAR], window=20 * YEAR, max_age=math.inf)
    model = fit_supermodel(stack, effect="constant", covariates="age")
    predicted = np.column_stack([1 - model.predict(rows, YEAR, horizon=YEAR + h)["probability"] for h in horizons])
    rows = rows.assign(lp=model.predict(rows, YEAR)["linear_predictor"])
    found = dynamic_accuracy(rows, "t", "event", "lp", horizons=horizons, survival=predicted)
    np.testing.assert_allclose(found["auc"], [r["AUC"] for r in x["auc"]], rtol=EXACT)
    np.testing.assert_allclose(found["brier"], [r["Brier"] for r in x["brier"] if r["model"] == "m"], rtol=EXACT)
    np.testing.assert_allclose(found["brier_null"], [r["Brier"] for r in x["brier"] if r["model"] != "m"], rtol=EXACT)


# -- Stanford heart -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def heart():
    return pd.read_csv(HERE / "heart_startstop.csv"), pd.read_csv(HERE / "jasa.csv"), expected("heart")


def test_mantel_byar_and_simon_makuch_of_the_heart_data(heart):
    rows, _, reference = heart
    test = mantel_byar(rows, "stop", "event", "transplant", entry="start")
    x = reference["mantel_byar"]
    assert (test.observed[1], test.expected[1], test.variance[1, 1]) == pytest.approx(
        (x["observed"], x["expected"], x["variance"]), rel=EXACT
    )
    assert test.chi2 == pytest.approx(x["chisq"], rel=EXACT)
    assert test.p_value == pytest.approx(x["p"], rel=EXACT)
    assert test.log_hazard_ratio[0] == pytest.approx(x["one_step_log_hr"], rel=EXACT)
    same_curves(simon_makuch(rows, "stop", "event", "transplant", entry="start"), reference["simon_makuch"])
    same_curves(
        simon_makuch(rows, "stop", "event", "transplant", entry="start", landmark=30), reference["simon_makuch_landmark_30"]
    )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_time_dependent_cox_of_the_heart_data(heart, ties):
    rows, _, reference = heart
    same_fit(
        cox(rows, "stop", "event", ["age", "year", "surgery", "transplant"], entry="start", ties=ties),
        reference[f"td_full_{ties}"],
        {"age": "age", "year": "year", "surgery": "surgery", "transplant1": "transplant"}
        if "transplant1" in reference[f"td_full_{ties}"]["coef"]
        else {"age": "age", "year": "year", "surgery": "surgery", "transplant": "transplant"},
    )


@pytest.mark.parametrize("day", [30, 60])
def test_a_transplant_on_the_landmark_day_counts_or_not_by_a_named_rule(heart, day):
    _, jasa, reference = heart
    x = reference[f"landmark_{day}"]
    people = pd.DataFrame({"subject": range(len(jasa)), "time": jasa["futime"], "event": jasa["fustat"], "age": jasa["age"]})
    waits = pd.DataFrame({"subject": people["subject"], "day": jasa["wait.time"], "value": 1.0}).dropna(subset="day")
    start = pd.DataFrame({"subject": people["subject"], "day": -1.0, "value": 0.0})
    draws = pd.concat([start, waits])
    found = landmark_set(people, draws, day=day, max_age=math.inf, duplicates="max")
    assert (len(found), int(found.rows["event"].sum()), int(found.rows["value"].sum())) == (x["n"], x["events"], x["n_tx"])
    strict = landmark_set(people, draws, day=day, max_age=math.inf, duplicates="max", draw_at_landmark="exclude")
    assert int(strict.rows["value"].sum()) == x["n_tx_strictly_before"]
    assert len(found.excluded("event_at_or_before_landmark")) == x["n_event_before"]
    assert len(found.excluded("censored_at_or_before_landmark")) == x["n_cens_before"]
    same_fit(cox(found.rows, "time", "event", ["value", "age"]), x["cox"], {"tx": "value", "age": "age"})
    assert logrank(found.rows, "time", "event", "value").chi2 == pytest.approx(x["logrank"]["chisq"], rel=EXACT)


# -- Benelux CML: third-party data that stay where they are ------------------------------------------------------------------
@pytest.fixture(scope="module")
def cml(shared):
    folder = shared / "reference" / "survival"
    people = pd.read_csv(folder / "data" / "cml_patients.csv").rename(
        columns={"patnr": "subject", "tyears": "time", "d": "event"}
    )
    draws = pd.read_csv(folder / "data" / "cml_wbc.csv").rename(columns={"patnr": "subject", "tyears": "day", "lwbc": "value"})
    return people, draws, json.loads((folder / "expected" / "cml.json").read_text())


@pytest.mark.parametrize("k", range(16))
def test_cml_landmark_sets_are_cut_lm_s(cml, k):
    people, draws, reference = cml
    x = reference["landmarks"][k]
    L, w = x["landmark"], x["window"]
    found = landmark_set(
        people, draws, day=L, max_age=x.get("max_age") or math.inf, compat="dynpred" if x["closed"] == "before" else "dynamicLM"
    )
    assert flow_of(found) == nonzero(x["flow"])
    rows = found.rows.assign(T=np.minimum(found.rows["time"], L + w), E=found.rows["event"] * (found.rows["time"] <= L + w))
    assert (rows["event"].sum(), rows["E"].sum()) == (x["events_all"], x["events_in_window"])
    if "cox" in x:
        names = {"sokal": "sokal", "lwbc": "value"}
        same_fit(cox(rows, "T", "E", ["sokal", "value"]), x["cox"], names)
        same_fit(cox(rows, "time", "event", ["sokal", "value"]), x["cox_no_admin_censoring"], names)
        shifted = cox(rows.assign(t=rows["T"] - L), "t", "E", ["sokal", "value"])
        np.testing.assert_allclose(shifted.table["coef"], x["cox_shifted_origin_same_coef"], rtol=EXACT)
        stack = landmark_stack(people, draws, landmarks=[L], window=w, max_age=x.get("max_age") or math.inf, compat="dynpred")
        model = fit_supermodel(stack, effect="constant", covariates="sokal")
        predicted = x["cox"]["predicted"]
        new = pd.DataFrame(predicted["newdata"]).rename(columns={"lwbc": "value"})
        for t, survival in zip(predicted["times"], predicted["surv"], strict=True):
            np.testing.assert_allclose(1 - model.predict(new, L, horizon=t)["probability"], survival, rtol=EXACT)


@pytest.mark.parametrize(("max_age", "key", "lost"), [(math.inf, "td_cox_efron", 0), (0.25, "td_cox_max_age_0.25y", 82)])
def test_cml_start_stop_with_and_without_expiry(cml, max_age, key, lost):
    people, draws, reference = cml
    found = start_stop(people, draws, max_age=max_age)
    x = reference[key]
    fit = cox(found.rows, "stop", "event", ["sokal", "value"], entry="start")
    table = fit.table.set_index("term")
    for theirs, ours in (("sokal", "sokal"), ("lwbc", "value")):
        assert table.loc[ours, "coef"] == pytest.approx(x["coef"][theirs], rel=EXACT)
        assert table.loc[ours, "std_error"] == pytest.approx(x["se"][theirs], rel=EXACT)
    assert fit.loglik == pytest.approx((x["loglik_null"], x["loglik"]), rel=EXACT)
    assert found.audit.set_index("what").loc["left out: value too old", "n_events"] == lost
    if not lost:
        robust = cox(found.rows, "stop", "event", ["sokal", "value"], entry="start", cluster="subject")
        same_fit(robust, reference["td_cox_cluster"], {"sokal": "sokal", "lwbc": "value"})


@pytest.fixture(scope="module")
def cml_stack(cml):
    people, draws, reference = cml
    return landmark_stack(
        people, draws, landmarks=reference["super"]["landmarks"], window=4, max_age=math.inf, compat="dynpred"
    )


def test_cml_supermodels_have_r_s_robust_errors(cml, cml_stack):
    x = cml[2]["super"]
    assert len(cml_stack.rows) == x["n_rows"] - x["n_rows_marker_missing"]
    by = cml_stack.by_landmark.pivot_table(index="landmark", columns="reason", values="n", fill_value=0)
    assert by["no_measurement"].tolist() == x["n_missing_by_landmark"]
    assert (by["included"] + by["no_measurement"]).tolist() == x["n_at_risk_by_landmark"]
    effects = {
        "ipl_const": ("ipl", "constant"),
        "ipl_quadratic": ("ipl", "quadratic"),
        "iplstar_quadratic": ("ipl*", "quadratic"),
    }
    columns = {"sokal": "sokal", "lwbc": "value", "s1": "u1", "s2": "u2", "lwbc:s1": "value:u1", "lwbc:s2": "value:u2"}
    for name, (kind, effect) in effects.items():
        ref = x[f"{name}_efron"]
        model = fit_supermodel(cml_stack, kind=kind, effect=effect, covariates="sokal")
        same_fit(model.fit, ref, {k: v for k, v in columns.items() if k in ref["coef"]})
    both = fit_supermodel(cml_stack, effect="quadratic", varying=["sokal", "value"])
    same_fit(
        both.fit,
        x["ipl_quadratic_all_efron"],
        columns | {"sokal:s1": "sokal:u1", "sokal:s2": "sokal:u2"}
        if "s1" in x["ipl_quadratic_all_efron"]["coef"]
        else {
            "sokal": "sokal",
            "lwbc": "value",
            "sokal:s1": "sokal:u1",
            "sokal:s2": "sokal:u2",
            "lwbc:s1": "value:u1",
            "lwbc:s2": "value:u2",
        },
    )


def test_cml_predictions_are_r_s(cml, cml_stack):
    model = fit_supermodel(cml_stack, kind="ipl*", effect="quadratic", covariates="sokal")
    for row in cml[2]["super"]["iplstar_prediction_efron"]["rows"]:
        new = pd.DataFrame({"sokal": [row["sokal"]], "value": [row["lwbc"]]})
        got = model.predict(new, row["landmark"]).iloc[0]
        assert got["linear_predictor"] == pytest.approx(row["linpred"], rel=EXACT)
        assert got["probability"] == pytest.approx(row["p_event_within_w"], rel=EXACT)
        assert got["conf_low"] < got["probability"] < got["conf_high"]


@pytest.mark.parametrize("k", range(5))
def test_cml_window_widths(cml, k):
    people, draws, reference = cml
    x = reference["super"]["ipl_by_window"][k]
    stack = landmark_stack(
        people, draws, landmarks=reference["super"]["landmarks"], window=x["window"], max_age=math.inf, compat="dynpred"
    )
    fit = fit_supermodel(stack, effect="constant", covariates="sokal").fit
    assert (fit.n, fit.n_events) == (x["n_rows"], x["n_events"])
    table = fit.table.set_index("term")
    for place, (theirs, ours) in enumerate((("sokal", "sokal"), ("lwbc", "value"))):
        assert table.loc[ours, "coef"] == pytest.approx(x["coef"][theirs], rel=EXACT)
        assert table.loc[ours, "robust_std_error"] == pytest.approx(x["robust_se"][place], rel=EXACT)
