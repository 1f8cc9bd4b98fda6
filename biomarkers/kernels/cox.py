"""Cox regression on arrays: fit, judge each coefficient as estimated, aliased or infinite, and keep what follows from it.

The likelihood is `likelihood`'s, the iteration `newton`'s, risk sets and ties `riskset`'s. Covariates are centred and
scaled inside; a column without information of its own is aliased and has no estimate; a coefficient towards which the
likelihood grows for ever is infinite, which `separation` decides exactly, and is never printed as 20 (3000).

Source: Therneau and Grambsch, Modeling Survival Data (2000), chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .likelihood import Design, Steps, aliased_columns, design, evaluate, rounding_noise
from .newton import SUSPICIOUS, Optimum, newton
from .riskset import Bools, Floats, RiskSets, Ties, merge_near_ties, risk_sets
from .separation import infinite_directions

_FLAT = 1e-4  # share of the information at 0 below which an estimate is checked for being infinite


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
    X : (n, p) float
        Covariates as given, kernel order.
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
    X: Floats
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
        """x'b with x measured from its weighted mean, caller's order, (n,)."""
        return self.rs.to_caller((self.X - self.D.centre[:, 0]) @ (self.scaled / self.D.divisor[:, 0]))

    def standardised(self, X: Floats) -> Floats:
        """Covariates (m, p) in their own units, centred and scaled as those of the fit."""
        return np.asarray((X - self.D.centre[:, 0]) / self.D.divisor[:, 0])


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
    aliased = aliased_columns(at_null.information[0], rounding_noise(rs, D, at_null.steps))
    free = None if not aliased.any() else ~aliased[None, :]
    optimum = newton(rs, D, start, free=free, first=at_null)
    scaled = optimum.beta[0]
    finite = np.ones(p, dtype=bool)
    signs = np.zeros(p)
    if _ran_away(optimum, at_null.information[0], ~aliased):
        gone = np.diag(optimum.information[0]) < _FLAT * np.diag(at_null.information[0])
        signs = infinite_directions(rs, D.X[:, :, 0], ~aliased, np.where(gone, scaled, 0.0))
        finite = signs == 0
    scale = D.divisor[:, 0]
    coef = scaled / scale
    coef[~finite] = signs[~finite] * np.inf
    coef[aliased] = np.nan
    covariance = np.full((p, p), np.nan)
    keep = np.flatnonzero(~aliased & finite)
    if keep.size:
        # The information of an infinite coefficient has run to zero, so it is left out, as if it were held.
        inverse = _inverse(optimum.information[0][np.ix_(keep, keep)])
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
        X=X,
        scaled=scaled,
        score_null=at_null.score[0],
        information_null=at_null.information[0],
        information=optimum.information[0],
        n_merged=n_merged,
    )


def _inverse(information: Floats) -> Floats:
    """The covariance; NaN where the information is singular at the optimum, so that no error is printed for it."""
    try:
        return np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)


def _ran_away(optimum: Optimum, null_information: Floats, used: Bools) -> bool:
    """Signs of a monotone likelihood: many steps, or next to no information left where Newton stopped.

    A lone carrier who dies first has so little information at 0 that the first step leaps to where the likelihood is
    flat; that looks like convergence and is not.
    """
    if optimum.iterations[0] > SUSPICIOUS or not optimum.converged[0]:
        return True
    left, start = np.diag(optimum.information[0])[used], np.diag(null_information)[used]
    return bool((left < _FLAT * start).any())
