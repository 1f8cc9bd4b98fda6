r"""Simon's two-stage designs: the search, and inference that knows about the look.

Stage 1 treats n_1; at most r_1 successes stop. Otherwise n - n_1 more are treated, and the null hypothesis is rejected
with more than r successes in n. With b the binomial probability and B its upper tail,

.. math:: P(\text{reject}) = \sum_{x > r_1} b(x; n_1, p) \, P(X_2 > r - x; n - n_1, p)

Optimal: the smallest expected n under p_0. Minimax: the smallest n. Admissible: minimises q n + (1 - q) E_0(n) for some q
(a corner of the lower convex hull of (n, E_0)).

The search takes every n_1 and r_1 of a pair (n, r) as one matrix. Two facts leave few pairs. A design has at most the power
of the single-stage test (r, n), so that r has an upper end. And early stopping only takes away paths with more than r
successes, whose likelihood ratio p_0 : p_1 is at most that of r + 1; so it can lower the type I error by no more than that
ratio times the power it may cost, which gives r a lower end.

After the trial, outcomes are ordered by the total of successes (those stopped early are below those that went on): the
UMVUE of Jung and Kim, the p-value, and the interval of Koyama and Chen, whose limits are the p at which P(X >= x) is a/2 and
1 - a/2. For a discrete outcome its upper limit is too low: it belongs to P(X < x), and the interval of 11/20, 23/40 covers as
little as 0.825 at a nominal 0.90. `guaranteed` takes P(X <= x) = a/2 instead and covers at least the level everywhere.

Sources: Simon, Control Clin Trials 10 (1989) 1; Jung, Lee, Kim and George, Stat Med 23 (2004) 561 (admissible); Jung and
Kim, Stat Med 23 (2004) 881 (UMVUE); Koyama and Chen, Stat Med 27 (2008) 3145; R clinfun 1.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from .binomial import log_choose

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TwoStage:
    """Stop after n1 with at most r1 successes; reject with more than r in n.

    Raises
    ------
    ValueError
        The four numbers contradict each other.
    """

    r1: int
    n1: int
    r: int
    n: int

    def __post_init__(self) -> None:
        if not (0 <= self.r1 < self.n1 < self.n and self.r1 <= self.r < self.n):
            raise ValueError(
                f"a two-stage design needs 0 <= r1 < n1 < n and r1 <= r < n; here r1/n1 = {self.r1}/{self.n1} and "
                f"r/n = {self.r}/{self.n}."
            )

    def p_reject(self, p: float) -> float:
        """Chance of rejecting when the true share is `p`."""
        return self.tail(self.r + 1, p)

    def p_stop(self, p: float) -> float:
        """Chance of stopping after stage 1."""
        return float(pmf(self.n1, p)[: self.r1 + 1].sum())

    def expected_n(self, p: float) -> float:
        """Expected number of patients."""
        return self.n1 + (1 - self.p_stop(p)) * (self.n - self.n1)

    def tail(self, x: int, p: float) -> float:
        """P(an outcome with at least x successes in all); outcomes that stopped early count as lower."""
        first = pmf(self.n1, p)
        if x <= self.r1:
            return float(first[max(x, 0) :].sum())
        second = upper_tail(self.n - self.n1, p)
        on = np.arange(self.r1 + 1, self.n1 + 1)
        needed = np.clip(x - on, 0, self.n - self.n1 + 1)
        return float(first[on] @ second[needed])


def pmf(n: int, p: float) -> Floats:
    """Binomial probabilities of 0 .. n, (n + 1,)."""
    x = np.arange(n + 1, dtype=np.float64)
    if p <= 0 or p >= 1:
        return np.asarray((x == (n if p >= 1 else 0)).astype(np.float64))
    return np.asarray(np.exp(log_choose(n, x) + x * np.log(p) + (n - x) * np.log1p(-p)))


def upper_tail(n: int, p: float) -> Floats:
    """P(X >= k) for k = 0 .. n + 1, (n + 2,)."""
    return np.asarray(np.r_[np.cumsum(pmf(n, p)[::-1])[::-1], 0.0])


@dataclass(frozen=True, slots=True)
class Search:
    """The best design of every n that has one.

    Attributes
    ----------
    designs : (m, 4) int
        r1, n1, r, n; n ascending.
    expected_n, p_stop : (m,) float
        Under p0.
    """

    designs: Ints
    expected_n: Floats
    p_stop: Floats


class _Matrices:
    """Binomial probabilities of every n up to n_max as two dense arrays, made once per search."""

    def __init__(self, n_max: int, p: float) -> None:
        N = n_max + 1
        n, x = np.arange(N, dtype=np.float64)[:, None], np.arange(N, dtype=np.float64)[None, :]
        values = np.exp(log_choose(n, np.minimum(x, n)) + x * np.log(p) + (n - x) * np.log1p(-p))
        self.pmf = np.where(x <= n, values, 0.0)
        """(N, N): row n, column x."""
        # Columns shifted by N: P(X >= k) for k = -N .. N.
        self.tail = np.ones((N, 2 * N + 1))
        self.tail[:, N : 2 * N] = np.cumsum(self.pmf[:, ::-1], axis=1)[:, ::-1]
        self.tail[:, 2 * N] = 0.0

    def reject(self, n: int, r: int, rows: int) -> Floats:
        """P(reject) for n1 = 1 .. rows (rows) and r1 = 0 .. rows - 1 (columns)."""
        N, L = self.pmf.shape[0], rows
        # Row n1 needs P(X2 >= r + 1 - x) of n - n1 patients for x = L down to 1: slices, no gathering.
        second = self.tail[n - 1 : n - 1 - L : -1, r + 1 - L + N : r + 1 + N]
        joint = self.pmf[1 : L + 1, L:0:-1] * second
        return np.asarray(np.cumsum(joint, axis=1)[:, ::-1])


def search(p0: float, p1: float, *, alpha: float, beta: float, n_max: int) -> Search:
    """The design with the smallest expected n for each n up to `n_max`.

    Examples
    --------
    >>> found = search(0.5, 0.68, alpha=0.1, beta=0.2, n_max=60)
    >>> found.designs[found.expected_n.argmin()].tolist(), round(float(found.expected_n.min()), 4)
    ([11, 20, 23, 40], 25.0344)
    """
    null, other = _Matrices(n_max, p0), _Matrices(n_max, p1)
    early0, early1 = np.cumsum(null.pmf, axis=1), np.cumsum(other.pmf, axis=1)

    def best_of(n: int, possible: Ints, rows: int) -> tuple[float, int, int, int] | None:
        """(E_0, r1, n1, r) of the best design with n1 <= rows."""
        n1, r1 = np.arange(1, rows + 1)[:, None], np.arange(rows)[None, :]
        en0 = n1 + (1 - early0[1 : rows + 1, :rows]) * (n - n1)
        allowed = (r1 < n1) & (early1[1 : rows + 1, :rows] <= beta + 1e-12)
        best: tuple[float, int, int, int] | None = None
        for r in possible.tolist():
            fits = allowed & (r1 <= r) & (other.reject(n, r, rows) >= 1 - beta) & (null.reject(n, r, rows) <= alpha)
            if fits.any():
                i, j = divmod(int(np.where(fits, en0, np.inf).argmin()), rows)
                # E_0(n) does not depend on r: of several the largest stays, as in Simon's search (the least type I error).
                if best is None or en0[i, j] <= best[0]:
                    best = (float(en0[i, j]), j, i + 1, r)
        return best

    designs: list[tuple[int, int, int, int]] = []
    expected, stops, last = [], [], float(n_max)
    for n in range(2, n_max + 1):
        possible = _possible(n, null.tail[n, n_max + 2 :], other.tail[n, n_max + 2 :], p0, p1, alpha, beta)
        if possible.size == 0:
            continue
        # E_0(n) >= n1, and it changes slowly with n: few rows suffice, and the result says whether they did.
        rows = min(n - 1, int(last) + 3)
        best = best_of(n, possible, rows)
        if rows < n - 1 and (best is None or best[0] > rows):
            best = best_of(n, possible, n - 1)
        if best is not None:
            last = best[0]
            designs.append((best[1], best[2], best[3], n))
            expected.append(best[0])
            stops.append(float(early0[best[2], best[1]]))
    return Search(np.array(designs, dtype=np.int64).reshape(-1, 4), np.array(expected), np.array(stops))


def _possible(n: int, alpha1: Floats, power1: Floats, p0: float, p1: float, alpha: float, beta: float) -> Ints:
    """The r that two-stage designs of this n may have, from the error rates of the single-stage tests (r, n)."""
    r = np.arange(n)
    log_ratio = (r + 1) * np.log(p0 / p1) + (n - r - 1) * np.log((1 - p0) / (1 - p1))
    spare = power1[:n] - (1 - beta)
    least_alpha = alpha1[:n] - np.exp(np.minimum(log_ratio, 700.0)) * (spare + 1e-12)
    return np.flatnonzero((spare >= -1e-12) & (least_alpha <= alpha + 1e-12))


def count_designs(p0: float, p1: float, *, alpha: float, beta: float, n: int) -> int:
    """How many two-stage designs (r1, n1, r) of this n hold both error rates.

    Examples
    --------
    >>> count_designs(0.5, 0.68, alpha=0.10, beta=0.20, n=36)
    2
    """
    null, other = _Matrices(n, p0), _Matrices(n, p1)
    n1, r1 = np.arange(1, n)[:, None], np.arange(0, n - 1)[None, :]
    count = 0
    for r in range(n):
        fits = (r1 < n1) & (r1 <= r) & (null.reject(n, r, n - 1) <= alpha) & (other.reject(n, r, n - 1) >= 1 - beta)
        count += int(fits.sum())
    return count


def hull(n: ArrayLike, expected_n: ArrayLike) -> tuple[Ints, Floats]:
    """Corners of the lower convex hull of (n, E_0(n)) up to its minimum, and the weights q at which they change.

    Returns
    -------
    corners : (k,) int
        Positions, n ascending: the first is minimax, the last optimal.
    weights : (k + 1,) float
        Corner i minimises q n + (1 - q) E_0 for weights[i + 1] <= q <= weights[i]; from 1 down to 0.
    """
    size, cost = np.asarray(n, dtype=np.float64), np.asarray(expected_n, dtype=np.float64)
    corners, weights, at = [0], [1.0], 0
    while True:
        later = np.arange(at + 1, size.size)
        gain = cost[at] - cost[later]
        if later.size == 0 or gain.max() <= 0:
            return np.array(corners), np.array([*weights, 0.0])
        q = np.where(gain > 0, gain / (size[later] - size[at] + np.maximum(gain, 0.0)), 0.0)
        at = int(later[q.argmax()])
        corners.append(at)
        weights.append(float(q.max()))


def single_stage(p0: float, p1: float, *, alpha: float, beta: float, n_max: int) -> tuple[int, int, float, float] | None:
    """(n, r, type I error, power) of the smallest one-stage test that rejects with more than r of n; None if there is none.

    Examples
    --------
    >>> single_stage(0.5, 0.68, alpha=0.1, beta=0.2, n_max=100)[:2]
    (37, 22)
    """
    for n in range(1, n_max + 1):
        t0, t1 = upper_tail(n, p0), upper_tail(n, p1)
        r = int(np.argmax(t0[1:] <= alpha))
        if t1[r + 1] >= 1 - beta:
            return n, r, float(t0[r + 1]), float(t1[r + 1])
    return None


def umvue(design: TwoStage, x: int) -> float:
    """Unbiased estimate with the least variance of the share of successes, after x in all.

    Examples
    --------
    >>> round(umvue(TwoStage(11, 20, 23, 40), 25), 9)
    0.659317892
    """
    if x <= design.r1:
        return x / design.n1
    n2 = design.n - design.n1
    first = np.arange(max(design.r1 + 1, x - n2), min(x, design.n1) + 1, dtype=np.float64)
    rest = log_choose(n2, x - first)
    below = log_choose(design.n1, first) + rest
    above = log_choose(design.n1 - 1, first - 1) + rest
    top = below.max()
    return float(np.exp(above - top).sum() / np.exp(below - top).sum())


def koyama_chen(design: TwoStage, x: int, *, level: float) -> tuple[float, float]:
    """Limits at which the p-value of x is (1 - level)/2 and (1 + level)/2; (0, 1) where there is none.

    Examples
    --------
    >>> [round(v, 4) for v in koyama_chen(TwoStage(11, 20, 23, 40), 25, level=0.90)]
    [0.4907, 0.7536]
    """
    tail = (1 - level) / 2
    if x == 0:
        return 0.0, 1.0
    return _share_at(design, x, tail), _share_at(design, x, 1 - tail)


def guaranteed(design: TwoStage, x: int, *, level: float) -> tuple[float, float]:
    """Limits that cover at least `level` at every share: P(X >= x) = (1 - level)/2 and P(X <= x) = (1 - level)/2.

    Examples
    --------
    >>> [round(v, 4) for v in guaranteed(TwoStage(11, 20, 23, 40), 25, level=0.90)]
    [0.4907, 0.7649]
    """
    tail = (1 - level) / 2
    low = 0.0 if x == 0 else _share_at(design, x, tail)
    return low, 1.0 if x == design.n else _share_at(design, x + 1, 1 - tail)


def _share_at(design: TwoStage, x: int, target: float) -> float:
    """The share at which P(at least x) is `target`."""
    if design.tail(x, 1.0) < target:
        return 1.0
    return float(brentq(lambda p: design.tail(x, p) - target, 0.0, 1.0, xtol=1e-12))
