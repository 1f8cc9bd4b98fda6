"""Hardy-Weinberg for genotype calls, and what a platform's error would do to it.

The arithmetic of the test is `biomarkers.kernels.hardy_weinberg`. Here stand the two ways in which the paralog FCGR3B bends
FCGR3A-158: short reads lose V (a fraction lam of V/F is read as F/F, so F > 0), and primers or probes that also catch FCGR3B
gain V (a fraction gam of F/F is read as V/F, so F < 0). With 120 subjects the test sees only a loss of about 37 % of
heterozygotes: a clean test is no proof of quality, and it is shown, never used as a filter.
"""

from __future__ import annotations

import math

from biomarkers.domain.errors import UseError
from biomarkers.kernels import hardy_weinberg as kernel
from biomarkers.kernels.hardy_weinberg import HardyWeinberg

__all__ = ["HardyWeinberg", "expected_f", "hardy_weinberg", "subjects_needed"]


def hardy_weinberg(n_ff: int, n_vf: int, n_vv: int, *, level: float = 0.95) -> HardyWeinberg:
    """Exact Hardy-Weinberg test of genotype counts, with mid-p and the inbreeding coefficient.

    Parameters
    ----------
    n_ff, n_vf, n_vv : int
        Subjects with two copies; nobody with another copy number.
    level : float
        Level of the interval of F.

    Returns
    -------
    HardyWeinberg
        `.p_value .p_mid .f .f_low .f_high .q .n`; F > 0 means too few heterozygotes (V lost), F < 0 too many (V gained).

    Raises
    ------
    UseError
        A count is negative or no whole number.

    Examples
    --------
    >>> test = hardy_weinberg(29, 42, 5)
    >>> round(test.p_value, 4), round(test.p_mid, 4), round(test.f, 4)
    (0.0734, 0.0575, -0.2277)
    """
    try:
        return kernel.hardy_weinberg(n_ff, n_vf, n_vv, level=level)
    except (TypeError, ValueError) as error:
        raise UseError(f"hardy_weinberg: {error}") from error


def expected_f(q: float, *, v_lost: float = 0.0, v_gained: float = 0.0) -> float:
    """Inbreeding coefficient that a reading error produces in a population in equilibrium.

    Parameters
    ----------
    q : float
        True frequency of V, between 0 and 1.
    v_lost : float
        Fraction of V/F that is read as F/F.
    v_gained : float
        Fraction of F/F that is read as V/F.

    Examples
    --------
    >>> round(expected_f(0.33, v_lost=0.37), 3), round(expected_f(0.33, v_gained=0.1), 3)
    (0.253, -0.067)
    """
    p = 1.0 - q
    ff, vf, vv = p * p, 2.0 * p * q, q * q
    vf += v_gained * ff - v_lost * vf
    seen = vv + vf / 2.0
    return 1.0 - vf / (2.0 * seen * (1.0 - seen))


def subjects_needed(f: float) -> int:
    """Subjects with which a two-sided test at 5 % finds this F in 80 of 100 samples: n F^2 = 7.85.

    Examples
    --------
    >>> subjects_needed(0.0664)
    1781
    """
    return math.ceil(7.8489 / (f * f)) if f else 0
