r"""Score tests that share one null fit: a thousand markers, or a million permutations, without a Newton step.

Fit the adjusters z alone. With the risk-set weights a_ki of that fit as a K x n matrix A, the efficient score test of a
marker m is linear algebra in m::

    r = w d - A' wbar                                  U = m' r
    D = diag(A' wbar)                                  V_mm = m' D m - sum_k wbar_k (A_k m)^2
    c_z = D z - A' (wbar * (A z))                      V_mz = m' c_z,  V_zz = z' c_z
    T = U^2 / (V_mm - V_mz V_zz^-1 V_zm)

T equals R's ``coxph(init = (0, b0), iter.max = 0)$score``. The Efron steps of one death time differ only by f, so their
squares are one quadratic form in two sums; that halves A for tied scans. A permutation of the marker within strata
permutes rows of m and leaves all else as it is.

Sources: Cox and Hinkley (1974), section 9.3; Westfall and Young (1993) for max-T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .likelihood import aliased_columns, design, evaluate, rounding_noise
from .newton import Optimum, newton
from .riskset import Floats, Ints, RiskSets


@dataclass(frozen=True, slots=True)
class NullModel:
    """What a null fit leaves for the score test of any marker; rows in kernel order.

    Attributes
    ----------
    rs : RiskSets
    residual : (n,) float
        w d - A' wbar.
    diagonal : (n,) float
        A' wbar.
    factor : (K', n) float
        sum_k wbar_k (A_k m)^2 = |factor m|^2.
    adjusters : (n, p) float
        Whitened: c_z V_zz^-1/2, so that V_mz V_zz^-1 V_zm = |m' adjusters|^2.
    loglik : float
        Of the adjusters alone.
    coef : (p,) float
        Their coefficients in scaled units, 0 where aliased.
    """

    rs: RiskSets
    residual: Floats
    diagonal: Floats
    factor: Floats
    adjusters: Floats
    loglik: float
    coef: Floats


def null_model(rs: RiskSets, Z: Floats | None = None) -> NullModel:
    """Fit the adjusters Z, (n, p) in kernel order, and keep what score tests need."""
    if rs.n_events == 0:
        raise ValueError(f"0 events among n = {rs.n}: there is nothing to test.")
    n, U = rs.n, rs.time.size
    Z = np.zeros((n, 0)) if Z is None else Z
    start = np.zeros((1, Z.shape[1]))
    if Z.shape[1]:
        D = design(rs, Z)
        at_null = evaluate(rs, D, start)
        used = ~aliased_columns(at_null.information[0], rounding_noise(rs, D, at_null.steps))
        D = design(rs, Z[:, used])
        best: Optimum = newton(rs, D, np.zeros((1, int(used.sum()))))
        beta, loglik = best.beta, float(best.loglik[0])
        coef = np.zeros(Z.shape[1])
        coef[used] = beta[0]
    else:
        D = design(rs, np.zeros((n, 1)))
        beta = np.zeros((1, 1))
        loglik = float(evaluate(rs, D, beta).loglik[0])
        coef = np.zeros(0)
    steps = evaluate(rs, D, beta).steps
    weighted = rs.exposed * steps.risk[:, 0]
    den, wbar, f = steps.den[:, 0], rs.step_weight, rs.step_fraction
    # Relative to the whole risk set's sum at each time: the shares that the squares below are made of.
    whole = den[np.searchsorted(rs.step_time, np.arange(U))]
    den = den / whole[rs.step_time]
    u = np.arange(U)[:, None]
    at_risk = np.where((rs.first <= u) & (u < rs.end), weighted, 0.0) / whole[:, None]
    dying = np.zeros((U, n))
    dying[rs.death_time, rs.deaths] = at_risk[rs.death_time, rs.deaths]
    # Per death time, sum_k wbar_k/den_k^2 (R - f D)(R - f D)' with R, D the sums over the risk set and over the dying.
    g0, g1, g2 = (rs.at_death_times(wbar / den**2 * f**j) for j in range(3))
    corner = np.sqrt(g0)
    factor = corner[:, None] * at_risk - (g1 / corner)[:, None] * dying
    rest = g2 - g1**2 / g0
    tied = rest > 1e-14 * g0
    if tied.any():
        factor = np.concatenate([factor, np.sqrt(rest[tied])[:, None] * dying[tied]])
    h0, h1 = (rs.at_death_times(wbar / den * f**j) for j in range(2))
    diagonal = h0 @ at_risk - h1 @ dying
    residual = rs.weight * rs.event - diagonal
    whitened = np.zeros((n, 0))
    if Z.shape[1]:
        z = D.X[:, :, 0]
        c = diagonal[:, None] * z - factor.T @ (factor @ z)
        V = z.T @ c
        whitened = np.linalg.solve(np.linalg.cholesky(V), c.T).T
    return NullModel(rs, residual, diagonal, factor, whitened, loglik, coef)


def score_tests(null: NullModel, M: Floats) -> tuple[Floats, Floats]:
    """Score U and its variance V for every column of M, (n, Q) in kernel order: each (Q,).

    Columns should be roughly centred; `centred` does it.
    """
    U = null.residual @ M
    low = null.factor @ M
    V = null.diagonal @ (M * M) - np.einsum("kq,kq->q", low, low)
    if null.adjusters.shape[1]:
        cross = null.adjusters.T @ M
        V = V - np.einsum("pq,pq->q", cross, cross)
    return U, V


def score_matrix(null: NullModel, M: Floats) -> tuple[Floats, Floats]:
    """Score (B, q) and variance (B, q, q) of factors with q columns: M is (n, B, q), kernel order."""
    n, B, q = M.shape
    U = np.tensordot(null.residual, M, 1)
    low = (null.factor @ M.reshape(n, B * q)).reshape(-1, B, q)
    V = np.einsum("n,nbi,nbj->bij", null.diagonal, M, M, optimize=True) - np.einsum("kbi,kbj->bij", low, low)
    if null.adjusters.shape[1]:
        cross = (null.adjusters.T @ M.reshape(n, B * q)).reshape(-1, B, q)
        V = V - np.einsum("pbi,pbj->bij", cross, cross)
    return U, V


def centred(rs: RiskSets, M: Floats) -> Floats:
    """Markers (n, Q) minus their stratum's mean, over their mean absolute deviation: same test, better digits."""
    w = rs.exposed if rs.exposed.any() else rs.weight
    total = np.add.reduceat(w, rs.starts)
    total = np.where(total > 0, total, 1.0)
    M = M - (np.add.reduceat(w[:, None] * M, rs.starts, axis=0) / total[:, None])[rs.stratum]
    scale = (w @ np.abs(M)) / w.sum()
    return np.asarray(M / np.where(scale > 0, scale, 1.0))


def statistics(U: Floats, V: Floats) -> Floats:
    """U^2 / V, and 0 where a column has no variance left."""
    return np.asarray(np.where(V > 1e-10, U * U / np.where(V > 1e-10, V, 1.0), 0.0))


@dataclass(frozen=True, slots=True)
class ManyFits:
    """One Cox fit per marker, each with the same adjusters; coefficient and error of the marker only.

    Attributes
    ----------
    coef, std_error, loglik : (Q,) float
        NaN where the marker is constant.
    converged : (Q,) bool
        False also where the likelihood is monotone: fit such a marker alone.
    """

    coef: Floats
    std_error: Floats
    loglik: Floats
    converged: np.ndarray[tuple[int], np.dtype[np.bool_]]


def fit_many(null: NullModel, M: Floats, Z: Floats | None = None, *, chunk: int = 96) -> ManyFits:
    """Fit marker q with the adjusters of the null model, for every column of M.

    Parameters
    ----------
    null : NullModel
        Newton starts from its coefficients, with the marker's at 0.
    M : (n, Q) float, kernel order
    Z : (n, p) float, kernel order, optional
        The adjusters of the null model.
    chunk : int
        Problems held at once: enough to share the cost of calls, few enough to stay in a core's own cache.
    """
    rs = null.rs
    n, Q = M.shape
    p = null.coef.size
    coef, error, loglik = np.full(Q, np.nan), np.full(Q, np.nan), np.full(Q, np.nan)
    converged = np.zeros(Q, dtype=bool)
    memory: list[Floats] = []
    for a in range(0, Q, chunk):
        b = min(a + chunk, Q)
        X = np.empty((n, 1 + p, b - a))
        X[:, 0] = M[:, a:b]
        if Z is not None:
            X[:, 1:] = Z[:, :, None]
        D = design(rs, X, memory=memory)
        varies: Ints = np.flatnonzero(D.scale[0] > 0)
        if varies.size < b - a:
            D = D.problems(varies)
        start = np.tile(np.r_[0.0, null.coef], (varies.size, 1))
        best = newton(rs, D, start, max_steps=15)
        inverse = _first_variance(best.information)
        place = a + varies
        coef[place] = best.beta[:, 0] / D.scale[0]
        with np.errstate(invalid="ignore"):
            error[place] = np.sqrt(inverse) / D.scale[0]
        loglik[place] = best.loglik
        converged[place] = best.converged & (inverse > 0)
    return ManyFits(coef, error, loglik, converged)


def _first_variance(information: Floats) -> Floats:
    """Corner of each inverse, by the Schur complement: 1 / (I_11 - I_1z I_zz^-1 I_z1)."""
    corner, side, rest = information[:, 0, 0], information[:, 1:, 0], information[:, 1:, 1:]
    if side.shape[1]:
        try:
            along = np.linalg.solve(rest, side[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:  # an aliased adjuster
            along = np.einsum("qij,qj->qi", np.linalg.pinv(rest, hermitian=True), side)
        corner = corner - (side * along).sum(axis=1)
    return np.asarray(np.where(corner > 0, 1.0 / np.where(corner > 0, corner, 1.0), np.nan))
