"""Power by simulation at the study's own markers, events, censoring and strata: nothing is assumed but proportional hazards.

The observed times and events are kept as slots; subjects are dealt into them. In the order of time each event takes one of
the subjects still at risk with chance proportional to exp(b x), each censoring takes one at random. So every simulated
study has the events, ties and strata of the real one, and the marker's own distribution with its own adjusters.

Source: Abrahamowicz, MacKenzie and Esdaile, J Am Stat Assoc 91 (1996) 1432 (the permutational algorithm); Sylvestre and
Abrahamowicz, Stat Med 27 (2008) 2618.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from .likelihood import design
from .newton import newton
from .profile import p_value, t_df
from .resample import generator
from .riskset import Floats, Ints, RiskSets, merge_near_ties, risk_sets

_BATCH = 500
_LARGEST = 5.0  # log hazard ratios beyond this are not looked for


@dataclass(frozen=True, slots=True)
class Detectable:
    """What a study can detect, by simulation.

    Attributes
    ----------
    hazard_ratio : float
        Detected with the asked power; NaN where none up to exp(5) is.
    std_error : float
        Its Monte-Carlo error, on the log scale.
    power_at_formula : float
        Simulated power at the hazard ratio that the formula gave.
    mc_error : float
        Of that power.
    replicates : int
        Simulated studies at each of the two hazard ratios looked at.
    """

    hazard_ratio: float
    std_error: float
    power_at_formula: float
    mc_error: float
    replicates: int


@dataclass(frozen=True, slots=True)
class Slots:
    """The fixed part of the simulated studies: risk sets, and the subjects' design in the order of the slots.

    Attributes
    ----------
    rs : RiskSets
    X : (n, p) float
        The tested column first; row i belongs to some subject of the stratum of slot i.
    n_parameters : int
    """

    rs: RiskSets
    X: Floats

    @property
    def n_parameters(self) -> int:
        """Coefficients."""
        return int(self.X.shape[1])


def slots(
    exit: ArrayLike, event: ArrayLike, X: ArrayLike, *, entry: ArrayLike | None = None, stratum: ArrayLike | None = None
) -> Slots:
    """Prepare a study.

    Parameters
    ----------
    exit, event : (n,)
    X : (n, p)
        The tested column first, then the adjusters, which have no effect in the simulated studies.
    entry, stratum : (n,), optional
    """
    merged = merge_near_ties(exit, entry)
    x = np.asarray(X, dtype=np.float64)
    rs = risk_sets(merged.exit, event, entry=merged.entry, stratum=stratum, tiebreak=x)
    return Slots(rs, x[rs.order])


def deal(study: Slots, beta: float, replicates: int, rng: np.random.Generator) -> Ints:
    """Which row of `study.X` stands in each slot, (replicates, n)."""
    rs, x = study.rs, study.X[:, 0]
    n = rs.n
    out = np.empty((replicates, n), dtype=np.int64)
    for g in range(int(rs.stratum.max()) + 1):
        here = np.flatnonzero(rs.stratum == g)
        # An event at a time comes before a censoring at the same time.
        turn = here[np.lexsort((~rs.event[here].astype(bool), rs.exit[here]))]
        race = rng.exponential(size=(replicates, here.size)) * np.exp(-beta * (x[here] - x[here].mean()))
        luck = rng.random((replicates, here.size))
        for slot in turn:
            # The race is memoryless: who leaves by chance does not change the order of the others.
            score = race if rs.event[slot] else luck
            taken = np.argmin(score, axis=1)
            out[:, slot] = here[taken]
            rows = np.arange(replicates)
            race[rows, taken] = np.inf
            luck[rows, taken] = np.inf
    return out


def rejections(study: Slots, beta: float, *, replicates: int, seed: int, alpha: float = 0.05, test: str = "lr_t") -> Floats:
    """1 where the simulated study rejects at alpha, two-sided, (replicates,).

    Parameters
    ----------
    beta : float
        Log hazard ratio of the tested column.
    test : {"lr_t", "wald"}
        Likelihood ratio with the t-squared cut-off, the row's own test; or Wald.
    """
    rng = generator(seed)
    out = np.empty(replicates)
    for a in range(0, replicates, _BATCH):
        b = min(a + _BATCH, replicates)
        out[a:b] = _rejected(study, deal(study, beta, b - a, rng), alpha, test)
    return out


def _rejected(study: Slots, dealt: Ints, alpha: float, test: str) -> Floats:
    D = design(study.rs, np.ascontiguousarray(study.X[dealt].transpose(1, 2, 0)))
    start = np.zeros((dealt.shape[0], study.n_parameters))
    best = newton(study.rs, D, start, max_steps=12)
    if test == "wald":
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.linalg.pinv(best.information, hermitian=True)[:, 0, 0]
            z = np.where(variance > 0, best.beta[:, 0] / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)
        return np.asarray(np.where(best.converged, np.abs(z) > ndtri(1 - alpha / 2), False), dtype=np.float64)
    free = np.ones(start.shape, dtype=bool)
    free[:, 0] = False
    null = newton(study.rs, D, start, free=free, max_steps=12)
    ratio = np.maximum(2 * (best.loglik - null.loglik), 0.0)
    p = p_value(ratio, df=t_df(study.rs.n_events, study.n_parameters))
    return np.asarray(p <= alpha, dtype=np.float64)


def detectable(
    study: Slots, formula: float, *, power: float = 0.80, alpha: float = 0.05, replicates: int = 1000, seed: int = 0,
    test: str = "lr_t"
) -> Detectable:
    """The hazard ratio that the study detects with this power.

    Power is simulated at the formula's hazard ratio, then where that power says the answer lies; on the normal scale
    power is nearly a line in the log hazard ratio, and the answer is read off the line through both.

    Parameters
    ----------
    formula : float
        The hazard ratio of the formula, above 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> study = slots(rng.exponential(size=60), np.ones(60), rng.normal(size=(60, 1)))
    >>> found = detectable(study, 1.44, replicates=400)
    >>> 1.4 < found.hazard_ratio < 1.75
    True
    """

    def simulated(beta: float) -> float:
        return float(rejections(study, beta, replicates=replicates, seed=seed, alpha=alpha, test=test).mean())

    return read_off(simulated, formula, power=power, alpha=alpha, replicates=replicates)


def read_off(
    simulated: Callable[[float], float], formula: float, *, power: float = 0.80, alpha: float = 0.05, replicates: int = 1000
) -> Detectable:
    """The ratio that has this power, off the line through the simulated power at two ratios.

    Parameters
    ----------
    simulated : callable
        Power at a log ratio, from `replicates` simulated studies.
    formula : float
        Where to begin: the ratio of a formula, above 1.
    """
    if not (np.isfinite(formula) and formula > 1):
        return Detectable(np.nan, np.nan, np.nan, np.nan, 0)
    floor, ceiling = 0.5 / replicates, 1 - 0.5 / replicates
    first = float(np.log(formula))
    p1 = simulated(first)
    quantile, wanted = float(ndtri(1 - alpha / 2)), float(ndtri(power))
    reached = float(ndtri(min(max(p1, floor), ceiling)))
    second = first * float(np.clip((quantile + wanted) / max(quantile + reached, 0.3), 0.6, 1.8))
    if abs(second / first - 1) < 0.05:
        second = first * (1.05 if reached < wanted else 0.95)
    of_p1 = float(np.sqrt(p1 * (1 - p1) / replicates))
    if second > _LARGEST:
        return Detectable(np.nan, np.nan, p1, of_p1, replicates)
    p2 = simulated(second)
    z1, z2 = (float(ndtri(min(max(p, floor), ceiling))) for p in (p1, p2))
    # The line through the origin of the effect: z + quantile = slope b, fitted to both points.
    slope = ((z1 + quantile) * first + (z2 + quantile) * second) / (first**2 + second**2)
    if slope * _LARGEST < quantile + wanted:
        return Detectable(np.nan, np.nan, p1, of_p1, replicates)
    at = float(ndtr(wanted))
    density = float(np.exp(-wanted**2 / 2) / np.sqrt(2 * np.pi))
    error = np.sqrt(at * (1 - at) / (2 * replicates)) / density / slope
    return Detectable(float(np.exp((quantile + wanted) / slope)), float(error), p1, of_p1, replicates)
