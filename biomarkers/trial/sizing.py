"""Events, patients, power and time of a two-arm trial with a log-rank test, by formula.

The formulas and their sources stand in `kernels.event_count`. They disagree by ten per cent at a hazard ratio of 0.5, so
that a design must say which one it used: Schoenfeld is the limit for ratios near 1, Freedman is nearer to simulation here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import event_count as kernel
from biomarkers.kernels import power as correlative

Method = Literal["schoenfeld", "freedman"]
Arms = Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]]


def events_required(
    hazard_ratio: float, *, alpha: float, power: float, allocation: float = 0.5, method: Method = "schoenfeld"
) -> float:
    """Events that a one-sided log-rank test needs, unrounded.

    Parameters
    ----------
    hazard_ratio : float
        Experimental / control, below 1.
    alpha : float
        One-sided, in (0, 0.5).
    power : float
    allocation : float
        Share of the patients on the experimental arm.
    method : {"schoenfeld", "freedman"}

    Examples
    --------
    >>> round(events_required(0.5, alpha=0.10, power=0.90), 4)
    54.6942
    >>> round(events_required(0.5, alpha=0.10, power=0.90, method="freedman"), 4)
    59.1255
    """
    limits.hazard_ratio_below_one(hazard_ratio)
    alpha = limits.one_sided(alpha)
    _known(method)
    return kernel.events_required(
        hazard_ratio, alpha=alpha, power=limits.wanted_power(power, alpha),
        allocation=limits.share(allocation, "allocation"), method=method,
    )


def power(
    hazard_ratio: float,
    *,
    events: float | tuple[float, float],
    alpha: float,
    allocation: float = 0.5,
    method: Literal["schoenfeld", "freedman", "rubinstein"] = "schoenfeld",
) -> float:
    """Power of a one-sided log-rank test after a number of events.

    Parameters
    ----------
    hazard_ratio : float
        Experimental / control, below 1.
    events : float or (float, float)
        In both arms together; for "rubinstein" those expected in the control and the experimental arm.
    alpha : float
        One-sided.

    Examples
    --------
    >>> round(power(0.5, events=58, alpha=0.10, method="freedman"), 5)
    0.89563
    """
    limits.hazard_ratio_below_one(hazard_ratio)
    alpha = limits.one_sided(alpha)
    if method == "rubinstein":
        if not isinstance(events, tuple) or len(events) != 2:
            raise UseError("method 'rubinstein' needs the events of each arm: events=(control, experimental)")
        pair = [limits.positive(d, "events") for d in events]
        return kernel.rubinstein_power(pair, hazard_ratio, alpha=alpha)
    _known(method)
    if isinstance(events, tuple):
        raise UseError(f"method {method!r} needs the events of both arms together, one number")
    return kernel.power_at_events(
        limits.positive(events, "events"), hazard_ratio, alpha=alpha, allocation=limits.share(allocation, "allocation"),
        method=method,
    )


def expected_events(arms: Arms, *, accrual: float, follow_up: float, at: float | None = None) -> pd.DataFrame:
    """Events expected by a calendar time, under uniform accrual and exponential times.

    Parameters
    ----------
    arms : mapping of str to (n, median), or sequence of (n, median)
        Patients and median time of each arm, in the unit of `accrual`.
    accrual, follow_up : float
        Length of the accrual, and of the follow-up after the last patient.
    at : float, optional
        Calendar time; by default the end, accrual + follow_up.

    Returns
    -------
    DataFrame
        One row per arm and one for "all": ``arm, n, median, at, p_event, events``.

    Examples
    --------
    >>> expected_events({"T-DM1": (32, 12), "T-DM1 + abemaciclib": (32, 24)}, accrual=52, follow_up=52).round(4)
                       arm   n  median     at  p_event   events
    0                T-DM1  32    12.0  104.0   0.9843  31.4977
    1  T-DM1 + abemaciclib  32    24.0  104.0   0.8847  28.3113
    2                  all  64     NaN  104.0   0.9345  59.8090
    """
    named = _arms(arms)
    end = _end(accrual, follow_up) if at is None else limits.positive(at, "at")
    n = np.array([size for size, _ in named.values()])
    medians = np.array([median for _, median in named.values()])
    p = kernel.probability_of_event(medians, accrual=accrual, at=end)
    total = float(n @ p)
    return pd.DataFrame(
        {
            "arm": [*named, "all"],
            "n": [*n.tolist(), int(n.sum())],
            "median": [*medians, np.nan],
            "at": end,
            "p_event": [*p, total / n.sum()],
            "events": [*(n * p), total],
        }
    )


def time_to_events(events: float, arms: Arms, *, accrual: float) -> float:
    """Calendar time at which `events` are expected over all arms.

    Raises
    ------
    UseError
        More events than patients.

    Examples
    --------
    >>> round(time_to_events(58, [(32, 12), (32, 24)], accrual=52), 2)
    93.08
    """
    named = _arms(arms)
    n, medians = zip(*named.values(), strict=True)
    limits.positive(events, "events")
    if events >= sum(n):
        raise UseError(
            f"{events:g} events from {sum(n)} patients: all patients are never expected to have the event"
        )
    return kernel.time_to_events(events, n, medians, accrual=accrual)


def sample_size(
    median_control: float,
    *,
    hazard_ratio: float | None = None,
    median_experimental: float | None = None,
    alpha: float,
    power: float,
    accrual: float,
    follow_up: float,
    allocation: float = 0.5,
) -> pd.DataFrame:
    """Patients in both arms, by each of the usual formulas.

    Parameters
    ----------
    median_control : float
    hazard_ratio, median_experimental : float
        One of them; both only if they agree.
    alpha : float
        One-sided.
    accrual, follow_up : float

    Returns
    -------
    DataFrame
        One row per method: ``method, events, p_event, n, n_even``; `n` unrounded, `n_even` the next even number (two arms).

    Examples
    --------
    >>> found = sample_size(12, median_experimental=24, alpha=0.10, power=0.90, accrual=52, follow_up=52)
    >>> found[["method", "events", "n", "n_even"]].round(3)
                    method  events       n  n_even
    0           schoenfeld  54.694  58.527      60
    1             freedman  59.125  63.269      64
    2       lachin-foulkes     NaN  57.883      58
    3  lachin-foulkes 1986     NaN  64.932      66
    """
    alpha = limits.one_sided(alpha)
    power = limits.wanted_power(power, alpha)
    ratio = agreed_hazard_ratio(median_control, hazard_ratio, median_experimental)
    end = _end(accrual, follow_up)
    p = limits.share(allocation, "allocation")
    seen = kernel.probability_of_event([median_control, median_control / ratio], accrual=accrual, at=end)
    average = float((1 - p) * seen[0] + p * seen[1])
    rows: list[tuple[str, float, float, float]] = []
    for method in kernel.METHODS:
        d = kernel.events_required(ratio, alpha=alpha, power=power, allocation=p, method=method)  # type: ignore[arg-type]
        rows.append((method, d, average, d / average))
    for name, scale in (("lachin-foulkes", "ratio"), ("lachin-foulkes 1986", "difference")):
        n = kernel.lachin_foulkes_n(
            median_control, ratio, alpha=alpha, power=power, accrual=accrual, at=end, allocation=p, scale=scale,  # type: ignore[arg-type]
        )
        rows.append((name, np.nan, average, n))
    table = pd.DataFrame(rows, columns=["method", "events", "p_event", "n"])
    return table.assign(n_even=[even(n) for n in table["n"]])


def detectable_hazard_ratio(
    events: float, *, variance: float = 1.0, alpha: float = 0.05, power: float = 0.80, r_squared: float = 0.0
) -> float:
    """The hazard ratio above 1 that a marker analysis detects with this many events, two-sided.

    Parameters
    ----------
    events : float
    variance : float
        Of the covariate: 1 per SD, p (1 - p) of a class, 2 q (1 - q) of an additive genotype, a quarter of those for the
        interaction with a 1:1 arm.
    r_squared : float
        Squared multiple correlation with the adjusters.

    Examples
    --------
    >>> round(detectable_hazard_ratio(58), 3), round(detectable_hazard_ratio(58, variance=0.21), 3)
    (1.445, 2.232)
    """
    limits.positive(events, "events")
    limits.positive(variance, "variance")
    if not 0 <= r_squared < 1:
        raise UseError(f"r_squared = {r_squared!r} must lie in [0, 1)")
    return correlative.detectable_hazard_ratio(events, variance * (1 - r_squared), alpha=alpha, power=power)


def even(n: float) -> int:
    """The next even number: two arms of equal size."""
    return int(2 * np.ceil((n - 1e-9) / 2))


def agreed_hazard_ratio(median_control: float, hazard_ratio: float | None, median_experimental: float | None) -> float:
    """The hazard ratio, from itself or from the medians under exponential times; both only if they agree."""
    limits.positive(median_control, "median_control")
    if hazard_ratio is None and median_experimental is None:
        raise UseError("give hazard_ratio or median_experimental")
    implied = None
    if median_experimental is not None:
        implied = median_control / limits.positive(median_experimental, "median_experimental")
    if hazard_ratio is not None and implied is not None and abs(hazard_ratio - implied) > 1e-9:
        raise UseError(
            f"hazard_ratio = {hazard_ratio:g} contradicts the medians {median_control:g} and {median_experimental:g}, whose "
            f"ratio under exponential times is {implied:g}; give one of them"
        )
    return limits.hazard_ratio_below_one(implied if hazard_ratio is None else hazard_ratio)  # type: ignore[arg-type]


def _end(accrual: float, follow_up: float) -> float:
    limits.positive(accrual, "accrual")
    if follow_up < 0:
        raise UseError(f"follow_up = {follow_up!r} is negative: it counts from the end of accrual")
    return float(accrual + follow_up)


def _arms(arms: Arms) -> dict[str, tuple[int, float]]:
    pairs = dict(arms) if isinstance(arms, Mapping) else {f"arm {i + 1}": pair for i, pair in enumerate(arms)}
    if not pairs:
        raise UseError("arms is empty: give (n, median) of each arm")
    return {
        name: (limits.count(n, f"n of {name}", least=1), limits.positive(median, f"median of {name}"))
        for name, (n, median) in pairs.items()
    }


def _known(method: str) -> None:
    if method not in kernel.METHODS:
        raise UseError(f"method {method!r} is not known; choose from {', '.join(kernel.METHODS)}")
