r"""Cox's partial likelihood with its derivatives: one text for delayed entry, strata, weights, ties and batches.

For death step k with risk-set weights ``a_ki = c_ki w_i r_i / den_k``, ``r_i = exp(x_i'b)``, ``m_k = sum_i a_ki x_i``::

    loglik   l = sum_i w_i d_i x_i'b - sum_k wbar_k log den_k
    score    U = sum_i w_i d_i x_i   - sum_k wbar_k m_k
    inform.  I = sum_k wbar_k V_k,     V_k = sum_i a_ki x_i x_i' - m_k m_k'

`c_ki` and the steps are `riskset`'s. Arrays carry a last axis Q of problems, so that one fit, the p constrained fits of
a likelihood-ratio table and a thousand markers are the same lines.

Sources: Efron, JASA 72 (1977) 557; Therneau and Grambsch (2000), chapter 3; R survival 3.5 for centring and scaling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from .riskset import Bools, Floats, Ints, RiskSets

ALIAS_TOLERANCE = float(np.finfo(np.float64).eps ** 0.75)
"""R's `toler.chol`: a Cholesky pivot below this share of the largest is no information."""

MANY = 16
"""Problems from which memory traffic, not the number of calls, is the cost."""

_TINY = 1e-290  # below this a sum has lost digits to denormal numbers
_HEADROOM = 300.0  # exp(300) is far from overflow and leaves twice the range below it


@dataclass(frozen=True, slots=True)
class Design:
    """Covariates centred and scaled, with the products the information needs; Q problems in the last axis.

    Attributes
    ----------
    X : (n, p, Qx) float
        In kernel order, centred by the weighted mean and divided by the mean absolute deviation. Qx is 1 when all
        problems share their covariates.
    Z : (n, 1 + p + p(p+1)/2, Qx) float
        A column of ones, X, and its products.
    centre, scale : (p, Qx) float
    at_deaths : (p, Qx) float
        sum_i w_i d_i x_i.
    rows, columns : (p(p+1)/2,) int
        Which product stands where.
    place : (p, p) int
        Where the product of two columns stands.
    """

    X: Floats
    Z: Floats
    centre: Floats
    scale: Floats
    at_deaths: Floats
    rows: Ints
    columns: Ints
    place: Ints
    memory: list[Floats] = field(default_factory=list)

    @property
    def p(self) -> int:
        """Covariates per problem."""
        return int(self.X.shape[1])

    @property
    def divisor(self) -> Floats:
        """The scale, and 1 for a column that does not vary; (p, Q)."""
        return np.where(self.scale > 0, self.scale, 1.0)

    def scratch(self, Q: int) -> Floats:
        """Memory for n rows of products of Q problems, kept between evaluations: fresh pages cost more than the sums."""
        if not self.memory or self.memory[0].shape[2] < Q:
            self.memory[:] = [np.empty((*self.Z.shape[:2], Q))]
        size = self.Z.shape[0] * self.Z.shape[1] * Q
        return self.memory[0].reshape(-1)[:size].reshape(*self.Z.shape[:2], Q)

    def problems(self, which: Ints | Bools) -> Design:
        """The design of some of the problems."""
        if self.X.shape[2] == 1:
            return self
        return Design(
            self.X[:, :, which],
            self.Z[:, :, which],
            self.centre[:, which],
            self.scale[:, which],
            self.at_deaths[:, which],
            self.rows,
            self.columns,
            self.place,
            self.memory,
        )


def design(rs: RiskSets, X: Floats, *, memory: list[Floats] | None = None) -> Design:
    """Centre and scale covariates given in kernel order, (n, p) or (n, p, Q).

    Centring and scaling change no result, only its digits: 1e8 + x and 1e-9 x get x's answer.
    """
    X = X[:, :, None] if X.ndim == 2 else X
    n, p, Q = X.shape
    if n != rs.n:
        raise ValueError(f"the design has {n} rows and the risk sets {rs.n}.")
    w = rs.exposed if rs.exposed.any() else rs.weight
    total = w.sum()
    flat = X.reshape(n, p * Q)
    centre = (w @ flat / total).reshape(p, Q)
    X = X - centre
    if not rs.exposed.all():
        X[rs.exposed == 0] = 0.0  # rows that no death sees must not overflow exp either
    scale = (w @ np.abs(X.reshape(n, p * Q)) / total).reshape(p, Q)
    size = np.abs(centre) * 1e-15  # a constant column leaves rounding noise, which is no spread
    scale = np.where(scale > size, scale, 0.0)
    X = X / np.where(scale > 0, scale, 1.0)
    X *= scale > 0
    rows, columns, place = _products(p)
    Z = np.empty((n, 1 + p + rows.size, Q))
    Z[:, 0] = 1.0
    Z[:, 1 : 1 + p] = X
    np.multiply(X[:, rows], X[:, columns], out=Z[:, 1 + p :])
    at_deaths = (rs.death_share @ X.reshape(n, p * Q)).reshape(p, Q)
    return Design(X, Z, centre, scale, at_deaths, rows, columns, place, [] if memory is None else memory)


@lru_cache(maxsize=64)
def _products(p: int) -> tuple[Ints, Ints, Ints]:
    """Rows and columns of the upper triangle, and where each pair of columns stands in it."""
    rows, columns = np.triu_indices(p)
    place = np.empty((p, p), dtype=np.int64)
    place[rows, columns] = place[columns, rows] = np.arange(rows.size)
    return rows, columns, place


