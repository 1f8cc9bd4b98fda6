"""A marker: what it is measured in, what is legal, where its limit lies, and how it enters a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.scales import SCALES

Kind = Literal["continuous", "count", "call", "binary", "categorical", "genotype", "derived"]
LodRule = Literal["none", "registry", "per_row", "user_confirmed"]

KINDS: tuple[str, ...] = get_args(Kind)
LOD_RULES: tuple[str, ...] = get_args(LodRule)


@dataclass(frozen=True, slots=True)
class Cut:
    """A published cut-off: `value` and above is "high" unless `side` says below; never found in the data at hand."""

    value: float
    citation: str
    label: str = ""
    side: Literal["at or above", "above", "below"] = "at or above"


@dataclass(frozen=True, slots=True)
class Gate:
    """A quality field with its limits; a row outside them leaves with `reason`, and the reason is counted.

    `only_if` restricts the gate to some calls: a `not_detected` at low input is weak, a `detected` stays.
    """

    column: str
    reason: str
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    only_if: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What must be known of a marker before any of its values is used.

    Parameters
    ----------
    name : str
        Identifier, used in tables and plans.
    label : str
        What a reader sees.
    kind : {"continuous", "count", "call", "binary", "categorical", "genotype", "derived"}
    table : str
        The table it arrives in: "tissue_reads", "blood", "genotypes" or "subjects" (a wide sheet may hold any).
    matrix : str
        Material: tissue, serum, plasma, blood, pbmc, germline.
    family : str
        Default family of tests.
    unit : str
        The one unit of the analysis; "" where there is none.
    convertible : mapping of str to float
        Other units with their factor to `unit`. A unit that is not listed is refused, never guessed.
    legal : (float, float)
        Lowest and highest possible value.
    low_open : bool
        The lower end itself is not possible (TK1 > 0).
    integer : bool
        Only whole numbers are legal.
    zero_is_real : bool
        A zero is a measurement. Where it is not, a zero is ambiguous until the file declares it.
    lod_rule : {"none", "registry", "per_row", "user_confirmed"}
        Where the limit of detection comes from.
    lod, uloq : float or None
        Limits of detection and of quantification from above, in `unit`.
    scale : str
        A key of `SCALES`.
    step : float
        The hazard ratio is reported per this many units of the model scale.
    cut : Cut or None
        The cut-off a plan may use without further declaration.
    cuts : tuple of Cut
        Published cut-offs, available on request only.
    window : (int, int)
        Days of a valid baseline, relative to time zero.
    gates : tuple of Gate
        Quality gates.
    one_of : tuple of str
        Columns within which values must agree before they enter one model (compartment, unit, parent gate, method).
    version_compat : tuple of tuple of str
        Assay or panel versions that may be pooled; an empty tuple means equal versions only.
    levels : tuple of str
        Legal values of a call, categorical or genotype marker, in order; the first is the reference.
    adverse : {"high", "low", "unknown"}
        For display only, never for one-sided tests.
    note : str
        What a reader must know.

    Examples
    --------
    >>> pd_l1 = Marker(name="pd_l1", label="PD-L1", kind="continuous", unit="%", legal=(0, 100), step=10)
    >>> pd_l1.effect, pd_l1.is_legal(140)
    ('per 10 points', False)
    >>> float(pd_l1.to_model_scale(35))
    3.5
    """

    name: str
    label: str
    kind: Kind
    table: str = "blood"
    matrix: str = ""
    family: str = "other"
    unit: str = ""
    convertible: Mapping[str, float] = field(default_factory=dict)
    legal: tuple[float, float] = (-np.inf, np.inf)
    low_open: bool = False
    integer: bool = False
    zero_is_real: bool = True
    lod_rule: LodRule = "none"
    lod: float | None = None
    uloq: float | None = None
    scale: str = "identity"
    step: float = 1.0
    cut: Cut | None = None
    cuts: tuple[Cut, ...] = ()
    window: tuple[int, int] = (-28, 0)
    gates: tuple[Gate, ...] = ()
    one_of: tuple[str, ...] = ()
    version_compat: tuple[tuple[str, ...], ...] = ()
    levels: tuple[str, ...] = ()
    adverse: Literal["high", "low", "unknown"] = "unknown"
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UseError(f"marker {self.name}: kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.scale not in SCALES:
            raise UseError(f"marker {self.name}: scale {self.scale!r} is not one of {', '.join(SCALES)}")
        if self.lod_rule not in LOD_RULES:
            raise UseError(f"marker {self.name}: lod_rule {self.lod_rule!r} is not one of {', '.join(LOD_RULES)}")
        if not self.step > 0:
            raise UseError(f"marker {self.name}: step must be positive, not {self.step!r}")
        if not self.legal[0] < self.legal[1]:
            raise UseError(f"marker {self.name}: legal range {self.legal} is empty")
        if not self.label:
            raise UseError(f"marker {self.name}: it needs a label")

    @property
    def quantitative(self) -> bool:
        """Whether values are numbers on a scale (not calls, levels or genotypes)."""
        return self.kind in ("continuous", "count", "derived")

    @property
    def effect(self) -> str:
        """The words for one step of the model scale: "per 10 points", "per doubling"."""
        if self.kind == "genotype":
            return f"per {self.unit}" if self.unit else "per allele"
        if not self.quantitative:
            return ""
        if SCALES[self.scale].doubling:
            return "per doubling" if self.step == 1 else f"per {2.0**self.step:g}-fold"
        if self.scale == "logit":
            return "per doubling of the odds" if self.step == 1 else f"per {2.0**self.step:g}-fold odds"
        points = "points" if self.unit.startswith("%") or self.unit == "H" else self.unit
        return f"per {self.step:g} {points}".rstrip()

    def is_legal(self, value: float) -> bool:
        """Whether a number lies in the legal range (and is whole where it must be)."""
        low, high = self.legal
        above = value > low if self.low_open else value >= low
        return bool(above and value <= high and (not self.integer or float(value).is_integer()))

    @property
    def range_text(self) -> str:
        """The legal range in words, for messages: "0 to 100%"."""
        low, high = self.legal
        left = "above " if self.low_open else ""
        right = f" to {high:g}" if np.isfinite(high) else "" if self.low_open else " or more"
        whole = "whole numbers, " if self.integer else ""
        unit = f"{self.unit}s" if self.kind == "genotype" and self.unit else self.unit
        return f"{whole}{left}{low:g}{right}{'' if unit.startswith('%') else ' '}{unit}".rstrip()

    def to_model_scale(self, values: ArrayLike, c: ArrayLike = 0.0) -> NDArray[np.float64]:
        """Raw values, in `unit`, to steps of the model scale; a coefficient is then the log hazard ratio per step."""
        return SCALES[self.scale].to_model(values, c) / self.step

    def to_raw_scale(self, values: ArrayLike, c: ArrayLike = 0.0) -> NDArray[np.float64]:
        """Back to `unit`."""
        return SCALES[self.scale].to_raw(np.asarray(values, float) * self.step, c)

    def override(self, changes: Mapping[str, Any]) -> Marker:
        """This marker with some fields replaced, as a study.toml does for its assay."""
        known = {f.name for f in fields(self)} - {"name"}
        unknown = [key for key in changes if key not in known]
        if unknown:
            raise UseError(f"marker {self.name}: {_unknown_key(unknown[0], sorted(known))}")
        return replace(self, **{key: _typed(key, value, self.name) for key, value in changes.items()})

    def __str__(self) -> str:
        effect = self.effect or "levels " + ", ".join(self.levels)
        return f"{self.label} [{self.name}], {self.range_text}; {self.scale}, {effect}"


def define(name: str, given: Mapping[str, Any]) -> Marker:
    """A marker in full, as a study.toml gives it where the registry has none.

    Raises
    ------
    UseError
        A field is unknown or misspelt, or `label` or `kind` is missing.
    """
    missing = [key for key in ("label", "kind") if key not in given]
    if missing:
        raise UseError(
            f"marker {name} is not in the registry; to define it in full, give {' and '.join(missing)} "
            f"(kinds: {', '.join(KINDS)})"
        )
    return Marker(name=name, label=str(given["label"]), kind=given["kind"]).override(
        {key: value for key, value in given.items() if key not in ("label", "kind")}
    )


def _typed(key: str, value: Any, name: str) -> Any:
    """TOML's lists and tables as the types of the fields."""
    if key in ("legal", "window"):
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise UseError(f"marker {name}: {key} must be two numbers [low, high], not {value!r}")
        return tuple(value)
    if key == "cut" and value is not None and not isinstance(value, Cut):
        if not isinstance(value, Mapping) or not {"value", "citation"} <= set(value):
            raise UseError(f'marker {name}: a cut needs its value and its citation: {{ value = 5, citation = "..." }}')
        return Cut(**value)
    if key == "convertible":
        return {str(k): float(v) for k, v in value.items()}
    if key == "gates":
        return tuple(g if isinstance(g, Gate) else Gate(**g) for g in value)
    if key == "version_compat":
        return tuple(tuple(group) for group in value)
    if key in ("levels", "one_of", "cuts"):
        return tuple(value)
    return value


def _unknown_key(key: str, known: list[str]) -> str:
    return f"unknown field {key!r}; {did_you_mean(key, known)}"
