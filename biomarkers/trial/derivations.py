"""What can give a stated design number: a visible registry of derivations, each a sentence and a value.

A derivation takes the part of the design that a statement is about and the stated number (None where there is none), and
says what it computes. `matches` compares after the rounding that such a number is given in: patients up to an even number,
events up, power to two decimals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import ndtri

from biomarkers.domain.errors import UseError
from biomarkers.kernels import event_count, sequential
from biomarkers.kernels import simon as two_stage
from biomarkers.kernels import three_plus_three as escalation
from biomarkers.kernels.one_sample import one_sample_logrank_n

from . import sizing


@dataclass(frozen=True)
class Outcome:
    """What a derivation gives.

    Attributes
    ----------
    text : str
        A sentence with the number in it.
    value : float or None
        After rounding as such numbers are.
    matches : bool
        Whether that is the stated number.
    contradiction : bool
        Whether the stated number cannot stand beside the others.
    hint : bool
        Of another design than the stated one: shown, never counted.
    """

    text: str
    value: float | None = None
    matches: bool = False
    contradiction: bool = False
    hint: bool = False


def _compared(text: str, value: float, stated: float | None) -> Outcome:
    return Outcome(text, value, stated is not None and abs(value - stated) < 1e-9)


def _end(about: Any) -> float:
    return float(about.accrual + about.follow_up)


def sample_size(about: Any, stated: float | None, *, method: str) -> Outcome:
    """Patients by one formula, rounded up to an even number."""
    table = sizing.sample_size(about.median_control, median_experimental=about.median_experimental, alpha=about.alpha,
                               power=about.power, accrual=about.accrual, follow_up=about.follow_up).set_index("method")
    if method not in table.index:
        raise UseError(f"sample_size by {method!r}: choose from {', '.join(table.index)}")
    n = float(table.loc[method, "n"])
    return _compared(f"{method.title()} {n:.2f} → {sizing.even(n)}", sizing.even(n), stated)


def power_at_events(about: Any, stated: float | None, *, method: str, events: float) -> Outcome:
    """Power after the stated events, to two decimals."""
    if method == "rubinstein":
        n = about.n / 2
        p = event_count.probability_of_event([about.median_control, about.median_experimental], accrual=about.accrual,
                                             at=_end(about))
        power = event_count.rubinstein_power(n * p, about.hazard_ratio, alpha=about.alpha)
        return _compared(f"Rubinstein {power:.4f} at the end", round(power, 2), stated)
    power = sizing.power(about.hazard_ratio, events=events, alpha=about.alpha, method=method)  # type: ignore[arg-type]
    return _compared(f"{method.title()} {power:.4f} at {events:g} events", round(power, 2), stated)


def events(about: Any, stated: float | None, *, method: str) -> Outcome:
    """Events by one formula, rounded up."""
    d = sizing.events_required(about.hazard_ratio, alpha=about.alpha, power=about.power, method=method)  # type: ignore[arg-type]
    return _compared(f"{method.title()} {d:.2f} → {math.ceil(d - 1e-9)}", math.ceil(d - 1e-9), stated)


def smallest_events(about: Any, stated: float | None, *, method: str, digits: int = 2) -> Outcome:
    """Fewest events whose power, rounded, is the stated one."""
    d = 2

    def power(events: int) -> float:
        return float(event_count.power_at_events(events, about.hazard_ratio, alpha=about.alpha, method=method))  # type: ignore[arg-type]

    while round(power(d), digits) < about.power:
        d += 1
    found = power(d)
    return _compared(f"{d} is the smallest whose {method.title()} power ({found:.4f}) rounds to {about.power:g}", d, stated)


def events_with_futility(about: Any, stated: float | None, *, gamma: float, information: float) -> Outcome:
    """Schoenfeld's events, inflated for a non-binding beta-spending futility look (Hwang-Shih-DeCani)."""
    spent = sequential.beta_spending(alpha=about.alpha, beta=1 - about.power, information=information, gamma=gamma)
    d = sizing.events_required(about.hazard_ratio, alpha=about.alpha, power=about.power) * spent.inflation
    return _compared(f"Schoenfeld with a futility look at {information:.2f} of the information, HSD {gamma:g}: {d:.2f} → "
                     f"{math.ceil(d - 1e-9)}", math.ceil(d - 1e-9), stated)


def look_leaves_events(about: Any, stated: float | None, *, least: float = 0.10) -> Outcome:
    """Whether an interim look after the stated events leaves a share of those expected by the end."""
    medians = [about.median_control, about.median_experimental]
    p = event_count.probability_of_event(medians, accrual=about.accrual, at=_end(about))
    expected = float(about.n / 2 * p.sum())
    seen = float(stated if stated is not None else np.nan) / expected
    text = (f"{expected:.2f} events are expected by the very end under the alternative: "
            f"{stated:g} are {100 * seen:.0f} % of them")
    wrong = 1 - seen < least
    return Outcome(f"{text}, so a look there is the final analysis" if wrong else text, None, not wrong, wrong)


def accrual(about: Any, stated: float | None, *, rate: Sequence[float], months: float) -> Outcome:
    """Whether the stated rate brings the stated patients in the stated time."""
    low, high = (r * months for r in rate)
    n = float(stated if stated is not None else about.n)
    text = f"{rate[0]:g} to {rate[1]:g} a month for {months:g} months bring {low:g} to {high:g}"
    if high < n:
        return Outcome(f"{text}, below {n:g}, which takes {n / rate[1]:.1f} to {n / rate[0]:.1f} months", None, False, True)
    return Outcome(f"{text}, enough for {n:g}", None, True)


