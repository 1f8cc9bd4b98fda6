"""The score scan is R's score test, permutations are what they say, and max-T controls its family."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from biomarkers.kernels.cox import cox
from biomarkers.kernels.likelihood import design, evaluate
from biomarkers.kernels.resample import cluster_bootstrap, generator, max_t, max_t_patterns, orders, score_permutation
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.scan import centred, fit_many, null_model, score_matrix, score_tests, statistics


def _rows(seed: int, n: int = 40, delayed: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = rng.integers(3, 14, n).astype(float)
    rows = {"exit": t, "event": rng.random(n) < 0.8, "stratum": rng.integers(0, 2, n), "weight": rng.uniform(0.5, 2, n)}
    if delayed:
        rows["entry"] = t - rng.integers(1, 3, n)
    return rows


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("delayed", [False, True])
def test_the_scan_is_the_efficient_score_test_at_the_null_fit(ties: str, delayed: bool) -> None:
    for seed in range(4):
        rows = _rows(seed, delayed=delayed)
        rng = np.random.default_rng(seed)
        Z, M = rng.normal(size=(40, 2)), rng.normal(size=(40, 6))
        rs = risk_sets(**rows, ties=ties)  # type: ignore[arg-type]
        Z, M = Z[rs.order], M[rs.order]
        null = null_model(rs, Z)
        U, V = score_tests(null, centred(rs, M))
        z_fit = cox(**rows, X=Z[np.argsort(rs.order)], ties=ties)  # type: ignore[arg-type]
        assert null.loglik == pytest.approx(z_fit.loglik, rel=1e-12)
        for q in range(6):
            D = design(rs, np.column_stack([M[:, q], Z]))
            at = evaluate(rs, D, np.r_[0.0, z_fit.coef * D.scale[1:, 0]][None])
            expected = at.score[0] @ np.linalg.solve(at.information[0], at.score[0])
            assert statistics(U, V)[q] == pytest.approx(expected, rel=1e-10)


def test_a_factor_is_tested_jointly() -> None:
    rows = _rows(1)
    rng = np.random.default_rng(1)
    M = rng.normal(size=(40, 2))
    rs = risk_sets(**rows)  # type: ignore[arg-type]
    null = null_model(rs)
    U, V = score_matrix(null, M[rs.order][:, None, :])
    whole = cox(**rows, X=M)  # type: ignore[arg-type]
    assert U[0] @ np.linalg.solve(V[0], U[0]) == pytest.approx(whole.score_test, rel=1e-10)


def test_batched_fits_start_at_the_null_and_end_where_single_fits_do() -> None:
    rows = _rows(2)
    rng = np.random.default_rng(2)
    M, z = rng.normal(size=(40, 130)), rng.normal(size=(40, 1))
    M[:, 7] = 1.0
    rs = risk_sets(**rows)  # type: ignore[arg-type]
    made = fit_many(null_model(rs, z[rs.order]), M[rs.order], z[rs.order], chunk=50)
    assert np.isnan(made.coef[7])
    for q in (0, 6, 8, 49, 50, 129):
        alone = cox(**rows, X=np.column_stack([M[:, q], z]))  # type: ignore[arg-type]
        assert made.coef[q] == pytest.approx(alone.coef[0], rel=1e-10)
        assert made.std_error[q] == pytest.approx(alone.std_error[0], rel=1e-9)
        assert made.loglik[q] == pytest.approx(alone.loglik, rel=1e-13)


def test_permutations_stay_within_strata_and_are_all_reached() -> None:
    stratum = np.array([0, 0, 0, 1, 1])
    drawn = np.concatenate(list(orders(generator(1), stratum, 3000)))
    assert (np.sort(drawn[:, :3], axis=1) == [0, 1, 2]).all()
    assert (np.sort(drawn[:, 3:], axis=1) == [3, 4]).all()
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert counts.size == 12
    assert counts.min() > 150, "each of the 12 arrangements about 250 times"


def test_the_permutation_p_estimates_the_full_enumeration() -> None:
    rng = np.random.default_rng(11)
    t, d, x = rng.exponential(size=7), np.array([1, 1, 1, 0, 1, 1, 1]), rng.normal(size=7)
    rs = risk_sets(t, d)
    null = null_model(rs)
    M = centred(rs, x[rs.order][:, None])
    every = np.array(list(itertools.permutations(range(7)))).T
    all_of_them = statistics(*score_tests(null, M[every, 0]))
    exact = float((all_of_them >= statistics(*score_tests(null, M))[0] - 1e-10).mean())
    found = score_permutation(t, d, x, permutations=20_000, seed=5)
    assert found.p_value == pytest.approx(exact, abs=4 * found.mc_error)


def test_an_adjuster_stays_with_its_subject() -> None:
    # The marker is the adjuster plus noise, and only the adjuster matters: adjusted p is large, crude p is small.
    rng = np.random.default_rng(3)
    n = 120
    z = rng.normal(size=n)
    t, d, x = rng.exponential(np.exp(-1.2 * z)), np.ones(n), z + 0.5 * rng.normal(size=n)
    assert score_permutation(t, d, x, permutations=499).p_value < 0.01
    assert score_permutation(t, d, x, adjust=z, permutations=499).p_value > 0.05


def test_max_t_adjusts_for_the_best_of_the_family() -> None:
    rows = _rows(4, n=60)
    rng = np.random.default_rng(4)
    rs = risk_sets(**rows)  # type: ignore[arg-type]
    M = rng.normal(size=(60, 25))[rs.order]
    found = max_t(null_model(rs), M, permutations=999, seed=3)
    assert (found.p_permutation <= found.p_step_down + 1e-12).all()
    assert (found.p_step_down <= found.p_single_step + 1e-12).all()
    best = np.argmax(found.statistic)
    assert found.p_step_down[best] == found.p_single_step[best]
    by_hand = []
    for block in orders(generator(3), rs.stratum, 999):
        for permutation in block:
            by_hand.append(statistics(*score_tests(null_model(rs), centred(rs, M)[permutation])).max())
    expected = (1 + (np.array(by_hand)[:, None] >= found.statistic - 1e-10).sum(axis=0)) / 1000
    np.testing.assert_allclose(found.p_single_step, expected)


def test_copies_of_one_marker_cost_nothing_under_max_t() -> None:
    rows = _rows(5, n=60)
    rng = np.random.default_rng(5)
    rs = risk_sets(**rows)  # type: ignore[arg-type]
    x = rng.normal(size=(60, 1))[rs.order]
    alone = max_t(null_model(rs), x, permutations=499, seed=1)
    copies = max_t(null_model(rs), np.repeat(x, 20, axis=1), permutations=499, seed=1)
    np.testing.assert_allclose(copies.p_single_step, alone.p_single_step[0])


def test_markers_missing_different_patients_are_permuted_by_the_same_keys() -> None:
    rows = _rows(6, n=50)
    rng = np.random.default_rng(6)
    whole = risk_sets(**rows)  # type: ignore[arg-type]
    x, here = rng.normal(size=(50, 1))[whole.order], rng.random(50) < 0.7
    everybody = np.ones(50, dtype=bool)
    some = risk_sets(**{name: values[whole.order][here] for name, values in rows.items()})  # type: ignore[arg-type]
    assert (some.order == np.arange(here.sum())).all()
    patterns = [(null_model(whole), everybody, x), (null_model(some), here, x[here])]
    found = max_t_patterns(patterns, whole.stratum, 199, 1)
    keys = generator(1).random((199, 50)) + whole.stratum
    by_hand = []
    for key in keys:
        moved = [centred(null.rs, m)[np.argsort(key[who])] for null, who, m in patterns]
        by_hand.append(max(statistics(*score_tests(p[0], m))[0] for p, m in zip(patterns, moved, strict=True)))
    expected = (1 + (np.array(by_hand)[:, None] >= found.statistic - 1e-10).sum(axis=0)) / 200
    np.testing.assert_allclose(found.p_single_step, expected)
    alone, twice = (max_t_patterns(patterns[1:] * copies, whole.stratum, 199, 1) for copies in (1, 2))
    assert twice.p_single_step.tolist() == [alone.p_single_step[0]] * 2


def test_the_bootstrap_of_subjects_has_the_spread_of_the_robust_error() -> None:
    from biomarkers.kernels.residuals import robust_covariance

    rng = np.random.default_rng(8)
    subjects, visits = 120, 3
    who = np.repeat(np.arange(subjects), visits)
    x = rng.normal(size=subjects)[who]
    end = rng.exponential(np.exp(-0.5 * x[::visits]))[who]  # every visit repeats its subject's outcome
    t, d, stratum = end + 0.0, np.ones(who.size), np.tile(np.arange(visits), subjects)
    fit = cox(t, d, x[:, None], stratum=stratum)
    robust = np.sqrt(robust_covariance(fit, who)[0, 0])
    drawn = cluster_bootstrap(t, d, x[:, None], who, stratum=stratum, replicates=300, seed=1)
    assert drawn.std() == pytest.approx(robust, rel=0.2)
    assert robust > 1.5 * fit.std_error[0]
    again = cluster_bootstrap(t, d, x[:, None], who, stratum=stratum, replicates=3, seed=1)
    assert (again == drawn[:3]).all()
