"""When a hazard ratio is not given: the gates that stand before every Cox row.

* fewer than five events in a marker group: the row is descriptive, without a P value;
* more parameters than events / 10: refused unless overridden in writing, and the override is stamped;
* a rare group, a skewed covariate, or few events per parameter: the permutation P is the confirmatory one, by the rule of
  `kernels.calibrated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from biomarkers.kernels.calibrated import DESCRIPTIVE_EVENTS, EVENTS_PER_PARAMETER, confirmatory
from biomarkers.models.exposure import Exposure

MIN_EVENTS_PER_GROUP = DESCRIPTIVE_EVENTS
OVERRIDES = ("events_per_parameter", "events_per_group", "immortal_time", "chosen_cohorts")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gates say: why a row is descriptive ("" if not), why the permutation P leads ("" if not), and notes."""

    descriptive: str = ""
    permute: str = ""
    notes: tuple[str, ...] = ()


def gate(event: np.ndarray, exposure: Exposure, *, n_parameters: int, override: Sequence[str] = ()) -> Verdict:
    """Judge whether a Cox row may be given.

    Parameters
    ----------
    event : (n,) int
        0 or 1.
    exposure : Exposure
        Aligned with `event`.
    n_parameters : int
        Coefficients of the model, the marker's included.
    override : sequence of str
        Keys of `OVERRIDES`, declared in writing.
    """
    n, events = len(event), int(event.sum())
    if events == 0:
        return Verdict(descriptive=f"0 events among {n}")
    if len(np.unique(exposure.x)) < 2:
        return Verdict(descriptive=f"the marker is constant ({_shown(exposure)}) in {_of(n, 'subject')}")
    notes = []
    short = _short_group(event, exposure)
    if short and "events_per_group" not in override:
        return Verdict(descriptive=short)
    if short:
        notes.append(f"flag: override events_per_group ({short})")
    if n_parameters * EVENTS_PER_PARAMETER > events:
        words = f"{events_word(events)} for {_of(n_parameters, 'parameter')}"
        if "events_per_parameter" not in override:
            return Verdict(descriptive=words, notes=tuple(notes))
        notes.append(f"flag: override events_per_parameter ({words})")
    return Verdict(permute=_permute(event, exposure, n_parameters), notes=(*notes, *_thin_levels(event, exposure)))


def events_word(n: int) -> str:
    """"1 event", "3 events"."""
    return _of(n, "event")


def among(n: int, group: str) -> str:
    """ "15 never positive", "1 with < 0.5": so many of a class, where a class that is a comparison needs a word before it."""
    return f"{n} with {group}" if group[:1] in "<>≤≥" else f"{n} {group}"


def _of(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def _shown(exposure: Exposure) -> str:
    return str(exposure.groups[0]) if exposure.groups is not None else f"{exposure.x[0]:g}"


def _short_group(event: np.ndarray, exposure: Exposure) -> str:
    """A class with fewer than five events; an ordered genotype needs two levels with five."""
    if exposure.groups is None:
        return ""
    counts = {name: int(event[exposure.groups == name].sum()) for name in exposure.order}
    thin = [name for name, k in counts.items() if k < MIN_EVENTS_PER_GROUP]
    if exposure.binary and thin:
        size = int((exposure.groups == thin[0]).sum())
        return f"{events_word(counts[thin[0]])} in {among(size, thin[0])}"
    if not exposure.binary and len(counts) - len(thin) < 2:
        fewest_first = sorted(exposure.order, key=lambda name: counts[name])
        return "; ".join(f"{events_word(counts[name])} in {name}" for name in fewest_first)
    return ""


def _thin_levels(event: np.ndarray, exposure: Exposure) -> list[str]:
    """Levels of an ordered genotype that could not stand alone, in counts."""
    if exposure.groups is None or exposure.binary:
        return []
    thin = []
    for name in exposure.order:
        inside = exposure.groups == name
        if event[inside].sum() < MIN_EVENTS_PER_GROUP:
            thin.append(f"{name}: {_of(int(inside.sum()), 'subject')}, {events_word(int(event[inside].sum()))}, descriptive")
    return thin


def _permute(event: np.ndarray, exposure: Exposure, n_parameters: int) -> str:
    """Why the permutation P leads, or "": the calibrated rule of the inference core."""
    choice = confirmatory(exposure.x, event, n_parameters=n_parameters)
    return "" if choice.p_value == "likelihood ratio" else f"{choice.reason}: permutation P leads"


def liberal(x: np.ndarray, event: np.ndarray) -> list[str]:
    """What a likelihood ratio says about a product of a marker whose own P would be the permutation's.

    No permutation tests a product beside a main effect. With four fifths of the values at zero such a test at 5 % rejects in
    6 to 7 % (docs/plan.md).
    """
    choice = confirmatory(x, event)
    if choice.p_value != "permutation":
        return []
    return [f"{choice.reason}: no permutation tests a product, and this P is a little too small"]
