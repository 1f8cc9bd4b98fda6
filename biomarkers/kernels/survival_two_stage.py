r"""A two-stage trial whose endpoint is survival at a fixed time, estimated by Kaplan and Meier: simulated whole.

Patients enter uniformly at a rate; at the look the curve is estimated from all who have entered, with what follow-up they have,
and compared with the null share: z = (theta_0 - theta_hat)/se on the log-log scale, theta = log(-log S), positive = better.
The trial stops when z < b_1; otherwise accrual goes to n and the final z, after everybody was followed for the time, rejects
above b_2.

Trials are vectorised as in `trial_simulation`: one sort of integers per look.

Sources: Case and Morgan, BMC Med Res Methodol 3 (2003) 6; Huang, Talukder and Thomas, Stat Biopharm Res 2 (2010) 525. Their
designs choose n, look and bounds; here these are inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def curves_at(followed: Floats, event: NDArray[np.bool_], present: NDArray[np.bool_], tau: float) -> tuple[Floats, Floats]:
    """Kaplan-Meier estimate and Greenwood error of S(tau) in every trial, (T,), (T,).

    Parameters
    ----------
    followed, event, present : (T, n)
        Continuous times; patients not present are nowhere at risk.

    Examples
    --------
    >>> times, seen = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[True, True, False, False]])
    >>> S, error = curves_at(times, seen, np.ones((1, 4), bool), 3.5)
    >>> S.round(3).tolist(), error.round(3).tolist()
    ([0.5], [0.25])
    """
    key = np.ascontiguousarray(followed).view(np.int64) & ~np.int64(1)
    key = key | event
    key = np.where(present, key, np.iinfo(np.int64).max)
    key.sort(axis=1)
    inside = key != np.iinfo(np.int64).max
    times = (key & ~np.int64(1)).view(np.float64)
    died = ((key & 1) == 1) & inside & (times <= tau)
    at_risk = inside.sum(axis=1, keepdims=True) - np.arange(key.shape[1])
    left = np.where(died, at_risk - 1.0, 1.0)
    with np.errstate(divide="ignore"):
        log_step = np.where(died, np.log(left) - np.log(np.where(died, at_risk, 1)), 0.0)
        greenwood = np.where(died, 1.0 / (np.where(died, at_risk, 1) * left), 0.0)
    survival = np.exp(log_step.sum(axis=1))
    with np.errstate(invalid="ignore"):
        error = survival * np.sqrt(greenwood.sum(axis=1))
    return survival, np.where(survival > 0, error, 0.0)


def log_log_z(survival: Floats, error: Floats, null: float) -> Floats:
    """z against the null share; infinite where nobody, or everybody, has failed."""
    inside = (survival > 0) & (survival < 1)
    s = np.where(inside, survival, 0.5)
    log = np.log(s)
    theta = np.log(-log)
    z = (np.log(-np.log(null)) - theta) / (np.where(inside, error, 1.0) / (s * np.abs(log)))
    return np.where(inside, z, np.where(survival >= 1, np.inf, -np.inf))


@dataclass(frozen=True, slots=True)
class Run:
    """One batch of simulated trials, all (T,).

    Attributes
    ----------
    stop, reject : bool
    n : float
        Patients entered by the end.
    duration : float
        Calendar time of the final decision.
    """

    stop: NDArray[np.bool_]
    reject: NDArray[np.bool_]
    n: Floats
    duration: Floats


def simulate(
    generator: np.random.Generator, n_trials: int, *, n: int, rate: float, tau: float, share: float, null: float, look: float,
    bounds: tuple[float, float],
) -> Run:
    """Simulate.

    Parameters
    ----------
    n : int
        Patients when the trial goes on.
    rate : float
        Patients per unit of time.
    tau, share, null : float
        Time of the endpoint; the true and the null share without event by then (exponential times).
    look : float
        Calendar time of the look.
    bounds : (float, float)
        Stop below the first; reject above the second.
    """
    accrual = n / rate
    entry = np.sort(generator.random((n_trials, n)) * accrual, axis=1)
    time = generator.standard_exponential((n_trials, n)) * (tau / -np.log(share))

    def z_at(calendar: Floats | float) -> Floats:
        seen = entry + time <= calendar
        followed = np.where(seen, time, np.maximum(calendar - entry, 0.0))
        survival, error = curves_at(followed, seen, entry < calendar, tau)
        return log_log_z(survival, error, null)

    stop = z_at(look) < bounds[0]
    end = entry[:, -1] + tau
    reject = ~stop & (z_at(end[:, None]) > bounds[1])
    entered = np.where(stop, (entry < look).sum(axis=1), n)
    return Run(stop, reject, entered.astype(np.float64), np.where(stop, look, end))