def total(_about: Any, stated: float | None, *, parts: Sequence[float], of: str = "") -> Outcome:
    """A sum of parts."""
    text = " + ".join(f"{p:g}" for p in parts)
    return _compared(f"{text} = {sum(parts):g}{f' ({of})' if of else ''}", float(sum(parts)), stated)


def rule_variant(about: Any, _stated: float | None, *, variant: str) -> Outcome:
    """What a 3+3 variant does under the first scenario."""
    found = escalation.characteristics(about.scenarios[0], variant=variant)  # type: ignore[arg-type]
    n = float(found.expected_n.sum())
    chances = ", ".join(f"{p:.3f}" for p in found.p_mtd)
    return Outcome(f"{variant}: P(MTD) {chances}, none {found.p_none:.3f}, expected n {n:.2f}", round(n, 6), False)


@lru_cache(maxsize=64)
def _searched(p0: float, p1: float, alpha: float, beta: float) -> two_stage.Search:
    """One search serves every statement about the same design."""
    return two_stage.search(p0, p1, alpha=alpha, beta=beta, n_max=100)


def simon(about: Any, stated: float | None, *, kind: str, beta: float | None = None, p1: float | None = None) -> Outcome:
    """n of a Simon design; `beta` and `p1` depart from the stated ones, and then a match is only a hint."""
    departs = beta is not None or p1 is not None
    error, share = 1 - about.power if beta is None else beta, about.alternative if p1 is None else p1
    found = _searched(about.null, share, about.alpha, round(error, 12))
    corners, _ = two_stage.hull(found.designs[:, 3], found.expected_n)
    chosen = {"minimax": corners[:1], "optimal": corners[-1:], "admissible": corners[1:-1]}
    if kind not in chosen:
        raise UseError(f"simon kind {kind!r}: choose from {', '.join(chosen)}")
    designs = found.designs[chosen[kind]]
    text = ", ".join(f"{r1}/{n1} then {r}/{n}" for r1, n1, r, n in designs.tolist())
    words = f"Simon {kind}"
    if departs:
        words += (f" with power {1 - error:g}" if beta is not None else "") + (f" against {share:g}" if p1 is not None else "")
    n = float(designs[0, 3]) if len(designs) else float("nan")
    hit = stated is not None and bool((designs[:, 3] == stated).any())
    if departs:
        return Outcome(f"{words}: {text}", n, hint=True)
    return Outcome(f"{words} {text}", float(stated) if hit and stated is not None else n, hit)


def single_stage(about: Any, stated: float | None) -> Outcome:
    """n of the smallest one-stage binomial test."""
    found = two_stage.single_stage(about.null, about.alternative, alpha=about.alpha, beta=1 - about.power, n_max=500)
    if found is None:
        raise UseError("no single-stage test with n <= 500")
    return _compared(f"one stage, exact: more than {found[1]} of {found[0]}", found[0], stated)


def normal_approximation(about: Any, stated: float | None) -> Outcome:
    """n of a one-sample proportion by the normal approximation."""
    p0, p1 = about.null, about.alternative
    root = ndtri(1 - about.alpha) * math.sqrt(p0 * (1 - p0)) + ndtri(about.power) * math.sqrt(p1 * (1 - p1))
    n = float((root / (p1 - p0)) ** 2)
    return _compared(f"normal approximation {n:.2f} → {math.ceil(n)}", math.ceil(n), stated)


def one_sample_logrank(about: Any, stated: float | None, *, accrual: float, follow_up: float) -> Outcome:
    """n of a one-sample log-rank test; times in units of the day at which the shares are compared."""
    n = one_sample_logrank_n(about.null, about.alternative, alpha=about.alpha, power=about.power, accrual=accrual,
                             follow_up=follow_up)
    return _compared(f"one-sample log-rank, accrual {accrual:g} y and follow-up {follow_up:g} y: {n:.2f} → {math.ceil(n)}",
                     math.ceil(n), stated)


def designs_of_this_size(about: Any, stated: float | None) -> Outcome:
    """How many two-stage designs of the stated n hold both error rates."""
    n = int(stated if stated is not None else about.n)
    count = two_stage.count_designs(about.null, about.alternative, alpha=about.alpha, beta=1 - about.power, n=n)
    return Outcome(f"{count:,} two-stage designs (r1, n1, r) with n = {n} hold both error rates: n alone names none", hint=True)


def two_stage_design(about: Any, _stated: float | None, *, r1: int, n1: int, r: int, n: int) -> Outcome:
    """The exact error rates of one named design; a hint, never a match."""
    design = two_stage.TwoStage(r1, n1, r, n)
    return Outcome(f"{r1}/{n1} then {r}/{n} has alpha {design.p_reject(about.null):.4f} and power "
                   f"{design.p_reject(about.alternative):.4f}", float(n), hint=True)


DERIVATIONS: dict[str, Callable[..., Outcome]] = {
    "sample_size": sample_size,
    "power_at_events": power_at_events,
    "events": events,
    "smallest_events": smallest_events,
    "events_with_futility": events_with_futility,
    "look_leaves_events": look_leaves_events,
    "accrual": accrual,
    "total": total,
    "rule_variant": rule_variant,
    "simon": simon,
    "single_stage": single_stage,
    "normal_approximation": normal_approximation,
    "one_sample_logrank": one_sample_logrank,
    "designs_of_this_size": designs_of_this_size,
    "two_stage_design": two_stage_design,
}
"""Derivations by the name a design file calls them; being in the dict is all it takes."""