@dataclass(frozen=True, slots=True)
class Steps:
    """The death steps at some coefficients: what every derived quantity is made of.

    Attributes
    ----------
    shift : (G, Q) float
        Subtracted from x'b in each stratum, so that exp cannot overflow.
    risk : (n, Q) float
        exp(x'b - shift of the stratum), without case weight.
    den : (K, Q) float
        sum_i c_ki w_i risk_i.
    mean : (K, p, Q) float
        m_k.
    variance : (K, p(p+1)/2, Q) float
        V_k, upper triangle.
    """

    shift: Floats
    risk: Floats
    den: Floats
    mean: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Log-likelihood (Q,), score (Q, p) and information (Q, p, p), with the steps they came from."""

    loglik: Floats
    score: Floats
    information: Floats
    steps: Steps

    def problems(self, which: Bools) -> Derivatives:
        """Some of the problems; their steps stay behind."""
        return Derivatives(self.loglik[which], self.score[which], self.information[which], self.steps)


def evaluate(rs: RiskSets, D: Design, beta: Floats, *, headroom: float = 0.0) -> Derivatives:
    """Log-likelihood, score and information at `beta` (Q, p), in scaled units.

    Overflow is impossible: the linear predictor is taken relative to its stratum's largest, which leaves the partial
    likelihood as it is. Where a denominator underflows, everything is lifted by exp(300), which costs digits of the
    log-likelihood and is done only then; one that underflows still gives -inf, and Newton halves.
    """
    Q, p = beta.shape
    X = D.X
    if X.shape[2] == 1:
        eta = X[:, :, 0] @ beta.T
    else:
        eta = X[:, 0] * beta[:, 0]
        for j in range(1, p):
            eta += X[:, j] * beta[:, j]
    if rs.starts.size == 1:
        shift = eta.max(axis=0, keepdims=True) - headroom
        eta -= shift
    else:
        shift = np.maximum.reduceat(eta, rs.starts, axis=0) - headroom
        eta -= shift[rs.stratum]
    risk = np.exp(eta)
    weighted = (rs.exposed[:, None] * risk)[:, None, :]
    if Q < MANY:
        sums = rs.at_risk_sums(weighted * D.Z)
    else:
        sums = rs.at_risk_sums(np.multiply(weighted, D.Z, out=D.scratch(Q)), overwrite=True)
    den = sums[:, 0].copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        moments = sums[:, 1:]
        moments /= den[:, None]
        loglik = rs.death_share @ eta - rs.step_weight @ np.log(den)
    if not den.min(initial=1.0) >= _TINY:
        if headroom == 0.0:
            return evaluate(rs, D, beta, headroom=_HEADROOM)
        loglik[~(den.min(axis=0) >= _TINY)] = -np.inf
    m = moments[:, :p]
    if Q < MANY:
        moments[:, p:] -= m[:, D.rows] * m[:, D.columns]
    else:
        for k, (a, b) in enumerate(zip(D.rows.tolist(), D.columns.tolist(), strict=True)):
            moments[:, p + k] -= m[:, a] * m[:, b]
    total = (rs.step_weight @ moments.reshape(rs.n_steps, -1)).reshape(-1, Q)
    score = (D.at_deaths - total[:p]).T
    information = total[p:].T[:, D.place]
    return Derivatives(loglik, score, information, Steps(shift, risk, den, m, moments[:, p:]))


def rounding_noise(rs: RiskSets, D: Design, steps: Steps) -> Floats:
    """What rounding may leave of the information of a column that varies in no risk set, (p,): n eps of sum_k wbar_k E_k[x^2].

    A column that the strata hold already has V_k = E_k[x^2] - m_k^2 = 0, and a computer gives some 1e-15 of E_k[x^2].
    """
    diagonal = D.place[np.arange(D.p), np.arange(D.p)]
    second = rs.step_weight @ (steps.variance[:, diagonal, 0] + steps.mean[:, :, 0] ** 2)
    return np.asarray(rs.n * np.finfo(np.float64).eps * second)


def aliased_columns(information: Floats, noise: Floats | float = 0.0) -> Bools:
    """Columns without information of their own, by a Cholesky pivot under `ALIAS_TOLERANCE` of the largest diagonal.

    A pivot that is no more than the `noise` of rounding is none either: one column alone has only itself to be compared with.
    Columns are taken in order, so of two collinear columns the later one is aliased, as in R.

    Examples
    --------
    >>> aliased_columns(np.array([[1.0, 2.0], [2.0, 4.0]])).tolist()
    [False, True]
    """
    p = information.shape[0]
    floor = np.maximum(ALIAS_TOLERANCE * float(np.max(np.diag(information), initial=0.0)), np.broadcast_to(noise, (p,)))
    aliased = np.zeros(p, dtype=bool)
    A = information.copy()
    for j in range(p):
        pivot = A[j, j]
        if not pivot > floor[j]:
            aliased[j] = True
            A[j, :] = 0.0
            A[:, j] = 0.0
            continue
        if j + 1 < p:
            column = A[j + 1 :, j].copy()
            A[j + 1 :, j + 1 :] -= np.outer(column, column / pivot)
    return aliased
