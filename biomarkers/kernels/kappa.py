r"""Agreement of readers on classes: Cohen's weighted kappa, Fleiss' kappa, and Bland-Altman limits for numbers.

.. math:: \kappa_w = 1 - \frac{\sum v_{ij} p_{ij}}{\sum v_{ij} p_{i.} p_{.j}}

v are disagreement weights: 0/1 (plain), |i - j| (linear), (i - j)^2 (quadratic). The error of kappa is the large-sample
one of Fleiss, Cohen and Everitt. Sources: Cohen, Psychol Bull 70 (1968) 213; Fleiss, Cohen and Everitt, Psychol Bull 72
(1969) 323; Fleiss, Psychol Bull 76 (1971) 378; Bland and Altman, Lancet 327 (1986) 307.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from .riskset import Floats

WEIGHTS = ("unweighted", "linear", "quadratic")


@dataclass(frozen=True, slots=True)
class Kappa:
    """Chance-corrected agreement.

    Attributes
    ----------
    kappa, std_error, conf_low, conf_high : float
    observed, expected : float
        Agreement seen, and by chance.
    n : int
        Specimens.
    k : int
        Readers.
    """

    kappa: float
    std_error: float
    conf_low: float
    conf_high: float
    observed: float
    expected: float
    n: int
    k: int


def weighted_kappa(
    first: ArrayLike, second: ArrayLike, *, n_classes: int, weights: str = "quadratic", level: float = 0.95
) -> Kappa:
    """Agreement of two readers on ordered classes 0 .. n_classes - 1.

    Parameters
    ----------
    first, second : (n,) int
    n_classes : int
        Of the scale, whether or not each was used.
    weights : {"unweighted", "linear", "quadratic"}
    level : float

    Examples
    --------
    >>> k = weighted_kappa([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 1], n_classes=3, weights="linear")
    >>> round(k.kappa, 4)                     # (5/6 - 11/18) / (7/18)
    0.5714
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights {weights!r} are not one of {', '.join(WEIGHTS)}")
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    if a.shape != b.shape or a.size < 2:
        raise ValueError(f"two readers must score the same specimens, at least 2; given {a.size} and {b.size}")
    if min(a.min(), b.min()) < 0 or max(a.max(), b.max()) >= n_classes:
        raise ValueError(f"classes must lie in 0 .. {n_classes - 1}")
    p = np.zeros((n_classes, n_classes))
    np.add.at(p, (a, b), 1.0 / a.size)
    i = np.arange(n_classes)
    distance = np.abs(i[:, None] - i).astype(np.float64)
    top = max(n_classes - 1, 1)
    w = {"unweighted": (distance == 0).astype(np.float64), "linear": 1 - distance / top,
         "quadratic": 1 - (distance / top) ** 2}[weights]
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float((w * p).sum()), float((w * np.outer(rows, columns)).sum())
    if expected >= 1:
        return Kappa(float("nan"), float("nan"), float("nan"), float("nan"), observed, expected, a.size, 2)
    kappa = (observed - expected) / (1 - expected)
    mean = (w @ columns)[:, None] + (rows @ w)[None, :]
    inner = float((p * (w - mean * (1 - kappa)) ** 2).sum())
    variance = (inner - (kappa - expected * (1 - kappa)) ** 2) / (a.size * (1 - expected) ** 2)
    return _with_interval(kappa, variance, observed, expected, a.size, 2, level)


def fleiss_kappa(scores: ArrayLike, *, n_classes: int, level: float = 0.95) -> Kappa:
    """Agreement of k readers on unordered classes.

    Parameters
    ----------
    scores : (n, k) int
        Class of each specimen by each reader.
    n_classes : int

    Notes
    -----
    The error is the jackknife's over specimens; Fleiss's own holds only where kappa is 0.
    """
    x = np.asarray(scores, dtype=np.int64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise ValueError(f"scores must be a table of at least 2 specimens by 2 readers, not of shape {x.shape}")
    n, k = x.shape
    counts = np.stack([(x == c).sum(axis=1) for c in range(n_classes)], axis=1).astype(np.float64)
    if int(counts.sum()) != n * k:
        raise ValueError(f"classes must lie in 0 .. {n_classes - 1}")

    def value(part: Floats) -> tuple[float, float, float]:
        share = part.sum(axis=0) / part.sum()
        seen = float(((part**2).sum(axis=1) - k).mean() / (k * (k - 1)))
        chance = float((share**2).sum())
        return (seen - chance) / (1 - chance) if chance < 1 else float("nan"), seen, chance

    kappa, observed, expected = value(counts)
    left_out = np.array([value(np.delete(counts, i, axis=0))[0] for i in range(n)])
    variance = (n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())
    return _with_interval(kappa, variance, observed, expected, n, k, level)


def _with_interval(kappa: float, variance: float, observed: float, expected: float, n: int, k: int, level: float) -> Kappa:
    error = float(np.sqrt(max(variance, 0.0)))
    z = float(ndtri((1 + level) / 2))
    return Kappa(kappa, error, kappa - z * error, min(kappa + z * error, 1.0), observed, expected, n, k)


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Limits within which the difference of two readers lies.

    Attributes
    ----------
    bias, sd : float
        Mean and standard deviation of second minus first.
    low, high : float
        bias -+ 1.96 sd (at 95 %).
    bias_low, bias_high : float
        Interval of the bias.
    slope : float
        Of the difference on the mean: not 0 where they disagree more at high values.
    n : int
    """

    bias: float
    sd: float
    low: float
    high: float
    bias_low: float
    bias_high: float
    slope: float
    n: int


def bland_altman(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> BlandAltman:
    """Bias and limits of agreement of two readers, second minus first.

    Examples
    --------
    >>> found = bland_altman([10, 20, 30], [12, 21, 33])
    >>> found.bias, found.sd
    (2.0, 1.0)
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.size < 3:
        raise ValueError(f"two readers must score the same specimens, at least 3; given {a.size} and {b.size}")
    difference, mean = b - a, (a + b) / 2
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    half = float(stdtrit(a.size - 1, (1 + level) / 2)) * sd / np.sqrt(a.size)
    z = float(ndtri((1 + level) / 2))
    spread = float(((mean - mean.mean()) ** 2).sum())
    slope = float(((mean - mean.mean()) * difference).sum() / spread) if spread > 0 else 0.0
    return BlandAltman(bias, sd, bias - z * sd, bias + z * sd, bias - half, bias + half, slope, a.size)
