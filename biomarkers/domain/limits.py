"""What the numbers of a design may be: each refusal says which number, why, and what to give instead."""

from __future__ import annotations

import math
from numbers import Real

from biomarkers.domain.errors import UseError


def _number(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UseError(f"{name} = {value!r} is not a number")


def one_sided(alpha: float) -> float:
    """A one-sided level."""
    _number(alpha, "alpha")
    if not 0 < alpha < 0.5:
        raise UseError(f"alpha = {alpha!r} is one-sided and must lie between 0 and 0.5, such as 0.10")
    return float(alpha)


def wanted_power(power: float, alpha: float) -> float:
    """A power above the level."""
    _number(power, "power")
    if not alpha < power < 1:
        raise UseError(f"power = {power!r} must lie between alpha = {alpha:g} and 1, such as 0.90")
    return float(power)


def confidence(level: float) -> float:
    """A confidence level."""
    _number(level, "level")
    if not 0 < level < 1:
        raise UseError(f"level = {level!r} must lie between 0 and 1, such as 0.95")
    return float(level)


def share(value: float, name: str) -> float:
    """A probability strictly between 0 and 1."""
    _number(value, name)
    if not 0 < value < 1:
        raise UseError(f"{name} = {value!r} is a share and must lie between 0 and 1")
    return float(value)


def positive(value: float, name: str, unit: str = "") -> float:
    """A finite number above 0."""
    _number(value, name)
    if not (value > 0 and math.isfinite(value)):
        raise UseError(f"{name} = {value!r} must be a positive number{f' of {unit}' if unit else ''}")
    return float(value)


def count(value: float, name: str, *, least: int = 0) -> int:
    """A whole number."""
    _number(value, name)
    if not float(value).is_integer() or value < least:
        raise UseError(f"{name} = {value!r} must be a whole number of at least {least}")
    return int(value)


def hazard_ratio_below_one(value: float) -> float:
    """A hazard ratio (experimental / control) that a superiority trial can show."""
    _number(value, "hazard_ratio")
    if not 0 < value < 1:
        raise UseError(
            f"hazard_ratio = {value!r} is experimental / control and must lie between 0 and 1 where a benefit is to be shown; "
            f"{'give its inverse if it was control / experimental' if value > 1 else 'a trial cannot show a ratio of 1'}"
        )
    return float(value)


def successes(x: float, n: float, what: str = "responders", of: str = "evaluable patients") -> tuple[int, int]:
    """x of n."""
    n = count(n, of, least=1)
    x = count(x, what)
    if x > n:
        raise UseError(f"{x} {what} of {n} {of}: there cannot be more; check which count is the denominator")
    return x, n
