"""Multiplicity behind one function: Holm, Benjamini-Hochberg, Benjamini-Yekutieli, Bonferroni; max-T is `resample`'s.

Missing p-values (a descriptive row) stay missing and do not count in the family.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .riskset import Floats

METHODS: tuple[str, ...] = ("holm", "bonferroni", "bh", "by", "none")


def adjust(p: ArrayLike, method: str = "holm") -> Floats:
    """Adjusted p-values of one family, in the order given.

    Parameters
    ----------
    p : (m,) float
        NaN where there is no test.
    method : {"holm", "bonferroni", "bh", "by", "none"}

    Examples
    --------
    >>> adjust([0.01, 0.04, float("nan"), 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(values)
    if ((values[known] < 0) | (values[known] > 1)).any():
        raise ValueError("p-values must lie in [0, 1].")
    out = values.copy()
    raw = values[known]
    m = raw.size
    if m == 0 or method == "none":
        return out
    if method == "holm":
        order = np.argsort(raw, kind="stable")
        stepped = np.maximum.accumulate((m - np.arange(m)) * raw[order])
        adjusted = np.empty(m)
        adjusted[order] = np.minimum(stepped, 1.0)
    elif method == "bonferroni":
        adjusted = np.minimum(m * raw, 1.0)
    elif method in ("bh", "by"):
        from scipy.stats import false_discovery_control  # scipy.stats takes longer to import than all of this package

        adjusted = false_discovery_control(raw, method=method)
    else:
        raise ValueError(f"method {method!r} is not known; choose from {', '.join(METHODS)}.")
    out[known] = adjusted
    return out
