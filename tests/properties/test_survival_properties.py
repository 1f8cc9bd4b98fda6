"""What must change nothing: row order, the clock, the covariates' units, level names, splitting, empty strata."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from biomarkers.kernels.concordance import concordance
from biomarkers.kernels.cox import CoxSolution, cox
from biomarkers.kernels.km import kaplan_meier
from biomarkers.kernels.logrank import logrank
from biomarkers.kernels.resample import score_permutation
from biomarkers.kernels.residuals import robust_covariance
from biomarkers.kernels.zph import zph
from biomarkers.models.cox import cox as cox_on_frame

QUIET = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


class Rows:
    """A random table with ties, strata, delayed entry and weights; its fit is finite and not aliased."""

    def __init__(self, seed: int, n: int, p: int, coarse: bool) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.X = rng.normal(size=(n, p))
        t = rng.exponential(20, n) * np.exp(-0.5 * self.X[:, 0])
        self.time = np.ceil(t) if coarse else t + 0.5
        self.entry = np.floor(self.time * rng.uniform(0, 0.7, n))
        self.event = rng.random(n) < 0.75
        self.stratum = rng.integers(0, 3, n)
        self.weight = rng.uniform(0.4, 2.5, n)
        self.ties = "efron" if seed % 3 else "breslow"

    def fit(self, **changes: object) -> CoxSolution:
        rows = {"exit": self.time, "event": self.event, "X": self.X, "entry": self.entry, "stratum": self.stratum,
                "weight": self.weight, "ties": self.ties} | changes  # fmt: skip
        return cox(**rows)  # type: ignore[arg-type]


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    rows = Rows(draw(st.integers(0, 10_000)), draw(st.integers(25, 120)), draw(st.integers(1, 3)), draw(st.booleans()))
    assume(rows.event.sum() > 8)
    fit = rows.fit()
    assume(bool(fit.finite.all()) and not fit.aliased.any())
    return rows


def _same(a: CoxSolution, b: CoxSolution, scale: float = 1.0) -> None:
    np.testing.assert_allclose(b.coef * scale, a.coef, rtol=1e-10, atol=1e-10 * a.std_error.max())
    np.testing.assert_allclose(b.std_error * scale, a.std_error, rtol=1e-9)
    np.testing.assert_allclose([b.loglik, b.loglik_null], [a.loglik, a.loglik_null], rtol=1e-11)


@QUIET
@given(tables())
def test_shuffling_rows_changes_no_bit(rows: Rows) -> None:
    order = rows.rng.permutation(rows.time.size)
    a = rows.fit()
    b = rows.fit(
        exit=rows.time[order], event=rows.event[order], X=rows.X[order], entry=rows.entry[order],
        stratum=rows.stratum[order], weight=rows.weight[order],
    )  # fmt: skip
    assert a.coef.tobytes() == b.coef.tobytes()
    assert a.covariance.tobytes() == b.covariance.tobytes()
    assert a.loglik == b.loglik


@QUIET
@given(tables())
def test_shuffling_columns_permutes_the_answer(rows: Rows) -> None:
    order = rows.rng.permutation(rows.X.shape[1])
    a, b = rows.fit(), rows.fit(X=rows.X[:, order])
    np.testing.assert_allclose(b.coef, a.coef[order], rtol=1e-10, atol=1e-11)


@QUIET
@given(tables(), st.integers(1, 4))
def test_splitting_intervals_changes_nothing(rows: Rows, pieces: int) -> None:
    parts = []
    for k in range(pieces):
        # Cut points between the row's entry and its exit, in whole units so that the clock stays exact.
        start = rows.entry + np.floor((rows.time - rows.entry) * k / pieces)
        stop = rows.entry + np.floor((rows.time - rows.entry) * (k + 1) / pieces)
        stop = rows.time if k == pieces - 1 else stop
        keep = stop > start
        parts.append(
            {"entry": start[keep], "exit": stop[keep], "event": (rows.event & (k == pieces - 1))[keep], "X": rows.X[keep],
             "stratum": rows.stratum[keep], "weight": rows.weight[keep], "id": np.flatnonzero(keep)}
        )  # fmt: skip
    split = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    identity = split.pop("id")
    a, b = rows.fit(), rows.fit(**split)
    _same(a, b)
    np.testing.assert_allclose(robust_covariance(b, identity), robust_covariance(a), rtol=1e-9, atol=1e-14)
    blocks = [[j] for j in range(rows.X.shape[1])]
    for transform in ("km", "identity"):  # rank changes with the number of rows, as it does in R
        np.testing.assert_allclose(
            zph(b, blocks, transform=transform).statistic, zph(a, blocks, transform=transform).statistic,
            rtol=1e-7, atol=1e-9,
        )  # fmt: skip
    whole = kaplan_meier(rows.time, rows.event, entry=rows.entry)
    pieces_of = kaplan_meier(split["exit"], split["event"], entry=split["entry"])
    np.testing.assert_allclose(
        pieces_of.at(np.unique(rows.time))[1], whole.at(np.unique(rows.time))[1], rtol=1e-12, atol=1e-14
    )


@QUIET
@given(tables())
def test_a_monotone_change_of_clock_changes_nothing(rows: Rows) -> None:
    _same(rows.fit(), rows.fit(exit=np.log1p(rows.time) * 7, entry=np.log1p(rows.entry) * 7))


@QUIET
@given(tables(), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_an_affine_change_of_a_covariate_rescales_its_coefficient(rows: Rows, scale: float, shift: float) -> None:
    _same(rows.fit(), rows.fit(X=rows.X * scale + shift * scale), scale=scale)


@QUIET
@given(tables())
def test_the_names_and_order_of_strata_change_nothing(rows: Rows) -> None:
    _same(rows.fit(), rows.fit(stratum=np.array(["zeta", "alpha", "mid"])[rows.stratum]))


@QUIET
@given(tables())
def test_a_stratum_that_holds_everybody_changes_nothing(rows: Rows) -> None:
    _same(rows.fit(stratum=None), rows.fit(stratum=np.full(rows.time.size, 4)))


@QUIET
@given(tables())
def test_a_stratum_without_events_changes_nothing(rows: Rows) -> None:
    k = 5
    more = {
        "exit": np.r_[rows.time, rows.time[:k] + 1], "event": np.r_[rows.event, np.zeros(k, dtype=bool)],
        "X": np.vstack([rows.X, 100 * rows.X[:k]]), "entry": np.r_[rows.entry, rows.entry[:k]],
        "stratum": np.r_[rows.stratum, np.full(k, 9)], "weight": np.r_[rows.weight, np.ones(k)],
    }  # fmt: skip
    _same(rows.fit(), rows.fit(**more))


@QUIET
@given(tables(), st.floats(0.01, 100))
def test_weights_of_one_size_scale_the_information(rows: Rows, size: float) -> None:
    a = rows.fit(weight=np.ones(rows.time.size))
    b = rows.fit(weight=np.full(rows.time.size, size))
    np.testing.assert_allclose(b.coef, a.coef, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(b.covariance * size, a.covariance, rtol=1e-9)


@QUIET
@given(tables())
def test_a_repeated_row_is_weight_two_under_breslow(rows: Rows) -> None:
    # Not under Efron, which makes a tie of the pair.
    double = np.repeat(np.arange(rows.time.size), 2)
    a = rows.fit(weight=np.full(rows.time.size, 2.0), ties="breslow")
    b = rows.fit(
        exit=rows.time[double], event=rows.event[double], X=rows.X[double], entry=rows.entry[double],
        stratum=rows.stratum[double], weight=None, ties="breslow",
    )  # fmt: skip
    _same(a, b)


@QUIET
@given(tables())
def test_entry_before_every_event_is_no_entry(rows: Rows) -> None:
    _same(rows.fit(entry=None), rows.fit(entry=np.zeros(rows.time.size) - 5))


@QUIET
@given(tables())
def test_log_rank_is_the_cox_score_test_without_ties(rows: Rows) -> None:
    time = rows.time + 1e-3 * np.argsort(np.argsort(rows.time + rows.rng.random(rows.time.size)))
    group = (rows.X[:, 0] > 0).astype(int)
    assume(0 < group.sum() < group.size)
    test = logrank(time, rows.event, group, stratum=rows.stratum)
    fit = cox(time, rows.event, group[:, None].astype(float), stratum=rows.stratum)
    assume(not fit.aliased.any())
    assert test.chi2 == pytest.approx(fit.score_test, rel=1e-9)
    assert np.sign(test.z) == -np.sign(fit.score_null[0])


@QUIET
@given(tables())
def test_concordance_turns_round_with_the_score(rows: Rows) -> None:
    score = np.round(rows.X[:, 0], 1)
    a = concordance(rows.time, rows.event, score, entry=rows.entry, stratum=rows.stratum)
    b = concordance(rows.time, rows.event, -score, entry=rows.entry, stratum=rows.stratum)
    assert a.c + b.c == pytest.approx(1.0, abs=1e-12)
    assert a.std_error == pytest.approx(b.std_error, rel=1e-10)


@QUIET
@given(tables())
def test_groups_exchanged_turn_the_sign_only(rows: Rows) -> None:
    group = (rows.X[:, 0] > 0.3).astype(int)
    assume(0 < group.sum() < group.size)
    a, b = logrank(rows.time, rows.event, group), logrank(rows.time, rows.event, 1 - group)
    assert a.z == pytest.approx(-b.z, rel=1e-12)
    assert a.p_value("greater") == pytest.approx(b.p_value("less"), rel=1e-12)


@QUIET
@given(st.integers(0, 10_000))
def test_level_names_and_row_order_change_nothing_on_a_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    arm = rng.choice(["A", "B", "C"], n)
    frame = pd.DataFrame({"t": np.ceil(rng.exponential(20, n)), "d": rng.random(n) < 0.8, "arm": arm})
    assume(frame.loc[frame.d].arm.nunique() == 3)
    renamed = frame.replace({"arm": {"A": "first", "B": "second", "C": "third"}}).sample(frac=1, random_state=seed)
    a, b = cox_on_frame(frame, "t", "d", "arm").table, cox_on_frame(renamed, "t", "d", "arm").table
    assert b["term"].tolist() == ["arm[second]", "arm[third]"]
    numeric = a.columns.drop("term")
    pd.testing.assert_frame_equal(a[numeric], b[numeric], check_exact=True)


@QUIET
@given(st.integers(0, 10_000))
def test_a_permutation_p_depends_on_the_seed_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 30
    t, d, x, z, g = rng.exponential(size=n), rng.random(n) < 0.8, rng.normal(size=n), rng.normal(size=n), rng.integers(0, 2, n)
    assume(d.sum() > 5)
    order = rng.permutation(n)
    a = score_permutation(t, d, x, adjust=z, stratum=g, permutations=199, seed=seed)
    b = score_permutation(t[order], d[order], 3 * x[order] + 7, adjust=z[order], stratum=g[order], permutations=199, seed=seed)
    assert a.p_value == b.p_value
    assert a.statistic == pytest.approx(b.statistic, rel=1e-9)
