r"""Cox's partial likelihood: one text for right-censored, delayed-entry, stratified, weighted, tied and batched fits.

For death step k with risk-set weights ``a_ki = c_ki w_i r_i / den_k``, ``r_i = exp(x_i'b)``, ``m_k = sum_i a_ki x_i``::

    loglik   l = sum_i w_i d_i x_i'b - sum_k wbar_k log den_k
    score    U = sum_i w_i d_i x_i   - sum_k wbar_k m_k
    inform.  I = sum_k wbar_k V_k,     V_k = sum_i a_ki x_i x_i' - m_k m_k'

`c_ki` and the steps are `riskset`'s. Arrays carry a last axis Q of problems, so that one fit, the p constrained fits of
a likelihood-ratio table and a thousand markers are the same lines.

Sources: Therneau and Grambsch (2000), chapter 3; Efron, JASA 72 (1977) 557; R survival 3.5 (`coxfit6.c`, `agfit4.c`)
for centring, scaling and step halving.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .riskset import Bools, Floats, Ints, RiskSets, Ties, merge_near_ties, risk_sets
from .separation import infinite_directions

ALIAS_TOLERANCE = float(np.finfo(np.float64).eps ** 0.75)
"""R's `toler.chol`: a Cholesky pivot below this share of the largest is no information."""

CONVERGED = 1e-20
"""Newton decrement U' I^-1 U at which the next step moves no coefficient by 1e-10 of its standard error."""

MAX_STEPS = 60
_FLAT = 1e-4  # share of the information at 0 below which an estimate is checked for being infinite
_TINY = 1e-290  # below this a sum has lost digits to denormal numbers
_MANY = 16  # problems from which memory traffic, not the number of calls, is the cost
_HEADROOM = 300.0  # exp(300) is far from overflow and leaves twice the range below it
_SUSPICIOUS = 10  # a regular likelihood takes 4 to 6 steps from 0; a monotone one gains one unit per step, for ever


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
    """

    X: Floats
    Z: Floats
    centre: Floats
    scale: Floats
    at_deaths: Floats
    rows: Ints
    columns: Ints
    memory: list[Floats] = field(default_factory=list)

    @property
    def p(self) -> int:
        """Covariates per problem."""
        return int(self.X.shape[1])

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
    rows, columns = _products(p)
    Z = np.empty((n, 1 + p + rows.size, Q))
    Z[:, 0] = 1.0
    Z[:, 1 : 1 + p] = X
    np.multiply(X[:, rows], X[:, columns], out=Z[:, 1 + p :])
    at_deaths = (rs.death_share @ X.reshape(n, p * Q)).reshape(p, Q)
    return Design(X, Z, centre, scale, at_deaths, rows, columns, [] if memory is None else memory)


@lru_cache(maxsize=64)
def _products(p: int) -> tuple[Ints, Ints]:
    """Rows and columns of the upper triangle."""
    rows, columns = np.triu_indices(p)
    return rows, columns


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
    if Q < _MANY:
        sums = rs.at_risk_sums(weighted * D.Z)
    else:
        sums = rs.at_risk_sums(np.multiply(weighted, D.Z, out=D.scratch(Q)), overwrite=True)
    den = sums[:, 0].copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        moments = sums[:, 1:]
        moments /= den[:, None]
        loglik = rs.death_share @ eta - rs.step_weight @ np.log(den)
    lost = den.min(axis=0) < _TINY
    if lost.any():
        if headroom == 0.0:
            return evaluate(rs, D, beta, headroom=_HEADROOM)
        loglik[lost] = -np.inf
    m = moments[:, :p]
    if Q < _MANY:
        moments[:, p:] -= m[:, D.rows] * m[:, D.columns]
    else:
        for k, (a, b) in enumerate(zip(D.rows.tolist(), D.columns.tolist(), strict=True)):
            moments[:, p + k] -= m[:, a] * m[:, b]
    total = (rs.step_weight @ moments.reshape(rs.n_steps, -1)).reshape(-1, Q)
    score = (D.at_deaths - total[:p]).T
    information = np.empty((Q, p, p))
    information[:, D.rows, D.columns] = information[:, D.columns, D.rows] = total[p:].T
    return Derivatives(loglik, score, information, Steps(shift, risk, den, m, moments[:, p:]))


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where Newton ended, for Q problems, in scaled units.

    Attributes
    ----------
    beta : (Q, p)
    loglik : (Q,)
    information : (Q, p, p)
    iterations : (Q,) int
    converged : (Q,) bool
    """

    beta: Floats
    loglik: Floats
    information: Floats
    iterations: Ints
    converged: Bools

    def settle(self, place: Ints, beta: Floats, at: Derivatives, iterations: int, converged: Bools) -> None:
        """Write down problems that have stopped."""
        self.beta[place] = beta
        self.loglik[place] = at.loglik
        self.information[place] = at.information
        self.iterations[place] = iterations
        self.converged[place] = converged


