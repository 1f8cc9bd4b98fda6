r"""The restricted cubic basis: cubic between the knots, linear beyond the outer ones.

With knots t_1 < ... < t_k the columns after x itself are, for j = 1 .. k - 2::

    [ (x - t_j)+^3 - (x - t_{k-1})+^3 (t_k - t_j)/(t_k - t_{k-1}) + (x - t_k)+^3 (t_{k-1} - t_j)/(t_k - t_{k-1}) ]
        / (t_k - t_1)^2

so k knots cost k - 1 degrees of freedom, and all columns are in the units of x.

Source: Harrell, Regression Modeling Strategies (2015), section 2.4.5, with its default quantiles for the knots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .riskset import Floats

QUANTILES = {3: (0.10, 0.50, 0.90), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.50, 0.725, 0.95)}


def knots(x: ArrayLike, n_knots: int = 3) -> Floats:
    """Knots at Harrell's quantiles of x (missing values left out).

    Raises
    ------
    ValueError
        The number of knots is not 3, 4 or 5, or x has too few distinct values for them.
    """
    if n_knots not in QUANTILES:
        raise ValueError(f"n_knots = {n_knots!r}: choose 3, 4 or 5.")
    values = np.asarray(x, dtype=np.float64)
    found = np.quantile(values[~np.isnan(values)], QUANTILES[n_knots])
    if np.unique(found).size < n_knots:
        raise ValueError(f"{n_knots} knots need more distinct values: they would lie at {found.tolist()}.")
    return np.asarray(found)


def restricted_cubic(x: ArrayLike, at: ArrayLike) -> Floats:
    """Basis columns of x for given knots, (n, k - 1); the first is x.

    Examples
    --------
    >>> restricted_cubic([0.0, 1.0, 2.0, 5.0], at=[0.0, 1.0, 2.0])[:, 1].round(4).tolist()
    [0.0, 0.25, 1.5, 6.0]
    """
    values = np.asarray(x, dtype=np.float64)[:, None]
    t = np.asarray(at, dtype=np.float64)
    if t.size < 3 or (np.diff(t) <= 0).any():
        raise ValueError(f"knots must be at least three and increasing: {t.tolist()}.")
    first, last, inner = t[:-2], t[-1:], t[-2:-1]

    def cubed(knot: Floats) -> Floats:
        return np.asarray(np.maximum(values - knot, 0.0) ** 3, dtype=np.float64)

    bent = cubed(first) - cubed(inner) * (last - first) / (last - inner) + cubed(last) * (inner - first) / (last - inner)
    return np.concatenate([values, bent / (last - t[0]) ** 2], axis=1)
