"""The 3+3 dose escalation: what it does at each cohort of patients, and its exact operating characteristics.

"Standard 3+3" names two rules that differ in whether the declared level must have six patients; both are here, and a protocol
must say which. The rule itself is `kernels.three_plus_three.decide`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import three_plus_three as kernel
from biomarkers.kernels.three_plus_three import Variant


def three_plus_three(
    p_dlt: Sequence[float], *, levels: Sequence[object] | None = None, variant: Variant = "standard"
) -> pd.DataFrame:
    """Exact operating characteristics, by enumeration of every path.

    Parameters
    ----------
    p_dlt : (L,) float
        True chance of a dose-limiting toxicity at each level.
    levels : (L,), optional
        Names of the levels, such as doses in mg.
    variant : {"standard", "expand6"}
        "expand6": the declared level must have six patients treated with at most one DLT.

    Returns
    -------
    DataFrame
        One row per level and one for "none" (every level too toxic): ``level, p_dlt, p_mtd, expected_n, expected_dlt``.
        `attrs["n"]` is the distribution of the total number of patients.

    Examples
    --------
    >>> three_plus_three([0.05, 0.15, 0.30], levels=[50, 100, 150]).round(4)
      level  p_dlt   p_mtd  expected_n  expected_dlt
    0  none    NaN  0.0266         NaN           NaN
    1    50   0.05  0.1813      3.4061        0.1703
    2   100   0.15  0.4006      3.8698        0.5805
    3   150   0.30  0.3915      3.4246        1.0274
    """
    chances = [float(p) for p in p_dlt]
    if not chances or not all(0 <= p <= 1 for p in chances):
        raise UseError(f"p_dlt = {list(p_dlt)!r} must hold one chance between 0 and 1 per dose level")
    names = _names(levels, len(chances))
    _known(variant)
    found = kernel.characteristics(chances, variant=variant)
    table = pd.DataFrame(
        {
            "level": ["none", *names],
            "p_dlt": [np.nan, *chances],
            "p_mtd": [found.p_none, *found.p_mtd],
            "expected_n": [np.nan, *found.expected_n],
            "expected_dlt": [np.nan, *found.expected_dlt],
        }
    )
    table.attrs |= {"variant": variant, "n": found.n_distribution, "n_paths": found.n_paths}
    return table


def next_cohort(
    treated: Sequence[int], dlts: Sequence[int], *, levels: Sequence[object] | None = None, variant: Variant = "standard"
) -> pd.DataFrame:
    """What the rule says after what has been seen: one row ``action, level, why``.

    Parameters
    ----------
    treated, dlts : (L,) int
        Patients treated, and with a dose-limiting toxicity, by dose level.

    Raises
    ------
    UseError
        More DLTs than patients, cohorts that are not of three, or levels that the rule could not have reached.

    Examples
    --------
    >>> next_cohort([3, 3, 0], [0, 1, 0], levels=[50, 100, 150])
      action  level                                   why
    0  treat    100  1 DLT in 3: three more at this level
    """
    n = [limits.count(v, "treated") for v in treated]
    d = [limits.count(v, "dlts") for v in dlts]
    if len(n) != len(d) or not n:
        raise UseError(f"treated has {len(n)} levels, dlts {len(d)}: give one number per dose level in both")
    names = _names(levels, len(n))
    _known(variant)
    for name, treated_here, d_here in zip(names, n, d, strict=True):
        if d_here > treated_here:
            raise UseError(f"level {name}: {d_here} DLTs in {treated_here} patients")
        if treated_here not in (0, 3, 6):
            raise UseError(
                f"level {name}: {treated_here} patients; the rule is asked after whole cohorts of three, at most six a level"
            )
    for name, n_here, d_here, later in zip(names, n, d, n[1:], strict=False):
        if later and (n_here == 0 or (n_here == 3 and d_here == 1)):
            raise UseError(f"level {name} was left upwards with {d_here} DLTs in {n_here}: the rule does not do that")
    step = kernel.decide(n, d, variant=variant)
    level = "none" if step.level == kernel.NONE else names[step.level]
    return pd.DataFrame({"action": [step.action], "level": [level], "why": [step.why]})


def _names(levels: Sequence[object] | None, size: int) -> list[object]:
    names = list(range(1, size + 1)) if levels is None else list(levels)
    if len(names) != size:
        raise UseError(f"{len(names)} names for {size} dose levels")
    return names


def _known(variant: str) -> None:
    if variant not in kernel.VARIANTS:
        raise UseError(f"variant {variant!r} is not known; choose from {', '.join(kernel.VARIANTS)}")