def newton(
    rs: RiskSets,
    D: Design,
    start: Floats,
    *,
    free: Bools | None = None,
    first: Derivatives | None = None,
    max_steps: int = MAX_STEPS,
) -> Optimum:
    """Maximise the partial likelihood over the free coefficients of each problem.

    Parameters
    ----------
    start : (Q, p) float
    free : (Q, p) bool, optional
        Coefficients that move; the others stay where they start (a profile, an aliased column).
    first : Derivatives, optional
        At `start`, where they are known already.

    Notes
    -----
    A step that lowers the log-likelihood or leaves the finite numbers is halved until it does neither. The last step is
    taken without looking: at a decrement of 1e-20 it is exact to rounding.
    """
    Q, p = start.shape
    out = Optimum(
        np.empty((Q, p)), np.empty(Q), np.empty((Q, p, p)), np.zeros(Q, dtype=np.int64), np.zeros(Q, dtype=bool)
    )
    # Problems still moving, and where each of them goes in `out`.
    place, beta, moves = np.arange(Q), start, free
    now = evaluate(rs, D, beta) if first is None else first
    for iteration in range(max_steps + 1):
        step = _newton_step(now.score, now.information, moves)
        decrement = (step * now.score).sum(axis=1)
        done = decrement <= CONVERGED
        if iteration == max_steps or done.all():
            out.settle(place, beta + np.where(done[:, None], step, 0.0), now, iteration, done)
            return out
        # In a batch the few that are done ride along until half are: copying the others costs more.
        if done.any() and (Q < _MANY or 2 * done.sum() >= done.size):
            out.settle(place[done], beta[done] + step[done], now.problems(done), iteration, done[done])
            left = ~done
            place, beta, step, now, D = place[left], beta[left], step[left], now.problems(left), D.problems(left)
            moves = None if moves is None else moves[left]
        reached = now.loglik
        beta, now, stuck = _uphill(rs, D, beta, step, now)
        if iteration >= _SUSPICIOUS:
            stuck |= now.loglik - reached <= 1e-15 * np.abs(reached)
        if stuck.any():
            out.settle(place[stuck], beta[stuck], now.problems(stuck), iteration + 1, stuck[stuck])
            left = ~stuck
            if not left.any():
                return out
            place, beta, now, D = place[left], beta[left], now.problems(left), D.problems(left)
            moves = None if moves is None else moves[left]
    return out


def _uphill(
    rs: RiskSets, D: Design, beta: Floats, step: Floats, now: Derivatives
) -> tuple[Floats, Derivatives, Bools]:
    """Take the step, halved until the log-likelihood is finite and no lower; `stuck` where no step is left."""
    trial = beta + step
    new = evaluate(rs, D, trial)
    floor = now.loglik - 1e-13 * (np.abs(now.loglik) + rs.n_events)  # rounding in the log-likelihood is no descent
    for _ in range(40):
        worse = ~(np.isfinite(new.loglik) & (new.loglik >= floor))
        if not worse.any():
            break
        trial[worse] = (trial[worse] + beta[worse]) / 2
        new = evaluate(rs, D, trial)
    else:
        trial[worse] = beta[worse]
        new = evaluate(rs, D, trial)
    stuck: Bools = np.all(np.abs(trial - beta) <= 1e-14 * (1 + np.abs(trial)), axis=1)
    return trial, new, stuck


