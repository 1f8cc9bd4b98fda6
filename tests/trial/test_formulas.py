"""Events, patients, power, futility looks and 3+3 against their reference numbers; contradictions are refused."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.kernels import event_count, sequential
from biomarkers.kernels import three_plus_three as escalation


def test_closed_forms_agree_with_gsdesign_and_rpact(reference):
    for case in reference("two_arm_designs"):
        ratio = case["median0"] / case["median1"]
        arms = [(case["n_per_arm"], case["median0"]), (case["n_per_arm"], case["median1"])]
        expected = trial.expected_events(arms, accrual=case["accrual"], follow_up=case["followup"])
        size = trial.sample_size(case["median0"], median_experimental=case["median1"], alpha=case["alpha"],
                                 power=case["power"], accrual=case["accrual"], follow_up=case["followup"]).set_index("method")
        np.testing.assert_allclose(expected["p_event"][:2], case["p_event"], atol=1e-10)
        assert expected["events"].iloc[2] == pytest.approx(case["expected_events"], abs=1e-10)
        for method in ("schoenfeld", "freedman"):
            assert size.loc[method, "events"] == pytest.approx(case[f"{method}_events"], abs=1e-10)
            assert size.loc[method, "n"] == pytest.approx(case[f"{method}_n"], abs=1e-10)
            found = trial.power(ratio, events=case["events_stated"], alpha=case["alpha"], method=method)
            assert found == pytest.approx(case[f"power_{method}_at_events"], abs=1e-10)
        pair = tuple(expected["events"][:2])
        assert trial.power(ratio, events=pair, alpha=case["alpha"], method="rubinstein") == pytest.approx(
            case["power_rubinstein"], abs=1e-10)


@pytest.mark.parametrize(("method", "n"), [("schoenfeld", (58.53, 45.10)), ("freedman", (63.27, 48.75)),
                                           ("lachin-foulkes", (57.88, 44.96))])
def test_only_freedman_reproduces_64_and_50_patients(method, n):
    found = []
    for median, power in ((12, 0.90), (6, 0.85)):
        table = trial.sample_size(median, hazard_ratio=0.5, alpha=0.10, power=power, accrual=52, follow_up=52)
        row = table.set_index("method").loc[method]
        found.append((round(row["n"], 2), row["n_even"]))
    assert tuple(v for v, _ in found) == n
    assert ([even for _, even in found] == [64, 50]) == (method == "freedman")


def test_58_and_48_are_the_smallest_events_whose_rounded_freedman_power_is_the_stated_one():
    for events, power in ((58, 0.90), (48, 0.85)):
        at, below = (trial.power(0.5, events=d, alpha=0.10, method="freedman") for d in (events, events - 1))
        assert round(at, 2) == power
        assert round(below, 2) < power


@pytest.mark.parametrize(("gamma", "information", "events"), [(-2, 0.60, (57.58, 47.09)), (-2, 2 / 3, (57.93, 47.37)),
                                                              (-1, 1 / 3, (57.61, 47.24)), (-2, 0.5, (57.08, 46.70))])
def test_beta_spending_inflates_events_as_gsdesign_does(gamma, information, events):
    found = []
    for power in (0.90, 0.85):
        spent = sequential.beta_spending(alpha=0.10, beta=1 - power, information=information, gamma=gamma)
        found.append(round(trial.events_required(0.5, alpha=0.10, power=power) * spent.inflation, 2))
    assert tuple(found) == events


def test_a_beta_spending_look_spends_what_it_says():
    spent = sequential.beta_spending(alpha=0.10, beta=0.15, information=0.6, gamma=-2)
    seen = sequential.futility_look(drift=spent.drift, information=0.6, bound=spent.bound, alpha=0.10)
    assert seen.p_reject == pytest.approx(0.85, abs=1e-12)
    assert seen.p_stop == pytest.approx(0.15 * np.expm1(1.2) / np.expm1(2.0), abs=1e-12)


def test_wieands_look_costs_what_the_reference_says(reference):
    for case in reference("correlative_power")["wieand"]:
        drift = float(ndtri(case["power"]) + ndtri(0.9))
        other = sequential.futility_look(drift=drift, information=case["info"], bound=0.0, alpha=0.10)
        null = sequential.futility_look(drift=0.0, information=case["info"], bound=0.0, alpha=0.10)
        assert other.p_stop == pytest.approx(case["p_stop_H1"], abs=1e-6)
        assert other.p_reject == pytest.approx(case["power_with_futility"], abs=1e-6)
        assert null.p_reject == pytest.approx(case["alpha_if_followed"], abs=1e-6)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize(("h", "k"), [(0.0, 0.0), (1.2, -0.4), (0.0, -1.0), (-2.0, 0.0), (-1.0, -1.5), (2.5, 0.1)])
def test_bivariate_normal_agrees_with_scipy(h, k, rho):
    if rho == 1.0:
        expected = min(*(0.5 * (1 + np.vectorize(__import__("math").erf)(v / np.sqrt(2))) for v in (h, k)))
    else:
        expected = multivariate_normal.cdf([h, k], mean=[0, 0], cov=[[1, rho], [rho, 1]], abseps=1e-10, releps=1e-10)
    assert sequential.bivariate_normal(h, k, rho) == pytest.approx(float(expected), abs=1e-9)


def test_conditional_power_under_the_design_averages_to_power():
    drift, t = float(ndtri(0.9) + ndtri(0.9)), 0.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    z1 = nodes + drift * np.sqrt(t)
    cp = [sequential.conditional_power(float(z), information=t, drift=drift, alpha=0.10) for z in z1]
    assert float(np.dot(weights / weights.sum(), cp)) == pytest.approx(0.90, abs=1e-9)


def test_expected_time_to_58_and_48_events():
    assert trial.time_to_events(58, [(32, 12), (32, 24)], accrual=52) == pytest.approx(93.08, abs=0.005)
    assert trial.time_to_events(48, [(25, 6), (25, 12)], accrual=52) == pytest.approx(77.75, abs=0.005)
    assert trial.time_to_events(29, [(32, 12), (32, 24)], accrual=52) == pytest.approx(43.99, abs=0.005)


def test_events_during_accrual_agree_with_quadrature():
    from scipy.integrate import quad

    for at in (10.0, 52.0, 80.0):
        area, _ = quad(lambda u, at=at: 1 - 2 ** (-(at - u) / 12), 0, min(at, 52.0), epsabs=1e-12)
        assert float(event_count.probability_of_event(12.0, accrual=52, at=at)) == pytest.approx(area / 52, abs=1e-12)


def test_an_unequal_allocation_needs_more_events():
    half = trial.events_required(0.5, alpha=0.10, power=0.9)
    assert trial.events_required(0.5, alpha=0.10, power=0.9, allocation=2 / 3) == pytest.approx(half * 9 / 8)


def test_detectable_hazard_ratios_of_the_correlative_table(reference):
    variance = {"continuous_perSD": 1.0, "binary_prev0.5": 0.25, "binary_prev0.3": 0.21, "binary_prev0.2": 0.16,
                "binary_prev0.1": 0.09, "additive_snp_maf0.4": 0.48, "additive_snp_maf0.35": 0.455,
                "interaction_binary_prev0.5_1to1": 0.0625, "interaction_binary_prev0.3_1to1": 0.0525,
                "interaction_binary_prev0.2_1to1": 0.04, "interaction_continuous_1to1": 0.25}
    for row in reference("correlative_power")["mdhr"]:
        for name, v in variance.items():
            assert trial.detectable_hazard_ratio(row["events"], variance=v) == pytest.approx(row[name], abs=1e-10)
        adjusted = trial.detectable_hazard_ratio(row["events"], r_squared=0.2)
        assert adjusted == pytest.approx(row["continuous_perSD_R2_02"], abs=1e-10)


# -- 3+3 ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["standard", "expand6"])
def test_three_plus_three_is_exact(reference, variant):
    for case in reference("three_plus_three"):
        found = escalation.characteristics(case["dlt"], variant=variant)
        expected = case[variant]
        np.testing.assert_allclose(found.p_mtd, expected["p_mtd"], atol=1e-10)
        assert found.p_none == pytest.approx(expected["p_mtd_none"], abs=1e-10)
        np.testing.assert_allclose(found.expected_n, expected["expected_n_per_level"], atol=1e-10)
        assert found.expected_dlt.sum() == pytest.approx(expected["expected_dlt"], abs=1e-10)
        assert {str(k) for k in found.n_distribution} == set(expected["dist_n"])
        for n, p in expected["dist_n"].items():
            assert found.n_distribution[int(n)] == pytest.approx(p, abs=1e-10)
        assert found.p_mtd.sum() + found.p_none == pytest.approx(1.0, abs=1e-14)


def test_a_harmless_drug_reaches_the_top_and_a_poison_no_level():
    assert trial.three_plus_three([0, 0, 0])["p_mtd"].tolist() == [0, 0, 0, 1]
    assert trial.three_plus_three([1, 1, 1])["p_mtd"].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(("treated", "dlts", "variant", "action", "level"), [
    ([0, 0, 0], [0, 0, 0], "standard", "treat", 50),
    ([3, 0, 0], [0, 0, 0], "standard", "treat", 100),
    ([3, 0, 0], [1, 0, 0], "standard", "treat", 50),
    ([6, 0, 0], [1, 0, 0], "standard", "treat", 100),
    ([6, 0, 0], [2, 0, 0], "standard", "stop", "none"),
    ([3, 3, 0], [0, 2, 0], "standard", "stop", 50),
    ([3, 3, 0], [0, 2, 0], "expand6", "treat", 50),
    ([6, 3, 0], [1, 2, 0], "expand6", "stop", 50),
    ([6, 3, 0], [2, 2, 0], "expand6", "stop", "none"),
    ([3, 3, 3], [0, 0, 0], "standard", "stop", 150),
    ([3, 3, 3], [0, 0, 0], "expand6", "treat", 150),
])  # fmt: skip
def test_the_rule_at_each_cohort_of_patients(treated, dlts, variant, action, level):
    row = trial.next_cohort(treated, dlts, levels=[50, 100, 150], variant=variant).iloc[0]
    assert (row["action"], row["level"]) == (action, level)


# -- refusals ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("call", "words"), [
    (lambda: trial.events_required(0.5, alpha=0.6, power=0.9), "between 0 and 0.5"),
    (lambda: trial.events_required("0.5", alpha=0.1, power=0.9), "'0.5' is not a number"),
    (lambda: trial.events_required(0.5, alpha=True, power=0.9), "True is not a number"),
    (lambda: trial.events_required(float("nan"), alpha=0.1, power=0.9), "between 0 and 1"),
    (lambda: trial.expected_events([("32", 12)], accrual=52, follow_up=52), "'32' is not a number"),
    (lambda: trial.next_cohort([3, 3], [0, None]), "None is not a number"),
    (lambda: trial.events_required(0.5, alpha=0.5, power=0.9), "between 0 and 0.5"),
    (lambda: trial.events_required(0.5, alpha=0, power=0.9), "between 0 and 0.5"),
    (lambda: trial.events_required(2.0, alpha=0.1, power=0.9), "inverse"),
    (lambda: trial.events_required(1.0, alpha=0.1, power=0.9), "ratio of 1"),
    (lambda: trial.events_required(0.5, alpha=0.1, power=0.05), "alpha = 0.1"),
    (lambda: trial.events_required(0.5, alpha=0.1, power=0.9, method="cox"), "schoenfeld, freedman"),
    (lambda: trial.sample_size(12, hazard_ratio=0.6, median_experimental=24, alpha=0.1, power=0.9, accrual=52,
                               follow_up=52), "contradicts the medians"),
    (lambda: trial.sample_size(12, alpha=0.1, power=0.9, accrual=52, follow_up=52), "give hazard_ratio"),
    (lambda: trial.sample_size(12, hazard_ratio=0.5, alpha=0.1, power=0.9, accrual=52, follow_up=-1), "negative"),
    (lambda: trial.time_to_events(65, [(32, 12), (32, 24)], accrual=52), "65 events from 64 patients"),
    (lambda: trial.power(0.5, events=58, alpha=0.1, method="rubinstein"), "each arm"),
    (lambda: trial.three_plus_three([0.1, 1.2]), "between 0 and 1"),
    (lambda: trial.three_plus_three([0.1], variant="modified"), "standard, expand6"),
    (lambda: trial.next_cohort([3, 0], [4, 0]), "4 DLTs in 3"),
    (lambda: trial.next_cohort([4, 0], [1, 0]), "cohorts of three"),
    (lambda: trial.next_cohort([3, 3], [1, 0]), "does not do that"),
    (lambda: trial.next_cohort([0, 3], [0, 0]), "does not do that"),
])  # fmt: skip
def test_contradictory_design_inputs_are_refused_in_words(call, words):
    with pytest.raises(UseError) as refused:
        call()
    assert words in str(refused.value)
