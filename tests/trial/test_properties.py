"""What must hold for every input: sums, symmetries, orders."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from biomarkers.kernels import event_count, fourfold, one_sample, sequential, simon
from biomarkers.kernels import three_plus_three as escalation
from biomarkers.kernels.binomial import clopper_pearson, newcombe, wilson
from biomarkers.kernels.km import kaplan_meier

SHARE = st.floats(0.02, 0.98)
FEW = settings(max_examples=60, deadline=None)


@st.composite
def tables(draw):
    strata = draw(st.integers(1, 3))
    rows = []
    for _ in range(strata):
        n1, n0 = draw(st.integers(1, 15)), draw(st.integers(1, 15))
        rows.append([draw(st.integers(0, n1)), n1, draw(st.integers(0, n0)), n0])
    return rows


@FEW
@given(tables())
def test_swapping_the_arms_inverts_every_estimate(rows):
    swapped = [[x0, n0, x1, n1] for x1, n1, x0, n0 in rows]
    one, other = fourfold.mantel_haenszel(rows), fourfold.mantel_haenszel(swapped)
    assert np.isclose(one.risk_difference, -other.risk_difference, atol=1e-12)
    assert one.finite == other.finite
    if one.finite:
        assert np.isclose(one.odds_ratio * other.odds_ratio, 1, rtol=1e-10)
    exact, inverse = fourfold.conditional(rows), fourfold.conditional(swapped)
    assert np.isclose(exact.p_value, inverse.p_value, atol=1e-9)
    if exact.finite:
        assert np.isclose(exact.odds_ratio * inverse.odds_ratio, 1, rtol=1e-6)
        assert exact.low <= exact.odds_ratio <= exact.high


@FEW
@given(tables())
def test_responders_and_non_responders_are_symmetric(rows):
    other = fourfold.mantel_haenszel([[n1 - x1, n1, n0 - x0, n0] for x1, n1, x0, n0 in rows])
    one = fourfold.mantel_haenszel(rows)
    assert np.isclose(one.risk_difference, -other.risk_difference, atol=1e-12)
    assert np.isclose(one.chi2, other.chi2, atol=1e-9, equal_nan=True)


@FEW
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_intervals_of_a_proportion_hold_it_and_mirror(xn, level):
    x, n = xn
    for make in (clopper_pearson, wilson):
        low, high = make(x, n, level=level)
        assert 0 <= low <= x / n <= high <= 1
        mirrored = make(n - x, n, level=level)
        assert np.allclose((1 - high, 1 - low), mirrored, atol=1e-10)
    d, low, high = newcombe(x, n, n - x, n, level=level)
    assert low - 1e-12 <= d <= high + 1e-12


@FEW
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.sampled_from(["standard", "expand6"]))
def test_a_3_plus_3_trial_always_ends_and_its_chances_add_up(p_dlt, variant):
    found = escalation.characteristics(p_dlt, variant=variant)
    assert np.isclose(found.p_mtd.sum() + found.p_none, 1, atol=1e-12)
    assert np.isclose(sum(found.n_distribution.values()), 1, atol=1e-12)
    assert np.isclose(sum(n * p for n, p in found.n_distribution.items()), found.expected_n.sum())
    assert (found.expected_dlt <= found.expected_n + 1e-12).all()
    assert found.expected_n.max() <= 6 + 1e-12


@FEW
@given(st.integers(2, 12).flatmap(lambda n1: st.tuples(st.just(n1), st.integers(0, n1 - 1), st.integers(n1 + 1, n1 + 12))),
       st.floats(0.05, 0.95))
def test_two_stage_outcomes_have_probabilities_and_an_unbiased_estimate(shape, p):
    n1, r1, n = shape
    design = simon.TwoStage(r1, n1, min(r1 + 1, n - 1), n)
    tail = np.array([design.tail(x, p) for x in range(n + 2)])
    mass = tail[:-1] - tail[1:]
    assert np.isclose(tail[0], 1, atol=1e-12)
    assert (mass > -1e-12).all()
    seen = mass > 1e-14
    mean = sum(m * simon.umvue(design, x) for x, m in enumerate(mass) if seen[x])
    assert np.isclose(mean, p, atol=1e-8)


@FEW
@given(st.floats(0.2, 0.9), st.floats(0.01, 0.3), SHARE)
def test_events_and_power_are_each_others_inverse(ratio, alpha, allocation):
    for method in ("schoenfeld", "freedman"):
        d = event_count.events_required(ratio, alpha=alpha, power=0.85, allocation=allocation, method=method)
        back = event_count.power_at_events(d, ratio, alpha=alpha, allocation=allocation, method=method)
        assert np.isclose(back, 0.85, atol=1e-12)


@FEW
@given(st.floats(0.5, 50), st.floats(1, 100), st.floats(0.1, 200))
def test_the_chance_of_an_event_is_one_and_rises_with_time(median, accrual, at):
    now, later = (float(event_count.probability_of_event(median, accrual=accrual, at=t)) for t in (at, at * 1.1))
    assert -1e-12 <= now <= later + 1e-12 <= 1 + 2e-12


@FEW
@given(st.floats(-1, 4), st.floats(0.05, 0.95), st.floats(-2, 2), st.floats(0.02, 0.3))
def test_a_non_binding_look_only_takes_rejections_away(drift, information, bound, alpha):
    found = sequential.futility_look(drift=drift, information=information, bound=bound, alpha=alpha)
    assert -1e-12 <= found.p_reject <= found.p_reject_ignored + 1e-12
    assert found.p_stop + found.p_reject <= 1 + 1e-12


@FEW
@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=3, max_size=40), st.integers(1, 12))
def test_exact_limits_hold_the_estimate_and_mid_p_lies_inside(rows, t):
    curve = kaplan_meier([a for a, _ in rows], [b for _, b in rows])
    survival, low, high = one_sample.limits_at(curve, t)
    assert -1e-12 <= low <= survival + 1e-9
    assert survival - 1e-9 <= high <= 1 + 1e-12
    _, inner_low, inner_high = one_sample.limits_at(curve, t, mid_p=True)
    assert low - 1e-6 <= inner_low <= inner_high <= high + 1e-6