def _newton_step(score: Floats, information: Floats, free: Bools | None) -> Floats:
    """Solve I step = U over the free coefficients."""
    p = score.shape[1]
    if free is not None and not free.all():
        both = free[:, :, None] & free[:, None, :]
        information = np.where(both, information, np.eye(p))
        score = score * free
    if p == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            step = score / information[:, 0]
        return np.where(np.isfinite(step), step, 0.0)
    try:
        return np.asarray(np.linalg.solve(information, score[:, :, None])[:, :, 0], dtype=np.float64)
    except np.linalg.LinAlgError:
        # A monotone likelihood far out: the information has run down to nothing in some direction.
        return np.asarray(np.einsum("qij,qj->qi", np.linalg.pinv(information, hermitian=True), score), dtype=np.float64)


def aliased_columns(information: Floats) -> Bools:
    """Columns without information of their own, by a Cholesky pivot under `ALIAS_TOLERANCE` of the largest diagonal.

    Columns are taken in order, so of two collinear columns the later one is aliased, as in R.

    Examples
    --------
    >>> aliased_columns(np.array([[1.0, 2.0], [2.0, 4.0]])).tolist()
    [False, True]
    """
    p = information.shape[0]
    floor = ALIAS_TOLERANCE * float(np.max(np.diag(information), initial=0.0))
    aliased = np.zeros(p, dtype=bool)
    A = information.copy()
    for j in range(p):
        pivot = A[j, j]
        if not pivot > floor:
            aliased[j] = True
            A[j, :] = 0.0
            A[:, j] = 0.0
            continue
        if j + 1 < p:
            column = A[j + 1 :, j].copy()
            A[j + 1 :, j + 1 :] -= np.outer(column, column / pivot)
    return aliased


@dataclass(frozen=True)
class CoxSolution:
    """A fitted Cox model: numbers in the covariates' own units, aliased columns NaN, infinite ones said to be so.

    Attributes
    ----------
    coef : (p,) float
        Log hazard ratios; NaN where aliased, -inf or +inf where the likelihood is monotone.
    covariance : (p, p) float
        Inverse information; NaN in the rows of aliased and infinite coefficients.
    loglik_null, loglik : float
        At b = 0, and at the optimum (its supremum where a coefficient is infinite).
    aliased, finite : (p,) bool
    converged : bool
    iterations : int
    rs, D : the risk sets and the design
    scaled : (p,) float
        The coefficients in scaled units, where the iteration stopped; always finite numbers.
    score_null, information_null, information : scaled units.
    n_merged : int
        Times merged by timefix.
    """

    coef: Floats
    covariance: Floats
    loglik_null: float
    loglik: float
    aliased: Bools
    finite: Bools
    converged: bool
    iterations: int
    rs: RiskSets
    D: Design
    scaled: Floats
    score_null: Floats
    information_null: Floats
    information: Floats
    n_merged: int

    @property
    def n(self) -> int:
        """Rows."""
        return self.rs.n

    @property
    def n_events(self) -> int:
        """Events."""
        return self.rs.n_events

    @property
    def used(self) -> Bools:
        """Columns with an estimate, (p,)."""
        return ~self.aliased

    @property
    def df(self) -> int:
        """Coefficients estimated."""
        return int(self.used.sum())

    @property
    def std_error(self) -> Floats:
        """Naive standard errors, (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def steps(self) -> Steps:
        """Death steps at the optimum, in scaled units (Q = 1)."""
        return evaluate(self.rs, self.D, self.scaled[None, :]).steps

    @property
    def likelihood_ratio(self) -> float:
        """2 (l - l at 0)."""
        return 2.0 * (self.loglik - self.loglik_null)

    @property
    def score_test(self) -> float:
        """U' I^-1 U at b = 0: the log-rank test where the only covariate is a group and no times are tied."""
        k = self.used
        U = self.score_null[k]
        return float(U @ np.linalg.solve(self.information_null[np.ix_(k, k)], U)) if k.any() else 0.0

    @property
    def wald_test(self) -> float:
        """b' I b at the optimum; NaN where a coefficient is infinite."""
        k = self.used
        if not self.finite[k].all():
            return float("nan")
        b = self.scaled[k]
        return float(b @ self.information[np.ix_(k, k)] @ b)

    def linear_predictor(self) -> Floats:
        """x'b, uncentred coefficients applied to centred covariates, caller's order, (n,)."""
        return self.rs.to_caller(self.D.X[:, :, 0] @ self.scaled)


