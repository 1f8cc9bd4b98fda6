"""The time-to-event endpoints agree with survival, bpcp and the one-sample formulas on 16 trials."""

import math

import numpy as np
import pandas as pd
import pytest

from biomarkers import trial
from biomarkers.kernels import fourfold, km, one_sample
from biomarkers.kernels.binomial import clopper_pearson
from biomarkers.trial.comparison import arm_summaries

CASES = range(16)


def frame_of(case):
    return pd.DataFrame(case["data"])


def same(ours, theirs, tolerance):
    if theirs is None or theirs == "NA":
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(theirs, abs=tolerance, rel=tolerance)


@pytest.mark.parametrize("place", CASES)
def test_logrank_and_hazard_ratios_are_those_of_r(reference, place):
    case = reference("survival_analyses")[place]
    table = trial.compare_arms(frame_of(case), "time", "status", "arm", strata="liver", ties=("efron", "breslow", "exact"))
    test = table.iloc[0]
    same(test["estimate"], case["strat_logrank"]["z_benefit"], 1e-8)
    same(test["p_value"], case["strat_logrank"]["p_one_benefit"], 1e-8)
    for ties, name in (("efron", "Efron"), ("breslow", "Breslow"), ("exact", "exact ties")):
        expected = case[f"cox_{ties}"]
        for level, key in ((80, "ci80"), (95, "ci95")):
            row = table[table["method"] == f"{name}, Wald, {level} %"].iloc[0]
            same(row["estimate"], expected["hr"], 1e-7)
            same(row["std_error"], expected["se"], 1e-7)
            same(row["conf_low"], expected[key][0], 1e-7)
            same(row["conf_high"], expected[key][1], 1e-7)
    profile = table[table["method"] == "Efron, profile, 95 %"].iloc[0]
    same(profile["conf_low"], case["profile_ci95"][0], 1e-7)
    same(profile["conf_high"], case["profile_ci95"][1], 1e-7)


@pytest.mark.parametrize("place", CASES)
def test_exact_ties_have_rs_likelihood_and_the_logrank_as_score(reference, place):
    case = reference("survival_analyses")[place]
    data = {k: np.array(v) for k, v in case["data"].items()}
    fit = fourfold.exact_ties(data["time"], data["status"], data["arm"], stratum=data["liver"])
    assert fit.loglik == pytest.approx(tuple(case["cox_exact"]["loglik"]), abs=1e-8)
    assert fit.score_test == pytest.approx(case["strat_logrank"]["chisq"], abs=1e-8)


@pytest.mark.parametrize("place", CASES)
def test_medians_survival_and_exact_limits_are_those_of_r(reference, place):
    case = reference("survival_analyses")[place]
    frame = frame_of(case)
    tau = case["km"]["arm0"]["tau"]
    table = arm_summaries(frame, "time", "status", "arm", times=[tau])
    for arm in (0, 1):
        expected = case["km"][f"arm{arm}"]
        rows = table[table["contrast"] == str(arm)]
        median = rows[rows["estimand"] == "median"].iloc[0]
        for ours, theirs in zip(("estimate", "conf_low", "conf_high"), expected["log-log"]["median"], strict=True):
            same(median[ours], theirs, 1e-8)
        at = rows[(rows["estimand"] == "survival") & (rows["method"] == "log-log")].iloc[0]
        for ours, theirs in zip(("estimate", "conf_low", "conf_high"), expected["log-log"]["surv_tau"], strict=True):
            same(at[ours], theirs, 1e-8)
        same(at["std_error"], expected["log-log"]["se_tau"], 1e-8)
        exact = rows[rows["method"] == "exact (beta product)"].iloc[0]
        for ours, theirs in zip(("estimate", "conf_low", "conf_high"), expected["bpcp_tau"][1:], strict=True):
            same(exact[ours], theirs, 1e-6)


@pytest.mark.parametrize("place", CASES)
def test_every_scale_of_the_survival_interval_and_the_restricted_mean(reference, place):
    case = reference("survival_analyses")[place]
    data = {k: np.array(v) for k, v in case["data"].items()}
    for arm in (0, 1):
        here, expected = data["arm"] == arm, case["km"][f"arm{arm}"]
        for scale in ("log-log", "log", "plain", "arcsin", "logit"):
            curve = km.kaplan_meier(data["time"][here], data["status"][here], interval=scale)
            _, s, _, low, high = (float(v[0]) for v in curve.at(expected["tau"]))
            for ours, theirs in zip((s, low, high), expected[scale]["surv_tau"], strict=True):
                same(ours, theirs, 1e-8)
            for key, p in (("median", 0.5), ("q25", 0.25), ("q75", 0.75)):
                for ours, theirs in zip(curve.quantile(p), expected[scale][key], strict=True):
                    same(ours, theirs, 1e-8)
        if expected["tau"] <= data["time"][here].max():
            for ours, theirs in zip(curve.rmst(expected["tau"]), expected["rmst_tau"], strict=True):
                same(ours, theirs, 1e-8)


