r"""Power of an odds ratio at the study's own marker, adjusters and number of responders.

.. math:: OR = \exp\{(z_{1-\alpha/2} + z_{power}) / \sqrt{n v \bar p (1 - \bar p)}\}

v the variance of the marker given the other terms, p the share of responders (Hsieh, Bloch and Larsen 1998). In a simulated
study each subject responds with the chance of the model without the marker, multiplied in its odds by exp(b x), the constant
moved so that as many respond as did; the judge is the row's own test, likelihood ratio or Fisher's within strata.

Source: Hsieh, Bloch and Larsen, Stat Med 17 (1998) 1623.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, expit

from .fourfold import conditional
from .logistic import logistic
from .power import conditional_variance, detectable_by_information
from .resample import generator
from .riskset import Bools, Floats, Ints
from .simulated_power import Detectable, read_off

_STEPS = 20


@dataclass(frozen=True, slots=True)
class Responses:
    """A study of responders.

    Attributes
    ----------
    x : (n,) float
        The marker.
    Z : (n, k) float
        The other terms with their constant.
    y : (n,) 0/1
    cell : (n,) int or None
        Strata of the exact test; None where the row is judged by the likelihood ratio.
    """

    x: Floats
    Z: Floats
    y: Floats
    cell: Ints | None = None


def detectable_odds_ratio(study: Responses) -> float:
    """The odds ratio of the formula, above 1; NaN where nothing can be detected.

    Examples
    --------
    >>> x = np.tile([0.0, 1.0], 50)
    >>> round(detectable_odds_ratio(Responses(x, np.ones((100, 1)), np.repeat([1.0, 0.0], 50))), 2)
    3.07
    """
    share = float(study.y.mean())
    return detectable_by_information(study.x.size * conditional_variance(study.x, study.Z[:, 1:]) * share * (1 - share))


def detectable(
    study: Responses, formula: float, *, power: float = 0.80, alpha: float = 0.05, replicates: int = 500, seed: int = 0
) -> Detectable:
    """The odds ratio that the study detects with this power, as `simulated_power.detectable`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> study = Responses(rng.normal(size=100), np.ones((100, 1)), np.repeat([1.0, 0.0], [40, 60]))
    >>> found = detectable(study, detectable_odds_ratio(study), replicates=400)
    >>> 1.6 < found.hazard_ratio < 2.1
    True
    """

    def simulated(beta: float) -> float:
        return float(rejections(study, beta, replicates=replicates, seed=seed, alpha=alpha).mean())

    return read_off(simulated, formula, power=power, alpha=alpha, replicates=replicates)


def rejections(study: Responses, beta: float, *, replicates: int, seed: int, alpha: float = 0.05) -> Bools:
    """Whether a simulated study rejects at alpha, two-sided, (replicates,)."""
    chance = _chances(study, beta)
    y = (generator(seed).random((replicates, study.y.size)) < chance).astype(np.float64)
    if study.cell is not None:
        return np.asarray(_exact_p(study, y) <= alpha)
    X = np.column_stack([study.Z, study.x])
    ratio = np.maximum(2 * (_loglik(X, y) - _loglik(study.Z, y)), 0.0)
    return np.asarray(chdtrc(1, ratio) <= alpha)


def _chances(study: Responses, beta: float) -> Floats:
    """Each subject's chance: the null model's odds times exp(b x), as many responders as there were."""
    try:
        null = logistic(study.Z, study.y)
        base = study.Z @ np.where(null.finite, null.coef, np.clip(null.coef, -8.0, 8.0))
    except ValueError:
        base = np.zeros(study.y.size)
    eta = base + beta * (study.x - study.x.mean())
    low, high = -40.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        if expit(eta + middle).sum() < study.y.sum():
            low = middle
        else:
            high = middle
    return np.asarray(expit(eta + (low + high) / 2), dtype=np.float64)


def _loglik(X: Floats, y: Floats) -> Floats:
    """Maximised log-likelihood of every study, (R,); where there is no maximum, what the walk reached."""
    b = np.zeros((y.shape[0], X.shape[1]))
    for _ in range(_STEPS):
        p = expit(b @ X.T)
        information = np.einsum("rn,np,nq->rpq", p * (1 - p), X, X, optimize=True)
        ridge = 1e-8 * (1 + np.trace(information, axis1=1, axis2=2))[:, None, None] * np.eye(X.shape[1])
        move = np.clip(np.linalg.solve(information + ridge, ((y - p) @ X)[..., None])[..., 0], -2.0, 2.0)
        b = np.clip(b + move, -15.0, 15.0)
        if np.abs(move).max(initial=0.0) < 1e-7:
            break
    eta = b @ X.T
    return np.asarray((y * eta - np.logaddexp(0.0, eta)).sum(axis=1), dtype=np.float64)


def _exact_p(study: Responses, y: Floats) -> Floats:
    """Fisher's P within strata; each different table is judged once."""
    assert study.cell is not None
    high = study.x == study.x.max()
    cells = np.unique(study.cell)
    groups = [(study.cell == c) & side for c in cells for side in (high, ~high)]
    sizes = [int(group.sum()) for group in groups]
    counts = np.column_stack([y[:, group].sum(axis=1) for group in groups]).astype(np.int64)
    different, place = np.unique(counts, axis=0, return_inverse=True)
    p = np.ones(len(different))
    for i, row in enumerate(different):
        if 0 < row.sum() < study.y.size:
            tables = [[int(row[j]), sizes[j], int(row[j + 1]), sizes[j + 1]] for j in range(0, len(groups), 2)]
            p[i] = conditional(tables).p_value
    return np.asarray(p[place.reshape(-1)])
