"""What a marker analysis can detect in a trial of this size: by formula, and by simulation beside it.

The formula (`detectable_hazard_ratio`) flatters: at 48 to 106 events the simulated power at its hazard ratio is 0.73 to 0.79,
not 0.80. Every report that prints the one should be able to print the other.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import correlative_power as kernel
from biomarkers.kernels.event_count import probability_of_event

from .sizing import detectable_hazard_ratio

CHUNK = 1000
KINDS = ("continuous", "binary", "genotype")


def marker_power(
    kind: str,
    *,
    n: int,
    share: float | None = None,
    interaction: bool = False,
    hazard_ratio: float | None = None,
    median_control: float,
    arm_hazard_ratio: float = 1.0,
    accrual: float,
    follow_up: float,
    alpha: float = 0.05,
    power: float = 0.80,
    n_trials: int = 6000,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulated Wald power and size of a marker (or of its interaction with the arm) beside the formula's.

    Parameters
    ----------
    kind : {"continuous", "binary", "genotype"}
        Standard normal; a class with `share`; the number of alleles of frequency `share`.
    n : int
        Patients, allocated 1:1 to two arms whose hazard ratio is `arm_hazard_ratio`.
    interaction : bool
        Test the marker by arm product instead of the marker.
    hazard_ratio : float, optional
        Per unit of the marker (of the product); by default the one the formula calls detectable with `power`.
    median_control, accrual, follow_up : float
        Exponential times, uniform accrual; one unit.
    alpha : float
        Two-sided.

    Returns
    -------
    DataFrame
        ``quantity, estimate, std_error``: hazard_ratio, events_expected, events, power_formula, wald_power, wald_size,
        not_fitted (share of trials whose model has no maximum; they count as not rejected).

    Examples
    --------
    >>> found = marker_power("continuous", n=64, median_control=12, arm_hazard_ratio=0.5, accrual=52, follow_up=52,
    ...                      n_trials=2000)
    >>> found.set_index("quantity")["estimate"][["power_formula", "wald_power"]].round(2).tolist()
    [0.8, 0.76]
    """
    if kind not in KINDS:
        raise UseError(f"kind {kind!r} is not known; choose from {', '.join(KINDS)}")
    if (kind == "continuous") == (share is not None):
        raise UseError("share belongs to kinds 'binary' and 'genotype', and they need it")
    n = limits.count(n, "n", least=8)
    if not 0 < alpha < 1:
        raise UseError(f"alpha = {alpha!r} is two-sided and must lie between 0 and 1, such as 0.05")
    variance = 1.0 if share is None else limits.share(share, "share") * (1 - share) * (2 if kind == "genotype" else 1)
    variance *= 0.25 if interaction else 1.0
    medians = [median_control, median_control / limits.positive(arm_hazard_ratio, "arm_hazard_ratio")]
    expected = float(n * probability_of_event(medians, accrual=accrual, at=accrual + follow_up).mean())
    ratio = hazard_ratio or detectable_hazard_ratio(expected, variance=variance, alpha=alpha, power=power)
    by_formula = float(ndtr(np.sqrt(expected * variance) * abs(np.log(ratio)) - ndtri(1 - alpha / 2)))
    found: dict[str, list[np.ndarray]] = {"power": [], "size": [], "events": [], "lost": []}
    for name, truth in (("power", np.log(ratio)), ("size", 0.0)):
        for i, start in enumerate(range(0, n_trials, CHUNK)):
            generator = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, int(name == "size"), i))))
            size = min(CHUNK, n_trials - start)
            reject, events, fitted = _chunk(
                generator, size, n, kind, share, interaction, truth, medians, accrual, follow_up, alpha)
            found[name].append(reject)
            if name == "power":
                found["events"].append(events)
                found["lost"].append(~fitted)

    def mean(quantity: str, key: str) -> tuple[str, float, float]:
        values = np.concatenate(found[key]).astype(float)
        return quantity, float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))

    rows = [("hazard_ratio", ratio, np.nan), ("events_expected", expected, np.nan), mean("events", "events"),
            ("power_formula", by_formula, np.nan), mean("wald_power", "power"), mean("wald_size", "size"),
            mean("not_fitted", "lost")]
    return pd.DataFrame(rows, columns=["quantity", "estimate", "std_error"])


def _chunk(
    generator: np.random.Generator, n_trials: int, n: int, kind: str, share: float | None, interaction: bool, truth: float,
    medians: list[float], accrual: float, follow_up: float, alpha: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (n_trials, n)
    if kind == "continuous":
        marker = generator.standard_normal(shape)
    elif kind == "binary":
        marker = (generator.random(shape) < share).astype(float)
    else:
        marker = generator.binomial(2, share, size=shape).astype(float)  # type: ignore[arg-type]
    arm = np.broadcast_to((np.arange(n) % 2).astype(float), shape)
    # Centred: the design's medians belong to a patient with the average marker, in either arm.
    marker = marker - {"continuous": 0.0, "binary": share, "genotype": 2 * (share or 0.0)}[kind]
    tested = marker * (arm - 0.5) if interaction else marker
    hazard = np.log(2) / medians[0] * np.exp(np.log(medians[0] / medians[1]) * arm + truth * tested)
    time = generator.standard_exponential(shape) / hazard
    censored = follow_up + accrual * generator.random(shape)
    event = time <= censored
    columns = [tested, arm, *([marker] if interaction else [])]
    fit = kernel.cox_batch(np.minimum(time, censored), event, np.stack(columns, axis=2))
    with np.errstate(invalid="ignore"):
        reject = fit.finite & (np.abs(fit.coef[:, 0]) > ndtri(1 - alpha / 2) * fit.std_error[:, 0])
    return reject, event.sum(axis=1), fit.finite
