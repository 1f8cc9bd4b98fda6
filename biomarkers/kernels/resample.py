"""Permutation of a marker within strata, adjusters kept: exact p-values where asymptotics fail, and max-T over families.

The marker is permuted against (time, event, adjusters) inside each stratum, so the test assumes that under the null the
marker is independent of the adjusters within the stratum. The statistic is the studentised score of `kernels.scan`.

    p = (1 + #{T* >= T - 1e-10}) / (B + 1)

Sources: Phipson and Smyth, Stat Appl Genet Mol Biol 9 (2010) 39 for the +1; Westfall and Young (1993) for max-T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .cox import cox
from .riskset import Bools, Floats, Ints, Ties, coded, merge_near_ties, risk_sets
from .scan import NullModel, centred, null_model, score_matrix, score_tests, statistics

_TIE = 1e-10  # permuted statistics equal to the observed one but for rounding count as equal
_COLUMNS = 2048  # permuted columns per matrix product


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """A permutation p-value.

    Attributes
    ----------
    p_value : float
    permutations : int
        B.
    statistic : float
        Observed score chi-square.
    mc_error : float
        Monte-Carlo standard error of p.
    """

    p_value: float
    permutations: int
    statistic: float

    @property
    def mc_error(self) -> float:
        """sqrt(p (1 - p) / (B + 1))."""
        return float(np.sqrt(self.p_value * (1 - self.p_value) / (self.permutations + 1)))


def generator(seed: int) -> np.random.Generator:
    """The counter-based generator of every resampling here: same seed, same draws, on every platform."""
    return np.random.Generator(np.random.Philox(seed))


def orders(rng: np.random.Generator, stratum: Ints, permutations: int, rows: Bools | None = None) -> Iterator[Ints]:
    """Blocks of permutations within strata, (b, n) each: row i gets the marker of row out[., i].

    Rows must come sorted by stratum. With `rows`, only those rows move, among themselves, by the same random keys: two
    markers missing in different patients are still permuted together.
    """
    n = stratum.size
    block = max(1, 400_000 // max(n, 1))
    for a in range(0, permutations, block):
        keys = rng.random((min(block, permutations - a), n))
        if rows is not None:
            keys = keys[:, rows]
        code = stratum if rows is None else stratum[rows]
        yield np.argsort(keys + code, axis=1).astype(np.int64)


def score_permutation(
    exit: ArrayLike,
    event: ArrayLike,
    marker: ArrayLike,
    *,
    adjust: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ties: Ties = "efron",
    permutations: int = 9999,
    seed: int = 0,
) -> PermutationTest:
    """Permutation p of a marker's score test, marker permuted within strata, adjusters kept.

    Parameters
    ----------
    exit, event : (n,)
    marker : (n,) or (n, q)
        q columns (a factor) move together and are tested together.
    adjust : (n, p), optional
        Covariates of the null model; they stay with their subject.
    entry, stratum, weight : (n,), optional
    permutations : int
        B.
    seed : int

    Examples
    --------
    >>> test = score_permutation([5, 6, 8, 9, 12, 15], [1, 1, 1, 0, 1, 1], [3.0, 2, 4, 1, 0, 1], permutations=999)
    >>> test.permutations, 0.0 < test.p_value < 0.2
    (999, True)
    """
    m = np.asarray(marker, dtype=np.float64)
    m = m[:, None] if m.ndim == 1 else m
    z = None if adjust is None else np.asarray(adjust, dtype=np.float64).reshape(m.shape[0], -1)
    merged = merge_near_ties(exit, entry)
    tiebreak = m if z is None else np.column_stack([m, z])
    rs = risk_sets(
        merged.exit, event, entry=merged.entry, stratum=stratum, weight=weight, ties=ties, tiebreak=tiebreak
    )
    null = null_model(rs, None if z is None else z[rs.order])
    M = centred(rs, m[rs.order])
    observed = float(joint_statistics(null, M[:, None, :])[0])
    exceed = 0
    width = max(1, _COLUMNS // M.shape[1])
    for block in orders(generator(seed), rs.stratum, permutations):
        for a in range(0, block.shape[0], width):
            exceed += int((joint_statistics(null, M[block[a : a + width].T]) >= observed - _TIE).sum())
    return PermutationTest((1 + exceed) / (permutations + 1), permutations, observed)


def joint_statistics(null: NullModel, M: Floats) -> Floats:
    """Score chi-square of each of B markers of q columns, M (n, B, q), on q degrees of freedom."""
    if M.shape[2] == 1:
        return statistics(*score_tests(null, M[:, :, 0]))
    U, V = score_matrix(null, M)
    return np.asarray(np.einsum("bi,bij,bj->b", U, np.linalg.pinv(V, hermitian=True), U), dtype=np.float64)


def cluster_bootstrap(
    exit: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    cluster: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    ties: Ties = "efron",
    replicates: int = 999,
    seed: int = 0,
) -> Floats:
    """Coefficients of a Cox model refitted to resampled subjects, (replicates, p).

    Whole clusters (all rows of a subject) are drawn with replacement; a subject drawn twice has its rows twice. NaN
    where a replicate has no events or an infinite or aliased coefficient: count them before quoting an interval.

    Parameters
    ----------
    exit, event, cluster : (n,)
    X : (n, p)
    entry, stratum : (n,), optional
    replicates, seed : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> days, x = rng.exponential(size=40), rng.normal(size=(40, 1))
    >>> cluster_bootstrap(days, np.ones(40), x, np.arange(40), replicates=20).shape
    (20, 1)
    """
    merged = merge_near_ties(exit, entry)
    d = np.asarray(event).astype(bool)
    values = np.asarray(X, dtype=np.float64).reshape(d.size, -1)
    strata = None if stratum is None else np.asarray(stratum)
    codes = coded(cluster, d.size)
    by_cluster = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    rng = generator(seed)
    out = np.full((replicates, values.shape[1]), np.nan)
    for b in range(replicates):
        drawn = rng.integers(0, len(by_cluster), len(by_cluster))
        rows = np.concatenate([by_cluster[c] for c in drawn])
        if not d[rows].any():
            continue
        fit = cox(
            merged.exit[rows],
            d[rows],
            values[rows],
            entry=None if merged.entry is None else merged.entry[rows],
            stratum=None if strata is None else strata[rows],
            ties=ties,
            timefix=False,
        )
        if fit.finite.all():
            out[b] = fit.coef
    return out


@dataclass(frozen=True, slots=True)
class MaxT:
    """Westfall-Young adjustment of a family of markers.

    Attributes
    ----------
    statistic : (Q,) float
        Score chi-squares.
    p_permutation : (Q,) float
        Each marker's own.
    p_single_step, p_step_down : (Q,) float
        Adjusted; step-down is never larger.
    permutations : int
    """

    statistic: Floats
    p_permutation: Floats
    p_single_step: Floats
    p_step_down: Floats
    permutations: int


def max_t(null: NullModel, M: Floats, *, permutations: int, seed: int = 0) -> MaxT:
    """Max-T over complete markers M, (n, Q) in kernel order, all permuted together within strata."""
    return max_t_patterns([(null, np.ones(null.rs.n, dtype=bool), M)], null.rs.stratum, permutations, seed)


def max_t_patterns(
    patterns: list[tuple[NullModel, Bools, Floats]], stratum: Ints, permutations: int, seed: int = 0
) -> MaxT:
    """Max-T where markers miss different patients: one (null model, its rows, its markers) per pattern of missingness.

    Parameters
    ----------
    patterns : list of (NullModel, (n,) bool, (n_rows, Q_j) float)
        Rows and markers in the kernel order of all n subjects.
    stratum : (n,) int
        Of all subjects, sorted.
    """
    M = [centred(null.rs, markers) for null, _, markers in patterns]
    T = np.concatenate([statistics(*score_tests(null, m)) for (null, _, _), m in zip(patterns, M, strict=True)])
    Q = T.size
    rank = np.argsort(-T, kind="stable")
    own = np.zeros(Q, dtype=np.int64)
    single = np.zeros(Q, dtype=np.int64)
    down = np.zeros(Q, dtype=np.int64)
    width = 64
    operators = [np.concatenate([null.factor, null.adjusters.T]) for null, _, _ in patterns]
    squares = [m * m for m in M]
    # One stream of keys per pattern, all started alike, keeps the patterns' permutations the same.
    streams = [orders(generator(seed), stratum, permutations, None if rows.all() else rows) for _, rows, _ in patterns]
    for blocks in zip(*streams, strict=True):
        for a in range(0, blocks[0].shape[0], width):
            drawn = np.concatenate(
                [
                    _drawn(null, operator, m, m2, block[a : a + width])
                    for (null, _, _), operator, m, m2, block in zip(patterns, operators, M, squares, blocks, strict=True)
                ],
                axis=1,
            )
            drawn += _TIE
            own += (drawn >= T).sum(axis=0)
            down += (np.maximum.accumulate(drawn[:, rank[::-1]], axis=1)[:, ::-1] >= T[rank]).sum(axis=0)
            single += np.searchsorted(np.sort(-drawn.max(axis=1)), -T, side="right")
    B = permutations + 1
    adjusted = np.empty(Q)
    adjusted[rank] = np.maximum.accumulate((1 + down) / B)
    return MaxT(T, (1 + own) / B, (1 + single) / B, adjusted, permutations)


def _drawn(null: NullModel, operator: Floats, M: Floats, squares: Floats, block: Ints) -> Floats:
    """Statistics of every marker under every permutation of the block, (b, Q).

    Instead of the rows of the markers, the columns of the null model move: they are fewer.
    """
    back = np.argsort(block, axis=1)
    U = null.residual[back] @ M
    V = null.diagonal[back] @ squares
    for i, columns in enumerate(back):
        low = operator[:, columns] @ M
        np.multiply(low, low, out=low)
        V[i] -= low.sum(axis=0)
    return statistics(U, V)
