r"""How well readers agree: intraclass correlation from the two-way mean squares.

For n specimens scored by k readers, with mean squares between specimens (MSR), between readers (MSC) and of the error (MSE):

.. math::
   ICC(2,1) = \frac{MSR - MSE}{MSR + (k-1) MSE + k (MSC - MSE)/n}, \quad ICC(2,k) = \frac{MSR - MSE}{MSR + (MSC - MSE)/n}

ICC(2,1) is the agreement of one reader with another drawn from the same readers, ICC(2,k) of the mean of k; ICC(3,1) leaves
the readers' own levels out. Source: Shrout and Fleiss 1979; the interval is theirs, by Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtri

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Mean squares and intraclass correlations.

    Attributes
    ----------
    n, k : int
        Specimens, readers.
    msr, msc, mse : float
        Mean squares between specimens, between readers, of the error; squared units of the score.
    icc_2_1, icc_2_k, icc_3_1 : float
    conf_low, conf_high : float
        Interval of ICC(2,1).
    sd_of_agreement : float
        Standard deviation of one reader's score about the specimen's, in units of the score.
    """

    n: int
    k: int
    msr: float
    msc: float
    mse: float
    icc_2_1: float
    icc_2_k: float
    icc_3_1: float
    conf_low: float
    conf_high: float
    sd_of_agreement: float


def intraclass(scores: ArrayLike, *, level: float = 0.95) -> Agreement:
    """Agreement of k readers on n specimens, every cell filled.

    Parameters
    ----------
    scores : (n, k) float
        No missing cell; n and k at least 2.
    level : float

    Raises
    ------
    ValueError
        Fewer than two specimens or readers, or a missing score.

    Examples
    --------
    Six judges' subjects of Shrout and Fleiss (1979), table 2; their table 4 gives .29, .62 and .71.

    >>> scores = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> a = intraclass(scores)
    >>> round(a.icc_2_1, 2), round(a.icc_2_k, 2), round(a.icc_3_1, 2)
    (0.29, 0.62, 0.71)
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise ValueError(f"scores must be a table of at least 2 specimens by 2 readers, not of shape {x.shape}")
    if np.isnan(x).any():
        raise ValueError(f"{int(np.isnan(x).sum())} scores are missing; agreement needs every specimen read by every reader")
    n, k = x.shape
    grand, rows, columns = x.mean(), x.mean(axis=1), x.mean(axis=0)
    msr = k * float(((rows - grand) ** 2).sum()) / (n - 1)
    msc = n * float(((columns - grand) ** 2).sum()) / (k - 1)
    residual = x - rows[:, None] - columns[None, :] + grand
    mse = float((residual**2).sum()) / ((n - 1) * (k - 1))
    reader_variance = (msc - mse) / n
    single = (msr - mse) / (msr + (k - 1) * mse + k * reader_variance)
    low, high = _interval(n, k, msr, msc, mse, single, level)
    return Agreement(
        n=n, k=k, msr=msr, msc=msc, mse=mse, icc_2_1=single, icc_2_k=(msr - mse) / (msr + reader_variance),
        icc_3_1=(msr - mse) / (msr + (k - 1) * mse), conf_low=low, conf_high=high,
        sd_of_agreement=float(np.sqrt(mse + max(reader_variance, 0.0))),
    )


def _interval(n: int, k: int, msr: float, msc: float, mse: float, icc: float, level: float) -> tuple[float, float]:
    """Shrout and Fleiss's interval of ICC(2,1)."""
    if mse == 0:
        return icc, icc
    f = msc / mse
    above = (k - 1) * (n - 1) * (k * icc * f + n * (1 + (k - 1) * icc) - k * icc) ** 2
    below = (n - 1) * k**2 * icc**2 * f**2 + (n * (1 + (k - 1) * icc) - k * icc) ** 2
    df = above / below
    tail = 1 - (1 - level) / 2
    upper, lower = float(fdtri(n - 1, df, tail)), float(fdtri(df, n - 1, tail))
    spread = k * msc + (k * n - k - n) * mse
    return (n * (msr - upper * mse) / (upper * spread + n * msr), n * (lower * msr - mse) / (spread + n * lower * msr))