def cox(
    exit: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ties: Ties = "efron",
    timefix: bool = True,
) -> CoxSolution:
    """Fit one Cox model.

    Parameters
    ----------
    exit, event : (n,)
    X : (n, p)
    entry, stratum, weight : (n,), optional
    ties : {"efron", "breslow"}
    timefix : bool
        Merge times that differ by rounding only, as R does.

    Raises
    ------
    ValueError
        No events; weights that are not positive; intervals that vanish under timefix.

    Examples
    --------
    Therneau's first hand-worked set: the Breslow maximum is log((3 + sqrt(33)) / 2).

    >>> fit = cox([1, 1, 6, 6, 8, 9], [1, 0, 1, 1, 0, 1], [[1.0], [1], [1], [0], [0], [0]], ties="breslow")
    >>> round(float(fit.coef[0]), 6), bool(fit.finite[0])
    (1.475285, True)
    """
    values = np.asarray(X, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, None]
    n_merged = 0
    if timefix:
        merged = merge_near_ties(exit, entry)
        exit, entry, n_merged = merged.exit, merged.entry, merged.n_merged
    rs = risk_sets(exit, event, entry=entry, stratum=stratum, weight=weight, ties=ties, tiebreak=values)
    return fit(rs, values[rs.order], n_merged=n_merged)


def fit(rs: RiskSets, X: Floats, *, n_merged: int = 0) -> CoxSolution:
    """Fit one model to covariates (n, p) in kernel order."""
    if rs.n_events == 0:
        raise ValueError(f"0 events among n = {rs.n}: a hazard ratio does not exist.")
    D = design(rs, X)
    p = D.p
    start = np.zeros((1, p))
    at_null = evaluate(rs, D, start)
    aliased = aliased_columns(at_null.information[0])
    free = None if not aliased.any() else ~aliased[None, :]
    optimum = newton(rs, D, start, free=free, first=at_null)
    scaled = optimum.beta[0]
    finite = np.ones(p, dtype=bool)
    signs = np.zeros(p)
    if _ran_away(optimum, at_null.information[0], ~aliased):
        gone = np.diag(optimum.information[0]) < _FLAT * np.diag(at_null.information[0])
        signs = infinite_directions(rs, D.X[:, :, 0], ~aliased, np.where(gone, scaled, 0.0))
        finite = signs == 0
    scale = np.where(D.scale[:, 0] > 0, D.scale[:, 0], 1.0)
    coef = scaled / scale
    coef[~finite] = signs[~finite] * np.inf
    coef[aliased] = np.nan
    covariance = np.full((p, p), np.nan)
    keep = np.flatnonzero(~aliased & finite)
    if keep.size:
        # The information of an infinite coefficient has run to zero, so it is left out, as if it were held.
        inverse = np.linalg.inv(optimum.information[0][np.ix_(keep, keep)])
        covariance[np.ix_(keep, keep)] = inverse / np.outer(scale[keep], scale[keep])
    return CoxSolution(
        coef=coef,
        covariance=covariance,
        loglik_null=float(at_null.loglik[0]),
        loglik=float(optimum.loglik[0]),
        aliased=aliased,
        finite=finite,
        converged=bool(optimum.converged[0] or not finite.all()),
        iterations=int(optimum.iterations[0]),
        rs=rs,
        D=D,
        scaled=scaled,
        score_null=at_null.score[0],
        information_null=at_null.information[0],
        information=optimum.information[0],
        n_merged=n_merged,
    )


def _ran_away(optimum: Optimum, null_information: Floats, used: Bools) -> bool:
    """Signs of a monotone likelihood: many steps, or next to no information left where Newton stopped.

    A lone carrier who dies first has so little information at 0 that the first step leaps to where the likelihood is
    flat; that looks like convergence and is not.
    """
    if optimum.iterations[0] > _SUSPICIOUS or not optimum.converged[0]:
        return True
    left, start = np.diag(optimum.information[0])[used], np.diag(null_information)[used]
    return bool((left < _FLAT * start).any())
