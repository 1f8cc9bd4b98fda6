"""Simulated studies once more, one study and one patient at a time: who may be dealt, what the row's own test says of it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from biomarkers.kernels import history_power, response_power, simulated_power
from biomarkers.kernels.cox import cox
from biomarkers.kernels.fourfold import conditional
from biomarkers.kernels.history_power import Histories, histories, null_information
from biomarkers.kernels.km import kaplan_meier
from biomarkers.kernels.logistic import logistic
from biomarkers.kernels.profile import likelihood_ratios, p_value, t_df
from biomarkers.kernels.resample import generator
from biomarkers.kernels.residuals import robust_covariance
from biomarkers.kernels.response_power import Responses
from biomarkers.kernels.survival_two_stage import simulate
from biomarkers.kernels.trial_simulation import Trials, cut_at_events

# ---- histories -------------------------------------------------------------------------------------------------------


class Rows:
    """Subjects with one to three rows, gaps between them, two landmarks on top of each other, two strata."""

    def __init__(self, seed: int = 0, n: int = 9) -> None:
        rng = np.random.default_rng(seed)
        self.time, self.event = rng.permutation(n) + 1.5, rng.random(n) < 0.7
        self.stratum = rng.integers(0, 2, n)
        rows = []
        for i in range(n):
            for mark in range(rng.integers(1, 4)):
                begin = 1.5 * mark + float(rng.integers(0, 2))
                rows.append((i, begin, begin + float(rng.integers(2, 9)), mark % 2, *rng.normal(size=3)))
        table = np.array(rows)[rng.permutation(len(rows))]
        self.who, self.mark = table[:, 0].astype(int), table[:, 3].astype(int)
        self.begin, self.end, self.X, self.effect = table[:, 1], table[:, 2], table[:, 4:6], table[:, 6]

    def study(self, **other: object) -> Histories:
        given = {"effect": self.effect, "stratum": self.stratum, "row_stratum": self.mark} | other
        return histories(self.begin, self.end, self.X, subject=self.who, time=self.time, event=self.event, **given)

    def over(self, row: int, t: float) -> bool:
        return bool(self.begin[row] < t <= self.end[row])


@pytest.mark.parametrize("seed", range(4))
def test_what_a_subject_is_known_to_be_when_an_event_comes(seed: int) -> None:
    """The newest row that reaches the time of the slot, in the slot's own stratum; the planted effect's own column."""
    x = Rows(seed)
    study, first = x.study(), x.study(effect=None)
    for slot, who in itertools.product(range(9), repeat=2):
        rows = [r for r in np.flatnonzero(x.who == who) if x.over(r, x.time[slot]) and x.stratum[slot] == x.stratum[who]]
        newest = max(rows, key=lambda r: (x.begin[r], r), default=None)
        for known, value in ((study.known, x.effect), (first.known, x.X[:, 0])):
            if newest is None:
                assert math.isnan(known[slot, who])
            else:
                assert known[slot, who] == value[newest]


@pytest.mark.parametrize("seed", range(4))
def test_an_event_is_seen_once_by_every_landmark_in_which_its_own_subject_stands(seed: int) -> None:
    x = Rows(seed)
    study = x.study()
    columns = [(slot, mark) for slot in np.flatnonzero(x.event) for mark in (0, 1)
               if any(x.over(r, x.time[slot]) and x.mark[r] == mark for r in np.flatnonzero(x.who == slot))]
    assert study.column_slot.tolist() == [slot for slot, _ in columns]
    assert study.n_events == len({slot for slot, _ in columns})
    for k, (slot, mark) in enumerate(columns):
        there = [x.over(r, x.time[slot]) and x.mark[r] == mark and x.stratum[x.who[r]] == x.stratum[slot]
                 for r in range(x.who.size)]
        assert study.covers[:, k].tolist() == there
        for who in range(9):
            own = [r for r in np.flatnonzero(there) if x.who[r] == who]
            assert study.row_of[k, who] == (own[-1] if own else -1)
    assert pytest.approx(x.X - x.X.mean(axis=0)) == study.X
    for g, turn in enumerate(study.turn):
        assert turn.tolist() == sorted(np.flatnonzero(x.stratum == g), key=lambda i: x.time[i])


def test_at_one_time_events_are_dealt_before_censorings() -> None:
    study = histories(np.zeros(5), np.full(5, 9.0), np.zeros((5, 1)), subject=range(5), time=[2.0, 1, 2, 1, 2],
                      event=[0, 0, 1, 1, 0])
    assert study.turn[0].tolist()[:4] == [3, 1, 2, 0]
    nobody = histories(np.zeros(2), np.full(2, 9.0), np.zeros((2, 1)), subject=range(2), time=[2.0, 1], event=[0, 0])
    assert (nobody.n_events, nobody.covers.shape, nobody.row_of.shape) == (0, (2, 0), (0, 2))


def test_every_deal_has_the_chance_of_its_turns() -> None:
    """Four subjects, three events and a censoring; all 24 deals by their probabilities, values that change with time."""
    begin, end = [0.0, 2.0, 0.0, 0.0, 2.5], [2.0, 9.0, 9.0, 2.0, 9.0]
    value, who, time, event = np.array([0.0, 1.5, 0.7, -1.0, 0.4]), [0, 0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1]
    study = histories(begin, end, value[:, None], subject=who, time=time, event=event)
    beta = 0.9
    chance = {}
    for deal in itertools.permutations(range(4)):
        p, free = 1.0, [0, 1, 2, 3]
        for slot, subject in enumerate(deal):
            weight = [0.0 if math.isnan(study.known[slot, s]) else math.exp(beta * study.known[slot, s]) for s in free]
            if not event[slot] or sum(weight) == 0:
                weight = [1.0] * len(free)
            p *= weight[free.index(subject)] / sum(weight)
            free.remove(subject)
        chance[deal] = p
    assert sum(chance.values()) == pytest.approx(1)
    B = 40_000
    dealt = history_power.deal(study, beta, B, np.random.default_rng(1))
    seen = {deal: int((dealt == deal).all(axis=1).sum()) for deal in chance}
    assert sum(seen.values()) == B
    for deal, p in chance.items():
        assert seen[deal] / B == pytest.approx(p, abs=4.5 * math.sqrt(p * (1 - p) / B) + 1e-12)


def refit(x: Rows, study: Histories, dealt: np.ndarray):
    """The model of one dealt study: rows cut off at the slot of their subject, its events where the model sees them."""
    slot = np.argsort(dealt)
    rows, stop, event = [], [], []
    for r in range(x.who.size):
        last = x.time[slot[x.who[r]]]
        if x.begin[r] < last:
            rows.append(r)
            stop.append(min(x.end[r], last))
            columns = study.column_slot[study.row_of[:, x.who[r]] == r]
            event.append(bool(slot[x.who[r]] in columns))
    strata = 3 * x.stratum[x.who[rows]] + x.mark[rows]
    return cox(stop, event, x.X[rows], entry=x.begin[rows], stratum=strata), x.who[rows]


def test_a_dealt_study_has_the_likelihood_ratio_and_the_robust_test_of_the_model() -> None:
    x = Rows(3, 14)
    x.mark = np.array([np.sum(x.who[:r] == x.who[r]) for r in range(x.who.size)])  # a landmark holds a subject once
    study = x.study()
    rng = np.random.default_rng(4)
    compared = 0
    for dealt in history_power.deal(study, 0.4, 60, rng):
        at_risk, failed = history_power._at_risk(study, dealt[None, :])
        try:
            fit, who = refit(x, study, dealt)
        except ValueError:
            continue
        if not (fit.finite.all() and fit.converged):
            continue
        compared += 1
        found = history_power._fit(study.X, at_risk, failed)
        assert found.coef[0] == pytest.approx(fit.coef, abs=1e-5)
        assert found.loglik[0] == pytest.approx(fit.loglik, abs=1e-7)
        null = history_power._fit(study.X[:, 1:], at_risk, failed)
        assert 2 * (found.loglik[0] - null.loglik[0]) == pytest.approx(likelihood_ratios(fit)[0], abs=1e-6)
        spread = robust_covariance(fit, who)
        for c in ([1.0, 0.0], [0.5, -1.0]):
            z = history_power._robust_z(study, at_risk, failed, np.array([c]))[0, 0]
            assert z == pytest.approx(fit.coef @ c / math.sqrt(np.array(c) @ spread @ c), rel=1e-4)
    assert compared > 20


@pytest.mark.parametrize("contrast", [None, (1.0, 0.0)])
def test_a_share_of_rejections_is_the_mean_of_single_tests(contrast) -> None:
    rng = np.random.default_rng(5)
    n = 24
    t, X = rng.permutation(n) + 1.0, rng.normal(size=(n, 2))
    study = histories(np.zeros(n), np.full(n, np.inf), X, subject=range(n), time=t, event=np.ones(n))
    for alpha in (0.05, 0.5):
        found = history_power.rejections(study, 0.5, replicates=40, seed=3, alpha=alpha,
                                         contrasts=() if contrast is None else (contrast,))
        said = []
        for dealt in history_power.deal(study, 0.5, 40, generator(3)):
            slot = np.argsort(dealt)
            fit = cox(t[slot], np.ones(n), X)
            if contrast is None:
                said.append(p_value(likelihood_ratios(fit), df=t_df(n, 2))[0] <= alpha)
            else:
                error = math.sqrt(robust_covariance(fit, np.arange(n))[0, 0])
                said.append(abs(fit.coef[0]) / error > stats.norm.isf(alpha / 2))
        assert found.tolist() == [[float(s)] for s in said]
        assert 0 < np.mean(said) < 1


def test_many_studies_are_made_in_pieces_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    study = histories(np.zeros(12), np.full(12, np.inf), np.arange(12.0)[:, None] % 5, subject=range(12),
                      time=np.arange(12.0) + 1, event=np.ones(12))
    sizes = []
    real = history_power.deal

    def counted(study, beta, replicates, rng):
        sizes.append(replicates)
        return real(study, beta, replicates, rng)

    monkeypatch.setattr(history_power, "deal", counted)
    monkeypatch.setattr(history_power, "_CELLS", 12 * 12 * 4)
    found = history_power.rejections(study, 3.0, replicates=10, seed=1, alpha=0.3)
    assert sizes == [4, 4, 2]
    assert found.shape == (10, 1)
    assert np.isin(found, (0.0, 1.0)).all()
    monkeypatch.setattr(history_power, "_CELLS", 1)
    history_power.rejections(study, 0.0, replicates=2, seed=1)
    assert sizes == [4, 4, 2, 1, 1]


@pytest.mark.parametrize("unit", [0.2, 1.0, 2.0, 50.0])
def test_a_marker_that_separates_the_study_has_no_robust_test_and_a_large_likelihood_ratio(unit: float) -> None:
    """Dealt so that the largest value always fails first: the coefficient walks off, in any unit; its Wald test is none."""
    n = 8
    study = histories(np.zeros(n), np.full(n, np.inf), unit * np.arange(n, dtype=float)[::-1, None], subject=range(n),
                      time=np.arange(n) + 1.0, event=np.ones(n))
    at_risk, failed = history_power._at_risk(study, np.arange(n)[None, :])
    assert history_power._robust_z(study, at_risk, failed, np.array([[1.0]])).tolist() == [[0.0]]
    null = history_power._fit(study.X[:, 1:], at_risk, failed).loglik[0]
    assert null == pytest.approx(-math.lgamma(n + 1))
    if unit >= 1:
        assert history_power._fit(study.X, at_risk, failed).loglik[0] == pytest.approx(0, abs=1e-3)


def test_a_constant_marker_has_no_information_and_an_adjuster_takes_its_part() -> None:
    rng = np.random.default_rng(2)
    n = 30
    t, d, X = rng.permutation(n) + 1.0, rng.random(n) < 0.7, rng.normal(size=(n, 2))
    X[:, 1] += X[:, 0]

    def formula(columns: np.ndarray) -> float:
        return null_information(histories(np.zeros(n), np.full(n, np.inf), columns, subject=range(n), time=t, event=d))

    assert formula(np.ones((n, 1))) == 0
    by_hand = sum(np.cov(X[t >= T].T, ddof=0) for T in t[d])
    assert formula(X) == pytest.approx(1 / np.linalg.inv(by_hand)[0, 0])
    assert formula(X[:, :1]) == pytest.approx(by_hand[0, 0])


# ---- dealing values --------------------------------------------------------------------------------------------------


def test_each_dealt_study_is_judged_as_the_model_judges_it() -> None:
    rng = np.random.default_rng(6)
    n = 16
    t, d, X = rng.integers(1, 15, n).astype(float), rng.random(n) < 0.8, rng.normal(size=(n, 2))
    made = simulated_power.slots(t, d, X, stratum=rng.integers(0, 2, n), entry=t - rng.integers(2, 9, n))
    rs, said = made.rs, []
    for row in simulated_power.deal(made, 0.8, 150, generator(9)):
        fit = cox(rs.exit, rs.event, made.X[row], entry=rs.entry, stratum=rs.stratum)
        ratio = p_value(likelihood_ratios(fit), df=t_df(int(d.sum()), 2))[0] <= 0.2
        said.append((float(ratio), float(fit.finite.all() and abs(fit.coef[0] / fit.std_error[0]) > stats.norm.isf(0.1))))
    for k, test in enumerate(("lr_t", "wald")):
        found = simulated_power.rejections(made, 0.8, replicates=150, seed=9, alpha=0.2, test=test)
        assert found.tolist() == [row[k] for row in said]
        assert 0 < found.mean() < 1
    assert sum(a != b for a, b in said) > 1


def test_every_order_of_three_has_the_chance_of_its_turns() -> None:
    """Events at 1 and 3, a censoring at 2: exp(b x) over those still there, one of the two that are left, the last."""
    x, beta = np.array([0.0, 1.0, 2.5]), 0.8
    made = simulated_power.slots([1.0, 2.0, 3.0], [1, 0, 1], x[:, None])
    place = [int(np.flatnonzero(made.rs.exit == T)[0]) for T in (1.0, 2.0, 3.0)]
    B = 30_000
    dealt = made.X[simulated_power.deal(made, beta, B, generator(4)), 0][:, place]
    for order in itertools.permutations(x):
        p = math.exp(beta * order[0]) / np.exp(beta * x).sum() / 2
        share = (dealt == order).all(axis=1).mean()
        assert share == pytest.approx(p, abs=4.5 * math.sqrt(p * (1 - p) / B))


def test_studies_beyond_a_batch_are_studies_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_power, "_BATCH", 4)
    made = simulated_power.slots(np.arange(1.0, 13), np.ones(12), np.arange(12.0)[:, None])
    found = simulated_power.rejections(made, 1.0, replicates=10, seed=2, alpha=0.1)
    rng, said = generator(2), []
    for size in (4, 4, 2):
        for row in simulated_power.deal(made, 1.0, size, rng):
            fit = cox(made.rs.exit, np.ones(12), made.X[row])
            said.append(float(p_value(likelihood_ratios(fit), df=11.0)[0] <= 0.1))
    assert found.tolist() == said


# ---- responses -------------------------------------------------------------------------------------------------------


def responders(n: int = 40, seed: int = 3) -> Responses:
    rng = np.random.default_rng(seed)
    x, Z = rng.normal(2, 1.5, n), np.column_stack([np.ones(n), rng.integers(0, 2, n)])
    return Responses(x, Z, (rng.random(n) < 0.4).astype(float))


def test_the_odds_of_a_response_are_those_without_the_marker_times_its_effect() -> None:
    study = responders()
    null = logistic(study.Z, study.y).fitted
    for beta in (0.0, 0.7, -2.0):
        chance = response_power._chances(study, beta)
        moved = np.log(chance / (1 - chance)) - np.log(null / (1 - null)) - beta * study.x
        assert np.ptp(moved) < 1e-9
        assert chance.sum() == pytest.approx(study.y.sum(), rel=1e-9)


def test_strata_in_which_all_respond_or_nobody_does_are_nearly_certain() -> None:
    """A null model without a maximum counts eight units of log odds, and a study with one answer only is left at chance."""
    x, Z = np.tile([0.0, 1.0], 10), np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
    y = np.r_[[1.0, 0, 1, 0, 1, 0, 1, 0, 1, 0], np.ones(10)]
    chance = response_power._chances(Responses(x, Z, y), 0.0)
    gap = np.log(chance / (1 - chance))
    assert gap[10] - gap[0] == pytest.approx(8, abs=1e-6)
    assert chance.sum() == pytest.approx(15, rel=1e-9)
    none = response_power._chances(Responses(x, Z, np.r_[y[:10], np.zeros(10)]), 0.0)
    gap = np.log(none / (1 - none))
    assert gap[10] - gap[0] == pytest.approx(-8, abs=1e-6)
    same = response_power._chances(Responses(x, Z, np.ones(20)), 0.0)
    assert same.min() > 1 - 1e-12
    assert response_power._chances(Responses(x, Z, np.zeros(20)), 0.5).max() < 1e-12


def test_each_simulated_study_of_responders_is_judged_by_its_likelihood_ratio() -> None:
    study = responders(36)
    found = response_power.rejections(study, 0.4, replicates=30, seed=5, alpha=0.5)
    simulated = (generator(5).random((30, 36)) < response_power._chances(study, 0.4)).astype(float)
    X, said = np.column_stack([study.Z, study.x]), []
    for y in simulated:
        ratio = 2 * (logistic(X, y).loglik - logistic(study.Z, y).loglik)
        said.append(bool(stats.chi2.sf(ratio, 1) <= 0.5))
    assert found.tolist() == said
    assert 0 < np.mean(said) < 1
    whole = response_power._loglik(X, simulated)
    assert whole == pytest.approx([logistic(X, y).loglik for y in simulated], abs=1e-7)


def test_each_simulated_study_of_two_groups_is_judged_by_fisher_s_test_within_strata() -> None:
    rng = np.random.default_rng(3)
    cell = np.tile([0, 1, 2], 12)
    Z = np.column_stack([np.ones(36), cell == 1, cell == 2]).astype(float)
    study = Responses((rng.random(36) < 0.4).astype(float), Z, (rng.random(36) < 0.4).astype(float), cell)
    found = response_power.rejections(study, 0.8, replicates=40, seed=5, alpha=0.4)
    simulated = generator(5).random((40, 36)) < response_power._chances(study, 0.8)
    said = []
    for y in simulated:
        tables = [[int((who & (cell == c) & (study.x == v)).sum()) for v in (1, 0) for who in (y, np.ones(36, bool))]
                  for c in range(3)]
        said.append(bool(conditional(tables).p_value <= 0.4))
    assert found.tolist() == said
    assert 0 < np.mean(said) < 1
    nobody, everybody = np.zeros((1, 36)), np.ones((1, 36))
    assert response_power._exact_p(study, np.vstack([nobody, everybody])).tolist() == [1, 1]


# ---- whole trials ----------------------------------------------------------------------------------------------------


def test_the_cut_is_the_day_of_the_last_event_that_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    trials = Trials(np.sort(rng.random((6, 9)), axis=1), rng.exponential(size=(6, 9)), np.zeros((6, 9), np.int8),
                    np.zeros((6, 9), np.int8))
    for events in (1, 4, 9):
        cut = cut_at_events(trials, events)
        assert (trials.entry + trials.time <= cut[:, None]).sum(axis=1).tolist() == [events] * 6
        assert (trials.entry + trials.time < cut[:, None]).sum(axis=1).tolist() == [events - 1] * 6


def test_a_two_stage_trial_by_survival_is_looked_at_twice_one_trial_at_a_time() -> None:
    n, rate, tau, share, null, look, bounds = 25, 10.0, 1.0, 0.6, 0.45, 1.4, (0.3, 1.2)
    found = simulate(np.random.default_rng(8), 60, n=n, rate=rate, tau=tau, share=share, null=null, look=look, bounds=bounds)
    rng = np.random.default_rng(8)
    entry = np.sort(rng.random((60, n)) * n / rate, axis=1)
    time = rng.standard_exponential((60, n)) * tau / -math.log(share)

    def z_at(k: int, day: float) -> float:
        here = entry[k] < day
        until = day - entry[k][here]
        curve = kaplan_meier(np.minimum(time[k][here], until), time[k][here] <= until)
        S, error = (float(v[0]) for v in curve.at([tau])[1:3])
        if S in (0.0, 1.0):
            return math.inf if S else -math.inf
        return (math.log(-math.log(null)) - math.log(-math.log(S))) * S * abs(math.log(S)) / error

    for k in range(60):
        stop = z_at(k, look) < bounds[0]
        assert found.stop[k] == stop
        assert found.n[k] == ((entry[k] < look).sum() if stop else n)
        assert found.duration[k] == pytest.approx(look if stop else entry[k, -1] + tau)
        assert found.reject[k] == (not stop and z_at(k, entry[k, -1] + tau) > bounds[1])
    assert 0 < found.stop.mean() < 1
    assert 0 < found.reject[~found.stop].mean() < 1