@pytest.mark.parametrize("place", CASES)
def test_one_arm_against_a_null_share(reference, place):
    case = reference("survival_analyses")[place]
    frame = frame_of(case)
    for arm in (0, 1):
        expected = case["km"][f"arm{arm}"]
        found = trial.one_arm(frame[frame["arm"] == arm], "time", "status", at=expected["tau"], null=0.5)
        by = found.set_index("method")
        one = expected["one_sample"]
        same(by.loc["(E - O)/sqrt(E)", "estimate"], one["z"], 1e-8)
        same(by.loc["(E - O)/sqrt(E)", "p_value"], one["p_one"], 1e-8)
        same(by.loc["(E - O)/sqrt((O + E)/2), Wu", "estimate"], one["z_wu"], 1e-8)
        smr = by.loc["O/E, exact Poisson"]
        for ours, theirs in zip((smr["estimate"], smr["conf_low"], smr["conf_high"], smr["p_value"]),
                                (one["smr"], *one["smr_exact"], one["p_exact_poisson"]), strict=True):
            same(ours, theirs, 1e-8)
        same(by.loc["Kaplan-Meier, plain", "statistic"], expected["km_test"]["z_plain"], 1e-8)
        same(by.loc["Kaplan-Meier, log-log", "statistic"], expected["km_test"]["z_loglog"], 1e-8)
        binary, known = by.loc["binary, evaluable, Clopper-Pearson"], expected["binomial"]
        assert binary["n"] == known["n"]
        assert binary["estimate"] == pytest.approx(known["x"] / known["n"])
        same(binary["p_value"], known["p_greater"], 1e-10)
        same(binary["conf_low"], known["ci95"][0], 1e-10)
        same(binary["conf_high"], known["ci95"][1], 1e-10)


@pytest.mark.parametrize("place", CASES)
def test_exact_limits_of_the_median_and_mid_p_are_those_of_bpcp(reference, place):
    case = reference("survival_analyses")[place]
    data = {k: np.array(v) for k, v in case["data"].items()}
    for arm in (0, 1):
        here, expected = data["arm"] == arm, case["km"][f"arm{arm}"]
        curve = km.kaplan_meier(data["time"][here], data["status"][here])
        for ours, theirs in zip(one_sample.median_limits(curve), expected["bpcp_median"][1:], strict=True):
            same(ours, theirs, 1e-8)
        # bpcp solves for the mid-p limits with uniroot's default tolerance, 1.2e-4: no better agreement can be asked of it.
        found = one_sample.limits_at(curve, expected["tau"], mid_p=True)
        for ours, theirs in zip(found, expected["bpcp_midp_tau"][1:], strict=True):
            assert ours == pytest.approx(theirs, abs=1.3e-4)


def test_without_censoring_the_exact_limits_are_clopper_and_pearsons():
    curve = km.kaplan_meier(np.arange(1, 21), np.ones(20))
    for t in range(20):
        _, low, high = one_sample.limits_at(curve, t + 0.5)
        assert (low, high) == pytest.approx(clopper_pearson(20 - t, 20), abs=1e-12)


def test_without_censoring_mid_p_is_the_mid_p_of_the_binomial():
    from scipy.stats import binom

    curve = km.kaplan_meier(np.arange(1, 16), np.ones(15))
    _, low, high = one_sample.limits_at(curve, 6.5, mid_p=True)
    x, n = 9, 15
    assert 0.5 * binom.pmf(x, n, low) + binom.sf(x, n, low) == pytest.approx(0.025, abs=1e-10)
    assert 0.5 * binom.pmf(x, n, high) + binom.cdf(x - 1, n, high) == pytest.approx(0.025, abs=1e-10)


def test_patients_censored_at_the_time_itself_were_followed_for_it():
    curve = km.kaplan_meier([1, 2, 3, *[12] * 17], [1, 1, 1, *[0] * 17])
    _, low, high = one_sample.limits_at(curve, 12)
    assert (low, high) == pytest.approx(clopper_pearson(17, 20), abs=1e-12)
    assert one_sample.limits_at(curve, 12, just_after=True)[1] == 0.0


def test_nobody_left_has_a_lower_limit_of_zero_and_nobody_failed_an_upper_of_one():
    all_failed = km.kaplan_meier([1.0, 2.0, 3.0], [1, 1, 1])
    assert one_sample.limits_at(all_failed, 3)[1] == 0.0
    none_failed = km.kaplan_meier([5.0, 6.0, 7.0], [0, 0, 0])
    survival, low, high = one_sample.limits_at(none_failed, 4)
    assert (survival, high) == (1.0, 1.0)
    assert low == pytest.approx(0.025 ** (1 / 3))


def test_a_time_beyond_follow_up_is_not_estimated():
    frame = pd.DataFrame({"t": [10, 20, 30], "d": [1, 0, 0]})
    found = trial.one_arm(frame, "t", "d", at=100)
    row = found[found["estimand"] == "survival"].iloc[0]
    assert not row["finite"]
    assert "follow-up ends" in row["note"]


def test_an_arm_without_deaths_has_an_infinite_hazard_ratio_that_says_so():
    frame = pd.DataFrame({"t": [1, 2, 3, 4, 5, 6, 7, 8], "d": [1, 1, 1, 1, 0, 0, 0, 0], "arm": list("AAAABBBB")})
    table = trial.compare_arms(frame, "t", "d", "arm", ties=("efron", "exact"))
    ratios = table[table["estimand"] == "hazard ratio"]
    assert not ratios["finite"].any()
    assert ratios[ratios["method"].str.startswith("exact")]["estimate"].eq(0).all()
