"""Predictive mean matching: a missing value is drawn from the subjects who look most like it, parameters drawn anew each time.

A linear model of the marker gives everybody a prediction; with the coefficients drawn from their posterior (type 1 matching:
drawn for the missing, fitted for the donors), one of the five nearest donors lends its value. So an imputed genotype is a
genotype and a skewed marker stays skewed. The model must hold the outcome: event and cumulative hazard at the own time.

Sources: Little, J Bus Econ Stat 6 (1988) 287; van Buuren, Flexible Imputation of Missing Data (2018), algorithm 3.3; White and
Royston, Stat Med 28 (2009) 1982 for the outcome's part.
"""

from __future__ import annotations

import numpy as np

from .riskset import Bools, Floats

DONORS = 5
_RIDGE = 1e-5


def matched(x: Floats, known: Bools, Z: Floats, rng: np.random.Generator, *, donors: int = DONORS) -> Floats:
    """x with its missing values imputed once, (n,).

    Parameters
    ----------
    x : (n,) float
        What stands where it is unknown is not read.
    known : (n,) bool
    Z : (n, p) float
        Predictors with their constant column, of full rank among the known.
    rng : numpy Generator

    Raises
    ------
    ValueError
        Fewer known than predictors and donors need.
    """
    seen = Z[known]
    n, p = seen.shape
    if n < p + donors:
        raise ValueError(f"{n} known values for {p} predictors: too few to impute from")
    cross = seen.T @ seen
    root = np.linalg.inv(cross + _RIDGE * np.diag(np.diag(cross)))
    fitted = root @ (seen.T @ x[known])
    residual = x[known] - seen @ fitted
    variance = float(residual @ residual) / float(rng.chisquare(n - p))
    drawn = fitted + np.sqrt(variance) * (np.linalg.cholesky((root + root.T) / 2) @ rng.normal(size=p))
    near = seen @ fitted
    out = x.copy()
    for i in np.flatnonzero(~known):
        distance = np.abs(near - Z[i] @ drawn)
        # Ties between donors are broken at random, not by their place in the table.
        pool = np.lexsort((rng.random(n), distance))[:donors]
        out[i] = x[known][rng.choice(pool)]
    return out
