"""The 3+3 rule, decided cohort by cohort, and its exact operating characteristics.

Three patients are treated at a level. None with a dose-limiting toxicity (DLT): next level. One: three more at the
level, and on to the next level when none of them has one. Two or more at a level: the maximum tolerated dose (MTD) is
the level below. The variant "expand6" asks in addition that six patients were treated at the MTD with at most one DLT:
a level with three is expanded before it is declared, and left downwards when that brings two.

`decide` is the only text of the rule. The operating characteristics sum the probabilities of every path through it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Variant = Literal["standard", "expand6"]
VARIANTS: tuple[str, ...] = get_args(Variant)
NONE = -1
"""Level of an MTD below the lowest dose."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule says next.

    Attributes
    ----------
    action : {"treat", "stop"}
    level : int
        To treat three more at (from 0), or the MTD; `NONE` = every level is too toxic.
    why : str
    """

    action: Literal["treat", "stop"]
    level: int
    why: str


def decide(treated: Sequence[int], dlts: Sequence[int], *, variant: Variant = "standard") -> Decision:
    """The next step after what has been seen.

    Parameters
    ----------
    treated, dlts : (L,) int
        Patients treated and patients with a DLT, by dose level.

    Examples
    --------
    >>> decide([3, 3, 0], [0, 1, 0])
    Decision(action='treat', level=1, why='1 DLT in 3: three more at this level')
    """
    top = len(treated) - 1
    highest = max((i for i, n in enumerate(treated) if n), default=None)
    if highest is None:
        return Decision("treat", 0, "start at the lowest level")
    too_toxic = [i for i, d in enumerate(dlts) if d >= 2]
    if too_toxic:
        return _declare(min(too_toxic) - 1, treated, f"{dlts[min(too_toxic)]} DLTs in {treated[min(too_toxic)]}", variant)
    n, d = treated[highest], dlts[highest]
    if n == 3 and d == 1:
        return Decision("treat", highest, "1 DLT in 3: three more at this level")
    if highest < top:
        return Decision("treat", highest + 1, f"{d} DLT{'' if d == 1 else 's'} in {n}: next level")
    return _declare(top, treated, f"{d} DLT{'' if d == 1 else 's'} in {n} at the highest level", variant)


def _declare(level: int, treated: Sequence[int], why: str, variant: Variant) -> Decision:
    if level == NONE:
        return Decision("stop", NONE, f"{why} at the lowest level: no level is tolerated")
    if variant == "expand6" and treated[level] < 6:
        return Decision("treat", level, f"{why}: the level to be declared needs six patients")
    return Decision("stop", level, why)


@dataclass(frozen=True, slots=True)
class Characteristics:
    """Exact distribution of a 3+3 trial.

    Attributes
    ----------
    p_mtd : (L,) float
        Chance that each level is declared.
    p_none : float
    expected_n, expected_dlt : (L,) float
        By level.
    n_distribution : dict of int to float
        Chance of each total number of patients.
    n_paths : int
    """

    p_mtd: Floats
    p_none: float
    expected_n: Floats
    expected_dlt: Floats
    n_distribution: dict[int, float]
    n_paths: int


def characteristics(p_dlt: Sequence[float], *, variant: Variant = "standard") -> Characteristics:
    """Enumerate every path.

    Examples
    --------
    >>> found = characteristics([0.05, 0.15, 0.30])
    >>> found.p_mtd.round(6).tolist(), round(found.p_none, 6)
    ([0.181262, 0.400635, 0.391545], 0.026558)
    """
    L = len(p_dlt)
    p_mtd, expected_n, expected_dlt = np.zeros(L), np.zeros(L), np.zeros(L)
    n_distribution: dict[int, float] = defaultdict(float)
    p_none, n_paths = 0.0, 0
    waiting: list[tuple[tuple[int, ...], tuple[int, ...], float]] = [((0,) * L, (0,) * L, 1.0)]
    while waiting:
        treated, dlts, chance = waiting.pop()
        step = decide(treated, dlts, variant=variant)
        if step.action == "stop":
            n_paths += 1
            n_distribution[sum(treated)] += chance
            expected_n += chance * np.asarray(treated)
            expected_dlt += chance * np.asarray(dlts)
            if step.level == NONE:
                p_none += chance
            else:
                p_mtd[step.level] += chance
            continue
        k, p = step.level, p_dlt[step.level]
        more = (*treated[:k], treated[k] + 3, *treated[k + 1 :])
        for d in range(4):
            weight = comb(3, d) * p**d * (1 - p) ** (3 - d)
            if weight > 0:
                waiting.append((more, (*dlts[:k], dlts[k] + d, *dlts[k + 1 :]), chance * weight))
    return Characteristics(p_mtd, p_none, expected_n, expected_dlt, dict(sorted(n_distribution.items())), n_paths)
